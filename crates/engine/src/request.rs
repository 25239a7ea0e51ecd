//! Requests: their order, and taking one out of the queue.

use crate::World;
use model::request::RequestStatus;
use model::{RequestId, Results, Span, Time, Transition};

/// What a point of priority is worth: as much as having waited so much longer.
///
/// A request's rank is therefore a moment, the one of its submission moved back (or forward) by its priority, and the
/// earliest goes first. Everybody ages alike, so the order of two requests never changes while they wait; and whatever
/// comes in later with whatever priority, in the end nothing goes before one that has waited long enough.
pub const PRIORITY_WORTH: Span = Span::seconds(600);

/// The moment by which requests stand in line. Ties go to the lower id.
pub fn rank(priority: i64, submitted_at: Time) -> Time {
    Time(submitted_at.0.saturating_sub(priority.saturating_mul(PRIORITY_WORTH.0)))
}

/// Somebody does not want a request any more. Waiting, it ends as CANCELLED. Running with others that came along, only
/// it ends, and the build goes on for the others; if its source is the one that is built, the build is stopped and the
/// others go back to the queue. Empty: it is not open.
pub fn cancel(world: &World, id: RequestId, reason: &str, now: Time) -> Vec<Transition> {
    let Some(request) = world.requests.get(&id) else { return Vec::new() };
    let asked = Transition::CancelAsked { request: id, reason: reason.to_owned() };
    let ended = Transition::RequestFinished { request: id, at: now, results: Results::Cancelled };
    match request.status {
        RequestStatus::Waiting => vec![asked, ended],
        RequestStatus::Claimed { build, .. } => match world.builds.get(&build) {
            Some(running) if running.build.request != id => vec![asked, ended],
            Some(_) => crate::build::stop(world, build, reason).map_or_else(Vec::new, |stop| vec![asked, stop]),
            None => Vec::new(),
        },
        RequestStatus::Complete { .. } => Vec::new(),
    }
}

/// Builders that say so want only the newest of what changes ask for: older requests for the same branches, waiting or
/// running, are cancelled with a reason that names the newer one.
pub(crate) fn supersede(world: &World, now: Time, todo: &mut Vec<Transition>) {
    for (builder, lane) in &world.crowded {
        let Some(requests) = world.builders.get(builder).and_then(|b| b.queue.lanes.get(lane)) else { continue };
        let Some(newest) = requests.last() else { continue };
        let reason = reason(world, *newest);
        for old in requests.iter().filter(|id| *id != newest) {
            todo.extend(cancel(world, *old, &reason, now));
        }
    }
}

fn reason(world: &World, newest: RequestId) -> String {
    let set = world.requests.get(&newest).and_then(|r| world.sets.get(&r.set));
    let revision = set.and_then(|s| s.set.stamps.iter().find_map(|s| s.revision.as_deref()));
    match revision {
        Some(revision) => format!("superseded by request {newest} for {}", model::change::short_revision(revision)),
        None => format!("superseded by request {newest}"),
    }
}
