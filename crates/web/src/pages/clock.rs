//! Moments on a page: how long ago, with the exact time beside it.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use model::{Span, Time};

/// The moment at which a page is made, and the zone in which it names exact times.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// Now, by the master's clock.
    pub(super) now: Time,
    /// The zone of exact times; the master's own.
    pub(super) zone: TimeZone,
}

impl Clock {
    /// Exact times in UTC.
    #[cfg(test)]
    pub(super) fn utc(now: Time) -> Self {
        Self { now, zone: TimeZone::UTC }
    }

    /// Exact times in the zone of the machine.
    pub(super) fn system(now: Time) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// A moment in this clock's zone. Moments beyond the calendar are shown as its ends.
    pub(super) fn zoned(&self, t: Time) -> jiff::Zoned {
        let most = jiff::Timestamp::MAX.as_microsecond();
        let t = jiff::Timestamp::from_microsecond(t.0.clamp(-most / 8, most)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        t.to_zoned(self.zone.clone())
    }

    /// `2026-11-21 03:42:10 UTC`.
    pub(super) fn exact(&self, t: Time) -> String {
        self.zoned(t).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// `03:42`.
    pub(super) fn hour(&self, t: Time) -> String {
        self.zoned(t).strftime("%H:%M").to_string()
    }

    /// `Sat 21 Nov`.
    pub(super) fn day(&self, t: Time) -> String {
        self.zoned(t).strftime("%a %-d %b").to_string()
    }

    fn machine(&self, t: Time) -> String {
        self.zoned(t).with_time_zone(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// How long ago, exact on hover and in the markup; the page's script keeps it true.
    pub(super) fn ago(&self, t: Time) -> Markup {
        html! { time.ago datetime=(self.machine(t)) title=(self.exact(t)) { (ago(t, self.now)) } }
    }

    /// When something is expected; it stays `any moment` while it is late.
    pub(super) fn soon(&self, t: Time) -> Markup {
        html! { time.soon datetime=(self.machine(t)) title=(self.exact(t)) { (soon(t, self.now)) } }
    }

    /// How long it has been so, as `for 3 h`-sentences want it; exact on hover.
    pub(super) fn lasting(&self, since: Time) -> Markup {
        html! { time.for datetime=(self.machine(since)) title=(self.exact(since)) { (rough(self.now.since(since))) } }
    }

    /// A moment by the clock: the hour for today, else the day as well.
    pub(super) fn at(&self, t: Time) -> Markup {
        let (then, now) = (self.zoned(t), self.zoned(self.now));
        let words = match then.date() == now.date() {
            true => self.hour(t),
            false => format!("{}, {}", self.day(t), self.hour(t)),
        };
        html! { time datetime=(self.machine(t)) title=(self.exact(t)) { (words) } }
    }

    /// `since 03:42`, `since yesterday`, `since Tue 17 Nov`: what a headline says.
    pub(super) fn since_words(&self, t: Time) -> String {
        let (then, now) = (self.zoned(t).date(), self.zoned(self.now).date());
        if then == now {
            format!("since {}", self.hour(t))
        } else if now.yesterday().is_ok_and(|y| y == then) {
            "since yesterday".to_owned()
        } else {
            format!("since {}", self.day(t))
        }
    }
}

/// A span with one unit: `12 s`, `4 min`, `3 h`, `2 d`.
pub(super) fn rough(span: Span) -> String {
    let s = span.0.max(0) / 1_000_000;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..172_800 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// `just now`, `12 s ago`, `3 h ago`; what lies ahead is `in 4 min`.
pub(super) fn ago(t: Time, now: Time) -> String {
    if t.0 > now.0.saturating_add(1_000_000) {
        return format!("in {}", rough(t.since(now)));
    }
    match now.since(t) {
        s if s < Span::seconds(2) => "just now".to_owned(),
        s => format!("{} ago", rough(s)),
    }
}

/// `in 4 min`, `any moment`.
pub(super) fn soon(t: Time, now: Time) -> String {
    match t.0 > now.0.saturating_add(1_000_000) {
        true => format!("in {}", rough(t.since(now))),
        false => "any moment".to_owned(),
    }
}

/// When something is expected to end: `about 2 min left`, `1 to 3 min left`, `longer than usual by 40 s`.
pub(super) fn eta(ends: (Time, Time), now: Time) -> String {
    let (early, late) = ends;
    if late <= now {
        return match now.since(late) {
            over if over < Span::seconds(2) => "about to end".to_owned(),
            over => format!("longer than usual by {}", rough(over)),
        };
    }
    let (a, b) = (early.since(now), late.since(now));
    let (short, long) = (rough(a), rough(b));
    if short == long {
        return format!("about {long} left");
    }
    if a < Span::seconds(1) {
        return format!("at most {long} left");
    }
    match (short.split_once(' '), long.split_once(' ')) {
        (Some((n, u)), Some((m, v))) if u == v => format!("{n} to {m} {v} left"),
        _ => format!("{short} to {long} left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_read_well() {
        let now = Time::from_seconds(1_000_000);
        let cases = [
            (0, "just now"),
            (12, "12 s ago"),
            (60, "1 min ago"),
            (7300, "2 h ago"),
            (100_000, "27 h ago"),
            (200_000, "2 d ago"),
            (-240, "in 4 min"),
        ];
        for (seconds, words) in cases {
            assert_eq!(ago(now - Span::seconds(seconds), now), words);
        }
        for (seconds, words) in [(240, "in 4 min"), (2, "in 2 s"), (1, "any moment"), (-300, "any moment")] {
            assert_eq!(soon(now + Span::seconds(seconds), now), words);
        }
    }

    #[test]
    fn etas_are_ranges() {
        let now = Time::from_seconds(1000);
        let at = |s: i64| now + Span::seconds(s);
        let cases = [
            ((20, 20), "about 20 s left"),
            ((60, 200), "1 to 3 min left"),
            ((30, 90), "30 s to 1 min left"),
            ((-10, 40), "at most 40 s left"),
            ((-50, -1), "about to end"),
            ((-90, -40), "longer than usual by 40 s"),
        ];
        for ((a, b), words) in cases {
            assert_eq!(eta((at(a), at(b)), now), words);
        }
    }

    #[test]
    fn moments_beyond_the_calendar_are_no_panic() {
        let clock = Clock::utc(Time::from_seconds(1_795_232_530));
        for t in [i64::MIN, -1, 0, i64::MAX] {
            assert!(clock.ago(Time(t)).into_string().starts_with("<time"));
        }
        assert_eq!(clock.since_words(clock.now - Span::seconds(60 * 60 * 26)), "since yesterday");
    }
}
