//! When running builds are expected to end, and waiting requests to begin.

use crate::{RunningBuild, World};
use model::builder::Usual;
use model::{BuildSetId, RequestId, Span, StepSpec, Time, WorkerId};
use std::collections::BTreeMap;

/// So many requests at the head of the queue are foretold at most.
pub const MOST_FORETOLD: usize = 1000;

/// When a build is expected to end, earliest and latest. `None` before its builder has had a good build, and where the
/// builder wants no predictions.
///
/// What its coming steps usually take, and what is left of the present one; a step that overruns is expected to end
/// now. The range is twice what the steps usually are off, to either side: steps are off independently, so the squares
/// add up. A step of which only one duration is known is taken to be a fifth of it off.
pub fn of_build(world: &World, running: &RunningBuild, now: Time) -> Option<(Time, Time)> {
    let state = world.builders.get(&running.build.builder)?;
    if state.spec.as_ref().is_some_and(|s| !s.use_progress) {
        return None;
    }
    let usual = &state.builder.usual;
    usual.build?;
    let mut left = 0;
    let mut squares = 0.0;
    let mut add = |name: &str, passed: Span| {
        let mean = usual.steps.get(name).copied().unwrap_or(Span::ZERO);
        let still = mean.0.saturating_sub(passed.0).max(0);
        left += still;
        // What is off cannot be more than what is left, but for the little that any step may take longer.
        squares += (spread(usual, name).0.min(still.saturating_add(mean.0 / 5)) as f64).powi(2);
    };
    if let Some(step) = running.current() {
        add(&step.name, now.since(step.started_at));
    }
    to_come(running).for_each(|spec| add(&spec.name, Span::ZERO));
    let off = (2.0 * f64::sqrt(squares)) as i64;
    Some((now + Span((left - off).max(0)), now + Span(left + off)))
}

/// How far a step usually is from what it usually takes.
fn spread(usual: &Usual, name: &str) -> Span {
    let mean = usual.steps.get(name).copied().unwrap_or(Span::ZERO);
    usual.spread.get(name).copied().unwrap_or(Span(mean.0 / 5))
}

/// The steps that a build has not begun.
pub fn to_come(running: &RunningBuild) -> impl Iterator<Item = &StepSpec> {
    let begun = running.steps.last().map_or(0, |s| usize::try_from(s.number).unwrap_or(0) + 1);
    running.plan.iter().skip(begun)
}

/// When a worker is expected to have room, at the middle guess of its builds' ends.
pub(crate) fn worker_free(world: &World, worker: WorkerId, now: Time) -> Option<Time> {
    let builds = world.workers.get(&worker)?.builds.iter().filter_map(|id| world.builds.get(id));
    builds.filter_map(|b| middle(world, b, now)).min()
}

fn middle(world: &World, running: &RunningBuild, now: Time) -> Option<Time> {
    of_build(world, running, now).map(|(early, late)| early + Span(late.since(early).0 / 2))
}

/// When a waiting request is expected to begin and to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The beginning.
    pub start: Time,
    /// The end; `None` before its builder has had a good build.
    pub end: Option<Time>,
}

/// When the first waiting requests are expected to begin, as if nothing else came, and no lock and no function kept any
/// of them. What cannot be foretold is left out: no worker is there, or somebody before it has a builder that never had a
/// good build. The cost grows with the requests that are asked for.
pub fn of_queue(world: &World, now: Time, most: usize) -> BTreeMap<RequestId, Expected> {
    let mut slots = slots(world, now);
    let mut found = BTreeMap::new();
    for id in world.first_waiting(most.min(MOST_FORETOLD)) {
        let Some(builder) = world.requests.get(&id).and_then(|r| world.builders.get(&r.builder)) else { continue };
        let mine = builder.workers.iter().filter_map(|w| slots.get(w).map(|s| (*w, s)));
        let best = mine.flat_map(|(w, s)| s.iter().enumerate().map(move |(n, at)| (*at, w, n)));
        let Some((Some(start), worker, slot)) = best.min_by_key(|(at, ..)| (at.is_none(), *at)) else { continue };
        let foretold = builder.spec.as_ref().is_some_and(|s| s.use_progress);
        let end = builder.builder.usual.build.filter(|_| foretold).map(|took| start + took);
        if let Some(at) = slots.get_mut(&worker).and_then(|s| s.get_mut(slot)) {
            *at = end;
        }
        found.insert(id, Expected { start, end });
    }
    found
}

/// Of each worker that takes builds, when each of its places is free; `None`: nobody knows.
fn slots(world: &World, now: Time) -> BTreeMap<WorkerId, Vec<Option<Time>>> {
    let workers = world.workers.iter().filter(|(_, w)| crate::distributor::takes_builds(w));
    let places = workers.map(|(id, state)| {
        let most = state.spec.as_ref().map_or(0, |s| s.max_builds) as usize;
        let builds = state.builds.iter().filter_map(|b| world.builds.get(b));
        let mut places: Vec<Option<Time>> = builds.map(|b| middle(world, b, now)).collect();
        // No more than can be asked for: a worker may have room for any number.
        places.resize(most.min(places.len() + MOST_FORETOLD).max(places.len()), Some(now));
        (*id, places)
    });
    places.collect()
}

/// When the last request of a set is expected to end. `None`: one of them cannot be foretold.
pub fn of_set(world: &World, set: BuildSetId, now: Time) -> Option<Time> {
    let open = world.sets.get(&set)?;
    let mut queue = None;
    let mut last = now;
    for request in open.set.requests.iter().filter_map(|id| world.requests.get(id)) {
        let end = match request.status {
            model::RequestStatus::Claimed { build, .. } => middle(world, world.builds.get(&build)?, now)?,
            model::RequestStatus::Waiting => {
                let queue = queue.get_or_insert_with(|| of_queue(world, now, MOST_FORETOLD));
                queue.get(&request.id)?.end?
            }
            model::RequestStatus::Complete { .. } => continue,
        };
        last = last.max(end);
    }
    Some(last)
}
