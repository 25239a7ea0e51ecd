//! Reporters: who is told of builds and by what means, and the messages that are on their way to them.

use crate::worker::Secret;
use crate::{BuildId, FunctionRef, MessageId, Place, Results, Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A target that is told of builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReporterSpec {
    /// Its unique name, by which its messages are kept.
    pub name: String,
    /// What it is told of.
    pub occasions: Occasions,
    /// By what means.
    pub kind: ReporterKind,
    /// How long a message may be on its way before it is given up.
    pub give_up_after: Span,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// By what means a target is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReporterKind {
    /// A letter to each person.
    Mail(MailSpec),
    /// A document to an address of the web.
    Http(HttpReportSpec),
}

/// Which builds a target is told of: those of which all parts are so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasions {
    /// By their result; any of these.
    pub modes: BTreeSet<ReportMode>,
    /// Of these builders; empty is all.
    pub builders: Vec<String>,
    /// Of builders with any of these tags; empty is all.
    pub tags: Vec<String>,
    /// Of these branches, where `None` is the default branch; empty is all.
    pub branches: Vec<Option<String>>,
    /// Asked for by these schedulers; empty is all.
    pub schedulers: Vec<String>,
}

/// A result that is worth telling. What is compared is the newest earlier build of the same builder and branch that
/// says something about the code: SUCCESS, WARNINGS or FAILURE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportMode {
    /// The result is another one than before.
    Change,
    /// FAILURE.
    Failing,
    /// SUCCESS.
    Passing,
    /// FAILURE, and it was none before.
    Problem,
    /// WARNINGS.
    Warnings,
    /// EXCEPTION.
    Exception,
    /// CANCELLED.
    Cancelled,
}

impl ReportMode {
    /// All of them with the words that a configuration has for them.
    pub const ALL: [(&str, ReportMode); 7] = [
        ("change", ReportMode::Change),
        ("failing", ReportMode::Failing),
        ("passing", ReportMode::Passing),
        ("problem", ReportMode::Problem),
        ("warnings", ReportMode::Warnings),
        ("exception", ReportMode::Exception),
        ("cancelled", ReportMode::Cancelled),
    ];

    /// Whether a build with this result may be meant, whatever the one before was.
    pub fn may_mean(self, results: Results) -> bool {
        match self {
            ReportMode::Change => matches!(results, Results::Success | Results::Warnings | Results::Failure),
            ReportMode::Failing | ReportMode::Problem => results == Results::Failure,
            ReportMode::Passing => results == Results::Success,
            ReportMode::Warnings => results == Results::Warnings,
            ReportMode::Exception => results == Results::Exception,
            ReportMode::Cancelled => results == Results::Cancelled,
        }
    }
}

/// How letters are written and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSpec {
    /// Who they come from: `ci@example.org`, or with a name before it and angle brackets around it.
    pub from_addr: String,
    /// Who gets all of them.
    pub extra_recipients: Vec<String>,
    /// The authors of the changes that a build has get them too, unless it is an EXCEPTION or CANCELLED.
    pub send_to_interested_users: bool,
    /// How an author becomes an address. `None`: only those who have one in their name are reached.
    pub lookup: Option<MailLookup>,
    /// The subject with `{builder}` and its like in it; `None` is the usual one.
    pub subject: Option<String>,
    /// Which logs come along.
    pub add_logs: AddLogs,
    /// How much of each log comes along, in bytes: its end.
    pub log_limit: u64,
    /// The machine that takes the letters.
    pub relayhost: String,
    /// Its port.
    pub port: u16,
    /// Who one is there.
    pub login: Option<(String, Secret)>,
    /// How the line to it is protected.
    pub tls: MailTls,
}

/// How an author becomes an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailLookup {
    /// `@` and this come behind an author without an address.
    Append(String),
    /// By the author as the change has it, by the name in it, or by the address in it.
    Table(BTreeMap<String, String>),
    /// A function of the configuration: given the author as the change has it, it answers with an address or `None`.
    Function(FunctionRef),
}

/// Which logs come along with a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddLogs {
    /// None.
    #[default]
    Nothing,
    /// All.
    All,
    /// Those with these names: `stdio`, or with the step before it, `test.stdio`.
    Named(Vec<String>),
}

/// How the line to a machine that takes letters is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// Not at all.
    Nothing,
    /// It begins in the open and turns to TLS before anything is said; else nothing is sent.
    StartTls,
    /// TLS from the beginning.
    Tls,
}

/// Where documents are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpReportSpec {
    /// The address.
    pub url: String,
    /// The key of the signature; `None`: nothing is signed.
    pub secret: Option<Secret>,
    /// More headers, with their values.
    pub headers: Vec<(String, Secret)>,
}

/// A message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id; ids rise in the order in which messages are sent.
    pub id: MessageId,
    /// The reporter's name.
    pub target: String,
    /// What it is about: a target tells a person of one thing once.
    pub about: String,
    /// Who is told: an address, or empty where a target has no persons.
    pub person: String,
    /// The build that it tells of.
    pub build: BuildId,
    /// What it says, in a line; empty until it is written.
    pub title: String,
    /// All that it says, in the target's own form; `None` before it is written and after it has ended.
    pub payload: Option<String>,
    /// When it was put there.
    pub created_at: Time,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Not before then.
    pub next_try: Option<Time>,
    /// Where it stands.
    pub status: MessageStatus,
    /// What was wrong when it was last tried, or why it was given up.
    pub trouble: Option<String>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStatus {
    /// The target has to be told of the build, if it wants to be; becomes any number of messages.
    Due,
    /// It is written and waits to be sent.
    Waiting,
    /// The target has taken it.
    Sent {
        /// When.
        at: Time,
    },
    /// It will not be sent.
    GivenUp {
        /// Since when.
        at: Time,
    },
}

impl MessageStatus {
    /// The word in small letters that the store and the REST interface have for it.
    pub fn word(self) -> &'static str {
        match self {
            MessageStatus::Due => "due",
            MessageStatus::Waiting => "waiting",
            MessageStatus::Sent { .. } => "sent",
            MessageStatus::GivenUp { .. } => "given up",
        }
    }

    /// When it ended, if it has.
    pub fn ended_at(self) -> Option<Time> {
        match self {
            MessageStatus::Due | MessageStatus::Waiting => None,
            MessageStatus::Sent { at } | MessageStatus::GivenUp { at } => Some(at),
        }
    }
}

/// A message that was written for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// What it is about.
    pub about: String,
    /// Who is told.
    pub person: String,
    /// What it says, in a line.
    pub title: String,
    /// All that it says, or why it cannot be sent to this person.
    pub payload: Result<String, String>,
}

/// The messages of one target, in sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxSum {
    /// The reporter's name.
    pub target: String,
    /// How many are on their way.
    pub open: u64,
    /// When the oldest of them was put there.
    pub oldest: Option<Time>,
    /// What was wrong with the first of them when it was last tried.
    pub trouble: Option<String>,
    /// How many were given up.
    pub given_up: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_is_told_by_nobody() {
        for (_, mode) in ReportMode::ALL {
            assert!(!mode.may_mean(Results::Retry) && !mode.may_mean(Results::Skipped), "{mode:?}");
        }
    }
}
