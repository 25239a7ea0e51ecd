//! The past of a test on one target: its items by runs as a heat map; or one item, run by run.

use super::{full_name, history_at, item_at, mark, run_at, target_name, word};
use crate::pages::bars::{Bar, trend};
use crate::pages::clock::Clock;
use crate::pages::layout::{Page, Room, headline};
use crate::pages::mark::{Mark, Outcome};
use crate::pages::text::{count, cut, outside};
use crate::verdict::Score;
use maud::{Markup, html};
use model::testrun::TestCell;
use model::{Span, TestRunId, Time};
use std::collections::{BTreeMap, HashMap};
use store::TestPast;

/// So many runs are looked at for all items of a test.
pub(in crate::pages) const RUNS: u64 = 30;
/// So many runs for one item.
pub(in crate::pages) const RUNS_OF_ONE: u64 = 100;
/// So many items are shown, the worst first.
const ITEMS: usize = 300;

/// The past of a test or an item.
#[derive(Debug)]
pub(in crate::pages) struct Past {
    /// The area.
    pub(in crate::pages) area: String,
    /// The target.
    pub(in crate::pages) target: String,
    /// The test.
    pub(in crate::pages) test: String,
    /// The item; none: all of the test.
    pub(in crate::pages) path: Option<String>,
    /// What became of it, the newest run first.
    pub(in crate::pages) past: Vec<TestPast>,
}

/// A run as the head of a column.
struct Column<'a> {
    run: TestRunId,
    name: &'a str,
    at: Time,
}

/// The page.
pub(in crate::pages) fn page(v: &Past, clock: &Clock) -> Page {
    match &v.path {
        Some(path) => of_item(v, path, clock),
        None => of_test(v, clock),
    }
}

fn made(v: &Past, icon: Mark, body: Markup) -> Page {
    let name = testruns::item::full_name(&v.test, v.path.as_deref().unwrap_or_default());
    Page {
        title: format!("{name} on {}", target_name(&v.area, &v.target)),
        icon,
        room: Room::Tests,
        listen: String::new(),
        class: "testpast",
        body,
    }
}

fn crumbs(v: &Past) -> Markup {
    super::crumbs_of(&v.area, &v.target, None)
}

fn icon(score: Score) -> Mark {
    match (score.verdicts, score.bad, score.flaky) {
        (0, ..) => Mark::Absent,
        (_, 1.., _) => Mark::Done(Outcome::Failed),
        (_, _, 1..) => Mark::Done(Outcome::Warnings),
        _ => Mark::Done(Outcome::Passed),
    }
}

/// `failed in 3 of 20 runs, flaky in 15 % of them`.
fn verdict(score: Score) -> Markup {
    html! {
        @match (score.verdicts, score.bad) {
            (0, _) => { "has no verdict yet" },
            (1, 0) => { "passed in its only run" },
            (all, 0) => { "passed in all " (all) " runs" },
            (all, bad) => { "failed in " (bad) " of " (count(all, "run", "runs")) },
        }
        @if score.flaky > 0 { ", flaky in " (score.percent()) " %" }
    }
}

fn of_item(v: &Past, path: &str, clock: &Clock) -> Page {
    let score = Score::of(v.past.iter().rev().map(|past| &past.cell));
    let body = html! {
        (crumbs(v))
        (headline(icon(score), &html! { em { (full_name(&v.test, path)) } " " (verdict(score)) }))
        p.under { "On " (outside(target_name(&v.area, &v.target), 80)) ", the newest " (count(v.past.len(), "run", "runs")) ". " a href=(history_at(&v.area, &v.target, &v.test, None)) { "All items of " (outside(&v.test, 60)) } }
        section aria-labelledby="durations" { h2 #durations { "What it took" } (durations(&v.past)) }
        section aria-labelledby="runs" {
            h2 #runs { "Run by run" }
            ul.rows { @for past in &v.past {
                li {
                    (mark(&past.cell).sign())
                    div.what { a.name href=(item_at(past.cell.run, &v.test, path)) { (outside(&past.name, 60)) } " " span.faint { (word(&past.cell)) @if let Some(took) = past.cell.duration { ", " (took) } } }
                    div.when { (clock.ago(past.run_started_at)) }
                }
            } }
        }
    };
    made(v, icon(score), body)
}

/// Bars, the newest at the right: height is duration, colour and shape the verdict.
fn durations(past: &[TestPast]) -> Markup {
    let (step, whole) = (14_i64, 72_i64);
    let longest = past.iter().filter_map(|p| p.cell.duration).map(|d| d.0).max().unwrap_or(0).max(1);
    let width = past.len() as i64 * step;
    html! {
        svg.bars width=(width) height=(whole + 14) viewBox={ "0 0 " (width) " " (whole + 14) } role="group" aria-label={ "At most " (Span(longest)) } {
            line.base x1="0" x2=(width) y1=(whole) y2=(whole) {}
            @for (i, p) in past.iter().rev().enumerate() {
                @let (x, mark) = (i as i64 * step, mark(&p.cell));
                @let took = p.cell.duration.unwrap_or(Span::ZERO);
                @let high = (i128::from(took.0.max(0)) * i128::from(whole - 4) / i128::from(longest)).clamp(2, i128::from(whole - 4)) as i64;
                a href=(item_at(p.cell.run, &p.cell.test, &p.cell.path)) {
                    title { (cut(&p.name, 80)) " " (word(&p.cell)) ", " (took) }
                    rect.hover x=(x) y="0" width="14" height=(whole + 14) {}
                    rect class=(mark.class()) x=(x + 2) y=(whole - high) width="10" height=(high) {}
                    @if mark != Mark::Done(Outcome::Passed) {
                        g class={ "m " (mark.class()) } transform={ "translate(" (x + 2) " " (whole + 3) ") scale(.625)" } { path fill-rule="evenodd" d=(mark.shape()) {} }
                    }
                }
            }
        }
    }
}

fn of_test(v: &Past, clock: &Clock) -> Page {
    let columns = columns(&v.past);
    let mut items: BTreeMap<&str, (usize, HashMap<TestRunId, &TestCell>)> = BTreeMap::new();
    for past in &v.past {
        let first = items.len();
        items.entry(&past.cell.path).or_insert((first, HashMap::new())).1.insert(past.cell.run, &past.cell);
    }
    let in_time = |cells: &HashMap<TestRunId, &TestCell>| -> Score {
        Score::of(columns.iter().filter_map(|column| cells.get(&column.run).copied()))
    };
    let mut rows: Vec<(&str, usize, HashMap<TestRunId, &TestCell>, Score)> = items
        .into_iter()
        .map(|(path, (first, cells))| {
            let score = in_time(&cells);
            (path, first, cells, score)
        })
        .collect();
    // The worst first; otherwise as the runs have them.
    rows.sort_by_key(|(_, first, _, score)| (std::cmp::Reverse((score.bad, score.flaky)), *first));
    let bad = rows.iter().filter(|(.., score)| score.bad > 0).count();
    let flaky = rows.iter().filter(|(.., score)| score.flaky > 0).count();
    let worst = rows.first().map_or(Score::default(), |row| row.3);
    let all = count(rows.len(), "item", "items");
    let body = html! {
        (crumbs(v))
        (headline(icon(worst), &html! {
            em { (outside(&v.test, 80)) } @if rows.len() == 1 { " " } @else { ": " }
            @match (rows.len(), bad, flaky) {
                (0, ..) => { "nothing on this target" },
                (1, ..) => (verdict(worst)),
                (_, 0, 0) => { "all " (all) " passed in all runs" },
                (_, 0, flaky) => { "all " (all) " passed in all runs, " (flaky) " of them flaky" },
                (_, bad, _) => { (bad) " of " (all) " failed in some run" @if flaky > 0 { ", " (flaky) " flaky" } },
            }
        }))
        p.under { "On " (outside(target_name(&v.area, &v.target), 80)) ", the newest " (count(columns.len(), "run", "runs")) ", the newest at the right." }
        @if !rows.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Items by runs" { table.matrix.tight.heat {
                thead { tr {
                    td {}
                    @for column in &columns { th scope="col" { span { a href=(run_at(column.run)) title=(clock.exact(column.at)) { (cut(column.name, 40)) } } } }
                    th.wide scope="col" { "Failed" } th.wide scope="col" { "Flaky" } th.wide scope="col" { "What it took" }
                } }
                tbody { @for (path, _, cells, score) in rows.iter().take(ITEMS) { (heat(v, path, cells, *score, &columns)) } }
            } }
        }
        @if rows.len() > ITEMS { p.more.faint { "and " (count(rows.len() - ITEMS, "better item", "better items")) } }
    };
    made(v, icon(worst), body)
}

/// The runs in the order of time.
fn columns(past: &[TestPast]) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for p in past {
        if columns.last().is_none_or(|last| last.run != p.cell.run) {
            columns.push(Column { run: p.cell.run, name: &p.name, at: p.run_started_at });
        }
    }
    columns.reverse();
    columns
}

fn heat(v: &Past, path: &str, cells: &HashMap<TestRunId, &TestCell>, score: Score, columns: &[Column<'_>]) -> Markup {
    let bars: Vec<Bar> = columns
        .iter()
        .filter_map(|column| cells.get(&column.run))
        .filter_map(|cell| Some(Bar { number: cell.run.0, mark: mark(cell), took: cell.duration? }))
        .collect();
    html! {
        tr {
            th scope="row" { a href=(history_at(&v.area, &v.target, &v.test, Some(path))) { (cut(if path.is_empty() { &v.test } else { path }, 80)) } }
            @for column in columns {
                @match cells.get(&column.run) {
                    None => { td {} },
                    Some(cell) => { td class=(mark(cell).class()) { a href=(item_at(cell.run, &v.test, path)) title={ (cut(column.name, 40)) ": " (word(cell)) @if let Some(took) = cell.duration { ", " (took) } } { (word(cell)) } } },
                }
            }
            td.wide { @if score.bad > 0 { (score.bad) " of " (score.verdicts) } }
            td.wide { @if score.flaky > 0 { (score.percent()) " %" } }
            td.wide { (trend(&v.test, &bars)) @if let Some(last) = bars.last() { " " span.faint { (last.took) } } }
        }
    }
}
