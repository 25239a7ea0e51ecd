//! What a report comes to: totals, names of failing tests, and what is wrong with the report itself.

use crate::{Format, Limits, TestOutcome, TestTotals};
use thiserror::Error;

/// What a report comes to, or several reports together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The format it was read as; of [`Format::Auto`] the one that was recognised. `None`: none was, or reports of
    /// several formats were put together.
    pub format: Option<Format>,
    /// How many tests ended how, and those that are at fault.
    pub totals: TestTotals,
    /// How many of those that passed failed at first.
    pub flaky: u64,
    /// How many tests the report said there would be.
    pub planned: Option<u64>,
    /// What is wrong with the report itself, at most [`Limits::flaws`].
    pub flaws: Vec<Flaw>,
}

/// What tests and report together say. What the exit code of the program says has to be added by who knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is well and nothing is missing.
    Passed,
    /// No test failed, but the report is not whole: nobody knows what is missing.
    Incomplete,
    /// At least one test failed.
    Failed,
}

/// What is wrong with a report itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Nothing in it was a test, and it does not say that there are none.
    #[error("the output holds no tests")]
    NoTests,
    /// [`Format::Auto`] found nothing it knows.
    #[error("the output is in no known format")]
    Unknown,
    /// More or fewer tests came than were announced.
    #[error("{planned} tests were announced and {ran} came")]
    PlanNotMet {
        /// Announced.
        planned: u64,
        /// Came.
        ran: u64,
    },
    /// TAP says how many tests there are, at the beginning or the end; here it does not.
    #[error("the output never says how many tests there are, so it may be cut off")]
    NoPlan,
    /// The report ends before its end.
    #[error("the output is cut off: {missing}")]
    CutOff {
        /// What should have followed.
        missing: String,
    },
    /// A test was begun and its end never came.
    #[error("the test {name} began and never ended")]
    OpenTest {
        /// Its name.
        name: String,
    },
    /// The program gave up by itself.
    #[error("the tests were given up: {reason}")]
    BailOut {
        /// Why, in the program's words.
        reason: String,
    },
    /// Tests did not even begin: a package that cannot be compiled, a module that cannot be imported.
    #[error("{what} did not run: {reason}")]
    NotRun {
        /// The package, binary or file.
        what: String,
        /// Why, in the program's words.
        reason: String,
    },
    /// The report's own totals are not what was counted.
    #[error("the output says {said} {what} and {counted} came")]
    TotalsDiffer {
        /// What is counted: "tests", "failed".
        what: &'static str,
        /// By the report's own totals.
        said: u64,
        /// By its tests.
        counted: u64,
    },
    /// Bytes that cannot be what they should be.
    #[error("the output is broken {place}: {what}")]
    Malformed {
        /// `at line 12`, `at byte 40960`.
        place: String,
        /// What is not right.
        what: String,
    },
    /// Input that is not read on purpose.
    #[error("the output is not read beyond byte {at}: {why}")]
    Refused {
        /// Offset from the beginning.
        at: u64,
        /// What it has and must not have.
        why: &'static str,
    },
}

impl Summary {
    /// What tests and report together say.
    pub fn verdict(&self) -> Verdict {
        match (self.totals.bad_count(), self.flaws.is_empty()) {
            (0, true) => Verdict::Passed,
            (0, false) => Verdict::Incomplete,
            _ => Verdict::Failed,
        }
    }

    /// The names of the tests that are at fault, as far as they are kept.
    pub fn failing(&self) -> impl Iterator<Item = &str> {
        self.totals.bad.iter().map(|test| test.name.as_str())
    }

    /// Puts another report's summary to this one: several files of one step. `limits` are those of the reports.
    pub fn add(&mut self, other: Summary, limits: &Limits) {
        if *self == Summary::default() {
            *self = other;
            return;
        }
        if self.format != other.format {
            self.format = None;
        }
        for outcome in OUTCOMES {
            count(&mut self.totals, outcome, of(&other.totals, outcome));
        }
        let room = TestTotals::MOST_NAMED.saturating_sub(self.totals.bad.len());
        self.totals.bad.extend(other.totals.bad.into_iter().take(room));
        self.flaky = self.flaky.saturating_add(other.flaky);
        self.planned = match (self.planned, other.planned) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        let room = limits.flaws.saturating_sub(self.flaws.len());
        self.flaws.extend(other.flaws.into_iter().take(room));
    }
}

/// All outcomes.
pub(crate) const OUTCOMES: [TestOutcome; 6] = [
    TestOutcome::Passed,
    TestOutcome::Failed,
    TestOutcome::Error,
    TestOutcome::Skipped,
    TestOutcome::ExpectedFailure,
    TestOutcome::UnexpectedSuccess,
];

/// How many of them ended so.
pub(crate) fn of(totals: &TestTotals, outcome: TestOutcome) -> u64 {
    match outcome {
        TestOutcome::Passed => totals.passed,
        TestOutcome::Failed => totals.failed,
        TestOutcome::Error => totals.errors,
        TestOutcome::Skipped => totals.skipped,
        TestOutcome::ExpectedFailure => totals.expected_failures,
        TestOutcome::UnexpectedSuccess => totals.unexpected_successes,
    }
}

/// Counts `n` more that ended so, without names.
pub(crate) fn count(totals: &mut TestTotals, outcome: TestOutcome, n: u64) {
    let place = match outcome {
        TestOutcome::Passed => &mut totals.passed,
        TestOutcome::Failed => &mut totals.failed,
        TestOutcome::Error => &mut totals.errors,
        TestOutcome::Skipped => &mut totals.skipped,
        TestOutcome::ExpectedFailure => &mut totals.expected_failures,
        TestOutcome::UnexpectedSuccess => &mut totals.unexpected_successes,
    };
    // Six such counts can be added up.
    *place = place.saturating_add(n).min(u64::MAX / 8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestCase;

    #[test]
    fn reports_of_one_step_are_put_together() {
        let one = |failing: &[&str], passed| {
            let mut totals = TestTotals { passed, ..TestTotals::default() };
            for name in failing {
                let (name, message) = ((*name).to_owned(), String::new());
                totals.count(TestCase { name, outcome: TestOutcome::Failed, duration: None, message });
            }
            let flaws = vec![Flaw::NoPlan];
            Summary { format: Some(Format::Junit), totals, flaky: 1, planned: Some(passed), flaws }
        };
        let limits = Limits { flaws: 2, ..Limits::default() };
        let mut sum = Summary::default();
        assert_eq!(sum.verdict(), Verdict::Passed);
        sum.add(one(&[], 4), &limits);
        assert_eq!(sum.verdict(), Verdict::Incomplete);
        sum.add(one(&["a", "b"], 0), &limits);
        sum.add(one(&["c"], u64::MAX), &limits);
        assert_eq!((sum.failing().collect::<String>(), sum.totals.failed, sum.flaky), ("abc".into(), 3, 3));
        assert_eq!((sum.format, sum.planned, sum.flaws.len()), (Some(Format::Junit), Some(u64::MAX), 2));
        assert!(sum.totals.total() > u64::MAX / 8);
        assert_eq!(sum.verdict(), Verdict::Failed);
        sum.add(Summary { format: Some(Format::Tap), ..Summary::default() }, &limits);
        assert_eq!(sum.format, None);
    }
}
