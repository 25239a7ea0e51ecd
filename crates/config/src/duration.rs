//! Durations as people write them: `10s`, `1h30m`, or a number of seconds.

use model::Span;

/// The longest duration that is taken: a hundred years. Sums of a few of them are far from the end of the range.
pub(crate) const LONGEST: Span = Span::seconds(100 * 366 * 86_400);

/// What is said of a text that is none.
pub(crate) const WANTED: &str = "a duration (\"10s\", \"2m\", \"1h30m\", or a number of seconds)";

/// Reads `90`, `10s`, `1h30m`, `2 min`, `500ms`. `None`: it is none, or too long.
pub(crate) fn parse(text: &str) -> Option<Span> {
    let mut rest = text.trim();
    if rest.bytes().all(|b| b.is_ascii_digit()) {
        return from_seconds(rest.parse().ok()?);
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        total = total.checked_add(number.checked_mul(unit(&rest[..letters])?)?)?;
        rest = rest[letters..].trim_start();
    }
    within(total)
}

/// A whole number of seconds.
pub(crate) fn from_seconds(seconds: i64) -> Option<Span> {
    within(seconds.checked_mul(1_000_000)?)
}

/// Seconds with a fraction.
pub(crate) fn from_fraction(seconds: f64) -> Option<Span> {
    let micros = (seconds * 1e6).round();
    (micros.is_finite() && (0.0..=LONGEST.0 as f64).contains(&micros)).then_some(Span(micros as i64))
}

fn within(micros: i64) -> Option<Span> {
    (0..=LONGEST.0).contains(&micros).then_some(Span(micros))
}

fn unit(word: &str) -> Option<i64> {
    Some(match word {
        "ms" => 1_000,
        "s" | "sec" | "second" | "seconds" => 1_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000,
        "h" | "hour" | "hours" => 3_600_000_000,
        "d" | "day" | "days" => 86_400_000_000,
        "w" | "week" | "weeks" => 604_800_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("10s", Some(10_000)),
            ("90", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30 min", Some(5_400_000)),
            ("500ms", Some(500)),
            ("2d", Some(172_800_000)),
            (" 3 s ", Some(3_000)),
            ("0", Some(0)),
            ("", None),
            ("ten", None),
            ("10x", None),
            ("s", None),
            ("-5s", None),
            ("1.5h", None),
            ("10s5", None),
            ("99999999999999999999s", None),
            ("9999999999w", None),
            ("10\u{e9}", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), millis.map(Span::millis), "{text}");
        }
        assert_eq!(from_fraction(0.25), Some(Span::millis(250)));
        assert_eq!(from_fraction(-1.0), None);
        assert_eq!(from_fraction(f64::NAN), None);
        assert_eq!(from_fraction(1e300), None);
    }
}
