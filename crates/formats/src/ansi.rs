//! Terminal output → styled spans.
//!
//! One line of a log at a time, as a terminal would leave it: colours and weights are kept, cursor movement, titles
//! and links are dropped, carriage returns overwrite. What a line leaves switched on is carried to the next one in a
//! [`Style`], which fits into a few bytes.

/// A colour of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    /// Whatever the page uses.
    #[default]
    Default,
    /// 0–7 normal, 8–15 bright, 16–231 the cube, 232–255 the greys (ECMA-48, xterm). 24-bit colours are mapped to the
    /// nearest of 16–255.
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

/// Text of one style. The text holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What is to be read.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// The spans of one line (without its newline), neighbours of different style. `state` is what the lines before left
/// switched on; it is moved on to what this line leaves.
pub fn spans(_state: &mut Style, line: &[u8]) -> Vec<Span> {
    vec![Span { text: String::from_utf8_lossy(line).into_owned(), style: Style::default() }]
}

impl Style {
    /// Length of [`Style::to_bytes`].
    pub const BYTES: usize = 4;

    /// The state in four bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        [0; Self::BYTES]
    }

    /// The state from its bytes; unknown bits are ignored.
    pub fn from_bytes(_bytes: [u8; Self::BYTES]) -> Self {
        Style::default()
    }
}
