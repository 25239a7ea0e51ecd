//! A gate in virtual time: the decisions are those of the real one, everything around it is made up.

use crate::dice::fate;
use crate::workload::{LENGTH, Trace};
use gate::{
    Action, Candidate, CandidateId, Commit, End, Event, Footprint, Outcome, Push, Queue, Red, Settings, TrialId,
};
use model::Time;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// What came of a trace.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// For each candidate that landed: its number, when it came and when it landed, in seconds.
    pub landed: Vec<(usize, f64, f64)>,
    /// When each of the others was decided.
    pub refused: Vec<(usize, f64, f64)>,
    /// Trials begun.
    pub trials: usize,
    /// Slots in use, summed over time, in lengths of a trial.
    pub busy: f64,
    /// Retries.
    pub retries: usize,
    /// Good candidates that were evicted.
    pub false_ejects: usize,
    /// Bad trees that landed.
    pub false_accepts: usize,
    /// Landings that did not have a green trial of their tree; must be none.
    pub untested: usize,
    /// Nothing was left to do and candidates still waited; must not be.
    pub stuck: usize,
}

enum Happening {
    Arrives(usize),
    Foreign,
    Ends(TrialId, u32),
}

struct At(f64, u64, Happening);

impl PartialEq for At {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest comes first.
impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then_with(|| other.1.cmp(&self.1))
    }
}

/// A gate and what is around it.
struct Site<'a> {
    trace: &'a Trace,
    queue: Queue,
    now: f64,
    agenda: BinaryHeap<At>,
    count: u64,
    attempts: BTreeMap<TrialId, (u32, f64)>,
    /// What is on the branch, in order.
    branch: Vec<usize>,
    ran: Ran,
}

/// Runs a trace to its end.
pub fn run(trace: &Trace, settings: Settings) -> Ran {
    let mut site = Site {
        trace,
        queue: Queue::new(settings, Commit("tip".to_owned())),
        now: 0.0,
        agenda: BinaryHeap::new(),
        count: 0,
        attempts: BTreeMap::new(),
        branch: Vec::new(),
        ran: Ran::default(),
    };
    for (i, arrival) in trace.arrivals.iter().enumerate() {
        site.at(arrival.at, Happening::Arrives(i));
    }
    for at in &trace.foreign {
        site.at(*at, Happening::Foreign);
    }
    site.go();
    site.ran
}

impl Site<'_> {
    fn at(&mut self, time: f64, what: Happening) {
        self.count += 1;
        self.agenda.push(At(time, self.count, what));
    }

    fn time(&self) -> Time {
        Time((self.now * 1e6) as i64)
    }

    fn apply(&mut self, event: &Event) {
        let now = self.time();
        self.queue.apply(event, now);
    }

    fn go(&mut self) {
        while let Some(At(time, _, what)) = self.agenda.pop() {
            self.now = time;
            match what {
                Happening::Arrives(i) => self.arrives(i),
                Happening::Foreign => {
                    self.apply(&Event::Moved { to: Commit(format!("f{}", self.count)), footprint: Footprint::ALL });
                }
                Happening::Ends(trial, attempt) => self.ends(trial, attempt),
            }
            // What happens in the same moment is taken in together.
            if self.agenda.peek().is_some_and(|next| next.0 <= time) {
                continue;
            }
            self.decide();
        }
        self.ran.stuck = self.queue.line().count();
    }

    fn arrives(&mut self, i: usize) {
        let arrival = &self.trace.arrivals[i];
        let candidate = Candidate {
            id: CandidateId(i as u64),
            commit: Commit(format!("c{i}")),
            author: "a".to_owned(),
            submitted: self.time(),
            priority: 0,
            needs: arrival.needs.iter().map(|n| CandidateId(*n as u64)).collect(),
            footprint: arrival.footprint,
            wanted: 0,
            approvals: Vec::new(),
        };
        self.apply(&Event::Submitted(candidate));
    }

    fn decide(&mut self) {
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 10_000, "the gate does not come to an end: {:?}", gate::decide(&self.queue, self.time()));
            let now = self.time();
            let actions = gate::decide(&self.queue, now);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.apply(&Event::Decided(action.clone()));
                self.carry_out(&action);
            }
        }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Start { trial, .. } => {
                self.ran.trials += 1;
                assert!(self.ran.trials < 1000 + 100 * self.trace.arrivals.len(), "the gate tests for ever");
                self.attempts.insert(*trial, (0, self.now));
                self.schedule(*trial, 0, 1.0);
            }
            Action::Cancel { trial, .. } => self.freed(*trial),
            Action::Retry { trial, .. } => {
                self.ran.retries += 1;
                let attempt = self.attempts.get(trial).map_or(0, |(a, _)| a + 1);
                self.attempts.insert(*trial, (attempt, self.now));
                self.schedule(*trial, attempt, self.trace.workload.retry);
            }
            Action::Land { trial, members, commit, .. } => {
                let new: Vec<usize> = members.iter().map(|m| m.0 as usize).collect();
                let green = self.queue.trial(*trial).is_some_and(|t| t.green() == Some(commit));
                self.ran.untested += usize::from(!green);
                self.ran.false_accepts += usize::from(!self.is_good(&new));
                self.ran.landed.extend(new.iter().map(|m| (*m, self.trace.arrivals[*m].at, self.now)));
                self.branch.extend(new);
                self.apply(&Event::Pushed(Push::Done { commit: commit.clone(), same_tree: true }));
            }
            Action::End { candidate, end } => {
                let who = candidate.0 as usize;
                self.ran.refused.push((who, self.trace.arrivals[who].at, self.now));
                if matches!(end, End::Evicted(_)) && self.is_good(&[who]) {
                    self.ran.false_ejects += 1;
                }
            }
            Action::Stand { .. } | Action::Ask { .. } | Action::Halt(_) => {}
        }
    }

    fn freed(&mut self, trial: TrialId) {
        if let Some((_, since)) = self.attempts.remove(&trial) {
            self.ran.busy += (self.now - since) / LENGTH;
        }
    }

    fn schedule(&mut self, trial: TrialId, attempt: u32, share: f64) {
        let members = self.members(trial);
        let length = self.trace.length(&members) * share;
        let red = !matches!(self.outcome(trial, attempt), Outcome::Green(_));
        let length = if red { length * self.trace.workload.detect } else { length };
        self.at(self.now + length, Happening::Ends(trial, attempt));
    }

    fn members(&self, trial: TrialId) -> Vec<usize> {
        self.queue.trial(trial).map(|t| t.members.iter().map(|m| m.0 as usize).collect()).unwrap_or_default()
    }

    fn ends(&mut self, trial: TrialId, attempt: u32) {
        if self.attempts.get(&trial).is_none_or(|(a, _)| *a != attempt) {
            return;
        }
        if let Some((_, since)) = self.attempts.get(&trial) {
            self.ran.busy += (self.now - since) / LENGTH;
        }
        let outcome = self.outcome(trial, attempt);
        if let Outcome::Green(_) = outcome {
            self.attempts.remove(&trial);
        }
        self.apply(&Event::Ended { trial, outcome });
    }

    /// What is true of a trial: the same whenever it is asked.
    fn outcome(&self, id: TrialId, attempt: u32) -> Outcome {
        let Some(trial) = self.queue.trial(id) else { return Outcome::Broken("gone".to_owned()) };
        let members: Vec<usize> = trial.members.iter().map(|m| m.0 as usize).collect();
        let words = || members.iter().map(|m| *m as u64).chain([self.trace.seed, trial.base, u64::from(attempt)]);
        let lot = |what: u64| fate(words().chain([what]));
        if lot(6) < self.trace.workload.broken {
            return Outcome::Broken("the machine broke".to_owned());
        }
        let flaked = lot(7) < self.trace.workload.flaky;
        if flaked || !self.is_good(&members) {
            return Outcome::Red(Red::default());
        }
        Outcome::Green(Commit(format!("t{id}")))
    }

    /// Whether the branch is good with these on it.
    fn is_good(&self, members: &[usize]) -> bool {
        let near = self.branch.len().saturating_sub(80);
        let around = || self.branch[near..].iter().chain(members);
        members.iter().all(|m| self.trace.arrivals[*m].good && around().all(|o| o == m || !self.trace.clashes(*o, *m)))
    }
}
