//! The one truth: SQLite and PostgreSQL behind one SQL text.
//!
//! [`Store::commit`] takes the transitions of `model`, all of a batch or none, and returns when they are durable.
//! [`Store::snapshot`] gives the live part that the world is rebuilt from; the other methods answer questions about
//! everything that was ever written and never wait for the writer.

mod error;
mod pages;

pub use error::{CommitError, StoreError};
pub use pages::{Broken, LogPlace, Refusal};

use model::{
    Build, BuildId, BuildSet, BuildSetId, Builder, BuilderId, Change, ChangeId, LogFacts, LogId, Page, Query, Request,
    RequestId, Scheduler, SchedulerId, Snapshot, SourceStamp, SourceStampId, Step, StepId, StepSpec, Time, Transition,
    Worker, WorkerId,
};
use std::path::PathBuf;

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file; it and its directory's journal files belong to the store. Created when absent.
    Sqlite(PathBuf),
    /// An address (`postgres://user@host/database`, or `host=… dbname=…`), without TLS for now.
    Postgres(String),
}

/// At most so many rows come back from one question; `Page::total` tells how many there are.
pub const MAX_ROWS: u64 = 10_000;

/// The store. Clones share one writer and a few readers, which end with the last clone.
#[derive(Clone)]
pub struct Store {}

type Answer<T> = Result<T, StoreError>;

macro_rules! stubs { ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
    impl Store { $($(#[$doc])* pub async fn $name(&self, $($arg: $ty),*) -> Answer<$ret> {
        $(let _ = $arg;)* Err(StoreError::Unavailable(String::new()))
    })* }
} }

impl Store {
    /// Opens the store, creates it when absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::InUse`], [`StoreError::Address`], [`StoreError::Unavailable`].
    pub async fn open(_at: &Location) -> Answer<Store> {
        Ok(Store {})
    }
    /// Writes a batch: all of it, durable when this returns, or nothing.
    ///
    /// A caller that is dropped while it waits does not take its batch back.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, _batch: Vec<Transition>) -> Result<(), CommitError> {
        Ok(())
    }
    /// Waits until everything that was committed is written and the database is let go.
    pub async fn close(self) {}
}

stubs! {
    /// Everything that is open, of one moment.
    snapshot() -> Snapshot;
    /// Builders.
    builders(query: &Query) -> Page<Builder>;
    /// One builder.
    builder(id: BuilderId) -> Option<Builder>;
    /// The builder of this name.
    builder_by_name(name: &str) -> Option<Builder>;
    /// Builds.
    builds(query: &Query) -> Page<Build>;
    /// Builds without their properties: cheaper.
    builds_bare(query: &Query) -> Page<Build>;
    /// One build.
    build(id: BuildId) -> Option<Build>;
    /// A builder's build by its number.
    build_by_number(builder: BuilderId, number: i64) -> Option<Build>;
    /// Builds of a change.
    builds_of_change(change: ChangeId) -> Vec<Build>;
    /// The last finished build of each builder, by builder.
    last_finished() -> Vec<Build>;
    /// The newest builds of each builder, by builder, newest first.
    latest_builds(per_builder: u32) -> Vec<Build>;
    /// Builds that ran at some moment from `from` until before `to`, newest first.
    builds_between(from: Time, to: Time, limit: u64) -> Vec<Build>;
    /// Builders that are broken, and since when.
    broken() -> Vec<Broken>;
    /// Build requests.
    requests(query: &Query) -> Page<Request>;
    /// One request.
    request(id: RequestId) -> Option<Request>;
    /// Build sets.
    sets(query: &Query) -> Page<BuildSet>;
    /// One set.
    set(id: BuildSetId) -> Option<BuildSet>;
    /// Source stamps.
    stamps(query: &Query) -> Page<SourceStamp>;
    /// One stamp.
    stamp(id: SourceStampId) -> Option<SourceStamp>;
    /// The stamps of a build, one per codebase.
    stamps_of_build(build: BuildId) -> Vec<SourceStamp>;
    /// Changes.
    changes(query: &Query) -> Page<Change>;
    /// One change.
    change(id: ChangeId) -> Option<Change>;
    /// The changes of a build's stamps, oldest first.
    changes_of_build(build: BuildId) -> Vec<Change>;
    /// The same for many builds at once: pairs in the order of builds, then of changes.
    changes_of_builds(builds: &[BuildId]) -> Vec<(BuildId, Change)>;
    /// Steps.
    steps(query: &Query) -> Page<Step>;
    /// One step.
    step(id: StepId) -> Option<Step>;
    /// The steps of a build that were begun, by number.
    steps_of_build(build: BuildId) -> Vec<Step>;
    /// What a build was started to do; empty when there is no such build.
    plan_of_build(build: BuildId) -> Vec<StepSpec>;
    /// The logs of a step, by number.
    logs_of_step(step: StepId) -> Vec<LogFacts>;
    /// The logs of all steps of a build, by step and number.
    logs_of_build(build: BuildId) -> Vec<LogFacts>;
    /// One log.
    log(id: LogId) -> Option<LogFacts>;
    /// Where a log belongs.
    log_place(id: LogId) -> Option<LogPlace>;
    /// Late answers that were refused, oldest first.
    refusals_of_build(build: BuildId) -> Vec<Refusal>;
    /// Workers.
    workers(query: &Query) -> Page<Worker>;
    /// One worker.
    worker(id: WorkerId) -> Option<Worker>;
    /// The worker of this name.
    worker_by_name(name: &str) -> Option<Worker>;
    /// Schedulers.
    schedulers(query: &Query) -> Page<Scheduler>;
    /// One scheduler.
    scheduler(id: SchedulerId) -> Option<Scheduler>;
    /// The scheduler of this name.
    scheduler_by_name(name: &str) -> Option<Scheduler>;
    /// What a change source remembers.
    source_memory(source: &str) -> Option<String>;
}
