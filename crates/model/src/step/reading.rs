//! What the master reads from a step's logs once its command has ended.

use crate::{FunctionRef, Results};
use serde::{Deserialize, Serialize};

/// What is read from a step's logs. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Warnings are counted; any makes a passed step WARNINGS.
    pub warnings: Option<WarningReading>,
    /// A test report is read; a failing test makes a passed step FAILURE.
    pub tests: Option<TestReading>,
    /// The output becomes properties.
    pub property: Option<PropertyReading>,
    /// A function of the configuration reads it: it is given the exit code and the output, and answers with any of
    /// `results`, `properties`, `summary`, `urls`, `tests`.
    pub function: Option<FunctionRef>,
}

impl Reading {
    /// Nothing is to be read.
    pub fn is_nothing(&self) -> bool {
        *self == Reading::default()
    }
}

/// How warnings are found in a step's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WarningReading {
    /// A regular expression for a line that is a warning; the default is Buildbot's `.*warning[: ].*`.
    pub pattern: String,
    /// Three groups of the pattern: file, line, words.
    pub extract: bool,
    /// A line that says which directory is entered.
    pub enter: Option<String>,
    /// A line that says that it is left.
    pub leave: Option<String>,
    /// Warnings that do not count.
    pub suppress: Vec<Suppression>,
    /// A file of suppressions, below the work directory, read before the command is judged.
    pub suppression_file: Option<String>,
    /// More warnings than so many make the step FAILURE.
    pub max: Option<u64>,
    /// What kinds there are. A warning is of the first whose pattern its line has, and may be of none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WarningKind>,
    /// The property that says how many there are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
}

/// A kind of warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningKind {
    /// What it is called: `convention`.
    pub name: String,
    /// The property that says how many there are: `pylint_convention`.
    pub property: String,
    /// A regular expression that its lines have.
    pub pattern: String,
    /// Whether any of it makes a passed step FAILURE.
    pub fails: bool,
}

impl Default for WarningReading {
    fn default() -> Self {
        Self {
            pattern: ".*warning[: ].*".to_owned(),
            extract: false,
            enter: None,
            leave: None,
            suppress: Vec::new(),
            suppression_file: None,
            max: None,
            kinds: Vec::new(),
            total: None,
        }
    }
}

/// Warnings that do not count. All that is given must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// A regular expression for the file.
    pub file: Option<String>,
    /// A regular expression for the words.
    pub words: Option<String>,
    /// The first and the last line.
    pub lines: Option<(u64, u64)>,
}

/// Where a test report is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReading {
    /// Its format, in the words of the room `formats`; `auto` looks at the first lines.
    pub format: String,
    /// The step's log that it is in: `stdio` unless a followed file is named.
    pub log: String,
    /// Only some of the tests are run each time: one that is missing says nothing.
    #[serde(default)]
    pub part: bool,
    /// The report was promised: one that is cut off, does not keep to its own plan or holds no test is a FAILURE.
    #[serde(default)]
    pub whole: bool,
    /// The command is ended when the first test has failed.
    #[serde(default)]
    pub ends_at_failure: bool,
}

impl TestReading {
    /// A report of this format in the step's output.
    pub fn new(format: impl Into<String>) -> Self {
        Self { format: format.into(), log: "stdio".to_owned(), part: false, whole: false, ends_at_failure: false }
    }
}

/// How a step's output becomes properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyReading {
    /// Standard output, without blanks around it, is the value of one.
    Whole {
        /// The property's name.
        name: String,
        /// Blanks around it are cut.
        strip: bool,
    },
    /// The number that standard output begins with is the value of one, and with its unit the step's line.
    Number {
        /// The property's name.
        name: String,
        /// What is counted: `KiB`.
        unit: String,
    },
    /// A function is given the exit code, standard output and standard error, and answers with names and values.
    Function(FunctionRef),
}

/// How many warnings of a kind were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// What the kind is called.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Whether any makes a passed step FAILURE.
    pub fails: bool,
}

/// What the master found in a step's logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Warnings that were counted.
    pub warnings: Option<u64>,
    /// How many there are of each kind.
    pub kinds: Vec<KindCount>,
    /// The totals of a test report.
    pub tests: Option<crate::TestTotals>,
    /// Properties that are set.
    pub properties: Vec<(String, crate::Value)>,
    /// Places to look at: words and address.
    pub urls: Vec<(String, String)>,
    /// A result that stands instead of the command's own.
    pub results: Option<Results>,
    /// A line for people that stands instead of the usual one.
    pub summary: Option<String>,
    /// What went wrong while reading: the step is EXCEPTION.
    pub trouble: Option<String>,
}
