//! Reasons: whether what is told of a waiting request is true.

use super::{Record, RequestSeen, State, WorkerSeen};
use crate::violation::{Checked, broken, must};
use model::{BuilderSpec, LockOwner, LockScope, LockWait, RequestId, Why, WorkerId};
use std::collections::BTreeSet;

/// Whether the reason why a request waits is true, and nothing is left out that would let it begin.
///
/// # Errors
/// What is not true of it.
pub fn is_true(record: &Record, id: RequestId, why: Option<&Why>) -> Checked {
    let Some(RequestSeen { request, state: State::Waiting, .. }) = record.requests.get(&id) else {
        return must("reason-of-a-waiting-request", why.is_none(), || format!("request {id} does not wait: {why:?}"));
    };
    let Some(why) = why else { return broken("every-reason", format!("request {id} waits, nobody knows why")) };
    let Some(spec) = record.builders.get(&request.builder).and_then(|b| b.spec.as_ref()) else {
        return broken("withdrawn", format!("request {id} waits for a builder that is gone"));
    };
    let look = Look { record, spec, id };
    look.reason(why)
}

struct Look<'r> {
    record: &'r Record,
    spec: &'r BuilderSpec,
    id: RequestId,
}

impl Look<'_> {
    fn reason(&self, why: &Why) -> Checked {
        let able: Vec<_> = self.workers().filter(|(_, w)| w.connected && !w.paused && w.spec.is_some()).collect();
        let free: Vec<_> = able.iter().filter(|(id, w)| self.has_room(*id, w)).map(|(id, _)| *id).collect();
        let none_able = able.is_empty();
        let connected = self.workers().filter(|(_, w)| w.connected);
        match why {
            Why::Next => {
                let BuilderSpec { name, workers, locks, next_request, next_worker, can_start, .. } = self.spec;
                let functions: Vec<_> =
                    [next_request, next_worker, can_start].into_iter().flatten().map(|f| &f.name).collect();
                let what = format!("free are {free:?} of {workers:?}; locks {locks:?}, functions {functions:?}");
                broken("somebody-idles", format!("request {} of {name} could begin and does not: {what}", self.id))
            }
            Why::BuilderGone => broken("true-reason", format!("request {}: its builder is there", self.id)),
            Why::WorkersAway { workers } => {
                self.says("away", connected.count() == 0 && self.names(workers, self.workers().collect()), why)
            }
            Why::WorkersPaused { workers } => {
                let connected: Vec<_> = connected.collect();
                self.says("paused", none_able && !connected.is_empty() && self.names(workers, connected), why)
            }
            Why::WorkersBusy { workers, builds, .. } => {
                let on: BTreeSet<_> =
                    able.iter().flat_map(|(w, _)| self.record.builds_on(*w)).map(|b| b.build.id).collect();
                let told: BTreeSet<_> = builds.iter().copied().collect();
                self.says("busy", !none_able && free.is_empty() && on == told && self.names(workers, able), why)
            }
            Why::Locks { waits } => {
                self.says("a worker is free", !free.is_empty(), why)?;
                self.says("it cannot have them", !waits.is_empty() && waits.iter().all(|w| self.is_locked(w)), why)
            }
            Why::Declined { by } => {
                let function = match by.as_str() {
                    "can_start" => &self.spec.can_start,
                    "next_worker" => &self.spec.next_worker,
                    "next_request" => &self.spec.next_request,
                    _ => &None,
                };
                self.says("a function declines", !free.is_empty() && function.is_some(), why)
            }
            Why::FunctionFailed { then, .. } => self.reason(then),
        }
    }

    fn says(&self, what: &str, holds: bool, why: &Why) -> Checked {
        must("true-reason", holds, || {
            let workers: Vec<_> =
                self.workers().map(|(_, w)| (&w.name, w.connected, w.paused, w.spec.is_some())).collect();
            format!("request {}: not so that {what}: {why:?}; {workers:?}", self.id)
        })
    }

    fn workers(&self) -> impl Iterator<Item = (WorkerId, &WorkerSeen)> {
        let all = self.record.workers.iter().map(|(id, w)| (*id, w));
        all.filter(|(_, w)| self.spec.workers.contains(&w.name))
    }

    fn names(&self, told: &[String], workers: Vec<(WorkerId, &WorkerSeen)>) -> bool {
        let told: BTreeSet<&str> = told.iter().map(String::as_str).collect();
        told == workers.iter().map(|(_, w)| w.name.as_str()).collect()
    }

    fn has_room(&self, id: WorkerId, worker: &WorkerSeen) -> bool {
        let room = worker.spec.as_ref().map_or(0, |s| s.max_builds as usize);
        self.record.builds_on(id).count() < room
    }

    /// The lock is one that the builder needs, those who are said to hold it do, those who are said to wait do.
    fn is_locked(&self, wait: &LockWait) -> bool {
        let spec = self.record.config.locks.iter().find(|l| l.name == wait.lock);
        let Some((lock, wish)) = spec.zip(self.spec.locks.iter().find(|u| u.lock == wait.lock)) else { return false };
        let on = wait.worker.as_ref().and_then(|name| self.record.workers.iter().find(|(_, w)| w.name == *name));
        let worker = on.map(|(id, _)| *id);
        if (lock.scope == LockScope::Worker) != worker.is_some() {
            return false;
        }
        let worker = worker.unwrap_or(WorkerId(0));
        let holding: BTreeSet<_> = self.record.holders(lock, worker, None).into_iter().map(|(b, _)| b).collect();
        let told: BTreeSet<_> = wait.holders.iter().filter_map(build_of).collect();
        let waits = |owner: &LockOwner| match owner {
            LockOwner::Build { build, .. } => self.record.running.contains(build),
            LockOwner::Request { request, .. } => {
                self.record.requests.get(request).is_some_and(|r| r.state == State::Waiting)
            }
        };
        let taken = !self.record.has_room(wish, worker, None) || !wait.ahead.is_empty();
        told == holding && taken && wait.ahead.iter().all(waits)
    }
}

fn build_of(owner: &LockOwner) -> Option<model::BuildId> {
    match owner {
        LockOwner::Build { build, .. } => Some(*build),
        LockOwner::Request { .. } => None,
    }
}
