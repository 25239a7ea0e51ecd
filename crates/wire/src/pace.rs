//! How much goes into one frame: little on a slow line, so that no frame takes longer than the other side's patience.

use crate::{CHUNK_LIMIT, CommandId};
use model::{Span, Time};

/// The least that a piece of output is cut to, in bytes.
const LEAST: usize = 16 << 10;

/// Answered within this time, pieces may grow.
const QUICK: Span = Span::millis(250);

/// Answered later than this, pieces shrink.
const SLOW: Span = Span::seconds(2);

/// The length of pieces, learnt from how soon a piece is acknowledged.
#[derive(Debug)]
pub(crate) struct Pace {
    piece: usize,
    probe: Option<Probe>,
}

#[derive(Debug)]
struct Probe {
    command: CommandId,
    log: u16,
    end: u64,
    sent: Time,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { piece: LEAST, probe: None }
    }

    /// The most that the next piece may have.
    pub(crate) fn piece(&self) -> usize {
        self.piece
    }

    /// A piece of `length` bytes went out; `end` is the offset after it.
    pub(crate) fn sent(&mut self, command: CommandId, log: u16, end: u64, length: usize, now: Time) {
        if self.probe.is_none() && length >= self.piece {
            self.probe = Some(Probe { command, log, end, sent: now });
        }
    }

    /// A log was acknowledged up to `received`.
    pub(crate) fn acknowledged(&mut self, command: CommandId, log: u16, received: u64, now: Time) {
        let Some(probe) = self.probe.take_if(|p| p.command == command && p.log == log && received >= p.end) else {
            return;
        };
        let took = now.since(probe.sent);
        if took < QUICK {
            self.piece = (self.piece * 2).min(CHUNK_LIMIT);
        } else if took > SLOW {
            self.piece = (self.piece / 2).max(LEAST);
        }
    }

    /// The command is gone; nothing of it will be acknowledged.
    pub(crate) fn forget(&mut self, command: CommandId) {
        self.probe.take_if(|p| p.command == command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_the_line() {
        let c = CommandId { build: 1, epoch: 1, step: 1 };
        let mut pace = Pace::new();
        let mut at = Time(0);
        let mut round = |pace: &mut Pace, took: Span| {
            pace.sent(c, 0, 100, CHUNK_LIMIT, at);
            at += took;
            pace.acknowledged(c, 0, 99, at);
            pace.acknowledged(c, 0, 100, at);
            pace.piece()
        };
        let fast: Vec<_> = (0..6).map(|_| round(&mut pace, Span::millis(5))).collect();
        assert_eq!(fast, [32 << 10, 64 << 10, 128 << 10, 256 << 10, 256 << 10, 256 << 10]);
        assert_eq!(round(&mut pace, Span::seconds(1)), 256 << 10);
        let slow: Vec<_> = (0..6).map(|_| round(&mut pace, Span::seconds(3))).collect();
        assert_eq!(slow, [128 << 10, 64 << 10, 32 << 10, 16 << 10, 16 << 10, 16 << 10]);
    }
}
