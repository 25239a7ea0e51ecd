//! The line as people see it: where each candidate is, what it waits for, and when it may land.

use crate::candidate::CandidateId;
use crate::queue::Queue;
use crate::trial::{Chance, TrialId, TrialState};
use crate::trunk::Standing;
use model::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A candidate's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Who.
    pub candidate: CandidateId,
    /// How many are before it.
    pub before: usize,
    /// What it waits for.
    pub waits: Waits,
    /// When it may land, if the likeliest happens; `None`: nobody can tell.
    pub expected: Option<Time>,
}

/// What a candidate waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// For so many more approvals.
    Approvals(u32),
    /// For one that it needs, which waits for approval itself.
    Need(CandidateId),
    /// For a trial that may land it.
    Trial {
        /// The likeliest.
        trial: TrialId,
        /// That it is green.
        chance: Chance,
        /// With whom.
        with: Vec<CandidateId>,
    },
    /// It was green and is to be tested with what landed meanwhile.
    Merge,
    /// It was red with others, and it is not known whose fault that is.
    Search {
        /// With whom.
        with: Vec<CandidateId>,
    },
    /// For a slot.
    Slot,
    /// For its push.
    Push,
    /// For somebody who looks at what halted the gate.
    Halt,
}

/// Everybody who is not decided, in the order of the line.
pub fn line(queue: &Queue, now: Time) -> Vec<Place> {
    let beliefs = crate::belief::Beliefs::of(queue);
    let length = queue.experience().length();
    let places = queue.line().enumerate().map(|(before, candidate)| {
        let id = candidate.id;
        let missing = candidate.wanted.saturating_sub(candidate.approvals.len() as u32);
        let unready = candidate.needs.iter().find(|n| queue.waiting(**n).is_some_and(|c| !c.is_approved()));
        let trial = likeliest(queue, &beliefs, id);
        let set = beliefs.sets.iter().find(|s| s.contains(&id) && s.len() > 1);
        let green = queue.trials().any(|t| t.green().is_some() && t.members.contains(&id));
        let pushed = queue.landing().is_some_and(|l| l.members.contains(&id));
        let mut expected = None;
        let waits = match (trial, set) {
            _ if pushed => Waits::Push,
            _ if queue.halted().is_some() => Waits::Halt,
            _ if missing > 0 => Waits::Approvals(missing),
            _ if let Some(need) = unready => Waits::Need(*need),
            (Some((trial, chance, with)), _) => {
                let started = queue.trial(trial).map_or(now, |t| t.started);
                expected = (length.0 > 0).then(|| (started + length).max(now));
                Waits::Trial { trial, chance: Chance::of(chance), with }
            }
            (None, Some(set)) => Waits::Search { with: set.iter().copied().filter(|m| *m != id).collect() },
            (None, None) if green => Waits::Merge,
            (None, None) => Waits::Slot,
        };
        Place { candidate: id, before, waits, expected }
    });
    places.collect()
}

/// The running trial that lands somebody most likely, its chance, and who else is in it.
fn likeliest(
    queue: &Queue,
    beliefs: &crate::belief::Beliefs,
    id: CandidateId,
) -> Option<(TrialId, f64, Vec<CandidateId>)> {
    let running = queue.trials().filter(|t| t.state == TrialState::Running && t.members.contains(&id));
    let may = running.filter(|t| queue.lost_member(t).is_none()).filter_map(|t| match queue.standing(t) {
        Standing::Fits { rest, .. } => {
            let chance: f64 = rest.iter().map(|m| beliefs.get(queue, *m).good).product();
            Some((t.id, chance, rest.into_iter().filter(|m| *m != id).collect()))
        }
        _ => None,
    });
    may.max_by(|a: &(TrialId, f64, Vec<CandidateId>), b| a.1.total_cmp(&b.1))
}

/// One sentence for people.
impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waits::Approvals(1) => f.write_str("waits for an approval"),
            Waits::Approvals(more) => write!(f, "waits for {more} approvals"),
            Waits::Need(need) => write!(f, "needs {need}, which is not approved"),
            Waits::Trial { trial, chance, with } if with.is_empty() => {
                write!(f, "is tested alone in trial {trial}, green with {chance}")
            }
            Waits::Trial { trial, chance, with } => {
                write!(f, "is tested with {} in trial {trial}, green with {chance}", Names(with))
            }
            Waits::Merge => f.write_str("was green, and is to be tested with what landed meanwhile"),
            Waits::Search { with } => {
                write!(f, "was red together with {}; whose fault that is, is being searched", Names(with))
            }
            Waits::Slot => f.write_str("waits for a slot"),
            Waits::Push => f.write_str("is being pushed"),
            Waits::Halt => f.write_str("waits until somebody looked at what halted the gate"),
        }
    }
}

/// Some of a list: `3, 4 and 7 more`.
struct Names<'a>(&'a [CandidateId]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 3;
        let shown: Vec<String> = self.0.iter().take(MOST).map(ToString::to_string).collect();
        match self.0.len().saturating_sub(MOST) {
            0 => f.write_str(&shown.join(", ")),
            more => write!(f, "{} and {more} more", shown.join(", ")),
        }
    }
}
