//! The project of `sluice up --demo`: a small C library with a dozen commits of history, made on the spot.

use model::{BuilderSpec, Time};
use std::path::{Path, PathBuf};

/// The demo's repository and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// A bare repository.
    pub repository: PathBuf,
    /// The branch that everything happens on.
    pub branch: String,
    /// Its commits, oldest first. The branch points at the first one until [`Demo::advance`].
    pub revisions: Vec<String>,
}

/// The demo could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the demo's repository cannot be made: {0}")]
pub struct DemoError(String);

/// Makes the repository in `dir` (which must not exist, or be empty), with dates that end shortly before `now`.
pub fn create(dir: &Path, now: Time) -> Result<Demo, DemoError> {
    let _ = (dir, now);
    Err(DemoError(String::new()))
}

impl Demo {
    /// Moves the branch on to the commit of this number in [`Demo::revisions`], as a push would.
    pub fn advance(&self, to: usize) -> Result<(), DemoError> {
        let _ = to;
        Ok(())
    }
}

/// The two builders of the demo, `linux` and `sanitize`, which run on the worker of this name.
pub fn builders(repository: &str, worker: &str) -> Vec<BuilderSpec> {
    let _ = (repository, worker);
    Vec::new()
}
