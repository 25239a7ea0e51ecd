//! The axis of time of the waterfall: from now downwards, stretched where builds are short, folded where nothing happens.
//!
//! All columns share one axis, so things beside each other happened together. Within a build the scale is even as long
//! as no shorter build runs beside it, so the lengths of its steps compare.

use model::{Span, Time};

/// A build is at least this high, in pixels, so that its number can be read.
pub(super) const LEAST: f64 = 40.0;
/// Nothing happened for so long: the stretch is folded.
pub(super) const FOLD_AFTER: Span = Span::seconds(1800);
/// The height of a fold.
const FOLD: f64 = 32.0;
/// The height that the busy time fills when builds are long.
const TARGET: f64 = 1400.0;
/// Idle time that is not folded takes at most this much, and at least the other.
const IDLE: (f64, f64) = (40.0, 8.0);

/// A piece of the axis in which the scale is even.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Its later end, which is its upper one.
    pub(super) late: Time,
    /// Its earlier end.
    pub(super) early: Time,
    /// Where its upper end is, in pixels from the top.
    pub(super) top: f64,
    /// How high it is.
    pub(super) height: f64,
    /// Nothing happened in it, and it is folded.
    pub(super) folded: bool,
}

/// Time to pixels and back.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    stretches: Vec<Stretch>,
}

impl Axis {
    /// An axis from `late` at the top to `early` at the bottom, for things that last from the first to the second.
    pub(super) fn new(late: Time, early: Time, busy: &[(Time, Time)]) -> Self {
        let clamp = |t: Time| t.clamp(early, late.max(early));
        let busy: Vec<(Time, Time)> =
            busy.iter().map(|(a, b)| (clamp(*a), clamp(*b))).filter(|(a, b)| a <= b).collect();
        let mut bounds: Vec<Time> = busy.iter().flat_map(|(a, b)| [*a, *b]).chain([late, early]).collect();
        bounds.sort_unstable_by(|a, b| b.cmp(a));
        bounds.dedup();
        let pieces: Vec<(Time, Time, Option<Span>)> = bounds
            .windows(2)
            .map(|w| {
                let shortest = busy.iter().filter(|(a, b)| *a <= w[1] && *b >= w[0]).map(|(a, b)| b.since(*a)).min();
                (w[0], w[1], shortest)
            })
            .collect();
        let worked: f64 = pieces.iter().filter(|p| p.2.is_some()).map(|p| p.0.since(p.1).as_secs_f64()).sum();
        let scale = TARGET / worked.max(1.0);
        let mut top = 0.0;
        let stretches = pieces
            .into_iter()
            .map(|(late, early, shortest)| {
                let length = late.since(early).as_secs_f64();
                let folded = shortest.is_none() && late.since(early) >= FOLD_AFTER;
                let height = match shortest {
                    Some(span) => length * (LEAST / span.as_secs_f64().max(1e-6)).max(scale.min(4.0)),
                    None if folded => FOLD,
                    None => (length * scale.min(0.05)).clamp(IDLE.1, IDLE.0),
                };
                let stretch = Stretch { late, early, top, height, folded };
                top += height;
                stretch
            })
            .collect();
        Self { stretches }
    }

    /// The height of the whole, in pixels.
    pub(super) fn height(&self) -> f64 {
        self.stretches.last().map_or(0.0, |s| s.top + s.height)
    }

    /// Where a moment is; moments beyond the ends are at the ends.
    pub(super) fn y(&self, t: Time) -> f64 {
        let i = self.stretches.partition_point(|s| s.early > t);
        let Some(s) = self.stretches.get(i) else { return self.height() };
        let whole = s.late.since(s.early).0.max(1) as f64;
        s.top + s.height * (s.late.since(t).0 as f64 / whole)
    }

    /// The moment at a place, and how many pixels a second has there.
    pub(super) fn at(&self, y: f64) -> Option<(Time, f64)> {
        let i = self.stretches.partition_point(|s| s.top + s.height <= y);
        let s = self.stretches.get(i).filter(|s| !s.folded)?;
        let span = s.late.since(s.early);
        let part = (y - s.top) / s.height.max(1e-9);
        let t = s.late - Span((span.0 as f64 * part) as i64);
        Some((t, s.height / span.as_secs_f64().max(1e-9)))
    }

    /// The folded stretches, from the top.
    pub(super) fn folds(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|s| s.folded)
    }

    /// Round moments about `every` pixels apart, with their places.
    pub(super) fn ticks(&self, every: f64) -> Vec<(Time, f64)> {
        let mut ticks: Vec<(Time, f64)> = Vec::new();
        let mut y = every;
        while y < self.height() && ticks.len() < 2000 {
            if let Some((t, density)) = self.at(y) {
                let unit = [1, 5, 15, 60, 300, 900, 3600].into_iter().find(|u| *u as f64 * density >= every / 2.0);
                let unit = unit.unwrap_or(3600) * 1_000_000;
                let t = Time(t.0.div_euclid(unit) * unit);
                let at = self.y(t);
                if ticks.last().is_none_or(|(last, above)| *last > t && at - above >= every / 2.0) {
                    ticks.push((t, at));
                }
            }
            y += every;
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(seconds: i64) -> Time {
        Time::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn time_runs_down_and_never_back() {
        let axis = Axis::new(t(10_000), t(0), &[(t(9000), t(9010)), (t(8000), t(9500)), (t(100), t(130))]);
        let mut last = -1.0;
        for s in (0..=10_000).rev() {
            let y = axis.y(t(s));
            assert!(y >= last, "{s}: {y} after {last}");
            last = y;
        }
        assert!((axis.y(t(0)) - axis.height()).abs() < 1e-6);
        assert!(axis.y(t(10_000)).abs() < 1e-6);
    }

    #[test]
    fn a_short_build_can_be_read_and_quiet_hours_are_folded() {
        let axis = Axis::new(t(90_000), t(0), &[(t(80_000), t(80_001)), (t(10), t(4000))]);
        assert!(axis.y(t(80_000)) - axis.y(t(80_001)) >= LEAST - 1e-6);
        let folds: Vec<_> = axis.folds().map(|f| f.late.since(f.early).to_string()).collect();
        assert_eq!(folds, ["2 h 46 min", "21 h 6 min"]);
    }

    #[test]
    fn an_axis_of_nothing_is_no_panic() {
        for (late, early, busy) in [
            (t(0), t(0), vec![]),
            (t(0), t(10), vec![(t(5), t(3))]),
            (Time(i64::MAX), Time(i64::MIN), vec![(t(0), t(0))]),
        ] {
            let axis = Axis::new(late, early, &busy);
            assert!(axis.height().is_finite() && axis.y(t(3)).is_finite());
            let _ = axis.ticks(64.0);
        }
    }

    #[test]
    fn ticks_are_round_and_apart() {
        let axis = Axis::new(t(7200), t(0), &[(t(0), t(7200))]);
        let ticks = axis.ticks(64.0);
        assert!(ticks.len() > 10);
        for w in ticks.windows(2) {
            assert!(w[0].0 > w[1].0 && w[1].1 - w[0].1 >= 32.0, "{w:?}");
        }
    }
}
