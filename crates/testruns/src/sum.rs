//! What a run came to so far.

use crate::record::Phase;
use crate::status::Status;
use serde::{Deserialize, Serialize};

/// How many items count against a run, and which do not though they failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Bad, and nobody excuses it.
    pub bad: u32,
    /// Bad, and in quarantine, or held back by something that is.
    pub quarantined: u32,
    /// Passed when it was tried again.
    pub flaky: u32,
}

impl Weights {
    pub(crate) fn add(&mut self, one: &Weights) {
        self.bad += one.bad;
        self.quarantined += one.quarantined;
        self.flaky += one.flaky;
    }

    pub(crate) fn remove(&mut self, one: &Weights) {
        self.bad -= one.bad;
        self.quarantined -= one.quarantined;
        self.flaky -= one.flaky;
    }
}

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    /// Something has not ended.
    Running,
    /// Everything ended, and nothing bad that counts.
    Green,
    /// Everything ended, and something bad counts.
    Red,
    /// Somebody ended the run.
    Cancelled,
}

/// What a run came to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSum {
    /// What it is.
    pub verdict: RunVerdict,
    /// The roll-up of all its items.
    pub phase: Phase,
    /// The roll-up of all its items.
    pub status: Status,
    /// How many ended with which status, the best first.
    pub statuses: Vec<(Status, u32)>,
    /// How many items there are.
    pub total: u32,
    /// How many wait.
    pub waiting: u32,
    /// How many are out.
    pub running: u32,
    /// What counts, and what does not.
    pub weights: Weights,
}
