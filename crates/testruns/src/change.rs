//! How a board changes.

use crate::board::{Board, ItemId, Late, MAX_LATE, Outcome, Proof, Stage};
use crate::event::{Action, Ending, Event, Kill};
use crate::ready::{Rank, Token};
use crate::record::{Attempt, Phase};
use crate::roster::Role;
use crate::status::Status;
use crate::sum::Weights;
use model::Time;
use model::area::Class;
use std::cmp::Reverse;

impl Board {
    /// Takes what happened. What is not possible (the end of an attempt that does not run, a second end) changes
    /// nothing.
    pub fn apply(&mut self, event: &Event, now: Time) {
        match event {
            Event::Decided(action) => self.decided(action, now),
            Event::Looked { item, skip } => self.looked(*item, skip.as_ref()),
            Event::Waits { item, attempt, why } => self.waits(*item, *attempt, why),
            Event::Began { item, attempt } => self.began(*item, *attempt, now),
            Event::Alive { item, attempt } => {
                if self.is_current(*item, *attempt, now, "it is alive") {
                    self.items[item.at()].heard = Some(now);
                    self.set_alarm(*item);
                }
            }
            Event::Ended { item, attempt, ending } => self.ended(*item, *attempt, ending, now),
            Event::Proved { item, attempt, refuted } => self.proved(*item, *attempt, refuted.as_ref()),
            Event::Kill { items, by, why } => {
                let known = self.items.len();
                items.iter().filter(|i| i.at() < known).for_each(|i| self.condemn(*i, by, why));
            }
            Event::Cancel { run, by } => self.cancel(run.0 as usize, by),
            Event::SetStatus { item, status, by, comment } => self.set_status(*item, status, by, comment),
            Event::Host { name, slots } => {
                let cap = self.limits.host.unwrap_or(u32::MAX);
                self.hosts.entry(name.clone()).or_default().slots = slots.unwrap_or(0).min(cap);
            }
        }
    }

    fn decided(&mut self, action: &Action, now: Time) {
        let id = action.item();
        let Some(state) = self.items.get_mut(id.at()) else { return };
        self.due.remove(&id);
        match (action, &mut state.stage) {
            (Action::Look { .. }, stage @ Stage::Waiting) => *stage = Stage::Looking,
            (Action::Start { attempt, host, .. }, Stage::Ready) => self.started(id, *attempt, host, now),
            (Action::Kill { why, .. }, Stage::Out { killing: killing @ None }) => {
                *killing = Some(why.clone());
                self.set_alarm(id);
            }
            (Action::GiveUp { attempt, silent, .. }, Stage::Out { .. }) => {
                self.ended(id, *attempt, &Ending::Lost(format!("nothing was heard of it for {silent}")), now);
            }
            (Action::Prove { .. }, Stage::Judged { proof, .. }) => *proof = Proof::Asked,
            (Action::Retry { .. }, Stage::Judged { .. }) => {
                self.become_phase(id, Phase::Started);
                self.ready(id);
            }
            (Action::End { phase, status, comment, .. }, stage)
                if !matches!(stage, Stage::Over | Stage::Out { .. }) =>
            {
                self.end(id, *phase, status, comment, now);
            }
            _ => {}
        }
    }

    fn looked(&mut self, id: ItemId, skip: Option<&String>) {
        if self.items.get(id.at()).is_none_or(|s| s.stage != Stage::Looking) {
            return;
        }
        match skip {
            Some(why) => {
                self.items[id.at()].stage =
                    Stage::Judged { outcome: Outcome::Skip(why.clone()), proof: Proof::Unasked };
                self.due.insert(id);
            }
            None => self.ready(id),
        }
    }

    fn started(&mut self, id: ItemId, attempt: u32, host: &str, now: Time) {
        let state = &mut self.items[id.at()];
        if attempt as usize != state.attempts.len() + 1 {
            return;
        }
        state.stage = Stage::Out { killing: None };
        state.heard = None;
        state.attempts.push(Attempt {
            number: attempt,
            host: host.to_owned(),
            launched: now,
            began: None,
            ended: None,
            status: Status::NOT_YET,
            comment: String::new(),
        });
        let (test, queue) = (state.test, state.queue);
        self.tests[test].began = true;
        self.queues.started(queue, self.rank(id));
        self.occupy(id, host);
        self.become_phase(id, Phase::Launched);
    }

    /// What it waits for is said of it until it begins.
    fn waits(&mut self, id: ItemId, attempt: u32, why: &str) {
        let Some(state) = self.items.get_mut(id.at()) else { return };
        let queued = matches!(state.stage, Stage::Out { .. }) && state.phase == Phase::Launched;
        if queued && state.attempts.len() == attempt as usize {
            why.clone_into(&mut state.comment);
        }
    }

    fn began(&mut self, id: ItemId, attempt: u32, now: Time) {
        if !self.is_current(id, attempt, now, "it began") {
            return;
        }
        let state = &mut self.items[id.at()];
        state.heard = Some(now);
        if let Some(last) = state.attempts.last_mut().filter(|a| a.began.is_none()) {
            last.began = Some(now);
        }
        state.comment.clear();
        self.become_phase(id, Phase::Running);
        self.set_alarm(id);
    }

    fn ended(&mut self, id: ItemId, attempt: u32, ending: &Ending, now: Time) {
        let says = match ending {
            Ending::Verdict(verdict) => format!("it ended with {}", verdict.status),
            Ending::Lost(why) => format!("it is lost: {why}"),
        };
        if !self.is_current(id, attempt, now, &says) {
            return;
        }
        let Stage::Out { killing } = &self.items[id.at()].stage else { return };
        let outcome = match (killing.clone(), ending) {
            (Some(kill), _) => Outcome::Killed(kill),
            (None, Ending::Verdict(verdict)) => Outcome::Verdict(verdict.clone()),
            (None, Ending::Lost(why)) => Outcome::Lost(why.clone()),
        };
        let (status, comment) = match &outcome {
            Outcome::Verdict(verdict) => (verdict.status.clone(), verdict.comment.clone()),
            Outcome::Lost(why) | Outcome::Skip(why) => (Status::DEAD, why.clone()),
            Outcome::Killed(kill) => (Status::KILLED, kill.sentence()),
        };
        let failed = match &outcome {
            Outcome::Verdict(verdict) => self.statuses.class(&verdict.status) == Class::Bad,
            Outcome::Killed(kill) => matches!(kill, Kill::Overtime(_)),
            Outcome::Lost(_) | Outcome::Skip(_) => false,
        };
        let lost = matches!(outcome, Outcome::Lost(_));
        let state = &mut self.items[id.at()];
        state.failures += u32::from(failed);
        state.losses += u32::from(lost);
        state.stage = Stage::Judged { outcome, proof: Proof::Unasked };
        state.comment.clear();
        if let Some(last) = state.attempts.last_mut() {
            last.ended = Some(now);
            last.status = status;
            last.comment = comment;
        }
        self.vacate(id);
        self.clear_alarm(id);
        self.due.insert(id);
    }

    fn proved(&mut self, id: ItemId, attempt: u32, refuted: Option<&String>) {
        let Some(state) = self.items.get_mut(id.at()) else { return };
        let current = state.attempts.len() == attempt as usize;
        if let Stage::Judged { proof: proof @ Proof::Asked, .. } = &mut state.stage
            && current
        {
            *proof = refuted.map_or(Proof::Holds, |why| Proof::Refuted(why.clone()));
            self.due.insert(id);
        }
    }

    fn condemn(&mut self, id: ItemId, by: &str, why: &str) {
        let state = &mut self.items[id.at()];
        if state.stage != Stage::Over && state.kill.is_none() {
            state.kill = Some((by.to_owned(), why.to_owned()));
            // These are heard of again anyway.
            let later =
                matches!(state.stage, Stage::Judged { proof: Proof::Asked, .. } | Stage::Out { killing: Some(_) });
            if !later {
                self.due.insert(id);
            }
        }
    }

    fn cancel(&mut self, run: usize, by: &str) {
        let Some(items) = self.runs.get(run).filter(|r| r.cancelled.is_none()).map(|r| r.items.clone()) else { return };
        self.runs[run].cancelled = Some(by.to_owned());
        for at in items {
            if !matches!(self.tests[self.items[at].test].role, Role::Cleanup(_)) {
                self.condemn(ItemId::of(at), by, "the run was ended");
            }
        }
    }

    fn set_status(&mut self, id: ItemId, status: &Status, by: &str, comment: &str) {
        if self.items.get(id.at()).is_none_or(|s| s.stage != Stage::Over) {
            return;
        }
        let phase = self.items[id.at()].phase;
        let said = format!("{by} says so");
        let comment = if comment.is_empty() { said } else { format!("{said}: {comment}") };
        self.become_status(id, phase, status, &comment);
        let test = &self.tests[self.items[id.at()].test];
        let first_bad =
            test.items.clone().map(ItemId::of).find(|i| self.items[i.at()].stage == Stage::Over && !self.satisfies(*i));
        let test = self.items[id.at()].test;
        self.tests[test].first_bad = first_bad;
    }

    fn end(&mut self, id: ItemId, phase: Phase, status: &Status, comment: &str, now: Time) {
        self.vacate_queue(id);
        let state = &mut self.items[id.at()];
        state.flaky = state.failures > 0 && self.statuses.class(status) != Class::Bad && *status != Status::WAIVED;
        let quarantined = self.excused(id, status, now);
        self.items[id.at()].quarantined = quarantined;
        self.become_status(id, phase, status, comment);
        self.over(id);
    }

    /// Whoever answers for it that a failure does not count: the owner of a quarantine of it, or of what holds it back.
    fn excused(&self, id: ItemId, status: &Status, now: Time) -> Option<String> {
        if self.statuses.class(status) != Class::Bad {
            return None;
        }
        let state = &self.items[id.at()];
        let name = &self.tests[state.test].spec.name;
        let own = self.runs[state.run]
            .quarantine
            .iter()
            .find(|(patterns, quarantine)| now < quarantine.expires && patterns.matches(name, &state.item.path));
        let blamed = || {
            let mut causes =
                self.broken(id).map(|(_, cause)| cause.and_then(|c| self.items[c.at()].quarantined.clone()));
            let first = causes.next()??;
            causes.all(|c| c.is_some()).then_some(first)
        };
        let held_back = *status == Status::PREQ_FAIL || *status == Status::PREQ_DISCARDED;
        own.map(|(_, q)| q.owner.clone()).or_else(|| held_back.then(blamed).flatten())
    }

    /// It is decided; those who wait for it hear of it.
    pub(crate) fn over(&mut self, id: ItemId) {
        self.items[id.at()].stage = Stage::Over;
        self.due.remove(&id);
        let bad = !self.satisfies(id);
        let test = self.items[id.at()].test;
        let waited_by = std::mem::take(&mut self.items[id.at()].waited_by);
        waited_by.into_iter().for_each(|by| self.one_less(by));
        let test = &mut self.tests[test];
        if bad {
            test.first_bad = Some(test.first_bad.map_or(id, |first| first.min(id)));
        }
        test.open -= 1;
        if test.open == 0 {
            let waited_by = std::mem::take(&mut test.waited_by);
            waited_by.into_iter().for_each(|by| self.one_less(by));
        }
    }

    fn one_less(&mut self, id: ItemId) {
        let state = &mut self.items[id.at()];
        state.waits -= 1;
        if state.waits == 0 && state.stage == Stage::Waiting {
            self.unblocked(id);
        }
    }

    /// What it waits for has ended. It runs if that went well; otherwise there is something to decide.
    pub(crate) fn unblocked(&mut self, id: ItemId) {
        let state = &self.items[id.at()];
        let plain = !state.empty && state.kill.is_none() && !self.is_asked(id) && !self.is_needless(id);
        if plain && self.broken(id).next().is_none() {
            self.ready(id);
        } else {
            self.due.insert(id);
        }
    }

    /// Whether somebody has to look at skip rules first. A rule that says that something is not worth running has no say
    /// in what a fixture needs.
    pub(crate) fn is_asked(&self, id: ItemId) -> bool {
        let test = &self.tests[self.items[id.at()].test];
        test.role == Role::Test && !test.spec.skip.is_empty()
    }

    /// Whether it would clear away what nobody made.
    pub(crate) fn is_needless(&self, id: ItemId) -> bool {
        let role = self.tests[self.items[id.at()].test].role;
        matches!(role, Role::Cleanup(Some(setup)) if !self.tests[setup].began)
    }

    /// It may run as soon as there is room.
    pub(crate) fn ready(&mut self, id: ItemId) {
        self.items[id.at()].stage = Stage::Ready;
        let queue = self.items[id.at()].queue;
        self.queues.enter(queue, self.rank(id), self.token(id));
    }

    pub(crate) fn rank(&self, id: ItemId) -> Rank {
        (Reverse(self.test(id).priority), id)
    }

    /// What must not be run beside it, by name.
    pub(crate) fn token(&self, id: ItemId) -> Option<Token> {
        let test = self.test(id);
        test.exclusive.then(|| (test.name.clone(), self.items[id.at()].item.path.clone()))
    }

    /// Takes a place on a host, and whatever else it counts in.
    pub(crate) fn occupy(&mut self, id: ItemId, host: &str) {
        let run = self.items[id.at()].run;
        self.runs[run].used += 1;
        self.hosts.entry(host.to_owned()).or_default().used += 1;
        let spec = &self.tests[self.items[id.at()].test].spec;
        if let Some(group) = &spec.job_group {
            *self.groups.entry(group.clone()).or_default() += 1;
        }
        for (resource, n) in &spec.resources {
            *self.resources.entry(resource.clone()).or_default() += n;
        }
        if let Some(token) = self.token(id) {
            self.queues.holds(id, token);
        }
    }

    fn vacate(&mut self, id: ItemId) {
        let run = self.items[id.at()].run;
        self.runs[run].used -= 1;
        let state = &self.items[id.at()];
        if let Some(host) = state.attempts.last().and_then(|a| self.hosts.get_mut(&a.host)) {
            host.used = host.used.saturating_sub(1);
        }
        let spec = &self.tests[state.test].spec;
        if let Some(used) = spec.job_group.as_ref().and_then(|g| self.groups.get_mut(g)) {
            *used -= 1;
        }
        for (resource, n) in &spec.resources {
            if let Some(used) = self.resources.get_mut(resource) {
                *used -= n;
            }
        }
        self.vacate_queue(id);
    }

    fn vacate_queue(&mut self, id: ItemId) {
        let (queue, rank, token) = (self.items[id.at()].queue, self.rank(id), self.token(id));
        self.queues.left(queue, rank, token);
    }

    pub(crate) fn become_phase(&mut self, id: ItemId, phase: Phase) {
        let status = self.items[id.at()].status.clone();
        let comment = std::mem::take(&mut self.items[id.at()].comment);
        self.become_status(id, phase, &status, &comment);
    }

    fn become_status(&mut self, id: ItemId, phase: Phase, status: &Status, comment: &str) {
        self.weigh(id, Weights::remove);
        let state = &mut self.items[id.at()];
        for rollup in [&mut self.tests[state.test].rollup, &mut self.runs[state.run].rollup] {
            rollup.remove(state.phase, &state.status, &self.statuses);
            rollup.add(phase, status, &self.statuses);
        }
        state.phase = phase;
        state.status = status.clone();
        comment.clone_into(&mut state.comment);
        self.weigh(id, Weights::add);
    }

    /// Counts an item in a run's sum, or takes it out.
    pub(crate) fn weigh(&mut self, id: ItemId, how: fn(&mut Weights, &Weights)) {
        let state = &self.items[id.at()];
        if !state.phase.is_over() {
            return;
        }
        let bad = self.statuses.class(&state.status) == Class::Bad;
        let one = Weights {
            bad: u32::from(bad && state.quarantined.is_none()),
            quarantined: u32::from(bad && state.quarantined.is_some()),
            flaky: u32::from(state.flaky),
        };
        how(&mut self.runs[state.run].weights, &one);
    }

    /// Whether an attempt is the one that runs. What is not is kept, with what it says.
    fn is_current(&mut self, id: ItemId, attempt: u32, now: Time, says: &str) -> bool {
        let Some(state) = self.items.get_mut(id.at()) else { return false };
        let current = matches!(state.stage, Stage::Out { .. }) && state.attempts.len() == attempt as usize;
        if !current && state.late.len() < MAX_LATE {
            state.late.push(Late { attempt, at: now, says: says.to_owned() });
        }
        current
    }

    /// When an attempt that runs has to be looked at: at the end of its time, or when it was silent for too long. One
    /// that stands in a queue has neither.
    pub(crate) fn set_alarm(&mut self, id: ItemId) {
        self.clear_alarm(id);
        if let Some(at) = [self.overtime_at(id), self.silent_at(id)].into_iter().flatten().min() {
            self.items[id.at()].alarm = Some(at);
            self.alarms.insert((at, id));
        }
    }

    pub(crate) fn overtime_at(&self, id: ItemId) -> Option<Time> {
        let state = &self.items[id.at()];
        let Stage::Out { killing: None } = state.stage else { return None };
        let limit = self.test(id).max_time.or(self.runs[state.run].max_time)?;
        Some(state.attempts.last()?.began? + limit)
    }

    pub(crate) fn silent_at(&self, id: ItemId) -> Option<Time> {
        let state = &self.items[id.at()];
        Some(state.heard? + self.runs[state.run].dead_after?)
    }

    fn clear_alarm(&mut self, id: ItemId) {
        if let Some(at) = self.items[id.at()].alarm.take() {
            self.alarms.remove(&(at, id));
        }
    }
}
