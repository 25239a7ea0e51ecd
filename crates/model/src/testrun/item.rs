//! An item of a run of tests: what was tried, and what came of it.

use super::Phase;
use crate::area::Class;
use crate::{Span, TestRunId, Time};
use serde::{Deserialize, Serialize};

/// An item of a run. No two have the same run, test and path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestItem {
    /// Its run.
    pub run: TestRunId,
    /// Its test.
    pub test: String,
    /// Its path, such as `linux/gcc`; empty for a test that is not iterated.
    pub path: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// What came of it; `n/a` as long as nobody knows.
    pub status: String,
    /// What the status says.
    pub class: Class,
    /// Why, in a sentence.
    pub comment: String,
    /// It failed, and passed when it was tried again.
    pub flaky: bool,
    /// Whoever answers for a failure that does not count.
    pub quarantined: Option<String>,
    /// The host of its last attempt; empty: it had none.
    pub host: String,
    /// The directory of its last attempt, on the machine of its runner.
    pub directory: String,
    /// What is shown first of its files, as a path within `directory`.
    pub log: Option<String>,
    /// Every attempt, oldest first.
    pub attempts: Vec<TestAttempt>,
    /// The steps of all attempts, in the order in which they began.
    pub steps: Vec<TestStepRecord>,
    /// What its last attempt measured.
    pub data: Vec<TestDatum>,
    /// When its first attempt was handed out.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// How long its last attempt ran.
    pub duration: Option<Span>,
    /// What it waits for, as item maps say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<Awaited>,
}

/// What an item waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The test.
    pub test: String,
    /// The path of its item; none: all of the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl TestItem {
    /// An item of which nothing has run.
    pub fn new(run: TestRunId, test: impl Into<String>, path: impl Into<String>) -> Self {
        TestItem {
            run,
            test: test.into(),
            path: path.into(),
            phase: Phase::NotStarted,
            status: "n/a".to_owned(),
            class: Class::Neutral,
            comment: String::new(),
            flaky: false,
            quarantined: None,
            host: String::new(),
            directory: String::new(),
            log: None,
            attempts: Vec::new(),
            steps: Vec::new(),
            data: Vec::new(),
            started_at: None,
            ended_at: None,
            duration: None,
            waits_for: Vec::new(),
        }
    }

    /// What a matrix shows of it.
    pub fn cell(&self) -> TestCell {
        TestCell {
            run: self.run,
            test: self.test.clone(),
            path: self.path.clone(),
            phase: self.phase,
            status: self.status.clone(),
            class: self.class,
            flaky: self.flaky,
            quarantined: self.quarantined.is_some(),
            started_at: self.started_at,
            ended_at: self.ended_at,
            duration: self.duration,
        }
    }
}

/// The little of an item that a matrix or a history shows: it is read without the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCell {
    /// Its run.
    pub run: TestRunId,
    /// Its test.
    pub test: String,
    /// Its path.
    pub path: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// What came of it.
    pub status: String,
    /// What the status says.
    pub class: Class,
    /// It passed when it was tried again.
    pub flaky: bool,
    /// Somebody answers for its failure.
    pub quarantined: bool,
    /// When its first attempt was handed out.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// How long its last attempt ran.
    pub duration: Option<Span>,
}

/// One attempt at an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAttempt {
    /// Its number, from 1.
    pub number: u32,
    /// Where it ran.
    pub host: String,
    /// When it was handed out.
    pub launched: Time,
    /// When it began there.
    pub began: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// What came of it.
    pub status: String,
    /// Why.
    pub comment: String,
    /// Its directory, on the machine of its runner.
    pub directory: String,
    /// What was around it when it was handed out, as far as that is known.
    #[serde(default)]
    pub around: Option<Around>,
}

/// The machine of a runner, and the area, at the beginning of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Around {
    /// System, release and machine, such as `Linux 6.1.0 x86_64`.
    pub system: String,
    /// The load over the last minute, in hundredths; `None`: the system does not tell.
    pub load_hundredths: Option<u32>,
    /// Kilobytes that were free on the disk of its directory.
    pub free_kb: Option<u64>,
    /// The commit of the area, with `-dirty` behind it when files were changed; empty: it is not in git.
    pub commit: String,
}

impl Around {
    /// What people read, such as `Linux 6.1.0 x86_64, load 0.52, 1024 MB free, commit 0a1b2c`.
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if !self.system.is_empty() {
            parts.push(self.system.clone());
        }
        parts.extend(self.load_hundredths.map(|n| format!("load {}.{:02}", n / 100, n % 100)));
        parts.extend(self.free_kb.map(|kb| format!("{} MB free", kb / 1024)));
        if !self.commit.is_empty() {
            parts.push(format!("commit {}", self.commit));
        }
        parts.join(", ")
    }
}

/// A step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStepRecord {
    /// The attempt's number.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// What came of it; `n/a` while it runs.
    pub status: String,
    /// How its program ended; none for a step that a script tells of, and for one that a signal ended.
    pub exit: Option<i32>,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// Its log, as a path within the attempt's directory.
    pub log: Option<String>,
    /// Why, in a sentence.
    pub comment: String,
}

/// Something that a test measured, in its own words. A later one of the same category and variable stands instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// Where it belongs.
    pub category: String,
    /// What it is.
    pub variable: String,
    /// What was measured.
    pub value: String,
    /// What was expected; empty: nobody said.
    pub expected: String,
    /// A number (so far either way, the bounds belong to it), or one of `>` `>=` `<` `<=`.
    pub tolerance: String,
    /// Its unit.
    pub units: String,
    /// What the test says of it.
    pub comment: String,
    /// What the test itself says came of it, such as `fail`; nothing leaves it to the tolerance.
    pub status: String,
    /// What kind of data, for those who read it.
    pub kind: String,
}

/// A measurement of an attempt, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDatum {
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measurement,
    /// Whether it is within what is allowed; none: nothing could be judged.
    pub within: Option<bool>,
}
