//! The lines between master and workers: what is said arrives later, in order, as long as the connection lives.

use crate::dice::Dice;
use model::{Span, Time};
use std::collections::BTreeMap;

/// Which way something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From a worker.
    ToMaster,
    /// To a worker.
    ToWorker,
}

/// All lines.
#[derive(Debug)]
pub(crate) struct Lines {
    dice: Dice,
    last: BTreeMap<(u64, Way), Time>,
    connections: u64,
}

impl Lines {
    /// The lines of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Lines { dice: Dice::new(seed, "lines"), last: BTreeMap::new(), connections: 0 }
    }

    /// The number of a new connection.
    pub(crate) fn connect(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// When something that is said now arrives. Nothing overtakes what was said before it on the same connection.
    pub(crate) fn arrival(&mut self, connection: u64, way: Way, now: Time) -> Time {
        let delay = if self.dice.chance(3) { self.dice.span(100, 10_000) } else { self.dice.span(0, 80) };
        let last = self.last.entry((connection, way)).or_default();
        *last = (*last).max(now + delay);
        *last
    }

    /// How long it takes until the master notices that a connection is gone.
    pub(crate) fn noticed(&mut self) -> Span {
        self.dice.span(0, 15_000)
    }

    /// How long a worker waits before it tries again.
    pub(crate) fn again(&mut self) -> Span {
        self.dice.span(500, 30_000)
    }
}
