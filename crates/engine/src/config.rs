//! A new configuration: what the store must learn of it.

use crate::World;
use model::builder::Usual;
use model::{
    Builder, BuilderId, BuilderSpec, Config, Scheduler, SchedulerId, SchedulerState, Transition, Worker, WorkerId,
    WorkerInfo,
};
use std::collections::BTreeSet;

/// What must be written so that the store knows every builder, worker and scheduler of `config`, and knows which of
/// the old ones are not configured any more. Empty when nothing of that changed.
pub fn adopt(world: &World, config: &Config) -> Vec<Transition> {
    let mut todo = Vec::new();
    builders(world, config, &mut todo);
    workers(world, config, &mut todo);
    schedulers(world, config, &mut todo);
    todo
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
            Some(old) if old.configured => {}
            Some(old) => todo.push(Transition::SchedulerKnown(Scheduler { configured: true, ..old.clone() })),
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
