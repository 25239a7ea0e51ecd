//! Triggerable schedulers: a set that a step of another build asks for.

use super::{builder_ids, codebase, properties, reason};
use crate::World;
use crate::build_set::{self, NewSet, NewStamp};
use model::property::property;
use model::{NextIds, ParentStep, Properties, SchedulerKind, Time, Transition, Value, Waits};

/// How many builds may have asked for one another in a row.
pub const DEEPEST: i64 = 16;
/// The property that counts them. Dependent schedulers hand it on as well, so that no detour hides a circle.
pub const DEPTH: &str = "trigger_depth";

/// What a step asks a triggerable scheduler for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What to build. What is missing is as the scheduler's codebases say; without those, the latest of the default
    /// branch.
    pub stamps: Vec<NewStamp>,
    /// Properties that stand above the scheduler's.
    pub properties: Properties,
}

/// The set that a step asks a triggerable scheduler for.
///
/// # Errors
/// A sentence for the step: there is no such triggerable scheduler, it is turned off, none of its builders is known,
/// or builds have asked for one another too often in a row.
pub fn trigger(
    world: &World,
    scheduler: &str,
    parent: ParentStep,
    asked: Asked,
    next: &mut NextIds,
    now: Time,
) -> Result<Transition, String> {
    let Asked { stamps, properties: asked } = asked;
    let entry = world.scheduler_entry(scheduler);
    let configured =
        entry.and_then(|e| e.spec.as_ref()).zip(entry).filter(|(s, _)| s.kind == SchedulerKind::Triggerable);
    let Some((spec, entry)) = configured else {
        return Err(format!("there is no triggerable scheduler '{scheduler}'"));
    };
    if !entry.scheduler.state.enabled {
        return Err(format!("the scheduler '{scheduler}' is turned off"));
    }
    let builders = builder_ids(world, spec);
    if builders.is_empty() {
        return Err(format!("no builder of the scheduler '{scheduler}' is in the configuration"));
    }
    let running = world.build(parent.build);
    let depth = match running.and_then(|b| b.build.properties.get(DEPTH)).map(|p| &p.value) {
        Some(Value::Int(depth)) => depth.saturating_add(1),
        _ => 1,
    };
    if depth > DEEPEST {
        return Err(format!(
            "builds have asked for one another {DEEPEST} times in a row; '{scheduler}' seems to lead back to itself"
        ));
    }
    let mut all = properties(spec, &Properties::new());
    all.extend(asked);
    all.extend([property(DEPTH, depth, "Trigger")]);
    let by = running.and_then(|b| Some((b.build.number, &world.builder(b.build.builder)?.builder.name)));
    let words = match (by, &spec.reason) {
        (Some((number, builder)), None) => format!("{}, for build {number} of {builder}", reason(spec)),
        _ => reason(spec),
    };
    let known = |codebase: &str| stamps.iter().find(|s| s.codebase == codebase).cloned();
    let stamps = match (spec.codebases.is_empty(), stamps.is_empty()) {
        (true, true) => vec![NewStamp::default()],
        (true, false) => stamps,
        (false, _) => codebase::complete(spec, known, None),
    };
    let new = NewSet {
        reason: words,
        scheduler: spec.name.clone(),
        builders,
        stamps,
        priority: spec.priority,
        properties: all,
        ..NewSet::default()
    };
    let mut filed = build_set::file(new, next, now);
    if let Transition::SetFiled { set, requests } = &mut filed {
        set.parent = Some(parent);
        for request in requests {
            request.waited_for = parent.waits != Waits::Not;
        }
    }
    Ok(filed)
}
