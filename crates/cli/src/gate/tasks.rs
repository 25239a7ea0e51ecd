//! The tasks of a commit, and the configuration of a master that runs nothing else.

use crate::committed::{self, CommitTree, PIPELINE};
use crate::up::plan::{checkout, here, quiet, scheduler, web};
use anyhow::bail;
use config::detect::{Tree, detect};
use model::property::property;
use model::{
    BuilderSpec, CommandLine, Config, ForceSpec, ProjectSpec, SchedulerKind, ShellSpec, StepAction, StepFlags,
    StepSpec, TaskSpec,
};
use std::collections::BTreeSet;
use std::path::Path;
use vcs::git::LocalBranch;

/// What a gate's configuration has for the scheduler by which tasks are asked for.
pub(super) const SCHEDULER: &str = "gate";

/// The tasks that are to run, each after those that it waits for.
///
/// # Errors
/// The commit's `sluice.star` is not right, nothing says how it is built, or there is no task of a name.
pub(super) fn of(commit: &LocalBranch, asked: &[String]) -> anyhow::Result<Vec<TaskSpec>> {
    if let [only] = asked
        && let Some(program) = match only.as_str() {
            "pass" => Some("true"),
            "fail" => Some("false"),
            _ => None,
        }
    {
        return Ok(vec![task(only, vec![stage(only, program)])]);
    }
    let all = all(commit)?;
    if asked.is_empty() {
        return in_their_places(all, commit);
    }
    if let Some(unknown) = asked.iter().find(|name| !all.iter().any(|t| t.name == **name)) {
        let names: Vec<&str> = all.iter().map(|t| t.name.as_str()).collect();
        bail!(
            "there is no task {unknown}\nhelp: there are {}; and pass and fail, to try the gate itself",
            names.join(", ")
        );
    }
    let mut wanted: BTreeSet<&str> = asked.iter().map(String::as_str).collect();
    loop {
        let more: Vec<&str> = all
            .iter()
            .filter(|t| wanted.contains(t.name.as_str()))
            .flat_map(|t| t.after.iter().map(String::as_str))
            .filter(|name| !wanted.contains(name))
            .collect();
        if more.is_empty() {
            break;
        }
        wanted.extend(more);
    }
    let chosen: Vec<TaskSpec> = all.iter().filter(|t| wanted.contains(t.name.as_str())).cloned().collect();
    in_their_places(chosen, commit)
}

/// The tasks, if the tree has the directories that they work in. A command would be run in an empty one otherwise.
fn in_their_places(tasks: Vec<TaskSpec>, commit: &LocalBranch) -> anyhow::Result<Vec<TaskSpec>> {
    let tree = CommitTree(commit);
    match tasks.iter().find(|task| !task.dir.is_empty() && !tree.has_dir(&task.dir)) {
        Some(lost) => bail!("task {} works in {}, which is no directory of the tree", lost.name, lost.dir),
        None => Ok(in_order(tasks)),
    }
}

/// Each after those that it waits for, else as they were. The configuration has seen to it that there is no circle.
fn in_order(mut left: Vec<TaskSpec>) -> Vec<TaskSpec> {
    let mut placed: Vec<TaskSpec> = Vec::with_capacity(left.len());
    while let Some(at) =
        left.iter().position(|task| task.after.iter().all(|name| placed.iter().any(|p| p.name == *name)))
    {
        placed.push(left.remove(at));
    }
    placed
}

/// All tasks of a commit: those of its `sluice.star`; else its builders, or what its tree is built with.
fn all(commit: &LocalBranch) -> anyhow::Result<Vec<TaskSpec>> {
    if commit.files.contains(PIPELINE) {
        let pipeline = committed::pipeline(commit)?;
        if !pipeline.tasks.is_empty() {
            return Ok(pipeline.tasks);
        }
        return Ok(pipeline.builders.into_iter().map(|b| task(&b.name, b.steps)).collect());
    }
    match detect(&CommitTree(commit), crate::up::processors()) {
        Some(found) => Ok(vec![task("all", found.steps)]),
        None => bail!(
            "nothing says how this is tested\n\
             help: put a {PIPELINE} at the root of the tree, such as\n\
             \n    task(\"all\", stages = [stage(\"make\", [\"make\"]), stage(\"test\", [\"make\", \"check\"])])\n"
        ),
    }
}

/// Whether two tasks do the same, wherever that is written.
pub(super) fn does_the_same(a: &TaskSpec, b: &TaskSpec) -> bool {
    let bare = |task: &TaskSpec| {
        let mut task = TaskSpec { defined_at: None, ..task.clone() };
        task.stages.iter_mut().for_each(|stage| stage.defined_at = None);
        task
    };
    bare(a) == bare(b)
}

fn task(name: &str, stages: Vec<StepSpec>) -> TaskSpec {
    TaskSpec {
        name: name.to_owned(),
        dir: String::new(),
        stages,
        after: Vec::new(),
        paths: Vec::new(),
        max_time: None,
        defined_at: None,
    }
}

fn stage(name: &str, program: &str) -> StepSpec {
    let shell = ShellSpec::new(CommandLine::words([program]));
    StepSpec { flags: StepFlags::HALTING, ..StepSpec::new(name, StepAction::Shell(shell)) }
}

/// A master for these tasks: a builder for each, which takes its tree from the clone at `tree` and installs below
/// `prefixes`; one worker on this machine with room for `jobs` of them.
pub(super) fn config(tasks: &[TaskSpec], tree: &Path, prefixes: &Path, jobs: u32) -> Config {
    let builders: Vec<BuilderSpec> = tasks.iter().map(|task| builder(task, tree, prefixes)).collect();
    let names: Vec<String> = builders.iter().map(|b| b.name.clone()).collect();
    let mut worker = here(builders.len());
    worker.max_builds = jobs;
    Config {
        project: ProjectSpec { title: "gate".to_owned(), ..ProjectSpec::default() },
        web: web("127.0.0.1:0"),
        workers: vec![worker],
        builders,
        schedulers: vec![scheduler(SCHEDULER, SchedulerKind::Force(ForceSpec::new("Test")), &names)],
        ..Config::default()
    }
}

fn builder(task: &TaskSpec, tree: &Path, prefixes: &Path) -> BuilderSpec {
    let tag = task.tag();
    let mut steps = vec![checkout(&tree.display().to_string(), "HEAD")];
    steps.extend(task.stages.iter().cloned());
    quiet(&mut steps);
    let prefix = prefixes.join(&tag).display().to_string();
    BuilderSpec {
        description: task.name.clone(),
        steps,
        properties: [property("prefix", prefix.as_str(), "Gate"), property("task", task.name.as_str(), "Gate")].into(),
        ..BuilderSpec::new(tag, vec!["here".to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_stand_after_those_that_they_wait_for() {
        let made = [("c", "b"), ("a", ""), ("b", "a"), ("d", "")].map(|(name, after)| TaskSpec {
            after: after.split_whitespace().map(str::to_owned).collect(),
            ..task(name, Vec::new())
        });
        let names: Vec<String> = in_order(made.into()).into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }
}
