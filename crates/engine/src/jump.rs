//! A clock that was set, while a master ran or before it started: what waits is due as soon as it was before.
//!
//! - What is open moves along with the clock ([`Transition::ClockSet`]): builds, steps, leases, sets, requests.
//! - So do the timers of schedulers that follow changes, and the periods of periodic ones.
//! - A table of times goes by what the clock shows. Set forwards by a day at most, what the clock leapt over comes once,
//!   at once. Set backwards by a day at most, a table of numbers has no time twice, and one with `*` or `*/n` goes on
//!   from what the clock shows. A clock that is set by more than a day shows another calendar: what was counted so far
//!   moves along, and nothing comes because of it, nor is anything waited for that it moved away.

use crate::World;
use crate::scheduler::Table;
use model::{SchedulerKind, SchedulerState, Span, Time, Transition};

/// A clock that is set by more shows another calendar.
const DAY: Span = Span::seconds(86_400);

/// The clock was set by so much, and shows `now`.
pub fn set(world: &World, by: Span, now: Time) -> Vec<Transition> {
    let mut todo = Vec::new();
    if by != Span::ZERO {
        todo.push(Transition::ClockSet { by });
    }
    for (id, entry) in &world.schedulers {
        let Some(spec) = &entry.spec else { continue };
        let before = &entry.scheduler.state;
        let mut state = before.clone();
        match &spec.kind {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => {
                // A timer that began before a start may be of any clock.
                let latest = now + follow.tree_stable_timer.unwrap_or(Span::ZERO);
                lanes(&mut state, |at| (at + by).min(latest));
            }
            SchedulerKind::Periodic { .. } => {
                lanes(&mut state, |at| at + by);
                state.last_fired = state.last_fired.map(|at| (at + by).min(now));
            }
            SchedulerKind::Nightly { .. } => calendar(&mut state, world.compiled.table(&spec.name), by, now),
            _ => {}
        }
        if state != *before {
            todo.push(Transition::SchedulerRemembers { scheduler: *id, state });
        }
    }
    todo
}

fn lanes(state: &mut SchedulerState, moved: impl Fn(Time) -> Time) {
    for lane in state.lanes.values_mut() {
        lane.fire_at = lane.fire_at.map(&moved);
    }
}

fn calendar(state: &mut SchedulerState, table: Option<&Table>, by: Span, now: Time) {
    let by = if by.0.abs() > DAY.0 { by } else { Span::ZERO };
    let once = table.is_some_and(Table::is_by_number);
    let latest = if once { now + DAY } else { now };
    state.last_fired = state.last_fired.map(|at| (at + by).min(latest));
    lanes(state, |at| (at + by).min(now));
}

/// What was before a start is before what comes with it: a step that ended by itself is no step that ended with its build.
const INSTANT: Span = Span(1);

/// What a master that starts makes of stored times. How long it was away, only the clock can tell: it is believed,
/// unless it shows less than the store remembers. Then nothing is older than it was, and next to no time has passed.
pub fn begin(world: &World, now: Time) -> Vec<Transition> {
    let back = world.newest().filter(|newest| *newest >= now).map_or(Span::ZERO, |newest| newest.since(now) + INSTANT);
    set(world, Span(-back.0), now)
}

/// Moments that [`set`] moves. Whoever does not know whether a batch was written finds out by comparing them before and
/// after.
pub fn moments(world: &World) -> Vec<Time> {
    let builds = world.builds.values().next().map(|b| b.build.started_at);
    let requests = world.requests.values().next().map(|r| r.submitted_at);
    let sets = world.sets.values().next().map(|s| s.set.submitted_at);
    let states = || world.schedulers.values().map(|e| &e.scheduler.state);
    let waiting = states().flat_map(|s| s.lanes.values()).filter_map(|lane| lane.fire_at);
    let fired = states().filter_map(|s| s.last_fired);
    builds.into_iter().chain(requests).chain(sets).chain(waiting).chain(fired).collect()
}
