//! One build: how it ended and why, then everything else about it.

mod steps;
mod tests;

use super::builder::acts;
use super::clock::{Clock, eta};
use super::home::progress;
use super::layout::{Frame, Page, Room, build_at, builder_at, crumbs, headline, log_at, worker_at};
use super::line::{Row, rows};
use super::mark::{Mark, Outcome};
use super::obstacle::{LISTEN, obstacles};
use super::patch::Patch;
use super::text::{count, many_lines, nothing, outside, safe_href};
use crate::obstacle::Obstacle;
use maud::{Markup, html};
use model::{Span, TestTotals, Time};

/// What the page of a build shows.
#[derive(Debug)]
pub(super) struct Build {
    /// Its id, for events.
    pub(super) id: i64,
    /// Its builder.
    pub(super) builder: String,
    /// Its number.
    pub(super) number: i64,
    /// How it stands.
    pub(super) mark: Mark,
    /// One line for people.
    pub(super) state: String,
    /// When it began.
    pub(super) from: Time,
    /// When it ended.
    pub(super) to: Option<Time>,
    /// What a good build usually takes.
    pub(super) usual: Option<Span>,
    /// When it is expected to end.
    pub(super) ends: Option<(Time, Time)>,
    /// Its worker is away since, and given up at.
    pub(super) away: Option<(Time, Time)>,
    /// Where it runs or ran.
    pub(super) worker: String,
    /// Its steps, in order; those to come have no times.
    pub(super) steps: Vec<Step>,
    /// The first failing step's lines around its first error.
    pub(super) excerpt: Option<Excerpt>,
    /// Its source, one entry per codebase.
    pub(super) sources: Vec<Source>,
    /// The changes of its source, oldest first.
    pub(super) changes: Vec<Change>,
    /// Its properties: name, value, source.
    pub(super) properties: Vec<(String, String, String)>,
    /// Why it was asked for.
    pub(super) reason: String,
    /// Its request.
    pub(super) request: i64,
    /// Older requests that it answers as well.
    pub(super) also: Vec<i64>,
    /// The build whose step asked for it: builder, number, state.
    pub(super) parent: Option<(String, i64, Mark)>,
    /// Builds that its steps asked for.
    pub(super) triggered: Vec<(String, i64, Mark)>,
    /// Commands that do the same elsewhere.
    pub(super) reproduce: String,
    /// Other builds of the same request, and of the same revision: number, state and begin.
    pub(super) attempts: Vec<(i64, Mark, Time)>,
    /// Late answers that were refused.
    pub(super) refused: Vec<(Time, String)>,
    /// The builder's neighbours.
    pub(super) previous: Option<i64>,
    /// The next one.
    pub(super) next: Option<i64>,
    /// What keeps it from going on.
    pub(super) obstacles: Vec<Obstacle>,
}

/// A step of a build.
#[derive(Debug)]
pub(super) struct Step {
    /// Its name.
    pub(super) name: String,
    /// How it stands.
    pub(super) mark: Mark,
    /// One line for people.
    pub(super) state: String,
    /// When it began.
    pub(super) from: Option<Time>,
    /// When it ended.
    pub(super) to: Option<Time>,
    /// What it usually takes.
    pub(super) usual: Option<Span>,
    /// Its logs: name, name in addresses, lines if they are known.
    pub(super) logs: Vec<(String, String, Option<u64>)>,
    /// Where it is defined.
    pub(super) defined_at: Option<String>,
    /// Pages leave it out, unless it is at fault.
    pub(super) hidden: bool,
    /// Places to look at: words and address.
    pub(super) urls: Vec<(String, String)>,
    /// Warnings that were counted.
    pub(super) warnings: Option<u64>,
    /// What its tests gave.
    pub(super) tests: Option<TestTotals>,
}

/// Lines of a log around an error.
#[derive(Debug)]
pub(super) struct Excerpt {
    /// The step's name.
    pub(super) step: String,
    /// The log's name in addresses.
    pub(super) slug: String,
    /// The line that says what is wrong, without colours.
    pub(super) error: String,
    /// Its number, from 1.
    pub(super) at: u64,
    /// The lines around it.
    pub(super) rows: Vec<Row>,
    /// All lines of the log.
    pub(super) lines: u64,
}

/// Where the source came from.
#[derive(Debug)]
pub(super) struct Source {
    /// The repository.
    pub(super) repository: String,
    /// The branch.
    pub(super) branch: String,
    /// The revision that was built, else the one asked for.
    pub(super) revision: String,
    /// What somebody's patch changes in it.
    pub(super) patch: Option<Patch>,
}

/// A change in a list.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Its id.
    pub(super) id: i64,
    /// Its revision, short.
    pub(super) revision: String,
    /// A page that shows it.
    pub(super) revlink: Option<String>,
    /// Who wrote it.
    pub(super) author: String,
    /// The first line of its message.
    pub(super) title: String,
    /// When it came.
    pub(super) at: Time,
    /// How many files it touched.
    pub(super) files: usize,
}

/// The page.
pub(super) fn page(v: &Build, frame: &Frame, clock: &Clock) -> Page {
    let body = html! {
        div.split {
            (crumbs(&[("/builders".to_owned(), "Builders"), (builder_at(&v.builder), &v.builder)]))
            (neighbours(v))
        }
        div.split {
            (headline(v.mark, &html! { (sentence(v, clock)) }))
            (acts(&v.builder, v.number, v.to.is_none(), frame))
        }
        (obstacles(&v.obstacles, clock))
        p.under { (second_sentence(v, clock)) }
        @if v.to.is_none() { (running(v, clock)) }
        @if let Some(excerpt) = &v.excerpt { (failure(v, excerpt)) }
        (tests::reports(v))
        (steps::timeline(v, clock))
        div.columns {
            div.wide {
                (changes(v, clock))
                @for patch in v.sources.iter().filter_map(|s| s.patch.as_ref()) { (patch.section()) }
                (reproduce(v))
                (properties(v))
            }
            aside.narrow aria-label="Facts" {
                (facts(v, clock))
                (attempts(v, clock))
            }
        }
    };
    let listen = match v.to {
        None => format!("builds/{0}/* builds/{0}/steps/*/* builds/{0}/properties/* {LISTEN}", v.id),
        Some(_) => String::new(),
    };
    let title = format!("{} {} {}", v.builder, v.number, v.mark.word());
    Page { title, icon: v.mark, room: Room::Builders, listen, class: "build", body }
}

fn neighbours(v: &Build) -> Markup {
    html! {
        nav.near aria-label="Other builds" {
            @if let Some(n) = v.previous { a href=(build_at(&v.builder, n)) rel="prev" { "← " (n) } }
            " " strong { "Build " (v.number) } " "
            @if let Some(n) = v.next { a href=(build_at(&v.builder, n)) rel="next" { (n) " →" } }
        }
    }
}

fn sentence(v: &Build, clock: &Clock) -> Markup {
    let took = v.to.unwrap_or(clock.now).since(v.from);
    let failing = v.steps.iter().find(|s| s.mark.is_bad());
    let step = html! { @if let Some(s) = failing { " in " em { (outside(&s.name, 40)) } } };
    html! {
        @match v.mark {
            Mark::Running => {
                @match v.steps.iter().find(|s| s.mark == Mark::Running) {
                    Some(s) => { "Running " em { (outside(&s.name, 40)) } },
                    None => { "Running" },
                }
                @if let Some(ends) = v.ends { ", " (eta(ends, clock.now)) }
            },
            Mark::Done(Outcome::Failed) => { "Failed" (step) " after " (took) (error(v)) },
            Mark::Done(Outcome::Exception) => { "Exception" (step) " after " (took) (error(v)) },
            Mark::Done(Outcome::Passed) => { "Passed in " (took) },
            Mark::Done(Outcome::Warnings) => { "Passed with warnings in " (took) },
            Mark::Done(Outcome::Cancelled) => { "Cancelled after " (took) @if !v.state.is_empty() { ": " (outside(&v.state, 120)) } },
            Mark::Done(Outcome::Retry) => { "Lost after " (took) ", tried again" },
            Mark::Done(Outcome::Skipped) => { "Skipped" },
            Mark::Waiting | Mark::Absent => { "Not begun" },
        }
    }
}

fn error(v: &Build) -> Markup {
    html! {
        @match &v.excerpt {
            Some(e) if !e.error.trim().is_empty() => { ": " code { (outside(e.error.trim(), 160)) } },
            _ if !v.state.is_empty() => { ": " (outside(&v.state, 160)) },
            _ => {},
        }
    }
}

fn second_sentence(v: &Build, clock: &Clock) -> Markup {
    html! {
        a href=(builder_at(&v.builder)) { (outside(&v.builder, 60)) } " build " (v.number)
        @if let Some(s) = v.sources.first() {
            " of "
            @if s.revision.is_empty() { "the newest source" } @else { span.rev { (outside(model::change::short_revision(&s.revision), 24)) } }
            @if !s.branch.is_empty() { " on " (outside(&s.branch, 60)) }
        }
        @match v.changes.as_slice() {
            [] => {},
            [one] => { " by " (outside(&one.author, 60)) },
            many => { " with " (many.len()) " changes" },
        }
        ", began " (clock.ago(v.from)) " on " a href=(worker_at(&v.worker)) { (outside(&v.worker, 40)) }
        @if let Some(usual) = v.usual { ", usually takes " (usual) }
    }
}

fn running(v: &Build, clock: &Clock) -> Markup {
    html! {
        div.big {
            (progress(v.from, v.ends, clock.now))
            @if let Some((since, until)) = v.away {
                p.bad { "Its worker is away for " (clock.lasting(since)) "; it is given up " (clock.ago(until)) " and the build is tried again." }
            }
        }
    }
}

fn failure(v: &Build, e: &Excerpt) -> Markup {
    let first = e.rows.first().map_or(1, |r| r.number);
    let log = log_at(&v.builder, v.number, &e.step, &e.slug);
    let from = e.at.saturating_sub(100);
    let left = e.lines.saturating_sub(e.rows.last().map_or(0, |r| r.number));
    html! {
        section.failure aria-labelledby="failure" {
            h2 #failure {
                "First error, " em { (outside(&e.step, 40)) } " line " (e.at)
                a.aside href={ (log) "?from=" (from) "#L" (e.at) } { "Whole log, " (count(usize::try_from(e.lines).unwrap_or(usize::MAX), "line", "lines")) }
            }
            div.log.excerpt tabindex="0" role="region" aria-label="Lines around the first error" {
                @if first > 1 { p.fold { a href={ (log) "?from=" (from) "#L" (first) } { (count((first - 1) as usize, "line", "lines")) " before" } } }
                (excerpt_rows(&log, e))
                @if left > 0 { p.fold { a href={ (log) "?from=" (from) "#L" (e.at) } { (count(left as usize, "line", "lines")) " after" } } }
            }
        }
    }
}

/// The lines, each leading to its place in the whole log.
fn excerpt_rows(log: &str, e: &Excerpt) -> Markup {
    let page = rows(&e.rows, Some(e.at)).into_string();
    let from = e.at.saturating_sub(100);
    maud::PreEscaped(page.replace("<a href=\"#L", &format!("<a href=\"{log}?from={from}#L")))
}

fn changes(v: &Build, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="changes" {
            h2 #changes { (if v.changes.is_empty() { "Changes".to_owned() } else { count(v.changes.len(), "change", "changes") }) }
            @if v.changes.is_empty() { p.faint { "No change came with this build." } }
            ul.rows { @for c in v.changes.iter().rev().take(100) { (change_row(c, clock)) } }
            @if v.changes.len() > 100 { p.more { (v.changes.len() - 100) " older changes" } }
        }
    }
}

/// A change as a row of a list.
pub(super) fn change_row(c: &Change, clock: &Clock) -> Markup {
    html! {
        li.change {
            a.rev href={ "/changes/" (c.id) } { (outside(if c.revision.is_empty() { "change" } else { &c.revision }, 16)) }
            div.what {
                span { (outside(if c.title.is_empty() { "(no message)" } else { &c.title }, 120)) }
                " " span.faint { (outside(&c.author, 60)) @if c.files > 0 { ", " (count(c.files, "file", "files")) } }
                @if let Some(link) = c.revlink.as_deref().and_then(safe_href) { " " a href=(link) rel="noreferrer" { "diff" } }
            }
            div.when { (clock.ago(c.at)) }
        }
    }
}

fn reproduce(v: &Build) -> Markup {
    if v.reproduce.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="repro" {
            h2 #repro { "The same by hand" }
            pre.sh tabindex="0" { (many_lines(&v.reproduce)) }
        }
    }
}

fn properties(v: &Build) -> Markup {
    if v.properties.is_empty() {
        return nothing();
    }
    html! {
        details #properties {
            summary { h2 { (count(v.properties.len(), "property", "properties")) } }
            div.scroll { table.list {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } th scope="col" { "Set by" } } }
                tbody { @for (name, value, source) in &v.properties {
                    tr { th scope="row" { (outside(name, 60)) } td { code { (outside(value, 120)) } } td.faint { (outside(source, 60)) } }
                } }
            } }
        }
    }
}

fn facts(v: &Build, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                dt { "Why" } dd { (outside(&v.reason, 200)) " (" a href={ "/requests/" (v.request) } { "request " (v.request) } ")" }
                @if !v.also.is_empty() {
                    dt { "Answers" } dd { "also " @for (i, request) in v.also.iter().enumerate() {
                        @if i > 0 { ", " }
                        a href={ "/requests/" (request) } { "request " (request) }
                    } }
                }
                @if let Some(parent) = &v.parent { dt { "Asked by" } dd { (relative(parent)) } }
                dt { "Began" } dd { (clock.at(v.from)) }
                @if let Some(t) = v.to { dt { "Ended" } dd { (clock.at(t)) } }
                dt { "Worker" } dd { a href=(worker_at(&v.worker)) { (outside(&v.worker, 60)) } }
                @for s in &v.sources {
                    @if !s.repository.is_empty() { dt { "Repository" } dd { (outside(&s.repository, 100)) } }
                    @if !s.branch.is_empty() { dt { "Branch" } dd { (outside(&s.branch, 80)) } }
                    @if !s.revision.is_empty() { dt { "Revision" } dd.rev { (outside(&s.revision, 48)) } }
                    @if let Some(patch) = &s.patch { (patch.fact()) }
                }
                @if !v.state.is_empty() && !v.mark.is_bad() { dt { "Said" } dd { (outside(&v.state, 200)) } }
            }
        }
    }
}

fn relative((builder, number, mark): &(String, i64, Mark)) -> Markup {
    html! { (mark.shape_svg()) " " a href=(build_at(builder, *number)) { (outside(builder, 40)) " " (number) } " " span.faint { (mark.word()) } }
}

fn attempts(v: &Build, clock: &Clock) -> Markup {
    html! {
        @if !v.triggered.is_empty() {
            section aria-labelledby="triggered" {
                h2 #triggered { (count(v.triggered.len(), "build asked for", "builds asked for")) }
                ul.plain { @for build in &v.triggered { li { (relative(build)) } } }
            }
        }
        @if !v.attempts.is_empty() {
            section aria-labelledby="attempts" {
                h2 #attempts { "Other builds of this source" }
                ul.plain { @for (number, mark, at) in &v.attempts {
                    li { (mark.shape_svg()) " " a href=(build_at(&v.builder, *number)) { "Build " (number) } " " span.faint { (mark.word()) ", " (clock.ago(*at)) } }
                } }
            }
        }
        @if !v.refused.is_empty() {
            section aria-labelledby="refused" {
                h2 #refused { "Late answers, refused" }
                ul.plain { @for (at, what) in v.refused.iter().take(20) { li { (outside(what, 160)) " " span.faint { (clock.ago(*at)) } } } }
            }
        }
    }
}
