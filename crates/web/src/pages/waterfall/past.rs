//! The left side of the waterfall: hours, quiet stretches, and changes at their moment.

use super::axis::Axis;
use super::{ChangeMark, Waterfall};
use crate::pages::clock::Clock;
use crate::pages::text::cut;
use maud::{Markup, html};
use model::Time;
use std::fmt::Write as _;

/// The height of one change's line.
const LINE: f64 = 18.0;
/// How many changes are written below each other before the rest is counted.
const PILE: usize = 5;
/// Where the changes begin, right of the hours.
const LEFT: i64 = 62;

/// A change and the line it is written on, or how many more there are.
#[derive(Debug)]
pub(super) enum Label<'a> {
    One(&'a ChangeMark, f64),
    More(usize, f64),
}

impl Label<'_> {
    fn covers(&self, top: f64, height: f64) -> bool {
        let (Label::One(_, y) | Label::More(_, y)) = self;
        *y + LINE > top + 6.0 && *y < top + height - 6.0
    }
}

/// Changes of one moment are piled up below each other; none overlaps another.
pub(super) fn labels<'a>(changes: &'a [ChangeMark], axis: &Axis, height: f64) -> Vec<Label<'a>> {
    let mut out = Vec::new();
    let mut next = 0.0;
    let mut i = 0;
    while i < changes.len() {
        let start = axis.y(changes[i].at).max(next);
        let near = changes[i..].iter().take_while(|c| axis.y(c.at) < start + LINE * PILE as f64).count().max(1);
        let shown = if near > PILE { PILE - 1 } else { near };
        for (k, c) in changes[i..i + shown].iter().enumerate() {
            next = (axis.y(c.at)).max(if k == 0 { start } else { next });
            out.push(Label::One(c, next));
            next += LINE;
        }
        if near > shown {
            out.push(Label::More(near - shown, next));
            next += LINE;
        }
        i += near;
        if next > height {
            break;
        }
    }
    out
}

/// The drawing.
pub(super) fn side(v: &Waterfall, axis: &Axis, ticks: &[(Time, f64)], height: i64, clock: &Clock) -> Markup {
    let labels = labels(&v.changes, axis, height as f64);
    let mut leaders = String::new();
    for label in &labels {
        if let Label::One(c, y) = label {
            let _ = write!(leaders, "M{} {}h6L{} {}", LEFT - 10, axis.y(c.at).round(), LEFT, y.round() + 9.0);
        }
    }
    let mut day = clock.day(v.late);
    html! {
        svg.side width="100%" height=(height) role="group" aria-label="Time and changes" {
            defs {
                pattern #hatch width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" { rect.hatch width="2" height="6" {} }
            }
            path.leaders d=(leaders) {}
            @for (t, y) in ticks.iter().filter(|(_, y)| axis.folds().all(|f| *y < f.top - 8.0 || *y > f.top + f.height)) {
                @let today = clock.day(*t);
                @let turned = today != day;
                text.hour x="0" y=(y.round() + 4.0) { (if turned { today.clone() } else { clock.hour(*t) }) }
                @if turned { (turn(&mut day, today)) }
            }
            @for f in axis.folds() {
                rect.fold x="0" y=(f.top.round() + 4.0) width="100%" height=(f.height.round() - 8.0) {}
                @if !labels.iter().any(|l| l.covers(f.top, f.height)) { text.quiet x="6" y=(f.top.round() + f.height / 2.0 + 4.0) { "quiet for " (f.late.since(f.early)) } }
            }
            @for label in &labels { (draw(label, clock)) }
        }
    }
}

/// Remembers the day that was last written.
fn turn(day: &mut String, today: String) -> Markup {
    *day = today;
    crate::pages::text::nothing()
}

fn draw(label: &Label<'_>, clock: &Clock) -> Markup {
    html! {
        @match label {
            Label::One(c, y) => a.change href={ "/changes/" (c.id) } {
                title { (cut(&c.revision, 20)) " by " (cut(&c.author, 60)) ", " (clock.exact(c.at)) ": " (cut(&c.title, 200)) }
                text x=(LEFT + 4) y=(y.round() + 13.0) { tspan.author { (cut(&c.author, 14)) } " " (cut(&c.title, 40)) }
            },
            Label::More(n, y) => a.change href="/changes" { text x=(LEFT + 4) y=(y.round() + 13.0) { (n) " more" } },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_overlap() {
        let now = Time::from_seconds(10_000);
        let at = |s: i64| Time::from_seconds(s);
        let changes: Vec<ChangeMark> = [9999, 9998, 9998, 9997, 9996, 9996, 9995, 9000, 100]
            .into_iter()
            .enumerate()
            .map(|(i, s)| ChangeMark {
                id: i as i64,
                at: at(s),
                author: "a".to_owned(),
                revision: String::new(),
                title: String::new(),
            })
            .collect();
        let axis = Axis::new(now, at(0), &[(at(9000), at(9900))]);
        let labels = labels(&changes, &axis, axis.height());
        let ys: Vec<f64> = labels
            .iter()
            .map(|l| match l {
                Label::One(_, y) | Label::More(_, y) => *y,
            })
            .collect();
        assert!(ys.windows(2).all(|w| w[1] - w[0] >= LINE), "{ys:?}");
        assert!(labels.iter().any(|l| matches!(l, Label::More(3, _))), "{labels:?}");
    }
}
