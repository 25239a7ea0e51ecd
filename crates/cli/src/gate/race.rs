//! Tasks beside each other, until all have passed or the first has failed.

use super::board::Board;
use super::tasks::SCHEDULER;
use crate::patience::wake;
use anyhow::Context;
use api::ForceParams;
use api::story::Story;
use client::Client;
use model::{Results, Span, StepAction, TaskSpec};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often to look where nothing is heard.
const SWEEP: Duration = Duration::from_millis(500);

/// How many failing tests of a task are named.
const MOST_NAMED: usize = 50;

/// What becomes of the others when a task fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtFailure {
    /// They are ended.
    StopAll,
    /// They go on; nothing lands all the same.
    GoOn,
}

/// Why everything is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing asks for it.
    No,
    /// What is tested has no future.
    Because(String),
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

/// What is run, and how.
pub(super) struct Race<'r> {
    pub(super) client: &'r Client,
    pub(super) tasks: &'r [TaskSpec],
    /// The commit, as it is checked out.
    pub(super) revision: String,
    pub(super) reason: String,
    pub(super) at_failure: AtFailure,
    /// Tasks whose verdict stands from an earlier run, by name.
    pub(super) settled: BTreeMap<String, Verdict>,
}

enum Lane {
    Waiting,
    Running { request: i64, set: i64, since: Instant, ending: Option<String> },
    Done(Box<Verdict>),
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
            let settled = self.settled.remove(&task.name);
            lanes.push(settled.map_or(Lane::Waiting, |verdict| Lane::Done(Box::new(verdict))));
        }
        let mut listeners = [self.client.listen("builds/*/*"), self.client.listen("builds/*/steps/*/*")];
        loop {
            let why = stop.borrow_and_update().clone();
            self.step(&mut lanes, &why, board).await?;
            if lanes.iter().all(|lane| matches!(lane, Lane::Done(_))) {
                break;
            }
            tokio::select! {
                woken = wake(&mut listeners, SWEEP.min(board.every())) => woken?,
                // Whoever could stop it is gone: nothing will.
                changed = stop.changed() => if changed.is_err() { std::future::pending::<()>().await },
            }
        }
        Ok(lanes
            .into_iter()
            .filter_map(|lane| if let Lane::Done(verdict) = lane { Some(*verdict) } else { None })
            .collect())
    }

    /// One look at everything.
    async fn step(&self, lanes: &mut [Lane], stop: &Stop, board: &mut Board) -> anyhow::Result<()> {
        let mut running = Vec::new();
        for (lane, task) in lanes.iter_mut().zip(self.tasks) {
            let Lane::Running { request, ending, since, .. } = lane else { continue };
            let (story, verdict) = self.look(task, *request, ending.as_deref()).await?;
            match verdict {
                Some(verdict) => {
                    board.ended(&verdict)?;
                    *lane = Lane::Done(Box::new(verdict));
                }
                None => {
                    let late = task.max_time.filter(|most| since.elapsed() > most.to_std());
                    running.push((task, story, late));
                }
            }
        }
        let failed = lanes.iter().find_map(|lane| match lane {
            Lane::Done(v) if matches!(v.role, Role::Culprit | Role::Trouble) => Some(v.task.clone()),
            _ => None,
        });
        let end_all = match (stop, &failed, self.at_failure) {
            (Stop::Because(why), _, _) => Some(why.clone()),
            (Stop::No, Some(task), AtFailure::StopAll) => Some(format!("{task} failed")),
            _ => None,
        };
        for (lane, task) in lanes.iter_mut().zip(self.tasks) {
            let late = running.iter().find(|(t, _, late)| t.name == task.name && late.is_some());
            let why = late.map(|_| super::words::took_too_long(task)).or_else(|| end_all.clone());
            if let (Lane::Running { set, ending, .. }, Some(why)) = (&mut *lane, why)
                && ending.is_none()
            {
                match self.client.cancel_set(*set, &why).await {
                    Ok(()) => *ending = Some(why),
                    Err(e) if e.is_connection() => return Err(e.into()),
                    // It has just ended by itself: the next look says how.
                    Err(e) => tracing::info!("{} is not ended: {e}", task.name),
                }
            }
        }
        self.begin(lanes, end_all.as_deref(), board).await?;
        board.show(
            &running.iter().map(|(task, story, _)| (*task, story.as_ref())).collect::<Vec<_>>(),
            &waits(lanes, self.tasks),
        )
    }

    /// Starts what may start, and settles what never will.
    async fn begin(&self, lanes: &mut [Lane], end_all: Option<&str>, board: &mut Board) -> anyhow::Result<()> {
        for index in 0..lanes.len() {
            if !matches!(lanes[index], Lane::Waiting) {
                continue;
            }
            let task = &self.tasks[index];
            let mut ready = true;
            let mut never = end_all.map(str::to_owned);
            for name in &task.after {
                let before = self.tasks.iter().zip(&*lanes).find(|(t, _)| t.name == *name).map(|(_, lane)| lane);
                match before {
                    Some(Lane::Done(v)) if v.role == Role::Passed => {}
                    Some(Lane::Done(_)) => never = never.or_else(|| Some(format!("{name} did not pass"))),
                    _ => ready = false,
                }
            }
            if let Some(why) = never {
                let verdict = Verdict {
                    task: task.name.clone(),
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
                };
                board.ended(&verdict)?;
                lanes[index] = Lane::Done(Box::new(verdict));
            } else if ready {
                lanes[index] = self.start(task).await?;
            }
        }
        Ok(())
    }

    async fn start(&self, task: &TaskSpec) -> anyhow::Result<Lane> {
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
        Ok(Lane::Running { request, set: forced.0, since: Instant::now(), ending: None })
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

/// Who waits, and for whom.
fn waits<'t>(lanes: &[Lane], tasks: &'t [TaskSpec]) -> Vec<(&'t str, String)> {
    let done = |name: &String| {
        tasks
            .iter()
            .zip(lanes)
            .any(|(t, lane)| t.name == *name && matches!(lane, Lane::Done(v) if v.role == Role::Passed))
    };
    let waiting = tasks.iter().zip(lanes).filter(|(_, lane)| matches!(lane, Lane::Waiting));
    waiting
        .map(|(task, _)| {
            let open: Vec<&str> = task.after.iter().filter(|n| !done(n)).map(String::as_str).collect();
            (task.name.as_str(), format!("waits for {}", open.join(", ")))
        })
        .collect()
}
