//! The master's clock.
//!
//! All times that the master writes down, and all that it waits for, are of one clock that goes evenly: it was set by
//! the time of day when the master started, and goes on by the time since the machine's start. When somebody sets the
//! time of day, the heart moves everything that is open along in one batch, and this clock follows with the batch.

mod anchor;

use anchor::Anchor;
use model::{Span, Time};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Clones are one clock.
#[derive(Clone)]
pub struct Clock {
    begun: Instant,
    anchor: Arc<Mutex<Anchor>>,
    day: Arc<dyn Fn() -> Time + Send + Sync>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// The machine's clock.
impl Default for Clock {
    fn default() -> Self {
        Self::of(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
        })
    }
}

impl Clock {
    /// A clock that asks for the time of day like this.
    pub fn of(day: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        let anchor = Anchor::new(Span::ZERO, day());
        Clock { begun: Instant::now(), anchor: Arc::new(Mutex::new(anchor)), day: Arc::new(day) }
    }

    /// The time since this clock was made. Nobody sets it.
    fn elapsed(&self) -> Span {
        Span::from(self.begun.elapsed())
    }

    /// The same as a moment, for what is never written down: how long somebody has been silent.
    pub fn even(&self) -> Time {
        Time(self.elapsed().0)
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).time(self.elapsed())
    }

    /// By how much somebody has set the time of day, if that is more than a second.
    pub(crate) fn set_by(&self) -> Option<Span> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).set_by(self.elapsed(), (self.day)())
    }

    /// What is open was moved by so much, and the clock goes on from there.
    pub(crate) fn follow(&self, by: Span) {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner).follow(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    const HOUR: Span = Span::seconds(3600);

    #[test]
    fn it_goes_on_evenly_until_it_follows() {
        let wall = Arc::new(AtomicI64::new(Time::from_seconds(1_800_000_000).0));
        let shown = wall.clone();
        let clock = Clock::of(move || Time(shown.load(Ordering::SeqCst)));
        let start = clock.now();
        assert_eq!(clock.set_by(), None);
        for by in [HOUR, Span(-HOUR.0), Span(-365 * 24 * HOUR.0)] {
            let (before, even) = (clock.now(), clock.even());
            wall.fetch_add(by.0, Ordering::SeqCst);
            assert!(clock.now().since(before) < Span::seconds(60), "it leaps by itself");
            let set = clock.clone().set_by().unwrap();
            assert!((set.0 - by.0).abs() < 60_000_000, "{by:?} is seen as {set:?}");
            clock.follow(set);
            assert_eq!(clock.clone().set_by(), None);
            assert!(clock.even() >= even && clock.even().since(even) < Span::seconds(60));
        }
        assert!(start.since(clock.now()) > HOUR);
    }

    #[test]
    fn small_steps_are_let_be_until_they_add_up() {
        let mut anchor = Anchor::new(Span::seconds(5), Time::from_seconds(1_000));
        assert_eq!(anchor.time(Span::seconds(7)), Time::from_seconds(1_002));
        assert_eq!(anchor.set_by(Span::seconds(7), Time::from_seconds(1_003)), None);
        assert_eq!(anchor.set_by(Span::seconds(7), Time(1_003_000_001)), Some(Span(1_000_001)));
        assert_eq!(anchor.set_by(Span::seconds(7), Time(1_000_999_999)), Some(Span(-1_000_001)));
        anchor.follow(Span(-1_000_001));
        assert_eq!(anchor.time(Span::seconds(7)), Time(1_000_999_999));
        assert_eq!(anchor.set_by(Span(i64::MAX), Time(i64::MIN)), Some(Span(i64::MIN)), "no overflow");
    }
}
