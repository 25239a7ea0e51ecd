//! A clock that goes evenly: the time of day when it was anchored, and the time since by a clock that nobody sets.

use model::{Span, Time};

/// A difference to the time of day that is let be. Smaller steps are what keeping time is made of.
const LET_BE: Span = Span::seconds(1);

/// Where the even clock is anchored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// What the time of day was when the even clock was at zero.
    zero: Time,
}

impl Anchor {
    /// Anchored now: the even clock shows `even`, and the time of day is `day`.
    pub(crate) fn new(even: Span, day: Time) -> Self {
        Anchor { zero: Time(day.0.saturating_sub(even.0)) }
    }

    /// The time.
    pub(crate) fn time(self, even: Span) -> Time {
        self.zero + even
    }

    /// By how much the time of day was set since it was anchored, if that is worth following.
    pub(crate) fn set_by(self, even: Span, day: Time) -> Option<Span> {
        let by = day.0.saturating_sub(self.time(even).0);
        (by.saturating_abs() > LET_BE.0).then_some(Span(by))
    }

    /// The time is another by so much.
    pub(crate) fn follow(&mut self, by: Span) {
        self.zero += by;
    }
}
