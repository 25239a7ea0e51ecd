//! Locks: what builds and steps must hold while they run.

use crate::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
