//! A clock that was set: what waits, waits as long as it would have.

use super::scheduler::Watch;
use super::{Record, State};
use model::{SchedulerKind, Span, Time};

/// How much earlier something may happen by a clock that nobody sets: the master lets a second be, twice.
pub(super) const TOLERANCE: Span = Span::seconds(2);

/// How much later: the heart sees within seconds that the time of day was set.
pub(super) const LATE: Span = Span::seconds(10);

/// Set by more than that, a clock shows another calendar.
const DAY: Span = Span::seconds(86_400);

impl Record {
    pub(super) fn clock_set(&mut self, by: Span, now: Time) {
        for id in &self.running {
            if let Some(seen) = self.builds.get_mut(id) {
                seen.until = seen.until.map(|until| until + by);
            }
        }
        for seen in self.requests.values_mut().filter(|r| !matches!(r.state, State::Done(_))) {
            seen.request.submitted_at += by;
        }
        self.schedulers.values_mut().for_each(|watch| watch.clock_set(by, now));
    }
}

impl Watch {
    /// As the manual's chapter about clocks has it.
    pub(super) fn clock_set(&mut self, by: Span, now: Time) {
        let Some(spec) = &self.spec else { return };
        match &spec.kind {
            SchedulerKind::SingleBranch(_) | SchedulerKind::AnyBranch(_) => {
                for lane in self.lanes.values_mut() {
                    lane.last = (lane.last + by).min(now);
                    lane.since = lane.since.map(|at| at + by);
                }
            }
            SchedulerKind::Periodic { .. } => self.counted = self.counted.map(|at| (at + by).min(now)),
            SchedulerKind::Nightly { .. } => {
                let far = by.0.abs() > DAY.0;
                let by = if far { by } else { Span::ZERO };
                let latest = if self.table.as_ref().is_some_and(|t| t.by_number) { now + DAY } else { now };
                if far || self.counted.is_some_and(|at| at > latest) {
                    self.nights.clear();
                }
                self.counted = self.counted.map(|at| (at + by).min(latest));
                for lane in self.lanes.values_mut() {
                    lane.since = lane.since.map(|at| (at + by).min(now));
                }
            }
            _ => {}
        }
    }
}
