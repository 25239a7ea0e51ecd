//! Questions that only the machine can answer: whether an item is worth running, and whether a failure is still the one
//! that was waived.

use crate::book::{Book, BookError};
use crate::home::Home;
use crate::runner::now;
use model::area::{Check, Skip};
use model::glob::is_like;
use model::testrun::Phase;
use model::{TestRun, TestRunId};
use std::path::{Path, PathBuf};
use std::process::Command;
use store::TestPast;
use testruns::Record;

/// So many earlier runs are looked at.
const MOST: u64 = 50;

/// Why an item is not worth running, if it is not.
pub(crate) fn skip(
    home: &Home,
    book: &Book,
    run: &TestRun,
    item: &Record,
    rules: &[Skip],
) -> Result<Option<String>, BookError> {
    for rule in rules {
        let why = match rule {
            Skip::FileExists(path) => home.dir.join(path).exists().then(|| format!("the file {path} exists")),
            Skip::PreviousRunning => {
                let runs = |past: &&TestPast| matches!(past.cell.phase, Phase::Launched | Phase::Running);
                let past = past(book, run, item)?;
                past.iter().find(runs).map(|p| format!("it runs in {}", p.name))
            }
            Skip::RanWithin(span) => {
                let since = |past: &TestPast| Some((now().since(past.cell.ended_at?), past.name.clone()));
                let past = past(book, run, item)?;
                let recent = past.iter().filter_map(since).find(|(ago, _)| ago < span);
                recent.map(|(ago, name)| format!("it ended {ago} ago in {name}"))
            }
        };
        if why.is_some() {
            return Ok(why);
        }
    }
    Ok(None)
}

/// The item in other runs of the target, the newest first.
fn past(book: &Book, run: &TestRun, item: &Record) -> Result<Vec<TestPast>, BookError> {
    let mut past = book.history(run, &item.test, &item.path, MOST)?;
    past.retain(|p| p.cell.run != run.id);
    Ok(past)
}

/// Why a failure is not the one that was waived, if it is not: its files are held against those of the last run in which
/// it was waived.
pub(crate) fn refuted(
    book: &Book,
    run: &TestRun,
    item: &Record,
    dir: Option<&Path>,
    checks: &[Check],
) -> Result<Option<String>, BookError> {
    let past = past(book, run, item)?;
    let Some(before) = past.iter().find(|p| p.cell.status == "WAIVED") else {
        return Ok(Some("no earlier run of it was waived, so there is nothing to compare with".to_owned()));
    };
    let old = directory(book, before.cell.run, item)?;
    let (Some(new), Some(old)) = (dir, old.filter(|old| old.is_dir())) else {
        return Ok(Some(format!("its directory of {} is gone", before.name)));
    };
    Ok(checks.iter().find_map(|check| match check {
        Check::SameFiles { glob } | Check::Rules { glob, .. } => differs(new, &old, glob, check),
        Check::Failure { .. } => None,
    }))
}

fn directory(book: &Book, run: TestRunId, item: &Record) -> Result<Option<PathBuf>, BookError> {
    let found = book.item(run, &item.test, &item.path)?;
    Ok(found.map(|item| PathBuf::from(item.directory)))
}

/// Files of that form that differ, or what rules make of the differences.
fn differs(new: &Path, old: &Path, glob: &str, check: &Check) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for dir in [new, old] {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        names.extend(entries.filter_map(|e| e.file_name().into_string().ok()).filter(|name| is_like(glob, name)));
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Some(format!("there is no file '{glob}'"));
    }
    for name in names {
        let diff = Command::new("diff").arg(old.join(&name)).arg(new.join(&name)).output();
        let diff = match diff {
            Ok(diff) => diff,
            Err(e) => return Some(format!("diff cannot be run: {e}")),
        };
        match check {
            Check::Rules { rules, .. } => {
                let (word, why) = crate::judge::text(rules, new, &diff.stdout);
                if !["PASS", "WARN", "WAIVED"].contains(&word.as_str()) {
                    return Some(format!("{} says {word} to the differences of {name}: {why}", rules.name));
                }
            }
            _ if diff.status.success() => {}
            _ => return Some(format!("{name} is not what it was")),
        }
    }
    None
}
