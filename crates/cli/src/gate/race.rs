//! The tasks of one tree, run by a master: which of them starts, is ended or is passed over is for the gate's rules
//! ([`gate::run`]) to say; this asks them, carries it out, and makes a verdict of each end.

use super::board::Board;
use super::tasks::SCHEDULER;
use crate::patience::wake;
use anyhow::Context;
use api::ForceParams;
use api::story::Story;
use client::Client;
use gate::run::{Do, Happened, Run, TaskState};
use gate::verdict::Verdict as Ruling;
use model::{Results, Span, StepAction, TaskSpec};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often to look where nothing is heard.
const SWEEP: Duration = Duration::from_millis(500);

/// How many failing tests of a task are named.
const MOST_NAMED: usize = 50;

/// Why everything is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing asks for it.
    No,
    /// What is tested has no future.
    Because(String),
    /// The disk is full: what is found out now says nothing.
    NoRoom,
}

impl Stop {
    /// Why, in words; `None`: nothing asks for it.
    fn words(&self) -> Option<&str> {
        match self {
            Stop::No => None,
            Stop::Because(why) => Some(why),
            Stop::NoRoom => Some("the disk is full"),
        }
    }
}

/// What a task came to.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// Its name.
    pub(super) task: String,
    /// How it ended; `None`: it was not begun.
    pub(super) results: Option<Results>,
    /// The stage that decided, if one did.
    pub(super) stage: Option<String>,
    /// In words.
    pub(super) words: String,
    /// Whether this task is why the tree does not land.
    pub(super) role: Role,
    /// Its build, if it had one.
    pub(super) build: Option<i64>,
    /// How long it took.
    pub(super) took: Span,
    /// What was told of it.
    pub(super) story: Option<Story>,
    /// The command of the stage that decided.
    pub(super) command: Option<String>,
    /// Tests that are at fault, by name.
    pub(super) failing: Vec<String>,
    /// The last lines of the stage that decided, where it speaks against the tree.
    pub(super) tail: Vec<String>,
}

/// What a task's end means for the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It speaks for the tree.
    Passed,
    /// It speaks against the tree.
    Culprit,
    /// This machine's trouble kept it from an answer.
    Trouble,
    /// It was ended, or not begun, for the sake of another.
    Bystander,
}

impl Role {
    /// What the rules call it.
    fn ruling(self) -> Ruling {
        match self {
            Role::Passed => Ruling::Passed,
            Role::Culprit => Ruling::Failed,
            Role::Trouble => Ruling::Broken,
            Role::Bystander => Ruling::Cancelled,
        }
    }
}

/// What is run, and how.
pub(super) struct Race<'r> {
    pub(super) client: &'r Client,
    /// The tasks, in the order of the run's.
    pub(super) tasks: &'r [TaskSpec],
    /// The commit, as it is checked out.
    pub(super) revision: String,
    pub(super) reason: String,
    /// The rules' side of it. Where tasks have ended in it already, their verdicts are in `settled`.
    pub(super) run: &'r mut Run,
    /// Verdicts that stand from an earlier tree.
    pub(super) settled: Vec<Verdict>,
}

/// What is known of one task beside the rules.
#[derive(Default)]
struct Lane {
    /// What runs of it.
    job: Option<Job>,
    /// How it ended.
    verdict: Option<Verdict>,
}

struct Job {
    request: i64,
    set: i64,
    since: Instant,
    /// Why it is ended, if it is.
    ending: Option<String>,
}

impl Race<'_> {
    /// Runs them; answers with what each came to, in the order of the tasks. A change of `stop` ends them all.
    pub(super) async fn run(
        mut self,
        board: &mut Board,
        stop: &mut watch::Receiver<Stop>,
    ) -> anyhow::Result<Vec<Verdict>> {
        let mut lanes: Vec<Lane> = Vec::with_capacity(self.tasks.len());
        for task in self.tasks {
            let settled = self.settled.iter().position(|v| v.task == task.name);
            lanes.push(Lane { verdict: settled.map(|at| self.settled.swap_remove(at)), ..Lane::default() });
        }
        let mut listeners = [self.client.listen("builds/*/*"), self.client.listen("builds/*/steps/*/*")];
        loop {
            let why = stop.borrow_and_update().clone();
            self.step(&mut lanes, &why, board).await?;
            if self.run.verdict().is_some() {
                break;
            }
            tokio::select! {
                woken = wake(&mut listeners, SWEEP.min(board.every())) => woken?,
                // Whoever could stop it is gone: nothing will.
                changed = stop.changed() => if changed.is_err() { std::future::pending::<()>().await },
            }
        }
        Ok(lanes.into_iter().filter_map(|lane| lane.verdict).collect())
    }

    /// One look at everything, and what follows from it.
    async fn step(&mut self, lanes: &mut [Lane], stop: &Stop, board: &mut Board) -> anyhow::Result<()> {
        let mut running = Vec::new();
        for (index, (lane, task)) in lanes.iter_mut().zip(self.tasks).enumerate() {
            let Some(job) = &lane.job else { continue };
            let (story, verdict) = self.look(task, job.request, job.ending.as_deref()).await?;
            if let Some(verdict) = verdict {
                self.run.apply(Happened::StageEnded { task: index, verdict: verdict.role.ruling() });
                board.ended(&verdict)?;
                *lane = Lane { job: None, verdict: Some(verdict) };
                continue;
            }
            if task.max_time.is_some_and(|most| job.since.elapsed() > most.to_std()) {
                self.end(lane, task, &super::words::took_too_long(task)).await?;
                if lane.job.as_ref().is_some_and(|job| job.ending.is_some()) {
                    self.run.apply(Happened::TestFailed { task: index });
                }
            }
            running.push((task, story));
        }
        if *stop != Stop::No {
            self.run.apply(Happened::Interrupted);
        }
        loop {
            let acts = self.run.next();
            if acts.is_empty() {
                break;
            }
            for act in acts {
                self.run.apply(Happened::Did(act));
                self.carry_out(act, lanes, stop, board).await?;
            }
        }
        board.show(
            &running.iter().map(|(task, story)| (*task, story.as_ref())).collect::<Vec<_>>(),
            &waits(self.run, self.tasks),
        )
    }

    async fn carry_out(&self, act: Do, lanes: &mut [Lane], stop: &Stop, board: &mut Board) -> anyhow::Result<()> {
        let (Do::Start { task: index, .. } | Do::Stop { task: index } | Do::Skip { task: index }) = act;
        let task = &self.tasks[index];
        match act {
            Do::Start { .. } => lanes[index].job = Some(self.start(task).await?),
            Do::Stop { .. } => {
                let why = over(self.tasks, lanes, stop);
                self.end(&mut lanes[index], task, &why).await?;
            }
            Do::Skip { .. } => {
                let lacks = task.after.iter().find(|name| {
                    self.tasks.iter().zip(&*lanes).any(|(t, lane)| {
                        t.name == **name && lane.verdict.as_ref().is_some_and(|v| v.role != Role::Passed)
                    })
                });
                let why = match lacks {
                    Some(name) if *stop == Stop::No => format!("{name} did not pass"),
                    _ => over(self.tasks, lanes, stop),
                };
                let verdict = Verdict::not_begun(&task.name, &why);
                board.ended(&verdict)?;
                lanes[index].verdict = Some(verdict);
            }
        }
        Ok(())
    }

    /// Ends what runs of a task, once.
    async fn end(&self, lane: &mut Lane, task: &TaskSpec, why: &str) -> anyhow::Result<()> {
        let Some(job) = lane.job.as_mut().filter(|job| job.ending.is_none()) else { return Ok(()) };
        match self.client.cancel_set(job.set, why).await {
            Ok(()) => job.ending = Some(why.to_owned()),
            Err(e) if e.is_connection() => return Err(e.into()),
            // It has just ended by itself: the next look says how.
            Err(e) => tracing::info!("{} is not ended: {e}", task.name),
        }
        Ok(())
    }

    async fn start(&self, task: &TaskSpec) -> anyhow::Result<Job> {
        let params = ForceParams {
            builder_names: vec![task.tag()],
            reason: self.reason.clone(),
            owner: Some(crate::force::owner()),
            branch: Some("HEAD".to_owned()),
            revision: Some(self.revision.clone()),
            ..ForceParams::default()
        };
        let forced = self.client.force(Some(SCHEDULER), &params).await?;
        let request = forced.1.values().next().copied().context("the master did not say which request it filed")?;
        Ok(Job { request, set: forced.0, since: Instant::now(), ending: None })
    }

    /// How a task stands, and its verdict once it has ended.
    async fn look(
        &self,
        task: &TaskSpec,
        request: i64,
        ending: Option<&str>,
    ) -> anyhow::Result<(Option<Story>, Option<Verdict>)> {
        let results = Results::from_code(self.client.request(request).await?.results);
        let build = self.client.builds_of_request(request).await?.rows.into_iter().map(|b| b.buildid).max();
        let story = match build {
            Some(build) => Some(self.client.story(build).await?),
            None => None,
        };
        let Some(results) = results else { return Ok((story, None)) };
        let too_long = ending.is_some_and(|why| why == super::words::took_too_long(task));
        let role = match results {
            _ if too_long => Role::Culprit,
            Results::Success | Results::Warnings | Results::Skipped => Role::Passed,
            Results::Failure => Role::Culprit,
            Results::Cancelled if ending.is_some() => Role::Bystander,
            // Somebody else has ended it: nothing is known of the tree.
            Results::Cancelled | Results::Exception | Results::Retry => Role::Trouble,
        };
        let at = story.as_ref().and_then(|s| s.trouble.as_ref()).map(|t| t.step.clone());
        let last = || story.as_ref().and_then(|s| s.steps.last()).map(|s| s.name.clone());
        let stage = if role == Role::Passed { None } else { at.or_else(last) };
        let state = || story.as_ref().map_or_else(|| results.word().to_owned(), |s| s.state.clone());
        let words = match (role, ending) {
            (Role::Passed, _) => "passed".to_owned(),
            (Role::Bystander, Some(why)) => format!("cancelled: {why}"),
            (Role::Culprit, Some(why)) if too_long => why.to_owned(),
            _ => super::words::of_stage(story.as_ref(), stage.as_deref()).unwrap_or_else(state),
        };
        let took = story.as_ref().map_or(Span::ZERO, |s| s.took);
        let command = task.stages.iter().find(|s| Some(&s.name) == stage.as_ref()).and_then(|s| match &s.action {
            StepAction::Shell(shell) => Some(shell.command.text()),
            _ => None,
        });
        let failing = match (role, build) {
            (Role::Culprit, Some(build)) => self.failing(build).await?,
            _ => Vec::new(),
        };
        let verdict = Verdict {
            task: task.name.clone(),
            results: Some(results),
            stage,
            words,
            role,
            build,
            took,
            story: story.clone(),
            command,
            failing,
            tail: Vec::new(),
        };
        Ok((story, Some(verdict)))
    }

    /// The tests of a build that are at fault, by name.
    async fn failing(&self, build: i64) -> anyhow::Result<Vec<String>> {
        let steps = self.client.steps(build).await?.rows;
        let bad = steps.into_iter().filter_map(|step| step.tests).flat_map(|tests| tests.bad);
        Ok(bad.map(|test| test.name).take(MOST_NAMED).collect())
    }
}

impl Verdict {
    fn not_begun(task: &str, why: &str) -> Self {
        Verdict {
            task: task.to_owned(),
            results: None,
            stage: None,
            words: format!("not begun: {why}"),
            role: Role::Bystander,
            build: None,
            took: Span::ZERO,
            story: None,
            command: None,
            failing: Vec::new(),
            tail: Vec::new(),
        }
    }
}

/// Why nothing goes on.
fn over(tasks: &[TaskSpec], lanes: &[Lane], stop: &Stop) -> String {
    if let Some(why) = stop.words() {
        return why.to_owned();
    }
    let failed = |lane: &Lane| match (&lane.verdict, &lane.job) {
        (Some(verdict), _) => matches!(verdict.role, Role::Culprit | Role::Trouble),
        // Others are ended only after this one.
        (None, Some(job)) => job.ending.is_some(),
        (None, None) => false,
    };
    // A verdict says more than an end that is on its way.
    let by_verdict = tasks.iter().zip(lanes).find(|(_, lane)| lane.verdict.is_some() && failed(lane));
    let first = by_verdict.or_else(|| tasks.iter().zip(lanes).find(|(_, lane)| failed(lane)));
    first.map_or_else(|| "it is over".to_owned(), |(task, _)| format!("{} failed", task.name))
}

/// Who waits, and for whom.
fn waits<'t>(run: &Run, tasks: &'t [TaskSpec]) -> Vec<(&'t str, String)> {
    let passed = |state: &TaskState| matches!(state, TaskState::Ended { verdict, .. } if verdict.may_land());
    let open = |name: &&String| run.tasks().any(|(task, state)| task.name == **name && !passed(state));
    let waiting = tasks.iter().zip(run.tasks()).filter(|(_, (_, state))| **state == TaskState::Waiting);
    waiting
        .map(|(task, _)| {
            let open: Vec<&str> = task.after.iter().filter(open).map(String::as_str).collect();
            let words = match open.is_empty() {
                true => "waits for a free place".to_owned(),
                false => format!("waits for {}", open.join(", ")),
            };
            (task.name.as_str(), words)
        })
        .collect()
}
