//! Gates: each names tasks and workers that there are, and its tasks become builders.

use super::Check;
use crate::address;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::{Draft, GateDraft, Made};
use model::property::property;
use model::shell;
use model::{
    BuilderSpec, Collapse, CommandLine, FileSpec, GateSpec, GateTask, GitMode, GitSpec, Lookup, Piece, ShellSpec, Span,
    StepAction, StepFlags, StepSpec, TaskSpec, Text,
};
use sha2::{Digest, Sha256};
use starlark::codemap::FileSpan;
use std::collections::{BTreeSet, HashMap};

/// Where a task installs, below the directory of its builder.
const PREFIX: &str = "prefix";

/// The property by which a stage's command names it.
const PROPERTY: &str = "prefix";

/// Checks the gates of a master and puts the builders of their tasks among the others.
pub(super) fn build(check: &Check<'_, '_>, draft: &mut Draft) -> Result<Vec<GateSpec>, ConfigError> {
    check.names("gate", "gate", draft.gates.iter().map(|g| (g.spec.spec.name.as_str(), &g.site)))?;
    let made = std::mem::take(&mut draft.gates);
    let mut branches: HashMap<(String, String), String> = HashMap::new();
    let mut gates = Vec::new();
    for Made { spec: gate, site } in made {
        let place = (gate.spec.push.clone(), gate.spec.branch.clone());
        if let Some(other) = branches.insert(place, gate.spec.name.clone()) {
            let (a, b) = (quoted(&other), quoted(&gate.spec.name));
            let message = format!("gates {a} and {b} land on the same branch {}", quoted(&gate.spec.branch));
            return Err(check.wrong(&site, "gate", "branch", message).with_help("one gate keeps one branch"));
        }
        let tasks = tasks(check, draft, &gate, &site)?;
        let workers = workers(check, draft, &gate, &site)?;
        let mut spec = gate.spec.clone();
        for task in &tasks {
            let builder = builder(&gate, task, &workers);
            spec.tasks.push(GateTask {
                name: task.name.clone(),
                builder: builder.name.clone(),
                after: task.after.clone(),
                paths: task.paths.clone(),
                does: does(&builder),
            });
            draft.builders.push(Made { spec: builder, site: site.clone() });
        }
        gates.push(spec);
    }
    Ok(gates)
}

/// The tasks that are named, with all that they wait for.
fn tasks(
    check: &Check<'_, '_>,
    draft: &Draft,
    gate: &GateDraft,
    site: &FileSpan,
) -> Result<Vec<TaskSpec>, ConfigError> {
    let all: Vec<&TaskSpec> = draft.tasks.iter().map(|made| &made.spec).collect();
    let name = quoted(&gate.spec.name);
    if all.is_empty() {
        let error = check.wrong(site, "gate", "tasks", format!("gate {name} has no tasks, and none is defined"));
        return Err(error.with_help("task(\"check\", stages = [stage(\"make\", [\"make\", \"check\"])])"));
    }
    let Some(named) = &gate.tasks else { return Ok(all.into_iter().cloned().collect()) };
    let known: HashMap<&str, &TaskSpec> = all.iter().map(|task| (task.name.as_str(), *task)).collect();
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = named.iter().map(String::as_str).collect();
    while let Some(next) = open.pop() {
        let Some(task) = known.get(next) else {
            let message = format!("gate {name} names task {}, which is not defined", quoted(next));
            let names: Vec<&str> = all.iter().map(|task| task.name.as_str()).collect();
            let error = check.wrong(site, "gate", "tasks", message);
            return Err(ConfigError { help: suggestion(next, "task", &names), ..error });
        };
        if wanted.insert(&task.name) {
            open.extend(task.after.iter().map(String::as_str));
        }
    }
    Ok(all.into_iter().filter(|task| wanted.contains(task.name.as_str())).cloned().collect())
}

fn workers(
    check: &Check<'_, '_>,
    draft: &Draft,
    gate: &GateDraft,
    site: &FileSpan,
) -> Result<Vec<String>, ConfigError> {
    let all: Vec<&str> = draft.workers.iter().map(|worker| worker.spec.name.as_str()).collect();
    let name = quoted(&gate.spec.name);
    if all.is_empty() {
        let error = check.wrong(site, "gate", "workers", format!("gate {name} has no worker to test on"));
        return Err(error.with_help("local_worker(\"here\", max_builds = 4)"));
    }
    let Some(named) = &gate.workers else { return Ok(all.into_iter().map(str::to_owned).collect()) };
    if let Some(unknown) = named.iter().find(|worker| !all.contains(&worker.as_str())) {
        let message = format!("gate {name} names worker {}, which is not defined", quoted(unknown));
        let error = check.wrong(site, "gate", "workers", message);
        return Err(ConfigError { help: suggestion(unknown, "worker", &all), ..error });
    }
    Ok(named.clone())
}

/// Stands for what a builder does, wherever that is written.
fn does(builder: &BuilderSpec) -> String {
    let mut steps = builder.steps.clone();
    steps.iter_mut().for_each(|step| step.defined_at = None);
    // Nothing of it has a cause to fail.
    let told = serde_json::to_vec(&(&steps, &builder.env)).unwrap_or_default();
    Sha256::digest(told).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The builder of a task: a fresh tree of the commit, then the stages; the first that fails ends it.
fn builder(gate: &GateDraft, task: &TaskSpec, workers: &[String]) -> BuilderSpec {
    let spec = &gate.spec;
    let name = format!("{}-{}", spec.name, task.tag());
    let mut steps = vec![checkout(gate, task)];
    let mut stages: Vec<StepSpec> = task.stages.iter().map(|stage| staged(stage, task)).collect();
    if stages.iter().any(installs) {
        let remove = FileSpec::Remove { paths: vec![PREFIX.into()] };
        let tidy = StepSpec::new(free(task, "tidy"), StepAction::File(remove));
        steps.push(StepSpec { flags: StepFlags::HALTING, ..tidy });
        stages.iter_mut().for_each(with_prefix);
    }
    steps.extend(stages);
    BuilderSpec {
        description: format!("task {} of the gate {}", task.name, spec.name),
        tags: vec!["gate".to_owned(), spec.name.clone()],
        steps,
        builddir: address::directory(&name),
        env: gate.env.clone(),
        properties: [
            property("gate", spec.name.as_str(), "Gate"),
            property("task", task.name.as_str(), "Gate"),
            property(PROPERTY, "$SLUICE_PREFIX", "Gate"),
        ]
        .into(),
        collapse: Collapse::Never,
        defined_at: spec.defined_at.clone(),
        ..BuilderSpec::new(name, workers.to_vec())
    }
}

fn checkout(gate: &GateDraft, task: &TaskSpec) -> StepSpec {
    let git = GitSpec {
        repository: gate.spec.repository.clone().into(),
        branch: Some(gate.spec.branch.clone().into()),
        mode: GitMode::Copy,
        workdir: "build".into(),
        codebase: String::new(),
        submodules: gate.submodules,
        shallow: None,
        retry: Some((Span::seconds(5), 3)),
        always_use_latest: false,
        timeout: Some(Span::seconds(1200)),
    };
    StepSpec { flags: StepFlags::HALTING, ..StepSpec::new(free(task, "checkout"), StepAction::Git(git)) }
}

/// A name that no stage of the task has.
fn free(task: &TaskSpec, name: &str) -> String {
    let taken = task.stages.iter().any(|stage| stage.name == name);
    if taken { format!("sluice {name}") } else { name.to_owned() }
}

/// A stage within the time of its task. A warning is no reason to keep a change out.
fn staged(stage: &StepSpec, task: &TaskSpec) -> StepSpec {
    let mut stage = stage.clone();
    if let StepAction::Shell(shell) = &mut stage.action {
        shell.max_time = shell.max_time.into_iter().chain(task.max_time).min();
    }
    stage
}

fn is_prefix(piece: &Piece) -> bool {
    matches!(piece, Piece::Lookup { of: Lookup::Property(name), .. } if name == PROPERTY)
}

fn has_prefix(text: &Text) -> bool {
    matches!(text, Text::Pieces(pieces) if pieces.iter().any(is_prefix))
}

fn installs(stage: &StepSpec) -> bool {
    let StepAction::Shell(ShellSpec { command, .. }) = &stage.action else { return false };
    match command {
        CommandLine::Words(words) => words.iter().any(has_prefix),
        CommandLine::Script(script) => has_prefix(script),
    }
}

/// Only the worker knows where it works, so its shell says what the prefix is.
fn with_prefix(stage: &mut StepSpec) {
    if !installs(stage) {
        return;
    }
    let StepAction::Shell(shell) = &mut stage.action else { return };
    let depth = shell.workdir.plain().unwrap_or("build").split('/').filter(|part| !part.is_empty()).count();
    let up = vec![".."; depth].join("/");
    let head = format!("SLUICE_PREFIX=\"$(cd {up} && pwd)/{PREFIX}\"; export SLUICE_PREFIX\n");
    shell.command = match std::mem::replace(&mut shell.command, CommandLine::Words(Vec::new())) {
        CommandLine::Script(script) => {
            let mut pieces = vec![Piece::Literal(head)];
            pieces.extend(pieces_of(script));
            CommandLine::Script(Text::Pieces(pieces))
        }
        CommandLine::Words(words) => words_with_prefix(head, words),
    };
}

/// Words that name the prefix stand in a script, all others are handed to it as they are.
fn words_with_prefix(head: String, words: Vec<Text>) -> CommandLine {
    let mut script = format!("{head}exec");
    let mut others = Vec::new();
    for word in words {
        if !has_prefix(&word) {
            others.push(word);
            script.push_str(&format!(" \"${{{}}}\"", others.len()));
            continue;
        }
        script.push(' ');
        for piece in pieces_of(word) {
            match piece {
                Piece::Literal(text) => script.push_str(&shell::quoted(&text)),
                Piece::Lookup { .. } => script.push_str("\"$SLUICE_PREFIX\""),
            }
        }
    }
    let mut line: Vec<Text> = vec!["sh".into(), "-c".into(), script.into(), "sh".into()];
    line.extend(others);
    CommandLine::Words(line)
}

fn pieces_of(text: Text) -> Vec<Piece> {
    match text {
        Text::Plain(text) => vec![Piece::Literal(text)],
        Text::Pieces(pieces) => pieces,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Form;

    #[test]
    fn words_that_name_the_prefix_are_the_shells() {
        let prefix = || Piece::Lookup { of: Lookup::Property(PROPERTY.to_owned()), form: Form::Value };
        let word = Text::Pieces(vec![Piece::Literal("--prefix=".to_owned()), prefix()]);
        let line = words_with_prefix("H;".to_owned(), vec!["./configure".into(), word, "a b".into()]);
        let CommandLine::Words(words) = line else { panic!("no words") };
        let plain: Vec<&str> = words.iter().map(|w| w.plain().unwrap()).collect();
        assert_eq!(
            plain,
            ["sh", "-c", "H;exec \"${1}\" --prefix=\"$SLUICE_PREFIX\" \"${2}\"", "sh", "./configure", "a b"]
        );
    }
}
