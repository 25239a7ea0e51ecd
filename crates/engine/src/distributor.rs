//! The distributor: which waiting request goes to which free worker.
//!
//! The rule: among the builders that have a free worker, the request with the earliest rank goes first: the moment of
//! its submission, ten minutes earlier for each point of priority (see [`crate::request::rank`]), then the lowest id.
//! It goes to the worker of its builder that runs the fewest builds for its size, ties by the order in which the
//! builder names them. A builder's functions may choose otherwise (see `policy.rs`), the locks of the builder must be
//! free (see [`crate::lock`]), and waiting requests for the same source come along (see `merge.rs`).

use crate::lock::{self, Table, Waiter};
use crate::policy::{self, Choice};
use crate::world::{BuilderState, QueueKey, WorkerState};
use crate::{World, build, merge};
use model::property::property;
use model::{
    Build, BuildId, BuildStatus, BuilderId, Lease, NextIds, Properties, RequestId, Time, Transition, WorkerId,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Leases waiting requests to free workers until either runs out.
pub(crate) fn distribute(world: &World, now: Time, todo: &mut Vec<Transition>) {
    if world.queued.is_empty() {
        return;
    }
    let slots = Slots::free(world);
    if slots.free.is_empty() {
        return;
    }
    let mut round = Round::new(world, slots, now);
    let mut heads: BinaryHeap<Reverse<(QueueKey, BuilderId)>> = BinaryHeap::new();
    for id in &world.queued {
        heads.extend(round.head(*id).map(Reverse));
    }
    while let Some(Reverse((_, id))) = heads.pop() {
        let Some((key, choice)) = round.choice(id) else { continue };
        // What another lease took may have changed the choice: then it stands elsewhere in line.
        if heads.peek().is_some_and(|Reverse(first)| *first < (key, id)) {
            heads.push(Reverse((key, id)));
            continue;
        }
        if round.lease(id, key, choice, todo) {
            heads.extend(round.head(id).map(Reverse));
        }
        if round.slots.free.is_empty() {
            return;
        }
    }
}

/// One look at everything that waits.
struct Round<'w> {
    world: &'w World,
    now: Time,
    slots: Slots,
    next: NextIds,
    numbers: BTreeMap<BuilderId, i64>,
    taken: BTreeSet<RequestId>,
    /// The directories that this look has given away.
    places: BTreeSet<(WorkerId, String)>,
    locks: Table<'w>,
    /// Steps that wait for locks and have not been passed in the line, the next one last.
    steps: Vec<Waiter<'w>>,
}

impl<'w> Round<'w> {
    fn new(world: &'w World, slots: Slots, now: Time) -> Self {
        let locks = Table::of(world);
        let mut steps = lock::waiting_steps(&locks, world);
        steps.reverse();
        let (next, numbers, taken) = (world.next.clone(), BTreeMap::new(), BTreeSet::new());
        Round { world, now, slots, next, numbers, taken, places: BTreeSet::new(), locks, steps }
    }

    /// Where a builder stands in line now; `None`: it has nothing that could go.
    fn head(&self, id: BuilderId) -> Option<(QueueKey, BuilderId)> {
        self.choice(id).map(|(key, _)| (key, id))
    }

    fn choice(&self, id: BuilderId) -> Option<(QueueKey, Choice)> {
        let builder = self.world.builders.get(&id)?;
        let choice = policy::choose(self.world, builder, &self.slots, &self.taken).ok()?;
        Some((lock::key(self.world, choice.request)?, choice))
    }

    /// Leases a request if its locks are free. False: it waits for them, and so does its builder.
    fn lease(&mut self, id: BuilderId, key: QueueKey, choice: Choice, todo: &mut Vec<Transition>) -> bool {
        let world = self.world;
        let Some(builder) = world.builders.get(&id) else { return false };
        while let Some(step) = self.steps.pop_if(|s| s.since <= key.0) {
            self.locks.turn(&step);
        }
        let locks = builder.spec.as_deref().map_or(&[][..], |s| &s.locks);
        let wishes = choice.workers.iter().map(|w| self.locks.build_wishes(locks, *w)).collect();
        let waiter = Waiter { who: lock::Who::Request(choice.request, id), since: key.0, wishes };
        let Some(at) = self.locks.turn(&waiter) else { return false };
        let worker = choice.workers[at];
        let group = merge::group(world, builder, choice.request, &self.taken);
        self.slots.take(worker);
        self.taken.extend(group.also.iter().copied().chain([group.primary]));
        let number = self.numbers.entry(id).or_insert(builder.builder.next_number);
        let note = choice.note.or(group.note);
        let mut build = start(world, builder, (group.primary, worker, *number, note), &mut self.next, self.now);
        *number += 1;
        let place = place(world, builder, worker, &self.places);
        build.properties.extend([property("builddir", place.as_str(), "Worker")]);
        self.places.insert((worker, place));
        build::begin(world, builder, build, group.also, self.now, todo);
        true
    }
}

/// Whether a worker may be given builds at all.
pub(crate) fn takes_builds(state: &WorkerState) -> bool {
    state.spec.is_some() && state.worker.connected && state.worker.paused.is_none()
}

/// How many more builds each worker may be given; workers without room are left out.
pub(crate) struct Slots {
    free: BTreeMap<WorkerId, u32>,
}

impl Slots {
    /// As the world stands.
    pub(crate) fn free(world: &World) -> Self {
        let workers = world.workers.iter().filter(|(_, state)| takes_builds(state));
        let free = workers.filter_map(|(id, state)| {
            let most = state.spec.as_ref().map_or(0, |s| s.max_builds);
            let used = u32::try_from(state.builds.len()).unwrap_or(u32::MAX);
            most.checked_sub(used).filter(|n| *n > 0).map(|n| (*id, n))
        });
        Slots { free: free.collect() }
    }

    fn take(&mut self, worker: WorkerId) {
        if let Some(n) = self.free.get_mut(&worker) {
            *n -= 1;
            if *n == 0 {
                self.free.remove(&worker);
            }
        }
    }

    /// A builder's free workers, the least loaded first, compared by used parts of their size.
    pub(crate) fn of(&self, world: &World, builder: &BuilderState) -> Vec<WorkerId> {
        if builder.spec.is_none() {
            return Vec::new();
        }
        let load = |id: &WorkerId| {
            let most = u64::from(world.workers.get(id).and_then(|w| w.spec.as_ref()).map_or(1, |s| s.max_builds));
            let used = most - u64::from(*self.free.get(id).unwrap_or(&0)).min(most);
            used * 1_000_000 / most.max(1)
        };
        let mut free: Vec<WorkerId> = builder.workers.iter().filter(|id| self.free.contains_key(id)).copied().collect();
        free.sort_by_key(load);
        free
    }
}

fn start(
    world: &World,
    builder: &BuilderState,
    (request, worker, number, note): (RequestId, WorkerId, i64, Option<String>),
    next: &mut NextIds,
    now: Time,
) -> Build {
    Build {
        id: BuildId::take(&mut next.build),
        number,
        builder: builder.builder.id,
        request,
        worker,
        lease: Lease { epoch: 1, until: None },
        started_at: now,
        state: note.map_or_else(|| "starting".to_owned(), |note| format!("starting; its {note}")),
        properties: properties(world, builder, request, worker, number),
        status: BuildStatus::Running,
    }
}

/// Where a build works: the directory of its builder, or, while another of its builds is at work there on this worker,
/// one beside it: `linux`, `linux~2`, `linux~3`. Two builds never share a tree.
fn place(world: &World, builder: &BuilderState, worker: WorkerId, given: &BTreeSet<(WorkerId, String)>) -> String {
    let own = builder.spec.as_ref().map_or("", |s| s.builddir.as_str());
    let running = world.workers.get(&worker).into_iter().flat_map(|w| &w.builds);
    let used: BTreeSet<&str> = running
        .filter_map(|id| world.builds.get(id)?.build.properties.get("builddir")?.value.as_text())
        .chain(given.iter().filter(|(at, _)| *at == worker).map(|(_, dir)| dir.as_str()))
        .collect();
    let of_another = |dir: &str| world.builders.values().any(|b| b.spec.as_ref().is_some_and(|s| s.builddir == dir));
    let mut place = own.to_owned();
    let mut n = 1;
    while used.contains(place.as_str()) || n > 1 && of_another(&place) {
        n += 1;
        place = format!("{own}~{n}");
    }
    place
}

/// Defaults of the builder, above them what the set says, then the builder's own, and above all the standard properties
/// of the manual.
fn properties(world: &World, builder: &BuilderState, request: RequestId, worker: WorkerId, number: i64) -> Properties {
    let mut all = builder.spec.as_ref().map(|s| s.default_properties.clone()).unwrap_or_default();
    let set = world.requests.get(&request).and_then(|r| world.sets.get(&r.set));
    if let Some(open) = set {
        all.extend(open.set.properties.clone());
    }
    all.extend(builder.spec.as_ref().map(|s| s.properties.clone()).unwrap_or_default());
    if let Some(stamp) = set.and_then(|open| open.set.stamps.first()) {
        all.extend([
            property("branch", stamp.branch.clone(), "Build"),
            property("revision", stamp.revision.clone(), "Build"),
            property("repository", stamp.repository.as_str(), "Build"),
            property("project", stamp.project.as_str(), "Build"),
            property("codebase", stamp.codebase.as_str(), "Build"),
        ]);
    }
    let worker_name = world.workers.get(&worker).map_or("", |w| w.worker.name.as_str());
    all.extend([
        property("buildername", builder.builder.name.as_str(), "Builder"),
        property("buildnumber", number, "Build"),
        property("workername", worker_name, "Worker"),
    ]);
    all
}
