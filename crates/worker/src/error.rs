//! Why a worker cannot run.

use std::io;
use std::path::PathBuf;

/// Why a worker cannot be set up or cannot go on. A master that cannot be reached is none of these: it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A file or directory cannot be used.
    #[error("{} cannot be {what}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried, as in `read`.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Another daemon works in this directory.
    #[error("another worker runs in {}", .0.display())]
    InUse(PathBuf),
    /// The master's address is none.
    #[error("`{address}` is no master's address: {why}; one looks like http://ci.example.org:8010/")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The settings cannot be understood.
    #[error("{}:{line}: {what}", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 when it is about the whole file.
        line: usize,
        /// What is wrong and what would be right.
        what: String,
    },
    /// A directory holds something else.
    #[error("{} is not empty and holds no worker; give a new directory", .0.display())]
    Foreign(PathBuf),
    /// A directory holds a worker with other settings.
    #[error("{} holds a worker already, with another {differs}; change {} or give a new directory", .dir.display(), .dir.join(crate::settings::FILE).display())]
    Exists {
        /// The directory.
        dir: PathBuf,
        /// The first setting that differs.
        differs: &'static str,
    },
}

impl WorkerError {
    pub(crate) fn file(path: impl Into<PathBuf>, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| WorkerError::File { path, what, source }
    }
}
