//! The live part of the store: what the world is rebuilt from.

use crate::{Build, BuildSet, Builder, Change, LogFacts, Request, Scheduler, Step, StepSpec, Worker};
use serde::{Deserialize, Serialize};

/// Everything that is open, and nothing of history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The ids that come next.
    pub next: NextIds,
    /// All builders that were ever configured.
    pub builders: Vec<Builder>,
    /// All workers that were ever configured.
    pub workers: Vec<Worker>,
    /// All schedulers that were ever configured.
    pub schedulers: Vec<Scheduler>,
    /// Changes that wait in a scheduler's lane.
    pub changes: Vec<Change>,
    /// Sets that are open, by id; and complete ones that a running step waits for, after them.
    pub sets: Vec<BuildSet>,
    /// All requests of the open sets, complete ones too, by id.
    pub requests: Vec<Request>,
    /// Builds that run, by id, each with the steps it was started with.
    pub builds: Vec<OpenBuild>,
}

/// A running build with all that is needed to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBuild {
    /// The build.
    pub build: Build,
    /// What it was started to do.
    pub plan: Vec<StepSpec>,
    /// The steps that were begun, by number.
    pub steps: Vec<Step>,
    /// Logs of the step that runs.
    pub logs: Vec<LogFacts>,
    /// Somebody asked for its end, with the reason.
    pub stopping: Option<String>,
}

/// The ids that come next, one counter per noun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextIds {
    /// Changes.
    pub change: i64,
    /// Source stamps.
    pub stamp: i64,
    /// Build sets.
    pub set: i64,
    /// Build requests.
    pub request: i64,
    /// Builders.
    pub builder: i64,
    /// Builds.
    pub build: i64,
    /// Steps.
    pub step: i64,
    /// Logs.
    pub log: i64,
    /// Workers.
    pub worker: i64,
    /// Schedulers.
    pub scheduler: i64,
}

impl Default for NextIds {
    fn default() -> Self {
        Self { change: 1, stamp: 1, set: 1, request: 1, builder: 1, build: 1, step: 1, log: 1, worker: 1, scheduler: 1 }
    }
}
