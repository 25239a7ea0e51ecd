//! The record: what somebody outside would write down of every durable transition, and what must hold for each.
//!
//! It shares nothing with the engine's world. Where the engine derives, the record counts; each rule is written here a
//! second time, slowly, from what the manual promises. A transition that breaks one is a [`Violation`].

mod build;
mod clock;
mod lease;
mod lock;
mod request;
mod scheduler;
mod settled;
mod why;

pub use why::is_true as why_is_true;

use crate::violation::{Checked, Violation, broken, must};
use model::{
    Build, BuildId, BuildSet, BuildSetId, BuilderId, BuilderSpec, Change, ChangeId, Config, LockUse, LogId, Request,
    RequestId, Results, SchedulerId, StepId, StepSpec, Time, Transition, WorkerId, WorkerSpec,
};
use scheduler::Watch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One thing that a turn did, in order.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are transitions")]
#[derive(Clone, Debug)]
pub enum Entry {
    /// A transition.
    Took(Transition),
    /// A configuration came into force.
    Configured(Arc<Config>),
}

/// Everything that was ever durable.
#[derive(Debug, Default)]
pub struct Record {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// What was counted on the way.
    pub counts: Counts,
    pub(crate) builders: BTreeMap<BuilderId, BuilderSeen>,
    pub(crate) workers: BTreeMap<WorkerId, WorkerSeen>,
    pub(crate) schedulers: BTreeMap<SchedulerId, Watch>,
    pub(crate) changes: BTreeMap<ChangeId, Change>,
    pub(crate) sets: BTreeMap<BuildSetId, SetSeen>,
    pub(crate) requests: BTreeMap<RequestId, RequestSeen>,
    pub(crate) builds: BTreeMap<BuildId, BuildSeen>,
    pub(crate) running: BTreeSet<BuildId>,
    pub(crate) waiting: BTreeMap<BuilderId, BTreeSet<RequestId>>,
    pub(crate) claimed: BTreeSet<RequestId>,
    pub(crate) open_sets: BTreeSet<BuildSetId>,
    pub(crate) steps: BTreeMap<StepId, BuildId>,
    /// Logs with their steps, and how long they are if they are whole.
    pub(crate) logs: BTreeMap<LogId, (StepId, Option<u64>)>,
    /// Sets that ended in the batch that is being taken in, and sets that were filed in it.
    pub(crate) ended_now: Vec<BuildSetId>,
    pub(crate) filed_now: Vec<BuildSetId>,
    pub(crate) batch: u64,
    /// The time by a clock that nobody sets.
    pub(crate) even: Time,
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes that were accepted.
    pub changes: u64,
    /// Sets that were filed.
    pub sets: u64,
    /// Requests that got their result.
    pub requests: u64,
    /// Builds that were begun.
    pub builds: u64,
    /// Builds that ended as RETRY.
    pub retries: u64,
    /// Requests that came along with another.
    pub merged: u64,
    /// Steps that were begun.
    pub steps: u64,
    /// Steps that began while they or their build held a lock.
    pub locked: u64,
    /// Answers that were refused.
    pub refused: u64,
    /// Logs that were begun.
    pub logs: u64,
    /// Bytes in logs that are whole.
    pub bytes: u64,
    /// Reasons of waiting requests that were looked into.
    pub whys: u64,
}

#[derive(Debug)]
pub(crate) struct BuilderSeen {
    pub(crate) name: String,
    pub(crate) spec: Option<BuilderSpec>,
    pub(crate) last_number: i64,
}

#[derive(Debug)]
pub(crate) struct WorkerSeen {
    pub(crate) name: String,
    pub(crate) spec: Option<WorkerSpec>,
    pub(crate) connected: bool,
    /// It may still speak for its builds.
    pub(crate) leaving: bool,
    pub(crate) paused: bool,
}

#[derive(Debug)]
pub(crate) struct SetSeen {
    pub(crate) set: BuildSet,
    pub(crate) results: Option<Results>,
}

#[derive(Debug)]
pub(crate) struct RequestSeen {
    pub(crate) request: Request,
    pub(crate) state: State,
    pub(crate) cancelled: bool,
    pub(crate) retries: u32,
}

/// Whether a step that begins takes its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Locks,
    Nothing,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Claimed(BuildId),
    Done(Results),
}

#[derive(Debug)]
pub(crate) struct BuildSeen {
    pub(crate) build: Build,
    pub(crate) plan: Vec<StepSpec>,
    pub(crate) locks: Vec<LockUse>,
    pub(crate) steps: Vec<StepSeen>,
    pub(crate) stopping: bool,
    pub(crate) until: Option<Time>,
    /// When that is by a clock that nobody sets.
    pub(crate) lost_at: Option<Time>,
    pub(crate) results: Option<Results>,
}

#[derive(Debug)]
pub(crate) struct StepSeen {
    pub(crate) id: StepId,
    pub(crate) number: usize,
    pub(crate) results: Option<Results>,
}

impl BuildSeen {
    /// The step that runs, if one does.
    pub(crate) fn current(&self) -> Option<&StepSeen> {
        self.steps.last().filter(|s| s.results.is_none())
    }
}

impl Record {
    /// Takes a whole batch in.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn take(&mut self, batch: &[Entry], now: Time, even: Time) -> Checked {
        self.even = even;
        self.batch += 1;
        self.ended_now.clear();
        self.filed_now.clear();
        for (n, entry) in batch.iter().enumerate() {
            match entry {
                Entry::Took(Transition::StepStarted { step, epoch, logs }) => {
                    // A step that is skipped, or whose condition fails, begins and ends in one breath and takes no lock.
                    let over = matches!(batch.get(n + 1),
                        Some(Entry::Took(Transition::StepFinished { step: ended, .. })) if *ended == step.id);
                    self.step_started(step, *epoch, if over { Holds::Nothing } else { Holds::Locks })?;
                    self.logs.extend(logs.iter().map(|log| (log.id, (step.id, None))));
                    self.counts.logs += logs.len() as u64;
                }
                Entry::Took(transition) => self.transition(transition, now)?,
                Entry::Configured(config) => self.configure(config, now)?,
            }
        }
        self.followed()?;
        for (id, worker) in &mut self.workers {
            // Whose builds are given up in time is gone.
            let dated = |b: &BuildSeen| b.until.is_some();
            let builds = self.running.iter().filter_map(|b| self.builds.get(b)).filter(|b| b.build.worker == *id);
            worker.leaving &= !builds.into_iter().any(dated);
        }
        Ok(())
    }

    fn configure(&mut self, config: &Arc<Config>, now: Time) -> Checked {
        for builder in self.builders.values_mut() {
            builder.spec = config.builders.iter().find(|b| b.name == builder.name).cloned();
        }
        for worker in self.workers.values_mut() {
            worker.spec = config.workers.iter().find(|w| w.name == worker.name).cloned();
        }
        for watch in self.schedulers.values_mut() {
            watch.configure(config.schedulers.iter().find(|s| s.name == watch.name), (now, self.even));
        }
        self.config = Arc::clone(config);
        let named = config.builders.iter().all(|b| self.builders.values().any(|seen| seen.name == b.name))
            && config.workers.iter().all(|w| self.workers.values().any(|seen| seen.name == w.name))
            && config.schedulers.iter().all(|s| self.schedulers.values().any(|seen| seen.name == s.name));
        must("all-made-known", named, || "the store has not heard of all that is configured".to_owned())
    }

    fn transition(&mut self, transition: &Transition, now: Time) -> Checked {
        match transition {
            Transition::BuilderKnown(builder) => {
                let new = || BuilderSeen { name: builder.name.clone(), spec: None, last_number: 0 };
                self.builders.entry(builder.id).or_insert_with(new);
            }
            Transition::WorkerKnown(worker) => {
                let new = || WorkerSeen {
                    name: worker.name.clone(),
                    spec: None,
                    connected: worker.connected,
                    leaving: false,
                    paused: false,
                };
                self.workers.entry(worker.id).or_insert_with(new);
            }
            Transition::SchedulerKnown(scheduler) => {
                let new = || Watch::new(&scheduler.name);
                self.schedulers.entry(scheduler.id).or_insert_with(new).remember(&scheduler.state);
            }
            Transition::SchedulerRemembers { scheduler, state } => {
                if let Some(watch) = self.schedulers.get_mut(scheduler) {
                    watch.remember(state);
                }
            }
            Transition::ChangeAdded(change) => self.change(change)?,
            Transition::SetFiled { set, requests } => self.set_filed(set, requests, now)?,
            Transition::BuildLeased { build, also, plan, .. } => self.leased(build, also, plan)?,
            Transition::LeaseDated { build, epoch, until } => {
                let even = self.even;
                let seen = self.running_at(*build, *epoch, "lease-of-a-running-build")?;
                seen.until = *until;
                seen.lost_at = until.map(|until| even + until.since(now));
            }
            Transition::ClockSet { by } => self.clock_set(*by, now),
            Transition::StopAsked { build, .. } => match self.builds.get_mut(build) {
                Some(seen) if seen.results.is_none() => seen.stopping = true,
                _ => return broken("stop-of-a-running-build", format!("build {build} does not run")),
            },
            Transition::WorkerConnected { worker, .. } => {
                let seen = self.worker(*worker)?;
                (seen.connected, seen.leaving) = (true, false);
            }
            Transition::WorkerDisconnected { worker, .. } => {
                // One that is about to stop takes nothing new, and speaks for what it has as long as its line lives.
                let seen = self.worker(*worker)?;
                seen.leaving = seen.connected && !seen.leaving;
                seen.connected = false;
            }
            Transition::WorkerPaused { worker, reason } => self.worker(*worker)?.paused = reason.is_some(),
            Transition::RequestReleased { request, retries } => self.released(*request, *retries)?,
            Transition::CancelAsked { request, .. } => match self.requests.get_mut(request) {
                Some(seen) if !matches!(seen.state, State::Done(_)) => seen.cancelled = true,
                _ => return broken("cancel-of-an-open-request", format!("request {request} is not open")),
            },
            Transition::RequestFinished { request, results, .. } => self.request_finished(*request, *results)?,
            Transition::SetFinished { set, results, .. } => self.set_finished(*set, *results)?,
            Transition::Refused { .. } => self.counts.refused += 1,
            Transition::LogSealed { log, bytes, .. } => self.log_sealed(*log, *bytes)?,
            Transition::StepFinished { step, results, .. } => self.step_finished(*step, *results)?,
            Transition::BuildPlanned { build, epoch, plan } => {
                self.running_at(*build, *epoch, "plan-of-a-running-build")?.plan.clone_from(plan);
            }
            Transition::BuildFinished { build, epoch, results, .. } => {
                self.build_finished(*build, *epoch, *results, now)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn log_sealed(&mut self, log: LogId, bytes: u64) -> Checked {
        match self.logs.get_mut(&log) {
            Some((_, length @ None)) => *length = Some(bytes),
            Some((_, Some(_))) => return broken("log-closed-once", format!("log {log} is whole once more")),
            None => return broken("log-of-a-step", format!("log {log} was never opened")),
        }
        self.counts.bytes += bytes;
        Ok(())
    }

    fn worker(&mut self, id: WorkerId) -> Result<&mut WorkerSeen, Violation> {
        match self.workers.get_mut(&id) {
            Some(seen) => Ok(seen),
            None => Err(Violation::new("worker-known", format!("worker {id} was never made known"))),
        }
    }

    pub(crate) fn running_at(
        &mut self,
        id: BuildId,
        epoch: i64,
        rule: &'static str,
    ) -> Result<&mut BuildSeen, Violation> {
        match self.builds.get_mut(&id) {
            Some(seen) if seen.results.is_none() && seen.build.lease.epoch == epoch => Ok(seen),
            Some(seen) => {
                let Build { lease, .. } = &seen.build;
                let text = format!("build {id} is {:?} at epoch {}, not running at {epoch}", seen.results, lease.epoch);
                Err(Violation::new(rule, text))
            }
            None => Err(Violation::new(rule, format!("build {id} was never begun"))),
        }
    }

    /// Builds that run on a worker.
    pub(crate) fn builds_on(&self, worker: WorkerId) -> impl Iterator<Item = &BuildSeen> {
        self.running.iter().filter_map(|id| self.builds.get(id)).filter(move |b| b.build.worker == worker)
    }

    /// Whether an answer for a step is one that somebody waits for.
    pub fn is_awaited(&self, build: BuildId, epoch: i64, step: StepId) -> bool {
        let running = self.builds.get(&build).filter(|b| b.results.is_none() && b.build.lease.epoch == epoch);
        running.and_then(BuildSeen::current).is_some_and(|s| s.id == step)
    }

    /// Requests without a result.
    pub fn open_requests(&self) -> Vec<RequestId> {
        let open = self.requests.iter().filter(|(_, r)| !matches!(r.state, State::Done(_)));
        open.map(|(id, _)| *id).collect()
    }

    /// Sets without a result.
    pub fn open_sets(&self) -> Vec<BuildSetId> {
        self.open_sets.iter().copied().collect()
    }

    /// Builds without a result, by id.
    pub fn running(&self) -> impl Iterator<Item = BuildId> + '_ {
        self.running.iter().copied()
    }

    /// Builds that have ended, with their sets, newest last.
    pub fn ended_builds(&self) -> Vec<(&Build, &BuildSet)> {
        let ended = self.builds.values().filter(|b| b.results.is_some());
        let with_set = |b: &BuildSeen| self.requests.get(&b.build.request).map(|r| r.request.set);
        ended.filter_map(|b| Some((&b.build, &self.sets.get(&with_set(b)?)?.set))).collect()
    }

    /// A build that waits for others, when nothing else goes on any more: for what it has triggered, or for a lock that
    /// a build in the same knot holds. One that is stopped already, and waits for a lock of a step that always runs, comes
    /// last: it has to be stopped once more.
    ///
    /// # Errors
    /// A build waits for locks that are all free.
    pub fn a_build_in_a_knot(&self) -> Result<Option<BuildId>, Violation> {
        let mut found = None;
        let running = || self.running.iter().filter_map(|id| self.builds.get(id));
        for build in running().filter(|b| !b.stopping).chain(running().filter(|b| b.stopping)) {
            let step = build.current().map(|s| s.number);
            let spec = step.or_else(|| build.comes_next()).and_then(|n| build.plan.get(n));
            let Some(spec) = spec else { continue };
            let id = build.build.id;
            if step.is_some() {
                if matches!(spec.action, model::StepAction::Trigger(_)) {
                    found = found.or(Some(id));
                }
            } else if self.step_may_lock(id, build.comes_next().unwrap_or_default()).is_ok() {
                return Err(Violation::new(
                    "no-reserved-knot",
                    format!("build {id} could have its locks and waits for ever"),
                ));
            } else {
                found = found.or(Some(id));
            }
        }
        Ok(found)
    }
}

/// How bad a result is. A set starts from success.
pub(crate) fn badness(results: Results) -> u8 {
    let order = [
        Results::Skipped,
        Results::Success,
        Results::Warnings,
        Results::Failure,
        Results::Exception,
        Results::Retry,
        Results::Cancelled,
    ];
    order.iter().position(|r| *r == results).map_or(0, |n| n as u8)
}
