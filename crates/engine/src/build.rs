//! Builds: which step is next, and what the end of a build is.

use crate::{RunningBuild, World};
use model::builder::Usual;
use model::property::Property;
use model::render::Sight;
use model::{
    BuildId, BuilderId, CommandLine, LogFacts, LogId, LogStatus, NextIds, Results, Step, StepAction, StepFacts, StepId,
    StepSpec, StepStatus, Time, Transition,
};

/// How often the builds of one request may be lost before it ends as EXCEPTION.
pub const MOST_RETRIES: u32 = 3;

/// What came of a step's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEnd {
    /// The step's result.
    pub results: Results,
    /// One line for people.
    pub state: String,
    /// Properties that the step sets.
    pub properties: Vec<(String, Property)>,
    /// Its logs, which are whole now.
    pub logs: Vec<SealedLog>,
    /// What came of it besides.
    pub facts: StepFacts,
}

/// A log that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedLog {
    /// Which.
    pub log: LogId,
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 of all bytes.
    pub crc32: u32,
}

/// How the command of a step ended, as the worker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours; its name, as `SIGSEGV`.
    Signalled(String),
    /// It could not be started; why.
    NotStarted(String),
    /// It gave no output for too long.
    NoOutput(model::Span),
    /// It took too long in all.
    TooLong(model::Span),
    /// Somebody stopped it; why.
    Interrupted(String),
    /// The machine could not do it; why.
    Broken(String),
}

/// The result of a step whose command ended so, and a line that says it.
///
/// What the command does is the code's: FAILURE. What the machine does is not: EXCEPTION.
pub fn verdict(end: &CommandEnd) -> (Results, String) {
    match end {
        CommandEnd::Exited(0) => (Results::Success, "passed".to_owned()),
        CommandEnd::Exited(code) => (Results::Failure, format!("failed with exit code {code}")),
        CommandEnd::Signalled(name) => (Results::Failure, format!("ended by signal {name}")),
        CommandEnd::NotStarted(why) => (Results::Failure, format!("could not be started: {why}")),
        CommandEnd::NoOutput(after) => (Results::Failure, format!("ended after {after} without output")),
        CommandEnd::TooLong(after) => (Results::Failure, format!("ended after {after}, its limit")),
        CommandEnd::Interrupted(why) => (Results::Cancelled, format!("stopped: {why}")),
        CommandEnd::Broken(why) => (Results::Exception, why.clone()),
    }
}

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

/// Every build that waits for a decision gets it: the next step, the end, or the loss of its worker.
pub(crate) fn go_on(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut next = world.next.clone();
    for running in world.builds.values() {
        let lease = running.build.lease;
        match lease.until {
            Some(until) if until <= now => give_up(world, running, now, todo),
            Some(_) if running.stopping.is_some() => stop_without_worker(world, running, now, todo),
            Some(_) => {}
            None if running.current().is_some() => {}
            None => match next_step(running) {
                Some((number, spec)) => todo.push(start(running, number, spec, &mut next, now)),
                None => finish(world, running, now, todo),
            },
        }
    }
}

/// The step that comes next: the first after the last one begun that the tally lets run.
fn next_step(running: &RunningBuild) -> Option<(usize, &StepSpec)> {
    let halted = tally_of(running).halted;
    let from = running.steps.last().map_or(0, |s| usize::try_from(s.number).unwrap_or(0) + 1);
    running.plan.iter().enumerate().skip(from).find(|(_, spec)| !halted || spec.flags.always_run)
}

fn start(running: &RunningBuild, number: usize, spec: &StepSpec, next: &mut NextIds, now: Time) -> Transition {
    let step = Step {
        id: StepId::take(&mut next.step),
        build: running.build.id,
        number: i64::try_from(number).unwrap_or(i64::MAX),
        name: spec.name.clone(),
        started_at: now,
        state: doing(spec),
        facts: StepFacts::default(),
        status: StepStatus::Running,
    };
    let stdio = LogFacts {
        id: LogId::take(&mut next.log),
        step: step.id,
        number: 0,
        name: "stdio".to_owned(),
        slug: "stdio".to_owned(),
        status: LogStatus::Open,
    };
    Transition::StepStarted { step, epoch: running.build.lease.epoch, logs: vec![stdio] }
}

/// What a step says of itself while it runs.
fn doing(spec: &StepSpec) -> String {
    if let Some(words) = &spec.description {
        return words.written();
    }
    match &spec.action {
        StepAction::Git(git) => format!("fetching {}", git.repository.written()),
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => command_words(&shell.command),
        StepAction::Sequence(sequence) => {
            sequence.parts.first().map_or_else(|| spec.name.clone(), |part| command_words(&part.command))
        }
        _ => spec.name.clone(),
    }
}

fn command_words(command: &CommandLine) -> String {
    shorten(command.text().lines().next().unwrap_or_default())
}

/// At most sixty characters, cut between two of them.
fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn finish(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let results = tally_of(running).results;
    let build = &running.build;
    todo.push(Transition::BuildFinished {
        build: build.id,
        epoch: build.lease.epoch,
        at: now,
        results,
        state: sentence(running, results),
    });
    match results {
        Results::Retry => try_again(world, build.request, now, todo),
        _ => todo.push(Transition::RequestFinished { request: build.request, at: now, results }),
    }
    if matches!(results, Results::Success | Results::Warnings)
        && let Some(usual) = learn(world, running, now)
    {
        todo.push(Transition::UsualLearnt { builder: build.builder, usual });
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
        Results::Exception => format!("exception in {}", at_fault()),
        Results::Retry => "lost its worker, tried again".to_owned(),
    }
}

/// What is usual, with this good build taken in. A build whose duration is already about usual teaches as well.
fn learn(world: &World, running: &RunningBuild, now: Time) -> Option<Usual> {
    let old = world.usual(running.build.builder)?;
    let mut usual = Usual { build: Some(Usual::learn(old.build, now.since(running.build.started_at))), ..old.clone() };
    for step in &running.steps {
        if let StepStatus::Complete { at, results: Results::Success | Results::Warnings } = step.status {
            let took = at.since(step.started_at);
            let learnt = Usual::learn(usual.steps.get(&step.name).copied(), took);
            usual.steps.insert(step.name.clone(), learnt);
        }
    }
    usual.steps.retain(|name, _| running.plan.iter().any(|s| s.name == *name));
    Some(usual)
}

/// The worker stayed away too long: nobody may speak for the build any more, and its request is tried again.
fn give_up(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let build = &running.build;
    let worker = world.workers.get(&build.worker).map_or("", |w| w.worker.name.as_str());
    let state = format!("worker {worker} was lost");
    let retries = world.requests.get(&build.request).map_or(0, |r| r.retries);
    let results = if retries < MOST_RETRIES { Results::Retry } else { Results::Exception };
    end_step(running, now, results, &state, todo);
    let epoch = build.lease.epoch + 1;
    todo.push(Transition::BuildFinished { build: build.id, epoch, at: now, results, state });
    try_again(world, build.request, now, todo);
}

/// Somebody stopped a build whose worker is away: there is nobody to ask.
fn stop_without_worker(world: &World, running: &RunningBuild, now: Time, todo: &mut Vec<Transition>) {
    let build = &running.build;
    let state = sentence(running, Results::Cancelled);
    end_step(running, now, Results::Cancelled, &state, todo);
    let epoch = build.lease.epoch + 1;
    let results = Results::Cancelled;
    todo.push(Transition::BuildFinished { build: build.id, epoch, at: now, results, state });
    if world.requests.contains_key(&build.request) {
        todo.push(Transition::RequestFinished { request: build.request, at: now, results });
    }
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

/// A worker says that a step's command ended. An answer for another epoch, or for a step that does not run, is refused.
pub fn step_ended(world: &World, build: BuildId, epoch: i64, id: StepId, end: StepEnd, now: Time) -> Vec<Transition> {
    let running = world.builds.get(&build).filter(|b| b.build.lease.epoch == epoch);
    let Some((running, step)) = running.and_then(|b| b.current().filter(|s| s.id == id).map(|s| (b, s))) else {
        let what = format!("step {id} ended as {}: {}", end.results, end.state);
        return vec![Transition::Refused { build, epoch, at: now, what }];
    };
    let spec = usize::try_from(step.number).ok().and_then(|n| running.plan.get(n));
    let told = spec.and_then(|s| s.description_done.as_ref()).filter(|_| end.results == Results::Success);
    let told = told.and_then(|words| model::render::text(words, &sight(world, running)).ok());
    let mut todo: Vec<Transition> = end.logs.iter().map(sealed).collect();
    for (name, property) in end.properties {
        todo.push(Transition::PropertySet { build, name, property });
    }
    let state = told.unwrap_or(end.state);
    todo.push(Transition::StepFinished { step: step.id, at: now, results: end.results, state, facts: end.facts });
    todo
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

/// The transition that says a log is whole.
pub fn sealed(log: &SealedLog) -> Transition {
    let SealedLog { log, lines, bytes, crc32 } = *log;
    Transition::LogSealed { log, lines, bytes, crc32 }
}

/// Somebody wants a build to end. `None`: it does not run, or somebody wanted that before.
pub fn stop(world: &World, build: BuildId, reason: &str) -> Option<Transition> {
    let running = world.builds.get(&build).filter(|b| b.stopping.is_none())?;
    Some(Transition::StopAsked { build: running.build.id, reason: reason.to_owned() })
}

/// The builder whose build this is, if it runs.
pub fn builder_of(world: &World, build: BuildId) -> Option<BuilderId> {
    world.builds.get(&build).map(|b| b.build.builder)
}
