//! Several as one tree; a red one is cut in halves, one after the other, and nothing is tested of which the outcome
//! follows.

use crate::candidate::CandidateId;
use crate::policy::Plan;
use crate::queue::Promise;
use crate::trial::{Purpose, Trial};
use crate::view::View;

pub(super) fn plan(view: &View, most: usize) -> Plan {
    let mut plan = Plan::default();
    let most = if view.queue.settings().promise == Promise::EachCommit { 1 } else { most.max(1) };
    if let Some((trial, rest)) = view.fitting().find(|(t, _)| t.is_running()) {
        plan.want(rest.to_vec(), trial.purpose.clone(), 1.0);
        return plan;
    }
    let mut red: Vec<&Trial> = view.queue.trials().filter(|t| t.is_red()).collect();
    red.sort_by_key(|t| t.members.len());
    let parts = red.into_iter().filter_map(|t| part(view, t));
    let whole = || view.line.iter().take(most).map(|c| c.id).collect();
    let (members, purpose) = parts
        .map(|(part, among)| (part, Purpose::Search { among }))
        .find(|(part, _)| view.same_tree(part).is_none())
        .unwrap_or_else(|| (whole(), Purpose::Head));
    if !members.is_empty() {
        plan.want(members, purpose, 1.0);
    }
    plan
}

/// What to test next of a red trial, and of how many that is a part. As long as its fault was not found it is half of
/// those who are left; after that nothing is known of them, and it is all.
fn part(view: &View, red: &Trial) -> Option<(Vec<CandidateId>, usize)> {
    let waiting = red.members.iter().copied().filter(|m| view.queue.waiting(*m).is_some());
    let mut left: Vec<CandidateId> = waiting.collect();
    let among = left.len();
    if view.queue.lost_member(red).is_none() {
        left.truncate(among.div_ceil(2));
    }
    (!left.is_empty()).then_some((left, among))
}
