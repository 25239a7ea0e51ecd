//! What rules are.

use super::evaluate;
use crate::pattern;
use crate::problem::{Problem, Severity, Spot};
use std::fmt;
use std::str::FromStr;

/// A day, for rules that expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

impl FromStr for Date {
    type Err = ();

    /// Reads `12/31/2030`, the month first.
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('/').collect();
        let [month, day, year] = parts[..] else { return Err(()) };
        let number = |text: &str, most: u16| text.parse().ok().filter(|n| (1..=most).contains(n));
        let (month, day, year) = (number(month, 12), number(day, 31), number(year, 9999));
        match (month, day, year) {
            (Some(month), Some(day), Some(year)) => Ok(Self { year, month: month as u8, day: day as u8 }),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What it means when a rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A failure: lines that must not be there.
    Error,
    /// A warning.
    Warning,
    /// A failure: lines that must be there.
    Required,
    /// A warning: lines that should be there.
    RequiredWarning,
    /// Nothing: lines that later rules are not to see.
    Ignore,
    /// Nothing: lines to point out.
    Note,
    /// A waived failure.
    Waive,
    /// Somebody has to look.
    Check,
    /// What ran was no proper run.
    Abort,
    /// It ran where it has no meaning.
    Skip,
    /// A failure: a number that is not what it should be.
    Value,
}

impl Kind {
    /// What a rule of this kind makes of the log when it does not hold.
    pub fn outcome(self) -> Outcome {
        match self {
            Kind::Error | Kind::Required | Kind::Value => Outcome::Fail,
            Kind::Warning | Kind::RequiredWarning => Outcome::Warn,
            Kind::Ignore | Kind::Note => Outcome::Pass,
            Kind::Waive => Outcome::Waived,
            Kind::Check => Outcome::Check,
            Kind::Abort => Outcome::Abort,
            Kind::Skip => Outcome::Skip,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Error => "Error",
            Kind::Warning => "Warning",
            Kind::Required => "Required",
            Kind::RequiredWarning => "Required-warn",
            Kind::Ignore => "Ignore",
            Kind::Note => "Note",
            Kind::Waive => "Waive",
            Kind::Check => "Check",
            Kind::Abort => "Abort",
            Kind::Skip => "Skip",
            Kind::Value => "Value",
        }
    }

    /// The kind of `expect:WORD`.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "error" => Kind::Error,
            "warning" | "warn" => Kind::Warning,
            "required" => Kind::Required,
            "required-warn" => Kind::RequiredWarning,
            "ignore" => Kind::Ignore,
            "note" => Kind::Note,
            "waive" | "waived" | "waiver" => Kind::Waive,
            "check" => Kind::Check,
            "abort" => Kind::Abort,
            "skip" => Kind::Skip,
            "value" => Kind::Value,
            _ => return None,
        })
    }
}

/// What rules make of a log. The greatest of several stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every rule holds.
    #[default]
    Pass,
    /// Failures that are known.
    Waived,
    /// Warnings.
    Warn,
    /// Failures.
    Fail,
    /// Somebody has to look.
    Check,
    /// What ran was no proper run.
    Abort,
    /// It ran where it has no meaning.
    Skip,
}

impl Outcome {
    /// The status word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "PASS",
            Outcome::Waived => "WAIVED",
            Outcome::Warn => "WARN",
            Outcome::Fail => "FAIL",
            Outcome::Check => "CHECK",
            Outcome::Abort => "ABORT",
            Outcome::Skip => "SKIP",
        }
    }

    /// The exit code of logpro.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Warn => 2,
            Outcome::Check => 3,
            Outcome::Waived => 4,
            Outcome::Abort => 5,
            Outcome::Skip => 6,
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
}

impl Operator {
    /// Whether `left OP right`.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Operator::Equal => left == right,
            Operator::Greater => left > right,
            Operator::Less => left < right,
            Operator::AtLeast => left >= right,
            Operator::AtMost => left <= right,
        }
    }

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::Greater => ">",
            Operator::Less => "<",
            Operator::AtLeast => ">=",
            Operator::AtMost => "<=",
        }
    }

    /// Reads the sign.
    pub fn of(sign: &str) -> Option<Self> {
        let all = [Operator::Equal, Operator::Greater, Operator::Less, Operator::AtLeast, Operator::AtMost];
        all.into_iter().find(|op| op.sign() == sign)
    }
}

/// How far a number may be from what is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// At most so far, either way.
    Within(f64),
    /// `value OP expected`.
    Compare(Operator),
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// So many lines.
    Count(Operator, f64),
    /// At least one line has a number, and every number is as expected.
    Value {
        /// The number.
        expected: f64,
        /// How far off it may be.
        tolerance: Tolerance,
        /// The group of the regular expression that is the number.
        group: usize,
    },
}

/// A rule of one section.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its place among the rules, from 0. A rule of several sections is several with the same number.
    pub number: usize,
    /// What it is for.
    pub kind: Kind,
    /// Where it looks.
    pub section: String,
    /// Whether it looks outside of the section.
    pub outside: bool,
    /// When it holds.
    pub condition: Condition,
    /// What people read.
    pub description: String,
    /// The lines that it claims: those that any of them finds something in.
    pub patterns: Vec<regex::bytes::Regex>,
    /// From this day on it is not applied.
    pub expires: Option<Date>,
    /// Where it is written.
    pub spot: Spot,
}

/// A line that begins or ends a section.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The lines.
    pub patterns: Vec<regex::bytes::Regex>,
    /// How often it can fire.
    pub times: u64,
    /// Whether it is a failure that it never fires.
    pub required: bool,
}

/// A part of a log, from the line of one trigger to before the line of another.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The trigger that begins it.
    pub start: String,
    /// The trigger that ends it.
    pub end: String,
}

/// All that a file of rules says.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The rules in order.
    pub rules: Vec<Rule>,
    /// The triggers in order.
    pub triggers: Vec<Trigger>,
    /// The sections in order.
    pub sections: Vec<Section>,
    /// Whether it has an error: then nothing that it judges passes.
    pub broken: bool,
}

/// The section that is the whole log.
pub(crate) const WHOLE_LOG: &str = "LogFileBody";

impl Rules {
    /// Reads the text of rules that stand at `spot`; line 0 is a file of its own. What is wrong with it, beside it: with
    /// an error among it the rules fail whatever they judge.
    pub fn parse(text: &str, spot: &Spot) -> (Self, Vec<Problem>) {
        Self::parse_with(&[(text, spot)], &|_| None)
    }

    /// The same for several texts, one after the other (a file of waivers comes first), with variables of the
    /// environment.
    pub fn parse_with(texts: &[(&str, &Spot)], env: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<Problem>) {
        let mut rules = Self::default();
        let mut problems = Vec::new();
        for (text, spot) in texts {
            evaluate::run(text, spot, env, &mut rules, &mut problems);
        }
        for rule in &rules.rules {
            if rule.section != WHOLE_LOG && !rules.sections.iter().any(|s| s.name == rule.section) {
                let text = format!("there is no section {}; the rule never sees a line", rule.section);
                problems.push(Problem::warning(text, &rule.spot));
            }
        }
        rules.broken = problems.iter().any(|p| p.severity == Severity::Error);
        (rules, problems)
    }
}

/// A regular expression with its flags: `i` is blind to case, `x` passes over blanks, `u` is nothing special.
pub(crate) fn regex(text: &str, flags: &str) -> Result<regex::bytes::Regex, String> {
    let mut mode = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'x' if !mode.contains(flag) => mode.push(flag),
            'i' | 'x' | 'u' => {}
            _ => return Err(format!("has the flag {flag}, which is not known")),
        }
    }
    let text = if mode.is_empty() { text.to_owned() } else { format!("(?{mode}){text}") };
    pattern::compile_bytes(&text)
}
