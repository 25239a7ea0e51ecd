//! What went wrong, read from what git said, in words for people.

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The repository does not answer, or is not there. Trying again later may help.
    Away,
    /// The repository answers, but not to us.
    Refused,
    /// The repository has no commit.
    Empty,
    /// The branch or revision is not in it.
    Missing,
    /// The patch does not fit.
    Patch,
    /// The disk is full, a file cannot be written, git is not installed.
    Machine,
    /// The look was cut short by its [`super::Leash`].
    Stopped,
    /// Anything else that git refuses.
    Other,
}

/// Why something was not done: one line, and its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct GitError {
    /// What kind of trouble it is.
    pub fault: Fault,
    /// One line for people.
    pub reason: String,
}
