//! The text of `go test`, with or without `-v`.
//!
//! Names carry their package, which is told only behind its tests. A package whose tests pass without `-v` names none
//! of them and counts as one.

use crate::held::Held;
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome, duration};
use model::Span;
use std::collections::BTreeSet;

/// Reads the text of `go test`.
pub(crate) struct GoTest {
    held: Held,
    open: BTreeSet<String>,
    /// What was printed since the last line about a test.
    said: Message,
    /// The failed test that indented lines are about.
    about: Option<String>,
    /// Tests, and failed ones, of the package that is open.
    tests: u64,
    failed: u64,
    limits: Limits,
}

impl GoTest {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            held: Held::new(limits),
            open: BTreeSet::new(),
            said: Message::new(limits.message),
            about: None,
            tests: 0,
            failed: 0,
            limits: *limits,
        }
    }

    fn ended(&mut self, end: &End<'_>, out: &mut Sink<'_>) {
        self.open.remove(end.name);
        self.tests += 1;
        self.held.hold(end.name, end.outcome, end.duration, out);
        let said = self.said.take();
        self.about = None;
        if end.outcome != TestOutcome::Passed {
            self.failed += u64::from(end.outcome == TestOutcome::Failed);
            self.about = Some(end.name.to_owned());
            if let Some(test) = self.held.last().filter(|_| !said.is_empty()) {
                test.message.line(&said);
            }
        }
    }

    /// A package is over; its line tells its name.
    fn package(&mut self, package: &Package<'_>, out: &mut Sink<'_>) {
        let name = package.name;
        let message = self.said.take();
        self.held.release(out, |test| format!("{name}.{test}"));
        for test in std::mem::take(&mut self.open) {
            // Its last line may have been swallowed by what the test printed.
            match package.passed {
                true => out.ended(&format!("{name}.{test}"), TestOutcome::Passed, None, String::new()),
                false => out.never_ended(&format!("{name}.{test}"), message.clone()),
            }
        }
        if !package.passed && (self.failed == 0 || package.note.contains("failed]")) {
            if package.note.contains("failed]") {
                let reason = package.note.trim_matches(['[', ']']).to_owned();
                out.flaw(Flaw::NotRun { what: name.to_owned(), reason });
            }
            out.ended(name, TestOutcome::Error, package.duration, message);
        } else if package.passed && self.tests == 0 {
            out.ended(name, TestOutcome::Passed, package.duration, String::new());
        }
        (self.tests, self.failed, self.about) = (0, 0, None);
    }
}

impl ByLine for GoTest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        // `go test -v` under test2json marks its lines.
        let line = line.trim_start_matches(['␖', '\u{16}']);
        if let Some(name) = line.strip_prefix("=== RUN   ") {
            self.about = None;
            self.said.take();
            out.started(name);
            if self.open.len() < self.limits.open {
                self.open.insert(name.to_owned());
            }
        } else if line.starts_with("=== ") {
            self.about = None;
        } else if let Some(end) = end(line) {
            self.ended(&end, out);
        } else if let Some(package) = package(line) {
            self.package(&package, out);
        } else if !matches!(line, "PASS" | "FAIL") {
            let test = self.about.as_ref().and_then(|name| self.held.find(name));
            match test {
                Some(test) => test.message.line(line),
                None => self.said.line(line),
            }
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        let cut = !self.held.is_empty() || !self.open.is_empty();
        self.held.release(out, str::to_owned);
        for test in std::mem::take(&mut self.open) {
            out.never_ended(&test, String::new());
        }
        if cut {
            out.flaw(Flaw::CutOff { missing: "the line of the last package".into() });
        }
    }
}

/// `--- FAIL: TestX/sub (0.00s)`.
pub(super) struct End<'a> {
    pub(super) outcome: TestOutcome,
    pub(super) name: &'a str,
    duration: Option<Span>,
}

/// Such a line, also behind what a test printed without a newline.
pub(super) fn end(line: &str) -> Option<End<'_>> {
    let (_, rest) = line.split_once("--- ")?;
    let (word, rest) = rest.split_once(": ")?;
    let outcome = match word {
        "PASS" => TestOutcome::Passed,
        "FAIL" => TestOutcome::Failed,
        "SKIP" => TestOutcome::Skipped,
        _ => return None,
    };
    let (name, took) = rest.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let duration = Some(duration::with_unit(took)?);
    (!name.is_empty()).then_some(End { outcome, name, duration })
}

/// `ok`, a package and its time, with tabs between.
struct Package<'a> {
    passed: bool,
    name: &'a str,
    duration: Option<Span>,
    note: &'a str,
}

fn package(line: &str) -> Option<Package<'_>> {
    let (passed, rest) = match line.strip_prefix("ok  \t") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("FAIL\t")?),
    };
    let (name, note) = rest.split_once(['\t', ' ']).unwrap_or((rest, ""));
    let duration = note.split('\t').next().and_then(duration::with_unit);
    Some(Package { passed, name, duration, note })
}
