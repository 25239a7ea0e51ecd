//! The end of a seed: nothing breaks any more, and everything that was begun comes to its end.

use super::{Event, Simulation};
use crate::config;
use crate::master::Input;
use crate::violation::{Violation, broken};
use model::{SchedulerKind, Span};
use std::sync::Arc;

impl Simulation {
    /// Faults stop, everybody comes back, and nothing is begun by itself any more.
    pub(super) fn calm_down(&mut self) {
        if self.master.is_none() {
            self.at(Span::seconds(30), Event::Act);
            return;
        }
        self.trace.tell(format_args!("everything calms down"));
        self.calm = true;
        self.die = None;
        let workers: Vec<_> = self.record.workers.keys().copied().collect();
        for worker in workers {
            self.tell(Input::Pause(worker, false));
        }
        let by_time =
            |kind: &SchedulerKind| matches!(kind, SchedulerKind::Periodic { .. } | SchedulerKind::Nightly { .. });
        let timed = self.record.schedulers.iter();
        let timed = timed.filter(|(_, w)| w.spec.as_ref().is_some_and(|s| by_time(&s.kind))).map(|(id, _)| *id);
        for id in timed.collect::<Vec<_>>() {
            self.tell(Input::Enable(id, false));
        }
        self.tell(Input::Configure(Arc::new(config::calm(&self.file))));
        for machine in 0..self.machines.len() {
            self.machines[machine].honest = true;
            self.at(Span::seconds(20), Event::Comes { machine });
        }
        self.at(Span::seconds(60), Event::Turn);
    }

    /// Nothing is under way any more. Then nothing may be open, but for builds that wait for one another.
    pub(super) fn is_over(&mut self) -> Result<bool, Violation> {
        let under_way = self.agenda.values().any(|e| !matches!(e, Event::SourceTells));
        if under_way || !self.inbox.is_empty() || !self.untold.is_empty() {
            return Ok(false);
        }
        if self.record.open_requests().is_empty() {
            self.look_once_more()?;
            return Ok(true);
        }
        match self.record.a_build_in_a_knot()? {
            Some(build) => {
                // A build waits for one that waits for its worker or its lock: somebody has to stop it.
                self.sums.knots += 1;
                self.tell(Input::Stop(build));
                Ok(false)
            }
            None => broken("nothing-stuck", self.stuck("nothing happens any more")).map(|()| false),
        }
    }

    fn look_once_more(&mut self) -> Result<(), Violation> {
        let Some(master) = self.master.take() else { return Ok(()) };
        let looked = self.look(&master, true);
        self.master = Some(master);
        looked
    }

    /// What is open, and why.
    pub(super) fn stuck(&self, what: &str) -> String {
        let open = self.record.open_requests();
        let world = self.master.as_ref().map(|m| &m.world);
        let why = |id| world.and_then(|w| engine::why::of_request(w, id, self.now));
        let reasons: Vec<String> = open.iter().take(5).map(|id| format!("request {id}: {:?}", why(*id))).collect();
        format!("{what}; {} requests are open: {}", open.len(), reasons.join("; "))
    }
}
