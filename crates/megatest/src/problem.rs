//! What is wrong with an area, or worth knowing: where, with the line itself, and what would be right.

use model::Place;
use model::excerpt::{excerpt, plain};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A place in a file with its line, shared by all that stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file as the area names it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
    /// The whole physical line, without its end.
    pub source: Arc<str>,
}

impl Spot {
    /// A place where nothing is written: what the program itself says.
    pub fn nowhere(file: &str) -> Self {
        Self { file: file.into(), line: 0, column: 0, length: 0, source: "".into() }
    }

    /// Where, without the line's text. Line 0: the file as a whole.
    pub fn place(&self) -> Place {
        Place { file: self.file.to_string(), line: self.line, column: self.column }
    }

    /// The same with `length` characters from `offset` bytes of its source line on.
    #[must_use]
    pub(crate) fn at(&self, offset: usize, length: usize) -> Self {
        let before = self.source.get(..offset).map_or(0, |s| s.chars().count());
        let meant = self.source.get(offset..).and_then(|s| s.get(..length)).map_or(1, |s| s.chars().count());
        Self { column: narrow(before + 1), length: narrow(meant.max(1)), ..self.clone() }
    }
}

pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Read otherwise than one may expect, without harm.
    Note,
    /// Probably not what was meant; the reading goes on with what is said.
    Warning,
    /// The area cannot be used like this.
    Error,
}

/// One thing that is wrong with an area, or worth knowing. Its text is what people read:
///
/// ```text
/// error: #{scheme …} is not evaluated
///   --> megatest.config:14:10
///    |
/// 14 | COUNT    #{scheme (+ 5 6)}
///    |          ^^^^^^^^^^^^^^^^^
/// help: #{range 1 11} makes a list of numbers
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// Where; `None` when it concerns no line.
    pub place: Option<Place>,
    /// The line at that place, without its end.
    pub source_line: String,
    /// How many characters from the column on are meant.
    pub length: u32,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    fn new(severity: Severity, message: String, spot: &Spot) -> Self {
        let place = (spot.line > 0 || !spot.file.is_empty()).then(|| spot.place());
        Self { severity, message, place, source_line: spot.source.to_string(), length: spot.length, help: None }
    }

    /// Something that cannot stay so.
    pub fn error(message: impl Into<String>, spot: &Spot) -> Self {
        Self::new(Severity::Error, message.into(), spot)
    }

    /// Something that is probably not meant.
    pub fn warning(message: impl Into<String>, spot: &Spot) -> Self {
        Self::new(Severity::Warning, message.into(), spot)
    }

    /// Something to know.
    pub fn note(message: impl Into<String>, spot: &Spot) -> Self {
        Self::new(Severity::Note, message.into(), spot)
    }

    /// The same with what would be right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        // Messages quote names out of files; a hostile one must not drive the terminal.
        write!(f, "{word}: {}", plain(&self.message))?;
        match &self.place {
            Some(place) if place.line > 0 => {
                write!(f, "\n{}", excerpt(place, &self.source_line, self.length))?;
            }
            Some(place) => write!(f, "\n--> {}", plain(&place.file))?,
            None => {}
        }
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\nhelp: {}", plain(help)))
    }
}

impl std::error::Error for Problem {}

/// Problems as they are found: no more than a stated number, and the same sentence of the same place once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    pub(crate) found: Vec<Problem>,
    left_out: usize,
}

/// Nobody reads more.
const MOST: usize = 200;

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.found.len() < MOST {
            if !self.found.contains(&problem) {
                self.found.push(problem);
            }
        } else {
            self.left_out += 1;
        }
    }

    /// All of them, with a last one that says how many are not told.
    pub(crate) fn done(mut self) -> Vec<Problem> {
        if self.left_out > 0 {
            let text = format!("{} more problems are not told", self.left_out);
            self.found.push(Problem::error(text, &Spot::nowhere("")));
        }
        self.found
    }
}
