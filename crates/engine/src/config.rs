//! A new configuration: what the store must learn of it.

use crate::{World, scheduler};
use model::builder::Usual;
use model::{
    Builder, BuilderId, BuilderSpec, Config, Results, Scheduler, SchedulerId, SchedulerState, Time, Transition, Worker,
    WorkerId, WorkerInfo,
};
use std::collections::{BTreeMap, BTreeSet};

/// What must be written so that the store knows every builder, worker and scheduler of `config`, and knows which of
/// the old ones are not configured any more. Empty when nothing of that changed.
pub fn adopt(world: &World, config: &Config) -> Vec<Transition> {
    let mut todo = Vec::new();
    builders(world, config, &mut todo);
    workers(world, config, &mut todo);
    schedulers(world, config, &mut todo);
    todo
}

/// Requests of a builder that is not configured any more would wait for ever: they end as CANCELLED.
pub(crate) fn withdraw(world: &World, now: Time, todo: &mut Vec<Transition>) {
    for state in world.queued.iter().filter_map(|id| world.builders.get(id)).filter(|b| b.spec.is_none()) {
        let reason = format!("its builder {} is no longer configured", state.builder.name);
        for (_, request) in &state.queue.order {
            todo.push(Transition::CancelAsked { request: *request, reason: reason.clone() });
            todo.push(Transition::RequestFinished { request: *request, at: now, results: Results::Cancelled });
        }
    }
}

/// What the configuration that is in force does to what waits and runs, in words; nothing when all of it goes on as it
/// would have. Ask before the world is planned for.
pub fn consequences(world: &World) -> Vec<String> {
    let mut said = Vec::new();
    let mut running: BTreeMap<BuilderId, usize> = BTreeMap::new();
    for build in world.builds() {
        *running.entry(build.build.builder).or_default() += 1;
    }
    for state in world.builders.values().filter(|b| b.spec.is_none()) {
        let name = &state.builder.name;
        if !state.queue.order.is_empty() {
            let requests = counted(state.queue.order.len(), "waiting request");
            said.push(format!("cancels {requests} of {name}: its builder {name} is no longer configured"));
        }
        if let Some(builds) = running.get(&state.builder.id) {
            said.push(format!(
                "lets {} of {name} go on to the end, and starts no more",
                counted(*builds, "running build")
            ));
        }
    }
    for state in world.workers.values().filter(|w| w.spec.is_none() && !w.builds.is_empty()) {
        let builds = counted(state.builds.len(), "running build");
        said.push(format!("lets {builds} on worker {} go on to the end, and gives it no more", state.worker.name));
    }
    said
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn builders(world: &World, config: &Config, todo: &mut Vec<Transition>) {
    let mut next = world.next.builder;
    for spec in &config.builders {
        let old = world.builder_named(&spec.name).map(|b| &b.builder);
        let new = match old {
            Some(old) => known_builder(old.id, spec, old),
            None => {
                let fresh = Builder {
                    id: BuilderId::take(&mut next),
                    name: spec.name.clone(),
                    description: String::new(),
                    tags: Vec::new(),
                    configured: true,
                    next_number: 1,
                    usual: Usual::default(),
                    defined_at: None,
                };
                known_builder(fresh.id, spec, &fresh)
            }
        };
        if old != Some(&new) {
            todo.push(Transition::BuilderKnown(new));
        }
    }
    let names: BTreeSet<&str> = config.builders.iter().map(|b| b.name.as_str()).collect();
    for state in world.builders().filter(|b| b.builder.configured && !names.contains(b.builder.name.as_str())) {
        let gone = Builder { configured: false, defined_at: None, ..state.builder.clone() };
        todo.push(Transition::BuilderKnown(gone));
    }
}

fn known_builder(id: BuilderId, spec: &BuilderSpec, old: &Builder) -> Builder {
    Builder {
        id,
        name: spec.name.clone(),
        description: spec.description.clone(),
        tags: spec.tags.clone(),
        configured: true,
        next_number: old.next_number,
        usual: old.usual.clone(),
        defined_at: spec.defined_at.clone(),
    }
}

fn workers(world: &World, config: &Config, todo: &mut Vec<Transition>) {
    let mut next = world.next.worker;
    for spec in &config.workers {
        match world.worker_named(&spec.name).map(|w| &w.worker) {
            Some(old) if old.configured => {}
            Some(old) => todo.push(Transition::WorkerKnown(Worker { configured: true, ..old.clone() })),
            None => todo.push(Transition::WorkerKnown(Worker {
                id: WorkerId::take(&mut next),
                name: spec.name.clone(),
                configured: true,
                connected: false,
                changed_at: None,
                paused: None,
                info: WorkerInfo::default(),
            })),
        }
    }
    let names: BTreeSet<&str> = config.workers.iter().map(|w| w.name.as_str()).collect();
    for state in world.workers().filter(|w| w.worker.configured && !names.contains(w.worker.name.as_str())) {
        todo.push(Transition::WorkerKnown(Worker { configured: false, ..state.worker.clone() }));
    }
}

fn schedulers(world: &World, config: &Config, todo: &mut Vec<Transition>) {
    let mut next = world.next.scheduler;
    for spec in &config.schedulers {
        match world.scheduler_named(&spec.name) {
            Some(old) => {
                let before = world.config.schedulers.iter().find(|s| s.name == spec.name);
                let state = scheduler::state_under(old, before, spec);
                let new = Scheduler { configured: true, state, ..old.clone() };
                if *old != new {
                    todo.push(Transition::SchedulerKnown(new));
                }
            }
            None => todo.push(Transition::SchedulerKnown(Scheduler {
                id: SchedulerId::take(&mut next),
                name: spec.name.clone(),
                configured: true,
                state: SchedulerState::default(),
            })),
        }
    }
    let names: BTreeSet<&str> = config.schedulers.iter().map(|s| s.name.as_str()).collect();
    for entry in world.schedulers.values() {
        let old = &entry.scheduler;
        if old.configured && !names.contains(old.name.as_str()) {
            todo.push(Transition::SchedulerKnown(Scheduler { configured: false, ..old.clone() }));
        }
    }
}
