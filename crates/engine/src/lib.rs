//! Decisions: what to do next, given a world and a time.
//!
//! Ring 1: no clock, no file, no socket, no thread, no randomness. Every function here takes the [`World`] and `now`
//! and answers with [`Transition`]s. The caller writes them to the store, lets the world take them, and only then
//! carries out what they mean (start a command, send an answer). It may ask again at any time: what is already done is
//! not asked for twice, because it is derived from the world and from nothing else.
//!
//! Start-up, steady state and the periodic look are therefore the same call: [`plan`].

pub mod build;
pub mod build_set;
pub mod change;
pub mod config;
pub mod distributor;
pub mod eta;
pub mod force;
pub mod jump;
pub mod lock;
mod merge;
pub mod moment;
mod policy;
pub mod request;
pub mod scheduler;
mod step;
mod surroundings;
pub mod tried;
mod trigger;
mod verdict;
pub mod why;
pub mod worker;
mod world;

pub use surroundings::Surroundings;
pub use world::{BuilderState, RunningBuild, WorkerState, World};

use model::{Time, Transition};

/// What is to be done now. Ask again after the world took the answer, until there is none.
pub fn plan(world: &World, now: Time) -> Vec<Transition> {
    let mut todo = Vec::new();
    // What touches several builds at once goes first and alone: the world must have taken it before anybody goes on.
    for cross in [config::withdraw, request::supersede, trigger::abandon] {
        cross(world, now, &mut todo);
        if !todo.is_empty() {
            return todo;
        }
    }
    build::go_on(world, now, &mut todo);
    if todo.is_empty() {
        build_set::finish(world, now, &mut todo);
    }
    if todo.is_empty() {
        scheduler::fire(world, now, &mut todo);
    }
    if todo.is_empty() {
        distributor::distribute(world, now, &mut todo);
    }
    todo
}

/// When [`plan`] will have something to do though nothing happens until then.
pub fn next_wake(world: &World) -> Option<Time> {
    let lease = world.builds().filter_map(|b| b.build.lease.until).min();
    [lease, scheduler::next_fire(world)].into_iter().flatten().min()
}

/// Plans until nothing is left to do, and lets the world take each answer at once. For callers that write the whole
/// lot as one batch.
pub fn settle(world: &mut World, now: Time) -> Vec<Transition> {
    let mut all = Vec::new();
    loop {
        let todo = plan(world, now);
        if todo.is_empty() {
            return all;
        }
        for transition in &todo {
            world.take(transition);
        }
        all.extend(todo);
    }
}
