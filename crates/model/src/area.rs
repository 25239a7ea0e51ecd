//! A test area: what can be tested for one target, with everything that is needed to decide what runs when.
//!
//! These are finished values. Whoever reads a configuration (Starlark, or the files of an existing area) expands
//! variables, commands and includes first; nothing here is looked up again. The room `testruns` decides with them.

mod excuse;
mod host;
mod items;
mod need;
mod test;

pub use excuse::{Check, Quarantine, Waiver};
pub use host::{BadHost, Host, Slurm};
pub use items::{Axis, Items};
pub use need::{MapRule, Need, Scope, Until};
pub use test::{ExitCodes, Expectation, LogRules, Retry, RulesSource, Skip, TestSpec, TestStep, Tolerance};

use crate::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tests that belong together, as one target sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Area {
    /// Its name, in reports and in `MT_TESTSUITENAME`.
    pub name: String,
    /// What a target is made of: one value for each, in this order. A value is also a variable of that name.
    pub fields: Vec<Field>,
    /// The tests, by unique name.
    pub tests: Vec<TestSpec>,
    /// What tests need around them.
    pub fixtures: Vec<Fixture>,
    /// Words of this area beside the built-in ones; a built-in word may be given another rank or class.
    pub statuses: Vec<StatusSpec>,
    /// How much at once.
    pub limits: Limits,
    /// Variables for every test, weakest first: a later one of the same name stands.
    pub env: Vec<Var>,
    /// Variables that stand against the target's own and against `env`, as `[env-override]` has them.
    pub env_override: Vec<Var>,
    /// Failures that somebody answers for.
    pub waivers: Vec<Waiver>,
    /// Tests whose verdict does not count for the time being.
    pub quarantine: Vec<Quarantine>,
    /// For tests that have no limit of their own.
    pub max_time: Option<Span>,
    /// A test that runs and is not heard of for so long is dead. `None`: the runner's own.
    pub dead_after: Option<Span>,
    /// Where run directories are made; of several the one with the most room. None: below the link tree.
    pub disks: Vec<Disk>,
    /// The root of the tree in which tests find each other, absolute or relative to the area. `None`: the runner's own.
    pub link_tree: Option<String>,
    /// Commands on changes of items, of all tests.
    pub triggers: Vec<Trigger>,
    /// Kilobytes that a disk must have free for an attempt to begin on it.
    pub min_space: Option<u64>,
    /// Where attempts are carried out.
    pub host: Host,
}

/// A command that runs when an item comes into a state or gets a status: both where both are said, and on each change to
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The word of the state, such as `RUNNING`; `None`: whichever.
    pub state: Option<String>,
    /// The status; `None`: whichever.
    pub status: Option<String>,
    /// For a shell; behind it stand, each as one word, what the caller tells of the change.
    pub command: String,
}

impl Trigger {
    /// As it is written: `STATE/STATUS`, either of which may be empty.
    pub fn when(&self) -> String {
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        format!("{}/{}", word(&self.state), word(&self.status))
    }
}

/// A place for run directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Its directory, absolute or relative to the area.
    pub path: String,
}

impl Disk {
    /// A disk.
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Disk { name: name.into(), path: path.into() }
    }
}

/// A part of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value where a target leaves it out. Without one, leaving it out is an error.
    pub default: Option<String>,
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Var {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Var {
    /// A variable.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Var { name: name.into(), value: value.into() }
    }
}

/// What tests need around them: a test that makes it, and one that takes it away again. The second runs whenever the
/// first began, when all that need the fixture have ended, however they and the first ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixture {
    /// Its name, in [`TestSpec::fixtures`].
    pub name: String,
    /// The test that makes it.
    pub setup: Option<String>,
    /// The test that takes it away.
    pub cleanup: Option<String>,
}

/// A status word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSpec {
    /// The word, such as `PASS`.
    pub word: String,
    /// How bad it is beside others: of several, the one with the highest rank stands.
    pub rank: u32,
    /// What it says of the test.
    pub class: Class,
    /// Whether a test that waits for this one may run.
    pub satisfies: bool,
}

/// What a status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// As it should be.
    Good,
    /// Nothing either way.
    Neutral,
    /// Not as it should be: the run is red.
    Bad,
}

impl Class {
    /// All, with their words.
    pub const ALL: [(&'static str, Class); 3] =
        [("good", Class::Good), ("neutral", Class::Neutral), ("bad", Class::Bad)];

    /// The class of a word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, class)| *class)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, class)| *class == self).map_or("", |(word, _)| word)
    }
}

/// How much at once. What is not named is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Items of one run.
    pub run: Option<u32>,
    /// Items on one host.
    pub host: Option<u32>,
    /// Items of a job group, in all runs.
    pub groups: BTreeMap<String, u32>,
    /// So much is there of a resource, for all runs.
    pub resources: BTreeMap<String, u64>,
}

impl Area {
    /// The test of that name.
    pub fn test(&self, name: &str) -> Option<&TestSpec> {
        self.tests.iter().find(|t| t.name == name)
    }
}

impl Fixture {
    /// Where both names are from, for messages.
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        self.setup.iter().chain(&self.cleanup).map(String::as_str)
    }
}
