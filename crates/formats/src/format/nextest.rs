//! The text of `cargo nextest run`. A test that fails and is tried again counts once, by its last try.

use crate::held::{Held, Part};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::{Flaw, Limits, TestOutcome, duration};
use model::Span;

/// Reads nextest's text.
pub(crate) struct Nextest {
    /// Tests whose last try failed so far.
    held: Held,
    part: Part,
    planned: Option<u64>,
    /// The test that the indented lines are about.
    about: Option<String>,
}

impl Nextest {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { held: Held::new(limits), part: Part::default(), planned: None, about: None }
    }

    fn status(&mut self, status: &Status<'_>, out: &mut Sink<'_>) {
        self.about = None;
        let name = status.name;
        match status.outcome {
            TestOutcome::Passed => {
                if self.held.take(name).is_some() {
                    out.flaky();
                    let message = "it failed at first and passed when it was tried again".to_owned();
                    out.ended(name, TestOutcome::Passed, status.duration, message);
                } else {
                    out.ended(name, TestOutcome::Passed, status.duration, String::new());
                }
            }
            outcome => {
                self.held.take(name);
                self.held.hold(name, outcome, status.duration, out);
                self.about = Some(name.to_owned());
            }
        }
    }

    /// `Summary [   0.091s] 7 tests run: 4 passed (1 flaky), 3 failed, 1 skipped`.
    fn summary(&mut self, line: &str, out: &mut Sink<'_>) {
        self.about = None;
        self.held.release(out, str::to_owned);
        let Some((run, counts)) = line.split_once("] ").and_then(|(_, rest)| rest.split_once(':')) else { return };
        let numbers = run.split(' ').next().unwrap_or("");
        let (ran, planned) = numbers.split_once('/').map_or((numbers, None), |(ran, all)| (ran, Some(all)));
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let planned = planned.and_then(number).or(self.planned);
        let mut bad = 0u64;
        for count in split(counts) {
            let Some((n, what)) = count.trim().split_once(' ') else { continue };
            let Some(n) = number(n).filter(|n| *n < 1 << 32) else { continue };
            match what.split(' ').next().unwrap_or("") {
                "passed" => self.part.said(TestOutcome::Passed, n, out),
                "failed" | "timed" | "exec" => bad += n,
                "skipped" => self.part.said(TestOutcome::Skipped, n, out),
                _ => {}
            }
        }
        let told = self.part.came(TestOutcome::Failed, out) + self.part.came(TestOutcome::Error, out);
        out.counted(TestOutcome::Failed, bad.saturating_sub(told));
        if let (Some(planned), Some(ran)) = (planned, number(ran))
            && planned > ran
        {
            out.flaw(Flaw::PlanNotMet { planned, ran });
        }
        self.planned = None;
        self.part.next(out);
    }
}

impl ByLine for Nextest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        let trimmed = line.trim_start();
        if let Some(planned) = starting(trimmed) {
            self.planned = Some(planned);
            out.planned(planned);
        } else if let Some(what) = line.strip_prefix("error: could not compile ") {
            let what = what.split(" due to").next().unwrap_or(what);
            out.flaw(Flaw::NotRun { what: what.to_owned(), reason: "it does not compile".into() });
        } else if self.planned.is_none() {
            // Before the run, or behind its summary, where failures are told once more.
        } else if trimmed.starts_with("Summary [") {
            self.summary(trimmed, out);
        } else if let Some(status) = status(line) {
            self.status(&status, out);
        } else if let Some(test) = self.about.as_ref().and_then(|name| self.held.find(name)) {
            let text = line.strip_prefix("    ").unwrap_or(trimmed);
            if !(text.is_empty() && test.message.is_empty()) {
                test.message.line(text);
            }
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        if self.planned.is_some() {
            out.flaw(Flaw::CutOff { missing: "the summary at the end".into() });
        }
    }
}

/// `Starting 7 tests across 2 binaries`.
fn starting(line: &str) -> Option<u64> {
    let (n, rest) = line.strip_prefix("Starting ")?.split_once(' ')?;
    (rest.starts_with("tests across ") || rest.starts_with("test across ")).then(|| n.parse().ok())?
}

/// One line about one try of one test.
struct Status<'a> {
    outcome: TestOutcome,
    duration: Option<Span>,
    name: &'a str,
}

/// `TRY 2 PASS [   0.006s] (7/7) river::bank flaky`. Lines that end nothing give `None`.
fn status(line: &str) -> Option<Status<'_>> {
    if !line.starts_with("  ") {
        return None;
    }
    let (word, rest) = line.trim_start().split_once(" [")?;
    let word = match word.strip_prefix("TRY ") {
        Some(numbered) => numbered.split_once(' ')?.1,
        None => word,
    };
    let (took, rest) = rest.split_once("] ")?;
    let rest = rest.trim_start();
    let name = match rest.strip_prefix('(') {
        Some(counted) => counted.split_once(") ")?.1.trim_start(),
        None => rest,
    };
    let outcome = match word {
        "PASS" | "LEAK" => TestOutcome::Passed,
        "FAIL" | "LEAK-FAIL" | "FL+LK" => TestOutcome::Failed,
        "TIMEOUT" | "TMT" => TestOutcome::Failed,
        "ABORT" | "XFAIL" => TestOutcome::Error,
        signal if signal.starts_with("SIG") => TestOutcome::Error,
        _ => return None,
    };
    Some(Status { outcome, duration: duration::with_unit(took.trim_start_matches(['>', ' '])), name })
}

/// Parts between commas that stand in no parentheses.
fn split(counts: &str) -> Vec<&str> {
    let mut depth = 0;
    counts
        .split(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        })
        .collect()
}
