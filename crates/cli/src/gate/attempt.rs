//! One attempt: clone, put on top, mark, test, push. Whatever ends it is an [`End`] with its reason.

use super::blocking;
use super::board::Board;
use super::end::End;
use super::footprint::Footprint as Paths;
use super::logs::Logs;
use super::options::Wish;
use super::place::{Phase, Run};
use super::race::{Race, Role, Stop, Verdict};
use super::room::{self, Ballast};
use super::tail::Onto;
use super::tasks;
use super::words::short;
use crate::hosted::Hosted;
use anyhow::Context;
use gate::Footprint;
use gate::run::{Happened, Run as Rules, Task, TaskState};
use master::base::BaseDir;
use model::TaskSpec;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vcs::git::{Fault, Landing, Leash, LocalBranch, Pushed, RebaseError, Standing, Target};

/// How long to wait before a remote is asked again that did not say what became of a push.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What an earlier attempt has found out: what was tested, and what passed.
#[derive(Default)]
pub(super) struct Settled {
    tested: Option<Tested>,
    passed: Vec<Verdict>,
    logs: Logs,
}

/// A commit, the tasks that it was tested by, and what the rules made of them.
struct Tested {
    commit: String,
    tasks: Vec<TaskSpec>,
    rules: Rules,
}

/// What ran cannot be ended in order: the disk is full, and stays so.
#[derive(Debug, thiserror::Error)]
#[error("the disk is full, and what runs cannot be ended: the next gate in this checkout does so")]
pub(super) struct Stuck;

/// An attempt, and what it works with.
pub(super) struct Attempt<'a> {
    pub(super) wish: &'a Wish,
    pub(super) standing: &'a Standing,
    pub(super) leash: &'a Leash,
    pub(super) run: &'a mut Run,
    pub(super) board: &'a mut Board,
}

/// What is tested, and on top of what.
struct Candidate {
    landing: Arc<Landing>,
    target: Option<Target>,
    /// The tip of the target branch; `None`: there is no such branch, or no target.
    base: Option<String>,
    commit: String,
    /// The branch that is pushed to, where that is asked for, and its tip.
    onto: Option<(Target, Option<String>)>,
}

impl Attempt<'_> {
    /// Goes through with it, or as far as it comes before somebody interrupts.
    pub(super) async fn go(
        &mut self,
        settled: &mut Settled,
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<End> {
        let (stop, stopped) = watch::channel(Stop::No);
        let leash = self.leash.clone();
        let mut work = std::pin::pin!(self.all(settled, &stop, stopped));
        tokio::select! {
            end = &mut work => end,
            () = interrupted.as_mut() => {
                stop.send_replace(Stop::Because("interrupted".to_owned()));
                leash.cut();
                // A push that is under way is seen through: what became of it must be known.
                match work.await {
                    Ok(end @ (End::Landed { .. } | End::Doubtful { .. })) => Ok(end),
                    _ => Ok(End::Interrupted),
                }
            }
        }
    }

    async fn all(
        &mut self,
        settled: &mut Settled,
        stop: &watch::Sender<Stop>,
        stopped: watch::Receiver<Stop>,
    ) -> anyhow::Result<End> {
        let before = settled.tested.as_ref().map(|tested| tested.commit.clone());
        let candidate = match self.prepare(before).await? {
            Ok(candidate) => candidate,
            Err(end) => return Ok(end),
        };
        let tree = candidate.landing.dir().to_owned();
        let (commit, branch) = (candidate.commit.clone(), candidate.branch());
        let (tree_of, asked) = (tree.clone(), self.wish.tasks.clone());
        let tasks = blocking(move || tasks::of(&LocalBranch::at(tree_of, branch, &commit)?, &asked)).await?;
        self.announce(&candidate, &tasks)?;
        let title = candidate.title().await?;
        let (base, tested) = (candidate.base.clone(), Some(candidate.commit.clone()));
        self.run.note(|e| (e.phase, e.base, e.tested, e.title) = (Phase::Testing, base, tested, title))?;
        let (mut rules, known) = self.rules(settled, &candidate, &tasks).await?;
        let watcher = self.watch_target(&candidate, stop);
        let room = tokio::spawn(Ballast::take(self.run.work()).watch(stop.clone()));
        let tested = self.test(&candidate, &tasks, (&mut rules, known), stopped.clone()).await;
        room.abort();
        if let Some(watcher) = watcher {
            watcher.abort();
        }
        let (mut verdicts, logs) = tested?;
        let logs = logs.with_earlier(&settled.logs, &verdicts);
        for verdict in verdicts.iter_mut().filter(|v| matches!(v.role, Role::Culprit | Role::Trouble)) {
            let stage = verdict.stage.clone().unwrap_or_default();
            verdict.tail = logs.last_lines(&verdict.task, &stage);
        }
        let passed = rules.verdict().is_some_and(|verdict| verdict.may_land());
        settled.tested = Some(Tested { commit: candidate.commit.clone(), tasks, rules });
        settled.passed = verdicts.iter().filter(|v| v.role == Role::Passed).cloned().collect();
        settled.logs = logs.clone();
        self.judge(&candidate, verdicts, passed, logs, &stopped).await
    }

    /// The clone with the change on top of the target branch; or why there is none.
    async fn prepare(&mut self, before: Option<String>) -> anyhow::Result<Result<Candidate, End>> {
        let wish = self.wish;
        let work = self.run.work().to_owned();
        let (standing, leash) = (self.standing.clone(), self.leash.clone());
        let made = blocking(move || super::clone::make(&standing, &work, before.as_deref(), &leash));
        let landing = Arc::new(made.await?);
        self.run.expect(landing.dir().join(".git/HEAD"));
        let Some(repository) = wish.rebase.clone().or_else(|| wish.push.clone()) else {
            let (commit, landing) = (self.standing.head.clone(), landing);
            return Ok(Ok(Candidate { landing, target: None, base: None, commit, onto: None }));
        };
        let (named, l) = (wish.branch.clone(), landing.clone());
        let (target, base) = blocking(move || {
            let branch = match named {
                Some(branch) => branch,
                None => {
                    l.default_branch(&repository)?.context("the repository has no default branch; give --branch")?
                }
            };
            let target = Target { repository, branch };
            let base = l.fetch(&target)?;
            Ok((target, base))
        })
        .await?;
        let place = Some((target.repository.clone(), target.branch.clone()));
        self.run.note(|e| e.target = place)?;
        if let Some(end) = self.put_on_top(&landing, &target, base.as_deref()).await? {
            return Ok(Err(end));
        }
        let commit = match wish.mark {
            true => {
                let (l, trailers) = (landing.clone(), trailers(&target.branch, &self.standing.person));
                blocking(move || Ok(l.mark(&trailers)?)).await?
            }
            false => {
                let l = landing.clone();
                blocking(move || Ok(l.head()?)).await?
            }
        };
        let onto = match &wish.push {
            Some(push) => match self.look_at_the_push(push, &landing, &target, base.clone(), &commit).await? {
                Ok(onto) => Some(onto),
                Err(end) => return Ok(Err(end)),
            },
            None => None,
        };
        Ok(Ok(Candidate { landing, target: Some(target), base, commit, onto }))
    }

    /// Where the branch is that is pushed to. It may be in another repository than the one that the change is put on top
    /// of, as where a mirror is read: what is not in the change there would be lost.
    async fn look_at_the_push(
        &self,
        push: &str,
        landing: &Arc<Landing>,
        read: &Target,
        base: Option<String>,
        commit: &str,
    ) -> anyhow::Result<Result<(Target, Option<String>), End>> {
        if push == read.repository {
            return Ok(Ok((read.clone(), base)));
        }
        let target = Target { repository: push.to_owned(), branch: read.branch.clone() };
        let (l, commit) = (landing.clone(), commit.to_owned());
        blocking(move || {
            let Some(tip) = l.fetch(&target)? else { return Ok(Ok((target, None))) };
            if l.tree(&tip)? == l.tree(&commit)? {
                return Ok(Err(End::NoDifferences { target, tip }));
            }
            if !l.contains(&commit, &tip)? {
                return Ok(Err(End::Behind { target, tip }));
            }
            Ok(Ok((target, Some(tip))))
        })
        .await
    }

    /// Rebases, where that is asked for. `Some`: there is nothing to test.
    async fn put_on_top(
        &mut self,
        landing: &Arc<Landing>,
        target: &Target,
        base: Option<&str>,
    ) -> anyhow::Result<Option<End>> {
        let Some(base) = base.map(str::to_owned) else { return Ok(None) };
        let (l, target, rebase, whitespace) =
            (landing.clone(), target.clone(), self.wish.rebase.is_some(), self.wish.whitespace);
        if rebase {
            let (l, base) = (landing.clone(), base.clone());
            let merges = blocking(move || Ok(l.merges(&base)?)).await?;
            let what = match merges {
                0 => None,
                1 => Some("a merge is".to_owned()),
                n => Some(format!("{n} merges are")),
            };
            if let Some(what) = what {
                self.board.say(&[format!("  ! {what} left out: a rebase puts plain commits one after another")])?;
            }
        }
        blocking(move || {
            if rebase {
                match l.rebase(&base, whitespace) {
                    Ok(()) => {}
                    Err(RebaseError::Conflict(conflict)) => {
                        let theirs = l.touched(&conflict, &base)?;
                        return Ok(Some(End::Conflict { target, conflict, theirs }));
                    }
                    Err(RebaseError::Git(e)) => return Err(e.into()),
                }
            }
            let head = l.head()?;
            if l.tree(&head)? == l.tree(&base)? {
                return Ok(Some(End::NoDifferences { target, tip: base }));
            }
            if !l.contains(&head, &base)? {
                return Ok(Some(End::Behind { target, tip: base }));
            }
            Ok(None)
        })
        .await
    }

    /// The rules of this attempt. Where an earlier one has tested these very tasks, what it found holds as far as nothing
    /// that the tasks depend on has changed.
    async fn rules(
        &self,
        settled: &mut Settled,
        candidate: &Candidate,
        tasks: &[TaskSpec],
    ) -> anyhow::Result<(Rules, Vec<Verdict>)> {
        let new = begun(tasks, self.wish);
        let Some(Tested { commit, tasks: before, rules: mut run }) = settled.tested.take() else {
            return Ok((new, Vec::new()));
        };
        if !run.tasks().map(|(task, _)| task).eq(new.tasks().map(|(task, _)| task)) {
            return Ok((new, Vec::new()));
        }
        let Ok(touched) = touched(candidate, commit, &before, tasks).await else { return Ok((new, Vec::new())) };
        run.apply(Happened::Moved { touched });
        let reused = |v: &&Verdict| {
            run.tasks()
                .any(|(task, state)| task.name == v.task && matches!(state, TaskState::Ended { reused: true, .. }))
        };
        let words = "passed before, and nothing that it depends on has changed";
        // Its build was that of another master: what is asked of this one is not about it.
        let known = settled.passed.iter().filter(reused);
        let known = known.map(|v| Verdict { words: words.to_owned(), build: None, ..v.clone() }).collect();
        Ok((run, known))
    }

    fn announce(&mut self, candidate: &Candidate, tasks: &[TaskSpec]) -> anyhow::Result<()> {
        let attempt = match self.run.entry().attempt {
            1 => String::new(),
            n => format!(", attempt {n}"),
        };
        let on = match (&candidate.target, &candidate.base) {
            (Some(target), Some(base)) => format!(" on {} {}", target.branch, short(base)),
            (Some(target), None) => format!(" for the new branch {}", target.branch),
            (None, _) => String::new(),
        };
        let names: Vec<&str> = tasks.iter().map(|t| t.name.as_str()).collect();
        let line = format!("  testing {}{on}{attempt}: {}", short(&candidate.commit), names.join(", "));
        self.board.begin(tasks);
        Ok(self.board.say(&[crate::show::cut(&line, crate::show::WIDTH), String::new()])?)
    }

    /// Looks now and then whether the target branch is where it was, and ends everything when it is not.
    fn watch_target(&self, candidate: &Candidate, stop: &watch::Sender<Stop>) -> Option<tokio::task::JoinHandle<()>> {
        let read = || Some((candidate.target.clone()?, candidate.base.clone()));
        let (target, base) = match &candidate.onto {
            Some(onto) => onto.clone(),
            None if self.wish.may_retry(self.run.entry().attempt) => read()?,
            None => return None,
        };
        let every = super::options::interval(&target.repository);
        let (landing, stop) = (candidate.landing.clone(), stop.clone());
        Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let (l, t) = (landing.clone(), target.clone());
                match tokio::task::spawn_blocking(move || l.ask(&t)).await {
                    Ok(Ok(tip)) if tip != base => {
                        let to = tip.as_deref().map_or("is gone".to_owned(), |tip| format!("moved to {}", short(tip)));
                        stop.send_replace(Stop::Because(format!("{} {to}", target.branch)));
                        return;
                    }
                    Ok(Ok(_)) => {}
                    // A remote that does not answer has not moved.
                    Ok(Err(e)) => tracing::info!("{e}"),
                    Err(_) => return,
                }
            }
        }))
    }

    /// Runs the tasks on a master of their own; nothing of it is left but the logs.
    async fn test(
        &mut self,
        candidate: &Candidate,
        tasks: &[TaskSpec],
        (run, settled): (&mut Rules, Vec<Verdict>),
        mut stopped: watch::Receiver<Stop>,
    ) -> anyhow::Result<(Vec<Verdict>, Logs)> {
        let work = self.run.work().to_owned();
        let config = tasks::config(tasks, candidate.landing.dir(), &work.join("prefix"), self.wish.jobs);
        let base = work.join(format!("base-{}", self.run.entry().attempt));
        let hosted = Hosted::open(&base, config).await?;
        self.run.expect(BaseDir::at(&base).token_file());
        if !self.wish.json {
            tracing::info!("the pages are at {}", hosted.client.url());
        }
        let onto = if self.wish.json { Onto::Aside } else { Onto::Out };
        let tail = self.wish.tail.then(|| super::tail::tail(hosted.client.clone(), tasks, onto));
        let race = Race {
            client: &hosted.client,
            tasks,
            revision: candidate.commit.clone(),
            reason: "sluice gate".to_owned(),
            run,
            settled,
        };
        let full = stopped.clone();
        let raced = tokio::select! {
            raced = race.run(self.board, &mut stopped) => raced,
            () = room::out_of_patience(full.clone()) => Err(Stuck.into()),
        };
        if let Some(tail) = tail {
            tail.end().await;
        }
        let kept = match &raced {
            Ok(verdicts) => Logs::fetch(&hosted.client, verdicts, &work.join("logs")).await,
            Err(_) => Ok(Logs::default()),
        };
        tokio::select! {
            () = hosted.close() => {}
            () = room::out_of_patience(full) => return Err(Stuck.into()),
        }
        // Whatever the tasks say: where they ran is no longer what it was. Only now does none of them run.
        self.run.check_whole()?;
        let verdicts = raced?;
        for verdict in verdicts.iter().filter(|v| v.role == Role::Passed && v.build.is_some()) {
            if let Some(story) = &verdict.story {
                self.board.memory().learn(&verdict.task, story);
            }
        }
        Ok((verdicts, kept?))
    }

    /// What the verdicts come to, and the push where they allow it.
    async fn judge(
        &mut self,
        candidate: &Candidate,
        verdicts: Vec<Verdict>,
        passed: bool,
        mut logs: Logs,
        stopped: &watch::Receiver<Stop>,
    ) -> anyhow::Result<End> {
        if *stopped.borrow() == Stop::NoRoom {
            return Ok(End::NoRoom { dir: self.wish.testbase.clone() });
        }
        let culprit = verdicts.iter().any(|v| v.role == Role::Culprit);
        if let Some(end) = moved(candidate, stopped).filter(|_| !culprit) {
            return Ok(end);
        }
        if !passed {
            let packed = self.pack(&logs, &verdicts).await?;
            return Ok(End::Failed { commit: candidate.commit.clone(), verdicts, packed });
        }
        if let Some(command) = self.wish.passcmd.clone() {
            let said = self.run.work().join("logs/passcmd.txt");
            let passed = super::passcmd::run(&command, candidate.landing.dir(), &said, stopped.clone()).await?;
            if let Some(end) = moved(candidate, stopped) {
                return Ok(end);
            }
            logs.add("passcmd", &said)?;
            if let Err(words) = passed {
                let packed = self.pack(&logs, &verdicts).await?;
                return Ok(End::PasscmdFailed { commit: candidate.commit.clone(), command, words, packed });
            }
        }
        let packed = match self.wish.keeplogs {
            true => Some(self.pack(&logs, &verdicts).await?),
            false => None,
        };
        match (&candidate.onto, self.wish.dry_run) {
            (Some((target, tip)), false) => self.push(candidate, target.clone(), tip.clone(), verdicts, packed).await,
            _ => Ok(End::Passed { commit: candidate.commit.clone(), verdicts, packed }),
        }
    }

    /// The logs in one file, and a line about it in the journal.
    async fn pack(&mut self, logs: &Logs, verdicts: &[Verdict]) -> anyhow::Result<PathBuf> {
        let path = logs.clone().pack(self.run.entry(), verdicts, self.board.said()).await?;
        let packed = Some(path.clone());
        self.run.note(|e| e.packed = packed)?;
        Ok(path)
    }

    async fn push(
        &mut self,
        candidate: &Candidate,
        target: Target,
        expected: Option<String>,
        verdicts: Vec<Verdict>,
        packed: Option<PathBuf>,
    ) -> anyhow::Result<End> {
        // Also a command with the last word may do anything.
        self.run.check_whole()?;
        let place = Some((target.repository.clone(), target.branch.clone()));
        self.run.note(|e| (e.phase, e.target) = (Phase::Pushing, place))?;
        // On a leash of its own, which nobody cuts: a push that is interrupted half-way is one of which nobody knows what became of it.
        let landing = Landing::at(candidate.landing.dir(), &self.run.leash());
        let pushed = match push_and_ask(landing, &target, &candidate.commit, expected).await? {
            Ok(pushed) => pushed,
            Err(why) => return Ok(End::Doubtful { target, commit: candidate.commit.clone(), why }),
        };
        let commit = candidate.commit.clone();
        Ok(match pushed {
            Pushed::Landed => {
                self.run.note(|e| e.phase = Phase::Landed)?;
                End::Landed { target, commit, verdicts, packed }
            }
            Pushed::Moved(tip) => {
                let to = tip.as_deref().map_or("is gone".to_owned(), |tip| format!("moved to {}", short(tip)));
                End::Moved { why: format!("{} {to}", target.branch), target: Some(target), commit }
            }
            Pushed::Refused(e) => End::Refused { target, commit, why: e.reason },
        })
    }
}

/// Pushes, and asks the remote what became of it as often as it takes to get an answer, within bounds. `Err`: there is
/// none; why.
async fn push_and_ask(
    landing: Landing,
    target: &Target,
    commit: &str,
    expected: Option<String>,
) -> anyhow::Result<Result<Pushed, String>> {
    let mut pauses = PAUSES.iter();
    let mut is_pushed = false;
    loop {
        let (l, t, c, old, again) = (landing.clone(), target.clone(), commit.to_owned(), expected.clone(), is_pushed);
        let said = blocking(move || match again {
            false => Ok(l.push(&t, &c, old.as_deref())),
            true => Ok(l.became(&t, &c, old.as_deref(), None)),
        });
        match said.await? {
            Ok(pushed) => return Ok(Ok(pushed)),
            Err(e) if e.fault == Fault::Asked => return Err(e.into()),
            Err(e) => match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Ok(Err(e.reason)),
            },
        }
        is_pushed = true;
    }
}

/// What it is when everything was ended from outside.
fn moved(candidate: &Candidate, stopped: &watch::Receiver<Stop>) -> Option<End> {
    let why = match stopped.borrow().clone() {
        Stop::Because(why) => why,
        Stop::NoRoom | Stop::No => return None,
    };
    let target = candidate.onto.as_ref().map(|(target, _)| target).or(candidate.target.as_ref());
    Some(End::Moved { target: target.cloned(), commit: candidate.commit.clone(), why })
}

impl Candidate {
    /// Short hash, author and title.
    async fn title(&self) -> anyhow::Result<Option<String>> {
        let (landing, commit) = (self.landing.clone(), self.commit.clone());
        let told = blocking(move || Ok(landing.commit(&commit)?)).await?;
        let title = told.message.lines().next().unwrap_or_default().to_owned();
        Ok(Some(format!("{}: {title}", told.author)))
    }

    fn branch(&self) -> String {
        self.target.as_ref().map_or("HEAD".to_owned(), |t| t.branch.clone())
    }
}

/// The rules with every task as one stage: the stages of a task are the steps of its build, and those are in order by
/// themselves.
fn begun(tasks: &[TaskSpec], wish: &Wish) -> Rules {
    let at = |name: &String| tasks.iter().position(|task| task.name == *name);
    let all = tasks.iter().map(|task| Task {
        name: task.name.clone(),
        stages: vec!["build".to_owned()],
        needs: task.after.iter().filter_map(at).collect(),
    });
    Rules::new(all.collect(), usize::try_from(wish.jobs).unwrap_or(1), wish.at_failure)
}

/// Which tasks, or their inputs, differ between two trees. The same tasks stand in the same places.
async fn touched(
    candidate: &Candidate,
    commit: String,
    before: &[TaskSpec],
    tasks: &[TaskSpec],
) -> anyhow::Result<Footprint> {
    let (landing, now) = (candidate.landing.clone(), candidate.commit.clone());
    let changed = blocking(move || Ok(landing.changed(&commit, &now)?)).await?;
    let mut touched = Footprint::NONE;
    for (index, (task, before)) in tasks.iter().zip(before).enumerate() {
        if task.paths.is_empty() || !tasks::does_the_same(task, before) || Paths::new(&task.paths).touches(&changed) {
            touched |= Footprint::of([index]);
        }
    }
    Ok(touched)
}

/// What a mark says, in autobuild's words.
fn trailers(branch: &str, person: &str) -> Vec<(String, String)> {
    let now = jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Z %Y").to_string();
    let host = super::words::host();
    vec![
        (format!("Autobuild-User({branch})"), person.to_owned()),
        (format!("Autobuild-Date({branch})"), format!("{now} on {host}")),
    ]
}
