//! Subunit version 1: lines that say what tests do, amid whatever else is printed.
//!
//! <https://github.com/testing-cabal/subunit>, with what Samba's test programs add to it. Details are read as bytes
//! where they come in chunks, since a chunk may hold anything.

use crate::lines::clean;
use crate::reader::{Parse, Sink};
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome, duration};
use model::Time;

/// Reads subunit version 1.
pub(crate) struct SubunitV1 {
    state: State,
    line: Vec<u8>,
    begun: bool,
    limits: Limits,
    now: Option<Time>,
    test: Option<Test>,
}

/// A test that began.
struct Test {
    label: String,
    at: Option<Time>,
    end: Option<TestOutcome>,
    message: Message,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Lines,
    /// Up to a line `]`.
    Details,
    /// Up to `]`: a content type, a name, chunks.
    Parts,
    /// The name of a part; whether it is text.
    PartName(bool),
    /// The length of a chunk; whether it is text.
    ChunkLength(bool),
    /// So many bytes of a chunk; whether it is text.
    Chunk(u64, bool),
}

impl SubunitV1 {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { state: State::Lines, line: Vec::new(), begun: false, limits: *limits, now: None, test: None }
    }

    /// The line that was gathered. It ended with `\n`, or the stream did.
    fn line(&mut self, out: &mut Sink<'_>) {
        let bytes = std::mem::take(&mut self.line);
        let line = clean(&bytes);
        self.begun = false;
        match self.state {
            State::Lines => self.directive(&line, out),
            State::Details if line == "]" => self.ended(out),
            State::Details => {
                let line = if line.starts_with(" ]") { &line[1..] } else { &line };
                if let Some(test) = &mut self.test {
                    test.message.line(line);
                }
            }
            State::Parts if line == "]" => self.ended(out),
            State::Parts => self.state = State::PartName(line.to_ascii_lowercase().starts_with("content-type: text/")),
            State::PartName(text) => self.state = State::ChunkLength(text),
            State::ChunkLength(text) => match u64::from_str_radix(line.trim(), 16) {
                Ok(0) => self.state = State::Parts,
                Ok(n) => self.state = State::Chunk(n, text),
                Err(_) => {
                    let name = self.test.as_ref().map_or("a test", |t| t.label.as_str());
                    let place = format!("in the details of {name}");
                    out.flaw(Flaw::Malformed { place, what: "the length of a chunk is no number".into() });
                    self.ended(out);
                    self.directive(&line, out);
                }
            },
            State::Chunk(..) => {}
        }
        // The buffer is used again.
        self.line = bytes;
        self.line.clear();
    }

    fn directive(&mut self, line: &str, out: &mut Sink<'_>) {
        let Some((word, rest)) = line.split_once([' ', '\t']) else { return };
        match word.strip_suffix(':').unwrap_or(word) {
            "test" | "testing" if self.test.is_none() => {
                out.started(rest);
                let message = Message::new(self.limits.message);
                self.test = Some(Test { label: rest.to_owned(), at: self.now, end: None, message });
            }
            "success" | "successful" => self.outcome(TestOutcome::Passed, rest, out),
            "failure" | "fail" => self.outcome(TestOutcome::Failed, rest, out),
            "error" => self.outcome(TestOutcome::Error, rest, out),
            "skip" => self.outcome(TestOutcome::Skipped, rest, out),
            "xfail" | "knownfail" => self.outcome(TestOutcome::ExpectedFailure, rest, out),
            "uxsuccess" => self.outcome(TestOutcome::UnexpectedSuccess, rest, out),
            "time" => self.now = duration::moment(rest).or(self.now),
            "progress" => {
                if let Some(n) = rest.trim().parse().ok().filter(|_| !rest.trim().starts_with(['+', '-'])) {
                    out.planned(n);
                }
            }
            "testsuite-failure" | "testsuite-error" if word.ends_with(':') && self.test.is_none() => {
                self.suite(TestOutcome::Error, rest, out);
            }
            "skip-testsuite" if word.ends_with(':') => self.suite(TestOutcome::Skipped, rest, out),
            _ => {}
        }
    }

    /// A whole suite ended in a way that no test tells.
    fn suite(&mut self, outcome: TestOutcome, label: &str, out: &mut Sink<'_>) {
        let (label, details) = label.strip_suffix(" [").map_or((label, false), |label| (label, true));
        let message = Message::new(self.limits.message);
        if details && self.test.is_none() {
            self.test = Some(Test { label: label.to_owned(), at: None, end: Some(outcome), message });
            self.state = State::Details;
        } else {
            out.ended(label, outcome, None, String::new());
        }
    }

    /// An outcome counts only for the test that is open; anything else is output.
    fn outcome(&mut self, outcome: TestOutcome, rest: &str, out: &mut Sink<'_>) {
        let Some(test) = &mut self.test else { return };
        // A label that was cut is still the same test.
        let behind = match rest.strip_prefix(test.label.as_str()) {
            Some(behind) => behind,
            None => return,
        };
        self.state = match behind.trim_end() {
            "" => State::Lines,
            " [" => State::Details,
            " [ multipart" => State::Parts,
            _ => return,
        };
        test.end = Some(outcome);
        if self.state == State::Lines {
            self.ended(out);
        }
    }

    /// The test, with its details, is complete.
    fn ended(&mut self, out: &mut Sink<'_>) {
        self.state = State::Lines;
        if let Some(mut test) = self.test.take() {
            let duration = test.at.zip(self.now).map(|(at, now)| now.since(at));
            let outcome = test.end.unwrap_or(TestOutcome::Error);
            out.ended(&test.label, outcome, duration, test.message.take());
        }
    }
}

impl Parse for SubunitV1 {
    fn push(&mut self, mut bytes: &[u8], out: &mut Sink<'_>) {
        while !bytes.is_empty() {
            if let State::Chunk(left, text) = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                if let Some(test) = self.test.as_mut().filter(|_| text) {
                    test.message.push(&bytes[..taken]);
                }
                bytes = &bytes[taken..];
                self.state = match left - taken as u64 {
                    0 => State::ChunkLength(text),
                    left => State::Chunk(left, text),
                };
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            let room = self.limits.line.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            self.begun = true;
            match end {
                Some(end) => {
                    bytes = &bytes[end + 1..];
                    self.line(out);
                }
                None => return,
            }
        }
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        if self.begun {
            self.line(out);
        }
        if let Some(mut test) = self.test.take() {
            let message = match self.state {
                State::Lines => String::new(),
                _ => test.message.take(),
            };
            if self.state != State::Lines {
                out.flaw(Flaw::CutOff { missing: format!("the end of the details of {}", test.label) });
            }
            out.never_ended(&test.label, message);
        }
    }
}
