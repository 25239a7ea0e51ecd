//! Changes: taking them in, and showing them to every scheduler.

use crate::build_set::{self, NewSet, NewStamp};
use crate::{World, scheduler};
use model::scheduler::ChangeFilter;
use model::{Change, ChangeId, Follow, Match, NewChange, SchedulerKind, Span, Time, Transition};
use std::collections::BTreeMap;

/// Takes changes in, oldest first. Every scheduler that looks at one either files a set at once or starts its timer
/// anew. The caller has made sure that they are not known yet.
pub fn accept(world: &World, changes: Vec<NewChange>, now: Time) -> Vec<Transition> {
    let mut next = world.next.clone();
    let (mut added, mut filed) = (Vec::new(), Vec::new());
    let mut states = BTreeMap::new();
    for facts in changes {
        let change = Change { id: ChangeId::take(&mut next.change), received_at: now, facts };
        for (id, entry) in &world.schedulers {
            let Some(spec) = &entry.spec else { continue };
            let state = states.get(id).unwrap_or(&entry.scheduler.state);
            let SchedulerKind::SingleBranch(Follow { filter, tree_stable_timer, .. }) = &spec.kind else { continue };
            if !state.enabled || !passes(filter, &change.facts) {
                continue;
            }
            match tree_stable_timer {
                None => {
                    let builders = scheduler::builder_ids(world, spec);
                    let set = set_for(&change, spec, builders);
                    filed.push(build_set::file(set, &mut next, now));
                }
                Some(quiet) => {
                    let state = states.entry(*id).or_insert_with(|| entry.scheduler.state.clone());
                    wait_for_quiet(state, &change, *quiet, now);
                }
            }
        }
        added.push(Transition::ChangeAdded(change));
    }
    let remembered = states.into_iter().map(|(scheduler, state)| Transition::SchedulerRemembers { scheduler, state });
    added.into_iter().chain(filed).chain(remembered).collect()
}

fn wait_for_quiet(state: &mut model::SchedulerState, change: &Change, quiet: Span, now: Time) {
    let lane = state.lanes.entry(change.facts.branch.clone().unwrap_or_default()).or_default();
    lane.changes.push(change.id);
    lane.fire_at = Some(now + quiet);
}

fn set_for(change: &Change, spec: &model::SchedulerSpec, builders: Vec<model::BuilderId>) -> NewSet {
    NewSet {
        reason: scheduler::reason(spec),
        scheduler: spec.name.clone(),
        builders,
        stamps: vec![stamp_of(&change.facts, vec![change.id])],
        properties: scheduler::properties(spec, &change.facts.properties),
        ..NewSet::default()
    }
}

/// The source that a change leads to.
pub(crate) fn stamp_of(facts: &NewChange, changes: Vec<ChangeId>) -> NewStamp {
    NewStamp {
        repository: facts.repository.clone(),
        branch: facts.branch.clone(),
        revision: facts.revision.clone(),
        project: facts.project.clone(),
        codebase: facts.codebase.clone(),
        patch: None,
        changes,
    }
}

/// Whether a scheduler looks at a change.
pub fn passes(filter: &ChangeFilter, change: &NewChange) -> bool {
    let fits = |wish: &Match, text: Option<&str>| match wish {
        Match::OneOf(list) => list.iter().any(|one| one.as_deref() == text),
        Match::NoneOf(list) => list.iter().all(|one| one.as_deref() != text),
        _ => true,
    };
    fits(&filter.branch, change.branch.as_deref())
        && fits(&filter.repository, Some(&change.repository))
        && fits(&filter.project, Some(&change.project))
        && fits(&filter.category, change.category.as_deref())
}
