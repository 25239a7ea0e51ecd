//! Text from outside that is kept: bounded, and free of what a terminal or a page would obey.

use crate::ansi;
use std::collections::VecDeque;

/// A text that is gathered piece by piece. Of one that gets too long the beginning and the end are kept.
#[derive(Debug)]
pub(crate) struct Message {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    half: usize,
}

impl Message {
    /// An empty one that takes at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        // Room for the line that says that something was left out.
        Self { head: Vec::new(), tail: VecDeque::new(), left_out: 0, half: limit.saturating_sub(64) / 2 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        if self.tail.is_empty() && self.left_out == 0 {
            let taken = bytes.len().min(self.half.saturating_sub(self.head.len()));
            self.head.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
        if bytes.len() > self.half {
            self.left_out += (bytes.len() - self.half) as u64;
            bytes = &bytes[bytes.len() - self.half..];
        }
        let over = (self.tail.len() + bytes.len()).saturating_sub(self.half);
        self.left_out += over as u64;
        self.tail.drain(..over);
        self.tail.extend(bytes);
    }

    /// A line, whatever stands before it.
    pub(crate) fn line(&mut self, line: &str) {
        if !self.is_empty() {
            self.push(b"\n");
        }
        self.push(line.as_bytes());
    }

    /// What was gathered, clean; empty afterwards.
    pub(crate) fn take(&mut self) -> String {
        let half = self.half;
        let Message { mut head, tail, left_out, .. } = std::mem::replace(self, Self { half, ..Self::new(0) });
        if left_out > 0 {
            head.extend_from_slice(format!("\n… {left_out} bytes are left out …\n").as_bytes());
        }
        head.extend(tail);
        let mut clean = String::with_capacity(head.len());
        for line in head.split(|b| *b == b'\n') {
            if !clean.is_empty() {
                clean.push('\n');
            }
            clean.push_str(&ansi::text(line));
        }
        let mut clean = clean.trim_end().to_owned();
        // Bytes that are no UTF-8 grow when they are replaced.
        cut(&mut clean, 2 * half + 64);
        clean
    }
}

/// A name or a short text on one line: no control characters, at most `limit` bytes.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit));
    for c in text.trim().chars() {
        if clean.len() >= limit {
            break;
        }
        clean.push(if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    }
    cut(&mut clean, limit);
    clean
}

/// Shortens to at most `limit` bytes, between two characters.
fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_keeps_both_ends() {
        let mut message = Message::new(84);
        for i in 0..100 {
            message.line(&format!("line {i}"));
        }
        assert_eq!(message.take(), "line 0\nlin\n… 769 bytes are left out …\n98\nline 99");
        assert!(message.is_empty());
        let mut message = Message::new(200);
        message.push(b"\x1b[31mred\x1b[0m\r\nbell\x07 \xff\n\n");
        assert_eq!(message.take(), "red\nbell \u{fffd}");
        message.push(&[0xff; 500]);
        assert!(message.take().len() <= 200);
    }

    #[test]
    fn names_stay_short_and_clean() {
        assert_eq!(short("  a\tb\0c\u{2028}d ", 99), "a b c d");
        assert_eq!(short("üüü", 5), "üü");
        assert_eq!(short("abc", 0), "");
    }
}
