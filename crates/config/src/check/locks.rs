//! Locks: each can be had, and nobody waits for himself.

use super::Check;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::{Draft, Made};
use crate::sites;
use model::{BuilderSpec, LockAccess, LockSpec, LockUse};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

pub(super) fn check(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    let workers: Vec<&str> = draft.workers.iter().map(|w| w.spec.name.as_str()).collect();
    for made in &draft.locks {
        if let Some(unknown) = made.spec.max_count_for_worker.keys().find(|w| !workers.contains(&w.as_str())) {
            let (lock, worker) = (quoted(&made.spec.name), quoted(unknown));
            let message = format!("lock {lock} names worker {worker}, which is not defined");
            let error = check.wrong(&made.site, "locks.worker", "max_count_for_worker", message);
            return Err(ConfigError { help: suggestion(unknown, "worker", &workers), ..error });
        }
    }
    let locks: HashMap<&str, &LockSpec> = draft.locks.iter().map(|l| (l.spec.name.as_str(), &l.spec)).collect();
    draft.builders.iter().try_for_each(|made| of_builder(check, made, &locks))?;
    circles(check, draft)
}

/// Nobody holds a lock and waits for one whose holder may wait for the first. A build has the locks of its builder all
/// the time, and asks for those of a step when it comes to it.
fn circles(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    let mut waits: BTreeMap<&str, Vec<Wait<'_>>> = BTreeMap::new();
    for made in &draft.builders {
        let of_steps: BTreeSet<&str> =
            made.spec.steps.iter().flat_map(|step| &step.locks).map(|held| held.lock.as_str()).collect();
        for held in &made.spec.locks {
            let asked = of_steps.iter().map(|lock| Wait { lock, made });
            waits.entry(&held.lock).or_default().extend(asked);
        }
    }
    let Some(circle) = waits.keys().find_map(|start| way_back(&waits, start)) else { return Ok(()) };
    let (Some(last), Some(first)) = (circle.last(), circle.first()) else { return Ok(()) };
    let mut from = last.lock;
    let said = circle.iter().map(|wait| {
        let held = std::mem::replace(&mut from, wait.lock);
        format!("{} holds {} and its steps wait for {}", quoted(&wait.made.spec.name), quoted(held), quoted(wait.lock))
    });
    let message = format!("builders may wait for each other's locks for ever: {}", said.collect::<Vec<_>>().join("; "));
    Err(check.wrong(&first.made.site, "builder", "locks", message).with_help(
        "give the locks of the steps to the builders, which take all that they need at once, or take them in one order",
    ))
}

/// A builder that asks for a lock while it holds another.
#[derive(Clone, Copy)]
struct Wait<'d> {
    lock: &'d str,
    made: &'d Made<BuilderSpec>,
}

/// The shortest way from a lock back to itself.
fn way_back<'d>(waits: &BTreeMap<&'d str, Vec<Wait<'d>>>, start: &'d str) -> Option<Vec<Wait<'d>>> {
    let mut ways = VecDeque::from([(start, Vec::new())]);
    let mut seen = HashSet::new();
    while let Some((lock, way)) = ways.pop_front() {
        for wait in waits.get(lock).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(*wait);
            if wait.lock == start {
                return Some(longer);
            }
            if seen.insert(wait.lock) {
                ways.push_back((wait.lock, longer));
            }
        }
    }
    None
}

fn of_builder(
    check: &Check<'_, '_>,
    made: &Made<BuilderSpec>,
    locks: &HashMap<&str, &LockSpec>,
) -> Result<(), ConfigError> {
    let builder = &made.spec;
    let wrong = |message: String| check.wrong(&made.site, "builder", "locks", message);
    if let Some((held, most)) = builder.locks.iter().find_map(|held| Some((held, never(held, builder, locks)?))) {
        return Err(wrong(never_free(builder, held, most)).with_help("take fewer places, or make the lock larger"));
    }
    for step in &builder.steps {
        if let Some((held, most)) = step.locks.iter().find_map(|held| Some((held, never(held, builder, locks)?))) {
            let error = ConfigError::new(never_free(builder, held, most));
            return Err(at_step(check, error, step).with_help("take fewer places, or make the lock larger"));
        }
        if let Some(held) = step.locks.iter().find(|held| builder.locks.iter().any(|b| b.lock == held.lock)) {
            let (lock, name) = (quoted(&held.lock), quoted(&builder.name));
            let message =
                format!("builder {name} holds the lock {lock}, and its step {} waits for it", quoted(&step.name));
            let error = wrong(message).with_help("give it to the builder or to the step");
            return Err(match &step.defined_at {
                Some(place) => error.with_note(format!("the step is in {place}")),
                None => error,
            });
        }
    }
    Ok(())
}

/// How many places there are at most, where that is too few on each of the builder's workers.
fn never(held: &LockUse, builder: &BuilderSpec, locks: &HashMap<&str, &LockSpec>) -> Option<u32> {
    let LockAccess::Counting(places) = held.access else { return None };
    let lock = locks.get(held.lock.as_str())?;
    let most = builder.workers.iter().map(|worker| lock.room(worker)).max()?;
    (places > most).then_some(most)
}

fn never_free(builder: &BuilderSpec, held: &LockUse, most: u32) -> String {
    let places = match held.access {
        LockAccess::Counting(places) => places,
        LockAccess::Exclusive => 0,
    };
    let (lock, name) = (quoted(&held.lock), quoted(&builder.name));
    format!("{places} places of the lock {lock} are never free on the workers of builder {name}: they have {most}")
}

/// The error at the call that made a step.
pub(super) fn at_step(check: &Check<'_, '_>, mut error: ConfigError, step: &model::StepSpec) -> ConfigError {
    let steps = check.registry.steps.borrow();
    let made = steps.iter().find(|made| made.spec.defined_at == step.defined_at && made.spec.action == step.action);
    if let Some(made) = made {
        sites::point(&mut error, &made.site);
    }
    error
}
