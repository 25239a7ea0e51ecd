//! A change on its way into a branch: a clone in which it is put on top of the branch, and the push that lands it.
//!
//! What is pushed is the very commit that was tested, and only onto the tip that it was tested on: a compare-and-swap.
//! Whatever a push says, the remote is asked where the branch is.

use super::fault::{Fault, GitError};
use super::line;
use super::log::{self, Commit};
use super::refs;
use super::run::{Git, Leash, Turns, silent};
use super::scour::scour;
use super::standing::Standing;
use crate::line::Line;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long git may take for one step of it.
const LIMIT: Duration = Duration::from_secs(1800);

/// The branch that a change is to land on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where the repository is: a URL or an absolute path.
    pub repository: String,
    /// The branch, without `refs/heads/`.
    pub branch: String,
}

/// What rebasing does with spaces at the ends of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whitespace {
    /// They stay.
    #[default]
    Keep,
    /// Those that the change adds are taken away.
    Fix,
}

/// Why a change cannot be put on top of the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The commit of the change that does not fit: short hash and title.
    pub commit: String,
    /// The files that both sides changed.
    pub files: Vec<String>,
}

/// Why a change was not put on top of the branch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebaseError {
    /// Both sides changed the same lines. The clone is as it was before.
    #[error("{} does not fit on the branch: both changed {}", .0.commit, .0.files.join(", "))]
    Conflict(Conflict),
    /// Anything else.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The branch is at the commit, or at one that contains it.
    Landed,
    /// The branch is elsewhere than it was; `None`: it is gone.
    Moved(Option<String>),
    /// The remote did not take it although the branch is where it was, as when one of its hooks says no.
    Refused(GitError),
}

/// A clone of a developer's repository for one change. It borrows the objects of the repository that it was made from.
#[derive(Clone, Debug)]
pub struct Landing {
    dir: PathBuf,
    leash: Leash,
    turns: Turns,
}

impl Landing {
    /// Clones what is committed where the developer stands into `dir`, which does not exist yet. Nothing of the
    /// repository's own configuration but the developer's name comes along, and no hook of it is run.
    ///
    /// # Errors
    /// The clone cannot be made.
    pub fn clone(from: &Standing, dir: &Path, leash: &Leash) -> Result<Self, GitError> {
        let landing = Self::at(dir, leash);
        let git = landing.git(&from.root.display().to_string());
        let line = Line::git(["clone", "--quiet", "--shared", "--no-checkout", "--no-tags", "--"]);
        git.act(Path::new("/"), &line.and(&from.root).and(dir))?;
        if let Some((name, mail)) = from.person.rsplit_once(" <") {
            git.act(dir, &Line::git(["config", "user.name"]).and(name))?;
            git.act(dir, &Line::git(["config", "user.email"]).and(mail.trim_end_matches('>')))?;
        }
        landing.check_out(&from.head)?;
        Ok(landing)
    }

    /// A clone that was made before.
    pub fn at(dir: &Path, leash: &Leash) -> Self {
        Self::with(dir, leash, &Turns::default())
    }

    /// One that takes turns with others at the same place.
    pub(super) fn with(dir: &Path, leash: &Leash, turns: &Turns) -> Self {
        Self { dir: dir.to_owned(), leash: leash.clone(), turns: turns.clone() }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts the files of a commit into the clone, and nothing else.
    ///
    /// # Errors
    /// There is no such commit, or the disk does not take it.
    pub fn check_out(&self, commit: &str) -> Result<(), GitError> {
        let git = self.here();
        self.own_configuration()?;
        git.act(&self.dir, &Line::git(["checkout", "--quiet", "--force", "--detach"]).and(commit))?;
        git.act(&self.dir, &Line::git(["clean", "--quiet", "-ffdx"]))
    }

    /// Fetches a commit and all that it is made of from a repository in which strangers may have written. What is sent is
    /// named here by what it is, so none of it can be other than it was.
    ///
    /// # Errors
    /// It is not there any more, or not whole.
    pub fn bring(&self, from: &Path, commit: &str) -> Result<(), GitError> {
        scour(&self.here(), from)?;
        let line = Line::git(["fetch", "--quiet", "--no-tags", "--"]).and(from).and(commit);
        let _turn = self.turns.take();
        self.git(&from.display().to_string()).act(&self.dir, &line)
    }

    /// The tip of the branch, fetched; `None`: there is no such branch.
    ///
    /// # Errors
    /// The remote cannot be read.
    pub fn fetch(&self, target: &Target) -> Result<Option<String>, GitError> {
        if self.ask(target)?.is_none() {
            return Ok(None);
        }
        let full = format!("refs/heads/{}", target.branch);
        let line = line::fetch_listed(&target.repository);
        let _turn = self.turns.take();
        match self.git(&target.repository).act_on(&self.dir, &line, format!("{full}\n").as_bytes()) {
            Ok(()) => {}
            Err(e) if e.fault == Fault::Missing => return Ok(None),
            Err(e) => return Err(e),
        }
        // The branch may have gone on between the two questions: what was fetched counts.
        let fetched = self.here().ask_line(&self.dir, &Line::git(["rev-parse", "--verify", "FETCH_HEAD^{commit}"]))?;
        Ok(Some(fetched))
    }

    /// Where the branch is now, without fetching it; `None`: there is no such branch.
    ///
    /// # Errors
    /// The remote cannot be read.
    pub fn ask(&self, target: &Target) -> Result<Option<String>, GitError> {
        self.own_configuration()?;
        let full = format!("refs/heads/{}", target.branch);
        let git = self.git(&target.repository);
        let printed = git.ask(&self.dir, &line::ls_remote(&target.repository, std::slice::from_ref(&full)), &[])?;
        Ok(refs::parse(&printed).into_iter().find(|r| r.name == full).map(|r| r.hash))
    }

    /// The branch that the remote names as its own; `None`: it names none.
    ///
    /// # Errors
    /// The remote cannot be read.
    pub fn default_branch(&self, repository: &str) -> Result<Option<String>, GitError> {
        self.own_configuration()?;
        let printed = self.git(repository).ask(&self.dir, &line::ls_remote_symbolic(repository), &[])?;
        let text = String::from_utf8_lossy(&printed);
        let named = text.lines().find_map(|l| l.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        Ok(named.map(str::to_owned))
    }

    /// The newest commit of a branch that changed what a change cannot be put on top of: short hash, author and title.
    ///
    /// # Errors
    /// The clone cannot be read.
    pub fn touched(&self, conflict: &Conflict, tip: &str) -> Result<Option<String>, GitError> {
        let line = Line::git(["log", "-1", "--format=%h %an: %s"]).and(tip).and("--").all(&conflict.files);
        let found = self.here().ask_line(&self.dir, &line)?;
        Ok((!found.is_empty()).then_some(found))
    }

    /// Puts the change on top of a commit.
    ///
    /// # Errors
    /// See [`RebaseError`].
    pub fn rebase(&self, onto: &str, whitespace: Whitespace) -> Result<(), RebaseError> {
        let line = match whitespace {
            Whitespace::Keep => Line::git(["rebase", "--quiet", "--no-autostash"]),
            Whitespace::Fix => Line::git(["rebase", "--quiet", "--no-autostash", "--whitespace=fix"]),
        };
        let Err(error) = self.here().act(&self.dir, &line.and(onto)) else { return Ok(()) };
        let conflict = self.conflict();
        // What is left of a rebase that stopped would be taken for a commit under way.
        let _ = self.here().act(&self.dir, &Line::git(["rebase", "--abort"]));
        match conflict {
            Some(conflict) if error.fault == Fault::Other => Err(RebaseError::Conflict(conflict)),
            _ => Err(error.into()),
        }
    }

    /// How many merges the clone has above a commit. A rebase leaves them out, and puts what they merged one after
    /// another.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn merges(&self, above: &str) -> Result<u64, GitError> {
        let count = Line::git(["rev-list", "--count", "--merges"]).and(format!("{above}..HEAD")).and("--");
        let printed = self.here().ask_line(&self.dir, &count)?;
        printed.parse().map_err(|_| GitError::new(Fault::Other, format!("'{printed}' is no number of commits")))
    }

    /// What a rebase that stopped has stopped at.
    fn conflict(&self) -> Option<Conflict> {
        let git = self.here();
        let unmerged = Line::git(["diff", "--name-only", "-z", "--diff-filter=U"]);
        let listed = git.ask(&self.dir, &unmerged, &[]).ok()?;
        let files: Vec<String> = listed
            .split(|b| *b == 0)
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        let stopped = Line::git(["log", "-1", "--format=%h %s", "REBASE_HEAD"]);
        let commit = git.ask_line(&self.dir, &stopped).ok()?;
        (!files.is_empty()).then_some(Conflict { commit, files })
    }

    /// Writes trailers (`Key: value`) into the message of the top commit, in the place of older ones of the same key.
    /// No editor is opened. Gives the new commit.
    ///
    /// # Errors
    /// The commit cannot be made.
    pub fn mark(&self, trailers: &[(String, String)]) -> Result<String, GitError> {
        let git = self.here();
        let message = git.ask(&self.dir, &Line::git(["log", "-1", "--format=%B"]), &[])?;
        let marked = with_trailers(&message, trailers);
        let amend = Line::git(["commit", "--quiet", "--amend", "--no-verify", "--allow-empty", "--cleanup=verbatim"]);
        git.act_on(&self.dir, &amend.and("--file=-"), &marked)?;
        self.head()
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// The clone cannot be read.
    pub fn head(&self) -> Result<String, GitError> {
        self.here().ask_line(&self.dir, &Line::git(["rev-parse", "--verify", "HEAD^{commit}"]))
    }

    /// The tree of a commit: two commits with the same one have the same files.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn tree(&self, commit: &str) -> Result<String, GitError> {
        self.here().ask_line(&self.dir, &Line::git(["rev-parse", "--verify"]).and(format!("{commit}^{{tree}}")))
    }

    /// A commit with all that it says of itself.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn commit(&self, commit: &str) -> Result<Commit, GitError> {
        let printed = self.here().ask(&self.dir, &log::line(), format!("{commit}\n").as_bytes())?;
        let commits = log::parse(&printed).map_err(|what| GitError::new(Fault::Other, what))?;
        let missing = || GitError::new(Fault::Missing, format!("git does not tell of commit {commit}"));
        commits.into_iter().next().ok_or_else(missing)
    }

    /// The paths in which two commits differ.
    ///
    /// # Errors
    /// There are no such commits.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, GitError> {
        let line = Line::git(["diff-tree", "-r", "-z", "--name-only", "--no-renames"]);
        let listed = self.here().ask(&self.dir, &line.and(from).and(to), &[])?;
        let names = listed.split(|b| *b == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// Whether a commit has another one in its history, or is it. A commit that the clone does not have is in nobody's.
    ///
    /// # Errors
    /// This machine kept git from answering.
    pub fn contains(&self, commit: &str, older: &str) -> Result<bool, GitError> {
        self.here().holds(&self.dir, &Line::git(["merge-base", "--is-ancestor"]).and(older).and(commit))
    }

    /// Moves the branch from `expected` (`None`: it does not exist) to `commit`, which contains it, or does nothing.
    ///
    /// # Errors
    /// The remote cannot be asked what became of the push, so that this is not known.
    pub fn push(&self, target: &Target, commit: &str, expected: Option<&str>) -> Result<Pushed, GitError> {
        if let Some(old) = expected
            && !self.contains(commit, old)?
        {
            // A lease alone would let the branch go back.
            let reason = format!("{commit} does not contain {old}, which is where {} is", target.branch);
            return Err(GitError::new(Fault::Asked, reason));
        }
        self.own_configuration()?;
        let full = format!("refs/heads/{}", target.branch);
        let line = Line::git(["push", "--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"])
            .and(format!("--force-with-lease={full}:{}", expected.unwrap_or_default()))
            .and("--")
            .and(&target.repository)
            .and(format!("{commit}:{full}"));
        let said = self.git(&target.repository).act(&self.dir, &line);
        if said.as_ref().is_err_and(|e| e.fault == Fault::Stopped) {
            return said.map(|()| Pushed::Landed);
        }
        self.became(target, commit, expected, said.err())
    }

    /// What became of a push of `commit`, by what the remote has now. `trouble` is what the push complained of.
    ///
    /// # Errors
    /// The remote cannot be asked.
    pub fn became(
        &self,
        target: &Target,
        commit: &str,
        expected: Option<&str>,
        trouble: Option<GitError>,
    ) -> Result<Pushed, GitError> {
        let now = self.fetch(target)?;
        match now {
            Some(tip) if self.contains(&tip, commit)? => Ok(Pushed::Landed),
            now if now.as_deref() == expected => {
                Ok(Pushed::Refused(trouble.unwrap_or_else(|| GitError::new(Fault::Other, "the remote forgot it"))))
            }
            now => Ok(Pushed::Moved(now)),
        }
    }

    /// What a test wrote into the clone's configuration has no say in where is looked and pushed.
    fn own_configuration(&self) -> Result<(), GitError> {
        scour(&self.here(), &self.dir)
    }

    fn here(&self) -> Git {
        self.git(&self.dir.display().to_string())
    }

    fn git(&self, repository: &str) -> Git {
        Git { leash: Some(self.leash.clone()), limit: Some(LIMIT), ..silent(repository) }
    }
}

/// A message with trailers at its end, in the place of older ones of the same key. Git's own program for this knows no
/// keys with brackets in them, such as `Autobuild-User(main)`.
fn with_trailers(message: &[u8], trailers: &[(String, String)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let text = text.trim_end();
    let (before, last) = text.rsplit_once("\n\n").map_or((text, ""), |(before, last)| (before, last));
    let key = |line: &str| line.split_once(": ").map(|(key, _)| key.to_owned()).filter(|k| !k.contains(' '));
    let has_block = !last.is_empty() && last.lines().all(|line| key(line).is_some());
    let (body, old) = if has_block { (before, last) } else { (text, "") };
    let is_replaced = |line: &str| key(line).is_some_and(|key| trailers.iter().any(|(k, _)| *k == key));
    let kept = old.lines().filter(|line| !is_replaced(line)).map(str::to_owned);
    let block: Vec<String> = kept.chain(trailers.iter().map(|(k, v)| format!("{k}: {v}"))).collect();
    format!("{body}\n\n{}\n", block.join("\n")).into_bytes()
}

#[cfg(test)]
mod tests;
