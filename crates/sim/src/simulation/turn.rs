//! The heart's turns: what is heard is decided, written, and only then acted on. Where it may die, and what the store may
//! do to it.

use super::clock::Followed;
use super::{Event, SWEEP, Simulation};
use crate::fault::Fault;
use crate::logs::Loss;
use crate::master::{Answer, Master, Taken, Turn};
use crate::record::{Entry, why_is_true};
use crate::violation::{Checked, Violation, must};
use model::{Span, Time};
use std::sync::Arc;

impl Simulation {
    /// Hears what came, decides, records, and acts.
    pub(super) fn turn(&mut self) -> Checked {
        let Some(mut master) = self.master.take() else { return Ok(()) };
        if master.stuck.is_some() {
            self.master = Some(master);
            return Ok(());
        }
        match self.follow_clock(&mut master)? {
            Followed::Yes => {}
            not_now => {
                self.master = Some(master);
                return self.turns_later(not_now);
            }
        }
        (master.now, master.even) = (master.clock(self.now), self.now);
        master.clock_is_right(self.now, self.day())?;
        let woken = self.inbox.is_empty() && engine::next_wake(&master.world).is_some_and(|at| at <= master.now);
        let mut turn = Turn { at: master.now, even: master.even, ..Turn::default() };
        if std::mem::take(&mut master.anew) {
            master.agree(&mut turn);
        }
        let again = std::mem::take(&mut master.again);
        for input in again.into_iter().chain(std::mem::take(&mut self.inbox)) {
            self.trace.tell(format_args!("the master hears {input:?}"));
            master.hear(input, &self.record, &mut self.logs, &mut turn)?;
        }
        master.settle(&mut turn)?;
        self.sums.most_rounds = self.sums.most_rounds.max(turn.rounds as u64);
        must("woken-for-something", !woken || !turn.entries.is_empty(), || {
            "a timer is due and changes nothing".to_owned()
        })?;
        self.master = Some(master);
        if self.die == Some(Fault::KilledBefore) {
            self.sums.faults.count(Fault::KilledBefore);
            self.die = None;
            self.die(Loss::Memory);
            return Ok(());
        }
        self.write(turn)
    }

    /// The heart hears nothing before its clock is right.
    fn turns_later(&mut self, how: Followed) -> Checked {
        match how {
            Followed::Dies(loss) => self.die(loss),
            Followed::Waits => self.at(Span::seconds(1), Event::Turn),
            Followed::Anew | Followed::Yes => self.tell_nothing(),
        }
        self.master_did()
    }

    /// The store may take the turn that it did not take.
    pub(super) fn try_again(&mut self) -> Checked {
        match self.master.as_mut().and_then(|master| master.stuck.take()) {
            Some(turn) => self.write(turn),
            None => Ok(()),
        }
    }

    fn write(&mut self, mut turn: Turn) -> Checked {
        let Some(mut master) = self.master.take() else { return Ok(()) };
        let taken = self.commit(&master, &turn)?;
        match taken {
            Taken::NotNow => {
                master.stuck = Some(turn);
                self.master = Some(master);
                self.at(Span::seconds(1), Event::Again { reign: self.reign });
                return self.master_did();
            }
            Taken::Unknown => {
                self.trace.tell(format_args!("the world is read anew"));
                master.read_anew(&mut turn, &mut self.logs)?;
                self.master = Some(master);
                self.tell_nothing();
                return self.master_did();
            }
            Taken::Yes => {}
        }
        self.record.settled(turn.at, turn.even)?;
        let dies = self.die.take();
        if dies.is_some() || !turn.entries.is_empty() {
            self.look(&master, turn.at, dies.is_some())?;
        }
        self.master = Some(master);
        self.follow(turn, dies)
    }

    /// The heart looks again, though nobody has told it anything.
    fn tell_nothing(&mut self) {
        if !self.turn_is_due {
            self.turn_is_due = true;
            self.at(Span::ZERO, Event::Turn);
        }
    }

    /// Writes a turn into the store and the record.
    pub(super) fn commit(&mut self, master: &Master, turn: &Turn) -> Result<Taken, Violation> {
        if turn.entries.is_empty() {
            return Ok(Taken::Yes);
        }
        if self.store_away > self.now {
            return Ok(Taken::NotNow);
        }
        let unsure = self.unsure.take();
        if unsure.is_some() {
            self.sums.faults.count(Fault::StoreUnsure);
        }
        if unsure == Some(false) {
            return Ok(Taken::Unknown);
        }
        let taken = master.write(turn)?;
        for entry in &turn.entries {
            match entry {
                Entry::Took(transition) => self.trace.tell(format_args!("{transition:?}")),
                Entry::Configured(_) => {
                    self.sums.reloads += 1;
                    self.trace.tell(format_args!("a configuration comes into force"));
                }
            }
        }
        self.sums.turns += 1;
        self.sums.transitions += turn.entries.len() as u64;
        self.progress = self.now;
        self.record.take(&turn.entries, turn.at, turn.even)?;
        Ok(if unsure.is_some() { Taken::Unknown } else { taken })
    }

    /// What a durable turn means outside, unless the master dies before all of it is done.
    fn follow(&mut self, turn: Turn, dies: Option<Fault>) -> Checked {
        let (effects, answers) = (turn.effects, turn.answers);
        let most = match dies {
            Some(Fault::KilledAfter | Fault::MasterPowerLost) => 0,
            Some(Fault::KilledWithin) => self.chance.below(effects.len() + 1),
            _ => usize::MAX,
        };
        let Some(mut master) = self.master.take() else { return Ok(()) };
        for effect in effects.into_iter().take(most) {
            master.act_once(effect, &mut self.logs);
        }
        let (wall, even) = (master.clock(self.now), self.now);
        master.flush(even);
        let next = engine::next_wake(&master.world).unwrap_or(Time(i64::MAX)).min(wall + SWEEP).max(wall);
        self.master = Some(master);
        self.master_did()?;
        for answer in answers {
            match answer {
                Answer::Heard(changes) if dies.is_none() => {
                    self.untold.retain(|c| changes.iter().all(|h| h.revision != c.revision));
                }
                Answer::Heard(_) => {}
                Answer::InForce(config) => self.file = Arc::clone(&config),
            }
        }
        if let Some(fault) = dies {
            self.sums.faults.count(fault);
            self.die(if fault == Fault::MasterPowerLost { Loss::Power } else { Loss::Memory });
            return Ok(());
        }
        let next = self.now + next.since(wall);
        if self.wake.is_none_or(|at| next < at) && !(self.calm && next == self.now + SWEEP) {
            self.wake = Some(next);
            self.at_time(next, Event::Wake);
        }
        Ok(())
    }

    /// Looks into reasons, and compares the world with the store, every now and then.
    pub(super) fn look(&mut self, master: &Master, at: Time, surely: bool) -> Checked {
        if surely || self.looks.chance(5) {
            self.sums.compared += 1;
            master.compare(&self.record)?;
        }
        if surely || self.looks.chance(20) {
            for id in self.record.open_requests() {
                let why = engine::why::of_request(&master.world, id, at);
                self.record.counts.whys += u64::from(why.is_some());
                why_is_true(&self.record, id, why.as_ref())?;
            }
        }
        Ok(())
    }
}
