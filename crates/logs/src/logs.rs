//! The door to the bytes of logs.

use crate::{AppendError, Growth, LogError, SyncedReceiver};
use bytes::Bytes;
use futures_util::Stream as AsyncStream;
use model::{BuildId, LogId, Stream};
use std::path::PathBuf;
use tokio::sync::broadcast;

/// How far a log has come in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken so far.
    pub bytes: u64,
    /// Lines begun so far.
    pub lines: u64,
}

/// A log that never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Lines, counting a last one without a newline.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE 802.3) of all bytes.
    pub crc32: u32,
}

/// What is known of a log, live or finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Lines so far.
    pub lines: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// CRC-32 of all bytes, once the log is sealed.
    pub sealed: Option<u32>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 0.
    pub number: u64,
    /// Where it came from.
    pub stream: Stream,
    /// Its bytes without the newline, at most [`Logs::MOST_LINE_BYTES`].
    pub bytes: Vec<u8>,
    /// The line is longer than `bytes` shows.
    pub cut: bool,
}

/// The first place in a line where the searched bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Number of the line, from 0.
    pub line: u64,
    /// Offset in bytes from the line's beginning.
    pub column: u64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// At most one hit per line, in order.
    pub hits: Vec<Hit>,
    /// The search stopped at a limit; ask again from this line. `None`: it came to the end of the log.
    pub next: Option<u64>,
}

/// All logs of all builds below one folder. Clones share the same threads and files.
#[derive(Clone, Debug)]
pub struct Logs {}

impl Logs {
    /// A line is shown up to this many bytes; the raw log has all of it.
    pub const MOST_LINE_BYTES: usize = 16 * 1024;

    /// Opens the folder (it is made if need be) and starts the writer, sync and clock threads.
    pub fn open(_dir: PathBuf) -> Result<Logs, LogError> {
        Ok(Logs {})
    }

    /// Opens a log for appending and tells how many of its bytes are already durable: 0 if it is new, else where the
    /// sender goes on. Also right after a restart, and to try again after writing failed.
    pub async fn begin(&self, _build: BuildId, _log: LogId) -> Result<u64, LogError> {
        Err(LogError::Closed)
    }

    /// Takes bytes that stand at `offset` of the log. What overlaps with bytes already taken is skipped, unseen.
    /// Resolves when the bytes are in memory and readable; waits while the writer is behind. Dropping the future
    /// leaves a prefix of the bytes taken.
    pub async fn append(
        &self,
        _build: BuildId,
        _log: LogId,
        _offset: u64,
        _stream: Stream,
        _data: Bytes,
    ) -> Result<Progress, AppendError> {
        Err(AppendError::NotBegun)
    }

    /// Tells which bytes are durable, for the acknowledgements to worker spools. Logs that became durable before
    /// this call are not told.
    pub fn synced(&self) -> SyncedReceiver {
        SyncedReceiver {}
    }

    /// Closes a log for good. Resolves when the bytes are on their way to disk; [`Logs::synced`] tells when they have
    /// arrived. Sealing twice gives the same answer.
    pub async fn seal(&self, _build: BuildId, _log: LogId) -> Result<Sealed, LogError> {
        Err(LogError::Closed)
    }

    /// The build is over: logs still open are sealed as they are, the index is written, the file closed. Resolves
    /// when that is on its way to disk. A build that is not open is left as it is.
    pub async fn finish(&self, _build: BuildId) -> Result<(), LogError> {
        Err(LogError::Closed)
    }

    /// Writes and syncs all that was taken until now, and waits for it.
    pub async fn flush(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// Tells how logs grow, for live pages. A receiver that lags loses old tidings; [`Logs::facts`] has the truth.
    pub fn growth(&self) -> broadcast::Receiver<Growth> {
        broadcast::channel(1).1
    }

    /// Length and seal of a log; `None` if there is no such log or its file cannot be read.
    pub async fn facts(&self, _build: BuildId, _log: LogId) -> Option<Facts> {
        None
    }

    /// Up to `count` lines from line `first` on, all together at most `most_bytes` (but at least one line if there is
    /// one). Fewer lines than asked for: the end of the log, or the limit, was reached.
    pub async fn lines(
        &self,
        build: BuildId,
        log: LogId,
        _first: u64,
        _count: u64,
        _most_bytes: usize,
    ) -> Result<Vec<Line>, LogError> {
        Err(LogError::Unknown { build, log })
    }

    /// The last `count` lines, under the same limits as [`Logs::lines`].
    pub async fn tail(
        &self,
        build: BuildId,
        log: LogId,
        _count: u64,
        _most_bytes: usize,
    ) -> Result<Vec<Line>, LogError> {
        Err(LogError::Unknown { build, log })
    }

    /// The bytes of a log, all that there are at the time of the call, in pieces of at most 256 KiB.
    pub fn raw(
        &self,
        build: BuildId,
        log: LogId,
    ) -> impl AsyncStream<Item = Result<Bytes, LogError>> + Send + Unpin + 'static {
        self.raw_from(build, log, 0)
    }

    /// Like [`Logs::raw`], from byte `offset` on.
    pub fn raw_from(
        &self,
        _build: BuildId,
        _log: LogId,
        _offset: u64,
    ) -> impl AsyncStream<Item = Result<Bytes, LogError>> + Send + Unpin + 'static {
        futures_util::stream::iter(std::iter::empty())
    }

    /// Looks for lines that hold `needle`, from line `first` on, until `most_hits` or a limit of bytes looked at.
    pub async fn find(
        &self,
        build: BuildId,
        log: LogId,
        _needle: Vec<u8>,
        _first: u64,
        _most_hits: usize,
    ) -> Result<Found, LogError> {
        Err(LogError::Unknown { build, log })
    }

    /// Removes all logs of a build, from memory and from disk.
    pub async fn remove(&self, _build: BuildId) -> Result<(), LogError> {
        Ok(())
    }
}
