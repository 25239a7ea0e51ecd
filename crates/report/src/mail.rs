//! Mail: a letter to each person.

use crate::letter::Relay;
use crate::story::Story;
use crate::{Reply, Shelf, Target, Unsent, chain, page, people, when, words};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use model::{AddLogs, Functions, LogFacts, LogId, MailSpec, MailTls, Message, NewMessage, ReporterSpec, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};

/// How long the other side may take to say something.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a letter may take in all.
const WHOLE: Duration = Duration::from_secs(300);

/// More logs than this do not come along.
const MOST_LOGS: usize = 50;

/// All of a letter that does not depend on how it is sent: what the outbox keeps of it.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    to: String,
    subject: String,
    text: String,
    html: String,
    message_id: String,
    /// What it belongs to, so that programs show the letters of one problem together.
    references: String,
    /// When it was written.
    at: Time,
    /// Logs that come along: each with the name of its file.
    logs: Vec<(LogId, String)>,
}

struct Mail {
    reporter: ReporterSpec,
    spec: MailSpec,
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// A target that writes letters.
pub(crate) fn target(reporter: &ReporterSpec, spec: &MailSpec) -> Result<Box<dyn Target>, String> {
    let from = people::mailbox(&spec.from_addr).ok_or_else(|| format!("{} is no address", spec.from_addr))?;
    let relay = Relay {
        host: spec.relayhost.clone(),
        port: spec.port,
        tls: spec.tls,
        login: spec.login.as_ref().map(|(user, password)| (user.clone(), password.reveal().to_owned())),
    };
    let (reporter, spec, transport) = (reporter.clone(), spec.clone(), transport(&relay, &from)?);
    Ok(Box::new(Mail { reporter, spec, from, transport }))
}

/// The line to a machine that takes letters.
pub(crate) fn transport(relay: &Relay, from: &Mailbox) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let tls = || TlsParameters::new_rustls(relay.host.clone()).map_err(|e| chain(&e));
    let tls = match relay.tls {
        MailTls::Nothing => Tls::None,
        MailTls::StartTls => Tls::Required(tls()?),
        MailTls::Tls => Tls::Wrapper(tls()?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay.host.as_str())
        .port(relay.port)
        .tls(tls)
        .timeout(Some(SILENCE))
        .hello_name(ClientId::Domain(from.email.domain().to_owned()));
    if let Some((user, password)) = &relay.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

impl Target for Mail {
    fn write(&self, story: &Story, functions: &dyn Functions) -> Vec<NewMessage> {
        let Some(about) = when::wants(&self.reporter.occasions, story) else { return Vec::new() };
        let authors = story.changes.iter().map(|c| c.facts.author.as_str());
        let people = people::all(&self.spec, authors, story.results, functions);
        let title = words::subject(story, self.spec.subject.as_deref());
        let letter = |to: &Mailbox| Letter {
            to: to.to_string(),
            subject: title.clone(),
            text: words::plain(story),
            html: page::page(story),
            message_id: self.id(&[&story.project.public_url, &about, &story.build.started_at.0.to_string()]),
            references: self.thread(story),
            at: story.ended_at,
            logs: self.logs(story),
        };
        let messages = people.into_iter().map(|person| {
            let (about, title) = (about.clone(), title.clone());
            match person {
                Ok(to) => {
                    let payload = serde_json::to_string(&letter(&to)).map_err(|e| e.to_string());
                    NewMessage { about, person: to.email.to_string(), title, payload }
                }
                Err((person, why)) => NewMessage { about, person, title, payload: Err(why) },
            }
        });
        messages.collect()
    }

    fn send<'a>(&'a self, message: &'a Message, shelf: &'a dyn Shelf) -> Reply<'a, Result<(), Unsent>> {
        Box::pin(async move {
            let payload = message.payload.as_deref().unwrap_or_default();
            let letter: Letter = serde_json::from_str(payload).map_err(|_| refused("it cannot be read any more"))?;
            let mut logs = Vec::new();
            for (log, name) in &letter.logs {
                let bytes = shelf.end_of(message.build, *log, self.spec.log_limit).await;
                logs.push((name.clone(), bytes.unwrap_or_else(|| b"The log is gone.\n".to_vec())));
            }
            let letter = self.letter(letter, logs).map_err(|e| refused(&e))?;
            let is_plain = letter.envelope().to().iter().all(|to| to.to_string().is_ascii());
            match tokio::time::timeout(WHOLE, self.transport.send(letter)).await {
                Ok(Ok(_)) => Ok(()),
                // The relay cannot have such an address at all (RFC 6531), and those behind it are not to wait for it.
                Ok(Err(e)) if e.is_client() && !is_plain => Err(Unsent::Refused(chain(&e))),
                Ok(Err(e)) => Err(unsent(e.status().map(u16::from), chain(&e))),
                Err(_) => Err(Unsent::Away(format!("it takes longer than {} s", WHOLE.as_secs()))),
            }
        })
    }
}

fn refused(why: &str) -> Unsent {
    Unsent::Refused(why.to_owned())
}

impl Mail {
    /// An id that is the same whenever the same is written again: that is how a letter that came twice is known.
    fn id(&self, parts: &[&str]) -> String {
        let mut sum = Sha256::new();
        for part in [self.reporter.name.as_str()].iter().chain(parts) {
            sum.update(part.len().to_be_bytes());
            sum.update(part);
        }
        let id: String = sum.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
        format!("<{id}@{}>", self.from.email.domain())
    }

    /// The problem that a letter belongs to, or the build where there is none.
    fn thread(&self, story: &Story) -> String {
        let first = story.history.bad_since.map_or(story.build.id, |bad| bad.build);
        self.id(&[&story.project.public_url, "thread", &first.to_string()])
    }

    fn logs(&self, story: &Story) -> Vec<(LogId, String)> {
        let step = |log: &LogFacts| story.steps.iter().find(|s| s.id == log.step).map_or("", |s| s.name.as_str());
        let named = story.logs.iter().map(|log| (log.id, format!("{}.{}", step(log), log.name), log.name.as_str()));
        let wanted = named.filter(|(_, whole, name)| match &self.spec.add_logs {
            AddLogs::Nothing => false,
            AddLogs::All => true,
            AddLogs::Named(names) => names.iter().any(|wanted| wanted == whole || wanted == name),
        });
        wanted.take(MOST_LOGS).map(|(id, whole, _)| (id, file_name(&whole))).collect()
    }

    fn letter(&self, letter: Letter, logs: Vec<(String, Vec<u8>)>) -> Result<lettre::Message, String> {
        let to = people::mailbox(&letter.to).ok_or_else(|| format!("{} is no address", letter.to))?;
        let raw = |name: &'static str, value: &str| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), words::line(value, 200))
        };
        let microseconds = Duration::from_micros(u64::try_from(letter.at.0).unwrap_or_default());
        let builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(words::line(&letter.subject, 200))
            .date(SystemTime::UNIX_EPOCH + microseconds)
            .message_id(Some(words::line(&letter.message_id, 200)))
            .raw_header(raw("References", &letter.references))
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        let both = MultiPart::alternative_plain_html(letter.text, letter.html);
        if logs.is_empty() {
            return builder.multipart(both).map_err(|e| chain(&e));
        }
        let mut parts = MultiPart::mixed().multipart(both);
        for (name, bytes) in logs {
            parts = parts.singlepart(attached(name, &bytes));
        }
        builder.multipart(parts).map_err(|e| chain(&e))
    }
}

/// A log as a file. Bytes that are no text are replaced, since lines of mail are text.
fn attached(name: String, bytes: &[u8]) -> SinglePart {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Attachment::new(name).body(text, ContentType::TEXT_PLAIN)
}

/// A name that is one of a file everywhere.
fn file_name(name: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut name: String = name.chars().map(|c| if harmless(c) { c } else { '_' }).take(100).collect();
    name.push_str(".txt");
    name
}

/// What becomes of a letter that was not sent. Codes: RFC 5321 section 4.2.3, RFC 4954 section 6.
pub(crate) fn unsent(code: Option<u16>, what: String) -> Unsent {
    match code {
        // 500 to 504 may be about one address that the relay cannot read, or about all of it.
        Some(450..=452 | 455 | 500..=504) => Unsent::Later(what),
        Some(550..=556) => Unsent::Refused(what),
        _ => Unsent::Away(what),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::story::tests::story;
    use model::{NoFunctions, Occasions, ReportMode, ReporterKind, Results, Span};

    /// Letters to `dev@example.org` over an open line.
    pub(crate) fn spec() -> MailSpec {
        MailSpec {
            from_addr: "Sluice <ci@example.org>".to_owned(),
            extra_recipients: vec!["dev@example.org".to_owned()],
            send_to_interested_users: false,
            lookup: None,
            subject: None,
            add_logs: AddLogs::Nothing,
            log_limit: 1000,
            relayhost: "localhost".to_owned(),
            port: 25,
            login: None,
            tls: MailTls::Nothing,
        }
    }

    fn written(spec: MailSpec, story: &Story) -> Vec<NewMessage> {
        let occasions = Occasions { modes: ReportMode::ALL.map(|(_, m)| m).into(), ..Occasions::default() };
        let kind = ReporterKind::Mail(spec);
        let name = "mail".to_owned();
        let reporter = ReporterSpec { name, occasions, kind, give_up_after: Span::seconds(60), defined_at: None };
        crate::target(&reporter).unwrap().write(story, &NoFunctions)
    }

    fn text(message: &NewMessage) -> String {
        serde_json::from_str::<Letter>(message.payload.as_ref().unwrap()).unwrap().text
    }

    #[test]
    fn a_failure_reads_so() {
        let messages = written(
            MailSpec { send_to_interested_users: true, ..spec() },
            &story(Results::Failure, &[Results::Success]),
        );
        let people: Vec<_> = messages.iter().map(|m| m.person.as_str()).collect();
        assert_eq!(people, ["dev@example.org", "ada@example.org", "bob"]);
        insta::assert_snapshot!(messages[0].title, @r#"zlib: linux failed in test (build 17)"#);
        insta::assert_snapshot!(text(&messages[0]), @r#"
        linux failed in test.
        2 tests, 1 failed

        Build 17 took 4.0 s. Build 16 passed, 2026-11-21 08:41 UTC.
        http://ci.example.org/builders/linux/17

        Changes:
          90c677be65cd  Ada Lovelace: Turn the window
              inflate.c, test.c
          90c677be65cd  bob: Tidy up
              inflate.c, test.c

        Tests in test: 2 tests, 1 failed
          ✗ inflate_window
              expected 32768, got 0

        The end of test:
          test.c:212: inflate_window: expected 32768, got 0
          make: *** [test] Error 1
        http://ci.example.org/builders/linux/17/steps/test/logs/stdio

        Branch     develop
        Revision   90c677be65cd
        Worker     here
        Reason     changes of quick

        -- 
        zlib, https://zlib.net
        Sluice, http://ci.example.org/
        "#);
        insta::assert_snapshot!(messages[2].payload.as_ref().unwrap_err(), @r#"nobody knows the address of bob; lookup of the reporter says how to find it"#);
    }

    #[test]
    fn other_results_read_so() {
        use Results::{Cancelled, Exception, Failure, Success, Warnings};
        let cases: [(Results, &[Results]); 6] = [
            (Failure, &[Failure, Failure, Success]),
            (Success, &[Failure, Success]),
            (Success, &[]),
            (Warnings, &[Success]),
            (Exception, &[Success]),
            (Cancelled, &[Success]),
        ];
        let mut all = String::new();
        for (results, before) in cases {
            let messages = written(spec(), &story(results, before));
            let text = text(&messages[0]);
            let first: Vec<_> = text.lines().take(4).collect();
            all.push_str(&format!("{}\n  {}\n", messages[0].title, first.join("\n  ")));
        }
        insta::assert_snapshot!(all, @r#"
        zlib: linux still fails in test (build 17)
          linux still fails in test.
          2 tests, 1 failed
          
          Build 17 took 4.0 s. It fails since build 15, 2026-11-21 07:41 UTC. The last that passed is build 14.
        zlib: linux passes again (build 17)
          linux passes again.
          
          Build 17 took 4.0 s, usually 3.0 s. It failed since build 16, 2026-11-21 08:41 UTC.
          http://ci.example.org/builders/linux/17
        zlib: linux passed (build 17)
          linux passed.
          
          Build 17 took 4.0 s, usually 3.0 s.
          http://ci.example.org/builders/linux/17
        zlib: linux passed with warnings (build 17)
          linux passed with warnings.
          
          Build 17 took 4.0 s, usually 3.0 s.
          http://ci.example.org/builders/linux/17
        zlib: linux ended as an exception in test (build 17)
          linux ended as an exception in test.
          2 tests, 1 failed
          
          Build 17 took 4.0 s. The machine or Sluice is at fault, not a change: nobody else was told.
        zlib: linux was cancelled (build 17)
          linux was cancelled.
          2 tests, 1 failed
          
          Build 17 took 4.0 s.
        "#);
    }

    #[test]
    fn codes_decide_who_waits() {
        let cases = [
            (None, "away"),
            (Some(421), "away"),
            (Some(450), "later"),
            (Some(454), "away"),
            (Some(501), "later"),
            (Some(535), "away"),
            (Some(550), "refused"),
            (Some(553), "refused"),
        ];
        for (code, expected) in cases {
            let judged = match unsent(code, String::new()) {
                Unsent::Away(_) => "away",
                Unsent::Later(_) => "later",
                Unsent::Refused(_) => "refused",
            };
            assert_eq!(judged, expected, "{code:?}");
        }
    }

    #[test]
    fn an_exception_names_nobody() {
        let letter = text(&written(spec(), &story(Results::Exception, &[]))[0]);
        assert!(!letter.contains("Ada") && !letter.contains("Changes"), "{letter}");
    }

    #[test]
    fn letters_have_the_same_id_whenever_they_are_written() {
        let id = |story: &Story| {
            let message = written(spec(), story).remove(0);
            serde_json::from_str::<Letter>(&message.payload.unwrap()).unwrap().message_id
        };
        let one = story(Results::Failure, &[Results::Success]);
        let mut other = story(Results::Failure, &[Results::Success]);
        other.build.started_at = Time(other.build.started_at.0 + 1);
        assert_eq!(id(&one), id(&one));
        assert_ne!(id(&one), id(&other), "another master's build of the same number");
        assert!(id(&one).ends_with("@example.org>"));
    }

    #[test]
    fn subjects_are_one_line_whatever_stands_in_them() {
        let mut story = story(Results::Failure, &[]);
        story.builder.name = "li\r\nBcc: all@example.org\r\nnux \u{202e}🎉".to_owned();
        story.project.title = "{builder}".to_owned();
        let template = "{project} {result} {builder} #{number} {nothing} { {branch}".to_owned();
        let message = written(MailSpec { subject: Some(template), ..spec() }, &story).remove(0);
        assert_eq!(message.title, "{builder} failed li  Bcc: all@example.org  nux  🎉 #17 {nothing} { develop");
    }

    #[test]
    fn a_letter_of_a_huge_build_stays_small() {
        let mut story = story(Results::Failure, &[]);
        let mut change = story.changes[0].clone();
        story.changes = vec![change.clone(); 5_000];
        change.facts.comments = "word ".repeat(200_000);
        change.facts.author = "\"Mallory\" <".repeat(100_000);
        change.facts.files = vec!["x".repeat(500); 5_000];
        story.changes[0] = change;
        story.reason = "why ".repeat(300_000);
        story.build.state = "what\n".repeat(300_000);
        let messages = written(MailSpec { send_to_interested_users: true, ..spec() }, &story);
        assert_eq!(messages.len(), 3);
        assert!(messages[0].payload.as_ref().unwrap().len() < 100_000);
        assert!(messages[1].person.len() < 1_000);
    }
}
