//! The whole configuration: checked, immutable.

use crate::worker::Secret;
use crate::{BuilderSpec, ChangeSourceSpec, GateSpec, LockSpec, ReporterSpec, SchedulerSpec, WorkerSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What `master.star` says, checked: names are unique, and every name that is used is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// What the pages are headed with.
    pub project: ProjectSpec,
    /// The one port.
    pub web: WebSpec,
    /// Where the store is: `None` is SQLite in the base directory, else a `postgres://` address.
    pub database: Option<Secret>,
    /// Workers, in the order in which they were defined.
    pub workers: Vec<WorkerSpec>,
    /// Builders, in the order in which they were defined.
    pub builders: Vec<BuilderSpec>,
    /// Schedulers, in the order in which they were defined.
    pub schedulers: Vec<SchedulerSpec>,
    /// Change sources, in the order in which they were defined.
    pub sources: Vec<ChangeSourceSpec>,
    /// Locks, in the order in which they were defined.
    #[serde(default)]
    pub locks: Vec<LockSpec>,
    /// Who is told of builds, in the order in which they were defined.
    #[serde(default)]
    pub reporters: Vec<ReporterSpec>,
    /// Where changes land, in the order in which it was defined. The builders of their tasks are among the builders.
    #[serde(default)]
    pub gates: Vec<GateSpec>,
    /// Secrets that texts of steps name.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
}

/// What the pages are headed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSpec {
    /// The project's name.
    pub title: String,
    /// The project's own page; may be empty.
    pub url: String,
    /// Where people reach this Sluice, with a slash at the end; empty: worked out from the address it listens on.
    pub public_url: String,
}

impl Default for ProjectSpec {
    fn default() -> Self {
        Self { title: "Sluice".to_owned(), url: String::new(), public_url: String::new() }
    }
}

/// The one port for pages, REST, events and native workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSpec {
    /// `HOST:PORT`; port 0 takes any free one.
    pub listen: String,
    /// Everybody may force, stop and rebuild without a login.
    pub anonymous_control: bool,
    /// Who may log in on the pages: name and password.
    pub users: Vec<(String, Secret)>,
}

impl Default for WebSpec {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8010".to_owned(), anonymous_control: false, users: Vec::new() }
    }
}

/// A place in a configuration file, as `master.star:18:5`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file's name, relative to the base directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
