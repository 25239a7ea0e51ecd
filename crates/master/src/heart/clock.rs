//! What a heart makes of a clock that was set.

use super::{Heart, Turn};
use model::{Span, Time, Transition};

impl Heart {
    /// Somebody may have set the time of day. Then all that is open moves along before anything else is decided.
    pub(super) async fn follow_clock(&mut self) {
        let Some(by) = self.clock.set_by() else { return };
        let before = engine::jump::moments(&self.world);
        let transitions = engine::jump::set(&self.world, by, self.clock.now() + by);
        let mut turn = Turn { transitions, ..Turn::default() };
        if self.record(&mut turn).await {
            turn.transitions.iter().for_each(|transition| self.world.take(transition));
        } else if engine::jump::moments(&self.world) == before {
            // It was not written: the next turn sees the same difference.
            return;
        }
        self.clock.follow(by);
        tracing::warn!("the time of day was set {}; what waits is due as soon as before", words(by));
    }

    /// Times in the store may lie in the future of a master that starts.
    pub(super) fn begin_clock(&mut self, now: Time, turn: &mut Turn) {
        let todo = engine::jump::begin(&self.world, now);
        if let Some(Transition::ClockSet { by }) = todo.first() {
            tracing::warn!("the time of day was set {} at least while no master ran", words(*by));
        }
        self.take_all(todo, now, turn);
    }
}

fn words(by: Span) -> String {
    let (span, way) = (Span(by.0.saturating_abs()), if by.0 < 0 { "back" } else { "forward" });
    format!("{way} by {span}")
}
