//! Trigger steps: sets that a step files, and the wait for them.
//!
//! The step's result is the worst of the sets that it waits for and whose results count, in the order of
//! [`Results::worst`]; a step that does not wait, or for which none counts, passes. When its build is stopped or given
//! up, the sets that it waits for are cancelled.

use crate::build_set::NewStamp;
use crate::step::{Beginning, finished_values};
use crate::world::Children;
use crate::{World, build, request, scheduler};
use model::property::property;
use model::request::RequestStatus;
use model::{NextIds, ParentStep, Properties, Results, StepId, Time, Transition, TriggerSpec, Value, Waits};

/// The step begins and files its sets. One that does not wait ends at once.
///
/// # Errors
/// A sentence: a text that cannot be finished, a scheduler that cannot be triggered, too many builds in a row.
pub(crate) fn begin(
    at: &Beginning<'_>,
    wish: &TriggerSpec,
    next: &mut NextIds,
    todo: &mut Vec<Transition>,
) -> Result<(), String> {
    let (world, running) = (at.world, at.running);
    let mut asked = Properties::new();
    for name in &wish.copy_properties {
        asked.extend(running.build.properties.get(name).map(|p| (name.clone(), p.clone())));
    }
    for (name, value) in finished_values(world, running, &wish.properties)? {
        asked.extend([property(&name, value, &at.spec.name)]);
    }
    let builder = world.builders.get(&running.build.builder).map_or("", |b| b.builder.name.as_str());
    asked.extend([
        property("parent_buildername", builder, "Trigger"),
        property("parent_buildnumber", running.build.number, "Trigger"),
    ]);
    let names = wish.schedulers.join(", ");
    let state = if wish.wait { format!("waiting for {names}") } else { format!("asked for {names}") };
    let step = at.started(state.clone(), next);
    let (id, epoch) = (step.id, running.build.lease.epoch);
    let mut filed = Vec::with_capacity(wish.schedulers.len());
    for scheduler in &wish.schedulers {
        let waits = match wish.wait {
            true if wish.unimportant.contains(scheduler) => Waits::ForEnd,
            true => Waits::ForResult,
            false => Waits::Not,
        };
        let parent = ParentStep { build: running.build.id, step: id, waits };
        let stamps = stamps(at, wish.update_source);
        let wanted = scheduler::Asked { stamps, properties: asked.clone() };
        filed.push(scheduler::trigger(world, scheduler, parent, wanted, next, at.now)?);
    }
    todo.push(Transition::StepStarted { step, epoch, logs: Vec::new() });
    todo.extend(filed);
    if !wish.wait || wish.schedulers.is_empty() {
        at.end(id, Results::Success, state, todo);
    }
    Ok(())
}

/// What the build builds; with what it got where it asked for the latest, if the step says so.
fn stamps(at: &Beginning<'_>, update: bool) -> Vec<NewStamp> {
    let got = at.running.build.properties.get("got_revision").map(|p| &p.value).filter(|_| update);
    let got_of = |codebase: &str| match got {
        Some(Value::Text(revision)) => Some(revision.clone()),
        Some(Value::Map(by_codebase)) => by_codebase.get(codebase).and_then(Value::as_text).map(str::to_owned),
        _ => None,
    };
    let stamps = build::sight(at.world, at.running).stamps;
    let again = stamps.iter().map(|s| NewStamp {
        repository: s.repository.clone(),
        branch: s.branch.clone(),
        revision: got_of(&s.codebase).or_else(|| s.revision.clone()),
        project: s.project.clone(),
        codebase: s.codebase.clone(),
        patch: s.patch.clone(),
        changes: s.changes.clone(),
    });
    again.collect()
}

/// How a waiting step ended: when all its sets have.
pub(crate) fn outcome(children: &Children) -> Option<(Results, String)> {
    let mut worst = Results::Success;
    let mut words = Vec::new();
    for child in &children.sets {
        let results = child.results?;
        if child.waits == Waits::ForResult && results != Results::Skipped {
            worst = worst.worst(results);
        }
        words.push(format!("{} {}", child.scheduler, results.word()));
    }
    Some((worst, words.join(", ")))
}

/// Nobody waits any more for what a stopped or lost build has triggered: it is cancelled.
pub(crate) fn abandon(world: &World, now: Time, todo: &mut Vec<Transition>) {
    for (step, children) in &world.children {
        let Some(running) = world.builds.get(&children.build) else { continue };
        let lost = running.build.lease.until.is_some_and(|until| until <= now);
        if running.stopping.is_none() && !lost {
            continue;
        }
        let builder = world.builders.get(&running.build.builder).map_or("", |b| b.builder.name.as_str());
        let reason = match &running.stopping {
            Some(reason) => format!("{builder} #{}, which waits for it, was stopped: {reason}", running.build.number),
            None => format!("{builder} #{}, which waits for it, was lost", running.build.number),
        };
        cancel_open(world, *step, &reason, now, todo);
    }
}

fn cancel_open(world: &World, step: StepId, reason: &str, now: Time, todo: &mut Vec<Transition>) {
    let open = world.children.get(&step).into_iter().flat_map(|c| &c.sets).filter(|c| c.results.is_none());
    for set in open.filter_map(|c| world.sets.get(&c.set)) {
        for id in &set.set.requests {
            if world.requests.get(id).is_some_and(|r| !matches!(r.status, RequestStatus::Complete { .. })) {
                todo.extend(request::cancel(world, *id, reason, now));
            }
        }
    }
}
