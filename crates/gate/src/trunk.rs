//! The branch that is landed on: what came onto it, one height after the other.

use crate::candidate::{CandidateId, Commit};
use crate::footprint::Footprint;
use crate::trial::Trial;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One thing that came onto the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The candidate; `None`: it came from outside, past the gate.
    pub who: Option<CandidateId>,
    /// What it touched.
    pub footprint: Footprint,
}

/// The branch, as far as trials that stand on it need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// The commit at its tip.
    pub tip: Commit,
    /// How many steps were forgotten below.
    floor: u64,
    steps: VecDeque<Step>,
    /// Where nobody knows whether the branch was green.
    unproven: Vec<Unproven>,
}

/// Heights at which the branch was perhaps red, because of what came from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Unproven {
    /// From here,
    from: u64,
    /// up to here and not with it; `None`: it still is.
    until: Option<u64>,
    /// In these tasks.
    tasks: Footprint,
}

impl Unproven {
    fn holds(&self, height: u64) -> bool {
        self.from <= height && self.until.is_none_or(|until| height < until)
    }
}

/// How a trial stands to the branch as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What it tested is what the branch would be.
    Fits {
        /// Members that are not on the branch yet; never empty.
        rest: Vec<CandidateId>,
        /// The tested commit follows the tip. Otherwise others landed in between who do not meet it, and it is
        /// replayed without a new test.
        exact: bool,
    },
    /// All of its members are on the branch.
    Spent,
    /// The branch went another way.
    Stale,
}

impl Trunk {
    /// The branch as it is first seen. Its tip counts as green: people built on it.
    pub fn at(tip: Commit) -> Self {
        Trunk { tip, floor: 0, steps: VecDeque::new(), unproven: Vec::new() }
    }

    /// How many steps it has.
    pub fn height(&self) -> u64 {
        self.floor + self.steps.len() as u64
    }

    /// Steps above a height, oldest first; all that is still known when that is forgotten.
    pub fn since(&self, height: u64) -> impl Iterator<Item = &Step> {
        self.steps.iter().skip(height.saturating_sub(self.floor) as usize)
    }

    /// Whether the branch at this height was green in these tasks, as far as the gate has to say.
    pub fn is_proven(&self, height: u64, tasks: Footprint) -> bool {
        !self.unproven.iter().any(|u| u.holds(height) && u.tasks.meets(tasks))
    }

    /// The height from which on the branch is perhaps red still.
    pub(crate) fn in_doubt_since(&self) -> Option<u64> {
        self.unproven.iter().filter(|u| u.until.is_none()).map(|u| u.from).max()
    }

    pub(crate) fn land(&mut self, who: CandidateId, footprint: Footprint) {
        self.steps.push_back(Step { who: Some(who), footprint });
    }

    pub(crate) fn moved(&mut self, to: Commit, footprint: Footprint) {
        self.tip = to;
        self.steps.push_back(Step { who: None, footprint });
        if footprint != Footprint::NONE {
            self.unproven.push(Unproven { from: self.height(), until: None, tasks: footprint });
        }
    }

    /// The branch at this height is green in these tasks: it was tested just so. That says nothing of what is below,
    /// which may have been red and is mended.
    pub(crate) fn prove(&mut self, height: u64, tasks: Footprint) {
        let mut proven = Vec::new();
        for open in self.unproven.iter_mut().filter(|u| u.until.is_none() && u.from <= height) {
            let tasks = open.tasks & tasks;
            open.tasks = open.tasks.without(tasks);
            proven.push(Unproven { from: open.from, until: Some(height), tasks });
        }
        self.unproven.extend(proven);
        self.unproven.retain(|u| u.tasks != Footprint::NONE && u.until != Some(u.from));
    }

    /// Forgets what is below, since no trial stands there any more.
    pub(crate) fn forget_below(&mut self, height: u64) {
        while self.floor < height && self.steps.pop_front().is_some() {
            self.floor += 1;
        }
        self.unproven.retain(|u| u.until.is_none_or(|until| until > height));
        // Nobody tells apart any more what came from outside below.
        let (old, new): (Vec<Unproven>, Vec<Unproven>) =
            std::mem::take(&mut self.unproven).into_iter().partition(|u| u.until.is_none() && u.from <= height);
        let tasks = old.iter().fold(Footprint::NONE, |all, u| all | u.tasks);
        self.unproven = old.last().map(|u| Unproven { tasks, ..u.clone() }).into_iter().chain(new).collect();
    }

    /// How a trial stands. `footprint` tells what a member touches.
    pub fn standing(&self, trial: &Trial, footprint: impl Fn(CandidateId) -> Footprint) -> Standing {
        if trial.base < self.floor {
            return Standing::Stale;
        }
        let mut rest = trial.members.clone();
        let mut exact = true;
        for step in self.since(trial.base) {
            match step.who.and_then(|who| rest.iter().position(|m| *m == who)) {
                Some(0) => {
                    rest.remove(0);
                }
                Some(place) => {
                    // It went before others of the trial: the same tree only if they do not meet.
                    if rest[..place].iter().any(|m| footprint(*m).meets(step.footprint)) {
                        return Standing::Stale;
                    }
                    rest.remove(place);
                    exact = false;
                }
                None if step.footprint.meets(trial.footprint) => return Standing::Stale,
                None => exact = false,
            }
        }
        if rest.is_empty() { Standing::Spent } else { Standing::Fits { rest, exact } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Purpose, TrialId, TrialState};
    use model::Time;

    const ONE: Footprint = Footprint::ALL;

    fn trial(base: u64, members: &[u64], footprint: Footprint) -> Trial {
        Trial {
            id: TrialId(1),
            base,
            members: members.iter().map(|m| CandidateId(*m)).collect(),
            footprint,
            purpose: Purpose::Head,
            started: Time(0),
            flakes: Vec::new(),
            state: TrialState::Running,
        }
    }

    fn fits(rest: &[u64], exact: bool) -> Standing {
        Standing::Fits { rest: rest.iter().map(|m| CandidateId(*m)).collect(), exact }
    }

    /// Who lands after the trial began (0 is somebody outside), its members, and how it stands then.
    #[test]
    fn a_trial_fits_while_the_branch_goes_its_way() {
        let cases: [(&[u64], &[u64], Standing); 7] = [
            (&[], &[1, 2], fits(&[1, 2], true)),
            (&[1], &[1, 2], fits(&[2], true)),
            (&[1, 2], &[1, 2], Standing::Spent),
            (&[2], &[1, 2], Standing::Stale),
            (&[3], &[1, 2], Standing::Stale),
            (&[1, 0], &[1, 2], Standing::Stale),
            (&[1, 2, 0], &[1, 2], Standing::Stale),
        ];
        for (landed, members, expected) in cases {
            let mut trunk = Trunk::at(Commit("tip".into()));
            for who in landed {
                match who {
                    0 => trunk.moved(Commit("other".into()), ONE),
                    who => trunk.land(CandidateId(*who), ONE),
                }
            }
            assert_eq!(trunk.standing(&trial(0, members, ONE), |_| ONE), expected, "{landed:?} under {members:?}");
        }
    }

    #[test]
    fn what_does_not_meet_does_not_matter() {
        let (lib, app) = (Footprint::of([0]), Footprint::of([1]));
        let footprint = |c: CandidateId| if c.0 < 10 { lib } else { app };
        let mut trunk = Trunk::at(Commit("tip".into()));
        trunk.land(CandidateId(10), app);
        assert_eq!(trunk.standing(&trial(0, &[1], lib), footprint), fits(&[1], false));
        assert_eq!(trunk.standing(&trial(0, &[1, 10], lib | app), footprint), fits(&[1], false));
        assert_eq!(trunk.standing(&trial(0, &[11, 10], app), footprint), Standing::Stale);
        trunk.moved(Commit("other".into()), lib);
        assert_eq!(trunk.standing(&trial(1, &[1], lib), footprint), Standing::Stale);
        assert_eq!(trunk.standing(&trial(1, &[11], app), footprint), fits(&[11], false));
    }

    #[test]
    fn what_came_from_outside_is_proven_where_it_was_tested() {
        let (lib, app) = (Footprint::of([0]), Footprint::of([1]));
        let mut trunk = Trunk::at(Commit("tip".into()));
        trunk.moved(Commit("other".into()), lib | app);
        assert!(trunk.is_proven(0, ONE) && !trunk.is_proven(1, ONE) && trunk.is_proven(1, Footprint::of([2])));
        trunk.prove(0, ONE);
        assert!(!trunk.is_proven(1, ONE));
        trunk.prove(1, lib);
        assert!(trunk.is_proven(1, lib) && !trunk.is_proven(1, app));
        // Whoever lands next may have mended it: that says nothing of the branch before.
        trunk.land(CandidateId(1), app);
        trunk.prove(2, app);
        assert!(trunk.is_proven(2, ONE) && !trunk.is_proven(1, app));
        trunk.forget_below(2);
        assert_eq!((trunk.height(), trunk.since(0).count(), trunk.unproven.len()), (2, 0, 0));
    }

    #[test]
    fn what_came_from_outside_twice_is_in_doubt_twice() {
        let mut trunk = Trunk::at(Commit("tip".into()));
        trunk.moved(Commit("first".into()), ONE);
        trunk.moved(Commit("second".into()), ONE);
        assert!(!trunk.is_proven(1, ONE) && !trunk.is_proven(2, ONE));
        assert_eq!(trunk.in_doubt_since(), Some(2));
        trunk.forget_below(2);
        assert_eq!(trunk.unproven.len(), 1);
        trunk.prove(2, ONE);
        assert_eq!((trunk.in_doubt_since(), trunk.is_proven(2, ONE)), (None, true));
    }
}
