//! One push at a time, by compare-and-swap: what is known of it.

use crate::candidate::{CandidateId, Commit};
use crate::trial::TrialId;
use serde::{Deserialize, Serialize};

/// A push that was decided and whose end is not known. While there is one, no other is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// Whose tree.
    pub trial: TrialId,
    /// The commit that was tested.
    pub commit: Commit,
    /// Where the branch must be.
    pub expected: Commit,
    /// Who is new on the branch by it, in order.
    pub members: Vec<CandidateId>,
    /// It is replayed first.
    pub replay: bool,
    /// How it stands.
    pub state: LandingState,
}

/// How a push stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LandingState {
    /// The caller pushes. After a restart of the caller that is doubtful too: it says so.
    Pushing,
    /// Nobody knows whether it arrived.
    Doubtful(String),
    /// The remote is being asked.
    Asking,
    /// The remote is where it was; push again.
    Again,
}
