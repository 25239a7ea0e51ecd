//! Workers: the machines, who looks after them, what they do.

use super::builder::{Past, build_row};
use super::clock::Clock;
use super::layout::{Frame, Page, Room, act, builder_at, crumbs, headline, worker_at};
use super::mark::{Mark, Outcome};
use super::text::{count, outside};
use maud::{Markup, html};
use model::Time;

/// A worker in the list.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its name.
    pub(super) name: String,
    /// It is connected.
    pub(super) connected: bool,
    /// It is in the present configuration.
    pub(super) configured: bool,
    /// When it last came or went.
    pub(super) changed_at: Option<Time>,
    /// Takes no new builds, with the reason.
    pub(super) paused: Option<String>,
    /// What machine it is.
    pub(super) host: String,
    /// Operating system and architecture.
    pub(super) system: String,
    /// Who looks after it.
    pub(super) admin: String,
    /// Its version of Sluice.
    pub(super) version: String,
    /// Processors it may use.
    pub(super) cpus: u32,
    /// How many builds it may run.
    pub(super) most: Option<u32>,
    /// What it runs: builder and number.
    pub(super) runs: Vec<(String, i64)>,
}

impl Listed {
    fn mark(&self) -> Mark {
        match (self.connected, &self.paused, self.runs.is_empty()) {
            (false, ..) => Mark::Done(Outcome::Exception),
            (true, Some(_), _) => Mark::Done(Outcome::Cancelled),
            (true, None, false) => Mark::Running,
            (true, None, true) => Mark::Done(Outcome::Passed),
        }
    }

    /// How it stands, in a word.
    pub(super) fn word(&self) -> &'static str {
        match (self.configured, self.connected, &self.paused, self.runs.is_empty()) {
            (false, ..) => "no longer configured",
            (true, false, ..) if self.changed_at.is_none() => "not seen yet",
            (true, false, ..) => "away",
            (true, true, Some(_), _) => "paused",
            (true, true, None, false) => "busy",
            (true, true, None, true) => "free",
        }
    }
}

/// The list.
pub(super) fn list(rows: &[Listed], clock: &Clock) -> Page {
    let configured = rows.iter().filter(|w| w.configured).count();
    let away = rows.iter().filter(|w| w.configured && !w.connected).count();
    let icon = match (configured, away) {
        (0, _) => Mark::Absent,
        (_, 0) => Mark::Done(Outcome::Passed),
        _ => Mark::Done(Outcome::Exception),
    };
    let body = html! {
        (headline(icon, &html! { (sentence(configured, away, rows)) }))
        @if rows.is_empty() {
            section.lesson { p { "No worker is configured. " code { "local_worker(\"here\")" } " runs builds on the master's own machine; " code { "worker(\"name\", password = …)" } " lets another machine connect by itself." } }
        } @else {
            div.scroll { table.list {
                thead { tr { th scope="col" { "Worker" } th scope="col" { "State" } th scope="col" { "Runs" } th scope="col" { "System" } th scope="col" { "Looked after by" } } }
                tbody { @for w in rows { (row(w, clock)) } }
            } }
        }
    };
    Page {
        title: "Workers".to_owned(),
        icon,
        room: Room::Workers,
        listen: "workers/*/* builds/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn sentence(configured: usize, away: usize, rows: &[Listed]) -> String {
    let busy = rows.iter().filter(|w| !w.runs.is_empty()).count();
    match (configured, away) {
        (0, _) => "No worker is configured".to_owned(),
        (1, 0) => format!("The worker is here{}", if busy > 0 { " and busy" } else { "" }),
        (n, 0) => format!("All {n} workers are here, {busy} busy"),
        (n, away) => {
            format!("{away} of {} {} away", count(n, "worker", "workers"), if away == 1 { "is" } else { "are" })
        }
    }
}

fn row(w: &Listed, clock: &Clock) -> Markup {
    html! {
        tr {
            th scope="row" { a.name href=(worker_at(&w.name)) { (outside(&w.name, 40)) } }
            td { (w.mark().shape_svg()) " " (w.word()) @if let (false, Some(t)) = (w.connected, w.changed_at) { span.faint { " for " (clock.lasting(t)) } }
                @if let Some(reason) = &w.paused { p.faint { (outside(reason, 60)) } } }
            td { (runs(w)) }
            td { (outside(&w.system, 40)) @if w.cpus > 0 { span.faint { ", " (count(w.cpus as usize, "processor", "processors")) } } }
            td.faint { (outside(w.admin.lines().next().unwrap_or(""), 60)) }
        }
    }
}

fn runs(w: &Listed) -> Markup {
    html! {
        @for (i, (builder, number)) in w.runs.iter().enumerate() {
            @if i > 0 { ", " }
            a href=(super::layout::build_at(builder, *number)) { (outside(builder, 24)) " " (number) }
        }
        @if let Some(most) = w.most { span.faint { @if !w.runs.is_empty() { " · " } (w.runs.len()) " of " (most) } }
    }
}

/// One worker.
#[derive(Debug)]
pub(super) struct Worker {
    /// As in the list.
    pub(super) facts: Listed,
    /// Builders that may use it.
    pub(super) builders: Vec<String>,
    /// Its last builds with their builders, the newest first.
    pub(super) history: Vec<(String, Past)>,
}

/// The page of one worker.
pub(super) fn page(v: &Worker, frame: &Frame, clock: &Clock) -> Page {
    let w = &v.facts;
    let at = worker_at(&w.name);
    let body = html! {
        (crumbs(&[("/workers".to_owned(), "Workers")]))
        div.split {
            (headline(w.mark(), &html! {
                (outside(&w.name, 60)) " is " (w.word())
                @if let (false, Some(t)) = (w.connected, w.changed_at) { " for " (clock.lasting(t)) }
                @if let Some(reason) = &w.paused { ": " (outside(reason, 120)) }
            }))
            div.acts {
                @if w.paused.is_some() { (act(frame, &format!("{at}/resume"), "Take builds again", &[])) }
                @else if w.configured { (act(frame, &format!("{at}/pause"), "Pause", &[])) }
            }
        }
        p.under {
            @if w.host.is_empty() && w.system.is_empty() { "It has not told anything of itself yet." }
            @else { (outside(w.host.lines().next().unwrap_or(""), 160)) }
        }
        div.columns {
            div.wide {
                section aria-labelledby="history" {
                    h2 #history { "Builds" }
                    @if v.history.is_empty() { p.faint { "It has not built anything yet." } } @else {
                        div.scroll { table.list {
                            thead { tr { th scope="col" { "Build" } th scope="col" { "Result" } th scope="col" { "Source" } th.num scope="col" { "Took" } th scope="col" { "Began" } th scope="col" { "Builder" } } }
                            tbody { @for (builder, b) in &v.history { (history_row(builder, b, clock)) } }
                        } }
                    }
                }
            }
            aside.narrow aria-label="Facts" { (facts(v, clock)) }
        }
    };
    let listen = "workers/*/* builds/*/*".to_owned();
    Page { title: w.name.clone(), icon: w.mark(), room: Room::Workers, listen, class: "worker", body }
}

/// A row of a builder's list, with the builder in the place of the worker.
fn history_row(builder: &str, b: &Past, clock: &Clock) -> Markup {
    let row = build_row(builder, b, clock).into_string();
    let (worker, link) = (worker_at(&b.worker), builder_at(builder));
    let cut = row.rfind(&format!("<td><a href=\"{worker}\"")).map_or(row.as_str(), |i| &row[..i]);
    html! { (maud::PreEscaped(cut)) td { a href=(link) { (outside(builder, 30)) } } }
}

fn facts(v: &Worker, clock: &Clock) -> Markup {
    let w = &v.facts;
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                dt { "Runs" } dd { (runs(w)) @if w.runs.is_empty() && w.most.is_none() { "nothing" } }
                @if !w.admin.is_empty() { dt { "Looked after by" } dd { (outside(&w.admin, 200)) } }
                @if !w.host.is_empty() { dt { "Host" } dd { (outside(&w.host, 300)) } }
                @if !w.system.is_empty() { dt { "System" } dd { (outside(&w.system, 100)) } }
                @if w.cpus > 0 { dt { "Processors" } dd { (w.cpus) } }
                @if !w.version.is_empty() { dt { "Sluice" } dd { (outside(&w.version, 40)) } }
                @if let Some(t) = w.changed_at { dt { (if w.connected { "Connected" } else { "Last seen" }) } dd { (clock.ago(t)) } }
            }
        }
        section aria-labelledby="for" {
            h2 #for { "Builds for" }
            ul.plain { @for b in v.builders.iter().take(60) { li { a href=(builder_at(b)) { (outside(b, 40)) } } } }
            @if v.builders.is_empty() { p.faint { "No builder names it." } }
        }
    }
}
