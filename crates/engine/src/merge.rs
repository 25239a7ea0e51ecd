//! Merging: which waiting requests one build answers together.
//!
//! Requests of one builder merge when their sets have the same *class*, so merging is an equivalence and its outcome
//! does not depend on the order in which anybody looks. Every line must hold:
//!
//! | what | merges |
//! |---|---|
//! | a set that another build waits for (`trigger` with `wait`) | never |
//! | a try | never |
//! | the codebases, and of each its repository, project and branch | equal |
//! | both stamps of a codebase come from changes | yes, whatever their revisions: the newest is built |
//! | one stamp comes from changes, the other does not | no |
//! | no changes, revisions | equal; none only with none |
//! | no changes, patches | none, or equal |
//! | asked for by somebody (forced, tried, rebuilt) | only if every stamp is the latest of its branch: no revision, no patch |
//! | properties, but for what the scheduler sets for each set ([`PER_SET`]) | equal |
//!
//! The newest request is the one whose source is built; the others come along, and so do their changes.

use crate::world::BuilderState;
use crate::{World, policy, tried};
use model::{BuildSet, Collapse, Properties, RequestId, SourceStamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Properties that a scheduler sets anew for each set: they say who asked and why, not what is built.
pub(crate) const PER_SET: [&str; 5] = ["scheduler", "owner", "owners", "reason", "virtual_builder_name"];

/// At most so many requests are shown to a function of the configuration at once.
pub(crate) const MOST_SHOWN: usize = 100;

/// What sets must have in common for their requests to merge. Opaque: only equality means anything.
pub(crate) type Class = Arc<str>;

/// The class of a set; `None`: its requests never merge.
pub(crate) fn class(set: &BuildSet, waited_for: bool) -> Option<Class> {
    if waited_for || is_tried(set) {
        return None;
    }
    let asked = is_asked_for(set);
    let stamps: Option<Vec<_>> = set.stamps.iter().map(|s| stamp_class(s, asked)).collect();
    let mut stamps = stamps?;
    stamps.sort_unstable();
    let properties: Properties = set
        .properties
        .iter()
        .filter(|(n, _)| !PER_SET.contains(&n.as_str()))
        .map(|(n, p)| (n.clone(), p.clone()))
        .collect();
    let values: Vec<_> = properties.iter().map(|(name, p)| (name, &p.value)).collect();
    Some(format!("{stamps:?} {values:?}").into())
}

fn stamp_class(stamp: &SourceStamp, asked: bool) -> Option<String> {
    let what = (&stamp.codebase, &stamp.repository, &stamp.project, &stamp.branch);
    let latest = stamp.revision.is_none() && stamp.patch.is_none();
    if asked && !latest {
        return None;
    }
    if !stamp.changes.is_empty() && stamp.patch.is_none() && !asked {
        return Some(format!("{what:?} from changes"));
    }
    let patch = stamp.patch.as_ref().map(|p| (p.level, &p.subdir, &p.body));
    Some(format!("{what:?} {:?} {patch:?}", stamp.revision))
}

/// Somebody asked for this very set: by a form, by a try, by a rebuild. What a scheduler files by itself has no owner.
pub(crate) fn is_asked_for(set: &BuildSet) -> bool {
    set.rebuilt.is_some() || set.properties.get("owner").is_some_and(|p| p.source != "Scheduler")
}

/// Somebody's patch is what it builds: nobody else's build may answer it, nor it anybody else.
fn is_tried(set: &BuildSet) -> bool {
    set.properties.get("owner").is_some_and(|p| p.source == tried::SOURCE)
}

/// Sets of one lane follow each other: a newer one makes the older ones superfluous where the builder says so. `None`:
/// somebody asked for it, another build waits for it, or no change led to it.
pub(crate) fn lane(set: &BuildSet) -> Option<Class> {
    let from_changes = !set.stamps.is_empty() && set.stamps.iter().any(|s| !s.changes.is_empty());
    if !from_changes || is_asked_for(set) || set.parent.is_some() {
        return None;
    }
    let mut branches: Vec<_> = set.stamps.iter().map(|s| (&s.codebase, &s.repository, &s.project, &s.branch)).collect();
    branches.sort_unstable();
    Some(format!("{branches:?}").into())
}

/// Requests that one build answers.
pub(crate) struct Group {
    /// The newest: its source is built.
    pub(crate) primary: RequestId,
    /// The others, oldest first.
    pub(crate) also: Vec<RequestId>,
    /// What is to be said about a function that failed.
    pub(crate) note: Option<String>,
}

/// Everybody who goes with a request that is about to start, by the builder's rule. `taken` are spoken for already.
pub(crate) fn group(world: &World, builder: &BuilderState, first: RequestId, taken: &BTreeSet<RequestId>) -> Group {
    let collapse = builder.spec.as_ref().map_or(Collapse::Never, |s| s.collapse.clone());
    let (mut all, note) = match collapse {
        Collapse::Never => (vec![first], None),
        Collapse::SameSource => (same_source(world, builder, first), None),
        Collapse::Function(function) => match by_function(world, builder, first, &function) {
            Ok(all) => (all, None),
            Err(message) => (same_source(world, builder, first), Some(policy::note("collapse", &message))),
        },
    };
    all.retain(|id| *id == first || !taken.contains(id));
    all.sort_unstable_by_key(|id| world.requests.get(id).map(|r| (r.submitted_at, r.id)));
    let primary = all.pop().unwrap_or(first);
    Group { primary, also: all, note }
}

fn same_source(world: &World, builder: &BuilderState, first: RequestId) -> Vec<RequestId> {
    let class = world.requests.get(&first).and_then(|r| world.sets.get(&r.set)).and_then(|s| s.class.as_ref());
    match class.and_then(|class| builder.queue.classes.get(class)) {
        Some(ids) => ids.iter().copied().collect(),
        None => vec![first],
    }
}

fn by_function(
    world: &World,
    builder: &BuilderState,
    first: RequestId,
    function: &model::FunctionRef,
) -> Result<Vec<RequestId>, String> {
    let mut all = vec![first];
    let shown = policy::request(world, first);
    for (_, other) in builder.queue.order.iter().filter(|(_, id)| *id != first).take(MOST_SHOWN) {
        let answer = policy::call(world, function, &[shown.clone(), policy::request(world, *other)])?;
        if model::render::is_true(&answer) {
            all.push(*other);
        }
    }
    Ok(all)
}
