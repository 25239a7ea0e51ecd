//! The train: each is tested behind those before it as if they landed, except those of whom a red trial stands.

use crate::candidate::CandidateId;
use crate::policy::Plan;
use crate::trial::{Chance, Purpose};
use crate::view::View;
use std::collections::BTreeSet;

pub(super) fn plan(view: &View, window: usize) -> Plan {
    let mut plan = Plan::default();
    let mut failing: BTreeSet<CandidateId> = BTreeSet::new();
    for (place, candidate) in view.line.iter().enumerate().take(window.max(1)) {
        let mut members = view.ahead(&view.line, place);
        members.retain(|m| !failing.contains(m));
        if candidate.needs.iter().any(|n| failing.contains(n)) {
            failing.insert(candidate.id);
            continue;
        }
        let good: f64 = members.iter().map(|m| view.belief(*m).good).product();
        members.push(candidate.id);
        if view.same_tree(&members).is_some_and(|t| t.is_red()) {
            failing.insert(candidate.id);
            continue;
        }
        let purpose = if members.len() == 1 { Purpose::Head } else { Purpose::Behind { chance: Chance::of(good) } };
        plan.want(members, purpose, 1.0 / (1.0 + place as f64));
    }
    plan
}
