//! Lines of a log as rows: number, text in its colours, an address each.

use super::text::one_line;
use formats::ansi::{self, Color, Style};
use maud::{Markup, html};
use model::Stream;

/// A line to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Where it came from.
    pub(super) stream: Stream,
    /// Its bytes, without the newline.
    pub(super) bytes: Vec<u8>,
    /// It is longer than that.
    pub(super) cut: bool,
}

impl From<logs::Line> for Row {
    fn from(line: logs::Line) -> Self {
        Self { number: line.number + 1, stream: line.stream, bytes: line.bytes, cut: line.cut }
    }
}

impl Row {
    /// The text without colours.
    pub(super) fn plain(&self) -> String {
        let spans = ansi::spans(&mut Style::default(), &self.bytes);
        spans.iter().map(|s| one_line(&s.text).into_owned()).collect()
    }
}

/// The rows of neighbouring lines. `marked` is the line to stand out.
pub(super) fn rows(rows: &[Row], marked: Option<u64>) -> Markup {
    rows_after(&[], rows, marked)
}

/// As [`rows`], with the colours that the lines before them leave switched on.
pub(super) fn rows_after(before: &[Row], rows: &[Row], marked: Option<u64>) -> Markup {
    let mut state = Style::default();
    for row in before.iter().filter(|r| r.stream != Stream::Header) {
        let _ = ansi::spans(&mut state, &row.bytes);
    }
    html! {
        @for row in rows {
            div class=(row_class(row, marked)) id={ "L" (row.number) } {
                a href={ "#L" (row.number) } { (row.number) }
                (content(row, &mut state))
            }
        }
    }
}

/// The text of a line, for a row that somebody else frames.
fn content(row: &Row, state: &mut Style) -> Markup {
    // Headers are Sluice's own words: nothing of the command's colours reaches them.
    let mut own = Style::default();
    let state = if row.stream == Stream::Header { &mut own } else { state };
    let spans = ansi::spans(state, &row.bytes);
    html! {
        code {
            @for span in &spans {
                @let class = class(span.style);
                @if class.is_empty() { (one_line(&span.text.replace('\t', "        "))) } @else { span class=(class) { (one_line(&span.text)) } }
            }
            @if row.cut { em.cut title="The raw log has the whole line" { " … the line goes on" } }
        }
    }
}

fn row_class(row: &Row, marked: Option<u64>) -> String {
    let stream = match row.stream {
        Stream::Stdout => "l",
        Stream::Stderr => "l e",
        Stream::Header => "l h",
    };
    if marked == Some(row.number) { format!("{stream} hit") } else { stream.to_owned() }
}

/// The classes of a style. The sixteen colours are mapped to the page's palette, the rest to its nearest hue.
fn class(style: Style) -> String {
    let mut out = Vec::new();
    let (fg, bg) = if style.inverse { (style.bg, style.fg) } else { (style.fg, style.bg) };
    if style.inverse {
        out.push("ai".to_owned());
    }
    for (prefix, color) in [("f", fg), ("g", bg)] {
        if let Color::Palette(n) = color {
            out.push(format!("{prefix}{}", nearest(n)));
        }
    }
    for (on, name) in
        [(style.bold, "ab"), (style.faint, "af"), (style.italic, "ak"), (style.underline, "au"), (style.strike, "as")]
    {
        if on {
            out.push(name.to_owned());
        }
    }
    out.join(" ")
}

/// The nearest of the eight colours, and 8 for the greys between: the page has no others that are sure to be read.
fn nearest(n: u8) -> u8 {
    match n {
        0..=7 => n,
        8 => 8,
        9..=15 => n - 8,
        16..=231 => {
            let n = n - 16;
            let (r, g, b) = (n / 36, n / 6 % 6, n % 6);
            let most = r.max(g).max(b);
            let least = r.min(g).min(b);
            if most - least <= 1 {
                return match most {
                    0..=1 => 0,
                    2..=3 => 8,
                    _ => 7,
                };
            }
            let middle = (most + least).div_ceil(2);
            u8::from(r >= middle) + 2 * u8::from(g >= middle) + 4 * u8::from(b >= middle)
        }
        232..=238 => 0,
        239..=248 => 8,
        249..=255 => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_escaped_and_addressed() {
        let row = Row { number: 12, stream: Stream::Stderr, bytes: b"<script>&\0".to_vec(), cut: true };
        let text = rows(&[row], Some(12)).into_string();
        assert!(
            text.starts_with("<div class=\"l e hit\" id=\"L12\"><a href=\"#L12\">12</a><code>&lt;script&gt;&amp;"),
            "{text}"
        );
        assert!(!text.contains('\0') && text.contains("the line goes on"), "{text}");
    }

    #[test]
    fn colours_are_mapped_to_the_palette() {
        let cases =
            [(1, 1), (9, 1), (16, 0), (196, 1), (46, 2), (21, 4), (226, 3), (231, 7), (244, 8), (255, 7), (102, 8)];
        for (n, expected) in cases {
            assert_eq!(nearest(n), expected, "{n}");
        }
        let style = Style { bold: true, fg: Color::Palette(9), ..Style::default() };
        assert_eq!(class(style), "f1 ab");
        assert_eq!(class(Style { inverse: true, ..style }), "ai g1 ab");
    }
}
