//! The one result of a step, a build, a request, a set.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a thing ended. The numbers are those of Buildbot's `process/results.py` and of its REST interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "i64", try_from = "i64")]
pub enum Results {
    /// All is well.
    Success,
    /// It passed, and there is something to look at.
    Warnings,
    /// The code's fault.
    Failure,
    /// It was not needed.
    Skipped,
    /// Our fault, or the machine's. Nobody is blamed.
    Exception,
    /// Lost through no fault of the code; tried again by itself.
    Retry,
    /// Somebody stopped it.
    Cancelled,
}

impl Results {
    /// All seven, by number.
    pub const ALL: [Results; 7] = [
        Results::Success,
        Results::Warnings,
        Results::Failure,
        Results::Skipped,
        Results::Exception,
        Results::Retry,
        Results::Cancelled,
    ];

    /// The number that the REST interface and the store use.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// The result with this number, if there is one.
    pub fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|i| Self::ALL.get(i)).copied()
    }

    /// The worse of two. Skipped < success < warnings < failure < exception < retry < cancelled.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Results::Skipped => 0,
            Results::Success => 1,
            Results::Warnings => 2,
            Results::Failure => 3,
            Results::Exception => 4,
            Results::Retry => 5,
            Results::Cancelled => 6,
        }
    }

    /// Passed: what depends on it may go on. Warnings and skipped included.
    pub fn is_good(self) -> bool {
        matches!(self, Results::Success | Results::Warnings | Results::Skipped)
    }

    /// The word in small letters, as sentences use it.
    pub fn word(self) -> &'static str {
        match self {
            Results::Success => "passed",
            Results::Warnings => "warnings",
            Results::Failure => "failed",
            Results::Skipped => "skipped",
            Results::Exception => "exception",
            Results::Retry => "retry",
            Results::Cancelled => "cancelled",
        }
    }

    /// The sign that stands before the word. Each has a shape of its own, so that colour is never needed.
    pub fn symbol(self) -> &'static str {
        match self {
            Results::Success => "✓",
            Results::Warnings => "!",
            Results::Failure => "✗",
            Results::Skipped => "–",
            Results::Exception => "⚡",
            Results::Retry => "↻",
            Results::Cancelled => "⊘",
        }
    }
}

/// The name in capitals: `SUCCESS`, `CANCELLED`.
impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Results::Success => "SUCCESS",
            Results::Warnings => "WARNINGS",
            Results::Failure => "FAILURE",
            Results::Skipped => "SKIPPED",
            Results::Exception => "EXCEPTION",
            Results::Retry => "RETRY",
            Results::Cancelled => "CANCELLED",
        })
    }
}

impl From<Results> for i64 {
    fn from(r: Results) -> i64 {
        r.code()
    }
}

impl TryFrom<i64> for Results {
    type Error = String;
    fn try_from(code: i64) -> Result<Self, String> {
        Self::from_code(code).ok_or_else(|| format!("no result has the number {code}; 0 to 6 are known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_contract() {
        let numbers: Vec<_> = Results::ALL.iter().map(|r| (r.to_string(), r.code())).collect();
        let names = ["SUCCESS", "WARNINGS", "FAILURE", "SKIPPED", "EXCEPTION", "RETRY", "CANCELLED"];
        let expected: Vec<_> = names.iter().enumerate().map(|(i, n)| (n.to_string(), i as i64)).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn worst_is_a_join() {
        for a in Results::ALL {
            assert_eq!(a.worst(a), a);
            for b in Results::ALL {
                assert_eq!(a.worst(b), b.worst(a));
                for c in Results::ALL {
                    assert_eq!(a.worst(b).worst(c), a.worst(b.worst(c)));
                }
            }
        }
    }
}
