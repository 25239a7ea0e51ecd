//! A world with virtual time. Every transition that it plans is taken at once, as if the store had written it.

use crate::ledger;
use engine::World;
use engine::build::{CommandEnd, StepEnd};
use engine::build_set::NewSet;
use engine::force::Wish;
use model::scheduler::ChangeFilter;
use model::worker::{WorkerAccess, WorkerInfo};
use model::{
    BuildId, BuildSetId, BuilderId, BuilderSpec, CallError, Collapse, CommandLine, Config, Findings, Follow, ForceSpec,
    FunctionRef, Functions, Match, NewChange, RequestId, Results, SchedulerKind, SchedulerSpec, ShellSpec, Snapshot,
    Span, StepAction, StepFlags, StepSpec, Time, Transition, Value, WorkerId, WorkerSpec,
};
use std::sync::Arc;

pub(crate) struct Town {
    pub(crate) world: World,
    pub(crate) now: Time,
    /// Everything that was ever planned, in order.
    pub(crate) history: Vec<Transition>,
}

pub(crate) fn step(name: &str, flags: StepFlags) -> StepSpec {
    let action = StepAction::Shell(ShellSpec::new(CommandLine::words(["make", name])));
    StepSpec { flags, ..StepSpec::new(name, action) }
}

/// A builder whose requests never merge: what is asked for is what is built.
pub(crate) fn builder(name: &str, workers: &[&str], steps: Vec<StepSpec>) -> BuilderSpec {
    let workers = workers.iter().map(|w| (*w).to_owned()).collect();
    BuilderSpec { steps, collapse: Collapse::Never, ..BuilderSpec::new(name, workers) }
}

pub(crate) fn worker(name: &str, max_builds: u32) -> WorkerSpec {
    WorkerSpec {
        name: name.to_owned(),
        max_builds,
        access: WorkerAccess::Local,
        lost_after: Span::seconds(600),
        defined_at: None,
    }
}

pub(crate) fn scheduler(name: &str, kind: SchedulerKind, builders: &[&str]) -> SchedulerSpec {
    SchedulerSpec {
        name: name.to_owned(),
        kind,
        builders: builders.iter().map(|b| (*b).to_owned()).collect(),
        properties: Default::default(),
        reason: None,
        priority: 0,
        codebases: Default::default(),
        defined_at: None,
    }
}

pub(crate) fn follows(branch: &str, quiet: Option<i64>) -> SchedulerKind {
    SchedulerKind::SingleBranch(Follow {
        filter: ChangeFilter { branch: Match::is(branch), ..ChangeFilter::default() },
        tree_stable_timer: quiet.map(Span::seconds),
        ..Follow::default()
    })
}

pub(crate) fn forced() -> SchedulerKind {
    SchedulerKind::Force(ForceSpec::new("Force"))
}

pub(crate) fn change(branch: &str, revision: &str) -> NewChange {
    NewChange {
        author: "A. Dler <adler@example.org>".to_owned(),
        comments: format!("change {revision}"),
        revision: Some(revision.to_owned()),
        branch: Some(branch.to_owned()),
        repository: "https://example.org/zlib".to_owned(),
        ..NewChange::default()
    }
}

/// A function of a configuration: given what, it answers what.
pub(crate) type Answer = fn(&[Value]) -> Result<Value, String>;

/// Functions that a configuration might give, by name.
pub(crate) struct Answers(pub(crate) Vec<(&'static str, Answer)>);

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Functions for Answers {
    fn call(&self, function: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError> {
        match self.0.iter().find(|(name, _)| *name == function.name) {
            Some((_, answer)) => answer(arguments).map_err(|message| CallError { message }),
            None => Err(CallError { message: format!("{} is not there", function.name) }),
        }
    }
}

/// What a map that a function was given holds under a name.
pub(crate) fn at<'v>(value: &'v Value, name: &str) -> &'v Value {
    match value {
        Value::Map(map) => &map[name],
        other => panic!("{other:?} is no map"),
    }
}

impl Town {
    /// As [`Town::new`], with functions.
    pub(crate) fn with(answers: Vec<(&'static str, Answer)>, config: Config) -> Self {
        let mut town = Town::new(Config::default());
        let functions = Arc::new(Answers(answers));
        town.world.surround(engine::Surroundings { functions, ..engine::Surroundings::default() });
        town.configure(config);
        let workers: Vec<WorkerId> = town.world.workers().map(|w| w.worker.id).collect();
        workers.into_iter().for_each(|id| town.connect(id));
        town
    }

    /// All workers are connected; it is a thousand seconds after the epoch.
    pub(crate) fn new(config: Config) -> Self {
        let mut town = Town {
            world: World::load(Snapshot::default(), Arc::default()),
            now: Time::from_seconds(1000),
            history: vec![],
        };
        town.configure(config);
        let workers: Vec<WorkerId> = town.world.workers().map(|w| w.worker.id).collect();
        for id in workers {
            town.connect(id);
        }
        town
    }

    pub(crate) fn configure(&mut self, config: Config) {
        let config = Arc::new(config);
        let adopted = engine::config::adopt(&self.world, &config);
        self.take(adopted);
        self.world.configure(config);
        self.settle();
    }

    pub(crate) fn take(&mut self, transitions: Vec<Transition>) {
        for transition in transitions {
            self.world.take(&transition);
            self.history.push(transition);
        }
    }

    pub(crate) fn settle(&mut self) {
        let planned = engine::settle(&mut self.world, self.now);
        self.history.extend(planned);
        assert!(engine::plan(&self.world, self.now).is_empty(), "settled means that nothing is left to do");
    }

    /// Lets time pass to every wake-up on the way.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let end = self.now + Span::seconds(seconds);
        while let Some(at) = engine::next_wake(&self.world).filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let before = self.history.len();
            self.settle();
            assert!(self.history.len() > before, "woken at {at:?} for nothing");
        }
        self.now = end;
    }

    pub(crate) fn connect(&mut self, worker: WorkerId) {
        let todo = engine::worker::connected(&self.world, worker, WorkerInfo::default(), self.now);
        self.take(todo);
        self.settle();
    }

    pub(crate) fn disconnect(&mut self, worker: WorkerId) {
        let todo = engine::worker::disconnected(&self.world, worker, self.now);
        self.take(todo);
        self.settle();
    }

    pub(crate) fn change(&mut self, branch: &str, revision: &str) {
        let todo = engine::change::accept(&self.world, vec![change(branch, revision)], self.now);
        self.take(todo);
        self.settle();
    }

    pub(crate) fn force(&mut self, builder: &str, priority: i64) -> RequestId {
        let builders = vec![self.builder(builder)];
        let wish = Wish { builders, priority, owner: "ann".to_owned(), ..Wish::default() };
        let filed = engine::force::grant(&self.world, wish, self.now).expect("granted");
        let Transition::SetFiled { requests, .. } = &filed else { panic!("a grant files a set") };
        let id = requests[0].id;
        self.take(vec![filed]);
        self.settle();
        id
    }

    /// Files a set for builders, as a scheduler would.
    pub(crate) fn file(&mut self, builders: &[&str], new: NewSet) -> Vec<RequestId> {
        let builders = builders.iter().map(|b| self.builder(b)).collect();
        let mut next = self.next_ids();
        let filed = engine::build_set::file(NewSet { builders, ..new }, &mut next, self.now);
        let Transition::SetFiled { requests, .. } = &filed else { panic!("a set is filed") };
        let ids = requests.iter().map(|r| r.id).collect();
        self.take(vec![filed]);
        self.settle();
        ids
    }

    fn next_ids(&self) -> model::NextIds {
        self.snapshot().next
    }

    /// All workers rest, or work again.
    pub(crate) fn rest(&mut self, reason: Option<&str>) {
        let ids: Vec<WorkerId> = self.world.workers().map(|w| w.worker.id).collect();
        let pause = |worker| Transition::WorkerPaused { worker, reason: reason.map(str::to_owned) };
        self.take(ids.into_iter().map(pause).collect());
        self.settle();
    }

    /// The master is killed and starts again: the world is what the store would give. Workers stay connected.
    pub(crate) fn restart(&mut self) {
        let (config, surroundings) = (self.world.config().clone(), self.world.surroundings().clone());
        self.world = World::load(self.snapshot(), config);
        self.world.surround(surroundings);
        self.settle();
    }

    /// What the store would hold of all that was ever planned.
    pub(crate) fn snapshot(&self) -> Snapshot {
        ledger::snapshot(&self.history)
    }

    /// Leases so far: the builder, the request whose source is built, those that came along, the worker.
    pub(crate) fn leases(&self) -> Vec<(String, i64, Vec<i64>, String)> {
        let leases = self.history.iter().filter_map(|t| match t {
            Transition::BuildLeased { build, also, .. } => Some((
                self.world.builder(build.builder).expect("known").builder.name.clone(),
                build.request.0,
                also.iter().map(|r| r.0).collect(),
                self.world.worker(build.worker).expect("known").worker.name.clone(),
            )),
            _ => None,
        });
        leases.collect()
    }

    /// How requests ended, in the order in which they did.
    pub(crate) fn answers(&self) -> Vec<(i64, Results)> {
        let ends = self.history.iter().filter_map(|t| match t {
            Transition::RequestFinished { request, results, .. } => Some((request.0, *results)),
            _ => None,
        });
        ends.collect()
    }

    /// How sets ended, in the order in which they did.
    pub(crate) fn sets_ended(&self) -> Vec<(BuildSetId, Results)> {
        let ends = self.history.iter().filter_map(|t| match t {
            Transition::SetFinished { set, results, .. } => Some((*set, *results)),
            _ => None,
        });
        ends.collect()
    }

    /// How steps ended, in the order in which they did: name, result, line.
    pub(crate) fn steps_ended(&self) -> Vec<(String, Results, String)> {
        let name = |id| {
            self.history.iter().find_map(|t| match t {
                Transition::StepStarted { step, .. } if step.id == id => Some(step.name.clone()),
                _ => None,
            })
        };
        let ends = self.history.iter().filter_map(|t| match t {
            Transition::StepFinished { step, results, state, .. } => {
                Some((name(*step).expect("begun"), *results, state.clone()))
            }
            _ => None,
        });
        ends.collect()
    }

    /// The running build of a builder with this number.
    pub(crate) fn running(&self, builder: &str, number: i64) -> BuildId {
        let id = self.builder(builder);
        let found = self.world.builds().find(|b| b.build.builder == id && b.build.number == number);
        found.expect("it runs").build.id
    }

    pub(crate) fn why(&self, id: RequestId) -> Option<String> {
        engine::why::of_request(&self.world, id, self.now).map(|w| w.sentence(self.now))
    }

    pub(crate) fn builder(&self, name: &str) -> BuilderId {
        self.world.builder_named(name).expect("a builder").builder.id
    }

    pub(crate) fn worker(&self, name: &str) -> WorkerId {
        self.world.worker_named(name).expect("a worker").worker.id
    }

    /// The one build that runs.
    pub(crate) fn only_build(&self) -> BuildId {
        let ids: Vec<_> = self.world.builds().map(|b| b.build.id).collect();
        assert_eq!(ids.len(), 1, "one build runs");
        ids[0]
    }

    /// The present step's command ends so.
    pub(crate) fn end_command(&mut self, build: BuildId, end: CommandEnd) {
        self.end(build, StepEnd::of(end));
    }

    /// The present step's command ends, and its own function says so.
    pub(crate) fn end_step(&mut self, build: BuildId, results: Results, state: &str) {
        let findings = Findings { results: Some(results), summary: Some(state.to_owned()), ..Findings::default() };
        self.end(build, StepEnd { findings, ..StepEnd::of(CommandEnd::Exited(0)) });
    }

    pub(crate) fn end(&mut self, build: BuildId, end: StepEnd) {
        let running = self.world.build(build).expect("runs");
        let (epoch, step) = (running.build.lease.epoch, running.current().expect("a step runs").id);
        let todo = engine::build::step_ended(&self.world, build, epoch, step, end, self.now);
        self.take(todo);
        self.settle();
    }

    /// How the builds ended, in the order in which they did: number in their builder, result, line.
    pub(crate) fn ended(&self) -> Vec<(BuildId, Results, String)> {
        let ends = self.history.iter().filter_map(|t| match t {
            Transition::BuildFinished { build, results, state, .. } => Some((*build, *results, state.clone())),
            _ => None,
        });
        ends.collect()
    }

    /// The steps that were begun, by name.
    pub(crate) fn begun(&self) -> Vec<&str> {
        let steps = self.history.iter().filter_map(|t| match t {
            Transition::StepStarted { step, .. } => Some(step.name.as_str()),
            _ => None,
        });
        steps.collect()
    }

    /// What was filed: the revision of the first stamp, and how many changes it carries.
    pub(crate) fn filed(&self) -> Vec<(Option<String>, usize)> {
        let sets = self.history.iter().filter_map(|t| match t {
            Transition::SetFiled { set, .. } => Some((set.stamps[0].revision.clone(), set.stamps[0].changes.len())),
            _ => None,
        });
        sets.collect()
    }

    /// Results of the requests that have one, in the order in which they ended.
    pub(crate) fn answered(&self) -> Vec<Results> {
        let ends = self.history.iter().filter_map(|t| match t {
            Transition::RequestFinished { results, .. } => Some(*results),
            _ => None,
        });
        ends.collect()
    }
}
