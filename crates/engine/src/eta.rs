//! When a running build is expected to end.

use crate::{RunningBuild, World};
use model::{Span, StepSpec, Time, WorkerId};

/// When a build is expected to end, earliest and latest. `None` before its builder has had a good build.
///
/// What its coming steps usually take, and what is left of the present one; a step that overruns is expected to end
/// now. The range is a fifth of what is left to either side.
pub fn of_build(world: &World, running: &RunningBuild, now: Time) -> Option<(Time, Time)> {
    let usual = world.usual(running.build.builder)?;
    usual.build?;
    let of = |name: &str| usual.steps.get(name).copied().unwrap_or(Span::ZERO);
    let now_left = running.current().map_or(Span::ZERO, |step| {
        let passed = now.since(step.started_at);
        Span((of(&step.name).0 - passed.0).max(0))
    });
    let left = to_come(running).fold(now_left, |sum, spec| sum + of(&spec.name));
    Some((now + Span(left.0 * 4 / 5), now + Span(left.0 * 6 / 5)))
}

/// The steps that a build has not begun.
pub fn to_come(running: &RunningBuild) -> impl Iterator<Item = &StepSpec> {
    let begun = running.steps.last().map_or(0, |s| usize::try_from(s.number).unwrap_or(0) + 1);
    running.plan.iter().skip(begun)
}

/// When a worker is expected to have room, at the latest guess of its builds' earliest ends.
pub(crate) fn worker_free(world: &World, worker: WorkerId, now: Time) -> Option<Time> {
    let builds = world.workers.get(&worker)?.builds.iter().filter_map(|id| world.builds.get(id));
    builds.filter_map(|b| of_build(world, b, now)).map(|(early, late)| Time((early.0 + late.0) / 2)).min()
}
