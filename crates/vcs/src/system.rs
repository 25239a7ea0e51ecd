//! What a version control system other than git must be able to do, and the list of those that can.

use crate::commit::Commit;
use crate::fault::{Fault, VcsError};
use crate::line::Line;
use crate::run::{Manner, Runner};
use crate::{bazaar, cvs, darcs, mercurial, subversion};
use model::{Time, Vcs};
use std::collections::BTreeMap;
use std::path::Path;

/// The one list: a system has a file, and a line here.
pub(crate) fn system(vcs: Vcs) -> &'static dyn System {
    match vcs {
        Vcs::Subversion => &subversion::Subversion,
        Vcs::Mercurial => &mercurial::Mercurial,
        Vcs::Cvs => &cvs::Cvs,
        Vcs::Darcs => &darcs::Darcs,
        Vcs::Bazaar => &bazaar::Bazaar,
    }
}

/// A version control system.
pub(crate) trait System: Sync {
    /// How its program is started and understood.
    fn manner(&self) -> &'static Manner;

    /// The directory in a tree with its own files.
    fn admin(&self) -> &'static str;

    /// Refuses what makes no sense, before anything is touched.
    fn check(&self, want: &Want) -> Result<(), VcsError>;

    /// Makes a tree at `dir`, which does not exist; the directory around it does.
    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError>;

    /// Brings the tree that is at `dir` to where it is wanted. Files that the system does not know stay; others are as
    /// the revision has them. [`Fault::Other`] leads to a fresh tree.
    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError>;

    /// The revision that the tree at `dir` is at.
    fn at(&self, run: &Runner, want: &Want, dir: &Path) -> Result<String, VcsError>;

    /// What is new in a repository.
    fn news(&self, look: &Look<'_>) -> Result<News, VcsError>;
}

/// The tree that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// Where it is to be had: the branch is in it where a branch is an address.
    pub(crate) address: String,
    /// The branch within the repository.
    pub(crate) branch: Option<String>,
    /// The revision; `None` is the newest.
    pub(crate) revision: Option<String>,
    /// The part of the repository.
    pub(crate) module: Option<String>,
    /// Options before the verb.
    pub(crate) options: Vec<String>,
    /// When it was asked for, by this machine's clock.
    pub(crate) begun: Time,
}

/// Branches and where they are, in the system's own form.
pub type Heads = BTreeMap<String, String>;

/// A look at a repository.
pub(crate) struct Look<'a> {
    /// How programs run.
    pub(crate) run: &'a Runner,
    /// Where.
    pub(crate) repository: &'a str,
    /// The part of it.
    pub(crate) module: Option<&'a str>,
    /// Branches to follow, as [`model::VcsPollerSpec`] has them.
    pub(crate) branches: &'a [String],
    /// Where they were; `None` at the very first look.
    pub(crate) before: Option<&'a Heads>,
    /// Branches that are gone, where they were last.
    pub(crate) gone: &'a Heads,
    /// A directory of its own for what it keeps; it need not exist.
    pub(crate) dir: &'a Path,
    /// The moment, by this machine's clock.
    pub(crate) now: Time,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Where the branches are.
    pub heads: Heads,
    /// What came since, oldest first; at the very first look the newest of each branch. With the branch, where there are
    /// any.
    pub commits: Vec<(Option<String>, Commit)>,
    /// What people should know besides.
    pub notes: Vec<String>,
}

/// More commits are not told at once.
pub(crate) const MOST_AT_ONCE: usize = 1000;

impl Want {
    /// The revision, if it is a whole number.
    pub(crate) fn number(&self) -> Option<&str> {
        self.revision.as_deref().filter(|r| !r.is_empty() && r.len() < 20 && r.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// A refusal of what makes no sense.
pub(crate) fn asked<T>(reason: String) -> Result<T, VcsError> {
    Err(VcsError::new(Fault::Asked, reason))
}

/// Environment of all of them. Messages are in English, names in UTF-8, and nothing asks.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("LC_ALL", "C.UTF-8"),
    ("LANGUAGE", "C"),
    ("SSH_ASKPASS", "true"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("SVN_SSH", "ssh -q -o BatchMode=yes"),
    ("HGPLAIN", "1"),
    ("HGENCODING", "utf-8"),
    ("HGMERGE", "internal:fail"),
    ("DARCS_DONT_COLOR", "1"),
    ("DARCS_PAGER", "cat"),
    ("DARCS_EDITOR", "true"),
    ("BRZ_LOG", "/dev/null"),
    ("BRZ_PROGRESS_BAR", "none"),
    ("EDITOR", "true"),
    ("VISUAL", "true"),
];

/// Text of what a program answered; invalid UTF-8 is replaced.
pub(crate) fn told(run: &Runner, dir: &Path, line: &Line) -> Result<String, VcsError> {
    Ok(String::from_utf8_lossy(&run.ask(dir, line, &[])?).into_owned())
}

/// What a program printed cannot be understood.
pub(crate) fn garbled(program: &str, why: &str) -> VcsError {
    VcsError::new(Fault::Other, format!("what {program} printed cannot be read: {why}"))
}
