//! What master and worker say to each other, and the session that survives a lost line.
//!
//! Ring 1: state machines over values. Frames come in as bytes, time comes in as a [`model::Time`], and what is to be
//! done goes out as events, actions and frames; sockets, clocks and files belong to whoever drives them.
//!
//! A *frame* is one WebSocket binary message: a MessagePack array of messages with named fields, at most
//! [`FRAME_LIMIT`] bytes. A *session* is one connection ([`MasterSession`], [`WorkerSession`]); a *ledger* is what
//! outlives it ([`MasterLedger`], [`WorkerLedger`]): which commands there are, and how far each of their logs has come.
//!
//! The life of a command: `start` → `started` → `chunk`s with offsets, answered by `ack`s → `ended` → `forget`.
//! After a lost line the worker's `hello` names all that it holds, and the master answers each with `resume` or `drop`.

mod command;
mod ending;
mod error;
mod frame;
mod master;
mod message;
mod pace;
mod work;
mod worker;

pub use command::CommandId;
pub use ending::{Collected, EndedBy, Ending, Exit, Usage};
pub use error::{AssignmentError, ProtocolError};
pub use frame::{decode_to_master, decode_to_worker, encode_to_master, encode_to_worker};
pub use master::{Expectation, MasterEvent, MasterLedger, MasterSession, Standing};
pub use message::{Again, Held, HeldState, Hello, LogLength, ResumeLog, Stuck, ToMaster, ToWorker, Welcome};
pub use work::{Assignment, GitWork, PatchWork, SequenceWork, ShellWork, TransferWork, VcsWork, Work};
pub use worker::{Login, ReadWish, WorkerAction, WorkerLedger, WorkerSession};

/// The version of everything that this room defines. Fields may be added without raising it; a reader ignores those
/// that it does not know.
pub const PROTOCOL: u32 = 1;

/// The oldest version that is still spoken. A worker says in its hello from which to which it speaks, and the master
/// answers with the newest that both do; see [`agreed`].
pub const OLDEST: u32 = 1;

/// The version that two sides speak with each other, each given as its oldest and its newest; `None`: they have none in
/// common.
pub fn agreed(one: (u32, u32), other: (u32, u32)) -> Option<u32> {
    let (oldest, newest) = (one.0.max(other.0), one.1.min(other.1));
    (oldest <= newest).then_some(newest)
}

/// The longest frame, in bytes. A longer one ends the connection before it is read.
pub const FRAME_LIMIT: usize = 1 << 20;

/// The most log bytes in one message.
pub const CHUNK_LIMIT: usize = 256 << 10;

/// The longest assignment, in bytes as encoded; patches are what makes one long.
pub const ASSIGNMENT_LIMIT: usize = 16 << 20;

/// The most commands that a worker holds at once.
pub const COMMAND_LIMIT: usize = 4096;

/// The most commands that a worker names as unable to go on.
pub const STUCK_LIMIT: usize = 64;

/// The most bytes of a file that comes back with an ending.
pub const COLLECT_LIMIT: usize = 128 << 10;

/// The most files that come back with an ending.
pub const COLLECT_FILES: usize = 2;

/// The most logs that a command has.
pub const LOG_LIMIT: usize = 64;

/// The longest text (a reason, an error) in a message, in bytes; a longer one is cut.
pub const TEXT_LIMIT: usize = 4096;
