//! Two runs side by side: what is worse first, what is as it was only as a number.

use super::{full_name, item_at, mark, run_at, target_name, word};
use crate::pages::clock::Clock;
use crate::pages::layout::{Page, Room, headline};
use crate::pages::mark::{Mark, Outcome};
use crate::pages::text::{count, outside};
use crate::verdict::Line;
use maud::{Markup, html};
use model::TestRun;
use model::testrun::TestCell;
use testruns::diff::Change;

/// So many lines of one kind are shown.
const LISTED: usize = 1000;

/// Two runs.
#[derive(Debug)]
pub(in crate::pages) struct Two {
    /// The first one.
    pub(in crate::pages) src: TestRun,
    /// What it is compared with.
    pub(in crate::pages) dest: TestRun,
    /// Item by item.
    pub(in crate::pages) lines: Vec<Line>,
}

/// Kinds of change in the order in which they matter, with what they are called.
const KINDS: [(Change, &str, &str, &str); 6] = [
    (Change::Worse, "worse", "worse", "Worse"),
    (Change::BothBad, "bad in both", "bad in both", "Bad in both"),
    (Change::NotInDest, "without a verdict now", "without a verdict now", "No verdict now"),
    (Change::Better, "better", "better", "Better"),
    (Change::NotInSrc, "new", "new", "New"),
    (Change::Clean, "as it was", "as they were", "As they were"),
];

/// The page. `all`: what is as it was, too.
pub(in crate::pages) fn page(v: &Two, all: bool, clock: &Clock) -> Page {
    let of = |kind: Change| v.lines.iter().filter(move |line| line.change == kind);
    let worse = of(Change::Worse).count() + of(Change::NotInDest).count();
    let icon = match (worse, of(Change::BothBad).count()) {
        (1.., _) => Mark::Done(Outcome::Failed),
        (0, 1..) => Mark::Done(Outcome::Warnings),
        _ => Mark::Done(Outcome::Passed),
    };
    let told: Vec<String> = KINDS
        .iter()
        .filter_map(|(kind, one, many, _)| match of(*kind).count() {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {many}")),
        })
        .collect();
    let body = html! {
        (super::crumbs_of(&v.dest.area, &v.dest.target, Some((v.dest.id, &v.dest.name))))
        (headline(icon, &html! { @if told.is_empty() { "Neither run has a verdict" } @else { (told.join(", ")) } }))
        p.under {
            "From " (run(&v.src, v.src.target != v.dest.target)) ", " (clock.ago(v.src.started_at))
            ", to " (run(&v.dest, v.src.target != v.dest.target)) ", " (clock.ago(v.dest.started_at)) ". "
            a href={ (run_at(v.dest.id)) "/diff/" (v.src.id) } { "The other way round" }
        }
        @for (kind, _, _, title) in KINDS {
            @let lines: Vec<&Line> = of(kind).collect();
            @if !lines.is_empty() {
                @if kind == Change::Clean && !all {
                    p.more { a href="?only=all" { (count(lines.len(), "item is as it was", "items are as they were")) } }
                } @else { (section(title, kind, &lines, v)) }
            }
        }
    };
    Page {
        title: format!("{} and {} of {}", v.src.name, v.dest.name, target_name(&v.dest.area, &v.dest.target)),
        icon,
        room: Room::Tests,
        listen: String::new(),
        class: "testdiff",
        body,
    }
}

fn run(run: &TestRun, with_target: bool) -> Markup {
    html! { a href=(run_at(run.id)) { @if with_target { (outside(&run.target, 60)) " " } (outside(&run.name, 60)) } }
}

fn section(title: &str, kind: Change, lines: &[&Line], v: &Two) -> Markup {
    html! {
        section {
            h2 { (title) span.faint { " · " (kind) " · " (lines.len()) } }
            ul.rows { @for line in lines.iter().take(LISTED) {
                li {
                    div.what.twin {
                        span.name { (full_name(&line.test, &line.path)) }
                        span.turn { (side(line.src.as_ref(), v)) span.faint { " → " } (side(line.dest.as_ref(), v)) }
                    }
                    div.when { @if let (Some(src), Some(dest)) = (took(line.src.as_ref()), took(line.dest.as_ref())) { (src) " → " (dest) } }
                }
            } }
            @if lines.len() > LISTED { p.more.faint { "and " (count(lines.len() - LISTED, "more item", "more items")) } }
        }
    }
}

fn took(cell: Option<&TestCell>) -> Option<model::Span> {
    cell.and_then(|cell| cell.duration)
}

fn side(cell: Option<&TestCell>, v: &Two) -> Markup {
    html! {
        @match cell {
            None => { span.faint { "not there" } },
            Some(cell) => {
                @let target = if cell.run == v.src.id { &v.src } else { &v.dest };
                a href=(item_at(target.id, &cell.test, &cell.path)) { (mark(cell).shape_svg()) " " (word(cell)) }
            },
        }
    }
}
