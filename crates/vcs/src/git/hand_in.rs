//! Handing a commit in: it is put under a name of its own into the repository where a gate finds it.

use super::fault::{Fault, GitError};
use super::run::{Git, silent};
use super::standing::Standing;
use crate::line::Line;
use std::time::Duration;

/// How long a push may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What commits that were handed in are called in the repository: by themselves, so that nobody overwrites another's.
pub fn handed_in(commit: &str) -> String {
    format!("refs/sluice/in/{commit}")
}

impl Standing {
    /// The full name of the commit that `name` means: a branch, a tag, a short name, `HEAD~2`.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn commit_of(&self, name: &str) -> Result<String, GitError> {
        let line =
            Line::git(["rev-parse", "--verify", "--quiet", "--end-of-options"]).and(format!("{name}^{{commit}}"));
        let nothing = |_| GitError::new(Fault::Asked, format!("there is no commit {name} in {}", self.root.display()));
        self.here(&self.root.display().to_string()).ask_line(&self.root, &line).map_err(nothing)
    }

    /// The remote that reads from this repository, by its name here: it may push by another address.
    pub fn remote_of(&self, repository: &str) -> Option<String> {
        let here = self.here(&self.root.display().to_string());
        let names = here.ask(&self.root, &Line::git(["remote"]), &[]).ok()?;
        let reads = |name: &&str| {
            let address = here.ask_line(&self.root, &Line::git(["remote", "get-url", "--"]).and(name));
            address.is_ok_and(|address| is_same(&address, repository))
        };
        String::from_utf8_lossy(&names).lines().find(reads).map(str::to_owned)
    }

    /// Puts a commit into a repository, given as an address or as the name of a remote, under [`handed_in`].
    ///
    /// # Errors
    /// The repository does not take it.
    pub fn hand_in(&self, repository: &str, commit: &str) -> Result<(), GitError> {
        let push = ["push", "--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--"];
        let line = Line::git(push).and(repository).and(format!("{commit}:{}", handed_in(commit)));
        self.here(repository).act(&self.root, &line)
    }

    /// Takes that name away again.
    ///
    /// # Errors
    /// The repository does not do it.
    pub fn take_back(&self, repository: &str, commit: &str) -> Result<(), GitError> {
        let line =
            Line::git(["push", "--quiet", "--no-verify", "--"]).and(repository).and(format!(":{}", handed_in(commit)));
        self.here(repository).act(&self.root, &line)
    }

    fn here(&self, repository: &str) -> Git {
        Git { limit: Some(LIMIT), ..silent(repository) }
    }
}

/// Whether two addresses are plainly the same.
fn is_same(a: &str, b: &str) -> bool {
    let plain = |address: &str| address.trim_end_matches('/').trim_end_matches(".git").to_owned();
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::repo::Repo;

    #[test]
    fn a_commit_is_handed_in_under_its_own_name() {
        let top = tempfile::tempdir().unwrap();
        let target = Repo::bare(top.path().join("target.git"));
        target.commit("main", "begin", "a", "1");
        let own = Repo::with_work_tree(top.path().join("own"));
        own.commit("main", "mine", "b", "2");
        let second = own.commit("main", "more", "b", "3");
        own.git(["remote", "add", "there", &format!("{}/", target.address())]);
        let here = Standing::look(own.path()).unwrap();
        assert_eq!(here.commit_of("main").unwrap(), second);
        assert!(here.commit_of("nothing").unwrap_err().reason.contains("there is no commit nothing"));
        assert!(here.commit_of("--all").is_err());
        assert_eq!(here.remote_of(&target.address()).as_deref(), Some("there"));
        assert_eq!(here.remote_of("https://example.org/x"), None);
        for _ in 0..2 {
            here.hand_in("there", &second).unwrap();
        }
        assert_eq!(target.git(["rev-parse", &handed_in(&second)]), second);
        here.take_back(&target.address(), &second).unwrap();
        assert_eq!(target.git(["for-each-ref", "refs/sluice"]), "");
    }
}
