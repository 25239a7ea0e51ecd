//! What is told about logs while they grow: new lengths for pages, durable lengths for workers' spools.

use model::{BuildId, LogId};

/// A log has grown. Told at most about 20 times a second per log, and once more when it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The build.
    pub build: BuildId,
    /// The log.
    pub log: LogId,
    /// Lines so far; the last one may be unfinished.
    pub lines: u64,
    /// Bytes so far.
    pub bytes: u64,
}

/// How much of a log survives a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The build.
    pub build: BuildId,
    /// The log.
    pub log: LogId,
    /// Bytes from the beginning of the log that are on disk for good.
    pub bytes: u64,
    /// Whether the log's seal is on disk for good too: then nothing more will be told of it.
    pub sealed: bool,
}

/// Tells durable lengths. It never loses one: what is not fetched yet is kept, the latest word per log.
#[derive(Debug)]
pub struct SyncedReceiver {}

impl SyncedReceiver {
    /// Waits until at least one log has become longer on disk; the latest word on each such log, in no order.
    /// `None`: the store of logs is closed.
    pub async fn recv(&mut self) -> Option<Vec<Durable>> {
        None
    }
}
