//! Items that may run as soon as there is room, so that finding the next ones costs by what is started and not by what
//! waits.
//!
//! Items that the same limits hold back stand in one queue: when the first has no room, none of the others has. Items
//! that must not run beside each other (the same item of an exclusive test) stand in a line of their own, and only one
//! at a time is in a queue.

use crate::board::ItemId;
use model::area::TestSpec;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The order of those who may run: priority, then the order in which they were asked for.
pub(crate) type Rank = (Reverse<i64>, ItemId);

#[derive(Clone, Debug, Default)]
pub(crate) struct Queues {
    all: Vec<Queue>,
    by_limits: BTreeMap<Limited, usize>,
    /// Queues in which somebody stands.
    open: BTreeSet<usize>,
    lines: BTreeMap<(String, String), Line>,
}

/// What can hold an item back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Limited {
    pub run: usize,
    pub group: Option<String>,
    pub resources: BTreeMap<String, u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub limited: Limited,
    pub ready: BTreeSet<Rank>,
}

#[derive(Clone, Debug, Default)]
struct Line {
    /// Who runs, or stands in a queue.
    first: Option<ItemId>,
    others: BTreeMap<Rank, usize>,
}

/// What an exclusive item is called in every run.
pub(crate) type Token = (String, String);

impl Queues {
    /// The queue of a test in a run.
    pub(crate) fn of(&mut self, run: usize, test: &TestSpec) -> usize {
        let limited = Limited { run, group: test.job_group.clone(), resources: test.resources.clone() };
        *self.by_limits.entry(limited.clone()).or_insert_with(|| {
            self.all.push(Queue { limited, ready: BTreeSet::new() });
            self.all.len() - 1
        })
    }

    pub(crate) fn get(&self, queue: usize) -> &Queue {
        &self.all[queue]
    }

    /// Queues in which somebody stands.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> {
        self.open.iter().copied()
    }

    /// It may run as soon as there is room, and nobody stands in its way.
    pub(crate) fn enter(&mut self, queue: usize, rank: Rank, token: Option<Token>) {
        if let Some(token) = token {
            let line = self.lines.entry(token).or_default();
            if line.first.is_some_and(|first| first != rank.1) {
                line.others.insert(rank, queue);
                return;
            }
            line.first = Some(rank.1);
        }
        self.push(queue, rank);
    }

    /// It was started. Others of its line still wait.
    pub(crate) fn started(&mut self, queue: usize, rank: Rank) {
        let ready = &mut self.all[queue].ready;
        ready.remove(&rank);
        if ready.is_empty() {
            self.open.remove(&queue);
        }
    }

    /// It began elsewhere, and holds its place in the line.
    pub(crate) fn holds(&mut self, item: ItemId, token: Token) {
        self.lines.entry(token).or_default().first = Some(item);
    }

    /// It does not run any more, or will not.
    pub(crate) fn left(&mut self, queue: usize, rank: Rank, token: Option<Token>) {
        self.started(queue, rank);
        let Some(token) = token else { return };
        let Some(line) = self.lines.get_mut(&token) else { return };
        line.others.remove(&rank);
        if line.first == Some(rank.1) {
            let next = line.others.pop_first();
            line.first = next.map(|(rank, _)| rank.1);
            match next {
                Some((rank, queue)) => self.push(queue, rank),
                None => {
                    self.lines.remove(&token);
                }
            }
        }
    }

    /// Who of its line runs, or is nearer to it.
    pub(crate) fn before(&self, item: ItemId, token: &Token) -> Option<ItemId> {
        self.lines.get(token)?.first.filter(|first| *first != item)
    }

    fn push(&mut self, queue: usize, rank: Rank) {
        self.all[queue].ready.insert(rank);
        self.open.insert(queue);
    }
}
