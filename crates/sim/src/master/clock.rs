//! The master's clock, as `master/clock.rs` and `master/heart/clock.rs` have it.

use super::{Master, Turn};
use crate::record::Entry;
use crate::sabotage::Sabotage;
use crate::violation::{Checked, must};
use model::{Span, Time, Transition};

/// A difference to the time of day that need not be followed.
const LET_BE: Span = Span::seconds(1);

impl Master {
    /// What its clock shows.
    pub(crate) fn clock(&self, even: Time) -> Time {
        self.anchor.time(Span(even.0))
    }

    /// The turn in which all that is open moves along with the time of day, if somebody has set it.
    pub(crate) fn clock_turn(&mut self, even: Time, day: Time) -> Option<(Span, Turn)> {
        if self.sabotage == Sabotage::DeafToClocks {
            return None;
        }
        let by = self.anchor.set_by(Span(even.0), day)?;
        if self.sabotage == Sabotage::LeapingClock {
            self.anchor.follow(by);
            return None;
        }
        let at = self.clock(even) + by;
        let mut todo = engine::jump::set(&self.world, by, at);
        match self.sabotage {
            Sabotage::TimersStay => todo.retain(|t| !matches!(t, Transition::SchedulerRemembers { .. })),
            Sabotage::NightsAnew => {
                for transition in &mut todo {
                    if let Transition::SchedulerRemembers { state, .. } = transition {
                        state.last_fired = state.last_fired.map(|last| last.min(at));
                    }
                }
            }
            _ => {}
        }
        let entries = todo.into_iter().map(Entry::Took).collect();
        Some((by, Turn { at, even, entries, ..Turn::default() }))
    }

    /// The turn is durable: the world takes it, and the clock goes on from there.
    pub(crate) fn clock_is_set(&mut self, by: Span, turn: &Turn) {
        for entry in &turn.entries {
            if let Entry::Took(transition) = entry {
                self.world.take(transition);
            }
        }
        self.anchor.follow(by);
    }

    /// Nobody knows whether the turn is durable. `before` are moments of the world before it; the world was read anew.
    pub(crate) fn clock_may_be_set(&mut self, by: Span, before: &[Time]) {
        if engine::jump::moments(&self.world) != before {
            self.anchor.follow(by);
        }
    }

    /// Its clock is that of the machine.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn clock_is_right(&self, even: Time, day: Time) -> Checked {
        let off = day.0 - self.clock(even).0;
        must("clock-follows", off.abs() <= LET_BE.0, || format!("the master's clock is off by {}", Span(off)))
    }
}
