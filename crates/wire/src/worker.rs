//! The worker's side of a session.

mod ledger;

pub use ledger::WorkerLedger;

use crate::frame::{self, Frames};
use crate::message::{Again, Hello, ResumeLog, Stuck, ToMaster, ToWorker, Welcome};
use crate::pace::Pace;
use crate::{
    ASSIGNMENT_LIMIT, Assignment, CommandId, FRAME_LIMIT, OLDEST, PROTOCOL, ProtocolError, STUCK_LIMIT, agreed,
};
use model::worker::Secret;
use model::{Span, Stream, Time, WorkerInfo};
use serde::Serialize;

/// Output that waits in frames, at most; more is read from the spool when these have gone.
const QUEUE_LIMIT: usize = 512 << 10;

/// What a worker says to be let in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Differs between two daemons, and stays the same for all connections of one.
    pub instance: u64,
    /// What it says of itself.
    pub info: WorkerInfo,
    /// A sign of life after this long without a message; `None` leaves it to the answers to the master's pings.
    pub keepalive: Option<Span>,
}

/// One connection to a master. Frames go in with [`receive`](Self::receive) and out with
/// [`next_frame`](Self::next_frame); [`tick`](Self::tick) is due at [`deadline`](Self::deadline).
#[derive(Debug)]
pub struct WorkerSession {
    stage: Stage,
    terms: Welcome,
    keepalive: Option<Span>,
    heard: Time,
    said: Time,
    frames: Frames,
    pace: Pace,
    cursor: Option<CommandId>,
    incoming: Option<Incoming>,
    /// What the master was told of commands that cannot go on.
    stuck: Vec<Stuck>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The hello is out.
    Waiting,
    /// The master let the worker in.
    Live,
    /// The last message came.
    Over,
}

/// An assignment of which not all pieces have come.
#[derive(Debug)]
struct Incoming {
    command: CommandId,
    total: usize,
    bytes: Vec<u8>,
}

/// What a worker has to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerAction {
    /// The master let the worker in, on these terms.
    Welcomed(Welcome),
    /// Begin a command; the ledger knows it already. Tell [`WorkerLedger::started`], [`WorkerLedger::grew`] …
    Start {
        /// Which.
        command: CommandId,
        /// What to do.
        assignment: Box<Assignment>,
    },
    /// Read the spool of a command from these offsets; a log that is not named from its first byte.
    Seek {
        /// Whose.
        command: CommandId,
        /// Log and offset.
        positions: Vec<(u16, u64)>,
    },
    /// Bytes of a log before an offset are durable at the master.
    Trim {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// The first byte that is still needed.
        offset: u64,
    },
    /// End a command.
    Interrupt {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// End a command if it runs, throw its spool away, then tell [`WorkerLedger::gone`].
    Drop {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// Throw the spool of a command away that has ended, even if its end was not read yet; the ledger has forgotten it
    /// already.
    Forget {
        /// Which.
        command: CommandId,
    },
    /// The master does not let the worker in; the connection is over.
    Refused {
        /// Why, in words.
        reason: String,
        /// When to come back.
        again: Again,
    },
    /// Another daemon with the same name took over; the connection is over.
    Replaced {
        /// What is known of it, in words.
        by: String,
    },
    /// The master stops; the connection is over, and the commands go on.
    Goodbye,
}

/// A spool that should be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadWish {
    /// Whose.
    pub command: CommandId,
    /// The most bytes to read.
    pub limit: usize,
}

/// [`ToMaster::Chunk`] with borrowed bytes, so that output is copied once less.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outgoing<'a> {
    Chunk {
        command: CommandId,
        log: u16,
        stream: Stream,
        offset: u64,
        #[serde(with = "serde_bytes")]
        data: &'a [u8],
    },
}

impl WorkerSession {
    /// A session on a connection that was just made. Its first frame is the hello, which names all that the ledger holds.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`] if the hello does not fit into a frame.
    pub fn new(ledger: &mut WorkerLedger, login: Login, now: Time) -> Result<Self, ProtocolError> {
        let mut session = Self {
            stage: Stage::Waiting,
            terms: Welcome::usual(0),
            keepalive: login.keepalive,
            heard: now,
            said: now,
            frames: Frames::default(),
            pace: Pace::new(),
            cursor: None,
            incoming: None,
            stuck: Vec::new(),
        };
        ledger.disconnected();
        let info =
            WorkerInfo { admin: frame::clipped(login.info.admin), host: frame::clipped(login.info.host), ..login.info };
        let hello = Hello {
            protocol: PROTOCOL,
            oldest: (OLDEST < PROTOCOL).then_some(OLDEST),
            name: login.name,
            password: login.password,
            instance: login.instance,
            info,
            held: ledger.held(),
        };
        session.push(&ToMaster::Hello(Box::new(hello)))?;
        Ok(session)
    }

    /// Takes a frame in. What is to be done is added to `actions`; actions that were added before an error count.
    ///
    /// # Errors
    /// The master broke the protocol: close the connection and begin a new session.
    pub fn receive(
        &mut self,
        ledger: &mut WorkerLedger,
        frame: &[u8],
        now: Time,
        actions: &mut Vec<WorkerAction>,
    ) -> Result<(), ProtocolError> {
        self.heard = now;
        for message in frame::decode_to_worker(frame)? {
            self.message(ledger, message, now, actions)?;
        }
        Ok(())
    }

    fn message(
        &mut self,
        ledger: &mut WorkerLedger,
        message: ToWorker,
        now: Time,
        actions: &mut Vec<WorkerAction>,
    ) -> Result<(), ProtocolError> {
        let name = message.name();
        match (self.stage, message) {
            (Stage::Over, _) => Err(ProtocolError::Unexpected { message: name, when: "after the last message" }),
            (Stage::Waiting, ToWorker::Welcome(terms)) => {
                // Only a master that does not keep to the hello answers with another version.
                let protocol = terms.protocol;
                agreed((protocol, protocol), (OLDEST, PROTOCOL))
                    .ok_or(ProtocolError::Version { oldest: protocol, newest: protocol })?;
                self.stage = Stage::Live;
                self.terms = terms;
                actions.push(WorkerAction::Welcomed(terms));
                Ok(())
            }
            (_, ToWorker::Refused { reason, again }) => {
                self.over(actions, WorkerAction::Refused { reason: frame::clipped(reason), again })
            }
            (_, ToWorker::Replaced { by }) => self.over(actions, WorkerAction::Replaced { by: frame::clipped(by) }),
            (_, ToWorker::Goodbye) => self.over(actions, WorkerAction::Goodbye),
            (_, ToWorker::Ping { token }) => self.push(&ToMaster::Pong { token, stuck: self.stuck.clone() }),
            (Stage::Waiting, _) => Err(ProtocolError::Unexpected { message: name, when: "before the welcome" }),
            (Stage::Live, ToWorker::Welcome(_)) => {
                Err(ProtocolError::Unexpected { message: name, when: "after the welcome" })
            }
            (Stage::Live, about) => self.about_command(ledger, about, now, actions),
        }
    }

    fn over(&mut self, actions: &mut Vec<WorkerAction>, action: WorkerAction) -> Result<(), ProtocolError> {
        self.stage = Stage::Over;
        actions.push(action);
        Ok(())
    }

    fn about_command(
        &mut self,
        ledger: &mut WorkerLedger,
        message: ToWorker,
        now: Time,
        actions: &mut Vec<WorkerAction>,
    ) -> Result<(), ProtocolError> {
        match message {
            ToWorker::Start { command, total, offset, data } => {
                if let Some(bytes) = self.assemble(command, total, offset, data)? {
                    let assignment = Box::new(frame::decode_value(&bytes)?);
                    ledger.begin(command)?;
                    actions.push(WorkerAction::Start { command, assignment });
                }
            }
            ToWorker::Resume { command, logs } => {
                ledger.resume(command, &logs)?;
                let positions = logs.iter().map(|l: &ResumeLog| (l.log, l.from)).collect();
                actions.push(WorkerAction::Seek { command, positions });
            }
            ToWorker::Drop { command, reason } => {
                self.pace.forget(command);
                if ledger.drop_asked(command) {
                    actions.push(WorkerAction::Drop { command, reason: frame::clipped(reason) });
                }
            }
            ToWorker::Ack { command, log, received, durable } => {
                if ledger.acknowledged(command, log, received, durable)? {
                    actions.push(WorkerAction::Trim { command, log, offset: durable });
                }
                self.pace.acknowledged(command, log, received, now);
            }
            ToWorker::Interrupt { command, reason } => {
                ledger.known("interrupt", command)?;
                actions.push(WorkerAction::Interrupt { command, reason: frame::clipped(reason) });
            }
            ToWorker::Forget { command } => {
                self.pace.forget(command);
                ledger.forget(command)?;
                actions.push(WorkerAction::Forget { command });
            }
            other => return Err(ProtocolError::Unexpected { message: other.name(), when: "here" }),
        }
        Ok(())
    }

    /// Adds a piece of an assignment. Answers with the whole of it when this was the last piece.
    fn assemble(
        &mut self,
        command: CommandId,
        total: u64,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, ProtocolError> {
        let out_of_turn = |when| ProtocolError::OutOfTurn { message: "start", command, when };
        let total = usize::try_from(total).ok().filter(|t| (1..=ASSIGNMENT_LIMIT).contains(t));
        let total = total.ok_or(out_of_turn("with a work that is empty or beyond the limit"))?;
        let mut incoming = match self.incoming.take() {
            None => Incoming { command, total, bytes: Vec::new() },
            Some(i) if i.command == command && i.total == total => i,
            Some(_) => return Err(out_of_turn("while another command's work is on its way")),
        };
        if offset != incoming.bytes.len() as u64 || data.is_empty() || data.len() > total - incoming.bytes.len() {
            return Err(out_of_turn("with a piece that does not fit to those before it"));
        }
        incoming.bytes.extend_from_slice(&data);
        if incoming.bytes.len() == total {
            return Ok(Some(incoming.bytes));
        }
        self.incoming = Some(incoming);
        Ok(None)
    }

    /// Looks at the clock: sends a sign of life if one is due.
    ///
    /// # Errors
    /// [`ProtocolError::Silent`]: the master is dead.
    pub fn tick(&mut self, now: Time) -> Result<(), ProtocolError> {
        let silent = now.since(self.heard);
        if silent >= self.terms.silence {
            return Err(ProtocolError::Silent(silent));
        }
        if let Some(keepalive) = self.keepalive
            && self.stage == Stage::Live
            && now.since(self.said) >= keepalive
        {
            self.said = now;
            self.push(&ToMaster::Pong { token: 0, stuck: self.stuck.clone() })?;
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Time {
        let dead = self.heard + self.terms.silence;
        match self.keepalive {
            Some(keepalive) if self.stage == Stage::Live => dead.min(self.said + keepalive),
            _ => dead,
        }
    }

    /// The spool that should be read now, if the window allows it and something may be there. Read it, hand each piece
    /// to [`chunk`](Self::chunk), and tell [`WorkerLedger::drained`] when nothing came.
    pub fn next_read(&mut self, ledger: &WorkerLedger) -> Option<ReadWish> {
        if self.stage != Stage::Live || self.frames.queued() >= QUEUE_LIMIT {
            return None;
        }
        let wish = ledger.next_read(self.cursor, &self.terms, self.pace.piece())?;
        self.cursor = Some(wish.command);
        Some(wish)
    }

    /// A piece that was read from a spool. What was sent already is left out; a gap makes the command lost.
    ///
    /// # Errors
    /// [`ProtocolError::TooLong`] if the piece alone is beyond a frame.
    pub fn chunk(
        &mut self,
        ledger: &mut WorkerLedger,
        piece: (CommandId, u16, Stream),
        offset: u64,
        data: &[u8],
        now: Time,
    ) -> Result<(), ProtocolError> {
        let (command, log, stream) = piece;
        let Some(new) = ledger.sending(command, log, offset, data.len()) else { return Ok(()) };
        self.push_started(ledger, command)?;
        let data = &data[new..];
        let offset = offset + new as u64;
        self.push(&Outgoing::Chunk { command, log, stream, offset, data })?;
        self.pace.sent(command, log, offset + data.len() as u64, data.len(), now);
        Ok(())
    }

    /// The next frame to send, if there is one. Nothing is held back: call it after everything else.
    ///
    /// # Errors
    /// None that a worker can meet; the signature leaves room for messages that do not fit into a frame.
    pub fn next_frame(&mut self, ledger: &mut WorkerLedger, now: Time) -> Result<Option<Vec<u8>>, ProtocolError> {
        if self.stage == Stage::Live {
            while let Some(command) = ledger.take_touched() {
                self.push_started(ledger, command)?;
                if let Some(message) = ledger.take_end(command) {
                    self.push(&message)?;
                }
            }
        }
        let frame = self.frames.pop();
        if frame.is_some() {
            self.said = now;
        }
        Ok(frame)
    }

    fn push_started(&mut self, ledger: &mut WorkerLedger, command: CommandId) -> Result<(), ProtocolError> {
        match ledger.take_started(command) {
            true => self.push(&ToMaster::Started { command }),
            false => Ok(()),
        }
    }

    /// Says which commands cannot go on for now, if the master does not know it yet. None: all can.
    ///
    /// # Errors
    /// None that a worker can meet: what is said is clipped.
    pub fn stuck<'a>(&mut self, commands: impl IntoIterator<Item = (CommandId, &'a str)>) -> Result<(), ProtocolError> {
        let of = |(command, why): (CommandId, &str)| Stuck { command, why: frame::clipped(why.to_owned()) };
        let stuck: Vec<Stuck> = commands.into_iter().take(STUCK_LIMIT).map(of).collect();
        if self.stage != Stage::Live || stuck == self.stuck {
            return Ok(());
        }
        self.stuck.clone_from(&stuck);
        self.push(&ToMaster::Pong { token: 0, stuck })
    }

    /// Says that the worker is about to stop, and takes nothing new.
    pub fn leaving(&mut self) {
        // A message without content always fits.
        let _ = self.push(&ToMaster::Leaving);
    }

    /// Says that the worker stops and will not come back by itself.
    pub fn bye(&mut self) {
        // A message without content always fits.
        let _ = self.push(&ToMaster::Bye);
    }

    /// The terms that the master gave; the usual ones before the welcome.
    pub fn terms(&self) -> &Welcome {
        &self.terms
    }

    /// Whether the master has let the worker in and nothing has ended the session.
    pub fn is_live(&self) -> bool {
        self.stage == Stage::Live
    }

    fn push<M: Serialize>(&mut self, message: &M) -> Result<(), ProtocolError> {
        let soft = (self.pace.piece() + 4096).min(FRAME_LIMIT);
        self.frames.push(message, soft)
    }
}
