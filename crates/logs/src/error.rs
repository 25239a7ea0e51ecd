//! What can go wrong with the bytes of logs.

use model::{BuildId, LogId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a log could not be begun, sealed or read.
#[derive(Clone, Debug, Error)]
pub enum LogError {
    /// The operating system said no. A build whose writing failed takes no more bytes until it is begun anew.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write`, `sync`…
        act: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Bytes on disk are not what was written. None of them is served.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file the damaged record begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The file was written by a later version of Sluice.
    #[error("{} has version {found} of the log format; this Sluice knows versions up to {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it says.
        found: u16,
        /// The latest version known here.
        known: u16,
    },
    /// There is no such log: it was never begun, or it was removed.
    #[error("there is no log {log} of build {build}")]
    Unknown {
        /// The build asked for.
        build: BuildId,
        /// The log asked for.
        log: LogId,
    },
    /// The build is finished; no log can be begun in it.
    #[error("build {build} is finished; its logs take no more bytes")]
    Finished {
        /// The build.
        build: BuildId,
    },
    /// The writer threads have ended.
    #[error("the log store is closed")]
    Closed,
}

/// Why bytes were not taken.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The bytes do not follow what is there; send again from `expected`.
    #[error("bytes are missing before this offset; the log goes on at byte {expected}")]
    Gap {
        /// Length of the log so far.
        expected: u64,
    },
    /// The log is sealed at this length and never changes again.
    #[error("the log is sealed at byte {bytes}")]
    Sealed {
        /// Its length.
        bytes: u64,
    },
    /// [`crate::Logs::begin`] was not called since the start, or writing failed and it must be called again.
    #[error("the log is not open for appending; begin it first")]
    NotBegun,
    /// The store of logs cannot take it.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl LogError {
    /// The operating system's answer to `act` on `path`.
    pub(crate) fn io(act: &'static str, path: &Path, source: io::Error) -> Self {
        LogError::Io { act, path: path.to_path_buf(), source: Arc::new(source) }
    }
}
