//! `schedulers.…`: who files build sets, and when.

use super::{Def, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::registry::Made;
use crate::sites::Part;
use model::scheduler::ChangeFilter;
use model::{Follow, ForceSpec, Match, SchedulerKind, SchedulerSpec, Span};

/// What every scheduler has.
const COMMON: &[&str] = &["builders", "properties", "reason"];

pub(super) const SINGLE_BRANCH: Def = Def {
    path: "schedulers.single_branch",
    groups: &[&["name", "branch", "tree_stable_timer", "repository", "project", "category"], COMMON],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: single_branch,
};

pub(super) const PERIODIC: Def = Def {
    path: "schedulers.periodic",
    groups: &[&["name", "every", "branch", "interval"], COMMON],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: periodic,
};

pub(super) const FORCE: Def = Def {
    path: "schedulers.force",
    groups: &[&["name", "button"], COMMON],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: force,
};

/// `branch` not given: every change that the rest lets through; `None`: the default branch only.
fn single_branch(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let branch = call.formed("branch", address::branch)?;
    let filter = ChangeFilter {
        branch: call.value("branch").map_or(Match::Any, |_| Match::OneOf(vec![branch])),
        repository: exactly(call.text("repository")?),
        project: exactly(call.text("project")?),
        category: exactly(call.text("category")?),
        ..ChangeFilter::default()
    };
    let tree_stable_timer = call.duration("tree_stable_timer", Span::ZERO)?.filter(|t| *t > Span::ZERO);
    made(call, SchedulerKind::SingleBranch(Follow { filter, tree_stable_timer, ..Follow::default() }))
}

fn exactly(text: Option<String>) -> Match {
    text.map_or(Match::Any, Match::is)
}

fn periodic(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let branch = call.formed("branch", address::branch)?;
    let (every, interval) = (call.duration("every", SHORTEST)?, call.duration("interval", SHORTEST)?);
    let every = match (every, interval) {
        (Some(_), Some(_)) => {
            let message = "schedulers.periodic has both every and interval";
            return Err(call.wrong(Part::Name("interval"), message).help("they mean the same; give one of them"));
        }
        (None, None) => return Err(call.wrong(Part::Whole, "schedulers.periodic needs every").boxed()),
        (Some(every), None) | (None, Some(every)) => every,
    };
    made(call, SchedulerKind::Periodic { every, branch, if_changed: None })
}

/// The shortest time between two sets that nobody asked for.
const SHORTEST: Span = Span::seconds(1);

fn force(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let button = call.text("button")?.unwrap_or_else(|| "Force build".to_owned());
    if button.trim().is_empty() {
        return Err(call.wrong_value("button", "button of schedulers.force is empty").boxed());
    }
    made(call, SchedulerKind::Force(ForceSpec::new(button)))
}

fn made(call: &Call<'_, '_>, kind: SchedulerKind) -> Result<Outcome, Wrong> {
    let spec = SchedulerSpec {
        builders: call.names("builders", "builders")?,
        properties: call.properties("properties", "Scheduler")?,
        reason: call.text("reason")?,
        defined_at: call.place(),
        ..SchedulerSpec::new(top::required_name(call)?, kind)
    };
    let schedulers = &mut call.registry.draft.borrow_mut().schedulers;
    top::room_for_one(call, schedulers.len())?;
    schedulers.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}
