//! The text of `prove` and of `make test` in Perl modules: `Test::Harness` 3, and the tables of version 2.
//!
//! Tests have numbers and no names: `t/level.t test 2`. A file that dies, or runs other tests than it planned, is an
//! error by its own name.

use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome};

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
}

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
        }
    }

    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some((file, reason)) = skipped(line) {
            self.running = true;
            out.ended(file, TestOutcome::Skipped, None, reason.to_owned());
        } else if let Some((n, _)) = line.trim().strip_prefix("(less ").and_then(|l| l.split_once(" skipped subtest")) {
            let n = n.parse::<u32>().unwrap_or(0).into();
            self.apart += n;
            out.counted(TestOutcome::Skipped, n);
        } else if line.contains(" .. ") || line.contains("... ") || line.ends_with("....ok") {
            self.running = true;
        }
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
                out.ended(&format!("{file} test {test}"), TestOutcome::Failed, None, String::new());
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
