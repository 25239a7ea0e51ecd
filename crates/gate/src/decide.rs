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
    let control = control(queue);
    if control.is_empty() { allot(&view) } else { control }
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
    let mut budget = Budget::of(queue, now);
    let doubted = queue.trials.values().filter(|t| matches!(t.state, TrialState::Doubted(_)));
    let judged = doubted.map(|trial| {
        let waiting = trial.members.iter().filter_map(|m| queue.waiting.get(m));
        let good = waiting.map(|c| queue.experience.good_of(&c.author)).product();
        match budget.doubt(trial, good) {
            Ok(why) => Action::Retry { trial: trial.id, why },
            Err(why) => Action::Stand { trial: trial.id, why },
        }
    });
    judged.collect()
}

/// What is left of the day's retries.
struct Budget<'a> {
    queue: &'a Queue,
    left: u32,
}

impl<'a> Budget<'a> {
    fn of(queue: &'a Queue, now: Time) -> Self {
        Budget { queue, left: queue.settings.retries_a_day.saturating_sub(queue.experience.retries(now)) }
    }

    /// Whether a red trial is worth another attempt, if all code in it is good with this chance.
    fn doubt(&mut self, trial: &Trial, good: f64) -> Result<Doubt, Doubt> {
        let (TrialState::Doubted(red) | TrialState::Red(red)) = &trial.state else { return Err(Doubt::Conflict) };
        let settings = &self.queue.settings;
        let doubt = self.queue.experience.doubt(red, trial.flakes.len(), good);
        let chance = Chance::of(doubt);
        if trial.flakes.len() >= settings.retries as usize {
            Err(Doubt::Again)
        } else if doubt < settings.retry_cost * 0.1 {
            Err(Doubt::Unlikely { chance })
        } else if self.left == 0 {
            Err(Doubt::NoBudget)
        } else {
            self.left -= 1;
            Ok(Doubt::Flaky { chance })
        }
    }
}

/// Evicts whom a red trial proves guilty: it stands, all others in it have landed, and what it stood on was green. A
/// red that was not worth another attempt among many may be worth one now that it is one candidate's fate.
fn convict(queue: &Queue, now: Time) -> Vec<Action> {
    let mut budget = Budget::of(queue, now);
    let mut guilty = BTreeSet::new();
    let mut all = Vec::new();
    for trial in queue.trials.values() {
        let Some((candidate, guilt)) = guilt(queue, trial).filter(|_| stood_on_green(queue, trial)) else { continue };
        if !guilty.insert(candidate) {
            continue;
        }
        let good = queue.waiting.get(&candidate).map_or(0.0, |c| queue.experience.good_of(&c.author));
        all.push(match budget.doubt(trial, good) {
            Ok(why) => Action::Retry { trial: trial.id, why },
            Err(_) => Action::End { candidate, end: End::Evicted(guilt) },
        });
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
    // Green on what the red one stands on, or on something newer: then it is the red one that needs an explanation. Not
    // if the branch went another way since, and just as the red one foresaw.
    let each = queue.settings.promise == Promise::EachCommit;
    let fits = |t: &Trial| match queue.standing(t) {
        Standing::Fits { rest, .. } => !each || rest.len() == 1,
        _ => false,
    };
    let now = fits(trial);
    let green = |t: &Trial| t.green().is_some() && t.base >= trial.base && t.members.contains(&one);
    if queue.trials.values().any(|t| green(t) && (!now || fits(t))) {
        return None;
    }
    let with: Vec<CandidateId> = trial.members.iter().copied().filter(|m| queue.has_landed(*m)).collect();
    let proof = match (member, with.is_empty()) {
        (Some(_), _) => Proof::Conflict,
        (None, true) => Proof::Branch,
        (None, false) => Proof::LandedSince,
    };
    Some((one, Guilt { trial: trial.id, red: red.clone(), with, proof }))
}

/// Whether a red trial would be green without the one who is left of it, as far as the gate has to say: it stood on a
/// green branch, or the branch came to be the rest of it and is green. For a conflict it does not matter.
fn stood_on_green(queue: &Queue, trial: &Trial) -> bool {
    let fits = matches!(queue.standing(trial), Standing::Fits { .. });
    matches!(trial.state, TrialState::Conflict { .. })
        || queue.trunk.is_proven(trial.base, trial.footprint)
        || fits && queue.trunk.is_proven(queue.trunk.height(), trial.footprint)
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
        let approved = rest.iter().all(|m| queue.waiting.get(m).is_some_and(Candidate::is_approved));
        let allowed = approved && !view.missing_need(rest);
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

/// Somebody would be guilty if only the branch were known to be green: it is tested by itself, in the slot of what began
/// last if none is free. When it is red, the gate halts.
fn control(queue: &Queue) -> Vec<Action> {
    let Some(since) = queue.trunk.in_doubt_since() else { return Vec::new() };
    let controls = || queue.trials.values().filter(|t| t.purpose == Purpose::Control);
    if let Some(red) = controls().find(|t| t.is_red() && t.base == queue.trunk.height()) {
        return vec![Action::Halt(Halt::Broken { trial: red.id })];
    }
    // If the branch went another way than the red one, that one is tested anew anyway.
    let suspect = |t: &Trial| {
        let fits = matches!(queue.standing(t), Standing::Fits { .. });
        fits && guilt(queue, t).is_some() && !stood_on_green(queue, t)
    };
    let under_way = controls().any(|t| t.is_running() && t.base >= since);
    if under_way || queue.settings.slots == 0 || !queue.trials.values().any(suspect) {
        return Vec::new();
    }
    let mut running: Vec<&Trial> = queue.trials.values().filter(|t| t.is_running()).collect();
    running.sort_by_key(|t| (t.purpose == Purpose::Control, t.started, t.id));
    let mut actions = Vec::new();
    while let Some(last) = running.pop_if(|t| t.purpose == Purpose::Control) {
        actions.push(Action::Cancel { trial: last.id, why: Needless::Stale });
    }
    for trial in running.iter().skip(queue.settings.slots - 1) {
        actions.push(Action::Cancel { trial: trial.id, why: Needless::Displaced });
    }
    actions.push(start(queue, queue.next_trial, Vec::new(), Purpose::Control));
    actions
}

/// Gives slots to what is worth most, and takes them from what nobody wants.
fn allot(view: &View) -> Vec<Action> {
    let queue = view.queue;
    let wanted = queue.settings.policy.plan(view);
    let mut lots: Vec<(f64, Lot)> = Vec::new();
    let mut kept = BTreeSet::new();
    let mut new = BTreeSet::new();
    for Wanted { members, purpose, value } in wanted.trials {
        if members.is_empty() || view.missing_need(&members) {
            continue;
        }
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
        // A control is none of a policy's business: it has its slot, and is not weighed against others.
        let keeps = |t: &&Trial| t.is_running() && t.purpose != Purpose::Control;
        if let Some(trial) = queue.trials.get(&id).filter(|t| keeps(t) && !kept.contains(&t.id)) {
            kept.insert(id);
            lots.push((value * view.stickiness(trial), Lot::Keep(id)));
        }
    }
    // What was begun in this very moment is not taken back in it, so that deciding comes to an end; what is repeated
    // is soon done.
    let fixed = |t: &&Trial| t.is_running() && !t.members.is_empty() && (t.started == view.now || !t.flakes.is_empty());
    for trial in queue.trials.values().filter(fixed) {
        let fixed = (f64::INFINITY, Lot::Keep(trial.id));
        match lots.iter_mut().find(|(_, lot)| matches!(lot, Lot::Keep(id) if *id == trial.id)) {
            Some(lot) => *lot = fixed,
            None => lots.push(fixed),
        }
        kept.insert(trial.id);
    }
    if lots.is_empty() {
        lots.extend(first(view));
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

/// The first one by himself: whatever a policy wants, somebody is tested while anybody waits.
fn first(view: &View) -> Option<(f64, Lot)> {
    let alone = view.line.iter().map(|c| vec![c.id]).find(|a| !view.missing_need(a) && view.same_tree(a).is_none())?;
    Some((1.0, Lot::Start(alone, Purpose::Head)))
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
