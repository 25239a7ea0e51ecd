//! A clock that was set: what is open moves along.

use super::World;
use model::{RequestStatus, Span, StepStatus, Time};

impl World {
    /// As [`model::Transition::ClockSet`] has it.
    pub(super) fn move_along(&mut self, by: Span) {
        let later = |at: &mut Time| *at += by;
        for running in self.builds.values_mut() {
            later(&mut running.build.started_at);
            running.build.lease.until.as_mut().map(later);
            for step in &mut running.steps {
                later(&mut step.started_at);
                if let StepStatus::Complete { at, .. } = &mut step.status {
                    later(at);
                }
            }
        }
        for set in self.sets.values_mut() {
            later(&mut set.set.submitted_at);
        }
        for builder in self.builders.values_mut() {
            let order = std::mem::take(&mut builder.queue.order);
            builder.queue.order = order.into_iter().map(|(rank, id)| (rank + by, id)).collect();
        }
        for request in self.requests.values_mut() {
            later(&mut request.submitted_at);
            if let RequestStatus::Claimed { at, .. } = &mut request.status {
                later(at);
            }
        }
    }

    /// The newest moment that something open speaks of as past. What does not move along with a clock that is set says
    /// nothing of the clock: changes, and when workers came.
    pub(crate) fn newest(&self) -> Option<Time> {
        let steps = self.builds.values().flat_map(|b| &b.steps);
        let steps = steps.map(|s| s.status.complete_at().unwrap_or(s.started_at));
        let builds = self.builds.values().map(|b| b.build.started_at);
        let requests = self.requests.values().map(|r| r.submitted_at);
        let sets = self.sets.values().map(|s| s.set.submitted_at);
        steps.chain(builds).chain(requests).chain(sets).max()
    }
}
