//! What a commit says of how it is built: its `sluice.star`, and its files.

use crate::out;
use config::detect::Tree;
use config::{Limits, Loader, Pipeline};
use std::time::{Duration, Instant};
use vcs::git::LocalBranch;

/// The name of a pipeline that is kept with the code.
pub(crate) const PIPELINE: &str = "sluice.star";

/// How long a pipeline may take to evaluate.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The pipeline of a commit that has one.
pub(crate) fn pipeline(branch: &LocalBranch) -> anyhow::Result<Pipeline> {
    let loader = CommitLoader { branch, deadline: Instant::now() + TIME_LIMIT };
    Ok(config::load_pipeline(PIPELINE, &loader, &Limits::default())?)
}

/// The files of a commit, for whoever wants to know what kind of tree it is.
pub(crate) struct CommitTree<'a>(pub(crate) &'a LocalBranch);

impl Tree for CommitTree<'_> {
    fn has_file(&self, path: &str) -> bool {
        self.0.files.contains(path)
    }

    fn has_dir(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.0.files.range(inside.clone()..).next().is_some_and(|f| f.starts_with(&inside))
    }

    fn read(&self, path: &str) -> Option<String> {
        self.0.read(path)
    }
}

/// Files of the commit that is built; no secrets, and no environment.
struct CommitLoader<'a> {
    branch: &'a LocalBranch,
    deadline: Instant,
}

impl Loader for CommitLoader<'_> {
    fn read(&self, name: &str) -> Result<String, String> {
        self.branch.read(name).ok_or_else(|| "there is no such file in the commit".to_owned())
    }

    fn secret_file(&self, _name: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn cancelled(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn print(&self, text: &str) {
        // Nobody to tell it to is noticed by the next line of the program itself.
        let _ = out::line(format!("  {text}"));
    }
}
