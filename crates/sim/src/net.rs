//! The net between master and workers: what is said arrives later and in order, or not as long as a way is blocked, or
//! never, when the connection is gone before.

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

impl Way {
    /// Both.
    pub(crate) const ALL: [Way; 2] = [Way::ToMaster, Way::ToWorker];
}

/// A connection, as long as one end of it is open.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The machine at its end.
    pub(crate) machine: usize,
    /// Which ways still have somebody to hear at their end.
    heard: [bool; 2],
    /// When the last thing said each way arrives.
    last: [Time; 2],
    /// What is said is changed on the way.
    pub(crate) mutated: bool,
}

/// All connections, and what is in their way.
#[derive(Debug)]
pub(crate) struct Net {
    dice: Dice,
    pub(crate) connections: BTreeMap<u64, Connection>,
    count: u64,
    /// Until when nothing passes between a machine and the master.
    blocked: BTreeMap<(usize, Way), Time>,
    /// Bytes per second of machines on slow lines.
    slow: BTreeMap<usize, i64>,
}

impl Net {
    /// The net of a seed.
    pub(crate) fn new(seed: u64, machines: usize) -> Self {
        let mut dice = Dice::new(seed, "net");
        let slow = (0..machines).filter(|_| dice.chance(4)).map(|machine| (machine, 8_000)).collect();
        Net { dice, connections: BTreeMap::new(), count: 0, blocked: BTreeMap::new(), slow }
    }

    /// A new connection of a machine.
    pub(crate) fn connect(&mut self, machine: usize) -> u64 {
        self.count += 1;
        let connection = Connection { machine, heard: [true; 2], last: [Time(0); 2], mutated: false };
        self.connections.insert(self.count, connection);
        self.count
    }

    /// When something that is said now arrives. Nothing overtakes what was said before it on the same connection.
    pub(crate) fn arrival(&mut self, connection: u64, way: Way, bytes: usize, now: Time) -> Time {
        let mut delay = if self.dice.chance(2) { self.dice.span(100, 5_000) } else { self.dice.span(0, 60) };
        let Some(line) = self.connections.get_mut(&connection) else { return now };
        let last = &mut line.last[way as usize];
        let mut at = (*last).max(now);
        if let Some(rate) = self.slow.get(&line.machine) {
            let takes = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(1_000_000) / rate;
            at += Span(takes);
            delay = Span(delay.0.min(300_000));
        }
        *last = at.max(now + delay);
        *last
    }

    /// What arrives now is held up until then.
    pub(crate) fn held_up(&self, connection: u64, way: Way, now: Time) -> Option<Time> {
        let machine = self.connections.get(&connection)?.machine;
        // What is held up keeps its order: all of it arrives at once, and what comes later comes after it.
        let until = self.blocked.get(&(machine, way)).copied().filter(|until| *until >= now)?;
        Some(until + Span(1))
    }

    /// Nothing passes this way for so long.
    pub(crate) fn block(&mut self, machine: usize, way: Way, until: Time) {
        let entry = self.blocked.entry((machine, way)).or_insert(until);
        *entry = (*entry).max(until);
    }

    /// Until when a way is blocked.
    pub(crate) fn blocked(&self, machine: usize, way: Way, now: Time) -> Option<Time> {
        self.blocked.get(&(machine, way)).copied().filter(|until| *until > now)
    }

    /// Everything passes again.
    pub(crate) fn heal(&mut self, now: Time) {
        for until in self.blocked.values_mut() {
            *until = (*until).min(now);
        }
        self.slow.clear();
    }

    /// Nobody hears any more what comes this way. The connection is forgotten when both ways are dead.
    pub(crate) fn deafen(&mut self, connection: u64, way: Way) {
        if let Some(line) = self.connections.get_mut(&connection) {
            line.heard[way as usize] = false;
            if line.heard == [false; 2] {
                self.connections.remove(&connection);
            }
        }
    }

    /// Whether somebody hears what comes this way.
    pub(crate) fn is_heard(&self, connection: u64, way: Way) -> bool {
        self.connections.get(&connection).is_some_and(|line| line.heard[way as usize])
    }
}
