//! Subunit of whichever version: the first packet or the first line of a test decides.

use super::Format;
use super::subunit_v2::is_packet;
use crate::Limits;
use crate::reader::{Parse, Sink};

/// So many bytes without a sign of either are taken for version 1, which is text.
const UNDECIDED: usize = 64 << 10;

/// How lines of version 1 begin that say what a test does.
const WORDS: [&[u8]; 4] = [b"test: ", b"testing: ", b"progress: ", b"time: "];

/// So many places where a packet may begin are remembered.
const STARTS: usize = 64;

/// Decides, and then reads. Each byte is looked at by itself, so that it does not matter how they come.
pub(crate) struct Subunit {
    limits: Limits,
    found: Option<Box<dyn Parse>>,
    held: Vec<u8>,
    /// Where the line begins that is not at its end.
    line: usize,
    /// Where a packet may begin.
    starts: Vec<usize>,
}

impl Subunit {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, found: None, held: Vec::new(), line: 0, starts: Vec::new() }
    }

    /// Holds one more byte, and says what they show.
    fn hold(&mut self, byte: u8) -> Option<Format> {
        if byte == 0xb3 && self.starts.len() < STARTS {
            self.starts.push(self.held.len());
        }
        self.held.push(byte);
        let mut is_binary = false;
        let held = &self.held;
        self.starts.retain(|start| match is_packet(&held[*start..]) {
            Some(packet) => {
                is_binary = is_binary || packet;
                false
            }
            None => true,
        });
        if is_binary {
            return Some(Format::SubunitV2);
        }
        let line = &self.held[self.line..];
        let is_text = WORDS.contains(&line);
        if byte == b'\n' {
            self.line = self.held.len();
        }
        (is_text || self.held.len() > UNDECIDED).then_some(Format::SubunitV1)
    }

    fn decide(&mut self, format: Format, out: &mut Sink<'_>) {
        out.recognised(format);
        let mut parser = format.parser(&self.limits);
        parser.push(&std::mem::take(&mut self.held), out);
        self.found = Some(parser);
    }
}

impl Parse for Subunit {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        if let Some(parser) = &mut self.found {
            return parser.push(bytes, out);
        }
        for (n, byte) in bytes.iter().enumerate() {
            if let Some(format) = self.hold(*byte) {
                self.decide(format, out);
                return self.push(&bytes[n + 1..], out);
            }
        }
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        if self.found.is_none() {
            self.decide(Format::SubunitV1, out);
        }
        if let Some(parser) = &mut self.found {
            parser.finish(out);
        }
    }
}
