//! Measured data, and how far it may be from what is expected.

use crate::status::Status;
use model::area::{Expectation, Tolerance};
use model::testrun::Measurement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is to be said of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Within what is allowed.
    Pass,
    /// Not within.
    Fail(String),
    /// It is kept, and says nothing.
    NotJudged,
}

/// What is to be said of all data of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataVerdict {
    /// So many are as they should be.
    pub passed: u32,
    /// What is not, in the order of category and variable.
    pub wrong: Vec<String>,
}

impl DataVerdict {
    /// The status that data alone gives; none where nothing could be judged.
    pub fn status(&self) -> Option<Status> {
        match (self.wrong.is_empty(), self.passed) {
            (false, _) => Some(Status::FAIL),
            (true, 0) => None,
            (true, _) => Some(Status::PASS),
        }
    }
}

/// Judges the rows of a test against their own bounds and those of its configuration.
pub fn judge(rows: &[Measurement], expectations: &[Expectation]) -> DataVerdict {
    let last: BTreeMap<(&str, &str), &Measurement> =
        rows.iter().map(|row| ((row.category.as_str(), row.variable.as_str()), row)).collect();
    let mut all = DataVerdict::default();
    for ((category, variable), row) in &last {
        let judgements = [judge_row(row)].into_iter().chain(
            expectations.iter().filter(|e| e.category == *category && e.variable == *variable).map(|e| against(row, e)),
        );
        for judgement in judgements {
            match judgement {
                Judgement::Pass => all.passed += 1,
                Judgement::Fail(why) => all.wrong.push(format!("{}: {why}", name(category, variable))),
                Judgement::NotJudged => {}
            }
        }
    }
    for missing in
        expectations.iter().filter(|e| e.required && !last.contains_key(&(e.category.as_str(), e.variable.as_str())))
    {
        all.wrong.push(format!("{}: it was not reported", name(&missing.category, &missing.variable)));
    }
    all
}

/// Judges a row by what it says itself.
pub fn judge_row(row: &Measurement) -> Judgement {
    match row.status.trim() {
        "" => {}
        word if word.eq_ignore_ascii_case("pass") || word == "0" => return Judgement::Pass,
        word if word.eq_ignore_ascii_case("fail") => {
            return Judgement::Fail(format!("{} (the test says so)", row.value));
        }
        _ => return Judgement::NotJudged,
    }
    let (Some(value), Some(expected)) = (number(&row.value), number(&row.expected)) else {
        return Judgement::NotJudged;
    };
    let tolerance = match row.tolerance.trim() {
        ">" => Tolerance::Greater,
        ">=" => Tolerance::AtLeast,
        "<" => Tolerance::Less,
        "<=" => Tolerance::AtMost,
        text => match number(text) {
            Some(off) => Tolerance::Within(off),
            None => return Judgement::Fail(format!("'{text}' is no tolerance; a number, or >, >=, < or <=, is one")),
        },
    };
    compare(value, expected, tolerance, &row.units)
}

fn against(row: &Measurement, expectation: &Expectation) -> Judgement {
    match number(&row.value) {
        Some(value) => compare(value, expectation.expected, expectation.tolerance, &expectation.units),
        None => Judgement::Fail(format!("'{}' is no number", row.value)),
    }
}

fn compare(value: f64, expected: f64, tolerance: Tolerance, units: &str) -> Judgement {
    // What was written with a few decimals is not exact: the bounds belong to the range up to that.
    let slack = 1e-12 * value.abs().max(expected.abs());
    let (good, wanted) = match tolerance {
        Tolerance::Within(off) => {
            let off = off.abs();
            let wanted = if off == 0.0 { expected.to_string() } else { format!("{expected} ± {off}") };
            (value >= expected - off - slack && value <= expected + off + slack, wanted)
        }
        Tolerance::Greater => (value > expected, format!("more than {expected}")),
        Tolerance::AtLeast => (value >= expected, format!("at least {expected}")),
        Tolerance::Less => (value < expected, format!("less than {expected}")),
        Tolerance::AtMost => (value <= expected, format!("at most {expected}")),
    };
    let unit = if units.is_empty() { String::new() } else { format!(" {units}") };
    if good { Judgement::Pass } else { Judgement::Fail(format!("{value}{unit}, where {wanted} is wanted")) }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|n| n.is_finite())
}

fn name(category: &str, variable: &str) -> String {
    if category.is_empty() { variable.to_owned() } else { format!("{category}/{variable}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &str, tolerance: &str, expected: &str) -> Measurement {
        let [value, tolerance, expected] = [value, tolerance, expected].map(str::to_owned);
        Measurement {
            category: "c".to_owned(),
            variable: "v".to_owned(),
            value,
            expected,
            tolerance,
            ..Measurement::default()
        }
    }

    #[test]
    fn tolerances_as_tabled() {
        let table = [
            ("1.2", ">", "1.9", Some(false)),
            ("1e9", "1e9", "10e9", Some(false)),
            ("1.2", "<", "1.9", Some(true)),
            ("1.2", "<", "1.2", Some(false)),
            ("1.2", "<=", "1.2", Some(true)),
            ("1.2", "0.1", "1.3", Some(true)),
            ("1.4", "0.1", "1.3", Some(true)),
            ("1.41", "0.1", "1.3", Some(false)),
            ("1.2", "0.1", "pass", None),
            ("8mA", "0.1", "8", None),
            ("1.9", ">", "1.8", Some(true)),
            ("1e9", "1e9", "2e9", Some(true)),
            ("-1.1", "<", "0", Some(true)),
            ("1", ">=", "1", Some(true)),
            ("1", "-0.5", "1.5", Some(true)),
            ("nan", "1", "1", None),
            ("inf", ">", "1", None),
            ("1", "=", "1", Some(false)),
            (" 1 ", " 0 ", " 1 ", Some(true)),
        ];
        for (value, tolerance, expected, passes) in table {
            let judgement = judge_row(&row(value, tolerance, expected));
            let came = match judgement {
                Judgement::Pass => Some(true),
                Judgement::Fail(_) => Some(false),
                Judgement::NotJudged => None,
            };
            assert_eq!(came, passes, "{value} {tolerance} {expected}");
        }
    }

    #[test]
    fn a_later_row_stands_and_what_is_missing_is_told() {
        let wanted = |variable: &str, required| Expectation {
            category: "size".to_owned(),
            variable: variable.to_owned(),
            expected: 100.0,
            tolerance: Tolerance::AtMost,
            units: "kB".to_owned(),
            required,
        };
        let lib = |value: &str| Measurement {
            category: "size".to_owned(),
            variable: "lib".to_owned(),
            value: value.to_owned(),
            ..Measurement::default()
        };
        let expectations = [wanted("lib", true), wanted("exe", true), wanted("doc", false)];
        let all = judge(&[lib("50"), lib("120")], &expectations);
        assert_eq!(all.passed, 0);
        insta::assert_snapshot!(all.wrong.join("\n"), @r#"
        size/lib: 120 kB, where at most 100 is wanted
        size/exe: it was not reported
        "#);
        assert_eq!(judge(&[lib("120"), lib("50")], &expectations[..1]).status(), Some(Status::PASS));
        assert_eq!(judge(&[lib("many")], &expectations[..1]).status(), Some(Status::FAIL), "no number is no answer");
        assert_eq!(judge(&[], &[]).status(), None);
    }
}
