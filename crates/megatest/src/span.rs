//! Times as areas write them: `1d 2h 3m 4s`, or a number of seconds.

/// Reads `1h 30m`, `90`, `2w`, `1M`, `1y` as seconds. `m` are minutes and `M` months of 30 days; a year has 365 days.
/// `None`: it is no such time, or longer than a hundred years.
pub fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = match rest.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            Some('M') => 30 * 86_400,
            Some('y') => 365 * 86_400,
            // A bare number stands alone.
            None if digits == text.trim().len() => 1,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest.get(1..).unwrap_or_default().trim_start();
    }
    (total <= 100 * 366 * 86_400).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let cases = [
            ("1d 2h 3m 4s", Some(93_784)),
            ("90", Some(90)),
            ("20m", Some(1200)),
            ("10m 5s", Some(605)),
            ("1M", Some(2_592_000)),
            ("1w1d", Some(691_200)),
            ("1y", Some(31_536_000)),
            ("", None),
            ("m", None),
            ("5 s", None),
            ("1d 5", None),
            ("1.5h", None),
            ("5é", None),
            ("99999999999999999999s", None),
            ("9999y", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
