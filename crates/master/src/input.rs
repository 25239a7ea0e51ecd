//! What the heart hears. Each input that somebody waits for carries its answer's way back, which is taken only after
//! the consequences are durable.

use crate::admission::Admission;
use engine::build::{CommandEnd, SealedLog};
use engine::build_set::NewSet;
use model::property::Property;
use model::{
    BuildId, ChangeId, Config, Findings, Functions, NewChange, RequestId, SchedulerId, StepSpec, Why, WorkerId,
};
use std::sync::Arc;
use tokio::sync::oneshot;
use web::control::{ControlError, Enabled, Force, Forced, Live};
use web::tried::Try;

/// The way back of an answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, ControlError>>;

/// What the heart hears.
pub(crate) enum Input {
    /// A change source, a hook or a person has seen changes.
    Changes { changes: Vec<NewChange>, memory: Option<SourceMemory>, reply: Reply<Vec<Option<ChangeId>>> },
    /// Somebody wants builds.
    Force { force: Force, reply: Reply<Forced> },
    /// Somebody wants a patch built.
    Try { tried: Box<Try>, reply: Reply<Forced> },
    /// A gate wants a tree tested by these builders.
    File { new: Box<NewSet>, builders: Vec<String>, reply: Reply<Forced> },
    /// Somebody wants a build again.
    Rebuild { build: Box<model::Build>, set: Box<model::BuildSet>, owner: String, reply: Reply<Forced> },
    /// Somebody wants a build to end.
    Stop { build: BuildId, reason: String, reply: Reply<()> },
    /// Somebody does not want a request any more.
    Cancel { request: RequestId, reason: String, reply: Reply<()> },
    /// Somebody wants all of a set to end.
    CancelSet { set: model::BuildSetId, reason: String, reply: Reply<()> },
    /// A worker is to take no new builds, or to take them again.
    Pause { worker: WorkerId, reason: Option<String>, reply: Reply<()> },
    /// A scheduler is turned on or off.
    Enable { scheduler: SchedulerId, enabled: Enabled, reply: Reply<()> },
    /// A configuration that was read and checked comes into force.
    Configure { config: Arc<Config>, functions: Arc<dyn Functions>, reply: Reply<Vec<String>> },
    /// A page asks what runs and what waits.
    Live { reply: Reply<Live> },
    /// Somebody asks why a request waits.
    Why { request: RequestId, reply: Reply<Option<Why>> },
    /// A transfer asks what its step wants to bring; `None`: that step does not run.
    Transfer { command: wire::CommandId, reply: Reply<Option<crate::transfer::TransferOrder>> },
    /// A worker has said hello on a new connection.
    Hello { admission: Box<Admission> },
    /// A worker is about to stop, and takes nothing new on this connection.
    Leaving { worker: WorkerId, session: u64 },
    /// A connection is gone.
    Gone { worker: WorkerId, session: u64 },
    /// A worker held a command that nobody waits for.
    Stale { build: BuildId, epoch: i64, what: String },
    /// A command has ended, and its logs are whole.
    Ended(CommandEnded),
    /// The rest of a command's logs has come, whose end was known.
    Whole { build: BuildId },
    /// Logs of a step that nobody speaks for any more are whole as they are.
    Sealed { logs: Vec<SealedLog> },
    /// A log has grown to so many lines.
    Grew { build: BuildId, log: model::LogId, lines: u64 },
    /// The master is about to stop: no new builds from here on.
    Quit { reply: Reply<()> },
}

/// How a command ended, with its logs sealed.
#[derive(Clone, Debug)]
pub(crate) struct CommandEnded {
    pub(crate) command: wire::CommandId,
    pub(crate) end: CommandEnd,
    pub(crate) properties: Vec<(String, Property)>,
    pub(crate) logs: Vec<SealedLog>,
    /// What was read from its logs.
    pub(crate) findings: Findings,
    /// The steps that follow, after a step that reads a pipeline.
    pub(crate) steps: Option<Vec<StepSpec>>,
}

impl CommandEnded {
    /// An end of which nothing more is known.
    pub(crate) fn of(command: wire::CommandId, end: CommandEnd) -> Self {
        Self { command, end, properties: vec![], logs: vec![], findings: Findings::default(), steps: None }
    }
}

/// What a change source remembers, to be kept together with its changes.
pub(crate) struct SourceMemory {
    pub(crate) source: String,
    pub(crate) text: String,
}
