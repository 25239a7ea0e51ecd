//! Locks: what builds and steps must hold while they run.

use crate::{BuildId, Place, RequestId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A lock as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockSpec {
    /// Its unique name.
    pub name: String,
    /// Where it counts.
    pub scope: LockScope,
    /// How many counting holders it has room for; at least 1.
    pub max_count: u32,
    /// Other sizes on some workers, by the worker's name. For worker locks only.
    pub max_count_for_worker: BTreeMap<String, u32>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// Where a lock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockScope {
    /// Once for the whole master.
    Master,
    /// Once for each worker.
    Worker,
}

/// The wish of a builder or a step to hold a lock while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockUse {
    /// The lock's name.
    pub lock: String,
    /// How it is held.
    pub access: LockAccess,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockAccess {
    /// Together with others, up to the lock's size. Takes so many of its places; at least 1.
    Counting(u32),
    /// Alone.
    Exclusive,
}

impl LockSpec {
    /// How many places it has on a worker (any name for a master lock).
    pub fn room(&self, worker: &str) -> u32 {
        match self.scope {
            LockScope::Master => self.max_count,
            LockScope::Worker => self.max_count_for_worker.get(worker).copied().unwrap_or(self.max_count),
        }
    }
}

/// Who holds a lock, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockOwner {
    /// A build from its start to its end, or one of its steps.
    Build {
        /// Which.
        build: BuildId,
        /// Its builder's name.
        builder: String,
        /// Its number there.
        number: i64,
        /// The step's name; `None`: the whole build.
        step: Option<String>,
    },
    /// A request whose build would begin.
    Request {
        /// Which.
        request: RequestId,
        /// Its builder's name.
        builder: String,
    },
}

/// As sentences have it: `linux #12`, `linux #12 in test`, `request 7 of linux`.
impl fmt::Display for LockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockOwner::Build { builder, number, step: None, .. } => write!(f, "{builder} #{number}"),
            LockOwner::Build { builder, number, step: Some(step), .. } => write!(f, "{builder} #{number} in {step}"),
            LockOwner::Request { request, builder } => write!(f, "request {request} of {builder}"),
        }
    }
}

/// A place among the holders of a lock, or among those who wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockPlace {
    /// Who.
    pub owner: LockOwner,
    /// How it is held, or is to be held.
    pub access: LockAccess,
    /// Since when. Who waits stands in the order of this moment.
    pub since: Time,
}

/// A lock as it stands, on one worker for a worker lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// Its name.
    pub lock: String,
    /// The worker's name, for a worker lock.
    pub worker: Option<String>,
    /// How many counting holders it has room for.
    pub room: u32,
    /// Who holds it, the longest first.
    pub holders: Vec<LockPlace>,
    /// Who waits for it, the next first.
    pub waiting: Vec<LockPlace>,
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockWait {
    /// Its name.
    pub lock: String,
    /// The worker's name, for a worker lock.
    pub worker: Option<String>,
    /// Who holds it.
    pub holders: Vec<LockOwner>,
    /// Who waits for it and goes before.
    pub ahead: Vec<LockOwner>,
}

impl LockWait {
    /// `the lock db, held by linux #12, after request 3 of docs`.
    pub fn words(&self) -> String {
        let list = |owners: &[LockOwner]| {
            let shown: Vec<String> = owners.iter().take(3).map(LockOwner::to_string).collect();
            match owners.len().saturating_sub(shown.len()) {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        };
        let mut words = format!("the lock {}", self.lock);
        if let Some(worker) = &self.worker {
            words.push_str(&format!(" on {worker}"));
        }
        if !self.holders.is_empty() {
            words.push_str(&format!(", held by {}", list(&self.holders)));
        }
        if !self.ahead.is_empty() {
            words.push_str(&format!(", after {}", list(&self.ahead)));
        }
        words
    }
}
