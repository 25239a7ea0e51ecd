//! The documents of a gate: who waits in its line, its trials, and what was decided.
//!
//! `GET /api/v2/gates`, `/gates/NAME`, `/gates/NAME/candidates`, `…/candidates/ID`, `/gates/NAME/trials`,
//! `…/trials/ID`, `/gates/NAME/decisions`. Moments are whole seconds.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::{CandidateStatus, GatePolicy, GatePromise, Time};
use serde::{Deserialize, Serialize};

/// A gate as it is at this moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// The repository that the branch is read from.
    pub repository: String,
    /// The branch that is landed on.
    pub branch: String,
    /// The commit at its tip, as far as is known; empty: it was never seen.
    pub tip: String,
    /// So many trees are tested at once.
    pub slots: u32,
    /// So many approvals are wanted.
    pub approvals: u32,
    /// `adaptive`, `serial`, `train`, `batch`.
    pub policy: String,
    /// `each commit` or `tip`: what was tested of what lands.
    pub promise: String,
    /// What must pass.
    pub tasks: Vec<GateTask>,
    /// Why nothing is done until somebody looked.
    pub halted: Option<String>,
    /// What keeps it from working for now; it tries again by itself.
    pub trouble: Option<String>,
    /// The push that is under way.
    pub landing: Option<GateLanding>,
    /// How long a trial usually takes, in seconds.
    pub trial_length: Option<f64>,
    /// Who waits, the first first.
    pub line: Vec<GatePlace>,
    /// Trials that may still matter, the oldest first.
    pub trials: Vec<GateTrial>,
    /// When this was so.
    pub now: i64,
}

/// A task of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTask {
    /// Its name.
    pub name: String,
    /// The builder that does it.
    pub builder: String,
    /// Tasks that must have passed before it begins.
    pub after: Vec<String>,
    /// What it depends on; empty: everything.
    pub paths: Vec<String>,
}

/// A push that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLanding {
    /// Whose tree.
    pub trial: i64,
    /// The commit.
    pub commit: String,
    /// Candidates that are new on the branch by it.
    pub members: Vec<i64>,
    /// How it stands, in words.
    pub state: String,
}

/// A place in the line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatePlace {
    /// Who.
    pub candidate: GateCandidate,
    /// What it waits for, in words that follow its name.
    pub waits: String,
    /// The trial that may land it most likely.
    pub trial: Option<i64>,
    /// The chance of that, from 0 to 1.
    pub chance: Option<f64>,
    /// When it may land, if the likeliest happens.
    pub expected: Option<i64>,
}

/// A change that somebody wants on the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCandidate {
    /// Its gate.
    pub gate: String,
    /// Its number within the gate.
    pub candidateid: i64,
    /// The commit that was handed in.
    pub commit: String,
    /// Its title.
    pub subject: String,
    /// Who handed it in.
    pub owner: String,
    /// How many commits it has of its own.
    pub commits: u32,
    /// When it came.
    pub submitted_at: i64,
    /// Higher goes first.
    pub priority: i64,
    /// Candidates that must land before it.
    pub needs: Vec<i64>,
    /// So many approvals are wanted.
    pub wanted: u32,
    /// Who approved.
    pub approvals: Vec<String>,
    /// `waiting`, `landed`, `rejected`, `conflict`, `dependency_failed`, `withdrawn`.
    pub state: String,
    /// When it was decided.
    pub ended_at: Option<i64>,
    /// Why it ended so, in a sentence.
    pub reason: Option<String>,
    /// The trial that decided it.
    pub trial: Option<i64>,
    /// Tests that failed, or files in conflict.
    pub tests: Vec<String>,
    /// The commit that is on the branch.
    pub landed_commit: Option<String>,
}

/// A test of one tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTrial {
    /// Its gate.
    pub gate: String,
    /// Its number within the gate.
    pub trialid: i64,
    /// The commit of the branch that it stands on.
    pub on: String,
    /// Candidates that are on it, in order.
    pub members: Vec<i64>,
    /// Why it is run.
    pub purpose: String,
    /// The commit that is tested.
    pub commit: Option<String>,
    /// The tasks that run.
    pub tasks: Vec<String>,
    /// The sets of builds that were filed for it.
    pub buildsets: Vec<i64>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it began first.
    pub started_at: i64,
    /// `running`, `green`, `red`, `conflict`, `broken`, `cancelled`.
    pub state: String,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// What came of it; empty while it runs.
    pub reason: String,
    /// Tests that failed, or files in conflict.
    pub tests: Vec<String>,
}

/// Something that a gate heard or decided, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateDecision {
    /// Its gate.
    pub gate: String,
    /// Later ones have higher numbers.
    pub number: i64,
    /// When.
    pub at: i64,
    /// A word for what it is, as `started` or `landed`.
    pub kind: String,
    /// The candidate that it is about.
    pub candidate: Option<i64>,
    /// The trial that it is about.
    pub trial: Option<i64>,
    /// What and why, in a sentence.
    pub reason: String,
}

impl Gate {
    /// The document of a gate at a moment.
    pub fn of(view: &model::GateView) -> Self {
        let spec = &view.spec;
        let policy = GatePolicy::ALL.iter().find(|(_, policy)| *policy == spec.policy).map_or("", |(word, _)| word);
        let tasks = spec.tasks.iter().map(|task| GateTask {
            name: task.name.clone(),
            builder: task.builder.clone(),
            after: task.after.clone(),
            paths: task.paths.clone(),
        });
        Self {
            name: spec.name.clone(),
            repository: spec.repository.clone(),
            branch: spec.branch.clone(),
            tip: view.tip.clone(),
            slots: spec.slots,
            approvals: spec.approvals,
            policy: policy.to_owned(),
            promise: match spec.promise {
                GatePromise::EachCommit => "each commit".to_owned(),
                GatePromise::Tip => "tip".to_owned(),
            },
            tasks: tasks.collect(),
            halted: view.halted.clone(),
            trouble: view.trouble.clone(),
            landing: view.landing.as_ref().map(|landing| GateLanding {
                trial: landing.trial,
                commit: landing.commit.clone(),
                members: landing.members.clone(),
                state: landing.state.clone(),
            }),
            trial_length: view.length.map(|length| length.as_secs_f64()),
            line: view.line.iter().map(GatePlace::of).collect(),
            trials: view.trials.iter().map(GateTrial::of).collect(),
            now: view.at.as_seconds(),
        }
    }
}

impl GatePlace {
    fn of(place: &model::GatePlace) -> Self {
        Self {
            candidate: GateCandidate::of(&place.candidate),
            waits: place.waits.clone(),
            trial: place.trial,
            chance: place.chance.map(|thousandths| f64::from(thousandths) / 1000.0),
            expected: place.expected.map(Time::as_seconds),
        }
    }
}

impl GateCandidate {
    /// The document of a candidate.
    pub fn of(candidate: &model::GateCandidate) -> Self {
        let mut document = Self {
            gate: candidate.gate.clone(),
            candidateid: candidate.id,
            commit: candidate.commit.clone(),
            subject: candidate.subject.clone(),
            owner: candidate.owner.clone(),
            commits: candidate.commits,
            submitted_at: candidate.submitted_at.as_seconds(),
            priority: candidate.priority,
            needs: candidate.needs.clone(),
            wanted: candidate.wanted,
            approvals: candidate.approvals.clone(),
            state: candidate.status.word().to_owned(),
            ended_at: None,
            reason: None,
            trial: None,
            tests: Vec::new(),
            landed_commit: None,
        };
        if let CandidateStatus::Ended { at, reason, trial, tests, landed, .. } = &candidate.status {
            document.ended_at = Some(at.as_seconds());
            document.reason = Some(reason.clone());
            document.trial = *trial;
            document.tests.clone_from(tests);
            document.landed_commit.clone_from(landed);
        }
        document
    }

    /// It is decided.
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }
}

impl GateTrial {
    /// The document of a trial.
    pub fn of(trial: &model::GateTrial) -> Self {
        Self {
            gate: trial.gate.clone(),
            trialid: trial.id,
            on: trial.on.clone(),
            members: trial.members.clone(),
            purpose: trial.purpose.clone(),
            commit: trial.commit.clone(),
            tasks: trial.tasks.clone(),
            buildsets: trial.sets.iter().map(|set| set.0).collect(),
            attempts: trial.attempts,
            started_at: trial.started_at.as_seconds(),
            state: trial.status.word().to_owned(),
            ended_at: trial.ended_at.map(Time::as_seconds),
            reason: trial.reason.clone(),
            tests: trial.tests.clone(),
        }
    }
}

impl GateDecision {
    /// The document of a decision.
    pub fn of(decision: &model::GateDecision) -> Self {
        Self {
            gate: decision.gate.clone(),
            number: decision.number,
            at: decision.at.as_seconds(),
            kind: decision.kind.clone(),
            candidate: decision.candidate,
            trial: decision.trial,
            reason: decision.reason.clone(),
        }
    }
}

impl Document for Gate {
    const PLURAL: &'static str = "gates";
    const FIELDS: &'static [Field] = &[
        field("name", Kind::Nested),
        field("repository", Kind::Nested),
        field("branch", Kind::Nested),
        field("tip", Kind::Nested),
        field("slots", Kind::Nested),
        field("approvals", Kind::Nested),
        field("policy", Kind::Nested),
        field("promise", Kind::Nested),
        field("tasks", Kind::Nested),
        field("halted", Kind::Nested),
        field("trouble", Kind::Nested),
        field("landing", Kind::Nested),
        field("trial_length", Kind::Nested),
        field("line", Kind::Nested),
        field("trials", Kind::Nested),
        field("now", Kind::Nested),
    ];
}

impl Document for GateCandidate {
    const PLURAL: &'static str = "candidates";
    const FIELDS: &'static [Field] = &[
        field("gate", Kind::Text),
        field("candidateid", Kind::Int),
        field("commit", Kind::Text),
        field("subject", Kind::Text),
        field("owner", Kind::Text),
        field("commits", Kind::Nested),
        field("submitted_at", Kind::Int),
        field("priority", Kind::Int),
        field("needs", Kind::Nested),
        field("wanted", Kind::Nested),
        field("approvals", Kind::Nested),
        field("state", Kind::Text),
        field("ended_at", Kind::Int),
        field("reason", Kind::Nested),
        field("trial", Kind::Nested),
        field("tests", Kind::Nested),
        field("landed_commit", Kind::Nested),
    ];
}

impl Document for GateTrial {
    const PLURAL: &'static str = "trials";
    const FIELDS: &'static [Field] = &[
        field("gate", Kind::Text),
        field("trialid", Kind::Int),
        field("on", Kind::Nested),
        field("members", Kind::Nested),
        field("purpose", Kind::Nested),
        field("commit", Kind::Nested),
        field("tasks", Kind::Nested),
        field("buildsets", Kind::Nested),
        field("attempts", Kind::Nested),
        field("started_at", Kind::Int),
        field("state", Kind::Text),
        field("ended_at", Kind::Int),
        field("reason", Kind::Nested),
        field("tests", Kind::Nested),
    ];
}

impl Document for GateDecision {
    const PLURAL: &'static str = "decisions";
    const FIELDS: &'static [Field] = &[
        field("gate", Kind::Text),
        field("number", Kind::Int),
        field("at", Kind::Int),
        field("kind", Kind::Text),
        field("candidate", Kind::Int),
        field("trial", Kind::Int),
        field("reason", Kind::Nested),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CandidateEnd;

    #[test]
    fn a_candidate_says_how_it_ended() {
        let mut candidate = model::GateCandidate {
            gate: "trunk".to_owned(),
            id: 3,
            commit: "c".repeat(40),
            subject: "a title".to_owned(),
            owner: "ada".to_owned(),
            commits: 1,
            submitted_at: Time::from_seconds(1_000),
            priority: 0,
            needs: vec![2],
            wanted: 0,
            approvals: Vec::new(),
            status: CandidateStatus::Waiting,
        };
        let waiting = GateCandidate::of(&candidate);
        assert_eq!((waiting.state.as_str(), waiting.has_ended(), waiting.needs), ("waiting", false, vec![2]));
        candidate.status = CandidateStatus::Ended {
            at: Time::from_seconds(1_060),
            end: CandidateEnd::Rejected,
            reason: "test failed".to_owned(),
            trial: Some(7),
            tests: vec!["adds".to_owned()],
            landed: None,
        };
        let ended = GateCandidate::of(&candidate);
        assert_eq!((ended.state.as_str(), ended.ended_at, ended.trial), ("rejected", Some(1_060), Some(7)));
        assert_eq!(ended.tests, ["adds"]);
    }
}
