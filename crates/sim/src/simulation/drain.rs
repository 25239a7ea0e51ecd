//! The end of a seed: nothing breaks any more, and everything that was begun comes to its end.

use super::{Event, MACHINES, NAMES, Simulation};
use crate::config;
use crate::machine::Machine;
use crate::master::Input;
use crate::net::Way;
use crate::record::Record;
use crate::violation::{Checked, Violation, broken, must};
use model::{SchedulerKind, Span};
use std::collections::BTreeSet;
use std::sync::Arc;

/// When nothing was written down for so long, and nothing runs, nothing more will be.
const PATIENCE: Span = Span::seconds(120);

/// The same while somebody is away who comes back by himself.
const LONG_PATIENCE: Span = Span::seconds(600);

impl Simulation {
    /// Faults stop, everybody comes back, and nothing is begun by itself any more.
    pub(super) fn calm_down(&mut self) -> Checked {
        self.store_away = self.store_away.min(self.now);
        if self.logs.full {
            self.logs_full = self.now;
            self.at(Span::ZERO, Event::LogsWork);
        }
        // What is held up would arrive when its partition was to end, and what is said from now on would overtake it.
        for machine in 0..MACHINES {
            if Way::ALL.into_iter().any(|way| self.net.blocked(machine, way, self.now).is_some()) {
                self.cut(machine)?;
            }
        }
        self.net.heal(self.now);
        if self.master.as_ref().is_none_or(|master| master.stuck.is_some()) {
            self.at(Span::seconds(30), Event::Act);
            return Ok(());
        }
        self.trace.tell(format_args!("everything calms down"));
        self.calm = true;
        (self.die, self.unsure) = (None, None);
        self.progress = self.now;
        (NAMES..MACHINES).for_each(|twin| self.twin_goes(twin));
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
        for machine in 0..NAMES {
            self.machines[machine].hurry();
            self.machines[machine].start_daemon(Span::seconds(20));
            self.machine_did(machine)?;
        }
        self.at(Span::seconds(60), Event::Turn);
        Ok(())
    }

    /// Nothing is under way any more. Then nothing may be open, but for builds that wait for one another.
    pub(super) fn is_over(&mut self) -> Result<bool, Violation> {
        let under_way = self.agenda.values().any(|e| {
            matches!(e, Event::Turn | Event::Taken { .. } | Event::SealLost { .. })
                || matches!(e, Event::Starts | Event::LogsWork | Event::Again { .. })
        });
        if under_way || !self.inbox.is_empty() || !self.untold.is_empty() || self.logs.is_dirty() {
            return Ok(false);
        }
        let quiet = self.now.since(self.progress);
        let open = !self.record.open_requests().is_empty();
        // A worker comes back by itself, one whose name another machine had taken after five minutes.
        let to_come = self.machines[..NAMES].iter().any(|m| !m.jobs.is_empty() && self.is_configured(&m.name));
        let patience = if to_come { LONG_PATIENCE } else { Span::seconds(40) };
        if !open && quiet >= patience {
            self.look_once_more()?;
            if self.put_back()? {
                return Ok(false);
            }
            self.all_is_kept()?;
            return Ok(true);
        }
        let runs = self.machines.iter().any(|m| m.jobs.values().any(crate::machine::Job::runs));
        let due = self.wake.is_some();
        // Requests may wait for one whose name another machine had taken.
        let has_seat = |id| self.master.as_ref().is_some_and(|master| master.seats.contains_key(id));
        let away = self.record.workers.iter().any(|(id, w)| w.spec.is_some() && !has_seat(id));
        let patience = if away { LONG_PATIENCE } else { PATIENCE };
        if !open || quiet < patience || (runs || due) && quiet < Span::seconds(3600) {
            return Ok(false);
        }
        self.progress = self.now;
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

    fn look_once_more(&mut self) -> Checked {
        let Some(master) = self.master.take() else { return Ok(()) };
        let looked = self.look(&master, self.wall(), true);
        self.master = Some(master);
        looked
    }

    /// A worker that is not configured any more is not let in, and may have what is missing in a log: such a log is open
    /// on the disk, and no other log is short. When its worker is put back, it brings the rest. True: one was.
    fn put_back(&mut self) -> Result<bool, Violation> {
        let gone: Vec<&Machine> = self.machines[..NAMES].iter().filter(|m| !self.is_configured(&m.name)).collect();
        let kept: BTreeSet<i64> = gone.iter().flat_map(|m| m.jobs.keys()).map(|command| command.step).collect();
        let lost = self.lost();
        for (log, (step, bytes)) in &self.record.logs {
            let Some(bytes) = bytes.filter(|_| !lost.contains(&step.0)) else { continue };
            match kept.contains(&step.0) {
                true => self.logs.holds_or_waits(*log, bytes)?,
                false => self.logs.holds(*log, bytes)?,
            }
        }
        let names: Vec<String> = gone.iter().filter(|m| !m.jobs.is_empty()).map(|m| m.name.clone()).collect();
        if names.is_empty() {
            return Ok(false);
        }
        self.sums.put_back += names.len() as u64;
        self.progress = self.now;
        self.tell(Input::Configure(Arc::new(config::put_back(&self.file, &names))));
        Ok(true)
    }

    fn is_configured(&self, name: &str) -> bool {
        self.record.workers.values().any(|w| w.name == name && w.spec.is_some())
    }

    /// The steps of which nobody has all bytes: a machine has lost a spool and the master its memory.
    fn lost(&self) -> BTreeSet<i64> {
        self.machines.iter().flat_map(|m| m.lost.iter().map(|command| command.step)).collect()
    }

    /// Every log is closed and whole, no command is left anywhere, and none was begun twice.
    fn all_is_kept(&self) -> Checked {
        let Record { logs, .. } = &self.record;
        let lost = self.lost();
        for (log, (step, bytes)) in logs {
            match bytes {
                Some(bytes) if !lost.contains(&step.0) => self.logs.holds(*log, *bytes)?,
                Some(_) => {}
                None => return broken("logs-are-closed", format!("log {log} of step {step} is open for ever")),
            }
        }
        for machine in &self.machines[..NAMES] {
            let left: Vec<String> = machine.jobs.keys().map(ToString::to_string).collect();
            must("nothing-is-left", left.is_empty(), || {
                format!("{} still has the commands {}", machine.name, left.join(", "))
            })?;
            let twice = machine.begun.iter().find(|(_, times)| **times > 1 && machine.remembers);
            must("begun-once", twice.is_none(), || format!("{} began {twice:?} times", machine.name))?;
        }
        Ok(())
    }

    /// What is open, and why.
    pub(super) fn stuck(&self, what: &str) -> String {
        let open = self.record.open_requests();
        let world = self.master.as_ref().map(|m| &m.world);
        let why = |id| world.and_then(|w| engine::why::of_request(w, id, self.wall()));
        let reasons: Vec<String> = open.iter().take(5).map(|id| format!("request {id}: {:?}", why(*id))).collect();
        format!("{what}; {} requests are open: {}", open.len(), reasons.join("; "))
    }
}
