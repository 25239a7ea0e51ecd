//! Dates as the systems write and read them. Pure; no clock.

use model::Time;

const DAY: i64 = 86_400;

/// `2026-11-21 09:49:59 +0000`, which every system that reads dates understands.
pub(crate) fn written(at: Time) -> String {
    let seconds = at.as_seconds().clamp(0, 253_402_300_799);
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} +0000", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Reads `2026-11-21`, then a space or `T`, then `09:49:59` with a fraction or without, then nothing, `Z`, `UTC` or an
/// offset as `+0000`. Slashes may stand for the dashes.
pub(crate) fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let parts: Vec<&str> = date.split(['-', '/']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let rest = rest.strip_prefix([' ', 'T'])?.trim_start();
    let (clock, rest) = rest.split_at_checked(8)?;
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return None };
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !in_range {
        return None;
    }
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(rest.trim())?;
    Some(Time::from_seconds(seconds))
}

/// Fourteen digits without anything between them, as darcs has them: `20261121094959`, in UTC.
pub(crate) fn read_digits(text: &str) -> Option<Time> {
    let part = |range: std::ops::Range<usize>| text.get(range.clone()).and_then(|t| digits(t, range.len()));
    let whole = text.len() == 14;
    let seconds = days(part(0..4)?, part(4..6)?, part(6..8)?) * DAY;
    let clock = part(8..10)? * 3600 + part(10..12)? * 60 + part(12..14)?;
    whole.then(|| Time::from_seconds(seconds + clock))
}

fn offset(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let rest = rest.replace(':', "");
    let (hours, minutes) = rest.split_at_checked(2)?;
    Some(sign * (digits(hours, 2)? * 3600 + digits(minutes, 2)? * 60))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01. Years begin in March here, so that a leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year - era * 400;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00 +0000", 0),
            ("2000-02-29 23:59:59 +0000", 951_868_799),
            ("2026-11-21 09:49:59 +0000", 1_795_254_599),
        ] {
            assert_eq!(written(Time::from_seconds(seconds)), text);
            assert_eq!(read(text), Some(Time::from_seconds(seconds)));
        }
        let at = Some(Time::from_seconds(1_795_254_599));
        for text in [
            "2026-11-21T09:49:59.647439Z",
            "2026-11-21 10:49:59 +0100",
            "2026/11/21 09:49:59",
            "2026-11-21 08:19:59 -01:30",
        ] {
            assert_eq!(read(text), at, "{text}");
        }
        assert_eq!(read_digits("20261121094959"), at);
        for bad in ["", "2026-11-21", "2026-13-21 09:49:59", "-r", "now", "2026-11-21 09:49:59 CET", "2026-11-21 ä"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read_digits("2026112109495x"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_i64..253_402_300_799) {
            prop_assert_eq!(read(&written(Time::from_seconds(seconds))), Some(Time::from_seconds(seconds)));
        }

        #[test]
        fn any_text_gives_an_answer(text in ".{0,30}") {
            let _ = (read(&text), read_digits(&text));
        }
    }
}
