//! Targets, each with its newest runs of tests.

use super::{run_at, run_mark, summary, target_name};
use crate::pages::clock::Clock;
use crate::pages::layout::{Page, Room, headline};
use crate::pages::mark::{Mark, Outcome};
use crate::pages::text::{count, outside};
use maud::{Markup, html};
use model::Span;
use model::testrun::{TestRunLine, TestRunState};

/// So many targets are on the page.
pub(in crate::pages) const TARGETS: u64 = 200;
/// So many runs of each.
pub(in crate::pages) const RUNS: u64 = 20;

/// The newest runs of each target.
#[derive(Debug)]
pub(in crate::pages) struct Targets {
    /// Of each target at least one run, the newest first; the target that ran last is the first.
    pub(in crate::pages) targets: Vec<Vec<TestRunLine>>,
}

/// The page.
pub(in crate::pages) fn page(v: &Targets, clock: &Clock) -> Page {
    let last = || v.targets.iter().filter_map(|runs| runs.first());
    let red = last().filter(|run| run.state == TestRunState::Red).count();
    let open = last().filter(|run| run.state == TestRunState::Running).count();
    let mark = match (v.targets.is_empty(), red, open) {
        (true, ..) => Mark::Absent,
        (_, 1.., _) => Mark::Done(Outcome::Failed),
        (_, _, 1..) => Mark::Running,
        _ => Mark::Done(Outcome::Passed),
    };
    let several = last().any(|run| last().next().is_some_and(|first| first.area != run.area));
    let body = html! {
        (headline(mark, &html! {
            @match (v.targets.len(), red, open) {
                (0, ..) => { "No test has run yet" },
                (all, 0, 0) => { "No test of " (count(all, "target", "targets")) " is red" },
                (all, 0, open) => { "Tests of " (open) " of " (count(all, "target", "targets")) " run, none is red" },
                (all, red, _) => { "Tests of " (red) " of " (count(all, "target", "targets")) " are red" },
            }
        }))
        @if v.targets.is_empty() {
            section.lesson {
                p { "A run of tests appears here as soon as it begins:" }
                pre { "sluice tests run --target TARGET --runname NAME" }
            }
        } @else {
            div.scroll { table.list.targets {
                thead { tr { th scope="col" { "Target" } th scope="col" { "Last run" } th scope="col" { "What came of it" } th scope="col" { "The last runs" } th.num scope="col" { "Took" } th.num scope="col" { "Started" } } }
                tbody { @for runs in &v.targets { @if let Some(run) = runs.first() { (row(run, runs, several, clock)) } } }
            } }
        }
        @if v.targets.len() as u64 == TARGETS { p.more.faint { "Only the " (TARGETS) " targets that ran last are shown." } }
    };
    Page {
        title: "Tests".to_owned(),
        icon: mark,
        room: Room::Tests,
        listen: "testruns/*/saved".to_owned(),
        class: "list",
        body,
    }
}

fn row(run: &TestRunLine, runs: &[TestRunLine], several: bool, clock: &Clock) -> Markup {
    let mark = run_mark(run.state, &run.totals);
    html! {
        tr {
            th scope="row" { (mark.sign()) " " @if several && !run.target.is_empty() { span.faint { (outside(&run.area, 30)) " " } } span.name { (outside(target_name(&run.area, &run.target), 50)) } }
            td { a href=(run_at(run.id)) { (outside(&run.name, 40)) } }
            td { (summary(run)) }
            td { (strip(runs)) }
            td.num { (took(run, clock)) }
            td.num { (clock.ago(run.started_at)) }
        }
    }
}

/// How long a run took, or has been running.
pub(in crate::pages) fn took(run: &TestRunLine, clock: &Clock) -> String {
    run.ended_at.unwrap_or(clock.now).since(run.started_at).to_string()
}

/// Runs as bars, the newest at the right: height is duration, each is a link.
pub(in crate::pages) fn strip(runs: &[TestRunLine]) -> Markup {
    let (step, whole) = (10_i64, 20_i64);
    let length = |run: &TestRunLine| run.ended_at.map_or(Span::ZERO, |end| end.since(run.started_at)).0;
    let longest = runs.iter().map(length).max().unwrap_or(0).max(1);
    let width = runs.len() as i64 * step;
    let bad = runs.iter().filter(|run| run.state == TestRunState::Red).count();
    let words = format!("the last {}, {bad} of them red", count(runs.len(), "run", "runs"));
    html! {
        svg.bars width=(width) height=(whole) viewBox={ "0 0 " (width) " " (whole) } role="group" aria-label=(words) {
            @for (i, run) in runs.iter().rev().enumerate() {
                @let mark = run_mark(run.state, &run.totals);
                @let high = (i128::from(length(run)) * i128::from(whole) / i128::from(longest)).clamp(4, 20) as i64;
                a href=(run_at(run.id)) {
                    title { (crate::pages::text::cut(&run.name, 80)) ": " (summary(run)) }
                    rect.hover x=(i as i64 * step) y="0" width=(step) height=(whole) {}
                    rect class=(mark.class()) x=(i as i64 * step + 1) y=(whole - high) width=(step - 2) height=(high) {}
                }
            }
        }
    }
}
