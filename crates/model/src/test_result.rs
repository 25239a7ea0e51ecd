//! What tests gave: totals of a report, and single tests by name.

use crate::{BuildId, BuilderId, Span};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

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
    /// What is otherwise than in the build before. `None`: there is none to hold it against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Box<TestChange>>,
    /// What the next build's tests are held against; it goes to the store with the step's end, and is no part of what
    /// is shown. `None`: this build's tests say nothing about its branch.
    #[serde(skip)]
    pub roll: Option<Box<TestRoll>>,
}

/// What a build's tests are, beside those of the last build of the same builder and branch that finished with tests in
/// a step of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestChange {
    /// The number of that build.
    pub against: i64,
    /// At fault now, and not then: those that are new among them.
    pub newly_failing: TestNames,
    /// At fault then, and passed now.
    pub fixed: TestNames,
    /// At fault then and now.
    pub still_failing: TestNames,
    /// Not there then. `None`: nobody knows, since one of the reports has not all names.
    pub new: Option<TestNames>,
    /// Not there now. `None`: nobody knows, since this report is not whole or has not all names.
    pub gone: Option<TestNames>,
}

/// How many tests, and the first of their names in order, at most [`TestNames::MOST`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestNames {
    /// How many.
    pub count: u64,
    /// Their names.
    pub names: Vec<String>,
}

/// All tests of a step by name, each at fault or not, as `formats::Roll` writes them, and whose they are.
#[derive(Clone, PartialEq, Eq)]
pub struct TestRoll {
    /// The builder.
    pub builder: BuilderId,
    /// The build.
    pub build: BuildId,
    /// Its number within the builder.
    pub number: i64,
    /// The step.
    pub step: String,
    /// The number of the build that they were held against.
    pub before: Option<i64>,
    /// The branch that it is about; of several codebases, all their branches.
    pub branch: String,
    /// The roll.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for TestRoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRoll")
            .field("build", &self.build)
            .field("branch", &self.branch)
            .field("bytes", &self.bytes.len())
            .finish()
    }
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

impl TestNames {
    /// How many names are kept.
    pub const MOST: usize = 200;

    /// Takes one in. Names come in their order.
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < Self::MOST {
            self.names.push(name.to_owned());
        }
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

    /// As a sentence has it: `12 tests, 3 failed (1 of them new), 2 fixed, 1 skipped`.
    pub fn words(&self) -> String {
        let total = self.total();
        let mut words = format!("{total} {}", if total == 1 { "test" } else { "tests" });
        let at_fault =
            [(self.failed, "failed"), (self.errors, "errors"), (self.unexpected_successes, "unexpectedly passed")];
        let aside = [(self.skipped, "skipped"), (self.expected_failures, "failed as expected")];
        let add = |words: &mut String, parts: &[(u64, &str)]| {
            for (count, what) in parts.iter().filter(|(count, _)| *count > 0) {
                words.push_str(&format!(", {count} {what}"));
            }
        };
        add(&mut words, &at_fault);
        words.push_str(&self.news());
        add(&mut words, &aside);
        words
    }

    /// What is otherwise than in the build before, where somebody should know: ` (1 of them new), 2 fixed`.
    fn news(&self) -> String {
        let Some(change) = &self.change else { return String::new() };
        let (new, still) = (change.newly_failing.count, change.still_failing.count);
        let mut words = match (new, still) {
            (0, 0) => String::new(),
            (0, 1) => " (as before)".to_owned(),
            (0, _) => " (all as before)".to_owned(),
            (1, 0) => " (new)".to_owned(),
            (_, 0) => " (all new)".to_owned(),
            (new, _) => format!(" ({new} of them new)"),
        };
        if change.fixed.count > 0 {
            words.push_str(&format!(", {} fixed", change.fixed.count));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_tell_what_is_otherwise() {
        let cases: [(u64, Option<[u64; 3]>, &str); 9] = [
            (0, None, "10 tests"),
            (0, Some([0, 0, 0]), "10 tests"),
            (0, Some([0, 0, 2]), "10 tests, 2 fixed"),
            (3, None, "10 tests, 3 failed"),
            (3, Some([0, 3, 0]), "10 tests, 3 failed (all as before)"),
            (1, Some([0, 1, 0]), "10 tests, 1 failed (as before)"),
            (3, Some([1, 2, 4]), "10 tests, 3 failed (1 of them new), 4 fixed"),
            (3, Some([3, 0, 0]), "10 tests, 3 failed (all new)"),
            (1, Some([1, 0, 1]), "10 tests, 1 failed (new), 1 fixed"),
        ];
        let names = |count| TestNames { count, names: Vec::new() };
        for (failed, change, words) in cases {
            let change = change.map(|[new, still, fixed]| {
                Box::new(TestChange {
                    newly_failing: names(new),
                    still_failing: names(still),
                    fixed: names(fixed),
                    ..TestChange::default()
                })
            });
            let totals = TestTotals { passed: 10 - failed, failed, change, ..TestTotals::default() };
            assert_eq!(totals.words(), words);
        }
    }

    #[test]
    fn what_was_stored_before_there_were_changes_is_read() {
        let old =
            r#"{"passed":1,"failed":0,"errors":0,"skipped":0,"expected_failures":0,"unexpected_successes":0,"bad":[]}"#;
        let totals: TestTotals = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&totals).unwrap(), old);
    }
}
