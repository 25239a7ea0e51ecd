//! The commands of a worker: which slot each runs in, and what its spool has to tell.

mod task;

use self::task::{Found, Stage, Task, joined};
use crate::WorkerError;
use crate::home::Home;
use crate::job::{self, ORPHANED, Refusal, STOPPED};
use crate::setup::Setup;
use crate::slot::{self, Slot, SlotNews, What};
use killpoint::fail_point;
use model::{Span, Stream, Time};
use process::control::{FromSupervisor, Hello, ToSupervisor, Wait};
use process::spool::{self, SpoolError, Trim};
use process::{JobId, Supervisor};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use tokio::sync::mpsc;
use wire::{Assignment, CommandId, EndedBy, Ending, ProtocolError, ReadWish, WorkerLedger, WorkerSession};

/// Idle supervisors beyond the spare ones that are kept, so that builds that take turns do not start new ones.
const IDLE: usize = 4;

/// A spool that cannot be opened now is tried again after this long.
const AGAIN: Span = Span::seconds(1);

/// A spool is trimmed when this many bytes more are safe; less is not worth the look.
const TRIM: u64 = 1 << 20;

/// All commands and slots of a worker.
#[derive(Debug)]
pub(crate) struct Commands {
    setup: Setup,
    home: Home,
    news: mpsc::Sender<SlotNews>,
    pub(crate) ledger: WorkerLedger,
    pub(crate) orphan_limit: Option<Span>,
    tasks: BTreeMap<CommandId, Task>,
    /// Commands without a slot, in the order in which they came.
    waiting: VecDeque<CommandId>,
    slots: BTreeMap<u32, Entry>,
    /// Commands whose spools could not be opened for lack of files or memory, and when they are tried again.
    again: BTreeMap<CommandId, Time>,
    /// Commands that wait since what they say cannot be written here, with what the system says.
    stuck: BTreeMap<CommandId, String>,
    /// No new commands: the worker is about to stop.
    leaving: bool,
    /// No new supervisors: the worker stops.
    quitting: bool,
}

#[derive(Debug)]
struct Entry {
    slot: Slot,
    state: SlotState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    Starting,
    Idle,
    Busy(CommandId),
}

impl Commands {
    pub(crate) fn new(setup: Setup, home: Home, news: mpsc::Sender<SlotNews>) -> Self {
        Self {
            orphan_limit: setup.orphan_limit,
            setup,
            home,
            news,
            ledger: WorkerLedger::new(),
            tasks: BTreeMap::new(),
            waiting: VecDeque::new(),
            slots: BTreeMap::new(),
            again: BTreeMap::new(),
            stuck: BTreeMap::new(),
            leaving: false,
            quitting: false,
        }
    }

    /// Looks for what an earlier daemon left: living supervisors, ended commands, and what dead supervisors left behind.
    /// Blocks for some milliseconds for each slot.
    pub(crate) fn adopt(&mut self) -> Result<(), WorkerError> {
        let slots = self.home.slots().map_err(WorkerError::file(self.home.dir(), "read"))?;
        for number in slots {
            let dir = self.home.slot(number);
            let supervisor = Supervisor::attach(&dir).unwrap_or_else(|e| {
                tracing::warn!("slot {number}: {}", slot::chain(&e));
                None
            });
            let runs = supervisor.as_ref().and_then(|s| s.hello().holding.as_ref()).map(|h| h.job.clone());
            if supervisor.is_none() {
                for stray in slot::clean(&dir) {
                    tracing::warn!("slot {number}: ended {stray}, which a dead supervisor left behind");
                }
            }
            for id in spool::jobs(&dir).map_err(WorkerError::file(&dir, "read"))? {
                self.adopt_job(number, &id, runs.as_ref() == Some(&id));
            }
            if let Some(supervisor) = supervisor {
                let slot = Slot::adopt(number, supervisor, dir, self.news.clone());
                let state = match runs.and_then(|job| job.as_str().parse().ok()) {
                    Some(command) => SlotState::Busy(command),
                    None => SlotState::Starting,
                };
                self.slots.insert(number, Entry { slot, state });
            }
        }
        let left = process::stray::sweep_groups();
        if left > 0 {
            tracing::debug!("removed {left} empty control groups of dead supervisors");
        }
        fail_point!("adopted");
        if !self.tasks.is_empty() {
            tracing::info!("commands taken over from an earlier daemon: {}", self.tasks.len());
        }
        self.assign();
        Ok(())
    }

    fn adopt_job(&mut self, slot: u32, id: &JobId, runs: bool) {
        let dir = id.dir(&self.home.slot(slot));
        let held = id.as_str().parse().ok().filter(|&command| self.ledger.adopt(command).is_ok());
        let Some(command) = held else {
            tracing::warn!("slot {slot}: {} is no command's and is removed", dir.display());
            let _ = spool::remove(&dir);
            return;
        };
        let stage = if runs { Stage::Running(slot) } else { Stage::Orphan };
        self.tasks.insert(command, Task { dir: Some(dir), begun: true, ..Task::new(stage) });
    }

    /// Begins a command.
    pub(crate) fn begin(&mut self, command: CommandId, assignment: Assignment) {
        fail_point!("start-heard");
        match job::job(&self.setup, &self.home, self.orphan_limit, command, assignment) {
            Ok(_) if self.leaving => self.refuse(command, Ending::not_started(STOPPED), EndedBy::WorkerStopped),
            Ok(job) => {
                self.tasks.insert(command, Task::new(Stage::Waiting(Box::new(job))));
                self.waiting.push_back(command);
                self.assign();
            }
            Err(Refusal::Asked(why)) => self.refuse(command, Ending::not_started(why), EndedBy::Itself),
            Err(Refusal::Machine(what)) => self.refuse_for_trouble(command, what),
        }
    }

    /// Ends a command that has not begun.
    fn refuse(&mut self, command: CommandId, ending: Ending, by: EndedBy) {
        self.waiting.retain(|&c| c != command);
        self.tasks.insert(command, Task::new(Stage::Refused));
        self.ledger.ended(command, Ending { ended_by: by, ..ending });
    }

    /// Ends a command that this machine cannot begin.
    fn refuse_for_trouble(&mut self, command: CommandId, what: String) {
        self.refuse(command, Ending::not_started(what.clone()), EndedBy::WorkerTrouble { what });
    }

    /// Gives waiting commands to idle supervisors, and starts as many supervisors as are needed and one more.
    fn assign(&mut self) {
        loop {
            let idle = self.slots.iter_mut().find(|(_, e)| e.state == SlotState::Idle);
            let Some((&number, entry)) = idle else { break };
            let Some(command) = self.waiting.pop_front() else { break };
            let Some(task) = self.tasks.get_mut(&command) else { continue };
            let Stage::Waiting(job) = std::mem::replace(&mut task.stage, Stage::Running(number)) else { continue };
            task.dir = Some(job.id.dir(&self.home.slot(number)));
            entry.state = SlotState::Busy(command);
            // An order that cannot be given means that the slot is about to be reported as gone.
            entry.slot.order(ToSupervisor::Run(job));
            fail_point!("slot-given");
        }
        if self.quitting {
            return;
        }
        let coming = self.slots.values().filter(|e| e.state != SlotState::Idle && !e.busy()).count();
        let idle = self.idle();
        let wanted = self.waiting.len() + self.setup.spare_slots;
        for _ in coming + idle..wanted {
            if self.setup.most_at_once.is_some_and(|most| self.slots.len() >= most) {
                break;
            }
            let number = (0..).find(|n| !self.slots.contains_key(n)).unwrap_or(u32::MAX);
            let slot = Slot::start(number, self.setup.exe.clone(), self.home.slot(number), self.news.clone());
            self.slots.insert(number, Entry { slot, state: SlotState::Starting });
            fail_point!("slot-begun");
        }
        if idle > self.setup.spare_slots + IDLE
            && let Some(entry) = self.slots.values().rev().find(|e| e.state == SlotState::Idle)
        {
            entry.slot.hint(ToSupervisor::Quit);
        }
    }

    fn idle(&self) -> usize {
        self.slots.values().filter(|e| e.state == SlotState::Idle).count()
    }

    /// Takes news of a slot in.
    pub(crate) fn news(&mut self, news: SlotNews) {
        let number = news.slot;
        match news.what {
            What::Ready(hello) => self.ready(number, &hello),
            What::Said(said) => self.said(number, said),
            What::Gone(strays) => {
                for stray in strays {
                    tracing::warn!("slot {number}: ended {stray}, which a dead supervisor left behind");
                }
                if let Some(Entry { state: SlotState::Busy(command), .. }) = self.slots.remove(&number) {
                    tracing::warn!("slot {number}: the supervisor of command {command} is gone");
                    self.over(command, Stage::Orphan);
                }
                self.assign();
            }
            What::Failed(why) => {
                tracing::error!("slot {number}: no supervisor: {why}");
                self.slots.remove(&number);
                if let Some(command) = self.waiting.pop_front() {
                    self.refuse_for_trouble(command, format!("the worker has no supervisor for it: {why}"));
                }
            }
        }
    }

    fn ready(&mut self, number: u32, hello: &Hello) {
        let Some(entry) = self.slots.get_mut(&number) else { return };
        if self.quitting {
            entry.slot.order(ToSupervisor::Quit);
        }
        if entry.state == SlotState::Starting {
            let holds = hello.holding.as_ref().and_then(|h| h.job.as_str().parse().ok());
            entry.state = holds.map_or(SlotState::Idle, SlotState::Busy);
        }
        self.assign();
    }

    fn said(&mut self, number: u32, said: FromSupervisor) {
        let command = |job: &JobId| job.as_str().parse::<CommandId>().ok();
        match said {
            FromSupervisor::Hello(_) => {}
            FromSupervisor::Started { job, .. } => {
                if let Some(command) = command(&job) {
                    self.ledger.started(command);
                    self.grew(command);
                }
            }
            FromSupervisor::Grown { job } => {
                if let Some(command) = command(&job) {
                    self.grew(command);
                }
            }
            FromSupervisor::Ended { job } => {
                if let Some(command) = command(&job) {
                    self.free(number, command);
                    self.over(command, Stage::Ended);
                    self.assign();
                }
            }
            FromSupervisor::Refused { job, error } => {
                if let Some(command) = command(&job) {
                    self.free(number, command);
                    self.refuse_for_trouble(command, error);
                    self.assign();
                }
            }
            FromSupervisor::Waiting { job, why } => match why {
                Wait::SpoolLimit => {
                    tracing::info!("command {job} waits: its spool is full");
                    if let Some(command) = command(&job) {
                        self.stuck.remove(&command);
                    }
                }
                Wait::Disk { error } => {
                    tracing::warn!("command {job} waits: its spool cannot be written: {error}");
                    if let Some(command) = command(&job) {
                        self.stuck.insert(command, error);
                    }
                }
            },
            FromSupervisor::Resumed { job } => {
                tracing::info!("command {job} goes on");
                if let Some(command) = command(&job) {
                    self.stuck.remove(&command);
                }
            }
        }
    }

    fn free(&mut self, number: u32, command: CommandId) {
        if let Some(entry) = self.slots.get_mut(&number).filter(|e| e.state == SlotState::Busy(command)) {
            entry.state = SlotState::Idle;
        }
    }

    fn grew(&mut self, command: CommandId) {
        if let Some(task) = self.tasks.get_mut(&command) {
            task.begun = true;
            self.ledger.grew(command);
        }
    }

    /// A command no longer runs.
    fn over(&mut self, command: CommandId, stage: Stage) {
        self.stuck.remove(&command);
        let Some(task) = self.tasks.get_mut(&command) else { return };
        task.begun = true;
        task.stage = stage;
        match task.dropped {
            true => self.remove(command),
            false => self.ledger.grew(command),
        }
    }

    /// Asks for the end of a command.
    pub(crate) fn interrupt(&mut self, command: CommandId, reason: String) {
        let by = match reason.as_str() {
            STOPPED => EndedBy::WorkerStopped,
            ORPHANED => EndedBy::Orphaned,
            _ => EndedBy::Interrupted { reason: reason.clone() },
        };
        match self.tasks.get(&command).map(|t| &t.stage) {
            Some(Stage::Waiting(_)) => self.refuse(command, Ending::not_started(reason), by),
            Some(Stage::Running(number)) => {
                if let (Some(entry), Ok(job)) = (self.slots.get(number), job::job_id(command)) {
                    entry.slot.order(ToSupervisor::Interrupt { job, reason });
                }
            }
            Some(Stage::Ended | Stage::Orphan | Stage::Refused) | None => {}
        }
    }

    /// Asks for the end of all commands.
    pub(crate) fn interrupt_all(&mut self, reason: &str) {
        let all: Vec<_> = self.tasks.keys().copied().collect();
        for command in all {
            self.interrupt(command, reason.to_owned());
        }
    }

    /// Ends a command if it runs, and throws its spool away.
    pub(crate) fn discard(&mut self, command: CommandId, reason: &str) {
        let Some(task) = self.tasks.get_mut(&command) else {
            self.ledger.gone(command);
            return;
        };
        task.dropped = true;
        match task.stage {
            Stage::Running(_) => {
                tracing::info!("command {command} is dropped: {reason}");
                self.interrupt(command, reason.to_owned());
            }
            Stage::Waiting(_) | Stage::Ended | Stage::Orphan | Stage::Refused => self.remove(command),
        }
    }

    fn remove(&mut self, command: CommandId) {
        fail_point!("forget-heard");
        self.waiting.retain(|&c| c != command);
        if let Some(dir) = self.tasks.remove(&command).and_then(|t| t.dir)
            && let Err(e) = spool::remove(&dir)
        {
            tracing::warn!("{} cannot be removed: {e}", dir.display());
        }
        let _ = fs::remove_file(self.home.work_file(&command.to_string()));
        fail_point!("spool-removed");
        self.ledger.gone(command);
    }

    /// Reads a command's spool from other places.
    pub(crate) fn seek(&mut self, command: CommandId, positions: Vec<(u16, u64)>) {
        let Some(task) = self.tasks.get_mut(&command) else { return };
        let sought = match &mut task.reader {
            Some(reader) => reader.seek(&positions),
            None => Ok(()),
        };
        task.positions = positions;
        if let Err(e) = sought {
            self.lose(command, &e);
        }
    }

    /// Bytes of a spool are safe elsewhere.
    pub(crate) fn trim(&mut self, command: CommandId, log: u16, offset: u64) {
        let Some(task) = self.tasks.get_mut(&command) else { return };
        let Some(reader) = &mut task.reader else { return };
        let trimmed = task.trimmed.entry(log).or_insert(0);
        if offset.saturating_sub(*trimmed) < TRIM {
            return;
        }
        *trimmed = offset;
        fail_point!("trim-heard");
        match (reader.trim(log, offset), &task.stage) {
            (Ok(Trim::Segments(_)), Stage::Running(number)) => {
                if let (Some(entry), Ok(job)) = (self.slots.get(number), job::job_id(command)) {
                    entry.slot.hint(ToSupervisor::Trimmed { job });
                }
            }
            (Ok(_), _) => {}
            (Err(e), _) => tracing::warn!("command {command}: its spool cannot be trimmed: {}", slot::chain(&e)),
        }
    }

    /// The spool cannot be read: the rest of it is lost, and the command need not go on.
    fn lose(&mut self, command: CommandId, error: &SpoolError) {
        let reason = format!("its spool cannot be read: {}", slot::chain(error));
        tracing::error!("command {command} is lost: {reason}");
        self.ledger.lost(command, reason.clone());
        self.interrupt(command, reason);
    }

    /// Reads a piece of a spool and hands it to the session.
    pub(crate) fn read(&mut self, session: &mut WorkerSession, wish: ReadWish, now: Time) -> Result<(), ProtocolError> {
        let command = wish.command;
        let found = match self.tasks.get_mut(&command) {
            Some(task) => task.look(wish.limit),
            None => Ok(Found::Nothing),
        };
        match found {
            Ok(Found::Pieces(pieces)) => {
                for piece in joined(pieces) {
                    let stream = Stream::from_code(piece.stream.code()).unwrap_or(Stream::Header);
                    let place = (command, piece.log, stream);
                    session.chunk(&mut self.ledger, place, piece.offset, &piece.data, now)?;
                    fail_point!("chunk-read");
                }
            }
            Ok(Found::Nothing) => self.ledger.drained(command),
            Ok(Found::End(ending)) => {
                self.ledger.drained(command);
                self.ledger.ended(command, *ending);
                fail_point!("end-read");
            }
            Err(SpoolError::Io { file, source }) if slot::is_passing(&source) => {
                tracing::warn!("command {command}: {}: {source}; trying again", file.display());
                self.ledger.drained(command);
                self.again.insert(command, now + AGAIN);
            }
            Err(e) => self.lose(command, &e),
        }
        Ok(())
    }

    /// When a spool is to be tried again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.again.values().min().copied()
    }

    /// Tries those spools again whose time has come.
    pub(crate) fn due(&mut self, now: Time) {
        for (command, at) in std::mem::take(&mut self.again) {
            match at <= now {
                true => self.grew(command),
                false => drop(self.again.insert(command, at)),
            }
        }
    }

    /// Commands that wait since what they say cannot be written here, with what the system says.
    pub(crate) fn stuck(&self) -> impl Iterator<Item = (CommandId, &str)> {
        self.stuck.iter().map(|(&command, why)| (command, why.as_str()))
    }

    /// How many commands have not ended.
    pub(crate) fn running(&self) -> usize {
        self.tasks.values().filter(|t| matches!(t.stage, Stage::Waiting(_) | Stage::Running(_))).count()
    }

    /// Commands that come from now on are ended before they begin.
    pub(crate) fn take_no_more(&mut self) {
        self.leaving = true;
    }

    /// Begins no command any more, and sends the supervisors home as soon as they are idle.
    pub(crate) fn quit(&mut self) {
        self.leaving = true;
        self.quitting = true;
        for entry in self.slots.values() {
            entry.slot.order(ToSupervisor::Quit);
        }
    }

    /// How many supervisors there are.
    pub(crate) fn supervisors(&self) -> usize {
        self.slots.len()
    }

    /// The base directory.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

impl Entry {
    fn busy(&self) -> bool {
        matches!(self.state, SlotState::Busy(_))
    }
}
