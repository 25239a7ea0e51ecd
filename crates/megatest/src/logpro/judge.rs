//! A log against rules: line by line, in memory that does not depend on its length.

use super::rule::{Condition, Date, Outcome, Rules, Tolerance, WHOLE_LOG};
use std::fmt::Write;

/// A line is looked at as far as this.
const LONGEST_LINE: usize = 256 << 10;
/// Lines of each rule that are kept to be shown, and bytes of each.
const SAMPLES: usize = 10;
const SAMPLE_BYTES: usize = 400;

/// A line that a rule claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its number, from 1.
    pub line: u64,
    /// The line; its beginning, if it is long.
    pub text: String,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleResult {
    /// Lines that it claimed.
    pub count: u64,
    /// Whether it holds.
    pub holds: bool,
    /// Whether it was left out because it expired.
    pub expired: bool,
    /// The number that was found last; of a rule for values.
    pub measured: Option<f64>,
    /// Values that were as expected, and those that were not.
    pub values: (u64, u64),
    /// The first of its lines.
    pub samples: Vec<Sample>,
}

/// What rules made of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub outcome: Outcome,
    /// Why, in one line; empty for a pass.
    pub comment: String,
    /// One for each rule, in their order.
    pub rules: Vec<RuleResult>,
    /// How often each trigger fired.
    pub triggers: Vec<u64>,
    /// Lines of the log.
    pub lines: u64,
    /// Lines that were longer than what is looked at.
    pub cut: u64,
}

/// Reads a log, in pieces of any size.
#[derive(Debug)]
pub struct Judge<'a> {
    rules: &'a Rules,
    results: Vec<RuleResult>,
    fired: Vec<u64>,
    /// Whether each section is open; the last one is the whole log.
    open: Vec<bool>,
    /// The index of each rule's section in `open`.
    section_of: Vec<Option<usize>>,
    partial: Vec<u8>,
    /// Whether the rest of the current line is passed over.
    too_long: bool,
    lines: u64,
    cut: u64,
}

impl<'a> Judge<'a> {
    /// A judge. `today`: without it no rule is expired.
    pub fn new(rules: &'a Rules, today: Option<Date>) -> Self {
        let expired = |rule: &super::Rule| matches!((rule.expires, today), (Some(end), Some(today)) if end <= today);
        let result = |rule| RuleResult {
            count: 0,
            holds: false,
            expired: expired(rule),
            measured: None,
            values: (0, 0),
            samples: Vec::new(),
        };
        let index = |name: &str| match rules.sections.iter().position(|s| s.name == name) {
            Some(at) => Some(at),
            None => (name == WHOLE_LOG).then_some(rules.sections.len()),
        };
        let mut open = vec![false; rules.sections.len()];
        open.push(true);
        Self {
            results: rules.rules.iter().map(result).collect(),
            fired: vec![0; rules.triggers.len()],
            section_of: rules.rules.iter().map(|r| index(&r.section)).collect(),
            open,
            rules,
            partial: Vec::new(),
            too_long: false,
            lines: 0,
            cut: 0,
        }
    }

    /// Takes the next bytes of the log.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.partial.is_empty() && !self.too_long {
                self.line(line);
            } else {
                self.keep(line);
                self.end_of_line();
            }
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.partial.len());
        self.too_long |= bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.cut += u64::from(self.too_long);
        self.too_long = false;
        self.line(&line);
        // The room is used again.
        self.partial = line;
        self.partial.clear();
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if line.len() > LONGEST_LINE {
            self.cut += 1;
            &line[..LONGEST_LINE]
        } else {
            line
        };
        self.lines += 1;
        self.triggers(line);
        let rules = self.rules;
        for (at, rule) in rules.rules.iter().enumerate() {
            if self.results[at].expired {
                continue;
            }
            let Some(section) = self.section_of[at] else { continue };
            if self.open[section] == rule.outside {
                continue;
            }
            if let Some(pattern) = rule.patterns.iter().find(|p| p.is_match(line)) {
                self.claim(at, pattern, line);
                return;
            }
        }
    }

    /// Triggers come first, so the line that begins a section is in it and the one that ends it is not.
    fn triggers(&mut self, line: &[u8]) {
        let rules = self.rules;
        for (at, trigger) in rules.triggers.iter().enumerate().rev() {
            if self.fired[at] >= trigger.times || !trigger.patterns.iter().any(|p| p.is_match(line)) {
                continue;
            }
            self.fired[at] += 1;
            for (open, section) in self.open.iter_mut().zip(&rules.sections) {
                if section.start == trigger.name {
                    *open = true;
                } else if section.end == trigger.name {
                    *open = false;
                }
            }
        }
    }

    fn claim(&mut self, at: usize, pattern: &regex::bytes::Regex, line: &[u8]) {
        let result = &mut self.results[at];
        result.count += 1;
        if let Condition::Value { expected, tolerance, group } = self.rules.rules[at].condition {
            let found = pattern.captures(line).and_then(|c| c.get(group).map(|m| m.as_bytes()));
            let number = found.and_then(|f| std::str::from_utf8(f).ok()).and_then(super::datum::number);
            result.measured = number.or(result.measured);
            let good = number.is_some_and(|n| is_within(n, expected, tolerance));
            let counter = if good { &mut result.values.0 } else { &mut result.values.1 };
            *counter += 1;
        }
        if result.samples.len() < SAMPLES {
            let text = String::from_utf8_lossy(&line[..line.len().min(SAMPLE_BYTES)]).into_owned();
            result.samples.push(Sample { line: self.lines, text });
        }
    }

    /// The end of the log: the verdict.
    pub fn finish(mut self) -> Judgement {
        if !self.partial.is_empty() || self.too_long {
            self.end_of_line();
        }
        let mut outcome = Outcome::Pass;
        let mut reasons = Vec::new();
        if self.rules.broken {
            outcome = Outcome::Fail;
            reasons.push((outcome, "the rules have an error".to_owned()));
        }
        for (trigger, fired) in self.rules.triggers.iter().zip(&self.fired) {
            if trigger.required && *fired == 0 {
                outcome = outcome.max(Outcome::Fail);
                reasons.push((Outcome::Fail, format!("no line for the trigger {}", trigger.name)));
            }
        }
        for (rule, result) in self.rules.rules.iter().zip(&mut self.results) {
            result.holds = result.expired
                || match rule.condition {
                    Condition::Count(operator, number) => operator.holds(result.count as f64, number),
                    Condition::Value { .. } => result.values.0 > 0 && result.values.1 == 0,
                };
            if !result.holds {
                let own = rule.kind.outcome();
                outcome = outcome.max(own);
                reasons.push((own, reason(rule, result)));
            }
        }
        let told = reasons.into_iter().find(|(own, _)| *own == outcome && outcome != Outcome::Pass);
        Judgement {
            outcome,
            comment: told.map(|(_, reason)| reason).unwrap_or_default(),
            rules: self.results,
            triggers: self.fired,
            lines: self.lines,
            cut: self.cut,
        }
    }
}

fn is_within(number: f64, expected: f64, tolerance: Tolerance) -> bool {
    match tolerance {
        Tolerance::Within(off) => expected - off <= number && number <= expected + off,
        Tolerance::Compare(operator) => operator.holds(number, expected),
    }
}

fn reason(rule: &super::Rule, result: &RuleResult) -> String {
    let first = result.samples.first().map(|s| format!(", first in line {}", s.line)).unwrap_or_default();
    match rule.condition {
        Condition::Count(operator, number) => {
            let lines = if result.count == 1 { "line" } else { "lines" };
            format!("{}: {} {lines}, wanted {} {number}{first}", rule.description, result.count, operator.sign())
        }
        Condition::Value { expected, tolerance, .. } => {
            let wanted = match tolerance {
                Tolerance::Within(off) => format!("{expected} +/- {off}"),
                Tolerance::Compare(operator) => format!("{} {expected}", operator.sign()),
            };
            let got = result.measured.map_or_else(|| "no number".to_owned(), |n| n.to_string());
            format!("{}: {got}, wanted {wanted}{first}", rule.description)
        }
    }
}

impl Judgement {
    /// The summary that stands in `STEP.dat`: a section for each rule, and `[final]`.
    pub fn summary(&self, rules: &Rules) -> String {
        let mut out = String::new();
        for (rule, result) in rules.rules.iter().zip(&self.rules) {
            let operator = if rule.outside { "not-in" } else { "in" };
            let status = if result.holds { "OK" } else { "FAIL" };
            let _ = write!(out, "[rule-{}]\noperator {operator}\nsection {}\n", rule.number, line(&rule.section));
            let _ = write!(out, "desc {}\nstatus {status}\n", line(&rule.description));
            match rule.condition {
                Condition::Count(operator, number) => {
                    let _ = write!(out, "expected {number}\nmeasured {}\ntype {}\n\n", result.count, operator.sign());
                }
                Condition::Value { expected, tolerance, .. } => {
                    let measured = result.measured.map_or_else(|| "-".to_owned(), |n| n.to_string());
                    let _ = match tolerance {
                        Tolerance::Within(off) => {
                            write!(out, "expected {expected}\nmeasured {measured}\ntype +/-\ntolerance {off}\n")
                        }
                        Tolerance::Compare(operator) => {
                            write!(out, "expected {expected}\nmeasured {measured}\ntype {}\n", operator.sign())
                        }
                    };
                    let _ = write!(out, "pass {}\nfail {}\n\n", result.values.0, result.values.1);
                }
            }
        }
        let (code, word) = (self.outcome.code(), self.outcome.word());
        let _ = write!(out, "[final]\nexit-code {code}\nexit-status {word}\nmessage {}\n", line(&self.comment));
        out
    }
}

fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
