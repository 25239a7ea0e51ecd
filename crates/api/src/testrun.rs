//! The documents of runs of tests: `GET /api/v2/testruns`, `/testruns/ID`, `/testruns/ID/items`,
//! `/testruns/ID/diff/ID2`, `/testhistory`. Moments are whole seconds, lengths are seconds.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::{Span, Time};
use serde::{Deserialize, Serialize};

/// A run of tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// Its id.
    pub testrunid: i64,
    /// The area.
    pub area: String,
    /// The target: one value for each of `fields`, with `/` between them.
    pub target: String,
    /// What a target is made of.
    pub fields: Vec<String>,
    /// Its name within area and target.
    pub name: String,
    /// Who started it.
    pub owner: String,
    /// What was asked for.
    pub patterns: String,
    /// When it was started first.
    pub started_at: i64,
    /// When everything had ended.
    pub ended_at: Option<i64>,
    /// `running`, `green`, `red`, `cancelled`, `interrupted`.
    pub state: String,
    /// Nobody may change it.
    pub locked: bool,
    /// Its directories stay.
    pub kept: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What people say of it.
    pub comment: String,
    /// Where its files are, on the machine of its runner.
    pub directory: String,
    /// What it came to so far, in items.
    pub totals: model::testrun::TestRunTotals,
    /// Its tests.
    pub tests: Vec<model::testrun::TestHead>,
}

/// An item of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestItem {
    /// Its run.
    pub testrunid: i64,
    /// Its test.
    pub test: String,
    /// Its path; empty for a test that is not iterated.
    pub path: String,
    /// `NOT_STARTED`, `LAUNCHED`, `RUNNING`, `COMPLETED`, `KILLED`, `INCOMPLETE`.
    pub phase: String,
    /// What came of it; `n/a` as long as nobody knows.
    pub status: String,
    /// `good`, `neutral`, `bad`.
    pub class: String,
    /// Why, in a sentence.
    pub comment: String,
    /// It passed when it was tried again.
    pub flaky: bool,
    /// Whoever answers for a failure that does not count.
    pub quarantined: Option<String>,
    /// The host of its last attempt.
    pub host: String,
    /// The directory of its last attempt.
    pub directory: String,
    /// What is shown first of its files.
    pub log: Option<String>,
    /// When its first attempt was handed out.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How long its last attempt ran, in seconds.
    pub duration: Option<f64>,
    /// Every attempt, oldest first.
    pub attempts: Vec<TestAttempt>,
    /// The steps of all attempts.
    pub steps: Vec<TestStep>,
    /// What its last attempt measured.
    pub data: Vec<model::testrun::TestDatum>,
}

/// An attempt at an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAttempt {
    /// Its number, from 1.
    pub number: u32,
    /// Where it ran.
    pub host: String,
    /// When it was handed out.
    pub launched_at: i64,
    /// When it began there.
    pub began_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// What came of it.
    pub status: String,
    /// Why.
    pub comment: String,
    /// Its directory.
    pub directory: String,
    /// The machine and the area when it was handed out.
    #[serde(default)]
    pub around: Option<model::testrun::Around>,
}

/// A step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStep {
    /// The attempt's number.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub status: String,
    /// How its program ended.
    pub exit: Option<i32>,
    /// When it began.
    pub began_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Its log, within the attempt's directory.
    pub log: Option<String>,
    /// Why.
    pub comment: String,
}

/// An item in two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDiff {
    /// The test.
    pub test: String,
    /// The item's path.
    pub path: String,
    /// `CLEAN`, `BETTER`, `WORSE`, `BOTH-BAD`, `NOT-IN-SRC`, `NOT-IN-DEST`.
    pub change: String,
    /// What it was; null without a verdict.
    pub src: Option<String>,
    /// What it is; null without a verdict.
    pub dest: Option<String>,
}

/// What became of an item in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestPast {
    /// The run.
    pub testrunid: i64,
    /// The run's target.
    pub target: String,
    /// The run's name.
    pub name: String,
    /// When the run was started.
    pub run_started_at: i64,
    /// The test.
    pub test: String,
    /// The item's path.
    pub path: String,
    /// Where it is in its life.
    pub phase: String,
    /// What came of it.
    pub status: String,
    /// `good`, `neutral`, `bad`.
    pub class: String,
    /// It passed when it was tried again.
    pub flaky: bool,
    /// Somebody answers for its failure.
    pub quarantined: bool,
    /// How long its last attempt ran, in seconds.
    pub duration: Option<f64>,
}

fn seconds(at: Option<Time>) -> Option<i64> {
    at.map(Time::as_seconds)
}

impl TestRun {
    /// The document of a run.
    pub fn of(run: &model::TestRun) -> Self {
        Self {
            testrunid: run.id.0,
            area: run.area.clone(),
            target: run.target.clone(),
            fields: run.fields.clone(),
            name: run.name.clone(),
            owner: run.owner.clone(),
            patterns: run.patterns.clone(),
            started_at: run.started_at.as_seconds(),
            ended_at: seconds(run.ended_at),
            state: run.state.word().to_owned(),
            locked: run.locked,
            kept: run.kept,
            tags: run.tags.clone(),
            comment: run.comment.clone(),
            directory: run.directory.clone(),
            totals: run.totals.clone(),
            tests: run.tests.clone(),
        }
    }
}

impl TestItem {
    /// The document of an item.
    pub fn of(item: &model::TestItem) -> Self {
        let attempts = item.attempts.iter().map(|a| TestAttempt {
            number: a.number,
            host: a.host.clone(),
            launched_at: a.launched.as_seconds(),
            began_at: seconds(a.began),
            ended_at: seconds(a.ended),
            status: a.status.clone(),
            comment: a.comment.clone(),
            directory: a.directory.clone(),
            around: a.around.clone(),
        });
        let steps = item.steps.iter().map(|s| TestStep {
            attempt: s.attempt,
            name: s.name.clone(),
            status: s.status.clone(),
            exit: s.exit,
            began_at: s.began.as_seconds(),
            ended_at: seconds(s.ended),
            log: s.log.clone(),
            comment: s.comment.clone(),
        });
        Self {
            testrunid: item.run.0,
            test: item.test.clone(),
            path: item.path.clone(),
            phase: item.phase.word().to_owned(),
            status: item.status.clone(),
            class: item.class.word().to_owned(),
            comment: item.comment.clone(),
            flaky: item.flaky,
            quarantined: item.quarantined.clone(),
            host: item.host.clone(),
            directory: item.directory.clone(),
            log: item.log.clone(),
            started_at: seconds(item.started_at),
            ended_at: seconds(item.ended_at),
            duration: item.duration.map(Span::as_secs_f64),
            attempts: attempts.collect(),
            steps: steps.collect(),
            data: item.data.clone(),
        }
    }
}

impl Document for TestRun {
    const PLURAL: &'static str = "testruns";
    const FIELDS: &'static [Field] = &[
        field("testrunid", Kind::Int),
        field("area", Kind::Text),
        field("target", Kind::Text),
        field("fields", Kind::Nested),
        field("name", Kind::Text),
        field("owner", Kind::Text),
        field("patterns", Kind::Nested),
        field("started_at", Kind::Int),
        field("ended_at", Kind::Int),
        field("state", Kind::Text),
        field("locked", Kind::Bool),
        field("kept", Kind::Bool),
        field("tags", Kind::Nested),
        field("comment", Kind::Nested),
        field("directory", Kind::Nested),
        field("totals", Kind::Nested),
        field("tests", Kind::Nested),
    ];
}

impl Document for TestItem {
    const PLURAL: &'static str = "items";
    const FIELDS: &'static [Field] = &[
        field("testrunid", Kind::Int),
        field("test", Kind::Text),
        field("path", Kind::Text),
        field("phase", Kind::Text),
        field("status", Kind::Text),
        field("class", Kind::Text),
        field("comment", Kind::Nested),
        field("flaky", Kind::Bool),
        field("quarantined", Kind::Bool),
        field("host", Kind::Nested),
        field("directory", Kind::Nested),
        field("log", Kind::Nested),
        field("started_at", Kind::Int),
        field("ended_at", Kind::Int),
        field("duration", Kind::Nested),
        field("attempts", Kind::Nested),
        field("steps", Kind::Nested),
        field("data", Kind::Nested),
    ];
}

impl Document for TestDiff {
    const PLURAL: &'static str = "differences";
    const FIELDS: &'static [Field] = &[
        field("test", Kind::Nested),
        field("path", Kind::Nested),
        field("change", Kind::Nested),
        field("src", Kind::Nested),
        field("dest", Kind::Nested),
    ];
}

impl Document for TestPast {
    const PLURAL: &'static str = "history";
    const FIELDS: &'static [Field] = &[
        field("testrunid", Kind::Nested),
        field("target", Kind::Nested),
        field("name", Kind::Nested),
        field("run_started_at", Kind::Nested),
        field("test", Kind::Nested),
        field("path", Kind::Nested),
        field("phase", Kind::Nested),
        field("status", Kind::Nested),
        field("class", Kind::Nested),
        field("flaky", Kind::Nested),
        field("quarantined", Kind::Nested),
        field("duration", Kind::Nested),
    ];
}
