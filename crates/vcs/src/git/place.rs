//! A repository on this machine, as somebody who stands in it sees it: where it is, its branch, its head, its files.

use super::fault::{Fault, GitError};
use super::line::Line;
use super::log::{self, Commit};
use super::run::{Git, silent};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a question about a local repository may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A file longer than this is not a build description.
const LONGEST_FILE: usize = 1 << 20;

/// A branch of a repository on this machine, with the commit that it was at when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalBranch {
    /// The root of the work tree, or the bare repository itself.
    pub root: PathBuf,
    /// The branch.
    pub branch: String,
    /// Its newest commit.
    pub head: Commit,
    /// Paths of all files of that commit, relative to its root.
    pub files: BTreeSet<String>,
}

impl LocalBranch {
    /// Looks at the repository that `dir` is in. Without a `branch` it is the one that is checked out.
    ///
    /// # Errors
    /// `dir` is in no repository, the repository has no commit, or there is no such branch.
    pub fn look(dir: &Path, branch: Option<&str>) -> Result<Self, GitError> {
        let nowhere = || GitError::new(Fault::Asked, format!("{} is in no git repository", dir.display()));
        let dir = std::path::absolute(dir).map_err(|e| GitError::machine("find", dir, &e))?;
        // Git is not let out of the directory that it is started in, so the way up is walked here.
        let within = dir.ancestors().find(|d| d.is_dir() && git(d).holds(d, &Line::git(["rev-parse"])) == Ok(true));
        let within = within.ok_or_else(nowhere)?;
        let inside = |words: &[&str]| git(within).ask_line(within, &Line::git([]).all(words));
        let root = match inside(&["rev-parse", "--is-bare-repository"])?.as_str() {
            "true" => inside(&["rev-parse", "--absolute-git-dir"])?,
            _ => inside(&["rev-parse", "--show-toplevel"])?,
        };
        let branch = match branch {
            Some(branch) => branch.to_owned(),
            None => match inside(&["symbolic-ref", "--quiet", "--short", "HEAD"]) {
                Ok(branch) => branch,
                Err(_) => {
                    let reason = format!("{root} is on no branch; say which one with --branch");
                    return Err(GitError::new(Fault::Missing, reason));
                }
            },
        };
        let root = PathBuf::from(root);
        let head = git(&root).ask_line(&root, &full_hash(&format!("refs/heads/{branch}"))).map_err(|_| {
            let reason = format!("{} has no branch {branch} with a commit", root.display());
            GitError::new(Fault::Missing, reason)
        })?;
        Self::at(root, branch, &head)
    }

    /// A commit of the repository at `root`, as if `branch` were there.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn at(root: PathBuf, branch: String, commit: &str) -> Result<Self, GitError> {
        let git = self::git(&root);
        let head = git.ask_line(&root, &full_hash(commit))?;
        let printed = git.ask(&root, &log::line(), format!("{head}\n").as_bytes())?;
        let commits = log::parse(&printed).map_err(|what| GitError::new(Fault::Other, what))?;
        let missing = || GitError::new(Fault::Other, format!("git does not tell of commit {head}"));
        let head = commits.into_iter().next().ok_or_else(missing)?;
        let listed =
            git.ask(&root, &Line::git(["ls-tree", "-r", "-z", "--name-only", "--full-tree"]).and(&head.revision), &[])?;
        let files = listed.split(|b| *b == 0).filter(|n| !n.is_empty());
        let files = files.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        Ok(Self { root, branch, head, files })
    }

    /// The text of a file of the head; `None` if there is none, or if it is too long to be a description of anything.
    pub fn read(&self, path: &str) -> Option<String> {
        if !self.files.contains(path) {
            return None;
        }
        let show = Line::git(["cat-file", "blob"]).and(format!("{}:{path}", self.head.revision));
        let bytes = git(&self.root).ask(&self.root, &show, &[]).ok()?;
        (bytes.len() <= LONGEST_FILE).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn full_hash(name: &str) -> Line {
    Line::git(["rev-parse", "--verify", "--quiet", "--end-of-options"]).and(format!("{name}^{{commit}}"))
}

fn git(dir: &Path) -> Git {
    Git { limit: Some(LIMIT), ..silent(dir.display().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::repo::Repo;

    #[test]
    fn a_repository_is_seen_from_any_directory_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::with_work_tree(dir.path().join("r"));
        repo.commit("main", "first", "src/deep/a.c", "int a;\n");
        repo.commit("main", "second", "Makefile", "all:\n");
        std::fs::create_dir_all(repo.path().join("src/deep")).unwrap();
        let seen = LocalBranch::look(&repo.path().join("src/deep"), Some("main")).unwrap();
        assert_eq!(seen.root.canonicalize().unwrap(), repo.path().canonicalize().unwrap());
        assert_eq!(seen.head.message.trim(), "second");
        assert_eq!(seen.files.iter().map(String::as_str).collect::<Vec<_>>(), ["Makefile", "src/deep/a.c"]);
        assert_eq!(seen.read("Makefile").as_deref(), Some("all:\n"));
        assert_eq!(seen.read("absent"), None);
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let outside = LocalBranch::look(dir.path(), None).unwrap_err().reason;
        assert_eq!(outside, format!("{} is in no git repository", dir.path().display()));
        let repo = Repo::bare(dir.path().join("r"));
        let empty = LocalBranch::look(repo.path(), Some("main")).unwrap_err().reason;
        assert!(empty.ends_with("has no branch main with a commit"), "{empty}");
    }
}
