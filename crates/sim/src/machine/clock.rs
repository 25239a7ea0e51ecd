//! The clock of a machine: it shows another time than that of the master, and goes at its own pace.

use crate::dice::Dice;
use model::{Span, Time};

/// Millionths.
const WHOLE: i128 = 1_000_000;

/// Shows the time of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    ahead: Span,
    /// How much faster it goes than it should, in millionths.
    fast: i64,
}

impl Clock {
    /// Every other one is right; others are off by up to a year, and a hundredth too fast or too slow.
    pub(crate) fn by_chance(dice: &mut Dice) -> Self {
        if dice.chance(50) {
            return Clock { ahead: Span::ZERO, fast: 0 };
        }
        let ahead = Span::seconds(dice.between(-31_536_000, 31_536_000));
        Clock { ahead, fast: dice.between(-10_000, 10_000) }
    }

    /// What it shows when it is `now`.
    pub(crate) fn shows(self, now: Time) -> Time {
        Time(narrow(i128::from(now.0) * (WHOLE + i128::from(self.fast)) / WHOLE)) + self.ahead
    }

    /// How long it takes until it has gone on by so much.
    pub(crate) fn takes(self, span: Span) -> Span {
        match self.fast {
            0 => span,
            fast => Span(narrow(i128::from(span.0) * WHOLE / (WHOLE + i128::from(fast)) + 2)),
        }
    }
}

fn narrow(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
