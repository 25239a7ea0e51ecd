//! The text of `prove` and of `make test` in Perl modules: `Test::Harness` 3, and the tables of version 2.
//!
//! Tests have numbers and no names, `t/level.t test 2`, unless `--verbose` prints their lines: then they are named as
//! those say, `t/level.t: fills the tank`. A file that dies, or runs other tests than it planned, is an error by its own
//! name.

use super::tap::{Directive, point};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome};
use std::collections::HashMap;

/// Reads the text of `prove`.
pub(crate) struct Prove {
    place: Place,
    /// The file of the report that lines are about.
    file: Option<File>,
    tests: Option<u64>,
    /// Tests that did not pass, and are among those that ran.
    apart: u64,
    told: u64,
    over: bool,
    running: bool,
    limits: Limits,
    /// The file whose own lines are printed.
    printed: Option<Printed>,
    /// What the lines of failed tests say, by file and number, until the report tells of them.
    names: HashMap<(String, u64), String>,
}

/// A file whose own lines are printed.
struct Printed {
    name: String,
    ran: u64,
    skipped: u64,
}

/// Failed tests whose names are kept until the report; more go by their numbers.
const MOST_NAMES: usize = 10_000;

struct File {
    name: String,
    failed: u64,
    trouble: Message,
    broken: bool,
}

#[derive(PartialEq)]
enum Place {
    Progress,
    /// Behind "Test Summary Report".
    Report,
    /// In the table of version 2: where its column of failed tests begins.
    Table(usize),
}

impl Prove {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            place: Place::Progress,
            file: None,
            tests: None,
            apart: 0,
            told: 0,
            over: false,
            running: false,
            limits: *limits,
            printed: None,
            names: HashMap::new(),
        }
    }

    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        if self.point(line, out) {
            // A test's own line.
        } else if let Some((file, reason)) = skipped(line) {
            (self.running, self.printed) = (true, None);
            out.ended(file, TestOutcome::Skipped, None, reason.to_owned());
        } else if let Some((n, _)) = line.trim().strip_prefix("(less ").and_then(|l| l.split_once(" skipped subtest")) {
            let n = u64::from(n.parse::<u32>().unwrap_or(0));
            // Those whose lines were printed are told of.
            let n = n.saturating_sub(self.printed.as_ref().map_or(0, |p| p.skipped));
            self.apart += n;
            out.counted(TestOutcome::Skipped, n);
        } else if line.contains(" .. ") || line.contains("... ") || line.ends_with("....ok") {
            self.running = true;
            self.printed = opened(line).map(|name| Printed { name: name.to_owned(), ran: 0, skipped: 0 });
        } else if let Some(name) = opened(line) {
            self.running = true;
            self.printed = Some(Printed { name: name.to_owned(), ran: 0, skipped: 0 });
        }
    }

    /// The line of a test, as `--verbose` prints them below the name of their file. What failed is told with the report.
    fn point(&mut self, line: &str, out: &mut Sink<'_>) -> bool {
        let Some(file) = &mut self.printed else { return false };
        // A bare "ok" is about the whole file.
        let Some(point) = point(line).filter(|_| line != "ok") else { return false };
        file.ran += 1;
        let number = point.number.unwrap_or(file.ran);
        let name = name_of(&file.name, number, &point.name);
        let (outcome, reason) = match (point.directive, point.ok) {
            (Some(Directive::Skip(reason)), _) => {
                file.skipped += 1;
                (TestOutcome::Skipped, reason)
            }
            (Some(Directive::Todo(reason)), false) => (TestOutcome::ExpectedFailure, reason),
            (_, true) => (TestOutcome::Passed, ""),
            (None, false) => {
                if self.names.len() < MOST_NAMES {
                    self.names.insert((file.name.clone(), number), name);
                }
                return true;
            }
        };
        self.apart = self.apart.saturating_add(1);
        out.ended(&name, outcome, None, reason.to_owned());
        true
    }

    /// `t/level.t (Wstat: 256 (exited 1) Tests: 5 Failed: 1)`, and indented lines about it.
    fn report(&mut self, line: &str, out: &mut Sink<'_>) {
        let Some(inner) = line.strip_prefix("  ") else {
            self.file_told(out);
            if let Some((name, rest)) = line.split_once(" (Wstat: ").or_else(|| line.split_once("(Wstat: ")) {
                let failed = rest.rsplit_once("Failed: ").and_then(|(_, n)| n.trim_end_matches(')').parse().ok());
                let (trouble, broken) = (Message::new(self.limits.message), false);
                let name = name.trim().to_owned();
                self.file = Some(File { name, failed: failed.unwrap_or(0), trouble, broken });
            }
            return;
        };
        let Some(file) = &mut self.file else { return };
        let inner = inner.trim();
        if let Some(list) = inner.strip_prefix("Failed test:").or_else(|| inner.strip_prefix("Failed tests:")) {
            let name = file.name.clone();
            self.failed(&name, list, out);
        } else if !inner.starts_with("TODO passed") {
            file.broken |= !inner.starts_with("Non-zero exit status");
            file.trouble.line(inner);
        }
    }

    /// All about a file of the report was said.
    fn file_told(&mut self, out: &mut Sink<'_>) {
        let Some(mut file) = self.file.take() else { return };
        // Failed tests are reason enough for an exit status.
        if file.broken || (file.failed == 0 && !file.trouble.is_empty()) {
            out.ended(&file.name, TestOutcome::Error, None, file.trouble.take());
        }
    }

    /// `2, 5-7` of a file failed.
    fn failed(&mut self, file: &str, list: &str, out: &mut Sink<'_>) {
        for part in list.split([',', ' ']).filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { continue };
            let n = last.saturating_sub(first).saturating_add(1);
            let named = n.min(1000);
            for test in first..first.saturating_add(named) {
                let name = self.names.remove(&(file.to_owned(), test));
                let name = name.unwrap_or_else(|| name_of(file, test, ""));
                out.ended(&name, TestOutcome::Failed, None, String::new());
            }
            out.counted(TestOutcome::Failed, n - named);
            self.apart = self.apart.saturating_add(n);
            self.told = self.told.saturating_add(n);
        }
    }

    /// A row of the table of version 2: file, exit, wait status, total, failed, percent, which.
    fn row(&mut self, line: &str, column: usize, out: &mut Sink<'_>) {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { return };
        let list = line.get(column..).unwrap_or("").trim();
        if !list.is_empty() && list.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b' ' | b',')) {
            self.failed(name, list, out);
        } else if list.contains('?') {
            let message = format!("it died: {}", words.collect::<Vec<_>>().join(" "));
            out.ended(name, TestOutcome::Error, None, message);
        }
    }

    /// The sum is known: what is not told apart passed.
    fn sum(&mut self, out: &mut Sink<'_>) {
        self.file_told(out);
        if let Some(tests) = self.tests.take() {
            out.counted(TestOutcome::Passed, tests.saturating_sub(self.apart));
        }
        (self.apart, self.told) = (0, 0);
    }
}

impl ByLine for Prove {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        if line == "Test Summary Report" {
            (self.place, self.running) = (Place::Report, true);
        } else if line.starts_with("Failed Test ") && line.contains("List of Failed") {
            let column = line.find("List of Failed").unwrap_or(0);
            (self.place, self.running) = (Place::Table(column), true);
        } else if let Some(tests) = files(line) {
            self.tests = Some(tests);
            (self.place, self.running, self.over) = (Place::Progress, true, true);
            self.sum(out);
        } else if let Some((tests, failed)) = scripts(line) {
            // Version 2 tells the sum in this line when some failed.
            out.counted(TestOutcome::Failed, failed.saturating_sub(self.told));
            self.apart = self.apart.saturating_add(failed.saturating_sub(self.told));
            self.place = Place::Progress;
            self.over = true;
            self.tests = Some(tests);
            self.sum(out);
        } else if let Some(reason) = line.strip_prefix("FAILED--") {
            self.over = true;
            out.flaw(Flaw::BailOut { reason: reason.to_owned() });
        } else if line.starts_with("All tests successful") || line.starts_with("Result: ") {
            self.running = true;
            self.over = line.starts_with("Result: ") || self.over;
        } else if line.bytes().all(|b| b == b'-') {
            // A rule.
        } else {
            match self.place {
                Place::Progress => self.progress(line, out),
                Place::Report => self.report(line, out),
                Place::Table(column) => self.row(line, column, out),
            }
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.sum(out);
        // The report never came.
        let mut left: Vec<_> = std::mem::take(&mut self.names).into_iter().collect();
        left.sort_unstable();
        for (_, name) in left {
            out.ended(&name, TestOutcome::Failed, None, String::new());
        }
        if self.running && !self.over {
            out.flaw(Flaw::CutOff { missing: "the line 'Files=…, Tests=…' at the end".into() });
        }
    }
}

/// `t/skip.t ... skipped: no water`, `t/skip.t....skipped`.
fn skipped(line: &str) -> Option<(&str, &str)> {
    let (before, reason) = line.split_once("skipped")?;
    let name = before.trim_end().strip_suffix("..")?.trim_end_matches('.').trim_end();
    let reason = reason.trim_start_matches(['\t', ' ', ':']);
    (!name.is_empty() && !name.contains(' ')).then_some((name, reason.trim_start_matches("all skipped: ")))
}

/// The file that a line is about which prints nothing else: `t/level.t ..`, and then come its own lines.
fn opened(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_suffix("..")?.trim_end_matches('.').trim_end();
    (!name.is_empty() && !name.starts_with(['#', ' ', '\t']) && !name.contains(" .. ")).then_some(name)
}

/// A test by what its line says, else by its number.
fn name_of(file: &str, number: u64, says: &str) -> String {
    match says {
        "" => format!("{file} test {number}"),
        says => format!("{file}: {says}"),
    }
}

/// `Files=7, Tests=12,  0 wallclock secs …`.
fn files(line: &str) -> Option<u64> {
    let (files, rest) = line.strip_prefix("Files=")?.split_once(", Tests=")?;
    files.parse::<u64>().ok()?;
    rest.split(',').next()?.trim().parse().ok()
}

/// `Failed 1/3 test scripts, 66.67% okay. 1/15 subtests failed, 93.33% okay.`
fn scripts(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.strip_prefix("Failed ")?.split_once(" test scripts")?;
    let (before, _) = rest.split_once(" subtests failed")?;
    let (failed, all) = before.rsplit_once(' ')?.1.split_once('/')?;
    Some((all.parse().ok()?, failed.parse().ok()?))
}
