//! A frame in memory: up to 256 KiB of a log, growing or whole, and its way through the lines.

use crate::format::{FRAME_BYTES, MOST_RUNS, Run};
use memchr::memchr;
use model::Stream;

/// How a log ends so far: whether what comes next begins a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The stream of the last byte; `None` for an empty log.
    pub(crate) stream: Option<Stream>,
    /// The last byte is a newline.
    pub(crate) newline: bool,
}

impl Tail {
    fn begins_line(self, stream: Stream) -> bool {
        self.newline || self.stream != Some(stream)
    }
}

/// A stretch of a log, uncompressed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Offset of its first byte in the log.
    pub(crate) offset: u64,
    /// Lines begun before it.
    pub(crate) line: u64,
    /// Lines begun in it.
    pub(crate) begun: u32,
    /// Its first byte begins a line.
    pub(crate) at_start: bool,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Its streams; the first run begins at 0.
    pub(crate) runs: Vec<Run>,
    /// CRC-32 of its bytes.
    pub(crate) crc: crc32fast::Hasher,
}

/// A line, or the part of one that lies in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// Where it begins within the frame.
    pub(crate) start: usize,
    /// Its bytes, without the newline.
    pub(crate) bytes: &'a [u8],
    /// Where it came from.
    pub(crate) stream: Stream,
    /// It begins a line; only the first piece of a frame may go on with one.
    pub(crate) begins: bool,
}

impl Frame {
    /// An empty frame that goes on where a log of this length ends.
    pub(crate) fn after(offset: u64, line: u64) -> Self {
        Frame { offset, line, ..Frame::default() }
    }

    /// No more bytes fit in.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= FRAME_BYTES || self.runs.len() >= MOST_RUNS
    }

    /// Takes as much of `data` as fits, at least one byte if the frame is not full. How many bytes it took.
    pub(crate) fn push(&mut self, tail: &mut Tail, stream: Stream, data: &[u8]) -> usize {
        let data = &data[..data.len().min(FRAME_BYTES - self.bytes.len())];
        let Some((&last, before_last)) = data.split_last() else { return 0 };
        let begins = tail.begins_line(stream);
        if self.bytes.is_empty() {
            self.at_start = begins;
        }
        if self.bytes.is_empty() || tail.stream != Some(stream) {
            self.runs.push(Run { start: self.bytes.len() as u32, stream });
        }
        let newlines = memchr::memchr_iter(b'\n', before_last).count() as u32;
        self.begun += newlines + u32::from(begins);
        self.crc.update(data);
        self.bytes.extend_from_slice(data);
        *tail = Tail { stream: Some(stream), newline: last == b'\n' };
        data.len()
    }

    /// Offset in the log of the byte after its last.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Its last byte is a newline.
    pub(crate) fn ends_line(&self) -> bool {
        self.bytes.last() == Some(&b'\n')
    }

    /// Its lines in order. An empty piece is an empty line, or the newline that ends the line of the frame before.
    pub(crate) fn pieces(&self) -> Pieces<'_> {
        Pieces { frame: self, at: 0, run: 0 }
    }
}

/// The lines of a frame.
pub(crate) struct Pieces<'a> {
    frame: &'a Frame,
    at: usize,
    run: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let Frame { bytes, runs, at_start, .. } = self.frame;
        let start = self.at;
        if start >= bytes.len() {
            return None;
        }
        while runs.get(self.run + 1).is_some_and(|next| next.start as usize <= start) {
            self.run += 1;
        }
        let run_end = runs.get(self.run + 1).map_or(bytes.len(), |next| next.start as usize);
        let newline = memchr(b'\n', &bytes[start..run_end]);
        let end = newline.map_or(run_end, |i| start + i);
        self.at = newline.map_or(run_end, |i| start + i + 1);
        let begins = start > 0 || *at_start;
        Some(Piece { start, bytes: &bytes[start..end], stream: runs[self.run].stream, begins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Header, Stderr, Stdout};

    fn lines(chunks: &[(Stream, &str)]) -> (u32, Vec<String>) {
        let (mut frame, mut tail) = (Frame::after(0, 0), Tail::default());
        for (stream, text) in chunks {
            assert_eq!(frame.push(&mut tail, *stream, text.as_bytes()), text.len());
        }
        assert!(frame.pieces().all(|piece| piece.begins));
        let pieces = frame.pieces().map(|p| format!("{}{}", p.stream.letter(), String::from_utf8_lossy(p.bytes)));
        (frame.begun, pieces.collect())
    }

    #[test]
    fn lines_end_at_newlines_and_where_the_stream_changes() {
        let check = |chunks: &[(Stream, &str)], expected: &[&str]| {
            let (begun, found) = lines(chunks);
            assert_eq!(found, expected, "{chunks:?}");
            assert_eq!(begun as usize, expected.len(), "{chunks:?}");
        };
        check(&[], &[]);
        check(&[(Stdout, "a\nb")], &["oa", "ob"]);
        check(&[(Stdout, "a"), (Stdout, "b\n")], &["oab"]);
        check(&[(Stdout, "a"), (Stderr, "\n")], &["oa", "e"]);
        check(&[(Header, "\n\n"), (Stdout, "x\n")], &["h", "h", "ox"]);
        check(&[(Stdout, "a\n"), (Stderr, ""), (Stdout, "b\n")], &["oa", "ob"]);
    }

    #[test]
    fn a_frame_takes_no_more_than_its_size() {
        let (mut frame, mut tail) = (Frame::after(0, 0), Tail::default());
        assert_eq!(frame.push(&mut tail, Stdout, &vec![b'x'; FRAME_BYTES + 5]), FRAME_BYTES);
        assert!(frame.is_full());
        let mut next = Frame::after(frame.end(), u64::from(frame.begun));
        assert_eq!(next.push(&mut tail, Stdout, b"y\nz"), 3);
        assert!(!next.at_start);
        assert_eq!(next.begun, 1);
    }
}
