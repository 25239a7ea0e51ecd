//! One run of tests: what failed first, then everything as matrices.

use super::{
    crumbs_of, full_name, is_held_back, item_at, mark, matrix, outcome, run_at, run_mark, summary, whose, word,
};
use crate::pages::clock::Clock;
use crate::pages::layout::{Page, Room, headline};
use crate::pages::mark::Outcome;
use crate::pages::text::{count, outside, segment, thousands};
use maud::{Markup, html};
use model::area::Class;
use model::testrun::{Phase, TestCell, TestRunLine, TestRunState};
use model::{TestItem, TestRun};
use std::collections::BTreeMap;

/// So many failures are told of at once.
pub(in crate::pages) const BAD: u64 = 20;
/// So many items of one status are listed.
const LISTED: usize = 2000;

/// A run.
#[derive(Debug)]
pub(in crate::pages) struct One {
    /// It.
    pub(in crate::pages) run: TestRun,
    /// Its items, in their order.
    pub(in crate::pages) cells: Vec<TestCell>,
    /// The first that failed, and were not only held back.
    pub(in crate::pages) bad: Vec<TestItem>,
    /// The newest runs of its target, the newest first.
    pub(in crate::pages) others: Vec<TestRunLine>,
    /// Only items of which this is said: a status, or `bad`, `waiting`, `running`, `flaky`, `excused`.
    pub(in crate::pages) only: Option<String>,
}

/// What the items are, counted.
#[derive(Debug, Default)]
struct Sum {
    total: usize,
    waiting: usize,
    running: usize,
    bad: usize,
    held_back: usize,
    excused: usize,
    flaky: usize,
    by_status: BTreeMap<String, (Outcome, usize)>,
}

impl Sum {
    fn of(cells: &[TestCell]) -> Self {
        let mut sum = Sum { total: cells.len(), ..Sum::default() };
        for cell in cells {
            match cell.phase {
                Phase::NotStarted => sum.waiting += 1,
                Phase::Launched | Phase::Running | Phase::Started => sum.running += 1,
                _ => {
                    let outcome = outcome(&cell.status, cell.class);
                    sum.by_status.entry(cell.status.clone()).or_insert((outcome, 0)).1 += 1;
                    sum.excused += usize::from(cell.class == Class::Bad && cell.quarantined);
                    if cell.class == Class::Bad && !cell.quarantined {
                        let held = is_held_back(&cell.status);
                        sum.held_back += usize::from(held);
                        sum.bad += usize::from(!held);
                    }
                }
            }
            sum.flaky += usize::from(cell.flaky);
        }
        sum
    }
}

/// The page.
pub(in crate::pages) fn page(v: &One, clock: &Clock) -> Page {
    let sum = Sum::of(&v.cells);
    let mark = run_mark(v.run.state, &v.run.totals);
    let body = html! {
        (crumbs_of(&v.run.area, &v.run.target, None))
        (headline(mark, &sentence(v, &sum, clock)))
        (under(v, clock))
        (chips(v, &sum))
        @match &v.only {
            Some(only) => (listed(v, only)),
            None => {
                @if !v.bad.is_empty() { (failures(v, &sum)) }
                @if v.cells.is_empty() { p.lesson { "No item of it is known yet." } }
                (matrix::matrices(&v.run, &v.cells))
                @if v.others.len() > 1 { (others(v, clock)) }
            },
        }
    };
    Page {
        title: format!("{} of {}", v.run.name, whose(&v.run.area, &v.run.target)),
        icon: mark,
        room: Room::Tests,
        listen: format!("testruns/{}/*", v.run.id),
        class: "testrun",
        body,
    }
}

fn sentence(v: &One, sum: &Sum, clock: &Clock) -> Markup {
    let all = count(sum.total, "item", "items");
    let first = v.bad.first();
    let failed = html! {
        em { (thousands(sum.bad as u64)) } " of " (all) " failed"
        @if let Some(item) = first { ", first " em { (full_name(&item.test, &item.path)) } @if !item.comment.is_empty() { ": " (outside(&item.comment, 160)) } }
    };
    let took = v.run.ended_at.map(|end| end.since(v.run.started_at));
    html! {
        @match v.run.state {
            TestRunState::Running => {
                (thousands((sum.waiting + sum.running) as u64)) " of " (all) " to go"
                @if sum.bad > 0 { ", " em { (thousands(sum.bad as u64)) } " failed so far" }
                @else { ", none has failed" }
            },
            TestRunState::Cancelled => { "Ended by somebody: " (failed) },
            TestRunState::Interrupted => { "Its runner ended before it did: " (thousands((sum.waiting + sum.running) as u64)) " of " (all) " have no end" },
            TestRunState::Red if sum.bad > 0 => (failed),
            TestRunState::Red => { (count(sum.held_back, "item", "items")) " of " (all) " could not run" },
            TestRunState::Green => {
                "Nothing failed of " (all) @if let Some(took) = took { " in " (took) }
                @if sum.flaky > 0 { ", " (sum.flaky) " only when tried again" }
                @if sum.excused > 0 { ", but for " (count(sum.excused, "failure", "failures")) " that somebody answers for" }
            },
        }
        @if v.run.state == TestRunState::Running { span.faint { " · for " (clock.lasting(v.run.started_at)) } }
    }
}

fn under(v: &One, clock: &Clock) -> Markup {
    let run = &v.run;
    let before = v.others.iter().find(|other| other.started_at < run.started_at);
    html! {
        p.under {
            "Run " em { (outside(&run.name, 60)) } " of " (outside(&whose(&run.area, &run.target), 140)) ", started " (clock.ago(run.started_at))
            @if !run.owner.is_empty() { " by " (outside(&run.owner, 40)) }
            @if let Some(end) = run.ended_at { ", took " (end.since(run.started_at)) }
            @if !run.patterns.is_empty() && run.patterns != "%" { ", of it " code { (outside(&run.patterns, 120)) } }
            ". "
            @if run.locked { "It is locked. " }
            @if run.kept { "Its directories are kept. " }
            @for tag in run.tags.iter().take(20) { span.tag { (outside(tag, 30)) } " " }
            @if let Some(before) = before { a href={ (run_at(before.id)) "/diff/" (run.id) } { "Compare with " (outside(&before.name, 40)) } }
        }
        @if !run.comment.is_empty() { p.under { (outside(&run.comment, 300)) } }
    }
}

/// What can be looked at alone, each with its number.
fn chips(v: &One, sum: &Sum) -> Markup {
    let here = run_at(v.run.id);
    let mut rest: Vec<(&str, usize)> = vec![("waiting", sum.waiting), ("running", sum.running)];
    let mut statuses: Vec<(&Outcome, &str, usize)> =
        sum.by_status.iter().map(|(w, (o, n))| (o, w.as_str(), *n)).collect();
    statuses.sort_by(|a, b| b.0.cmp(a.0).then(a.1.cmp(b.1)));
    rest.extend(statuses.iter().map(|(_, word, n)| (*word, *n)));
    rest.extend([("flaky", sum.flaky), ("excused", sum.excused)]);
    html! {
        nav.chips aria-label="Items by what came of them" {
            a href=(here) aria-current=[v.only.is_none().then_some("page")] { "All " (thousands(sum.total as u64)) }
            @for (word, n) in rest { @if n > 0 {
                a href={ (here) "?only=" (segment(word)) } aria-current=[(v.only.as_deref() == Some(word)).then_some("page")] { (outside(word, 24)) " " (thousands(n as u64)) }
            } }
        }
    }
}

fn failures(v: &One, sum: &Sum) -> Markup {
    let left = sum.bad.saturating_sub(v.bad.len());
    html! {
        section aria-labelledby="failed" {
            h2 #failed { "What failed" @if sum.held_back > 0 { span.faint { ", and " (count(sum.held_back, "item", "items")) " could not run because of it" } } }
            ul { @for item in &v.bad { (failure(item)) } }
            @if left > 0 { p.more { a href={ (run_at(v.run.id)) "?only=bad" } { (count(left, "more failure", "more failures")) } } }
        }
    }
}

fn failure(item: &TestItem) -> Markup {
    let cell = item.cell();
    let mark = mark(&cell);
    let at = item_at(item.run, &item.test, &item.path);
    html! {
        li class={ "case " (mark.class()) } {
            (mark.sign())
            div {
                p.lead { a.name href=(at) { (full_name(&item.test, &item.path)) } " " span.faint { (word(&cell)) @if item.attempts.len() > 1 { ", " (item.attempts.len()) " attempts" } } }
                @if !item.comment.is_empty() { p.error { a href=(at) { (outside(&item.comment, 200)) } } }
            }
            div.when { @if let Some(took) = item.duration { p { (took) } } @if !item.host.is_empty() { p.faint { "on " (outside(&item.host, 40)) } } }
        }
    }
}

fn matches(cell: &TestCell, only: &str) -> bool {
    match only {
        "waiting" => cell.phase == Phase::NotStarted,
        "running" => matches!(cell.phase, Phase::Launched | Phase::Running | Phase::Started),
        "flaky" => cell.flaky,
        "excused" => cell.quarantined && cell.class == Class::Bad,
        "bad" => cell.phase.is_over() && cell.class == Class::Bad && !cell.quarantined && !is_held_back(&cell.status),
        status => cell.phase.is_over() && cell.status == status,
    }
}

fn listed(v: &One, only: &str) -> Markup {
    let found: Vec<&TestCell> = v.cells.iter().filter(|cell| matches(cell, only)).collect();
    html! {
        section aria-label="Items" {
            ul.rows { @for cell in found.iter().take(LISTED) {
                @let mark = mark(cell);
                li {
                    (mark.sign())
                    div.what { a.name href=(item_at(cell.run, &cell.test, &cell.path)) { (full_name(&cell.test, &cell.path)) } " " span.faint { (word(cell)) } }
                    div.when { @if let Some(took) = cell.duration { (took) } }
                }
            } }
            @if found.is_empty() { p.lesson { "No item of this run is " (outside(only, 40)) "." } }
            @if found.len() > LISTED { p.more.faint { "and " (count(found.len() - LISTED, "more item", "more items")) } }
        }
    }
}

fn others(v: &One, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="others" {
            h2 #others { "Runs of this target" }
            ul.rows { @for run in &v.others {
                @let mark = run_mark(run.state, &run.totals);
                li {
                    (mark.sign())
                    div.what {
                        @if run.id == v.run.id { em { (outside(&run.name, 60)) } } @else { a.name href=(run_at(run.id)) { (outside(&run.name, 60)) } }
                        " " span.faint { (summary(run)) } " "
                        @if run.id != v.run.id {
                            @let (src, dest) = if run.started_at < v.run.started_at { (run.id, v.run.id) } else { (v.run.id, run.id) };
                            a href={ (run_at(src)) "/diff/" (dest) } { "compare" }
                        }
                    }
                    div.when { (clock.ago(run.started_at)) }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TestRunId;

    #[test]
    fn what_is_looked_at_alone() {
        let cell = |phase, status: &str, class, quarantined| TestCell {
            phase,
            status: status.to_owned(),
            class,
            quarantined,
            ..TestItem::new(TestRunId(1), "t", "").cell()
        };
        let cells = [
            cell(Phase::NotStarted, "n/a", Class::Neutral, false),
            cell(Phase::Running, "n/a", Class::Neutral, false),
            cell(Phase::Completed, "FAIL", Class::Bad, false),
            cell(Phase::Completed, "FAIL", Class::Bad, true),
            cell(Phase::Completed, "PREQ_FAIL", Class::Bad, false),
            cell(Phase::Completed, "PASS", Class::Good, false),
        ];
        let table = [("waiting", 1), ("running", 1), ("FAIL", 2), ("bad", 1), ("excused", 1), ("PASS", 1), ("x", 0)];
        for (only, n) in table {
            assert_eq!(cells.iter().filter(|cell| matches(cell, only)).count(), n, "{only}");
        }
        let sum = Sum::of(&cells);
        assert_eq!((sum.bad, sum.held_back, sum.excused, sum.waiting, sum.running), (1, 1, 1, 1, 1));
        assert_eq!(sum.by_status["FAIL"], (Outcome::Failed, 2));
    }
}
