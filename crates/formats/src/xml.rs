//! XML in chunks → tags and text, each bounded. No document types, no entities but the five of XML itself.
//!
//! Not a checker: it finds the tags that are there, and says where it finds something else. XML 1.0 sections 2 to 4.

use std::borrow::Cow;

/// A piece of a document.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// `<name …>`; `<name/>` gives an end too.
    Start(Tag<'a>),
    /// `</name>`, or the end of an empty one.
    End(Cow<'a, str>),
    /// Text between tags, possibly in several pieces.
    Text(&'a str),
    /// What must not be in a report.
    Refused(&'static str),
    /// What is no XML.
    Broken(&'static str),
}

/// A tag: its name, and what stands behind the name.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    attributes: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute.
    pub(crate) fn get(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            // A tag that was cut has an open quote at its end.
            let (value, next) = after[1..].split_once(quote).unwrap_or((&after[1..], ""));
            if name.trim() == wanted {
                return Some(decoded(value));
            }
            rest = next;
        }
    }
}

/// Takes a document apart.
pub(crate) struct Xml {
    state: State,
    kept: Vec<u8>,
    /// The quote that is open inside of a tag.
    quote: Option<u8>,
    /// The last byte of a tag that is no blank, and the last three bytes of what is passed over.
    last: [u8; 3],
    limit: usize,
    /// Bytes read.
    at: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Text,
    /// Behind `<`.
    Open,
    Tag,
    /// Behind `<!`.
    Bang,
    Comment,
    Cdata,
    Instruction,
}

/// Pieces of text are at most so long.
const TEXT: usize = 4096;

impl Xml {
    /// Tags are cut at `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: State::Text, kept: Vec::new(), quote: None, last: [0; 3], limit, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next bytes. `to` answers whether to go on.
    pub(crate) fn push(&mut self, bytes: &[u8], to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        for byte in bytes {
            self.at += 1;
            let go_on = match self.state {
                State::Text => self.text(*byte, to),
                State::Open => self.open(*byte, to),
                State::Tag => self.tag(*byte, to),
                State::Bang => self.bang(*byte, to),
                State::Comment => self.passing(*byte, b"-->"),
                State::Instruction => self.passing(*byte, b"\0?>"),
                State::Cdata => self.cdata(*byte, to),
            };
            if !go_on {
                return false;
            }
        }
        true
    }

    /// The document is over: whether it is so between two tags.
    pub(crate) fn finish(&mut self, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        if self.state == State::Text {
            self.flush(self.kept.len(), to);
        }
        self.state == State::Text
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.kept.clear();
        self.last = [0; 3];
        self.quote = None;
    }

    fn text(&mut self, byte: u8, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        if byte == b'<' {
            let go_on = self.flush(self.kept.len(), to);
            self.enter(State::Open);
            return go_on;
        }
        self.kept.push(byte);
        if self.kept.len() < TEXT {
            return true;
        }
        // Neither a character nor a reference is cut in two.
        let tail = self.kept.len() - 16;
        let reference = memchr::memrchr(b'&', &self.kept[tail..]).map(|i| tail + i);
        let character = (tail..self.kept.len()).rev().find(|i| self.kept[*i] & 0xc0 != 0x80);
        let end = reference.or(character).unwrap_or(self.kept.len());
        self.flush(end, to)
    }

    /// Tells the text up to `end`.
    fn flush(&mut self, end: usize, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        if end == 0 {
            return true;
        }
        let text = String::from_utf8_lossy(&self.kept[..end]);
        let text = if self.state == State::Text { Cow::Owned(decoded(&text)) } else { text };
        let go_on = to(Piece::Text(&text), self.at);
        self.kept.drain(..end);
        go_on
    }

    fn open(&mut self, byte: u8, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        match byte {
            b'!' => self.enter(State::Bang),
            b'?' => self.enter(State::Instruction),
            b'/' | b'_' | b':' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                self.enter(State::Tag);
                self.kept.push(byte);
                self.last[2] = byte;
            }
            _ => {
                self.enter(State::Text);
                return to(Piece::Broken("a < that begins no tag"), self.at);
            }
        }
        true
    }

    fn tag(&mut self, byte: u8, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        match (self.quote, byte) {
            (Some(quote), byte) if quote == byte => self.quote = None,
            (None, b'"' | b'\'') => self.quote = Some(byte),
            (None, b'>') => {
                let go_on = self.tell(to);
                self.enter(State::Text);
                return go_on;
            }
            (None, b'<') => {
                self.enter(State::Open);
                return to(Piece::Broken("a < inside of a tag"), self.at);
            }
            _ => {}
        }
        if self.kept.len() < self.limit {
            self.kept.push(byte);
        }
        if !byte.is_ascii_whitespace() {
            self.last[2] = byte;
        }
        true
    }

    /// A whole tag is kept, without its angles.
    fn tell(&mut self, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        let text = String::from_utf8_lossy(&self.kept);
        if let Some(name) = text.strip_prefix('/') {
            return to(Piece::End(Cow::Borrowed(name.trim())), self.at);
        }
        let empty = self.last[2] == b'/';
        let inner = if empty { text.trim_end().strip_suffix('/').unwrap_or(&text) } else { &text };
        let (name, attributes) = inner.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((inner, ""));
        to(Piece::Start(Tag { name, attributes }), self.at) && (!empty || to(Piece::End(Cow::Borrowed(name)), self.at))
    }

    fn bang(&mut self, byte: u8, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        self.kept.push(byte);
        if self.kept == b"--" {
            self.enter(State::Comment);
        } else if self.kept == b"[CDATA[" {
            self.enter(State::Cdata);
        } else if !b"--".starts_with(&self.kept) && !b"[CDATA[".starts_with(&self.kept) {
            self.enter(State::Text);
            return to(Piece::Refused("it declares a document type"), self.at);
        }
        true
    }

    /// Passes over bytes up to an end of three; a zero in it stands for any byte.
    fn passing(&mut self, byte: u8, end: &[u8; 3]) -> bool {
        self.last = [self.last[1], self.last[2], byte];
        if self.last.iter().zip(end).all(|(is, wanted)| is == wanted || *wanted == 0) {
            self.enter(State::Text);
        }
        true
    }

    fn cdata(&mut self, byte: u8, to: &mut dyn FnMut(Piece<'_>, u64) -> bool) -> bool {
        self.kept.push(byte);
        if self.kept.ends_with(b"]]>") {
            let go_on = self.flush(self.kept.len() - 3, to);
            self.enter(State::Text);
            return go_on;
        }
        if self.kept.len() < TEXT {
            return true;
        }
        // What may be the end stays, and a character is not cut in two.
        let tail = self.kept.len() - 4;
        let end = (tail - 4..=tail).rev().find(|i| self.kept[*i] & 0xc0 != 0x80).unwrap_or(tail);
        self.flush(end, to)
    }
}

/// Text with its references resolved; unknown ones stay as they are.
fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((end, reference(&rest[1..end])?))) {
            Some((end, c)) => {
                plain.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn reference(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
