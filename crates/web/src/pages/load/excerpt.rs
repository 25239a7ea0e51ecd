//! The first error of a step that failed, read from the end of its logs.

use crate::Web;
use crate::pages::line::Row;
use formats::first_error;
use model::{BuildId, LogFacts, LogStatus, Stream};

/// How much of a log's end is looked at.
const LINES: u64 = 2000;
const BYTES: usize = 512 * 1024;

/// What was found.
pub(in crate::pages) struct Found {
    /// The log's name in addresses.
    pub(in crate::pages) slug: String,
    /// The line's text.
    pub(in crate::pages) error: String,
    /// Its number, from 1.
    pub(in crate::pages) at: u64,
    /// All lines of the log.
    pub(in crate::pages) lines: u64,
    /// The end of the log.
    pub(in crate::pages) tail: Vec<Row>,
}

/// The first error in the end of a log. `None`: the log is empty or gone.
pub(in crate::pages) async fn find(web: &Web, build: BuildId, log: &LogFacts) -> Option<Found> {
    let lines = match log.status {
        LogStatus::Sealed { lines, .. } => lines,
        LogStatus::Open => web.logs.facts(build, log.id).await?.lines,
    };
    let tail = web.logs.tail(build, log.id, LINES, BYTES).await.ok()?;
    let tail: Vec<Row> = tail.into_iter().map(Row::from).collect();
    let texts: Vec<String> = tail.iter().map(text).collect();
    let index = first_error(texts.iter().map(String::as_str))?;
    let row = &tail[index];
    Some(Found { slug: log.slug.clone(), error: row.plain(), at: row.number, lines, tail })
}

/// Sluice's own lines count where they tell how the command was ended, not where they repeat what was run.
fn text(row: &Row) -> String {
    let plain = row.plain();
    let lower = plain.to_ascii_lowercase();
    let tells = ["timed out", "no output for", "killed", "cannot ", "not found"].iter().any(|w| lower.contains(w));
    if row.stream == Stream::Header && !tells { String::new() } else { plain }
}
