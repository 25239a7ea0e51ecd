//! What the steps of the history found besides their results.

use model::{Results, Span, StepFacts, TestCase, TestOutcome, TestTotals};

/// A report of 161 tests, of which one is at fault when the step is; hostile words in its name and message.
pub(crate) fn of(step: &str, results: Results) -> StepFacts {
    match step {
        "configure" => StepFacts { hidden: true, ..StepFacts::default() },
        "compile" => StepFacts {
            warnings: Some(3),
            urls: vec![
                ("coverage".to_owned(), "https://example.org/coverage".to_owned()),
                ("a trap".to_owned(), "javascript:alert(1)".to_owned()),
            ],
            ..StepFacts::default()
        },
        "test" => StepFacts { tests: Some(report(results)), ..StepFacts::default() },
        _ => StepFacts::default(),
    }
}

fn report(results: Results) -> TestTotals {
    let mut totals = TestTotals { passed: 160, skipped: 2, ..TestTotals::default() };
    let outcome = if results.is_good() { TestOutcome::Passed } else { TestOutcome::Failed };
    totals.count(TestCase {
        name: "inflate_window<img src=x>".to_owned(),
        outcome,
        duration: Some(Span::millis(1500)),
        message: "expected 32768, got 0\n<script>alert(1)</script>\u{202e}".to_owned(),
    });
    totals
}
