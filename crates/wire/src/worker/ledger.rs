//! What a worker remembers from one connection to the next: its commands and how far each log was sent.

use super::ReadWish;
use crate::frame;
use crate::message::{Held, HeldState, LogLength, ResumeLog, ToMaster, Welcome};
use crate::{CHUNK_LIMIT, COMMAND_LIMIT, CommandId, EndedBy, Ending, Exit, LOG_LIMIT, ProtocolError};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The longest ending, in bytes as encoded; beyond, its properties and files are left out.
const ENDING_LIMIT: usize = 512 << 10;

/// All commands of a worker. Local events are told to it whether there is a connection or not; the session sends what
/// the master has yet to hear.
#[derive(Debug, Default)]
pub struct WorkerLedger {
    commands: BTreeMap<CommandId, Entry>,
    /// Commands that may have a message to send.
    touched: BTreeSet<CommandId>,
    /// Dropped commands that are gone; to be told.
    gone: BTreeSet<CommandId>,
    /// Bytes of all commands that were sent and not received.
    open: u64,
}

#[derive(Debug)]
struct Entry {
    state: State,
    logs: BTreeMap<u16, Place>,
    /// The main process was seen running.
    started: bool,
    /// The spool may have something unread.
    more: bool,
    /// Nobody waits for it; it is being ended.
    dropped: bool,
    /// On this connection: the master knows that the worker has it.
    live: bool,
    started_told: bool,
    end_told: bool,
}

#[derive(Debug)]
enum State {
    Running,
    Ended(Box<Ending>),
    Lost(String),
}

/// How far a log has come.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    sent: u64,
    received: u64,
    durable: u64,
}

impl Entry {
    fn new() -> Self {
        Self {
            state: State::Running,
            logs: BTreeMap::new(),
            started: false,
            more: false,
            dropped: false,
            live: false,
            started_told: false,
            end_told: false,
        }
    }

    fn open(&self) -> u64 {
        self.logs.values().map(|p| p.sent - p.received).sum()
    }
}

impl WorkerLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// A command that an earlier daemon left behind, running or ended; its spool will be read from where the master says.
    ///
    /// # Errors
    /// [`ProtocolError::TooManyCommands`], or [`ProtocolError::OutOfTurn`] if it is there already.
    pub fn adopt(&mut self, command: CommandId) -> Result<(), ProtocolError> {
        let entry = self.insert(command, "when it is held already")?;
        entry.started = true;
        Ok(())
    }

    /// The master gave a command.
    pub(super) fn begin(&mut self, command: CommandId) -> Result<(), ProtocolError> {
        let entry = self.insert(command, "when the worker holds it already")?;
        entry.live = true;
        Ok(())
    }

    fn insert(&mut self, command: CommandId, when: &'static str) -> Result<&mut Entry, ProtocolError> {
        if self.commands.contains_key(&command) {
            return Err(ProtocolError::OutOfTurn { message: "start", command, when });
        }
        if self.commands.len() >= COMMAND_LIMIT {
            return Err(ProtocolError::TooManyCommands);
        }
        Ok(self.commands.entry(command).or_insert_with(Entry::new))
    }

    /// The main process of a command runs.
    pub fn started(&mut self, command: CommandId) {
        self.update(command, |entry| entry.started = true);
    }

    /// The spool of a command may have more than was read.
    pub fn grew(&mut self, command: CommandId) {
        self.update(command, |entry| entry.more = !matches!(entry.state, State::Lost(_)));
    }

    /// The spool of a command has been read to its end for now.
    pub fn drained(&mut self, command: CommandId) {
        self.update(command, |entry| entry.more = false);
    }

    /// A command has ended. Told once; its output may still have to be read.
    pub fn ended(&mut self, command: CommandId, mut ending: Ending) {
        shorten(&mut ending);
        self.update(command, |entry| {
            if matches!(entry.state, State::Running) {
                entry.state = State::Ended(Box::new(ending));
            }
        });
    }

    /// The rest of a command's output, or how it ended, cannot be had.
    pub fn lost(&mut self, command: CommandId, reason: impl Into<String>) {
        let reason = frame::clipped(reason.into());
        self.update(command, |entry| {
            entry.state = State::Lost(reason);
            entry.more = false;
        });
    }

    /// A command that was to be dropped has no process and no spool left.
    pub fn gone(&mut self, command: CommandId) {
        if let Some(entry) = self.commands.remove(&command) {
            self.open -= entry.open();
            if entry.live {
                self.gone.insert(command);
                self.touched.insert(command);
            }
        }
    }

    fn update(&mut self, command: CommandId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.commands.get_mut(&command) {
            change(entry);
            self.touched.insert(command);
        }
    }

    /// The commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = CommandId> {
        self.commands.keys().copied()
    }

    /// Whether this command is held.
    pub fn holds(&self, command: CommandId) -> bool {
        self.commands.contains_key(&command)
    }

    /// Whether the end of this command is known.
    pub fn has_ended(&self, command: CommandId) -> bool {
        self.commands.get(&command).is_some_and(|e| !matches!(e.state, State::Running))
    }

    /// A connection is over, or begins: nothing of it counts any more.
    pub(super) fn disconnected(&mut self) {
        self.open = 0;
        self.gone.clear();
        for entry in self.commands.values_mut() {
            entry.live = false;
            entry.end_told = false;
            for place in entry.logs.values_mut() {
                place.sent = place.received;
            }
        }
    }

    pub(super) fn held(&self) -> Vec<Held> {
        let state = |e: &Entry| match e.state {
            State::Running => HeldState::Running,
            State::Ended(_) | State::Lost(_) => HeldState::Ended,
        };
        self.commands.iter().map(|(&command, e)| Held { command, state: state(e) }).collect()
    }

    pub(super) fn known(&self, message: &'static str, command: CommandId) -> Result<(), ProtocolError> {
        match self.commands.contains_key(&command) {
            true => Ok(()),
            false => Err(ProtocolError::UnknownCommand { message, command }),
        }
    }

    pub(super) fn resume(&mut self, command: CommandId, logs: &[ResumeLog]) -> Result<(), ProtocolError> {
        self.known("resume", command)?;
        let Some(entry) = self.commands.get_mut(&command) else { return Ok(()) };
        if entry.live {
            return Err(ProtocolError::OutOfTurn { message: "resume", command, when: "when it goes on already" });
        }
        if logs.len() > LOG_LIMIT {
            return Err(ProtocolError::TooManyLogs { command });
        }
        entry.logs.clear();
        for &ResumeLog { log, from, received, durable } in logs {
            if durable > received || received > from {
                return Err(ProtocolError::OutOfRange {
                    command,
                    log,
                    offset: durable,
                    from: 0,
                    to: received.min(from),
                });
            }
            entry.logs.insert(log, Place { sent: from, received, durable });
        }
        self.open += entry.open();
        entry.live = true;
        entry.started_told = true;
        entry.more = !matches!(entry.state, State::Lost(_));
        self.touched.insert(command);
        Ok(())
    }

    /// Answers whether the command is here to be ended; one that is not is gone at once.
    pub(super) fn drop_asked(&mut self, command: CommandId) -> bool {
        self.touched.insert(command);
        match self.commands.get_mut(&command) {
            Some(entry) => {
                entry.dropped = true;
                entry.live = true;
                true
            }
            None => {
                self.gone.insert(command);
                false
            }
        }
    }

    pub(super) fn forget(&mut self, command: CommandId) -> Result<(), ProtocolError> {
        // The master may know the end from an earlier daemon while this one has yet to read it.
        self.known("forget", command)?;
        if let Some(entry) = self.commands.remove(&command) {
            self.open -= entry.open();
        }
        Ok(())
    }

    /// Takes an acknowledgement in. Answers whether the spool can be trimmed.
    pub(super) fn acknowledged(
        &mut self,
        command: CommandId,
        log: u16,
        received: u64,
        durable: u64,
    ) -> Result<bool, ProtocolError> {
        self.known("ack", command)?;
        let Some(entry) = self.commands.get_mut(&command) else { return Ok(false) };
        if entry.dropped {
            return Ok(false);
        }
        let place = entry.logs.get_mut(&log).filter(|_| entry.live);
        let (from, to) = place.as_ref().map_or((0, 0), |p| (p.received, p.sent));
        let Some(place) = place.filter(|_| (from..=to).contains(&received)) else {
            return Err(ProtocolError::OutOfRange { command, log, offset: received, from, to });
        };
        if durable < place.durable || durable > received {
            let from = place.durable;
            return Err(ProtocolError::OutOfRange { command, log, offset: durable, from, to: received });
        }
        self.open -= received - place.received;
        place.received = received;
        Ok(std::mem::replace(&mut place.durable, durable) < durable)
    }

    /// The next command whose spool may be read, after `cursor` in turn.
    pub(super) fn next_read(&self, cursor: Option<CommandId>, terms: &Welcome, piece: usize) -> Option<ReadWish> {
        let left = terms.total_window.saturating_sub(self.open);
        let wish = |(&command, entry): (&CommandId, &Entry)| {
            let mine = left.min(terms.window.saturating_sub(entry.open()));
            let limit = usize::try_from(mine).unwrap_or(usize::MAX).min(piece).min(CHUNK_LIMIT);
            (entry.live && entry.more && !entry.dropped && limit > 0).then_some(ReadWish { command, limit })
        };
        let start = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.commands.range((start, Bound::Unbounded)).find_map(wish);
        later.or_else(|| self.commands.iter().find_map(wish))
    }

    /// A piece is about to be sent. Answers how many of its bytes were sent before, or `None` if nothing is to be sent.
    pub(super) fn sending(&mut self, command: CommandId, log: u16, offset: u64, length: usize) -> Option<usize> {
        let entry = self.commands.get_mut(&command).filter(|e| e.live && !e.dropped)?;
        if matches!(entry.state, State::Lost(_)) {
            return None;
        }
        if !entry.logs.contains_key(&log) && entry.logs.len() == LOG_LIMIT {
            self.lost(command, format!("it has more than {LOG_LIMIT} logs"));
            return None;
        }
        let place = entry.logs.entry(log).or_default();
        if offset > place.sent {
            let sent = place.sent;
            self.lost(command, format!("the spool lacks bytes {sent} to {offset} of log {log}"));
            return None;
        }
        let old = usize::try_from(place.sent - offset).ok().filter(|&old| old < length)?;
        place.sent += (length - old) as u64;
        self.open += (length - old) as u64;
        Some(old)
    }

    pub(super) fn take_touched(&mut self) -> Option<CommandId> {
        self.touched.pop_first()
    }

    /// Whether `started` is to be told now.
    pub(super) fn take_started(&mut self, command: CommandId) -> bool {
        let entry = self.commands.get_mut(&command).filter(|e| e.live && !e.dropped && !e.started_told);
        // An end or output without a start still needs the word, so that the master hears things in order.
        let entry = entry.filter(|e| e.started || !e.logs.is_empty() || !matches!(e.state, State::Running));
        entry.is_some_and(|e| !std::mem::replace(&mut e.started_told, true))
    }

    /// The last message about a command, when all before it was sent.
    pub(super) fn take_end(&mut self, command: CommandId) -> Option<ToMaster> {
        if self.gone.remove(&command) {
            return Some(ToMaster::Gone { command });
        }
        let entry = self.commands.get_mut(&command)?;
        if !entry.live || entry.dropped || entry.more || entry.end_told {
            return None;
        }
        let message = match &entry.state {
            State::Running => return None,
            State::Lost(reason) => ToMaster::Lost { command, reason: reason.clone() },
            State::Ended(ending) => {
                let logs = entry.logs.iter().map(|(&log, p)| LogLength { log, bytes: p.sent }).collect();
                ToMaster::Ended { command, ending: ending.clone(), logs }
            }
        };
        entry.end_told = true;
        Some(message)
    }
}

/// Makes sure that an ending fits into a frame.
fn shorten(ending: &mut Ending) {
    if let Exit::NotStarted { why } = &mut ending.exit {
        *why = frame::clipped(std::mem::take(why));
    }
    match &mut ending.ended_by {
        EndedBy::Interrupted { reason: text } | EndedBy::WorkerTrouble { what: text } => {
            *text = frame::clipped(std::mem::take(text));
        }
        EndedBy::Itself
        | EndedBy::NoOutput { .. }
        | EndedBy::TooLong { .. }
        | EndedBy::WorkerStopped
        | EndedBy::Orphaned => {}
    }
    if let Some(state) = &mut ending.state {
        *state = frame::clipped(std::mem::take(state));
    }
    if frame::encode_value(ending).is_ok_and(|bytes| bytes.len() > ENDING_LIMIT) {
        ending.properties.clear();
        ending.files.clear();
        ending.ended_by = EndedBy::WorkerTrouble { what: "the report of the work is too long".to_owned() };
    }
}
