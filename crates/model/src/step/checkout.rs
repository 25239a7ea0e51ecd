//! Checkouts from systems other than git.

use super::action::GitMode;
use crate::{Span, Text};
use serde::{Deserialize, Serialize};

/// A version control system other than git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vcs {
    /// Subversion: revisions are numbers of the whole repository, branches are directories in it.
    Subversion,
    /// Mercurial: revisions are hashes, branches have names within the repository or are repositories of their own.
    Mercurial,
    /// CVS: there are no revisions of a tree, only moments; branches are tags.
    Cvs,
    /// Darcs: a revision is a patch with all before it, or a context; branches are repositories of their own.
    Darcs,
    /// Bazaar: revisions are numbers of a branch or ids; branches are addresses of their own.
    Bazaar,
}

impl Vcs {
    /// All of them.
    pub const ALL: [Vcs; 5] = [Vcs::Subversion, Vcs::Mercurial, Vcs::Cvs, Vcs::Darcs, Vcs::Bazaar];

    /// How people call it.
    pub fn title(self) -> &'static str {
        match self {
            Vcs::Subversion => "Subversion",
            Vcs::Mercurial => "Mercurial",
            Vcs::Cvs => "CVS",
            Vcs::Darcs => "Darcs",
            Vcs::Bazaar => "Bazaar",
        }
    }

    /// Branches have names within the repository; otherwise each is an address of its own.
    pub fn names_branches(self) -> bool {
        matches!(self, Vcs::Mercurial | Vcs::Cvs)
    }

    /// A tree is told by the moment at which it was so, because nothing else tells it.
    pub fn goes_by_moments(self) -> bool {
        self == Vcs::Cvs
    }
}

/// Where the branch of a build is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchPlace {
    /// At the address as it stands: within the repository where the system names branches there, else there is one only.
    Address,
    /// At the address with the branch written behind it.
    Behind,
}

/// A checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsSpec<T = Text> {
    /// By which system.
    pub vcs: Vcs,
    /// The address of the repository, or what all its branches begin with. CVS calls it the root.
    pub repository: T,
    /// Where the branch is.
    pub branch_place: BranchPlace,
    /// The branch when the source stamp names none.
    pub branch: Option<T>,
    /// The part of the repository to check out; CVS alone has it, and must.
    pub module: Option<T>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes, below the builder's directory.
    pub workdir: T,
    /// The codebase whose stamp it takes.
    pub codebase: String,
    /// Options that stand before the verb.
    pub options: Vec<String>,
    /// How long after the last change the moment of the tree is; `None` is half the scheduler's `tree_stable_timer`.
    pub checkout_delay: Option<Span>,
    /// How long to wait before asking a repository again that does not answer, and how often.
    pub retry: Option<(Span, u32)>,
    /// The stamp's revision is not looked at: always the newest of the branch.
    pub always_use_latest: bool,
    /// Ended after this long without output; `None` waits for ever.
    pub timeout: Option<Span>,
}

impl<T> VcsSpec<T> {
    pub(super) fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<VcsSpec<U>, E> {
        Ok(VcsSpec {
            vcs: self.vcs,
            repository: turn(&self.repository)?,
            branch_place: self.branch_place,
            branch: self.branch.as_ref().map(&mut *turn).transpose()?,
            module: self.module.as_ref().map(&mut *turn).transpose()?,
            mode: self.mode,
            workdir: turn(&self.workdir)?,
            codebase: self.codebase.clone(),
            options: self.options.clone(),
            checkout_delay: self.checkout_delay,
            retry: self.retry,
            always_use_latest: self.always_use_latest,
            timeout: self.timeout,
        })
    }
}
