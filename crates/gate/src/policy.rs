//! Policies: which trees to test, and which of the green ones to land. All see the same view and none makes a verdict,
//! so that a bad one wastes time and does no harm.

mod adaptive;
mod batch;
mod serial;
mod train;
mod tree;
mod unqueued;

use crate::candidate::CandidateId;
use crate::trial::{Purpose, TrialId};
use crate::view::View;
use serde::{Deserialize, Serialize};

pub use adaptive::Adaptive;

/// How a gate spends its slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Everybody for himself: each is tested on the tip, and anew when somebody else landed.
    Unqueued,
    /// One after the other.
    Serial,
    /// Several as one; when that is red, its halves.
    Batch {
        /// So many.
        most: usize,
    },
    /// All at once, each behind those before it as if they landed.
    Train {
        /// So many.
        window: usize,
    },
    /// For each candidate the likeliest ends of those before it, as many as there are slots.
    Tree,
    /// Ours.
    Adaptive(Adaptive),
}

/// A tree that a policy wants tested: what is on the branch, and these in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Who, in order.
    pub members: Vec<CandidateId>,
    /// Why.
    pub purpose: Purpose,
    /// What that is worth beside others.
    pub value: f64,
}

/// What a policy wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Trees on the branch as it is. Those that are under test already are to be named too, or they end.
    pub trials: Vec<Wanted>,
    /// Running trials that cannot land any more and are worth their end all the same.
    pub keep: Vec<(TrialId, f64)>,
}

impl Plan {
    fn want(&mut self, members: Vec<CandidateId>, purpose: Purpose, value: f64) {
        self.trials.push(Wanted { members, purpose, value });
    }
}

impl Policy {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Policy::Unqueued => "unqueued",
            Policy::Serial => "serial",
            Policy::Batch { .. } => "batch",
            Policy::Train { .. } => "train",
            Policy::Tree => "tree",
            Policy::Adaptive(_) => "ours",
        }
    }

    /// What to test now.
    pub fn plan(&self, view: &View) -> Plan {
        match self {
            Policy::Unqueued => unqueued::plan(view),
            Policy::Serial => serial::plan(view),
            Policy::Batch { most } => batch::plan(view, *most),
            Policy::Train { window } => train::plan(view, *window),
            Policy::Tree => tree::plan(view),
            Policy::Adaptive(adaptive) => adaptive.plan(view),
        }
    }

    /// Which of the green trees to land now, if any: each with what it would bring.
    pub fn choose(&self, view: &View, may: &[(TrialId, &[CandidateId])]) -> Option<TrialId> {
        match self {
            Policy::Adaptive(adaptive) => adaptive.choose(view, may),
            // The most at once; of equal ones the oldest.
            _ => may.iter().rev().max_by_key(|(_, rest)| rest.len()).map(|(id, _)| *id),
        }
    }
}
