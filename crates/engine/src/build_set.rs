//! Build sets: filing them, ending them, and calling them complete.

use crate::{World, scheduler};
use model::request::RequestStatus;
use model::{
    BuildId, BuildSet, BuildSetId, BuildSetStatus, BuilderId, ChangeId, NextIds, ParentStep, Patch, Properties,
    Request, RequestId, Results, SourceStamp, SourceStampId, Time, Transition, Waits,
};

/// A set to be filed. What is not said takes its default.
#[derive(Clone, Debug, Default)]
pub struct NewSet {
    /// Why, in words.
    pub reason: String,
    /// Who files it.
    pub scheduler: String,
    /// A name for finding it again.
    pub external_id: Option<String>,
    /// Builders that are asked.
    pub builders: Vec<BuilderId>,
    /// What to build.
    pub stamps: Vec<NewStamp>,
    /// Higher goes first.
    pub priority: i64,
    /// Properties of its builds.
    pub properties: Properties,
    /// The build that it repeats.
    pub rebuilt: Option<BuildId>,
    /// The step that files it.
    pub parent: Option<ParentStep>,
}

/// A source stamp to be filed.
#[derive(Clone, Debug, Default)]
pub struct NewStamp {
    /// Where the source lives; may be empty when the step knows.
    pub repository: String,
    /// `None` is the default branch.
    pub branch: Option<String>,
    /// `None` is the latest.
    pub revision: Option<String>,
    /// May be empty.
    pub project: String,
    /// Empty for the only one.
    pub codebase: String,
    /// Applied after the checkout.
    pub patch: Option<Patch>,
    /// The changes that led to it, oldest first.
    pub changes: Vec<ChangeId>,
}

/// The transition that files a set. `next` moves on past the ids that it takes.
pub fn file(new: NewSet, next: &mut NextIds, now: Time) -> Transition {
    let set_id = BuildSetId::take(&mut next.set);
    let waited_for = new.parent.is_some_and(|p| p.waits != Waits::Not);
    let stamps = new.stamps.into_iter().map(|s| stamp(s, next, now)).collect();
    let requests: Vec<Request> = new
        .builders
        .iter()
        .map(|builder| Request {
            id: RequestId::take(&mut next.request),
            set: set_id,
            builder: *builder,
            priority: new.priority,
            submitted_at: now,
            waited_for,
            retries: 0,
            cancel: None,
            status: RequestStatus::Waiting,
        })
        .collect();
    let set = BuildSet {
        id: set_id,
        reason: new.reason,
        scheduler: new.scheduler,
        external_id: new.external_id,
        submitted_at: now,
        stamps,
        requests: requests.iter().map(|r| r.id).collect(),
        properties: new.properties,
        rebuilt: new.rebuilt,
        parent: new.parent,
        status: match requests.is_empty() {
            true => BuildSetStatus::Complete { at: now, results: Results::Success },
            false => BuildSetStatus::Open,
        },
    };
    Transition::SetFiled { set, requests }
}

fn stamp(new: NewStamp, next: &mut NextIds, now: Time) -> SourceStamp {
    SourceStamp {
        id: SourceStampId::take(&mut next.stamp),
        repository: new.repository,
        branch: new.branch,
        revision: new.revision,
        project: new.project,
        codebase: new.codebase,
        patch: new.patch,
        created_at: now,
        changes: new.changes,
    }
}

/// Sets whose last request has ended are complete, with the worst of their requests as result. The sets that follow on
/// that are filed with it.
pub(crate) fn finish(world: &World, now: Time, todo: &mut Vec<Transition>) {
    let mut next = world.next.clone();
    for id in &world.ended_sets {
        if let Some(open) = world.sets.get(id) {
            todo.push(Transition::SetFinished { set: *id, at: now, results: open.worst });
            scheduler::follow_end(world, &open.set, open.worst, &mut next, now, todo);
        }
    }
}

/// Somebody does not want a set any more: each of its open requests is cancelled as [`crate::request::cancel`] has it.
/// Empty: it is not open.
pub fn cancel(world: &World, set: BuildSetId, reason: &str, now: Time) -> Vec<Transition> {
    let requests = world.sets.get(&set).map(|s| s.set.requests.as_slice()).unwrap_or_default();
    requests.iter().flat_map(|id| crate::request::cancel(world, *id, reason, now)).collect()
}

/// The set that is known to fail from this transition on, though others of its requests may still be open. Ask before
/// the world takes the transition; each set is named at most once.
pub fn first_failure(world: &World, transition: &Transition) -> Option<BuildSetId> {
    let Transition::RequestFinished { request, results, .. } = transition else { return None };
    let open = world.requests.get(request).and_then(|r| world.sets.get(&r.set))?;
    (!results.is_good() && open.worst.is_good()).then_some(open.set.id)
}
