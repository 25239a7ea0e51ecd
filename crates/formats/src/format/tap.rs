//! TAP 12, 13 and 14: <https://testanything.org/tap-version-14-specification.html>.
//!
//! Points of subtests stand for themselves no more than a harness of version 13 sees them: their parent's point counts,
//! and carries their failures in its message. Several documents one after another are read as such.

use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestCase, TestOutcome, duration};

/// Reads TAP.
pub(crate) struct Tap {
    document: Document,
    /// The point that came last; what follows may say more about it.
    point: Option<TestCase>,
    /// What is said about the point.
    said: Message,
    /// What subtests said before their parent's point.
    below: Message,
    yaml: bool,
    bailed: bool,
    /// Points of all documents.
    line: u64,
}

#[derive(Default)]
struct Document {
    begun: bool,
    plan: Option<u64>,
    /// The plan came after points, so that no more may come.
    closed: bool,
    ran: u64,
    highest: u64,
}

impl Tap {
    pub(crate) fn new(limits: &Limits) -> Self {
        let message = || Message::new(limits.message);
        Self {
            document: Document::default(),
            point: None,
            said: message(),
            below: message(),
            yaml: false,
            bailed: false,
            line: 0,
        }
    }

    fn point(&mut self, point: Point<'_>, out: &mut Sink<'_>) {
        self.tell(out);
        if self.document.closed {
            self.close(out);
        }
        let document = &mut self.document;
        document.begun = true;
        document.ran += 1;
        let number = point.number.unwrap_or(document.ran);
        document.highest = document.highest.max(number);
        let name = if point.name.is_empty() { format!("test {number}") } else { point.name };
        let (outcome, reason) = match (point.directive, point.ok) {
            (Some(Directive::Skip(reason)), _) => (TestOutcome::Skipped, reason.to_owned()),
            (Some(Directive::Todo(reason)), false) => (TestOutcome::ExpectedFailure, reason.to_owned()),
            (Some(Directive::Todo(reason)), true) => {
                (TestOutcome::Passed, format!("it passed though it is marked TODO {reason}"))
            }
            (None, true) => (TestOutcome::Passed, String::new()),
            (None, false) => (TestOutcome::Failed, String::new()),
        };
        if !reason.is_empty() {
            self.said.line(&reason);
        }
        let below = self.below.take();
        if outcome == TestOutcome::Failed && !below.is_empty() {
            self.said.line(&below);
        }
        self.point = Some(TestCase { name, outcome, duration: None, message: String::new() });
    }

    /// The last point is complete.
    fn tell(&mut self, out: &mut Sink<'_>) {
        self.yaml = false;
        let message = self.said.take();
        if let Some(mut point) = self.point.take() {
            point.message = message;
            out.test(point);
        }
    }

    fn plan(&mut self, (n, skips): (u64, Skips), out: &mut Sink<'_>) {
        if self.document.plan.is_some() {
            self.close(out);
        }
        if n == 0 && skips == Skips::All {
            out.nothing_planned();
        }
        out.planned(n);
        self.document.begun = true;
        self.document.closed = self.document.ran > 0;
        self.document.plan = Some(n);
    }

    /// A document is over.
    fn close(&mut self, out: &mut Sink<'_>) {
        self.tell(out);
        let Document { begun, plan, ran, highest, .. } = std::mem::take(&mut self.document);
        match plan {
            Some(planned) if planned != ran => out.flaw(Flaw::PlanNotMet { planned, ran }),
            Some(planned) if highest > planned => out.flaw(Flaw::Malformed {
                place: format!("before line {}", self.line + 1),
                what: format!("there is a test {highest} and the plan is 1..{planned}"),
            }),
            None if begun => out.flaw(Flaw::NoPlan),
            _ => {}
        }
    }

    /// A line below the level of the document: YAML about the last point, or a subtest.
    fn indented(&mut self, line: &str) {
        let inner = line.trim();
        if self.yaml {
            if inner == "..." {
                self.yaml = false;
            } else {
                if let (Some(ms), Some(point)) = (inner.strip_prefix("duration_ms:"), &mut self.point) {
                    point.duration = duration::with_unit(&format!("{ms} ms"));
                }
                self.said.line(line.strip_prefix("  ").unwrap_or(line));
            }
        } else if inner == "---" && self.point.is_some() && !line.starts_with("    ") {
            self.yaml = true;
        } else if line.starts_with("    ") && (inner.starts_with("not ok") || inner.starts_with("#")) {
            self.below.line(line.strip_prefix("    ").unwrap_or(line));
        }
    }
}

impl ByLine for Tap {
    fn line(&mut self, line: &str, out: &mut Sink<'_>) {
        self.line += 1;
        if self.bailed {
            return;
        }
        if let Some(reason) = bail_out(line.trim_start()) {
            self.tell(out);
            let reason = if reason.is_empty() { "Bail out" } else { reason };
            out.flaw(Flaw::BailOut { reason: reason.to_owned() });
            self.bailed = true;
        } else if line.starts_with([' ', '\t']) {
            self.indented(line);
        } else if let Some(point) = point(line) {
            self.point(point, out);
        } else if let Some(plan) = plan(line) {
            self.tell(out);
            self.plan(plan, out);
        } else if line.starts_with("TAP version ") {
            if self.document.begun {
                self.close(out);
            }
            self.document.begun = true;
        } else if line.starts_with('#') && !line.starts_with("# Subtest") && self.point.is_some() {
            self.said.line(line);
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.tell(out);
        if !self.bailed {
            self.close(out);
        }
    }
}

/// `ok 3 - name # SKIP why`, taken apart.
pub(super) struct Point<'a> {
    pub(super) ok: bool,
    pub(super) number: Option<u64>,
    pub(super) name: String,
    pub(super) directive: Option<Directive<'a>>,
}

pub(super) enum Directive<'a> {
    Todo(&'a str),
    Skip(&'a str),
}

pub(super) fn point(line: &str) -> Option<Point<'_>> {
    let (ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = match rest[..digits].parse() {
        Ok(number) if rest[digits..].is_empty() || rest[digits..].starts_with([' ', '\t']) => {
            (Some(number), rest[digits..].trim_start())
        }
        _ => (None, rest),
    };
    let rest = rest.strip_prefix("- ").or(if rest == "-" { Some("") } else { None }).unwrap_or(rest);
    let (name, directive) = directive(rest);
    Some(Point { ok, number, name: unescaped(name), directive })
}

/// The description and the directive behind the first `#` that is not escaped and has a blank before it.
fn directive(text: &str) -> (&str, Option<Directive<'_>>) {
    let bytes = text.as_bytes();
    let mut escaped = false;
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'\\' => {
                escaped = !escaped;
                continue;
            }
            b'#' if !escaped && (i == 0 || bytes[i - 1].is_ascii_whitespace()) => {
                let rest = text[i + 1..].trim_start();
                let word = |word: &str| rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
                let reason = || rest.split_once(char::is_whitespace).map_or("", |(_, reason)| reason.trim());
                if word("todo") {
                    return (text[..i].trim_end(), Some(Directive::Todo(reason())));
                } else if word("skip") {
                    return (text[..i].trim_end(), Some(Directive::Skip(reason())));
                }
            }
            _ => {}
        }
        escaped = false;
    }
    (text.trim_end(), None)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('#' | '\\'))) => {
                plain.push(next);
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}

/// `1..N`, with or without a comment.
/// Whether a plan says that everything is left out. One of no tests that does not say so is one that found none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skips {
    All,
    None,
}

fn plan(line: &str) -> Option<(u64, Skips)> {
    let rest = line.strip_prefix("1..")?;
    let (number, directive) = rest.split_once('#').unwrap_or((rest, ""));
    let is_skip = directive.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("skip"));
    let number = number.trim();
    let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
    Some((number, if is_skip { Skips::All } else { Skips::None }))
}

fn bail_out(line: &str) -> Option<&str> {
    let start = line.get(..9)?;
    start.eq_ignore_ascii_case("bail out!").then(|| line[9..].trim())
}
