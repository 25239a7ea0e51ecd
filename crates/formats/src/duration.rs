//! Spans of time as reports write them.

use model::Span;

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
        "ms" => Some(Span(span.0 / 1000)),
        _ => None,
    }
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
}
