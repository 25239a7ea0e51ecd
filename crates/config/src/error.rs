//! What is wrong with a configuration: where, with the line itself, and what would be right.

use model::Place;
use model::excerpt::excerpt;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong with a configuration. Its text is what people read:
///
/// ```text
/// error: builder "linux" names worker "maac", which is not defined
///   --> master.star:14:15
///    |
/// 14 |     workers = ["maac"],
///    |               ^^^^^^^^
/// help: did you mean "mac"?
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigError {
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// Where; `None` when it concerns no line.
    pub place: Option<Box<Place>>,
    /// The line at that place, without its end.
    pub source_line: String,
    /// How many characters from the column on are meant; at least 1 where there is a place.
    pub length: u32,
    /// What would be right.
    pub help: Option<String>,
    /// More that one should know: where the other one is, who called.
    pub notes: Vec<String>,
}

impl ConfigError {
    /// An error of no line.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            source_line: String::new(),
            length: 0,
            help: None,
            notes: Vec::new(),
        }
    }

    /// An error of a whole file: `master.star cannot be read: …`.
    pub fn whole_file(file: &str, what: &str) -> Self {
        Self::new(format!("{file} {what}"))
    }

    /// The same with what would be right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with one thing more that one should know.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n{}", excerpt(place, &self.source_line, self.length))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}
