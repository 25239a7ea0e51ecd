//! A letter that tells of no build: plain text to one person, over the same line as those of [`crate::target`].

use crate::{Unsent, chain, mail, people, words};
use lettre::AsyncTransport;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use model::{MailTls, Time};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// The longest text of a letter, in bytes; the rest is left out.
const LONGEST: usize = 200_000;

/// A letter, whole: it can be kept on a disk and posted later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Who it comes from: an address, or one with a name before it and angle brackets around it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// Its subject. Control characters in it become spaces, so that it is one line whatever stands in it.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// What makes it this letter: the same for each try to post it.
    pub id: String,
    /// When it was written.
    pub at: Time,
}

/// A machine that takes letters, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the line to it is protected.
    pub tls: MailTls,
    /// Who one is there: name and password.
    pub login: Option<(String, String)>,
}

/// Whether letters can come from, or go to, such an address.
pub fn is_address(text: &str) -> bool {
    people::mailbox(text).is_some()
}

/// Hands a letter to a machine that takes it, within `patience`.
///
/// # Errors
/// See [`Unsent`].
pub async fn post(letter: &Letter, relay: &Relay, patience: Duration) -> Result<(), Unsent> {
    let refused = |why: String| Unsent::Refused(why);
    let address = |text: &str| people::mailbox(text).ok_or_else(|| refused(format!("{text} is no address")));
    let (from, to) = (address(&letter.from)?, address(&letter.to)?);
    let transport = mail::transport(relay, &from).map_err(refused)?;
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let at = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(letter.at.0).unwrap_or_default());
    let id: String = letter.id.chars().filter(char::is_ascii_alphanumeric).take(100).collect();
    let message = lettre::Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .from(from)
        .to(to)
        .subject(words::line(&letter.subject, 200))
        .date(at)
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(plain(&letter.text))
        .map_err(|e| refused(chain(&e)))?;
    match tokio::time::timeout(patience, transport.send(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(mail::unsent(e.status().map(u16::from), chain(&e))),
        Err(_) => Err(Unsent::Away(format!("it takes longer than {} s", patience.as_secs()))),
    }
}

/// Lines of a text without what a program that shows mail would take for more than text.
fn plain(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST);
    let lines = text[..end].lines().map(|line| line.replace(|c: char| c.is_control() && c != '\t', " "));
    lines.fold(String::new(), |whole, line| whole + &line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::smtp::Smtp;

    fn relay(port: u16) -> Relay {
        Relay { host: "127.0.0.1".to_owned(), port, tls: MailTls::Nothing, login: None }
    }

    fn letter(subject: &str) -> Letter {
        Letter {
            from: "Gate <gate@example.org>".to_owned(),
            to: "ada@example.org".to_owned(),
            subject: subject.to_owned(),
            text: "first\r\n\u{1b}[31mzwölf\n.\nlast".to_owned(),
            id: "a-1".to_owned(),
            at: Time(0),
        }
    }

    #[tokio::test]
    async fn a_letter_arrives_as_it_was_written() {
        let smtp = Smtp::open();
        post(&letter("Grüße\r\nBcc: eve@example.org"), &relay(smtp.port()), Duration::from_secs(30)).await.unwrap();
        let taken = smtp.letters().remove(0);
        assert_eq!((taken.from.as_str(), taken.to.clone()), ("gate@example.org", vec!["ada@example.org".to_owned()]));
        assert_eq!(taken.header("Bcc"), None);
        assert_eq!(taken.header("Message-ID").unwrap(), "<a1@example.org>");
        assert_eq!(taken.header("Date").unwrap(), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert!(taken.header("Subject").is_some_and(|s| !s.contains("Bcc:") || s.contains("=?utf-8?")));
    }

    #[tokio::test]
    async fn whoever_is_away_is_told_from_whoever_does_not_want_it() {
        let smtp = Smtp::open();
        smtp.answer("ada", "550 unknown");
        let wait = Duration::from_secs(30);
        assert!(matches!(post(&letter("s"), &relay(smtp.port()), wait).await, Err(Unsent::Refused(_))));
        let port = smtp.port();
        drop(smtp);
        assert!(matches!(post(&letter("s"), &relay(port), wait).await, Err(Unsent::Away(_))));
        let wrong = Letter { to: "a\nb@example.org".to_owned(), ..letter("s") };
        assert!(matches!(post(&wrong, &relay(port), wait).await, Err(Unsent::Refused(_))));
        assert!(is_address("ada@example.org") && !is_address("ada"));
    }
}
