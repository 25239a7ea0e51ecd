//! The landing queue: everything that a gate knows. It can be written down at any moment and taken up again.

use crate::candidate::{Candidate, CandidateId, Commit, End, Guilt};
use crate::event::{Action, Event, Halt, Push, Remote};
use crate::experience::Experience;
use crate::footprint::Footprint;
use crate::landing::{Landing, LandingState};
use crate::policy::Policy;
use crate::trial::{Outcome, Purpose, Trial, TrialId, TrialState};
use crate::trunk::{Standing, Trunk};
use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is promised of the branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Each commit was tested as it lands. No batches.
    EachCommit,
    /// What a push brings was tested as a whole; commits below its tip perhaps not by themselves.
    Tip,
}

/// What people choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What is tested next.
    pub policy: Policy,
    /// So many trials at once.
    pub slots: usize,
    /// What is promised of the branch.
    pub promise: Promise,
    /// So often a red trial may be repeated.
    pub retries: u32,
    /// So many retries a day.
    pub retries_a_day: u32,
    /// A retry costs so much of a trial, since only what failed is run again.
    pub retry_cost: f64,
}

impl Settings {
    /// The usual ones.
    pub fn new(policy: Policy, slots: usize) -> Self {
        let promise = Promise::Tip;
        let retries_a_day = 100 * u32::try_from(slots).unwrap_or(u32::MAX / 100).max(1);
        Settings { policy, slots, promise, retries: 2, retries_a_day, retry_cost: 0.1 }
    }
}

/// A candidate that is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// It.
    pub candidate: Candidate,
    /// How it ended.
    pub end: End,
    /// When.
    pub at: Time,
}

/// A gate's state. It changes by [`Queue::apply`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    pub(crate) settings: Settings,
    pub(crate) waiting: BTreeMap<CandidateId, Candidate>,
    line: BTreeSet<(i64, CandidateId)>,
    ended: BTreeMap<CandidateId, Ended>,
    pub(crate) trials: BTreeMap<TrialId, Trial>,
    pub(crate) trunk: Trunk,
    pub(crate) landing: Option<Landing>,
    pub(crate) halted: Option<Halt>,
    pub(crate) experience: Experience,
    pub(crate) next_trial: u64,
    /// When a merge began last.
    pub(crate) merged: Option<Time>,
}

impl Queue {
    /// An empty queue for a branch.
    pub fn new(settings: Settings, tip: Commit) -> Self {
        Queue {
            settings,
            waiting: BTreeMap::new(),
            line: BTreeSet::new(),
            ended: BTreeMap::new(),
            trials: BTreeMap::new(),
            trunk: Trunk::at(tip),
            landing: None,
            halted: None,
            experience: Experience::default(),
            next_trial: 1,
            merged: None,
        }
    }

    /// The branch.
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// What people chose.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was learned.
    pub fn experience(&self) -> &Experience {
        &self.experience
    }

    /// Candidates that are not decided, in the order of the line, approved or not.
    pub fn line(&self) -> impl Iterator<Item = &Candidate> {
        self.line.iter().filter_map(|(_, id)| self.waiting.get(id))
    }

    /// A candidate that is not decided.
    pub fn waiting(&self, id: CandidateId) -> Option<&Candidate> {
        self.waiting.get(&id)
    }

    /// How a candidate ended.
    pub fn ended(&self, id: CandidateId) -> Option<&Ended> {
        self.ended.get(&id)
    }

    /// Trials that may still matter, oldest first.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.trials.values()
    }

    /// A trial that may still matter.
    pub fn trial(&self, id: TrialId) -> Option<&Trial> {
        self.trials.get(&id)
    }

    /// The push that is under way.
    pub fn landing(&self) -> Option<&Landing> {
        self.landing.as_ref()
    }

    /// Why nothing is done.
    pub fn halted(&self) -> Option<&Halt> {
        self.halted.as_ref()
    }

    /// Forgets candidates that were decided before a moment, for callers that keep them elsewhere. Those that a waiting
    /// one needs stay.
    pub fn forget(&mut self, before: Time) {
        let needed: BTreeSet<CandidateId> = self.waiting.values().flat_map(|c| c.needs.iter().copied()).collect();
        let tried: BTreeSet<CandidateId> = self.trials.values().flat_map(|t| t.members.iter().copied()).collect();
        self.ended.retain(|id, e| e.at >= before || needed.contains(id) || tried.contains(id));
    }

    /// What a candidate touches.
    pub(crate) fn footprint(&self, id: CandidateId) -> Footprint {
        let ended = || self.ended.get(&id).map(|e| e.candidate.footprint);
        self.waiting.get(&id).map(|c| c.footprint).or_else(ended).unwrap_or(Footprint::ALL)
    }

    /// How a trial stands to the branch.
    pub(crate) fn standing(&self, trial: &Trial) -> Standing {
        self.trunk.standing(trial, |c| self.footprint(c))
    }

    pub(crate) fn has_landed(&self, id: CandidateId) -> bool {
        self.ended.get(&id).is_some_and(|e| matches!(e.end, End::Landed { .. }))
    }

    /// A member that ended otherwise than by landing: the trial can land nothing any more.
    pub(crate) fn lost_member(&self, trial: &Trial) -> Option<CandidateId> {
        trial.members.iter().copied().find(|m| !self.waiting.contains_key(m) && !self.has_landed(*m))
    }

    /// Takes what happened. What is not possible (an end of a trial that nobody runs, a second end) changes nothing.
    pub fn apply(&mut self, event: &Event, now: Time) {
        match event {
            Event::Submitted(candidate) => self.submitted(candidate, now),
            Event::Approved { candidate, by } => {
                if let Some(c) = self.waiting.get_mut(candidate).filter(|c| !c.approvals.contains(by)) {
                    c.approvals.push(by.clone());
                }
            }
            Event::Prioritised { candidate, priority } => {
                if let Some(c) = self.waiting.get_mut(candidate) {
                    self.line.remove(&c.rank());
                    c.priority = *priority;
                    self.line.insert(c.rank());
                }
            }
            Event::Withdrawn { candidate, by } => {
                // What is being pushed cannot be taken back.
                if self.landing.as_ref().is_none_or(|l| !l.members.contains(candidate)) {
                    self.end(*candidate, End::Withdrawn { by: by.clone() }, now);
                }
            }
            Event::Moved { to, footprint } => self.trunk.moved(to.clone(), *footprint),
            Event::Ended { trial, outcome } => self.trial_ended(*trial, outcome, now),
            Event::Pushed(push) => self.pushed(push, now),
            Event::Found(remote) => self.found(remote, now),
            Event::Slots(slots) => self.settings.slots = *slots,
            Event::Resumed { .. } => {
                // Whoever looked may have found that the branch is green after all: it is asked anew.
                self.trials.retain(|_, t| t.purpose != Purpose::Control || t.is_running());
                self.halted = None;
            }
            Event::Decided(action) => self.decided(action, now),
        }
        self.prune();
    }

    fn submitted(&mut self, candidate: &Candidate, now: Time) {
        if self.waiting.contains_key(&candidate.id) || self.ended.contains_key(&candidate.id) {
            return;
        }
        self.line.insert(candidate.rank());
        self.waiting.insert(candidate.id, candidate.clone());
        self.experience.submitted(now);
    }

    fn trial_ended(&mut self, id: TrialId, outcome: &Outcome, now: Time) {
        let Some(trial) = self.trials.get_mut(&id).filter(|t| t.is_running()) else { return };
        trial.state = match outcome {
            Outcome::Green(commit) => {
                self.experience.green(trial, now);
                if trial.purpose == Purpose::Control {
                    self.trunk.prove(trial.base, trial.footprint);
                }
                TrialState::Green { commit: commit.clone() }
            }
            Outcome::Red(red) => TrialState::Doubted(red.clone()),
            Outcome::Conflict { member, red } => TrialState::Conflict { member: *member, red: red.clone() },
            Outcome::Broken(_) => {
                // As if it had never been: who needs it is tested anew.
                self.trials.remove(&id);
                return;
            }
        };
    }

    fn pushed(&mut self, push: &Push, now: Time) {
        let Some(mut landing) = self.landing.take() else { return };
        match push {
            Push::Done { commit, same_tree } => self.landed(&landing, commit.clone(), *same_tree, now),
            Push::Moved { to, footprint } => self.trunk.moved(to.clone(), *footprint),
            Push::NotReplayed => {
                self.trials.remove(&landing.trial);
            }
            Push::Refused(why) => self.halted = Some(Halt::Refused { trial: landing.trial, why: why.clone() }),
            Push::Doubtful(why) => {
                landing.state = LandingState::Doubtful(why.clone());
                self.landing = Some(landing);
            }
        }
    }

    fn found(&mut self, remote: &Remote, now: Time) {
        let Some(mut landing) = self.landing.take() else { return };
        match remote {
            Remote::Ours { same_tree, above } => {
                let commit = landing.commit.clone();
                self.landed(&landing, commit, *same_tree, now);
                if let Some((to, footprint)) = above {
                    self.trunk.moved(to.clone(), *footprint);
                }
            }
            Remote::Before => {
                landing.state = LandingState::Again;
                self.landing = Some(landing);
            }
            Remote::Elsewhere { to, footprint } => self.trunk.moved(to.clone(), *footprint),
            Remote::Silent => {
                landing.state = LandingState::Doubtful("the remote does not answer".to_owned());
                self.landing = Some(landing);
            }
        }
    }

    fn landed(&mut self, landing: &Landing, commit: Commit, same_tree: bool, now: Time) {
        let flaky = self.trials.get(&landing.trial).is_some_and(|t| !t.flakes.is_empty());
        for member in &landing.members {
            self.trunk.land(*member, self.footprint(*member));
            self.end(*member, End::Landed { by: landing.trial, flaky }, now);
        }
        self.trunk.tip = commit;
        if !same_tree {
            self.halted = Some(Halt::TreeDiffers { trial: landing.trial });
        } else if let Some(trial) = self.trials.get(&landing.trial) {
            self.trunk.prove(self.trunk.height(), trial.footprint);
        }
    }

    fn end(&mut self, id: CandidateId, end: End, at: Time) {
        let Some(candidate) = self.waiting.remove(&id) else { return };
        self.line.remove(&candidate.rank());
        match &end {
            End::Landed { .. } => self.experience.decided(&candidate.author, true),
            End::Evicted(Guilt { .. }) => self.experience.decided(&candidate.author, false),
            End::DependencyFailed { .. } | End::Withdrawn { .. } => {}
        }
        self.ended.insert(id, Ended { candidate, end, at });
    }

    fn decided(&mut self, action: &Action, now: Time) {
        match action {
            Action::Start { trial, base, members, footprint, purpose, .. } => {
                let new = Trial {
                    id: *trial,
                    base: *base,
                    members: members.clone(),
                    footprint: *footprint,
                    purpose: purpose.clone(),
                    started: now,
                    flakes: Vec::new(),
                    state: TrialState::Running,
                };
                self.next_trial = self.next_trial.max(trial.0 + 1);
                if *purpose == Purpose::Merge {
                    self.merged = Some(now);
                }
                self.trials.insert(*trial, new);
            }
            Action::Cancel { trial, .. } => {
                self.trials.remove(trial);
            }
            Action::Retry { trial, .. } => self.judged(*trial, true, now),
            Action::Stand { trial, .. } => self.judged(*trial, false, now),
            Action::End { candidate, end } => self.end(*candidate, end.clone(), now),
            Action::Land { trial, commit, expected, members, replay } => {
                self.landing = Some(Landing {
                    trial: *trial,
                    commit: commit.clone(),
                    expected: expected.clone(),
                    members: members.clone(),
                    replay: *replay,
                    state: LandingState::Pushing,
                });
            }
            Action::Ask { .. } => {
                if let Some(landing) = &mut self.landing {
                    landing.state = LandingState::Asking;
                }
            }
            Action::Halt(why) => self.halted = Some(why.clone()),
        }
    }

    fn judged(&mut self, id: TrialId, again: bool, now: Time) {
        let Some(trial) = self.trials.get_mut(&id) else { return };
        let (TrialState::Doubted(red) | TrialState::Red(red)) = &trial.state else { return };
        let red = red.clone();
        if again {
            trial.flakes.push(red);
            trial.state = TrialState::Running;
            self.experience.retried(now);
        } else {
            trial.state = TrialState::Red(red);
        }
    }

    /// Forgets trials that say nothing about anybody who waits, and the steps of the branch below the others.
    fn prune(&mut self) {
        let landing = self.landing.as_ref().map(|l| l.trial);
        let (waiting, height) = (&self.waiting, self.trunk.height());
        // A conflict says nothing of anybody but the one in whom it was.
        let speaks = |t: &Trial| match &t.state {
            TrialState::Conflict { member, .. } => waiting.contains_key(member),
            _ => t.members.iter().any(|m| waiting.contains_key(m)),
        };
        self.trials.retain(|id, t| {
            t.is_running()
                || landing == Some(*id)
                || speaks(t)
                || (t.members.is_empty() && t.green().is_none() && t.base == height)
        });
        let lowest = self.trials.values().map(|t| t.base).min().unwrap_or(self.trunk.height());
        self.trunk.forget_below(lowest);
    }
}
