//! Points and spans of time, in whole microseconds. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Time {
    /// Whole seconds since the epoch, as the REST interface has them.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `seconds` after the epoch.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// The time since `earlier`; zero when the clock went backwards between the two.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `n` seconds.
    pub const fn seconds(n: i64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// `n` thousandths of a second.
    pub const fn millis(n: i64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// Seconds with their fraction, for showing only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// As the standard library has it; a negative span is zero.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.max(0).unsigned_abs())
    }
}

impl From<std::time::Duration> for Span {
    fn from(d: std::time::Duration) -> Self {
        Self(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, rhs: Span) -> Time {
        Time(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, rhs: Span) -> Time {
        Time(self.0.saturating_sub(rhs.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, rhs: Span) {
        *self = *self + rhs;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, rhs: Span) -> Span {
        Span(self.0.saturating_add(rhs.0))
    }
}

/// Short and readable: `0.4 s`, `41 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.max(0);
        let s = us / 1_000_000;
        match s {
            0..10 => write!(f, "{}.{} s", s, us % 1_000_000 / 100_000),
            10..60 => write!(f, "{s} s"),
            60..3600 => pair(f, s / 60, "min", s % 60, "s"),
            3600..86_400 => pair(f, s / 3600, "h", s % 3600 / 60, "min"),
            _ => pair(f, s / 86_400, "d", s % 86_400 / 3600, "h"),
        }
    }
}

fn pair(f: &mut fmt::Formatter<'_>, big: i64, big_unit: &str, small: i64, small_unit: &str) -> fmt::Result {
    match small {
        0 => write!(f, "{big} {big_unit}"),
        _ => write!(f, "{big} {big_unit} {small} {small_unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let cases = [
            (0, "0.0 s"),
            (420_000, "0.4 s"),
            (9_990_000, "9.9 s"),
            (41_000_000, "41 s"),
            (130_000_000, "2 min 10 s"),
            (120_000_000, "2 min"),
            (11_100_000_000, "3 h 5 min"),
            (187_200_000_000, "2 d 4 h"),
            (-5, "0.0 s"),
        ];
        for (us, text) in cases {
            assert_eq!(Span(us).to_string(), text);
        }
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_span() {
        assert_eq!(Time(5).since(Time(9)), Span::ZERO);
    }
}
