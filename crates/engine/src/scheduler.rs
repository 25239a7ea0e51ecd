//! Schedulers: whose time has come.
//!
//! What a scheduler waits for is in its stored state, so that a timer survives a restart: nothing fires twice, because
//! the set and the new state are one batch, and what was slept through fires once, late, and says so.

mod codebase;
mod compiled;
mod cron;
mod dependent;
mod filter;
mod follow;
mod trigger;

pub use compiled::{Compiled, Problem, check};
pub use cron::{Table, TableError};
pub use trigger::{Asked, DEEPEST, DEPTH, trigger};

pub(crate) use codebase::complete;
pub(crate) use dependent::follow as follow_end;
pub(crate) use follow::hear;

use crate::World;
use crate::build_set::{self, NewSet};
use crate::world::SchedulerEntry;
use model::property::property;
use model::{
    BuilderId, Properties, Scheduler, SchedulerId, SchedulerKind, SchedulerSpec, SchedulerState, Span, Time, Transition,
};

/// A set of a table that is filed so much after its time says so.
const LATE: Span = Span::seconds(60);

/// Files the sets whose time has come.
pub(crate) fn fire(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut next = world.next.clone();
    for (id, entry) in &world.schedulers {
        let Some(at) = entry.due.filter(|at| *at <= now) else { continue };
        let Some(spec) = &entry.spec else { continue };
        let mut state = entry.scheduler.state.clone();
        let sets = due(world, spec, &mut state, at, now);
        // A lane whose changes are all unknown files nothing, and is forgotten all the same.
        if sets.is_empty() && state == entry.scheduler.state {
            continue;
        }
        todo.extend(sets.into_iter().map(|set| build_set::file(set, &mut next, now)));
        todo.push(Transition::SchedulerRemembers { scheduler: *id, state });
    }
}

/// The sets that are due since `at`, taken out of the scheduler's memory.
fn due(world: &World, spec: &SchedulerSpec, state: &mut SchedulerState, at: Time, now: Time) -> Vec<NewSet> {
    let (branch, if_changed) = match &spec.kind {
        SchedulerKind::SingleBranch(_) | SchedulerKind::AnyBranch(_) => {
            let sets = follow::due(world, spec, state, now);
            if !sets.is_empty() {
                state.last_fired = Some(now);
            }
            return sets;
        }
        SchedulerKind::Nightly { .. } if state.last_fired.is_none() => {
            // From now on its times are counted.
            state.last_fired = Some(now);
            return Vec::new();
        }
        SchedulerKind::Periodic { branch, if_changed, .. } | SchedulerKind::Nightly { branch, if_changed, .. } => {
            (branch.as_deref(), if_changed)
        }
        SchedulerKind::Dependent { .. }
        | SchedulerKind::Triggerable
        | SchedulerKind::Force(_)
        | SchedulerKind::Try(_) => return Vec::new(),
    };
    state.last_fired = Some(now);
    let mut sets = match if_changed {
        Some(_) => follow::changed(world, spec, state),
        None => vec![NewSet {
            reason: reason(spec),
            scheduler: spec.name.clone(),
            builders: builder_ids(world, spec),
            stamps: codebase::stamps(spec, &[], branch),
            priority: spec.priority,
            properties: properties(spec, &Properties::new()),
            ..NewSet::default()
        }],
    };
    if let Some(table) = world.compiled.table(&spec.name).filter(|_| now.since(at) > LATE) {
        for set in &mut sets {
            set.reason = format!("{} (late: it was due at {})", set.reason, table.shown(at));
        }
    }
    sets
}

/// When the next scheduler's time comes.
pub(crate) fn next_fire(world: &World) -> Option<Time> {
    world.schedulers.values().filter_map(|e| e.due).min()
}

/// Which schedulers will file sets by themselves, and when if nothing happens until then; the soonest first. What is
/// overdue comes now.
pub fn upcoming(world: &World, now: Time) -> Vec<(SchedulerId, Time)> {
    let mut all: Vec<_> = world.schedulers.iter().filter_map(|(id, e)| e.due.map(|at| (*id, at.max(now)))).collect();
    all.sort_by_key(|(id, at)| (*at, *id));
    all
}

/// When a scheduler has something to do though nothing happens until then.
///
/// - One that follows changes: when the first of its timers runs out.
/// - A periodic one: a period after its last set; at once when it never filed one. With `if_changed` not before an
///   important change came.
/// - A nightly one: the first time of its table after its last set, or after it began to be counted, which is when the
///   scheduler was first seen or turned on again. With `if_changed` the first time after an important change came.
///   Times that passed while nobody looked count as one, and it comes as soon as somebody looks.
pub(crate) fn due_at(entry: &SchedulerEntry, compiled: &Compiled) -> Option<Time> {
    let state = &entry.scheduler.state;
    let spec = entry.spec.as_ref().filter(|_| state.enabled)?;
    let waiting = state.lanes.values().filter_map(|lane| lane.fire_at).min();
    match &spec.kind {
        SchedulerKind::SingleBranch(_) | SchedulerKind::AnyBranch(_) => waiting,
        SchedulerKind::Periodic { every, if_changed, .. } => match (if_changed, waiting) {
            (Some(_), None) => None,
            _ => Some(state.last_fired.map_or(Time(i64::MIN), |at| at + *every)),
        },
        SchedulerKind::Nightly { if_changed, .. } => {
            let table = compiled.table(&spec.name)?;
            match (state.last_fired, if_changed, waiting) {
                (None, ..) => Some(Time(i64::MIN)),
                (Some(_), Some(_), None) => None,
                (Some(last), Some(_), Some(since)) => table.next(last.max(since)),
                (Some(last), None, _) => table.next(last),
            }
        }
        SchedulerKind::Dependent { .. }
        | SchedulerKind::Triggerable
        | SchedulerKind::Force(_)
        | SchedulerKind::Try(_) => None,
    }
}

/// What a stored scheduler remembers under a new configuration. One that was not configured, or is of another kind now,
/// begins anew, turned on or off as it was; so does one whose table of times is another, because what the new table
/// would have said in the past was never missed.
pub(crate) fn state_under(old: &Scheduler, before: Option<&SchedulerSpec>, now: &SchedulerSpec) -> SchedulerState {
    let same_kind = before.is_none_or(|before| before.kind.word() == now.kind.word());
    let mut state = old.state.clone();
    if !old.configured || !same_kind {
        return SchedulerState { enabled: state.enabled, ..SchedulerState::default() };
    }
    if let (
        Some(SchedulerKind::Nightly { cron: old_table, timezone: old_zone, .. }),
        SchedulerKind::Nightly { cron, timezone, .. },
    ) = (before.map(|b| &b.kind), &now.kind)
        && (old_table != cron || old_zone != timezone)
    {
        state.last_fired = None;
    }
    state
}

/// The builders that a scheduler asks, in its order.
pub(crate) fn builder_ids(world: &World, spec: &SchedulerSpec) -> Vec<BuilderId> {
    let known = spec.builders.iter().filter_map(|name| world.builder_named(name));
    known.filter(|b| b.spec.is_some()).map(|b| b.builder.id).collect()
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
/// Turned on again, it begins anew: a periodic one at once, a nightly one with the next time of its table.
pub fn enable(world: &World, id: SchedulerId, enabled: Switch) -> Option<Transition> {
    let entry = world.schedulers.get(&id)?;
    let mut state = entry.scheduler.state.clone();
    state.enabled = enabled == Switch::On;
    if !state.enabled {
        state = SchedulerState { enabled: false, ..SchedulerState::default() };
    }
    Some(Transition::SchedulerRemembers { scheduler: id, state })
}

/// What [`enable`] does, for whoever asks for it: a sentence without a full stop.
pub fn enabling(world: &World, id: SchedulerId, enabled: Switch) -> Option<String> {
    let scheduler = world.scheduler(id)?;
    let waiting: usize = scheduler.state.lanes.values().map(|lane| lane.changes.len()).sum();
    let name = &scheduler.name;
    Some(match (enabled, scheduler.state.enabled, waiting) {
        (Switch::On, true, _) => format!("{name} is on already"),
        (Switch::On, false, _) => format!("{name} is on; what came while it was off is not built by it"),
        (Switch::Off, false, _) => format!("{name} is off already"),
        (Switch::Off, true, 0) => format!("{name} is off"),
        (Switch::Off, true, 1) => format!("{name} is off; one change that waited with it is not built by it"),
        (Switch::Off, true, n) => format!("{name} is off; {n} changes that waited with it are not built by it"),
    })
}

/// Whether a scheduler works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It files sets.
    On,
    /// It sleeps.
    Off,
}
