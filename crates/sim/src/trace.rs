//! What happened, told: a hash of all of it, and the last events in words.

use model::Time;
use std::collections::VecDeque;
use std::fmt::{self, Write};

/// So many events are told with a violation.
pub const LAST: usize = 30;

/// Events longer than this are cut.
const LINE: usize = 220;

/// Where events go.
#[derive(Debug)]
pub struct Trace {
    hash: Hash,
    begun: Time,
    now: Time,
    last: VecDeque<String>,
    aloud: Aloud,
    count: u64,
}

/// Whether events are printed as they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aloud {
    /// Each is printed.
    Yes,
    /// Only the last ones are kept.
    No,
}

/// FNV-1a over everything that is written to it.
#[derive(Debug)]
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(())
    }
}

impl Trace {
    /// A trace that begins now.
    pub fn new(begun: Time, aloud: Aloud) -> Self {
        Trace { hash: Hash(0xcbf2_9ce4_8422_2325), begun, now: begun, last: VecDeque::new(), aloud, count: 0 }
    }

    /// From here on it is so late.
    pub fn at(&mut self, now: Time) {
        self.now = now;
    }

    /// Takes an event in.
    pub fn tell(&mut self, event: fmt::Arguments<'_>) {
        self.count += 1;
        let mut line = format!("{:>10.3} s  {event}", self.now.since(self.begun).as_secs_f64());
        // Writing to a hash and to a text cannot fail.
        let _ = self.hash.write_str(&line);
        if line.len() > LINE {
            let cut = (0..=LINE).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            line.truncate(cut);
            line.push('…');
        }
        if self.aloud == Aloud::Yes {
            println!("{line}");
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// A number that two runs share only if everything in them was the same.
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How many events there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last events, oldest first.
    pub fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}
