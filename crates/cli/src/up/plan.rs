//! What `sluice up` does with a repository: from its own `sluice.star`, or from what the tree is.

use super::processors;
use crate::committed::{self, CommitTree, PIPELINE};
use crate::show;
use anyhow::bail;
use config::PipelineBuilder;
use config::detect::detect;
use model::scheduler::ChangeFilter;
use model::worker::WorkerAccess;
use model::{
    BuilderSpec, ChangeSourceSpec, Config, Follow, ForceSpec, GitMode, GitPollerSpec, GitSpec, Match, NewChange,
    ProjectSpec, SchedulerKind, SchedulerSpec, Span, StepAction, StepFlags, StepSpec, WebSpec, WorkerSpec,
};
use std::collections::BTreeMap;
use vcs::git::LocalBranch;

/// How often a repository on the same machine is looked at.
const LOOK: Span = Span::seconds(1);

/// What will be done, and what to tell of it.
pub(super) struct Plan {
    pub(super) config: Config,
    told: Vec<String>,
}

impl Plan {
    /// What to do with this branch.
    pub(super) fn of(branch: &LocalBranch, listen: &str) -> anyhow::Result<Self> {
        let name = branch.root.file_name().map_or("project".to_owned(), |n| n.to_string_lossy().into_owned());
        let name = name.trim_end_matches(".git").to_owned();
        let (told, builders) = match branch.files.contains(PIPELINE) {
            true => from_pipeline(branch)?,
            false => detected(branch, &name)?,
        };
        let root = branch.root.display().to_string();
        let builders = builders.into_iter().map(|b| builder(branch, &root, b)).collect();
        Ok(Self { config: config(&name, &root, branch, builders, listen), told })
    }

    /// A plan that was made elsewhere.
    pub(super) fn given(config: Config) -> Self {
        Self { config, told: Vec::new() }
    }

    /// What was found, for people.
    pub(super) fn told(&self) -> &[String] {
        &self.told
    }
}

fn from_pipeline(branch: &LocalBranch) -> anyhow::Result<(Vec<String>, Vec<PipelineBuilder>)> {
    let pipeline = committed::pipeline(branch)?;
    let names: Vec<&str> = pipeline.builders.iter().map(|b| b.name.as_str()).collect();
    let told = vec![format!("{} has {PIPELINE}: {}", where_it_is(branch), names.join(", "))];
    Ok((told, pipeline.builders))
}

fn detected(branch: &LocalBranch, name: &str) -> anyhow::Result<(Vec<String>, Vec<PipelineBuilder>)> {
    let Some(found) = detect(&CommitTree(branch), processors()) else {
        bail!(
            "nothing in {} says how it is built: no configure, Makefile, CMake, Cargo, Python, Perl, Node or Go\n\
             help: put a {PIPELINE} at its root, such as\n\
             \n    builder(\"{name}\", steps = [steps.shell(\"./build.sh\")])\n",
            branch.root.display()
        );
    };
    let steps: Vec<&str> = found.steps.iter().map(|s| s.name.as_str()).collect();
    let told = vec![
        format!("{} is built with {} ({})", where_it_is(branch), found.kind, found.evidence),
        format!("steps: git, {}", steps.join(", ")),
    ];
    let builder = PipelineBuilder {
        name: name.to_owned(),
        description: format!("Built with {}.", found.kind),
        tags: Vec::new(),
        steps: found.steps,
        env: BTreeMap::new(),
        defined_at: None,
    };
    Ok((told, vec![builder]))
}

fn where_it_is(branch: &LocalBranch) -> String {
    let name =
        branch.root.file_name().map_or_else(|| branch.root.display().to_string(), |n| n.to_string_lossy().into());
    let short: String = branch.head.revision.chars().take(7).collect();
    show::cut(&format!("{name}, branch {} at {short},", branch.branch), 60)
}

fn builder(branch: &LocalBranch, root: &str, pipeline: PipelineBuilder) -> BuilderSpec {
    let mut steps = vec![checkout(root, &branch.branch)];
    steps.extend(pipeline.steps);
    quiet(&mut steps);
    BuilderSpec {
        builddir: directory(&pipeline.name),
        description: pipeline.description,
        tags: pipeline.tags,
        steps,
        env: pipeline.env,
        defined_at: pipeline.defined_at,
        ..BuilderSpec::new(pipeline.name, vec!["here".to_owned()])
    }
}

/// The environment of a developer's machine is long, private and known to its owner: logs begin with the command.
pub(crate) fn quiet(steps: &mut [StepSpec]) {
    for step in steps {
        if let StepAction::Shell(shell) = &mut step.action {
            shell.log_environ = false;
        }
    }
}

/// The step that every build begins with.
pub(crate) fn checkout(repository: &str, branch: &str) -> StepSpec {
    let git = GitSpec {
        repository: repository.into(),
        branch: Some(branch.into()),
        mode: GitMode::Update,
        workdir: "build".into(),
        codebase: String::new(),
        submodules: true,
        shallow: None,
        retry: None,
        always_use_latest: false,
        timeout: Some(Span::seconds(1200)),
    };
    StepSpec { flags: StepFlags::HALTING, ..StepSpec::new("git", StepAction::Git(git)) }
}

/// A builder's name as a directory.
fn directory(name: &str) -> String {
    let readable: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
    if readable.is_empty() { "builder".to_owned() } else { readable }
}

fn config(name: &str, root: &str, branch: &LocalBranch, builders: Vec<BuilderSpec>, listen: &str) -> Config {
    let names: Vec<String> = builders.iter().map(|b| b.name.clone()).collect();
    let filter = ChangeFilter {
        branch: Match::is(branch.branch.as_str()),
        repository: Match::is(root),
        ..ChangeFilter::default()
    };
    let follow = Follow { filter, ..Follow::default() };
    Config {
        project: ProjectSpec { title: name.to_owned(), ..ProjectSpec::default() },
        web: web(listen),
        workers: vec![here(builders.len())],
        builders,
        schedulers: vec![
            scheduler(&branch.branch, SchedulerKind::SingleBranch(follow), &names),
            scheduler("force", SchedulerKind::Force(ForceSpec::new("Build")), &names),
        ],
        sources: vec![ChangeSourceSpec::GitPoller(GitPollerSpec {
            name: root.to_owned(),
            repository: root.to_owned(),
            branches: vec![branch.branch.clone()],
            every: LOOK,
            project: String::new(),
            category: None,
            codebase: String::new(),
            build_existing: false,
            defined_at: None,
        })],
        ..Config::default()
    }
}

/// Whoever can reach a loopback address is on this machine: the buttons work without a login there.
pub(crate) fn web(listen: &str) -> WebSpec {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    let anonymous_control = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    WebSpec { listen: listen.to_owned(), anonymous_control, users: Vec::new() }
}

/// One worker on this machine, with room for every builder as far as there are processors.
pub(crate) fn here(builders: usize) -> WorkerSpec {
    let wanted = u32::try_from(builders).unwrap_or(u32::MAX);
    WorkerSpec {
        name: "here".to_owned(),
        max_builds: wanted.clamp(1, processors()),
        access: WorkerAccess::Local,
        lost_after: Span::seconds(600),
        defined_at: None,
    }
}

pub(crate) fn scheduler(name: &str, kind: SchedulerKind, builders: &[String]) -> SchedulerSpec {
    SchedulerSpec { builders: builders.to_vec(), ..SchedulerSpec::new(name, kind) }
}

/// The head of a branch as a change.
pub(super) fn change_of(branch: &LocalBranch) -> NewChange {
    let head = &branch.head;
    NewChange {
        author: head.author.clone(),
        committer: Some(head.committer.clone()).filter(|c| *c != head.author),
        comments: head.message.clone(),
        revision: Some(head.revision.clone()),
        branch: Some(branch.branch.clone()),
        repository: branch.root.display().to_string(),
        files: head.files.clone(),
        when: head.committed_at,
        ..NewChange::default()
    }
}
