//! A checkout: the whole of what a git step does on a worker, from the mirror to the tree at its revision.

use super::fault::{Fault, GitError};
use super::line::{self, Line};
use super::mirror::Mirror;
use super::run::{GIT, Git, Voice};
use super::tree::Tree;
use super::{patch, refs};
use crate::copy::copy_tree;
use crate::dirs::{beside, remove};
use crate::report;
use model::{GitMode, GitSpec, Patch, SourceStamp, Span};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What to bring where. It travels as JSON to the helper process that does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutSpec {
    /// Where to fetch from: a URL, `host:path`, or a path on this machine.
    pub repository: String,
    /// The branch (or tag) to build; `None` is the remote's `HEAD`.
    pub branch: Option<String>,
    /// The commit to build: a full hash, or what git can resolve to a commit (tag, short hash); `None` is the branch's head.
    pub revision: Option<String>,
    /// The revision is not looked at: always the head of the branch.
    pub always_use_latest: bool,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where the tree goes; absolute. Mode copy keeps its checkout in a sibling of it.
    pub workdir: PathBuf,
    /// The worker's directory for bare mirrors, one per repository, shared by all its builds; absolute.
    pub mirror_dir: PathBuf,
    /// Submodules come along.
    pub submodules: bool,
    /// Only so many commits of history; `None` is all.
    pub shallow: Option<u32>,
    /// How long to wait before asking a repository again that did not answer, and how often.
    pub retry: Option<(Span, u32)>,
    /// Applied to the tree at the end.
    pub patch: Option<Patch>,
}

impl CheckoutSpec {
    /// What `step` asks for, of the source that `stamp` names; `builder_dir` is the builder's directory on this worker.
    /// An empty branch or revision counts as none.
    pub fn new(step: &GitSpec<String>, stamp: Option<&SourceStamp>, builder_dir: &Path, mirror_dir: &Path) -> Self {
        let named = |text: Option<&String>| text.filter(|t| !t.is_empty()).cloned();
        Self {
            repository: step.repository.clone(),
            branch: named(stamp.and_then(|s| s.branch.as_ref())).or_else(|| named(step.branch.as_ref())),
            revision: named(stamp.and_then(|s| s.revision.as_ref())),
            always_use_latest: step.always_use_latest,
            mode: step.mode,
            workdir: builder_dir.join(&step.workdir),
            mirror_dir: mirror_dir.to_path_buf(),
            submodules: step.submodules,
            shallow: step.shallow,
            retry: step.retry,
            patch: stamp.and_then(|s| s.patch.clone()),
        }
    }
}

/// Brings the tree into place and prints what it does: each git command as one would type it, and git's own output.
/// The last line on standard error is the reason when it fails. Says the exit code: 0, [`FAILED`] or [`TROUBLE`].
///
/// The report is written to `report` (replaced in one step) in both cases.
pub fn checkout(spec: &CheckoutSpec, report: Option<&Path>) -> i32 {
    checkout_with(spec, report, Voice::Aloud)
}

pub(crate) fn checkout_with(spec: &CheckoutSpec, report: Option<&Path>, voice: Voice) -> i32 {
    let git = Git { manner: &GIT, repository: spec.repository.clone(), voice, leash: None, limit: None };
    let outcome = Checkout { spec, git: &git }.run();
    report::conclude(outcome, report)
}

/// A checkout under way.
struct Checkout<'a> {
    spec: &'a CheckoutSpec,
    git: &'a Git,
}

impl Checkout<'_> {
    /// The whole of it; says the commit. What fails for a reason that a left-over of an earlier build may have is tried
    /// once more from the beginning.
    fn run(&self) -> Result<String, GitError> {
        self.check()?;
        let kind = self.depth().map_or(String::new(), |d| format!("depth {d}"));
        let mirror = Mirror::open(self.git, &self.spec.mirror_dir, &kind)?;
        let commit = match Locate::new(self, &mirror).commit() {
            Err(e) if matches!(e.fault, Fault::Other | Fault::Lost) && self.remade(&mirror, None)? => {
                Locate::new(self, &mirror).commit()?
            }
            other => other?,
        };
        mirror.tidy(self.git);
        mirror.share()?;
        match self.place(&mirror, &commit) {
            Err(e) if e.fault == Fault::Other => {
                self.git.say(&format!("{e}; making the tree anew"));
                if self.remade(&mirror, Some(&commit))? {
                    Locate::new(self, &mirror).commit()?;
                    mirror.share()?;
                }
                remove(&self.spec.workdir)?;
                remove(&self.source())?;
                self.place(&mirror, &commit)?;
            }
            other => other?,
        }
        Ok(commit)
    }

    /// What makes no sense is refused before anything is touched.
    fn check(&self) -> Result<(), GitError> {
        let spec = self.spec;
        let asked = |reason: String| Err(GitError::new(Fault::Asked, reason));
        if let Some(fault) = line::address_fault(&spec.repository) {
            return asked(fault);
        }
        for (what, name) in [("branch", &spec.branch), ("revision", &spec.revision)] {
            if let Some(name) = name.as_ref().filter(|n| !refs::is_name(n)) {
                return asked(format!("git can have no {what} {}", line::quoted(name)));
            }
        }
        let named = |dir: &Path| dir.is_absolute() && dir.file_name().is_some();
        if !named(&spec.workdir) || !named(&spec.mirror_dir) {
            return asked(format!("{} is no place for a tree", spec.workdir.display()));
        }
        Ok(())
    }

    fn depth(&self) -> Option<u32> {
        self.spec.shallow.map(|d| d.max(1))
    }

    /// Makes the mirror anew if it, or this commit in it, cannot be read; says whether it did.
    fn remade(&self, mirror: &Mirror, commit: Option<&str>) -> Result<bool, GitError> {
        let whole = |commit| mirror.is_whole(self.git, commit);
        if self.depth().is_none() && commit.map_or(Ok(true), whole)? && mirror.is_sound(self.git)? {
            return Ok(false);
        }
        self.git.say("the mirror of the repository on this machine cannot be read: making it anew");
        mirror.remake(self.git)?;
        Ok(true)
    }

    /// Where mode copy keeps its checkout: `source` beside `build`, `NAME.source` beside any other.
    fn source(&self) -> PathBuf {
        match self.spec.workdir.file_name() {
            Some(name) if name == "build" => self.spec.workdir.with_file_name("source"),
            _ => beside(&self.spec.workdir, ".source"),
        }
    }

    /// Brings the tree to the commit, in its mode.
    fn place(&self, mirror: &Mirror, commit: &str) -> Result<(), GitError> {
        let (git, workdir) = (self.git, &self.spec.workdir);
        let tree = Tree::at(workdir);
        match self.spec.mode {
            GitMode::Update => self.bring(&tree, mirror, commit)?,
            GitMode::Clobber | GitMode::Export => {
                git.say(&format!("removing {}", workdir.display()));
                remove(workdir)?;
                self.bring(&tree, mirror, commit)?;
            }
            GitMode::Copy => {
                let source = Tree::at(&self.source());
                self.bring(&source, mirror, commit)?;
                source.clean(git)?;
                git.say(&format!("copying {} to {}", self.source().display(), workdir.display()));
                remove(workdir)?;
                copy_tree(&self.source(), workdir)?;
            }
        }
        let (at, title) = tree.at_commit(git)?;
        if at != commit {
            return Err(GitError::new(Fault::Other, format!("the tree is at {at} and not at {commit}")));
        }
        git.say(&format!("at {commit}: {title}"));
        if self.spec.mode == GitMode::Export {
            tree.forget_git()?;
        }
        if let Some(patch) = &self.spec.patch {
            tree.mark_patched()?;
            patch::apply(git, workdir, patch, commit)?;
        }
        Ok(())
    }

    fn bring(&self, tree: &Tree, mirror: &Mirror, commit: &str) -> Result<(), GitError> {
        tree.bring_to(self.git, mirror, commit)?;
        if self.spec.submodules {
            let git =
                Git { manner: &GIT, repository: format!("a submodule of {}", self.git.repository), ..self.git.clone() };
            asked_again(&git, self.spec.retry, || tree.submodules(&git, self.depth()))?;
        }
        Ok(())
    }
}

/// Finds out which commit is meant, and gets it into the mirror.
struct Locate<'a> {
    spec: &'a CheckoutSpec,
    git: &'a Git,
    mirror: &'a Mirror,
    depth: Option<u32>,
}

impl<'a> Locate<'a> {
    fn new(checkout: &Checkout<'a>, mirror: &'a Mirror) -> Self {
        Self { spec: checkout.spec, git: checkout.git, mirror, depth: checkout.depth() }
    }

    fn commit(&self) -> Result<String, GitError> {
        match self.spec.revision.as_deref().filter(|_| !self.spec.always_use_latest) {
            Some(hash) if line::is_hash(hash) => self.by_hash(&hash.to_ascii_lowercase()),
            Some(name) => self.by_name(name),
            None => self.latest(),
        }
    }

    /// A commit that is in the mirror already is not asked for again.
    fn by_hash(&self, hash: &str) -> Result<String, GitError> {
        if self.has(hash)? {
            return Ok(hash.to_owned());
        }
        // The last commits of one branch are not likely to have it: then it is asked for itself.
        if self.depth.is_none() {
            self.act(&line::fetch_all(&self.spec.repository))?;
        }
        if !self.has(hash)? {
            self.fetch_hash(hash)?;
        }
        Ok(hash.to_owned())
    }

    fn fetch_hash(&self, hash: &str) -> Result<(), GitError> {
        let asked = self.act(&line::fetch_hash(&self.spec.repository, hash, self.depth));
        if asked.as_ref().is_err_and(|e| !matches!(e.fault, Fault::Missing | Fault::Other)) {
            return asked;
        }
        if asked.is_ok() && self.has(hash)? {
            return Ok(());
        }
        if self.depth.is_some() {
            self.git.say("the repository does not hand out this revision alone: fetching the whole history");
            self.deepen()?;
            if self.has(hash)? {
                return Ok(());
            }
        }
        if self.heads()?.is_empty() {
            return Err(self.empty());
        }
        let reason = format!(
            "{hash} is on no branch of {} (it may have been force-pushed away), and the repository does not hand it out by its hash",
            self.shown()
        );
        Err(GitError::new(Fault::Lost, reason))
    }

    /// All of the history. A mirror without a shallow commit cannot be unshallowed, only filled.
    fn deepen(&self) -> Result<(), GitError> {
        let shallow = self.mirror.path().join("shallow").exists();
        let line = if shallow { line::fetch_rest } else { line::fetch_all };
        self.act(&line(&self.spec.repository))
    }

    /// A tag or a short hash may mean something else than it did, so the repository is asked first.
    fn by_name(&self, name: &str) -> Result<String, GitError> {
        match self.depth {
            None => self.act(&line::fetch_all(&self.spec.repository))?,
            Some(_) => self.deepen()?,
        }
        if let Some(commit) = self.mirror.resolve(self.git, name)? {
            return Ok(commit);
        }
        if self.heads()?.is_empty() {
            return Err(self.empty());
        }
        Err(GitError::new(Fault::Missing, format!("{} has no revision {}", self.shown(), line::quoted(name))))
    }

    fn latest(&self) -> Result<String, GitError> {
        let candidates = refs::candidates(self.spec.branch.as_deref());
        // The commit that an annotated tag stands for is told only when it is asked for.
        let peeled = candidates.iter().filter(|c| c.starts_with("refs/tags/")).map(|c| format!("{c}^{{}}"));
        let asked: Vec<String> = candidates.iter().cloned().chain(peeled).collect();
        let told = self.ask(&line::ls_remote(&self.spec.repository, &asked))?;
        let Some(found) = refs::choose(&refs::parse(&told), &candidates) else {
            return Err(self.no_branch()?);
        };
        if !self.has(&found.hash)? {
            match self.depth {
                Some(depth) if found.name != "HEAD" => {
                    self.act(&line::fetch_shallow(&self.spec.repository, &found.name, depth))?;
                }
                Some(_) => {}
                None => self.act(&line::fetch_all(&self.spec.repository))?,
            }
        }
        if !self.has(&found.hash)? {
            self.fetch_hash(&found.hash)?;
        }
        Ok(found.hash)
    }

    fn no_branch(&self) -> Result<GitError, GitError> {
        let heads = self.heads()?;
        if heads.is_empty() {
            return Ok(self.empty());
        }
        let few: Vec<String> = heads.keys().take(8).map(|b| line::quoted(b)).collect();
        let more = if heads.len() > few.len() { ", …" } else { "" };
        let there = format!("there is {}{more}", few.join(", "));
        let reason = match &self.spec.branch {
            Some(branch) => format!("{} has no branch {}; {there}", self.shown(), line::quoted(branch)),
            None => format!("the HEAD of {} names no branch that exists; {there}", self.shown()),
        };
        Ok(GitError::new(Fault::Missing, reason))
    }

    fn empty(&self) -> GitError {
        GitError::new(Fault::Empty, format!("{} has no commit yet", self.shown()))
    }

    fn heads(&self) -> Result<super::Heads, GitError> {
        Ok(refs::heads(&refs::parse(&self.ask(&line::ls_remote_heads(&self.spec.repository))?)))
    }

    fn has(&self, hash: &str) -> Result<bool, GitError> {
        self.mirror.has(self.git, hash)
    }

    fn shown(&self) -> String {
        line::hide_passwords(&self.spec.repository)
    }

    fn act(&self, line: &Line) -> Result<(), GitError> {
        asked_again(self.git, self.spec.retry, || self.git.act(self.mirror.path(), line))
    }

    fn ask(&self, line: &Line) -> Result<Vec<u8>, GitError> {
        asked_again(self.git, self.spec.retry, || self.git.ask(self.mirror.path(), line, &[]))
    }
}

/// Does what asks a repository, and does it again as often as `retry` says when the repository does not answer.
pub(crate) fn asked_again<T>(
    git: &Git,
    retry: Option<(Span, u32)>,
    mut ask: impl FnMut() -> Result<T, GitError>,
) -> Result<T, GitError> {
    let (pause, times) = retry.unwrap_or((Span::ZERO, 0));
    for time in 1..=times {
        match ask() {
            Err(e) if e.fault == Fault::Away => {
                git.say(&format!("{e}; trying again in {pause} ({time} of {times})"));
                std::thread::sleep(pause.to_std());
            }
            other => return other,
        }
    }
    ask()
}

#[cfg(test)]
mod tests;
