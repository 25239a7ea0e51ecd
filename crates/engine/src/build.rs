//! Builds: how one begins, which step is next, and what the end of a build is.

pub use crate::step::{SealedLog, StepEnd, sealed, step_ended};
pub use crate::verdict::{CommandEnd, Judgement, judge, verdict};

use crate::lock::{self, NextStep};
use crate::step::{Beginning, Entry, enter, holds};
use crate::world::{BuilderState, with_environment};
use crate::{RunningBuild, World, trigger};
use model::builder::Usual;
use model::render::Sight;
use model::{
    Build, BuildId, BuilderId, NextIds, RequestId, Results, StepAction, StepFacts, StepSpec, StepStatus, Time,
    Transition,
};

/// How often the builds of one request may be lost before it ends as EXCEPTION.
pub const MOST_RETRIES: u32 = 3;

/// What the steps so far make of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The result if it ended here.
    pub results: Results,
    /// Only steps that always run are begun from here on.
    pub halted: bool,
}

/// Adds a step's result to the tally, by the step's flags. The rules are Buildbot's `computeResultAndTermination`.
#[must_use]
pub fn tally(so_far: Tally, flags: model::StepFlags, step: Results) -> Tally {
    let counts = match step {
        Results::Success | Results::Skipped => Results::Success,
        Results::Warnings if flags.flunk_on_warnings => Results::Failure,
        Results::Warnings if flags.warn_on_warnings => Results::Warnings,
        Results::Warnings => Results::Success,
        Results::Failure if flags.flunk_on_failure => Results::Failure,
        Results::Failure if flags.warn_on_failure => Results::Warnings,
        Results::Failure => Results::Success,
        Results::Exception | Results::Retry | Results::Cancelled => step,
    };
    let halts = match step {
        Results::Failure => flags.halt_on_failure,
        Results::Exception | Results::Retry | Results::Cancelled => true,
        _ => false,
    };
    Tally { results: so_far.results.worst(counts), halted: so_far.halted || halts }
}

/// The tally of a running build.
pub fn tally_of(running: &RunningBuild) -> Tally {
    let mut sum = Tally { results: Results::Success, halted: false };
    for (step, results) in running.steps.iter().filter_map(|s| s.status.results().map(|r| (s, r))) {
        let spec = usize::try_from(step.number).ok().and_then(|n| running.plan.get(n));
        sum = tally(sum, spec.map_or(model::StepFlags::PLAIN, |s| s.flags), results);
    }
    if running.stopping.is_some() {
        sum = Tally { results: sum.results.worst(Results::Cancelled), halted: true };
    }
    sum
}

/// A build begins on its worker: it is leased, and if its builder says that it is not to be done, it ends at once.
pub(crate) fn begin(
    world: &World,
    builder: &BuilderState,
    build: Build,
    also: Vec<RequestId>,
    now: Time,
    todo: &mut Vec<Transition>,
) {
    let condition = builder.spec.as_ref().and_then(|s| s.do_build_if.as_ref());
    let over = condition.and_then(|condition| {
        let running = RunningBuild {
            build: build.clone(),
            plan: Vec::new(),
            steps: Vec::new(),
            logs: Vec::new(),
            stopping: None,
            also: also.clone(),
            locks: Vec::new(),
        };
        match holds(world, &running, "", condition, None) {
            Ok(true) => None,
            Ok(false) => Some((Results::Skipped, "skipped: its do_build_if says no".to_owned())),
            Err(message) => Some((Results::Exception, format!("whether to do it cannot be told: {message}"))),
        }
    });
    let (id, epoch) = (build.id, build.lease.epoch);
    let requests: Vec<RequestId> = also.iter().copied().chain([build.request]).collect();
    todo.push(Transition::BuildLeased { build, also, plan: builder.plan.clone() });
    if let Some((results, state)) = over {
        todo.push(Transition::BuildFinished { build: id, epoch, at: now, results, state });
        todo.extend(requests.into_iter().map(|request| Transition::RequestFinished { request, at: now, results }));
    }
}

/// Every build that waits for a decision gets it: the next step, the end, or the loss of its worker.
pub(crate) fn go_on(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut next = world.next.clone();
    let mut ready = Vec::new();
    for running in world.builds.values() {
        let lease = running.build.lease;
        match lease.until {
            Some(until) if until <= now => give_up(world, running, now, todo),
            Some(_) if running.stopping.is_some() => stop_without_worker(world, running, now, todo),
            Some(_) if running.current().is_none() => {}
            _ => match running.current() {
                Some(step) => {
                    if let Some(children) = world.children.get(&step.id) {
                        go_on_waiting(world, running, children, now, todo);
                    }
                }
                None => match next_step(running) {
                    None => finish(world, running, now, todo),
                    Some((number, spec)) => {
                        let at = Beginning { world, running, number, spec, now };
                        // Who waits for a lock has been asked already.
                        let waits = is_waiting(&running.build, spec);
                        match if waits { Entry::Go } else { enter(world, running, spec) } {
                            Entry::Over(results, state) => at.over(results, state, &mut next, todo),
                            Entry::Go => ready.push(at),
                        }
                    }
                },
            },
        }
    }
    begin_ready(world, &ready, &mut next, todo);
}

/// Steps begin that need no lock, or whose turn it is; the builds of the others say what they wait for.
fn begin_ready(world: &World, ready: &[Beginning<'_>], next: &mut NextIds, todo: &mut Vec<Transition>) {
    let steps: Vec<NextStep<'_>> = ready.iter().map(|at| NextStep { running: at.running, spec: at.spec }).collect();
    let mut turns = lock::turns(world, &steps);
    for at in ready {
        let build = &at.running.build;
        let waiting = build.state.starts_with(WAITING);
        if turns.granted.contains(&build.id) {
            if waiting {
                todo.push(Transition::BuildState { build: build.id, state: "building".to_owned() });
            }
            at.begin(next, todo);
            continue;
        }
        let words = turns.told.remove(&build.id).unwrap_or_default();
        let state = format!("{WAITING}{words} before {}", at.spec.name);
        if state != build.state {
            todo.push(Transition::BuildState { build: build.id, state });
        }
    }
}

/// How the state of a build begins whose next step waits for locks.
const WAITING: &str = "waiting for ";

/// The build says that it waits before this step.
fn is_waiting(build: &Build, spec: &StepSpec) -> bool {
    build.state.strip_prefix(WAITING).and_then(|s| s.strip_suffix(spec.name.as_str())).is_some()
}

/// A step that waits for its sets ends when they have, or when its build is stopped.
fn go_on_waiting(
    world: &World,
    running: &RunningBuild,
    children: &crate::world::Children,
    now: Time,
    todo: &mut Vec<Transition>,
) {
    let stopped = || running.stopping.as_ref().map(|reason| (Results::Cancelled, format!("stopped: {reason}")));
    let Some((results, state)) = stopped().or_else(|| trigger::outcome(children)) else { return };
    let Some(step) = running.current() else { return };
    let number = usize::try_from(step.number).unwrap_or(usize::MAX);
    if let Some(spec) = running.plan.get(number) {
        Beginning { world, running, number, spec, now }.end(step.id, results, state, todo);
    }
}

/// The steps that would begin now.
pub(crate) fn next_steps(world: &World) -> Vec<NextStep<'_>> {
    let idle = world.builds.values().filter(|b| b.build.lease.until.is_none() && b.current().is_none());
    idle.filter_map(|running| next_step(running).map(|(_, spec)| NextStep { running, spec })).collect()
}

/// The step that comes next: the first after the last one begun that the tally lets run.
pub(crate) fn next_step(running: &RunningBuild) -> Option<(usize, &StepSpec)> {
    let halted = tally_of(running).halted;
    let from = running.steps.last().map_or(0, |s| usize::try_from(s.number).unwrap_or(0) + 1);
    running.plan.iter().enumerate().skip(from).find(|(_, spec)| !halted || spec.flags.always_run)
}

/// Whether a build whose worker is lost goes back to the queue. One that carries an attempt of a test run out does not:
/// whoever runs the tests has rules of its own for attempts that are lost, and would count this one as one.
fn is_tried_again(running: &RunningBuild) -> bool {
    let is_attempt = |s: &StepSpec| matches!(&s.action, StepAction::Transfer(transfer) if transfer.is_attempt());
    !running.plan.iter().any(is_attempt)
}

fn finish(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let results = match tally_of(running).results {
        Results::Retry if !is_tried_again(running) => Results::Exception,
        results => results,
    };
    let build = &running.build;
    todo.push(Transition::BuildFinished {
        build: build.id,
        epoch: build.lease.epoch,
        at: now,
        results,
        state: sentence(running, results),
    });
    answer(world, running, results, now, todo);
    if matches!(results, Results::Success | Results::Warnings)
        && let Some(usual) = learn(world, running, now)
    {
        todo.push(Transition::UsualLearnt { builder: build.builder, usual });
    }
}

/// The requests of a build that ends hear its result. After RETRY all of them go back to the queue. When it was stopped
/// because nobody wants the request any more whose source it builds, the others go back: nobody cancelled them.
fn answer(world: &World, running: &RunningBuild, results: Results, now: Time, todo: &mut Vec<Transition>) {
    let cancelled = world.requests.get(&running.build.request).is_some_and(|r| r.cancel.is_some());
    for id in running.requests() {
        let Some(request) = world.requests.get(&id) else { continue };
        let again = Transition::RequestReleased { request: id, retries: request.retries };
        match results {
            Results::Retry => try_again(world, id, now, todo),
            Results::Cancelled if cancelled && request.cancel.is_none() => todo.push(again),
            _ => todo.push(Transition::RequestFinished { request: id, at: now, results }),
        }
    }
}

/// The line under a finished build.
fn sentence(running: &RunningBuild, results: Results) -> String {
    let at_fault = || {
        let worst = running.steps.iter().filter(|s| s.status.results() == Some(results)).map(|s| s.name.as_str());
        worst.collect::<Vec<_>>().join(", ")
    };
    match results {
        Results::Success | Results::Skipped => "build successful".to_owned(),
        Results::Cancelled => match &running.stopping {
            Some(reason) => format!("stopped: {reason}"),
            None => format!("stopped in {}", at_fault()),
        },
        Results::Warnings => match at_fault().as_str() {
            "" => "passed with warnings".to_owned(),
            steps => format!("warnings in {steps}"),
        },
        Results::Failure => match at_fault().as_str() {
            "" => "failed on warnings".to_owned(),
            steps => format!("failed in {steps}"),
        },
        Results::Exception if !is_tried_again(running) => "its attempt is lost".to_owned(),
        Results::Exception => format!("exception in {}", at_fault()),
        Results::Retry => "lost its worker, tried again".to_owned(),
    }
}

/// What is usual, with this good build taken in. A build whose duration is already about usual teaches as well. `None`:
/// its builder does not want predictions.
fn learn(world: &World, running: &RunningBuild, now: Time) -> Option<Usual> {
    let state = world.builders.get(&running.build.builder)?;
    state.spec.as_ref().filter(|s| s.use_progress)?;
    let old = &state.builder.usual;
    let took = now.since(running.build.started_at);
    let mut usual = Usual {
        build: Some(Usual::learn(old.build, took)),
        build_spread: Usual::learn_spread(old.build_spread, old.build, took),
        ..old.clone()
    };
    for step in &running.steps {
        if let StepStatus::Complete { at, results: Results::Success | Results::Warnings } = step.status {
            let (took, mean) = (at.since(step.started_at), usual.steps.get(&step.name).copied());
            if let Some(spread) = Usual::learn_spread(usual.spread.get(&step.name).copied(), mean, took) {
                usual.spread.insert(step.name.clone(), spread);
            }
            usual.steps.insert(step.name.clone(), Usual::learn(mean, took));
        }
    }
    let known = |name: &String| running.plan.iter().any(|s| s.name == *name);
    usual.steps.retain(|name, _| known(name));
    usual.spread.retain(|name, _| known(name));
    Some(usual)
}

/// The worker stayed away too long: nobody may speak for the build any more, and its request is tried again.
fn give_up(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let build = &running.build;
    let worker = world.workers.get(&build.worker).map_or("", |w| w.worker.name.as_str());
    let state = format!("worker {worker} was lost");
    let retries = world.requests.get(&build.request).map_or(0, |r| r.retries);
    let again = is_tried_again(running);
    let results = if again && retries < MOST_RETRIES { Results::Retry } else { Results::Exception };
    end_step(running, now, results, &state, todo);
    let epoch = build.lease.epoch + 1;
    todo.push(Transition::BuildFinished { build: build.id, epoch, at: now, results, state });
    for request in running.requests() {
        match again {
            true => try_again(world, request, now, todo),
            false => todo.push(Transition::RequestFinished { request, at: now, results }),
        }
    }
}

/// Somebody stopped a build whose worker is away: there is nobody to ask.
fn stop_without_worker(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let build = &running.build;
    let state = sentence(running, Results::Cancelled);
    end_step(running, now, Results::Cancelled, &state, todo);
    let epoch = build.lease.epoch + 1;
    let results = Results::Cancelled;
    todo.push(Transition::BuildFinished { build: build.id, epoch, at: now, results, state });
    answer(world, running, results, now, todo);
}

fn end_step(running: &RunningBuild, now: Time, results: Results, state: &str, todo: &mut Vec<Transition>) {
    if let Some(step) = running.current() {
        todo.push(Transition::StepFinished {
            step: step.id,
            at: now,
            results,
            state: state.to_owned(),
            facts: StepFacts::default(),
        });
    }
}

fn try_again(world: &World, request: model::RequestId, now: Time, todo: &mut Vec<Transition>) {
    let Some(r) = world.requests.get(&request) else { return };
    todo.push(if r.retries < MOST_RETRIES {
        Transition::RequestReleased { request, retries: r.retries + 1 }
    } else {
        Transition::RequestFinished { request, at: now, results: Results::Exception }
    });
}

/// The steps that are kept with the code of what a build builds: they come after the step that read them, and after
/// them whatever the builder has besides. A name that stands there already gets a number. An answer for another epoch, or
/// for a build that does not run, is refused.
pub fn planned(world: &World, build: BuildId, epoch: i64, mut steps: Vec<StepSpec>, now: Time) -> Vec<Transition> {
    let Some(running) = world.builds.get(&build).filter(|b| b.build.lease.epoch == epoch) else {
        let what = format!("the build goes on with {} steps", steps.len());
        return vec![Transition::Refused { build, epoch, at: now, what }];
    };
    if let Some(spec) = world.builders.get(&running.build.builder).and_then(|b| b.spec.as_deref()) {
        with_environment(spec, &mut steps);
    }
    let begun = running.steps.last().map_or(0, |s| usize::try_from(s.number).unwrap_or(0) + 1);
    let (own, rest) = running.plan.split_at(begun.min(running.plan.len()));
    let mut plan = own.to_vec();
    for step in steps {
        let taken = |name: &str| plan.iter().chain(rest).any(|s| s.name == name);
        let numbered = (1..).map(|n| format!("{}_{n}", step.name));
        let mut names = [step.name.clone()].into_iter().chain(numbered);
        let name = names.find(|name| !taken(name)).unwrap_or_default();
        plan.push(StepSpec { name, ..step });
    }
    plan.extend_from_slice(rest);
    vec![Transition::BuildPlanned { build, epoch, plan }]
}

/// What the texts of a running build's steps are finished with.
pub fn sight<'a>(world: &'a World, running: &'a RunningBuild) -> Sight<'a> {
    let set = world.request(running.build.request).and_then(|r| world.set(r.set));
    Sight {
        properties: &running.build.properties,
        stamps: set.map_or(&[], |s| s.stamps.as_slice()),
        worker: world.worker(running.build.worker).map(|w| &w.worker),
        secrets: &world.config().secrets,
    }
}

/// Somebody wants a build to end. `None`: it does not run, or somebody wanted that before.
pub fn stop(world: &World, build: BuildId, reason: &str) -> Option<Transition> {
    let running = world.builds.get(&build).filter(|b| b.stopping.is_none())?;
    Some(Transition::StopAsked { build: running.build.id, reason: reason.to_owned() })
}

/// Somebody wants a build to end that is stopped already. While it waits for the locks of a step that always runs, that
/// wait ends: the step is not done, and is CANCELLED. Two such builds may wait for one another, and nothing else would
/// ever end them.
pub fn stop_waiting(world: &World, build: BuildId, now: Time) -> Vec<Transition> {
    let mut todo = Vec::new();
    let stopped = world.builds.get(&build).filter(|b| b.build.lease.until.is_none() && b.current().is_none());
    let Some((running, reason)) = stopped.and_then(|b| Some((b, b.stopping.as_ref()?))) else { return todo };
    if let Some((number, spec)) = next_step(running).filter(|(_, spec)| is_waiting(&running.build, spec)) {
        let state = format!("stopped while it waited: {reason}");
        Beginning { world, running, number, spec, now }.over(
            Results::Cancelled,
            state,
            &mut world.next.clone(),
            &mut todo,
        );
    }
    todo
}

/// The builder whose build this is, if it runs.
pub fn builder_of(world: &World, build: BuildId) -> Option<BuilderId> {
    world.builds.get(&build).map(|b| b.build.builder)
}
