//! Gates of a master: where changes land, who waits in the line, what is under test, and what was decided and why.
//!
//! These are the facts as they are kept and shown. How they come about is the room `gate`'s.

use crate::{BuildSetId, Place, Span, Time};
use serde::{Deserialize, Serialize};

/// A gate as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    /// Its unique name.
    pub name: String,
    /// The repository that the branch is read from.
    pub repository: String,
    /// The repository that is pushed to: the same one under the address by which it may be written.
    pub push: String,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// What must pass, in the order of the configuration; at least one.
    pub tasks: Vec<GateTask>,
    /// So many trees are tested at once.
    pub slots: u32,
    /// So many people must have approved a change before it is tested.
    pub approvals: u32,
    /// Who may hand changes in; empty: everybody who may act.
    pub submitters: Vec<String>,
    /// Who may approve; empty: everybody who may act. Nobody approves their own.
    pub approvers: Vec<String>,
    /// So often what failed is run again at most.
    pub retries: u32,
    /// So often on one day, for all changes together.
    pub retries_a_day: u32,
    /// What is promised of the branch.
    pub promise: GatePromise,
    /// Which trees are tested next.
    pub policy: GatePolicy,
    /// How often it is looked where the branch is.
    pub poll: Span,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// A task of a gate, and the builder that does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTask {
    /// The task's name.
    pub name: String,
    /// The builder that was made for it.
    pub builder: String,
    /// Tasks that must have passed before it begins.
    pub after: Vec<String>,
    /// What it depends on: globs of paths in the tree. Empty: everything.
    pub paths: Vec<String>,
    /// Stands for all that its builder does: another one is another test, whatever its name.
    #[serde(default)]
    pub does: String,
}

/// What is promised of the commits on the branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatePromise {
    /// Each change was tested as it lands.
    EachCommit,
    /// What a push brings was tested as a whole.
    #[default]
    Tip,
}

/// How a gate spends its slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatePolicy {
    /// Whatever is worth most: a train, hedges, groups, searches.
    #[default]
    Adaptive,
    /// One after the other.
    Serial,
    /// Each behind those before it, as if they landed.
    Train,
    /// Several as one, and halves of what was red.
    Batch,
}

/// Words by which [`GatePolicy`] is chosen.
impl GatePolicy {
    /// All, with their words.
    pub const ALL: [(&'static str, GatePolicy); 4] = [
        ("adaptive", GatePolicy::Adaptive),
        ("serial", GatePolicy::Serial),
        ("train", GatePolicy::Train),
        ("batch", GatePolicy::Batch),
    ];
}

/// A change that somebody wants on the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCandidate {
    /// Its gate.
    pub gate: String,
    /// Its number within the gate, from 1.
    pub id: i64,
    /// The commit that was handed in, by its full name. It is replayed on what is on the branch by then.
    pub commit: String,
    /// The title of that commit.
    pub subject: String,
    /// Who handed it in.
    pub owner: String,
    /// How many commits it has of its own.
    pub commits: u32,
    /// When it came.
    pub submitted_at: Time,
    /// Each point goes before what came within ten minutes.
    pub priority: i64,
    /// Candidates that must land before it.
    pub needs: Vec<i64>,
    /// So many approvals are wanted.
    pub wanted: u32,
    /// Who approved.
    pub approvals: Vec<String>,
    /// Where it stands.
    pub status: CandidateStatus,
}

/// Where a candidate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateStatus {
    /// In the line.
    Waiting,
    /// Decided; never moves again.
    Ended {
        /// When.
        at: Time,
        /// How.
        end: CandidateEnd,
        /// Why, in a sentence for people.
        reason: String,
        /// The trial that decided it.
        trial: Option<i64>,
        /// Tests that failed, or files in conflict.
        tests: Vec<String>,
        /// The commit that is on the branch.
        landed: Option<String>,
    },
}

/// How a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateEnd {
    /// It is on the branch.
    Landed,
    /// Something failed, and it is proven whose fault that is.
    Rejected,
    /// It does not fit on the branch.
    Conflict,
    /// What it needs did not land.
    DependencyFailed,
    /// Somebody took it back.
    Withdrawn,
}

impl CandidateEnd {
    /// All, with their words.
    pub const ALL: [(&'static str, CandidateEnd); 5] = [
        ("landed", CandidateEnd::Landed),
        ("rejected", CandidateEnd::Rejected),
        ("conflict", CandidateEnd::Conflict),
        ("dependency_failed", CandidateEnd::DependencyFailed),
        ("withdrawn", CandidateEnd::Withdrawn),
    ];

    /// The word for it, as it is kept and as REST has it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, end)| *end == self).map_or("", |(word, _)| word)
    }
}

impl CandidateStatus {
    /// `waiting`, or the word for its end.
    pub fn word(&self) -> &'static str {
        match self {
            CandidateStatus::Waiting => "waiting",
            CandidateStatus::Ended { end, .. } => end.word(),
        }
    }
}

/// A test of one tree: the branch as it was, and candidates on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTrial {
    /// Its gate.
    pub gate: String,
    /// Its number within the gate, from 1.
    pub id: i64,
    /// The commit of the branch that it stands on.
    pub on: String,
    /// Who is on it, in order.
    pub members: Vec<i64>,
    /// Why it is run, in words.
    pub purpose: String,
    /// The commit that is tested; `None`: it is not made yet, or cannot be.
    pub commit: Option<String>,
    /// The tasks that run.
    pub tasks: Vec<String>,
    /// The sets of builds that were filed for it, in order; more than one where tasks wait for others or something was
    /// run again.
    pub sets: Vec<BuildSetId>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it began first.
    pub started_at: Time,
    /// Where it stands.
    pub status: GateTrialStatus,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// What came of it, in a sentence for people; empty while it runs.
    pub reason: String,
    /// Tests that failed, or files in conflict.
    pub tests: Vec<String>,
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateTrialStatus {
    /// Its builds run or wait.
    Running,
    /// All tasks passed.
    Green,
    /// Something failed.
    Red,
    /// A member does not fit on what is before it.
    Conflict,
    /// A machine failed under it: nobody is blamed.
    Broken,
    /// Nobody needs its end any more.
    Cancelled,
}

impl GateTrialStatus {
    /// All, with their words.
    pub const ALL: [(&'static str, GateTrialStatus); 6] = [
        ("running", GateTrialStatus::Running),
        ("green", GateTrialStatus::Green),
        ("red", GateTrialStatus::Red),
        ("conflict", GateTrialStatus::Conflict),
        ("broken", GateTrialStatus::Broken),
        ("cancelled", GateTrialStatus::Cancelled),
    ];

    /// The word for it, as it is kept and as REST has it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }
}

/// Something that a gate heard or decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateDecision {
    /// Its gate.
    pub gate: String,
    /// Its number within the gate, from 1: later ones have higher numbers.
    pub number: i64,
    /// When.
    pub at: Time,
    /// A word for what it is: `submitted`, `approved`, `prioritised`, `withdrawn`, `started`, `cancelled`, `green`,
    /// `red`, `conflict`, `broken`, `retried`, `stood`, `pushing`, `asked`, `landed`, `ended`, `moved`, `halted`,
    /// `resumed`.
    pub kind: String,
    /// The candidate that it is about.
    pub candidate: Option<i64>,
    /// The trial that it is about.
    pub trial: Option<i64>,
    /// What and why, in a sentence for people.
    pub reason: String,
}

/// A turn of a gate as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateTurn {
    /// The gate.
    pub gate: String,
    /// The number of the turn; the first is 1.
    pub turn: i64,
    /// All that the gate needs to go on, in its own text.
    pub state: String,
    /// Candidates that are new or changed.
    pub candidates: Vec<GateCandidate>,
    /// Trials that are new or changed.
    pub trials: Vec<GateTrial>,
    /// What was heard and decided, in order.
    pub decisions: Vec<GateDecision>,
}

/// A gate at one moment, as only the master knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// As it is configured.
    pub spec: GateSpec,
    /// The commit at the tip of the branch, as far as is known; empty: it was never seen.
    pub tip: String,
    /// Why nothing is done until somebody looked.
    pub halted: Option<String>,
    /// What keeps it from working for now, as a repository that does not answer; it tries again by itself.
    pub trouble: Option<String>,
    /// The push that is under way.
    pub landing: Option<GateLanding>,
    /// Who waits, the first first.
    pub line: Vec<GatePlace>,
    /// Trials that may still matter, the oldest first.
    pub trials: Vec<GateTrial>,
    /// How long a trial usually takes; `None`: nobody knows yet.
    pub length: Option<Span>,
    /// When this was so.
    pub at: Time,
}

/// A push that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLanding {
    /// Whose tree.
    pub trial: i64,
    /// The commit.
    pub commit: String,
    /// Who is new on the branch by it.
    pub members: Vec<i64>,
    /// How it stands, in words.
    pub state: String,
}

/// A candidate's place in the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePlace {
    /// It.
    pub candidate: GateCandidate,
    /// What it waits for, in words that follow its name: `waits for an approval`.
    pub waits: String,
    /// The trial that may land it most likely.
    pub trial: Option<i64>,
    /// The chance of that, in thousandths.
    pub chance: Option<u16>,
    /// When it may land, if the likeliest happens.
    pub expected: Option<Time>,
}
