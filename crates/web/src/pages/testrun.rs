//! Runs of tests: by target, one run as a matrix, an item, its past, two runs side by side, a file of an attempt.

pub(super) mod diff;
pub(super) mod file;
pub(super) mod history;
pub(super) mod item;
pub(super) mod list;
pub(super) mod matrix;
pub(super) mod run;

use super::layout::Page;
use super::load::{Trouble, testrun as load};
use super::mark::{Mark, Outcome};
use super::text::{count, outside, segment};
use super::{clock, frame, number, shown};
use crate::Web;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};
use model::TestRunId;
use model::area::Class;
use model::testrun::{Phase, TestCell, TestRunLine, TestRunState, TestRunTotals};
use serde::Deserialize;

/// All pages of runs of tests.
pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/tests", get(all))
        .route("/tests/history", get(past))
        .route("/tests/{run}", get(one))
        .route("/tests/{run}/item", get(one_item))
        .route("/tests/{run}/file", get(one_file))
        .route("/tests/{run}/diff/{other}", get(two))
}

/// What an address asks for besides its path.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    #[serde(default)]
    area: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    test: String,
    path: Option<String>,
    #[serde(default)]
    file: String,
    attempt: Option<u32>,
    from: Option<u64>,
    only: Option<String>,
}

async fn all(State(web): State<Web>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::targets(&web).await.map(|v| list::page(&v, &clock));
    shown(&frame(&web, &headers, &uri), page)
}

async fn one(
    State(web): State<Web>,
    Path(text): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let clock = clock(&web);
    let only = wish.only.filter(|only| !only.is_empty());
    let page = async { Ok::<Page, Trouble>(run::page(&load::run(&web, run_id(&text)?, only).await?, &clock)) };
    shown(&frame(&web, &headers, &uri), page.await)
}

async fn one_item(
    State(web): State<Web>,
    Path(text): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let clock = clock(&web);
    let path = wish.path.unwrap_or_default();
    let page = async {
        let item = load::item(&web, run_id(&text)?, &wish.test, &path).await?;
        Ok::<Page, Trouble>(item::page(&item, &clock))
    };
    shown(&frame(&web, &headers, &uri), page.await)
}

async fn one_file(
    State(web): State<Web>,
    Path(text): Path<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let path = wish.path.unwrap_or_default();
    let page = async {
        let which = load::Which { test: &wish.test, path: &path, attempt: wish.attempt, file: &wish.file };
        let file = load::file(&web, run_id(&text)?, which, wish.from.unwrap_or(0)).await?;
        Ok::<Page, Trouble>(file::page(&file))
    };
    shown(&frame(&web, &headers, &uri), page.await)
}

async fn past(State(web): State<Web>, Query(wish): Query<Wish>, headers: HeaderMap, uri: Uri) -> Response {
    let clock = clock(&web);
    let page = load::history(&web, wish.area, wish.target, wish.test, wish.path).await;
    shown(&frame(&web, &headers, &uri), page.map(|v| history::page(&v, &clock)))
}

async fn two(
    State(web): State<Web>,
    Path((src, dest)): Path<(String, String)>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let clock = clock(&web);
    let page = async {
        let view = load::diff(&web, run_id(&src)?, run_id(&dest)?).await?;
        Ok::<Page, Trouble>(diff::page(&view, wish.only.as_deref() == Some("all"), &clock))
    };
    shown(&frame(&web, &headers, &uri), page.await)
}

fn run_id(text: &str) -> Result<TestRunId, Trouble> {
    number(text, "run of tests").map(TestRunId)
}

/// The address of a run.
pub(super) fn run_at(run: TestRunId) -> String {
    format!("/tests/{run}")
}

/// The address of an item in a run.
pub(super) fn item_at(run: TestRunId, test: &str, path: &str) -> String {
    let at = format!("/tests/{run}/item?test={}", segment(test));
    if path.is_empty() { at } else { format!("{at}&path={}", segment(path)) }
}

/// The address of a file of an attempt.
pub(super) fn file_at(run: TestRunId, (test, path): (&str, &str), attempt: u32, file: &str) -> String {
    let name = format!("test={}&path={}", segment(test), segment(path));
    format!("/tests/{run}/file?{name}&attempt={attempt}&file={}", segment(file))
}

/// The address of a test's past, or of an item's.
pub(super) fn history_at(area: &str, target: &str, test: &str, path: Option<&str>) -> String {
    let at = format!("/tests/history?area={}&target={}&test={}", segment(area), segment(target), segment(test));
    path.map_or(at.clone(), |path| format!("{at}&path={}", segment(path)))
}

/// `test` or `test(path)`, with the parts set off.
pub(super) fn full_name(test: &str, path: &str) -> Markup {
    html! { (outside(test, 60)) @if !path.is_empty() { span.path { "(" (outside(path, 80)) ")" } } }
}

/// What a status is as a mark. What could not run because of something else is not a failure of its own.
pub(super) fn outcome(status: &str, class: Class) -> Outcome {
    match (status, class) {
        ("PASS", Class::Good) => Outcome::Passed,
        (_, Class::Good) | ("CHECK", Class::Neutral) => Outcome::Warnings,
        (_, Class::Neutral) => Outcome::Skipped,
        ("KILLED" | "PREQ_FAIL" | "PREQ_DISCARDED", Class::Bad) => Outcome::Cancelled,
        ("ABORT" | "DEAD" | "INCOMPLETE", Class::Bad) => Outcome::Exception,
        (_, Class::Bad) => Outcome::Failed,
    }
}

/// How an item stands.
pub(super) fn mark(cell: &TestCell) -> Mark {
    match cell.phase {
        Phase::NotStarted => Mark::Waiting,
        Phase::Launched | Phase::Running | Phase::Started => Mark::Running,
        // A second try that passed, and a failure that somebody answers for: to be looked at, and neither green nor red.
        _ if cell.flaky && cell.class == Class::Good => Mark::Done(Outcome::Warnings),
        _ if cell.quarantined && cell.class == Class::Bad => Mark::Done(Outcome::Warnings),
        _ => Mark::Done(outcome(&cell.status, cell.class)),
    }
}

/// What is said of an item in a word or two.
pub(super) fn word(cell: &TestCell) -> String {
    match cell.phase {
        Phase::NotStarted => "waiting".to_owned(),
        Phase::Launched | Phase::Running | Phase::Started => "running".to_owned(),
        _ => {
            let aside = match (cell.class, cell.flaky, cell.quarantined) {
                (Class::Bad, _, true) => ", excused",
                (Class::Good, true, _) => ", flaky",
                _ => "",
            };
            format!("{}{aside}", cell.status)
        }
    }
}

/// It did not run because something before it failed.
pub(super) fn is_held_back(status: &str) -> bool {
    matches!(status, "PREQ_FAIL" | "PREQ_DISCARDED")
}

/// How a run stands.
pub(super) fn run_mark(state: TestRunState, totals: &TestRunTotals) -> Mark {
    match state {
        TestRunState::Running => Mark::Running,
        TestRunState::Green if totals.quarantined + totals.flaky > 0 => Mark::Done(Outcome::Warnings),
        TestRunState::Green => Mark::Done(Outcome::Passed),
        TestRunState::Red => Mark::Done(Outcome::Failed),
        TestRunState::Cancelled => Mark::Done(Outcome::Cancelled),
        TestRunState::Interrupted => Mark::Done(Outcome::Exception),
    }
}

/// What a run came to, in a few words: `3 of 33 bad, 1 flaky`.
pub(super) fn summary(line: &TestRunLine) -> String {
    let t = &line.totals;
    let all = count(t.total as usize, "item", "items");
    let mut words = match line.state {
        TestRunState::Running => {
            let ended = t.total.saturating_sub(t.waiting + t.running);
            let bad = if t.bad > 0 { format!(", {} bad", t.bad) } else { String::new() };
            format!("{ended} of {all} ended{bad}")
        }
        TestRunState::Cancelled => format!("ended by somebody, {} of {all} bad", t.bad),
        TestRunState::Interrupted => format!("its runner ended, {} of {all} bad", t.bad),
        _ if t.bad > 0 => format!("{} of {all} bad", t.bad),
        _ => all,
    };
    if t.flaky > 0 {
        words.push_str(&format!(", {} flaky", t.flaky));
    }
    if t.quarantined > 0 {
        words.push_str(&format!(", {} excused", t.quarantined));
    }
    words
}

/// An area and its target, if it has any.
pub(super) fn whose(area: &str, target: &str) -> String {
    if target.is_empty() { area.to_owned() } else { format!("{area} {target}") }
}

/// A target as a page of one area calls it: an area without fields has one target, which has no name.
pub(super) fn target_name<'a>(area: &'a str, target: &'a str) -> &'a str {
    if target.is_empty() { area } else { target }
}

/// The way to the pages above an item or a comparison.
pub(super) fn crumbs_of(area: &str, target: &str, run: Option<(TestRunId, &str)>) -> Markup {
    let target = whose(area, target);
    let mut steps = vec![("/tests".to_owned(), "Tests"), ("/tests".to_owned(), target.as_str())];
    if let Some((id, name)) = run {
        steps.push((run_at(id), name));
    }
    super::layout::crumbs(&steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TestItem;

    #[test]
    fn how_items_are_marked() {
        let cell = |phase, status: &str, class, flaky, quarantined| TestCell {
            phase,
            status: status.to_owned(),
            class,
            flaky,
            quarantined,
            ..TestItem::new(TestRunId(1), "t", "").cell()
        };
        let (over, killed) = (Phase::Completed, Phase::Killed);
        let table = [
            (cell(Phase::NotStarted, "n/a", Class::Neutral, false, false), "waiting", "waiting"),
            (cell(Phase::Launched, "n/a", Class::Neutral, false, false), "running", "running"),
            (cell(Phase::Running, "FAIL", Class::Bad, false, false), "running", "running"),
            (cell(over, "PASS", Class::Good, false, false), "passed", "PASS"),
            (cell(over, "PASS", Class::Good, true, false), "warnings", "PASS, flaky"),
            (cell(over, "WARN", Class::Good, false, false), "warnings", "WARN"),
            (cell(over, "SLOW", Class::Good, false, false), "warnings", "SLOW"),
            (cell(over, "SKIP", Class::Neutral, false, false), "skipped", "SKIP"),
            (cell(over, "CHECK", Class::Neutral, false, false), "warnings", "CHECK"),
            (cell(over, "FAIL", Class::Bad, false, false), "failed", "FAIL"),
            (cell(over, "FAIL", Class::Bad, true, true), "warnings", "FAIL, excused"),
            (cell(over, "PREQ_FAIL", Class::Bad, false, false), "cancelled", "PREQ_FAIL"),
            (cell(over, "ABORT", Class::Bad, false, false), "exception", "ABORT"),
            (cell(killed, "KILLED", Class::Bad, false, false), "cancelled", "KILLED"),
            (cell(Phase::Incomplete, "INCOMPLETE", Class::Bad, false, false), "exception", "INCOMPLETE"),
        ];
        for (cell, class, said) in table {
            assert_eq!((mark(&cell).class(), word(&cell).as_str()), (class, said), "{cell:?}");
        }
    }

    #[test]
    fn names_of_all_kinds_have_addresses() {
        assert_eq!(item_at(TestRunId(7), "a b", ""), "/tests/7/item?test=a%20b");
        assert_eq!(item_at(TestRunId(7), "t", "a/b&c=\"d"), "/tests/7/item?test=t&path=a%2Fb%26c%3D%22d");
        let file = file_at(TestRunId(7), ("t", "x"), 2, "logs/a+b.log");
        assert_eq!(file, "/tests/7/file?test=t&path=x&attempt=2&file=logs%2Fa%2Bb.log");
        assert_eq!(history_at("a", "b/c", "t", None), "/tests/history?area=a&target=b%2Fc&test=t");
    }
}
