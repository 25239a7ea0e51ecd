//! The poller of every system but git: what is new is the system's own business, and what to tell of it is here.

use crate::plan::Memory;
use crate::poller::{self, Found, Looked};
use crate::{Bell, Door};
use model::{NewChange, Properties, Span, Time, VcsPollerSpec};
use std::path::PathBuf;
use std::sync::Arc;
use vcs::{Commit, Heads, Leash, News, VcsError, Watched};

pub(crate) async fn watch(spec: VcsPollerSpec, dir: PathBuf, door: Arc<dyn Door>, bell: Bell) {
    let watched = Watched {
        vcs: spec.vcs,
        repository: spec.repository.clone(),
        module: spec.module.clone(),
        branches: spec.branches.clone(),
        dir,
    };
    poller::watch(Arc::new(Tree { spec, watched }), door, bell).await;
}

/// A repository that is looked at.
struct Tree {
    spec: VcsPollerSpec,
    watched: Watched,
}

impl Looked for Tree {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn every(&self) -> Span {
        self.spec.every
    }

    fn look(&self, before: Option<&Memory>, now: Time, leash: &Leash) -> Result<Found, VcsError> {
        let none = Heads::new();
        let gone = before.map_or(&none, |memory| &memory.gone);
        let news = self.watched.look(before.map(|memory| &memory.heads), gone, now, leash)?;
        let tells = before.is_some() || self.spec.build_existing;
        let text = text(&news, if tells { news.commits.len() } else { 0 });
        let changes = news.commits.into_iter().filter(|_| tells).map(|(b, c)| self.change(b, c)).collect();
        let empty = news.heads.is_empty();
        Ok(Found { changes, memory: Memory::after(before, news.heads, empty), text })
    }
}

impl Tree {
    fn change(&self, branch: Option<String>, commit: Commit) -> NewChange {
        NewChange {
            author: commit.author,
            committer: None,
            comments: commit.message,
            revision: Some(commit.revision),
            branch: branch.or_else(|| self.spec.branch.clone()),
            // A change is shown to everybody.
            repository: model::source::shown(&self.spec.repository),
            project: self.spec.project.clone(),
            codebase: self.spec.codebase.clone(),
            category: self.spec.category.clone(),
            revlink: None,
            files: commit.files,
            when: commit.authored_at,
            properties: Properties::new(),
        }
    }
}

/// What a look found, in a line.
fn text(news: &News, commits: usize) -> String {
    let newest = news.commits.last().map(|(_, c)| format!("at {}", model::change::short_revision(&c.revision)));
    let there = match (newest, news.heads.is_empty()) {
        (Some(newest), _) => newest,
        (None, true) => "the repository has no commit yet".to_owned(),
        (None, false) => "nothing new".to_owned(),
    };
    let new = match commits {
        0 => None,
        1 => Some("1 new commit".to_owned()),
        n => Some(format!("{n} new commits")),
    };
    let parts: Vec<String> = std::iter::once(there).chain(news.notes.iter().cloned()).chain(new).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests;
