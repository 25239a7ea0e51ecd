//! Schedulers: whose time has come.

use crate::build_set::{self, NewSet, NewStamp};
use crate::world::SchedulerEntry;
use crate::{World, change};
use model::property::property;
use model::{
    BuilderId, Change, Lane, Properties, SchedulerKind, SchedulerSpec, SchedulerState, Span, Time, Transition,
};

/// Files the sets whose time has come.
pub(crate) fn fire(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut next = world.next.clone();
    for (id, entry) in &world.schedulers {
        let Some(spec) = entry.spec.as_ref().filter(|_| entry_due(entry).is_some_and(|at| at <= now)) else { continue };
        let mut state = entry.scheduler.state.clone();
        let sets = due(world, spec, &mut state, now);
        // A lane whose changes are all unknown files nothing, and is forgotten all the same.
        if sets.is_empty() && state == entry.scheduler.state {
            continue;
        }
        todo.extend(sets.into_iter().map(|set| build_set::file(set, &mut next, now)));
        todo.push(Transition::SchedulerRemembers { scheduler: *id, state });
    }
}

/// The sets that are due, taken out of the scheduler's memory.
fn due(world: &World, spec: &SchedulerSpec, state: &mut SchedulerState, now: Time) -> Vec<NewSet> {
    match &spec.kind {
        SchedulerKind::SingleBranch(_) | SchedulerKind::AnyBranch(_) => {
            let lanes = std::mem::take(&mut state.lanes);
            let (due, waiting) = lanes.into_iter().partition(|(_, lane)| lane.fire_at.is_some_and(|at| at <= now));
            state.lanes = waiting;
            let due: std::collections::BTreeMap<String, Lane> = due;
            let sets: Vec<NewSet> = due.into_values().filter_map(|lane| set_of_lane(world, spec, &lane)).collect();
            if !sets.is_empty() {
                state.last_fired = Some(now);
            }
            sets
        }
        SchedulerKind::Periodic { every, branch, .. } => {
            if periodic_due(state, *every) > now {
                return Vec::new();
            }
            state.last_fired = Some(now);
            vec![NewSet {
                reason: reason(spec),
                scheduler: spec.name.clone(),
                builders: builder_ids(world, spec),
                stamps: vec![NewStamp { branch: branch.clone(), ..NewStamp::default() }],
                properties: properties(spec, &Properties::new()),
                ..NewSet::default()
            }]
        }
        SchedulerKind::Dependent { .. }
        | SchedulerKind::Nightly { .. }
        | SchedulerKind::Triggerable
        | SchedulerKind::Force(_) => Vec::new(),
    }
}

/// One set for all changes of a quiet branch: the source is that of the newest, the changes are all of them.
fn set_of_lane(world: &World, spec: &SchedulerSpec, lane: &Lane) -> Option<NewSet> {
    let changes: Vec<&Change> = lane.changes.iter().filter_map(|id| world.changes.get(id)).collect();
    let newest = changes.last()?;
    let mut carried = Properties::new();
    for change in &changes {
        carried.extend(change.facts.properties.clone());
    }
    Some(NewSet {
        reason: reason(spec),
        scheduler: spec.name.clone(),
        builders: builder_ids(world, spec),
        stamps: vec![change::stamp_of(&newest.facts, lane.changes.clone())],
        properties: properties(spec, &carried),
        ..NewSet::default()
    })
}

/// A periodic scheduler that never fired is due at once; one that slept through several periods fires once.
fn periodic_due(state: &SchedulerState, every: Span) -> Time {
    state.last_fired.map_or(Time(i64::MIN), |at| at + every)
}

/// When the next scheduler's time comes.
pub(crate) fn next_fire(world: &World) -> Option<Time> {
    world.schedulers.values().filter_map(entry_due).min()
}

fn entry_due(entry: &SchedulerEntry) -> Option<Time> {
    let state = &entry.scheduler.state;
    let spec = entry.spec.as_ref().filter(|_| state.enabled)?;
    match &spec.kind {
        SchedulerKind::SingleBranch(_) | SchedulerKind::AnyBranch(_) => {
            state.lanes.values().filter_map(|lane| lane.fire_at).min()
        }
        SchedulerKind::Periodic { every, .. } => Some(periodic_due(state, *every)),
        SchedulerKind::Dependent { .. }
        | SchedulerKind::Nightly { .. }
        | SchedulerKind::Triggerable
        | SchedulerKind::Force(_) => None,
    }
}

/// The builders that a scheduler asks, in its order.
pub(crate) fn builder_ids(world: &World, spec: &SchedulerSpec) -> Vec<BuilderId> {
    spec.builders.iter().filter_map(|name| world.builder_named(name)).map(|b| b.builder.id).collect()
}

/// The reason that a scheduler's sets carry.
pub(crate) fn reason(spec: &SchedulerSpec) -> String {
    spec.reason
        .clone()
        .unwrap_or_else(|| format!("The {} scheduler named '{}' triggered this build", spec.kind.word(), spec.name))
}

/// What the changes carry, below what the scheduler says, and its name.
pub(crate) fn properties(spec: &SchedulerSpec, carried: &Properties) -> Properties {
    let mut all = carried.clone();
    all.extend(spec.properties.clone());
    all.extend([property("scheduler", spec.name.as_str(), "Scheduler")]);
    all
}

/// Turns a scheduler on or off. Turned off, it forgets what it waited with, and hears nothing of what comes meanwhile.
pub fn enable(world: &World, id: model::SchedulerId, enabled: Switch) -> Option<Transition> {
    let entry = world.schedulers.get(&id)?;
    let mut state = entry.scheduler.state.clone();
    state.enabled = enabled == Switch::On;
    if !state.enabled {
        state.lanes.clear();
    }
    Some(Transition::SchedulerRemembers { scheduler: id, state })
}

/// Whether a scheduler works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It files sets.
    On,
    /// It sleeps.
    Off,
}
