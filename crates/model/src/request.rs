//! Build requests: one builder's part of a build set.

use crate::{BuildId, BuildSetId, BuilderId, RequestId, Results, Time};
use serde::{Deserialize, Serialize};

/// A wish that a builder builds a set's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id; `buildrequestid` in the REST interface.
    pub id: RequestId,
    /// The set it belongs to.
    pub set: BuildSetId,
    /// The builder that is asked.
    pub builder: BuilderId,
    /// Higher goes first.
    pub priority: i64,
    /// When it was filed.
    pub submitted_at: Time,
    /// Another build waits for it (`trigger`).
    pub waited_for: bool,
    /// How many builds of it were lost and are to be tried again.
    pub retries: u32,
    /// Somebody wants it to end: who and why, in words. Stays when it has ended.
    pub cancel: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
}

/// Where a build request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestStatus {
    /// Nobody has it. The distributor moves it on, or somebody cancels it.
    Waiting,
    /// A build of it runs. The end of the build moves it on: to complete, or back to waiting after a retry.
    Claimed {
        /// When it was claimed.
        at: Time,
        /// The build that was started for it.
        build: BuildId,
    },
    /// It has its result; never moves again.
    Complete {
        /// When it ended.
        at: Time,
        /// How.
        results: Results,
    },
}

impl RequestStatus {
    /// When it ended, if it has.
    pub fn complete_at(self) -> Option<Time> {
        match self {
            RequestStatus::Complete { at, .. } => Some(at),
            _ => None,
        }
    }

    /// How it ended, if it has.
    pub fn results(self) -> Option<Results> {
        match self {
            RequestStatus::Complete { results, .. } => Some(results),
            _ => None,
        }
    }

    /// When the build of it was started, while it runs.
    pub fn claimed_at(self) -> Option<Time> {
        match self {
            RequestStatus::Claimed { at, .. } => Some(at),
            _ => None,
        }
    }
}
