//! The queue: what waits, in which order, and what belongs together. Every step costs the logarithm of what waits.

use super::{OpenSet, RunningBuild, World, bump};
use crate::lock;
use crate::merge::{self, Class};
use crate::request::rank;
use model::build_set::BuildSetStatus;
use model::request::RequestStatus;
use model::{
    Build, BuildId, BuildSet, BuildSetId, BuildStatus, BuilderId, Request, RequestId, Results, StepId, StepSpec, Time,
    Waits,
};
use std::collections::{BTreeMap, BTreeSet};

/// The order of all queues: the rank, then the id.
pub(crate) type QueueKey = (Time, RequestId);

/// What waits for a builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// Waiting requests, the next first.
    pub(crate) order: BTreeSet<QueueKey>,
    /// Waiting requests that may merge, by what they have in common.
    pub(crate) classes: BTreeMap<Class, BTreeSet<RequestId>>,
    /// Open requests of which only the newest is wanted, running ones too. Empty unless the builder says so.
    pub(crate) lanes: BTreeMap<Class, BTreeSet<RequestId>>,
}

/// The sets that a running step waits for.
#[derive(Clone, Debug)]
pub(crate) struct Children {
    pub(crate) build: BuildId,
    pub(crate) sets: Vec<Child>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) set: BuildSetId,
    pub(crate) scheduler: String,
    pub(crate) waits: Waits,
    /// Its result, once it has one.
    pub(crate) results: Option<Results>,
}

impl World {
    pub(super) fn load_set(&mut self, set: BuildSet) {
        self.adopt_child(&set);
        if set.status == BuildSetStatus::Open {
            self.open_set(set, 0);
        }
    }

    fn open_set(&mut self, set: BuildSet, open: usize) {
        let waited_for = set.parent.is_some_and(|p| p.waits != Waits::Not);
        let (class, lane) = (merge::class(&set, waited_for), merge::lane(&set));
        self.sets.insert(set.id, OpenSet { set, open, worst: Results::Success, class, lane });
    }

    /// The step that filed a set waits for it.
    fn adopt_child(&mut self, set: &BuildSet) {
        let Some(parent) = set.parent.filter(|p| p.waits != Waits::Not) else { return };
        let (scheduler, results) = (set.scheduler.clone(), set.status.results());
        let child = Child { set: set.id, scheduler, waits: parent.waits, results };
        self.children_of(parent.step, parent.build).sets.push(child);
    }

    fn children_of(&mut self, step: StepId, build: BuildId) -> &mut Children {
        self.children.entry(step).or_insert_with(|| Children { build, sets: Vec::new() })
    }

    pub(super) fn load_request(&mut self, request: Request) {
        let Some(set) = self.sets.get_mut(&request.set) else { return };
        match request.status {
            RequestStatus::Complete { results, .. } => set.worst = set.worst.worst(results),
            RequestStatus::Waiting => {
                set.open += 1;
                self.requests.insert(request.id, request.clone());
                self.enqueue(&request);
            }
            RequestStatus::Claimed { .. } => {
                set.open += 1;
                self.requests.insert(request.id, request);
            }
        }
    }

    /// Requests that are claimed, by the build that was given them.
    pub(super) fn claims(&self) -> BTreeMap<BuildId, Vec<RequestId>> {
        let mut claims: BTreeMap<BuildId, Vec<RequestId>> = BTreeMap::new();
        for request in self.requests.values() {
            if let RequestStatus::Claimed { build, .. } = request.status {
                claims.entry(build).or_default().push(request.id);
            }
        }
        claims
    }

    /// Only what a running step waits for is of interest.
    pub(super) fn forget_children(&mut self) {
        let waits =
            |step: &StepId, build: BuildId| self.builds.get(&build)?.current().filter(|s| s.id == *step).map(|_| ());
        let mut children = std::mem::take(&mut self.children);
        children.retain(|step, c| waits(step, c.build).is_some());
        self.children = children;
    }

    /// After a start, running builds hold what their builders say now.
    pub(super) fn load_locks(&mut self) {
        for running in self.builds.values_mut() {
            let spec = self.builders.get(&running.build.builder).and_then(|b| b.spec.as_ref());
            running.locks = spec.map(|s| s.locks.clone()).unwrap_or_default();
        }
    }

    /// Which lanes there are follows from the configuration.
    pub(super) fn sort_lanes(&mut self) {
        self.crowded.clear();
        for state in self.builders.values_mut() {
            state.queue.lanes.clear();
        }
        if self.builders.values().any(|b| b.spec.as_ref().is_some_and(|s| s.cancel_superseded)) {
            let open: Vec<RequestId> = self.requests.keys().copied().collect();
            open.into_iter().for_each(|id| self.join_lane(id));
        }
    }

    fn join_lane(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let Some(lane) = self.sets.get(&request.set).and_then(|s| s.lane.clone()) else { return };
        let Some(state) = self.builders.get_mut(&request.builder) else { return };
        if state.spec.as_ref().is_some_and(|s| s.cancel_superseded) {
            let requests = state.queue.lanes.entry(lane.clone()).or_default();
            requests.insert(id);
            if requests.len() > 1 {
                self.crowded.insert((request.builder, lane));
            }
        }
    }

    fn leave_lane(&mut self, id: RequestId, builder: BuilderId, lane: Option<Class>) {
        let Some((lane, state)) = lane.zip(self.builders.get_mut(&builder)) else { return };
        if let Some(requests) = state.queue.lanes.get_mut(&lane) {
            requests.remove(&id);
            if requests.len() < 2 {
                self.crowded.remove(&(builder, lane.clone()));
            }
            if requests.is_empty() {
                state.queue.lanes.remove(&lane);
            }
        }
    }

    fn enqueue(&mut self, request: &Request) {
        let class = self.sets.get(&request.set).and_then(|s| s.class.clone());
        if let Some(state) = self.builders.get_mut(&request.builder) {
            self.queued.insert(request.builder);
            state.queue.order.insert((rank(request.priority, request.submitted_at), request.id));
            if let Some(class) = class {
                state.queue.classes.entry(class).or_default().insert(request.id);
            }
        }
    }

    fn dequeue(&mut self, id: RequestId) {
        let Some(key) = lock::key(self, id) else { return };
        let Some(request) = self.requests.get(&id) else { return };
        let Some(state) = self.builders.get_mut(&request.builder) else { return };
        state.queue.order.remove(&key);
        if state.queue.order.is_empty() {
            self.queued.remove(&request.builder);
        }
        let class = self.sets.get(&request.set).and_then(|s| s.class.as_ref());
        if let Some((class, ids)) = class.and_then(|c| Some((c, state.queue.classes.get_mut(c)?))) {
            ids.remove(&id);
            if ids.is_empty() {
                state.queue.classes.remove(class);
            }
        }
    }

    pub(super) fn file_set(&mut self, set: &BuildSet, requests: &[Request]) {
        bump(&mut self.next.set, set.id.0);
        for stamp in &set.stamps {
            bump(&mut self.next.stamp, stamp.id.0);
        }
        self.adopt_child(set);
        if set.status == BuildSetStatus::Open {
            self.open_set(set.clone(), requests.len());
        }
        for request in requests {
            bump(&mut self.next.request, request.id.0);
            self.requests.insert(request.id, request.clone());
            self.enqueue(request);
            self.join_lane(request.id);
        }
    }

    pub(super) fn lease(&mut self, build: &Build, also: &[RequestId], plan: &[StepSpec]) {
        bump(&mut self.next.build, build.id.0);
        for id in also.iter().chain([&build.request]) {
            self.dequeue(*id);
            if let Some(request) = self.requests.get_mut(id) {
                request.status = RequestStatus::Claimed { at: build.started_at, build: build.id };
            }
        }
        let mut locks = Vec::new();
        if let Some(state) = self.builders.get_mut(&build.builder) {
            state.builder.next_number = state.builder.next_number.max(build.number + 1);
            locks = state.spec.as_ref().map(|s| s.locks.clone()).unwrap_or_default();
        }
        if let Some(state) = self.workers.get_mut(&build.worker) {
            state.builds.insert(build.id);
        }
        let running = RunningBuild {
            build: build.clone(),
            plan: plan.to_vec(),
            steps: Vec::new(),
            logs: Vec::new(),
            stopping: None,
            also: also.to_vec(),
            locks,
        };
        debug_assert_eq!(build.status, BuildStatus::Running);
        self.builds.insert(build.id, running);
    }

    pub(super) fn release(&mut self, id: RequestId, retries: u32) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.status = RequestStatus::Waiting;
            request.retries = retries;
            let request = request.clone();
            self.enqueue(&request);
        }
    }

    pub(super) fn finish_request(&mut self, id: RequestId, results: Results) {
        self.dequeue(id);
        let Some(request) = self.requests.remove(&id) else { return };
        let lane = self.sets.get(&request.set).and_then(|s| s.lane.clone());
        self.leave_lane(id, request.builder, lane);
        if let RequestStatus::Claimed { build, .. } = request.status
            && let Some(running) = self.builds.get_mut(&build)
        {
            running.also.retain(|other| *other != id);
        }
        if let Some(set) = self.sets.get_mut(&request.set) {
            set.open -= 1;
            set.worst = set.worst.worst(results);
            if set.open == 0 {
                self.ended_sets.insert(request.set);
            }
        }
    }

    pub(super) fn finish_set(&mut self, set: BuildSetId, results: Results) {
        self.ended_sets.remove(&set);
        let parent = self.sets.remove(&set).and_then(|s| s.set.parent);
        let children = parent.and_then(|p| self.children.get_mut(&p.step));
        if let Some(child) = children.and_then(|c| c.sets.iter_mut().find(|c| c.set == set)) {
            child.results = Some(results);
        }
    }
}
