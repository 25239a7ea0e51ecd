//! The test reports of a build: totals of each step that read one, and every test that is at fault.

use super::{Build, Step};
use crate::pages::text::{many_lines, nothing, outside, segment};
use maud::{Markup, html};
use model::{TestCase, TestOutcome, TestTotals};

/// How many tests at fault are shown at once; the API has up to [`TestTotals::MOST_NAMED`].
const SHOWN: usize = 100;

/// Nothing when no step ran tests.
pub(super) fn reports(v: &Build) -> Markup {
    let with: Vec<(&Step, &TestTotals)> = v.steps.iter().filter_map(|s| Some((s, s.tests.as_ref()?))).collect();
    if with.is_empty() {
        return nothing();
    }
    html! {
        section.tests aria-labelledby="tests" {
            h2 #tests { "Tests" }
            @for (step, totals) in with { (report(step, totals)) }
        }
    }
}

fn report(step: &Step, totals: &TestTotals) -> Markup {
    let more = totals.bad_count().saturating_sub(totals.bad.len().min(SHOWN) as u64);
    html! {
        p id={ "tests-" (segment(&step.name)) } { em { (outside(&step.name, 40)) } ": " (totals.words()) }
        @if !totals.bad.is_empty() {
            ul.rows { @for test in totals.bad.iter().take(SHOWN) { (case(test)) } }
        }
        @if more > 0 { p.more { (more) " more at fault" } }
    }
}

fn case(test: &TestCase) -> Markup {
    let head = html! {
        code { (outside(&test.name, 160)) }
        " " span.faint { (word(test.outcome)) @if let Some(took) = test.duration { " after " (took) } }
    };
    html! {
        li.test {
            @if test.message.trim().is_empty() { (head) } @else {
                details { summary { (head) } pre tabindex="0" { (many_lines(&test.message)) } }
            }
        }
    }
}

fn word(outcome: TestOutcome) -> &'static str {
    match outcome {
        TestOutcome::Passed => "passed",
        TestOutcome::Failed => "failed",
        TestOutcome::Error => "went wrong itself",
        TestOutcome::Skipped => "skipped",
        TestOutcome::ExpectedFailure => "failed as expected",
        TestOutcome::UnexpectedSuccess => "passed unexpectedly",
    }
}
