//! What a look through a base directory finds: `sluice fsck` tells it, and each room that keeps something says what can
//! be wrong with it.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong: something was left, or is on its way, and sees to itself.
    Note,
    /// Nothing is lost, and somebody should look.
    Warning,
    /// Something is lost or cannot be trusted.
    Error,
}

/// What mends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", content = "how", rename_all = "snake_case")]
pub enum Mend {
    /// `sluice fsck --repair`, which loses nothing.
    Repair(&'static str),
    /// The next start of the program, or its usual work.
    Itself(&'static str),
    /// Somebody, by hand.
    Person(&'static str),
}

impl Mend {
    /// What it does, as a sentence without its end.
    pub fn how(self) -> &'static str {
        let (Mend::Repair(how) | Mend::Itself(how) | Mend::Person(how)) = self;
        how
    }
}

/// A kind of thing that may be found.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FindingKind {
    /// Its name in lists and for scripts: lower case with hyphens; it stays the same.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it means, as a sentence without its end.
    pub means: &'static str,
    /// What mends it.
    pub mend: Mend,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which kind.
    #[serde(flatten)]
    pub kind: &'static FindingKind,
    /// The build that it is about, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<i64>,
    /// The file, below the directory that was looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The byte in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What exactly was found.
    pub what: String,
}

impl Finding {
    /// A finding without a place.
    pub fn new(kind: &'static FindingKind, what: impl Into<String>) -> Self {
        Self { kind, build: None, file: None, offset: None, what: what.into() }
    }

    /// It is about this build.
    #[must_use]
    pub fn of_build(self, build: impl Into<Option<i64>>) -> Self {
        Self { build: build.into(), ..self }
    }

    /// It is about this file, and this byte if one is known.
    #[must_use]
    pub fn in_file(self, file: impl Into<String>, offset: impl Into<Option<u64>>) -> Self {
        Self { file: Some(file.into()), offset: offset.into(), ..self }
    }
}
