//! The git poller: asks a repository for its heads now and then, and fetches once when one of them has moved.

use crate::plan::{self, Kind, Memory, Relation, Tell};
use crate::poller::{self, Found, Looked};
use crate::{Bell, Door};
use model::change::short_revision;
use model::{GitPollerSpec, NewChange, Span, Time};
use std::path::PathBuf;
use std::sync::Arc;
use vcs::git::{Commit, Follower, GitError, Heads, Leash, Since};

/// More commits of one branch are not told at once; the oldest are left out.
const MOST_AT_ONCE: usize = 5000;

pub(crate) async fn watch(spec: GitPollerSpec, dir: PathBuf, door: Arc<dyn Door>, bell: Bell) {
    let follower = Follower::new(&spec.repository, &dir);
    poller::watch(Arc::new(Git { spec, follower }), door, bell).await;
}

/// A git repository that is looked at.
struct Git {
    spec: GitPollerSpec,
    follower: Follower,
}

impl Looked for Git {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn every(&self) -> Span {
        self.spec.every
    }

    fn look(&self, before: Option<&Memory>, _: Time, leash: &Leash) -> Result<Found, GitError> {
        Look { spec: &self.spec, follower: &self.follower, leash, before }.run()
    }
}

/// One look at a repository.
struct Look<'a> {
    spec: &'a GitPollerSpec,
    follower: &'a Follower,
    leash: &'a Leash,
    before: Option<&'a Memory>,
}

impl Look<'_> {
    fn run(&self) -> Result<Found, GitError> {
        let before = self.before;
        let everywhere = self.follower.look(self.leash)?;
        let empty = everywhere.is_empty();
        let mut heads = plan::followed(everywhere, &self.spec.branches);
        if !plan::moves(before, &heads).is_empty() {
            // Those that have not moved come along: what is new is told by what they stand on.
            let branches: Vec<String> = heads.keys().cloned().collect();
            heads = self.follower.fetch(&branches, self.leash)?;
        }
        let mut notes: Vec<String> = plan::vanished(before, &heads).iter().map(|b| format!("{b} is gone")).collect();
        let mut changes = Vec::new();
        for moved in plan::moves(before, &heads) {
            let commits = self.commits(&moved, &mut notes)?;
            changes.extend(commits.into_iter().map(|c| self.change(&moved.branch, c)));
        }
        let text = self.text(&heads, changes.len(), &notes, empty);
        Ok(Found { changes, memory: Memory::after(before, heads, empty), text })
    }

    /// The commits to tell of a branch that has moved.
    fn commits(&self, moved: &plan::Move, notes: &mut Vec<String>) -> Result<Vec<Commit>, GitError> {
        let (branch, head) = (&moved.branch, &moved.head);
        let known = match self.before {
            Some(before) => self.follower.present(&before.known(), self.leash)?,
            None => Vec::new(),
        };
        let relation = self.relation(moved)?;
        match (&moved.kind, relation) {
            (Kind::New, _) => notes.push(format!("{branch} is new")),
            (Kind::From(_), Relation::Back) => notes.push(format!("{branch} was moved back")),
            (Kind::From(_), Relation::Apart | Relation::Unknown) => notes.push(format!("{branch} was force-pushed")),
            (Kind::From(_), Relation::Forward) | (Kind::Existing, _) => {}
        }
        let nothing_before = self.before.is_some_and(|b| b.empty);
        let alone = || self.history(head, Since { known: Vec::new(), most: 1 });
        match plan::tell(&moved.kind, relation, &known, nothing_before, self.spec.build_existing) {
            Tell::Nothing => Ok(Vec::new()),
            Tell::Head => alone(),
            Tell::Since(known) => self.many(branch, head, known, notes),
            Tell::SinceOrHead(known) => match self.many(branch, head, known, notes)? {
                none if none.is_empty() => alone(),
                some => Ok(some),
            },
        }
    }

    fn many(
        &self,
        branch: &str,
        head: &str,
        known: Vec<String>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Commit>, GitError> {
        let commits = self.history(head, Since { known, most: MOST_AT_ONCE })?;
        if commits.len() == MOST_AT_ONCE {
            notes.push(format!("only the newest {MOST_AT_ONCE} commits of {branch} are told"));
        }
        Ok(commits)
    }

    fn history(&self, head: &str, since: Since) -> Result<Vec<Commit>, GitError> {
        self.follower.history(head, &since, self.leash)
    }

    fn relation(&self, moved: &plan::Move) -> Result<Relation, GitError> {
        let Kind::From(old) = &moved.kind else { return Ok(Relation::Unknown) };
        Ok(match self.follower.stands_on(&moved.head, old, self.leash)? {
            None => Relation::Unknown,
            Some(true) => Relation::Forward,
            Some(false) => match self.follower.stands_on(old, &moved.head, self.leash)? {
                Some(true) => Relation::Back,
                _ => Relation::Apart,
            },
        })
    }

    fn change(&self, branch: &str, commit: Commit) -> NewChange {
        NewChange {
            committer: Some(commit.committer).filter(|c| *c != commit.author),
            author: commit.author,
            comments: commit.message,
            revision: Some(commit.revision),
            branch: Some(branch.to_owned()),
            // A change is shown to everybody.
            repository: model::source::shown(&self.spec.repository),
            project: self.spec.project.clone(),
            codebase: self.spec.codebase.clone(),
            category: self.spec.category.clone(),
            revlink: None,
            files: commit.files,
            when: commit.authored_at,
            properties: model::Properties::new(),
        }
    }

    fn text(&self, heads: &Heads, commits: usize, notes: &[String], empty: bool) -> String {
        let there = match (heads.len(), heads.first_key_value()) {
            (1, Some((branch, head))) => format!("{branch} at {}", short_revision(head)),
            (0, _) if empty => "the repository has no commit yet".to_owned(),
            (0, _) => "none of its branches is there".to_owned(),
            (n, _) => format!("{n} branches"),
        };
        let new = match commits {
            0 => None,
            1 => Some("1 new commit".to_owned()),
            n => Some(format!("{n} new commits")),
        };
        let parts: Vec<String> = std::iter::once(there).chain(notes.iter().cloned()).chain(new).collect();
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests;
