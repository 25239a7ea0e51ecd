//! What a test is, from what its items are. One rule:
//!
//! 1. While an item runs or is handed out, the test is RUNNING.
//! 2. Otherwise, while some items have ended and others have not, it is STARTED; when none has begun, NOT_STARTED.
//! 3. When all have ended it is INCOMPLETE if an item is, else KILLED if an item is, else COMPLETED.
//! 4. Its status is the worst status of the items that have ended, by rank and then by the word; `n/a` before.
//!
//! It looks at how many items are what, and at nothing else, so the order in which they became it cannot matter.

use crate::record::Phase;
use crate::status::{Status, Statuses};
use std::collections::BTreeMap;

/// How many items are what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    phases: BTreeMap<Phase, u32>,
    ended: BTreeMap<(u32, Status), u32>,
}

impl Rollup {
    /// Counts an item in.
    pub fn add(&mut self, phase: Phase, status: &Status, statuses: &Statuses) {
        *self.phases.entry(phase).or_default() += 1;
        if phase.is_over() {
            *self.ended.entry((statuses.meaning(status).rank, status.clone())).or_default() += 1;
        }
    }

    /// Takes an item out that was counted in as this.
    pub fn remove(&mut self, phase: Phase, status: &Status, statuses: &Statuses) {
        take(&mut self.phases, &phase);
        if phase.is_over() {
            take(&mut self.ended, &(statuses.meaning(status).rank, status.clone()));
        }
    }

    /// Where the whole is. Of nothing at all: ended.
    pub fn phase(&self) -> Phase {
        let any = |phase| self.phases.contains_key(&phase);
        if any(Phase::Running) || any(Phase::Launched) {
            Phase::Running
        } else if any(Phase::NotStarted) || any(Phase::Started) {
            if self.phases.len() == 1 && any(Phase::NotStarted) { Phase::NotStarted } else { Phase::Started }
        } else if any(Phase::Incomplete) {
            Phase::Incomplete
        } else if any(Phase::Killed) {
            Phase::Killed
        } else {
            Phase::Completed
        }
    }

    /// The worst that came of an item so far.
    pub fn status(&self) -> Status {
        self.ended.last_key_value().map_or(Status::NOT_YET, |((_, status), _)| status.clone())
    }

    /// How many are in a phase.
    pub fn count(&self, phase: Phase) -> u32 {
        self.phases.get(&phase).copied().unwrap_or(0)
    }

    /// How many there are.
    pub fn total(&self) -> u32 {
        self.phases.values().sum()
    }

    /// How many ended with which status, the best first.
    pub fn statuses(&self) -> impl Iterator<Item = (&Status, u32)> {
        self.ended.iter().map(|((_, status), n)| (status, *n))
    }
}

fn take<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(n) = counts.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(items: &[(Phase, Status)]) -> (Phase, Status) {
        let statuses = Statuses::default();
        let mut rollup = Rollup::default();
        for (phase, status) in items {
            rollup.add(*phase, status, &statuses);
        }
        (rollup.phase(), rollup.status())
    }

    /// Four that passed, and a fifth.
    #[test]
    fn the_fifth_item_decides() {
        let blah = Statuses::default().read("1").unwrap();
        let table = [
            (Phase::Completed, Status::PASS, Phase::Completed, Status::PASS),
            (Phase::Completed, Status::WARN, Phase::Completed, Status::WARN),
            (Phase::Completed, Status::WAIVED, Phase::Completed, Status::WAIVED),
            (Phase::Completed, Status::SKIP, Phase::Completed, Status::SKIP),
            (Phase::Completed, Status::CHECK, Phase::Completed, Status::CHECK),
            (Phase::Completed, Status::FAIL, Phase::Completed, Status::FAIL),
            (Phase::Completed, Status::ABORT, Phase::Completed, Status::ABORT),
            (Phase::Completed, Status::DEAD, Phase::Completed, Status::DEAD),
            (Phase::Completed, Status::PREQ_FAIL, Phase::Completed, Status::PREQ_FAIL),
            (Phase::Completed, blah, Phase::Completed, Status::FAIL),
            (Phase::Killed, Status::KILLED, Phase::Killed, Status::KILLED),
            (Phase::Incomplete, Status::INCOMPLETE, Phase::Incomplete, Status::INCOMPLETE),
            (Phase::Running, Status::NOT_YET, Phase::Running, Status::PASS),
            (Phase::Running, Status::FAIL, Phase::Running, Status::PASS),
            (Phase::Launched, Status::NOT_YET, Phase::Running, Status::PASS),
            (Phase::NotStarted, Status::NOT_YET, Phase::Started, Status::PASS),
        ];
        for (phase, status, all, came_of_it) in table {
            let mut items = vec![(Phase::Completed, Status::PASS); 4];
            items.push((phase, status.clone()));
            assert_eq!(of(&items), (all, came_of_it), "{phase}/{status}");
        }
        assert_eq!(of(&[(Phase::NotStarted, Status::NOT_YET)]), (Phase::NotStarted, Status::NOT_YET));
        assert_eq!(of(&[]), (Phase::Completed, Status::NOT_YET));
    }

    /// The rule once more, slowly: over the whole list, with the words of the rule.
    fn oracle(items: &[(Phase, Status)]) -> (Phase, Status) {
        let over = items.iter().filter(|(p, _)| p.is_over());
        let words = Statuses::default();
        let worst = over.clone().map(|(_, s)| s.clone()).reduce(|a, b| words.worse(a, b)).unwrap_or(Status::NOT_YET);
        let any = |phase| items.iter().any(|(p, _)| *p == phase);
        let phase = match over.count() {
            _ if any(Phase::Running) || any(Phase::Launched) => Phase::Running,
            n if n == items.len() && any(Phase::Incomplete) => Phase::Incomplete,
            n if n == items.len() && any(Phase::Killed) => Phase::Killed,
            n if n == items.len() => Phase::Completed,
            0 => Phase::NotStarted,
            _ => Phase::Started,
        };
        (phase, worst)
    }

    fn item() -> impl Strategy<Value = (Phase, Status)> {
        use Phase::{Completed, Incomplete, Killed, Launched, NotStarted, Running};
        let phases = prop::sample::select(vec![NotStarted, Launched, Running, Completed, Killed, Incomplete]);
        let words: Vec<Status> = Statuses::default().all().into_iter().map(|(s, _)| s.clone()).collect();
        (phases, prop::sample::select(words))
    }

    proptest! {
        #[test]
        fn all_permutations_agree(items in prop::collection::vec(item(), 0..5)) {
            let expected = oracle(&items);
            let mut all = vec![items];
            // Heap's algorithm, by hand: up to 24 orders.
            for at in 0..all[0].len() {
                all = all.iter().flat_map(|one| (at..one.len()).map(move |with| {
                    let mut one = one.clone();
                    one.swap(at, with);
                    one
                })).collect();
            }
            for order in all {
                prop_assert_eq!(of(&order), expected.clone());
            }
        }

        /// Items that become something else one after the other: the sum is always that of what they are now.
        #[test]
        fn what_was_does_not_matter(mut items in prop::collection::vec(item(), 1..8), becomes in prop::collection::vec((any::<prop::sample::Index>(), item()), 0..20)) {
            let statuses = Statuses::default();
            let mut rollup = Rollup::default();
            for (phase, status) in &items {
                rollup.add(*phase, status, &statuses);
            }
            for (which, (phase, status)) in becomes {
                let at = which.index(items.len());
                rollup.remove(items[at].0, &items[at].1, &statuses);
                rollup.add(phase, &status, &statuses);
                items[at] = (phase, status);
                prop_assert_eq!((rollup.phase(), rollup.status()), oracle(&items));
                prop_assert_eq!(rollup.total() as usize, items.len());
            }
        }
    }
}
