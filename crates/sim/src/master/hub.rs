//! What is between sessions and logs: which log belongs to whose command, and when a worker may forget one. As
//! `master/hub.rs` has it.

use super::{End, Input, Master, Out};
use crate::effect;
use crate::logs::{Durable, LogStore, NotTaken};
use crate::violation::Checked;
use engine::build::{CommandEnd, SealedLog};
use model::{BuildId, LogId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use wire::{CommandId, EndedBy, Ending, Exit, MasterLedger, Standing};

/// What is known of a command beside its ledger.
#[derive(Debug)]
pub(crate) struct Route {
    worker: WorkerId,
    logs: Vec<LogId>,
    begun: BTreeSet<LogId>,
    sealed: BTreeSet<LogId>,
    end_is_durable: bool,
    /// The store had its end before this master started.
    rest: bool,
    /// How long its logs are, where the store knows that already.
    told: BTreeMap<LogId, u64>,
}

/// All commands and their logs.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) ledgers: BTreeMap<WorkerId, MasterLedger>,
    routes: BTreeMap<CommandId, Route>,
    logs: BTreeMap<LogId, (CommandId, u16)>,
}

impl Hub {
    pub(crate) fn ledger(&mut self, worker: WorkerId) -> &mut MasterLedger {
        self.ledgers.entry(worker).or_default()
    }

    pub(crate) fn route(&mut self, worker: WorkerId, command: CommandId, logs: Vec<LogId>) {
        for (number, log) in logs.iter().enumerate() {
            self.logs.insert(*log, (command, u16::try_from(number).unwrap_or(u16::MAX)));
        }
        let (begun, sealed) = (BTreeSet::new(), BTreeSet::new());
        let route = Route { worker, logs, begun, sealed, end_is_durable: false, rest: false, told: BTreeMap::new() };
        self.routes.entry(command).or_insert(route);
    }

    pub(crate) fn only_the_rest(&mut self, command: CommandId, whole: BTreeSet<LogId>, told: BTreeMap<LogId, u64>) {
        if let Some(route) = self.routes.get_mut(&command) {
            (route.end_is_durable, route.rest) = (true, true);
            (route.sealed, route.told) = (whole, told);
        }
    }

    pub(crate) fn is_whole(&mut self, command: CommandId, log: LogId) {
        if let Some(route) = self.routes.get_mut(&command) {
            route.sealed.insert(log);
        }
    }

    pub(crate) fn is_rest(&self, command: CommandId) -> bool {
        self.routes.get(&command).is_some_and(|route| route.rest)
    }

    pub(crate) fn has_rest(&self, build: BuildId) -> bool {
        self.routes.iter().any(|(command, route)| route.rest && command.build == build.0)
    }

    pub(crate) fn unroute(&mut self, command: CommandId) {
        for log in self.routes.remove(&command).into_iter().flat_map(|route| route.logs) {
            self.logs.remove(&log);
        }
    }

    fn begin(&mut self, logs: &mut LogStore, command: CommandId, log: LogId) {
        if self.routes.get_mut(&command).is_some_and(|route| route.begun.insert(log)) {
            logs.begin(BuildId(command.build), log);
        }
    }

    /// The store has a command's end. Once its logs are durable too, its worker may forget it.
    pub(crate) fn end_is_durable(&mut self, worker: WorkerId, command: CommandId) {
        match self.routes.get_mut(&command) {
            Some(route) => {
                route.end_is_durable = true;
                self.forget_if_over(command);
            }
            None => self.ledger(worker).forget(command),
        }
    }

    fn forget_if_over(&mut self, command: CommandId) {
        let Some(route) = self.routes.get(&command) else { return };
        if route.end_is_durable && route.sealed.len() >= route.logs.len() {
            let worker = route.worker;
            self.unroute(command);
            self.ledger(worker).forget(command);
        }
    }

    /// So much of a log cannot be lost any more.
    pub(crate) fn durable(&mut self, word: Durable) {
        let Some((command, number)) = self.logs.get(&word.log).copied() else { return };
        let Some(route) = self.routes.get_mut(&command) else { return };
        let worker = route.worker;
        if word.sealed {
            route.sealed.insert(word.log);
        }
        self.ledger(worker).acknowledge(command, number, 0, word.bytes);
        self.forget_if_over(command);
    }

    /// Seals the logs of a command.
    pub(crate) fn seal(&mut self, logs: &mut LogStore, command: CommandId) -> Vec<SealedLog> {
        let all = self.routes.get(&command).map(|route| route.logs.clone()).unwrap_or_default();
        let mut sealed = Vec::new();
        for log in all {
            self.begin(logs, command, log);
            sealed.extend(logs.seal(log));
        }
        sealed
    }

    /// Drops every command that does not run in this world.
    pub(crate) fn drop_unwanted(&mut self, world: &engine::World) {
        let wanted: BTreeSet<CommandId> = world
            .builds()
            .filter_map(|b| b.current().map(|s| effect::command_id(b.build.id, b.build.lease.epoch, s.id)))
            .collect();
        let mut over = Vec::new();
        for ledger in self.ledgers.values_mut() {
            let unwanted: Vec<CommandId> = ledger.commands().filter(|c| !wanted.contains(c)).collect();
            for command in unwanted {
                let route = self.routes.get_mut(&command);
                match (ledger.standing(command), route) {
                    (Some(Standing::Ended), Some(route)) => {
                        route.end_is_durable = true;
                        over.push(command);
                    }
                    (_, Some(route)) if route.rest => {}
                    _ => ledger.forget(command),
                }
            }
        }
        over.into_iter().for_each(|command| self.forget_if_over(command));
    }
}

impl Master {
    /// Takes a piece of output in, and lets the worker send more.
    pub(super) fn append(
        &mut self,
        logs: &mut LogStore,
        worker: WorkerId,
        command: CommandId,
        (number, offset): (u16, u64),
        data: &[u8],
    ) -> Checked {
        let route = self.hub.routes.get(&command);
        let Some(log) = route.and_then(|route| route.logs.get(usize::from(number))).copied() else { return Ok(()) };
        self.hub.begin(logs, command, log);
        let end = offset + data.len() as u64;
        let told = self.hub.routes.get(&command).and_then(|route| route.told.get(&log)).copied().unwrap_or(u64::MAX);
        let most = usize::try_from(told.saturating_sub(offset)).unwrap_or(usize::MAX);
        let taken = logs.append(log, command, offset, &data[..data.len().min(most)])?;
        let ledger = self.hub.ledger(worker);
        if !matches!(taken, Ok(()) | Err(NotTaken::Sealed)) {
            ledger.interrupt(command, format!("the master cannot write its log: {taken:?}"));
        }
        ledger.acknowledge(command, number, end, 0);
        Ok(())
    }

    /// The logs of a command that has ended are closed and read; the heart hears of the end.
    pub(crate) fn command_ended(&mut self, logs: &mut LogStore, worker: WorkerId, command: CommandId, end: CommandEnd) {
        let rest = self.hub.is_rest(command);
        let logs = self.hub.seal(logs, command);
        if rest {
            if let Some(route) = self.hub.routes.get_mut(&command) {
                route.rest = false;
            }
            self.hub.end_is_durable(worker, command);
            self.out.push(Out::Tell(Input::Rested(BuildId(command.build))));
            return;
        }
        self.out.push(Out::Tell(Input::Ended(End { command, end, logs })));
    }
}

/// What a worker tells of an end, in the engine's words. As `master/session.rs` has it.
pub(crate) fn command_end(ending: &Ending) -> CommandEnd {
    match (&ending.ended_by, &ending.exit) {
        (EndedBy::Interrupted { reason }, _) => CommandEnd::Interrupted(reason.clone()),
        (EndedBy::NoOutput { after }, _) => CommandEnd::NoOutput(*after),
        (EndedBy::TooLong { after }, _) => CommandEnd::TooLong(*after),
        (EndedBy::WorkerStopped, _) => CommandEnd::Lost("its worker was stopped".to_owned()),
        (EndedBy::Orphaned, _) => CommandEnd::Lost("its worker was without a master for too long".to_owned()),
        (EndedBy::WorkerTrouble { what }, _) => CommandEnd::Broken(what.clone()),
        (EndedBy::Itself, Exit::NotStarted { why }) => CommandEnd::NotStarted(why.clone()),
        (EndedBy::Itself, Exit::Exited { code }) => CommandEnd::Exited(*code),
        (EndedBy::Itself, Exit::Signalled { signal }) => CommandEnd::Signalled(format!("SIG{signal}")),
        (EndedBy::Itself, Exit::SupervisorDied) => {
            CommandEnd::Broken("the process that watched over it is gone".to_owned())
        }
    }
}
