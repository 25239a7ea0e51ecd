//! The documents of a log and of a piece of its text.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::LogStatus;
use serde::{Deserialize, Serialize};

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
