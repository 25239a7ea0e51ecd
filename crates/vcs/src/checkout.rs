//! A checkout from any system but git: how trees are kept, copied and mended is the same for all of them.

use crate::copy::copy_tree;
use crate::dirs::{beside, is_real_dir, parent_of, remove};
use crate::fault::{Fault, VcsError};
use crate::git::{self, CheckoutSpec, asked_again};
use crate::line::{hide_passwords, quoted};
use crate::run::{Runner, Voice};
use crate::system::{System, Want, asked, system};
use crate::{patch, report};
use model::{BranchPlace, GitMode, Patch, Span, Time, Vcs};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Marks a tree that a patch was applied to; it lies among the system's own files.
const PATCHED: &str = "sluice-patched";

/// What to bring where, by which system. It travels as JSON to the process that does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Checkout {
    /// By git.
    Git(CheckoutSpec),
    /// By another.
    Tree(TreeSpec),
}

/// A checkout from a system other than git.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeSpec {
    /// By which.
    pub vcs: Vcs,
    /// The repository, or what the addresses of its branches begin with.
    pub repository: String,
    /// Where the branch is.
    pub branch_place: BranchPlace,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision in the system's own form; `None` is the newest.
    pub revision: Option<String>,
    /// The part of the repository; CVS only.
    pub module: Option<String>,
    /// Options before the verb.
    pub options: Vec<String>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes; absolute. Mode copy keeps its checkout in a sibling of it.
    pub workdir: PathBuf,
    /// How long to wait before asking a repository again that does not answer, and how often.
    pub retry: Option<(Span, u32)>,
    /// Applied to the tree at the end.
    pub patch: Option<Patch>,
}

/// Brings the tree into place and prints what it does: each command as one would type it, and what it says. The last
/// line on standard error is the reason when it fails. Says the exit code: 0, [`crate::FAILED`] or [`crate::TROUBLE`].
///
/// The report is written to `report` (replaced in one step) in both cases.
pub fn checkout(what: &Checkout, report: Option<&Path>) -> i32 {
    match what {
        Checkout::Git(spec) => git::checkout(spec, report),
        Checkout::Tree(spec) => report::conclude(bring(spec, Voice::Aloud), report),
    }
}

/// The same for a system other than git; says the revision.
pub(crate) fn bring(spec: &TreeSpec, voice: Voice) -> Result<String, VcsError> {
    let system = system(spec.vcs);
    let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(Time(0), |d| {
        // Whole seconds: no system that goes by moments knows finer ones.
        Time::from_seconds(i64::try_from(d.as_secs()).unwrap_or(0))
    });
    let want = spec.want(begun)?;
    system.check(&want)?;
    let run = Runner { manner: system.manner(), repository: want.address.clone(), voice, leash: None, limit: None };
    Trees { spec, system, want: &want, run: &run }.place().map_err(|e| match e.fault {
        Fault::Away => spec.without_branch().unwrap_or(e),
        _ => e,
    })
}

impl TreeSpec {
    /// The tree that is meant, with the branch where it belongs.
    fn want(&self, begun: Time) -> Result<Want, VcsError> {
        let (address, branch) = self.address()?;
        if let Some(fault) = git::address_fault(&address) {
            return asked(fault);
        }
        let host = address.split_once("://").map_or("", |(_, rest)| rest);
        if host.starts_with('-') || host.split('/').next().is_some_and(|host| host.contains("@-")) {
            return asked(format!("{} is not the address of a repository", quoted(&address)));
        }
        let options = &self.options;
        if options.iter().any(|o| o.chars().any(char::is_control)) {
            return asked("an option has a control character in it".to_owned());
        }
        Ok(Want {
            address,
            branch,
            revision: self.revision.clone().filter(|r| !r.trim().is_empty()),
            module: self.module.clone(),
            options: options.clone(),
            begun,
        })
    }

    /// What is not there, if it is the branch alone: its base is, on this machine. What a server lacks it says itself.
    fn without_branch(&self) -> Option<VcsError> {
        let branch = self.branch.as_deref().filter(|b| !b.is_empty() && self.branch_place == BranchPlace::Behind)?;
        let base = self.repository.strip_prefix("file://").unwrap_or(&self.repository);
        let around = Path::new(&base[..=base.rfind('/')?]);
        let there = around.is_absolute() && around.is_dir() && !Path::new(&format!("{base}{branch}")).exists();
        let shown = hide_passwords(&self.repository);
        there.then(|| VcsError::new(Fault::Missing, format!("there is no branch {} at {shown}", quoted(branch))))
    }

    fn address(&self) -> Result<(String, Option<String>), VcsError> {
        let base = self.repository.clone();
        let Some(branch) = self.branch.clone().filter(|b| !b.is_empty()) else { return Ok((base, None)) };
        let title = self.vcs.title();
        let strange = branch.chars().any(|c| c.is_control() || c == '\\') || branch.len() > 1024;
        if strange || branch.starts_with('-') {
            return asked(format!("{title} can have no branch {}", quoted(&branch)));
        }
        match self.branch_place {
            BranchPlace::Address if self.vcs.names_branches() => Ok((base, Some(branch))),
            BranchPlace::Address => asked(format!(
                "{} is one branch, and the source names the branch {}; a step with base_url builds any",
                hide_passwords(&base),
                quoted(&branch)
            )),
            // Written behind a bare host, a branch could become a part of the host's name.
            BranchPlace::Behind if base.split_once("://").is_some_and(|(_, rest)| !rest.contains('/')) => {
                asked(format!("the base {} does not end its host with a slash", quoted(&hide_passwords(&base))))
            }
            BranchPlace::Behind if branch.split('/').any(|part| part == "..") => {
                asked(format!("the branch {} leads out of {}", quoted(&branch), hide_passwords(&base)))
            }
            BranchPlace::Behind => Ok((base + &branch, None)),
        }
    }
}

/// A checkout under way.
struct Trees<'a> {
    spec: &'a TreeSpec,
    system: &'static dyn System,
    want: &'a Want,
    run: &'a Runner,
}

impl Trees<'_> {
    /// Brings the tree into place, in its mode; says the revision.
    fn place(&self) -> Result<String, VcsError> {
        let (spec, workdir) = (self.spec, &self.spec.workdir);
        if !workdir.is_absolute() || workdir.file_name().is_none() {
            return asked(format!("{} is no place for a tree", workdir.display()));
        }
        let revision = match spec.mode {
            GitMode::Update => self.tree(workdir)?,
            GitMode::Clobber | GitMode::Export => {
                self.run.say(&format!("removing {}", workdir.display()));
                remove(workdir)?;
                self.tree(workdir)?
            }
            GitMode::Copy => {
                let source = self.source();
                let revision = self.tree(&source)?;
                self.run.say(&format!("copying {} to {}", source.display(), workdir.display()));
                remove(workdir)?;
                copy_tree(&source, workdir)?;
                revision
            }
        };
        self.run.say(&format!("at {}", revision.trim()));
        if spec.mode == GitMode::Export {
            forget(workdir, self.system.admin())?;
        }
        if let Some(patch) = spec.patch.as_ref().filter(|p| !p.body.trim_ascii().is_empty()) {
            let admin = workdir.join(self.system.admin());
            if is_real_dir(&admin) {
                let mark = admin.join(PATCHED);
                fs::write(&mark, b"").map_err(|e| VcsError::machine("cannot write", &mark, &e))?;
            }
            let place = patch::place(workdir, patch)?;
            patch::lenient(self.run, &place, patch, &revision)?;
        }
        Ok(revision)
    }

    /// Where mode copy keeps its checkout: `source` beside `build`, `NAME.source` beside any other.
    fn source(&self) -> PathBuf {
        match self.spec.workdir.file_name() {
            Some(name) if name == "build" => self.spec.workdir.with_file_name("source"),
            _ => beside(&self.spec.workdir, ".source"),
        }
    }

    /// Brings a tree to where it is wanted: the one that is there if it is one, else a new one.
    fn tree(&self, dir: &Path) -> Result<String, VcsError> {
        let (system, run) = (self.system, self.run);
        let admin = dir.join(system.admin());
        if !dir.is_symlink() && is_real_dir(&admin) {
            if !admin.join(PATCHED).exists() {
                let again = asked_again(run, self.spec.retry, || system.refresh(run, self.want, dir));
                match again.and_then(|()| system.at(run, self.want, dir)) {
                    Err(e) if e.fault == Fault::Other => run.say(&format!("{e}; making the tree anew")),
                    other => return other,
                }
            } else {
                run.say("the last build applied a patch to this tree: making it anew");
            }
        }
        let new = beside(dir, ".new");
        parent_of(dir)?;
        asked_again(run, self.spec.retry, || {
            remove(&new)?;
            system.fresh(run, self.want, &new)
        })?;
        let revision = system.at(run, self.want, &new)?;
        remove(dir)?;
        fs::rename(&new, dir).map_err(|e| VcsError::machine("cannot make", dir, &e))?;
        Ok(revision)
    }
}

/// Leaves nothing of the system in a tree.
fn forget(dir: &Path, admin: &str) -> Result<(), VcsError> {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let entries = fs::read_dir(&dir).map_err(|e| VcsError::machine("cannot read", &dir, &e))?;
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            match entry.file_name() == admin {
                true => remove(&entry.path())?,
                false => dirs.push(entry.path()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
