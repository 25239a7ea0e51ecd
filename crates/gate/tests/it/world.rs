//! A world in which everything is known: what breaks which task, what truly is on the branch. A queue is worked in it,
//! and whatever it decides is held against the truth.

use crate::desk::words;
use gate::landing::LandingState;
use gate::{
    Action, Candidate, CandidateId, Commit, End, Event, Footprint, Guilt, Halt, Outcome, Promise, Push, Queue, Red,
    Remote, Settings, Trial, TrialId,
};
use model::Time;
use std::collections::{BTreeMap, BTreeSet};

/// So many tasks there are.
pub(crate) const TASKS: usize = 3;

/// What is true of two who do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    /// Tasks that both touch are red.
    Red,
    /// The later one cannot be replayed.
    Conflict,
}

/// What is true.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) bad: BTreeSet<u64>,
    pub(crate) clashes: BTreeMap<(u64, u64), Clash>,
    pub(crate) footprints: BTreeMap<u64, Footprint>,
}

/// One thing on the branch.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    who: Option<u64>,
    footprint: Footprint,
    /// It breaks these tasks.
    breaks: Footprint,
    /// All that came from outside is whole from here on.
    mends: bool,
}

impl Truth {
    fn step(&self, who: CandidateId) -> Step {
        let footprint = self.footprints[&who.0];
        let breaks = if self.bad.contains(&who.0) { footprint } else { Footprint::NONE };
        Step { who: Some(who.0), footprint, breaks, mends: false }
    }

    fn clash(&self, a: u64, b: u64) -> Option<Clash> {
        self.clashes.get(&(a.min(b), a.max(b))).copied()
    }

    /// Whether a task is red on this branch.
    fn is_red(&self, tree: &[Step], task: usize) -> bool {
        let whole = tree.iter().rposition(|s| s.mends).unwrap_or(0);
        let broken = |(at, s): (usize, &Step)| s.breaks.touches(task) && (s.who.is_some() || at >= whole);
        let touching: Vec<u64> = tree.iter().filter(|s| s.footprint.touches(task)).filter_map(|s| s.who).collect();
        let clashes = |(at, a): (usize, &u64)| touching[..at].iter().any(|b| self.clash(*a, *b) == Some(Clash::Red));
        tree.iter().enumerate().any(broken) || touching.iter().enumerate().any(clashes)
    }

    fn are_red(&self, tree: &[Step], tasks: Footprint) -> bool {
        (0..TASKS).any(|task| tasks.touches(task) && self.is_red(tree, task))
    }

    /// Whether one cannot be replayed on a branch.
    fn conflicts(&self, tree: &[Step], who: u64) -> bool {
        tree.iter().any(|s| s.who.is_some_and(|s| self.clash(s, who) == Some(Clash::Conflict)))
    }
}

/// A queue in its world.
pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) truth: Truth,
    /// Nothing is red for nothing.
    pub(crate) steady: bool,
    pub(crate) now: i64,
    /// Events and decisions so far.
    pub(crate) steps: usize,
    /// The branch at the remote, one entry for each height; the queue knows of so many of them.
    remote: Vec<Step>,
    known: usize,
    tip: Commit,
    /// What each trial tested.
    tested: BTreeMap<TrialId, Vec<Step>>,
    withdrawn: BTreeSet<CandidateId>,
    /// What was decided last, for whoever has to find out why.
    last: Vec<String>,
}

impl World {
    pub(crate) fn new(settings: Settings, truth: Truth) -> Self {
        let tip = Commit("tip".into());
        World {
            queue: Queue::new(settings, tip.clone()),
            truth,
            steady: true,
            now: 0,
            steps: 0,
            remote: Vec::new(),
            known: 0,
            tip,
            tested: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            last: Vec::new(),
        }
    }

    fn time(&self) -> Time {
        Time::from_seconds(self.now)
    }

    pub(crate) fn story(&self) -> String {
        let from = self.last.len().saturating_sub(40);
        format!("{}\n{:?}", self.last[from..].join("\n"), self.queue)
    }

    /// Something happens, and all is decided that follows from it.
    pub(crate) fn apply(&mut self, event: Event) {
        self.now += 1;
        self.steps += 1;
        self.last.push(format!("{} {event:?}", self.now));
        let now = self.time();
        if let Event::Withdrawn { candidate, .. } = &event
            && self.queue.waiting(*candidate).is_some()
            && self.queue.landing().is_none_or(|l| !l.members.contains(candidate))
        {
            self.withdrawn.insert(*candidate);
        }
        self.queue.apply(&event, now);
        self.settle();
    }

    fn settle(&mut self) {
        let mut rounds = 0;
        loop {
            let now = self.time();
            let actions = gate::decide(&self.queue, now);
            if actions.is_empty() {
                break;
            }
            rounds += 1;
            let most = 20 + 4 * (self.queue.settings().slots + self.truth.footprints.len());
            assert!(rounds <= most, "deciding does not come to an end: {}", self.story());
            for action in actions {
                self.steps += 1;
                self.last.push(format!("{}   {}", self.now, words(&action)));
                self.check(&action);
                self.queue.apply(&Event::Decided(action), now);
            }
        }
        let running = self.queue.trials().filter(|t| t.is_running()).count();
        let slots = self.queue.settings().slots;
        // While a push is under way or the gate halts, nothing is taken back either when there come to be fewer slots.
        let waits = self.queue.landing().is_some() || self.queue.halted().is_some();
        assert!(running <= slots || waits, "{running} of {slots}: {}", self.story());
        for end in self.withdrawn.iter().filter_map(|w| self.queue.ended(*w)) {
            assert!(matches!(end.end, End::Withdrawn { .. }), "{end:?} was withdrawn: {}", self.story());
        }
    }

    /// Holds a decision against the truth.
    fn check(&mut self, action: &Action) {
        match action {
            Action::Start { trial, base, on, members, footprint, .. } => {
                assert_eq!((*base as usize, on), (self.known, &self.tip), "not on the tip: {}", self.story());
                let running = self.queue.trials().filter(|t| t.is_running()).count();
                assert!(running < self.queue.settings().slots, "no slot for {trial}: {}", self.story());
                self.in_order(members);
                for member in members {
                    assert!(self.queue.waiting(*member).is_some_and(Candidate::is_approved), "{}", self.story());
                    assert!((0..TASKS).all(|t| footprint.touches(t) || !self.truth.step(*member).footprint.touches(t)));
                }
                let mut tree = self.remote[..self.known].to_vec();
                tree.extend(members.iter().map(|m| self.truth.step(*m)));
                let twice = self.tested.insert(*trial, tree);
                assert!(twice.is_none(), "a second {trial}: {}", self.story());
            }
            Action::Land { trial, commit, expected, members, replay } => {
                let green = self.queue.trial(*trial).and_then(Trial::green);
                assert_eq!((green, expected), (Some(commit), &self.tip), "{}", self.story());
                self.landing(*trial, members, *replay);
            }
            Action::End { candidate, end: End::Evicted(guilt) } => self.evicted(*candidate, guilt),
            Action::End { candidate, end: End::DependencyFailed { on } } => {
                let needs = &self.queue.waiting(*candidate).expect("it waited").needs;
                let landed = self.queue.ended(*on).is_some_and(|e| matches!(e.end, End::Landed { .. }));
                assert!(needs.contains(on) && self.queue.waiting(*on).is_none() && !landed, "{}", self.story());
            }
            Action::End { .. } => panic!("nobody but the gate's people ends {action:?}: {}", self.story()),
            Action::Halt(Halt::Broken { .. }) if self.steady => {
                let broken = self.truth.are_red(&self.remote[..self.known], Footprint::ALL);
                assert!(broken, "the branch is whole: {}", self.story());
            }
            _ => {}
        }
    }

    /// Nobody goes before what he needs.
    fn in_order(&self, members: &[CandidateId]) {
        for (place, member) in members.iter().enumerate() {
            for need in &self.queue.waiting(*member).expect("it waits").needs {
                let landed = self.remote[..self.known].iter().any(|s| s.who == Some(need.0));
                assert!(landed || members[..place].contains(need), "{member} needs {need}: {}", self.story());
            }
        }
    }

    /// What would be on the branch is what was tested, as far as the tasks of the trial can tell.
    fn landing(&self, trial: TrialId, members: &[CandidateId], replay: bool) {
        assert!(self.queue.settings().promise == Promise::Tip || members.len() == 1, "{}", self.story());
        self.in_order(members);
        let tested = &self.tested[&trial];
        let mut branch = self.remote[..self.known].to_vec();
        branch.extend(members.iter().map(|m| self.truth.step(*m)));
        if !replay {
            assert_eq!(tested, &branch, "the tree was not tested: {}", self.story());
        }
        let footprint = self.queue.trial(trial).expect("it is landed").footprint;
        for task in (0..TASKS).filter(|t| footprint.touches(*t)) {
            let seen = |tree: &[Step]| tree.iter().filter(|s| s.footprint.touches(task)).cloned().collect::<Vec<_>>();
            assert_eq!(seen(tested), seen(&branch), "task {task} would see what it did not: {}", self.story());
        }
        if self.steady {
            assert!(!self.truth.are_red(&branch, footprint), "a red tree lands: {}", self.story());
        }
    }

    /// Everything but him in the red tree is on the branch.
    fn evicted(&self, who: CandidateId, guilt: &Guilt) {
        let tested = &self.tested[&guilt.trial];
        let trial = self.queue.trial(guilt.trial).expect("it is known");
        assert!(trial.is_red() && trial.members.contains(&who), "{}", self.story());
        let landed = |m: &CandidateId| self.queue.ended(*m).is_some_and(|e| matches!(e.end, End::Landed { .. }));
        let conflict = matches!(guilt.proof, gate::Proof::Conflict);
        let place = trial.members.iter().position(|m| *m == who).expect("he is in it");
        let with = trial.members.iter().enumerate().filter(|(at, _)| if conflict { *at < place } else { *at != place });
        assert!(with.map(|(_, m)| m).all(landed), "others than {who} may be at fault: {}", self.story());
        let without: Vec<Step> = tested.iter().filter(|s| s.who != Some(who.0)).cloned().collect();
        if conflict {
            let base = tested.len() - trial.members.len();
            assert!(self.truth.conflicts(&tested[..base + place], who.0), "{}", self.story());
        } else if self.steady {
            let tasks = trial.footprint;
            let is_his = self.truth.are_red(tested, tasks) && !self.truth.are_red(&without, tasks);
            assert!(is_his, "{who} is not at fault: {}", self.story());
        }
    }

    pub(crate) fn submit(&mut self, id: u64, needs: &[u64], priority: i64, wanted: u32) {
        let candidate = Candidate {
            id: CandidateId(id),
            commit: Commit(format!("c{id}")),
            author: ["kim", "lee"][id as usize % 2].into(),
            submitted: self.time(),
            priority,
            needs: needs.iter().map(|n| CandidateId(*n)).collect(),
            footprint: self.truth.footprints[&id],
            wanted,
            approvals: Vec::new(),
        };
        self.apply(Event::Submitted(candidate));
    }

    pub(crate) fn running(&self) -> Vec<TrialId> {
        self.queue.trials().filter(|t| t.is_running()).map(|t| t.id).collect()
    }

    /// How a trial truly ends.
    pub(crate) fn outcome(&self, id: TrialId) -> Outcome {
        let trial = self.queue.trial(id).expect("it runs");
        let tree = &self.tested[&id];
        let base = tree.len() - trial.members.len();
        let stuck = (base..tree.len()).find(|at| tree[*at].who.is_some_and(|w| self.truth.conflicts(&tree[..*at], w)));
        match stuck.map(|at| trial.members[at - base]) {
            Some(member) => Outcome::Conflict { member, red: Red::default() },
            None if self.truth.are_red(tree, trial.footprint) => Outcome::Red(Red::default()),
            None => Outcome::Green(Commit(format!("t{id}"))),
        }
    }

    pub(crate) fn ends(&mut self, trial: TrialId) {
        let outcome = self.outcome(trial);
        self.apply(Event::Ended { trial, outcome });
    }

    /// Somebody goes past the gate; the queue does not know it yet.
    pub(crate) fn foreign(&mut self, footprint: Footprint, breaks: Footprint, mends: bool) {
        let step = Step { who: None, footprint, breaks, mends };
        // What it does not know yet is one step for the queue.
        let is_unseen = self.known < self.remote.len();
        match self.remote.last_mut().filter(|last| is_unseen && last.who.is_none()) {
            Some(last) if mends => *last = Step { footprint: last.footprint | footprint, ..step },
            Some(last) => {
                last.footprint |= footprint;
                last.breaks |= breaks;
            }
            None => self.remote.push(step),
        }
    }

    /// What the queue does not know of the branch.
    fn unseen(&mut self) -> Option<(Commit, Footprint)> {
        let step = self.remote.get(self.known)?;
        let to = (Commit(format!("f{}", self.now)), step.footprint);
        self.known += 1;
        self.tip = to.0.clone();
        Some(to)
    }

    /// The queue hears of what came past it.
    pub(crate) fn heard(&mut self) {
        if self.queue.landing().is_none()
            && let Some((to, footprint)) = self.unseen()
        {
            self.apply(Event::Moved { to, footprint });
        }
    }

    /// The push that is under way comes to an end of which somebody hears or not.
    pub(crate) fn pushes(&mut self, roll: u8) {
        let landing = self.queue.landing().cloned().expect("a push is under way");
        if landing.state == LandingState::Asking {
            return self.answers(roll);
        }
        if self.known < self.remote.len() {
            let Some((to, footprint)) = self.unseen() else { return };
            return self.apply(Event::Pushed(Push::Moved { to, footprint }));
        }
        let mut branch = self.remote.clone();
        for member in &landing.members {
            if self.truth.conflicts(&branch, member.0) {
                assert!(landing.replay, "a tested tree is no conflict: {}", self.story());
                return self.apply(Event::Pushed(Push::NotReplayed));
            }
            branch.push(self.truth.step(*member));
        }
        let arrives = !matches!(roll, 1..=3);
        let commit = if landing.replay { Commit(format!("r{}", self.now)) } else { landing.commit.clone() };
        if arrives {
            self.remote.extend(landing.members.iter().map(|m| self.truth.step(*m)));
        }
        match roll {
            0 | 1 => self.apply(Event::Pushed(Push::Doubtful("the line broke".into()))),
            2 if landing.replay => self.apply(Event::Pushed(Push::NotReplayed)),
            3 => {
                self.apply(Event::Pushed(Push::Refused("a hook".into())));
                self.apply(Event::Resumed { by: "kim".into() });
            }
            2 => self.apply(Event::Pushed(Push::Doubtful("no answer".into()))),
            _ => {
                self.known = self.remote.len();
                self.tip = commit.clone();
                self.apply(Event::Pushed(Push::Done { commit, same_tree: true }));
            }
        }
    }

    /// The remote says where the branch is.
    fn answers(&mut self, roll: u8) {
        let landing = self.queue.landing().cloned().expect("it is asked for one");
        if roll == 0 {
            return self.apply(Event::Found(Remote::Silent));
        }
        let ours = self.remote[self.known..].iter().any(|s| s.who == Some(landing.members[0].0));
        if ours {
            self.known += landing.members.len();
            self.tip = landing.commit;
            let mut above = self.unseen();
            if landing.replay && above.is_none() {
                // What was replayed has another name than what was tested: for the queue that lies above it.
                let nothing = Footprint::NONE;
                self.remote.push(Step { who: None, footprint: nothing, breaks: nothing, mends: false });
                above = self.unseen();
            }
            return self.apply(Event::Found(Remote::Ours { same_tree: true, above }));
        }
        let found = match self.unseen() {
            Some((to, footprint)) => Remote::Elsewhere { to, footprint },
            None => Remote::Before,
        };
        self.apply(Event::Found(found));
    }

    /// The program dies and is started again: the queue is what was written down; what ran is lost.
    pub(crate) fn crashes(&mut self, arrived: bool) {
        self.reread();
        if let Some(landing) = self.queue.landing().cloned() {
            let pushing = landing.state == LandingState::Pushing && self.known == self.remote.len() && !landing.replay;
            if arrived && pushing {
                self.remote.extend(landing.members.iter().map(|m| self.truth.step(*m)));
            }
            self.apply(Event::Pushed(Push::Doubtful("started again".into())));
        }
        for trial in self.running() {
            if self.queue.trial(trial).is_some_and(Trial::is_running) {
                self.apply(Event::Ended { trial, outcome: Outcome::Broken("started again".into()) });
            }
        }
    }

    /// A queue that is written and read is the same.
    pub(crate) fn reread(&mut self) {
        let text = serde_json::to_string(&self.queue).expect("a queue can be written");
        let read: Queue = serde_json::from_str(&text).expect("a queue can be read");
        assert_eq!(read, self.queue);
        let now = self.time();
        assert_eq!(gate::decide(&read, now), gate::decide(&self.queue, now));
        self.queue = read;
    }
}
