//! How git is started: with settings of our own above the machine's, and never where it could ask.

use super::fault;
use super::line::{ENVIRONMENT, SETTINGS, UNSET, is_ssh};
pub use crate::run::{Leash, MARK};
use crate::run::{Manner, Runner};
pub(crate) use crate::run::{Runner as Git, Voice};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Git's way.
pub(crate) static GIT: Manner =
    Manner { program: "git", package: None, environment: ENVIRONMENT, prepare, read: fault::read };

/// Git for a repository, without a word to anybody, a leash or a limit.
pub(crate) fn silent(repository: impl Into<String>) -> Git {
    Git { manner: &GIT, repository: repository.into(), voice: Voice::Silent, leash: None, limit: None }
}

/// Who fetches into a repository takes turns: what was fetched is written into one file of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<()>>);

impl Turns {
    /// Waits for whoever fetches now.
    pub(crate) fn take(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(runner: &Runner, dir: &Path, command: &mut Command) {
    for name in UNSET {
        command.env_remove(name);
    }
    // A tree without git's files must not be taken for a part of a repository that lies around it.
    if let Some(parent) = dir.parent() {
        command.env("GIT_CEILING_DIRECTORIES", parent);
    }
    let given: usize = std::env::var("GIT_CONFIG_COUNT").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for (i, (key, value)) in SETTINGS.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{}", given + i), key);
        command.env(format!("GIT_CONFIG_VALUE_{}", given + i), value);
    }
    command.env("GIT_CONFIG_COUNT", (given + SETTINGS.len()).to_string());
    let own_ssh = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|v| std::env::var_os(v).is_some());
    if is_ssh(&runner.repository) && !own_ssh && !ssh_is_configured() {
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
    }
}

/// The machine says itself how to run ssh; that is not overruled.
fn ssh_is_configured() -> bool {
    let asked = Command::new("git").args(["config", "--get", "core.sshCommand"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|o| o.status.success())
}
