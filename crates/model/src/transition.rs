//! Transitions: the only way in which anything changes.
//!
//! The engine proposes them, the store writes them (all of a batch or none), the world takes them.
//! Each is guarded: it names the state that it moves on from, and the store refuses it if that state is gone.

use crate::property::Property;
use crate::scheduler::SchedulerState;
use crate::worker::WorkerInfo;
use crate::{
    Build, BuildId, BuildSet, BuildSetId, Builder, BuilderId, Change, GateTurn, LogFacts, LogId, MessageId, NewMessage,
    Request, RequestId, Results, Scheduler, SchedulerId, Span, Step, StepFacts, StepId, StepSpec, TestItem, TestRun,
    TestRunId, Time, Worker, WorkerId,
};

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A builder became known, or what is known of it changed. Writes all but `next_number`, which leases move.
    BuilderKnown(Builder),
    /// A worker became known, or its place in the configuration changed.
    WorkerKnown(Worker),
    /// A scheduler became known, or its place in the configuration changed.
    SchedulerKnown(Scheduler),
    /// A change was accepted. Guard: no change has its (repository, branch, revision, codebase), where it has a revision.
    ChangeAdded(Change),
    /// A change source remembers how far it has looked. `memory` is its own text.
    SourceRemembers {
        /// The source.
        source: String,
        /// Its own text.
        memory: String,
    },
    /// A scheduler's memory: timers, pending changes, enabled or not.
    SchedulerRemembers {
        /// Which.
        scheduler: SchedulerId,
        /// What.
        state: SchedulerState,
    },
    /// A build set with its stamps and its requests. An empty set is complete at once.
    SetFiled {
        /// The set; `set.requests` names the same requests.
        set: BuildSet,
        /// Its requests, all waiting.
        requests: Vec<Request>,
    },
    /// A build was given to a worker. Guard: the requests wait.
    BuildLeased {
        /// The build; running, epoch 1 or later. Its request becomes claimed, its builder's next number moves on.
        build: Build,
        /// Older requests that it answers too; they become claimed as well.
        also: Vec<RequestId>,
        /// What it will do; kept so that it can go on after a restart or a reload.
        plan: Vec<StepSpec>,
    },
    /// How long the holder of a build may stay away. Guard: the build runs at `epoch`.
    LeaseDated {
        /// The build.
        build: BuildId,
        /// Whose lease.
        epoch: i64,
        /// `None`: the holder is there.
        until: Option<Time>,
    },
    /// The clock on the master's wall was set. Whatever is open moves along: running builds with their steps and leases,
    /// open sets and requests, messages that are on their way. So it is as old as before, and due as soon. The memories of
    /// schedulers come with transitions of their own.
    ClockSet {
        /// By how much; less than zero: backwards.
        by: Span,
    },
    /// Somebody asked for the end of a build. Guard: it runs.
    StopAsked {
        /// The build.
        build: BuildId,
        /// Who and why, in words.
        reason: String,
    },
    /// A step began, with its logs. Guard: its build runs at `epoch`.
    StepStarted {
        /// The step; running.
        step: Step,
        /// Whose lease.
        epoch: i64,
        /// Its logs, all open.
        logs: Vec<LogFacts>,
    },
    /// A step has its result. Guard: it runs.
    StepFinished {
        /// Which.
        step: StepId,
        /// When.
        at: Time,
        /// How.
        results: Results,
        /// One line for people.
        state: String,
        /// What came of it besides.
        facts: StepFacts,
    },
    /// A running build does other or more steps from now on: those of a pipeline kept with the code. Guard: it runs at
    /// `epoch`.
    BuildPlanned {
        /// The build.
        build: BuildId,
        /// Whose lease.
        epoch: i64,
        /// All its steps, those that were begun included.
        plan: Vec<StepSpec>,
    },
    /// A log is whole. Guard: it is open.
    LogSealed {
        /// Which.
        log: LogId,
        /// Lines.
        lines: u64,
        /// Bytes.
        bytes: u64,
        /// CRC-32 of all bytes.
        crc32: u32,
    },
    /// A property of a build.
    PropertySet {
        /// The build.
        build: BuildId,
        /// Its name.
        name: String,
        /// Its value and source.
        property: Property,
    },
    /// A build's line for people.
    BuildState {
        /// The build.
        build: BuildId,
        /// The line.
        state: String,
    },
    /// A build has its result; `epoch` is what it is now, one higher when the lease was given up. Guard: it runs.
    BuildFinished {
        /// Which.
        build: BuildId,
        /// The epoch from now on.
        epoch: i64,
        /// When.
        at: Time,
        /// How.
        results: Results,
        /// One line for people.
        state: String,
    },
    /// A request goes back to the queue after its build ended as RETRY. Guard: it is claimed.
    RequestReleased {
        /// Which.
        request: RequestId,
        /// How often that happened.
        retries: u32,
    },
    /// Somebody, or a rule, wants a request to end. Guard: it is open.
    CancelAsked {
        /// Which.
        request: RequestId,
        /// Who and why, in words.
        reason: String,
    },
    /// A request has its result. Guard: it has none.
    RequestFinished {
        /// Which.
        request: RequestId,
        /// When.
        at: Time,
        /// How.
        results: Results,
    },
    /// A set has its result. Guard: it has none.
    SetFinished {
        /// Which.
        set: BuildSetId,
        /// When.
        at: Time,
        /// How.
        results: Results,
    },
    /// A worker connected and said who it is.
    WorkerConnected {
        /// Which.
        worker: WorkerId,
        /// When.
        at: Time,
        /// What it says of itself.
        info: WorkerInfo,
    },
    /// A worker's connection is gone.
    WorkerDisconnected {
        /// Which.
        worker: WorkerId,
        /// When.
        at: Time,
    },
    /// A worker takes no new builds (with the reason), or takes them again.
    WorkerPaused {
        /// Which.
        worker: WorkerId,
        /// `None`: it takes builds.
        reason: Option<String>,
    },
    /// What a late or stray answer said; kept as evidence, changes nothing else.
    Refused {
        /// The build that it spoke for.
        build: BuildId,
        /// The epoch that it named.
        epoch: i64,
        /// When.
        at: Time,
        /// What it said, in words.
        what: String,
    },
    /// What a builder's good builds usually take.
    UsualLearnt {
        /// Which.
        builder: BuilderId,
        /// What.
        usual: crate::builder::Usual,
    },
    /// A target has to be told of a build, if it wants to be. Filed with the build's end; twice is once.
    ReportDue {
        /// The reporter's name.
        target: String,
        /// Which.
        build: BuildId,
        /// When.
        at: Time,
    },
    /// What a target is to be told of a build is written, or there is nothing to say. A person who was told of the same
    /// thing already is passed over. Guard: it is due.
    ReportWritten {
        /// What was due.
        due: MessageId,
        /// When.
        at: Time,
        /// The messages, in the order in which they go.
        messages: Vec<NewMessage>,
    },
    /// A message could not be sent, and is tried again. Guard: it waits.
    MessageTried {
        /// Which.
        message: MessageId,
        /// Not before then.
        next_try: Time,
        /// What was wrong.
        trouble: String,
    },
    /// A message was sent, or is given up. Guard: it is due or waits.
    MessageEnded {
        /// Which.
        message: MessageId,
        /// When.
        at: Time,
        /// Why it is given up; `None`: it was sent.
        given_up: Option<String>,
    },
    /// Messages that ended before this moment are forgotten.
    MessagesForgotten {
        /// The moment.
        before: Time,
    },
    /// What a gate knows after a turn, with what that turn changed: all of it or nothing. Guard: the turn before it was
    /// the last one that was kept.
    GateKept(Box<GateTurn>),
    /// A run of tests is new, or what is known of it changed. Guard: no other run has its area, target and name.
    TestRunSaved(Box<TestRun>),
    /// Items of runs of tests are new or changed; each takes the place of the one with its run, test and path. Guard: the
    /// runs are there.
    TestItemsSaved(Vec<TestItem>),
    /// A run of tests is forgotten, with its items. Guard: it is there.
    TestRunRemoved(TestRunId),
    /// Items of a run of tests are forgotten, by test and path. Guard: the run is there.
    TestItemsRemoved {
        /// The run.
        run: TestRunId,
        /// Test and path of each.
        items: Vec<(String, String)>,
    },
}
