//! One lane: candidates that may break each other, and what is wanted for them.

use super::worth::Worth;
use crate::belief::Ground;
use crate::candidate::{Candidate, CandidateId};
use crate::policy::Plan;
use crate::policy::tree::Nodes;
use crate::trial::{Chance, Purpose, Trial};
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// A candidate in its lane.
#[derive(Clone, Copy, Debug)]
struct Member {
    id: CandidateId,
    good: f64,
    ground: Ground,
    /// Its place in the line.
    place: usize,
}

/// A lane at work.
pub(super) struct Lane<'a> {
    view: &'a View<'a>,
    worth: &'a Worth,
    /// In the order in which they are to land.
    members: Vec<Member>,
    /// Trees of running trials that may land, and the trials.
    running: BTreeMap<Vec<CandidateId>, &'a Trial>,
    /// Running trials that can only tell something.
    telling: Vec<&'a Trial>,
    /// Candidates that are in no running trial and were not green yet.
    unserved: usize,
}

/// What comes first whatever else there is.
const URGENT: f64 = 100.0;

impl<'a> Lane<'a> {
    pub(super) fn of(view: &'a View, worth: &'a Worth, line: Vec<&Candidate>) -> Self {
        let here: BTreeSet<CandidateId> = line.iter().map(|c| c.id).collect();
        let in_lane = |t: &Trial| t.is_running() && t.members.iter().any(|m| here.contains(m));
        let running: BTreeMap<Vec<CandidateId>, &Trial> =
            view.fitting().filter(|(t, _)| in_lane(t)).map(|(t, rest)| (rest.to_vec(), t)).collect();
        let fit: BTreeSet<_> = running.values().map(|t| t.id).collect();
        let telling: Vec<&Trial> = view.queue.trials().filter(|t| in_lane(t) && !fit.contains(&t.id)).collect();
        let telling_members = telling.iter().flat_map(|t| t.members.iter());
        let served: BTreeSet<CandidateId> = running.keys().flatten().chain(telling_members).copied().collect();
        let members = line.iter().enumerate().map(|(place, c)| {
            let belief = view.belief(c.id);
            Member { id: c.id, good: belief.good, ground: belief.why, place }
        });
        let members: Vec<Member> = members.collect();
        let unserved = members.iter().filter(|m| m.ground != Ground::Green && !served.contains(&m.id)).count();
        let mut lane = Lane { view, worth, members, running, telling, unserved };
        lane.order(&line);
        lane
    }

    /// Who is under test in a tree that may land goes first, then who was green, then by the line; suspects last. When
    /// there are many who were green, they go before those under test.
    fn order(&mut self, line: &[&Candidate]) {
        let started = |id: CandidateId| {
            let trees = self.running.iter().filter(|(tree, _)| tree.contains(&id));
            trees.map(|(_, t)| t.started.0).min()
        };
        let starts: BTreeMap<CandidateId, i64> =
            self.members.iter().filter_map(|m| Some((m.id, started(m.id)?))).collect();
        let is_green = |m: &Member| m.ground == Ground::Green;
        let green = self.members.iter().filter(|m| is_green(m)).count() as f64;
        let mut chance = 1.0;
        let mut hoped = 0.0;
        for member in self.members.iter().filter(|m| starts.contains_key(&m.id) && !is_green(m)) {
            chance *= member.good;
            hoped += chance;
        }
        let merge_first = green > 2.0 * hoped;
        self.members.sort_by_key(|m| {
            let suspect = matches!(m.ground, Ground::Suspect(_));
            let unsure = merge_first && !is_green(m);
            let start = starts.get(&m.id).copied().unwrap_or(i64::MAX);
            (suspect, unsure, start, !is_green(m), m.place)
        });
        // Nobody before what he needs.
        let mut ordered: Vec<Member> = Vec::new();
        let mut left = std::mem::take(&mut self.members);
        while !left.is_empty() {
            let ready = left.iter().position(|m| {
                let needs = line.iter().find(|c| c.id == m.id).map_or(&[][..], |c| &c.needs);
                !needs.iter().any(|n| left.iter().any(|l| l.id == *n))
            });
            ordered.push(left.remove(ready.unwrap_or(0)));
        }
        self.members = ordered;
    }

    pub(super) fn plan(&self, plan: &mut Plan) {
        let spine = self.spine(plan);
        self.screens(spine, plan);
        self.searches(plan);
        self.hedges(plan);
        for trial in &self.telling {
            plan.keep.push((trial.id, self.worth.screen));
        }
    }

    /// How many go together where there are more candidates than slots.
    fn group(&self) -> usize {
        let slots = self.worth.slots.max(1);
        self.unserved.div_ceil(slots).clamp(1, self.worth.largest)
    }

    /// Trees one behind the other, as far as they are likely to be needed. Answers how many members they cover.
    fn spine(&self, plan: &mut Plan) -> usize {
        let sure: Vec<&Member> = self.members.iter().take_while(|m| !matches!(m.ground, Ground::Suspect(_))).collect();
        let (mut tree, mut chance, mut at): (Vec<CandidateId>, f64, usize) = (Vec::new(), 1.0, 0);
        while at < sure.len() {
            let end = self.unit(&sure, &tree, at);
            let unit = &sure[at..end];
            let pass: f64 = unit.iter().map(|m| m.good).product();
            tree.extend(unit.iter().map(|m| m.id));
            let green = unit.iter().filter(|m| m.ground == Ground::Green).count();
            if green == 0 && at > 0 && chance < self.worth.screen {
                return at;
            }
            let worth = self.worth.decisions(pass, unit.len());
            let purpose = match (at, green) {
                (_, 1..) => Purpose::Merge,
                (0, _) => Purpose::Head,
                _ => Purpose::Behind { chance: Chance::of(chance) },
            };
            if green > 0 {
                if self.running.contains_key(&tree) || self.merge_is_due() {
                    plan.want(tree.clone(), purpose, URGENT + green as f64);
                }
            } else {
                let first = if at == 0 { 0.5 } else { 0.0 };
                plan.want(tree.clone(), purpose, chance * worth + first);
            }
            chance *= pass;
            at = end;
        }
        at
    }

    /// Where the unit ends that begins at a place: at the next running tree, else with all who were green, else with
    /// the group.
    fn unit(&self, sure: &[&Member], tree: &[CandidateId], at: usize) -> usize {
        let mut longer = tree.to_vec();
        for (i, member) in sure.iter().enumerate().skip(at) {
            longer.push(member.id);
            if self.running.contains_key(&longer) {
                return i + 1;
            }
        }
        let green = sure[at..].iter().take_while(|m| m.ground == Ground::Green).count();
        let size = if green > 0 && self.worth.largest > 1 { green } else { self.group() };
        (at + size).min(sure.len())
    }

    /// Whether another merge may begin. While candidates lack slots, that is from time to time.
    fn merge_is_due(&self) -> bool {
        self.unserved == 0 || self.view.since_merge() >= 0.999 / self.worth.merges
    }

    /// Those whom the spine does not reach, by themselves.
    fn screens(&self, from: usize, plan: &mut Plan) {
        let rest = self.members[from..].iter().filter(|m| m.ground == Ground::Author);
        let mut left: Vec<&Member> = Vec::new();
        let mut done: BTreeSet<CandidateId> = BTreeSet::new();
        let alone =
            |id: CandidateId| self.running.iter().find(|(tree, t)| t.purpose == Purpose::Screen && tree.contains(&id));
        let told = |id: CandidateId| self.telling.iter().any(|t| t.members.contains(&id));
        for member in rest {
            match alone(member.id) {
                Some((tree, _)) if done.insert(tree[0]) => {
                    let pass = self.worth.good.powi(tree.len() as i32);
                    plan.want(
                        tree.clone(),
                        Purpose::Screen,
                        self.worth.screen * self.worth.decisions(pass, tree.len()),
                    );
                }
                Some(_) => {}
                None if told(member.id) => {}
                None => left.push(member),
            }
        }
        for group in left.chunks(self.group()) {
            let pass: f64 = group.iter().map(|m| m.good).product();
            let value = self.worth.screen * self.worth.decisions(pass, group.len());
            let tree: Vec<CandidateId> = group.iter().map(|m| m.id).collect();
            if !self.view.missing_need(&tree) {
                plan.want(tree, Purpose::Screen, value);
            }
        }
    }

    /// What was red together: half of it, or everybody by himself where slots are to be had.
    fn searches(&self, plan: &mut Plan) {
        let short = self.unserved > self.worth.slots && !self.worth.alone;
        for (i, set) in self.view.beliefs.sets.iter().enumerate() {
            let here: Vec<&Member> = self.members.iter().filter(|m| m.ground == Ground::Suspect(i)).collect();
            let among = set.len();
            // What began before the branch moved cannot land any more, and tells all the same what is to be known.
            let tells = |t: &&Trial| t.members.len() < among && t.members.iter().all(|m| set.contains(m));
            if short && self.telling.iter().any(tells) {
                continue;
            }
            let parts: Vec<Vec<CandidateId>> = if short && among > 1 {
                let running = self.running.iter().find(|(tree, t)| {
                    matches!(t.purpose, Purpose::Search { .. }) && tree.iter().all(|m| set.contains(m))
                });
                let part = || here.iter().take(self.part(among)).map(|m| m.id).collect();
                vec![running.map_or_else(part, |(tree, _)| tree.clone())]
            } else {
                here.iter().map(|m| vec![m.id]).collect()
            };
            for part in parts.into_iter().filter(|p| !p.is_empty() && !self.view.missing_need(p)) {
                let pass = self.pass(part.len(), among).clamp(0.02, 0.98);
                let value = self.worth.decisions(pass, part.len()).max(0.9);
                plan.want(part, Purpose::Search { among }, value);
            }
        }
    }

    /// The chance that some of a set are green, one of which at least is bad.
    fn pass(&self, some: usize, among: usize) -> f64 {
        let (all, some) = (self.worth.good.powi(among as i32), self.worth.good.powi(some as i32));
        (some - all) / (1.0 - all).max(1e-9)
    }

    /// How many of a set are green about every other time.
    fn part(&self, among: usize) -> usize {
        let off = |size: &usize| (self.pass(*size, among) - 0.5).abs();
        (1..among).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(1)
    }

    /// The likeliest other ends, for slots that nothing better needs.
    fn hedges(&self, plan: &mut Plan) {
        if self.unserved > self.worth.slots {
            return;
        }
        let ids: Vec<CandidateId> = self.members.iter().map(|m| m.id).collect();
        let most = self.worth.slots.min(6);
        for (place, member) in self.members.iter().enumerate().take(self.worth.slots) {
            let mut nodes = Nodes::of(self.view, &ids[..place], member.id);
            for _ in 0..most {
                let Some(node) = nodes.next() else { break };
                if node.chance < 0.01 {
                    break;
                }
                if self.view.missing_need(&node.members) {
                    continue;
                }
                let purpose = Purpose::Hedge { without: node.without, chance: Chance::of(node.chance) };
                plan.want(node.members, purpose, 0.5 * node.chance * member.good);
            }
        }
    }
}
