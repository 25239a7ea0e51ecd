//! The documents of the REST interface and of its events, and the routes they live at.
//!
//! Ring 1: documents are made from `model` nouns and read back from JSON text; nothing here knows a socket.
//! Shapes, names and types are those of Buildbot 4.3's data API, so that its clients work unchanged.
//!
//! The way through: a path becomes a [`Route`], a query string becomes an [`Ask`], rows of the store become
//! documents ([`Build::of`] and its kin), and [`answer::write`] makes the text. [`event::events`] says who hears what.

pub mod answer;
pub mod build;
pub mod build_set;
pub mod builder;
pub mod change;
pub mod error;
pub mod event;
pub mod field;
pub mod gate;
pub mod limit;
pub mod live;
pub mod log;
pub mod master;
pub mod outbox;
pub mod property;
pub mod query;
pub mod request;
pub mod route;
pub mod rpc;
pub mod scheduler;
pub mod select;
pub mod source;
pub mod source_stamp;
pub mod spec;
pub mod step;
pub mod story;
pub mod testrun;
pub mod worker;

pub use answer::{Answer, Document, Layout};
pub use build::Build;
pub use build_set::BuildSet;
pub use builder::Builder;
pub use change::{AddChange, Change};
pub use error::Problem;
pub use event::{Lookup, events};
pub use field::{Field, Kind};
pub use gate::{Gate, GateCandidate, GateDecision, GatePlace, GateTrial};
pub use live::{Live, LiveBuild, LiveObstacle, LiveRequest, LiveSource, WhyAnswer};
pub use log::{Log, LogChunk, Short, Standing};
pub use master::Master;
pub use outbox::{OutboxMessage, OutboxSum};
pub use property::{Properties, PropertyRow};
pub use query::{Ask, QueryError};
pub use request::BuildRequest;
pub use route::{BuildRef, BuilderRef, LogRef, Route, StepRef, WorkerRef};
pub use rpc::{Call, Reply, RpcError};
pub use scheduler::{ForceParams, ForceScheduler, Forced, Scheduler};
pub use select::select;
pub use source::ChangeSource;
pub use source_stamp::SourceStamp;
pub use step::Step;
pub use testrun::{TestDiff, TestItem, TestPast, TestRun};
pub use worker::Worker;
