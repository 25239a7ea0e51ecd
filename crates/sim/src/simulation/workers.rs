//! What goes on between the master and its workers.

use super::{Event, Simulation};
use crate::line::Way;
use crate::master::{Effect, Input, Master, Turn};
use crate::record::Entry;
use crate::worker::{Command, End, ToMaster, ToWorker};
use model::{Span, Transition, WorkerId};
use std::sync::Arc;

impl Simulation {
    /// A machine tries to connect.
    pub(super) fn comes(&mut self, machine: usize) {
        if self.machines[machine].connection.is_some() {
            return;
        }
        if self.master.is_none() {
            let again = self.lines.again();
            self.at(again, Event::Comes { machine });
            return;
        }
        let connection = self.lines.connect();
        let word = self.machines[machine].hello(connection);
        self.send_to_master(machine, connection, word);
    }

    /// A connection is cut: the worker knows at once, the master later.
    pub(super) fn cut(&mut self, machine: usize, away: Span) {
        let Some(connection) = self.machines[machine].connection.take() else { return };
        self.sums.faults.cut += 1;
        let noticed = self.lines.noticed();
        self.at(noticed, Event::Noticed { machine, connection });
        self.at(away, Event::Comes { machine });
    }

    fn send_to_master(&mut self, machine: usize, connection: u64, word: ToMaster) {
        let at = self.lines.arrival(connection, Way::ToMaster, self.now);
        self.at_time(at, Event::Says { machine, connection, word });
    }

    fn send_to_worker(&mut self, master: &Master, worker: WorkerId, word: ToWorker) {
        let Some(connection) = master.sessions.get(&worker).copied() else { return };
        let name = master.world.worker(worker).map(|w| w.worker.name.as_str());
        let Some(machine) = self.machines.iter().position(|m| Some(m.name.as_str()) == name) else { return };
        let at = self.lines.arrival(connection, Way::ToWorker, self.now);
        self.at_time(at, Event::Hears { machine, connection, word });
    }

    /// What a worker said arrives, if its connection still stands.
    pub(super) fn says(&mut self, machine: usize, connection: u64, word: ToMaster) {
        if self.machines[machine].connection != Some(connection) {
            return;
        }
        let worker = self.machines[machine].name.clone();
        self.tell(match word {
            ToMaster::Hello(held) => Input::Hello { worker, connection, held },
            ToMaster::Started(command) => Input::Started(command),
            ToMaster::Ended(command, end) => Input::Ended { worker, command, end },
        });
    }

    /// What was said to a worker arrives, if its connection still stands.
    pub(super) fn hears(&mut self, machine: usize, connection: u64, word: ToWorker) {
        if self.machines[machine].connection != Some(connection) {
            return;
        }
        self.trace.tell(format_args!("{} hears {word:?}", self.machines[machine].name));
        let refused = word == ToWorker::Refused;
        let reaction = self.machines[machine].hear(word);
        for (after, command) in reaction.ends {
            self.at(after, Event::Ends { machine, command });
        }
        for word in reaction.says {
            self.send_to_master(machine, connection, word);
        }
        if refused && !self.calm {
            self.at(Span::seconds(1800), Event::Comes { machine });
        }
    }

    /// A command comes to its end.
    pub(super) fn ends(&mut self, machine: usize, command: Command) {
        let words = self.machines[machine].ends(command);
        if let Some(connection) = self.machines[machine].connection {
            for word in words {
                self.send_to_master(machine, connection, word);
            }
        }
    }

    /// What a durable turn means outside.
    pub(super) fn effects(&mut self, master: &mut Master, turn: Turn) {
        for entry in &turn.entries {
            match entry {
                Entry::Took(Transition::StepStarted { step, .. }) => {
                    let Some(running) = master.world.build(step.build) else { continue };
                    if running.commanded().is_some_and(|s| s.id == step.id) {
                        let (worker, epoch) = (running.build.worker, running.build.lease.epoch);
                        let command = Command { build: step.build, epoch, step: step.id };
                        self.send_to_worker(master, worker, ToWorker::Start(command));
                    }
                }
                Entry::Took(Transition::StopAsked { build, reason }) => {
                    let Some(running) = master.world.build(*build) else { continue };
                    if let Some(step) = running.commanded() {
                        let (worker, epoch) = (running.build.worker, running.build.lease.epoch);
                        let command = Command { build: *build, epoch, step: step.id };
                        self.send_to_worker(master, worker, ToWorker::Interrupt(command, reason.clone()));
                    }
                }
                _ => {}
            }
        }
        for effect in turn.effects {
            match effect {
                Effect::Welcome { worker, held } => self.welcome(master, worker, &held),
                Effect::Refuse { worker, connection } => {
                    if let Some(machine) = self.machines.iter().position(|m| m.name == worker) {
                        let at = self.lines.arrival(connection, Way::ToWorker, self.now);
                        self.at_time(at, Event::Hears { machine, connection, word: ToWorker::Refused });
                    }
                }
                Effect::Forget { worker, command } => {
                    let id = master.world.worker_named(&worker).map(|w| w.worker.id);
                    if let Some(id) = id {
                        self.send_to_worker(master, id, ToWorker::Forget(command));
                    }
                }
                Effect::Heard(changes) => self.untold.retain(|c| changes.iter().all(|h| h.revision != c.revision)),
                Effect::InForce(config) => self.file = Arc::clone(&config),
            }
        }
    }

    /// Every command that a worker has goes on or is dropped, every one that it has yet to begin is begun, and one that
    /// it had begun and has no more is lost.
    fn welcome(&mut self, master: &Master, worker: WorkerId, held: &[Command]) {
        let wanted = master.commands_of(worker);
        for command in held {
            match wanted.iter().find(|(c, _)| c == command) {
                Some((command, stopping)) => {
                    self.send_to_worker(master, worker, ToWorker::Resume(*command));
                    if let Some(reason) = stopping {
                        self.send_to_worker(master, worker, ToWorker::Interrupt(*command, reason.clone()));
                    }
                }
                None => self.send_to_worker(master, worker, ToWorker::Drop(*command)),
            }
        }
        let name = master.world.worker(worker).map(|w| w.worker.name.clone()).unwrap_or_default();
        for (command, stopping) in wanted.into_iter().filter(|(c, _)| !held.contains(c)) {
            if self.begun.contains(&command) {
                let end = End::Broken("its worker lost it".to_owned());
                let (worker, now) = (name.clone(), self.now);
                self.lost.push(Input::Ended { worker, command, end });
                self.at_time(now, Event::Lost);
                continue;
            }
            self.send_to_worker(master, worker, ToWorker::Start(command));
            if let Some(reason) = stopping {
                self.send_to_worker(master, worker, ToWorker::Interrupt(command, reason));
            }
        }
    }
}
