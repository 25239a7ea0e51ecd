//! Schedulers that wait for each other, and builds that ask for builds: what they name exists, and no chain is a circle.

use super::circle::circle_from;
use super::{Check, function_of, locks};
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::Draft;
use model::{SchedulerKind, SchedulerSpec, StepAction, StepSpec};
use std::collections::{HashMap, HashSet};

pub(super) fn check(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    let schedulers: HashMap<&str, &SchedulerSpec> =
        draft.schedulers.iter().map(|s| (s.spec.name.as_str(), &s.spec)).collect();
    upstreams(check, draft, &schedulers)?;
    triggers(check, draft, &schedulers)?;
    circles(check, draft)
}

/// Every dependent scheduler has one to depend on, and none depends on itself.
fn upstreams(
    check: &Check<'_, '_>,
    draft: &Draft,
    schedulers: &HashMap<&str, &SchedulerSpec>,
) -> Result<(), ConfigError> {
    let mut fine: HashSet<&str> = HashSet::new();
    for made in &draft.schedulers {
        let mut chain: Vec<&str> = Vec::new();
        let mut here = &made.spec;
        while let SchedulerKind::Dependent { upstream } = &here.kind {
            let wrong = |message| check.wrong(&made.site, &function_of(&made.spec.kind), "upstream", message);
            if fine.contains(here.name.as_str()) {
                break;
            }
            if let Some(first) = chain.iter().position(|name| *name == here.name) {
                let mut circle = chain[first..].to_vec();
                circle.push(&here.name);
                return Err(wrong(format!("schedulers depend on each other in a circle: {}", circle.join(" → "))));
            }
            chain.push(&here.name);
            let Some(next) = schedulers.get(upstream.as_str()) else {
                let all: Vec<_> = schedulers.keys().copied().filter(|name| *name != made.spec.name).collect();
                let (name, upstream_name) = (quoted(&here.name), quoted(upstream));
                let error = wrong(format!("scheduler {name} depends on {upstream_name}, which is not defined"));
                return Err(ConfigError { help: suggestion(upstream, "scheduler", &sorted(all)), ..error });
            };
            here = next;
        }
        fine.extend(chain);
    }
    Ok(())
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

/// What a step triggers, if it does.
fn triggered(step: &StepSpec) -> &[String] {
    match &step.action {
        StepAction::Trigger(trigger) => &trigger.schedulers,
        _ => &[],
    }
}

/// Every scheduler that a step triggers is there, and lets itself be triggered.
fn triggers(
    check: &Check<'_, '_>,
    draft: &Draft,
    schedulers: &HashMap<&str, &SchedulerSpec>,
) -> Result<(), ConfigError> {
    for step in draft.builders.iter().flat_map(|made| &made.spec.steps) {
        for name in triggered(step) {
            let what = quoted(name);
            let (message, help) = match schedulers.get(name.as_str()).map(|s| &s.kind) {
                Some(SchedulerKind::Triggerable) => continue,
                Some(other) => (
                    format!("a step triggers scheduler {what}, which is {}", function_of(other)),
                    Some(format!(
                        "only schedulers.triggerable can be triggered: give it builders and call it in {what}'s place"
                    )),
                ),
                None => {
                    let triggerable = schedulers.values().filter(|s| s.kind == SchedulerKind::Triggerable);
                    let all = sorted(triggerable.map(|s| s.name.as_str()).collect());
                    let help = suggestion(name, "triggerable scheduler", &all);
                    (format!("a step triggers scheduler {what}, which is not defined"), help)
                }
            };
            let error = locks::at_step(check, ConfigError { help, ..ConfigError::new(message) }, step);
            return Err(error);
        }
    }
    Ok(())
}

/// A builder or a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node<'d> {
    Builder(&'d str),
    Scheduler(&'d str),
}

impl Node<'_> {
    fn words(self) -> String {
        match self {
            Node::Builder(name) => format!("builder {}", quoted(name)),
            Node::Scheduler(name) => format!("scheduler {}", quoted(name)),
        }
    }
}

/// No build asks for another build of its own builder, by whatever chain.
fn circles(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    let mut next: HashMap<Node<'_>, Vec<Node<'_>>> = HashMap::new();
    for made in &draft.builders {
        let names = made.spec.steps.iter().flat_map(triggered);
        let nodes: Vec<_> = names.map(|name| Node::Scheduler(name)).collect();
        if !nodes.is_empty() {
            next.insert(Node::Builder(&made.spec.name), nodes);
        }
    }
    if next.is_empty() {
        return Ok(());
    }
    for made in &draft.schedulers {
        let here = next.entry(Node::Scheduler(&made.spec.name)).or_default();
        here.extend(made.spec.builders.iter().map(|name| Node::Builder(name)));
        if let SchedulerKind::Dependent { upstream } = &made.spec.kind {
            next.entry(Node::Scheduler(upstream)).or_default().push(Node::Scheduler(&made.spec.name));
        }
    }
    let mut done: HashSet<Node<'_>> = HashSet::new();
    for made in &draft.builders {
        let Some(circle) = circle_from(Node::Builder(&made.spec.name), &next, &mut done) else { continue };
        let first = circle.iter().find_map(|node| match node {
            Node::Builder(name) => draft.builders.iter().find(|b| b.spec.name == *name),
            Node::Scheduler(_) => None,
        });
        let words: Vec<_> = circle.iter().map(|node| node.words()).collect();
        let message = format!("these start each other without end: {}", words.join(" → "));
        let error = ConfigError::new(message).with_help("a build may not ask for builds of its own builder");
        let step = first.and_then(|b| b.spec.steps.iter().find(|step| !triggered(step).is_empty()));
        return Err(match step {
            Some(step) => locks::at_step(check, error, step),
            None => error,
        });
    }
    Ok(())
}
