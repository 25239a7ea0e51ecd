//! Making a repository and moving its branches, as the demo does.

use super::fault::GitError;
use super::line::Line;
use super::run::{Git, silent};
use std::path::Path;

/// Makes a bare repository at `dir`, whose `HEAD` names `branch`.
pub(crate) fn init_bare(dir: &Path, branch: &str) -> Result<(), GitError> {
    let line = Line::git(["init", "--quiet", "--bare"]).and(format!("--initial-branch={branch}")).and("--").and(dir);
    git(dir).act(Path::new("/"), &line)
}

/// Feeds a stream to `git fast-import`.
pub(crate) fn import(dir: &Path, stream: &[u8]) -> Result<(), GitError> {
    git(dir).act_on(dir, &Line::git(["fast-import", "--quiet"]), stream)
}

/// The full hash of the commit that a name stands for.
pub(crate) fn resolve(dir: &Path, name: &str) -> Result<String, GitError> {
    git(dir).ask_line(dir, &Line::git(["rev-parse", "--verify"]).and(format!("{name}^{{commit}}")))
}

/// Points `branch` at `revision`.
pub(crate) fn point(dir: &Path, branch: &str, revision: &str) -> Result<(), GitError> {
    git(dir).act(dir, &Line::git(["update-ref"]).and(format!("refs/heads/{branch}")).and(revision))
}

fn git(dir: &Path) -> Git {
    silent(dir.display().to_string())
}
