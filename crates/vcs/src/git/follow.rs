//! What a change source needs: the heads of a repository, and the commits between two looks.

use super::fault::{Fault, GitError};
use super::line::{self, Line};
use super::log::{self, Commit};
use super::mirror::Mirror;
use super::refs;
use super::run::{Git, Leash, silent};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Branches and the full hashes of their heads.
pub type Heads = BTreeMap<String, String>;

/// How long a repository may take to say where its branches are.
const LOOK_LIMIT: Duration = Duration::from_secs(120);

/// How long one fetch may take.
const FETCH_LIMIT: Duration = Duration::from_secs(3600);

/// How long a question to the mirror may take.
const MIRROR_LIMIT: Duration = Duration::from_secs(600);

/// Commits that one `git log` tells of.
const BATCH: usize = 100;

/// Which commits of a history to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    ///
    /// # Errors
    /// The repository does not answer within two minutes, or refuses.
    pub fn look(&self, leash: &Leash) -> Result<Heads, GitError> {
        if let Some(fault) = line::address_fault(&self.repository) {
            return Err(GitError::new(Fault::Asked, fault));
        }
        let told = self.git(leash, LOOK_LIMIT).ask(Path::new("/"), &line::ls_remote_heads(&self.repository), &[])?;
        Ok(refs::heads(&refs::parse(&told)))
    }

    /// Fetches these branches in one go; says where they are now. One that is gone meanwhile is left out.
    ///
    /// # Errors
    /// The repository does not answer, or what it has cannot be kept.
    pub fn fetch(&self, branches: &[String], leash: &Leash) -> Result<Heads, GitError> {
        let git = self.git(leash, FETCH_LIMIT);
        let mirror = self.mirror(&git)?;
        match self.fetch_into(&mirror, &git, branches) {
            Err(e) if e.fault == Fault::Other && !mirror.is_sound(&git)? => {
                mirror.remake(&git)?;
                self.fetch_into(&mirror, &git, branches)
            }
            // Somebody removed one of them in this moment.
            Err(e) if e.fault == Fault::Missing => {
                let there = self.look(leash)?;
                let left: Vec<String> = branches.iter().filter(|b| there.contains_key(*b)).cloned().collect();
                if left.len() == branches.len() { Err(e) } else { self.fetch_into(&mirror, &git, &left) }
            }
            other => other,
        }
    }

    /// Commits that `head` stands on, itself too, oldest first, without what `since` leaves out.
    ///
    /// # Errors
    /// `head` has not been fetched, or the mirror cannot be read.
    pub fn history(&self, head: &str, since: &Since, leash: &Leash) -> Result<Vec<Commit>, GitError> {
        let git = self.git(leash, MIRROR_LIMIT);
        let mirror = self.mirror(&git)?;
        let known = present(&git, &mirror, &since.known)?;
        let mut input = format!("{head}\n");
        for hash in known {
            input.push_str(&format!("^{hash}\n"));
        }
        let line = Line::git(["rev-list", "--reverse", "--topo-order"])
            .and(format!("--max-count={}", since.most))
            .and("--stdin");
        let listed = git.ask(mirror.path(), &line, input.as_bytes())?;
        let hashes: Vec<&str> = std::str::from_utf8(&listed).unwrap_or("").lines().collect();
        let mut commits = Vec::with_capacity(hashes.len());
        for batch in hashes.chunks(BATCH) {
            let told = git.ask(mirror.path(), &log::line(), format!("{}\n", batch.join("\n")).as_bytes())?;
            commits.extend(log::parse(&told).map_err(|e| GitError::new(Fault::Other, e))?);
        }
        Ok(commits)
    }

    /// Those of these commits that the mirror has.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub fn present(&self, hashes: &[String], leash: &Leash) -> Result<Vec<String>, GitError> {
        let git = self.git(leash, MIRROR_LIMIT);
        present(&git, &self.mirror(&git)?, hashes)
    }

    /// `head` is `base`, or stands on it. `None`: one of them has not been fetched.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub fn stands_on(&self, head: &str, base: &str, leash: &Leash) -> Result<Option<bool>, GitError> {
        let git = self.git(leash, MIRROR_LIMIT);
        let mirror = self.mirror(&git)?;
        if present(&git, &mirror, &[head.to_owned(), base.to_owned()])?.len() < 2 {
            return Ok(None);
        }
        git.holds(mirror.path(), &Line::git(["merge-base", "--is-ancestor"]).and(base).and(head)).map(Some)
    }

    fn git(&self, leash: &Leash, limit: Duration) -> Git {
        Git { leash: Some(leash.clone()), limit: Some(limit), ..silent(self.repository.clone()) }
    }

    fn mirror(&self, git: &Git) -> Result<Mirror, GitError> {
        Mirror::open(git, &self.dir, "follow")
    }

    fn fetch_into(&self, mirror: &Mirror, git: &Git, branches: &[String]) -> Result<Heads, GitError> {
        if branches.is_empty() {
            return Ok(Heads::new());
        }
        let listed: String = branches.iter().map(|b| format!("+refs/heads/{b}:{}\n", kept(b))).collect();
        git.act_on(mirror.path(), &line::fetch_listed(&self.repository), listed.as_bytes())?;
        mirror.tidy(git);
        let line = Line::git(["for-each-ref", "--format=%(objectname) %(refname)", "refs/follow/"]);
        let told = refs::parse(&git.ask(mirror.path(), &line, &[])?);
        let find = |b: &String| told.iter().find(|r| r.name == kept(b)).map(|r| (b.clone(), r.hash.clone()));
        Ok(branches.iter().filter_map(find).collect())
    }
}

/// Where the mirror keeps a branch: all names side by side, because `a` that is gone and `a/b` that is new cannot be
/// kept under their own names.
fn kept(branch: &str) -> String {
    let hex: String = Sha256::digest(branch.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("refs/follow/{hex}")
}

fn present(git: &Git, mirror: &Mirror, hashes: &[String]) -> Result<Vec<String>, GitError> {
    let input: String = hashes.iter().filter(|h| line::is_hash(h)).map(|h| format!("{h}\n")).collect();
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let line = Line::git(["cat-file", "--batch-check=%(objectname) %(objecttype)"]);
    let told = git.ask(mirror.path(), &line, input.as_bytes())?;
    let told = String::from_utf8_lossy(&told);
    Ok(told.lines().filter_map(|l| l.strip_suffix(" commit")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
