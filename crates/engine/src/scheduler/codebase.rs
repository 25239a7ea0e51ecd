//! Which sources a set has: one stamp per codebase.

use crate::build_set::NewStamp;
use model::{Change, ChangeId, NewChange, SchedulerSpec};

/// One stamp for each codebase: where changes came, the source of the newest of them, with all of them; elsewhere what
/// the scheduler says is built when no change says so, which is the latest unless it names a revision. A scheduler
/// without codebases has one stamp, and `branch` is what it builds when there is no change.
pub(super) fn stamps(spec: &SchedulerSpec, changes: &[&Change], branch: Option<&str>) -> Vec<NewStamp> {
    let of = |codebase: &str| -> Option<NewStamp> {
        let same: Vec<&&Change> = changes.iter().filter(|c| c.facts.codebase == codebase).collect();
        let newest = same.last()?;
        Some(of_change(&newest.facts, same.iter().map(|c| c.id).collect()))
    };
    if spec.codebases.is_empty() {
        let nothing = || NewStamp { branch: branch.map(str::to_owned), ..NewStamp::default() };
        return vec![changes.last().and_then(|c| of(&c.facts.codebase)).unwrap_or_else(nothing)];
    }
    complete(spec, |name| of(name), branch)
}

/// A stamp for each codebase of the scheduler: the one that is known, else the default. `branch` stands in where the
/// codebase names none.
pub(crate) fn complete(
    spec: &SchedulerSpec,
    known: impl Fn(&str) -> Option<NewStamp>,
    branch: Option<&str>,
) -> Vec<NewStamp> {
    let stamps = spec.codebases.iter().map(|(name, default)| {
        known(name).unwrap_or_else(|| NewStamp {
            repository: default.repository.clone(),
            branch: default.branch.clone().or_else(|| branch.map(str::to_owned)),
            revision: default.revision.clone(),
            project: default.project.clone(),
            codebase: name.clone(),
            ..NewStamp::default()
        })
    });
    stamps.collect()
}

/// The source that a change leads to.
fn of_change(facts: &NewChange, changes: Vec<ChangeId>) -> NewStamp {
    NewStamp {
        repository: facts.repository.clone(),
        branch: facts.branch.clone(),
        revision: facts.revision.clone(),
        project: facts.project.clone(),
        codebase: facts.codebase.clone(),
        patch: None,
        changes,
    }
}
