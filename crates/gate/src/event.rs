//! What happens to a queue, and what it wants done.

use crate::candidate::{Candidate, CandidateId, Commit, End};
use crate::footprint::Footprint;
use crate::trial::{Outcome, Purpose, TrialId};
use serde::{Deserialize, Serialize};

/// What came from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody wants it landed. A number that is known already is not taken again.
    Submitted(Candidate),
    /// Somebody approved it; twice is once.
    Approved {
        /// What.
        candidate: CandidateId,
        /// Who.
        by: String,
    },
    /// Its priority is another.
    Prioritised {
        /// Of what.
        candidate: CandidateId,
        /// The new one.
        priority: i64,
    },
    /// Somebody took it back.
    Withdrawn {
        /// What.
        candidate: CandidateId,
        /// Who.
        by: String,
    },
    /// The branch moved, and it was not us.
    Moved {
        /// Its tip now.
        to: Commit,
        /// What that touched; [`Footprint::ALL`] when nobody knows.
        footprint: Footprint,
    },
    /// A trial ended. The end of one that was cancelled is not heard.
    Ended {
        /// Which.
        trial: TrialId,
        /// How.
        outcome: Outcome,
    },
    /// The remote answered a push, or did not.
    Pushed(Push),
    /// The remote said what the branch is.
    Found(Remote),
    /// There are so many slots now.
    Slots(usize),
    /// Somebody looked at what halted the gate, and it may go on.
    Resumed {
        /// Who.
        by: String,
    },
    /// The caller wrote this decision down and carries it out.
    Decided(Action),
}

/// What came of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// The branch is at this commit, which was read back from the remote.
    Done {
        /// The landed commit. Another than the tested one only if it was replayed on what does not meet it.
        commit: Commit,
        /// Its tree, read back, is the tree that was meant.
        same_tree: bool,
    },
    /// The branch is not where it was expected.
    Moved {
        /// Where it is.
        to: Commit,
        /// What that touched.
        footprint: Footprint,
    },
    /// It could not be replayed on what landed in between, though the footprints do not meet: tested again.
    NotReplayed,
    /// The remote does not want it, for a reason of its own.
    Refused(String),
    /// Nobody knows: the line broke before an answer came.
    Doubtful(String),
}

/// What the branch is, when a doubtful push is looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remote {
    /// At our commit, or at one that has it below: it landed.
    Ours {
        /// Its tree is the tree that was meant.
        same_tree: bool,
        /// What came on top from outside, if anything. What was replayed has another name than the tested commit: that
        /// name with [`Footprint::NONE`], if nothing came on top.
        above: Option<(Commit, Footprint)>,
    },
    /// Where it was before: it did not land, and may be tried again.
    Before,
    /// Somewhere else, and ours is not in it.
    Elsewhere {
        /// Where.
        to: Commit,
        /// What that touched.
        footprint: Footprint,
    },
    /// There is still no answer.
    Silent,
}

/// What the gate wants done. Each carries why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Test this tree: `members` replayed in order on the branch at `base`. The commit of a base and a list of members
    /// is made once and kept, so that trials of `[a]` and `[a, b]` have the commit of `a` in common.
    Start {
        /// The new trial.
        trial: TrialId,
        /// The height of the branch, always the present one.
        base: u64,
        /// The commit at that height.
        on: Commit,
        /// Who.
        members: Vec<CandidateId>,
        /// The tasks that must run.
        footprint: Footprint,
        /// Why.
        purpose: Purpose,
    },
    /// Stop it; its end does not matter any more.
    Cancel {
        /// Which.
        trial: TrialId,
        /// Why.
        why: Needless,
    },
    /// Run again what failed in it.
    Retry {
        /// Which.
        trial: TrialId,
        /// Why.
        why: Doubt,
    },
    /// It is red, and that stands.
    Stand {
        /// Which.
        trial: TrialId,
        /// Why it is not run again.
        why: Doubt,
    },
    /// It is decided.
    End {
        /// Who.
        candidate: CandidateId,
        /// How.
        end: End,
    },
    /// Push, expecting the branch at `expected`, never by force. Then read the branch back.
    Land {
        /// Whose tree.
        trial: TrialId,
        /// The commit that was tested.
        commit: Commit,
        /// Where the branch must be, or nothing is done.
        expected: Commit,
        /// Who is new on the branch by it, in order.
        members: Vec<CandidateId>,
        /// The tested commit does not follow `expected`, since others landed whom it does not meet: replay the members
        /// there, and push that.
        replay: bool,
    },
    /// Ask the remote where the branch is.
    Ask {
        /// What was being landed.
        trial: TrialId,
    },
    /// Do nothing until somebody looked.
    Halt(Halt),
}

/// Why a trial need not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needless {
    /// A member ended otherwise than by landing.
    Without(CandidateId),
    /// The branch went another way.
    Stale,
    /// All members have landed.
    Landed,
    /// Nothing that may still come needs it.
    Unneeded,
    /// Something more useful needs its slot.
    Displaced,
}

/// What was thought of a red trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It may well be a flake; that costs less than to believe it.
    Flaky {
        /// How likely.
        chance: crate::trial::Chance,
    },
    /// It hardly is a flake.
    Unlikely {
        /// How likely.
        chance: crate::trial::Chance,
    },
    /// It was red as often as it may.
    Again,
    /// The day's retries are used up.
    NoBudget,
    /// It is no test that failed.
    Conflict,
}

/// Why a gate does nothing until somebody looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// What landed is not the tree that was tested.
    TreeDiffers {
        /// The trial that landed.
        trial: TrialId,
    },
    /// The remote refuses what passed.
    Refused {
        /// What it was.
        trial: TrialId,
        /// What the remote says.
        why: String,
    },
    /// The branch is red by itself, by something that came from outside.
    Broken {
        /// The trial that found it.
        trial: TrialId,
    },
}
