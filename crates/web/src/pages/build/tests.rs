//! The test reports of a build: totals of each step that read one, every test that is at fault, and what is otherwise
//! than in the build before.

use super::{Build, Step};
use crate::pages::text::{many_lines, nothing, outside, segment, thousands};
use maud::{Markup, html};
use model::{TestCase, TestChange, TestNames, TestOutcome, TestTotals};

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
            @for (step, totals) in with { (report(&v.builder, step, totals)) }
        }
    }
}

fn report(builder: &str, step: &Step, totals: &TestTotals) -> Markup {
    let newly = |test: &&TestCase| totals.change.as_ref().is_some_and(|c| c.newly_failing.names.contains(&test.name));
    let (new, other): (Vec<&TestCase>, Vec<&TestCase>) = totals.bad.iter().partition(newly);
    let marked = new.into_iter().map(|test| (test, true)).chain(other.into_iter().map(|test| (test, false)));
    let more = totals.bad_count().saturating_sub(totals.bad.len().min(SHOWN) as u64);
    html! {
        p id={ "tests-" (segment(&step.name)) } { em { (outside(&step.name, 40)) } ": " (totals.words()) }
        @if let Some(change) = &totals.change { (held_against(builder, change)) }
        @if !totals.bad.is_empty() {
            ul.rows { @for (test, new) in marked.take(SHOWN) { (case(test, new.then_some("new"))) } }
        }
        @if more > 0 { p.more { (more) " more at fault" } }
        @if let Some(change) = &totals.change {
            (named("fixed", &change.fixed))
            @if let Some(new) = &change.new { (named("not there before", new)) }
            @if let Some(gone) = &change.gone { (named("gone", gone)) }
        }
    }
}

/// What is otherwise than in which build.
fn held_against(builder: &str, change: &TestChange) -> Markup {
    let unknown = TestNames::default();
    let (new, gone) = (change.new.as_ref().unwrap_or(&unknown), change.gone.as_ref().unwrap_or(&unknown));
    let told = [
        (change.newly_failing.count, "newly failing"),
        (change.fixed.count, "fixed"),
        (change.still_failing.count, "still failing"),
        (new.count, "not there before"),
        (gone.count, "gone"),
    ];
    let told: Vec<String> =
        told.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", thousands(*n))).collect();
    let told = if told.is_empty() { "nothing is otherwise".to_owned() } else { told.join(", ") };
    html! {
        p.change {
            "Beside build "
            a href={ "/builders/" (segment(builder)) "/" (change.against) } { (change.against) }
            ": " (told)
        }
    }
}

/// Names behind a word; nothing when there are none.
fn named(word: &str, names: &TestNames) -> Markup {
    if names.count == 0 {
        return nothing();
    }
    let more = names.count.saturating_sub(names.names.len().min(SHOWN) as u64);
    html! {
        details.change {
            summary { (thousands(names.count)) " " (word) }
            ul.rows { @for name in names.names.iter().take(SHOWN) { li.test { code { (outside(name, 160)) } } } }
            @if more > 0 { p.more { (thousands(more)) " more" } }
        }
    }
}

fn case(test: &TestCase, mark: Option<&str>) -> Markup {
    let head = html! {
        code { (outside(&test.name, 160)) }
        " " span.faint { (word(test.outcome)) @if let Some(took) = test.duration { " after " (took) } }
        @if let Some(mark) = mark { " " strong { (mark) } }
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
