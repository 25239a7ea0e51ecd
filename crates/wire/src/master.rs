//! The master's side of a session.

mod ledger;

pub use ledger::{Expectation, MasterLedger, Standing};

use crate::frame::{self, Frames};
use crate::message::{Again, Hello, LogLength, Stuck, ToMaster, ToWorker, Welcome};
use crate::{CommandId, Ending, FRAME_LIMIT, OLDEST, PROTOCOL, ProtocolError, STUCK_LIMIT, agreed};
use model::{Stream, Time};
use std::collections::BTreeSet;

/// Messages share a frame up to this many bytes.
const SOFT: usize = 64 << 10;

/// One connection of a worker. Frames go in with [`receive`](Self::receive) and out with
/// [`next_frame`](Self::next_frame); [`tick`](Self::tick) is due at [`deadline`](Self::deadline). Everything about
/// commands is said to the worker's [`MasterLedger`], and the next frame carries it.
#[derive(Debug)]
pub struct MasterSession {
    stage: Stage,
    terms: Welcome,
    /// The version that both sides speak.
    protocol: u32,
    heard: Time,
    pinged: Time,
    pings: u64,
    frames: Frames,
    held: Vec<CommandId>,
    /// Dropped commands of which the worker may still be speaking.
    dropping: BTreeSet<CommandId>,
    generation: u64,
    /// What the worker last said of commands that cannot go on.
    stuck: Vec<Stuck>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing came yet.
    Waiting,
    /// The hello came; [`MasterSession::welcome`] or [`MasterSession::refuse`] is awaited.
    Asking,
    /// The worker was let in.
    Live,
    /// The last message was said or heard.
    Over,
}

/// What a worker said, checked and in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterEvent {
    /// A worker wants to be let in. Answer with [`MasterSession::welcome`] or [`MasterSession::refuse`].
    Login(Box<Hello>),
    /// The worker has taken the command on.
    Started {
        /// Which.
        command: CommandId,
    },
    /// The worker came back with this command, which goes on; it counts as started.
    Resumed {
        /// Which.
        command: CommandId,
    },
    /// The next bytes of a log: each byte comes once, in order. Answer with [`MasterLedger::acknowledge`].
    Chunk {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// Where the bytes came from.
        stream: Stream,
        /// The place of the first byte in the log.
        offset: u64,
        /// The bytes; never empty.
        data: Vec<u8>,
    },
    /// The command has ended, once, after all its output. Answer with [`MasterLedger::forget`] when all is durable.
    Ended {
        /// Which.
        command: CommandId,
        /// How.
        ending: Box<Ending>,
        /// How long its logs are.
        logs: Vec<LogLength>,
    },
    /// The command's output and end cannot be had; the ledger has forgotten it.
    Lost {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// The worker held a command that nobody waits for: of an old epoch, or of a build that is over. It was told to drop it.
    Stale {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// A dropped command has no process and no spool left.
    Gone {
        /// Which.
        command: CommandId,
    },
    /// These commands, and no others, cannot go on for now: the worker cannot write what they say.
    Stuck(Vec<Stuck>),
    /// The worker is about to stop: it is to be given nothing new, and the ends of what it has follow.
    Leaving,
    /// The worker stops and will not come back by itself. The connection is over.
    Bye,
}

impl MasterSession {
    /// A session on a connection that was just made. The worker has the usual silence time to say hello.
    pub fn new(now: Time) -> Self {
        Self {
            stage: Stage::Waiting,
            terms: Welcome::usual(0),
            protocol: PROTOCOL,
            heard: now,
            pinged: now,
            pings: 0,
            frames: Frames::default(),
            held: Vec::new(),
            dropping: BTreeSet::new(),
            generation: 0,
            stuck: Vec::new(),
        }
    }

    /// Takes the first frame in, before it is known whose ledger the connection belongs to. Answers with the hello; on
    /// [`welcome`](Self::welcome) the ledger comes in.
    ///
    /// # Errors
    /// The frame is no hello of this protocol. A last frame that says so is ready to be sent.
    pub fn hello(&mut self, frame: &[u8], now: Time) -> Result<Box<Hello>, ProtocolError> {
        let mut events = Vec::new();
        self.receive(&mut MasterLedger::new(), frame, now, &mut events)?;
        match events.pop() {
            Some(MasterEvent::Login(hello)) => Ok(hello),
            _ => Err(self.fail(ProtocolError::Unexpected { message: "an empty frame", when: "before the hello" })),
        }
    }

    /// Takes a frame in. What it says is added to `events`; events that were added before an error count.
    ///
    /// # Errors
    /// The worker broke the protocol: send the frames that are left, the last one says why, and close the connection.
    pub fn receive(
        &mut self,
        ledger: &mut MasterLedger,
        frame: &[u8],
        now: Time,
        events: &mut Vec<MasterEvent>,
    ) -> Result<(), ProtocolError> {
        self.heard = now;
        let taken = frame::decode_to_master(frame)
            .and_then(|messages| messages.into_iter().try_for_each(|message| self.message(ledger, message, events)));
        taken.map_err(|e| self.fail(e))
    }

    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        let again = match error {
            ProtocolError::Version { .. } => Again::Slowly,
            _ => Again::Soon,
        };
        self.last_word(&ToWorker::Refused { reason: frame::clipped(error.to_string()), again });
        error
    }

    fn message(
        &mut self,
        ledger: &mut MasterLedger,
        message: ToMaster,
        events: &mut Vec<MasterEvent>,
    ) -> Result<(), ProtocolError> {
        let name = message.name();
        match (self.stage, message) {
            (Stage::Waiting, ToMaster::Hello(hello)) => self.greeted(hello, events),
            (Stage::Waiting, _) => Err(ProtocolError::Unexpected { message: name, when: "before the hello" }),
            (Stage::Asking, ToMaster::Pong { .. }) => Ok(()),
            (Stage::Asking, _) => Err(ProtocolError::Unexpected { message: name, when: "before the welcome" }),
            (Stage::Over, _) => Err(ProtocolError::Unexpected { message: name, when: "after the last message" }),
            (Stage::Live, _) if !ledger.is_of(self.generation) => Err(ProtocolError::Superseded),
            (Stage::Live, ToMaster::Hello(_)) => {
                Err(ProtocolError::Unexpected { message: name, when: "after the welcome" })
            }
            (Stage::Live, ToMaster::Pong { mut stuck, .. }) => {
                stuck.truncate(STUCK_LIMIT);
                if stuck != self.stuck {
                    self.stuck.clone_from(&stuck);
                    let clipped = |s: Stuck| Stuck { why: frame::clipped(s.why), ..s };
                    events.push(MasterEvent::Stuck(stuck.into_iter().map(clipped).collect()));
                }
                Ok(())
            }
            (Stage::Live, ToMaster::Leaving) => {
                events.push(MasterEvent::Leaving);
                Ok(())
            }
            (Stage::Live, ToMaster::Bye) => {
                self.stage = Stage::Over;
                events.push(MasterEvent::Bye);
                Ok(())
            }
            (Stage::Live, about) => self.about_command(ledger, about, events),
        }
    }

    fn greeted(&mut self, hello: Box<Hello>, events: &mut Vec<MasterEvent>) -> Result<(), ProtocolError> {
        let theirs = (hello.oldest.unwrap_or(hello.protocol), hello.protocol);
        let Some(protocol) = agreed(theirs, (OLDEST, PROTOCOL)) else {
            return Err(ProtocolError::Version { oldest: theirs.0, newest: theirs.1 });
        };
        self.protocol = protocol;
        if hello.held.len() > crate::COMMAND_LIMIT {
            return Err(ProtocolError::TooManyCommands);
        }
        self.held = hello.held.iter().map(|h| h.command).collect();
        self.stage = Stage::Asking;
        events.push(MasterEvent::Login(hello));
        Ok(())
    }

    fn about_command(
        &mut self,
        ledger: &mut MasterLedger,
        message: ToMaster,
        events: &mut Vec<MasterEvent>,
    ) -> Result<(), ProtocolError> {
        self.dropping.extend(ledger.take_dropped());
        let (ToMaster::Started { command }
        | ToMaster::Chunk { command, .. }
        | ToMaster::Ended { command, .. }
        | ToMaster::Lost { command, .. }
        | ToMaster::Gone { command }) = message
        else {
            return Err(ProtocolError::Unexpected { message: message.name(), when: "here" });
        };
        let dropping = self.dropping.contains(&command);
        match message {
            ToMaster::Gone { .. } if dropping => {
                self.dropping.remove(&command);
                events.push(MasterEvent::Gone { command });
            }
            _ if dropping => {}
            ToMaster::Started { .. } => {
                ledger.started(command)?;
                events.push(MasterEvent::Started { command });
            }
            ToMaster::Chunk { log, stream, offset, data, .. } => {
                if let Some(old) = ledger.chunk(command, log, offset, data.len(), &self.terms)? {
                    let (offset, data) = (offset + old as u64, if old == 0 { data } else { data[old..].to_vec() });
                    events.push(MasterEvent::Chunk { command, log, stream, offset, data });
                }
            }
            ToMaster::Ended { ending, logs, .. } => {
                if ledger.ended(command, &logs)? {
                    events.push(MasterEvent::Ended { command, ending, logs });
                }
            }
            ToMaster::Lost { reason, .. } => {
                if ledger.lost(command)? {
                    events.push(MasterEvent::Lost { command, reason: frame::clipped(reason) });
                }
            }
            other => return Err(ProtocolError::UnknownCommand { message: other.name(), command }),
        }
        Ok(())
    }

    /// Lets the worker in: every command that it holds is resumed or dropped, every one that it has yet to begin is
    /// started, and one that it should hold and does not is lost. What came of it is added to `events`. An older session
    /// with the same ledger is superseded. Does nothing unless a hello awaits its answer.
    pub fn welcome(&mut self, ledger: &mut MasterLedger, terms: Welcome, now: Time, events: &mut Vec<MasterEvent>) {
        if self.stage != Stage::Asking {
            return;
        }
        self.stage = Stage::Live;
        let terms = Welcome { protocol: self.protocol, ..terms };
        self.terms = terms;
        self.pinged = now;
        self.say(&ToWorker::Welcome(terms));
        self.generation = ledger.connected();
        for command in std::mem::take(&mut self.held) {
            match ledger.verdict(command) {
                Ok(None) => {}
                Ok(Some(resume)) => {
                    self.say(&resume);
                    events.push(MasterEvent::Resumed { command });
                }
                Err(reason) => {
                    self.dropping.insert(command);
                    self.say(&ToWorker::Drop { command, reason: reason.clone() });
                    events.push(MasterEvent::Stale { command, reason });
                }
            }
        }
        for command in ledger.take_absent() {
            let reason = "the worker came back without it".to_owned();
            events.push(MasterEvent::Lost { command, reason });
        }
    }

    /// Does not let the worker in. The last word of the session.
    pub fn refuse(&mut self, reason: impl Into<String>, again: Again) {
        self.last_word(&ToWorker::Refused { reason: frame::clipped(reason.into()), again });
    }

    /// A newer connection of the same worker took over. The last word of the session.
    pub fn replaced(&mut self, by: impl Into<String>) {
        self.last_word(&ToWorker::Replaced { by: frame::clipped(by.into()) });
    }

    /// The master stops; the worker goes on and comes back later. The last word of the session.
    pub fn goodbye(&mut self) {
        self.last_word(&ToWorker::Goodbye);
    }

    /// Looks at the clock: pings if a ping is due.
    ///
    /// # Errors
    /// [`ProtocolError::Silent`]: the worker is dead.
    pub fn tick(&mut self, now: Time) -> Result<(), ProtocolError> {
        let silent = now.since(self.heard);
        if silent >= self.terms.silence {
            return Err(ProtocolError::Silent(silent));
        }
        if now.since(self.pinged) >= self.terms.heartbeat {
            self.ask(now);
        }
        Ok(())
    }

    /// Pings at once: the next frame that comes is a sign of life. Does nothing unless the worker is let in.
    pub fn ask(&mut self, now: Time) {
        if self.stage == Stage::Live {
            self.pinged = now;
            self.pings += 1;
            self.say(&ToWorker::Ping { token: self.pings });
        }
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Time {
        let dead = self.heard + self.terms.silence;
        match self.stage {
            Stage::Live => dead.min(self.pinged + self.terms.heartbeat),
            _ => dead,
        }
    }

    /// The next frame to send, if there is one. Call it after everything else, until it has none.
    pub fn next_frame(&mut self, ledger: &mut MasterLedger) -> Option<Vec<u8>> {
        if self.stage == Stage::Live && ledger.is_of(self.generation) {
            self.dropping.extend(ledger.take_dropped());
            while self.frames.queued() < FRAME_LIMIT
                && let Some(message) = ledger.next_message()
            {
                self.say(&message);
            }
        }
        self.frames.pop()
    }

    /// Whether the worker is let in and nothing has ended the session.
    pub fn is_live(&self) -> bool {
        self.stage == Stage::Live
    }

    /// Whether the session has said or heard its last word: send the frames that are left and close the connection.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn say(&mut self, message: &ToWorker) {
        // Nothing that a master says can be beyond a frame: texts are cut, and assignments go in pieces.
        let _ = self.frames.push(message, SOFT);
    }

    fn last_word(&mut self, message: &ToWorker) {
        if self.stage != Stage::Over {
            self.say(message);
            self.stage = Stage::Over;
        }
    }
}
