//! What is to be done now.
//!
//! The cost of asking goes by what has happened and by what is started, never by what waits: items that something
//! happened to stand in `due`, limits of time in `alarms`, and what may run in queues of which each is looked at once.

use crate::board::{Board, ItemId, Outcome, Proof, RunId, Stage};
use crate::event::{Action, Again, Event, Kill};
use crate::ready::Rank;
use crate::record::Phase;
use crate::room::Room;
use crate::roster::On;
use crate::status::Status;
use crate::sum::{RunSum, RunVerdict};
use crate::verdict::Verdict;
use model::Time;
use model::area::{Check, Class};
use std::collections::{BTreeMap, BTreeSet, btree_set};

/// What is to be done, and when to ask again at the latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in this order. Asking again before any of it is applied gives the same.
    pub actions: Vec<Action>,
    /// The next moment at which time alone makes a difference.
    pub wake: Option<Time>,
    /// So many items and queues were looked at: what the answer cost.
    pub looked: u64,
}

/// Says what is to be done now. The caller writes it down, applies each as [`Event::Decided`], carries it out, and asks
/// again until there is nothing.
pub fn plan(board: &Board, now: Time) -> Plan {
    let mut plan = Plan::default();
    for &id in &board.due {
        plan.looked += 1;
        plan.actions.extend(decide(board, id, now));
    }
    for &(at, id) in &board.alarms {
        if at > now {
            plan.wake = Some(at);
            break;
        }
        plan.looked += 1;
        if !board.due.contains(&id) {
            plan.actions.extend(overdue(board, id, now));
        }
    }
    start(board, &mut plan);
    plan
}

/// Plans until nothing is left to do, and applies each answer at once.
pub fn settle(board: &mut Board, now: Time) -> Vec<Action> {
    let mut all = Vec::new();
    loop {
        let todo = plan(board, now).actions;
        if todo.is_empty() {
            return all;
        }
        for action in &todo {
            board.apply(&Event::Decided(action.clone()), now);
        }
        all.extend(todo);
    }
}

/// An item to which something happened.
fn decide(board: &Board, id: ItemId, now: Time) -> Option<Action> {
    let state = &board.items[id.at()];
    let end = |phase, status, comment| Some(Action::End { item: id, phase, status, comment });
    let attempt = state.attempts.last().map_or(0, |a| a.number);
    let asked = state.kill.as_ref().map(|(by, why)| Kill::Asked { by: by.clone(), why: why.clone() });
    match (&state.stage, asked) {
        (Stage::Waiting | Stage::Looking | Stage::Ready, Some(kill)) => {
            end(Phase::Killed, Status::KILLED, kill.sentence())
        }
        (Stage::Waiting, None) => waiting(board, id),
        (Stage::Out { killing: None }, Some(why)) => Some(Action::Kill { item: id, attempt, why }),
        (Stage::Judged { outcome, proof }, _) => match outcome {
            Outcome::Skip(why) => end(Phase::Completed, Status::SKIP, why.clone()),
            Outcome::Killed(kill) => again(board, id)
                .filter(|_| matches!(kill, Kill::Overtime(_)))
                .or_else(|| end(Phase::Killed, Status::KILLED, kill.sentence())),
            Outcome::Lost(why) => {
                let left = board.test(id).retry.losses.checked_sub(state.losses);
                match left.filter(|_| may_go_on(board, id)) {
                    Some(left) => Some(Action::Retry { item: id, why: Again::Lost { left } }),
                    None => end(Phase::Completed, Status::DEAD, why.clone()),
                }
            }
            Outcome::Verdict(verdict) => judge(board, id, verdict, proof, now),
        },
        (Stage::Looking | Stage::Ready | Stage::Out { .. } | Stage::Over, _) => None,
    }
}

/// What it waited for has ended.
fn waiting(board: &Board, id: ItemId) -> Option<Action> {
    let end = |status, comment| Some(Action::End { item: id, phase: Phase::Completed, status, comment });
    if board.items[id.at()].empty {
        return end(Status::ZERO_ITEMS, "its list of items is empty".to_owned());
    }
    if let Some((status, comment)) = held_back(board, id) {
        return end(status, comment);
    }
    if board.is_needless(id) {
        return end(Status::SKIP, "what it clears away was not made".to_owned());
    }
    let rules = board.is_asked(id).then(|| board.test(id).skip.clone())?;
    Some(Action::Look { item: id, rules })
}

/// Why something that an item waits for keeps it from running for good: what failed itself stands before what was held
/// back by others, and then the order in which it is written.
fn held_back(board: &Board, id: ItemId) -> Option<(Status, String)> {
    let was_held_back = |cause: ItemId| {
        let status = &board.items[cause.at()].status;
        *status == Status::PREQ_FAIL || *status == Status::PREQ_DISCARDED
    };
    let (edge, cause) = board.broken(id).min_by_key(|(_, cause)| cause.is_some_and(was_held_back))?;
    let Some(cause) = cause else {
        let On::Missing(name) = &edge.on else { return None };
        return Some((Status::PREQ_FAIL, format!("there is no {name}")));
    };
    let (name, state) = (board.name(cause), &board.items[cause.at()]);
    if was_held_back(cause) {
        return Some((Status::PREQ_DISCARDED, format!("{name} was not run: {}", tail(&state.comment))));
    }
    Some((Status::PREQ_FAIL, format!("{name} is {}", state.status)))
}

/// The end of a sentence, which names what began it; a chain may be long.
fn tail(comment: &str) -> String {
    const MOST: usize = 300;
    let all = comment.chars().count();
    if all <= MOST {
        comment.to_owned()
    } else {
        format!("… {}", comment.chars().skip(all - MOST).collect::<String>())
    }
}

fn may_go_on(board: &Board, id: ItemId) -> bool {
    board.items[id.at()].kill.is_none()
}

/// Another attempt after a failure, if there is one left.
fn again(board: &Board, id: ItemId) -> Option<Action> {
    let left = board.test(id).retry.failures.checked_sub(board.items[id.at()].failures)?;
    may_go_on(board, id).then_some(Action::Retry { item: id, why: Again::Failed { left } })
}

/// A verdict stands, is waived, or is doubted. A waiver comes first: a failure that is known is not worth trying again.
fn judge(board: &Board, id: ItemId, verdict: &Verdict, proof: &Proof, now: Time) -> Option<Action> {
    let state = &board.items[id.at()];
    let end = |status: Status, comment| Some(Action::End { item: id, phase: Phase::Completed, status, comment });
    if board.statuses.class(&verdict.status) != Class::Bad {
        return end(verdict.status.clone(), verdict.comment.clone());
    }
    let attempt = state.attempts.last().map_or(0, |a| a.number);
    let excuse = match proof {
        Proof::Asked => return None,
        Proof::Holds | Proof::Refuted(_) => waiver(board, id, verdict, now).map(|(w, _)| (w, proof.clone())),
        Proof::Unasked => match waiver(board, id, verdict, now) {
            None => None,
            Some((waiver, checks)) => match proven(&checks, verdict) {
                Some(proof) => Some((waiver, proof)),
                None => return Some(Action::Prove { item: id, attempt, checks }),
            },
        },
    };
    match excuse {
        Some((waiver, Proof::Holds)) => {
            end(Status::WAIVED, format!("{} answers for it: {}", waiver.owner, waiver.reason))
        }
        Some((waiver, Proof::Refuted(why))) => again(board, id).or_else(|| {
            let said = if verdict.comment.is_empty() { String::new() } else { format!("{}; ", verdict.comment) };
            end(verdict.status.clone(), format!("{said}the waiver of {} does not hold: {why}", waiver.owner))
        }),
        _ => again(board, id).or_else(|| end(verdict.status.clone(), verdict.comment.clone())),
    }
}

type Found<'a> = (&'a model::area::Waiver, Vec<Check>);

/// The first waiver for a failure like this, with what must hold. One that has expired comes after all others, with
/// nothing that could hold.
fn waiver<'a>(board: &'a Board, id: ItemId, verdict: &Verdict, now: Time) -> Option<Found<'a>> {
    let state = &board.items[id.at()];
    let test = &board.tests[state.test].spec;
    let fits = |patterns: &crate::pattern::TestPatterns, waiver: &model::area::Waiver| {
        let same = |word: &String| board.statuses.read(word).as_ref() == Ok(&verdict.status);
        patterns.matches(&test.name, &state.item.path) && waiver.statuses.iter().any(same)
    };
    let mut all = board.runs[state.run].waivers.iter().filter(|(p, w)| fits(p, w)).map(|(_, w)| w);
    let live = all.clone().find(|w| now < w.expires);
    if let Some(waiver) = live {
        let checks = if waiver.checks.is_empty() { &test.waiver_checks } else { &waiver.checks };
        return Some((waiver, checks.clone()));
    }
    all.next().map(|waiver| (waiver, Vec::new()))
}

/// What can be said without looking at files; `None` when somebody has to look.
fn proven(checks: &[Check], verdict: &Verdict) -> Option<Proof> {
    if checks.is_empty() {
        return Some(Proof::Refuted("it has expired".to_owned()));
    }
    let mut known = true;
    for check in checks {
        match check {
            Check::Failure { step, comment } => {
                let at = verdict.step.as_deref().unwrap_or("no step");
                if at != step {
                    return Some(Proof::Refuted(format!("it failed at {at}, and not at {step}")));
                }
                if !verdict.comment.contains(comment.as_str()) {
                    return Some(Proof::Refuted(format!("it does not say '{comment}'")));
                }
            }
            Check::SameFiles { .. } | Check::Rules { .. } => known = false,
        }
    }
    known.then_some(Proof::Holds)
}

/// An item that runs for too long, or of which nothing was heard.
fn overdue(board: &Board, id: ItemId, now: Time) -> Option<Action> {
    let state = &board.items[id.at()];
    let last = state.attempts.last()?;
    if board.silent_at(id).is_some_and(|at| at <= now) {
        let silent = now.since(state.heard?);
        return Some(Action::GiveUp { item: id, attempt: last.number, silent });
    }
    let began = last.began?;
    let at = board.overtime_at(id)?;
    let why = Kill::Overtime(at.since(began));
    (at <= now).then_some(Action::Kill { item: id, attempt: last.number, why })
}

/// Starts what there is room for: the first of all queues, then the next. A queue of which the first has no room is done
/// with.
fn start(board: &Board, plan: &mut Plan) {
    let mut room = Room::of(board);
    if room.is_full() {
        return;
    }
    let mut rest: BTreeMap<usize, btree_set::Iter<'_, Rank>> = BTreeMap::new();
    let mut firsts: BTreeSet<(Rank, usize)> = BTreeSet::new();
    for queue in board.queues.open() {
        plan.looked += 1;
        let mut ready = board.queues.get(queue).ready.iter();
        firsts.extend(ready.next().map(|rank| (*rank, queue)));
        rest.insert(queue, ready);
    }
    while let Some((rank, queue)) = firsts.pop_first()
        && !room.is_full()
    {
        plan.looked += 1;
        let id = rank.1;
        // What is about to be decided otherwise is not started.
        if !board.due.contains(&id) {
            let Ok(host) = room.take(&board.queues.get(queue).limited) else { continue };
            let attempt = u32::try_from(board.items[id.at()].attempts.len() + 1).unwrap_or(u32::MAX);
            plan.actions.push(Action::Start { item: id, attempt, host: host.to_owned() });
        }
        firsts.extend(rest.get_mut(&queue).and_then(Iterator::next).map(|rank| (*rank, queue)));
    }
}

impl Board {
    /// What a run came to so far.
    pub fn sum(&self, run: RunId) -> RunSum {
        let run = &self.runs[run.0 as usize];
        let phase = run.rollup.phase();
        let verdict = match (&run.cancelled, run.weights.bad) {
            _ if !phase.is_over() => RunVerdict::Running,
            (Some(_), _) => RunVerdict::Cancelled,
            (None, 0) => RunVerdict::Green,
            (None, _) => RunVerdict::Red,
        };
        let running = run.rollup.count(Phase::Running) + run.rollup.count(Phase::Launched);
        RunSum {
            verdict,
            phase,
            status: run.rollup.status(),
            statuses: run.rollup.statuses().map(|(s, n)| (s.clone(), n)).collect(),
            total: run.rollup.total(),
            waiting: run.rollup.count(Phase::NotStarted) + run.rollup.count(Phase::Started),
            running,
            weights: run.weights.clone(),
        }
    }

    /// The tests of a run, in the order of the area, each with where it is and what came of it.
    pub fn rollups(&self, run: RunId) -> impl Iterator<Item = (&str, Phase, Status)> {
        let tests = self.runs.get(run.0 as usize).map_or(0..0, |r| r.tests.clone());
        self.tests[tests].iter().map(|t| (t.spec.name.as_str(), t.rollup.phase(), t.rollup.status()))
    }
}
