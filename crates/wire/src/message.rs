//! The messages themselves.

use crate::{CommandId, Ending};
use model::worker::Secret;
use model::{Span, Stream, WorkerInfo};
use serde::{Deserialize, Serialize};

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToMaster {
    /// The first message of a connection.
    Hello(Box<Hello>),
    /// The command runs.
    Started {
        /// Which.
        command: CommandId,
    },
    /// A piece of a log. Pieces of a log come in order, without gap or overlap.
    Chunk {
        /// Whose log.
        command: CommandId,
        /// Its number; 0 is the command's own output.
        log: u16,
        /// Where the bytes came from.
        stream: Stream,
        /// The place of the first byte in the log.
        offset: u64,
        /// At least one byte and at most [`crate::CHUNK_LIMIT`].
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The command has ended and all its output was sent.
    Ended {
        /// Which.
        command: CommandId,
        /// How.
        ending: Box<Ending>,
        /// How long each of its logs is; one that is not named is empty.
        logs: Vec<LogLength>,
    },
    /// The command cannot be told to its end: its spool is damaged, or lacks what the master asked for. Answered by
    /// `forget`.
    Lost {
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
    /// The answer to a ping; unasked, a sign of life.
    Pong {
        /// What the ping said.
        token: u64,
        /// Commands that cannot go on for now, at most [`crate::STUCK_LIMIT`] of them. Said unasked when it changes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stuck: Vec<Stuck>,
    },
    /// The worker is about to stop: it takes nothing new. The ends of what it has, and then `bye`, follow.
    Leaving,
    /// The worker stops; it will not come back by itself.
    Bye,
}

/// Who a worker is and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::PROTOCOL`] of the worker.
    pub protocol: u32,
    /// [`crate::OLDEST`] of the worker, if it speaks more than one version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u32>,
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Differs between two daemons, and stays the same for all connections of one.
    pub instance: u64,
    /// What it says of itself.
    pub info: WorkerInfo,
    /// Every command that it has and has not been told to forget.
    pub held: Vec<Held>,
}

/// A command that a worker has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub command: CommandId,
    /// Whether it runs.
    pub state: HeldState,
}

/// A command that waits on its worker: what it says cannot be written there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// Which.
    pub command: CommandId,
    /// What the worker's system says.
    pub why: String,
}

/// Whether a held command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// It runs, is about to, or its end has not been read yet.
    Running,
    /// It has ended; the end is told once the command is resumed.
    Ended,
}

/// How long a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLength {
    /// The log's number.
    pub log: u16,
    /// Its bytes.
    pub bytes: u64,
}

/// What a master says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// The worker is let in. A `resume`, a `drop` or, at some time, a `forget` follows for every command
    /// that its hello named.
    Welcome(Welcome),
    /// The worker is not let in, or the connection ends over an error. The last message.
    Refused {
        /// Why, in words.
        reason: String,
        /// When to come back.
        again: Again,
    },
    /// A piece of a new command's [`crate::Assignment`], encoded as MessagePack. The command begins with the last piece.
    Start {
        /// Which.
        command: CommandId,
        /// How long the whole assignment is, at most [`crate::ASSIGNMENT_LIMIT`].
        total: u64,
        /// The place of this piece.
        offset: u64,
        /// The piece.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The worker goes on with a command that its hello named.
    Resume {
        /// Which.
        command: CommandId,
        /// From where to send; a log that is not named is sent from its first byte.
        logs: Vec<ResumeLog>,
    },
    /// Nobody waits for the command any more: it is ended and its spool thrown away. Answered by `gone`.
    Drop {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// How far a log has come.
    Ack {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// Bytes taken over; opens the window.
        received: u64,
        /// Bytes that a crash cannot take away; the spool may be trimmed up to here.
        durable: u64,
    },
    /// The command shall end.
    Interrupt {
        /// Which.
        command: CommandId,
        /// Why, in words.
        reason: String,
    },
    /// The command's end and all its output are durable: the spool goes.
    Forget {
        /// Which.
        command: CommandId,
    },
    /// A question for a sign of life.
    Ping {
        /// What the pong shall say.
        token: u64,
    },
    /// Another daemon with the same name took over. The last message.
    Replaced {
        /// What is known of the other, in words.
        by: String,
    },
    /// The master stops. Commands go on; the worker comes back later. The last message.
    Goodbye,
}

/// The terms of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The session's number, for logs.
    pub session: i64,
    /// How often the master pings.
    pub heartbeat: Span,
    /// After how long a silent peer is dead.
    pub silence: Span,
    /// How many bytes of one command may be sent beyond what was received.
    pub window: u64,
    /// The same for all commands together.
    pub total_window: u64,
    /// How long commands may go on without a master; `None` leaves it to the worker.
    pub orphan_limit: Option<Span>,
    /// The version of the protocol that the session goes on in.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub protocol: u32,
}

/// The version of a welcome that does not name one.
fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_first(protocol: &u32) -> bool {
    *protocol == first()
}

impl Welcome {
    /// The usual terms: a ping every 4 s, dead after 12 s, 4 MiB for one command and 16 MiB for all.
    pub const fn usual(session: i64) -> Self {
        Self {
            session,
            heartbeat: Span::seconds(4),
            silence: Span::seconds(12),
            window: 4 << 20,
            total_window: 16 << 20,
            orphan_limit: None,
            protocol: crate::PROTOCOL,
        }
    }
}

/// When a refused worker comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// As after any lost connection.
    Soon,
    /// Somebody has to do something first: with long pauses.
    Slowly,
}

/// Where a log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeLog {
    /// The log's number.
    pub log: u16,
    /// The first byte to send.
    pub from: u64,
    /// Bytes taken over so far, at most `from`; the window counts from here.
    pub received: u64,
    /// Bytes that a crash cannot take away.
    pub durable: u64,
}

impl ToMaster {
    /// The message's name, for errors and logs.
    pub fn name(&self) -> &'static str {
        match self {
            ToMaster::Hello(_) => "hello",
            ToMaster::Started { .. } => "started",
            ToMaster::Chunk { .. } => "chunk",
            ToMaster::Ended { .. } => "ended",
            ToMaster::Lost { .. } => "lost",
            ToMaster::Gone { .. } => "gone",
            ToMaster::Pong { .. } => "pong",
            ToMaster::Leaving => "leaving",
            ToMaster::Bye => "bye",
        }
    }
}

impl ToWorker {
    /// The message's name, for errors and logs.
    pub fn name(&self) -> &'static str {
        match self {
            ToWorker::Welcome(_) => "welcome",
            ToWorker::Refused { .. } => "refused",
            ToWorker::Start { .. } => "start",
            ToWorker::Resume { .. } => "resume",
            ToWorker::Drop { .. } => "drop",
            ToWorker::Ack { .. } => "ack",
            ToWorker::Interrupt { .. } => "interrupt",
            ToWorker::Forget { .. } => "forget",
            ToWorker::Ping { .. } => "ping",
            ToWorker::Replaced { .. } => "replaced",
            ToWorker::Goodbye => "goodbye",
        }
    }
}
