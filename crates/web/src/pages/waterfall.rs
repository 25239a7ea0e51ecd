//! The waterfall: time runs down from now, one column per builder, steps drawn to scale, changes at their moment.

mod axis;
mod column;
mod past;

use super::clock::Clock;
use super::layout::{Page, Room, headline};
use super::mark::{Mark, Outcome};
use super::text::{count, nothing, outside, segment};
use axis::Axis;
use maud::{Markup, html};
use model::{Span, Time};

/// What the waterfall shows.
#[derive(Debug)]
pub(super) struct Waterfall {
    /// The columns, those of one group beside each other.
    pub(super) columns: Vec<Column>,
    /// Changes of the time that is shown, the newest first.
    pub(super) changes: Vec<ChangeMark>,
    /// The upper end: now, or the moment that was asked for.
    pub(super) late: Time,
    /// The lower end.
    pub(super) early: Time,
    /// The upper end is now.
    pub(super) live: bool,
    /// There is history before the lower end.
    pub(super) more: bool,
    /// All groups that there are.
    pub(super) tags: Vec<String>,
    /// What is shown only.
    pub(super) filter: Filter,
    /// Columns that are left out because there are too many.
    pub(super) left_out: usize,
}

/// What a reader asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// Only these builders; empty is all.
    pub(super) builders: Vec<String>,
    /// Only builders of one of these groups; empty is all.
    pub(super) tags: Vec<String>,
}

/// One builder.
#[derive(Debug)]
pub(super) struct Column {
    /// Its name.
    pub(super) builder: String,
    /// Its first group; empty is none.
    pub(super) group: String,
    /// How its last finished build ended, or that there is none.
    pub(super) last: Mark,
    /// When that ended.
    pub(super) last_at: Option<Time>,
    /// Its builds, the newest first.
    pub(super) builds: Vec<Block>,
    /// Requests that wait, with why.
    pub(super) waiting: Vec<(i64, String)>,
    /// None of its workers has been there since.
    pub(super) away_since: Option<Time>,
}

/// One build.
#[derive(Debug)]
pub(super) struct Block {
    /// Its number.
    pub(super) number: i64,
    /// How it stands.
    pub(super) mark: Mark,
    /// When it began.
    pub(super) from: Time,
    /// When it ended, or now.
    pub(super) to: Time,
    /// Its steps, in order.
    pub(super) steps: Vec<Piece>,
}

/// One step.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its name.
    pub(super) name: String,
    /// How it stands.
    pub(super) mark: Mark,
    /// When it began.
    pub(super) from: Time,
    /// When it ended, or now.
    pub(super) to: Time,
}

/// One change.
#[derive(Debug)]
pub(super) struct ChangeMark {
    /// Its id.
    pub(super) id: i64,
    /// When it came.
    pub(super) at: Time,
    /// Who wrote it.
    pub(super) author: String,
    /// Its revision, short.
    pub(super) revision: String,
    /// The first line of its message.
    pub(super) title: String,
}

impl Filter {
    /// The query part of an address with this filter, and `before` when it is not now.
    pub(super) fn query(&self, before: Option<Time>) -> String {
        let mut parts: Vec<String> = self.builders.iter().map(|b| format!("builder={}", segment(b))).collect();
        parts.extend(self.tags.iter().map(|t| format!("tag={}", segment(t))));
        parts.extend(before.map(|t| format!("before={}", t.as_seconds())));
        if parts.is_empty() { "/waterfall".to_owned() } else { format!("/waterfall?{}", parts.join("&")) }
    }
}

/// The time before a change that is drawn at the scale of a build.
const ROOM: Span = Span::seconds(20);

/// The page.
pub(super) fn page(v: &Waterfall, clock: &Clock) -> Page {
    let mut busy: Vec<(Time, Time)> = v.columns.iter().flat_map(|c| c.builds.iter().map(|b| (b.from, b.to))).collect();
    // A change has room for its line, below its moment.
    busy.extend(v.changes.iter().map(|c| (c.at - ROOM, c.at)));
    let axis = Axis::new(v.late, v.early, &busy);
    let bad = v.columns.iter().filter(|c| c.last.is_bad()).count();
    let icon = match bad {
        0 if v.columns.iter().all(|c| c.last == Mark::Absent) => Mark::Absent,
        0 => Mark::Done(Outcome::Passed),
        _ => v.columns.iter().map(|c| c.last).filter(|m| m.is_bad()).max().unwrap_or(Mark::Absent),
    };
    let body = html! {
        div.fallhead {
            (headline(icon, &html! { (sentence(v, bad, clock)) }))
            (filters(v))
        }
        @if v.columns.is_empty() { (empty(v)) } @else { (fall(v, &axis, clock)) }
    };
    let listen = if v.live { "builds/*/* buildrequests/*/* changes/*/* steps/*/*" } else { "" };
    let title = if bad == 0 { "Waterfall".to_owned() } else { format!("{bad} red · Waterfall") };
    Page { title, icon, room: Room::Waterfall, listen: listen.to_owned(), class: "falling", body }
}

fn sentence(v: &Waterfall, bad: usize, clock: &Clock) -> Markup {
    let running = v.columns.iter().flat_map(|c| &c.builds).filter(|b| b.mark == Mark::Running).count();
    html! {
        @if v.columns.is_empty() {
            "No builder to show"
        } @else if !v.live {
            "Up to " (clock.at(v.late))
        } @else {
            @if bad == 0 { "No builder is red" } @else { (count(bad, "builder is red", "builders are red")) }
            @if running > 0 { ", " (count(running, "build runs", "builds run")) }
        }
    }
}

fn filters(v: &Waterfall) -> Markup {
    if v.tags.is_empty() && v.filter.builders.is_empty() {
        return nothing();
    }
    let on = |tag: &String| v.filter.tags.contains(tag);
    let before = (!v.live).then_some(v.late);
    html! {
        nav.chips aria-label="Filter" {
            a href=(Filter::default().query(before)) aria-current=[(v.filter.builders.is_empty() && v.filter.tags.is_empty()).then_some("true")] { "All" }
            @for tag in v.tags.iter().take(30) {
                a href=(Filter { tags: vec![tag.clone()], ..Filter::default() }.query(before)) aria-current=[on(tag).then_some("true")] { (outside(tag, 24)) }
            }
            @for builder in &v.filter.builders { a href="/waterfall" aria-current="true" { (outside(builder, 30)) } }
        }
    }
}

fn empty(v: &Waterfall) -> Markup {
    html! {
        section.lesson {
            @if v.filter.builders.is_empty() && v.filter.tags.is_empty() {
                p { "No builder is configured. Each builder gets a column here; its builds fall down from the line of now." }
            } @else {
                p { "No builder has that name or tag. " a href="/waterfall" { "Show all" } }
            }
        }
    }
}

fn fall(v: &Waterfall, axis: &Axis, clock: &Clock) -> Markup {
    let ticks = axis.ticks(72.0);
    let height = (axis.height().ceil() as i64).max(40);
    let groups = v.columns.iter().any(|c| !c.group.is_empty());
    html! {
        div.fall tabindex="0" role="region" aria-label="Builds by builder and time" {
            table {
                thead {
                    @if groups { (group_row(v)) }
                    tr.names {
                        th.corner scope="col" { "Changes" }
                        @for c in &v.columns { (column::head(c, clock)) }
                    }
                }
                tbody {
                    @if v.columns.iter().any(|c| !c.waiting.is_empty()) {
                        tr.pending {
                            th scope="row" { "Waiting" }
                            @for c in &v.columns { td { (column::waiting(c)) } }
                        }
                    }
                    tr.time {
                        th scope="row" { (past::side(v, axis, &ticks, height, clock)) }
                        @for c in &v.columns { td { (column::picture(c, v, axis, &ticks, height)) } }
                    }
                }
            }
            p.more {
                @if !v.live { a href=(v.filter.query(None)) { "Back to now" } " · " }
                @if v.more { a href=(v.filter.query(Some(v.early))) { "Earlier than " (clock.at(v.early)) } }
                @else { span.faint { "Nothing was built before this." } }
                @if v.left_out > 0 { " " span.faint { (count(v.left_out, "builder is", "builders are")) " left out: choose a tag." } }
            }
        }
    }
}

fn group_row(v: &Waterfall) -> Markup {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for c in &v.columns {
        match groups.last_mut() {
            Some((name, n)) if *name == c.group => *n += 1,
            _ => groups.push((&c.group, 1)),
        }
    }
    html! {
        tr.groups {
            td.corner {}
            @for (name, n) in groups {
                @if name.is_empty() { td colspan=(n) {} } @else { th scope="colgroup" colspan=(n) { (outside(name, 40)) } }
            }
        }
    }
}
