//! Finds out what a report is written in, by lines or bytes that nothing else writes.
//!
//! Output before such a sign is passed over, but for its end, which may belong to the report. What comes after is read
//! in that format to its end: of two formats in one output the first counts.

use super::Format;
use crate::lines::clean;
use crate::reader::{Parse, Sink};
use crate::{Flaw, Limits};
use std::collections::VecDeque;

/// Finds out, and then reads.
pub(crate) struct Auto {
    limits: Limits,
    found: Option<Box<dyn Parse>>,
    /// A line that is not at its end.
    line: Vec<u8>,
    /// The end of what came before a sign.
    before: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The label of a subunit test that began.
    test: Option<String>,
    any: bool,
}

/// A format, and whether a line is of it.
type Sign = (Format, fn(&str) -> bool);

/// So many bytes before a sign are read by the parser too.
const BEFORE: usize = 64 << 10;

impl Auto {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            found: None,
            line: Vec::new(),
            before: VecDeque::new(),
            bytes: 0,
            test: None,
            any: false,
        }
    }

    /// A line with its newline, or a part of a long one.
    fn line(&mut self, out: &mut Sink<'_>) {
        let line = std::mem::take(&mut self.line);
        let inner = line.strip_suffix(b"\n").unwrap_or(&line);
        let Some(format) = self.sign(inner, &clean(inner)) else {
            self.bytes += line.len();
            self.before.push_back(line);
            while self.bytes > BEFORE {
                self.bytes -= self.before.pop_front().map_or(0, |line| line.len());
            }
            return;
        };
        out.recognised(format);
        let mut parser = format.parser(&self.limits);
        let last_test = self.before.iter().rposition(|line| line.starts_with(b"test: ")).unwrap_or(0);
        for (i, before) in self.before.drain(..).enumerate() {
            let fits = match format {
                // Anything before the first tag would not be XML.
                Format::Junit => false,
                // A line that only looks like the beginning of a test would stay open.
                Format::SubunitV1 => i >= last_test || !before.starts_with(b"test"),
                _ => true,
            };
            if fits {
                parser.push(&before, out);
            }
        }
        parser.push(&line, out);
        self.found = Some(parser);
    }

    fn sign(&mut self, line: &[u8], text: &str) -> Option<Format> {
        if line.windows(2).any(|pair| pair[0] == 0xb3 && pair[1] >> 4 == 2) && packet(line) {
            return Some(Format::SubunitV2);
        }
        if let Some(label) = text.strip_prefix("test: ") {
            self.test = Some(crate::text::short(label, self.limits.name));
        }
        let ended = ["success: ", "successful: ", "failure: ", "error: ", "skip: ", "xfail: ", "uxsuccess: "];
        let label = ended.iter().find_map(|word| text.strip_prefix(word));
        if let (Some(label), Some(test)) = (label, &self.test)
            && crate::text::short(label, self.limits.name).starts_with(test.as_str())
        {
            return Some(Format::SubunitV1);
        }
        let signs: [Sign; 12] = [
            (Format::Junit, |l| l.trim_start().starts_with('<') && l.contains("<testsuite")),
            (Format::Tap, tap),
            (Format::GoTestJson, |l| l.starts_with("{\"Time\":\"") && l.contains("\"Action\":\"")),
            (Format::GoTest, go),
            (Format::CargoTestJson, |l| l.starts_with("{ \"type\": \"suite\", \"event\": \"started\"")),
            (Format::Nextest, |l| l.starts_with(" Nextest run ID ") || starting(l)),
            (Format::CargoTest, cargo),
            (Format::Pytest, pytest),
            (Format::Ctest, |l| l.starts_with("Test project ")),
            (Format::Trial, trial),
            (Format::Unittest, unittest),
            (Format::Prove, prove),
        ];
        signs.iter().find(|(_, is)| is(text)).map(|(format, _)| *format)
    }
}

impl Parse for Auto {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        self.any |= !bytes.is_empty();
        if let Some(parser) = &mut self.found {
            return parser.push(bytes, out);
        }
        let mut rest = bytes;
        while self.found.is_none() && !rest.is_empty() {
            let newline = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
            let end = newline.min(self.limits.line.max(1) - self.line.len());
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
            if self.line.ends_with(b"\n") || self.line.len() >= self.limits.line {
                self.line(out);
            }
        }
        if let Some(parser) = self.found.as_mut().filter(|_| !rest.is_empty()) {
            parser.push(rest, out);
        }
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        if self.found.is_none() && !self.line.is_empty() {
            self.line(out);
        }
        match &mut self.found {
            Some(parser) => parser.finish(out),
            None if self.any => out.flaw(Flaw::Unknown),
            None => {}
        }
    }
}

/// Whether a whole packet of subunit version 2 stands in these bytes.
fn packet(line: &[u8]) -> bool {
    let starts = line.iter().enumerate().filter(|(_, b)| **b == 0xb3).map(|(i, _)| i);
    starts.take(64).any(|i| super::subunit_v2::looks_like_packet(&line[i..]))
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn tap(line: &str) -> bool {
    if let Some(version) = line.strip_prefix("TAP version ") {
        return number(version);
    }
    if let Some(plan) = line.strip_prefix("1..") {
        return number(plan.split('#').next().unwrap_or("").trim());
    }
    let rest = line.strip_prefix("not ok ").or_else(|| line.strip_prefix("ok "));
    rest.is_some_and(|rest| number(rest.split(' ').next().unwrap_or("")))
}

fn go(line: &str) -> bool {
    let package = |word| line.strip_prefix(word).is_some_and(|rest: &str| rest.contains(['\t', '[']));
    line.starts_with("=== RUN   ") || line.starts_with("--- FAIL: ") || package("ok  \t") || package("FAIL\t")
}

fn cargo(line: &str) -> bool {
    let running = line.strip_prefix("running ").and_then(|rest| rest.split_once(' '));
    running.is_some_and(|(n, what)| number(n) && matches!(what, "test" | "tests"))
        || line.starts_with("     Running unittests ")
        || line.starts_with("   Doc-tests ")
}

fn pytest(line: &str) -> bool {
    let heads = ["test session starts", "FAILURES", "ERRORS", "short test summary info"];
    super::pytest::heading(line).is_some_and(|head| heads.contains(&head))
        || super::pytest::result(line).is_some_and(|counts| !counts.is_empty())
}

fn starting(line: &str) -> bool {
    let rest = line.strip_prefix("    Starting ").and_then(|rest| rest.split_once(" test"));
    rest.is_some_and(|(n, rest)| number(n) && rest.contains(" across "))
}

fn trial(line: &str) -> bool {
    let running = line.strip_prefix("Running ").and_then(|rest| rest.strip_suffix(" tests."));
    let ended = ["[OK]", "[FAIL]", "[ERROR]", "[SKIPPED]", "[TODO]"].iter().any(|word| line.ends_with(word));
    running.is_some_and(number) || (ended && line.contains(" ... ")) || line == "=".repeat(79)
}

fn unittest(line: &str) -> bool {
    let ended = ["ok", "FAIL", "ERROR", "expected failure", "unexpected success"];
    let verbose = |(test, status): (&str, &str)| test.ends_with(')') && test.contains(" (") && ended.contains(&status);
    line == "=".repeat(70) || line == "-".repeat(70) || line.split_once(" ... ").is_some_and(verbose)
}

fn prove(line: &str) -> bool {
    let file = line.split_once(" ..").filter(|(file, _)| file.ends_with(".t") && !file.contains(' '));
    file.is_some_and(|(_, rest)| rest.trim_start_matches('.').starts_with(' ')) || line == "Test Summary Report"
}
