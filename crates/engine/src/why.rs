//! Why a request waits: the same facts that the distributor looks at, told instead of acted on.

use crate::distributor::{Slots, takes_builds};
use crate::policy::{self, Refusal};
use crate::{World, eta, lock};
use model::request::RequestStatus;
use model::{RequestId, Time, Why};
use std::collections::BTreeSet;

/// The one true reason why a request waits. `None`: it does not wait.
pub fn of_request(world: &World, id: RequestId, now: Time) -> Option<Why> {
    let request = world.requests.get(&id).filter(|r| r.status == RequestStatus::Waiting)?;
    let builder = world.builders.get(&request.builder)?;
    if builder.spec.is_none() {
        return Some(Why::BuilderGone);
    }
    let chosen = policy::chosen_worker(world, id);
    let all = || builder.workers.iter().filter_map(|w| world.workers.get(w));
    let workers = || all().filter(|w| chosen.is_none_or(|name| w.worker.name == name));
    let names = |list: Vec<&crate::WorkerState>| list.into_iter().map(|w| w.worker.name.clone()).collect();
    let connected: Vec<_> = workers().filter(|w| w.worker.connected).collect();
    if connected.is_empty() {
        return Some(Why::WorkersAway { workers: names(workers().collect()) });
    }
    let able: Vec<_> = connected.iter().copied().filter(|w| takes_builds(w)).collect();
    if able.is_empty() {
        return Some(Why::WorkersPaused { workers: names(connected) });
    }
    let has_room = |w: &crate::WorkerState| w.spec.as_ref().is_some_and(|s| w.builds.len() < s.max_builds as usize);
    if able.iter().any(|w| has_room(w)) {
        return Some(with_room(world, id));
    }
    let free_at = able.iter().filter_map(|w| eta::worker_free(world, w.worker.id, now)).min();
    Some(Why::WorkersBusy {
        builds: able.iter().flat_map(|w| w.builds.iter().copied()).collect(),
        workers: names(able),
        free_at,
        ahead: lock::key(world, id).map_or(0, |key| builder.queue.order.range(..key).count()),
    })
}

/// A worker has room: then a function, a lock or nothing keeps the request.
fn with_room(world: &World, id: RequestId) -> Why {
    let builder = world.requests.get(&id).and_then(|r| world.builders.get(&r.builder));
    let Some(builder) = builder else { return Why::Next };
    let (by_lock, note) = match policy::choose(world, builder, &Slots::free(world), &BTreeSet::new()) {
        Ok(choice) => {
            let own = lock::of_request(world, id);
            // A function may have chosen another one, and that one's place in line is what counts.
            let by_lock = if own.is_empty() { lock::of_request(world, choice.request) } else { own };
            (by_lock, choice.note)
        }
        Err(Refusal::By(by)) => return Why::Declined { by: by.to_owned() },
        Err(Refusal::Nothing) => return Why::Next,
    };
    let then = if by_lock.is_empty() { Why::Next } else { Why::Locks { waits: by_lock } };
    match note.as_deref().and_then(|note| note.split_once(" failed and is passed over: ")) {
        Some((by, message)) => {
            Why::FunctionFailed { by: by.to_owned(), message: message.to_owned(), then: Box::new(then) }
        }
        None => then,
    }
}
