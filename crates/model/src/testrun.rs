//! Test runs as they are kept and shown: a run of an area's tests for one target, and what became of each item.
//!
//! These are facts. What is run and what comes of it is decided in the room `testruns`; whoever runs it writes it down
//! with [`Transition::TestRunSaved`](crate::Transition::TestRunSaved) and
//! [`Transition::TestItemsSaved`](crate::Transition::TestItemsSaved).

mod item;
mod phase;

pub use item::{Around, Awaited, Measurement, TestAttempt, TestCell, TestDatum, TestItem, TestStepRecord};
pub use phase::Phase;

use crate::area::{Class, StatusSpec};
use crate::{TestRunId, Time};
use serde::{Deserialize, Serialize};

/// A run of tests. No two have the same area, target and name; what is run again is the same run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// Its id: see `Store::next_test_run`.
    pub id: TestRunId,
    /// The area, by name.
    pub area: String,
    /// The target, such as `ubuntu/gcc`: one value for each of `fields`.
    pub target: String,
    /// What a target is made of, in order.
    pub fields: Vec<String>,
    /// Its name within area and target.
    pub name: String,
    /// Who started it.
    pub owner: String,
    /// What was asked for, as it was written.
    pub patterns: String,
    /// When it was started first.
    pub started_at: Time,
    /// When everything had ended.
    pub ended_at: Option<Time>,
    /// Where it stands.
    pub state: TestRunState,
    /// Nobody may change it.
    pub locked: bool,
    /// Its directories stay, whatever the rules for old runs say.
    pub kept: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What people say of it.
    pub comment: String,
    /// Where its files are, on the machine of its runner.
    pub directory: String,
    /// What it came to so far.
    pub totals: TestRunTotals,
    /// Its tests, in the order of the area.
    pub tests: Vec<TestHead>,
    /// The area's own status words: what those in the records meant then.
    pub statuses: Vec<StatusSpec>,
}

impl TestRun {
    /// The little of it that lists show.
    pub fn line(&self) -> TestRunLine {
        TestRunLine {
            id: self.id,
            area: self.area.clone(),
            target: self.target.clone(),
            name: self.name.clone(),
            owner: self.owner.clone(),
            state: self.state,
            started_at: self.started_at,
            ended_at: self.ended_at,
            totals: self.totals.clone(),
        }
    }
}

/// The little of a run that lists show: it is read without the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRunLine {
    /// Its id.
    pub id: TestRunId,
    /// Its area.
    pub area: String,
    /// Its target.
    pub target: String,
    /// Its name.
    pub name: String,
    /// Who started it.
    pub owner: String,
    /// Where it stands.
    pub state: TestRunState,
    /// When it was started first.
    pub started_at: Time,
    /// When everything had ended.
    pub ended_at: Option<Time>,
    /// What it came to so far.
    pub totals: TestRunTotals,
}

/// Where a run of tests stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestRunState {
    /// Something has not ended.
    Running,
    /// Everything ended, and nothing bad that counts.
    Green,
    /// Everything ended, and something bad counts.
    Red,
    /// Somebody ended it.
    Cancelled,
    /// Its runner ended before it did; the next one goes on with it.
    Interrupted,
}

impl TestRunState {
    /// All, with their words.
    pub const ALL: [(&'static str, TestRunState); 5] = [
        ("running", TestRunState::Running),
        ("green", TestRunState::Green),
        ("red", TestRunState::Red),
        ("cancelled", TestRunState::Cancelled),
        ("interrupted", TestRunState::Interrupted),
    ];

    /// The state of a word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
    }

    /// The word for it, as it is kept and as REST has it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, state)| *state == self).map_or("", |(word, _)| word)
    }
}

/// What a run came to so far, in items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRunTotals {
    /// All.
    pub total: u32,
    /// Not begun.
    pub waiting: u32,
    /// On a host.
    pub running: u32,
    /// Ended, by status, the best first.
    pub by_status: Vec<StatusCount>,
    /// Bad, and nobody excuses it.
    pub bad: u32,
    /// Bad, and excused.
    pub quarantined: u32,
    /// Passed when they were tried again.
    pub flaky: u32,
}

/// How many items have a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCount {
    /// The status.
    pub word: String,
    /// What it says.
    pub class: Class,
    /// So many.
    pub count: u32,
}

/// A test of a run, beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestHead {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// So many items are in this run; 1 for a test that is not iterated.
    pub items: u32,
    /// Tests that it waits for.
    pub waits_for: Vec<String>,
}
