//! Change sources as the configuration has them.

use crate::{Place, Span, Vcs};
use serde::{Deserialize, Serialize};

/// Where changes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeSourceSpec {
    /// Looks at a git repository now and then.
    GitPoller(GitPollerSpec),
    /// Looks at a repository of another system now and then.
    VcsPoller(VcsPollerSpec),
}

impl ChangeSourceSpec {
    /// Its unique name: what its memory is kept under.
    pub fn name(&self) -> &str {
        match self {
            ChangeSourceSpec::GitPoller(spec) => &spec.name,
            ChangeSourceSpec::VcsPoller(spec) => &spec.name,
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

/// Looks at a repository of a system other than git now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsPollerSpec {
    /// Its unique name; the repository's address unless told otherwise.
    pub name: String,
    /// The system.
    pub vcs: Vcs,
    /// Where to look.
    pub repository: String,
    /// The part of the repository; CVS alone has it, and must.
    pub module: Option<String>,
    /// Branches to follow. Mercurial: their names, and empty is all of them. Subversion: the directories that are
    /// branches, with `*` for one whole part of a path, and empty when there are none. Nothing else has any.
    pub branches: Vec<String>,
    /// What changes carry as branch where the system does not tell one.
    pub branch: Option<String>,
    /// How often.
    pub every: Span,
    /// What its changes carry as project.
    pub project: String,
    /// What its changes carry as category.
    pub category: Option<String>,
    /// What its changes carry as codebase.
    pub codebase: String,
    /// The newest of each branch at the very first look is a change too. Otherwise only what comes after it.
    pub build_existing: bool,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}
