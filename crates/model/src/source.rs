//! Change sources as the configuration has them.

use crate::{Place, Span};
use serde::{Deserialize, Serialize};

/// Where changes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeSourceSpec {
    /// Looks at a git repository now and then.
    GitPoller(GitPollerSpec),
}

impl ChangeSourceSpec {
    /// Its unique name: what its memory is kept under.
    pub fn name(&self) -> &str {
        match self {
            ChangeSourceSpec::GitPoller(spec) => &spec.name,
        }
    }
}

/// Looks at a git repository now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPollerSpec {
    /// Its unique name; the repository's address unless told otherwise.
    pub name: String,
    /// Where to look.
    pub repository: String,
    /// Branches to follow; empty is all of them.
    pub branches: Vec<String>,
    /// How often.
    pub every: Span,
    /// What its changes carry as project.
    pub project: String,
    /// What its changes carry as category.
    pub category: Option<String>,
    /// What its changes carry as codebase.
    pub codebase: String,
    /// The heads that are there at the very first look are changes too. Otherwise only what comes after it.
    pub build_existing: bool,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}
