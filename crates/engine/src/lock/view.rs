//! Locks as people see them: holders, the line of those who wait, and what one of them waits for.

use super::{Spot, Table, Waiter, Who, Wish, request_waiters, waiting_steps};
use crate::{RunningBuild, World, distributor, policy};
use model::{LockOwner, LockPlace, LockScope, LockUse, LockView, LockWait, RequestId, Time, WorkerId};
use std::collections::BTreeMap;

/// Every configured lock as it stands, worker locks once for each worker where somebody holds it or waits for it, in
/// the order of the configuration.
pub fn views(world: &World) -> Vec<LockView> {
    let table = Table::of(world);
    let mut found: BTreeMap<(usize, Option<WorkerId>), LockView> = BTreeMap::new();
    let place_of = |name: &str| world.config.locks.iter().position(|l| l.name == name);
    let empty = |(n, on): (usize, Option<WorkerId>)| {
        let spec = &world.config.locks[n];
        let worker = on.and_then(|w| world.workers.get(&w)).map(|w| w.worker.name.clone());
        let room = spec.room(worker.as_deref().unwrap_or_default());
        LockView { lock: spec.name.clone(), worker, room, holders: Vec::new(), waiting: Vec::new() }
    };
    for (n, _) in world.config.locks.iter().enumerate().filter(|(_, l)| l.scope == LockScope::Master) {
        found.insert((n, None), empty((n, None)));
    }
    for running in world.builds.values() {
        for (step, (spot, access)) in table.held_by(running) {
            let since = running.current().filter(|_| step).map_or(running.build.started_at, |s| s.started_at);
            let Some(n) = place_of(spot.0) else { continue };
            let view = found.entry((n, spot.1)).or_insert_with(|| empty((n, spot.1)));
            view.holders.push(LockPlace { owner: build_owner(world, running, step), access, since });
        }
    }
    for waiter in line(&table, world) {
        for (spot, access) in waiter.wishes.iter().flatten() {
            let Some(n) = place_of(spot.0) else { continue };
            let view = found.entry((n, spot.1)).or_insert_with(|| empty((n, spot.1)));
            let owner = owner(world, waiter.who);
            view.waiting.push(LockPlace { owner, access: *access, since: waiter.since });
        }
    }
    let mut views: Vec<LockView> = found.into_values().collect();
    views.iter_mut().for_each(|v| v.holders.sort_by_key(|h| h.since));
    views
}

/// Everybody who waits for a lock, the next first.
fn line<'w>(table: &Table<'w>, world: &'w World) -> Vec<Waiter<'w>> {
    let mut all = waiting_steps(table, world);
    all.extend(request_waiters(table, world));
    all.sort_by_key(|w| (w.since, w.who));
    let mut taken = Table::of(world);
    all.retain(|w| taken.turn(w).is_none());
    all
}

/// So many at the head of the line are told who holds what they wait for. Those behind are not: else every end of a
/// step would change what all of them say.
const MOST_TOLD: usize = 8;

/// What those who wait are told, as the line is gone through.
pub(super) struct Telling<'w> {
    world: &'w World,
    holders: BTreeMap<Spot<'w>, Vec<LockOwner>>,
    ahead: BTreeMap<Spot<'w>, Vec<LockOwner>>,
    passed: usize,
}

impl<'w> Telling<'w> {
    pub(super) fn of(table: &Table<'w>, world: &'w World) -> Self {
        let mut holders: BTreeMap<Spot<'w>, Vec<LockOwner>> = BTreeMap::new();
        for running in world.builds.values() {
            for (step, (spot, _)) in table.held_by(running) {
                holders.entry(spot).or_default().push(build_owner(world, running, step));
            }
        }
        Self { world, holders, ahead: BTreeMap::new(), passed: 0 }
    }

    /// What one who cannot begin waits for. Ask before its turn.
    pub(super) fn words(&self, table: &Table<'w>, waiter: &Waiter<'w>) -> String {
        let lacking = waiter.wishes.iter().flatten().filter(|wish| !table.has_room(**wish));
        let wait = |wish: &Wish<'w>| {
            let spot = wish.0;
            let of = |owners: &BTreeMap<Spot<'w>, Vec<LockOwner>>| match self.passed < MOST_TOLD {
                true => owners.get(&spot).cloned().unwrap_or_default(),
                false => Vec::new(),
            };
            let worker = spot.1.and_then(|w| self.world.workers.get(&w)).map(|w| w.worker.name.clone());
            LockWait { lock: spot.0.to_owned(), worker, holders: of(&self.holders), ahead: of(&self.ahead) }.words()
        };
        lacking.map(wait).collect::<Vec<_>>().join("; and for ")
    }

    /// One has had its turn: it holds its locks, or stands before those who come now.
    pub(super) fn pass(&mut self, waiter: &Waiter<'w>, place: Option<usize>) {
        if place.is_none() {
            self.passed += 1;
        }
        if self.passed > MOST_TOLD {
            return;
        }
        let (wishes, owners) = match place {
            Some(at) => (&waiter.wishes[at..=at], &mut self.holders),
            None => (&waiter.wishes[..], &mut self.ahead),
        };
        for (spot, _) in wishes.iter().flatten() {
            owners.entry(*spot).or_default().push(owner(self.world, waiter.who));
        }
    }
}

/// The locks that a request's builder needs and that it cannot have on any worker that is free for it; empty: none.
/// Told are those of the worker that it would rather have.
pub fn of_request(world: &World, id: RequestId) -> Vec<LockWait> {
    let Some((since, _)) = super::key(world, id) else { return Vec::new() };
    let Some(builder) = world.requests.get(&id).and_then(|r| world.builders.get(&r.builder)) else { return Vec::new() };
    let locks: &[LockUse] = builder.spec.as_deref().map_or(&[], |s| s.locks.as_slice());
    if locks.is_empty() || world.config.locks.is_empty() {
        return Vec::new();
    }
    let slots = distributor::Slots::free(world);
    let workers = match policy::choose(world, builder, &slots, &Default::default()) {
        Ok(choice) => choice.workers,
        Err(_) => return Vec::new(),
    };
    let table = Table::of(world);
    let me = (since, Who::Request(id, builder.builder.id));
    let each = workers.iter().map(|w| waits(world, &table.build_wishes(locks, *w), me));
    let mut each: Vec<Vec<LockWait>> = each.collect();
    match each.iter().any(Vec::is_empty) || each.is_empty() {
        true => Vec::new(),
        false => each.swap_remove(0),
    }
}

/// The wishes that cannot be had by one who stands in the line at `me`.
fn waits<'w>(world: &'w World, wishes: &[Wish<'w>], me: (Time, Who)) -> Vec<LockWait> {
    let mut table = Table::of(world);
    let line = line(&table, world);
    let before: Vec<&Waiter<'_>> = line.iter().filter(|w| (w.since, w.who) < me).collect();
    for waiter in &before {
        table.turn(waiter);
    }
    let mut found = Vec::new();
    for (spot, access) in wishes {
        let spot = *spot;
        if table.has_room((spot, *access)) {
            continue;
        }
        let wants = |w: &&&Waiter<'_>| w.wishes.iter().flatten().any(|wish| wish.0 == spot);
        let holds = |b: &&RunningBuild| table.held_by(b).iter().any(|(_, wish)| wish.0 == spot);
        let held_as_step = |b: &RunningBuild| table.held_by(b).iter().all(|(step, wish)| wish.0 != spot || *step);
        found.push(LockWait {
            lock: spot.0.to_owned(),
            worker: spot.1.and_then(|w| world.workers.get(&w)).map(|w| w.worker.name.clone()),
            holders: world.builds.values().filter(holds).map(|b| build_owner(world, b, held_as_step(b))).collect(),
            ahead: before.iter().filter(wants).map(|w| owner(world, w.who)).collect(),
        });
    }
    found
}

fn owner(world: &World, who: Who) -> LockOwner {
    match who {
        Who::Request(request, builder) => {
            let builder = world.builders.get(&builder).map(|b| b.builder.name.clone()).unwrap_or_default();
            LockOwner::Request { request, builder }
        }
        Who::Step(build) => match world.builds.get(&build) {
            Some(running) => {
                let next = crate::build::next_step(running).map(|(_, spec)| spec.name.clone());
                named(world, running, next)
            }
            None => LockOwner::Build { build, builder: String::new(), number: 0, step: None },
        },
    }
}

fn build_owner(world: &World, running: &RunningBuild, as_step: bool) -> LockOwner {
    named(world, running, running.current().filter(|_| as_step).map(|s| s.name.clone()))
}

fn named(world: &World, running: &RunningBuild, step: Option<String>) -> LockOwner {
    let builder = world.builders.get(&running.build.builder).map(|b| b.builder.name.clone()).unwrap_or_default();
    LockOwner::Build { build: running.build.id, builder, number: running.build.number, step }
}
