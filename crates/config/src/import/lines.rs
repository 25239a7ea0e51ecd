//! A Python text in lines and statements, as far as strings, comments and brackets tell.

/// A line, and what it is made of.
#[derive(Debug)]
pub(super) struct Line<'t> {
    /// From 1.
    pub(super) number: u32,
    pub(super) text: &'t str,
    pub(super) parts: Vec<Part<'t>>,
}

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Code(&'t str),
    /// A text with its quotes and letters before them, or a line's share of a longer one.
    Text(&'t str),
    Comment(&'t str),
}

impl Line<'_> {
    /// How many blanks it begins with; a tab counts as eight.
    pub(super) fn indent(&self) -> usize {
        let blanks = self.text.chars().take_while(|c| matches!(c, ' ' | '\t'));
        blanks.map(|c| if c == '\t' { 8 } else { 1 }).sum()
    }

    /// Nothing but blanks or a comment.
    pub(super) fn is_blank(&self) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Code(code) => code.trim().is_empty(),
            Part::Text(_) => false,
            Part::Comment(_) => true,
        })
    }

    /// Without comments; texts are empty ones.
    pub(super) fn code(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Code(code) => code,
            Part::Text(_) => "\"\"",
            Part::Comment(_) => "",
        });
        parts.collect()
    }
}

/// The statements of a text: each is the lines that brackets, texts and backslashes hold together.
pub(super) fn statements(text: &str) -> Vec<Vec<Line<'_>>> {
    let mut all = Vec::new();
    let mut statement = Vec::new();
    let mut state = State::default();
    for (text, number) in text.lines().zip(1..) {
        let parts = state.line(text);
        let open = state.quote.is_some() || state.depth > 0 || text.trim_end().ends_with('\\');
        statement.push(Line { number, text, parts });
        if !open {
            all.push(std::mem::take(&mut statement));
        }
    }
    if !statement.is_empty() {
        all.push(statement);
    }
    all
}

#[derive(Default)]
struct State {
    /// The three quotes that end the text that is open over the end of the line.
    quote: Option<&'static str>,
    depth: usize,
}

impl State {
    fn line<'t>(&mut self, line: &'t str) -> Vec<Part<'t>> {
        let mut parts = Vec::new();
        let (mut start, mut at) = (0, 0);
        let bytes = line.as_bytes();
        if self.quote.is_some() {
            at = self.rest_of_text(line, 0);
            parts.push(Part::Text(&line[..at]));
            start = at;
        }
        while at < bytes.len() {
            match bytes[at] {
                b'#' => {
                    parts.push(Part::Code(&line[start..at]));
                    parts.push(Part::Comment(&line[at..]));
                    return parts;
                }
                quote @ (b'"' | b'\'') => {
                    let letters = line[start..at].bytes().rev().take_while(u8::is_ascii_alphabetic).count();
                    let is_prefix = letters <= 2 && line[at - letters..at].chars().all(|c| "rRuUbB".contains(c));
                    let begin = if is_prefix { at - letters } else { at };
                    parts.push(Part::Code(&line[start..begin]));
                    let marks = if quote == b'"' { ("\"\"\"", "\"") } else { ("'''", "'") };
                    let triple = line[at..].starts_with(marks.0);
                    self.quote = Some(if triple { marks.0 } else { marks.1 });
                    at = self.rest_of_text(line, at + if triple { 3 } else { 1 });
                    if !triple {
                        // A short text ends with its line, finished or not.
                        self.quote = None;
                    }
                    parts.push(Part::Text(&line[begin..at]));
                    start = at;
                }
                byte => {
                    match byte {
                        b'(' | b'[' | b'{' => self.depth += 1,
                        b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    at += 1;
                }
            }
        }
        parts.push(Part::Code(&line[start..]));
        parts
    }

    /// Where the open text ends in this line; the end of the line when it does not.
    fn rest_of_text(&mut self, line: &str, from: usize) -> usize {
        let Some(mark) = self.quote else { return from };
        let mut at = from;
        while at < line.len() {
            let rest = &line[at..];
            if rest.starts_with(mark) {
                self.quote = None;
                return at + mark.len();
            }
            let mut chars = rest.chars();
            let first = chars.next().map_or(1, char::len_utf8);
            let escaped = if rest.starts_with('\\') { chars.next().map_or(0, char::len_utf8) } else { 0 };
            at += first + escaped;
        }
        line.len()
    }
}
