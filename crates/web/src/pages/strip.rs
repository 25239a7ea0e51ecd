//! Thirty days of a builder in one line: a column a day, good below and bad above the line.

use super::clock::Clock;
use super::layout::builder_at;
use super::mark::Mark;
use super::text::{count, nothing, outside};
use maud::{Markup, html};
use std::fmt::Write as _;

/// How many days a strip tells.
pub(super) const DAYS: usize = 30;

/// The days of one builder, the newest last.
#[derive(Debug)]
pub(super) struct Strip {
    /// Its name.
    pub(super) builder: String,
    /// How it stands now.
    pub(super) mark: Mark,
    /// Each day.
    pub(super) days: [Day; DAYS],
}

/// What a builder did in one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    /// Builds that passed.
    pub(super) good: u32,
    /// Builds with warnings.
    pub(super) warned: u32,
    /// Builds that failed.
    pub(super) bad: u32,
    /// Builds with an exception.
    pub(super) exception: u32,
}

impl Day {
    fn all(self) -> u32 {
        self.good + self.warned + self.bad + self.exception
    }
}

const STEP: usize = 8;
const HEIGHT: usize = 20;
/// The least height of what has happened at all.
const LEAST: usize = 3;

/// The strips of several builders.
pub(super) fn strips(strips: &[Strip], left_out: usize, _clock: &Clock) -> Markup {
    if strips.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="days" {
            h2 #days { "Last " (DAYS) " days" }
            table.strips {
                thead.unseen { tr { th scope="col" { "Builder" } th scope="col" { "Builds" } } }
                tbody {
                    @for s in strips {
                        tr {
                            th scope="row" { (s.mark.sign()) " " a href=(builder_at(&s.builder)) { (outside(&s.builder, 24)) } }
                            td { (picture(s)) }
                        }
                    }
                }
            }
            p.legend.faint {
                span { (DAYS) " days ago" }
                span { "today" }
            }
            @if left_out > 0 { p.more { a href="/builders" { (count(left_out, "more builder", "more builders")) } } }
        }
    }
}

/// One path per kind of result, so that a thousand strips stay small.
fn picture(s: &Strip) -> Markup {
    let (mut good, mut warned, mut exception, mut bad, mut none) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for (i, day) in s.days.iter().enumerate() {
        let x = i * STEP;
        let all = day.all() as usize;
        if all == 0 {
            let _ = write!(none, "M{x} {}h6v1h-6z", HEIGHT - 1);
            continue;
        }
        let mut top = HEIGHT;
        let mut later = [day.bad, day.exception, day.warned, day.good].iter().filter(|n| **n > 0).count();
        let mut part = |path: &mut String, n: u32| {
            if n > 0 {
                // Each of the kinds is to be seen, so none takes the room that others still need.
                later -= 1;
                let h = (n as usize * HEIGHT).div_ceil(all).max(LEAST).min(top - later * LEAST);
                top -= h;
                let _ = write!(path, "M{x} {top}h6v{h}h-6z");
            }
        };
        part(&mut bad, day.bad);
        part(&mut exception, day.exception);
        part(&mut warned, day.warned);
        part(&mut good, day.good);
    }
    let sum = |f: fn(&Day) -> u32| s.days.iter().map(f).sum::<u32>();
    let (all, failed, thrown) = (sum(|d| d.all()), sum(|d| d.bad), sum(|d| d.exception));
    let words = format!("{all} builds, {failed} failed, {thrown} with an exception");
    html! {
        svg.strip viewBox={ "0 0 " (DAYS * STEP - 2) " " (HEIGHT) } width=(DAYS * STEP - 2) height=(HEIGHT) role="img" aria-label=(words) {
            title { (words) }
            @for (class, path) in [("none", none), ("passed", good), ("warnings", warned), ("exception", exception), ("failed", bad)] {
                @if !path.is_empty() { path class=(class) d=(path) {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_day_has_had_can_be_drawn() {
        for n in 0..4u32.pow(4) {
            let of = |i: u32| [0, 1, 10, 1000][((n / 4u32.pow(i)) % 4) as usize];
            let day = Day { bad: of(0), exception: of(1), warned: of(2), good: of(3) };
            let strip = Strip { builder: "linux".to_owned(), mark: Mark::Absent, days: [day; DAYS] };
            let drawn = picture(&strip).into_string();
            let kinds = [day.bad, day.exception, day.warned, day.good].iter().filter(|n| **n > 0).count();
            assert_eq!(drawn.matches("<path").count(), kinds.max(1), "{day:?}");
        }
    }
}
