//! A desk at which a queue is worked by hand: short calls in, short words out.

use gate::{
    Action, Candidate, CandidateId, Commit, End, Event, Footprint, Outcome, Policy, Push, Queue, Red, Settings, TrialId,
};
use model::Time;

/// A queue and a clock.
pub(crate) struct Desk {
    pub(crate) queue: Queue,
    pub(crate) now: i64,
}

impl Desk {
    pub(crate) fn new(policy: Policy, slots: usize) -> Self {
        let settings = Settings { retries: 0, ..Settings::new(policy, slots) };
        Desk { queue: Queue::new(settings, Commit("tip".into())), now: 0 }
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Desk { queue: Queue::new(settings, Commit("tip".into())), now: 0 }
    }

    pub(crate) fn apply(&mut self, event: &Event) -> String {
        self.now += 1;
        self.queue.apply(event, Time::from_seconds(self.now));
        self.settle()
    }

    pub(crate) fn settle(&mut self) -> String {
        // It is written down and read again at every turn: nothing may depend on what is not in it.
        let text = serde_json::to_string(&self.queue).expect("a queue can be written");
        let read: Queue = serde_json::from_str(&text).expect("a queue can be read");
        assert_eq!(serde_json::to_string(&read).expect("a queue can be written"), text);
        self.queue = read;
        let now = Time::from_seconds(self.now);
        assert_eq!(gate::decide(&self.queue, now), gate::decide(&self.queue, now));
        gate::settle(&mut self.queue, now).iter().map(words).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn submit(&mut self, id: u64) -> String {
        self.submitted(id, Footprint::ALL, &[])
    }

    pub(crate) fn submitted(&mut self, id: u64, footprint: Footprint, needs: &[u64]) -> String {
        let candidate = Candidate {
            id: CandidateId(id),
            commit: Commit(format!("c{id}")),
            author: "kim".into(),
            submitted: Time::from_seconds(self.now),
            priority: 0,
            needs: needs.iter().map(|n| CandidateId(*n)).collect(),
            footprint,
            wanted: 0,
            approvals: Vec::new(),
        };
        self.apply(&Event::Submitted(candidate))
    }

    pub(crate) fn green(&mut self, trial: u64) -> String {
        let outcome = Outcome::Green(Commit(format!("t{trial}")));
        self.apply(&Event::Ended { trial: TrialId(trial), outcome })
    }

    pub(crate) fn red(&mut self, trial: u64) -> String {
        let outcome = Outcome::Red(Red { stage: "test".into(), ..Red::default() });
        self.apply(&Event::Ended { trial: TrialId(trial), outcome })
    }

    pub(crate) fn pushed(&mut self, push: Push) -> String {
        self.apply(&Event::Pushed(push))
    }

    /// The push that was decided last arrives.
    pub(crate) fn done(&mut self) -> String {
        let commit = self.queue.landing().expect("a push is under way").commit.clone();
        self.pushed(Push::Done { commit, same_tree: true })
    }
}

fn names(of: &[CandidateId]) -> String {
    of.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

/// An action in a word or two.
pub(crate) fn words(action: &Action) -> String {
    match action {
        Action::Start { trial, members, .. } if members.is_empty() => format!("t{trial}: control"),
        Action::Start { trial, members, .. } => format!("t{trial}: {}", names(members)),
        Action::Cancel { trial, .. } => format!("cancel t{trial}"),
        Action::Retry { trial, .. } => format!("repeat t{trial}"),
        Action::Stand { trial, .. } => format!("t{trial} is red"),
        Action::End { candidate, end: End::Evicted(guilt) } => {
            format!("evict {candidate} by t{} ({:?})", guilt.trial, guilt.proof)
        }
        Action::End { candidate, end: End::DependencyFailed { on } } => format!("drop {candidate} with {on}"),
        Action::End { candidate, end } => format!("{candidate}: {end:?}"),
        Action::Land { members, commit, expected, replay, .. } => {
            format!("land {} as {commit} on {expected}{}", names(members), if *replay { " replayed" } else { "" })
        }
        Action::Ask { trial } => format!("ask for t{trial}"),
        Action::Halt(halt) => format!("halt: {halt:?}"),
    }
}
