//! One log: a real document with line numbers, paged without a script, endless with one.

use super::clock::Clock;
use super::layout::{Page, Room, build_at, builder_at, crumbs, headline};
use super::line::{Row, rows};
use super::mark::Mark;
use super::text::{bytes, count, outside, thousands};
use api::Short;
use maud::{Markup, html};
use model::Time;

/// How many lines a page without a script has.
pub(super) const PAGE: u64 = 1000;
/// At most so many lines in one piece for the script.
pub(super) const MOST_PIECE: u64 = 500;
/// At most so many bytes of text in one answer.
pub(super) const MOST_BYTES: usize = 2 << 20;

/// What the page of a log shows.
#[derive(Debug)]
pub(super) struct Log {
    /// The log's id, for events.
    pub(super) id: i64,
    /// The build's id, for events.
    pub(super) build: i64,
    /// The builder.
    pub(super) builder: String,
    /// The build's number.
    pub(super) number: i64,
    /// The step's name.
    pub(super) step: String,
    /// The step's state.
    pub(super) mark: Mark,
    /// When the step began.
    pub(super) from: Time,
    /// When it ended.
    pub(super) to: Option<Time>,
    /// The log's name.
    pub(super) name: String,
    /// The address of this page without a query.
    pub(super) here: String,
    /// All lines so far.
    pub(super) lines: u64,
    /// All bytes so far.
    pub(super) bytes: u64,
    /// It does not grow any more.
    pub(super) sealed: bool,
    /// Other logs of the step: name and address.
    pub(super) others: Vec<(String, String)>,
    /// The rows of this page.
    pub(super) rows: Vec<Row>,
    /// The first line that says what is wrong, from 1, when the step ended badly.
    pub(super) error: Option<u64>,
    /// It could not be read, with the reason.
    pub(super) trouble: Option<String>,
    /// Its end is not here.
    pub(super) short: Option<Short>,
}

/// The page.
pub(super) fn page(v: &Log, clock: &Clock) -> Page {
    let body = html! {
        div.loghead {
            (crumbs(&[(builder_at(&v.builder), &v.builder), (build_at(&v.builder, v.number), &format!("build {}", v.number))]))
            (headline(v.mark, &html! { (sentence(v, clock)) }))
            div.tools {
                span.facts #log-facts {
                    (thousands(v.lines)) (if v.lines == 1 { " line" } else { " lines" }) ", " (bytes(v.bytes))
                    @if !v.sealed { ", growing" }
                }
                @if let Some(n) = v.error { a href={ (v.here) "?from=" (n.saturating_sub(40)) "#L" (n) } { "First error, line " (n) } }
                @for (name, address) in &v.others { a href=(address) { (outside(name, 30)) } }
                a href={ "/api/v2/logs/" (v.id) "/raw_inline" } { "Raw" }
                button #follow type="button" hidden aria-pressed="false" { "Follow the end" }
                (pager(v))
            }
        }
        @if let Some(short) = &v.short { p.bad { "This log is cut short: " (outside(&short.to_string(), 300)) "." } }
        @if let Some(trouble) = &v.trouble { p.bad { (outside(trouble, 300)) } }
        @else if v.lines == 0 && v.short.is_none() {
            p.lesson { @if v.sealed { "The command said nothing." } @else { "Nothing said yet. Lines appear here as they come." } }
        }
        div #log .log data-lines=(v.lines) data-at={ (v.here) "/lines" } data-growing=(if v.sealed { "no" } else { "yes" })
            data-hit=[v.error] data-build=(v.build) data-log=(v.id) role="region" aria-label="Lines of the log" tabindex="0" {
            div.lines { (rows(&v.rows, v.error)) }
        }
        (pager(v))
    };
    let title = format!("{} of {} {}", v.step, v.builder, v.number);
    Page { title, icon: v.mark, room: Room::Builders, listen: String::new(), class: "reader", body }
}

fn sentence(v: &Log, clock: &Clock) -> Markup {
    html! {
        em { (outside(&v.step, 60)) } " "
        @match v.to {
            Some(to) => { (v.mark.word()) " after " (to.since(v.from)) },
            None => { "runs for " (clock.lasting(v.from)) },
        }
        @if v.name != "stdio" { span.faint { " · " (outside(&v.name, 60)) } }
    }
}

/// The way to other pages of the log; the script takes it away.
fn pager(v: &Log) -> Markup {
    let first = v.rows.first().map_or(0, |r| r.number.saturating_sub(1));
    let end = v.rows.last().map_or(0, |r| r.number);
    let last = v.lines.saturating_sub(1) / PAGE * PAGE;
    let at = |from: u64| format!("{}?from={from}", v.here);
    if first == 0 && end >= v.lines {
        return super::text::nothing();
    }
    html! {
        nav.pager aria-label="Pages of the log" {
            @if first > 0 { a href=(at(0)) { "First" } a rel="prev" href=(at(first.saturating_sub(PAGE))) { "Previous" } }
            span { "lines " (thousands(first + 1)) " to " (thousands(end)) }
            @if end < v.lines { a rel="next" href=(at(end)) { "Next " (count(usize::try_from((v.lines - end).min(PAGE)).unwrap_or(0), "line", "lines")) } a href=(at(last)) { "Last" } }
        }
    }
}
