//! Terminal output → styled spans.
//!
//! One line of a log at a time, as a terminal would leave it: colours and weights are kept, titles, links and cursor
//! movement are dropped, carriage returns, backspaces and erasing do what they do on a screen. What a line leaves
//! switched on is carried to the next one in a [`Style`], which fits into a few bytes. Concealed and blinking text is
//! shown like any other. The meaning of the codes: ECMA-48 8.3.117 (SGR) and 8.3.41 (EL), and xterm's `ctlseqs`.

use anstyle_parse::{Params, Parser, Perform};

/// A colour of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    /// Whatever the page uses.
    #[default]
    Default,
    /// 0–7 normal, 8–15 bright, 16–231 the cube, 232–255 the greys (xterm). A 24-bit colour is mapped to the nearest
    /// of 16–255.
    Palette(u8),
}

/// How text looks; also the state carried from line to line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub faint: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined, of whatever kind.
    pub underline: bool,
    /// Struck through.
    pub strike: bool,
    /// Foreground and background exchanged.
    pub inverse: bool,
    /// Foreground.
    pub fg: Color,
    /// Background.
    pub bg: Color,
}

/// Text of one style. It holds no control characters but tabs, and nothing that changes the direction of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What is to be read.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// The spans of one line (without its newline); neighbours differ in style. `state` is what the lines before left
/// switched on; it is moved on to what this line leaves. Bytes that are not UTF-8 become `U+FFFD`, NUL becomes `␀`.
/// All texts together have at most as many characters as the line has bytes.
pub fn spans(state: &mut Style, line: &[u8]) -> Vec<Span> {
    if line.is_empty() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(line);
    if text.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)) {
        return vec![Span { text: text.into_owned(), style: *state }];
    }
    let mut screen = Screen { cells: Vec::with_capacity(text.len()), column: 0, style: *state };
    let mut parser = Parser::<anstyle_parse::DefaultCharAccumulator>::new();
    for byte in text.bytes() {
        if byte == 0x7f {
            // The parser would drop it.
            screen.print('\u{7f}');
        } else {
            parser.advance(&mut screen, byte);
        }
    }
    *state = screen.style;
    screen.spans()
}

/// The text of a line without styles: for mails, terminals without colour, and searching by eye.
pub fn text(line: &[u8]) -> String {
    spans(&mut Style::default(), line).into_iter().map(|span| span.text).collect()
}

impl Style {
    /// Length of [`Style::to_bytes`].
    pub const BYTES: usize = 4;

    /// The state in four bytes: switches, foreground, background, and one that is 0.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let Style { bold, faint, italic, underline, strike, inverse, fg, bg } = self;
        let switches = [bold, faint, italic, underline, strike, inverse, fg != Color::Default, bg != Color::Default];
        let switches = switches.iter().rev().fold(0, |bits, on| bits << 1 | u8::from(*on));
        let index = |color| if let Color::Palette(index) = color { index } else { 0 };
        [switches, index(fg), index(bg), 0]
    }

    /// The state from its bytes. Every four bytes are some state.
    pub fn from_bytes([switches, fg, bg, _]: [u8; Self::BYTES]) -> Self {
        let on = |bit: u8| switches >> bit & 1 == 1;
        let color = |bit, index| if on(bit) { Color::Palette(index) } else { Color::Default };
        Style {
            bold: on(0),
            faint: on(1),
            italic: on(2),
            underline: on(3),
            strike: on(4),
            inverse: on(5),
            fg: color(6, fg),
            bg: color(7, bg),
        }
    }

    /// Obeys one "select graphic rendition" sequence. Unknown codes change nothing.
    fn select(&mut self, params: &Params) {
        let mut codes = params.iter();
        while let Some(code) = codes.next() {
            let (first, rest) = code.split_first().map_or((0, code), |(first, rest)| (*first, rest));
            match first {
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                3 => self.italic = true,
                4 => self.underline = rest.first() != Some(&0),
                7 => self.inverse = true,
                9 => self.strike = true,
                21 => self.underline = true,
                22 => (self.bold, self.faint) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                29 => self.strike = false,
                30..=37 => self.fg = Color::Palette((first - 30) as u8),
                39 => self.fg = Color::Default,
                40..=47 => self.bg = Color::Palette((first - 40) as u8),
                49 => self.bg = Color::Default,
                90..=97 => self.fg = Color::Palette((first - 90 + 8) as u8),
                100..=107 => self.bg = Color::Palette((first - 100 + 8) as u8),
                38 | 48 | 58 => {
                    let color = extended(rest, &mut codes);
                    match (first, color) {
                        (38, Some(color)) => self.fg = color,
                        (48, Some(color)) => self.bg = color,
                        // 58 colours the underline, which has the text's colour here.
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// The colour after 38 or 48: its numbers stand behind colons in the same parameter, or in the parameters that follow.
fn extended<'a>(rest: &[u16], following: &mut impl Iterator<Item = &'a [u16]>) -> Option<Color> {
    let byte = |number: u16| u8::try_from(number).ok();
    let mut next = || following.next().and_then(|code| code.first().copied());
    match *rest {
        [] => match next()? {
            5 => byte(next()?).map(Color::Palette),
            2 => {
                let (r, g, b) = (next()?, next()?, next()?);
                Some(nearest([byte(r)?, byte(g)?, byte(b)?]))
            }
            _ => None,
        },
        [5, index, ..] => byte(index).map(Color::Palette),
        // With five numbers the first names a colour space.
        [2, r, g, b] | [2, _, r, g, b, ..] => Some(nearest([byte(r)?, byte(g)?, byte(b)?])),
        _ => None,
    }
}

/// The colour of the cube or the greys that is nearest to red, green and blue.
fn nearest(rgb: [u8; 3]) -> Color {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance =
        |other: [u8; 3]| -> u32 { rgb.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let level = |value: u8| (0..6).min_by_key(|&i| LEVELS[i].abs_diff(value)).unwrap_or(0);
    let [r, g, b] = rgb.map(level);
    let cube = [LEVELS[r], LEVELS[g], LEVELS[b]];
    let average = rgb.iter().map(|value| u32::from(*value)).sum::<u32>() / 3;
    let step = (average.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * step; 3];
    if distance(grey) < distance(cube) {
        Color::Palette(232 + step)
    } else {
        Color::Palette((16 + 36 * r + 6 * g + b) as u8)
    }
}

/// One line of a screen without a right edge.
struct Screen {
    cells: Vec<(char, Style)>,
    column: usize,
    style: Style,
}

impl Screen {
    fn put(&mut self, c: char) {
        if self.column > self.cells.len() {
            // Erasing what is left of the cursor leaves a gap.
            self.cells.resize(self.column, (' ', Style::default()));
        }
        match self.cells.get_mut(self.column) {
            Some(cell) => *cell = (c, self.style),
            None => self.cells.push((c, self.style)),
        }
        self.column += 1;
    }

    /// 0: from the cursor on, 1: up to and with the cursor, 2: all of the line.
    fn erase(&mut self, what: u16) {
        match what {
            0 => self.cells.truncate(self.column),
            1 => {
                let end = self.cells.len().min(self.column + 1);
                self.cells[..end].fill((' ', Style::default()));
            }
            2 => self.cells.clear(),
            _ => {}
        }
    }

    fn spans(self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (c, style) in self.cells {
            match spans.last_mut().filter(|span| span.style == style) {
                Some(span) => span.text.push(c),
                None => spans.push(Span { text: c.into(), style }),
            }
        }
        spans
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        self.put(match c {
            '\u{7f}' => '␡',
            // What turns text around could make a line read as something else; line separators would break it.
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                char::REPLACEMENT_CHARACTER
            }
            c => c,
        });
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.put('\t'),
            // Bell and the two shifts of character sets: heard or invisible.
            0x07 | 0x0e | 0x0f => {}
            0..=0x1f => self.put(char::from_u32(0x2400 + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _ignore: bool, action: u8) {
        if !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|code| code.first().copied()).unwrap_or(0);
        match action {
            b'm' => self.style.select(params),
            b'K' => self.erase(first),
            // "Go to the first column" is how some programs say carriage return.
            b'G' if first <= 1 => self.column = 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Spans in short: `[bold red/blue|text]`.
    fn shown(line: &str) -> String {
        let mut state = Style::default();
        let spans = spans(&mut state, line.as_bytes());
        let words = |style: Style| {
            let Style { bold, faint, italic, underline, strike, inverse, fg, bg } = style;
            let switches = [(bold, "b"), (faint, "f"), (italic, "i"), (underline, "u"), (strike, "s"), (inverse, "v")];
            let mut words: String = switches.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
            for (color, place) in [(fg, '/'), (bg, '\\')] {
                if let Color::Palette(index) = color {
                    words.push_str(&format!("{place}{index}"));
                }
            }
            words
        };
        let shown: String = spans.iter().map(|span| format!("[{}|{}]", words(span.style), span.text)).collect();
        if state == Style::default() { shown } else { format!("{shown}+{}", words(state)) }
    }

    #[test]
    fn lines_as_a_terminal_leaves_them() {
        let table = [
            ("", ""),
            ("plain\ttext", "[|plain\ttext]"),
            ("\x1b[1;31merror\x1b[0m: no", "[b/1|error][|: no]"),
            ("\x1b[mx", "[|x]"),
            ("\x1b[1mopen", "[b|open]+b"),
            ("\x1b[38;5;208mx\x1b[48;5;17my\x1b[39;49mz", "[/208|x][/208\\17|y][|z]"),
            ("\x1b[38;2;255;0;0mr\x1b[38:2::8:8:8mg\x1b[38:2:0:0:255mb\x1b[0m", "[/196|r][/232|g][/21|b]"),
            ("\x1b[38:5:9mx\x1b[91my\x1b[0m", "[/9|xy]"),
            ("\x1b[58;5;3;4mx\x1b[4:0my\x1b[21mz\x1b[24m", "[u|x][|y][u|z]"),
            ("\x1b[1;2;3;4;7;9mx\x1b[22;23;24;27;29my", "[bfiusv|x][|y]"),
            ("\x1b[38;5;999;1mx\x1b[0m", "[b|x]"),
            ("\x1b[>4;2mx", "[|x]"),
            ("crlf\r", "[|crlf]"),
            ("10%\r 50%\r100%", "[|100%]"),
            ("long line\rshort", "[|shortline]"),
            ("long line\r\x1b[Kshort", "[|short]"),
            ("abc\x1b[2Kd", "[|   d]"),
            ("abc\x08\x1b[1Kd", "[|  d]"),
            ("abc\x1b[Gx", "[|xbc]"),
            ("\x1b[31mred\r\x1b[32mg", "[/2|g][/1|ed]+/2"),
            ("ab\x08\x08\x08c", "[|cb]"),
            ("up\x1b[2A\x1b[10;10H\x1b[?25lthere", "[|upthere]"),
            ("\x1b]0;a title\x07text", "[|text]"),
            ("\x1b]8;;https://x.test\x1b\\link\x1b]8;;\x1b\\.", "[|link.]"),
            ("\x1bPdevice\x1b\\x", "[|x]"),
            ("nul\0 bell\x07 esc-less\x01\x7f", "[|nul␀ bell esc-less␁␡]"),
            ("\u{202e}evil\u{9b}31m\u{2028}", "[|\u{fffd}evil\u{fffd}31m\u{fffd}]"),
            ("<b>&amp;\u{1f600} ü\u{301}", "[|<b>&amp;\u{1f600} ü\u{301}]"),
        ];
        for (line, expected) in table {
            assert_eq!(shown(line), expected, "{line:?}");
        }
    }

    #[test]
    fn broken_utf_8_is_shown_and_does_not_swallow_what_follows() {
        let mut state = Style::default();
        let spans = spans(&mut state, b"\xc3\x1b[31mred\xff\xf0\x9f\x98");
        let texts: Vec<_> = spans.iter().map(|span| (span.text.as_str(), span.style.fg)).collect();
        assert_eq!(texts, [("\u{fffd}", Color::Default), ("red\u{fffd}\u{fffd}", Color::Palette(1))]);
    }

    #[test]
    fn the_state_goes_from_line_to_line() {
        let mut state = Style::default();
        spans(&mut state, b"\x1b[1;34mbegins");
        let next = spans(&mut state, b"goes on");
        assert_eq!(next, [Span { text: "goes on".into(), style: state }]);
        assert_eq!(state, Style { bold: true, fg: Color::Palette(4), ..Style::default() });
        assert_eq!(Style::from_bytes(state.to_bytes()), state);
        assert_eq!(state.to_bytes(), [0b0100_0001, 4, 0, 0]);
    }

    #[test]
    fn nearest_colours_are_nearest() {
        let rgb = |index: usize| -> [i32; 3] {
            let level = |n: usize| if n == 0 { 0 } else { 55 + 40 * n as i32 };
            match index {
                16..=231 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
                _ => [8 + 10 * (index as i32 - 232); 3],
            }
        };
        for r in (0..256).step_by(15) {
            for g in (0..256).step_by(17) {
                for b in (0..256).step_by(15) {
                    let far = |index: usize| -> i32 {
                        rgb(index).iter().zip([r, g, b]).map(|(have, want)| (have - want).pow(2)).sum()
                    };
                    let best = (16..=255).map(far).min();
                    let Color::Palette(found) = nearest([r as u8, g as u8, b as u8]) else { panic!("no colour") };
                    assert_eq!(Some(far(found.into())), best, "{r} {g} {b}");
                }
            }
        }
    }

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            any::<[u8; 3]>().prop_map(|bytes| bytes.to_vec()),
            "[ -~]{0,5}".prop_map(String::into_bytes),
            "\u{1b}\\[[0-9;:?]{0,12}[a-zA-Z]".prop_map(String::into_bytes),
            "[\u{1b}\r\u{8}\u{0}\u{9b}\u{7}\u{18}PX^_\\]]{0,4}".prop_map(String::into_bytes),
        ];
        proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn hostile_lines_give_bounded_clean_spans(line in hostile(), bytes in any::<[u8; 4]>()) {
            let mut state = Style::from_bytes(bytes);
            let spans = spans(&mut state, &line);
            let characters: usize = spans.iter().map(|span| span.text.chars().count()).sum();
            prop_assert!(characters <= line.len());
            prop_assert!(spans.iter().all(|span| !span.text.is_empty()));
            prop_assert!(spans.windows(2).all(|pair| pair[0].style != pair[1].style));
            let clean = |c: char| c == '\t' || !c.is_control();
            prop_assert!(spans.iter().all(|span| span.text.chars().all(clean)));
            prop_assert_eq!(Style::from_bytes(state.to_bytes()), state);
        }
    }
}
