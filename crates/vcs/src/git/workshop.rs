//! Where a gate makes the commits that it tests: a bare repository without a work tree, so that no hook and no filter of
//! what is tested has a say.
//!
//! A commit that is replayed keeps its author, its committer and both dates. What comes out is a function of what goes
//! in: the same change on the same commit is the same commit, however often and wherever it is made.

use super::fault::{Fault, GitError};
use super::landing::{Conflict, Landing, RebaseError, Target};
use super::line::{self, Line, is_hash};
use super::make::init_bare;
use super::refs;
use super::run::{Git, Leash, Turns, silent};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long git may take for one step of it.
const LIMIT: Duration = Duration::from_secs(1800);

/// So many commits one change may have.
const MOST_COMMITS: usize = 1000;

/// How many commits are looked through for those of others.
const MOST_HISTORY: usize = 100_000;

/// What becomes of a change to a file that has another name where the change is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renames {
    /// It goes along to the new name, which the change itself never touched.
    Follow,
    /// It does not fit. So what comes out differs from what is below in paths that the change touches, and in no others.
    Refuse,
}

/// A commit of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its hash.
    pub hash: String,
    /// It has so many parents.
    pub parents: usize,
}

/// A bare repository in which changes are put on top of each other.
#[derive(Clone, Debug)]
pub struct Workshop {
    dir: PathBuf,
    renames: Renames,
    leash: Leash,
    turns: Turns,
}

impl Workshop {
    /// The one at `dir`, which is made where it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(dir: &Path, renames: Renames, leash: &Leash) -> Result<Self, GitError> {
        let workshop = Self { dir: dir.to_owned(), renames, leash: leash.clone(), turns: Turns::default() };
        if !dir.join("HEAD").is_file() {
            std::fs::create_dir_all(dir).map_err(|e| GitError::machine("cannot make the directory", dir, &e))?;
            init_bare(dir, "main")?;
        }
        Ok(workshop)
    }

    /// The same repository, for what is asked of the branch and pushed to it.
    pub fn landing(&self) -> Landing {
        Landing::with(&self.dir, &self.leash, &self.turns)
    }

    /// Fetches a commit from a repository: the one of that hash, else what the branch or reference of that name stands
    /// for. With both, the commit must be found below the reference.
    ///
    /// # Errors
    /// The repository does not answer, or has no such commit.
    pub fn take(&self, repository: &str, reference: Option<&str>, commit: Option<&str>) -> Result<String, GitError> {
        let git = self.git(repository);
        let wanted = match (reference, commit) {
            (Some(name), commit) => match (self.named(repository, name), commit) {
                // It was fetched before, and the name is gone since.
                (Err(e), Some(commit)) if e.fault == Fault::Missing && self.has(commit)? => {
                    return Ok(commit.to_owned());
                }
                (found, _) => found?,
            },
            (None, Some(commit)) if self.has(commit)? => return Ok(commit.to_owned()),
            (None, Some(commit)) => commit.to_owned(),
            (None, None) => return Err(GitError::new(Fault::Missing, "neither a commit nor a reference is named")),
        };
        let turn = self.turns.take();
        match git.act(&self.dir, &line::fetch_hash(repository, &wanted, None)) {
            Ok(()) => {}
            // A server that hands out branches only has it below one of them, or not at all.
            Err(e) if commit.is_some() && matches!(e.fault, Fault::Missing | Fault::Other) => {
                let all = Target { repository: repository.to_owned(), branch: String::new() };
                self.all_branches(&all)?;
            }
            Err(e) => return Err(e),
        }
        drop(turn);
        let found = commit.unwrap_or(&wanted);
        if !self.has(found)? {
            return Err(GitError::new(Fault::Missing, format!("the repository has no commit {found}")));
        }
        let hash = Line::git(["rev-parse", "--verify"]).and(format!("{found}^{{commit}}"));
        self.here().ask_line(&self.dir, &hash)
    }

    /// What a name stands for in a repository.
    fn named(&self, repository: &str, name: &str) -> Result<String, GitError> {
        let candidates = refs::candidates(Some(name));
        let printed = self.git(repository).ask(&self.dir, &line::ls_remote(repository, &candidates), &[])?;
        let missing = || GitError::new(Fault::Missing, format!("the repository has no {name}"));
        refs::choose(&refs::parse(&printed), &candidates).map(|found| found.hash).ok_or_else(missing)
    }

    fn all_branches(&self, of: &Target) -> Result<(), GitError> {
        self.git(&of.repository).act_on(&self.dir, &line::fetch_listed(&of.repository), b"+refs/heads/*:refs/seen/*\n")
    }

    fn has(&self, commit: &str) -> Result<bool, GitError> {
        self.here().holds(&self.dir, &Line::git(["cat-file", "-e"]).and(format!("{commit}^{{commit}}")))
    }

    /// The commits that one commit has and none of the others, oldest first.
    ///
    /// # Errors
    /// There are no such commits, or more than a change may have.
    pub fn own(&self, commit: &str, without: &[String]) -> Result<Vec<Own>, GitError> {
        let most = format!("--max-count={}", MOST_COMMITS + 1);
        let line = Line::git(["rev-list", "--topo-order", "--reverse", "--parents"]).and(most).and(commit);
        let line = line.all(without.iter().map(|other| format!("^{other}"))).and("--");
        let printed = self.here().ask(&self.dir, &line, &[])?;
        let text = String::from_utf8_lossy(&printed);
        let own: Vec<Own> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some(Own { hash: words.next()?.to_owned(), parents: words.count() })
            })
            .collect();
        if own.len() > MOST_COMMITS {
            return Err(GitError::new(Fault::Asked, format!("it has more than {MOST_COMMITS} commits of its own")));
        }
        Ok(own)
    }

    /// The names of all commits that one commit has and another one has not. Of very many only the newest.
    ///
    /// # Errors
    /// There are no such commits.
    pub fn history(&self, commit: &str, without: Option<&str>) -> Result<HashSet<String>, GitError> {
        let line = Line::git(["rev-list"]).and(format!("--max-count={MOST_HISTORY}")).and(commit);
        let line = line.all(without.map(|other| format!("^{other}"))).and("--");
        let printed = self.here().ask(&self.dir, &line, &[])?;
        Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
    }

    /// The paths that some commits change.
    ///
    /// # Errors
    /// There are no such commits.
    pub fn touched(&self, commits: &[Own]) -> Result<Vec<String>, GitError> {
        let mut all = Vec::new();
        for commit in commits.iter().filter(|commit| commit.parents > 0) {
            all.extend(self.landing().changed(&format!("{}^", commit.hash), &commit.hash)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Puts commits on top of another one, in order. Those whose change is there already are left out; one that stands
    /// where it should is taken as it is.
    ///
    /// # Errors
    /// See [`RebaseError`].
    pub fn replay(&self, onto: &str, commits: &[String]) -> Result<String, RebaseError> {
        let mut tip = onto.to_owned();
        for commit in commits {
            tip = self.replay_one(&tip, commit)?;
        }
        Ok(tip)
    }

    fn replay_one(&self, onto: &str, commit: &str) -> Result<String, RebaseError> {
        let git = self.here();
        let raw = git.ask(&self.dir, &Line::git(["cat-file", "commit"]).and(commit), &[])?;
        let parent = header(&raw, "parent").unwrap_or_default();
        if parent == onto {
            return Ok(commit.to_owned());
        }
        let line = Line::git(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"]);
        let line = line.and(format!("--merge-base={parent}")).and(onto).and(commit);
        let (clean, printed) = git.verdict(&self.dir, &line)?;
        let mut parts = printed.split(|b| *b == 0).map(|part| String::from_utf8_lossy(part).trim().to_owned());
        let tree = parts.next().unwrap_or_default();
        if !clean {
            let mut files: Vec<String> = parts.filter(|name| !name.is_empty()).collect();
            files.dedup();
            return Err(self.conflict(commit, files)?);
        }
        if !is_hash(&tree) {
            return Err(GitError::new(Fault::Other, "git merge-tree does not tell the tree").into());
        }
        let landing = self.landing();
        if self.renames == Renames::Refuse {
            // Git cannot be told everywhere to look for no renames, but it tells what came of it.
            let (own, made) = (landing.changed(&parent, commit)?, landing.changed(onto, &tree)?);
            if made.iter().any(|path| !own.contains(path)) {
                let lost = own.into_iter().filter(|path| !made.contains(path)).collect();
                return Err(self.conflict(commit, lost)?);
            }
        }
        if tree == landing.tree(onto)? && header(&raw, "tree") != Some(landing.tree(&parent)?) {
            return Ok(onto.to_owned());
        }
        let made = rewritten(&raw, &tree, onto);
        let write = Line::git(["hash-object", "-t", "commit", "-w", "--stdin"]);
        let hash = git.ask(&self.dir, &write, &made)?;
        Ok(String::from_utf8_lossy(&hash).trim().to_owned())
    }

    fn conflict(&self, commit: &str, files: Vec<String>) -> Result<RebaseError, GitError> {
        let told = Line::git(["log", "-1", "--format=%h %s"]).and(commit);
        let commit = self.here().ask_line(&self.dir, &told)?;
        Ok(RebaseError::Conflict(Conflict { commit, files }))
    }

    /// Makes a commit readable for others under a reference of the repository, whatever stood there.
    ///
    /// # Errors
    /// The repository does not take it.
    pub fn publish(&self, repository: &str, commit: &str, reference: &str) -> Result<(), GitError> {
        let line = push().and("--force").and("--").and(repository).and(format!("{commit}:{reference}"));
        self.git(repository).act(&self.dir, &line)
    }

    /// Removes references of the repository. One that is not there is no error.
    ///
    /// # Errors
    /// The repository does not answer.
    pub fn unpublish(&self, repository: &str, references: &[String]) -> Result<(), GitError> {
        let git = self.git(repository);
        let printed = git.ask(&self.dir, &line::ls_remote(repository, references), &[])?;
        let there = refs::parse(&printed);
        let doomed: Vec<String> = references
            .iter()
            .filter(|name| there.iter().any(|found| found.name == **name))
            .map(|name| format!(":{name}"))
            .collect();
        if doomed.is_empty() {
            return Ok(());
        }
        git.act(&self.dir, &push().and("--").and(repository).all(doomed))
    }

    fn here(&self) -> Git {
        self.git(&self.dir.display().to_string())
    }

    fn git(&self, repository: &str) -> Git {
        Git { leash: Some(self.leash.clone()), limit: Some(LIMIT), ..silent(repository) }
    }
}

fn push() -> Line {
    Line::git(["push", "--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"])
}

/// The first value of a header of a commit.
fn header(raw: &[u8], name: &str) -> Option<String> {
    let head = raw.split(|b| *b == b'\n').take_while(|line| !line.is_empty());
    let found = head.into_iter().find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// A commit with another tree and one other parent. Signatures go, since they are of what it was.
fn rewritten(raw: &[u8], tree: &str, parent: &str) -> Vec<u8> {
    let end = raw.windows(2).position(|two| two == b"\n\n").unwrap_or(raw.len());
    let (head, body) = raw.split_at(end);
    let mut out = format!("tree {tree}\nparent {parent}").into_bytes();
    let mut keep = true;
    for line in head.split(|b| *b == b'\n') {
        // A line that begins with a blank goes on with the one before.
        if !line.starts_with(b" ") {
            let gone = [&b"tree "[..], b"parent ", b"gpgsig ", b"gpgsig-sha256 ", b"mergetag "];
            keep = !gone.iter().any(|name| line.starts_with(name));
        }
        if keep {
            out.push(b'\n');
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::repo::Repo;

    #[test]
    fn a_rewritten_commit_keeps_its_people_and_loses_its_signature() {
        let raw = b"tree a\nparent b\nauthor A <a> 1 +0000\ncommitter C <c> 2 +0000\ngpgsig -----BEGIN\n x\n -----END\nencoding L1\n\nTitle\n\ntree x\n";
        let made = rewritten(raw, "T", "P");
        let text = String::from_utf8(made).unwrap();
        assert_eq!(
            text,
            "tree T\nparent P\nauthor A <a> 1 +0000\ncommitter C <c> 2 +0000\nencoding L1\n\nTitle\n\ntree x\n"
        );
    }

    #[test]
    fn the_same_change_on_the_same_commit_is_the_same_commit() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::bare(dir.path().join("r.git"));
        let base = repo.commit("main", "base", "a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        repo.point("one", &base);
        repo.point("two", &base);
        let one = repo.commit("one", "one", "a", "one\n2\n3\n4\n5\n6\n7\n8\n9\n");
        let two = repo.commit("two", "two", "a", "1\n2\n3\n4\n5\n6\n7\n8\ntwo\n");
        let leash = Leash::default();
        let shop = Workshop::open(&dir.path().join("shop"), Renames::Follow, &leash).unwrap();
        let address = repo.path().display().to_string();
        assert_eq!(shop.take(&address, Some("one"), None).unwrap(), one);
        assert_eq!(shop.take(&address, None, Some(&two)).unwrap(), two);
        let own = shop.own(&two, std::slice::from_ref(&base)).unwrap();
        assert_eq!(own, [Own { hash: two.clone(), parents: 1 }]);
        assert_eq!(shop.touched(&own).unwrap(), ["a"]);
        assert_eq!(shop.replay(&base, std::slice::from_ref(&one)).unwrap(), one, "it stands there already");
        let both = shop.replay(&one, std::slice::from_ref(&two)).unwrap();
        assert_ne!(both, two);
        let elsewhere = Workshop::open(&dir.path().join("other"), Renames::Follow, &leash).unwrap();
        elsewhere.take(&address, Some("one"), None).unwrap();
        elsewhere.take(&address, Some("two"), None).unwrap();
        assert_eq!(elsewhere.replay(&one, std::slice::from_ref(&two)).unwrap(), both);
        assert_eq!(shop.replay(&both, std::slice::from_ref(&two)).unwrap(), both, "it is there already");
        repo.point("three", &base);
        let three = repo.commit("three", "three", "a", "three\n2\n3\n4\n5\n6\n7\n8\n9\n");
        shop.take(&address, Some("three"), None).unwrap();
        match shop.replay(&one, &[three]) {
            Err(RebaseError::Conflict(conflict)) => {
                assert_eq!(conflict.files, ["a"]);
                assert!(conflict.commit.ends_with(" three"), "{conflict:?}");
            }
            other => panic!("{other:?}"),
        }
        shop.publish(&address, &both, "refs/sluice/t/1").unwrap();
        assert_eq!(shop.take(&address, Some("refs/sluice/t/1"), None).unwrap(), both);
        let gone = ["refs/sluice/t/1".to_owned(), "refs/sluice/t/2".to_owned()];
        shop.unpublish(&address, &gone).unwrap();
        let error = shop.take(&address, Some("refs/sluice/t/1"), None).unwrap_err();
        assert!(error.reason.contains("has no refs/sluice/t/1"), "{error}");
        assert_eq!(shop.take(&address, Some("refs/sluice/t/1"), Some(&both)).unwrap(), both, "it was taken before");
        shop.unpublish(&address, &gone).unwrap();
    }

    /// A change of a file that has another name by now goes along with it, or does not fit: where it is told by paths
    /// what a change can touch, it touches no others.
    #[test]
    fn a_change_of_a_file_that_was_renamed_does_not_touch_the_new_name_where_that_counts() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::bare(dir.path().join("r.git"));
        let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let base = repo.on("main").message("base").file("docs/a", text).file("docs/b", text).commit();
        repo.point("one", &base);
        let edit = repo.commit("one", "edit", "docs/a", "one\n2\n3\n4\n5\n6\n7\n8\n9\n");
        repo.point("two", &base);
        let new = repo.commit("two", "new", "docs/c", "new\n");
        let moved = repo.on("main").message("move").remove("docs/a").remove("docs/b");
        let moved = moved.file("lib/a", text).file("lib/b", text).commit();
        let address = repo.path().display().to_string();
        let shop = |renames| {
            let shop = Workshop::open(&dir.path().join("shop"), renames, &Leash::default()).unwrap();
            for name in ["main", "one", "two"] {
                shop.take(&address, Some(name), None).unwrap();
            }
            shop
        };
        let touched = |shop: &Workshop, commit: &str| {
            shop.replay(&moved, &[commit.to_owned()]).map(|made| shop.landing().changed(&moved, &made).unwrap())
        };
        let follows = shop(Renames::Follow);
        assert_eq!(touched(&follows, &edit).unwrap(), ["lib/a"]);
        let refuses = shop(Renames::Refuse);
        match touched(&refuses, &edit) {
            Err(RebaseError::Conflict(conflict)) => assert_eq!(conflict.files, ["docs/a"]),
            other => panic!("{other:?}"),
        }
        assert!(matches!(touched(&refuses, &new), Err(RebaseError::Conflict(_))), "nor into a directory");
        let history = refuses.history(&moved, Some(&base)).unwrap();
        assert_eq!(history, HashSet::from([moved.clone()]));
        assert!(refuses.history(&moved, None).unwrap().contains(&base));
    }
}
