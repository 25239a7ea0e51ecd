//! Records: where an item is in its life, and what came of it.

use crate::status::Status;
use model::{Span, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an item, or a whole test, is in its life. What came of it is its [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Nothing of it has run.
    NotStarted,
    /// Handed to a host; perhaps it stands in a queue there.
    Launched,
    /// It runs.
    Running,
    /// Some of its items have ended, others have not, and none runs. Only of a whole test.
    Started,
    /// It ended with a verdict.
    Completed,
    /// It was ended from outside.
    Killed,
    /// Its runner ended before it did, and nobody knows more.
    Incomplete,
}

impl Phase {
    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Phase::Completed | Phase::Killed | Phase::Incomplete)
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Phase::NotStarted => "NOT_STARTED",
            Phase::Launched => "LAUNCHED",
            Phase::Running => "RUNNING",
            Phase::Started => "STARTED",
            Phase::Completed => "COMPLETED",
            Phase::Killed => "KILLED",
            Phase::Incomplete => "INCOMPLETE",
        }
    }

    /// Reads a word. Those of existing areas that have none of their own here are the next of kin.
    pub fn read(word: &str) -> Option<Self> {
        Some(match word {
            "NOT_STARTED" => Phase::NotStarted,
            "LAUNCHED" => Phase::Launched,
            "REMOTEHOSTSTART" | "RUNNING" | "KILLREQ" => Phase::Running,
            "STARTED" => Phase::Started,
            "COMPLETED" | "ARCHIVED" => Phase::Completed,
            "KILLED" => Phase::Killed,
            "INCOMPLETE" | "STUCK" | "STUCK/DEAD" => Phase::Incomplete,
            _ => return None,
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One attempt at an item. None is ever taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1. What comes in under another number than that of the attempt that runs is too late.
    pub number: u32,
    /// Where.
    pub host: String,
    /// When it was handed out.
    pub launched: Time,
    /// When it began there.
    pub began: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// What came of it; [`Status::NOT_YET`] while it runs.
    pub status: Status,
    /// Why.
    pub comment: String,
}

impl Attempt {
    /// How long it ran; `None` when it did not begin or has not ended.
    pub fn duration(&self) -> Option<Span> {
        Some(self.ended?.since(self.began?))
    }
}

/// What is known of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The test.
    pub test: String,
    /// The item's path; empty of what is not iterated.
    pub path: String,
    /// Where it is.
    pub phase: Phase,
    /// What came of it.
    pub status: Status,
    /// Why, in a sentence.
    pub comment: String,
    /// It failed, and passed when it was tried again. Never simply green.
    pub flaky: bool,
    /// Whoever answers for a failure that does not count: the owner of a quarantine.
    pub quarantined: Option<String>,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Record {
    /// Of an item of which nothing has run.
    pub fn new(test: impl Into<String>, path: impl Into<String>) -> Self {
        Record {
            test: test.into(),
            path: path.into(),
            phase: Phase::NotStarted,
            status: Status::NOT_YET,
            comment: String::new(),
            flaky: false,
            quarantined: None,
            attempts: Vec::new(),
        }
    }

    /// `test` or `test(item/path)`.
    pub fn full_name(&self) -> String {
        crate::item::full_name(&self.test, &self.path)
    }
}
