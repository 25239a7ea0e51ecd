//! What is typed at the terminal of a command: its standard input, then the end of input for whoever goes on reading.
//!
//! The terminal is in line mode (`termios(3)`): it hands out whole lines, VEOF hands out what there is of a line, and
//! nothing at all at the beginning of one, which a reader takes for the end. Only that one reader, though: a second
//! command of a script would wait for ever. So the terminal's buffer is kept full of them.

use std::os::fd::AsFd;

/// The character VEOF, as the terminal was made.
const END: u8 = 4;
/// The character VLNEXT: the next one means nothing.
const LITERAL: u8 = 22;
/// Bytes of a line that are typed before they are handed out. A terminal holds 4095 and drops the rest.
const LONGEST_LINE: usize = 1000;
/// How often the end is told in all: enough for any script, not enough to fill a disk with what a program that takes
/// them for letters makes of them.
const MOST_ENDS: usize = 64 << 10;
/// Bytes that are typed in one go.
const AT_ONCE: usize = 4096;

/// Somebody who types.
#[derive(Debug)]
pub(super) struct Typing {
    keys: Vec<u8>,
    at: usize,
    ends: usize,
}

impl Typing {
    /// Types these bytes and then the end.
    pub(super) fn new(input: &[u8]) -> Self {
        Typing { keys: keys(input), at: 0, ends: MOST_ENDS }
    }

    /// Types as much as the terminal takes now. Answers whether there is more.
    pub(super) fn go_on(&mut self, terminal: impl AsFd) -> bool {
        loop {
            if self.at == self.keys.len() {
                self.keys.clear();
                self.keys.resize(self.ends.min(AT_ONCE), END);
                self.ends -= self.keys.len();
                self.at = 0;
            }
            if self.keys.is_empty() {
                return false;
            }
            let next = &self.keys[self.at..];
            match rustix::io::write(&terminal, &next[..next.len().min(AT_ONCE)]) {
                Ok(n) => self.at += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                // Nobody has it open any more.
                Err(_) => return false,
            }
        }
    }
}

/// The keys that make a terminal in line mode hand out these bytes.
fn keys(input: &[u8]) -> Vec<u8> {
    let mut keys = Vec::with_capacity(input.len() + input.len() / 16);
    let mut line = 0;
    for &byte in input {
        // Control characters may mean something: erase, interrupt, stop the output, carriage return.
        if byte != b'\n' && (byte < b' ' || byte == 127) {
            keys.push(LITERAL);
        }
        keys.push(byte);
        line = if byte == b'\n' { 0 } else { line + 1 };
        if line == LONGEST_LINE {
            keys.push(END);
            line = 0;
        }
    }
    if line > 0 {
        keys.push(END);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_typed_so_that_they_arrive_as_they_are() {
        assert_eq!(keys(b""), b"");
        assert_eq!(keys(b"a\n"), b"a\n");
        assert_eq!(keys(b"a\nb"), b"a\nb\x04");
        assert_eq!(keys(b"\x03\x04\r\n\x7f\xff"), b"\x16\x03\x16\x04\x16\r\n\x16\x7f\xff\x04");
        let long = [b'x'; LONGEST_LINE + 1];
        assert_eq!(keys(&long), [&long[..LONGEST_LINE], b"\x04x\x04"].concat());
    }
}
