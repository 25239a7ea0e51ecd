//! Spans of time as reports write them.

use model::{Span, Time};

/// Seconds with or without a fraction, thousands with commas: `0.25`, `1,234.5`, `.5`, `1e-3`. `None`: not that.
pub(crate) fn seconds(text: &str) -> Option<Span> {
    let text: String = text.trim().chars().filter(|c| *c != ',').take(40).collect();
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    let seconds: f64 = plain.then(|| text.parse().ok())??;
    // A cast keeps within bounds by itself.
    (seconds >= 0.0).then_some(Span((seconds * 1e6).round() as i64))
}

/// Seconds followed by their unit: `0.25s`, `0.25 s`, `0.25 sec`, `12 ms`.
pub(crate) fn with_unit(text: &str) -> Option<Span> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let span = seconds(number)?;
    match text[number.len()..].trim() {
        "s" | "sec" | "secs" | "seconds" => Some(span),
        "ms" => Some(Span(span.0.saturating_add(500) / 1000)),
        _ => None,
    }
}

/// `2010-10-02 11:17:25Z`, with or without a fraction, `T` for the blank. `None`: not that.
pub(crate) fn moment(text: &str) -> Option<Time> {
    let text = text.trim().strip_suffix('Z')?;
    let (date, clock) = text.split_once([' ', 'T'])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let numbers = |text: &str, between| -> Option<[i64; 3]> {
        let parts: Vec<i64> =
            text.split(between).map(|n| n.parse::<u16>().map(i64::from).ok()).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let ([year, month, day], [h, m, s]) = (numbers(date, '-')?, numbers(clock, ':')?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || h > 23 || m > 59 || s > 60 {
        return None;
    }
    // Days since 1970 in the calendar whose years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
            - 719_469;
    let micros = seconds(&format!("0.{fraction}"))?;
    Some(Time((days * 86_400 + h * 3600 + m * 60 + s) * 1_000_000) + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("0.25", Some(250_000)),
            ("1,234.5", Some(1_234_500_000)),
            (".5", Some(500_000)),
            ("0.000001", Some(1)),
            ("1e-3", Some(1000)),
            ("-1", None),
            ("", None),
            ("nan", None),
            ("inf", None),
            ("1.2.3", None),
            ("9e99", Some(i64::MAX)),
        ];
        for (text, us) in table {
            assert_eq!(seconds(text), us.map(Span), "{text}");
        }
        let table =
            [("0.25s", Some(250_000)), ("3 sec", Some(3_000_000)), ("12 ms", Some(12_000)), ("3", None), ("3 h", None)];
        for (text, us) in table {
            assert_eq!(with_unit(text), us.map(Span), "{text}");
        }
    }

    #[test]
    fn moments() {
        let table = [
            ("1970-01-01 00:00:00Z", Some(0)),
            ("2010-10-02 11:17:25Z", Some(1_286_018_245_000_000)),
            ("2000-02-29T23:59:59.5Z", Some(951_868_799_500_000)),
            ("2010-13-02 11:17:25Z", None),
            ("2010-10-02 11:17:25", None),
            ("2010-10-02 11:17Z", None),
            ("-1-10-02 11:17:25Z", None),
        ];
        for (text, us) in table {
            assert_eq!(moment(text), us.map(Time), "{text}");
        }
    }
}
