//! Build sets: one source, several builders, one result.

use crate::{BuildId, BuildSetId, Properties, RequestId, Results, SourceStamp, StepId, Time};
use serde::{Deserialize, Serialize};

/// A group of requests for the same source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSet {
    /// Its id; `bsid` in the REST interface.
    pub id: BuildSetId,
    /// Why it was filed, in words.
    pub reason: String,
    /// The scheduler that filed it.
    pub scheduler: String,
    /// A name given by whoever asked, for finding it again.
    pub external_id: Option<String>,
    /// When it was filed.
    pub submitted_at: Time,
    /// What to build, one stamp per codebase.
    pub stamps: Vec<SourceStamp>,
    /// The requests of the set.
    pub requests: Vec<RequestId>,
    /// Properties of all its builds.
    pub properties: Properties,
    /// The build that this set repeats, after `rebuild`.
    pub rebuilt: Option<BuildId>,
    /// The step that filed it, after `trigger`.
    pub parent: Option<ParentStep>,
    /// Where it stands.
    pub status: BuildSetStatus,
}

/// The step of a build that filed a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentStep {
    /// The build.
    pub build: BuildId,
    /// Its step.
    pub step: StepId,
    /// The step waits for the set, and the set's result is the step's.
    pub waits: Waits,
}

/// What the result of a triggered set is to the step that filed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// The step waits for it and takes its result.
    ForResult,
    /// The step waits for it, and takes no notice of its result.
    ForEnd,
    /// The step is long over.
    Not,
}

/// Where a build set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildSetStatus {
    /// Some request is open. The last request to end moves it on.
    Open,
    /// Every request has ended; never moves again.
    Complete {
        /// When the last request ended.
        at: Time,
        /// The worst of its requests.
        results: Results,
    },
}

impl BuildSetStatus {
    /// When it ended, if it has.
    pub fn complete_at(self) -> Option<Time> {
        match self {
            BuildSetStatus::Open => None,
            BuildSetStatus::Complete { at, .. } => Some(at),
        }
    }

    /// How it ended, if it has.
    pub fn results(self) -> Option<Results> {
        match self {
            BuildSetStatus::Open => None,
            BuildSetStatus::Complete { results, .. } => Some(results),
        }
    }
}
