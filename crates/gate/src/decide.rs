//! What to do now. Verdicts are made here, from evidence alone; a policy only chooses what is tested and which of the
//! trees that may land does.

use crate::candidate::{Candidate, CandidateId, End, Guilt, Proof};
use crate::event::{Action, Doubt, Event, Halt, Needless};
use crate::footprint::Footprint;
use crate::landing::LandingState;
use crate::policy::Wanted;
use crate::queue::{Promise, Queue};
use crate::trial::{Chance, Purpose, Trial, TrialId, TrialState};
use crate::trunk::Standing;
use crate::view::View;
use model::Time;
use std::collections::BTreeSet;

/// What is to be done now. The caller writes the answer down, applies it as [`Event::Decided`], carries it out, and
/// asks again until there is no answer. Asking twice does no harm.
pub fn decide(queue: &Queue, now: Time) -> Vec<Action> {
    if let Some(landing) = &queue.landing {
        // One push at a time, and nothing is begun on a branch of which nobody knows where it is.
        return match landing.state {
            LandingState::Doubtful(_) => vec![Action::Ask { trial: landing.trial }],
            LandingState::Again => vec![Action::Land {
                trial: landing.trial,
                commit: landing.commit.clone(),
                expected: landing.expected.clone(),
                members: landing.members.clone(),
                replay: landing.replay,
            }],
            LandingState::Pushing | LandingState::Asking => Vec::new(),
        };
    }
    if queue.halted.is_some() {
        return Vec::new();
    }
    for verdict in [judge, convict, orphan] {
        let verdicts = verdict(queue, now);
        if !verdicts.is_empty() {
            return verdicts;
        }
    }
    let view = View::of(queue, now);
    if let Some(land) = land(&view) {
        return vec![land];
    }
    let needless = needless(queue);
    if !needless.is_empty() {
        return needless;
    }
    control(queue).map_or_else(|| allot(&view), |control| vec![control])
}

/// Decides until nothing is left to do, and applies each answer at once.
pub fn settle(queue: &mut Queue, now: Time) -> Vec<Action> {
    let mut all = Vec::new();
    loop {
        let todo = decide(queue, now);
        if todo.is_empty() {
            return all;
        }
        for action in &todo {
            queue.apply(&Event::Decided(action.clone()), now);
        }
        all.extend(todo);
    }
}

/// Says of each red trial whether it counts.
fn judge(queue: &Queue, now: Time) -> Vec<Action> {
    let settings = &queue.settings;
    let mut left = settings.retries_a_day.saturating_sub(queue.experience.retries(now));
    let doubted = queue.trials.values().filter_map(|t| match &t.state {
        TrialState::Doubted(red) => Some((t, red)),
        _ => None,
    });
    doubted
        .map(|(trial, red)| {
            let good: f64 =
                trial.members.iter().filter_map(|m| queue.waiting.get(m)).map(|c| chance(queue, c)).product();
            let doubt = queue.experience.doubt(red, good);
            let chance = Chance::of(doubt);
            let trial_id = trial.id;
            if trial.flakes.len() >= settings.retries as usize {
                Action::Stand { trial: trial_id, why: Doubt::Again }
            } else if doubt < settings.retry_cost * 0.3 {
                Action::Stand { trial: trial_id, why: Doubt::Unlikely { chance } }
            } else if left == 0 {
                Action::Stand { trial: trial_id, why: Doubt::NoBudget }
            } else {
                left -= 1;
                Action::Retry { trial: trial_id, why: Doubt::Flaky { chance } }
            }
        })
        .collect()
}

fn chance(queue: &Queue, candidate: &Candidate) -> f64 {
    queue.experience.good_of(&candidate.author)
}

/// Evicts whom a red trial proves guilty: it stands, all others in it have landed, and what it stood on was green.
fn convict(queue: &Queue, _: Time) -> Vec<Action> {
    let mut guilty = BTreeSet::new();
    let mut all = Vec::new();
    for trial in queue.trials.values().filter(|t| t.is_red() && queue.trunk.is_proven(t.base)) {
        if let Some(guilt) = guilt(queue, trial)
            && guilty.insert(guilt.0)
        {
            all.push(Action::End { candidate: guilt.0, end: End::Evicted(guilt.1) });
        }
    }
    all
}

/// The one who is left when everybody else in a red trial has landed.
fn guilt(queue: &Queue, trial: &Trial) -> Option<(CandidateId, Guilt)> {
    let (red, member) = match &trial.state {
        TrialState::Red(red) => (red, None),
        TrialState::Conflict { member, red } => (red, Some(*member)),
        _ => return None,
    };
    let mut waiting = trial.members.iter().copied().filter(|m| queue.waiting.contains_key(m));
    let one = waiting.next()?;
    if queue.lost_member(trial).is_some() {
        return None;
    }
    let one = match member {
        // Nothing after it was looked at; everything before it has landed.
        Some(member) if member == one => member,
        Some(_) => return None,
        None if waiting.next().is_some() => return None,
        None => one,
    };
    let with: Vec<CandidateId> = trial.members.iter().copied().filter(|m| queue.has_landed(*m)).collect();
    let proof = match (member, with.is_empty()) {
        (Some(_), _) => Proof::Conflict,
        (None, true) => Proof::Branch,
        (None, false) => Proof::LandedSince,
    };
    Some((one, Guilt { trial: trial.id, red: red.clone(), with, proof }))
}

/// Ends those whose stack broke below them.
fn orphan(queue: &Queue, _: Time) -> Vec<Action> {
    let broken = |on: &CandidateId| !queue.waiting.contains_key(on) && !queue.has_landed(*on);
    let orphans = queue.waiting.values().filter_map(|c| Some((c.id, *c.needs.iter().find(|n| broken(n))?)));
    orphans.map(|(candidate, on)| Action::End { candidate, end: End::DependencyFailed { on } }).collect()
}

/// A green tree that the branch may become, if the policy wants that now.
fn land(view: &View) -> Option<Action> {
    let queue = view.queue;
    let mut may: Vec<(TrialId, Vec<CandidateId>, bool)> = Vec::new();
    for (trial, standing) in view.standings() {
        let Standing::Fits { rest, exact } = standing else { continue };
        let each = queue.settings.promise == Promise::Tip || rest.len() == 1;
        let allowed = rest.iter().all(|m| queue.waiting.get(m).is_some_and(Candidate::is_approved));
        if trial.green().is_some() && each && allowed && queue.lost_member(trial).is_none() {
            may.push((trial.id, rest.clone(), *exact));
        }
    }
    let chosen = queue
        .settings
        .policy
        .choose(view, &may.iter().map(|(id, rest, _)| (*id, rest.as_slice())).collect::<Vec<_>>())?;
    let (trial, members, exact) = may.into_iter().find(|(id, ..)| *id == chosen)?;
    let commit = queue.trials.get(&trial)?.green()?.clone();
    Some(Action::Land { trial, commit, expected: queue.trunk.tip.clone(), members, replay: !exact })
}

/// Trials whose end can say nothing any more.
fn needless(queue: &Queue) -> Vec<Action> {
    let running = queue.trials.values().filter(|t| t.is_running() && t.purpose != Purpose::Control);
    let why = |t: &Trial| match queue.lost_member(t) {
        Some(member) => Some(Needless::Without(member)),
        None => t.members.iter().all(|m| queue.has_landed(*m)).then_some(Needless::Landed),
    };
    running.filter_map(|t| Some(Action::Cancel { trial: t.id, why: why(t)? })).collect()
}

/// Somebody would be guilty if only the branch were known to be green: it is tested by itself. When it is red, the gate
/// halts.
fn control(queue: &Queue) -> Option<Action> {
    let tested = |t: &&Trial| t.purpose == Purpose::Control && !queue.trunk.is_proven(t.base);
    match queue.trials.values().filter(tested).max_by_key(|t| t.base) {
        Some(control) if control.is_red() => return Some(Action::Halt(Halt::Broken { trial: control.id })),
        Some(control) if control.base == queue.trunk.height() => return None,
        _ => {}
    }
    let suspect = |t: &&Trial| t.is_red() && !queue.trunk.is_proven(t.base) && guilt(queue, t).is_some();
    queue.trials.values().find(suspect)?;
    Some(start(queue, queue.next_trial, Vec::new(), Purpose::Control))
}

/// Gives slots to what is worth most, and takes them from what nobody wants.
fn allot(view: &View) -> Vec<Action> {
    let queue = view.queue;
    let wanted = queue.settings.policy.plan(view);
    let mut lots: Vec<(f64, Lot)> = Vec::new();
    let mut kept = BTreeSet::new();
    let mut new = BTreeSet::new();
    for Wanted { members, purpose, value } in wanted.trials {
        match view.same_tree(&members) {
            Some(trial) if trial.is_running() => {
                if kept.insert(trial.id) {
                    lots.push((value * view.stickiness(trial), Lot::Keep(trial.id)));
                }
            }
            Some(_) => {}
            None => {
                if new.insert(members.clone()) {
                    lots.push((value, Lot::Start(members, purpose)));
                }
            }
        }
    }
    for (id, value) in wanted.keep {
        if let Some(trial) = queue.trials.get(&id).filter(|t| t.is_running() && !kept.contains(&t.id)) {
            kept.insert(id);
            lots.push((value * view.stickiness(trial), Lot::Keep(id)));
        }
    }
    // What was begun in this very moment is not taken back in it, so that deciding comes to an end.
    for trial in queue.trials.values().filter(|t| t.is_running() && t.started == view.now && !t.members.is_empty()) {
        let fixed = (f64::INFINITY, Lot::Keep(trial.id));
        match lots.iter_mut().find(|(_, lot)| matches!(lot, Lot::Keep(id) if *id == trial.id)) {
            Some(lot) => *lot = fixed,
            None => lots.push(fixed),
        }
        kept.insert(trial.id);
    }
    lots.sort_by(|a, b| b.0.total_cmp(&a.0));
    let control = queue.trials.values().filter(|t| t.is_running() && t.purpose == Purpose::Control).count();
    let slots = queue.settings.slots.saturating_sub(control);
    let mut actions = Vec::new();
    for trial in queue.trials.values().filter(|t| t.is_running() && t.purpose != Purpose::Control) {
        if !kept.contains(&trial.id) {
            let stale = matches!(queue.standing(trial), Standing::Stale);
            let why = if stale { Needless::Stale } else { Needless::Unneeded };
            actions.push(Action::Cancel { trial: trial.id, why });
        }
    }
    let mut next = queue.next_trial;
    let cut = lots.len().min(slots);
    for (_, lot) in &lots[cut..] {
        if let Lot::Keep(trial) = lot {
            actions.push(Action::Cancel { trial: *trial, why: Needless::Displaced });
        }
    }
    for (_, lot) in lots.drain(..cut) {
        if let Lot::Start(members, purpose) = lot {
            actions.push(start(queue, next, members, purpose));
            next += 1;
        }
    }
    actions
}

/// What a slot is for.
enum Lot {
    Keep(TrialId),
    Start(Vec<CandidateId>, Purpose),
}

fn start(queue: &Queue, id: u64, members: Vec<CandidateId>, purpose: Purpose) -> Action {
    let all = if members.is_empty() { Footprint::ALL } else { Footprint::NONE };
    Action::Start {
        trial: TrialId(id),
        base: queue.trunk.height(),
        on: queue.trunk.tip.clone(),
        footprint: members.iter().fold(all, |all, m| all | queue.footprint(*m)),
        members,
        purpose,
    }
}
