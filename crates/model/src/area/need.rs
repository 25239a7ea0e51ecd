//! What must be there before a test runs.

use serde::{Deserialize, Serialize};

/// A prerequisite: `waiton`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The test that is waited for. No such test is an error.
    pub test: String,
    /// Until it is what.
    pub until: Until,
    /// Which part of it.
    pub scope: Scope,
}

/// What a prerequisite must have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Its status satisfies: mode `normal`.
    Good,
    /// It ended, however: mode `toplevel`.
    Ended,
}

/// Which part of a prerequisite is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it.
    Whole,
    /// The item that belongs to mine: modes `itemwait` and `itemmatch`. Of a prerequisite that is not iterated, all.
    Item {
        /// Makes the prerequisite's path from mine, one rule after the other. None: the same path.
        map: Vec<MapRule>,
    },
}

/// A rule of an item map: `itemmap PATTERN REPLACEMENT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRule {
    /// A regular expression; its first match in the path is replaced.
    pub pattern: String,
    /// By this, in which `\1` is the first group and `\\` a backslash. Empty deletes.
    pub replacement: String,
}

impl Need {
    /// All of a test, with a status that satisfies.
    pub fn normal(test: impl Into<String>) -> Self {
        Need { test: test.into(), until: Until::Good, scope: Scope::Whole }
    }

    /// All of a test, however it ended.
    pub fn toplevel(test: impl Into<String>) -> Self {
        Need { test: test.into(), until: Until::Ended, scope: Scope::Whole }
    }

    /// The item of a test that belongs to mine.
    pub fn itemwait(test: impl Into<String>, map: Vec<MapRule>) -> Self {
        Need { test: test.into(), until: Until::Good, scope: Scope::Item { map } }
    }
}

impl MapRule {
    /// A rule.
    pub fn new(pattern: impl Into<String>, replacement: impl Into<String>) -> Self {
        MapRule { pattern: pattern.into(), replacement: replacement.into() }
    }
}
