//! Forcing: somebody asks for builds.

use crate::World;
use crate::build_set::{self, NewSet, NewStamp};
use model::property::property;
use model::{Build, BuildSet, BuilderId, Properties, SchedulerKind, Time, Transition};

/// A wish for builds. What is not said takes its default.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The force scheduler; `None` takes the first that has all the builders.
    pub scheduler: Option<String>,
    /// Builders; empty is all of the scheduler's.
    pub builders: Vec<BuilderId>,
    /// Who asks.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// What to build.
    pub stamp: NewStamp,
    /// Higher goes first.
    pub priority: i64,
    /// Properties of the builds.
    pub properties: Properties,
}

/// Why a wish is not granted, as texts by field of the form.
pub type Refusal = Vec<(String, String)>;

/// The set that grants a wish, or what is wrong with it.
///
/// # Errors
/// By field: an unknown scheduler or builder, a builder that the scheduler does not have.
pub fn grant(world: &World, wish: Wish, now: Time) -> Result<Transition, Refusal> {
    let scheduler = find_scheduler(world, &wish)?;
    let builders = match wish.builders.is_empty() {
        true => scheduler.builders.iter().filter_map(|n| world.builder_named(n)).map(|b| b.builder.id).collect(),
        false => wish.builders,
    };
    let mut properties = scheduler.properties.clone();
    properties.extend(wish.properties);
    properties.extend([
        property("scheduler", scheduler.name.as_str(), "Scheduler"),
        property("owner", wish.owner.as_str(), "Force Build Form"),
        property("reason", wish.reason.as_str(), "Force Build Form"),
    ]);
    let set = NewSet {
        reason: forced_reason(&wish.owner, &wish.reason),
        scheduler: scheduler.name.clone(),
        builders,
        stamps: vec![wish.stamp],
        priority: wish.priority,
        properties,
        ..NewSet::default()
    };
    Ok(build_set::file(set, &mut world.next.clone(), now))
}

fn forced_reason(owner: &str, reason: &str) -> String {
    let who = if owner.is_empty() { "somebody" } else { owner };
    match reason.is_empty() {
        true => format!("forced by {who}"),
        false => format!("forced by {who}: {reason}"),
    }
}

fn find_scheduler<'w>(world: &'w World, wish: &Wish) -> Result<&'w model::SchedulerSpec, Refusal> {
    let field = |name: &str, text: String| vec![(name.to_owned(), text)];
    let mut names = Vec::new();
    for id in &wish.builders {
        match world.builder(*id).filter(|b| b.spec.is_some()) {
            Some(state) => names.push(state.builder.name.as_str()),
            None => return Err(field("builderNames", format!("there is no builder {id} in the configuration"))),
        }
    }
    let forces = || world.config.schedulers.iter().filter(|s| matches!(s.kind, SchedulerKind::Force(_)));
    let has_all = |s: &&model::SchedulerSpec| names.iter().all(|n| s.builders.iter().any(|b| b == n));
    match &wish.scheduler {
        Some(wanted) => {
            let found = forces().find(|s| s.name == *wanted);
            let found = found.ok_or_else(|| field("scheduler", format!("there is no force scheduler \"{wanted}\"")))?;
            match has_all(&found) {
                true => Ok(found),
                false => Err(field("builderNames", format!("the force scheduler \"{wanted}\" does not have them all"))),
            }
        }
        None => forces().find(has_all).ok_or_else(|| {
            let what = format!(
                "no force scheduler has {}; add schedulers.force(\"force\", builders = [...]) to the configuration",
                names.join(", ")
            );
            field("builderNames", what)
        }),
    }
}

/// A set that repeats an old build: the same source, exactly, with the properties of its set.
pub fn rebuild(world: &World, build: &Build, old: &BuildSet, owner: &str, now: Time) -> Transition {
    let got = build.properties.get("got_revision").and_then(|p| p.value.as_text()).map(str::to_owned);
    let stamps = old.stamps.iter().map(|s| NewStamp {
        repository: s.repository.clone(),
        branch: s.branch.clone(),
        revision: s.revision.clone().or_else(|| got.clone()),
        project: s.project.clone(),
        codebase: s.codebase.clone(),
        patch: s.patch.clone(),
        changes: s.changes.clone(),
    });
    let who = if owner.is_empty() { "somebody" } else { owner };
    let set = NewSet {
        reason: format!("rebuilt by {who}: build {} again", build.number),
        scheduler: old.scheduler.clone(),
        builders: vec![build.builder],
        stamps: stamps.collect(),
        properties: old.properties.clone(),
        rebuilt: Some(build.id),
        ..NewSet::default()
    };
    build_set::file(set, &mut world.next.clone(), now)
}
