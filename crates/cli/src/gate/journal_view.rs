//! `sluice gate --status`: what the gates of a checkout are at.

use super::place::{Alive, Entry, Journal};
use super::words::short;
use crate::exit::Exit;
use crate::out;
use serde_json::json;

pub(super) fn print(journal: &Journal, as_json: bool) -> anyhow::Result<Exit> {
    let entries = journal.entries()?;
    if as_json {
        let rows: Vec<_> =
            entries.iter().map(|(e, alive)| json!({ "run": e, "alive": *alive == Alive::Yes })).collect();
        out::json(&json!({ "gates": rows }))?;
        return Ok(Exit::Passed);
    }
    if entries.is_empty() {
        out::line("  no gate runs in this checkout")?;
        return Ok(Exit::Passed);
    }
    out::lines(entries.iter().map(|(entry, alive)| line(entry, *alive)))?;
    Ok(Exit::Passed)
}

fn line(entry: &Entry, alive: Alive) -> String {
    let on = entry.target.as_ref().map(|(_, branch)| format!(" for {branch}")).unwrap_or_default();
    let commit = entry.tested.as_deref().map(|c| format!(" {}", short(c))).unwrap_or_default();
    let attempt = if entry.attempt > 1 { format!(", attempt {}", entry.attempt) } else { String::new() };
    let phase = entry.phase.words();
    match alive {
        Alive::Yes => format!("  ◐ {} {phase}{commit}{on}{attempt} (process {})", entry.run, entry.pid),
        Alive::No => {
            format!("  ! {} was killed while {phase}{commit}{on}; the next gate cleans up after it", entry.run)
        }
    }
}
