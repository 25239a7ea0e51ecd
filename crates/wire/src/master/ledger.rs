//! What a master remembers of a worker from one connection to the next: its commands and how far each log has come.

use crate::ProtocolError;
use crate::frame;
use crate::message::{LogLength, ResumeLog, ToWorker, Welcome};
use crate::{ASSIGNMENT_LIMIT, Assignment, AssignmentError, CHUNK_LIMIT, COMMAND_LIMIT, CommandId, LOG_LIMIT};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The most commands that are given to a worker at once: half of what it may hold, since dropped ones take their time.
const COMMANDS: usize = COMMAND_LIMIT / 2;

/// All commands that one worker has or shall have. What is asked of it here goes out with the next frame of the live
/// session, or after the next welcome.
#[derive(Debug, Default)]
pub struct MasterLedger {
    commands: BTreeMap<CommandId, Entry>,
    /// Commands about which there may be something to say.
    touched: BTreeSet<CommandId>,
    /// Pieces of an assignment, and the last words about commands that are no longer here.
    outbox: VecDeque<ToWorker>,
    /// Dropped since a session last looked.
    dropped: Vec<CommandId>,
    /// Bytes of the counted commands that came and were not taken over.
    open: u64,
    generation: u64,
}

/// What is known of a command when the ledger is made anew from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Which.
    pub command: CommandId,
    /// How many bytes of each log are durable; a log that is not named has none.
    pub logs: Vec<(u16, u64)>,
    /// What to send if the worker does not have it. `None`: the worker had begun it, so without it the command is lost.
    pub assignment: Option<Assignment>,
    /// Somebody asked for its end, with the reason.
    pub interrupt: Option<String>,
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was given to the ledger, and the worker has not said yet that it has it.
    Asked,
    /// The worker has it.
    Held,
    /// Its end came.
    Ended,
}

#[derive(Debug)]
struct Entry {
    /// The encoded assignment, until the worker has it.
    assignment: Option<Vec<u8>>,
    standing: Standing,
    logs: BTreeMap<u16, Place>,
    interrupt: Option<String>,
    /// On this connection: the worker may speak of it.
    live: bool,
    /// On this connection: the worker sends its output, so that its open bytes count against the window of all. Those of
    /// one that ended on an earlier connection do not: the worker no longer knows of them.
    counted: bool,
    start_told: bool,
    interrupt_told: bool,
}

/// How far a log has come, and what the worker was told of it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    arrived: u64,
    received: u64,
    durable: u64,
    told: (u64, u64),
}

impl Entry {
    fn new(assignment: Option<Vec<u8>>, standing: Standing) -> Self {
        Self {
            assignment,
            standing,
            logs: BTreeMap::new(),
            interrupt: None,
            live: false,
            counted: false,
            start_told: false,
            interrupt_told: false,
        }
    }

    fn open(&self) -> u64 {
        self.logs.values().map(|p| p.arrived - p.received).sum()
    }
}

impl MasterLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the worker a command. Giving the same one again changes nothing.
    ///
    /// # Errors
    /// The assignment is too large to be sent, or the worker has as many commands as it may have.
    pub fn start(&mut self, command: CommandId, assignment: &Assignment) -> Result<(), AssignmentError> {
        if self.commands.len() >= COMMANDS {
            return Err(AssignmentError::TooManyCommands { limit: COMMANDS });
        }
        let bytes = encoded(assignment)?;
        self.commands.entry(command).or_insert_with(|| Entry::new(Some(bytes), Standing::Asked));
        self.touched.insert(command);
        Ok(())
    }

    /// Takes a command in that the store knows of, before the worker has come back.
    ///
    /// # Errors
    /// The assignment is too large to be sent.
    pub fn expect(&mut self, expected: Expectation) -> Result<(), AssignmentError> {
        let bytes = expected.assignment.as_ref().map(encoded).transpose()?;
        let standing = if bytes.is_some() { Standing::Asked } else { Standing::Held };
        let mut entry = Entry::new(bytes, standing);
        entry.interrupt = expected.interrupt;
        for (log, durable) in expected.logs {
            let place = Place { arrived: durable, received: durable, durable, told: (durable, durable) };
            entry.logs.insert(log, place);
        }
        self.commands.insert(expected.command, entry);
        self.touched.insert(expected.command);
        Ok(())
    }

    /// Asks for the end of a command. The first reason counts.
    pub fn interrupt(&mut self, command: CommandId, reason: impl Into<String>) {
        if let Some(entry) = self.commands.get_mut(&command) {
            entry.interrupt.get_or_insert_with(|| frame::clipped(reason.into()));
            self.touched.insert(command);
        }
    }

    /// Says how far a log has come: `received` bytes are taken over (the worker may send as much again), and `durable` of
    /// them cannot be lost (the worker may throw them away). Neither goes back, and neither goes beyond what came.
    pub fn acknowledge(&mut self, command: CommandId, log: u16, received: u64, durable: u64) {
        let Some(entry) = self.commands.get_mut(&command) else { return };
        let Some(place) = entry.logs.get_mut(&log) else { return };
        let received = received.clamp(place.received, place.arrived);
        if entry.counted {
            self.open -= received - place.received;
        }
        place.received = received;
        place.durable = durable.clamp(place.durable, received);
        if place.told != (place.received, place.durable) {
            self.touched.insert(command);
        }
    }

    /// The end of a command and all its output are durable: the worker may throw its spool away. A command that has not
    /// ended is dropped instead.
    pub fn forget(&mut self, command: CommandId) {
        match self.standing(command) {
            None => {}
            Some(Standing::Ended) => {
                let live = self.remove(command);
                if live {
                    self.outbox.push_back(ToWorker::Forget { command });
                }
            }
            Some(_) => self.drop(command, "it is no longer waited for"),
        }
    }

    /// Nobody waits for a command any more: the worker ends it and throws its spool away.
    pub fn drop(&mut self, command: CommandId, reason: impl Into<String>) {
        let Some(entry) = self.commands.get(&command) else { return };
        let known = entry.live || entry.start_told;
        self.remove(command);
        if known {
            self.dropped.push(command);
            self.outbox.push_back(ToWorker::Drop { command, reason: frame::clipped(reason.into()) });
        }
    }

    fn remove(&mut self, command: CommandId) -> bool {
        self.touched.remove(&command);
        let Some(entry) = self.commands.remove(&command) else { return false };
        if entry.counted {
            self.open -= entry.open();
        }
        entry.live
    }

    /// Where a command stands; `None`: it is not here.
    pub fn standing(&self, command: CommandId) -> Option<Standing> {
        self.commands.get(&command).map(|e| e.standing)
    }

    /// The commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = CommandId> {
        self.commands.keys().copied()
    }

    /// How many bytes of a log have come; 0 for one that is not known.
    pub fn arrived(&self, command: CommandId, log: u16) -> u64 {
        self.commands.get(&command).and_then(|e| e.logs.get(&log)).map_or(0, |p| p.arrived)
    }

    /// A new session begins; answers with its generation.
    pub(super) fn connected(&mut self) -> u64 {
        self.generation += 1;
        self.outbox.clear();
        self.dropped.clear();
        self.open = 0;
        for (&command, entry) in &mut self.commands {
            entry.live = false;
            entry.counted = false;
            entry.start_told = false;
            entry.interrupt_told = false;
            self.touched.insert(command);
        }
        self.generation
    }

    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    pub(super) fn take_dropped(&mut self) -> Vec<CommandId> {
        std::mem::take(&mut self.dropped)
    }

    /// What to answer to a held command: from where to go on, or why nobody waits for it. One whose end came already hears
    /// nothing until it is forgotten.
    pub(super) fn verdict(&mut self, command: CommandId) -> Result<Option<ToWorker>, String> {
        let Some(entry) = self.commands.get_mut(&command) else {
            let CommandId { build, epoch, .. } = command;
            let newer =
                self.commands.keys().map(|c| (c.build, c.epoch)).filter(|&(b, e)| b == build && e > epoch).max();
            return Err(match newer {
                Some((_, newer)) => {
                    format!("build {build} was given up and is now at epoch {newer}; this is of {epoch}")
                }
                None => format!("nobody waits for command {command} any more"),
            });
        };
        entry.live = true;
        entry.start_told = true;
        entry.assignment = None;
        match entry.standing {
            Standing::Ended => return Ok(None),
            Standing::Asked | Standing::Held => entry.standing = Standing::Held,
        }
        entry.counted = true;
        self.open += entry.open();
        let logs = entry.logs.iter_mut().map(|(&log, place)| {
            place.told = (place.received, place.durable);
            ResumeLog { log, from: place.arrived, received: place.received, durable: place.durable }
        });
        Ok(Some(ToWorker::Resume { command, logs: logs.collect() }))
    }

    /// After all verdicts: the commands that the worker had and did not name. They are forgotten here, but for those whose
    /// end came already.
    pub(super) fn take_absent(&mut self) -> Vec<CommandId> {
        let lost = |(&command, e): (&CommandId, &Entry)| (!e.live && e.standing == Standing::Held).then_some(command);
        let absent: Vec<_> = self.commands.iter().filter_map(lost).collect();
        for &command in &absent {
            self.remove(command);
        }
        absent
    }

    fn live(&mut self, message: &'static str, command: CommandId) -> Result<&mut Entry, ProtocolError> {
        let entry = self.commands.get_mut(&command).filter(|e| e.live || e.start_told);
        entry.ok_or(ProtocolError::UnknownCommand { message, command })
    }

    pub(super) fn started(&mut self, command: CommandId) -> Result<(), ProtocolError> {
        let entry = self.live("started", command)?;
        if entry.standing != Standing::Asked {
            return Err(ProtocolError::OutOfTurn { message: "started", command, when: "after it was started" });
        }
        entry.standing = Standing::Held;
        entry.live = true;
        // Nothing of it has come yet: there is nothing to add.
        entry.counted = true;
        entry.assignment = None;
        Ok(())
    }

    /// Takes a piece of a log in. Answers how many of its bytes came before, or `None` if all did.
    pub(super) fn chunk(
        &mut self,
        command: CommandId,
        log: u16,
        offset: u64,
        length: usize,
        terms: &Welcome,
    ) -> Result<Option<usize>, ProtocolError> {
        let open = self.open;
        let entry = self.live("chunk", command)?;
        let out_of_turn = |when| ProtocolError::OutOfTurn { message: "chunk", command, when };
        if !entry.live {
            return Err(out_of_turn("before it was started"));
        }
        if length == 0 || length > CHUNK_LIMIT {
            return Err(out_of_turn("with no bytes or beyond the limit"));
        }
        if !entry.logs.contains_key(&log) && entry.logs.len() == LOG_LIMIT {
            return Err(ProtocolError::TooManyLogs { command });
        }
        let others = entry.open();
        let ended = entry.standing == Standing::Ended;
        let place = entry.logs.entry(log).or_default();
        let end = offset.checked_add(length as u64).filter(|_| offset <= place.arrived);
        let Some(end) = end else {
            return Err(ProtocolError::Jump { command, log, expected: place.arrived, got: offset });
        };
        if end <= place.arrived {
            return Ok(None);
        }
        if ended {
            return Err(out_of_turn("after its end"));
        }
        let new = end - place.arrived;
        if others + new > terms.window || open + new > terms.total_window {
            return Err(ProtocolError::Window { command, bytes: others + new, window: terms.window });
        }
        let old = (place.arrived - offset) as usize;
        place.arrived = end;
        self.open += new;
        Ok(Some(old))
    }

    /// Takes an end in. Answers whether it is new.
    pub(super) fn ended(&mut self, command: CommandId, said: &[LogLength]) -> Result<bool, ProtocolError> {
        let entry = self.live("ended", command)?;
        if !entry.live {
            return Err(ProtocolError::OutOfTurn { message: "ended", command, when: "before it was started" });
        }
        let lengths: BTreeMap<u16, u64> = said.iter().map(|l| (l.log, l.bytes)).collect();
        for log in lengths.keys().chain(entry.logs.keys()) {
            let said = lengths.get(log).copied().unwrap_or(0);
            let received = entry.logs.get(log).map_or(0, |p| p.arrived);
            if said != received {
                return Err(ProtocolError::WrongLength { command, log: *log, said, received });
            }
        }
        Ok(std::mem::replace(&mut entry.standing, Standing::Ended) != Standing::Ended)
    }

    /// The worker cannot go on with a command. Answers whether that matters: an end that came already stays.
    pub(super) fn lost(&mut self, command: CommandId) -> Result<bool, ProtocolError> {
        let entry = self.live("lost", command)?;
        if entry.standing == Standing::Ended {
            return Ok(false);
        }
        self.remove(command);
        self.outbox.push_back(ToWorker::Forget { command });
        Ok(true)
    }

    /// The next thing to say.
    pub(super) fn next_message(&mut self) -> Option<ToWorker> {
        loop {
            if let Some(message) = self.outbox.pop_front() {
                return Some(message);
            }
            let command = self.touched.pop_first()?;
            self.speak_of(command);
        }
    }

    fn speak_of(&mut self, command: CommandId) {
        let Some(entry) = self.commands.get_mut(&command) else { return };
        if !entry.start_told
            && let Some(bytes) = &entry.assignment
        {
            entry.start_told = true;
            let total = bytes.len() as u64;
            let pieces = bytes.chunks(CHUNK_LIMIT).enumerate().map(|(i, piece)| ToWorker::Start {
                command,
                total,
                offset: (i * CHUNK_LIMIT) as u64,
                data: piece.to_vec(),
            });
            self.outbox.extend(pieces);
        }
        if !(entry.start_told || entry.live) {
            return;
        }
        if let Some(reason) = entry.interrupt.as_ref().filter(|_| !entry.interrupt_told) {
            entry.interrupt_told = true;
            if entry.standing != Standing::Ended {
                self.outbox.push_back(ToWorker::Interrupt { command, reason: reason.clone() });
            }
        }
        for (&log, place) in &mut entry.logs {
            let now = (place.received, place.durable);
            if place.told != now && entry.live && entry.standing != Standing::Ended {
                place.told = now;
                self.outbox.push_back(ToWorker::Ack { command, log, received: now.0, durable: now.1 });
            }
        }
    }
}

fn encoded(assignment: &Assignment) -> Result<Vec<u8>, AssignmentError> {
    let bytes = frame::encode_value(assignment).map_err(|what| AssignmentError::Encoding { what })?;
    match bytes.len() {
        0..=ASSIGNMENT_LIMIT => Ok(bytes),
        bytes => Err(AssignmentError::TooLarge { bytes }),
    }
}
