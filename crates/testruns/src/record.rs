//! Records: where an item is in its life, and what came of it.

pub use model::testrun::Phase;

use crate::status::Status;
use model::{Span, Time};
use serde::{Deserialize, Serialize};

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
