//! What clocks on walls show, minute by minute: when a seed begins, and what a table of times says. It shares nothing
//! with the engine's calendar.

use crate::dice::Dice;
use model::Time;

/// The time zone in which some schedulers have their tables.
pub(crate) const ZONE: &str = "Europe/Berlin";

const DAY: i64 = 24 * 60;

/// A table of minutes and hours in a time zone: `*`, `*/n`, numbers, lists and ranges.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    minutes: Vec<bool>,
    hours: Vec<bool>,
    /// Minutes and hours are numbers: no time is lost, none comes twice.
    pub(crate) by_number: bool,
    local: bool,
}

/// Seeds begin on a Monday in March, or shortly before clocks are changed in spring or in autumn.
pub(crate) fn beginning(dice: &mut Dice) -> Time {
    let minute = match dice.between(0, 2) {
        0 => 29_540_160,
        // 2026-03-29 and 2026-10-25, at 01:00 UTC.
        1 => 29_579_100 - dice.between(0, 50),
        _ => 29_881_500 - dice.between(0, 110),
    };
    Time::from_seconds(minute * 60)
}

/// Minutes that a clock in the time zone is ahead of UTC, by the rules of the European Union.
fn ahead(minute: i64) -> i64 {
    let day = minute.div_euclid(DAY);
    let year = year_of(day);
    let summer = (changes(year, 3), changes(year, 10));
    if (summer.0..summer.1).contains(&minute) { 120 } else { 60 }
}

/// The last Sunday of a month, at 01:00 UTC, as a minute.
fn changes(year: i64, month: i64) -> i64 {
    let last = day_of(year, month, 31);
    // The first day of all was a Thursday.
    (last - (last + 4).rem_euclid(7)) * DAY + 60
}

/// The day's number since 1970-01-01.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = |y: i64| y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    let leap = i64::from(leaps(year) > leaps(before));
    let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap_or(0)).sum();
    (year - 1970) * 365 + leaps(before) - leaps(1969) + months + day - 1
}

fn year_of(day: i64) -> i64 {
    let mut year = 1970 + day.div_euclid(366);
    while day_of(year + 1, 1, 1) <= day {
        year += 1;
    }
    year
}

impl Times {
    /// Reads the first two fields; the others are `*`.
    pub(crate) fn read(cron: &str, timezone: Option<&str>) -> Self {
        let mut fields = cron.split(' ');
        let mut field = |most: usize| -> (Vec<bool>, bool) {
            let text = fields.next().unwrap_or("*");
            let fits = |n: usize| match (text, text.strip_prefix("*/")) {
                ("*", _) => true,
                (_, Some(step)) => step.parse().is_ok_and(|step: usize| n.is_multiple_of(step)),
                _ => text.split(',').any(|part| {
                    let (from, to) = part.split_once('-').unwrap_or((part, part));
                    from.parse().is_ok_and(|from: usize| from <= n) && to.parse().is_ok_and(|to: usize| n <= to)
                }),
            };
            ((0..most).map(fits).collect(), !text.contains('*'))
        };
        let ((minutes, plain), (hours, plainly)) = (field(60), field(24));
        Times { minutes, hours, by_number: plain && plainly, local: timezone == Some(ZONE) }
    }

    fn ahead(&self, minute: i64) -> i64 {
        if self.local { ahead(minute) } else { 0 }
    }

    fn fits(&self, shown: i64) -> bool {
        let at = |n: i64| usize::try_from(n).unwrap_or(0);
        self.minutes[at(shown.rem_euclid(60))] && self.hours[at(shown.div_euclid(60).rem_euclid(24))]
    }

    /// Whether a minute, counted in UTC, is one of its times.
    fn is_time(&self, minute: i64) -> bool {
        let (now, before) = (self.ahead(minute), self.ahead(minute - 1));
        let shown = minute + now;
        if !self.by_number {
            return self.fits(shown);
        }
        if self.ahead(minute - 60) > now {
            // The clock shows it for the second time.
            return false;
        }
        // What the clock has just leapt over comes now.
        (minute + before..=shown).any(|shown| self.fits(shown))
    }

    /// The first time after a moment.
    pub(crate) fn next(&self, after: Time) -> Option<Time> {
        let first = after.as_seconds().div_euclid(60) + 1;
        (first..first + 3 * DAY).find(|minute| self.is_time(*minute)).map(|minute| Time::from_seconds(minute * 60))
    }

    /// The last time up to a moment.
    pub(crate) fn last(&self, at: Time) -> Option<Time> {
        let last = at.as_seconds().div_euclid(60);
        (last - 3 * DAY..=last).rev().find(|minute| self.is_time(*minute)).map(|minute| Time::from_seconds(minute * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_changed_when_they_are() {
        assert_eq!(day_of(1970, 1, 1), 0);
        assert_eq!(day_of(2026, 3, 2), 20_514);
        assert_eq!(year_of(20_513), 2026);
        assert_eq!(changes(2026, 3), 29_579_100);
        assert_eq!(changes(2026, 10), 29_881_500);
        let night = Times::read("30 2 * * *", Some(ZONE));
        let day = |minute: i64| Time::from_seconds(minute * 60);
        assert_eq!(night.next(day(29_579_040)), Some(day(29_579_100)), "what is leapt over comes after the leap");
        assert_eq!(night.next(day(29_881_400)), Some(day(29_881_470)), "what is shown twice comes the first time");
        assert_eq!(night.next(day(29_881_470)), Some(day(29_881_470 + 25 * 60)));
    }
}
