//! Text from outside on its way into a page: harmless, on one line, cut where it is too long.
//!
//! Markup is escaped by maud; what is left to do here is what escaping does not touch: control characters,
//! marks that turn the direction of the text around them, and length.

pub(super) use api::route::segment;
use maud::{Markup, PreEscaped, html};
use std::borrow::Cow;

/// Where a tooltip of cut text is cut in its turn, in characters.
const TOOLTIP: usize = 600;

/// A character that changes how its neighbours are shown: direction overrides, isolates, marks, and invisible ones.
fn is_trickster(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn shown(c: char) -> char {
    match c {
        '\u{7f}' => '\u{2421}',
        c if u32::from(c) < 0x20 => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        c if c.is_control() || is_trickster(c) => '\u{fffd}',
        c => c,
    }
}

/// One line of harmless text: control characters become their pictures, line breaks and tabs become spaces.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !c.is_control() && !is_trickster(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { shown(c) }).collect())
}

/// Harmless text that keeps its line breaks and tabs.
pub(super) fn many_lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if matches!(c, '\n' | '\t') { c } else { shown(c) }).collect()
}

/// At most `most` characters of a line, harmless; `…` stands for the rest.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => one_line(text),
        Some(_) => {
            let keep = text.char_indices().nth(most.saturating_sub(1)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", one_line(text[..keep].trim_end())))
        }
    }
}

/// Text from outside in the run of a page: isolated in its direction, cut at `most` characters with the whole on hover.
pub(super) fn outside(text: &str, most: usize) -> Markup {
    let short = cut(text, most);
    match text.char_indices().nth(most) {
        None => html! { bdi { (short) } },
        Some(_) => html! { bdi title=(cut(text, TOOLTIP)) { (short) } },
    }
}

/// `1 build`, `2 builds`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(n as u64)) }
}

/// Digits in groups of three, with narrow spaces: `1 070 000`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// Bytes as people say them: `812 B`, `4.2 kB`, `100 MB`.
pub(super) fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ if value < 10.0 => format!("{value:.1} {}", units[unit]),
        _ => format!("{value:.0} {}", units[unit]),
    }
}

/// A link that is safe to follow: only `http`, `https`, `mailto` and our own files, whatever an outsider put there.
pub(super) fn safe_href(address: &str) -> Option<&str> {
    let lower = address.trim_start().to_ascii_lowercase();
    ["https://", "http://", "mailto:", "/public/"].iter().any(|p| lower.starts_with(p)).then_some(address.trim())
}

/// Nothing at all, as markup.
pub(super) fn nothing() -> Markup {
    PreEscaped(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_harmless() {
        let cases = [
            ("plain", "plain"),
            ("a\nb\tc", "a b c"),
            ("nul\0bell\x07", "nul␀bell␇"),
            ("\x1b[31mred", "␛[31mred"),
            ("abc\u{202e}gpj.exe", "abc\u{fffd}gpj.exe"),
            ("c1\u{0085}", "c1\u{fffd}"),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text), expected);
        }
        assert_eq!(many_lines("a\r\nb\rc"), "a\nb␍c");
    }

    #[test]
    fn long_text_is_cut_with_the_whole_on_hover() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("äöüß", 3), "äö…");
        let long = "x".repeat(10_000);
        let page = outside(&long, 40).into_string();
        assert!(page.len() < 800, "{}", page.len());
        assert!(page.starts_with("<bdi title=\"xxx"));
        assert_eq!(outside("<b>&\"", 40).into_string(), "<bdi>&lt;b&gt;&amp;&quot;</bdi>");
    }

    #[test]
    fn numbers_read_well() {
        let cases = [(0, "0"), (9999, "9999"), (10_000, "10\u{202f}000"), (1_070_000, "1\u{202f}070\u{202f}000")];
        for (n, text) in cases {
            assert_eq!(thousands(n), text);
        }
        let cases = [(0, "0 B"), (999, "999 B"), (4200, "4.2 kB"), (100_000_000, "100 MB"), (u64::MAX, "18446744 TB")];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn addresses_stay_one_segment() {
        let cases = [("linux", "linux"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), ("v1.2", "v1.2"), ("é?#", "%C3%A9%3F%23")];
        for (name, expected) in cases {
            assert_eq!(segment(name), expected);
        }
    }

    #[test]
    fn links_of_outsiders_are_checked() {
        assert_eq!(safe_href("javascript:alert(1)"), None);
        assert_eq!(safe_href(" JAVASCRIPT:alert(1)"), None);
        assert_eq!(safe_href("data:text/html,x"), None);
        assert_eq!(safe_href("//evil.example.org"), None);
        assert_eq!(safe_href("/public/docs/"), Some("/public/docs/"));
        assert_eq!(safe_href("https://example.org/x"), Some("https://example.org/x"));
    }
}
