//! Workers: what their coming and going means for their builds.

use crate::World;
use model::worker::WorkerInfo;
use model::{Span, Time, Transition, WorkerId};

/// A worker is there: its builds are held again.
pub fn connected(world: &World, worker: WorkerId, info: WorkerInfo, now: Time) -> Vec<Transition> {
    let mut todo = vec![Transition::WorkerConnected { worker, at: now, info }];
    for running in builds_of(world, worker).filter(|b| b.build.lease.until.is_some()) {
        let (build, epoch) = (running.build.id, running.build.lease.epoch);
        todo.push(Transition::LeaseDated { build, epoch, until: None });
    }
    todo
}

/// A worker is gone: its builds are given up when it stays away for its grace time.
pub fn disconnected(world: &World, worker: WorkerId, now: Time) -> Vec<Transition> {
    let mut todo = vec![Transition::WorkerDisconnected { worker, at: now }];
    let grace = grace_of(world, worker);
    for running in builds_of(world, worker) {
        let (build, epoch) = (running.build.id, running.build.lease.epoch);
        todo.push(Transition::LeaseDated { build, epoch, until: Some(now + grace) });
    }
    todo
}

/// How a worker stands, by those who speak with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is connected.
    Here,
    /// It is connected, speaks for the builds that it has, and takes no more.
    Leaving,
    /// Nobody speaks for it.
    Away,
}

/// What must be written so that the world has a worker as it stands: nothing, where it has. For a world that was just
/// read, by a master that has just started or whose last batch was refused.
pub fn stands(world: &World, worker: WorkerId, presence: Presence, now: Time) -> Vec<Transition> {
    let Some(state) = world.workers.get(&worker) else { return Vec::new() };
    let held = builds_of(world, worker).any(|b| b.build.lease.until.is_none());
    let dated = builds_of(world, worker).any(|b| b.build.lease.until.is_some());
    match presence {
        Presence::Here if !state.worker.connected || dated => connected(world, worker, state.worker.info.clone(), now),
        Presence::Leaving if state.worker.connected => vec![Transition::WorkerDisconnected { worker, at: now }],
        Presence::Away if state.worker.connected || held => disconnected(world, worker, now),
        Presence::Here | Presence::Leaving | Presence::Away => Vec::new(),
    }
}

/// A master has just started: whoever is away has the whole grace time from now on. Nobody could come back before.
pub fn wait_anew(world: &World, now: Time) -> Vec<Transition> {
    let away = world.builds.values().map(|b| &b.build).filter(|b| b.lease.until.is_some());
    let dated = away.map(|build| {
        let until = Some(now + grace_of(world, build.worker));
        Transition::LeaseDated { build: build.id, epoch: build.lease.epoch, until }
    });
    dated.collect()
}

fn grace_of(world: &World, worker: WorkerId) -> Span {
    world.workers.get(&worker).and_then(|w| w.spec.as_ref()).map_or(Span::ZERO, |s| s.lost_after)
}

/// A worker does not know a command that it had begun: its memory of the build is gone, and so is the build.
pub fn forgot(world: &World, build: model::BuildId, now: Time) -> Option<Transition> {
    let running = world.builds.get(&build)?;
    Some(Transition::LeaseDated { build, epoch: running.build.lease.epoch, until: Some(now) })
}

fn builds_of(world: &World, worker: WorkerId) -> impl Iterator<Item = &crate::RunningBuild> {
    world.workers.get(&worker).into_iter().flat_map(|w| &w.builds).filter_map(|id| world.builds.get(id))
}
