//! Changes, sets and requests: each in once, each out once.

use super::{Record, RequestSeen, SetSeen, State, badness};
use crate::violation::{Checked, broken, must};
use model::{BuildSet, BuildSetId, Change, Request, RequestId, RequestStatus, Results, Time};
use std::collections::BTreeSet;

/// How often builds of one request may be lost.
const MOST_RETRIES: u32 = 3;

impl Record {
    pub(super) fn change(&mut self, change: &Change) -> Checked {
        let same = self.changes.values().find(|c| {
            c.facts.revision.is_some()
                && c.facts.revision == change.facts.revision
                && c.facts.branch == change.facts.branch
        });
        must("change-once", same.is_none(), || format!("change {} is there already", change.id))?;
        let next = self.changes.keys().last().map_or(1, |id| id.0 + 1);
        must("change-ids-rise", change.id.0 >= next, || format!("change {} comes after {next}", change.id))?;
        for watch in self.schedulers.values_mut() {
            watch.hear(change, self.even);
        }
        self.counts.changes += 1;
        self.changes.insert(change.id, change.clone());
        Ok(())
    }

    pub(super) fn set_filed(&mut self, set: &BuildSet, requests: &[Request], now: Time) -> Checked {
        let id = set.id;
        let names: BTreeSet<RequestId> = requests.iter().map(|r| r.id).collect();
        let listed: BTreeSet<RequestId> = set.requests.iter().copied().collect();
        must("set-whole", names == listed && names.len() == requests.len(), || {
            format!("set {id} names other requests")
        })?;
        must("new-set", !self.sets.contains_key(&id), || format!("set {id} was there before"))?;
        for request in requests {
            must("new-request", !self.requests.contains_key(&request.id), || format!("request {} again", request.id))?;
            must("request-waits", request.status == RequestStatus::Waiting, || format!("request {}", request.id))?;
            self.waiting.entry(request.builder).or_default().insert(request.id);
            let seen = RequestSeen { request: request.clone(), state: State::Waiting, cancelled: false, retries: 0 };
            self.requests.insert(request.id, seen);
        }
        let by = self.schedulers.values_mut().find(|w| w.name == set.scheduler);
        if let Some(watch) = by.filter(|_| set.rebuilt.is_none() && set.parent.is_none()) {
            watch.filed(set, (now, self.even), self.batch)?;
        }
        self.counts.sets += 1;
        self.sets.insert(id, SetSeen { set: set.clone(), results: None });
        self.open_sets.insert(id);
        self.filed_now.push(id);
        Ok(())
    }

    pub(super) fn released(&mut self, id: RequestId, retries: u32) -> Checked {
        let Some(state) = self.requests.get(&id).map(|r| r.state) else {
            return broken("release-of-a-known-request", format!("request {id}"));
        };
        let State::Claimed(build) = state else {
            return broken("release-of-a-claimed-request", format!("request {id} is {state:?}"));
        };
        let ended = self.answered(build, state);
        must("release-after-its-build", ended.is_some(), || format!("request {id} goes back, its build {build} runs"))?;
        let Some(seen) = self.requests.get_mut(&id) else { return Ok(()) };
        let lost = ended == Some(Results::Retry);
        must("retries-counted", retries >= seen.retries && retries <= MOST_RETRIES, || {
            format!("request {id} was lost {} times, and now {retries}", seen.retries)
        })?;
        // Requests that came along with one that was cancelled go back as well, and lose nothing by it.
        must("released-when-lost", lost || ended == Some(Results::Cancelled), || format!("request {id}: {ended:?}"))?;
        seen.retries = retries;
        seen.state = State::Waiting;
        self.claimed.remove(&id);
        self.waiting.entry(seen.request.builder).or_default().insert(id);
        Ok(())
    }

    pub(super) fn request_finished(&mut self, id: RequestId, results: Results) -> Checked {
        let Some(seen) = self.requests.get(&id) else {
            return broken("end-of-a-known-request", format!("request {id}"));
        };
        must("one-result-per-request", !matches!(seen.state, State::Done(_)), || {
            format!("request {id} is {:?} and ends as {results}", seen.state)
        })?;
        let configured = self.builders.get(&seen.request.builder).is_some_and(|b| b.spec.is_some());
        let right = match seen.state {
            State::Waiting => results == Results::Cancelled && (seen.cancelled || !configured),
            State::Claimed(build) => match self.answered(build, seen.state) {
                Some(Results::Retry) => results == Results::Exception && seen.retries >= MOST_RETRIES,
                Some(ended) => results == ended,
                None => results == Results::Cancelled && seen.cancelled,
            },
            State::Done(_) => false,
        };
        must("request-result", right, || {
            format!("request {id} ends as {results} ({:?}, cancel asked {})", seen.state, seen.cancelled)
        })?;
        if let Some(seen) = self.requests.get_mut(&id) {
            self.waiting.entry(seen.request.builder).or_default().remove(&id);
            seen.state = State::Done(results);
            self.claimed.remove(&id);
        }
        self.counts.requests += 1;
        Ok(())
    }

    pub(super) fn set_finished(&mut self, id: BuildSetId, results: Results) -> Checked {
        let Some(seen) = self.sets.get(&id) else { return broken("end-of-a-known-set", format!("set {id}")) };
        must("one-result-per-set", seen.results.is_none(), || format!("set {id} ends as {results} once more"))?;
        let mut worst = Results::Success;
        for request in &seen.set.requests {
            match self.requests.get(request).map(|r| r.state) {
                Some(State::Done(ended)) if badness(ended) > badness(worst) => worst = ended,
                Some(State::Done(_)) => {}
                other => return broken("set-ends-last", format!("set {id} ends, its request {request} is {other:?}")),
            }
        }
        must("set-result", worst == results, || {
            format!("set {id} is {results}, the worst of its requests is {worst}")
        })?;
        if let Some(seen) = self.sets.get_mut(&id) {
            seen.results = Some(results);
        }
        self.open_sets.remove(&id);
        self.ended_now.push(id);
        Ok(())
    }
}
