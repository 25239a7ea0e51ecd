//! What the calls of a configuration have registered so far.

use crate::error::ConfigError;
use crate::loader::{Limits, Loader};
use crate::sites::Sites;
use model::area::{Area, Fixture, TestSpec};
use model::worker::Secret;
use model::{
    BuilderSpec, ChangeSourceSpec, FunctionRef, GateSpec, LockSpec, MasterSpec, Match, Parameter, ProjectSpec,
    ReporterSpec, SchedulerSpec, StepSpec, TaskSpec, Text, WebSpec, WorkerSpec,
};
use starlark::any::ProvidesStaticType;
use starlark::codemap::FileSpan;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What kind of file is read: decides which functions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A master's configuration.
    Master,
    /// A pipeline kept with the code.
    Pipeline,
    /// The tests of an area.
    Tests,
}

/// How many steps a configuration may make, and how many of each other thing.
pub(crate) const MOST_STEPS: usize = 500_000;
/// See [`MOST_STEPS`].
pub(crate) const MOST_THINGS: usize = 50_000;

/// What is registered, and what the functions need to do it. Functions get it through the evaluator.
#[derive(ProvidesStaticType)]
pub(crate) struct Registry<'l> {
    pub(crate) loader: &'l dyn Loader,
    pub(crate) limits: Limits,
    pub(crate) mode: Mode,
    pub(crate) sites: Sites,
    /// The first thing that was wrong. Nothing can catch an error, so it is also the last.
    pub(crate) problem: RefCell<Option<ConfigError>>,
    pub(crate) steps: RefCell<Vec<MadeStep>>,
    /// Each with its name.
    pub(crate) secrets: RefCell<Vec<(String, Secret)>>,
    /// Secrets that texts of steps name.
    pub(crate) needed: RefCell<BTreeMap<String, Secret>>,
    pub(crate) texts: RefCell<Vec<Text>>,
    pub(crate) patterns: RefCell<Vec<Match>>,
    pub(crate) parameters: RefCell<Vec<Parameter>>,
    /// Functions that the configuration gave, by what they are called there.
    pub(crate) functions: RefCell<Functions>,
    /// The digest of each file's text.
    pub(crate) digests: RefCell<HashMap<String, String>>,
    /// Where something stands that no call says: the assignment by which a dictionary was filled.
    pub(crate) instead: RefCell<Option<FileSpan>>,
    pub(crate) draft: RefCell<Draft>,
    /// The statement that began last.
    pub(crate) last_statement: RefCell<Option<FileSpan>>,
    /// Bytes of text that were copied out of the interpreter.
    taken: Cell<usize>,
}

/// A step, before a builder has it.
#[derive(Clone, Debug)]
pub(crate) struct MadeStep {
    pub(crate) spec: StepSpec,
    /// The name was given, not made up.
    pub(crate) named: bool,
    /// What a copy of it costs, in bytes.
    pub(crate) weight: usize,
    pub(crate) site: FileSpan,
}

/// A thing and the call that made it.
#[derive(Clone, Debug)]
pub(crate) struct Made<T> {
    pub(crate) spec: T,
    pub(crate) site: FileSpan,
}

/// Everything that was registered, in order, not yet checked against each other.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) project: Option<Made<ProjectSpec>>,
    pub(crate) web: Option<Made<WebSpec>>,
    pub(crate) database: Option<Made<Secret>>,
    pub(crate) workers: Vec<Made<WorkerSpec>>,
    pub(crate) builders: Vec<Made<BuilderSpec>>,
    pub(crate) schedulers: Vec<Made<SchedulerSpec>>,
    pub(crate) sources: Vec<Made<ChangeSourceSpec>>,
    pub(crate) locks: Vec<Made<LockSpec>>,
    pub(crate) reporters: Vec<Made<ReporterSpec>>,
    pub(crate) tasks: Vec<Made<TaskSpec>>,
    pub(crate) tests: Vec<Made<TestSpec>>,
    pub(crate) fixtures: Vec<Made<Fixture>>,
    /// What else an area of tests has, and where it says so.
    pub(crate) area: Area,
    pub(crate) area_site: Option<FileSpan>,
    /// Those of a pipeline.
    pub(crate) masters: Vec<Made<MasterSpec>>,
    /// Those of a master.
    pub(crate) gates: Vec<Made<GateDraft>>,
}

/// A gate of a master, before its tasks are found.
#[derive(Clone, Debug)]
pub(crate) struct GateDraft {
    /// All but its tasks.
    pub(crate) spec: GateSpec,
    /// The names of its tasks; `None`: all that there are.
    pub(crate) tasks: Option<Vec<String>>,
    /// The names of its workers; `None`: all that there are.
    pub(crate) workers: Option<Vec<String>>,
    /// Environment of all its commands.
    pub(crate) env: BTreeMap<String, Text>,
    /// Submodules come along.
    pub(crate) submodules: bool,
}

/// Functions that the configuration gave.
#[derive(Default)]
pub(crate) struct Functions {
    /// Each, with the number of the module that keeps it and its name there.
    pub(crate) all: Vec<(FunctionRef, usize, String)>,
    /// Those that are written in one place, by number.
    pub(crate) by_place: BTreeMap<FunctionRef, Vec<usize>>,
    /// Those that a `def` at the outermost level makes.
    pub(crate) named: BTreeSet<FunctionRef>,
    /// The number of the module that is being evaluated.
    pub(crate) module: usize,
}

impl<'l> Registry<'l> {
    pub(crate) fn new(loader: &'l dyn Loader, limits: Limits, mode: Mode) -> Self {
        Self {
            loader,
            limits,
            mode,
            sites: Sites::default(),
            problem: RefCell::new(None),
            steps: RefCell::default(),
            secrets: RefCell::default(),
            needed: RefCell::default(),
            texts: RefCell::default(),
            patterns: RefCell::default(),
            parameters: RefCell::default(),
            functions: RefCell::default(),
            digests: RefCell::default(),
            instead: RefCell::default(),
            draft: RefCell::default(),
            last_statement: RefCell::default(),
            taken: Cell::new(0),
        }
    }

    /// Counts bytes that are kept. `false`: that is more than the configuration may take.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.taken.set(self.taken.get().saturating_add(bytes));
        self.taken.get() <= self.limits.heap
    }
}
