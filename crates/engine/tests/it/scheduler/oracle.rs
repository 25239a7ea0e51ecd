//! Random changes, waits and restarts: the engine files what a slow reading of the rules says, with and without them.

use super::place::{function, hear, idle, of_b, restart, said, sets};
use model::{Follow, SchedulerKind, SchedulerSpec, Span, Time};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Change {
        branch: usize,
        important: bool,
    },
    Wait(i64),
    Restart,
    /// The master is away for so long.
    Down(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0usize..3, any::<bool>()).prop_map(|(branch, important)| Event::Change { branch, important }),
        6 => (1i64..25).prop_map(Event::Wait),
        1 => Just(Event::Restart),
        1 => (1i64..200).prop_map(Event::Down),
    ]
}

const BRANCHES: [&str; 3] = ["main", "topic", "stable"];
const QUIET: i64 = 10;
const EVERY: i64 = 45;

/// A scheduler of each kind that files by itself.
fn specs() -> Vec<SchedulerSpec> {
    let follow = |quiet: Option<i64>, only_important: bool| Follow {
        tree_stable_timer: quiet.map(Span::seconds),
        is_important: Some(function("marked")),
        only_important,
        ..Follow::default()
    };
    let every = Span::seconds(EVERY);
    let cron = "* * * * *".to_owned();
    let if_changed = Some(follow(None, false));
    vec![
        of_b("quiet", SchedulerKind::AnyBranch(follow(Some(QUIET), false))),
        of_b("only", SchedulerKind::AnyBranch(follow(Some(QUIET), true))),
        of_b("each", SchedulerKind::AnyBranch(follow(None, false))),
        of_b("period", SchedulerKind::Periodic { every, branch: None, if_changed: None }),
        of_b("period_changed", SchedulerKind::Periodic { every, branch: None, if_changed: if_changed.clone() }),
        of_b("night", SchedulerKind::Nightly { cron: cron.clone(), timezone: None, branch: None, if_changed: None }),
        of_b("night_changed", SchedulerKind::Nightly { cron, timezone: None, branch: None, if_changed }),
    ]
}

/// What was filed: by whom, when, and which changes.
type Filed = (String, i64, Vec<i64>);

/// A change as the rules see it: its number, its branch, when it came, whether it is important.
type Came = (i64, usize, i64, bool);

/// What happened, and when the master was away: `[from, to)`.
#[derive(Default)]
struct Story {
    came: Vec<Came>,
    away: Vec<(i64, i64)>,
    start: i64,
    end: i64,
}

impl Story {
    /// When somebody first looks at what is due at `time`.
    fn looked(&self, time: i64) -> i64 {
        self.away.iter().find(|(from, to)| (*from..*to).contains(&time)).map_or(time, |(_, to)| *to)
    }

    /// Sets of one branch: a set begins with the first change that is left, is sealed by the first important one and
    /// whatever comes before it has been quiet, and is filed then.
    fn quiet(&self, branch: usize, quiet: Option<i64>, only_important: bool) -> Vec<(i64, Vec<i64>)> {
        let kept = self.came.iter().filter(|c| c.1 == branch && (c.3 || !only_important));
        let mut left: Vec<Came> = kept.copied().collect();
        let mut filed = Vec::new();
        while let Some(first) = left.iter().position(|c| c.3) {
            let mut last = first;
            let due = |last: usize| quiet.map_or(left[last].2, |quiet| self.looked(left[last].2 + quiet));
            while quiet.is_some() && left.get(last + 1).is_some_and(|next| next.2 < due(last)) {
                last += 1;
            }
            filed.push((due(last), left[..=last].iter().map(|c| c.0).collect()));
            left.drain(..=last);
        }
        filed.retain(|(at, _)| *at <= self.end);
        filed
    }

    /// Times at which something is filed again and again. `next` says when, given the last time.
    fn again(&self, first: i64, next: impl Fn(i64) -> i64) -> Vec<i64> {
        let mut times = Vec::new();
        let mut at = first;
        while at <= self.end {
            times.push(at);
            at = self.looked(next(at));
        }
        times
    }

    /// Sets that are filed at such times, of each branch to which an important change came: `due` says when, given
    /// the last time (`None`: there was none) and when the first important change came after it.
    fn changed(&self, due: impl Fn(Option<i64>, i64) -> i64) -> Vec<(i64, Vec<i64>)> {
        let mut left = self.came.clone();
        let (mut last, mut filed) = (None, Vec::new());
        while let Some(first) = left.iter().find(|c| c.3).copied() {
            let at = self.looked(due(last, first.2)).max(first.2);
            if at > self.end {
                break;
            }
            // A change that comes at the very moment comes after what was due; only the one that made it due is in.
            let (before, mut after): (Vec<Came>, Vec<Came>) =
                left.into_iter().partition(|c| c.2 < at || c.0 <= first.0 && at == first.2);
            for branch in 0..BRANCHES.len() {
                let of: Vec<&Came> = before.iter().filter(|c| c.1 == branch).collect();
                match of.iter().any(|c| c.3) {
                    true => filed.push((at, of.iter().map(|c| c.0).collect())),
                    false => after.extend(of.into_iter().copied()),
                }
            }
            after.sort();
            left = after;
            last = Some(at);
        }
        filed
    }

    fn expected(&self) -> Vec<Filed> {
        let mut all = Vec::new();
        let mut add = |name: &str, sets: Vec<(i64, Vec<i64>)>| {
            all.extend(sets.into_iter().map(|(at, changes)| (name.to_owned(), at, changes)));
        };
        let minute = |after: i64| (after / 60 + 1) * 60;
        let bare = |times: Vec<i64>| times.into_iter().map(|at| (at, Vec::new())).collect();
        for branch in 0..BRANCHES.len() {
            add("quiet", self.quiet(branch, Some(QUIET), false));
            add("only", self.quiet(branch, Some(QUIET), true));
            add("each", self.quiet(branch, None, false));
        }
        add("period", bare(self.again(self.start, |last| last + EVERY)));
        add("night", bare(self.again(self.looked(minute(self.start)), minute)));
        add("period_changed", self.changed(|last, came| last.map_or(came, |last| came.max(last + EVERY))));
        add("night_changed", self.changed(|last, came| minute(came.max(last.unwrap_or(self.start)))));
        all.sort();
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn sets_are_filed_as_the_rules_say(events in prop::collection::vec(event(), 1..60)) {
        let mut town = idle(specs());
        let seconds = |at: Time| at.0 / 1_000_000;
        let mut story = Story { start: seconds(town.now), ..Story::default() };
        for event in events {
            match event {
                Event::Change { branch, important } => {
                    let number = story.came.len() as i64 + 1;
                    story.came.push((number, branch, seconds(town.now), important));
                    let words = if important { "fix!" } else { "typo" };
                    hear(&mut town, vec![said(BRANCHES[branch], &number.to_string(), words)]);
                }
                Event::Wait(n) => town.pass(n),
                Event::Restart => restart(&mut town),
                Event::Down(n) => {
                    // What is due at this very second has been done: from the next one on nobody looks.
                    story.away.push((seconds(town.now) + 1, seconds(town.now) + n));
                    town.now += Span::seconds(n);
                    restart(&mut town);
                }
            }
        }
        story.end = seconds(town.now);
        let mut filed: Vec<Filed> = sets(&town).iter().map(|set| {
            let changes = set.stamps[0].changes.iter().map(|c| c.0).collect();
            (set.scheduler.clone(), seconds(set.submitted_at), changes)
        }).collect();
        filed.sort();
        prop_assert_eq!(filed, story.expected());
    }
}
