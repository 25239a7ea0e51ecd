//! Warnings that do not matter, and the file that lists them.
//!
//! A line reads `FILE PATTERN : TEXT PATTERN` or `FILE PATTERN : TEXT PATTERN : FIRST-LAST`, where the last part is a
//! line number or a range of them. Both patterns are regular expressions, searched for anywhere. Empty lines and lines
//! that begin with `#` say nothing.

use super::{PATTERN_BYTES, Warning};
use regex::{Regex, RegexBuilder};
use std::ops::RangeInclusive;
use thiserror::Error;

/// A kind of warnings that does not matter.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Which files; `None`: all, and warnings that name no file.
    file: Option<Regex>,
    /// Which texts; `None`: all.
    text: Option<Regex>,
    /// Which lines of the file; `None`: all.
    lines: Option<RangeInclusive<u64>>,
}

impl PartialEq for Suppression {
    fn eq(&self, other: &Self) -> bool {
        let key = |s: &Self| {
            let text = |r: &Option<Regex>| r.as_ref().map(|r| r.as_str().to_owned());
            (text(&s.file), text(&s.text), s.lines.clone())
        };
        key(self) == key(other)
    }
}

impl Eq for Suppression {}

/// Why a line of a list of suppressions cannot be read.
#[derive(Debug, Error)]
pub enum BadSuppression {
    /// There is no ` : ` in it.
    #[error("line {line} is not 'FILE PATTERN : TEXT PATTERN' with or without ' : FIRST-LAST'")]
    Shape {
        /// From 1.
        line: usize,
    },
    /// Not a regular expression.
    #[error("the pattern '{pattern}' in line {line} is not a regular expression")]
    Pattern {
        /// From 1.
        line: usize,
        /// As it stands there.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// The range ends before it begins.
    #[error("the range {first}-{last} in line {line} ends before it begins")]
    Range {
        /// From 1.
        line: usize,
        /// Its beginning.
        first: u64,
        /// Its end.
        last: u64,
    },
    /// The list is longer than [`MOST`].
    #[error("the list has more than {MOST} entries")]
    TooMany,
}

/// Entries that a list may have.
pub const MOST: usize = 2000;

impl Suppression {
    /// Warnings of these files, texts and lines; `None` is any. As a configuration gives them.
    pub fn new(
        file: Option<&str>,
        text: Option<&str>,
        lines: Option<RangeInclusive<u64>>,
    ) -> Result<Self, BadSuppression> {
        Self::read(file, text, lines, 1)
    }

    fn read(
        file: Option<&str>,
        text: Option<&str>,
        lines: Option<RangeInclusive<u64>>,
        line: usize,
    ) -> Result<Self, BadSuppression> {
        if let Some(range) = lines.as_ref().filter(|range| range.is_empty()) {
            return Err(BadSuppression::Range { line, first: *range.start(), last: *range.end() });
        }
        let compile = |pattern: Option<&str>| {
            let pattern = pattern.filter(|pattern| !matches!(*pattern, "" | ".*"));
            let build = |p: &str| RegexBuilder::new(p).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
            let bad =
                |p: &str, source| BadSuppression::Pattern { line, pattern: p.to_owned(), source: Box::new(source) };
            pattern.map(|p| build(p).map_err(|source| bad(p, source))).transpose()
        };
        Ok(Self { file: compile(file)?, text: compile(text)?, lines })
    }

    /// Whether the warning is one of these. What a warning does not tell is matched only by "any".
    pub fn covers(&self, warning: &Warning) -> bool {
        let file = |regex: &Regex| warning.file.as_ref().is_some_and(|file| regex.is_match(file));
        let lines = |range: &RangeInclusive<u64>| warning.line.is_some_and(|line| range.contains(&line));
        self.file.as_ref().is_none_or(file)
            && self.text.as_ref().is_none_or(|regex| regex.is_match(&warning.text))
            && self.lines.as_ref().is_none_or(lines)
    }
}

/// Reads a list. The first line that cannot be read is the error.
pub fn parse(list: &str) -> Result<Vec<Suppression>, BadSuppression> {
    let mut all = Vec::new();
    for (i, line) in list.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if all.len() == MOST {
            return Err(BadSuppression::TooMany);
        }
        all.push(entry(line, i + 1)?);
    }
    Ok(all)
}

/// The file's pattern ends at the first colon, so it has none itself; the range begins after the last one.
fn entry(entry: &str, line: usize) -> Result<Suppression, BadSuppression> {
    let (file, rest) = entry.split_once(':').ok_or(BadSuppression::Shape { line })?;
    let with_range = rest.rsplit_once(':').and_then(|(text, end)| Some((text, range(end)?)));
    let (text, lines) = with_range.map_or((rest, None), |(text, range)| (text, Some(range)));
    let (file, text) = (file.trim(), text.trim());
    if file.is_empty() || text.is_empty() {
        return Err(BadSuppression::Shape { line });
    }
    Suppression::read(Some(file), Some(text), lines, line)
}

fn range(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let text = text.trim();
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
    };
    Some(number(first)?..=number(last)?)
}
