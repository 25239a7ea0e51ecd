//! Builds: a list of steps on one worker, for one source, with one result.

use crate::{BuildId, BuilderId, Properties, RequestId, Results, Time, WorkerId};
use serde::{Deserialize, Serialize};

/// A build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// Its number within its builder.
    pub number: i64,
    /// Whose build it is.
    pub builder: BuilderId,
    /// The request that it answers.
    pub request: RequestId,
    /// Where it runs or ran.
    pub worker: WorkerId,
    /// Who may speak for it.
    pub lease: Lease,
    /// When it was started.
    pub started_at: Time,
    /// One line for people: what it does, or how it ended.
    pub state: String,
    /// What is known of it.
    pub properties: Properties,
    /// Where it stands.
    pub status: BuildStatus,
}

/// The right to speak for a build. An answer that names an older epoch is refused and kept as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Rises each time the build is given to somebody else, or given up.
    pub epoch: i64,
    /// When the holder is given up, counted from the loss of its connection; `None` while it is connected.
    pub until: Option<Time>,
}

/// Where a build stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildStatus {
    /// A worker holds its lease. The end of its last step, a stop, or the loss of the lease moves it on.
    Running,
    /// It has its result; never moves again.
    Complete {
        /// When it ended.
        at: Time,
        /// How.
        results: Results,
    },
}

impl BuildStatus {
    /// When it ended, if it has.
    pub fn complete_at(self) -> Option<Time> {
        match self {
            BuildStatus::Running => None,
            BuildStatus::Complete { at, .. } => Some(at),
        }
    }

    /// How it ended, if it has.
    pub fn results(self) -> Option<Results> {
        match self {
            BuildStatus::Running => None,
            BuildStatus::Complete { results, .. } => Some(results),
        }
    }
}
