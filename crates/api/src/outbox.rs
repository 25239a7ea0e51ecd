//! The document of a message of the outbox, and of a target's messages in sum.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::Time;
use serde::{Deserialize, Serialize};

/// A message that is on its way to a target, was sent, or was given up. What it says is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id.
    pub messageid: i64,
    /// The reporter's name.
    pub target: String,
    /// What it is about.
    pub about: String,
    /// Who is told; `null` where a target has no persons. Most of an address is left out for those who are not logged
    /// in.
    pub person: Option<String>,
    /// The build that it tells of.
    pub buildid: i64,
    /// What it says, in a line.
    pub title: String,
    /// `due`, `waiting`, `sent`, `given up`.
    pub state: String,
    /// When it was put there, in seconds.
    pub created_at: i64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried again, in seconds.
    pub next_try: Option<i64>,
    /// When it was sent or given up, in seconds.
    pub ended_at: Option<i64>,
    /// What was wrong when it was last tried, or why it was given up.
    pub trouble: Option<String>,
}

/// Who sees whole addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Somebody who is logged in.
    Whole,
    /// Anybody.
    Veiled,
}

impl OutboxMessage {
    /// The document of a message.
    pub fn of(message: &model::Message, addresses: Addresses) -> Self {
        let person = match addresses {
            Addresses::Whole => message.person.clone(),
            Addresses::Veiled => veiled(&message.person),
        };
        Self {
            messageid: message.id.0,
            target: message.target.clone(),
            about: message.about.clone(),
            person: Some(person).filter(|p| !p.is_empty()),
            buildid: message.build.0,
            title: message.title.clone(),
            state: message.status.word().to_owned(),
            created_at: message.created_at.as_seconds(),
            attempts: message.attempts,
            next_try: message.next_try.map(Time::as_seconds),
            ended_at: message.status.ended_at().map(Time::as_seconds),
            // What a machine answers repeats the address that it does not like.
            trouble: message.trouble.as_ref().map(|text| match addresses {
                Addresses::Whole => text.clone(),
                Addresses::Veiled if message.person.is_empty() => text.clone(),
                Addresses::Veiled => text.replace(&message.person, &veiled(&message.person)),
            }),
        }
    }
}

/// `a…@example.org`.
fn veiled(person: &str) -> String {
    match (person.rsplit_once('@'), person.chars().next()) {
        (Some((_, domain)), Some(first)) if first != '@' => format!("{first}…@{domain}"),
        _ => person.to_owned(),
    }
}

impl Document for OutboxMessage {
    const PLURAL: &'static str = "messages";
    const FIELDS: &'static [Field] = &[
        field("messageid", Kind::Int),
        field("target", Kind::Text),
        field("about", Kind::Text),
        field("buildid", Kind::Int),
        field("title", Kind::Text),
        field("state", Kind::Text),
        field("created_at", Kind::Int),
        field("attempts", Kind::Int),
        field("next_try", Kind::Int),
        field("ended_at", Kind::Int),
        field("trouble", Kind::Text),
        field("person", Kind::Text),
    ];
}

/// The messages of one target, in sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxSum {
    /// The reporter's name.
    pub target: String,
    /// How many are on their way.
    pub open: u64,
    /// When the oldest of them was put there, in seconds.
    pub oldest: Option<i64>,
    /// What was wrong with the first of them when it was last tried.
    pub trouble: Option<String>,
    /// How many were given up.
    pub given_up: u64,
}

impl OutboxSum {
    /// The document of a sum. It is shown to anybody, so it names no person.
    pub fn of(sum: &model::OutboxSum) -> Self {
        let trouble = sum.trouble.as_ref().map(|text| {
            let words = text.split(' ').map(|w| if w.contains('@') { veiled_word(w) } else { w.to_owned() });
            words.collect::<Vec<_>>().join(" ")
        });
        let (target, oldest) = (sum.target.clone(), sum.oldest.map(Time::as_seconds));
        Self { target, open: sum.open, oldest, trouble, given_up: sum.given_up }
    }
}

/// A word with an address in it, with what stands around the address.
fn veiled_word(word: &str) -> String {
    let begin = word.find(|c: char| c.is_alphanumeric()).unwrap_or_default();
    format!("{}{}", &word[..begin], veiled(&word[begin..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{BuildId, Message, MessageId, MessageStatus};

    #[test]
    fn addresses_are_for_those_who_are_logged_in() {
        let message = Message {
            id: MessageId(1),
            target: "mail".to_owned(),
            about: "build 1".to_owned(),
            person: "ada@example.org".to_owned(),
            build: BuildId(1),
            title: String::new(),
            payload: None,
            created_at: Time(0),
            attempts: 1,
            next_try: None,
            status: MessageStatus::Waiting,
            trouble: Some("550 <ada@example.org>: unknown".to_owned()),
        };
        let seen = OutboxMessage::of(&message, Addresses::Veiled);
        assert_eq!(seen.person.as_deref(), Some("a…@example.org"));
        assert_eq!(seen.trouble.as_deref(), Some("550 <a…@example.org>: unknown"));
        let seen = OutboxMessage::of(&message, Addresses::Whole);
        assert_eq!(seen.person.as_deref(), Some("ada@example.org"));
        let sum = model::OutboxSum {
            target: "mail".to_owned(),
            open: 1,
            oldest: None,
            trouble: message.trouble,
            given_up: 0,
        };
        assert_eq!(OutboxSum::of(&sum).trouble.as_deref(), Some("550 <a…@example.org>: unknown"));
        for (person, shown) in [("", ""), ("bob", "bob"), ("@x", "@x"), ("é@ü.example", "é…@ü.example")] {
            assert_eq!(veiled(person), shown);
        }
    }
}
