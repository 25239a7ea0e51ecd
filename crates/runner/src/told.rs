//! Items of which something is new that can wait to be written down.
//!
//! That an attempt began, that a step of it ended, and what it says of itself, stands in its spool and its directory, where
//! the next runner finds it. So it is written down a little later, all of it at once: most items have ended until then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testruns::ItemId;

/// It waits for so long,
const SHORTEST: Duration = Duration::from_millis(100);
/// and for so many times as long as the last time took: of items that say much, writing is not all that is done.
const TIMES: u32 = 10;
/// But never longer.
const LONGEST: Duration = Duration::from_secs(2);

/// The items, and when they are written down.
#[derive(Debug)]
pub(crate) struct Told {
    items: BTreeSet<ItemId>,
    /// Since when there is one.
    since: Option<Instant>,
    wait: Duration,
    /// They are among those that are being written down.
    joined: bool,
}

impl Told {
    pub(crate) fn new() -> Self {
        Told { items: BTreeSet::new(), since: None, wait: SHORTEST, joined: false }
    }

    pub(crate) fn insert(&mut self, item: ItemId) {
        self.items.insert(item);
        self.since.get_or_insert_with(Instant::now);
    }

    /// How long until they are written down; `None`: there is none.
    pub(crate) fn due(&self) -> Option<Duration> {
        Some(self.wait.saturating_sub(self.since?.elapsed()))
    }

    /// Adds them to what is written down now, when it is time. What is written down anyway is none of them any more.
    pub(crate) fn join(&mut self, now: &mut BTreeSet<ItemId>) {
        now.iter().for_each(|item| _ = self.items.remove(item));
        if self.items.is_empty() {
            self.since = None;
        } else if self.due().is_some_and(|left| left.is_zero()) {
            now.append(&mut self.items);
            (self.since, self.joined) = (None, true);
        }
    }

    /// Adds all of them to what is written down now.
    pub(crate) fn join_all(&mut self, now: &mut BTreeSet<ItemId>) {
        now.append(&mut self.items);
        self.since = None;
    }

    /// It took so long to write down.
    pub(crate) fn written(&mut self, took: Duration) {
        if std::mem::take(&mut self.joined) {
            self.wait = (took * TIMES).clamp(SHORTEST, LONGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids<const N: usize>(numbers: [u32; N]) -> BTreeSet<ItemId> {
        numbers.iter().map(|n| serde_json::from_value(serde_json::json!(n)).unwrap()).collect()
    }

    #[test]
    fn what_is_written_down_anyway_is_not_written_twice() {
        let mut told = Told { wait: Duration::ZERO, ..Told::new() };
        ids([1, 2]).into_iter().for_each(|id| told.insert(id));
        let mut now = ids([2, 3]);
        told.join(&mut now);
        assert_eq!(now, ids([1, 2, 3]));
        assert_eq!(told.due(), None, "nothing is left");
        told.insert(ids([4]).pop_first().unwrap());
        now = ids([4]);
        told.join(&mut now);
        assert_eq!((now, told.due()), (ids([4]), None));
    }

    #[test]
    fn it_waits_for_longer_when_it_takes_longer() {
        let mut told = Told::new();
        told.insert(ids([1]).pop_first().unwrap());
        assert!(told.due().is_some_and(|left| left <= SHORTEST));
        let mut now = BTreeSet::new();
        told.wait = Duration::ZERO;
        told.join(&mut now);
        for (took, wait) in [(1, 100), (70, 700), (900, 2_000)] {
            told.joined = true;
            told.written(Duration::from_millis(took));
            assert_eq!(told.wait, Duration::from_millis(wait));
        }
        // What was written down for another reason says nothing.
        told.written(Duration::from_millis(1));
        assert_eq!(told.wait, LONGEST);
    }
}
