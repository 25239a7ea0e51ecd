//! The text of `cargo test`: cargo's lines about targets, libtest's about tests.

use crate::held::{Held, Part};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::{Flaw, Limits, TestOutcome};

/// Reads the text of `cargo test`.
pub(crate) struct CargoTest {
    held: Held,
    part: Part,
    /// The target whose tests run: the stem of its binary.
    target: String,
    /// Tests of the run that is open.
    planned: Option<u64>,
    begun: Option<String>,
    detail: Option<String>,
}

impl CargoTest {
    pub(crate) fn new(limits: &Limits) -> Self {
        let held = Held::new(limits);
        Self { held, part: Part::default(), target: String::new(), planned: None, begun: None, detail: None }
    }

    fn test(&mut self, name: &str, outcome: TestOutcome, reason: &str, out: &mut Sink<'_>) {
        let full = self.full(name);
        match outcome {
            TestOutcome::Failed => self.held.hold(&full, outcome, None, out),
            _ => out.ended(&full, outcome, None, reason.to_owned()),
        }
    }

    fn full(&self, name: &str) -> String {
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        if self.target.is_empty() { name.to_owned() } else { format!("{} {name}", self.target) }
    }

    /// A line of libtest about one test, or what remains of it.
    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some((name, status)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            match ended(status) {
                Some((outcome, reason)) => self.test(name, outcome, reason, out),
                None => self.begun = Some(name.to_owned()),
            }
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")).map(|(n, _)| n)
        {
            self.begun = Some(name.to_owned());
        } else if let Some((outcome, reason)) = ended(line)
            && let Some(name) = self.begun.take()
        {
            self.test(&name, outcome, reason, out);
        } else if let Some(name) = title(line) {
            self.detail = Some(self.full(name));
        } else if line == "failures:" || line == "successes:" {
            self.detail = None;
        } else if let Some(test) = self.detail.as_ref().and_then(|name| self.held.find(name))
            && !(line.is_empty() && test.message.is_empty())
        {
            test.message.line(line);
        }
    }

    /// `test result: FAILED. 2 passed; 3 failed; 1 ignored; …`.
    fn result(&mut self, counts: &str, out: &mut Sink<'_>) {
        self.detail = None;
        self.begun = None;
        self.held.release(out, str::to_owned);
        for count in counts.split("; ") {
            let mut words = count.trim_start_matches("ok. ").trim_start_matches("FAILED. ").split(' ');
            let Some(Ok(n)) = words.next().map(str::parse::<u64>) else { continue };
            let outcome = match words.next() {
                Some("passed") => TestOutcome::Passed,
                Some("failed") => TestOutcome::Failed,
                Some("ignored") => TestOutcome::Skipped,
                _ => continue,
            };
            self.part.said(outcome, n, out);
        }
        let ran = self.part.all(out);
        if let Some(planned) = self.planned.take().filter(|planned| *planned > ran) {
            out.flaw(Flaw::PlanNotMet { planned, ran });
        }
        self.part.next(out);
    }

    /// The run that is open ends without its result: the program died.
    fn died(&mut self, out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        self.detail = None;
        if let Some(name) = self.begun.take() {
            let full = self.full(&name);
            out.never_ended(&full, String::new());
        }
        if let Some(planned) = self.planned.take() {
            let ran = self.part.all(out);
            let target = if self.target.is_empty() { "the tests" } else { &self.target };
            let missing = format!("{target} began {planned} tests and ended {ran}, without a result");
            out.flaw(Flaw::CutOff { missing });
            self.part.next(out);
        }
    }
}

impl ByLine for CargoTest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some(target) = target(line) {
            self.died(out);
            self.target = target;
        } else if let Some(planned) = planned(line) {
            self.died(out);
            self.planned = Some(planned);
            out.planned(planned);
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.result(counts, out);
        } else if let Some(what) = line.strip_prefix("error: could not compile ") {
            let what = what.split(" due to").next().unwrap_or(what);
            out.flaw(Flaw::NotRun { what: what.to_owned(), reason: "it does not compile".into() });
        } else if self.planned.is_some() {
            self.progress(line, out);
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.died(out);
    }
}

/// The target named by one of cargo's lines: `Running unittests src/lib.rs (target/debug/deps/river-7de4…)`.
fn target(line: &str) -> Option<String> {
    let line = line.strip_prefix("  ")?.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(name.to_owned());
    }
    let (_, path) = line.strip_prefix("Running ")?.split_once(" (")?;
    let file = path.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    let file = file.strip_suffix(".exe").unwrap_or(file);
    Some(file.rsplit_once('-').map_or(file, |(stem, _)| stem).to_owned())
}

/// `running 6 tests`.
fn planned(line: &str) -> Option<u64> {
    let (n, rest) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(rest, "test" | "tests").then(|| n.parse().ok())?
}

/// `---- tests::falls stdout ----`.
fn title(line: &str) -> Option<&str> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    name.strip_suffix(" stdout").or_else(|| name.strip_suffix(" stderr"))
}

fn ended(status: &str) -> Option<(TestOutcome, &str)> {
    let (word, reason) = status.split_once(", ").unwrap_or((status, ""));
    // `ok <0.001s>` with --report-time.
    let word = word.split_once(" <").map_or(word, |(word, _)| word);
    match word {
        "ok" => Some((TestOutcome::Passed, "")),
        "FAILED" => Some((TestOutcome::Failed, "")),
        "ignored" => Some((TestOutcome::Skipped, reason)),
        _ if status.starts_with("bench:") => Some((TestOutcome::Passed, "")),
        _ => None,
    }
}
