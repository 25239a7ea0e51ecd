//! What a gate knows, and how it is kept: everything of a turn in one commit.

use gate::{Adaptive, CandidateId, Commit, Policy, Promise, Queue, Settings, TrialId};
use model::{
    BuildSetId, GateCandidate, GateDecision, GatePolicy, GatePromise, GateSpec, GateTask, GateTrial, GateTurn, Time,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) queue: Queue,
    /// Candidates that wait, or that a trial has on it.
    pub(super) candidates: BTreeMap<CandidateId, Own>,
    pub(super) trials: BTreeMap<TrialId, Run>,
    /// The tasks that footprints are told in.
    tasks: Vec<GateTask>,
    /// The branch that the line is for; `None`: it was not written down yet.
    #[serde(default)]
    branch: Option<String>,
    pub(super) next_candidate: u64,
    next_decision: i64,
    /// Commits that were decided, and are still published for this gate to fetch.
    #[serde(default)]
    pub(super) done: Vec<String>,
    #[serde(skip)]
    fresh: Fresh,
}

/// A candidate, and its commits, oldest first.
#[derive(Serialize, Deserialize)]
pub(super) struct Own {
    pub(super) facts: GateCandidate,
    pub(super) commits: Vec<String>,
}

/// A trial, and how far its builds are.
#[derive(Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) facts: GateTrial,
    /// Tasks of this level run now; those that they wait for are on lower ones.
    pub(super) level: usize,
    /// Tasks that passed on this tree.
    pub(super) passed: BTreeSet<String>,
    /// The set whose end is awaited.
    pub(super) current: Option<BuildSetId>,
}

/// What is otherwise than when it was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Nothing that matters.
    Same,
    /// What was tested was tested by other tasks.
    OtherTasks,
    /// Who waits wanted to land elsewhere.
    OtherBranch,
}

/// What changed in this turn.
#[derive(Default)]
struct Fresh {
    candidates: BTreeMap<CandidateId, GateCandidate>,
    trials: BTreeMap<TrialId, GateTrial>,
    decisions: Vec<GateDecision>,
}

impl Kept {
    /// A gate that was never there before, on a branch that is at `tip`.
    pub(super) fn new(spec: &GateSpec, tip: String) -> Self {
        Self {
            queue: Queue::new(settings(spec), Commit(tip)),
            candidates: BTreeMap::new(),
            trials: BTreeMap::new(),
            tasks: spec.tasks.clone(),
            branch: Some(spec.branch.clone()),
            next_candidate: 1,
            next_decision: 1,
            done: Vec::new(),
            fresh: Fresh::default(),
        }
    }

    /// What was kept, under the configuration that is in force now, and what is otherwise than before.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(text: &str, spec: &GateSpec) -> Result<(Self, Since), serde_json::Error> {
        let mut value: Value = serde_json::from_str(text)?;
        let others = value.get("tasks") != Some(&serde_json::to_value(&spec.tasks)?);
        if others {
            // What a change touches is told in numbers of tasks, which are others now.
            forget_footprints(&mut value, &serde_json::to_value(gate::Footprint::ALL)?);
        }
        if let Some(queue) = value.get_mut("queue") {
            queue["settings"] = serde_json::to_value(settings(spec))?;
        }
        let waiting = approvals_as_configured(&mut value, spec);
        let mut kept: Kept = serde_json::from_value(value)?;
        kept.tasks.clone_from(&spec.tasks);
        waiting.into_iter().for_each(|id| kept.touch_candidate(id));
        let before = kept.branch.replace(spec.branch.clone());
        let since = match before.is_some_and(|branch| branch != spec.branch) {
            true => Since::OtherBranch,
            false if others => Since::OtherTasks,
            false => Since::Same,
        };
        Ok((kept, since))
    }

    /// A candidate is new or changed.
    pub(super) fn touch_candidate(&mut self, id: CandidateId) {
        if let Some(own) = self.candidates.get(&id) {
            self.fresh.candidates.insert(id, own.facts.clone());
        }
    }

    /// A trial is new or changed.
    pub(super) fn touch_trial(&mut self, id: TrialId) {
        if let Some(run) = self.trials.get(&id) {
            self.fresh.trials.insert(id, run.facts.clone());
        }
    }

    /// Something was heard or decided.
    pub(super) fn say(
        &mut self,
        gate: &str,
        at: Time,
        kind: &str,
        (candidate, trial): (Option<CandidateId>, Option<TrialId>),
        reason: String,
    ) {
        let number = self.next_decision;
        self.next_decision += 1;
        self.fresh.decisions.push(GateDecision {
            gate: gate.to_owned(),
            number,
            at,
            kind: kind.to_owned(),
            candidate: candidate.map(number_of),
            trial: trial.map(|t| i64::try_from(t.0).unwrap_or(i64::MAX)),
            reason,
        });
    }

    /// What is to be written, as the turn of this number. `None`: nothing happened.
    ///
    /// # Errors
    /// It cannot be put into words; nothing of ours has a cause for that.
    pub(super) fn turn(&mut self, gate: &str, turn: i64) -> Result<Option<GateTurn>, serde_json::Error> {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh.decisions.is_empty() && fresh.candidates.is_empty() && fresh.trials.is_empty() && turn > 1 {
            return Ok(None);
        }
        Ok(Some(GateTurn {
            gate: gate.to_owned(),
            turn,
            state: serde_json::to_string(self)?,
            candidates: fresh.candidates.into_values().collect(),
            trials: fresh.trials.into_values().collect(),
            decisions: fresh.decisions,
        }))
    }
}

/// A candidate's number as it is shown.
pub(super) fn number_of(id: CandidateId) -> i64 {
    i64::try_from(id.0).unwrap_or(i64::MAX)
}

/// A number that was shown, as a candidate's.
pub(super) fn candidate_of(number: i64) -> CandidateId {
    CandidateId(u64::try_from(number).unwrap_or(u64::MAX))
}

fn settings(spec: &GateSpec) -> Settings {
    let slots = spec.slots as usize;
    let policy = match spec.policy {
        GatePolicy::Adaptive => Policy::Adaptive(Adaptive::default()),
        GatePolicy::Serial => Policy::Serial,
        GatePolicy::Train => Policy::Train { window: slots },
        GatePolicy::Batch => Policy::Batch { most: 8 },
    };
    let promise = match spec.promise {
        GatePromise::EachCommit => Promise::EachCommit,
        GatePromise::Tip => Promise::Tip,
    };
    Settings { promise, retries: spec.retries, retries_a_day: spec.retries_a_day, ..Settings::new(policy, slots) }
}

/// Who waits needs the approvals that are wanted now, of those who may give them now. Those for whom that is otherwise
/// than before.
fn approvals_as_configured(value: &mut Value, spec: &GateSpec) -> Vec<CandidateId> {
    let mut others = Vec::new();
    let waiting = value.pointer("/queue/waiting").and_then(Value::as_object);
    for id in waiting.map(|all| all.keys().cloned().collect::<Vec<_>>()).unwrap_or_default() {
        for place in [format!("/queue/waiting/{id}"), format!("/candidates/{id}/facts")] {
            let Some(candidate) = value.pointer_mut(&place) else { continue };
            let before = candidate.clone();
            candidate["wanted"] = spec.approvals.into();
            if let Some(given) = candidate.get_mut("approvals").and_then(Value::as_array_mut) {
                let may = |who: &str| spec.approvers.is_empty() || spec.approvers.iter().any(|name| name == who);
                given.retain(|who| who.as_str().is_some_and(may));
            }
            if *candidate != before {
                others.extend(id.parse().map(CandidateId));
            }
        }
    }
    others
}

fn forget_footprints(value: &mut Value, all: &Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if name == "footprint" { value.clone_from(all) } else { forget_footprints(value, all) }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| forget_footprints(value, all)),
        _ => {}
    }
}
