//! Policies of builders: which request, on which worker, and whether now. Functions of the configuration are asked here.
//!
//! What a function is given are plain values, and never a secret:
//!
//! - a request: `id`, `builder`, `priority`, `submitted_at` (seconds), `waited_for`, `reason`, `scheduler`,
//!   `properties`, `sources` (a list of `codebase`, `repository`, `project`, `branch`, `revision`);
//! - a build: `builder`, `number`, `worker`, `reason`, `scheduler`, `results` (so far, a number), `properties`,
//!   `sources`, and for a step's questions `step`.
//!
//! A function that fails or answers nonsense never stops anything: the default rule stands in for it, and the request's
//! reason and the build's first line say so.

use crate::distributor::Slots;
use crate::merge::MOST_SHOWN;
use crate::world::BuilderState;
use crate::{RunningBuild, World, build, force};
use model::{BuildSet, FunctionRef, Properties, RequestId, Value, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

/// Which of a builder's requests goes next, and where.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) request: RequestId,
    /// Where it may run, the best first; none of them without room.
    pub(crate) workers: Vec<WorkerId>,
    /// What is to be said about a function that failed.
    pub(crate) note: Option<String>,
}

/// Why no request of a builder with a free worker goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none, or no worker is free.
    Nothing,
    /// A function says no.
    By(&'static str),
}

/// The builder's next request among those that are not taken.
pub(crate) fn choose(
    world: &World,
    builder: &BuilderState,
    slots: &Slots,
    taken: &BTreeSet<RequestId>,
) -> Result<Choice, Refusal> {
    let workers = slots.of(world, builder);
    if workers.is_empty() {
        return Err(Refusal::Nothing);
    }
    let mut notes = Vec::new();
    let waiting = builder.queue.order.iter().map(|(_, id)| *id).filter(|id| !taken.contains(id));
    let requests = in_order(world, builder, waiting.take(look(builder)).collect(), &mut notes)?;
    if requests.is_empty() {
        return Err(Refusal::Nothing);
    }
    let mut refusal = Refusal::Nothing;
    for request in requests {
        match places(world, builder, request, &workers, &mut notes) {
            Ok(workers) => return Ok(Choice { request, workers, note: notes.into_iter().next() }),
            Err(by) => refusal = by,
        }
    }
    Err(refusal)
}

/// How far into a queue is looked: without functions the first decides.
fn look(builder: &BuilderState) -> usize {
    match builder
        .spec
        .as_ref()
        .is_some_and(|s| s.next_request.is_some() || s.can_start.is_some() || s.next_worker.is_some())
    {
        true => MOST_SHOWN,
        false => 1,
    }
}

/// The requests that are tried, in order: the one that `next_request` names alone, else all.
fn in_order(
    world: &World,
    builder: &BuilderState,
    waiting: Vec<RequestId>,
    notes: &mut Vec<String>,
) -> Result<Vec<RequestId>, Refusal> {
    let function = builder.spec.as_ref().and_then(|s| s.next_request.as_ref());
    let Some(function) = function.filter(|_| !waiting.is_empty()) else { return Ok(waiting) };
    let shown = waiting.iter().map(|id| request(world, *id)).collect();
    match call(world, function, &[Value::List(shown)]) {
        Ok(Value::Null) => Err(Refusal::By("next_request")),
        Ok(Value::Int(id)) if waiting.contains(&RequestId(id)) => Ok(vec![RequestId(id)]),
        Ok(other) => {
            let told = model::render::shown(&other);
            notes.push(note("next_request", &format!("it answered {told}, which is the id of none of the requests")));
            Ok(waiting)
        }
        Err(message) => {
            notes.push(note("next_request", &message));
            Ok(waiting)
        }
    }
}

/// Where a request may run, of the free workers.
fn places(
    world: &World,
    builder: &BuilderState,
    id: RequestId,
    free: &[WorkerId],
    notes: &mut Vec<String>,
) -> Result<Vec<WorkerId>, Refusal> {
    let Some(spec) = &builder.spec else { return Err(Refusal::Nothing) };
    let mut workers = wanted(world, id, free);
    if workers.is_empty() {
        return Err(Refusal::Nothing);
    }
    if let Some(function) = &spec.next_worker {
        let names = workers.iter().map(|w| Value::from(name(world, *w))).collect();
        match call(world, function, &[request(world, id), Value::List(names)]) {
            Ok(Value::Null) => return Err(Refusal::By("next_worker")),
            Ok(answer) => match workers.iter().find(|w| answer.as_text() == Some(name(world, **w))) {
                Some(worker) => workers = vec![*worker],
                None => {
                    let told = model::render::shown(&answer);
                    notes
                        .push(note("next_worker", &format!("it answered {told}, which is the name of no free worker")));
                }
            },
            Err(message) => notes.push(note("next_worker", &message)),
        }
    }
    if let Some(function) = &spec.can_start {
        let mut able = Vec::with_capacity(workers.len());
        for worker in &workers {
            match call(world, function, &[request(world, id), Value::from(name(world, *worker))]) {
                Ok(answer) if model::render::is_true(&answer) => able.push(*worker),
                Ok(_) => {}
                Err(message) => {
                    notes.push(note("can_start", &message));
                    able.push(*worker);
                }
            }
        }
        if able.is_empty() {
            return Err(Refusal::By("can_start"));
        }
        workers = able;
    }
    Ok(workers)
}

/// The free workers that a request may have: the one that its form names, or any.
fn wanted(world: &World, id: RequestId, free: &[WorkerId]) -> Vec<WorkerId> {
    match chosen_worker(world, id) {
        Some(chosen) => free.iter().copied().filter(|w| name(world, *w) == chosen).collect(),
        None => free.to_vec(),
    }
}

/// The worker that whoever asked for a request has chosen for it.
pub(crate) fn chosen_worker(world: &World, id: RequestId) -> Option<&str> {
    let open = world.requests.get(&id).and_then(|r| world.sets.get(&r.set))?;
    force::chosen_worker(world, &open.set)
}

fn name(world: &World, worker: WorkerId) -> &str {
    world.workers.get(&worker).map_or("", |w| w.worker.name.as_str())
}

/// What is said of a function that failed.
pub(crate) fn note(by: &str, message: &str) -> String {
    format!("{by} failed and is passed over: {message}")
}

/// Asks a function of the configuration.
pub(crate) fn call(world: &World, function: &FunctionRef, arguments: &[Value]) -> Result<Value, String> {
    world.surroundings.functions.call(function, arguments).map_err(|e| e.message)
}

/// A request as functions see it.
pub(crate) fn request(world: &World, id: RequestId) -> Value {
    let Some(request) = world.requests.get(&id) else { return Value::Null };
    let builder = world.builders.get(&request.builder).map_or("", |b| b.builder.name.as_str());
    let mut map = BTreeMap::from([
        ("id".to_owned(), Value::Int(request.id.0)),
        ("builder".to_owned(), Value::from(builder)),
        ("priority".to_owned(), Value::Int(request.priority)),
        ("submitted_at".to_owned(), Value::Int(request.submitted_at.as_seconds())),
        ("waited_for".to_owned(), Value::Bool(request.waited_for)),
    ]);
    if let Some(open) = world.sets.get(&request.set) {
        add_set(&mut map, &open.set);
        map.insert("properties".to_owned(), values(&open.set.properties));
    }
    Value::Map(map)
}

/// A running build as functions see it.
pub(crate) fn build(world: &World, running: &RunningBuild, step: Option<&str>) -> Value {
    let facts = &running.build;
    let builder = world.builders.get(&facts.builder).map_or("", |b| b.builder.name.as_str());
    let mut map = BTreeMap::from([
        ("builder".to_owned(), Value::from(builder)),
        ("number".to_owned(), Value::Int(facts.number)),
        ("worker".to_owned(), Value::from(name(world, facts.worker))),
        ("results".to_owned(), Value::Int(build::tally_of(running).results.code())),
        ("properties".to_owned(), values(&facts.properties)),
    ]);
    if let Some(open) = world.requests.get(&facts.request).and_then(|r| world.sets.get(&r.set)) {
        add_set(&mut map, &open.set);
    }
    if let Some(step) = step {
        map.insert("step".to_owned(), Value::from(step));
    }
    Value::Map(map)
}

fn add_set(map: &mut BTreeMap<String, Value>, set: &BuildSet) {
    let source = |s: &model::SourceStamp| {
        Value::Map(BTreeMap::from([
            ("codebase".to_owned(), Value::from(s.codebase.as_str())),
            ("repository".to_owned(), Value::from(s.repository.as_str())),
            ("project".to_owned(), Value::from(s.project.as_str())),
            ("branch".to_owned(), s.branch.clone().into()),
            ("revision".to_owned(), s.revision.clone().into()),
        ]))
    };
    map.insert("reason".to_owned(), Value::from(set.reason.as_str()));
    map.insert("scheduler".to_owned(), Value::from(set.scheduler.as_str()));
    map.insert("sources".to_owned(), Value::List(set.stamps.iter().map(source).collect()));
}

fn values(properties: &Properties) -> Value {
    Value::Map(properties.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect())
}
