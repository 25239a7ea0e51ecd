//! Where a developer stands: the repository around a directory, and the commit that is checked out there.

use super::fault::{Fault, GitError};
use super::run::{Git, silent};
use crate::line::Line;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a question about a local repository may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A work tree (a linked one and a submodule are as good as any) with the commit that is checked out in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The root of the work tree.
    pub root: PathBuf,
    /// Where git keeps what all work trees of the repository share.
    pub shared: PathBuf,
    /// The commit that is checked out: a full hash.
    pub head: String,
    /// The branch that is checked out, if one is.
    pub branch: Option<String>,
    /// Whether tracked files differ from the commit.
    pub is_dirty: bool,
    /// `Name <mail>` of whoever works here, as git would write it into a commit.
    pub person: String,
}

impl Standing {
    /// Looks at the repository that `dir` is in.
    ///
    /// # Errors
    /// `dir` is in no repository, or in one that is bare, has no commit, has only a part of its history, or belongs to
    /// nobody that git knows.
    pub fn look(dir: &Path) -> Result<Self, GitError> {
        let nowhere = || GitError::new(Fault::Asked, format!("{} is in no git repository", dir.display()));
        let dir = std::path::absolute(dir).map_err(|e| GitError::machine("find", dir, &e))?;
        // Git is not let out of the directory that it is started in, so the way up is walked here.
        let within = dir.ancestors().find(|d| d.is_dir() && git(d).holds(d, &Line::git(["rev-parse"])) == Ok(true));
        let within = within.ok_or_else(nowhere)?;
        let ask = |words: &[&str]| git(within).ask_line(within, &Line::git([]).all(words));
        let asked = |reason: String| Err(GitError::new(Fault::Asked, reason));
        if ask(&["rev-parse", "--is-inside-work-tree"])? != "true" {
            return asked(format!("{} is a bare repository; a checkout is needed", within.display()));
        }
        let root = PathBuf::from(ask(&["rev-parse", "--show-toplevel"])?);
        if ask(&["rev-parse", "--is-shallow-repository"])? == "true" {
            let root = root.display();
            return asked(format!("{root} has only a part of its history; get the rest: git fetch --unshallow"));
        }
        let Ok(head) = ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) else {
            return Err(GitError::new(Fault::Empty, format!("{} has no commit", root.display())));
        };
        let shared = ask(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let person = ask(&["var", "GIT_COMMITTER_IDENT"]).map_err(|_| {
            let reason = "git does not know who you are; tell it: git config --global user.email you@example.org";
            GitError::new(Fault::Asked, reason)
        })?;
        let changed = ask(&["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=none"])?;
        Ok(Self {
            shared: PathBuf::from(shared),
            head,
            branch: ask(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok(),
            is_dirty: !changed.is_empty(),
            person: person.rfind('>').map_or(person.clone(), |end| person[..=end].to_owned()),
            root,
        })
    }

    /// Keeps a commit from being thrown away by `git gc` for as long as `name` stands, also when no branch has it any
    /// more.
    ///
    /// # Errors
    /// The repository cannot be written.
    pub fn hold(&self, name: &str) -> Result<(), GitError> {
        git(&self.root).act(&self.root, &Line::git(["update-ref"]).and(held(name)).and(&self.head))
    }

    /// Takes back [`Standing::hold`]; what was not held is fine as well.
    ///
    /// # Errors
    /// The repository cannot be written.
    pub fn release(&self, name: &str) -> Result<(), GitError> {
        git(&self.root).act(&self.root, &Line::git(["update-ref", "-d"]).and(held(name)))
    }
}

fn held(name: &str) -> String {
    format!("refs/sluice/gate/{name}")
}

fn git(dir: &Path) -> Git {
    Git { limit: Some(LIMIT), ..silent(dir.display().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::repo::Repo;

    #[test]
    fn any_checkout_is_a_place_to_stand() {
        let top = tempfile::tempdir().unwrap();
        let repo = Repo::with_work_tree(top.path().join("r"));
        let head = repo.commit("main", "first", "deep/a.c", "int a;\n");
        repo.git(["config", "user.name", "Ada Example"]);
        repo.git(["config", "user.email", "ada@example.org"]);
        let linked = top.path().join("linked");
        repo.git(["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
        let real = |path: &Path| path.canonicalize().unwrap();

        std::fs::create_dir_all(repo.path().join("deep/er")).unwrap();
        let here = Standing::look(&repo.path().join("deep/er")).unwrap();
        assert_eq!(real(&here.root), real(repo.path()));
        assert_eq!(here.head, head);
        assert_eq!(here.branch.as_deref(), Some("main"));
        assert_eq!(here.person, "Ada Example <ada@example.org>");
        assert!(!here.is_dirty);
        std::fs::write(repo.path().join("deep/a.c"), "int b;\n").unwrap();
        assert!(Standing::look(repo.path()).unwrap().is_dirty);

        let there = Standing::look(&linked).unwrap();
        assert_eq!((real(&there.root), real(&there.shared)), (real(&linked), real(&here.shared)));
        assert_eq!((there.head, there.branch), (head, None));
    }

    #[test]
    fn what_is_no_place_to_stand_is_told() {
        let top = tempfile::tempdir().unwrap();
        let reason = |path: &Path| Standing::look(path).unwrap_err().reason;
        assert!(reason(top.path()).ends_with("is in no git repository"));
        let bare = Repo::bare(top.path().join("bare"));
        assert!(reason(bare.path()).contains("is a bare repository; a checkout is needed"));
        let empty = Repo::with_work_tree(top.path().join("empty"));
        assert!(reason(empty.path()).ends_with("has no commit"));
        let full = Repo::with_work_tree(top.path().join("full"));
        full.commit("main", "one", "a", "1");
        full.commit("main", "two", "a", "2");
        let shallow = top.path().join("shallow");
        let from = format!("file://{}", full.address());
        full.git(["clone", "-q", "--depth=1", &from, shallow.to_str().unwrap()]);
        assert!(reason(&shallow).ends_with("get the rest: git fetch --unshallow"));
    }

    #[test]
    fn a_held_commit_outlives_its_branch() {
        let top = tempfile::tempdir().unwrap();
        let repo = Repo::with_work_tree(top.path().join("r"));
        repo.git(["config", "user.name", "Ada"]);
        repo.git(["config", "user.email", "ada@example.org"]);
        let first = repo.commit("main", "first", "a", "1");
        let second = repo.commit("main", "second", "a", "2");
        let here = Standing::look(repo.path()).unwrap();
        here.hold("7").unwrap();
        repo.point("main", &first);
        repo.git(["reflog", "expire", "--expire=now", "--all"]);
        repo.git(["gc", "-q", "--prune=now"]);
        assert_eq!(repo.git(["cat-file", "-t", &second]), "commit");
        here.release("7").unwrap();
        here.release("7").unwrap();
        assert_eq!(repo.git(["for-each-ref", "refs/sluice"]), "");
    }
}
