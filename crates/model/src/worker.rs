//! Workers: machines that run builds.

use crate::{Place, Span, Time, WorkerId};
use serde::{Deserialize, Serialize};

/// A worker as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// Its unique name.
    pub name: String,
    /// How many builds it runs at once; at least 1.
    pub max_builds: u32,
    /// Where it runs and how it proves who it is.
    pub access: WorkerAccess,
    /// How long after the loss of its connection its builds are given up.
    pub lost_after: Span,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// Where a worker runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerAccess {
    /// On the master's own machine, started by the master.
    Local,
    /// Somewhere else; it connects by itself.
    Remote {
        /// What it must say to be let in.
        password: Secret,
    },
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that must compare or send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A worker that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// It is in the present configuration.
    pub configured: bool,
    /// It is connected now.
    pub connected: bool,
    /// When it last came or went.
    pub changed_at: Option<Time>,
    /// Takes no new builds, with the reason.
    pub paused: Option<String>,
    /// What it last said of itself.
    pub info: WorkerInfo,
}

/// What a worker says of itself when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Who looks after it: the file `info/admin`.
    pub admin: String,
    /// What machine it is: the file `info/host`.
    pub host: String,
    /// Its version of Sluice.
    pub version: String,
    /// Operating system and architecture.
    pub system: String,
    /// Processors it may use.
    pub cpus: u32,
}
