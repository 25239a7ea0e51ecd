//! What a change source needs: the heads of a repository, and the commits between two looks.

use super::{Commit, GitError, Leash};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Branches and the full hashes of their heads.
pub type Heads = BTreeMap<String, String>;

/// Commits to leave out of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Commits that are known, with all that they stand on. Those that the mirror does not have are passed over.
    pub known: Vec<String>,
    /// At most so many commits, the newest.
    pub most: usize,
}

/// A repository that is looked at again and again, with a bare mirror of the branches that matter.
#[derive(Clone, Debug)]
pub struct Follower {
    repository: String,
    dir: PathBuf,
}

impl Follower {
    /// Follows `repository`; its mirror is made in `dir` when it is first needed.
    pub fn new(repository: &str, dir: &Path) -> Self {
        Self { repository: repository.to_owned(), dir: dir.to_path_buf() }
    }

    /// Asks the repository for all its branches, without fetching anything.
    pub fn look(&self, leash: &Leash) -> Result<Heads, GitError> {
        let _ = (&self.repository, &self.dir, leash);
        Ok(Heads::new())
    }

    /// Fetches these branches in one go; says where they are now. One that is gone meanwhile is left out.
    pub fn fetch(&self, branches: &[String], leash: &Leash) -> Result<Heads, GitError> {
        let _ = (branches, leash);
        Ok(Heads::new())
    }

    /// Commits that `head` stands on, itself too, oldest first, without what `since` leaves out.
    pub fn history(&self, head: &str, since: &Since, leash: &Leash) -> Result<Vec<Commit>, GitError> {
        let _ = (head, since, leash);
        Ok(Vec::new())
    }
}
