//! What somebody wants to land.

use crate::footprint::Footprint;
use crate::trial::TrialId;
use model::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A candidate's number within its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CandidateId(pub u64);

impl fmt::Display for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A commit by its full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commit(pub String);

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// A commit that somebody wants on the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its number.
    pub id: CandidateId,
    /// What was submitted. What lands is this, replayed on what is there by then.
    pub commit: Commit,
    /// Who wrote it: what is known of others' earlier candidates does not count so much as of theirs.
    pub author: String,
    /// When it came.
    pub submitted: Time,
    /// Each point goes before what came within ten minutes, as in the queue of requests; so nothing starves.
    pub priority: i64,
    /// Candidates that must land before it: the lower parts of its stack.
    pub needs: Vec<CandidateId>,
    /// What it can touch.
    pub footprint: Footprint,
    /// How many approvals are wanted.
    pub wanted: u32,
    /// Who approved.
    pub approvals: Vec<String>,
}

impl Candidate {
    /// It may land as far as people have to say.
    pub fn is_approved(&self) -> bool {
        self.approvals.len() >= self.wanted as usize
    }

    /// Its place in the line: earlier goes first, ties to the lower number.
    pub fn rank(&self) -> (i64, CandidateId) {
        const POINT: i64 = 600 * 1_000_000;
        (self.submitted.0.saturating_sub(self.priority.saturating_mul(POINT)), self.id)
    }
}

/// How a candidate ended. There is exactly one end for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum End {
    /// It is on the branch.
    Landed {
        /// The trial whose tree that is.
        by: TrialId,
        /// An attempt of that trial was red and the next one green.
        flaky: bool,
    },
    /// It is the one whose fault a red trial is.
    Evicted(Guilt),
    /// What it needs did not land. Nothing is said about itself.
    DependencyFailed {
        /// The part of the stack that did not land.
        on: CandidateId,
    },
    /// Somebody took it back.
    Withdrawn {
        /// Who.
        by: String,
    },
}

/// Why a red trial is one candidate's fault and nobody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guilt {
    /// The red trial.
    pub trial: TrialId,
    /// What was red.
    pub red: crate::trial::Red,
    /// What it was tested together with; all of it has landed.
    pub with: Vec<CandidateId>,
    /// What proves that the rest is green.
    pub proof: Proof,
}

/// What is known of a red tree without the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It is what the branch was when the candidate stood alone on it.
    Branch,
    /// It is the branch by now: everything else in the trial has landed from the same trees.
    LandedSince,
    /// Another trial of just that tree was green, and all of it has landed.
    GreenWithout(TrialId),
    /// The candidate cannot be replayed at all on it.
    Conflict,
}
