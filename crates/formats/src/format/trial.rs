//! The text of Twisted's `trial`, in each of its reporters: a tree, full names, or letters.

use crate::held::{Held, Part};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::{Flaw, Limits, TestOutcome};

/// Reads trial's text.
pub(crate) struct Trial {
    module: String,
    class: String,
    /// A test that began and whose end does not stand on its line.
    begun: Option<String>,
    held: Held,
    part: Part,
    detail: Option<Detail>,
    /// Something came that belongs to a run that is not over.
    running: bool,
}

/// A block of details: an outcome, a text, and the names that it is about.
struct Detail {
    outcome: Option<TestOutcome>,
    lines: Vec<String>,
    bytes: usize,
}

impl Trial {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (module, class) = (String::new(), String::new());
        let held = Held::new(limits);
        Self { module, class, begun: None, held, part: Part::default(), detail: None, running: false }
    }

    /// A line outside of details.
    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some((name, rest)) = trimmed.split_once(" ...").filter(|(name, _)| !name.contains(' ')) {
            let full = match indent {
                0 => name.to_owned(),
                _ => format!("{}.{}.{name}", self.module, self.class),
            };
            self.running = true;
            out.started(&full);
            match word(rest) {
                Some(outcome) => self.test(&full, outcome, out),
                None => self.begun = Some(full),
            }
        } else if let Some(outcome) = self.begun.is_some().then(|| word(line)).flatten() {
            if let Some(name) = self.begun.take() {
                self.test(&name, outcome, out);
            }
        } else if trimmed.is_empty() || trimmed.contains(' ') {
            // Nothing, or something that tests print.
        } else if indent == 0 {
            trimmed.clone_into(&mut self.module);
        } else if indent == 2 {
            trimmed.clone_into(&mut self.class);
        }
    }

    fn test(&mut self, name: &str, outcome: TestOutcome, out: &mut Sink<'_>) {
        self.begun = None;
        match outcome {
            TestOutcome::Passed => out.ended(name, outcome, None, String::new()),
            _ => self.held.hold(name, outcome, None, out),
        }
    }

    /// The block is complete: its last lines, behind an empty one, are the names.
    fn detailed(&mut self, out: &mut Sink<'_>) {
        let Some(Detail { outcome: Some(outcome), lines, .. }) = self.detail.take() else { return };
        let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |i| i + 1);
        let names = lines[..end].iter().rposition(|line| line.is_empty()).map_or(0, |i| i + 1);
        // Unexpected successes were told as passed, or are counted at the end.
        let bad = outcome != TestOutcome::Passed;
        for name in lines[names..end].iter().take_while(|name| bad && !name.contains(' ')) {
            if self.held.find(name).is_none() {
                self.held.hold(name, outcome, None, out);
            }
            if let Some(test) = self.held.find(name).filter(|test| test.message.is_empty()) {
                for line in &lines[..names] {
                    test.message.line(line);
                }
            }
        }
    }

    /// `PASSED (skips=1, successes=2)` or `FAILED (failures=1)`.
    fn result(&mut self, counts: &str, out: &mut Sink<'_>) {
        self.detailed(out);
        self.held.release(out, str::to_owned);
        let mut passed = 0;
        for count in counts.trim_matches(['(', ')']).split(", ") {
            let Some((what, n)) = count.split_once('=') else { continue };
            let Ok(n) = n.parse::<u32>().map(u64::from) else { continue };
            let outcome = match what {
                "successes" | "unexpectedSuccesses" => {
                    passed += n;
                    continue;
                }
                "failures" => TestOutcome::Failed,
                "errors" => TestOutcome::Error,
                "skips" => TestOutcome::Skipped,
                "expectedFailures" => TestOutcome::ExpectedFailure,
                _ => continue,
            };
            self.part.said(outcome, n, out);
        }
        self.part.said(TestOutcome::Passed, passed, out);
        self.part.next(out);
        self.running = false;
    }
}

impl ByLine for Trial {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        let rule = |c| line.len() >= 70 && line.bytes().all(|b| b == c);
        if rule(b'=') {
            self.detailed(out);
            self.running = true;
            self.detail = Some(Detail { outcome: None, lines: Vec::new(), bytes: 0 });
        } else if rule(b'-') {
            self.detailed(out);
        } else if let Some(counts) = line.strip_prefix("PASSED").or_else(|| line.strip_prefix("FAILED"))
            && (counts.is_empty() || counts.starts_with(" ("))
            && self.detail.is_none()
        {
            self.result(counts.trim(), out);
        } else if let Some(detail) = &mut self.detail {
            if detail.outcome.is_none() {
                detail.outcome = word(line);
                // What follows such a line is told without a block.
                if detail.outcome.is_none() {
                    self.detail = None;
                }
            } else if detail.bytes + line.len() <= 2 * out.limits().line && detail.lines.len() < 4096 {
                detail.bytes += line.len();
                detail.lines.push(line.to_owned());
            }
        } else if let Some(n) = planned(line) {
            self.running = true;
            out.planned(n);
        } else {
            self.progress(line, out);
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.detailed(out);
        self.held.release(out, str::to_owned);
        if let Some(name) = self.begun.take() {
            out.never_ended(&name, String::new());
        }
        if self.running || self.part.all(out) > 0 {
            out.flaw(Flaw::CutOff { missing: "the line PASSED or FAILED at the end".into() });
        }
    }
}

/// `Running 7 tests.`
fn planned(line: &str) -> Option<u64> {
    line.strip_prefix("Running ")?.strip_suffix(" tests.")?.parse().ok()
}

/// The outcome in brackets at the end of a line. Trial lets unexpected successes pass.
fn word(line: &str) -> Option<TestOutcome> {
    let (_, word) = line.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    Some(match word {
        "OK" | "SUCCESS!?!" => TestOutcome::Passed,
        "FAIL" | "FAILURE" => TestOutcome::Failed,
        "ERROR" => TestOutcome::Error,
        "SKIPPED" => TestOutcome::Skipped,
        "TODO" => TestOutcome::ExpectedFailure,
        _ => return None,
    })
}
