//! What goes between the master and the machines.

use super::{Event, Simulation};
use crate::logs::LogStore;
use crate::machine::{Disk, Doing};
use crate::master::{Line, Master, Out};
use crate::net::Way;
use crate::violation::{Checked, must};
use model::{Span, Time};

/// How long a machine waits for an answer when it wants to connect.
const DIAL_LIMIT: Span = Span::seconds(10);

/// How long one may take to give a sign of life when another one wants its name.
const SIGN_OF_LIFE: Span = Span::seconds(5);

/// Frames that are remembered, to be said again.
const OLD_FRAMES: usize = 16;

impl Simulation {
    /// Something happens on a machine.
    pub(super) fn machine_does(&mut self, machine: usize, doing: Doing) -> Checked {
        if !self.there.contains(&machine) {
            return Ok(());
        }
        let its = self.machines[machine].clock.shows(self.now);
        if doing == Doing::DaemonStarts && self.machines[machine].daemon.is_none() {
            self.sums.adopted += self.machines[machine].jobs.len() as u64;
        }
        if doing == Doing::Dial {
            self.dial(machine)?;
        } else {
            self.machines[machine].does(doing, its);
        }
        self.machine_did(machine)
    }

    /// What a machine has begun goes its way.
    pub(super) fn machine_did(&mut self, machine: usize) -> Checked {
        for plan in std::mem::take(&mut self.machines[machine].plans) {
            let after = self.machines[machine].clock.takes(plan.after);
            self.at(after, Event::Machine { machine, era: plan.era, doing: plan.doing });
        }
        for (connection, bytes) in std::mem::take(&mut self.machines[machine].frames) {
            self.send(connection, Way::ToMaster, bytes);
        }
        for connection in std::mem::take(&mut self.machines[machine].closed) {
            self.net.deafen(connection, Way::ToWorker);
            let at = self.net.arrival(connection, Way::ToMaster, 0, self.now);
            self.at_time(at, Event::Closed { connection, way: Way::ToMaster });
        }
        Ok(())
    }

    fn dial(&mut self, machine: usize) -> Checked {
        let Some(daemon) = self.machines[machine].daemon.as_ref().filter(|d| d.wants_a_line()) else { return Ok(()) };
        debug_assert!(daemon.connection().is_none());
        let (now, its) = (self.now, self.machines[machine].clock.shows(self.now));
        if Way::ALL.into_iter().any(|way| self.net.blocked(machine, way, now).is_some()) {
            let era = self.machines[machine].era_of_daemon();
            self.at(DIAL_LIMIT, Event::DialFails { machine, era });
            return Ok(());
        }
        if self.master.is_none() {
            self.machines[machine].dialed(None, its);
            return Ok(());
        }
        let connection = self.net.connect(machine);
        self.with_master(|master, _, even| {
            master.connected(connection, even);
            Ok(())
        })?;
        self.machines[machine].dialed(Some(connection), its);
        Ok(())
    }

    /// The master does something, if it is there.
    pub(super) fn with_master(&mut self, does: impl FnOnce(&mut Master, &mut LogStore, Time) -> Checked) -> Checked {
        let (wall, even) = (self.wall(), self.now);
        let Some(master) = &mut self.master else { return Ok(()) };
        (master.now, master.even) = (wall, even);
        does(master, &mut self.logs, even)?;
        master.flush(even);
        self.master_did()
    }

    /// What the master has begun goes its way.
    pub(super) fn master_did(&mut self) -> Checked {
        let Some(master) = &mut self.master else { return Ok(()) };
        let errors = std::mem::take(&mut master.protocol_errors);
        let reign = self.reign;
        for out in std::mem::take(&mut master.out) {
            match out {
                Out::Frame { connection, bytes } => self.send(connection, Way::ToWorker, bytes),
                Out::Close { connection } => {
                    self.net.deafen(connection, Way::ToMaster);
                    let at = self.net.arrival(connection, Way::ToWorker, 0, self.now);
                    self.at_time(at, Event::Closed { connection, way: Way::ToWorker });
                }
                Out::Tick { connection, after } => self.at(after, Event::MasterTick { reign, connection }),
                Out::Tell(input) => self.tell(input),
                Out::Runs(command) => self.trace.tell(format_args!("command {command} runs")),
                Out::Ended { command, end, bytes, connection, worker } => {
                    self.is_whole(command, bytes, connection)?;
                    // Reading the logs of a step takes a while, now and then a long one.
                    let reading = if self.chance.chance(5) { (0, 60_000) } else { (0, 30) };
                    let after = self.chance.span(reading.0, reading.1);
                    // Now and then the heart hears an end twice, or that of an earlier epoch.
                    let stale = match self.chance.between(0, 59) {
                        0 => Some(command),
                        1 => Some(wire::CommandId { epoch: command.epoch - 1, ..command }),
                        _ => None,
                    };
                    if let Some(command) = stale {
                        let (again, end) = (self.chance.span(0, 60), end.clone());
                        self.at(again, Event::Taken { reign, worker, command, end });
                    }
                    self.at(after, Event::Taken { reign, worker, command, end });
                }
                Out::Lost { command, end, worker } => {
                    let after = self.chance.span(0, 30);
                    self.at(after, Event::Taken { reign, worker, command, end });
                }
                Out::SignOfLife { newcomer } => self.at(SIGN_OF_LIFE, Event::Silent { reign, newcomer }),
                Out::Silent { newcomer } => self.at(Span::ZERO, Event::Silent { reign, newcomer }),
                Out::SealLost { build, logs, over } => {
                    let after = self.chance.span(0, 500);
                    self.at(after, Event::SealLost { reign, build, logs, over });
                }
            }
        }
        for (connection, error) in errors {
            self.trace.tell(format_args!("the master does not understand connection {connection}: {error}"));
            let mutated = self.net.connections.get(&connection).is_none_or(|c| c.mutated);
            must("protocol-is-kept", mutated, || format!("by the worker on connection {connection}: {error}"))?;
        }
        self.logs_are_due();
        Ok(())
    }

    /// The end of a command, as its worker tells it, names all that the command has written.
    fn is_whole(&mut self, command: wire::CommandId, bytes: u64, connection: u64) -> Checked {
        let machine = self.net.connections.get(&connection).map(|c| c.machine);
        let job = machine.and_then(|machine| self.machines[machine].jobs.get(&command));
        // A command that two machines of one name have had may have written something else on each.
        let begun: u32 = self.machines.iter().filter_map(|m| m.begun.get(&command)).sum();
        if begun > 1 {
            return Ok(());
        }
        let Some(job) = job.filter(|job| !job.torn && !job.damaged && job.ended.is_some()) else { return Ok(()) };
        must("all-bytes-came", job.written == bytes, || {
            format!("command {command} wrote {} bytes, and {bytes} came", job.written)
        })
    }

    /// A frame leaves.
    pub(super) fn send(&mut self, connection: u64, way: Way, mut bytes: Vec<u8>) {
        self.sums.frames += 1;
        let mut at = self.net.arrival(connection, way, bytes.len(), self.now);
        if self.net.connections.get(&connection).is_some_and(|c| c.mutated) {
            self.old_frames.push(bytes.clone());
            if self.old_frames.len() > OLD_FRAMES {
                self.old_frames.remove(0);
            }
            match self.chance.between(0, 19) {
                0 => bytes.truncate(self.chance.below(bytes.len())),
                1 => self.at_time(at, Event::Frame { connection, way, bytes: bytes.clone() }),
                2 => at += self.chance.span(0, 2_000),
                3 => {
                    if let Some(old) = self.chance.pick(&self.old_frames).cloned() {
                        self.at_time(at, Event::Frame { connection, way, bytes: old });
                    }
                }
                _ => {}
            }
        }
        self.at_time(at, Event::Frame { connection, way, bytes });
    }

    /// A frame arrives, if its connection still stands and its way is free.
    pub(super) fn frame_arrives(&mut self, connection: u64, way: Way, bytes: Vec<u8>) -> Checked {
        if let Some(until) = self.net.held_up(connection, way, self.now) {
            self.at_time(until, Event::Frame { connection, way, bytes });
            return Ok(());
        }
        if !self.net.is_heard(connection, way) {
            return Ok(());
        }
        match way {
            Way::ToMaster => self.with_master(|master, logs, even| master.frame(connection, bytes, logs, even)),
            Way::ToWorker => {
                let Some(machine) = self.net.connections.get(&connection).map(|c| c.machine) else { return Ok(()) };
                let its = self.machines[machine].clock.shows(self.now);
                let taken = self.machines[machine].frame(connection, &bytes, its);
                if let Err(error) = taken {
                    self.trace.tell(format_args!("the master is not understood on connection {connection}: {error}"));
                    let mutated = self.net.connections.get(&connection).is_none_or(|c| c.mutated);
                    must("protocol-is-kept", mutated, || format!("by the master on connection {connection}: {error}"))?;
                }
                self.machine_did(machine)
            }
        }
    }

    /// The news arrives that the other end was closed.
    pub(super) fn close_arrives(&mut self, connection: u64, way: Way) -> Checked {
        if let Some(until) = self.net.held_up(connection, way, self.now) {
            self.at_time(until, Event::Closed { connection, way });
            return Ok(());
        }
        if !self.net.is_heard(connection, way) {
            return Ok(());
        }
        let machine = self.net.connections.get(&connection).map(|c| c.machine);
        self.net.deafen(connection, way);
        match (way, machine) {
            (Way::ToMaster, _) => self.with_master(|master, _, even| {
                master.closed(connection, even);
                Ok(())
            }),
            (Way::ToWorker, Some(machine)) => {
                let its = self.machines[machine].clock.shows(self.now);
                self.machines[machine].line_is_gone(connection, its);
                self.machine_did(machine)
            }
            (Way::ToWorker, None) => Ok(()),
        }
    }

    /// Where nothing has passed for so long, nobody believes in a connection any more.
    pub(super) fn is_noticed(&mut self, connection: u64) -> Checked {
        let Some(line) = self.net.connections.get(&connection) else { return Ok(()) };
        let machine = line.machine;
        let still = Way::ALL.into_iter().all(|way| self.net.blocked(machine, way, self.now).is_some());
        if !still {
            return Ok(());
        }
        let worker = self.machines[machine].daemon.as_ref().and_then(|d| d.connection()) == Some(connection);
        // Who has said hello waits for the heart, which may wait for the store; who has output waits for room.
        let waits = |line: &Line| line.asks() || line.waits_for_room();
        let master = self.master.as_ref().is_some_and(|m| m.lines.get(&connection).is_some_and(|line| !waits(line)));
        must("silence-is-noticed", !worker && !master, || {
            format!(
                "nothing passes on connection {connection}, and the master ({master}) or worker ({worker}) keeps it"
            )
        })
    }

    /// The threads of the logs have something to do, soon.
    pub(super) fn logs_are_due(&mut self) {
        if !self.logs_work && self.logs.is_dirty() && (!self.logs.full || self.logs.is_written()) {
            self.logs_work = true;
            let after = self.chance.span(10, 250);
            self.at(after, Event::LogsWork);
        }
    }

    /// What is in memory is written, and what is written is synced.
    pub(super) fn logs_work(&mut self) -> Checked {
        self.logs_work = false;
        self.logs.full = self.logs_full > self.now;
        if self.master.is_none() {
            return Ok(());
        }
        let told = self.logs.work(self.calm);
        self.with_master(|master, logs, even| {
            told.into_iter().for_each(|word| master.hub.durable(word));
            master.there_is_room(logs, even)
        })
    }

    /// A machine loses its power.
    pub(super) fn power_off(&mut self, machine: usize, disk: Disk) {
        if let Some(connection) = self.machines[machine].daemon.as_ref().and_then(|d| d.connection()) {
            self.net.deafen(connection, Way::ToWorker);
        }
        self.machines[machine].lose_power(disk);
    }
}
