//! Following changes: what a scheduler makes of a change, and of those that wait.
//!
//! Changes wait in lanes. Without codebases there is a lane for each source (branch, codebase, repository), because a
//! set without codebases builds one source. With codebases a scheduler of any branch has a lane for each branch, and
//! the others have one lane for all.
//!
//! A change that is important starts the timer of its lane; every further change of the lane, important or not, starts
//! a timer that runs anew, because the tree is not at rest. Without a timer an important change files a set at once.
//! Either way the set takes all that waited in the lane.

use super::filter::{change_value, passes};
use super::{codebase, properties, reason};
use crate::World;
use crate::build_set::NewSet;
use model::{Change, Follow, Lane, Properties, SchedulerKind, SchedulerSpec, SchedulerState, Time};
use std::collections::BTreeMap;

/// A lane keeps the newest so many changes. Those before them are built all the same, but not named.
const CHANGES_PER_LANE: usize = 1000;
/// So many lanes may wait without an important change; the one that was quiet for longest goes first.
const UNIMPORTANT_LANES: usize = 1000;
/// What is kept of a function's complaint.
const TROUBLE_CHARS: usize = 500;

/// Shows a change to a scheduler that follows some. It may file a set at once, start a timer, or remember the change
/// for later. `fresh` are the changes that the world does not know yet, this one included.
pub(crate) fn hear(
    world: &World,
    spec: &SchedulerSpec,
    state: &mut SchedulerState,
    fresh: &BTreeMap<model::ChangeId, Change>,
    change: &Change,
    now: Time,
) -> Option<NewSet> {
    let follow = spec.kind.follows().filter(|_| state.enabled)?;
    if !is_of_sources(spec, change) || !passed(world, follow, state, change) {
        return None;
    }
    let important = is_important(world, follow, state, change);
    if !important && follow.only_important {
        return None;
    }
    let key = lane_key(spec, change);
    let lane = state.lanes.entry(key.clone()).or_default();
    lane.changes.push(change.id);
    let surplus = lane.changes.len().saturating_sub(CHANGES_PER_LANE);
    lane.changes.drain(..surplus);
    let has_table = matches!(spec.kind, SchedulerKind::Periodic { .. } | SchedulerKind::Nightly { .. });
    let restarts = important || lane.fire_at.is_some();
    match follow.tree_stable_timer {
        _ if has_table && important => {
            lane.fire_at.get_or_insert(now);
            state.changed = true;
        }
        _ if has_table => {}
        Some(quiet) if restarts => lane.fire_at = Some(now + quiet),
        None if important => {
            let lane = state.lanes.remove(&key)?;
            state.last_fired = Some(now);
            return set_of_lane(world, spec, &lane, fresh);
        }
        Some(_) | None => {}
    }
    forget_the_quietest(state);
    None
}

/// A change of a codebase that the scheduler does not build is none of its business, nor is one of another branch
/// where the sets of a table are of one branch.
fn is_of_sources(spec: &SchedulerSpec, change: &Change) -> bool {
    let of_branch = match &spec.kind {
        SchedulerKind::Periodic { branch: Some(branch), .. } | SchedulerKind::Nightly { branch: Some(branch), .. } => {
            change.facts.branch.as_ref() == Some(branch)
        }
        _ => true,
    };
    of_branch && (spec.codebases.is_empty() || spec.codebases.contains_key(&change.facts.codebase))
}

/// A filter's function that gives no answer lets the change through: nothing is lost.
fn passed(world: &World, follow: &Follow, state: &mut SchedulerState, change: &Change) -> bool {
    let functions = world.surroundings.functions.as_ref();
    match passes(&follow.filter, &change.facts, &world.compiled, functions) {
        Ok(passes) => {
            if follow.filter.function.is_some() && follow.is_important.is_none() {
                state.trouble = None;
            }
            passes
        }
        Err(error) => {
            state.trouble = Some(trouble(change, &error.message, "it was let through"));
            true
        }
    }
}

/// A function that gives no answer makes the change important: nothing is lost.
fn is_important(world: &World, follow: &Follow, state: &mut SchedulerState, change: &Change) -> bool {
    let Some(function) = &follow.is_important else { return true };
    match world.surroundings.functions.call(function, &[change_value(&change.facts)]) {
        Ok(answer) => {
            state.trouble = None;
            model::render::is_true(&answer)
        }
        Err(error) => {
            state.trouble = Some(trouble(change, &error.message, "it was taken as important"));
            true
        }
    }
}

fn trouble(change: &Change, error: &str, so: &str) -> String {
    let name = change.facts.short_revision().map_or_else(|| change.id.to_string(), str::to_owned);
    let error: String = error.chars().take(TROUBLE_CHARS).collect();
    format!("of the change {name}, {so}: {error}")
}

fn lane_key(spec: &SchedulerSpec, change: &Change) -> String {
    let facts = &change.facts;
    let branch = facts.branch.as_deref().unwrap_or_default();
    if !spec.codebases.is_empty() {
        return match &spec.kind {
            SchedulerKind::AnyBranch(_) => branch.to_owned(),
            _ => String::new(),
        };
    }
    let parts = [branch, &facts.codebase, &facts.repository];
    let parts = parts.map(|part| part.replace('\\', r"\\").replace('\n', r"\n"));
    parts.join("\n").trim_end_matches('\n').to_owned()
}

fn forget_the_quietest(state: &mut SchedulerState) {
    let quiet = || state.lanes.iter().filter(|(_, lane)| lane.fire_at.is_none());
    if state.lanes.len() > UNIMPORTANT_LANES && quiet().count() > UNIMPORTANT_LANES {
        let quietest = quiet().min_by_key(|(_, lane)| lane.changes.last().copied()).map(|(key, _)| key.clone());
        quietest.map(|key| state.lanes.remove(&key));
    }
}

/// The sets of the lanes whose timers have run out.
pub(super) fn due(world: &World, spec: &SchedulerSpec, state: &mut SchedulerState, now: Time) -> Vec<NewSet> {
    take_lanes(world, spec, state, |lane| lane.fire_at.is_some_and(|at| at <= now))
}

/// The sets of the lanes that an important change came to.
pub(super) fn changed(world: &World, spec: &SchedulerSpec, state: &mut SchedulerState) -> Vec<NewSet> {
    state.changed = false;
    take_lanes(world, spec, state, |lane| lane.fire_at.is_some())
}

fn take_lanes(
    world: &World,
    spec: &SchedulerSpec,
    state: &mut SchedulerState,
    is_due: impl Fn(&Lane) -> bool,
) -> Vec<NewSet> {
    let lanes = std::mem::take(&mut state.lanes);
    let (due, waiting): (BTreeMap<_, _>, _) = lanes.into_iter().partition(|(_, lane)| is_due(lane));
    state.lanes = waiting;
    due.values().filter_map(|lane| set_of_lane(world, spec, lane, &BTreeMap::new())).collect()
}

/// One set for all changes of a lane: each codebase is built as its newest change left it. `None`: no change of the
/// lane is known any more.
fn set_of_lane(
    world: &World,
    spec: &SchedulerSpec,
    lane: &Lane,
    fresh: &BTreeMap<model::ChangeId, Change>,
) -> Option<NewSet> {
    let find = |id| world.changes.get(id).or_else(|| fresh.get(id));
    let changes: Vec<&Change> = lane.changes.iter().filter_map(find).collect();
    if changes.is_empty() {
        return None;
    }
    let mut carried = Properties::new();
    for change in &changes {
        carried.extend(change.facts.properties.clone());
    }
    Some(NewSet {
        reason: reason(spec),
        scheduler: spec.name.clone(),
        builders: super::builder_ids(world, spec),
        stamps: codebase::stamps(spec, &changes, None),
        priority: spec.priority,
        properties: properties(spec, &carried),
        ..NewSet::default()
    })
}
