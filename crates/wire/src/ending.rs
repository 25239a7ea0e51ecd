//! How a command ended.

use model::{Results, Span, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a command ended, and what is known of it beside its output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// What the command itself did.
    pub exit: Exit,
    /// Who brought the end about.
    pub ended_by: EndedBy,
    /// From the start to the empty process tree.
    pub elapsed: Span,
    /// Processes that outlived the command and were ended after it.
    pub left_behind: u32,
    /// What the work reported, by property name (`got_revision`).
    pub properties: BTreeMap<String, Value>,
    /// What it used.
    pub usage: Usage,
    /// The result in the words of work that knows it better than its exit code tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// One line for people, of work that says it better than its exit code does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The files that were asked for and are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Collected>,
}

/// A file that came back with an ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Its path, as it was asked for.
    pub path: String,
    /// What is in it, or one byte more than [`crate::COLLECT_LIMIT`] if it is longer.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

impl Ending {
    /// The end of a command that did not begin, with the reason.
    pub fn not_started(why: impl Into<String>) -> Self {
        Self::without_process(Exit::NotStarted { why: why.into() })
    }

    /// The end of a command whose supervisor is gone without a word.
    pub fn supervisor_died() -> Self {
        Self::without_process(Exit::SupervisorDied)
    }

    fn without_process(exit: Exit) -> Self {
        Self {
            exit,
            ended_by: EndedBy::Itself,
            elapsed: Span::ZERO,
            left_behind: 0,
            properties: BTreeMap::new(),
            usage: Usage::default(),
            results: None,
            state: None,
            files: Vec::new(),
        }
    }
}

/// What the command itself did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number on the worker's system.
        signal: i32,
    },
    /// It could not be started: not found, not executable, no such directory.
    NotStarted {
        /// Why, in words.
        why: String,
    },
    /// The process that watched over it is gone; how the command ended is not known.
    SupervisorDied,
}

/// Who brought the end about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The command did.
    Itself,
    /// The master asked for it.
    Interrupted {
        /// Why, in words.
        reason: String,
    },
    /// It wrote nothing for too long.
    NoOutput {
        /// How long.
        after: Span,
    },
    /// It ran for too long.
    TooLong {
        /// How long.
        after: Span,
    },
    /// The worker was stopped.
    WorkerStopped,
    /// The worker was without its master for longer than it may be.
    Orphaned,
    /// The worker could not go on with it: its disk is full.
    WorkerTrouble {
        /// What happened, in words.
        what: String,
    },
}

/// What the processes of a command used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time in the processes themselves.
    pub user: Span,
    /// Processor time in the kernel.
    pub system: Span,
    /// The most memory that one of them held, in KiB.
    pub max_rss_kib: u64,
}
