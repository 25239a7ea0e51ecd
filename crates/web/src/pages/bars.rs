//! Builds as bars: height is duration, colour and shape the result.

use super::layout::build_at;
use super::mark::{Mark, Outcome};
use super::text::nothing;
use maud::{Markup, html};
use model::Span;
use std::fmt::Write as _;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// The build's number.
    pub(super) number: i64,
    /// How it ended.
    pub(super) mark: Mark,
    /// How long it took.
    pub(super) took: Span,
}

/// How large bars are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// In a row of a table; the bars are no links.
    Small,
    /// As a section of their own; each bar is a link.
    Large,
}

/// How high a bar is: the longest is the whole, the shortest can still be seen.
fn height(took: Span, longest: Span, whole: i64) -> i64 {
    let longest = longest.0.max(1);
    (i128::from(took.0.max(0)) * i128::from(whole) / i128::from(longest)).clamp(2, i128::from(whole)) as i64
}

/// The bars of a builder, the newest at the right.
pub(super) fn bars(builder: &str, bars: &[Bar], size: Size) -> Markup {
    if bars.is_empty() {
        return nothing();
    }
    let longest = bars.iter().map(|b| b.took).max().unwrap_or(Span::ZERO);
    let failed = bars.iter().filter(|b| b.mark.is_bad()).count();
    let words = format!("the last {} builds, {failed} of them bad, the longest {longest}", bars.len());
    let (step, whole, foot) = match size {
        Size::Small => (6, 20, 0),
        Size::Large => (14, 72, 14),
    };
    let width = bars.len() as i64 * step;
    html! {
        svg.bars width=(width) height=(whole + foot) viewBox={ "0 0 " (width) " " (whole + foot) } role=(if size == Size::Small { "img" } else { "group" }) aria-label=(words) {
            @if size == Size::Small {
                (small(bars, longest, step, whole))
            } @else {
                line.base x1="0" x2=(width) y1=(whole) y2=(whole) {}
                @for (i, b) in bars.iter().enumerate() { (large(builder, b, i as i64 * step, height(b.took, longest, whole - 4), whole)) }
            }
        }
    }
}

fn small(bars: &[Bar], longest: Span, step: i64, whole: i64) -> Markup {
    let mut paths: std::collections::BTreeMap<Mark, String> = std::collections::BTreeMap::new();
    for (i, b) in bars.iter().enumerate() {
        let h = height(b.took, longest, whole);
        let _ = write!(paths.entry(b.mark).or_default(), "M{} {}h4v{h}h-4z", i as i64 * step, whole - h);
    }
    html! { @for (mark, path) in paths { path class=(mark.class()) d=(path) {} } }
}

fn large(builder: &str, b: &Bar, x: i64, h: i64, whole: i64) -> Markup {
    let quiet = matches!(b.mark, Mark::Done(Outcome::Passed));
    html! {
        a href=(build_at(builder, b.number)) {
            title { "build " (b.number) " " (b.mark.word()) ", " (b.took) }
            rect.hover x=(x) y="0" width="14" height=(whole + 14) {}
            rect class=(b.mark.class()) x=(x + 2) y=(whole - h) width="10" height=(h) {}
            @if !quiet {
                g class={ "m " (b.mark.class()) } transform={ "translate(" (x + 2) " " (whole + 3) ") scale(.625)" } { path fill-rule="evenodd" d=(b.mark.shape()) {} }
            }
        }
    }
}

/// What a step took over time: a line, and a dot where it ended badly.
pub(super) fn trend(name: &str, bars: &[Bar]) -> Markup {
    if bars.is_empty() {
        return nothing();
    }
    let longest = bars.iter().map(|b| b.took).max().unwrap_or(Span::ZERO);
    let (width, whole) = (120, 20);
    let x = |i: usize| 2 + (i as i64 * (width - 4)) / (bars.len().max(2) as i64 - 1);
    let mut line = String::new();
    let mut dots = Vec::new();
    for (i, b) in bars.iter().enumerate() {
        let y = whole - 2 - height(b.took, longest, whole - 4) + 2;
        let _ = write!(line, "{}{} {y}", if i == 0 { "M" } else { "L" }, x(i));
        if b.mark.is_bad() {
            dots.push((x(i), y, b.mark));
        }
    }
    let words = format!("what {name} took, at most {longest}; {} of {} ended badly", dots.len(), bars.len());
    html! {
        svg.trend width=(width) height=(whole) viewBox={ "0 0 " (width) " " (whole) } role="img" aria-label=(super::text::cut(&words, 200)) {
            path d=(line) {}
            @for (x, y, mark) in dots { rect class=(mark.class()) x=(x - 2) y=(y - 2) width="4" height="4" {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_durations() {
        let cases =
            [((10, 10), 72), ((5, 10), 36), ((0, 10), 2), ((0, 0), 2), ((i64::MAX, i64::MAX), 72), ((-5, 10), 2)];
        for ((took, longest), expected) in cases {
            assert_eq!(height(Span(took), Span(longest), 72), expected);
        }
    }
}
