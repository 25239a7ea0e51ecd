//! An item of a run: what came of it and why, its steps, what it measured, its attempts, its past.

use super::{crumbs_of, file_at, full_name, history_at, item_at, mark, outcome, run_at, whose, word};
use crate::pages::clock::Clock;
use crate::pages::layout::{Page, Room, headline};
use crate::pages::line::{Row, rows};
use crate::pages::mark::{Mark, Outcome};
use crate::pages::text::{count, outside};
use maud::{Markup, html};
use model::area::Class;
use model::testrun::{Awaited, Phase, TestAttempt, TestDatum, TestStepRecord};
use model::{TestItem, TestRun};
use store::TestPast;

/// So many earlier runs are told of.
pub(in crate::pages) const PAST: u64 = 12;
/// So many rows of data.
const DATA: usize = 500;

/// An item.
#[derive(Debug)]
pub(in crate::pages) struct One {
    /// Its run.
    pub(in crate::pages) run: TestRun,
    /// It.
    pub(in crate::pages) item: TestItem,
    /// What became of it in the newest runs of its target, the newest first.
    pub(in crate::pages) past: Vec<TestPast>,
    /// Where its log says what is wrong.
    pub(in crate::pages) excerpt: Option<Excerpt>,
}

/// The part of a log that says what is wrong.
#[derive(Debug)]
pub(in crate::pages) struct Excerpt {
    /// The file, within the attempt's directory.
    pub(in crate::pages) file: String,
    /// The attempt.
    pub(in crate::pages) attempt: u32,
    /// The line, from 1.
    pub(in crate::pages) at: u64,
    /// It, and some around it.
    pub(in crate::pages) rows: Vec<Row>,
}

/// The page.
pub(in crate::pages) fn page(v: &One, clock: &Clock) -> Page {
    let (run, item) = (&v.run, &v.item);
    let mark = mark(&item.cell());
    let last = item.attempts.last().map_or(0, |attempt| attempt.number);
    let body = html! {
        (crumbs_of(&run.area, &run.target, Some((run.id, &run.name))))
        (headline(mark, &sentence(v, clock)))
        p.under {
            "In run " a href=(run_at(run.id)) { (outside(&run.name, 60)) } " of " (outside(&whose(&run.area, &run.target), 100))
            @if let Some(at) = item.started_at { ", started " (clock.ago(at)) }
            @if !item.host.is_empty() { ", on " (outside(&item.host, 60)) }
            ". " a href=(history_at(&run.area, &run.target, &item.test, Some(&item.path))) { "Its past" }
        }
        @if let Some(owner) = &item.quarantined { p.under { "It does not count: " (outside(owner, 80)) " answers for it." } }
        div.columns {
            div.wide {
                @if let Some(excerpt) = &v.excerpt { (told(item, excerpt)) }
                @if !item.steps.is_empty() { (steps(item, last, clock)) }
                @if !item.data.is_empty() { (data(&item.data)) }
                @if item.attempts.len() > 1 { (attempts(item, clock)) }
                @if item.attempts.is_empty() && item.steps.is_empty() { section.lesson { p { (nothing_yet(item)) } } }
            }
            aside.narrow aria-label="Facts" { (facts(v)) (past(v, clock)) }
        }
    };
    Page {
        title: format!("{} in {} {}", testruns::item::full_name(&item.test, &item.path), run.target, run.name),
        icon: mark,
        room: Room::Tests,
        listen: format!("testruns/{}/*", run.id),
        class: "testitem",
        body,
    }
}

fn sentence(v: &One, clock: &Clock) -> Markup {
    let item = &v.item;
    let failed = item.steps.iter().rev().find(|step| is_bad(&step.status));
    html! {
        em { (full_name(&item.test, &item.path)) } " "
        @match item.phase {
            Phase::NotStarted => { "waits" },
            Phase::Launched => { "is handed to " (outside(&item.host, 40)) },
            Phase::Running | Phase::Started => { "runs" @if let Some(at) = item.started_at { " for " (clock.lasting(at)) } },
            _ => {
                (said(item))
                @if let (Class::Bad, Some(step)) = (item.class, failed) { " in " em { (outside(&step.name, 60)) } }
                @if let Some(took) = item.duration { " after " (took) }
                @if item.flaky && item.class == Class::Good { ", when it was tried again" }
            },
        }
        @if !item.comment.is_empty() { ": " (outside(&item.comment, 200)) }
    }
}

/// What came of it, as a verb.
fn said(item: &TestItem) -> Markup {
    html! {
        @match (item.status.as_str(), item.class) {
            ("PASS", _) => { "passed" },
            ("FAIL", _) => { "failed" },
            ("WARN", _) => { "passed with warnings" },
            ("SKIP", _) => { "was skipped" },
            ("KILLED", _) => { "was ended" },
            ("PREQ_FAIL" | "PREQ_DISCARDED", _) => { "could not run" },
            (status, _) => { "ended as " (outside(status, 40)) },
        }
    }
}

/// A step's word says that something is wrong.
fn is_bad(status: &str) -> bool {
    mark_of(status, true).is_bad()
}

/// The mark of a step or an attempt, by its word alone.
fn mark_of(status: &str, is_over: bool) -> Mark {
    let class = match status {
        _ if !is_over => return Mark::Running,
        "PASS" | "WARN" | "WAIVED" => Class::Good,
        "SKIP" | "CHECK" | "n/a" => Class::Neutral,
        _ => Class::Bad,
    };
    Mark::Done(outcome(status, class))
}

fn nothing_yet(item: &TestItem) -> &'static str {
    match item.phase {
        Phase::NotStarted => "Nothing of it has run. sluice tests why says what it waits for.",
        phase if phase.is_over() => "Nothing of it was run.",
        _ => "Nothing is known of it yet.",
    }
}

fn told(item: &TestItem, excerpt: &Excerpt) -> Markup {
    let at = file_at(item.run, (&item.test, &item.path), excerpt.attempt, &excerpt.file);
    html! {
        section.failure aria-labelledby="told" {
            h2 #told { "What it said" span.aside { a href={ (at) "&from=" (excerpt.at.saturating_sub(40)) "#L" (excerpt.at) } { (outside(&excerpt.file, 60)) ", line " (excerpt.at) } } }
            div.log.excerpt tabindex="0" role="region" aria-label="Lines around the first error" { div.lines { (rows(&excerpt.rows, Some(excerpt.at))) } }
        }
    }
}

fn steps(item: &TestItem, last: u32, clock: &Clock) -> Markup {
    let of = |number: u32| item.steps.iter().filter(move |step| step.attempt == number);
    let earlier: Vec<u32> =
        item.attempts.iter().map(|a| a.number).filter(|n| *n != last && of(*n).next().is_some()).collect();
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps" @if item.attempts.len() > 1 { span.faint { " of attempt " (last) } } }
            ul.rows { @for step in of(last) { (one_step(item, step, clock)) } }
        }
        @for number in earlier {
            details {
                summary { h2 { "Steps of attempt " (number) } }
                ul.rows { @for step in of(number) { (one_step(item, step, clock)) } }
            }
        }
    }
}

fn one_step(item: &TestItem, step: &TestStepRecord, clock: &Clock) -> Markup {
    let mark = mark_of(&step.status, step.ended.is_some());
    html! {
        li {
            (mark.sign())
            div.what {
                span.name { (outside(&step.name, 80)) } " "
                span.faint {
                    @if step.ended.is_some() { (outside(&step.status, 40)) } @else { "running" }
                    @if let Some(exit) = step.exit { @if exit != 0 { ", exit code " (exit) } }
                    @if !step.comment.is_empty() { ", " (outside(&step.comment, 160)) }
                }
                @if let Some(log) = &step.log { " " a href=(file_at(item.run, (&item.test, &item.path), step.attempt, log)) { (outside(log, 60)) } }
            }
            div.when { @match step.ended { Some(end) => { (end.since(step.began)) }, None => { (clock.lasting(step.began)) } } }
        }
    }
}

fn data(rows: &[TestDatum]) -> Markup {
    let wrong = rows.iter().filter(|row| row.within == Some(false)).count();
    html! {
        section aria-labelledby="data" {
            h2 #data { "Measured" @if wrong > 0 { span.faint { ", " (count(wrong, "value is", "values are")) " not as expected" } } }
            div.scroll { table.list {
                thead { tr { th scope="col" { "What" } th.num scope="col" { "Value" } th.num scope="col" { "Expected" } th scope="col" { "Tolerance" } th scope="col" { "Remark" } } }
                tbody { @for row in rows.iter().take(DATA) { (datum(row)) } }
            } }
            @if rows.len() > DATA { p.more.faint { "and " (count(rows.len() - DATA, "more value", "more values")) } }
        }
    }
}

fn datum(datum: &TestDatum) -> Markup {
    let row = &datum.measured;
    let mark = match datum.within {
        Some(true) => Mark::Done(Outcome::Passed),
        Some(false) => Mark::Done(Outcome::Failed),
        None => Mark::Absent,
    };
    html! {
        tr {
            th scope="row" { (mark.sign()) " " @if !row.category.is_empty() { (outside(&row.category, 60)) "/" } (outside(&row.variable, 60)) }
            td.num { (outside(&row.value, 60)) @if !row.units.is_empty() { " " (outside(&row.units, 20)) } }
            td.num { (outside(&row.expected, 60)) }
            td { (outside(&row.tolerance, 40)) }
            td.faint { (outside(&row.status, 20)) @if !row.comment.is_empty() { " " (outside(&row.comment, 160)) } }
        }
    }
}

fn attempts(item: &TestItem, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="attempts" {
            h2 #attempts { (count(item.attempts.len(), "attempt", "attempts")) }
            ul.rows { @for attempt in item.attempts.iter().rev() { (one_attempt(attempt, clock)) } }
        }
    }
}

fn one_attempt(attempt: &TestAttempt, clock: &Clock) -> Markup {
    let mark = mark_of(&attempt.status, attempt.ended.is_some());
    let began = attempt.began.unwrap_or(attempt.launched);
    html! {
        li {
            (mark.sign())
            div.what {
                span.name { (attempt.number) } " " (outside(&attempt.status, 40)) " "
                span.faint { "on " (outside(&attempt.host, 40)) @if !attempt.comment.is_empty() { ": " (outside(&attempt.comment, 160)) } }
                @if !attempt.directory.is_empty() { br; span.faint { (outside(&attempt.directory, 160)) } }
                @if let Some(around) = &attempt.around { br; span.faint { (outside(&around.sentence(), 200)) } }
            }
            div.when { @match attempt.ended { Some(end) => { (end.since(began)) }, None => { (clock.lasting(began)) } } }
        }
    }
}

fn facts(v: &One) -> Markup {
    let head = v.run.tests.iter().find(|test| test.name == v.item.test);
    let waits = waits_for(v);
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            @if let Some(description) = head.map(|h| &h.description).filter(|d| !d.is_empty()) { p { (outside(description, 400)) } }
            dl {
                @if let Some(head) = head {
                    @if !head.owner.is_empty() { dt { "Owner" } dd { (outside(&head.owner, 80)) } }
                    @if !waits.is_empty() { dt { "Waits for" } dd { @for (i, (name, at)) in waits.iter().enumerate() { @if i > 0 { ", " } a href=(at) { (name) } } } }
                    @if !head.tags.is_empty() { dt { "Tags" } dd { @for tag in head.tags.iter().take(20) { span.tag { (outside(tag, 30)) } " " } } }
                }
                @if let Some(log) = &v.item.log { dt { "Log" } dd { a href=(file_at(v.item.run, (&v.item.test, &v.item.path), v.item.attempts.last().map_or(1, |a| a.number), log)) { (outside(log, 60)) } } }
                @if !v.item.directory.is_empty() { dt { "Directory" } dd { (outside(&v.item.directory, 200)) } }
                @if let Some(around) = v.item.attempts.last().and_then(|a| a.around.as_ref()) { dt { "Around it" } dd { (outside(&around.sentence(), 200)) } }
            }
            @if !v.item.directory.is_empty() { p { "Once more by hand:" } pre.sh tabindex="0" { "cd " (quoted(&v.item.directory)) "\n./rerun.sh" } }
        }
    }
}

/// Tests or items that this one waits for, each with its page. A test as a whole has that of its past.
fn waits_for(v: &One) -> Vec<(Markup, String)> {
    let whole = |test: &str| (full_name(test, ""), history_at(&v.run.area, &v.run.target, test, None));
    let head = v.run.tests.iter().find(|head| head.name == v.item.test);
    if v.item.waits_for.is_empty() {
        // It was written down before items knew it.
        return head.map(|head| head.waits_for.iter().map(|test| whole(test)).collect()).unwrap_or_default();
    }
    let one = |awaited: &Awaited| match awaited.path.as_deref() {
        Some(path) => (full_name(&awaited.test, path), item_at(v.run.id, &awaited.test, path)),
        None => whole(&awaited.test),
    };
    v.item.waits_for.iter().take(20).map(one).collect()
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,=@%:".contains(c);
    let path = crate::pages::text::one_line(path);
    if path.chars().all(plain) { path.into_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn past(v: &One, clock: &Clock) -> Markup {
    html! {
        @if v.past.len() > 1 {
            section aria-labelledby="past" {
                h2 #past { "In the last runs" span.aside { a href=(history_at(&v.run.area, &v.run.target, &v.item.test, Some(&v.item.path))) { "all" } } }
                ul.rows { @for past in &v.past {
                    li {
                        (mark(&past.cell).sign())
                        div.what { @if past.cell.run == v.run.id { em { (outside(&past.name, 30)) } } @else { a href=(item_at(past.cell.run, &v.item.test, &v.item.path)) { (outside(&past.name, 30)) } } " " span.faint { (word(&past.cell)) @if let Some(took) = past.cell.duration { ", " (took) } } }
                        div.when { (clock.ago(past.run_started_at)) }
                    }
                } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_marked_by_their_words() {
        let table = [
            ("PASS", true, "passed"),
            ("FAIL", true, "failed"),
            ("3", true, "failed"),
            ("WARN", true, "warnings"),
            ("n/a", false, "running"),
            ("n/a", true, "skipped"),
            ("ABORT", true, "exception"),
        ];
        for (word, over, class) in table {
            assert_eq!(mark_of(word, over).class(), class, "{word}");
        }
        assert!(is_bad("FAIL") && !is_bad("n/a") && !is_bad("KILLED"));
    }

    #[test]
    fn directories_are_quoted_for_a_shell() {
        for (path, said) in [("/a/b-c", "/a/b-c"), ("/a b", "'/a b'"), ("/it's", "'/it'\\''s'"), ("/a\nb", "'/a b'")] {
            assert_eq!(quoted(path), said);
        }
    }
}
