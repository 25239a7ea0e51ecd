//! Where items are in their lives.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an item, or a whole test, is in its life. What came of it is its status.
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
