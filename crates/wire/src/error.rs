//! What can be wrong with the other side.

use crate::{ASSIGNMENT_LIMIT, COMMAND_LIMIT, CommandId, FRAME_LIMIT, LOG_LIMIT, OLDEST, PROTOCOL};
use model::Span;

/// The other side broke the protocol, or is gone. The connection is over; the ledger is sound, and a new session goes
/// on from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A frame beyond [`FRAME_LIMIT`].
    #[error("a frame of {bytes} bytes is too long; {FRAME_LIMIT} bytes are the limit")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Bytes that are no frame.
    #[error("the frame cannot be read: {what}")]
    Garbage {
        /// What the decoder met.
        what: String,
    },
    /// A message that has no place here.
    #[error("{message} is not expected {when}")]
    Unexpected {
        /// The message's name.
        message: &'static str,
        /// What was going on.
        when: &'static str,
    },
    /// Another version of the protocol.
    #[error(
        "the other side speaks {} of the protocol and this one {}: {} is the older Sluice and needs a newer one",
        versions(*oldest, *newest), versions(OLDEST, PROTOCOL), if *newest < OLDEST { "the other" } else { "this" }
    )]
    Version {
        /// The oldest that the other side speaks.
        oldest: u32,
        /// The newest that it speaks.
        newest: u32,
    },
    /// A message about a command that this side does not know.
    #[error("{message} names command {command}, which is not known here")]
    UnknownCommand {
        /// The message's name.
        message: &'static str,
        /// What it named.
        command: CommandId,
    },
    /// A message about a command at a moment when it cannot come.
    #[error("{message} of command {command} is not expected {when}")]
    OutOfTurn {
        /// The message's name.
        message: &'static str,
        /// Whose.
        command: CommandId,
        /// What was going on.
        when: &'static str,
    },
    /// Bytes are missing between what came and what comes.
    #[error("log {log} of command {command} jumps: the next byte is {expected}, and the message begins at {got}")]
    Jump {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// What should come.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// The end came before all output did, or output came that the end does not count.
    #[error("command {command} ended with {said} bytes in log {log}, and {received} came")]
    WrongLength {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// What the end says.
        said: u64,
        /// What came.
        received: u64,
    },
    /// An offset that this side never reached, or has trimmed already.
    #[error("offset {offset} of log {log} of command {command} is outside of {from} to {to}")]
    OutOfRange {
        /// Whose log.
        command: CommandId,
        /// Its number.
        log: u16,
        /// What was named.
        offset: u64,
        /// The least that can be.
        from: u64,
        /// The most that can be.
        to: u64,
    },
    /// More output at once than was allowed.
    #[error("command {command} sent {bytes} bytes beyond what was received; {window} are allowed")]
    Window {
        /// Whose output.
        command: CommandId,
        /// How much is open.
        bytes: u64,
        /// How much may be.
        window: u64,
    },
    /// More logs than a command may have.
    #[error("command {command} has more than {LOG_LIMIT} logs")]
    TooManyLogs {
        /// Whose.
        command: CommandId,
    },
    /// More commands than a worker may hold.
    #[error("more than {COMMAND_LIMIT} commands at once")]
    TooManyCommands,
    /// Nothing was heard for too long.
    #[error("nothing was heard for {}", .0)]
    Silent(Span),
    /// A newer session of the same worker took the ledger over.
    #[error("a newer connection of the same worker took over")]
    Superseded,
}

fn versions(oldest: u32, newest: u32) -> String {
    if oldest == newest { format!("version {newest}") } else { format!("versions {oldest} to {newest}") }
}

/// Work that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// Beyond [`ASSIGNMENT_LIMIT`].
    #[error(
        "the work takes {bytes} bytes to send, and {ASSIGNMENT_LIMIT} are the limit; a patch this large is better pushed as a branch"
    )]
    TooLarge {
        /// Its length as encoded.
        bytes: usize,
    },
    /// The worker has as many commands as it may have.
    #[error("the worker has {limit} commands already, and that is the limit")]
    TooManyCommands {
        /// How many it may have.
        limit: usize,
    },
    /// It cannot be encoded.
    #[error("the work cannot be encoded: {what}")]
    Encoding {
        /// What the encoder said.
        what: String,
    },
}
