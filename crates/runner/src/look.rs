//! Questions that only the machine can answer: whether an item is worth running, and whether a failure is still the one
//! that was waived.

use crate::book::{Book, BookError};
use crate::home::Home;
use crate::runner::now;
use model::area::{Check, LogRules, Skip};
use model::glob::is_like;
use model::testrun::Phase;
use model::{TestRun, TestRunId};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use store::TestPast;
use testruns::Record;

/// So many earlier runs are looked at.
const MOST: u64 = 50;
/// Bytes of a file that are compared at once.
const PIECE: usize = 64 << 10;

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
    names.into_iter().find_map(|name| {
        let (before, after) = (old.join(&name), new.join(&name));
        if !before.is_file() || !after.is_file() {
            return Some(format!("{name} is there in one of the runs only"));
        }
        match check {
            Check::Rules { rules, .. } => judged(rules, new, &name, (&before, &after)),
            _ => match same(&before, &after) {
                Ok(true) => None,
                Ok(false) => Some(format!("{name} is not what it was")),
                Err(e) => Some(format!("{name} cannot be compared: {e}")),
            },
        }
    })
}

/// What rules find in the differences of two files, if it is worse than `WARN`.
fn judged(rules: &LogRules, dir: &Path, name: &str, (before, after): (&Path, &Path)) -> Option<String> {
    let no = |why: &dyn std::fmt::Display| Some(format!("{name} cannot be compared: {why}"));
    let diff = Command::new("diff").arg(before).arg(after).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut diff = match diff {
        Ok(diff) => diff,
        Err(e) => return no(&format!("diff cannot be run: {e}")),
    };
    // Differences may be as long as the files: they are judged as they come.
    let found = diff.stdout.take().map(|out| crate::judge::stream(rules, dir, out));
    let ended = diff.wait();
    match (found, ended) {
        // 0: no differences; 1: these; more: trouble, and nothing was compared.
        (Some((word, why)), Ok(status)) if matches!(status.code(), Some(0 | 1)) => {
            let fine = ["PASS", "WARN", "WAIVED"].contains(&word.as_str());
            (!fine).then(|| format!("{} says {word} to the differences of {name}: {why}", rules.name))
        }
        (_, Ok(status)) => no(&format!("diff ended with {status}")),
        (_, Err(e)) => no(&e),
    }
}

/// Whether two files have the same bytes.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let n = one.read(&mut a)?;
        if n == 0 {
            return Ok(other.read(&mut b[..1])? == 0);
        }
        match other.read_exact(&mut b[..n]) {
            Ok(()) if a[..n] == b[..n] => {}
            Ok(()) => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::area::RulesSource;

    /// What a check says of files of two runs.
    fn told(check: &Check, old: &[(&str, &str)], new: &[(&str, &str)]) -> Option<String> {
        let dirs = [old, new].map(|files| {
            let dir = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).unwrap());
            dir
        });
        let (Check::SameFiles { glob } | Check::Rules { glob, .. }) = check else { panic!("{check:?}") };
        differs(dirs[1].path(), dirs[0].path(), glob, check)
    }

    #[test]
    fn files_have_to_be_what_they_were() {
        let check = Check::SameFiles { glob: "*.log".to_owned() };
        let told = |old: &[_], new: &[_]| told(&check, old, new).unwrap_or_default();
        assert_eq!(told(&[("a.log", "x"), ("b", "1")], &[("a.log", "x"), ("b", "2")]), "");
        assert_eq!(told(&[("a.log", "x")], &[("a.log", "y")]), "a.log is not what it was");
        assert_eq!(told(&[("a.log", "x")], &[("a.log", "xy")]), "a.log is not what it was");
        assert_eq!(told(&[("a.log", "x")], &[("a.log", "x"), ("b.log", "")]), "b.log is there in one of the runs only");
        assert_eq!(told(&[("a.log", "x")], &[]), "a.log is there in one of the runs only");
        assert_eq!(told(&[], &[]), "there is no file '*.log'");
        let long = "x".repeat(3 * PIECE);
        assert_eq!(told(&[("a.log", &long)], &[("a.log", &long)]), "");
        assert_eq!(told(&[("a.log", &long)], &[("a.log", &format!("{}y", &long[1..]))]), "a.log is not what it was");
    }

    #[test]
    fn rules_look_at_differences() {
        let rules = |text: &str| Check::Rules {
            glob: "a.log".to_owned(),
            rules: LogRules { name: "x.logpro".to_owned(), source: RulesSource::Text(text.to_owned()) },
        };
        let check = rules(
            "(expect:ignore in \"LogFileBody\" >= 0 \"times\" #/took \\d+/)\n\
             (expect:error in \"LogFileBody\" = 0 \"others\" #/^[<>] /)\n",
        );
        let told = |check: &Check, old: &str, new: &str| told(check, &[("a.log", old)], &[("a.log", new)]);
        assert_eq!(told(&check, "it took 3\nend\n", "it took 5\nend\n"), None);
        assert_eq!(told(&check, "same\n", "same\n"), None);
        let why = told(&check, "it took 3\nend\n", "it took 5\nanother end\n").unwrap();
        assert!(why.starts_with("x.logpro says FAIL to the differences of a.log: "), "{why}");
        // Rules that are wrong excuse nothing.
        assert!(told(&rules("(expect:error"), "a\n", "a\n").unwrap().contains("says ABORT"));
        let gone = super::tests::told(&check, &[], &[("a.log", "x")]);
        assert_eq!(gone.as_deref(), Some("a.log is there in one of the runs only"), "and no empty difference");
    }
}
