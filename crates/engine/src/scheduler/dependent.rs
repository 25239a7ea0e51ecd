//! Dependent schedulers: a set for the same source when a set of another scheduler has passed whole.

use super::{builder_ids, properties, reason};
use crate::World;
use crate::build_set::{self, NewSet, NewStamp};
use model::{BuildSet, NextIds, Results, SourceStamp, Time, Transition};

/// Files the sets that follow on the end of another. They are planned together with that end and belong into the same
/// batch: neither can be without the other.
///
/// All builders of the set must have passed, warnings included. Then the very same stamps are built, with their
/// changes; the set's properties go along, below the follower's own. A repeated build is no set of the scheduler's own
/// and is not followed, nor is a set that asked nobody, nor a scheduler that would follow itself in the end.
pub(crate) fn follow(
    world: &World,
    set: &BuildSet,
    results: Results,
    next: &mut NextIds,
    now: Time,
    todo: &mut Vec<Transition>,
) {
    let passed = matches!(results, Results::Success | Results::Warnings);
    if !passed || set.rebuilt.is_some() || set.requests.is_empty() {
        return;
    }
    for name in world.compiled.followers(&set.scheduler) {
        let Some(entry) = world.scheduler_entry(name).filter(|e| e.scheduler.state.enabled) else { continue };
        let Some(spec) = &entry.spec else { continue };
        let words = match spec.reason {
            Some(_) => reason(spec),
            None => format!("{}: set {} of '{}' passed", reason(spec), set.id, set.scheduler),
        };
        let new = NewSet {
            reason: words,
            scheduler: spec.name.clone(),
            builders: builder_ids(world, spec),
            stamps: set.stamps.iter().map(again).collect(),
            priority: spec.priority,
            properties: properties(spec, &set.properties),
            ..NewSet::default()
        };
        todo.push(build_set::file(new, next, now));
    }
}

/// The same source once more.
fn again(stamp: &SourceStamp) -> NewStamp {
    NewStamp {
        repository: stamp.repository.clone(),
        branch: stamp.branch.clone(),
        revision: stamp.revision.clone(),
        project: stamp.project.clone(),
        codebase: stamp.codebase.clone(),
        patch: stamp.patch.clone(),
        changes: stamp.changes.clone(),
    }
}
