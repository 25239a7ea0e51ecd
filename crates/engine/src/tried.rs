//! Trying: somebody wants a source built with a patch on it that is committed nowhere.

use crate::build_set::{self, NewSet, NewStamp};
use crate::{World, force, scheduler};
use model::property::property;
use model::{BuilderId, Properties, SchedulerKind, SchedulerSpec, Time, Transition};

/// Where what a try says of itself comes from, among the properties of its builds. By it a set is known to be a try.
pub const SOURCE: &str = "Try";

/// A wish to try something.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The scheduler.
    pub scheduler: String,
    /// Builders by name; empty is all of the scheduler's.
    pub builders: Vec<String>,
    /// Who asks.
    pub owner: String,
    /// What for; may be empty.
    pub comment: String,
    /// A name for finding it again; may be empty.
    pub id: String,
    /// The base, with the patch.
    pub stamp: NewStamp,
    /// Further properties of the builds.
    pub properties: Properties,
}

/// The set that grants a trial, or what is wrong with it. No try merges with anything: [`SOURCE`] says so.
///
/// # Errors
/// By part of the job: an unknown scheduler or one that is turned off, a builder that it does not have, a codebase that
/// it does not build, a property that it gives itself.
pub fn grant(world: &World, trial: Trial, now: Time) -> Result<Transition, force::Refusal> {
    let spec = spec(world, &trial.scheduler)?;
    let builders = builders(world, spec, &trial.builders)?;
    let mut properties = trial.properties;
    // What the configuration gives is not overruled by a stranger.
    properties.extend(spec.properties.clone());
    properties.extend([
        property("scheduler", spec.name.as_str(), "Scheduler"),
        property("owner", trial.owner.as_str(), SOURCE),
        property("reason", trial.comment.as_str(), SOURCE),
    ]);
    let set = NewSet {
        reason: reason(spec, &trial.owner, &trial.comment),
        scheduler: spec.name.clone(),
        external_id: (!trial.id.is_empty()).then_some(trial.id),
        builders,
        stamps: force::stamps(spec, trial.stamp)?,
        priority: spec.priority,
        properties,
        ..NewSet::default()
    };
    Ok(build_set::file(set, &mut world.next.clone(), now))
}

fn spec<'w>(world: &'w World, name: &str) -> Result<&'w SchedulerSpec, force::Refusal> {
    let known = world.config.schedulers.iter().find(|s| s.name == name && matches!(s.kind, SchedulerKind::Try(_)));
    let Some(spec) = known else { return force::refused("scheduler", format!("there is no try scheduler \"{name}\"")) };
    match world.scheduler_named(name).is_none_or(|stored| stored.state.enabled) {
        true => Ok(spec),
        false => force::refused("scheduler", format!("the try scheduler \"{name}\" is turned off")),
    }
}

fn builders(world: &World, spec: &SchedulerSpec, wanted: &[String]) -> Result<Vec<BuilderId>, force::Refusal> {
    if let Some(other) = wanted.iter().find(|b| !spec.builders.contains(b)) {
        let has = spec.builders.join(", ");
        let what = format!("the try scheduler \"{}\" has no builder \"{other}\"; it has {has}", spec.name);
        return force::refused("builderNames", what);
    }
    let mut all = scheduler::builder_ids(world, spec);
    all.retain(|id| {
        let name = world.builder(*id).map(|b| b.builder.name.as_str());
        wanted.is_empty() || wanted.iter().any(|w| Some(w.as_str()) == name)
    });
    Ok(all)
}

fn reason(spec: &SchedulerSpec, owner: &str, comment: &str) -> String {
    let who = if owner.is_empty() { "somebody" } else { owner };
    let what = spec.reason.as_deref().unwrap_or("try");
    match comment.is_empty() {
        true => format!("{what} by {who}"),
        false => format!("{what} by {who}: {comment}"),
    }
}
