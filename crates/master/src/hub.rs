//! The hub: every worker's ledger, and which log belongs to whose command.

use crate::claim::Part;
use crate::early::Report;
use crate::effect;
use crate::input::{CommandEnded, Input};
use crate::order::Order;
use crate::session::lock;
use crate::transfer::Keys;
use bytes::Bytes;
use engine::World;
use formats::Format;
use killpoint::fail_point;
use logs::{AppendError, LogError, Logs};
use model::worker::Secret;
use model::{BuildId, LogId, Stream, WorkerId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};
use wire::{Assignment, CommandId, Expectation, MasterLedger, Standing, Work};

/// What a worker has for good, connected or not.
#[derive(Debug)]
pub(crate) struct Link {
    ledger: Mutex<MasterLedger>,
    /// Rung when the ledger has something to say.
    pub(crate) wake: Notify,
}

impl Link {
    /// The ledger, locked. It must not be held over an await.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, MasterLedger> {
        lock(&self.ledger)
    }
}

/// Every worker's ledger, and which log belongs to whose command.
#[derive(Debug)]
pub(crate) struct Hub {
    links: Mutex<BTreeMap<WorkerId, Arc<Link>>>,
    routes: Mutex<Routes>,
    inbox: mpsc::Sender<Input>,
    keys: Keys,
}

#[derive(Debug, Default)]
struct Routes {
    commands: HashMap<CommandId, Command>,
    logs: HashMap<LogId, (CommandId, u16)>,
    /// Commands that their workers brought back though all is known of them.
    known: BTreeSet<CommandId>,
}

#[derive(Debug)]
struct Command {
    link: Arc<Link>,
    /// `None`: its end was taken earlier, and only the rest of its logs is waited for.
    order: Option<Arc<Order>>,
    logs: Vec<LogId>,
    /// Logs that were opened for appending.
    begun: BTreeSet<LogId>,
    /// Logs whose seal is on disk for good.
    sealed: BTreeSet<LogId>,
    /// The store has its end.
    end_is_durable: bool,
    /// The store has had its end for long, and a log was cut short.
    waits_for_rest: bool,
    /// How long its logs are, where the store knows that already.
    told: BTreeMap<LogId, u64>,
}

impl Hub {
    pub(crate) fn new(inbox: mpsc::Sender<Input>, keys: Keys) -> Self {
        Self { links: Mutex::default(), routes: Mutex::default(), inbox, keys }
    }

    /// The link of a worker; made at its first mention.
    pub(crate) fn link(&self, worker: WorkerId) -> Arc<Link> {
        let new = || Arc::new(Link { ledger: Mutex::new(MasterLedger::new()), wake: Notify::new() });
        lock(&self.links).entry(worker).or_insert_with(new).clone()
    }

    /// Puts into an assignment what only its own command may have: the token of a transfer.
    pub(crate) fn sign(&self, command: CommandId, assignment: &mut Assignment) {
        if let Work::Transfer(work) = &mut assignment.work {
            work.token = Secret::new(self.keys.token(command));
        }
    }

    /// What is made of a command's end.
    pub(crate) fn order_of(&self, command: CommandId) -> Option<Arc<Order>> {
        lock(&self.routes).commands.get(&command).and_then(|c| c.order.clone())
    }

    /// The report in a log that is to be read while it grows, since the first failing test ends its command.
    pub(crate) fn report_in(&self, log: LogId) -> Option<Report> {
        let routes = lock(&self.routes);
        let (command, _) = *routes.logs.get(&log)?;
        let order = routes.commands.get(&command)?.order.as_ref()?;
        let tests = order.reading.tests.as_ref().filter(|tests| tests.ends_at_failure)?;
        let format = Format::from_name(&tests.format).filter(|_| order.log(&tests.log) == Some(log))?;
        Some(Report { command, format })
    }

    /// Asks the worker of a command to end it.
    pub(crate) fn interrupt(&self, command: CommandId, reason: String) {
        let link = lock(&self.routes).commands.get(&command).map(|c| c.link.clone());
        if let Some(link) = link {
            link.ledger().interrupt(command, reason);
            link.wake.notify_one();
        }
    }

    /// Notes which logs a command writes, and what is made of its end.
    pub(crate) fn route(&self, link: &Arc<Link>, command: CommandId, order: Order) {
        let logs = order.ids();
        let mut routes = lock(&self.routes);
        for (number, log) in logs.iter().enumerate() {
            routes.logs.insert(*log, (command, u16::try_from(number).unwrap_or(u16::MAX)));
        }
        let entry = Command {
            link: link.clone(),
            order: Some(Arc::new(order)),
            logs,
            begun: BTreeSet::new(),
            sealed: BTreeSet::new(),
            end_is_durable: false,
            waits_for_rest: false,
            told: BTreeMap::new(),
        };
        routes.commands.entry(command).or_insert(entry);
    }

    /// A worker brings back a command whose end was taken, and whose logs are cut short here.
    pub(crate) fn claim(&self, link: &Arc<Link>, command: CommandId, parts: &[Part]) {
        let lengths = parts.iter().map(|part| (part.number, part.durable)).collect();
        let expectation = Expectation { command, logs: lengths, assignment: None, interrupt: None };
        if let Err(e) = link.ledger().expect(expectation) {
            tracing::error!("command {command} cannot be taken up again: {e}");
            return;
        }
        let mut routes = lock(&self.routes);
        for part in parts {
            routes.logs.insert(part.log, (command, part.number));
        }
        let entry = Command {
            link: link.clone(),
            order: None,
            logs: parts.iter().map(|part| part.log).collect(),
            begun: parts.iter().map(|part| part.log).collect(),
            sealed: parts.iter().filter(|part| part.sealed).map(|part| part.log).collect(),
            end_is_durable: true,
            waits_for_rest: true,
            told: parts.iter().map(|part| (part.log, part.told)).collect(),
        };
        routes.commands.insert(command, entry);
    }

    /// A worker brings back a command of which all is known: when it is dropped, that is no late answer.
    pub(crate) fn known(&self, command: CommandId) {
        lock(&self.routes).known.insert(command);
    }

    /// Whether that is so; asked once.
    pub(crate) fn is_known(&self, command: CommandId) -> bool {
        lock(&self.routes).known.remove(&command)
    }

    /// A log of a command was closed by an earlier master, and nobody will tell that it is on disk for good.
    pub(crate) fn is_whole(&self, command: CommandId, log: LogId) {
        if let Some(entry) = lock(&self.routes).commands.get_mut(&command) {
            entry.sealed.insert(log);
        }
    }

    /// Whether only the rest of a command's logs is waited for.
    pub(crate) fn is_rest(&self, command: CommandId) -> bool {
        lock(&self.routes).commands.get(&command).is_some_and(|c| c.order.is_none())
    }

    /// Whether the rest of a log of this build is waited for.
    pub(crate) fn waits_for_rest(&self, build: BuildId) -> bool {
        lock(&self.routes).commands.iter().any(|(command, c)| command.build == build.0 && c.waits_for_rest)
    }

    /// The rest of a command's logs has come, or never will.
    pub(crate) async fn rest_is_over(&self, command: CommandId) {
        if let Some(entry) = lock(&self.routes).commands.get_mut(&command) {
            entry.waits_for_rest = false;
        }
        let _ = self.inbox.send(Input::Whole { build: BuildId(command.build) }).await;
    }

    /// Forgets which logs a command writes.
    pub(crate) fn unroute(&self, command: CommandId) {
        let mut routes = lock(&self.routes);
        if let Some(entry) = routes.commands.remove(&command) {
            for log in entry.logs {
                routes.logs.remove(&log);
            }
        }
    }

    /// The logs that a command writes.
    pub(crate) fn logs_of(&self, command: CommandId) -> Vec<LogId> {
        lock(&self.routes).commands.get(&command).map(|c| c.logs.clone()).unwrap_or_default()
    }

    /// Opens a log for appending, once.
    pub(crate) async fn begin(&self, logs: &Logs, build: BuildId, log: LogId) -> Result<(), LogError> {
        let begun = |routes: &mut Routes| {
            let command = routes.logs.get(&log).map(|(command, _)| *command)?;
            routes.commands.get_mut(&command).map(|c| c.begun.insert(log))
        };
        if begun(&mut lock(&self.routes)) == Some(true) {
            logs.begin(build, log).await?;
        }
        Ok(())
    }

    /// Takes a piece of output in, and lets the worker send more. What cannot be written ends the command.
    pub(crate) async fn append(
        &self,
        logs: &Logs,
        link: &Link,
        command: CommandId,
        (number, stream, offset): (u16, Stream, u64),
        mut data: Vec<u8>,
    ) {
        let build = BuildId(command.build);
        let Some(log) = self.logs_of(command).get(usize::from(number)).copied() else {
            tracing::warn!("command {command} writes log {number}, which nobody asked for");
            return;
        };
        let end = offset + data.len() as u64;
        let told = lock(&self.routes).commands.get(&command).and_then(|c| c.told.get(&log).copied());
        if let Some(told) = told {
            data.truncate(usize::try_from(told.saturating_sub(offset)).unwrap_or(usize::MAX));
        }
        let taken = match self.begin(logs, build, log).await {
            Ok(()) => logs.append(build, log, offset, stream, Bytes::from(data)).await,
            Err(e) => Err(e.into()),
        };
        match taken {
            Ok(_) | Err(AppendError::Sealed { .. }) => {
                link.ledger().acknowledge(command, number, end, 0);
                fail_point!("chunk-taken");
            }
            Err(e) => {
                tracing::error!("log {log} of build {build} cannot be written: {e}");
                link.ledger().interrupt(command, format!("the master cannot write its log: {e}"));
                link.ledger().acknowledge(command, number, end, 0);
            }
        }
    }

    /// The store has a command's end. Once its logs are durable too, its worker may forget it.
    pub(crate) fn end_is_durable(&self, worker: WorkerId, command: CommandId) {
        let mut routes = lock(&self.routes);
        match routes.commands.get_mut(&command) {
            Some(entry) => {
                entry.end_is_durable = true;
                if entry.sealed.len() >= entry.logs.len() {
                    drop(routes);
                    self.forget(command);
                }
            }
            None => {
                drop(routes);
                let link = self.link(worker);
                link.ledger().forget(command);
                link.wake.notify_one();
            }
        }
    }

    fn is_routed(&self, command: CommandId) -> bool {
        lock(&self.routes).commands.contains_key(&command)
    }

    fn is_over(&self, command: CommandId) {
        let mut routes = lock(&self.routes);
        let Some(entry) = routes.commands.get_mut(&command) else { return };
        entry.end_is_durable = true;
        let over = entry.sealed.len() >= entry.logs.len();
        drop(routes);
        if over {
            self.forget(command);
        }
    }

    fn forget(&self, command: CommandId) {
        fail_point!("end-known");
        let link = lock(&self.routes).commands.get(&command).map(|c| c.link.clone());
        self.unroute(command);
        if let Some(link) = link {
            link.ledger().forget(command);
            link.wake.notify_one();
        }
    }

    /// Hands on what is durable of each log, for as long as there are logs.
    pub(crate) async fn hand_on_syncs(&self, mut synced: logs::SyncedReceiver) {
        while let Some(words) = synced.recv().await {
            for word in words {
                self.durable(word);
            }
        }
    }

    fn durable(&self, word: logs::Durable) {
        let mut routes = lock(&self.routes);
        let Some((command, number)) = routes.logs.get(&word.log).copied() else { return };
        let Some(entry) = routes.commands.get_mut(&command) else { return };
        entry.link.ledger().acknowledge(command, number, 0, word.bytes);
        if word.sealed {
            entry.sealed.insert(word.log);
        }
        let over = entry.end_is_durable && entry.sealed.len() >= entry.logs.len();
        let link = entry.link.clone();
        drop(routes);
        match over {
            true => self.forget(command),
            false => link.wake.notify_one(),
        }
    }

    /// Tells the heart of an end without waiting for a place in its inbox.
    pub(crate) fn ended(&self, ended: CommandEnded) {
        let inbox = self.inbox.clone();
        if let Err(mpsc::error::TrySendError::Full(input)) = inbox.try_send(Input::Ended(ended)) {
            tokio::spawn(async move { drop(inbox.send(input).await) });
        }
    }

    /// Drops every command that does not run in this world. One that has ended was written down, whoever was told of it:
    /// its worker may forget it as soon as its logs are durable.
    pub(crate) fn drop_unwanted(&self, world: &World) {
        let wanted: BTreeSet<CommandId> = world
            .builds()
            .filter_map(|b| b.current().map(|s| effect::command_id(b.build.id, b.build.lease.epoch, s.id)))
            .collect();
        let links: Vec<Arc<Link>> = lock(&self.links).values().cloned().collect();
        for link in links {
            let mut ledger = link.ledger();
            let unwanted: Vec<CommandId> = ledger.commands().filter(|c| !wanted.contains(c)).collect();
            let mut ended = Vec::new();
            for command in unwanted {
                match (self.is_routed(command), ledger.standing(command)) {
                    (true, Some(Standing::Ended)) => ended.push(command),
                    _ if self.is_rest(command) => {}
                    _ => ledger.forget(command),
                }
            }
            drop(ledger);
            link.wake.notify_one();
            for command in ended {
                self.is_over(command);
            }
        }
    }
}
