//! Changes: taking them in, and showing them to every scheduler.

use crate::{World, build_set, scheduler};
use model::{Change, ChangeId, NewChange, Time, Transition};
use std::collections::BTreeMap;

/// Takes changes in, oldest first. Every scheduler that follows one files a set at once, starts a timer anew or keeps
/// it for later. The caller has made sure that they are not known yet.
///
/// What schedulers remember comes before the changes themselves, so that the world keeps those that somebody waits with
/// and no other.
pub fn accept(world: &World, changes: Vec<NewChange>, now: Time) -> Vec<Transition> {
    let mut next = world.next.clone();
    let mut fresh = BTreeMap::new();
    let mut filed = Vec::new();
    let mut states = BTreeMap::new();
    for facts in changes {
        let id = ChangeId::take(&mut next.change);
        fresh.insert(id, Change { id, received_at: now, facts });
        let change = &fresh[&id];
        for (scheduler, entry) in &world.schedulers {
            let Some(spec) = entry.spec.as_ref().filter(|s| s.kind.follows().is_some()) else { continue };
            let state = states.entry(*scheduler).or_insert_with(|| entry.scheduler.state.clone());
            let set = scheduler::hear(world, spec, state, &fresh, change, now);
            filed.extend(set.map(|set| build_set::file(set, &mut next, now)));
        }
    }
    states.retain(|id, state| world.scheduler(*id).is_none_or(|s| s.state != *state));
    let remembered = states.into_iter().map(|(scheduler, state)| Transition::SchedulerRemembers { scheduler, state });
    remembered.chain(fresh.into_values().map(Transition::ChangeAdded)).chain(filed).collect()
}
