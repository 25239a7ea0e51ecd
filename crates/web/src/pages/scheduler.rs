//! Schedulers: what each waits for, when it comes next, and whether it works.

use super::clock::Clock;
use super::layout::{Frame, Page, Room, act, builder_at, headline};
use super::mark::Mark;
use super::text::{count, outside, segment};
use maud::{Markup, html};
use model::{SchedulerSpec, Time};

/// All schedulers.
#[derive(Debug)]
pub(super) struct Schedulers {
    /// Those that are configured, in the order of the configuration.
    pub(super) rows: Vec<Row>,
}

/// A scheduler.
#[derive(Debug)]
pub(super) struct Row {
    /// As it is configured.
    pub(super) spec: SchedulerSpec,
    /// Nobody turned it off.
    pub(super) enabled: bool,
    /// When it comes next if nothing happens until then.
    pub(super) next: Option<Time>,
    /// Changes that wait with it.
    pub(super) changes: usize,
    /// When it last filed a set on its own.
    pub(super) last: Option<Time>,
    /// What a function of its own did wrong.
    pub(super) trouble: Option<String>,
}

/// The page.
pub(super) fn page(v: &Schedulers, frame: &Frame, clock: &Clock) -> Page {
    let off = v.rows.iter().filter(|r| !r.enabled).count();
    let next = v.rows.iter().filter(|r| r.enabled).filter_map(|r| Some((r.next?, &r.spec.name))).min();
    let body = html! {
        (headline(Mark::Absent, &html! {
            @match (off, next) {
                (0, Some((at, name))) => { "Next comes " em { (outside(name, 40)) } " " (clock.ago(at)) },
                (0, None) => { (count(v.rows.len(), "scheduler waits", "schedulers wait")) " for something to happen" },
                (n, _) => { (count(n, "scheduler is", "schedulers are")) " turned off" },
            }
        }))
        @if v.rows.is_empty() { p.under { "No scheduler is configured: nothing is built unless somebody forces it." } }
        ul.rows { @for row in &v.rows { (scheduler(row, frame, clock)) } }
    };
    Page {
        title: "Schedulers".to_owned(),
        icon: Mark::Absent,
        room: Room::Queue,
        listen: "schedulers/*/* changes/*/* buildsets/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn scheduler(row: &Row, frame: &Frame, clock: &Clock) -> Markup {
    let spec = &row.spec;
    let (word, action) = if row.enabled { ("Turn off", "disable") } else { ("Turn on", "enable") };
    html! {
        li.scheduler {
            div.what {
                span.name { (outside(&spec.name, 40)) } " " span.faint { (outside(&spec.kind.waits_for(), 120)) }
                p.faint {
                    @for (i, builder) in spec.builders.iter().take(20).enumerate() {
                        @if i > 0 { ", " }
                        a href=(builder_at(builder)) { (outside(builder, 40)) }
                    }
                    @if spec.builders.len() > 20 { " and " (spec.builders.len() - 20) " more" }
                }
                @if let Some(trouble) = &row.trouble { p.bad { (outside(trouble, 300)) } }
                @if row.changes > 0 { p { (count(row.changes, "change waits", "changes wait")) } }
            }
            div.when {
                @match (row.enabled, row.next, row.last) {
                    (false, ..) => { "off" },
                    (true, Some(at), _) => { (clock.ago(at)) },
                    (true, None, Some(at)) => { span.faint { "last " (clock.ago(at)) } },
                    (true, None, None) => {},
                }
            }
            (act(frame, &format!("/schedulers/{}/{action}", segment(&spec.name)), word, &[]))
        }
    }
}
