//! A bare mirror of a repository on this machine, so that a checkout fetches only what was never fetched before.
//!
//! A lock file beside it keeps builds apart: whoever writes has it alone, those who read share it. Everything is mended on
//! the way in: lock files of a killed git, half a mirror, a mirror that cannot be read.

use super::fault::{Fault, GitError};
use super::line::{Line, is_hash};
use super::run::Git;
use crate::dirs::remove;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a build that waits for a mirror says so.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// How often it looks whether the mirror is free.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A mirror. Whoever has this value holds its lock.
#[derive(Debug)]
pub(crate) struct Mirror {
    path: PathBuf,
    lock: File,
}

/// The file name of the mirror of a repository: its last word for people, and a hash for the machine.
pub(crate) fn name(repository: &str, kind: &str) -> String {
    let last = repository.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or("");
    let word: String = last
        .trim_end_matches(".git")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(40)
        .collect();
    let digest = Sha256::digest(format!("mirror 1\0{kind}\0{repository}").as_bytes());
    let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    if word.is_empty() { hex } else { format!("{word}-{hex}") }
}

impl Mirror {
    /// Takes the mirror of `git.repository` in `dir` for oneself alone and makes it if there is none. `kind` tells apart
    /// mirrors of one repository that hold different things.
    pub(crate) fn open(git: &Git, dir: &Path, kind: &str) -> Result<Self, GitError> {
        fs::create_dir_all(dir).map_err(|e| GitError::machine("cannot make the directory", dir, &e))?;
        let name = name(&git.repository, kind);
        let lock_path = dir.join(format!("{name}.lock"));
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|e| GitError::machine("cannot open", &lock_path, &e))?;
        wait_for(git, &lock, &lock_path)?;
        let mirror = Self { path: dir.join(format!("{name}.git")), lock };
        mirror.prepare(git)?;
        Ok(mirror)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Others may read it from now on, too.
    pub(crate) fn share(&self) -> Result<(), GitError> {
        self.lock.lock_shared().map_err(|e| GitError::machine("cannot lock", &self.path, &e))
    }

    /// It can be read, all of it. This may take minutes in a large mirror, and is asked only after something failed.
    pub(crate) fn is_sound(&self, git: &Git) -> Result<bool, GitError> {
        git.holds(&self.path, &Line::git(["fsck", "--full", "--no-dangling", "--no-progress"]))
    }

    /// It has all that belongs to this commit. A fetch that broke off may have brought the commit and not its files.
    pub(crate) fn is_whole(&self, git: &Git, hash: &str) -> Result<bool, GitError> {
        git.holds(&self.path, &Line::git(["rev-list", "--objects", "--quiet"]).and(hash).all(["--not", "--all"]))
    }

    /// Makes it anew, empty, for oneself alone.
    pub(crate) fn remake(&self, git: &Git) -> Result<(), GitError> {
        wait_for(git, &self.lock, &self.path)?;
        remove(&self.path)?;
        self.prepare(git)
    }

    /// This commit is in it, by its full hash.
    pub(crate) fn has(&self, git: &Git, hash: &str) -> Result<bool, GitError> {
        has_commit(git, &self.path, hash)
    }

    /// The commit that a name stands for: a reference, a tag, a short hash.
    pub(crate) fn resolve(&self, git: &Git, name: &str) -> Result<Option<String>, GitError> {
        let line =
            Line::git(["rev-parse", "--verify", "--quiet", "--end-of-options"]).and(format!("{name}^{{commit}}"));
        if !git.holds(&self.path, &line)? {
            return Ok(None);
        }
        git.ask_line(&self.path, &line).map(|hash| Some(hash).filter(|h| is_hash(h)))
    }

    /// Packs together what many fetches have left, when there is much of it. Whether that works is of no importance now.
    pub(crate) fn tidy(&self, git: &Git) {
        let packs = fs::read_dir(self.path.join("objects/pack")).map_or(0, Iterator::count);
        let loose = fs::read_dir(self.path.join("objects/17")).map_or(0, Iterator::count);
        if packs > 150 || loose > 30 {
            let _ = git.act(&self.path, &Line::git(["-c", "gc.autoDetach=false", "gc", "--quiet"]));
        }
    }

    fn prepare(&self, git: &Git) -> Result<(), GitError> {
        if is_repository(&self.path) {
            sweep_locks(&self.path);
            return Ok(());
        }
        remove(&self.path)?;
        let new = self.path.with_extension("new");
        remove(&new)?;
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        git.ask(dir, &Line::git(["init", "--quiet", "--bare", "--"]).and(&new), &[])?;
        // A tree may ask for any commit by its hash, whether a branch stands on it or not.
        git.ask(&new, &Line::git(["config", "uploadpack.allowAnySHA1InWant", "true"]), &[])?;
        fs::rename(&new, &self.path).map_err(|e| GitError::machine("cannot make the mirror", &self.path, &e))
    }
}

/// What git goes by, too. Whether all of it can be read is seen when it is.
pub(crate) fn is_repository(git_dir: &Path) -> bool {
    let head = fs::metadata(git_dir.join("HEAD")).is_ok_and(|m| m.is_file() && m.len() > 0);
    head && git_dir.join("objects").is_dir() && git_dir.join("refs").is_dir()
}

/// This commit is in the repository at `dir`.
pub(crate) fn has_commit(git: &Git, dir: &Path, hash: &str) -> Result<bool, GitError> {
    git.holds(dir, &Line::git(["cat-file", "-e"]).and(format!("{hash}^{{commit}}")))
}

fn wait_for(git: &Git, lock: &File, path: &Path) -> Result<(), GitError> {
    let mut said: Option<Instant> = None;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(GitError::machine("cannot lock", path, &e)),
        }
        if git.leash.as_ref().is_some_and(super::Leash::is_cut) {
            return Err(GitError::new(Fault::Stopped, "it was stopped"));
        }
        if said.is_none_or(|s| s.elapsed() >= SAY_EVERY) {
            git.say("waiting for another build that fetches from the same repository");
            said = Some(Instant::now());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Removes the lock files and half-written packs of a git that was killed. Only for whoever has the repository alone:
/// then each of them is a left-over.
pub(crate) fn sweep_locks(git_dir: &Path) {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries(git_dir) {
        if entry.file_name().as_encoded_bytes().ends_with(b".lock") {
            let _ = fs::remove_file(entry.path());
        }
    }
    for entry in entries(&git_dir.join("objects/pack")) {
        if entry.file_name().as_encoded_bytes().starts_with(b"tmp_") {
            let _ = fs::remove_file(entry.path());
        }
    }
    let mut dirs = vec![git_dir.join("refs")];
    while let Some(dir) = dirs.pop() {
        for entry in entries(&dir) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                // No reference can have a name that ends so.
                Ok(_) if entry.file_name().as_encoded_bytes().ends_with(b".lock") => {
                    let _ = fs::remove_file(entry.path());
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people_and_never_the_same() {
        let one = name("https://example.org/madler/zlib.git", "");
        assert!(one.starts_with("zlib-") && one.len() == 5 + 16, "{one}");
        assert_ne!(one, name("https://example.org/other/zlib", ""));
        assert_ne!(one, name("https://example.org/madler/zlib.git", "depth 1"));
        assert!(name("host:a b\n", "").starts_with("a_b_-"));
        assert_eq!(name("///", "").len(), 16);
    }
}
