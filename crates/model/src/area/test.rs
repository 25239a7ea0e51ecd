//! A test: what it does, what it needs, and what becomes of it.

use super::{Check, Disk, Items, Need, Trigger, Var};
use crate::{CommandLine, Place, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestSpec {
    /// Its unique name, without `/` and `,`.
    pub name: String,
    /// Where its files are; relative to the area. Empty: it has none.
    pub dir: String,
    /// What it does, in order. It stops after the first step that does not pass. None: it passes.
    pub steps: Vec<TestStep>,
    /// What it is run over.
    pub items: Items,
    /// What must be there first.
    pub needs: Vec<Need>,
    /// What it needs around it, by name.
    pub fixtures: Vec<String>,
    /// An item does not run while the same item of this test runs, in any run.
    pub exclusive: bool,
    /// When it is not worth running. Any one that holds is enough.
    pub skip: Vec<Skip>,
    /// What happens after a failure.
    pub retry: Retry,
    /// How long an attempt may run; the area's where there is none.
    pub max_time: Option<Span>,
    /// The job group that it counts in.
    pub job_group: Option<String>,
    /// How much of which resource an item takes while it runs.
    pub resources: BTreeMap<String, u64>,
    /// Higher ones start first, among those that may.
    pub priority: i64,
    /// Data that it is to report, with what is allowed.
    pub data: Vec<Expectation>,
    /// Variables of its own, stronger than those of the area and of the target.
    pub env: Vec<Var>,
    /// What waivers of it must show.
    pub waiver_checks: Vec<Check>,
    /// Disks of its own, in place of those of the area.
    pub disks: Vec<Disk>,
    /// Commands on changes of its items, beside those of the area.
    pub triggers: Vec<Trigger>,
    /// Words to select by.
    pub tags: Vec<String>,
    /// Who looks after it.
    pub owner: String,
    /// What it is.
    pub description: String,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// A step of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStep {
    /// Its name, unique in the test.
    pub name: String,
    /// What is run, in the test's run directory.
    pub command: CommandLine<String>,
    /// What its exit code says.
    pub exit: ExitCodes,
    /// What judges its log.
    pub rules: Option<LogRules>,
    /// How long it may run.
    pub max_time: Option<Span>,
    /// Variables of its own.
    pub env: Vec<Var>,
}

/// What an exit code says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCodes {
    /// 0 is a pass, everything else a failure: programs such as `make` do not know of the other meaning.
    #[default]
    Plain,
    /// 0 PASS, 1 FAIL, 2 WARN, 3 CHECK, 4 WAIVED, 5 ABORT, 6 SKIP, and FAIL beyond: a script that knows it.
    Verdict,
    /// These are a pass beside 0.
    Allowed(Vec<i32>),
    /// Says nothing where there are rules for the log, and is plain where there are none.
    Ignored,
}

/// Rules that judge a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRules {
    /// Their name, for messages.
    pub name: String,
    /// Where they are.
    pub source: RulesSource,
}

/// Where rules are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulesSource {
    /// In a file, relative to the test's directory.
    File(String),
    /// Here.
    Text(String),
}

/// When an item is not worth running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The same item runs in another run of this target.
    PreviousRunning,
    /// This file exists; relative to the area.
    FileExists(String),
    /// It ran in any run of this target, and that ended less than so long ago.
    RanWithin(Span),
}

/// What happens after a failure. Every attempt is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// So often more, when the test failed.
    pub failures: u32,
    /// So often more, when what ran it was lost.
    pub losses: u32,
}

impl Default for Retry {
    /// A failure stands; what was lost is tried once more.
    fn default() -> Self {
        Retry { failures: 0, losses: 1 }
    }
}

/// Data that a test is to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Where it belongs, such as `size`.
    pub category: String,
    /// What it is.
    pub variable: String,
    /// What it should be.
    pub expected: f64,
    /// How far it may be off.
    pub tolerance: Tolerance,
    /// Its unit.
    pub units: String,
    /// Not to report it is a failure.
    pub required: bool,
}

/// How far a number may be from what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// At most so far, either way.
    Within(f64),
    /// It must be greater.
    Greater,
    /// It must be greater, or the same.
    AtLeast,
    /// It must be less.
    Less,
    /// It must be less, or the same.
    AtMost,
}
