//! Measured data that a test reports: rows of comma separated values, each judged by its tolerance.

use crate::logpro::Operator;

/// One row: `category,variable,value,expected,tol,units,comment,status,type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Where it belongs.
    pub category: String,
    /// What was measured.
    pub variable: String,
    /// What it is.
    pub value: String,
    /// What it should be.
    pub expected: String,
    /// How far off it may be, or one of `>`, `<`, `>=`, `<=`, `=`.
    pub tolerance: String,
    /// Its unit.
    pub units: String,
    /// What people read.
    pub comment: String,
    /// A verdict that the test gives by itself; nothing is judged then.
    pub status: String,
    /// A word of the test's own.
    pub kind: String,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Pass,
    /// Not as expected.
    Fail,
    /// Stored: value or expectation is no number.
    NotJudged,
    /// The tolerance is neither a number nor a comparison. A failure: somebody wanted it to be judged.
    BadTolerance,
}

/// Rows of one reading.
const MOST: usize = 100_000;
/// Bytes of one cell.
const LONGEST: usize = 16 << 10;

impl Row {
    /// What becomes of it.
    pub fn verdict(&self) -> Verdict {
        match self.status.to_ascii_lowercase().as_str() {
            "" => {}
            "pass" | "ok" | "0" => return Verdict::Pass,
            "fail" | "error" => return Verdict::Fail,
            _ => return Verdict::NotJudged,
        }
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let (Some(value), Some(expected)) = (number(&self.value), number(&self.expected)) else {
            return Verdict::NotJudged;
        };
        let holds = match (number(&self.tolerance), Operator::of(self.tolerance.trim())) {
            (Some(off), _) => {
                // A boundary belongs to it, as people write it: 1.3 - 0.1 is 1.2.
                let slack = f64::EPSILON * 4.0 * expected.abs().max(off.abs()).max(value.abs());
                (value - expected).abs() <= off.abs() + slack
            }
            (None, Some(operator)) => operator.holds(value, expected),
            (None, None) if self.tolerance.trim().is_empty() => value == expected,
            (None, None) => return Verdict::BadTolerance,
        };
        if holds { Verdict::Pass } else { Verdict::Fail }
    }
}

/// What is wrong with rows: the line, from 1, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads rows. Short ones are filled up, blanks around cells dropped, quotes as in CSV; empty lines and lines that begin
/// with `#` are nothing. A later row of the same category and variable stands in place of the earlier one. What is wrong
/// is beside them.
pub fn read(text: &str) -> (Vec<Row>, Vec<BadRow>) {
    let mut rows: Vec<Row> = Vec::new();
    let mut bad = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if rows.len() >= MOST {
            bad.push(BadRow { line: at + 1, message: format!("more than {MOST} rows") });
            break;
        }
        match row(line) {
            Ok(row) => match places.entry((row.category.clone(), row.variable.clone())) {
                std::collections::hash_map::Entry::Occupied(place) => rows[*place.get()] = row,
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(rows.len());
                    rows.push(row);
                }
            },
            Err(message) => bad.push(BadRow { line: at + 1, message }),
        }
    }
    (rows, bad)
}

fn row(line: &str) -> Result<Row, String> {
    let mut cells = cells(line)?.into_iter();
    let mut next = || cells.next().unwrap_or_default();
    let row = Row {
        category: next(),
        variable: next(),
        value: next(),
        expected: next(),
        tolerance: next(),
        units: next(),
        comment: next(),
        status: next(),
        kind: next(),
    };
    if cells.next().is_some() {
        return Err("a row has nine cells at most".to_owned());
    }
    match row.variable.is_empty() {
        true => Err("a row has a category, a variable and a value".to_owned()),
        false => Ok(row),
    }
}

fn cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line.trim();
    loop {
        let (cell, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                rest.split_once(',').map_or((rest.trim().to_owned(), None), |(c, r)| (c.trim().to_owned(), Some(r)))
            }
        };
        if cell.len() > LONGEST {
            return Err(format!("a cell has more than {LONGEST} bytes"));
        }
        cells.push(cell);
        match after {
            Some(after) if cells.len() <= 9 => rest = after,
            _ => return Ok(cells),
        }
    }
}

/// A cell behind its opening quote, and what comes after the comma.
fn quoted_cell(text: &str) -> Result<(String, Option<&str>), String> {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('"', Some((_, '"'))) => {
                chars.next();
                out.push('"');
            }
            ('"', _) => {
                let rest = text[at + 1..].trim_start();
                return match (rest.is_empty(), rest.strip_prefix(',')) {
                    (true, _) => Ok((out, None)),
                    (false, Some(rest)) => Ok((out, Some(rest))),
                    (false, None) => Err("a comma is wanted behind a quote".to_owned()),
                };
            }
            _ => out.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// What rows make of a test that has `status` so far: a failed row fails it, passed ones pass it where nothing worse is
/// known.
pub fn roll_up<'a>(rows: impl IntoIterator<Item = &'a Row>, status: &str) -> String {
    let verdicts: Vec<Verdict> = rows.into_iter().map(Row::verdict).collect();
    let any = |wanted: Verdict| verdicts.contains(&wanted);
    if any(Verdict::Fail) || any(Verdict::BadTolerance) {
        "FAIL".to_owned()
    } else if any(Verdict::Pass) && !matches!(status, "WARN" | "FAIL") {
        "PASS".to_owned()
    } else {
        status.to_owned()
    }
}
