//! Chunks of bytes → lines of text, each bounded.

use crate::ansi;
use crate::reader::{Parse, Sink};

/// A reader of a format made of lines.
pub(crate) trait ByLine: Send {
    /// A line without its end and without colours, and cut at [`crate::Limits::line`].
    fn line(&mut self, line: &str, out: &mut Sink<'_>);
    /// There are no more lines.
    fn end(&mut self, out: &mut Sink<'_>);
}

/// Puts lines together and gives them to a reader of lines.
pub(crate) struct Lines<P> {
    parser: P,
    splitter: Splitter,
}

impl<P: ByLine> Lines<P> {
    pub(crate) fn new(parser: P, limit: usize) -> Self {
        Self { parser, splitter: Splitter::new(limit) }
    }
}

impl<P: ByLine> Parse for Lines<P> {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        let Self { parser, splitter } = self;
        splitter.push(bytes, &mut |line| parser.line(&clean(line), out));
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        let Self { parser, splitter } = self;
        splitter.finish(&mut |line| parser.line(&clean(line), out));
        parser.end(out);
    }
}

/// A line as a reader wants it: without colours, without the carriage return at its end.
pub(crate) fn clean(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let plain = line.iter().all(|b| *b == b'\t' || (0x20..0x7f).contains(b) || *b >= 0x80);
    if plain { String::from_utf8_lossy(line).into_owned() } else { ansi::text(line) }
}

/// Cuts a stream into lines at `\n`. Of a line longer than `limit` bytes the rest is passed over.
pub(crate) struct Splitter {
    kept: Vec<u8>,
    /// A line was begun, though nothing of it may be kept.
    begun: bool,
    limit: usize,
}

impl Splitter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), begun: false, limit }
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8], to: &mut dyn FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            if self.kept.is_empty() && end <= self.limit {
                to(&bytes[..end]);
            } else {
                self.keep(&bytes[..end]);
                to(&self.kept);
            }
            self.kept.clear();
            self.begun = false;
            bytes = &bytes[end + 1..];
        }
        self.begun |= !bytes.is_empty();
        self.keep(bytes);
    }

    pub(crate) fn finish(&mut self, to: &mut dyn FnMut(&[u8])) {
        if std::mem::take(&mut self.begun) {
            to(&self.kept);
            self.kept.clear();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]], limit: usize) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut splitter = Splitter::new(limit);
        for chunk in chunks {
            splitter.push(chunk, &mut |line| lines.push(line.to_vec()));
        }
        splitter.finish(&mut |line| lines.push(line.to_vec()));
        lines
    }

    proptest! {
        #[test]
        fn borders_of_chunks_do_not_matter(text in "[a-c\n]{0,60}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let whole = text.strip_suffix('\n').unwrap_or(&text);
            let mut expected: Vec<Vec<u8>> =
                whole.split('\n').map(|line| line.bytes().take(4).collect()).collect();
            if text.is_empty() {
                expected.clear();
            }
            prop_assert_eq!(split(&chunks, 4), expected);
        }
    }
}
