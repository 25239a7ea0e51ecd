//! The text of Python's `unittest`, with and without `-v`.
//!
//! With `-v` each test has its line; without, names stand only in the details of those that did not pass, and what
//! passed follows from the closing lines. What is said about classes and modules (`setUpClass`) is no test of its own
//! in "Ran N tests".

use crate::held::{Held, Part};
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::{Flaw, Limits, TestOutcome, duration};
use std::collections::BTreeSet;

/// Reads unittest's text.
pub(crate) struct Unittest {
    held: Held,
    part: Part,
    place: Place,
    /// A test that began, whose outcome does not stand on its line.
    begun: Option<String>,
    /// Tests of this run that did not pass, without their subtests, and not those about classes; bounded.
    bad: BTreeSet<String>,
    ran: Option<u64>,
    running: bool,
    limits: Limits,
}

#[derive(Clone, PartialEq)]
enum Place {
    /// Where the tests tell how they end.
    Progress,
    /// Behind a double rule, before a rule: what it is about.
    Header(Option<(String, TestOutcome)>),
    /// Behind the rule: what is said about the test of that name.
    Detail(String),
}

impl Unittest {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            held: Held::new(limits),
            part: Part::default(),
            place: Place::Progress,
            begun: None,
            bad: BTreeSet::new(),
            ran: None,
            running: false,
            limits: *limits,
        }
    }

    fn progress(&mut self, line: &str, out: &mut Sink<'_>) {
        if let Some((description, rest)) = line.split_once(" ... ").or_else(|| Some((line.strip_suffix(" ...")?, ""))) {
            // With a doc string the name stands on the line before.
            let name = name(description.trim_start()).or_else(|| self.begun.take());
            let Some(name) = name else { return };
            self.running = true;
            match status(rest) {
                Some((outcome, reason)) => self.test(&name, outcome, reason, out),
                None => self.begun = Some(name),
            }
        } else if let Some((outcome, reason)) = status(line)
            && let Some(name) = self.begun.take()
        {
            self.test(&name, outcome, reason, out);
        } else if let Some(name) = name(line) {
            self.begun = Some(name);
        }
    }

    fn test(&mut self, name: &str, outcome: TestOutcome, reason: &str, out: &mut Sink<'_>) {
        self.begun = None;
        self.note(name, outcome);
        if matches!(outcome, TestOutcome::Failed | TestOutcome::Error) {
            self.held.hold(name, outcome, None, out);
        } else {
            out.ended(name, outcome, None, reason.to_owned());
        }
    }

    fn note(&mut self, name: &str, outcome: TestOutcome) {
        let about = ["setUpClass", "tearDownClass", "setUpModule", "tearDownModule"];
        let base = name.split([' ', '[', '(']).next().unwrap_or(name);
        let of_class = about.iter().any(|word| base.ends_with(word));
        if outcome != TestOutcome::Passed && !of_class && self.bad.len() < self.limits.open {
            self.bad.insert(crate::text::short(base, self.limits.name));
        }
    }

    /// `FAIL: test_x (module.Class.test_x)`.
    fn header(&mut self, line: &str, out: &mut Sink<'_>) {
        let (word, rest) = line.split_once(": ").unwrap_or((line, ""));
        let outcome = match word {
            "FAIL" => TestOutcome::Failed,
            "ERROR" => TestOutcome::Error,
            "UNEXPECTED SUCCESS" => TestOutcome::UnexpectedSuccess,
            _ => return,
        };
        let name = name(rest).unwrap_or_else(|| rest.to_owned());
        let told = self.part.came(outcome, out) > 0 && outcome == TestOutcome::UnexpectedSuccess;
        if self.held.find(&name).is_none() && !told {
            self.note(&name, outcome);
            self.held.hold(&name, outcome, None, out);
        }
        self.place = Place::Header(Some((name, outcome)));
    }

    /// `OK (skipped=1)` or `FAILED (failures=2, errors=3)` behind "Ran N tests".
    fn result(&mut self, counts: &str, ran: u64, out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        let mut unnamed = 0;
        for count in counts.trim_matches(['(', ')']).split(", ") {
            let Some((what, n)) = count.split_once('=') else { continue };
            let Ok(n) = n.parse::<u32>().map(u64::from) else { continue };
            let outcome = match what {
                "failures" => TestOutcome::Failed,
                "errors" => TestOutcome::Error,
                "skipped" => TestOutcome::Skipped,
                "expected failures" => TestOutcome::ExpectedFailure,
                "unexpected successes" => TestOutcome::UnexpectedSuccess,
                _ => continue,
            };
            unnamed += n.saturating_sub(self.part.came(outcome, out));
            self.part.said(outcome, n, out);
        }
        let passed = ran.saturating_sub(self.bad.len() as u64).saturating_sub(unnamed);
        self.part.said(TestOutcome::Passed, passed, out);
        self.part.next(out);
        self.bad.clear();
        self.running = false;
        self.place = Place::Progress;
    }
}

impl ByLine for Unittest {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        let rule = |c| line.len() >= 70 && line.bytes().all(|b| b == c);
        if let Some(ran) = self.ran {
            let result = line.strip_prefix("OK").or_else(|| line.strip_prefix("FAILED"));
            let result = result.or_else(|| line.strip_prefix("NO TESTS RAN"));
            match result {
                Some(counts) => {
                    self.ran = None;
                    return self.result(counts.trim(), ran, out);
                }
                None if line.is_empty() => return,
                None => self.ran = None,
            }
        }
        if rule(b'=') {
            self.running = true;
            self.place = Place::Header(None);
        } else if rule(b'-') {
            self.place = match std::mem::replace(&mut self.place, Place::Progress) {
                Place::Header(Some((name, _))) => Place::Detail(name),
                _ => Place::Progress,
            };
        } else if let Some(ran) = ran(line) {
            (self.ran, self.running, self.place) = (Some(ran), true, Place::Progress);
        } else {
            match &self.place {
                Place::Progress => self.progress(line, out),
                Place::Header(_) => self.header(line, out),
                Place::Detail(name) => {
                    if let Some(test) = self.held.find(name) {
                        test.message.line(line);
                    }
                }
            }
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.held.release(out, str::to_owned);
        let begun = self.begun.take().filter(|_| self.running);
        if let Some(name) = begun {
            out.never_ended(&name, String::new());
        }
        if self.running {
            out.flaw(Flaw::CutOff { missing: "the line OK or FAILED at the end".into() });
        }
    }
}

/// `test_x (module.Class.test_x) [subtest]`, or without the method in parentheses as before Python 3.11, as one name.
fn name(description: &str) -> Option<String> {
    let (method, rest) = description.split_once(" (")?;
    let (path, rest) = rest.split_once(')')?;
    let identifier = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.<>".contains(c));
    if !identifier(method) || !identifier(path) || !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    let has_method = path.strip_suffix(method).is_some_and(|before| before.ends_with('.'));
    Some(if has_method { format!("{path}{rest}") } else { format!("{path}.{method}{rest}") })
}

/// How a test ended, by the last words of its line.
fn status(text: &str) -> Option<(TestOutcome, &str)> {
    let text = text.trim();
    if let Some(reason) = text.strip_prefix("skipped ") {
        return Some((TestOutcome::Skipped, reason.trim_matches(['\'', '"'])));
    }
    let outcome = match text {
        "ok" => TestOutcome::Passed,
        "FAIL" => TestOutcome::Failed,
        "ERROR" => TestOutcome::Error,
        "expected failure" => TestOutcome::ExpectedFailure,
        "unexpected success" => TestOutcome::UnexpectedSuccess,
        _ => return None,
    };
    Some((outcome, ""))
}

/// `Ran 9 tests in 0.001s`.
fn ran(line: &str) -> Option<u64> {
    let (n, rest) = line.strip_prefix("Ran ")?.split_once(' ')?;
    let (_, took) = rest.split_once(" in ")?;
    duration::with_unit(took)?;
    n.parse().ok()
}
