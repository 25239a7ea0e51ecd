//! What a store would hold: everything that was ever planned, written down the slow way.

use model::build_set::BuildSetStatus;
use model::snapshot::OpenBuild;
use model::{
    BuildSet, BuildSetId, BuildStatus, Builder, BuilderId, Change, LogStatus, NextIds, Request, RequestId,
    RequestStatus, Scheduler, SchedulerId, Snapshot, StepStatus, Transition, Waits, Worker, WorkerId,
};
use std::collections::BTreeMap;

#[derive(Default)]
struct Ledger {
    next: NextIds,
    builders: BTreeMap<BuilderId, Builder>,
    workers: BTreeMap<WorkerId, Worker>,
    schedulers: BTreeMap<SchedulerId, Scheduler>,
    changes: Vec<Change>,
    sets: BTreeMap<BuildSetId, BuildSet>,
    requests: BTreeMap<RequestId, Request>,
    builds: BTreeMap<i64, OpenBuild>,
}

pub(crate) fn snapshot(history: &[Transition]) -> Snapshot {
    let mut ledger = Ledger::default();
    history.iter().for_each(|t| ledger.write(t));
    let lanes = || ledger.schedulers.values().flat_map(|s| s.state.lanes.values());
    let waits = |set: &&BuildSet| {
        set.status != BuildSetStatus::Open
            && set.parent.filter(|p| p.waits != Waits::Not).is_some_and(|p| {
                let build = ledger.builds.get(&p.build.0).filter(|b| b.build.status == BuildStatus::Running);
                build.is_some_and(|b| b.steps.iter().any(|s| s.id == p.step && s.status == StepStatus::Running))
            })
    };
    let open = ledger.sets.values().filter(|s| s.status == BuildSetStatus::Open);
    let sets: Vec<BuildSet> = open.chain(ledger.sets.values().filter(waits)).cloned().collect();
    let is_open = |id: BuildSetId| ledger.sets[&id].status == BuildSetStatus::Open;
    let changes = ledger.changes.iter().filter(|c| lanes().any(|lane| lane.changes.contains(&c.id))).cloned().collect();
    let requests = ledger.requests.values().filter(|r| is_open(r.set)).cloned().collect();
    let builds = ledger.builds.into_values().filter(|b| b.build.status == BuildStatus::Running);
    Snapshot {
        next: ledger.next,
        builders: ledger.builders.into_values().collect(),
        workers: ledger.workers.into_values().collect(),
        schedulers: ledger.schedulers.into_values().collect(),
        changes,
        sets,
        requests,
        builds: builds.collect(),
    }
}

fn seen(next: &mut i64, id: i64) {
    *next = (*next).max(id + 1);
}

impl Ledger {
    fn write(&mut self, transition: &Transition) {
        match transition {
            Transition::BuilderKnown(b) => {
                seen(&mut self.next.builder, b.id.0);
                self.builders.insert(b.id, b.clone());
            }
            Transition::WorkerKnown(w) => {
                seen(&mut self.next.worker, w.id.0);
                self.workers.insert(w.id, w.clone());
            }
            Transition::SchedulerKnown(s) => {
                seen(&mut self.next.scheduler, s.id.0);
                self.schedulers.insert(s.id, s.clone());
            }
            Transition::SchedulerRemembers { scheduler, state } => {
                self.schedulers.get_mut(scheduler).expect("known").state = state.clone();
            }
            Transition::ChangeAdded(c) => {
                seen(&mut self.next.change, c.id.0);
                self.changes.push(c.clone());
            }
            Transition::WorkerConnected { worker, .. } => self.workers.get_mut(worker).expect("known").connected = true,
            Transition::WorkerDisconnected { worker, .. } => {
                self.workers.get_mut(worker).expect("known").connected = false
            }
            Transition::WorkerPaused { worker, reason } => {
                self.workers.get_mut(worker).expect("known").paused.clone_from(reason);
            }
            Transition::UsualLearnt { builder, usual } => {
                self.builders.get_mut(builder).expect("known").usual = usual.clone();
            }
            Transition::SetFiled { set, requests } => {
                seen(&mut self.next.set, set.id.0);
                set.stamps.iter().for_each(|s| seen(&mut self.next.stamp, s.id.0));
                self.sets.insert(set.id, set.clone());
                for request in requests {
                    seen(&mut self.next.request, request.id.0);
                    self.requests.insert(request.id, request.clone());
                }
            }
            Transition::SetFinished { set, at, results } => {
                self.sets.get_mut(set).expect("known").status = BuildSetStatus::Complete { at: *at, results: *results };
            }
            Transition::CancelAsked { request, reason } => {
                self.requests.get_mut(request).expect("known").cancel = Some(reason.clone());
            }
            Transition::RequestFinished { request, at, results } => {
                let request = self.requests.get_mut(request).expect("known");
                assert!(request.status.results().is_none(), "{request:?} ends twice");
                request.status = RequestStatus::Complete { at: *at, results: *results };
            }
            Transition::RequestReleased { request, retries } => {
                let request = self.requests.get_mut(request).expect("known");
                assert!(matches!(request.status, RequestStatus::Claimed { .. }), "{request:?} is not claimed");
                (request.status, request.retries) = (RequestStatus::Waiting, *retries);
            }
            _ => self.write_build(transition),
        }
    }

    fn write_build(&mut self, transition: &Transition) {
        let builds = &mut self.builds;
        let of_step = |builds: &mut BTreeMap<i64, OpenBuild>, id| {
            *builds.iter().find(|(_, b)| b.steps.iter().any(|s| s.id == id)).expect("a step").0
        };
        match transition {
            Transition::BuildLeased { build, also, plan } => {
                seen(&mut self.next.build, build.id.0);
                let builder = self.builders.get_mut(&build.builder).expect("known");
                seen(&mut builder.next_number, build.number);
                for id in also.iter().chain([&build.request]) {
                    let request = self.requests.get_mut(id).expect("known");
                    assert_eq!(request.status, RequestStatus::Waiting, "{request:?} is leased");
                    request.status = RequestStatus::Claimed { at: build.started_at, build: build.id };
                }
                let (build, plan) = (build.clone(), plan.clone());
                let open = OpenBuild { plan, steps: vec![], logs: vec![], stopping: None, build };
                builds.insert(open.build.id.0, open);
            }
            Transition::LeaseDated { build, until, .. } => {
                builds.get_mut(&build.0).expect("known").build.lease.until = *until;
            }
            Transition::StopAsked { build, reason } => {
                let open = builds.get_mut(&build.0).expect("known");
                assert_eq!(open.build.status, BuildStatus::Running, "only what runs is stopped");
                open.stopping = Some(reason.clone());
            }
            Transition::BuildPlanned { build, plan, .. } => {
                builds.get_mut(&build.0).expect("known").plan = plan.clone()
            }
            Transition::BuildState { build, state } => {
                builds.get_mut(&build.0).expect("known").build.state = state.clone()
            }
            Transition::PropertySet { build, name, property } => {
                builds.get_mut(&build.0).expect("known").build.properties.insert(name.clone(), property.clone());
            }
            Transition::StepStarted { step, logs, .. } => {
                seen(&mut self.next.step, step.id.0);
                logs.iter().for_each(|l| seen(&mut self.next.log, l.id.0));
                let open = builds.get_mut(&step.build.0).expect("known");
                open.steps.push(step.clone());
                open.logs = logs.clone();
            }
            Transition::StepFinished { step, at, results, state, facts } => {
                let build = of_step(builds, *step);
                let s = builds.get_mut(&build).expect("known").steps.iter_mut().find(|s| s.id == *step).expect("known");
                assert_eq!(s.status, StepStatus::Running, "{s:?} ends twice");
                s.status = StepStatus::Complete { at: *at, results: *results };
                (s.state, s.facts) = (state.clone(), facts.clone());
            }
            Transition::LogSealed { log, lines, bytes, crc32 } => {
                let log = builds.values_mut().flat_map(|b| &mut b.logs).find(|l| l.id == *log).expect("known");
                log.status = LogStatus::Sealed { lines: *lines, bytes: *bytes, crc32: *crc32 };
            }
            Transition::BuildFinished { build, epoch, at, results, state } => {
                let build = &mut builds.get_mut(&build.0).expect("known").build;
                assert_eq!(build.status, BuildStatus::Running, "{build:?} ends twice");
                build.status = BuildStatus::Complete { at: *at, results: *results };
                (build.lease.epoch, build.lease.until, build.state) = (*epoch, None, state.clone());
            }
            _ => {}
        }
    }
}
