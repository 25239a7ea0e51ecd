//! What the pages of gates show.

use super::{Names, Trouble, among, newest};
use crate::Web;
use crate::pages::gate::{Gate, Tested};
use crate::pages::mark::Mark;
use model::{CandidateStatus, GateTrial, GateTrialStatus, GateView, Query, RequestStatus};
use std::collections::{BTreeMap, HashMap};

/// So many decisions are shown.
const DECISIONS: u64 = 60;

/// So many that ended are shown.
const ENDED: u64 = 20;

/// So many trees that did not hold are shown.
const RESETS: u64 = 12;

/// All gates as they are.
pub(in crate::pages) async fn list(web: &Web) -> Result<Vec<GateView>, Trouble> {
    Ok(web.control.gates().await?)
}

/// The gate of this name, with its past.
pub(in crate::pages) async fn one(web: &Web, name: &str) -> Result<Gate, Trouble> {
    let view = web.control.gates().await?.into_iter().find(|gate| gate.spec.name == name);
    let view = view.ok_or_else(|| Trouble::Missing(format!("gate {name}")))?;
    let of = |query: Query| query.eq("gate", name);
    let [candidates, decided, tested] = [("candidateid", 2 * ENDED), ("number", DECISIONS), ("trialid", 4 * RESETS)]
        .map(|(by, most)| of(newest(by, most)));
    let (recent, decisions, trials) = tokio::try_join!(
        web.store.gate_candidates(&candidates),
        web.store.gate_decisions(&decided),
        web.store.gate_trials(&tested),
    )?;
    let mut resets = trials.rows;
    resets.retain(|t| did_not_hold(t.status) && !view.trials.iter().any(|now| now.id == t.id));
    resets.truncate(RESETS as usize);
    let when = |c: &model::GateCandidate| match &c.status {
        CandidateStatus::Ended { at, .. } => Some(*at),
        CandidateStatus::Waiting => None,
    };
    let mut ended: Vec<_> = recent.rows.into_iter().filter(|c| when(c).is_some()).collect();
    ended.sort_by_key(|c| std::cmp::Reverse(when(c)));
    ended.truncate(ENDED as usize);
    let decided = ended.iter().filter_map(|c| match &c.status {
        CandidateStatus::Ended { trial, .. } => *trial,
        CandidateStatus::Waiting => None,
    });
    let known = |id: i64| view.trials.iter().chain(&resets).any(|t| t.id == id);
    let past: Vec<i64> = decided.filter(|id| !known(*id)).collect();
    let past = match past.is_empty() {
        true => Vec::new(),
        false => web.store.gate_trials(&of(among("trialid", past))).await?.rows,
    };
    let builds = builds(web, &view, view.trials.iter().chain(&resets).chain(&past)).await?;
    Ok(Gate { view, decisions: decisions.rows, resets, ended, builds })
}

/// What was tested on such a tree has to be tested anew, or is not good.
fn did_not_hold(status: GateTrialStatus) -> bool {
    match status {
        GateTrialStatus::Running | GateTrialStatus::Green => false,
        GateTrialStatus::Red | GateTrialStatus::Conflict | GateTrialStatus::Broken | GateTrialStatus::Cancelled => true,
    }
}

/// The builds of trials: of each task the newest.
async fn builds(
    web: &Web,
    view: &GateView,
    trials: impl Iterator<Item = &GateTrial>,
) -> Result<BTreeMap<i64, Vec<Tested>>, Trouble> {
    let of_set: HashMap<i64, i64> = trials.flat_map(|t| t.sets.iter().map(|set| (set.0, t.id))).collect();
    if of_set.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sets = of_set.keys().copied();
    let (names, requests) =
        tokio::try_join!(Names::load(web), async { Ok(web.store.requests(&among("buildsetid", sets)).await?.rows) })?;
    let ids = requests.iter().map(|r| r.id.0);
    let builds = match requests.is_empty() {
        true => Vec::new(),
        false => web.store.builds(&among("buildrequestid", ids)).await?.rows,
    };
    let mut tested: BTreeMap<i64, BTreeMap<String, (i64, Tested)>> = BTreeMap::new();
    for request in &requests {
        let Some(trial) = of_set.get(&request.set.0) else { continue };
        let builder = names.builder(request.builder);
        let task = view.spec.tasks.iter().find(|t| t.builder == builder).map_or(&builder, |t| &t.name).clone();
        let build = builds.iter().filter(|b| b.request == request.id).max_by_key(|b| b.id.0);
        let mark = match (request.status, build) {
            (RequestStatus::Complete { results, .. }, _) => Mark::from(results),
            (_, Some(build)) => Mark::of(build.status.results()),
            (_, None) => Mark::Waiting,
        };
        let row = Tested { task: task.clone(), builder, number: build.map(|b| b.number), mark };
        let tasks = tested.entry(*trial).or_default();
        if tasks.get(&task).is_none_or(|(older, _)| *older < request.id.0) {
            tasks.insert(task, (request.id.0, row));
        }
    }
    Ok(tested.into_iter().map(|(trial, tasks)| (trial, tasks.into_values().map(|(_, row)| row).collect())).collect())
}
