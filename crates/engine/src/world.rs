//! The world: the live part of the store in memory, and nothing of history.

mod clock;
mod queue;

pub(crate) use queue::{Children, Queue, QueueKey};

use crate::Surroundings;
use crate::merge::Class;
use crate::scheduler::{self, Compiled};
use model::snapshot::OpenBuild;
use model::{
    Build, BuildId, BuildSet, BuildSetId, Builder, BuilderId, BuilderSpec, Change, ChangeId, Config, LockUse, LogFacts,
    NextIds, Request, RequestId, Results, Scheduler, SchedulerId, SchedulerSpec, SequenceSpec, Snapshot, Step,
    StepAction, StepFlags, StepId, StepSpec, StepStatus, Time, Transition, Worker, WorkerId, WorkerSpec,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that is open. It changes only by [`World::take`] and by [`World::configure`].
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(crate) next: NextIds,
    pub(crate) config: Arc<Config>,
    pub(crate) surroundings: Surroundings,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) builders: BTreeMap<BuilderId, BuilderState>,
    pub(crate) workers: BTreeMap<WorkerId, WorkerState>,
    pub(crate) schedulers: BTreeMap<SchedulerId, SchedulerEntry>,
    pub(crate) changes: BTreeMap<ChangeId, Change>,
    pub(crate) sets: BTreeMap<BuildSetId, OpenSet>,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) builds: BTreeMap<BuildId, RunningBuild>,
    /// Open sets without an open request: they only wait to be called complete.
    pub(crate) ended_sets: BTreeSet<BuildSetId>,
    /// What running steps wait for.
    pub(crate) children: BTreeMap<StepId, Children>,
    /// Builders with something in their queue.
    pub(crate) queued: BTreeSet<BuilderId>,
    /// Lanes with more than one open request, of builders that want only the newest.
    pub(crate) crowded: BTreeSet<(BuilderId, Class)>,
    builder_names: BTreeMap<String, BuilderId>,
    worker_names: BTreeMap<String, WorkerId>,
    scheduler_names: BTreeMap<String, SchedulerId>,
}

/// A builder with its queue.
#[derive(Clone, Debug)]
pub struct BuilderState {
    /// As it is stored.
    pub builder: Builder,
    /// As it is configured; `None` when it is not.
    pub spec: Option<Arc<BuilderSpec>>,
    pub(crate) plan: Vec<StepSpec>,
    pub(crate) workers: Vec<WorkerId>,
    pub(crate) queue: Queue,
}

/// A worker with what it runs.
#[derive(Clone, Debug)]
pub struct WorkerState {
    /// As it is stored.
    pub worker: Worker,
    /// As it is configured; `None` when it is not.
    pub spec: Option<Arc<WorkerSpec>>,
    /// Its builds.
    pub builds: BTreeSet<BuildId>,
}

#[derive(Clone, Debug)]
pub(crate) struct SchedulerEntry {
    pub(crate) scheduler: Scheduler,
    pub(crate) spec: Option<Arc<SchedulerSpec>>,
    /// When it has something to do by itself; kept, because tables of times are slow to ask.
    pub(crate) due: Option<Time>,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenSet {
    pub(crate) set: BuildSet,
    pub(crate) open: usize,
    pub(crate) worst: Results,
    /// Sets of the same class have their requests merged.
    pub(crate) class: Option<Class>,
    /// A newer set of the same lane may make this one superfluous.
    pub(crate) lane: Option<Class>,
}

/// A running build with all that is needed to go on with it.
#[derive(Clone, Debug)]
pub struct RunningBuild {
    /// The build.
    pub build: Build,
    /// What it was started to do.
    pub plan: Vec<StepSpec>,
    /// The steps that were begun, by number.
    pub steps: Vec<Step>,
    /// Logs of the step that runs.
    pub logs: Vec<LogFacts>,
    /// Somebody asked for its end, with the reason.
    pub stopping: Option<String>,
    /// Older requests that it answers too.
    pub also: Vec<RequestId>,
    /// What it holds from its start to its end: what its builder said when it was started, or when the master was.
    pub(crate) locks: Vec<LockUse>,
}

impl RunningBuild {
    /// The step that runs now, if one does.
    pub fn current(&self) -> Option<&Step> {
        self.steps.last().filter(|s| s.status == StepStatus::Running)
    }

    /// The step whose command runs now: the one that runs, unless it only waits for what it has triggered.
    pub fn commanded(&self) -> Option<&Step> {
        let spec = |s: &&Step| usize::try_from(s.number).ok().and_then(|n| self.plan.get(n));
        self.current().filter(|s| !matches!(spec(s).map(|spec| &spec.action), Some(StepAction::Trigger(_))))
    }

    /// All requests that it answers: the one whose source it builds, and the older ones.
    pub fn requests(&self) -> impl Iterator<Item = RequestId> {
        [self.build.request].into_iter().chain(self.also.iter().copied())
    }
}

impl World {
    /// The world as the store has it, with the configuration that was last in force (or is about to be).
    pub fn load(snapshot: Snapshot, config: Arc<Config>) -> Self {
        let mut world = World { next: snapshot.next, ..World::default() };
        for builder in snapshot.builders {
            world.know_builder(&builder);
        }
        for worker in snapshot.workers {
            world.know_worker(&worker);
        }
        for scheduler in snapshot.schedulers {
            world.know_scheduler(&scheduler);
        }
        world.changes = snapshot.changes.into_iter().map(|c| (c.id, c)).collect();
        for set in snapshot.sets {
            world.load_set(set);
        }
        for request in snapshot.requests {
            world.load_request(request);
        }
        let mut claims = world.claims();
        for OpenBuild { build, plan, steps, logs, stopping } in snapshot.builds {
            if let Some(worker) = world.workers.get_mut(&build.worker) {
                worker.builds.insert(build.id);
            }
            let mut also = claims.remove(&build.id).unwrap_or_default();
            also.retain(|id| *id != build.request);
            let running = RunningBuild { build, plan, steps, logs, stopping, also, locks: Vec::new() };
            world.builds.insert(running.build.id, running);
        }
        world.forget_children();
        world.ended_sets = world.sets.iter().filter(|(_, s)| s.open == 0).map(|(id, _)| *id).collect();
        world.configure(config);
        world.load_locks();
        world
    }

    /// Puts a checked configuration in force. What is stored of builders, workers and schedulers must follow by the
    /// transitions of [`crate::config::adopt`].
    pub fn configure(&mut self, config: Arc<Config>) {
        for state in self.workers.values_mut() {
            let spec = config.workers.iter().find(|w| w.name == state.worker.name);
            state.spec = spec.cloned().map(Arc::new);
        }
        let specs: BTreeMap<&str, &BuilderSpec> = config.builders.iter().map(|b| (b.name.as_str(), b)).collect();
        for state in self.builders.values_mut() {
            let spec = specs.get(state.builder.name.as_str()).copied();
            state.plan = spec.map(plan_of).unwrap_or_default();
            let names = spec.map(|s| s.workers.as_slice()).unwrap_or_default();
            state.workers = names.iter().filter_map(|n| self.worker_names.get(n)).copied().collect();
            state.spec = spec.cloned().map(Arc::new);
        }
        for entry in self.schedulers.values_mut() {
            let spec = config.schedulers.iter().find(|s| s.name == entry.scheduler.name);
            entry.spec = spec.cloned().map(Arc::new);
        }
        self.config = config;
        self.compile();
        self.sort_lanes();
    }

    /// Puts what surrounds the configuration in force: its functions, and the master's time zone.
    pub fn surround(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
        self.compile();
    }

    /// What surrounds the configuration.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    fn compile(&mut self) {
        self.compiled = Arc::new(Compiled::of(&self.config, &self.surroundings.timezone));
        for entry in self.schedulers.values_mut() {
            entry.due = scheduler::due_at(entry, &self.compiled);
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The ids that come next.
    pub fn next_ids(&self) -> NextIds {
        self.next.clone()
    }

    /// All builders that were ever configured.
    pub fn builders(&self) -> impl Iterator<Item = &BuilderState> {
        self.builders.values()
    }

    /// A builder by its id.
    pub fn builder(&self, id: BuilderId) -> Option<&BuilderState> {
        self.builders.get(&id)
    }

    /// A builder by its name.
    pub fn builder_named(&self, name: &str) -> Option<&BuilderState> {
        self.builder_names.get(name).and_then(|id| self.builders.get(id))
    }

    /// A worker by its id.
    pub fn worker(&self, id: WorkerId) -> Option<&WorkerState> {
        self.workers.get(&id)
    }

    /// A worker by its name.
    pub fn worker_named(&self, name: &str) -> Option<&WorkerState> {
        self.worker_names.get(name).and_then(|id| self.workers.get(id))
    }

    /// All workers that were ever configured.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerState> {
        self.workers.values()
    }

    /// The configured builders that a worker may run builds of.
    pub fn builders_on(&self, worker: WorkerId) -> impl Iterator<Item = BuilderId> {
        self.builders.iter().filter(move |(_, state)| state.workers.contains(&worker)).map(|(id, _)| *id)
    }

    /// A scheduler by its name.
    pub fn scheduler_named(&self, name: &str) -> Option<&Scheduler> {
        self.scheduler_names.get(name).and_then(|id| self.schedulers.get(id)).map(|e| &e.scheduler)
    }

    pub(crate) fn scheduler_entry(&self, name: &str) -> Option<&SchedulerEntry> {
        self.scheduler_names.get(name).and_then(|id| self.schedulers.get(id))
    }

    /// All schedulers that were ever configured, by id.
    pub fn schedulers(&self) -> impl Iterator<Item = &Scheduler> {
        self.schedulers.values().map(|e| &e.scheduler)
    }

    /// A scheduler by its id.
    pub fn scheduler(&self, id: SchedulerId) -> Option<&Scheduler> {
        self.schedulers.get(&id).map(|e| &e.scheduler)
    }

    /// All running builds, by id.
    pub fn builds(&self) -> impl Iterator<Item = &RunningBuild> {
        self.builds.values()
    }

    /// A running build.
    pub fn build(&self, id: BuildId) -> Option<&RunningBuild> {
        self.builds.get(&id)
    }

    /// An open request.
    pub fn request(&self, id: RequestId) -> Option<&Request> {
        self.requests.get(&id)
    }

    /// An open set.
    pub fn set(&self, id: BuildSetId) -> Option<&BuildSet> {
        self.sets.get(&id).map(|s| &s.set)
    }

    /// Builds that run in both hold what they held in the other: for a world that a running master reads anew. One that
    /// has just started knows only what builders say now.
    pub fn hold_as_in(&mut self, other: &World) {
        for (id, running) in &mut self.builds {
            if let Some(before) = other.builds.get(id) {
                running.locks.clone_from(&before.locks);
            }
        }
    }

    /// The id that the next build will have.
    pub fn next_build(&self) -> BuildId {
        BuildId(self.next.build)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.queued.iter().filter_map(|id| self.builders.get(id)).map(|b| b.queue.order.len()).sum()
    }

    /// The first `most` waiting requests in the order in which they would go if every worker were free.
    pub fn first_waiting(&self, most: usize) -> Vec<RequestId> {
        let queued = self.queued.iter().filter_map(|id| self.builders.get(id));
        let mut keys: Vec<QueueKey> = queued.flat_map(|b| b.queue.order.iter().take(most).copied()).collect();
        keys.sort_unstable();
        keys.into_iter().take(most).map(|(_, id)| id).collect()
    }

    /// The world takes a transition. It must have been planned for this very world, or come from its store.
    pub fn take(&mut self, transition: &Transition) {
        match transition {
            Transition::BuilderKnown(builder) => self.know_builder(builder),
            Transition::WorkerKnown(worker) => self.know_worker(worker),
            Transition::SchedulerKnown(scheduler) => self.know_scheduler(scheduler),
            Transition::ChangeAdded(change) => {
                bump(&mut self.next.change, change.id.0);
                if self.waits_with(change.id) {
                    self.changes.insert(change.id, change.clone());
                }
            }
            Transition::SchedulerRemembers { scheduler, state } => {
                if let Some(entry) = self.schedulers.get_mut(scheduler) {
                    entry.scheduler.state = state.clone();
                    entry.due = scheduler::due_at(entry, &self.compiled);
                }
                self.forget_changes();
            }
            Transition::SetFiled { set, requests } => self.file_set(set, requests),
            Transition::BuildLeased { build, also, plan } => self.lease(build, also, plan),
            Transition::WorkerConnected { worker, at, info } => {
                if let Some(state) = self.workers.get_mut(worker) {
                    state.worker.connected = true;
                    state.worker.changed_at = Some(*at);
                    state.worker.info = info.clone();
                }
            }
            Transition::WorkerDisconnected { worker, at } => {
                if let Some(state) = self.workers.get_mut(worker) {
                    state.worker.connected = false;
                    state.worker.changed_at = Some(*at);
                }
            }
            Transition::WorkerPaused { worker, reason } => {
                if let Some(state) = self.workers.get_mut(worker) {
                    state.worker.paused = reason.clone();
                }
            }
            Transition::UsualLearnt { builder, usual } => {
                if let Some(state) = self.builders.get_mut(builder) {
                    state.builder.usual = usual.clone();
                }
            }
            Transition::RequestReleased { request, retries } => self.release(*request, *retries),
            Transition::RequestFinished { request, results, .. } => self.finish_request(*request, *results),
            Transition::CancelAsked { request, reason } => {
                if let Some(request) = self.requests.get_mut(request) {
                    request.cancel = Some(reason.clone());
                }
            }
            Transition::SetFinished { set, results, .. } => self.finish_set(*set, *results),
            Transition::ClockSet { by } => self.move_along(*by),
            Transition::SourceRemembers { .. } | Transition::Refused { .. } => {}
            other => self.take_in_build(other),
        }
    }

    /// Transitions that touch one running build only.
    fn take_in_build(&mut self, transition: &Transition) {
        match transition {
            Transition::LeaseDated { build, until, .. } => {
                if let Some(running) = self.builds.get_mut(build) {
                    running.build.lease.until = *until;
                }
            }
            Transition::StopAsked { build, reason } => {
                if let Some(running) = self.builds.get_mut(build) {
                    running.stopping = Some(reason.clone());
                }
            }
            Transition::StepStarted { step, logs, .. } => {
                bump(&mut self.next.step, step.id.0);
                for log in logs {
                    bump(&mut self.next.log, log.id.0);
                }
                if let Some(running) = self.builds.get_mut(&step.build) {
                    running.steps.push(step.clone());
                    running.logs = logs.clone();
                }
            }
            Transition::StepFinished { step, at, results, state, facts } => {
                self.children.remove(step);
                let found = self.builds.values_mut().find_map(|b| b.steps.iter_mut().rfind(|s| s.id == *step));
                if let Some(s) = found {
                    s.status = StepStatus::Complete { at: *at, results: *results };
                    s.state = state.clone();
                    s.facts = facts.clone();
                    if let Some(tests) = &mut s.facts.tests {
                        tests.roll = None;
                    }
                }
            }
            Transition::BuildPlanned { build, plan, .. } => {
                if let Some(running) = self.builds.get_mut(build) {
                    running.plan = plan.clone();
                }
            }
            Transition::LogSealed { log, lines, bytes, crc32 } => {
                let found = self.builds.values_mut().find_map(|b| b.logs.iter_mut().find(|l| l.id == *log));
                if let Some(l) = found {
                    l.status = model::LogStatus::Sealed { lines: *lines, bytes: *bytes, crc32: *crc32 };
                }
            }
            Transition::PropertySet { build, name, property } => {
                if let Some(running) = self.builds.get_mut(build) {
                    running.build.properties.insert(name.clone(), property.clone());
                }
            }
            Transition::BuildState { build, state } => {
                if let Some(running) = self.builds.get_mut(build) {
                    running.build.state = state.clone();
                }
            }
            Transition::BuildFinished { build, .. } => {
                if let Some(running) = self.builds.remove(build)
                    && let Some(worker) = self.workers.get_mut(&running.build.worker)
                {
                    worker.builds.remove(build);
                }
            }
            _ => {}
        }
    }

    fn know_builder(&mut self, builder: &Builder) {
        bump(&mut self.next.builder, builder.id.0);
        self.builder_names.insert(builder.name.clone(), builder.id);
        match self.builders.get_mut(&builder.id) {
            Some(state) => {
                let next_number = state.builder.next_number;
                state.builder = Builder { next_number, ..builder.clone() };
            }
            None => {
                let state = BuilderState {
                    builder: builder.clone(),
                    spec: None,
                    plan: Vec::new(),
                    workers: Vec::new(),
                    queue: Queue::default(),
                };
                self.builders.insert(builder.id, state);
            }
        }
    }

    fn know_worker(&mut self, worker: &Worker) {
        bump(&mut self.next.worker, worker.id.0);
        self.worker_names.insert(worker.name.clone(), worker.id);
        let entry = self.workers.entry(worker.id);
        let state =
            entry.or_insert_with(|| WorkerState { worker: worker.clone(), spec: None, builds: BTreeSet::new() });
        state.worker = worker.clone();
    }

    fn know_scheduler(&mut self, scheduler: &Scheduler) {
        bump(&mut self.next.scheduler, scheduler.id.0);
        self.scheduler_names.insert(scheduler.name.clone(), scheduler.id);
        let entry = self.schedulers.entry(scheduler.id);
        let fresh = || SchedulerEntry { scheduler: scheduler.clone(), spec: None, due: None };
        let entry = entry.or_insert_with(fresh);
        entry.scheduler = scheduler.clone();
        entry.due = scheduler::due_at(entry, &self.compiled);
    }

    /// Whether a scheduler waits with this change. The changes of a lane are in the order of their ids.
    fn waits_with(&self, change: ChangeId) -> bool {
        let mut lanes = self.schedulers.values().flat_map(|e| e.scheduler.state.lanes.values());
        lanes.any(|lane| lane.changes.binary_search(&change).is_ok())
    }

    /// Changes are kept only while a scheduler waits with them.
    fn forget_changes(&mut self) {
        let waiting: BTreeSet<ChangeId> = self
            .schedulers
            .values()
            .flat_map(|e| e.scheduler.state.lanes.values())
            .flat_map(|lane| lane.changes.iter().copied())
            .collect();
        self.changes.retain(|id, _| waiting.contains(id));
    }
}

fn bump(next: &mut i64, seen: i64) {
    *next = (*next).max(seen + 1);
}

/// A builder's steps, and after them the one that reads the steps that are kept with the code.
fn plan_of(spec: &BuilderSpec) -> Vec<StepSpec> {
    let mut steps = spec.steps.clone();
    if let Some(pipeline) = &spec.pipeline {
        let action = StepAction::Pipeline(pipeline.clone());
        let read = StepSpec { flags: StepFlags::HALTING, ..StepSpec::new("pipeline", action) };
        steps.push(StepSpec { defined_at: spec.defined_at.clone(), ..read });
    }
    with_environment(spec, &mut steps);
    steps
}

/// The builder's environment stands below each step's own, so that a stored plan is complete in itself.
pub(crate) fn with_environment(spec: &BuilderSpec, steps: &mut [StepSpec]) {
    for step in steps {
        if let StepAction::Shell(shell) | StepAction::Sequence(SequenceSpec { shell, .. }) = &mut step.action {
            for (name, value) in &spec.env {
                shell.env.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}
