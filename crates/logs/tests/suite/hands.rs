//! What every test needs: a runtime, a place, bytes in and out.

use bytes::Bytes;
use futures_util::StreamExt;
use logs::{LogError, Logs};
use model::{BuildId, LogId, Stream};
use std::future::Future;
use std::path::{Path, PathBuf};

pub(crate) const BUILD: BuildId = BuildId(7);
pub(crate) const LOG: LogId = LogId(70);

/// Runs a test's future with a runtime of its own.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The file of the build that most tests use.
pub(crate) fn file_in(dir: &Path) -> PathBuf {
    dir.join("0").join("7.slog")
}

/// All bytes of a log.
pub(crate) async fn raw(logs: &Logs, build: BuildId, log: LogId) -> Result<Vec<u8>, LogError> {
    let mut all = Vec::new();
    let mut pieces = logs.raw(build, log);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        assert!(!piece.is_empty() && piece.len() <= logs::format::FRAME_BYTES);
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Appends to standard output of the build that most tests use.
pub(crate) async fn say(logs: &Logs, log: LogId, offset: usize, text: &'static str) {
    let data = Bytes::from_static(text.as_bytes());
    logs.append(BUILD, log, offset as u64, Stream::Stdout, data).await.unwrap();
}
