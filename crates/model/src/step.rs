//! Steps: what a build does, one thing after the other.

mod action;
mod checkout;
mod reading;
mod shell;

pub use action::{
    ATTEMPT_PROPERTY, FileSpec, GitMode, GitSpec, HttpMethod, HttpSpec, PropertyValue, SequencePart, SequenceSpec,
    StepAction, TransferSpec, TriggerSpec, is_attempt_key,
};
pub use checkout::{BranchPlace, Vcs, VcsSpec};
pub use reading::{
    Findings, KindCount, PropertyReading, Reading, Suppression, TestReading, WarningKind, WarningReading,
};
pub use shell::{CommandLine, FollowedLog, ShellSpec};

use crate::{BuildId, Condition, LockUse, Place, Results, StepId, TestTotals, Text, Time};
use serde::{Deserialize, Serialize};

/// A step as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Its name; unique within the build (a second `test` becomes `test_1`).
    pub name: String,
    /// What its result does to the build.
    pub flags: StepFlags,
    /// What it does.
    pub action: StepAction,
    /// Words while it runs; from the command when absent.
    pub description: Option<Text>,
    /// Words after it has run; from the command when absent.
    pub description_done: Option<Text>,
    /// What it must hold while it runs.
    #[serde(default)]
    pub locks: Vec<LockUse>,
    /// It is skipped when this says no. `None`: always done.
    #[serde(default)]
    pub do_if: Option<Condition>,
    /// It is left out of pages, once ended, when this says yes. A function is given its result besides. `None`: shown.
    #[serde(default)]
    pub hide_if: Option<Condition>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

impl StepSpec {
    /// A step with the plain flags and nothing else said.
    pub fn new(name: impl Into<String>, action: StepAction) -> Self {
        Self {
            name: name.into(),
            flags: StepFlags::PLAIN,
            action,
            description: None,
            description_done: None,
            locks: Vec::new(),
            do_if: None,
            hide_if: None,
            defined_at: None,
        }
    }
}

/// What a step's result does to its build. Names and meaning are Buildbot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFlags {
    /// A failure ends the build, but for steps that always run.
    pub halt_on_failure: bool,
    /// A failure fails the build.
    pub flunk_on_failure: bool,
    /// Warnings fail the build.
    pub flunk_on_warnings: bool,
    /// A failure gives the build warnings.
    pub warn_on_failure: bool,
    /// Warnings give the build warnings.
    pub warn_on_warnings: bool,
    /// It runs even after the build was halted or stopped.
    pub always_run: bool,
}

impl StepFlags {
    /// A failure fails the build, warnings show, and the build goes on.
    pub const PLAIN: StepFlags = StepFlags {
        halt_on_failure: false,
        flunk_on_failure: true,
        flunk_on_warnings: false,
        warn_on_failure: false,
        warn_on_warnings: true,
        always_run: false,
    };

    /// As plain, and a failure ends the build: for what everything later needs.
    pub const HALTING: StepFlags = StepFlags { halt_on_failure: true, ..StepFlags::PLAIN };
}

/// A step of a build that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// The build it belongs to.
    pub build: BuildId,
    /// Its place in the build, from 0.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// When it was started.
    pub started_at: Time,
    /// One line for people: what it does, or how it ended.
    pub state: String,
    /// What came of it beside its result.
    pub facts: StepFacts,
    /// Where it stands.
    pub status: StepStatus,
}

/// What came of a step beside its result. Known when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepFacts {
    /// Pages leave it out.
    pub hidden: bool,
    /// Places to look at: words and address.
    pub urls: Vec<(String, String)>,
    /// How many warnings were counted in its output; `None`: nobody counted.
    pub warnings: Option<u64>,
    /// What its tests gave; `None`: it ran none.
    pub tests: Option<TestTotals>,
}

/// Where a step stands. A step that has not begun has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepStatus {
    /// Its command runs. Its end, a stop or the loss of the worker moves it on.
    Running,
    /// It has its result; never moves again.
    Complete {
        /// When it ended.
        at: Time,
        /// How.
        results: Results,
    },
}

impl StepStatus {
    /// When it ended, if it has.
    pub fn complete_at(self) -> Option<Time> {
        match self {
            StepStatus::Running => None,
            StepStatus::Complete { at, .. } => Some(at),
        }
    }

    /// How it ended, if it has.
    pub fn results(self) -> Option<Results> {
        match self {
            StepStatus::Running => None,
            StepStatus::Complete { results, .. } => Some(results),
        }
    }
}
