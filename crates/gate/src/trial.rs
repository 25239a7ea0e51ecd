//! A test of one tree: the branch as it was, and candidates replayed on it in order.

use crate::candidate::{CandidateId, Commit};
use crate::footprint::Footprint;
use model::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A trial's number within its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialId(pub u64);

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A probability in thousandths, for showing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chance(pub u16);

impl Chance {
    /// The nearest thousandth.
    pub fn of(p: f64) -> Self {
        Chance((p.clamp(0.0, 1.0) * 1000.0).round() as u16)
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 + 5) / 10)
    }
}

/// Why a tree is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// First in the line, on the branch as it is.
    Head,
    /// Behind others, as if they landed.
    Behind {
        /// That they do.
        chance: Chance,
    },
    /// In case that others do not land.
    Hedge {
        /// Those left out.
        without: Vec<CandidateId>,
        /// That exactly they do not.
        chance: Chance,
    },
    /// By itself, so that what it is does not depend on others.
    Screen,
    /// What was green by itself, together.
    Merge,
    /// Part of what was red together.
    Search {
        /// How many are still suspect.
        among: usize,
    },
    /// The branch alone, because it came from outside and something on it was red.
    Control,
}

/// What was wrong with a red trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Red {
    /// The task and stage.
    pub stage: String,
    /// Failing tests by name, as far as there are names.
    pub tests: Vec<String>,
    /// Where its logs are.
    pub log: String,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All tasks passed on this commit.
    Green(Commit),
    /// The code's fault, or a flake.
    Red(Red),
    /// A member could not be replayed on what is before it.
    Conflict {
        /// That member.
        member: CandidateId,
        /// Files in conflict.
        red: Red,
    },
    /// The machine's fault: nobody is blamed, and it is tried again.
    Broken(String),
}

/// Where a trial is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// Asked for, and no end is known.
    Running,
    /// Green.
    Green {
        /// The commit that was tested: this one lands, or none.
        commit: Commit,
    },
    /// Red, and nobody said yet whether that stands.
    Doubted(Red),
    /// Red, and not a flake as far as one can tell.
    Red(Red),
    /// A member could not be replayed.
    Conflict {
        /// That member.
        member: CandidateId,
        /// Files in conflict.
        red: Red,
    },
}

/// One tree under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number.
    pub id: TrialId,
    /// The height of the branch that it stands on.
    pub base: u64,
    /// Who is replayed on it, in order.
    pub members: Vec<CandidateId>,
    /// What they touch together: the tasks that run.
    pub footprint: Footprint,
    /// Why it is run.
    pub purpose: Purpose,
    /// When this attempt began.
    pub started: Time,
    /// Attempts that were red and did not count, with their logs.
    pub flakes: Vec<Red>,
    /// Where it is.
    pub state: TrialState,
}

impl Trial {
    /// Whether it holds a slot.
    pub fn is_running(&self) -> bool {
        self.state == TrialState::Running
    }

    /// The commit that it found green.
    pub fn green(&self) -> Option<&Commit> {
        match &self.state {
            TrialState::Green { commit } => Some(commit),
            _ => None,
        }
    }

    /// Whether it is red, and that stands.
    pub fn is_red(&self) -> bool {
        matches!(self.state, TrialState::Red(_) | TrialState::Conflict { .. })
    }
}
