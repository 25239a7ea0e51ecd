//! How long to wait before the next attempt.

use model::Span;
use std::hash::{BuildHasher, RandomState};

/// A number that differs from call to call and from process to process; good for spreading, not for secrets.
pub(crate) fn chance() -> u64 {
    RandomState::new().hash_one(0)
}

/// Waits that grow while nothing succeeds.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Span,
    longest: Span,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Span, longest: Span) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The wait after one more failure.
    pub(crate) fn next(&mut self, chance: u64) -> Span {
        let doubled = self.first.0.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        spread(Span(doubled.min(self.longest.0)), chance)
    }

    /// Something succeeded.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The span, shortened by up to a half.
pub(crate) fn spread(span: Span, chance: u64) -> Span {
    let half = (span.0 / 2).max(0);
    Span(span.0 - (chance % (half.unsigned_abs() + 1)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Span::millis(250), Span::seconds(3));
        let waits: Vec<_> = (0..6).map(|_| backoff.next(0).0 / 1000).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 3000, 3000]);
        backoff.reset();
        assert_eq!(backoff.next(0), Span::millis(250));
    }

    #[test]
    fn chance_takes_at_most_a_half_away() {
        for chance in [0, 1, 499_999, 500_000, u64::MAX] {
            let wait = spread(Span::seconds(1), chance);
            assert!(wait >= Span::millis(500) && wait <= Span::seconds(1), "{wait:?}");
        }
        assert_eq!(spread(Span::ZERO, 7), Span::ZERO);
    }
}
