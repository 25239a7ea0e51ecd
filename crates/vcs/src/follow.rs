//! What a change source of a system other than git looks with.

use crate::fault::{Fault, VcsError};
use crate::git;
use crate::run::{Leash, Runner, Voice};
use crate::system::{Heads, Look, News, system};
use model::{Time, Vcs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// A repository that is looked at again and again.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Of which system.
    pub vcs: Vcs,
    /// Where.
    pub repository: String,
    /// The part of it; CVS only.
    pub module: Option<String>,
    /// Branches to follow, as [`model::VcsPollerSpec`] has them.
    pub branches: Vec<String>,
    /// A directory of its own for what it keeps.
    pub dir: PathBuf,
}

impl Watched {
    /// Looks once: where the branches are, and what came since they were at `before`; `None` at the very first look.
    /// `gone` are branches that were there once.
    ///
    /// # Errors
    /// The repository does not answer, or what it answers cannot be understood.
    pub fn look(&self, before: Option<&Heads>, gone: &Heads, now: Time, leash: &Leash) -> Result<News, VcsError> {
        if let Some(fault) = git::address_fault(&self.repository) {
            return Err(VcsError::new(Fault::Asked, fault));
        }
        let system = system(self.vcs);
        let run = Runner {
            manner: system.manner(),
            repository: self.repository.clone(),
            voice: Voice::Silent,
            leash: Some(leash.clone()),
            limit: Some(LIMIT),
        };
        let look = Look {
            run: &run,
            repository: &self.repository,
            module: self.module.as_deref(),
            branches: &self.branches,
            before,
            gone,
            dir: Path::new(&self.dir),
            now,
        };
        system.news(&look)
    }
}

#[cfg(test)]
mod tests;
