//! The speculation tree: for each candidate the likeliest ends of those before it, best first over the whole line.

use crate::candidate::CandidateId;
use crate::policy::Plan;
use crate::trial::{Chance, Purpose};
use crate::view::View;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How far one assumption goes: so many of those before are looked at as uncertain.
const DEEPEST: usize = 24;

pub(super) fn plan(view: &View) -> Plan {
    let mut plan = Plan::default();
    let mut nodes: Vec<Nodes> = Vec::new();
    for (place, candidate) in view.line.iter().enumerate().take(2 * view.slots() + 2) {
        let ahead = view.ahead(&view.line, place);
        nodes.push(Nodes::of(view, &ahead, candidate.id));
    }
    let mut next: BinaryHeap<Head> =
        nodes.iter_mut().enumerate().filter_map(|(who, n)| n.next().map(|node| Head { who, node })).collect();
    let mut wanted = 0;
    while let Some(Head { who, node }) = next.pop() {
        if wanted >= view.slots() {
            break;
        }
        // A tree that is red already is not tested again; the next assumption may be.
        let done = view.same_tree(&node.members).is_some_and(|t| !t.is_running());
        if !done && !view.missing_need(&node.members) {
            wanted += 1;
            let chance = Chance::of(node.chance);
            let purpose = match (node.members.len(), node.without.is_empty()) {
                (1, true) => Purpose::Head,
                (_, true) => Purpose::Behind { chance },
                (_, false) => Purpose::Hedge { without: node.without, chance },
            };
            plan.want(node.members, purpose, node.chance);
        }
        if let Some(node) = nodes[who].next() {
            next.push(Head { who, node });
        }
    }
    plan
}

/// A tree for one candidate: one assumption of who before it lands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Those who are assumed to land, and the candidate itself.
    pub(super) members: Vec<CandidateId>,
    /// Those who are assumed not to.
    pub(super) without: Vec<CandidateId>,
    /// The chance that it is just so.
    pub(super) chance: f64,
}

/// The trees for one candidate, likeliest first. Each is made when it is asked for: a heap holds what may come next, so
/// that nothing grows with the number of all.
#[derive(Debug)]
pub(super) struct Nodes {
    who: CandidateId,
    ahead: Vec<(CandidateId, bool)>,
    /// Places in `ahead` that may be otherwise, the least certain first, and what the likelihood loses by that.
    flips: Vec<(usize, f64)>,
    heap: BinaryHeap<Flipped>,
}

#[derive(Debug)]
struct Flipped {
    loss: f64,
    flips: Vec<usize>,
    chance: f64,
}

impl Nodes {
    pub(super) fn of(view: &View, ahead: &[CandidateId], who: CandidateId) -> Self {
        let mut best = 1.0;
        let mut flips = Vec::new();
        let ahead: Vec<(CandidateId, bool)> = ahead
            .iter()
            .map(|m| (*m, view.belief(*m).good))
            .enumerate()
            .map(|(place, (m, good))| {
                best *= good.max(1.0 - good);
                flips.push((place, (good / (1.0 - good)).ln().abs()));
                (m, good >= 0.5)
            })
            .collect();
        flips.sort_by(|a, b| a.1.total_cmp(&b.1));
        flips.truncate(DEEPEST);
        let heap = BinaryHeap::from([Flipped { loss: 0.0, flips: Vec::new(), chance: best }]);
        Nodes { who, ahead, flips, heap }
    }

    /// The next likeliest.
    pub(super) fn next(&mut self) -> Option<Node> {
        let now = self.heap.pop()?;
        // Those that follow: one more is otherwise, or the last one is as assumed and the one after it is not.
        let after = now.flips.last().map_or(0, |last| last + 1);
        if let Some((_, cost)) = self.flips.get(after) {
            let mut more = now.flips.clone();
            more.push(after);
            self.heap.push(Flipped { loss: now.loss + cost, chance: now.chance * (-cost).exp(), flips: more });
            if let Some(last) = now.flips.last().copied() {
                let change = cost - self.flips[last].1;
                let mut other = now.flips.clone();
                other.pop();
                other.push(after);
                self.heap.push(Flipped { loss: now.loss + change, chance: now.chance * (-change).exp(), flips: other });
            }
        }
        let otherwise: Vec<usize> = now.flips.iter().map(|f| self.flips[*f].0).collect();
        let (mut members, mut without) = (Vec::new(), Vec::new());
        for (place, (member, lands)) in self.ahead.iter().enumerate() {
            if *lands != otherwise.contains(&place) { members.push(*member) } else { without.push(*member) }
        }
        members.push(self.who);
        Some(Node { members, without, chance: now.chance })
    }
}

impl PartialEq for Flipped {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flipped {}

impl PartialOrd for Flipped {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest loses least.
impl Ord for Flipped {
    fn cmp(&self, other: &Self) -> Ordering {
        other.loss.total_cmp(&self.loss).then_with(|| other.flips.cmp(&self.flips))
    }
}

/// The next node of one candidate in the heap of all.
#[derive(Debug, PartialEq)]
struct Head {
    who: usize,
    node: Node,
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest is likeliest; of equal ones the first in line.
impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.node.chance.total_cmp(&other.node.chance).then_with(|| other.who.cmp(&self.who))
    }
}
