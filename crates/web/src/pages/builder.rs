//! The list of builders, and one builder: what it is for, what it does now, its last builds and its steps over time.

use super::bars::{Bar, bars, trend};
use super::clock::Clock;
use super::force;
use super::layout::{Frame, Page, Room, act, build_at, builder_at, crumbs, headline, worker_at};
use super::mark::{Mark, Outcome};
use super::text::{count, nothing, outside};
use maud::{Markup, html};
use model::{Span, Time};

/// One line of the list.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its name.
    pub(super) name: String,
    /// What it is for.
    pub(super) description: String,
    /// Its groups.
    pub(super) tags: Vec<String>,
    /// How its last finished build ended.
    pub(super) last: Mark,
    /// Its last builds, the newest last.
    pub(super) builds: Vec<Bar>,
    /// When the last one ended.
    pub(super) last_at: Option<Time>,
    /// Builds that run.
    pub(super) running: usize,
    /// Requests that wait.
    pub(super) waiting: usize,
    /// What a build usually takes.
    pub(super) usual: Option<Span>,
}

/// All builders.
#[derive(Debug)]
pub(super) struct Builders {
    /// Those that are shown.
    pub(super) rows: Vec<Listed>,
    /// What is shown only: `broken`, `running`, a tag.
    pub(super) only: Option<String>,
    /// All groups.
    pub(super) tags: Vec<String>,
    /// Rows that are left out.
    pub(super) left_out: usize,
}

/// The list.
pub(super) fn list(v: &Builders, clock: &Clock) -> Page {
    let bad = v.rows.iter().filter(|r| r.last.is_bad()).count();
    let icon = v.rows.iter().map(|r| r.last).filter(|m| m.is_bad()).max().unwrap_or(match v.rows.is_empty() {
        true => Mark::Absent,
        false => Mark::Done(Outcome::Passed),
    });
    let chip = |value: Option<&str>, word: &str| {
        let address = value.map_or("/builders".to_owned(), |t| format!("/builders?only={}", super::text::segment(t)));
        html! { a href=(address) aria-current=[(v.only.as_deref() == value).then_some("true")] { (outside(word, 24)) } }
    };
    let body = html! {
        (headline(icon, &html! {
            (count(v.rows.len() + v.left_out, "builder", "builders"))
            @if bad > 0 { ", " (bad) " broken" }
        }))
        nav.chips aria-label="Filter" {
            (chip(None, "All")) (chip(Some("broken"), "Broken")) (chip(Some("running"), "Running"))
            @for tag in v.tags.iter().take(30) { (chip(Some(tag), tag)) }
        }
        @if v.rows.is_empty() {
            section.lesson { p { "No builder to show. A builder is defined in " code { "master.star" } " with " code { "builder(\"name\", workers = […], steps = […])" } "." } }
        } @else {
            div.scroll { table.list {
                thead { tr {
                    th scope="col" { "Builder" } th scope="col" { "Last" } th scope="col" { "Builds" }
                    th.num scope="col" { "Usually" } th scope="col" { "Now" }
                } }
                tbody { @for row in &v.rows { (list_row(row, clock)) } }
            } }
            @if v.left_out > 0 { p.more { (count(v.left_out, "more builder is", "more builders are")) " not listed: choose a tag." } }
        }
    };
    Page {
        title: "Builders".to_owned(),
        icon,
        room: Room::Builders,
        listen: "builds/*/* buildrequests/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn list_row(row: &Listed, clock: &Clock) -> Markup {
    html! {
        tr {
            th scope="row" {
                a.name href=(builder_at(&row.name)) { (outside(&row.name, 40)) }
                @for tag in row.tags.iter().take(4) { " " span.tag { (outside(tag, 20)) } }
                @if !row.description.is_empty() { p.faint { (outside(&row.description, 80)) } }
            }
            td { (row.last.badge()) @if let Some(t) = row.last_at { " " span.faint { (clock.ago(t)) } } }
            td { (bars(&row.name, &row.builds, super::bars::Size::Small)) }
            td.num { @match row.usual { Some(span) => { (span) }, None => { span.faint { "–" } } } }
            td {
                @if row.running > 0 { (Mark::Running.shape_svg()) " " (row.running) " " }
                @if row.waiting > 0 { (Mark::Waiting.shape_svg()) " " (row.waiting) " waiting" }
                @if row.running + row.waiting == 0 { span.faint { "idle" } }
            }
        }
    }
}

/// One builder.
#[derive(Debug)]
pub(super) struct Builder {
    /// Its name, what it is for and its groups.
    pub(super) name: String,
    /// What it is for.
    pub(super) description: String,
    /// Its groups.
    pub(super) tags: Vec<String>,
    /// It is in the present configuration.
    pub(super) configured: bool,
    /// Where it is defined.
    pub(super) defined_at: Option<String>,
    /// Its workers, and how each stands, in a word.
    pub(super) workers: Vec<(String, &'static str)>,
    /// What a build usually takes.
    pub(super) usual: Option<Span>,
    /// Its last builds, the newest first.
    pub(super) builds: Vec<Past>,
    /// Builds that run.
    pub(super) running: Vec<super::home::Running>,
    /// Requests that wait.
    pub(super) waiting: Vec<super::home::Waiting>,
    /// Steps of the last builds, by name: what each took, the newest last, and what it usually takes.
    pub(super) steps: Vec<(String, Vec<Bar>, Option<Span>)>,
    /// It is broken since this build, which ended then.
    pub(super) broken: Option<(i64, Time)>,
    /// Forms of the force schedulers that have it.
    pub(super) forces: Vec<force::Form>,
    /// There are builds before those listed.
    pub(super) older: Option<i64>,
}

/// A finished or running build in a list.
#[derive(Clone, Debug)]
pub(super) struct Past {
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
    /// The revision, short.
    pub(super) revision: String,
    /// The branch.
    pub(super) branch: String,
    /// The worker.
    pub(super) worker: String,
}

/// The page of one builder.
pub(super) fn page(v: &Builder, frame: &Frame, clock: &Clock) -> Page {
    let last = v.builds.iter().find(|b| b.to.is_some());
    let icon = last.map_or(if v.running.is_empty() { Mark::Absent } else { Mark::Running }, |b| b.mark);
    let body = html! {
        (crumbs(&[("/builders".to_owned(), "Builders")]))
        (headline(icon, &html! { (sentence(v, last, clock)) }))
        p.under {
            @if v.description.is_empty() { "No description" } @else { (outside(&v.description, 300)) }
            @if let Some(place) = &v.defined_at { " · defined at " code { (outside(place, 80)) } }
            @for tag in &v.tags { " " a.tag href={ "/builders?only=" (super::text::segment(tag)) } { (outside(tag, 24)) } }
        }
        div.columns {
            div.wide {
                (super::queue::running(&v.running, clock))
                (super::queue::waiting(&v.waiting, clock))
                (history(v))
                (builds(v, clock))
            }
            aside.narrow aria-label="Workers, steps and force" {
                (force(v, frame))
                (workers(v))
                (steps(v))
            }
        }
    };
    let listen = "builds/*/* buildrequests/*/* steps/*/*".to_owned();
    Page { title: v.name.clone(), icon, room: Room::Builders, listen, class: "builder", body }
}

fn sentence(v: &Builder, last: Option<&Past>, clock: &Clock) -> Markup {
    html! {
        (outside(&v.name, 60)) " "
        @match (v.broken, last) {
            (Some((build, since)), _) => { "is broken since " a href=(build_at(&v.name, build)) { "build " (build) } ", " (clock.ago(since)) },
            (None, Some(b)) if b.mark == Mark::Done(Outcome::Passed) => { "is well: build " (b.number) " passed " @if let Some(t) = b.to { (clock.ago(t)) } },
            (None, Some(b)) => { ": build " (b.number) " ended with " (b.mark.word()) },
            (None, None) if !v.running.is_empty() => { "builds for the first time" },
            (None, None) => { "has not built anything yet" },
        }
        @if !v.configured { " (no longer configured)" }
    }
}

fn history(v: &Builder) -> Markup {
    let mut newest_last: Vec<Bar> = v
        .builds
        .iter()
        .take(50)
        .filter_map(|b| Some(Bar { number: b.number, mark: b.mark, took: b.to?.since(b.from) }))
        .collect();
    newest_last.reverse();
    if newest_last.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="last" {
            h2 #last { "Last " (count(newest_last.len(), "build", "builds")) @if let Some(usual) = v.usual { span.faint { " · a good one usually takes " (usual) } } }
            (bars(&v.name, &newest_last, super::bars::Size::Large))
        }
    }
}

fn builds(v: &Builder, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="builds" {
            h2 #builds { "Builds" }
            @if v.builds.is_empty() {
                p.lesson { "No build yet. Force one here, or push a change that a scheduler of this builder looks for." }
            } @else {
                div.scroll { table.list {
                    thead { tr { th scope="col" { "Build" } th scope="col" { "Result" } th scope="col" { "Source" } th.num scope="col" { "Took" } th scope="col" { "Began" } th scope="col" { "Worker" } } }
                    tbody { @for b in &v.builds { (build_row(&v.name, b, clock)) } }
                } }
                @if let Some(before) = v.older { p.more { a href={ (builder_at(&v.name)) "?before=" (before) } { "Older builds" } } }
            }
        }
    }
}

/// What a build's own line says beyond its result.
fn beyond(b: &Past) -> Option<&str> {
    if matches!(b.mark, Mark::Running | Mark::Done(Outcome::Passed)) {
        return None;
    }
    let rest = b.state.strip_prefix(b.mark.word()).unwrap_or(&b.state).trim();
    (!rest.is_empty()).then_some(rest)
}

/// One build as a row of a table.
pub(super) fn build_row(builder: &str, b: &Past, clock: &Clock) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(build_at(builder, b.number)) { (b.number) } }
            td { (b.mark.badge()) @if let Some(more) = beyond(b) { " " span.faint { (outside(more, 60)) } } }
            td { @if !b.revision.is_empty() { span.rev { (outside(&b.revision, 16)) } " " } span.faint { (outside(&b.branch, 40)) } }
            td.num { @match b.to { Some(t) => { (t.since(b.from)) }, None => { (clock.lasting(b.from)) } } }
            td { (clock.ago(b.from)) }
            td { a href=(worker_at(&b.worker)) { (outside(&b.worker, 30)) } }
        }
    }
}

fn force(v: &Builder, frame: &Frame) -> Markup {
    if v.forces.is_empty() || !v.configured {
        return html! {
            section aria-labelledby="force" {
                h2 #force { "Force" }
                p.faint { "No force scheduler has this builder. Add " code { "schedulers.force(\"force\", builders = [\"" (outside(&v.name, 40)) "\"])" } "." }
            }
        };
    }
    html! {
        section aria-labelledby="force" {
            h2 #force { "Force a build" }
            @if !frame.may_act() {
                p { a.button href=(frame.login()) { "Log in to force" } }
            } @else {
                @for form in &v.forces { (force::form(form, &builder_at(&v.name), v.forces.len())) }
            }
        }
    }
}

fn workers(v: &Builder) -> Markup {
    html! {
        section aria-labelledby="workers" {
            h2 #workers { "Workers" }
            ul.plain { @for (name, word) in &v.workers { li { a href=(worker_at(name)) { (outside(name, 40)) } " " span.faint { (word) } } } }
        }
    }
}

fn steps(v: &Builder) -> Markup {
    if v.steps.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps over time" }
            table.strips { tbody {
                @for (name, bars, usual) in &v.steps {
                    tr {
                        th scope="row" { (outside(name, 24)) }
                        td { (trend(name, bars)) }
                        td.num { @if let Some(usual) = usual { (usual) } }
                    }
                }
            } }
        }
    }
}

/// The button that stops or repeats a build.
pub(super) fn acts(builder: &str, number: i64, running: bool, frame: &Frame) -> Markup {
    let at = build_at(builder, number);
    html! {
        div.acts {
            @if running { (act(frame, &format!("{at}/stop"), "Stop", &[])) }
            @else { (act(frame, &format!("{at}/rebuild"), "Rebuild", &[])) }
        }
    }
}
