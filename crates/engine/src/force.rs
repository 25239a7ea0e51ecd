//! Forcing: somebody asks for builds.

mod parameter;

use crate::build_set::{self, NewSet, NewStamp};
use crate::{World, scheduler};
use model::property::property;
use model::{
    Build, BuildSet, BuilderId, ForceSpec, ParameterKind, Properties, SchedulerKind, SchedulerSpec, Time, Transition,
    Value,
};
use std::collections::BTreeMap;

/// Where the properties of a form come from, as Buildbot says it.
const SOURCE: &str = "Force Build Form";

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
    /// Higher goes first; zero is the scheduler's own.
    pub priority: i64,
    /// What was filled into the form's own fields. A field that the form does not have is an error.
    pub fields: BTreeMap<String, Value>,
    /// Further properties of the builds. What has the name of a field of the form is taken as filled into it.
    pub properties: Properties,
}

/// Why a wish is not granted, as texts by field of the form.
pub type Refusal = Vec<(String, String)>;

/// The set that grants a wish, or what is wrong with it.
///
/// # Errors
/// By field: an unknown scheduler or builder, a builder that the scheduler does not have, a scheduler that is turned
/// off, a codebase that it does not build, and whatever is wrong with the form's own fields.
pub fn grant(world: &World, mut wish: Wish, now: Time) -> Result<Transition, Refusal> {
    let (spec, form) = find_scheduler(world, &wish)?;
    let builders = match wish.builders.is_empty() {
        true => scheduler::builder_ids(world, spec),
        false => std::mem::take(&mut wish.builders),
    };
    let mut properties = spec.properties.clone();
    properties.extend(filled(world, form, &mut wish, &builders)?);
    properties.extend([
        property("scheduler", spec.name.as_str(), "Scheduler"),
        property("owner", wish.owner.as_str(), SOURCE),
        property("reason", wish.reason.as_str(), SOURCE),
    ]);
    let set = NewSet {
        reason: forced_reason(&wish.owner, &wish.reason),
        scheduler: spec.name.clone(),
        builders,
        stamps: stamps(spec, wish.stamp)?,
        priority: if wish.priority == 0 { spec.priority } else { wish.priority },
        properties,
        ..NewSet::default()
    };
    Ok(build_set::file(set, &mut world.next.clone(), now))
}

/// The properties that a form gives: its fields, checked, with what they take when nothing was filled in.
fn filled(world: &World, form: &ForceSpec, wish: &mut Wish, builders: &[BuilderId]) -> Result<Properties, Refusal> {
    let mut all = std::mem::take(&mut wish.properties);
    let mut fields = std::mem::take(&mut wish.fields);
    let mut wrong = Refusal::new();
    let workers = workers_of_all(world, builders);
    for parameter in &form.parameters {
        let name = &parameter.name;
        let beside = all.remove(name).map(|p| p.value);
        match parameter::value(parameter, fields.remove(name).or(beside), &workers, &world.compiled) {
            Ok(value) => all.extend([property(name, value, SOURCE)]),
            Err(what) => wrong.push((name.clone(), what)),
        }
    }
    wrong.extend(fields.into_keys().map(|name| (name, "this scheduler has no such field".to_owned())));
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// The workers that every one of the builders may run on.
fn workers_of_all<'w>(world: &'w World, builders: &[BuilderId]) -> Vec<&'w str> {
    let specs: Vec<_> = builders.iter().filter_map(|id| world.builder(*id)?.spec.as_deref()).collect();
    let first = specs.first().map(|s| s.workers.as_slice()).unwrap_or_default();
    first.iter().filter(|w| specs.iter().all(|s| s.workers.contains(w))).map(String::as_str).collect()
}

/// The worker that whoever filed a set has chosen in a form; its builds run nowhere else. `None`: any.
pub fn chosen_worker<'s>(world: &World, set: &'s BuildSet) -> Option<&'s str> {
    let spec = world.scheduler_entry(&set.scheduler)?.spec.as_ref()?;
    let SchedulerKind::Force(form) = &spec.kind else { return None };
    let fields = form.parameters.iter().filter(|p| matches!(p.kind, ParameterKind::Worker { .. }));
    let mut chosen = fields.filter_map(|p| set.properties.get(&p.name)?.value.as_text());
    chosen.find(|name| !name.is_empty())
}

/// What is built: the source of the wish, in its codebase; what the scheduler says, in the others.
pub(crate) fn stamps(spec: &SchedulerSpec, mut stamp: NewStamp) -> Result<Vec<NewStamp>, Refusal> {
    if spec.codebases.is_empty() {
        return Ok(vec![stamp]);
    }
    let names: Vec<&str> = spec.codebases.keys().map(String::as_str).collect();
    let says_something = stamp.branch.is_some() || stamp.revision.is_some() || !stamp.repository.is_empty();
    if !spec.codebases.contains_key(&stamp.codebase) {
        match (names.as_slice(), stamp.codebase.is_empty()) {
            ([one], true) => stamp.codebase = (*one).to_owned(),
            (_, true) if !says_something => return Ok(scheduler::complete(spec, |_| None, None)),
            (all, true) => return refused("codebase", format!("say which one is meant: {}", all.join(", "))),
            (all, false) => return refused("codebase", format!("'{}' is none of {}", stamp.codebase, all.join(", "))),
        }
    }
    // What the wish leaves open is as the scheduler has it; another branch does not keep the revision of its own.
    if let Some(default) = spec.codebases.get(&stamp.codebase) {
        if stamp.branch.is_none() {
            stamp.branch = default.branch.clone();
            stamp.revision = stamp.revision.or_else(|| default.revision.clone());
        }
        for (said, usual) in [(&mut stamp.repository, &default.repository), (&mut stamp.project, &default.project)] {
            if said.is_empty() {
                said.clone_from(usual);
            }
        }
    }
    Ok(scheduler::complete(spec, |name| (name == stamp.codebase).then(|| stamp.clone()), None))
}

pub(crate) fn refused<T>(field: &str, what: String) -> Result<T, Refusal> {
    Err(vec![(field.to_owned(), what)])
}

fn forced_reason(owner: &str, reason: &str) -> String {
    let who = if owner.is_empty() { "somebody" } else { owner };
    match reason.is_empty() {
        true => format!("forced by {who}"),
        false => format!("forced by {who}: {reason}"),
    }
}

fn find_scheduler<'w>(world: &'w World, wish: &Wish) -> Result<(&'w SchedulerSpec, &'w ForceSpec), Refusal> {
    let mut names = Vec::new();
    for id in &wish.builders {
        match world.builder(*id).filter(|b| b.spec.is_some()) {
            Some(state) => names.push(state.builder.name.as_str()),
            None => return refused("builderNames", format!("there is no builder {id} in the configuration")),
        }
    }
    let forces = || {
        world.config.schedulers.iter().filter_map(|s| match &s.kind {
            SchedulerKind::Force(form) => Some((s, form)),
            _ => None,
        })
    };
    let has_all = |s: &SchedulerSpec| names.iter().all(|n| s.builders.iter().any(|b| b == n));
    let is_on = |s: &SchedulerSpec| world.scheduler_named(&s.name).is_none_or(|stored| stored.state.enabled);
    let off = |name: &str| refused("scheduler", format!("the force scheduler \"{name}\" is turned off"));
    if let Some(wanted) = &wish.scheduler {
        return match forces().find(|(s, _)| s.name == *wanted) {
            None => refused("scheduler", format!("there is no force scheduler \"{wanted}\"")),
            Some((s, _)) if !has_all(s) => {
                refused("builderNames", format!("the force scheduler \"{wanted}\" does not have them all"))
            }
            Some((s, _)) if !is_on(s) => off(wanted),
            Some(found) => Ok(found),
        };
    }
    let mut able = forces().filter(|(s, _)| has_all(s));
    let first = able.next();
    match first.into_iter().chain(able).find(|(s, _)| is_on(s)).ok_or(first) {
        Ok(found) => Ok(found),
        Err(Some((s, _))) => off(&s.name),
        Err(None) => {
            let what = format!(
                "no force scheduler has {}; add schedulers.force(\"force\", builders = [...]) to the configuration",
                names.join(", ")
            );
            refused("builderNames", what)
        }
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
