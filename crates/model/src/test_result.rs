//! What tests gave: totals of a report, and single tests by name.

use crate::Span;
use serde::{Deserialize, Serialize};

/// How a single test ended. The words are those of subunit and Python's unittest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// As it should be.
    Passed,
    /// What was tested is wrong.
    Failed,
    /// The test itself went wrong.
    Error,
    /// It was not run.
    Skipped,
    /// It failed, and that was known.
    ExpectedFailure,
    /// It passed though it was known to fail.
    UnexpectedSuccess,
}

/// How many tests ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestTotals {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Went wrong themselves.
    pub errors: u64,
    /// Not run.
    pub skipped: u64,
    /// Failed as was known.
    pub expected_failures: u64,
    /// Passed against what was known.
    pub unexpected_successes: u64,
    /// Tests that are at fault, in order, at most [`TestTotals::MOST_NAMED`].
    pub bad: Vec<TestCase>,
}

/// A single test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    /// Its full name.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took, where the report says so.
    pub duration: Option<Span>,
    /// What it says, cut to a length that a page can show; may be empty.
    pub message: String,
}

impl TestOutcome {
    /// A test that ended so makes its step fail.
    pub fn is_bad(self) -> bool {
        matches!(self, TestOutcome::Failed | TestOutcome::Error | TestOutcome::UnexpectedSuccess)
    }
}

impl TestTotals {
    /// How many tests that are at fault are kept by name; more are only counted.
    pub const MOST_NAMED: usize = 1000;

    /// Takes one test in.
    pub fn count(&mut self, test: TestCase) {
        *match test.outcome {
            TestOutcome::Passed => &mut self.passed,
            TestOutcome::Failed => &mut self.failed,
            TestOutcome::Error => &mut self.errors,
            TestOutcome::Skipped => &mut self.skipped,
            TestOutcome::ExpectedFailure => &mut self.expected_failures,
            TestOutcome::UnexpectedSuccess => &mut self.unexpected_successes,
        } += 1;
        if test.outcome.is_bad() && self.bad.len() < Self::MOST_NAMED {
            self.bad.push(test);
        }
    }

    /// All tests.
    pub fn total(&self) -> u64 {
        self.passed + self.failed + self.errors + self.skipped + self.expected_failures + self.unexpected_successes
    }

    /// Tests that are at fault, named or not.
    pub fn bad_count(&self) -> u64 {
        self.failed + self.errors + self.unexpected_successes
    }

    /// As a sentence has it: `12 tests, 2 failed, 1 skipped`.
    pub fn words(&self) -> String {
        let total = self.total();
        let mut words = format!("{total} {}", if total == 1 { "test" } else { "tests" });
        let parts = [
            (self.failed, "failed"),
            (self.errors, "errors"),
            (self.unexpected_successes, "unexpectedly passed"),
            (self.skipped, "skipped"),
            (self.expected_failures, "failed as expected"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            words.push_str(&format!(", {count} {what}"));
        }
        words
    }
}
