//! The text of `ctest`.

use crate::held::Part;
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestCase, TestOutcome, duration};

/// Reads ctest's text.
pub(crate) struct Ctest {
    /// A test that did not pass: its output may follow.
    last: Option<TestCase>,
    message: Message,
    part: Part,
    disabled: u64,
    running: bool,
}

impl Ctest {
    pub(crate) fn new(limits: &Limits) -> Self {
        let message = Message::new(limits.message);
        Self { last: None, message, part: Part::default(), disabled: 0, running: false }
    }

    fn tell(&mut self, out: &mut Sink<'_>) {
        let message = self.message.take();
        if let Some(mut test) = self.last.take() {
            test.message = message;
            out.test(test);
        }
    }

    /// `29% tests passed, 5 tests failed out of 7`: what is disabled is not among them.
    fn summary(&mut self, failed: u64, all: u64, out: &mut Sink<'_>) {
        self.tell(out);
        let bad = self.part.came(TestOutcome::Failed, out) + self.part.came(TestOutcome::Error, out);
        out.counted(TestOutcome::Failed, failed.saturating_sub(bad));
        let counted = self.part.all(out).saturating_sub(self.disabled);
        if all > counted {
            out.flaw(Flaw::TotalsDiffer { what: "tests", said: all, counted });
        }
        self.running = false;
        self.disabled = 0;
        self.part.next(out);
    }
}

impl ByLine for Ctest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some(test) = test(line) {
            self.tell(out);
            self.running = true;
            self.disabled += u64::from(test.message == DISABLED);
            if !matches!(test.outcome, TestOutcome::Passed | TestOutcome::Failed) || !test.message.is_empty() {
                self.message.line(&test.message);
            }
            self.last = Some(test);
        } else if let Some(name) = start(line) {
            self.tell(out);
            self.running = true;
            out.started(name);
        } else if let Some((failed, all)) = summary(line) {
            self.summary(failed, all, out);
        } else if line.starts_with("Test project ") {
            self.running = true;
        } else if line == "No tests were found!!!" {
            self.running = false;
        } else if self.last.as_ref().is_some_and(|test| test.outcome != TestOutcome::Passed)
            && !(line.is_empty() && self.message.is_empty())
        {
            self.message.line(line);
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.tell(out);
        if self.running {
            out.flaw(Flaw::CutOff { missing: "the line 'N% tests passed' at the end".into() });
        }
    }
}

const DISABLED: &str = "Not Run (Disabled)";

/// `    Start 1: rises`.
fn start(line: &str) -> Option<&str> {
    let (number, name) = line.strip_prefix("  ")?.trim_start().strip_prefix("Start ")?.split_once(": ")?;
    number.trim().bytes().all(|b| b.is_ascii_digit()).then_some(name)
}

/// `2/8 Test #2: falls .............***Failed    0.00 sec`.
fn test(line: &str) -> Option<TestCase> {
    let (before, rest) = line.split_once("Test ")?;
    let (done, all) = before.trim().split_once('/')?;
    let (number, rest) = rest.trim_start().strip_prefix('#')?.split_once(": ")?;
    if [done, all, number].iter().any(|n| !n.trim().bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (status, took) = match rest.trim_end().strip_suffix(" sec") {
        Some(rest) => rest.rsplit_once(' ')?,
        None => (rest, ""),
    };
    let (name, word) = match status.rsplit_once("***") {
        Some((name, word)) => (name, word.trim()),
        None => (status.trim_end().strip_suffix("Passed")?, "Passed"),
    };
    let name = name.trim_end().trim_end_matches('.').trim_end();
    let outcome = match word {
        "Passed" => TestOutcome::Passed,
        "Skipped" | DISABLED => TestOutcome::Skipped,
        word if word.starts_with("Failed") || word.starts_with("Timeout") => TestOutcome::Failed,
        _ => TestOutcome::Error,
    };
    let message = if matches!(word, "Passed" | "Failed" | "Skipped") { String::new() } else { word.to_owned() };
    Some(TestCase { name: name.to_owned(), outcome, duration: duration::seconds(took), message })
}

/// `29% tests passed, 5 tests failed out of 7`; newer ones leave out that none failed.
fn summary(line: &str) -> Option<(u64, u64)> {
    let (percent, rest) = line.split_once("% tests passed")?;
    percent.parse::<u64>().ok()?;
    let (failed, all) = rest.split_once("out of ")?;
    let failed = failed.trim_start_matches([',', ' ']).split(' ').next().filter(|n| !n.is_empty());
    Some((failed.map_or(Some(0), |n| n.parse().ok())?, all.trim().parse().ok()?))
}
