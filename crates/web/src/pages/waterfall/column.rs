//! One builder's column: its head, what waits, and its builds as a drawing.

use super::axis::Axis;
use super::{Block, Column, Piece, Waterfall};
use crate::pages::clock::Clock;
use crate::pages::layout::{build_at, builder_at};
use crate::pages::mark::Mark;
use crate::pages::text::{cut, outside};
use maud::{Markup, html};
use model::Time;
use std::fmt::Write as _;

/// Where the steps begin, right of the build's number.
const GUTTER: i64 = 52;
/// A step of this height has its name written in it.
const ROOM_FOR_TEXT: i64 = 14;

/// The name, with the last result.
pub(super) fn head(c: &Column, clock: &Clock) -> Markup {
    html! {
        th scope="col" class=(c.last.class()) {
            a.name href=(builder_at(&c.builder)) { (c.last.shape_svg()) " " (outside(&c.builder, 30)) }
            span.faint { (c.last.word()) @if let Some(t) = c.last_at { " " (clock.ago(t)) } }
        }
    }
}

/// Requests above the line of now.
pub(super) fn waiting(c: &Column) -> Markup {
    html! {
        @for (request, why) in c.waiting.iter().take(3) {
            a.waits href={ "/requests/" (request) } title=(cut(why, 300)) { (Mark::Waiting.shape_svg()) " " (cut(why, 60)) }
        }
        @if c.waiting.len() > 3 { a.waits href="/queue" { (c.waiting.len() - 3) " more wait" } }
    }
}

/// The builds of the time that is shown.
pub(super) fn picture(c: &Column, v: &Waterfall, axis: &Axis, ticks: &[(Time, f64)], height: i64) -> Markup {
    let mut grid = String::new();
    for (_, y) in ticks {
        let _ = write!(grid, "M0 {}h4000", y.round());
    }
    html! {
        svg.builds width="100%" height=(height) role="group" aria-label={ "Builds of " (cut(&c.builder, 60)) } {
            path.grid d=(grid) {}
            @if let Some(since) = c.away_since {
                @let bottom = axis.y(since).min(axis.height());
                rect.away x="0" y="0" width="100%" height=(bottom.round().max(6.0)) { title { "No worker of this builder is connected" } }
            }
            @for f in axis.folds() { rect.fold x="0" y=(f.top.round() + 4.0) width="100%" height=(f.height.round() - 8.0) {} }
            @for b in &c.builds { (block(c, b, v, axis)) }
        }
    }
}

fn block(c: &Column, b: &Block, v: &Waterfall, axis: &Axis) -> Markup {
    let top = axis.y(b.to).round() as i64;
    let height = ((axis.y(b.from).round() as i64) - top).max(4);
    let at = build_at(&c.builder, b.number);
    let words = format!("build {} {} after {}", b.number, b.mark.word(), b.to.since(b.from));
    html! {
        svg y=(top) width="100%" height=(height) {
            rect.ground x="0" y="0" width="100%" height=(height) {}
            a.build href=(at) aria-label=(words) {
                title { (words) }
                rect.gutter x="0" y="0" width=(GUTTER - 2) height=(height - 1) {}
                rect class={ "edge " (b.mark.class()) } x="0" y="0" width="4" height=(height - 1) {}
                g class={ "m " (b.mark.class()) } transform="translate(8 6) scale(.75)" { (path(b.mark)) }
                @if height >= 16 { text.number x="22" y="16" { (b.number) } }
            }
            @for s in &b.steps { (piece(&at, s, b, v, axis, top)) }
        }
    }
}

/// The shape's own path, for a drawing within a drawing.
fn path(mark: Mark) -> Markup {
    html! { path fill-rule="evenodd" d=(mark.shape()) {} }
}

fn piece(build: &str, s: &Piece, b: &Block, v: &Waterfall, axis: &Axis, top: i64) -> Markup {
    let (from, to) = (s.from.max(b.from).max(v.early), s.to.min(b.to));
    let y = axis.y(to).round() as i64 - top;
    let height = (axis.y(from).round() as i64 - top - y).max(2);
    let words = format!("{} {}, {}", cut(&s.name, 60), s.mark.word(), s.to.since(s.from));
    html! {
        a.step href={ (build) "#step-" (crate::pages::text::segment(&s.name)) } aria-label=(words) {
            title { (words) }
            rect class=(s.mark.class()) x=(GUTTER) y=(y) width="100%" height=(height - 1) {}
            @if height >= ROOM_FOR_TEXT {
                @let plain = matches!(s.mark, Mark::Done(super::Outcome::Passed));
                @if !plain { g class={ "m on " (s.mark.class()) } transform={ "translate(" (GUTTER + 5) " " (y + 4) ") scale(.5625)" } { (path(s.mark)) } }
                text class=(s.mark.class()) x=(if plain { GUTTER + 6 } else { GUTTER + 18 }) y=(y + 12) { (cut(&s.name, 24)) }
            }
        }
    }
}
