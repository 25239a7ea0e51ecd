//! The nouns of Sluice and what may be said about them.
//!
//! Ring 0: no clock, no file, no socket, no thread. Time comes in as a [`Time`].
//! Every other room speaks in these words; the same noun has the same file name in each of them.

pub mod area;
pub mod build;
pub mod build_set;
pub mod builder;
pub mod change;
pub mod changed_files;
pub mod config;
pub mod event;
pub mod excerpt;
pub mod finding;
pub mod function;
pub mod gate;
pub mod glob;
pub mod id;
pub mod lock;
pub mod log;
pub mod property;
pub mod query;
pub mod render;
pub mod report;
pub mod request;
pub mod results;
pub mod scheduler;
pub mod shell;
pub mod snapshot;
pub mod source;
pub mod source_stamp;
pub mod step;
pub mod task;
pub mod test_result;
pub mod testrun;
pub mod text;
pub mod time;
pub mod transition;
pub mod why;
pub mod worker;

pub use build::{Build, BuildStatus, Lease};
pub use build_set::{BuildSet, BuildSetStatus, ParentStep, Waits};
pub use builder::{Builder, BuilderSpec, Collapse, PipelineSpec};
pub use change::{Change, NewChange};
pub use config::{Config, Place, ProjectSpec, WebSpec};
pub use event::Event;
pub use finding::{Finding, FindingKind, Mend, Severity};
pub use function::{CallError, Condition, FunctionRef, Functions, NoFunctions};
pub use gate::{
    CandidateEnd, CandidateStatus, GateCandidate, GateDecision, GateLanding, GatePlace, GatePolicy, GatePromise,
    GateSpec, GateTask, GateTrial, GateTrialStatus, GateTurn, GateView,
};
pub use id::{
    BuildId, BuildSetId, BuilderId, ChangeId, LogId, MessageId, RequestId, SchedulerId, SourceStampId, StepId,
    TestRunId, WorkerId,
};
pub use lock::{LockAccess, LockOwner, LockPlace, LockScope, LockSpec, LockUse, LockView, LockWait};
pub use log::{LogFacts, LogStatus, Stream};
pub use property::{Properties, Property, Value};
pub use query::{Filter, FilterOp, Order, Page, Query};
pub use report::{
    AddLogs, HttpReportSpec, MailLookup, MailSpec, MailTls, Message, MessageStatus, NewMessage, Occasions, OutboxSum,
    ReportMode, ReporterKind, ReporterSpec,
};
pub use request::{Request, RequestStatus};
pub use results::Results;
pub use scheduler::{
    ChangeFilter, CodebaseSpec, Follow, ForceSpec, Lane, Match, Parameter, ParameterKind, Scheduler, SchedulerKind,
    SchedulerSpec, SchedulerState, TrySpec,
};
pub use snapshot::{NextIds, Snapshot};
pub use source::{ChangeSourceSpec, GitPollerSpec, VcsPollerSpec};
pub use source_stamp::{PATCH_LIMIT, Patch, SourceStamp};
pub use step::{
    ATTEMPT_PROPERTY, BranchPlace, CommandLine, FileSpec, Findings, FollowedLog, GitMode, GitSpec, HttpMethod,
    HttpSpec, KindCount, PropertyReading, PropertyValue, Reading, SequencePart, SequenceSpec, ShellSpec, Step,
    StepAction, StepFacts, StepFlags, StepSpec, StepStatus, Suppression, TestReading, TransferSpec, TriggerSpec, Vcs,
    VcsSpec, WarningKind, WarningReading, is_attempt_key,
};
pub use task::{MasterSpec, TaskSpec};
pub use test_result::{TestCase, TestChange, TestNames, TestOutcome, TestRoll, TestTotals};
pub use testrun::{TestItem, TestRun};
pub use text::{Form, Lookup, Piece, SourceField, Text, WorkerField};
pub use time::{Span, Time};
pub use transition::Transition;
pub use why::Why;
pub use worker::{Worker, WorkerInfo, WorkerSpec};
