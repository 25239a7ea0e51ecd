//! What is known of a step's command beside what its worker is told: what is made of its end.

use engine::{RunningBuild, World};
use model::render::Sight;
use model::{BuilderId, Functions, LogId, PipelineSpec, Reading, Step, StepAction, StepSpec, TransferSpec};
use std::fmt;
use std::sync::Arc;

/// What is made of the end of a step's command.
#[derive(Clone)]
pub(crate) struct Order {
    /// The step's logs with their names, by number.
    pub(crate) logs: Vec<(LogId, String)>,
    /// What is read from them.
    pub(crate) reading: Reading,
    /// The functions of the configuration that it began under.
    pub(crate) functions: Arc<dyn Functions>,
    /// The step says by itself what it did, when it passes.
    pub(crate) described: bool,
    /// Where people find what the step brings, with its name.
    pub(crate) url: Option<(String, String)>,
    /// The steps that are kept with the code are read from a file that comes back.
    pub(crate) pipeline: Option<PipelineOrder>,
    /// Whose its tests are, if it runs any.
    pub(crate) tests: TestsOf,
}

/// Whose the tests of a step are: what they are held against, and where they are remembered.
#[derive(Clone, Debug)]
pub(crate) struct TestsOf {
    pub(crate) builder: BuilderId,
    pub(crate) number: i64,
    /// The branch; of several codebases, all their branches.
    pub(crate) branch: String,
    pub(crate) step: String,
    /// A patch is built too: what comes of it says nothing of the branch.
    pub(crate) patched: bool,
}

impl TestsOf {
    fn of(world: &World, running: &RunningBuild, step: &Step) -> Self {
        let stamps = engine::build::sight(world, running).stamps;
        let mut branches: Vec<(&str, &str)> =
            stamps.iter().map(|s| (s.codebase.as_str(), s.branch.as_deref().unwrap_or_default())).collect();
        branches.sort_unstable();
        let branch = match branches.as_slice() {
            [(_, branch)] => (*branch).to_owned(),
            several => several.iter().map(|(codebase, branch)| format!("{codebase}:{branch}\n")).collect(),
        };
        Self {
            builder: running.build.builder,
            number: running.build.number,
            branch: branch.chars().take(MOST_BRANCH).collect(),
            step: step.name.clone(),
            patched: stamps.iter().any(|s| s.patch.is_some()),
        }
    }
}

/// Characters of a branch that tell it from others; one that is longer is cut.
const MOST_BRANCH: usize = 500;

/// Which steps are read.
#[derive(Clone, Debug)]
pub(crate) struct PipelineOrder {
    pub(crate) spec: PipelineSpec,
    /// The builder's own name.
    pub(crate) builder: String,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("logs", &self.logs).finish_non_exhaustive()
    }
}

impl Order {
    /// That of the step that runs.
    pub(crate) fn of(world: &World, running: &RunningBuild, step: &Step) -> Self {
        let spec = usize::try_from(step.number).ok().and_then(|n| running.plan.get(n));
        let builder = world.builder(running.build.builder).map(|b| b.builder.name.clone()).unwrap_or_default();
        Self {
            logs: running.logs.iter().map(|log| (log.id, log.name.clone())).collect(),
            reading: spec.map(reading).unwrap_or_default(),
            functions: world.surroundings().functions.clone(),
            described: spec.is_some_and(|spec| spec.description_done.is_some()),
            url: spec.and_then(|spec| url(world, running, spec)),
            pipeline: match spec.map(|spec| &spec.action) {
                Some(StepAction::Pipeline(spec)) => Some(PipelineOrder { spec: spec.clone(), builder }),
                _ => None,
            },
            tests: TestsOf::of(world, running, step),
        }
    }

    /// The ids of its logs, by number.
    pub(crate) fn ids(&self) -> Vec<LogId> {
        self.logs.iter().map(|(id, _)| *id).collect()
    }

    /// The log of that name.
    pub(crate) fn log(&self, name: &str) -> Option<LogId> {
        self.logs.iter().find(|(_, known)| known == name).map(|(id, _)| *id)
    }
}

/// The address that an upload has for people: the one that is given, else its place below `/public/`, if it lies there.
fn url(world: &World, running: &RunningBuild, spec: &StepSpec) -> Option<(String, String)> {
    let StepAction::Transfer(TransferSpec::Upload { to, url, .. }) = &spec.action else { return None };
    let none = std::collections::BTreeMap::new();
    let sight = Sight { secrets: &none, ..engine::build::sight(world, running) };
    let to = model::render::text(to, &sight).ok()?;
    let address = match url {
        Some(url) => model::render::text(url, &sight).ok()?,
        None if to.starts_with('/') => return None,
        None => {
            let parts = to.split('/').filter(|part| !part.is_empty());
            format!("/public/{}", parts.map(api::route::segment).collect::<Vec<_>>().join("/"))
        }
    };
    let name = to.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    Some((name, address))
}

fn reading(spec: &StepSpec) -> Reading {
    match &spec.action {
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => shell.reading.clone(),
        StepAction::Sequence(sequence) => sequence.shell.reading.clone(),
        _ => Reading::default(),
    }
}

/// The files that a step's command hands back, below the builder's directory.
pub(crate) fn collected(running: &RunningBuild, step: &Step, action: &StepAction<String>) -> Vec<String> {
    let shell = match action {
        StepAction::Shell(shell) => shell,
        StepAction::Sequence(sequence) => &sequence.shell,
        StepAction::Pipeline(spec) => return vec![pipeline_file(running, step, spec)],
        _ => return Vec::new(),
    };
    let file = shell.reading.warnings.as_ref().and_then(|w| w.suppression_file.as_ref());
    file.map(|file| format!("{}/{file}", shell.workdir)).into_iter().collect()
}

/// Where the file of a pipeline is: in the tree that the checkout before it made.
pub(crate) fn pipeline_file(running: &RunningBuild, step: &Step, spec: &PipelineSpec) -> String {
    let before = usize::try_from(step.number).unwrap_or(0).min(running.plan.len());
    let workdir = running.plan[..before].iter().rev().find_map(|s| match &s.action {
        StepAction::Git(git) => git.workdir.plain(),
        StepAction::Vcs(spec) => spec.workdir.plain(),
        _ => None,
    });
    format!("{}/{}", workdir.unwrap_or("build"), spec.file)
}
