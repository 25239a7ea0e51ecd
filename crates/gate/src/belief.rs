//! What the trials so far say of each candidate.

use crate::candidate::CandidateId;
use crate::queue::Queue;
use crate::trial::{Trial, TrialState};
use std::collections::{BTreeMap, BTreeSet};

/// What is believed of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// The chance that it is good.
    pub good: f64,
    /// What that rests on.
    pub why: Ground,
}

/// What a belief rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Nothing but who wrote it.
    Author,
    /// It was in a green trial.
    Green,
    /// It is in this set of [`Beliefs::sets`], one of which at least is bad.
    Suspect(usize),
}

/// What is believed of all candidates in sight.
#[derive(Clone, Debug, Default)]
pub struct Beliefs {
    of: BTreeMap<CandidateId, Belief>,
    /// Sets of candidates, none within another, in each of which one at least is bad.
    pub sets: Vec<Vec<CandidateId>>,
}

/// What was green once is green in other company with this chance.
const STEADY: f64 = 0.985;

impl Beliefs {
    /// Reads the trials.
    pub fn of(queue: &Queue) -> Self {
        let mut green = BTreeSet::new();
        let mut red: Vec<&Trial> = Vec::new();
        for trial in queue.trials.values() {
            match &trial.state {
                TrialState::Green { .. } => green.extend(trial.members.iter().copied()),
                TrialState::Red(_) | TrialState::Conflict { .. } if queue.lost_member(trial).is_none() => {
                    red.push(trial)
                }
                _ => {}
            }
        }
        let mut sets: Vec<Vec<CandidateId>> = red.iter().filter_map(|t| suspects(queue, t, &green)).collect();
        sets.sort_by_key(Vec::len);
        let mut least: Vec<Vec<CandidateId>> = Vec::new();
        for set in sets {
            if !least.iter().any(|l| l.iter().all(|m| set.contains(m))) {
                least.push(set);
            }
        }
        let mut beliefs = Beliefs { of: BTreeMap::new(), sets: least };
        for id in green {
            beliefs.of.insert(id, Belief { good: STEADY, why: Ground::Green });
        }
        for (i, set) in beliefs.sets.iter().enumerate() {
            let prior: Vec<f64> = set.iter().map(|m| author(queue, *m)).collect();
            let all: f64 = prior.iter().product();
            for (member, p) in set.iter().zip(prior) {
                let good = ((p - all) / (1.0 - all).max(1e-9)).clamp(0.01, 0.99);
                let now = Belief { good, why: Ground::Suspect(i) };
                // In two sets: whatever makes it look worse.
                let belief = beliefs.of.entry(*member).or_insert(now);
                if !matches!(belief.why, Ground::Suspect(_)) || now.good < belief.good {
                    *belief = now;
                }
            }
        }
        beliefs
    }

    /// What is believed of one.
    pub fn get(&self, queue: &Queue, id: CandidateId) -> Belief {
        self.of.get(&id).copied().unwrap_or_else(|| Belief { good: author(queue, id), why: Ground::Author })
    }
}

fn author(queue: &Queue, id: CandidateId) -> f64 {
    queue.waiting.get(&id).map_or(STEADY, |c| queue.experience.good_of(&c.author))
}

/// Who may have made a trial red: nobody who has landed or was green elsewhere. When that leaves nobody, it is the
/// company that is bad, and everybody who waits is suspect again.
fn suspects(queue: &Queue, trial: &Trial, green: &BTreeSet<CandidateId>) -> Option<Vec<CandidateId>> {
    if let TrialState::Conflict { member, .. } = &trial.state {
        return Some(vec![*member]);
    }
    let waiting = || trial.members.iter().copied().filter(|m| queue.waiting.contains_key(m));
    let doubtful: Vec<CandidateId> = waiting().filter(|m| !green.contains(m)).collect();
    let set = if doubtful.is_empty() { waiting().collect() } else { doubtful };
    (!set.is_empty()).then_some(set)
}
