//! What pages and REST may ask of the master.

use crate::obstacle::Obstacle;
use crate::tried::Try;
use model::{
    BuildId, BuildSetId, BuilderId, ChangeId, Config, GateCandidate, GateView, LockView, NewChange, Properties,
    RequestId, SchedulerId, Span, StepId, Time, Value, Why, WorkerId,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// The answer to an act, when it is durable.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ControlError>> + Send + 'a>>;

/// The master, as pages and REST see it.
pub trait Control: Send + Sync + 'static {
    /// Files a build set through a force scheduler.
    fn force(&self, force: Force) -> Answer<'_, Forced>;
    /// Files a build set through a try scheduler.
    fn try_patch(&self, tried: Try) -> Answer<'_, Forced>;
    /// Ends a running build; it becomes CANCELLED and keeps the reason.
    fn stop_build(&self, build: BuildId, reason: String) -> Answer<'_, ()>;
    /// Files a new set with the source and the properties of an old build, for its builder.
    fn rebuild(&self, build: BuildId, reason: String) -> Answer<'_, Forced>;
    /// Takes a request out of the queue, or stops its build.
    fn cancel_request(&self, request: RequestId, reason: String) -> Answer<'_, ()>;
    /// Cancels every open request of a set.
    fn cancel_set(&self, set: BuildSetId, reason: String) -> Answer<'_, ()>;
    /// A worker takes no new builds (with the reason), or takes them again.
    fn pause_worker(&self, worker: WorkerId, reason: Option<String>) -> Answer<'_, ()>;
    /// Turns a scheduler on or off.
    fn enable_scheduler(&self, scheduler: SchedulerId, enabled: Enabled) -> Answer<'_, ()>;
    /// Takes a change in. `None`: it was known already.
    fn add_change(&self, change: NewChange) -> Answer<'_, Option<ChangeId>>;
    /// Reads the configuration again: one transaction. The answer says what changed, a line each.
    fn reload(&self) -> Answer<'_, Vec<String>>;
    /// What runs and what waits, at this moment.
    fn live(&self) -> Answer<'_, Live>;
    /// Why a request waits. `None`: it does not wait.
    fn why(&self, request: RequestId) -> Answer<'_, Option<Why>>;
    /// The gates as they are now, in the order of the configuration.
    fn gates(&self) -> Answer<'_, Vec<GateView>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// Hands a change in. One that is in the line already is answered with its candidate.
    fn land(&self, land: Land) -> Answer<'_, GateCandidate> {
        Box::pin(async move { Err(ControlError::no_gate(&land.gate)) })
    }
    /// Does something with a candidate or with its gate. The answer is a sentence about what came of it.
    fn gate_act(&self, gate: String, act: GateAct, who: String) -> Answer<'_, String> {
        Box::pin(async move {
            let _ = (act, who);
            Err(ControlError::no_gate(&gate))
        })
    }
    /// The directory in which attempts of test runs are kept while workers have them; `None`: there is none.
    fn attempts(&self) -> Option<PathBuf> {
        None
    }
    /// There are builders, workers and a queue. Otherwise only runs of tests are shown.
    fn is_master(&self) -> bool {
        true
    }
    /// The configuration that is in force.
    fn config(&self) -> Arc<Config>;
    /// The master's clock.
    fn now(&self) -> Time;
    /// Where people reach the pages, with a slash at the end.
    fn public_url(&self) -> String;
}

/// A wish to land a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Land {
    /// Through which gate.
    pub gate: String,
    /// The commit, by its full name; `None`: what the reference names.
    pub commit: Option<String>,
    /// A branch or a full reference (`refs/…`) of the gate's repository under which the commit is found; `None`: the
    /// repository is asked for the commit itself.
    pub reference: Option<String>,
    /// Who hands it in.
    pub owner: String,
    /// Higher goes first.
    pub priority: i64,
    /// Candidates that must land before it, beside those whose commits it stands on.
    pub needs: Vec<i64>,
}

/// What may be done with a candidate or a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateAct {
    /// A candidate may land as far as somebody has to say.
    Approve(i64),
    /// A candidate is taken back.
    Withdraw(i64),
    /// A candidate has another priority.
    Prioritise(i64, i64),
    /// Somebody looked at what halted the gate, and it may go on.
    Resume,
}

/// Whether a scheduler works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// It files sets.
    Yes,
    /// It sleeps.
    No,
}

/// A wish for builds.
#[derive(Clone, Debug, Default)]
pub struct Force {
    /// The force scheduler; `None` takes the first that has all the builders.
    pub scheduler: Option<String>,
    /// Builders; empty is all of the scheduler's.
    pub builders: Vec<BuilderId>,
    /// Who asks.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The branch; `None` is the default branch.
    pub branch: Option<String>,
    /// The revision; `None` is the latest.
    pub revision: Option<String>,
    /// The repository; may be empty.
    pub repository: String,
    /// The project; may be empty.
    pub project: String,
    /// Higher goes first.
    pub priority: i64,
    /// What was filled into fields of the scheduler's own.
    pub fields: BTreeMap<String, Value>,
    /// Properties of the builds.
    pub properties: Properties,
}

/// What was filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// The set.
    pub set: BuildSetId,
    /// A request for each builder.
    pub requests: Vec<(BuilderId, RequestId)>,
}

/// What runs and what waits, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Running builds, the longest-running first.
    pub running: Vec<LiveBuild>,
    /// Waiting requests in the order in which they go, at most [`Live::MOST_WAITING`].
    pub waiting: Vec<LiveRequest>,
    /// All that wait.
    pub waiting_total: usize,
    /// Change sources and what they last found.
    pub sources: Vec<LiveSource>,
    /// Locks with their holders and who waits for them.
    pub locks: Vec<LockView>,
    /// When schedulers come next by themselves, the soonest first.
    pub upcoming: Vec<(SchedulerId, Time)>,
    /// What keeps work from going on, what hinders most first.
    pub obstacles: Vec<Obstacle>,
}

impl Live {
    /// How many waiting requests are listed at most.
    pub const MOST_WAITING: usize = 200;
}

/// A running build, as only the master knows it.
#[derive(Clone, Debug)]
pub struct LiveBuild {
    /// Which.
    pub build: BuildId,
    /// Whose.
    pub builder: BuilderId,
    /// Where.
    pub worker: WorkerId,
    /// Since when.
    pub started_at: Time,
    /// The step that runs, with its name and since when.
    pub step: Option<(StepId, String, Time)>,
    /// What the step usually takes.
    pub step_usual: Option<Span>,
    /// When it is expected to end; earliest and latest.
    pub ends: Option<(Time, Time)>,
    /// Names of the steps that it has not begun.
    pub to_come: Vec<String>,
    /// Its worker is away since, and given up at.
    pub worker_away: Option<(Time, Time)>,
}

/// A waiting request, as only the master knows it.
#[derive(Clone, Debug)]
pub struct LiveRequest {
    /// Which.
    pub request: RequestId,
    /// Whose.
    pub builder: BuilderId,
    /// Since when.
    pub submitted_at: Time,
    /// The one true reason.
    pub why: Why,
}

/// A change source and what it last found.
#[derive(Clone, Debug)]
pub struct LiveSource {
    /// Its name.
    pub name: String,
    /// How it is doing, in words: `last look 12 s ago, develop at 90c677b`, or what is wrong.
    pub state: String,
    /// It could not look; it tries again by itself.
    pub failing: bool,
    /// When it last looked.
    pub looked_at: Option<Time>,
    /// When it looks next.
    pub next_at: Option<Time>,
}

/// Why an act was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// It cannot be done now, or not so.
    #[error("{0}")]
    Refused(String),
    /// Fields of a form that are not right, with what is wrong.
    #[error("{}", .0.iter().map(|(f, e)| format!("{f}: {e}")).collect::<Vec<_>>().join("; "))]
    Fields(Vec<(String, String)>),
    /// The store or the master is not able to, at the moment.
    #[error("{0}")]
    Unavailable(String),
}

impl ControlError {
    /// There is no gate of that name.
    pub fn no_gate(name: &str) -> Self {
        ControlError::Unknown(format!("there is no gate '{name}'"))
    }
}
