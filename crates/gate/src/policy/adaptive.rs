//! Ours: what a slot is worth decides what it is for.
//!
//! Few candidates and many slots: each is tested behind those before it, and further slots go to the likeliest other
//! ends (hedges). Many candidates: the line stands only as far as it is likely to hold, everybody else is *screened* by
//! himself, and what was green is *merged* into one trial, which hardly fails. With few slots the units are groups, as
//! large as the share of good candidates makes them worth; what was red together is *searched*, by halves or all at
//! once, whichever the slots allow.

mod landing;
mod lane;
mod worth;

use crate::candidate::CandidateId;
use crate::policy::{Plan, tree};
use crate::trial::TrialId;
use crate::view::View;
use lane::Lane;
use serde::{Deserialize, Serialize};
use worth::Worth;

/// The numbers that may be turned. The default is what the simulator found best over its grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adaptive {
    /// No group is larger.
    pub most: usize,
    /// Groups are at most so large that they pass with this chance.
    pub group_pass: f64,
    /// Of so many slots one is for merging, while there are candidates that no slot is left for.
    pub merge_share: f64,
    /// Nobody is screened while the likeliest ends decide so many times what comes in meanwhile,
    pub ahead: f64,
    /// and the line is so many times what they decide in one go.
    pub backlog: f64,
}

/// A line that is not longer is a short one, if there are some slots.
const FEW: f64 = 12.0;

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive { most: 64, group_pass: 0.6, merge_share: 10.0, ahead: 1.0, backlog: 3.0 }
    }
}

impl Adaptive {
    pub(super) fn plan(&self, view: &View) -> Plan {
        if let Some(plan) = self.foreseen(view) {
            return plan;
        }
        let worth = Worth::of(self, view);
        let mut plan = Plan::default();
        for line in view.lanes() {
            Lane::of(view, &worth, line).plan(&mut plan);
        }
        plan
    }

    /// The tree, while it decides more than comes in and the line is short.
    fn foreseen(&self, view: &View) -> Option<Plan> {
        let rate = worth::tree_rate(view.queue.experience().good(), view.slots());
        let load = view.queue.experience().load();
        let line = view.line.len() as f64;
        // With few slots a line of some length is soon there, and soon gone.
        let long = (self.backlog * rate).max((self.backlog * view.slots() as f64).min(FEW));
        if line > 2.0 && (rate < self.ahead * load || line > long) {
            return None;
        }
        let mut plan = tree::plan(view);
        // What began for another reason may still tell something.
        plan.keep.extend(view.queue.trials().filter(|t| t.is_running()).map(|t| (t.id, 0.0)));
        Some(plan)
    }

    /// Lands what brings most, unless that makes more worthless that is nearly done.
    pub(super) fn choose(&self, view: &View, may: &[(TrialId, &[CandidateId])]) -> Option<TrialId> {
        let gain = |(id, rest): &(TrialId, &[CandidateId])| (*id, landing::gain(view, rest));
        let best = may.iter().map(gain).max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?;
        (best.1 >= 0.0).then_some(best.0)
    }
}
