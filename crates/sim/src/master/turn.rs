//! A turn of the heart: what it hears, what it does, and who hears of it.

use crate::effect::Effect;
use crate::record::Entry;
use engine::build::{CommandEnd, SealedLog};
use engine::force::Wish;
use model::{
    Build, BuildId, BuildSet, BuildSetId, Config, LogId, NewChange, RequestId, SchedulerId, Span, Time, WorkerId,
};
use std::sync::Arc;
use wire::CommandId;

/// A worker that wants to be let in.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) connection: u64,
    pub(crate) hello: Box<wire::Hello>,
    /// The session under the same name that was asked for a sign of life and gave none.
    pub(crate) silent: Option<u64>,
}

/// A command has ended, and its logs are whole.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) command: CommandId,
    pub(crate) end: CommandEnd,
    pub(crate) logs: Vec<SealedLog>,
}

/// What the master hears.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Changes of a source, which tells them again until it is answered.
    Changes(Vec<NewChange>),
    /// Somebody asks for builds.
    Force(Box<Wish>),
    /// Somebody wants a build once more.
    Rebuild(Box<(Build, BuildSet)>),
    /// Somebody wants a build to end.
    Stop(BuildId),
    /// Somebody does not want a request any more.
    Cancel(RequestId),
    /// Somebody does not want a set any more.
    CancelSet(BuildSetId),
    /// A worker is to take no builds, or to take them again.
    Pause(WorkerId, bool),
    /// A scheduler is turned on or off.
    Enable(SchedulerId, bool),
    /// Another configuration.
    Configure(Arc<Config>),
    /// A worker came.
    Hello(Hello),
    /// A worker is about to stop.
    Leaving { worker: WorkerId, number: u64 },
    /// A worker's connection is gone.
    Gone { worker: WorkerId, number: u64 },
    /// A worker held a command that nobody waits for.
    Stale { build: BuildId, epoch: i64, what: String },
    /// A command has ended.
    Ended(End),
    /// Logs of a step that nobody speaks for any more are whole as they are.
    Sealed(Vec<SealedLog>),
    /// What was missing in the logs of a step that had ended is there.
    Rested(BuildId),
}

/// What the master does outside of itself.
#[derive(Clone, Debug)]
pub(crate) enum Out {
    /// A frame leaves.
    Frame { connection: u64, bytes: Vec<u8> },
    /// A connection is closed.
    Close { connection: u64 },
    /// The clock of a connection is due.
    Tick { connection: u64, after: Span },
    /// The heart will hear this.
    Tell(Input),
    /// A worker has told that a command runs.
    Runs(CommandId),
    /// A worker has told the end of a command, whose logs have to be closed and read.
    Ended { command: CommandId, end: CommandEnd, bytes: u64, connection: u64, worker: WorkerId },
    /// A worker has lost a command.
    Lost { command: CommandId, end: CommandEnd, worker: WorkerId },
    /// One who has a name is asked for a sign of life, since another one wants it.
    SignOfLife { newcomer: u64 },
    /// One who has a name cannot be asked any more.
    Silent { newcomer: u64 },
    /// The logs of a build that is over are to be closed: these first, whatever they have.
    SealLost { build: BuildId, logs: Vec<LogId>, over: bool },
}

/// Who hears that a turn is durable.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A source need not tell these again.
    Heard(Vec<NewChange>),
    /// The configuration file is the one in force.
    InForce(Arc<Config>),
}

/// One turn.
#[derive(Default)]
pub(crate) struct Turn {
    /// When it was decided.
    pub(crate) at: Time,
    /// The same by a clock that nobody sets.
    pub(crate) even: Time,
    /// What it did, in order.
    pub(crate) entries: Vec<Entry>,
    /// What follows from it.
    pub(crate) effects: Vec<Effect>,
    /// Who hears of it.
    pub(crate) answers: Vec<Answer>,
    /// Ends of commands, which must not be lost with a turn that the store refuses.
    pub(crate) ends: Vec<Input>,
    /// How many rounds it took to settle.
    pub(crate) rounds: usize,
}

/// How the store took a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is durable.
    Yes,
    /// The store is away: the same turn is tried again.
    NotNow,
    /// The store does not say; the world is read anew.
    Unknown,
}
