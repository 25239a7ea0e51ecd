//! The web: a document to an address for each build, signed.

use crate::story::Story;
use crate::{Reply, Shelf, Target, Unsent, chain, when, words};
use hmac::{Hmac, KeyInit, Mac};
use model::{Functions, HttpReportSpec, Message, NewMessage, ReporterSpec};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, redirect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long the whole of a delivery may take.
const WHOLE: Duration = Duration::from_secs(60);

/// More changes and files of a change than this are left out.
const MOST: usize = 200;

/// More characters of a change's message than this are left out.
const LONGEST: usize = 10_000;

struct Http {
    reporter: ReporterSpec,
    spec: HttpReportSpec,
    headers: HeaderMap,
    client: reqwest::Client,
}

/// A target that posts documents.
pub(crate) fn target(reporter: &ReporterSpec, spec: &HttpReportSpec) -> Result<Box<dyn Target>, String> {
    // Twice is once: whoever was first has installed the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    for (name, value) in &spec.headers {
        let named = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name} is no name of a header"))?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| format!("the header {name} has no value"))?;
        value.set_sensitive(true);
        headers.insert(named, value);
    }
    let client = reqwest::Client::builder()
        .timeout(WHOLE)
        .connect_timeout(Duration::from_secs(10))
        .redirect(redirect::Policy::none())
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| chain(&e))?;
    Ok(Box::new(Http { reporter: reporter.clone(), spec: spec.clone(), headers, client }))
}

impl Target for Http {
    fn write(&self, story: &Story, _: &dyn Functions) -> Vec<NewMessage> {
        let Some(about) = when::wants(&self.reporter.occasions, story) else { return Vec::new() };
        let payload = Ok(document(story).to_string());
        vec![NewMessage { about, person: String::new(), title: words::subject(story, None), payload }]
    }

    fn send<'a>(&'a self, message: &'a Message, _: &'a dyn Shelf) -> Reply<'a, Result<(), Unsent>> {
        Box::pin(async move {
            let body = message.payload.clone().unwrap_or_default();
            let mut request = self
                .client
                .post(&self.spec.url)
                .headers(self.headers.clone())
                .header("content-type", "application/json")
                .header("x-sluice-event", "build")
                .header("x-sluice-delivery", delivery(message));
            if let Some(secret) = &self.spec.secret {
                request = request.header("x-sluice-signature", signature(secret.reveal(), &body));
            }
            let answer = request.body(body).send().await.map_err(|e| Unsent::Away(chain(&e.without_url())))?;
            judge(answer.status())
        })
    }
}

/// What becomes of a document, by the answer to it.
fn judge(status: StatusCode) -> Result<(), Unsent> {
    let said = format!("the answer is {status}");
    match status.as_u16() {
        200..=299 => Ok(()),
        // It was understood, and this one document is not wanted.
        400 | 405 | 406 | 409..=411 | 413..=417 | 422 => Err(Unsent::Refused(said)),
        // Redirects are not followed: what is signed for one address is for no other.
        _ => Err(Unsent::Away(said)),
    }
}

/// The same for the same message, however often it comes.
fn delivery(message: &Message) -> String {
    let key = format!("{}\n{}\n{}\n{}", message.target, message.about, message.build, message.created_at.0);
    hex(&Sha256::digest(key)[..16])
}

/// `sha256=…`, as GitHub has it: the HMAC of the body, hexadecimal.
fn signature(secret: &str, body: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(body.as_bytes());
            format!("sha256={}", hex(&mac.finalize().into_bytes()))
        }
        Err(_) => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The build in the shape of the REST interface, with what belongs to it and its address.
fn document(story: &Story) -> Value {
    let build = api::Build { properties: api::property::all(&story.build.properties), ..api::Build::of(&story.build) };
    let mut document = json!(build);
    let changes = story.changes.iter().take(MOST).map(|change| {
        let mut shown = api::Change::of(change);
        shown.files.truncate(MOST);
        shown.comments = shown.comments.chars().take(LONGEST).collect();
        shown
    });
    let steps = story.steps.iter().map(api::Step::of);
    let before = story.history.before.map(|b| json!({ "number": b.number, "results": b.results }));
    document["builder"] = json!(api::Builder::of(&story.builder));
    document["changes"] = json!(changes.collect::<Vec<_>>());
    document["steps"] = json!(steps.collect::<Vec<_>>());
    document["previous"] = json!(before);
    document["url"] = json!(story.url());
    document["project"] = json!(story.project.title);
    document["reason"] = json!(words::line(&story.reason, 200));
    document["sentence"] = json!(words::sentence(story));
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::story;
    use model::Results;

    #[test]
    fn the_signature_is_that_of_the_world() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn answers_decide() {
        let cases = [
            (200, "sent"),
            (204, "sent"),
            (302, "away"),
            (400, "refused"),
            (401, "away"),
            (404, "away"),
            (408, "away"),
            (413, "refused"),
            (422, "refused"),
            (429, "away"),
            (500, "away"),
            (503, "away"),
        ];
        for (status, expected) in cases {
            let judged = match judge(StatusCode::from_u16(status).unwrap()) {
                Ok(()) => "sent",
                Err(Unsent::Away(_)) => "away",
                Err(Unsent::Later(_)) => "later",
                Err(Unsent::Refused(_)) => "refused",
            };
            assert_eq!(judged, expected, "{status}");
        }
    }

    #[test]
    fn the_document_has_the_shapes_of_rest() {
        let document = document(&story(Results::Failure, &[Results::Success]));
        let shown = ["number", "results", "state_string", "previous", "sentence", "url", "project"];
        let shown: serde_json::Map<_, _> =
            shown.map(|name| (name.to_owned(), document[name].clone())).into_iter().collect();
        insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
        {
          "number": 17,
          "previous": {
            "number": 16,
            "results": 0
          },
          "project": "zlib",
          "results": 2,
          "sentence": "linux failed in test",
          "state_string": "failed test",
          "url": "http://ci.example.org/builders/linux/17"
        }
        "#);
        assert_eq!(document["builder"]["name"], "linux");
        assert_eq!(document["changes"][0]["author"], "Ada Lovelace <ada@example.org>");
        assert_eq!(document["steps"][1]["name"], "test");
        assert_eq!(document["properties"]["branch"], json!(["develop", "test"]));
    }
}
