//! A command under its supervisor: what it has written, what its spool still has, and how it ended.

use crate::dice::Dice;
use model::{Span, Time};
use wire::Ending;

/// A command, running or ended, with its spool.
#[derive(Debug)]
pub(crate) struct Job {
    /// Bytes in its spool, counted from its beginning.
    pub(crate) written: u64,
    /// Bytes at the beginning of its spool that were thrown away.
    pub(crate) trimmed: u64,
    /// How it ended, if that is in its spool.
    pub(crate) ended: Option<Ending>,
    /// It was told to end.
    pub(crate) interrupt: Option<String>,
    /// The spool cannot be read.
    pub(crate) damaged: bool,
    /// Its machine lost its power: something of its spool may be gone, and its supervisor is.
    pub(crate) torn: bool,
    /// How long until it writes again.
    pub(crate) pause: Span,
    /// Since when its supervisor has no daemon, and how long that may be.
    pub(crate) alone_since: Option<Time>,
    pub(crate) orphan_limit: Option<Span>,
    /// Bytes that it still writes, and in how many pieces.
    left: u64,
    pieces: u64,
}

impl Job {
    /// A command that writes and lasts as chance has it.
    pub(crate) fn by_chance(dice: &mut Dice, quick: bool) -> Job {
        let left = match dice.between(0, 19) {
            0 => 0,
            1..14 => dice.between(1, 400),
            14..19 => dice.between(400, 20_000),
            _ => dice.between(20_000, 600_000),
        };
        let lasts = match dice.between(0, 19) {
            0 | 1 => Span::ZERO,
            2..13 => dice.span(50, 10_000),
            13..19 => dice.span(1_000, 120_000),
            _ => dice.span(60_000, 1_800_000),
        };
        let pieces = dice.between(1, 6);
        let pause = Span(if quick { lasts.0.min(20_000_000) / pieces } else { lasts.0 / pieces });
        Job {
            written: 0,
            trimmed: 0,
            ended: None,
            interrupt: None,
            damaged: false,
            torn: false,
            pause,
            alone_since: None,
            orphan_limit: None,
            left: left.unsigned_abs(),
            pieces: pieces.unsigned_abs(),
        }
    }

    /// Whether its supervisor has not seen its end.
    pub(crate) fn runs(&self) -> bool {
        self.ended.is_none() && !self.torn
    }

    /// Writes a piece. How long until the next; `None`: that was the last.
    pub(crate) fn grow(&mut self) -> Option<Span> {
        let piece = self.left / self.pieces.max(1);
        let piece = if self.pieces <= 1 { self.left } else { piece };
        self.written += piece;
        self.left -= piece;
        self.pieces = self.pieces.saturating_sub(1);
        (self.pieces > 0).then_some(self.pause)
    }

    /// Its supervisor is gone, and so many of the last bytes.
    pub(crate) fn lose_power(&mut self, torn: Option<u64>) {
        if let Some(bytes) = torn {
            self.written = self.written.saturating_sub(bytes).max(self.trimmed);
            self.ended = None;
        }
        self.torn |= torn.is_some() || self.ended.is_none();
    }
}
