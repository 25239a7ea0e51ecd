//! The distributor: which waiting request goes to which free worker.
//!
//! The rule: among the builders that have a free worker, the request with the highest priority goes first, then the
//! oldest, then the one with the lowest id. It goes to the worker of its builder that runs the fewest builds for its
//! size, ties by the order in which the builder names them.

use crate::World;
use crate::world::{BuilderState, QueueKey, WorkerState};
use model::property::property;
use model::{
    Build, BuildId, BuildStatus, BuilderId, Lease, NextIds, Properties, RequestId, Time, Transition, WorkerId,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Leases waiting requests to free workers until either runs out.
pub(crate) fn distribute(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut free = free_slots(world);
    if free.is_empty() {
        return;
    }
    let mut next = world.next.clone();
    let mut numbers: BTreeMap<BuilderId, i64> = BTreeMap::new();
    let mut heads: BinaryHeap<Reverse<(QueueKey, BuilderId)>> = BinaryHeap::new();
    let mut queues = BTreeMap::new();
    for (id, state) in &world.builders {
        if state.spec.is_some() && !state.queue.is_empty() && state.workers.iter().any(|w| free.contains_key(w)) {
            let mut queue = state.queue.iter().copied();
            if let Some(key) = queue.next() {
                heads.push(Reverse((key, *id)));
                queues.insert(*id, queue);
            }
        }
    }
    while let Some(Reverse(((_, _, request), builder))) = heads.pop() {
        let Some(state) = world.builders.get(&builder) else { continue };
        let Some(worker) = choose_worker(world, state, &free) else { continue };
        take_slot(&mut free, worker);
        let number = numbers.entry(builder).or_insert(state.builder.next_number);
        todo.push(lease(world, state, request, (worker, *number), &mut next, now));
        *number += 1;
        if let Some(key) = queues.get_mut(&builder).and_then(Iterator::next) {
            heads.push(Reverse((key, builder)));
        }
        if free.is_empty() {
            return;
        }
    }
}

/// Whether a worker may be given builds at all.
pub(crate) fn takes_builds(state: &WorkerState) -> bool {
    state.spec.is_some() && state.worker.connected && state.worker.paused.is_none()
}

/// How many more builds each worker may be given; workers without room are left out.
fn free_slots(world: &World) -> BTreeMap<WorkerId, u32> {
    let workers = world.workers.iter().filter(|(_, state)| takes_builds(state));
    workers
        .filter_map(|(id, state)| {
            let most = state.spec.as_ref().map_or(0, |s| s.max_builds);
            let used = u32::try_from(state.builds.len()).unwrap_or(u32::MAX);
            most.checked_sub(used).filter(|n| *n > 0).map(|n| (*id, n))
        })
        .collect()
}

fn take_slot(free: &mut BTreeMap<WorkerId, u32>, worker: WorkerId) {
    if let Some(n) = free.get_mut(&worker) {
        *n -= 1;
        if *n == 0 {
            free.remove(&worker);
        }
    }
}

/// The least loaded of the builder's free workers, compared by used parts of their size.
fn choose_worker(world: &World, builder: &BuilderState, free: &BTreeMap<WorkerId, u32>) -> Option<WorkerId> {
    let load = |id: &WorkerId| {
        let most = u64::from(world.workers.get(id).and_then(|w| w.spec.as_ref()).map_or(1, |s| s.max_builds));
        let used = most - u64::from(*free.get(id).unwrap_or(&0)).min(most);
        used * 1_000_000 / most.max(1)
    };
    builder.workers.iter().filter(|id| free.contains_key(id)).min_by_key(|id| load(id)).copied()
}

fn lease(
    world: &World,
    builder: &BuilderState,
    request: RequestId,
    (worker, number): (WorkerId, i64),
    next: &mut NextIds,
    now: Time,
) -> Transition {
    let id = BuildId::take(&mut next.build);
    let build = Build {
        id,
        number,
        builder: builder.builder.id,
        request,
        worker,
        lease: Lease { epoch: 1, until: None },
        started_at: now,
        state: "starting".to_owned(),
        properties: properties(world, builder, request, worker, number),
        status: BuildStatus::Running,
    };
    Transition::BuildLeased { build, also: Vec::new(), plan: builder.plan.clone() }
}

/// The standard properties of the manual, above those of the builder, below those of the set.
fn properties(world: &World, builder: &BuilderState, request: RequestId, worker: WorkerId, number: i64) -> Properties {
    let mut all = builder.spec.as_ref().map(|s| s.properties.clone()).unwrap_or_default();
    let set = world.requests.get(&request).and_then(|r| world.sets.get(&r.set));
    if let Some(open) = set {
        all.extend(open.set.properties.clone());
        if let Some(stamp) = open.set.stamps.first() {
            all.extend([
                property("branch", stamp.branch.clone(), "Build"),
                property("revision", stamp.revision.clone(), "Build"),
                property("repository", stamp.repository.as_str(), "Build"),
                property("project", stamp.project.as_str(), "Build"),
                property("codebase", stamp.codebase.as_str(), "Build"),
            ]);
        }
    }
    let worker_name = world.workers.get(&worker).map_or("", |w| w.worker.name.as_str());
    let builddir = builder.spec.as_ref().map_or("", |s| s.builddir.as_str());
    all.extend([
        property("buildername", builder.builder.name.as_str(), "Builder"),
        property("buildnumber", number, "Build"),
        property("workername", worker_name, "Worker"),
        property("builddir", builddir, "Worker"),
    ]);
    all
}
