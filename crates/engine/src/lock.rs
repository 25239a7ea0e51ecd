//! Locks: who holds them, who waits, and whose turn it is.
//!
//! Nothing here is stored. A running build holds the locks of its builder, a running step its own; both follow from the
//! world, so no lock can leak and a restart needs nothing. All locks of one owner are taken at once or none of them.
//!
//! One line of waiting serves builds and steps, in the order of a moment and then of the id: for a step the end of the
//! step before it, for a request its rank (see [`crate::request::rank`]). A request stands in the line only while a
//! worker is free for it, at most one of each builder. Who comes later may go first only if that leaves room for
//! everybody before it, on every lock: so a small one passes an exclusive one that could not have begun anyway, and
//! never delays it. Whoever needs a lock of a build that itself waits, for a lock or for what it has triggered, keeps no
//! place on others meanwhile: that build may need just those to come to its end.
//!
//! What a build holds itself counts as held by its steps. A lock that is not configured any more hinders nobody, and a
//! wish for more places than the lock has is a wish for all of them.

mod view;

pub use view::{of_request, views};

use crate::distributor::Slots;
use crate::world::QueueKey;
use crate::{RunningBuild, World, build, policy};
use model::{BuildId, BuilderId, LockAccess, LockScope, LockSpec, LockUse, RequestId, StepSpec, Time, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

/// A lock, on one worker for a worker lock.
pub(crate) type Spot<'w> = (&'w str, Option<WorkerId>);

/// A lock and how somebody holds it, or would.
pub(crate) type Wish<'w> = (Spot<'w>, LockAccess);

/// What is taken of each lock.
pub(crate) struct Table<'w> {
    world: &'w World,
    specs: BTreeMap<&'w str, &'w LockSpec>,
    used: BTreeMap<Spot<'w>, Used>,
    /// Locks of builds that themselves wait.
    stalled: BTreeSet<Spot<'w>>,
}

/// How much of a lock is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    counted: u64,
    alone: u64,
}

/// Somebody who would begin now if the locks were free.
#[derive(Clone, Debug)]
pub(crate) struct Waiter<'w> {
    pub(crate) who: Who,
    /// The moment that orders the line.
    pub(crate) since: Time,
    /// What is needed, in each place where it could begin.
    pub(crate) wishes: Vec<Vec<Wish<'w>>>,
}

/// Who waits. The order is that of the line for the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// The next step of a build.
    Step(BuildId),
    /// A request of a builder.
    Request(RequestId, BuilderId),
}

/// A step that would begin now, and the locks that it needs.
#[derive(Clone, Copy)]
pub(crate) struct NextStep<'w> {
    pub(crate) running: &'w RunningBuild,
    pub(crate) spec: &'w StepSpec,
}

impl<'w> Table<'w> {
    /// What running builds and steps hold.
    pub(crate) fn of(world: &'w World) -> Self {
        let specs = world.config.locks.iter().map(|l| (l.name.as_str(), l)).collect();
        let mut table = Table { world, specs, used: BTreeMap::new(), stalled: BTreeSet::new() };
        if !table.specs.is_empty() {
            for running in world.builds.values() {
                let stalled = table.waits_itself(running);
                for (_, (spot, access)) in table.held_by(running) {
                    table.add(spot, access);
                    if stalled {
                        table.stalled.insert(spot);
                    }
                }
            }
        }
        table
    }

    /// No command of the build runs, and it needs others before one does.
    fn waits_itself(&self, running: &'w RunningBuild) -> bool {
        if running.current().is_some() {
            return running.commanded().is_none();
        }
        let next = build::next_step(running).map(|(_, spec)| NextStep { running, spec });
        next.is_some_and(|next| !self.step_wishes(next).is_empty())
    }

    /// What a build and its running step hold; true for what is the step's.
    pub(crate) fn held_by(&self, running: &'w RunningBuild) -> Vec<(bool, Wish<'w>)> {
        let worker = running.build.worker;
        let whole = running.locks.iter().filter_map(|l| self.wish(l, worker)).map(|w| (false, w));
        let spec = running.current().and_then(|s| usize::try_from(s.number).ok()).and_then(|n| running.plan.get(n));
        let own = spec.map(|spec| self.step_wishes(NextStep { running, spec })).unwrap_or_default();
        whole.chain(own.into_iter().map(|w| (true, w))).collect()
    }

    /// What a step needs beyond what its build holds.
    pub(crate) fn step_wishes(&self, next: NextStep<'w>) -> Vec<Wish<'w>> {
        let NextStep { running, spec } = next;
        let held = |lock: &LockUse| running.locks.iter().any(|l| l.lock == lock.lock);
        spec.locks.iter().filter(|l| !held(l)).filter_map(|l| self.wish(l, running.build.worker)).collect()
    }

    /// What a build needs on a worker.
    pub(crate) fn build_wishes(&self, locks: &'w [LockUse], worker: WorkerId) -> Vec<Wish<'w>> {
        locks.iter().filter_map(|l| self.wish(l, worker)).collect()
    }

    fn wish(&self, lock: &'w LockUse, worker: WorkerId) -> Option<Wish<'w>> {
        let spec = self.specs.get(lock.lock.as_str())?;
        let on = match spec.scope {
            LockScope::Master => None,
            LockScope::Worker => Some(worker),
        };
        Some(((spec.name.as_str(), on), lock.access))
    }

    /// How many counting places there are.
    pub(crate) fn room(&self, spot: Spot<'w>) -> u64 {
        let name = spot.1.and_then(|w| self.world.workers.get(&w)).map_or("", |w| w.worker.name.as_str());
        self.specs.get(spot.0).map_or(1, |spec| u64::from(spec.room(name).max(1)))
    }

    fn add(&mut self, spot: Spot<'w>, access: LockAccess) {
        let room = self.room(spot);
        let used = self.used.entry(spot).or_default();
        match access {
            LockAccess::Exclusive => used.alone += 1,
            LockAccess::Counting(n) => used.counted += u64::from(n.max(1)).min(room),
        }
    }

    /// Whether all of it is free.
    pub(crate) fn is_free(&self, wishes: &[Wish<'w>]) -> bool {
        wishes.iter().all(|wish| self.has_room(*wish))
    }

    pub(crate) fn has_room(&self, (spot, access): Wish<'w>) -> bool {
        let used = self.used.get(&spot).copied().unwrap_or_default();
        let room = self.room(spot);
        match access {
            LockAccess::Exclusive => used.alone == 0 && used.counted == 0,
            LockAccess::Counting(n) => used.alone == 0 && used.counted + u64::from(n.max(1)).min(room) <= room,
        }
    }

    /// From here on this much is spoken for.
    pub(crate) fn reserve(&mut self, wishes: &[Wish<'w>]) {
        for (spot, access) in wishes {
            self.add(*spot, *access);
        }
    }

    /// The turn of one who waits: where it begins, or `None`, and then nobody behind may take what it needs, unless it
    /// waits for a build that itself waits.
    pub(crate) fn turn(&mut self, waiter: &Waiter<'w>) -> Option<usize> {
        let place = waiter.wishes.iter().position(|wishes| self.is_free(wishes));
        match place {
            Some(at) => self.reserve(&waiter.wishes[at]),
            None => {
                for wishes in &waiter.wishes {
                    if wishes.iter().all(|wish| self.has_room(*wish) || !self.stalled.contains(&wish.0)) {
                        self.reserve(wishes);
                    }
                }
            }
        }
        place
    }
}

/// Whose turn it is, and what is told to the others.
#[derive(Default)]
pub(crate) struct Turns {
    /// Builds whose next step may begin now.
    pub(crate) granted: BTreeSet<BuildId>,
    /// What the next steps of the other builds wait for, in words.
    pub(crate) told: BTreeMap<BuildId, String>,
}

/// Goes through the line of those who would begin now: the steps that are given, and requests.
pub(crate) fn turns(world: &World, steps: &[NextStep<'_>]) -> Turns {
    let needs = |next: &NextStep<'_>| !next.spec.locks.is_empty();
    if world.config.locks.is_empty() || !steps.iter().any(needs) {
        return Turns { granted: steps.iter().map(|s| s.running.build.id).collect(), ..Turns::default() };
    }
    let mut table = Table::of(world);
    let mut waiting = step_waiters(&table, steps);
    waiting.extend(request_waiters(&table, world));
    waiting.sort_by_key(|w| (w.since, w.who));
    let mut turns = Turns::default();
    let mut telling = view::Telling::of(&table, world);
    for waiter in &waiting {
        let words = telling.words(&table, waiter);
        let place = table.turn(waiter);
        telling.pass(waiter, place);
        match (waiter.who, place) {
            (Who::Step(build), Some(_)) => {
                turns.granted.insert(build);
            }
            (Who::Step(build), None) => {
                turns.told.insert(build, words);
            }
            (Who::Request(..), _) => {}
        }
    }
    turns
}

/// Steps that would begin now; those that need nothing are among them.
pub(crate) fn step_waiters<'w>(table: &Table<'w>, steps: &[NextStep<'w>]) -> Vec<Waiter<'w>> {
    let waiter = |next: &NextStep<'w>| Waiter {
        who: Who::Step(next.running.build.id),
        since: waits_since(next.running),
        wishes: vec![table.step_wishes(*next)],
    };
    steps.iter().map(waiter).collect()
}

/// Since when a build's next step waits: the end of the one before it.
pub(crate) fn waits_since(running: &RunningBuild) -> Time {
    running.steps.last().and_then(|s| s.status.complete_at()).unwrap_or(running.build.started_at)
}

/// All steps that wait for locks, as the world stands.
pub(crate) fn waiting_steps<'w>(table: &Table<'w>, world: &'w World) -> Vec<Waiter<'w>> {
    let mut waiting = match table.specs.is_empty() {
        true => Vec::new(),
        false => step_waiters(table, &build::next_steps(world)),
    };
    waiting.retain(|w| w.wishes.iter().any(|wishes| !wishes.is_empty()));
    waiting.sort_by_key(|w| (w.since, w.who));
    waiting
}

/// The next request of each builder that needs locks and has a free worker.
pub(crate) fn request_waiters<'w>(table: &Table<'w>, world: &'w World) -> Vec<Waiter<'w>> {
    let slots = Slots::free(world);
    let mut waiting = Vec::new();
    for id in &world.queued {
        let Some(builder) = world.builders.get(id) else { continue };
        let Some(spec) = builder.spec.as_deref().filter(|s| !s.locks.is_empty()) else { continue };
        let Ok(choice) = policy::choose(world, builder, &slots, &BTreeSet::new()) else { continue };
        let Some((since, request)) = key(world, choice.request) else { continue };
        let wishes = choice.workers.iter().map(|w| table.build_wishes(&spec.locks, *w)).collect();
        waiting.push(Waiter { who: Who::Request(request, *id), since, wishes });
    }
    waiting
}

/// Where a waiting request stands in line.
pub(crate) fn key(world: &World, id: RequestId) -> Option<QueueKey> {
    world.requests.get(&id).map(|r| (crate::request::rank(r.priority, r.submitted_at), r.id))
}
