//! Why a request waits: the same facts that the distributor looks at, told instead of acted on.

use crate::distributor::takes_builds;
use crate::{World, eta};
use model::request::RequestStatus;
use model::{RequestId, Time, Why};
use std::cmp::Reverse;

/// The one true reason why a request waits. `None`: it does not wait.
pub fn of_request(world: &World, id: RequestId, now: Time) -> Option<Why> {
    let request = world.requests.get(&id).filter(|r| r.status == RequestStatus::Waiting)?;
    let builder = world.builders.get(&request.builder)?;
    if builder.spec.is_none() {
        return Some(Why::BuilderGone);
    }
    let workers = || builder.workers.iter().filter_map(|w| world.workers.get(w));
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
        return Some(Why::Next);
    }
    let key = (Reverse(request.priority), request.submitted_at, request.id);
    let free_at = able.iter().filter_map(|w| eta::worker_free(world, w.worker.id, now)).min();
    Some(Why::WorkersBusy {
        builds: able.iter().flat_map(|w| w.builds.iter().copied()).collect(),
        workers: names(able),
        free_at,
        ahead: builder.queue.range(..key).count(),
    })
}
