//! What breaks, and how.

use super::{Event, NAMES, Simulation};
use crate::fault::Fault;
use crate::logs::Loss;
use crate::machine::Disk;
use crate::net::Way;
use crate::violation::Checked;
use model::Span;
use std::sync::Arc;

/// How soon both ends must have noticed that nothing passes.
const NOTICED: Span = Span::seconds(15);

/// The time of day is not set farther than that from what it should be.
const MOST_AHEAD: Span = Span::seconds(3 * 365 * 86_400);

impl Simulation {
    /// Something breaks.
    pub(super) fn breaks(&mut self, fault: Fault) -> Checked {
        let machine = self.chance.below(NAMES);
        let now = self.now;
        let its = self.machines[machine].clock.shows(now);
        let counted = match fault {
            Fault::Cut => self.has_line(machine),
            Fault::KilledBefore | Fault::KilledAfter | Fault::KilledWithin | Fault::StoreUnsure => false,
            Fault::MasterPowerLost => false,
            Fault::Mutated => self.has_line(machine),
            Fault::DaemonKilled | Fault::WorkerStopped => self.machines[machine].daemon.is_some(),
            _ => true,
        };
        if counted {
            self.sums.faults.count(fault);
        }
        match fault {
            Fault::Cut => self.cut(machine)?,
            Fault::Partition => self.partition(machine, &Way::ALL),
            Fault::OneWay => {
                let way = if self.chance.chance(50) { Way::ToMaster } else { Way::ToWorker };
                self.partition(machine, &[way]);
            }
            Fault::Mutated => self.mutate(machine),
            Fault::Twin => self.twin_comes()?,
            Fault::DaemonKilled => {
                self.machines[machine].daemon_dies(its);
                let after = self.chance.span(100, 120_000);
                self.machines[machine].start_daemon(after);
                self.machine_did(machine)?;
            }
            Fault::WorkerStopped => {
                self.machines[machine].stop(its);
                let after = self.chance.span(5_000, 300_000);
                self.machines[machine].start_daemon(after);
                self.machine_did(machine)?;
            }
            Fault::PowerLost | Fault::DiskLost => {
                let disk = if fault == Fault::PowerLost { Disk::Torn } else { Disk::Empty };
                self.power_off(machine, disk);
                let after = self.chance.span(1_000, 600_000);
                self.at(after, Event::Power { machine });
            }
            Fault::SpoolLost => {
                if let Some(command) = self.machines[machine].spoil_one() {
                    self.trace.tell(format_args!("the spool of {command} is spoiled"));
                    // Only a daemon that starts looks at what is there.
                    self.machines[machine].daemon_dies(its);
                    self.machines[machine].start_daemon(Span::seconds(1));
                }
                self.machine_did(machine)?;
            }
            Fault::KilledBefore | Fault::KilledAfter | Fault::KilledWithin | Fault::MasterPowerLost => {
                self.die = Some(fault);
            }
            Fault::KilledBetween => self.is_killed(),
            Fault::EditedWhileDown => {
                self.is_killed();
                self.file = Arc::new(self.people.edited(&self.file));
            }
            Fault::StoreAway => {
                let long = self.a_while();
                self.store_away = self.store_away.max(now + long);
            }
            Fault::LogsFull => self.logs_fill_up(),
            Fault::StoreUnsure => self.unsure = Some(self.chance.chance(50)),
            Fault::ClockHour | Fault::ClockYear | Fault::ClockAny => self.clock_is_set(fault),
            Fault::ClockWhileDown => {
                self.is_killed();
                let kind = *self.chance.pick(&[Fault::ClockHour, Fault::ClockYear, Fault::ClockAny]).unwrap_or(&fault);
                self.clock_is_set(kind);
            }
        }
        Ok(())
    }

    /// The master is killed between two turns, if there is one.
    fn is_killed(&mut self) {
        if self.master.is_some() {
            self.die = None;
            self.die(Loss::Memory);
        }
    }

    /// How long something of the master's machine is away.
    fn a_while(&mut self) -> Span {
        let (from, to) = if self.chance.chance(80) { (100, 35_000) } else { (30_000, 900_000) };
        self.chance.span(from, to)
    }

    /// The disk with the logs is full for a while.
    fn logs_fill_up(&mut self) {
        let long = self.a_while();
        self.logs_full = self.logs_full.max(self.now + long);
        self.logs.full = true;
        self.trace.tell(format_args!("there is no room for logs for {long}"));
        self.at_time(self.logs_full, Event::LogsWork);
    }

    /// Somebody sets the time of day on the master's machine, now and then right.
    fn clock_is_set(&mut self, kind: Fault) {
        let forward = self.chance.chance(50);
        let by = match kind {
            Fault::ClockHour => Span::seconds(3_600),
            Fault::ClockYear => Span::seconds(365 * 86_400),
            _ => self.chance.span(100, 3 * 86_400_000),
        };
        let by = if forward { by } else { Span(-by.0) };
        self.set_ahead =
            if self.set_ahead.0.abs() > MOST_AHEAD.0 || self.set_ahead != Span::ZERO && self.chance.chance(40) {
                Span::ZERO
            } else {
                self.set_ahead + by
            };
        self.trace.tell(format_args!("the time of day is {} ahead of what it was", self.set_ahead.0));
        // The heart looks at its clock every few seconds.
        let looks = self.chance.span(0, 5_000);
        self.at(looks, Event::Turn);
    }

    fn has_line(&self, machine: usize) -> bool {
        self.machines[machine].daemon.as_ref().is_some_and(|d| d.connection().is_some())
    }

    /// A connection is cut: each end hears of it in its own time, and what is on its way is lost.
    pub(super) fn cut(&mut self, machine: usize) -> Checked {
        let Some(connection) = self.machines[machine].daemon.as_ref().and_then(|d| d.connection()) else {
            return Ok(());
        };
        let its = self.machines[machine].clock.shows(self.now);
        self.trace.tell(format_args!("connection {connection} is cut"));
        let late = self.chance.span(0, 11_000);
        self.at(late, Event::Closed { connection, way: Way::ToMaster });
        self.agenda.retain(|_, event| !matches!(event, Event::Frame { connection: c, .. } if *c == connection));
        self.machines[machine].line_is_gone(connection, its);
        // Its own good-bye does not arrive.
        self.machines[machine].closed.clear();
        self.net.deafen(connection, Way::ToWorker);
        self.machine_did(machine)
    }

    fn partition(&mut self, machine: usize, ways: &[Way]) {
        let long = match self.chance.between(0, 9) {
            0..4 => self.chance.span(1_000, 14_000),
            4..8 => self.chance.span(10_000, 120_000),
            8 => self.chance.span(60_000, 3_600_000),
            _ => self.chance.span(3_600_000, 86_400_000),
        };
        let until = self.now + long;
        self.trace.tell(format_args!("nothing passes {ways:?} of {} for {long}", self.machines[machine].name));
        ways.iter().for_each(|way| self.net.block(machine, *way, until));
        let connection = self.machines[machine].daemon.as_ref().and_then(|d| d.connection());
        if let Some(connection) = connection.filter(|_| ways.len() == Way::ALL.len() && long > NOTICED) {
            self.at(NOTICED, Event::Noticed { connection });
        }
    }

    /// From now on frames of a connection are changed, and after a while it is cut.
    fn mutate(&mut self, machine: usize) {
        let connection = self.machines[machine].daemon.as_ref().and_then(|d| d.connection());
        if let Some(line) = connection.and_then(|c| self.net.connections.get_mut(&c)) {
            line.mutated = true;
            self.machines[machine].remembers = false;
            self.old_frames.clear();
            let after = self.chance.span(500, 60_000);
            self.at(after, Event::CutNow { machine });
        }
    }

    /// Another machine comes under a name that somebody has.
    fn twin_comes(&mut self) -> Checked {
        let twin = NAMES + self.chance.below(self.machines.len() - NAMES);
        if !self.there.insert(twin) {
            return Ok(());
        }
        self.machines[twin].start_daemon(Span::ZERO);
        let goes = self.chance.span(1_000, 600_000);
        self.at(goes, Event::TwinGoes { machine: twin });
        self.machine_did(twin)
    }

    /// It goes, and with it all that it has.
    pub(super) fn twin_goes(&mut self, machine: usize) {
        if self.there.remove(&machine) {
            self.power_off(machine, Disk::Empty);
        }
    }
}
