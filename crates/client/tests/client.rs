//! The client against a small server on a real port: documents, acts, logs, events and every kind of refusal.

#![expect(clippy::unwrap_used, reason = "the server that the tests speak to ends with them")]

use api::{AddChange, Answer, ForceParams, Reply, RpcError};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use client::{Client, ClientError, Filter, Heard};
use futures_util::{StreamExt as _, stream};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a test server was asked, in order.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
    fn last(&self) -> String {
        self.0.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

/// Serves until the test ends; the answer is its address.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn build() -> api::Build {
    api::Build {
        buildid: 9,
        number: 7,
        builderid: 1,
        buildrequestid: 4,
        workerid: 2,
        masterid: 1,
        started_at: 1_700_000_000,
        complete: true,
        complete_at: Some(1_700_000_041),
        locks_duration_s: 0,
        results: Some(model::Results::Failure),
        state_string: "failed test".to_owned(),
        properties: api::Properties::from([("jobs".to_owned(), (model::Value::Int(4), "linux".to_owned()))]),
    }
}

fn json(value: impl serde::Serialize) -> Response {
    ([("content-type", "application/json")], serde_json::to_string(&value).unwrap()).into_response()
}

/// Answers questions about one build, and acts if the token is right.
async fn master(State(asked): State<Asked>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    if body.is_empty() {
        asked.note(path.clone());
        return match uri.path() {
            "/api/v2/builds" => json(Answer { rows: vec![build()], total: Some(12) }),
            "/api/v2/builds/9" => json(Answer { rows: vec![build()], total: None }),
            "/api/v2/builds/html" => axum::response::Html("<html>hello</html>").into_response(),
            "/api/v2/builds/lost" => (StatusCode::NOT_FOUND, axum::response::Html("<html>no</html>")).into_response(),
            "/api/v2/builds/gateway" => (StatusCode::BAD_GATEWAY, "no upstream").into_response(),
            "/api/v2/builds/odd" => json("a word"),
            "/api/v2/logs/6/contents" => {
                let chunk =
                    api::LogChunk { logid: 6, firstline: 3, content: "omake\n".to_owned(), next_offset: Some(4) };
                json(Answer { rows: vec![chunk], total: None })
            }
            "/api/v2/logs/6/raw" => {
                let pieces = ["one\n", "two\n"].map(|p| Ok::<_, Infallible>(Bytes::from(p)));
                Body::from_stream(stream::iter(pieces)).into_response()
            }
            _ => (StatusCode::NOT_FOUND, json(api::Problem::new("there is no build 77"))).into_response(),
        };
    }
    if headers.get("authorization").and_then(|v| v.to_str().ok()) != Some("Bearer right") {
        let error = RpcError::new(RpcError::INVALID_REQUEST, "this act needs a token");
        return (StatusCode::UNAUTHORIZED, json(Reply::error(serde_json::Value::Null, error))).into_response();
    }
    let call = api::rpc::parse(&body).unwrap();
    asked.note(format!("{path} {} {}", call.method, serde_json::Value::Object(call.params.clone())));
    match call.method.as_str() {
        "force" if call.params.contains_key("branch") => {
            let error = RpcError::fields(&[("branch".to_owned(), "there is no such branch".to_owned())]);
            (StatusCode::BAD_REQUEST, json(Reply::error(call.id, error))).into_response()
        }
        "force" | "rebuild" => json(Reply::result(call.id, serde_json::json!([3, { "1": 4 }]))),
        "add" => json(Reply::result(call.id, 8)),
        "reload" => json(Reply::result(call.id, vec!["builder linux: new"])),
        _ => json(Reply::result(call.id, serde_json::Value::Null)),
    }
}

async fn at_master(token: Option<&str>) -> (Client, Asked) {
    let asked = Asked::default();
    let url = serve(Router::new().fallback(any(master)).with_state(asked.clone())).await;
    (Client::new(&format!("{url}/"), token.map(str::to_owned)).unwrap(), asked)
}

#[tokio::test]
async fn documents_are_read() {
    let (client, asked) = at_master(None).await;
    let filter = Filter::all().with("state_string__contains", "a&b c").newest("buildid", 5);
    let answer = client.builds(&filter).await.unwrap();
    assert_eq!((answer.rows, answer.total), (vec![build()], Some(12)));
    assert_eq!(asked.last(), "/api/v2/builds?state_string__contains=a%26b%20c&order=-buildid&limit=5");
    assert_eq!(client.build(9).await.unwrap(), build());
    let missing = client.builder("a/b ?").await.unwrap_err();
    assert_eq!(asked.last(), "/api/v2/builders/a%2Fb%20%3F");
    assert_eq!(missing, ClientError::NotFound { what: "there is no build 77".to_owned() });
}

#[tokio::test]
async fn acts_are_done() {
    let (client, asked) = at_master(Some("right")).await;
    let params =
        ForceParams { builder_names: vec!["linux".to_owned()], reason: "x".to_owned(), ..ForceParams::default() };
    let forced = client.force(Some("my force"), &params).await.unwrap();
    assert_eq!((forced.0, forced.1.get(&1)), (3, Some(&4)));
    assert_eq!(asked.last(), r#"/api/v2/forceschedulers/my%20force force {"builderNames":["linux"],"reason":"x"}"#);
    let wrong = client.force(None, &ForceParams { branch: Some("b".to_owned()), ..params }).await.unwrap_err();
    assert_eq!(wrong.to_string(), "branch: there is no such branch");
    client.stop(9, "enough").await.unwrap();
    assert_eq!(asked.last(), r#"/api/v2/builds/9 stop {"reason":"enough"}"#);
    assert_eq!(client.rebuild(9, "again").await.unwrap().0, 3);
    client.cancel(4, "x").await.unwrap();
    client.pause("mac-mini", "disk").await.unwrap();
    client.unpause("mac-mini").await.unwrap();
    assert_eq!(asked.last(), "/api/v2/workers/mac-mini unpause {}");
    let change = AddChange { author: "ann".to_owned(), ..AddChange::default() };
    assert_eq!(client.add_change(&change).await.unwrap(), Some(8));
    assert_eq!(client.reload().await.unwrap(), ["builder linux: new"]);
}

#[tokio::test]
async fn logs_are_read_by_line_and_as_bytes() {
    let (client, asked) = at_master(None).await;
    let chunk = client.log_lines(6, 3, 100).await.unwrap().unwrap();
    assert_eq!((chunk.content.as_str(), chunk.next_offset), ("omake\n", Some(4)));
    assert_eq!(asked.last(), "/api/v2/logs/6/contents?offset=3&limit=100");
    let mut bytes = Vec::new();
    let mut raw = client.raw_log(6, 0).await.unwrap();
    while let Some(piece) = raw.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, b"one\ntwo\n");
}

#[tokio::test]
async fn refusals_are_clear() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Client::new(&format!("http://{free}"), None).unwrap();
    let away = nobody.build(9).await.unwrap_err();
    assert_eq!(away.to_string(), format!("no Sluice answers at http://{free}: connection refused"));
    assert!(away.is_connection());

    let (client, _) = at_master(Some("wrong")).await;
    let denied = client.stop(9, "x").await.unwrap_err();
    assert_eq!(denied.to_string(), format!("{} does not allow it: this act needs a token", client.url()));

    let strange = client.one::<api::Build>("builds/html").await.unwrap_err();
    let url = client.url();
    assert_eq!(strange.to_string(), format!("what answers at {url} is no Sluice: HTTP 200 OK, text/html"));
    let lost = client.one::<api::Build>("builds/lost").await.unwrap_err();
    assert!(matches!(&lost, ClientError::Foreign { what, .. } if what == "HTTP 404 Not Found, text/html"), "{lost}");
    let odd = client.one::<api::Build>("builds/odd").await.unwrap_err();
    assert!(matches!(odd, ClientError::Strange { .. }), "{odd}");
    let gateway = client.one::<api::Build>("builds/gateway").await.unwrap_err();
    let away = format!("no Sluice answers at {url}: HTTP 502 Bad Gateway, text/plain: no upstream");
    assert_eq!((gateway.to_string(), gateway.is_connection()), (away, true));

    for address in ["", "127.0.0.1:8010", "ftp://x/", "http://", "file:///etc/passwd"] {
        assert_eq!(Client::new(address, None).unwrap_err(), ClientError::Address(address.to_owned()));
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_kept() {
    async fn endless() -> Response {
        let piece = Bytes::from(vec![b' '; 1024 * 1024]);
        let body = Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(piece.clone())));
        ([("content-type", "application/json")], body).into_response()
    }
    let url = serve(Router::new().fallback(get(endless))).await;
    let error = Client::new(&url, None).unwrap().live().await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong { .. }), "{error}");
}

/// A stream of events in awkward pieces; each connection is another one.
async fn events(State(count): State<Arc<AtomicUsize>>, uri: Uri, RawQuery(query): RawQuery) -> Response {
    assert_eq!((uri.path(), query), ("/sse/listen/builds/*/*", None));
    let n = count.fetch_add(1, Ordering::SeqCst);
    let text = format!(
        "event: handshake\r\ndata: id\r\n\r\n: nothing\n\nevent: event\ndata: {{\"key\":[\"builds\",\"{n}\",\"new\"],\ndata: \"message\":{{\"buildid\":{n}}}}}\n\nevent: other\ndata: x\n\nevent: event\ndata: garbage\n\nevent: reload\ndata: 5\n\n"
    );
    let pieces: Vec<_> = text.as_bytes().chunks(7).map(|p| Ok::<_, Infallible>(Bytes::copy_from_slice(p))).collect();
    ([("content-type", "text/event-stream")], Body::from_stream(stream::iter(pieces))).into_response()
}

#[tokio::test]
async fn events_are_heard_and_the_stream_comes_back() {
    let router = Router::new().fallback(get(events)).with_state(Arc::new(AtomicUsize::new(0)));
    let client = Client::new(&serve(router).await, None).unwrap();
    let mut listener = client.listen("/builds/*/*");
    let mut heard = Vec::new();
    for _ in 0..6 {
        heard.push(tokio::time::timeout(Duration::from_secs(20), listener.next()).await.unwrap().unwrap());
    }
    let event = |n: i64| Heard::Event { key: format!("builds/{n}/new"), message: serde_json::json!({ "buildid": n }) };
    assert_eq!(heard, [Heard::Open, event(0), Heard::Open, Heard::Open, event(1), Heard::Open]);
}

#[tokio::test]
async fn a_listener_needs_a_master_to_begin_with() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{free}"), None).unwrap();
    assert!(client.listen("builds/*/*").next().await.unwrap_err().is_connection());
    let (client, _) = at_master(None).await;
    assert!(matches!(client.listen("builds/*/*").next().await, Err(ClientError::NotFound { .. })));
}
