//! The text of `pytest`, at any verbosity.
//!
//! With `-v` each test has its line. Without, those at fault are named in the summary, which pytest writes unless it is
//! told not to (`-r`); the others are counted from the last line.

use crate::held::{Held, Part};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome};
use std::collections::BTreeMap;

/// Reads pytest's text.
pub(crate) struct Pytest {
    /// Tests at fault, waiting for what is said about them.
    held: Held,
    part: Part,
    place: Place,
    /// What is said under each title, until the summary.
    said: BTreeMap<String, Message>,
    title: Option<String>,
    running: bool,
    limits: Limits,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Progress,
    Details,
    Summary,
}

impl Pytest {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            held: Held::new(limits),
            part: Part::default(),
            place: Place::Progress,
            said: BTreeMap::new(),
            title: None,
            running: false,
            limits: *limits,
        }
    }

    /// `path::test STATUS (reason)  [ 8%]`, or `[gw0] [ 8%] STATUS path::test`.
    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        let line = line.trim_end();
        let line = match line.strip_suffix("%]").and_then(|rest| rest.rsplit_once('[')) {
            Some((before, _)) => before.trim_end(),
            None => line,
        };
        let parallel = line.strip_prefix("[gw").and_then(|rest| rest.split_once("%] "));
        let found = match parallel {
            Some((_, rest)) => rest.split_once(' ').map(|(word, name)| (name, word, "")),
            None => STATUSES.iter().find_map(|(word, _)| {
                let at = line.rfind(&format!(" {word}"))?;
                let rest = &line[at + 1 + word.len()..];
                let reason = rest.trim().strip_prefix('(').map_or("", |r| r.trim_end_matches([')', '.']));
                (rest.is_empty() || rest.starts_with(" (")).then_some((&line[..at], *word, reason))
            }),
        };
        let Some((name, word, reason)) = found.filter(|(name, ..)| name.contains("::")) else { return };
        let Some((_, outcome)) = STATUSES.iter().find(|(known, _)| *known == word) else { return };
        self.running = true;
        match outcome {
            TestOutcome::Failed | TestOutcome::Error => self.held.hold(name, *outcome, None, out),
            _ => out.ended(name, *outcome, None, reason.to_owned()),
        }
    }

    /// A line among the details: titles between `_`, and text below each.
    fn details(&mut self, line: &str) {
        let title = line.strip_prefix('_').and_then(|l| l.strip_suffix('_')).map(|l| l.trim_matches('_'));
        if let Some(title) = title.and_then(|t| t.strip_prefix(' ')?.strip_suffix(' ')).filter(|t| *t != "_ _") {
            let title = ["ERROR at setup of ", "ERROR at teardown of ", "ERROR collecting "]
                .iter()
                .find_map(|words| title.strip_prefix(words))
                .unwrap_or(title);
            let title = crate::text::short(title, self.limits.name);
            if self.said.len() < self.limits.open.min(1000) {
                self.said.entry(title.clone()).or_insert_with(|| Message::new(self.limits.message));
            }
            self.title = Some(title);
        } else if let Some(said) = self.title.as_ref().and_then(|title| self.said.get_mut(title))
            && !(line.is_empty() && said.is_empty())
        {
            said.line(line);
        }
    }

    /// `FAILED path::test - why`.
    fn summary(&mut self, line: &str, out: &mut Sink<'_>) {
        let Some((word, rest)) = line.split_once(' ') else { return };
        let outcome = match word {
            "FAILED" => TestOutcome::Failed,
            "ERROR" => TestOutcome::Error,
            _ => return,
        };
        let (name, why) = split(rest);
        if !self.held.is_empty() && self.held.find(name).is_some_and(|t| t.outcome == outcome && t.message.is_empty()) {
            // It was told on its own line.
        } else {
            self.held.hold(name, outcome, None, out);
        }
        let title =
            crate::text::short(&name.split_once("::").map_or(name, |(_, t)| t).replace("::", "."), self.limits.name);
        let said = self.said.get_mut(&title).map(Message::take).unwrap_or_default();
        if let Some(test) = self.held.find(name) {
            test.message.line(if said.is_empty() { why } else { &said });
        }
    }

    /// `3 failed, 5 passed in 0.04s`.
    fn result(&mut self, counts: &[(u64, &str)], out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        let mut passed = 0;
        for (n, what) in counts {
            let outcome = match *what {
                "passed" | "xpassed" => {
                    passed += n;
                    continue;
                }
                "failed" => TestOutcome::Failed,
                "error" | "errors" => TestOutcome::Error,
                "skipped" => TestOutcome::Skipped,
                "xfailed" => TestOutcome::ExpectedFailure,
                _ => continue,
            };
            self.part.said(outcome, *n, out);
        }
        self.part.said(TestOutcome::Passed, passed, out);
        self.part.next(out);
        self.said.clear();
        self.title = None;
        self.running = false;
        self.place = Place::Progress;
    }
}

impl ByLine for Pytest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some(counts) = result(line) {
            return self.result(&counts, out);
        }
        if let Some(head) = heading(line) {
            self.running = true;
            self.title = None;
            self.place = match head {
                "FAILURES" | "ERRORS" => Place::Details,
                "short test summary info" => Place::Summary,
                "test session starts" => Place::Progress,
                _ if self.place == Place::Progress => Place::Progress,
                _ => Place::Details,
            };
            return;
        }
        match self.place {
            Place::Progress => self.progress(line, out),
            Place::Details => self.details(line),
            Place::Summary => self.summary(line, out),
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        if self.running {
            out.flaw(Flaw::CutOff { missing: "the line with the totals at the end".into() });
        }
    }
}

/// The words of `-v`. Unexpected successes pass, unless they are strict: then they are failures.
const STATUSES: [(&str, TestOutcome); 6] = [
    ("PASSED", TestOutcome::Passed),
    ("FAILED", TestOutcome::Failed),
    ("ERROR", TestOutcome::Error),
    ("SKIPPED", TestOutcome::Skipped),
    ("XFAIL", TestOutcome::ExpectedFailure),
    ("XPASS", TestOutcome::Passed),
];

/// The words between `=` signs.
pub(super) fn heading(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("==")?.strip_suffix("==")?.trim_matches('=');
    inner.strip_prefix(' ')?.strip_suffix(' ')
}

/// The last line, taken apart: numbers and words. With `-q` it has no `=` signs.
pub(super) fn result(line: &str) -> Option<Vec<(u64, &str)>> {
    let line = line.trim_matches('=').trim();
    let (counts, took) = line.rsplit_once(" in ")?;
    let took = took.split(" (").next().unwrap_or(took);
    crate::duration::with_unit(took)?;
    if counts == "no tests ran" {
        return Some(Vec::new());
    }
    counts
        .split(", ")
        .map(|count| {
            let (n, what) = count.split_once(' ')?;
            let known = ["passed", "failed", "error", "errors", "skipped", "xfailed", "xpassed", "deselected"];
            let known = known.contains(&what) || matches!(what, "warning" | "warnings" | "rerun" | "subtests passed");
            known.then(|| Some((n.parse::<u32>().ok()?.into(), what)))?
        })
        .collect()
}

/// Name and reason, at the first ` - ` outside of brackets.
fn split(text: &str) -> (&str, &str) {
    let mut depth = 0i32;
    for (i, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ' ' if depth <= 0 && text[i..].starts_with(" - ") => return (&text[..i], &text[i + 3..]),
            _ => {}
        }
    }
    (text, "")
}
