//! The history as `git log` prints it for machines: fields and file names ended by NUL.

use model::Time;

/// A commit as the history tells it. Invalid UTF-8 is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its full hash.
    pub revision: String,
    /// `Name <mail>` of who wrote it.
    pub author: String,
    /// When it was written, by the author's clock.
    pub authored_at: Time,
    /// `Name <mail>` of who committed it.
    pub committer: String,
    /// When it was committed, by the committer's clock.
    pub committed_at: Time,
    /// The message, whole.
    pub message: String,
    /// Files it touched; both names of a renamed one. A merge is compared with its first parent.
    pub files: Vec<String>,
}
