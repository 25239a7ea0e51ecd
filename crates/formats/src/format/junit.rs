//! JUnit XML. There is no standard: what counts is what producers write (surefire, nextest, pytest, gtest, ctest, jest,
//! node). Test cases are trusted, totals only where they tell of more failures than came.

use crate::reader::{Parse, Sink};
use crate::text::Message;
use crate::xml::{Piece, Tag, Xml};
use crate::{Flaw, Limits, TestOutcome, duration};
use model::Span;

/// Reads JUnit XML.
pub(crate) struct Junit {
    xml: Xml,
    reading: Reading,
    limits: Limits,
    begun: Vec<u8>,
    stopped: bool,
}

/// What a document is made of, as far as it matters.
struct Reading {
    stack: Vec<Element>,
    case: Option<Case>,
    /// Text of the innermost failure, error or skip.
    text: Message,
    /// What its attributes say.
    attribute: String,
    /// Failures and errors that were told when the outermost suite began, and how many it says it has.
    outer: Option<(u64, u64)>,
    seen: bool,
    broken: u32,
}

enum Element {
    Suites,
    Suite(String),
    Case,
    /// A child that says how a case, or a whole suite, ended.
    Verdict(TestOutcome),
    /// A try before the one that counts.
    Try,
    Other,
}

struct Case {
    name: String,
    duration: Option<Span>,
    outcome: TestOutcome,
    message: Message,
    tries: u32,
}

impl Junit {
    pub(crate) fn new(limits: &Limits) -> Self {
        let reading = Reading {
            stack: Vec::new(),
            case: None,
            text: Message::new(limits.message),
            attribute: String::new(),
            outer: None,
            seen: false,
            broken: 0,
        };
        Self { xml: Xml::new(limits.line), reading, limits: *limits, begun: Vec::new(), stopped: false }
    }

    /// The first two bytes tell an encoding that is not read.
    fn encoding(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        let missing = 2usize.saturating_sub(self.begun.len());
        self.begun.extend(bytes.iter().take(missing));
        if missing > 0 && matches!(self.begun[..], [0xfe, 0xff] | [0xff, 0xfe] | [0, b'<'] | [b'<', 0]) {
            out.flaw(Flaw::Refused { at: 0, why: "it is written in UTF-16, not in UTF-8" });
            self.stopped = true;
        }
    }
}

impl Parse for Junit {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        self.encoding(bytes, out);
        if !self.stopped {
            let Self { xml, reading, limits, .. } = self;
            self.stopped = !xml.push(bytes, &mut |piece, at| reading.piece(piece, at, limits, out));
        }
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        if self.stopped {
            return;
        }
        let Self { xml, reading, limits, .. } = self;
        let between = xml.finish(&mut |piece, at| reading.piece(piece, at, limits, out));
        reading.lost(out);
        if !between || !reading.stack.is_empty() {
            let missing = match reading.stack.len() {
                0 => "the end of a tag".to_owned(),
                1 => "the end of the outermost element".to_owned(),
                n => format!("the ends of {n} elements"),
            };
            out.flaw(Flaw::CutOff { missing });
        } else if !reading.seen && xml.at() > 0 {
            let what = "there is no testsuite in it".to_owned();
            out.flaw(Flaw::Malformed { place: format!("up to byte {}", xml.at()), what });
        }
    }
}

impl Reading {
    fn piece(&mut self, piece: Piece<'_>, at: u64, limits: &Limits, out: &mut Sink<'_>) -> bool {
        match piece {
            Piece::Start(tag) => {
                if self.stack.len() >= limits.open {
                    out.flaw(Flaw::Refused { at, why: "its elements are nested too deeply" });
                    return false;
                }
                let element = self.start(&tag, limits, out);
                self.stack.push(element);
            }
            Piece::End(name) => self.end(&name, at, out),
            Piece::Text(text) => {
                if matches!(self.stack.last(), Some(Element::Verdict(_))) {
                    self.text.push(text.as_bytes());
                }
            }
            Piece::Refused(why) => {
                out.flaw(Flaw::Refused { at, why });
                return false;
            }
            Piece::Broken(what) => self.broken(what, at, out),
        }
        true
    }

    fn broken(&mut self, what: &str, at: u64, out: &mut Sink<'_>) {
        self.broken += 1;
        if self.broken == 1 {
            out.flaw(Flaw::Malformed { place: format!("at byte {at}"), what: what.to_owned() });
        }
    }

    fn start(&mut self, tag: &Tag<'_>, limits: &Limits, out: &Sink<'_>) -> Element {
        let name = tag.name.rsplit(':').next().unwrap_or(tag.name);
        match name {
            "testsuites" | "testsuite" => {
                self.seen = true;
                if self.outer.is_none() {
                    let number = |name| tag.get(name).and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0);
                    let said = number("failures").saturating_add(number("errors"));
                    self.outer = Some((out.totals().bad_count(), said));
                }
                match name {
                    "testsuites" => Element::Suites,
                    _ => Element::Suite(crate::text::short(&tag.get("name").unwrap_or_default(), limits.name)),
                }
            }
            "testcase" if self.case.is_none() => {
                self.seen = true;
                self.case = Some(self.begin(tag, limits));
                Element::Case
            }
            "failure" | "error" | "skipped" | "skip" if self.inside() => self.verdict(name, tag),
            "flakyFailure" | "flakyError" => {
                if let Some(case) = &mut self.case {
                    case.tries = case.tries.saturating_add(1);
                }
                Element::Try
            }
            "rerunFailure" | "rerunError" => Element::Try,
            _ => Element::Other,
        }
    }

    fn begin(&self, tag: &Tag<'_>, limits: &Limits) -> Case {
        let suite =
            self.stack.iter().rev().find_map(|e| if let Element::Suite(s) = e { Some(s.as_str()) } else { None });
        let class = tag.get("classname").filter(|c| !c.is_empty());
        let name = tag.get("name").unwrap_or_default();
        let left_out = |name| {
            let value = tag.get(name).unwrap_or_default();
            ["notrun", "skipped", "disabled", "ignored", "suppressed"].iter().any(|w| value.eq_ignore_ascii_case(w))
        };
        let skipped = left_out("status") || left_out("result");
        Case {
            name: joined(class.as_deref().or(suite).unwrap_or(""), &name),
            duration: tag.get("time").and_then(|t| duration::seconds(&t)),
            outcome: if skipped { TestOutcome::Skipped } else { TestOutcome::Passed },
            message: Message::new(limits.message),
            tries: 0,
        }
    }

    /// Whether a verdict that begins here is one about the case or the suite, and no part of something else.
    fn inside(&self) -> bool {
        matches!(self.stack.last(), Some(Element::Case | Element::Suite(_)))
    }

    fn verdict(&mut self, name: &str, tag: &Tag<'_>) -> Element {
        let kind = tag.get("type").unwrap_or_default();
        self.attribute = tag.get("message").filter(|m| !m.trim().is_empty()).unwrap_or(kind.clone());
        self.text.take();
        Element::Verdict(match name {
            "failure" => TestOutcome::Failed,
            "error" => TestOutcome::Error,
            _ if matches!(kind.as_str(), "pytest.xfail" | "todo") => TestOutcome::ExpectedFailure,
            // What ctest writes of a test whose program is missing; its own totals have it as failed.
            _ if self.attribute == "Unable to find executable" => TestOutcome::Error,
            _ => TestOutcome::Skipped,
        })
    }

    fn end(&mut self, name: &str, at: u64, out: &mut Sink<'_>) {
        let Some(element) = self.stack.pop() else {
            return self.broken("an end without its beginning", at, out);
        };
        let name = name.rsplit(':').next().unwrap_or(name);
        let fits = match (&element, name) {
            (Element::Suites, "testsuites") | (Element::Suite(_), "testsuite") | (Element::Case, "testcase") => true,
            (Element::Suites | Element::Suite(_) | Element::Case, _) => false,
            (_, name) => !matches!(name, "testsuites" | "testsuite" | "testcase"),
        };
        if !fits {
            self.broken("the end of another element than the one that is open", at, out);
        }
        match element {
            Element::Verdict(outcome) => self.told(outcome, out),
            Element::Case if fits => self.case_ended(out),
            Element::Case => self.lost(out),
            Element::Suites | Element::Suite(_) if self.stack.is_empty() => {
                if let Some((before, said)) = self.outer.take() {
                    let counted = out.totals().bad_count().saturating_sub(before);
                    if said > counted {
                        out.flaw(Flaw::TotalsDiffer { what: "failures and errors", said, counted });
                    }
                }
            }
            _ => {}
        }
    }

    /// A verdict with its text is complete.
    fn told(&mut self, outcome: TestOutcome, out: &mut Sink<'_>) {
        let text = self.text.take();
        let attribute = std::mem::take(&mut self.attribute);
        let first = attribute.lines().next().unwrap_or("").trim();
        let mut whole = Message::new(out.limits().message);
        // Most producers begin the text with the attribute.
        if !first.is_empty() && !text.contains(first) {
            whole.line(&attribute);
        }
        if !text.trim().is_empty() {
            whole.line(text.trim_matches(['\n', '\r']));
        }
        let whole = whole.take();
        match &mut self.case {
            Some(case) => {
                case.outcome = worse(case.outcome, outcome);
                if !whole.is_empty() {
                    case.message.line(&whole);
                }
            }
            None if matches!(outcome, TestOutcome::Failed | TestOutcome::Error) => {
                let suite = if let Some(Element::Suite(name)) = self.stack.last() { name.as_str() } else { "" };
                let name = if suite.is_empty() { "(suite)" } else { suite };
                out.ended(name, TestOutcome::Error, None, whole);
            }
            None => {}
        }
    }

    /// A case whose end never came.
    fn lost(&mut self, out: &mut Sink<'_>) {
        if let Some(mut case) = self.case.take() {
            out.never_ended(&case.name, case.message.take());
        }
    }

    fn case_ended(&mut self, out: &mut Sink<'_>) {
        let Some(mut case) = self.case.take() else { return };
        if case.outcome == TestOutcome::Passed && case.tries > 0 {
            out.flaky();
            case.message.line(&format!("it passed after {} that failed", tries(case.tries)));
        }
        out.ended(&case.name, case.outcome, case.duration, case.message.take());
    }
}

fn tries(n: u32) -> String {
    if n == 1 { "1 try".into() } else { format!("{n} tries") }
}

/// Several verdicts on one case: the worst one counts.
fn worse(a: TestOutcome, b: TestOutcome) -> TestOutcome {
    if (a, b) == (TestOutcome::ExpectedFailure, TestOutcome::Failed) {
        return a;
    }
    let rank = |outcome| match outcome {
        TestOutcome::Error => 4,
        TestOutcome::Failed => 3,
        TestOutcome::UnexpectedSuccess => 2,
        TestOutcome::Skipped | TestOutcome::ExpectedFailure => 1,
        TestOutcome::Passed => 0,
    };
    if rank(b) > rank(a) || (rank(b) == 1 && rank(a) == 1) { b } else { a }
}

/// Class and name as their language joins them.
fn joined(class: &str, name: &str) -> String {
    // Parameters may hold anything.
    let head = name.split(['[', '(']).next().unwrap_or(name).trim_end();
    let has_class =
        name.strip_prefix(class).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':', '/', ' ']));
    if class.is_empty() || has_class {
        name.to_owned()
    } else if class.contains("::") || head.contains("::") {
        format!("{class} {name}")
    } else if class.contains(' ') || head.contains(' ') {
        format!("{class}: {name}")
    } else {
        format!("{class}.{name}")
    }
}
