//! The git poller: asks a repository for its heads now and then, and fetches once when one of them has moved.

use crate::plan::{self, Kind, Memory, Relation, Tell};
use crate::{Bell, Door, SourceState};
use model::change::short_revision;
use model::{GitPollerSpec, NewChange, Span};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use vcs::git::{Commit, Fault, Follower, GitError, Heads, Leash, Since};

/// More commits of one branch are not told at once; the oldest are left out.
const MOST_AT_ONCE: usize = 5000;

/// So many changes are handed over at a time.
const BATCH: usize = 500;

pub(crate) async fn watch(spec: GitPollerSpec, dir: PathBuf, door: Arc<dyn Door>, bell: Bell) {
    let Bell { wake, stop } = bell;
    let follower = Follower::new(&spec.repository, &dir);
    let mut poller = Poller { spec: Arc::new(spec), follower, door, stop, memory: None, failures: 0 };
    loop {
        let Some(pause) = poller.look().await else { return };
        tokio::select! {
            () = stopped(poller.stop.clone()) => return,
            () = wake.notified() => {}
            () = tokio::time::sleep(pause.to_std()) => {}
        }
    }
}

/// Ends when the source shall.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A poller between two looks.
struct Poller {
    spec: Arc<GitPollerSpec>,
    follower: Follower,
    door: Arc<dyn Door>,
    stop: watch::Receiver<bool>,
    /// What the master last kept; `None` when it has to be asked.
    memory: Option<Option<Memory>>,
    failures: u32,
}

/// Why a look led to nothing.
enum Trouble {
    /// The source shall end.
    Stop,
    /// In words.
    Because(String),
}

impl Poller {
    /// Looks once and says how long to wait; `None` when the source shall end.
    async fn look(&mut self) -> Option<Span> {
        let outcome = self.attempt().await;
        let looked_at = self.door.now();
        let (text, failing) = match outcome {
            Ok(text) => {
                self.failures = 0;
                (text, None)
            }
            Err(Trouble::Stop) => return None,
            Err(Trouble::Because(reason)) => {
                self.failures = self.failures.saturating_add(1);
                let pause = plan::pause(self.spec.every, self.failures);
                let times = if self.failures == 1 { String::new() } else { format!(" ({} times now)", self.failures) };
                (format!("{reason}{times}; looks again in {pause}"), Some(reason))
            }
        };
        let pause = plan::pause(self.spec.every, self.failures);
        let state = SourceState { text, failing, looked_at: Some(looked_at), next_at: Some(looked_at + pause) };
        self.door.said(&self.spec.name, state);
        Some(pause)
    }

    async fn attempt(&mut self) -> Result<String, Trouble> {
        let before = match self.memory.take() {
            Some(memory) => memory,
            None => self.recall().await?,
        };
        let found = self.examine(before.clone()).await.inspect_err(|_| self.memory = Some(before.clone()))?;
        if before.as_ref() != Some(&found.memory) {
            // Should the master not answer, its memory is what counts, and it is asked for it at the next look.
            self.hand_over(before.as_ref(), &found).await?;
        }
        let text = found.text;
        self.memory = Some(Some(found.memory));
        Ok(text)
    }

    async fn recall(&self) -> Result<Option<Memory>, Trouble> {
        let text =
            self.answer(self.door.memory(&self.spec.name)).await?.map_err(|e| Trouble::Because(e.to_string()))?;
        text.map(|t| Memory::parse(&t)).transpose().map_err(Trouble::Because)
    }

    /// What the master answers; a master that ends may not answer any more.
    async fn answer<T>(&self, reply: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            answer = reply => Ok(answer),
            () = stopped(self.stop.clone()) => Err(Trouble::Stop),
        }
    }

    /// Looks on a thread that may block. A stop ends the git that runs there.
    async fn examine(&self, before: Option<Memory>) -> Result<Found, Trouble> {
        let leash = Leash::default();
        let look = Look { spec: self.spec.clone(), follower: self.follower.clone(), leash: leash.clone(), before };
        let cut = CutOnDrop(leash);
        let mut task = tokio::task::spawn_blocking(move || look.run());
        let done = tokio::select! {
            done = &mut task => done,
            () = stopped(self.stop.clone()) => {
                drop(cut);
                // It ends at once now, and its processes are gone when it has.
                let _ = task.await;
                return Err(Trouble::Stop);
            }
        };
        match done {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(e)) if e.fault == Fault::Stopped => Err(Trouble::Stop),
            Ok(Err(e)) => Err(Trouble::Because(e.reason)),
            Err(e) => Err(Trouble::Because(format!("the look broke off: {e}"))),
        }
    }

    /// Hands the changes over. All but the last come with the old memory, so that nothing is lost if the master dies
    /// in between: it is told again then, and passes over what it has.
    async fn hand_over(&self, before: Option<&Memory>, found: &Found) -> Result<(), Trouble> {
        let old = before.map(Memory::text).transpose().map_err(Trouble::Because)?;
        let new = found.memory.text().map_err(Trouble::Because)?;
        let mut rest = found.changes.as_slice();
        while let Some(old) = old.as_ref().filter(|_| rest.len() > BATCH) {
            let (batch, later) = rest.split_at(BATCH);
            self.accept(batch, old.clone()).await?;
            rest = later;
        }
        self.accept(rest, new).await
    }

    async fn accept(&self, changes: &[NewChange], memory: String) -> Result<(), Trouble> {
        let taken = self.answer(self.door.accept(&self.spec.name, changes.to_vec(), memory)).await?;
        taken.map_err(|e| Trouble::Because(format!("the changes cannot be kept: {e}")))
    }
}

/// Cuts a leash when it goes out of scope, however that comes about.
struct CutOnDrop(Leash);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// What a look found.
struct Found {
    /// Oldest first, branch by branch.
    changes: Vec<NewChange>,
    memory: Memory,
    /// One line for people.
    text: String,
}

/// One look at a repository, on a thread that may block.
struct Look {
    spec: Arc<GitPollerSpec>,
    follower: Follower,
    leash: Leash,
    before: Option<Memory>,
}

impl Look {
    fn run(&self) -> Result<Found, GitError> {
        let before = self.before.as_ref();
        let everywhere = self.follower.look(&self.leash)?;
        let empty = everywhere.is_empty();
        let mut heads = plan::followed(everywhere, &self.spec.branches);
        if !plan::moves(before, &heads).is_empty() {
            // Those that have not moved come along: what is new is told by what they stand on.
            let branches: Vec<String> = heads.keys().cloned().collect();
            heads = self.follower.fetch(&branches, &self.leash)?;
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
        let known = match &self.before {
            Some(before) => self.follower.present(&before.known(), &self.leash)?,
            None => Vec::new(),
        };
        let relation = self.relation(moved)?;
        match (&moved.kind, relation) {
            (Kind::New, _) => notes.push(format!("{branch} is new")),
            (Kind::From(_), Relation::Back) => notes.push(format!("{branch} was moved back")),
            (Kind::From(_), Relation::Apart | Relation::Unknown) => notes.push(format!("{branch} was force-pushed")),
            (Kind::From(_), Relation::Forward) | (Kind::Existing, _) => {}
        }
        let nothing_before = self.before.as_ref().is_some_and(|b| b.empty);
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
        self.follower.history(head, &since, &self.leash)
    }

    fn relation(&self, moved: &plan::Move) -> Result<Relation, GitError> {
        let Kind::From(old) = &moved.kind else { return Ok(Relation::Unknown) };
        Ok(match self.follower.stands_on(&moved.head, old, &self.leash)? {
            None => Relation::Unknown,
            Some(true) => Relation::Forward,
            Some(false) => match self.follower.stands_on(old, &moved.head, &self.leash)? {
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
            repository: self.spec.repository.clone(),
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
