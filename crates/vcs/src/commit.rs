//! A commit as a history tells it, whatever the system.

use model::Time;

/// Longer messages are cut, so that one commit cannot fill a store; in bytes.
pub(crate) const LONGEST_MESSAGE: usize = 64 * 1024;

/// Longer names of people are cut; in bytes.
pub(crate) const LONGEST_NAME: usize = 1024;

/// More files of one commit are not told.
pub(crate) const MOST_FILES: usize = 50_000;

/// A commit as the history tells it. Invalid UTF-8 is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The revision in the system's own form: for git the full hash.
    pub revision: String,
    /// `Name <mail>` of who wrote it.
    pub author: String,
    /// When it was written, by the author's clock.
    pub authored_at: Time,
    /// `Name <mail>` of who committed it.
    pub committer: String,
    /// When it was committed, by the committer's clock.
    pub committed_at: Time,
    /// The message; what is beyond 64 KiB is cut off.
    pub message: String,
    /// Files it touched, at most 50,000; both names of a renamed one. A merge is compared with its first parent.
    pub files: Vec<String>,
}

impl Commit {
    /// A commit whose author committed it, with what is too long cut.
    pub(crate) fn by(author: &str, at: Time, revision: String, message: &str, mut files: Vec<String>) -> Self {
        files.truncate(MOST_FILES);
        let author = cut(author.to_owned(), LONGEST_NAME);
        let message = cut(message.to_owned(), LONGEST_MESSAGE);
        Self { revision, committer: author.clone(), author, authored_at: at, committed_at: at, message, files }
    }
}

/// The beginning of a text, whole characters only.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = "ä".repeat(LONGEST_MESSAGE);
        let commit = Commit::by(&long, Time(0), "1".to_owned(), &long, vec!["a".to_owned(); MOST_FILES + 1]);
        assert_eq!((commit.message.len(), commit.author.len()), (LONGEST_MESSAGE, LONGEST_NAME));
        assert_eq!(commit.files.len(), MOST_FILES);
    }
}
