//! Locks: each can be had, and nobody waits for himself.

use super::Check;
use super::circle::circle_from;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::{Draft, Made};
use crate::sites;
use model::{BuilderSpec, LockAccess, LockSpec, LockUse};
use std::collections::{HashMap, HashSet};

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
    let mut waits: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut who: HashMap<(&str, &str), &Made<BuilderSpec>> = HashMap::new();
    for made in &draft.builders {
        let asked = made.spec.steps.iter().flat_map(|step| &step.locks).map(|asked| asked.lock.as_str());
        for (held, asked) in made.spec.locks.iter().flat_map(|h| asked.clone().map(|a| (h.lock.as_str(), a))) {
            if who.insert((held, asked), made).is_none() {
                waits.entry(held).or_default().push(asked);
            }
        }
    }
    let mut done = HashSet::new();
    let starts = draft.locks.iter().map(|made| made.spec.name.as_str());
    let Some(circle) = starts.into_iter().find_map(|lock| circle_from(lock, &waits, &mut done)) else { return Ok(()) };
    let mut first = None;
    let said = circle.windows(2).filter_map(|pair| {
        let made = who.get(&(pair[0], pair[1]))?;
        first.get_or_insert(*made);
        let (name, held, asked) = (quoted(&made.spec.name), quoted(pair[0]), quoted(pair[1]));
        Some(format!("{name} holds {held} and its steps wait for {asked}"))
    });
    let message = format!("builders may wait for each other's locks for ever: {}", said.collect::<Vec<_>>().join("; "));
    let error = match first {
        Some(made) => check.wrong(&made.site, "builder", "locks", message),
        None => ConfigError::new(message),
    };
    Err(error.with_help(
        "give the locks of the steps to the builders, which take all that they need at once, or take them in one order",
    ))
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
