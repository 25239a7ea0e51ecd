//! A clock that stands still until a test moves it.

use model::{Span, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that a test moves by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that shows `start`.
    pub fn at(start: Time) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    /// Moves it on and says what it shows then.
    pub fn advance(&self, by: Span) -> Time {
        Time(self.0.fetch_add(by.0, Ordering::SeqCst).saturating_add(by.0))
    }

    /// Puts it to any time, an earlier one too.
    pub fn set(&self, to: Time) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Default for Clock {
    /// A clock that shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Time::from_seconds(1_767_225_600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = Clock::at(Time(10));
        let other = clock.clone();
        assert_eq!(clock.advance(Span(5)), Time(15));
        assert_eq!(other.now(), Time(15));
        other.set(Time(3));
        assert_eq!(clock.now(), Time(3));
    }
}
