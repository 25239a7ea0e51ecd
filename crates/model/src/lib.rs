//! The nouns of Sluice and what may be said about them.
//!
//! Ring 0: no clock, no file, no socket, no thread. Time comes in as a [`Time`].
//! Every other room speaks in these words; the same noun has the same file name in each of them.

pub mod build;
pub mod build_set;
pub mod builder;
pub mod change;
pub mod config;
pub mod event;
pub mod id;
pub mod log;
pub mod property;
pub mod query;
pub mod request;
pub mod results;
pub mod scheduler;
pub mod snapshot;
pub mod source;
pub mod source_stamp;
pub mod step;
pub mod time;
pub mod transition;
pub mod why;
pub mod worker;

pub use build::{Build, BuildStatus, Lease};
pub use build_set::{BuildSet, BuildSetStatus};
pub use builder::{Builder, BuilderSpec};
pub use change::{Change, NewChange};
pub use config::{Config, Place, ProjectSpec, WebSpec};
pub use event::Event;
pub use id::{
    BuildId, BuildSetId, BuilderId, ChangeId, LogId, RequestId, SchedulerId, SourceStampId, StepId, WorkerId,
};
pub use log::{LogFacts, LogStatus, Stream};
pub use property::{Properties, Property, Value};
pub use query::{Filter, FilterOp, Order, Page, Query};
pub use request::{Request, RequestStatus};
pub use results::Results;
pub use scheduler::{Lane, Scheduler, SchedulerKind, SchedulerSpec, SchedulerState};
pub use snapshot::{NextIds, Snapshot};
pub use source::{ChangeSourceSpec, GitPollerSpec};
pub use source_stamp::{Patch, SourceStamp};
pub use step::{CommandLine, GitMode, GitSpec, ShellSpec, Step, StepAction, StepFlags, StepSpec, StepStatus};
pub use time::{Span, Time};
pub use transition::Transition;
pub use why::Why;
pub use worker::{Worker, WorkerInfo, WorkerSpec};
