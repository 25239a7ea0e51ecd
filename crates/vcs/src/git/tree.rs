//! A tree with git's own files in it: made from the mirror, brought to a commit, mended after a kill.

use super::fault::GitError;
use super::line::{Line, clone_from_mirror, fetch_from_mirror};
use super::mirror::{Mirror, has_commit, is_repository, sweep_locks};
use super::run::Git;
use crate::dirs::{beside, is_real_dir, parent_of, remove};
use std::fs;
use std::path::{Path, PathBuf};

/// Marks a tree that a patch was applied to; it lies among git's own files.
const PATCHED: &str = "sluice-patched";

/// A tree on this machine, for the caller alone.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    dir: PathBuf,
}

impl Tree {
    /// The tree at `dir`, whatever is there now.
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Brings it to `commit`. Files that git does not know stay, but those in the way.
    pub(crate) fn bring_to(&self, git: &Git, mirror: &Mirror, commit: &str) -> Result<(), GitError> {
        self.adopt(git, mirror)?;
        self.set_origin(git)?;
        if !has_commit(git, &self.dir, commit)? {
            git.act(&self.dir, &fetch_from_mirror(mirror.path()))?;
        }
        if !has_commit(git, &self.dir, commit)? {
            let line = Line::git(["fetch", "--quiet", "--update-shallow", "--"]);
            git.act(&self.dir, &line.and(mirror.path()).and(commit))?;
        }
        git.act(&self.dir, &Line::git(["checkout", "--quiet", "--force", "--detach"]).and(commit))?;
        if self.git_dir().join(PATCHED).exists() {
            git.say("the last build applied a patch to this tree: removing all that git does not know");
            self.clean(git)?;
            let _ = fs::remove_file(self.git_dir().join(PATCHED));
        }
        Ok(())
    }

    /// Removes every file that the commit does not have.
    pub(crate) fn clean(&self, git: &Git) -> Result<(), GitError> {
        git.act(&self.dir, &Line::git(["clean", "-q", "-ffdx"]))
    }

    /// Brings its submodules to where the commit wants them.
    pub(crate) fn submodules(&self, git: &Git, depth: Option<u32>) -> Result<(), GitError> {
        if !self.dir.join(".gitmodules").exists() {
            return Ok(());
        }
        sweep_modules(&self.git_dir().join("modules"));
        git.act(&self.dir, &Line::git(["submodule", "--quiet", "sync", "--recursive"]))?;
        let depth = depth.map(|d| format!("--depth={d}"));
        git.act(&self.dir, &Line::git(["submodule", "update", "--init", "--recursive", "--force"]).all(depth))
    }

    /// The full hash and the title of the commit that it is at.
    pub(crate) fn at_commit(&self, git: &Git) -> Result<(String, String), GitError> {
        let told =
            git.ask_line(&self.dir, &Line::git(["log", "-1", "--no-color", "--encoding=UTF-8", "--format=%H %s"]))?;
        let (hash, title) = told.split_once(' ').unwrap_or((&told, ""));
        Ok((hash.to_owned(), title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()))
    }

    /// Notes that it is not what its commit says.
    pub(crate) fn mark_patched(&self) -> Result<(), GitError> {
        let mark = self.git_dir().join(PATCHED);
        match self.git_dir().is_dir() {
            true => fs::write(&mark, b"").map_err(|e| GitError::machine("cannot write", &mark, &e)),
            false => Ok(()),
        }
    }

    /// Leaves nothing of git in it.
    pub(crate) fn forget_git(&self) -> Result<(), GitError> {
        remove(&self.git_dir())?;
        forget_modules(&self.dir)
    }

    fn git_dir(&self) -> PathBuf {
        self.dir.join(".git")
    }

    /// Makes sure that git's files are there and whole enough to go on with.
    fn adopt(&self, git: &Git, mirror: &Mirror) -> Result<(), GitError> {
        let git_dir = self.git_dir();
        if self.dir.is_symlink() || self.dir.is_file() {
            remove(&self.dir)?;
        }
        if is_real_dir(&git_dir) && is_repository(&git_dir) {
            sweep_locks(&git_dir);
            // What a killed checkout had begun is not gone on with.
            for left in ["rebase-apply", "rebase-merge"] {
                remove(&git_dir.join(left))?;
            }
            return Ok(());
        }
        remove(&git_dir)?;
        let new = beside(&self.dir, ".new");
        remove(&new)?;
        let parent = parent_of(&self.dir)?;
        fs::create_dir_all(&self.dir).map_err(|e| GitError::machine("cannot make the directory", &self.dir, &e))?;
        git.act(&parent, &clone_from_mirror(mirror.path(), &new))?;
        fs::rename(new.join(".git"), &git_dir).map_err(|e| GitError::machine("cannot make", &git_dir, &e))?;
        remove(&new)
    }

    /// Submodules with relative addresses, and people who look, must find the real repository and not the mirror.
    fn set_origin(&self, git: &Git) -> Result<(), GitError> {
        let config = self.git_dir().join("config");
        let set = Line::git(["config", "--replace-all", "remote.origin.url"]).and(&git.repository);
        let told =
            git.ask_line(&self.dir, &Line::git(["config", "--get-all", "remote.origin.url"])).unwrap_or_default();
        if told == git.repository {
            return Ok(());
        }
        git.ask(&self.dir, &set, &[])
            .map(drop)
            .map_err(|e| GitError::new(e.fault, format!("{}: {e}", config.display())))
    }
}

/// Mends the repositories of submodules, which may lie inside each other.
fn sweep_modules(modules: &Path) {
    let mut dirs = vec![modules.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if !is_real_dir(&path) {
                continue;
            }
            if path.join("HEAD").is_file() {
                sweep_locks(&path);
                dirs.push(path.join("modules"));
            } else {
                dirs.push(path);
            }
        }
    }
}

/// Removes the `.git` file of each submodule.
fn forget_modules(dir: &Path) -> Result<(), GitError> {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let entries = fs::read_dir(&dir).map_err(|e| GitError::machine("cannot read", &dir, &e))?;
        for entry in entries.flatten() {
            let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
            if entry.file_name() == ".git" {
                remove(&entry.path())?;
            } else if is_dir {
                dirs.push(entry.path());
            }
        }
    }
    Ok(())
}
