//! What a policy sees: the line, what is believed, and how trials stand to the branch.

use crate::belief::{Belief, Beliefs};
use crate::candidate::{Candidate, CandidateId};
use crate::footprint::Footprint;
use crate::queue::Queue;
use crate::trial::Trial;
use crate::trunk::Standing;
use model::Time;
use std::collections::{BTreeMap, BTreeSet};

/// A queue at a moment, with what follows from it.
#[derive(Debug)]
pub struct View<'a> {
    /// All of it.
    pub queue: &'a Queue,
    /// Now.
    pub now: Time,
    /// Who may be tested, first in line first: approved, after all that they need, and not too far behind to matter.
    pub line: Vec<&'a Candidate>,
    /// What is believed of them.
    pub beliefs: Beliefs,
    standings: Vec<(&'a Trial, Standing)>,
    trees: BTreeMap<Vec<CandidateId>, &'a Trial>,
}

impl<'a> View<'a> {
    /// Looks at a queue.
    pub fn of(queue: &'a Queue, now: Time) -> Self {
        let standings = queue.trials.values().map(|t| (t, queue.standing(t))).collect();
        let (line, beliefs) = (line(queue), Beliefs::of(queue));
        let mut view = View { queue, now, line, beliefs, standings, trees: BTreeMap::new() };
        let trees: Vec<(Vec<CandidateId>, &Trial)> = view.fitting().map(|(t, rest)| (rest.to_vec(), t)).collect();
        for (tree, trial) in trees {
            view.trees.entry(tree).or_insert(trial);
        }
        view
    }

    /// How many trials may run.
    pub fn slots(&self) -> usize {
        self.queue.settings.slots
    }

    /// Each trial, and how it stands to the branch.
    pub fn standings(&self) -> impl Iterator<Item = (&'a Trial, &Standing)> {
        self.standings.iter().map(|(t, s)| (*t, s))
    }

    /// Trials that may still land something, and what: the members that are not on the branch yet.
    pub fn fitting(&self) -> impl Iterator<Item = (&'a Trial, &[CandidateId])> {
        self.standings.iter().filter_map(|(t, s)| match s {
            Standing::Fits { rest, .. } if self.queue.lost_member(t).is_none() => Some((*t, rest.as_slice())),
            _ => None,
        })
    }

    /// A trial of just this tree.
    pub fn same_tree(&self, members: &[CandidateId]) -> Option<&'a Trial> {
        self.trees.get(members).copied()
    }

    /// What is believed of one.
    pub fn belief(&self, id: CandidateId) -> Belief {
        self.beliefs.get(self.queue, id)
    }

    /// The share of a trial that is done, as far as one can tell.
    pub fn progress(&self, trial: &Trial) -> f64 {
        let length = self.queue.experience.length().as_secs_f64();
        if length <= 0.0 { 0.0 } else { (self.now.since(trial.started).as_secs_f64() / length).min(1.0) }
    }

    /// How long ago a merge began, in lengths of a trial.
    pub fn since_merge(&self) -> f64 {
        let length = self.queue.experience.length().as_secs_f64().max(1e-9);
        self.queue.merged.map_or(f64::INFINITY, |began| self.now.since(began).as_secs_f64() / length)
    }

    /// A trial that runs is worth more than the same begun anew, the more of it is done.
    pub fn stickiness(&self, trial: &Trial) -> f64 {
        1.3 + 2.0 * self.progress(trial)
    }

    /// Whether a member needs one who waits and is not before it.
    pub fn missing_need(&self, members: &[CandidateId]) -> bool {
        members.iter().enumerate().any(|(place, m)| {
            let needs = self.queue.waiting(*m).map_or(&[][..], |c| &c.needs);
            needs.iter().any(|n| !self.queue.has_landed(*n) && !members[..place].contains(n))
        })
    }

    /// Those before `place` in a line whom the one there meets or needs, or does by way of others.
    pub fn ahead(&self, line: &[&Candidate], place: usize) -> Vec<CandidateId> {
        let mut touched: Footprint = line[place].footprint;
        let mut needed: BTreeSet<CandidateId> = line[place].needs.iter().copied().collect();
        let mut ahead = Vec::new();
        for candidate in line[..place].iter().rev() {
            if candidate.footprint.meets(touched) || needed.contains(&candidate.id) {
                touched |= candidate.footprint;
                needed.extend(&candidate.needs);
                ahead.push(candidate.id);
            }
        }
        ahead.reverse();
        ahead
    }

    /// The line cut into lanes: who is in different lanes does not meet, so that neither waits for the other.
    pub fn lanes(&self) -> Vec<Vec<&'a Candidate>> {
        let mut lanes: Vec<(Footprint, Vec<&Candidate>)> = Vec::new();
        for candidate in &self.line {
            let (mut footprint, mut members) = (candidate.footprint, Vec::new());
            let needs = |lane: &[&Candidate]| lane.iter().any(|c| candidate.needs.contains(&c.id));
            lanes.retain_mut(|(touched, lane)| {
                let meets = touched.meets(candidate.footprint) || needs(lane);
                if meets {
                    footprint |= *touched;
                    members.append(lane);
                }
                !meets
            });
            members.push(candidate);
            lanes.push((footprint, members));
        }
        let mut lanes: Vec<Vec<&Candidate>> = lanes.into_iter().map(|(_, lane)| lane).collect();
        for lane in &mut lanes {
            lane.sort_by_key(|c| self.line.iter().position(|l| l.id == c.id));
        }
        lanes
    }
}

/// Approved candidates in order of rank, none before what it needs. Only so many as matter for what is tested next.
fn line(queue: &Queue) -> Vec<&Candidate> {
    let most = 3 * queue.settings.slots + 40;
    let mut taken: BTreeSet<CandidateId> = BTreeSet::new();
    let mut line: Vec<&Candidate> = Vec::new();
    for candidate in queue.line() {
        if line.len() >= most {
            break;
        }
        take(queue, candidate, &mut taken, &mut line, 0);
    }
    line
}

/// Puts what a candidate needs before it; if part of that may not go, neither may it.
fn take<'a>(
    queue: &'a Queue,
    candidate: &'a Candidate,
    taken: &mut BTreeSet<CandidateId>,
    line: &mut Vec<&'a Candidate>,
    depth: usize,
) -> bool {
    const DEEPEST: usize = 64;
    if taken.contains(&candidate.id) {
        return true;
    }
    if !candidate.is_approved() || depth > DEEPEST {
        return false;
    }
    for need in &candidate.needs {
        let may = match queue.waiting(*need) {
            Some(need) => take(queue, need, taken, line, depth + 1),
            None => queue.has_landed(*need),
        };
        if !may {
            return false;
        }
    }
    taken.insert(candidate.id);
    line.push(candidate);
    true
}
