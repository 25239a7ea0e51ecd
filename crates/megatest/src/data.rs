//! Measured data that a test reports, as lines of comma separated values. They are judged by `testruns`.

use model::testrun::Measurement;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Rows of one reading.
const MOST: usize = 100_000;
/// Bytes of one cell.
const LONGEST: usize = 16 << 10;

/// What is wrong with rows: the line, from 1, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads rows, `category,variable,value,expected,tol,units,comment,status,type`. Short ones are filled up, blanks around
/// cells dropped, quotes as in CSV; empty lines and lines that begin with `#` are nothing. A later row of the same
/// category and variable stands in place of the earlier one. What is wrong is beside them.
pub fn read(text: &str) -> (Vec<Measurement>, Vec<BadRow>) {
    let mut rows: Vec<Measurement> = Vec::new();
    let mut bad = Vec::new();
    let mut places = HashMap::new();
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
                Entry::Occupied(place) => rows[*place.get()] = row,
                Entry::Vacant(place) => {
                    place.insert(rows.len());
                    rows.push(row);
                }
            },
            Err(message) => bad.push(BadRow { line: at + 1, message }),
        }
    }
    (rows, bad)
}

fn row(line: &str) -> Result<Measurement, String> {
    let mut cells = cells(line)?.into_iter();
    let mut next = || cells.next().unwrap_or_default();
    let row = Measurement {
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
