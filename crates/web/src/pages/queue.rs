//! What waits, each with the one true reason; and one request.

use super::clock::{Clock, eta};
use super::home::{Running, Waiting, progress};
use super::layout::{Frame, Page, Room, act, build_at, builder_at, crumbs, headline};
use super::lock;
use super::mark::Mark;
use super::text::{count, nothing, outside};
use maud::{Markup, html};
use model::{LockView, Time};

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Requests that wait, in the order in which they go; not all of them.
    pub(super) waiting: Vec<Waiting>,
    /// All that wait.
    pub(super) total: usize,
    /// Builds that run.
    pub(super) running: Vec<Running>,
    /// Locks, as far as they are configured.
    pub(super) locks: Vec<LockView>,
    /// Schedulers there are.
    pub(super) schedulers: usize,
}

/// The page of the queue.
pub(super) fn page(v: &Queue, frame: &Frame, clock: &Clock) -> Page {
    let oldest = v.waiting.iter().map(|w| w.since).min();
    let icon = if v.total > 0 { Mark::Waiting } else { Mark::Absent };
    let body = html! {
        (headline(icon, &html! {
            @match oldest {
                Some(t) => { (count(v.total, "request waits", "requests wait")) ", the oldest for " (clock.lasting(t)) },
                None => { "Nothing waits" },
            }
        }))
        @if v.waiting.is_empty() { p.under { "A request waits here while its workers are busy, paused or away, and says which." } }
        @else {
            section aria-labelledby="queue" {
                h2 #queue { "In this order" }
                ol.rows.queue { @for w in &v.waiting {
                    li.wait {
                        (Mark::Waiting.sign())
                        div.what { a.name href={ "/requests/" (w.request) } { (outside(&w.builder, 40)) } " " span.faint { (outside(&w.why, 200)) } }
                        div.when { (clock.lasting(w.since)) }
                        (act(frame, &format!("/requests/{}/cancel", w.request), "Cancel", &[("next", "/queue")]))
                    }
                } }
                @if v.total > v.waiting.len() { p.more { (count(v.total - v.waiting.len(), "more", "more")) " behind these" } }
            }
        }
        (lock::locks(&v.locks, clock))
        (running(&v.running, clock))
        p.more { a href="/schedulers" { (count(v.schedulers, "scheduler", "schedulers")) } " · " a href="/outbox" { "outbox" } }
    };
    Page {
        title: format!("Queue ({})", v.total),
        icon,
        room: Room::Queue,
        listen: "buildrequests/*/* builds/*/*".to_owned(),
        class: "list",
        body,
    }
}

/// Running builds as a section; nothing when there are none.
pub(super) fn running(rows: &[Running], clock: &Clock) -> Markup {
    if rows.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="running" {
            h2 #running { "Running" }
            ul.rows { @for r in rows.iter().take(50) {
                li.run {
                    (Mark::Running.sign())
                    div.what {
                        a.name href=(build_at(&r.builder, r.number)) { (outside(&r.builder, 40)) " " (r.number) }
                        @if let Some(step) = &r.step { " " em { (outside(step, 40)) } }
                        span.faint { " on " (outside(&r.worker, 30)) }
                    }
                    (progress(r.since, r.ends, clock.now))
                    div.when { @match r.ends { Some(ends) => { (eta(ends, clock.now)) }, None => { (clock.lasting(r.since)) " so far" } } }
                }
            } }
        }
    }
}

/// Waiting requests as a section; nothing when there are none.
pub(super) fn waiting(rows: &[Waiting], clock: &Clock) -> Markup {
    if rows.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="waiting" {
            h2 #waiting { "Waiting" }
            ul.rows { @for w in rows.iter().take(20) {
                li.wait {
                    (Mark::Waiting.sign())
                    div.what { a.name href={ "/requests/" (w.request) } { "Request " (w.request) } " " span.faint { (outside(&w.why, 200)) } }
                    div.when { (clock.lasting(w.since)) }
                }
            } }
        }
    }
}

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    /// Its id.
    pub(super) id: i64,
    /// Its builder.
    pub(super) builder: String,
    /// How it stands.
    pub(super) mark: Mark,
    /// Since when it waits, or when it was filed.
    pub(super) since: Time,
    /// When it ended.
    pub(super) ended: Option<Time>,
    /// Why it waits.
    pub(super) why: Option<String>,
    /// Who wanted it to end, and why.
    pub(super) cancel: Option<String>,
    /// Why it was filed.
    pub(super) reason: String,
    /// Who filed it.
    pub(super) scheduler: String,
    /// Higher goes first.
    pub(super) priority: i64,
    /// How often it was lost and tried again.
    pub(super) retries: u32,
    /// Its builds: number, state, begin.
    pub(super) builds: Vec<(i64, Mark, Time)>,
    /// Requests of the same set: id, builder, state.
    pub(super) siblings: Vec<(i64, String, Mark)>,
    /// Branch and revision, a line per codebase.
    pub(super) sources: Vec<String>,
}

/// The page of one request.
pub(super) fn request(v: &Request, frame: &Frame, clock: &Clock) -> Page {
    let body = html! {
        (crumbs(&[("/queue".to_owned(), "Queue"), (builder_at(&v.builder), &v.builder)]))
        div.split {
            (headline(v.mark, &html! {
                @match (v.mark, &v.why) {
                    (Mark::Waiting, Some(why)) => { "Waiting for " (clock.lasting(v.since)) ": " (outside(why, 200)) },
                    (Mark::Waiting, None) => { "Waiting for " (clock.lasting(v.since)) },
                    (Mark::Running, _) => { "Being built" },
                    (mark, _) => { "Request " (v.id) " " (mark.word()) @if let Some(t) = v.ended { " " (clock.ago(t)) } },
                }
            }))
            div.acts { @if v.ended.is_none() { (act(frame, &format!("/requests/{}/cancel", v.id), "Cancel", &[])) } }
        }
        p.under { "Request " (v.id) " for " a href=(builder_at(&v.builder)) { (outside(&v.builder, 60)) } ", filed " (clock.ago(v.since)) ": " (outside(&v.reason, 200)) }
        div.columns {
            div.wide {
                section aria-labelledby="builds" {
                    h2 #builds { "Builds of it" }
                    @if v.builds.is_empty() { p.faint { "None yet." } }
                    ul.rows { @for (number, mark, at) in &v.builds {
                        li { (mark.sign()) div.what { a.name href=(build_at(&v.builder, *number)) { "Build " (number) } " " span.faint { (mark.word()) } } div.when { (clock.ago(*at)) } }
                    } }
                }
                @if !v.siblings.is_empty() {
                    section aria-labelledby="set" {
                        h2 #set { "Asked for together with" }
                        ul.rows { @for (id, builder, mark) in v.siblings.iter().take(100) {
                            li { (mark.sign()) div.what { a href={ "/requests/" (id) } { (outside(builder, 40)) } " " span.faint { (mark.word()) } } }
                        } }
                    }
                }
            }
            aside.narrow aria-label="Facts" {
                section aria-labelledby="facts" {
                    h2 #facts { "Facts" }
                    dl {
                        @if let Some(why) = &v.cancel { dt { "Cancelled" } dd { (outside(why, 200)) } }
                        dt { "Filed by" } dd { (outside(&v.scheduler, 60)) }
                        dt { "Priority" } dd { (v.priority) }
                        @if v.retries > 0 { dt { "Lost" } dd { (count(v.retries as usize, "time", "times")) ", tried again" } }
                        @for s in &v.sources { dt { "Source" } dd { (outside(s, 120)) } }
                    }
                }
            }
        }
    };
    let listen = if v.ended.is_none() { format!("buildrequests/{}/* builds/*/*", v.id) } else { String::new() };
    Page { title: format!("Request {}", v.id), icon: v.mark, room: Room::Queue, listen, class: "request", body }
}
