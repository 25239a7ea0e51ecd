//! Schedulers: who files build sets, and when.

use crate::{ChangeId, Place, Properties, SchedulerId, Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A scheduler as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerSpec {
    /// Its unique name.
    pub name: String,
    /// What it does.
    pub kind: SchedulerKind,
    /// Builders it asks; at least one.
    pub builders: Vec<String>,
    /// Properties of the sets it files.
    pub properties: Properties,
    /// The reason that its sets carry; its own words when absent.
    pub reason: Option<String>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// What a scheduler does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulerKind {
    /// Follows one branch; a set is filed after a quiet time.
    SingleBranch {
        /// Which changes it looks at.
        filter: ChangeFilter,
        /// How long the branch must be quiet; `None` files a set per change at once.
        tree_stable_timer: Option<Span>,
    },
    /// Files a set every so often, the first one at once.
    Periodic {
        /// The time from one to the next.
        every: Span,
        /// The branch to build; `None` is the default branch.
        branch: Option<String>,
    },
    /// Files a set when somebody asks.
    Force {
        /// What the button says.
        button: String,
    },
}

impl SchedulerKind {
    /// The word that the configuration has for it.
    pub fn word(&self) -> &'static str {
        match self {
            SchedulerKind::SingleBranch { .. } => "single_branch",
            SchedulerKind::Periodic { .. } => "periodic",
            SchedulerKind::Force { .. } => "force",
        }
    }
}

/// Which changes a scheduler looks at. `None` lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFilter {
    /// The branch, exactly; `Some(None)` is the default branch only.
    #[serde(with = "branch")]
    pub branch: Option<Option<String>>,
    /// The repository, exactly.
    pub repository: Option<String>,
    /// The project, exactly.
    pub project: Option<String>,
    /// The category, exactly.
    pub category: Option<String>,
}

/// Written plainly, "any branch" and "the default branch" would both be `null`: a list of at most one keeps them apart.
mod branch {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(branch: &Option<Option<String>>, s: S) -> Result<S::Ok, S::Error> {
        branch.as_ref().map(|b| b.as_slice()).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
        let list: Option<Vec<String>> = Option::deserialize(d)?;
        Ok(list.map(|names| names.into_iter().next()))
    }
}

/// A scheduler that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Its id.
    pub id: SchedulerId,
    /// Its name.
    pub name: String,
    /// It is in the present configuration.
    pub configured: bool,
    /// What it remembers.
    pub state: SchedulerState,
}

/// What a scheduler remembers over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerState {
    /// Somebody may have turned it off.
    pub enabled: bool,
    /// Changes that wait for quiet, by branch (empty: the default branch).
    pub lanes: BTreeMap<String, Lane>,
    /// When it last filed a set on its own.
    pub last_fired: Option<Time>,
}

impl Default for SchedulerState {
    fn default() -> Self {
        Self { enabled: true, lanes: BTreeMap::new(), last_fired: None }
    }
}

/// Changes of one branch that wait for quiet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The changes, oldest first.
    pub changes: Vec<ChangeId>,
    /// When the set is filed if nothing more comes; `None` while no change is important.
    pub fire_at: Option<Time>,
}
