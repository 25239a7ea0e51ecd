//! Events: who hears of a transition, under which keys, with which document.
//!
//! A resource is known under several paths, and each gets an event: a step's end is heard at
//! `steps/N/finished` and at `builds/B/steps/S/finished`. The message is the document of the REST interface.

use crate::master::MASTER;
use model::{
    Build, BuildId, BuildSetId, BuilderId, Event, LogFacts, LogId, LogStatus, Request, RequestId, RequestStatus,
    SchedulerId, Step, StepId, Time, Transition, WorkerId,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// The nouns that a transition names by id, as they were before it or as they are after it: both give the same events.
///
/// What is not found is not told of.
pub trait Lookup {
    /// A running build, or one that has just ended.
    fn build(&self, id: BuildId) -> Option<&Build>;
    /// A step of such a build.
    fn step(&self, id: StepId) -> Option<&Step>;
    /// A log of such a step.
    fn log(&self, id: LogId) -> Option<&LogFacts>;
    /// An open request, or one that has just ended.
    fn request(&self, id: RequestId) -> Option<&Request>;
    /// An open set, or one that has just ended.
    fn set(&self, id: BuildSetId) -> Option<&model::BuildSet>;
    /// A builder.
    fn builder(&self, id: BuilderId) -> Option<&model::Builder>;
    /// A worker.
    fn worker(&self, id: WorkerId) -> Option<&model::Worker>;
    /// A scheduler.
    fn scheduler(&self, id: SchedulerId) -> Option<&model::Scheduler>;
    /// The builders that a worker may run builds of.
    fn builders_of(&self, worker: WorkerId) -> Vec<BuilderId>;
    /// The master's clock.
    fn now(&self) -> Time;
}

/// What subscribers hear of a transition. Costs a document or two: with no subscriber, do not ask.
pub fn events(transition: &Transition, nouns: &impl Lookup) -> Vec<Event> {
    let mut out = Vec::new();
    tell(transition, nouns, &mut out);
    out
}

fn tell(transition: &Transition, nouns: &impl Lookup, out: &mut Vec<Event>) {
    match transition {
        Transition::BuilderKnown(builder) => builder_said(builder, "update", out),
        Transition::WorkerKnown(worker) => worker_said(worker, nouns, "configured", out),
        Transition::SchedulerKnown(scheduler) => scheduler_said(scheduler, nouns, "created", out),
        Transition::SchedulerRemembers { scheduler, state } => {
            // Timers and lanes are nobody's business; only the switch is in the document.
            if let Some(known) = nouns.scheduler(*scheduler) {
                let now = model::Scheduler { state: state.clone(), ..known.clone() };
                scheduler_said(&now, nouns, "updated", out);
            }
        }
        Transition::ChangeAdded(change) => {
            say(out, &crate::Change::of(change), &[&["changes", &id(change.id.0), "new"]]);
        }
        Transition::SetFiled { .. }
        | Transition::RequestReleased { .. }
        | Transition::RequestFinished { .. }
        | Transition::SetFinished { .. } => queue(transition, nouns, out),
        Transition::BuildLeased { .. }
        | Transition::BuildState { .. }
        | Transition::PropertySet { .. }
        | Transition::BuildFinished { .. } => builds(transition, nouns, out),
        Transition::StepStarted { step, logs, .. } => {
            step_said(step, nouns, "new", out);
            step_said(step, nouns, "started", out);
            for log in logs {
                log_said(log, 0, "new", out);
            }
        }
        Transition::StepFinished { step, at, results, state, facts } => {
            if let Some(known) = nouns.step(*step) {
                let status = model::StepStatus::Complete { at: *at, results: *results };
                let ended = Step { status, state: state.clone(), facts: facts.clone(), ..known.clone() };
                step_said(&ended, nouns, "finished", out);
            }
        }
        Transition::LogSealed { log, lines, bytes, crc32 } => {
            if let Some(known) = nouns.log(*log) {
                let status = LogStatus::Sealed { lines: *lines, bytes: *bytes, crc32: *crc32 };
                log_said(&LogFacts { status, ..known.clone() }, *lines, "finished", out);
            }
        }
        Transition::WorkerConnected { worker, info, .. } => {
            if let Some(known) = nouns.worker(*worker) {
                let now = model::Worker { connected: true, info: info.clone(), ..known.clone() };
                worker_said(&now, nouns, "connected", out);
            }
        }
        Transition::WorkerDisconnected { worker, .. } => {
            if let Some(known) = nouns.worker(*worker) {
                worker_said(&model::Worker { connected: false, ..known.clone() }, nouns, "disconnected", out);
            }
        }
        Transition::WorkerPaused { worker, reason } => {
            if let Some(known) = nouns.worker(*worker) {
                let now = model::Worker { paused: reason.clone(), ..known.clone() };
                worker_said(&now, nouns, "state_updated", out);
            }
        }
        Transition::SourceRemembers { .. }
        | Transition::LeaseDated { .. }
        | Transition::ClockSet { .. }
        | Transition::StopAsked { .. }
        | Transition::CancelAsked { .. }
        | Transition::Refused { .. }
        | Transition::BuildPlanned { .. }
        | Transition::UsualLearnt { .. }
        | Transition::ReportDue { .. }
        | Transition::ReportWritten { .. }
        | Transition::MessageTried { .. }
        | Transition::MessageEnded { .. }
        | Transition::MessagesForgotten { .. } => {}
        // Of our own. What changed is asked for: a turn may change the whole line.
        Transition::GateKept(turn) => {
            let message = serde_json::json!({ "name": turn.gate, "turn": turn.turn });
            say(out, &message, &[&["gates", &turn.gate, "turned"]]);
        }
        Transition::TestRunSaved(_)
        | Transition::TestItemsSaved(_)
        | Transition::TestItemsRemoved { .. }
        | Transition::TestRunRemoved(_) => test_runs(transition, out),
    }
}

/// Events of our own: what changed of a run of tests is asked for, there may be thousands of items.
fn test_runs(transition: &Transition, out: &mut Vec<Event>) {
    let mut moved = |run: &model::TestRunId| {
        say(out, &serde_json::json!({ "testrunid": run }), &[&["testruns", &id(run.0), "moved"]]);
    };
    match transition {
        Transition::TestRunSaved(run) => {
            let message = serde_json::json!({ "testrunid": run.id, "state": run.state });
            say(out, &message, &[&["testruns", &id(run.id.0), "saved"]]);
        }
        Transition::TestItemsSaved(items) => {
            items.iter().map(|item| item.run).collect::<BTreeSet<_>>().iter().for_each(moved);
        }
        Transition::TestItemsRemoved { run, .. } | Transition::TestRunRemoved(run) => moved(run),
        _ => {}
    }
}

fn queue(transition: &Transition, nouns: &impl Lookup, out: &mut Vec<Event>) {
    match transition {
        Transition::SetFiled { set, requests } => {
            say(out, &crate::BuildSet::of(set), &[&["buildsets", &id(set.id.0), "new"]]);
            for request in requests {
                request_said(request, "new", out);
            }
            if set.status.results().is_some() {
                say(out, &crate::BuildSet::of(set), &[&["buildsets", &id(set.id.0), "complete"]]);
            }
        }
        Transition::RequestReleased { request, retries } => {
            if let Some(known) = nouns.request(*request) {
                let now = Request { status: RequestStatus::Waiting, retries: *retries, ..known.clone() };
                request_said(&now, "unclaimed", out);
            }
        }
        Transition::RequestFinished { request, at, results } => {
            if let Some(known) = nouns.request(*request) {
                let status = RequestStatus::Complete { at: *at, results: *results };
                request_said(&Request { status, ..known.clone() }, "complete", out);
            }
        }
        Transition::SetFinished { set, at, results } => {
            if let Some(known) = nouns.set(*set) {
                let status = model::BuildSetStatus::Complete { at: *at, results: *results };
                let message = crate::BuildSet::of(&model::BuildSet { status, ..known.clone() });
                say(out, &message, &[&["buildsets", &id(set.0), "complete"]]);
            }
        }
        _ => {}
    }
}

fn builds(transition: &Transition, nouns: &impl Lookup, out: &mut Vec<Event>) {
    match transition {
        Transition::BuildLeased { build, .. } => {
            if let Some(known) = nouns.request(build.request) {
                let status = RequestStatus::Claimed { at: build.started_at, build: build.id };
                request_said(&Request { status, ..known.clone() }, "claimed", out);
            }
            build_said(build, "new", out);
        }
        Transition::BuildState { build, state } => {
            if let Some(known) = nouns.build(*build) {
                build_said(&Build { state: state.clone(), ..bare(known) }, "update", out);
            }
        }
        Transition::PropertySet { build, name, property } => {
            let message = crate::property::all(&[(name.clone(), property.clone())].into());
            say(out, &message, &[&["builds", &id(build.0), "properties", "update"]]);
        }
        Transition::BuildFinished { build, epoch, at, results, state } => {
            if let Some(known) = nouns.build(*build) {
                let status = model::BuildStatus::Complete { at: *at, results: *results };
                let lease = model::Lease { epoch: *epoch, until: None };
                build_said(&Build { status, lease, state: state.clone(), ..bare(known) }, "finished", out);
            }
        }
        _ => {}
    }
}

/// The build without its properties, which its events do not tell.
fn bare(build: &Build) -> Build {
    Build {
        id: build.id,
        number: build.number,
        builder: build.builder,
        request: build.request,
        worker: build.worker,
        lease: build.lease,
        started_at: build.started_at,
        state: String::new(),
        properties: model::Properties::new(),
        status: build.status,
    }
}

/// A log has grown to `lines` lines: `logs/N/append`. The text is not told; who wants it fetches `contents`.
pub fn log_grew(log: &LogFacts, lines: u64) -> Vec<Event> {
    let mut out = Vec::new();
    log_said(log, lines, "append", &mut out);
    out
}

/// The master has started or is about to stop: `masters/1/started`, `masters/1/stopped`.
pub fn master(now: Time, verb: MasterVerb) -> Event {
    let verb = match verb {
        MasterVerb::Started => "started",
        MasterVerb::Stopped => "stopped",
    };
    let message = serde_json::to_string(&crate::Master::here(now)).unwrap_or_default();
    Event { key: vec!["masters".to_owned(), id(MASTER), verb.to_owned()], message }
}

/// What a master did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterVerb {
    /// It has started.
    Started,
    /// It is about to stop.
    Stopped,
}

/// Whether an event's key is within a subscriber's path, word by word; `*` matches any one word.
pub fn matches(path: &[String], key: &[String]) -> bool {
    path.len() == key.len() && path.iter().zip(key).all(|(p, k)| p == "*" || p == k)
}

fn build_said(build: &Build, verb: &str, out: &mut Vec<Event>) {
    let (this, builder, worker) = (id(build.id.0), id(build.builder.0), id(build.worker.0));
    say(
        out,
        &crate::Build::of(build),
        &[
            &["builds", &this, verb],
            &["builders", &builder, "builds", &id(build.number), verb],
            &["workers", &worker, "builds", &this, verb],
        ],
    );
}

fn step_said(step: &Step, nouns: &impl Lookup, verb: &str, out: &mut Vec<Event>) {
    let (this, build, number) = (id(step.id.0), id(step.build.0), id(step.number));
    let message = crate::Step::of(step);
    say(out, &message, &[&["steps", &this, verb], &["builds", &build, "steps", &number, verb]]);
    if let Some(of) = nouns.build(step.build) {
        let (builder, build) = (id(of.builder.0), id(of.number));
        say(out, &message, &[&["builders", &builder, "builds", &build, "steps", &number, verb]]);
    }
}

fn log_said(log: &LogFacts, lines: u64, verb: &str, out: &mut Vec<Event>) {
    let (this, step) = (id(log.id.0), id(log.step.0));
    let keys: [&[&str]; 2] = [&["logs", &this, verb], &["steps", &step, "logs", &log.slug, verb]];
    say(out, &crate::Log::of(log, lines), &keys);
}

/// A set that is known to fail, though others of its requests may still be open: `buildsets/N/failed`. Of our own.
pub fn set_failed(set: &model::BuildSet) -> Vec<Event> {
    let mut out = Vec::new();
    say(&mut out, &crate::BuildSet::of(set), &[&["buildsets", &id(set.id.0), "failed"]]);
    out
}

fn request_said(request: &Request, verb: &str, out: &mut Vec<Event>) {
    let (this, set, builder) = (id(request.id.0), id(request.set.0), id(request.builder.0));
    say(
        out,
        &crate::BuildRequest::of(request),
        &[
            &["buildrequests", &this, verb],
            &["builders", &builder, "buildrequests", &this, verb],
            &["buildsets", &set, "builders", &builder, "buildrequests", &this, verb],
        ],
    );
}

fn builder_said(builder: &model::Builder, verb: &str, out: &mut Vec<Event>) {
    say(out, &crate::Builder::of(builder), &[&["builders", &id(builder.id.0), verb]]);
}

fn worker_said(worker: &model::Worker, nouns: &impl Lookup, verb: &str, out: &mut Vec<Event>) {
    let message = crate::Worker::of(worker, &nouns.builders_of(worker.id));
    say(out, &message, &[&["workers", &id(worker.id.0), verb]]);
}

fn scheduler_said(scheduler: &model::Scheduler, nouns: &impl Lookup, verb: &str, out: &mut Vec<Event>) {
    let message = crate::Scheduler::of(scheduler, &crate::Master::here(nouns.now()));
    say(out, &message, &[&["schedulers", &id(scheduler.id.0), verb]]);
}

/// One message under several keys.
fn say(out: &mut Vec<Event>, message: &impl Serialize, keys: &[&[&str]]) {
    // Documents have text keys and finite numbers: writing them cannot fail.
    let Ok(text) = serde_json::to_string(message) else { return };
    for key in keys {
        out.push(Event { key: key.iter().map(|w| (*w).to_owned()).collect(), message: text.clone() });
    }
}

fn id(n: i64) -> String {
    n.to_string()
}
