//! Leases: a request goes to a worker that may have it, in its turn, with those that belong together.

use super::{BuildSeen, BuilderSeen, Record, RequestSeen, SetSeen, State};
use crate::violation::{Checked, Violation, broken, must};
use model::{
    Build, BuildSet, BuilderId, BuilderSpec, Collapse, Request, RequestId, SourceStamp, StepSpec, Time, Value, Waits,
};
use std::collections::BTreeMap;

/// What a point of priority is worth: ten minutes of waiting.
const POINT: i64 = 600_000_000;

/// Properties that say who asked and why, not what is built.
const WHO: [&str; 5] = ["scheduler", "owner", "owners", "reason", "virtual_builder_name"];

/// Where a request stands in line: the moment of its submission, moved by its priority; then its id.
fn place(request: &Request) -> (Time, RequestId) {
    (Time(request.submitted_at.0 - request.priority * POINT), request.id)
}

/// Nobody but the stated rule decides which of the builder's requests goes first, and where.
fn is_plain(spec: &BuilderSpec) -> bool {
    spec.next_request.is_none() && spec.next_worker.is_none() && spec.can_start.is_none()
}

impl Record {
    pub(super) fn leased(&mut self, build: &Build, also: &[RequestId], plan: &[StepSpec]) -> Checked {
        let id = build.id;
        must("new-build", !self.builds.contains_key(&id), || format!("build {id} was there before"))?;
        must("first-epoch", build.lease.epoch == 1 && build.lease.until.is_none(), || format!("{:?}", build.lease))?;
        let group: Vec<RequestId> = std::iter::once(build.request).chain(also.iter().copied()).collect();
        for request in &group {
            let state = self.requests.get(request).map(|r| (r.state, r.request.builder));
            must("claimed-once", state == Some((State::Waiting, build.builder)), || {
                format!("build {id} is given request {request}, which is {state:?}")
            })?;
        }
        let spec = self.worker_allowed(build)?.clone();
        let what =
            |steps: &[StepSpec]| steps.iter().map(|s| (s.name.clone(), s.flags, s.locks.clone())).collect::<Vec<_>>();
        must("plan-as-configured", what(plan) == what(&spec.steps), || format!("build {id} is to do {plan:?}"))?;
        self.in_turn(build, &group, &spec)?;
        self.merged(build.builder, build.request, also, &spec)?;
        self.build_may_lock(&spec.locks, build.worker, id)?;
        let Some(builder) = self.builders.get_mut(&build.builder) else { return Ok(()) };
        must("numbers-in-order", build.number == builder.last_number + 1, || {
            format!("build {id} of {} is number {} after {}", builder.name, build.number, builder.last_number)
        })?;
        builder.last_number = build.number;
        for request in &group {
            self.waiting.entry(build.builder).or_default().remove(request);
            if let Some(seen) = self.requests.get_mut(request) {
                seen.state = State::Claimed(id);
                self.claimed.insert(*request);
            }
        }
        self.counts.builds += 1;
        self.counts.merged += also.len() as u64;
        self.running.insert(id);
        let seen = BuildSeen {
            build: build.clone(),
            plan: plan.to_vec(),
            locks: spec.locks,
            steps: Vec::new(),
            stopping: false,
            until: None,
            lost_at: None,
            results: None,
        };
        self.builds.insert(id, seen);
        Ok(())
    }

    /// The worker is one of the builder's, is there, takes builds and has room.
    fn worker_allowed(&self, build: &Build) -> Result<&BuilderSpec, Violation> {
        let wrong = |rule, what: String| Err(Violation::new(rule, what));
        let Some(BuilderSeen { spec: Some(spec), name, .. }) = self.builders.get(&build.builder) else {
            return wrong("builder-configured", format!("build {} of builder {}", build.id, build.builder));
        };
        let Some(worker) = self.workers.get(&build.worker) else {
            return wrong("worker-known", format!("build {} on worker {}", build.id, build.worker));
        };
        let able = worker.connected && !worker.paused && worker.spec.is_some() && spec.workers.contains(&worker.name);
        if !able {
            return wrong("worker-allowed", format!("build {} of {name} on {worker:?}", build.id));
        }
        let room = worker.spec.as_ref().map_or(0, |s| s.max_builds as usize);
        let running = self.builds_on(build.worker).count();
        match running < room {
            true => Ok(spec),
            false => wrong("max-builds", format!("{} has {running} builds of {room} and gets one more", worker.name)),
        }
    }

    /// Nobody who stands before it in line could have had this place.
    fn in_turn(&self, build: &Build, group: &[RequestId], spec: &BuilderSpec) -> Checked {
        let places = group.iter().filter_map(|id| self.requests.get(id)).map(|r| place(&r.request));
        let Some(first) = places.min() else { return Ok(()) };
        let worker = self.workers.get(&build.worker).map_or("", |w| w.name.as_str());
        for (builder, waiting) in &self.waiting {
            let Some(other) = self.builders.get(builder).and_then(|b| b.spec.as_ref()) else { continue };
            let same = *builder == build.builder;
            // Whoever needs locks or is chosen by a function may be passed; see the rules of locks.
            if !is_plain(other) || same && !is_plain(spec) || !same && !other.locks.is_empty() {
                continue;
            }
            if !same && !other.workers.iter().any(|w| w == worker) {
                continue;
            }
            let passed = waiting.iter().filter(|id| !group.contains(id)).filter_map(|id| self.requests.get(id));
            if let Some(RequestSeen { request, .. }) =
                passed.filter(|r| place(&r.request) < first).min_by_key(|r| place(&r.request))
            {
                return broken(
                    "order",
                    format!("build {} of requests {group:?} passes request {}", build.id, request.id),
                );
            }
        }
        Ok(())
    }

    /// The newest is built; the others are for the same source by the manual's table; and nobody is left who is, too.
    fn merged(&self, builder: BuilderId, primary: RequestId, also: &[RequestId], spec: &BuilderSpec) -> Checked {
        let of = |id: &RequestId| {
            let seen = self.requests.get(id)?;
            self.sets.get(&seen.request.set).map(|set| (&seen.request, set))
        };
        let Some((newest, set)) = of(&primary) else { return broken("set-of-a-request", format!("request {primary}")) };
        for (other, theirs) in also.iter().filter_map(of) {
            must("newest-is-built", (other.submitted_at, other.id) < (newest.submitted_at, newest.id), || {
                format!("request {} came after {primary} and only comes along", other.id)
            })?;
            if spec.collapse == Collapse::SameSource {
                must("merged-by-the-table", same_source(set, theirs), || {
                    format!("requests {primary} and {} are not for the same source", other.id)
                })?;
            }
        }
        must("never-merged", also.is_empty() || spec.collapse != Collapse::Never, || {
            format!("request {primary}: {also:?}")
        })?;
        if spec.collapse == Collapse::SameSource {
            let waiting = self.waiting.get(&builder).into_iter().flatten();
            let left = waiting.filter(|id| **id != primary && !also.contains(id)).filter_map(of);
            if let Some((left, _)) = left.into_iter().find(|(_, theirs)| same_source(set, theirs)) {
                return broken(
                    "all-merged",
                    format!("request {} is for the same source as {primary} and is left", left.id),
                );
            }
        }
        Ok(())
    }
}

fn asked_for(set: &BuildSet) -> bool {
    set.rebuilt.is_some() || set.properties.get("owner").is_some_and(|p| p.source != "Scheduler")
}

/// The manual's table of what merges, line by line.
fn same_source(SetSeen { set: a, .. }: &SetSeen, SetSeen { set: b, .. }: &SetSeen) -> bool {
    let waited_for = |s: &BuildSet| s.parent.is_some_and(|p| p.waits != Waits::Not);
    if waited_for(a) || waited_for(b) || a.stamps.len() != b.stamps.len() {
        return false;
    }
    let values = |s: &BuildSet| -> BTreeMap<String, Value> {
        let what = s.properties.iter().filter(|(name, _)| !WHO.contains(&name.as_str()));
        what.map(|(name, p)| (name.clone(), p.value.clone())).collect()
    };
    let by_codebase = |s: &BuildSet| -> BTreeMap<String, SourceStamp> {
        s.stamps.iter().map(|stamp| (stamp.codebase.clone(), stamp.clone())).collect()
    };
    let (mine, theirs) = (by_codebase(a), by_codebase(b));
    let same = |(name, x): (&String, &SourceStamp)| {
        let Some(y) = theirs.get(name) else { return false };
        let place = (&x.repository, &x.project, &x.branch) == (&y.repository, &y.project, &y.branch);
        let latest = |s: &SourceStamp| s.revision.is_none() && s.patch.is_none();
        if asked_for(a) && !latest(x) || asked_for(b) && !latest(y) {
            return false;
        }
        // What somebody asked for is the latest of its branch, whatever changes led to it.
        let changes = |set: &BuildSet, s: &SourceStamp| !s.changes.is_empty() && !asked_for(set) && s.patch.is_none();
        match (changes(a, x), changes(b, y)) {
            (true, true) => place,
            (false, false) => place && x.revision == y.revision && x.patch == y.patch,
            _ => false,
        }
    };
    values(a) == values(b) && mine.iter().all(same)
}
