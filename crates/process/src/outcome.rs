//! How a command ended, and what it cost.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a command ended. The last record of its spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of the main process.
    pub exit: Exit,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Processes that the main process left behind and that had to be ended, as `sleep 1000 (pid 4711)`; at most
    /// [`Outcome::MOST_NAMED`] are named.
    pub left_behind: Vec<String>,
    /// Processes that even KILL did not end within [`Outcome::KILL_LIMIT`]; named in the same way. Usually empty.
    pub survivors: Vec<String>,
    /// When it started: microseconds since 1970 UTC by the wall clock.
    pub started_at: i64,
    /// Microseconds from the start until its tree was empty, by a clock that nobody sets.
    pub elapsed: u64,
    /// Microseconds of processor time in user mode, of all its processes.
    pub user_cpu: u64,
    /// Microseconds of processor time in the kernel, of all its processes.
    pub system_cpu: u64,
    /// The most memory that one of its processes had resident, in bytes.
    pub max_rss: u64,
    /// What it handed back in the file `SLUICE_REPORT`.
    #[serde(with = "serde_bytes")]
    pub report: Option<Vec<u8>>,
    /// Where each log ends: the offset behind its last byte.
    pub ends: BTreeMap<u16, u64>,
    /// The files of [`Job::collect`](crate::Job::collect) that are there.
    #[serde(default)]
    pub collected: Vec<Collected>,
}

/// A file that was handed back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Its name, as the job had it.
    pub name: String,
    /// Its first bytes, at most [`Job::LONGEST_COLLECTED`](crate::Job::LONGEST_COLLECTED) and one.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

impl Outcome {
    /// Names in [`Outcome::left_behind`], at most.
    pub const MOST_NAMED: usize = 50;
    /// How long KILL is repeated before the supervisor gives up on a process that the kernel does not let go.
    pub const KILL_LIMIT: Duration = Duration::from_secs(120);
}

/// What became of the main process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// It left a core dump.
        core: bool,
    },
    /// It never ran.
    NotStarted {
        /// Why, for people: `no such file ./configure`.
        error: String,
        /// Whose fault it is. What was written before this was known counts as the command's.
        #[serde(default)]
        blame: Blame,
    },
}

/// Whose fault it is that a command never ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blame {
    /// Whoever asked for it: there is no such program, it is not executable, its directory is a file.
    #[default]
    Command,
    /// The machine: its disk is full or broken, or it has no more processes, memory or open files to give.
    Machine,
}

/// Who ended the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedBy {
    /// It ended by itself.
    Itself,
    /// Somebody asked for it.
    Interrupted {
        /// Why.
        reason: String,
    },
    /// It was silent for so long.
    NoOutput(Duration),
    /// It took longer than so.
    TooLong(Duration),
    /// No worker came for it for so long.
    Orphaned(Duration),
}
