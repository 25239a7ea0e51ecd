//! Requests: taking one out of the queue.

use crate::World;
use model::request::RequestStatus;
use model::{RequestId, Results, Time, Transition};

/// Somebody does not want a request any more: waiting, it ends as CANCELLED; running, its build is stopped.
/// Empty: it is not open.
pub fn cancel(world: &World, id: RequestId, reason: &str, now: Time) -> Vec<Transition> {
    match world.requests.get(&id).map(|r| r.status) {
        Some(RequestStatus::Waiting) => {
            vec![Transition::RequestFinished { request: id, at: now, results: Results::Cancelled }]
        }
        Some(RequestStatus::Claimed { build, .. }) => crate::build::stop(world, build, reason).into_iter().collect(),
        _ => Vec::new(),
    }
}
