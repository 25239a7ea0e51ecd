//! The documents of a log and of a piece of its text.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::LogStatus;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Its id.
    pub logid: i64,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// The step it belongs to.
    pub stepid: i64,
    /// It does not grow any more.
    pub complete: bool,
    /// How many lines it has.
    pub num_lines: u64,
    /// `s`: each line begins with the letter of its stream.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much of it is not here, and who has the rest; see [`Short`]. Ours; absent when all of it is here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub short: Option<String>,
}

/// A log that has fewer bytes here than its worker told of: the master died before it had the last ones on its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// So many bytes it has.
    pub told: u64,
    /// So many of them are here.
    pub here: u64,
    /// The name of the worker that has the rest.
    pub worker: String,
    /// Where that worker is.
    pub standing: Standing,
}

/// Where the worker is that has the rest of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Connected.
    Here,
    /// Not connected; it may come back at any time.
    Away,
    /// Not in the configuration, so that it cannot come back.
    Removed,
}

impl Standing {
    /// Where a worker is.
    pub fn of(worker: &model::Worker) -> Self {
        match (worker.configured, worker.connected) {
            (false, _) => Self::Removed,
            (true, true) => Self::Here,
            (true, false) => Self::Away,
        }
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short { told, here, worker, standing } = self;
        write!(f, "it has {told} bytes, and {here} of them are here; the worker \"{worker}\"")?;
        f.write_str(match standing {
            Standing::Here => " brings the rest now, if it has it",
            Standing::Away => " brings the rest when it comes back",
            Standing::Removed => {
                ", which has the rest, is no longer in the configuration, and brings it only when it is put back"
            }
        })
    }
}

impl Log {
    /// The document of a log; `grown` is how many lines an open one has by now.
    pub fn of(log: &model::LogFacts, grown: u64) -> Self {
        let (complete, num_lines) = match log.status {
            LogStatus::Open => (false, grown),
            LogStatus::Sealed { lines, .. } => (true, lines),
        };
        Self {
            logid: log.id.0,
            name: log.name.clone(),
            slug: log.slug.clone(),
            stepid: log.step.0,
            complete,
            num_lines,
            kind: "s".to_owned(),
            short: None,
        }
    }
}

impl Document for Log {
    const PLURAL: &'static str = "logs";
    const FIELDS: &'static [Field] = &[
        field("logid", Kind::Int),
        field("name", Kind::Text),
        field("slug", Kind::Text),
        field("stepid", Kind::Int),
        field("complete", Kind::Bool),
        field("num_lines", Kind::Int),
        field("type", Kind::Text),
        field("short", Kind::Text),
    ];
}

/// Lines of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChunk {
    /// Which log.
    pub logid: i64,
    /// The number of the first line, from 0.
    pub firstline: u64,
    /// Lines, each with the letter of its stream before it (`o`, `e`, `h`) and a newline after it.
    pub content: String,
    /// There were more lines than fit: ask again from here. Ours; absent when all lines that were asked for are here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_offset: Option<u64>,
}

impl Document for LogChunk {
    const PLURAL: &'static str = "logchunks";
    const FIELDS: &'static [Field] = &[
        field("logid", Kind::Int),
        field("firstline", Kind::Int),
        field("content", Kind::Text),
        field("next_offset", Kind::Int),
    ];
}
