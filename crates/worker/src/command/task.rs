//! A command of a worker: where it is in its life, and what its spool has to tell.

use crate::job;
use process::Job;
use process::spool::{self, Reader, SpoolError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use wire::Ending;

#[derive(Debug)]
pub(super) struct Task {
    pub(super) stage: Stage,
    /// Where its spool lies, once it has a slot.
    pub(super) dir: Option<PathBuf>,
    /// The spool is there.
    pub(super) begun: bool,
    pub(super) reader: Option<Reader>,
    /// Where to read from, when the reader is opened.
    pub(super) positions: Vec<(u16, u64)>,
    /// How far each log was trimmed.
    pub(super) trimmed: BTreeMap<u16, u64>,
    /// Nobody waits for it.
    pub(super) dropped: bool,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// It has no slot yet.
    Waiting(Box<Job>),
    /// The supervisor of this slot has it.
    Running(u32),
    /// Its outcome is in the spool.
    Ended,
    /// Its supervisor is gone; there may be an outcome in the spool.
    Orphan,
    /// It was never begun; its end is told already.
    Refused,
}

impl Task {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            stage,
            dir: None,
            begun: false,
            reader: None,
            positions: Vec::new(),
            trimmed: BTreeMap::new(),
            dropped: false,
        }
    }

    /// Reads on in the spool.
    pub(super) fn look(&mut self, limit: usize) -> Result<Found, SpoolError> {
        let Some(dir) = self.dir.as_ref().filter(|_| self.begun) else { return Ok(Found::Nothing) };
        if self.reader.is_none() {
            if matches!(self.stage, Stage::Orphan) && !dir.exists() {
                return Ok(Found::End(Box::new(Ending::supervisor_died())));
            }
            let mut reader = Reader::open(dir)?;
            if !self.positions.is_empty() {
                reader.seek(&self.positions)?;
            }
            self.reader = Some(reader);
        }
        let Some(reader) = &mut self.reader else { return Ok(Found::Nothing) };
        let pieces = reader.read(limit)?;
        if !pieces.is_empty() {
            return Ok(Found::Pieces(pieces));
        }
        Ok(match (reader.outcome(), &self.stage) {
            (Some(outcome), _) => Found::End(Box::new(job::ending(outcome, dir))),
            (None, Stage::Orphan | Stage::Ended) => Found::End(Box::new(Ending::supervisor_died())),
            (None, _) => Found::Nothing,
        })
    }
}

/// What a look into a spool gave.
pub(super) enum Found {
    Pieces(Vec<spool::Chunk>),
    /// All was read; the end is not there yet.
    Nothing,
    End(Box<Ending>),
}

/// Joins what follows one another in a log: a command that writes line by line makes many small records.
pub(super) fn joined(pieces: Vec<spool::Chunk>) -> impl Iterator<Item = spool::Chunk> {
    let mut pieces = pieces.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut piece = pieces.next()?;
        while let Some(next) = pieces.next_if(|next| {
            let end = piece.offset + piece.data.len() as u64;
            (next.log, next.stream, next.offset) == (piece.log, piece.stream, end)
        }) {
            piece.data.extend_from_slice(&next.data);
        }
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use process::spool::{Chunk, Stream};

    #[test]
    fn neighbours_are_joined_and_others_are_not() {
        let piece = |log, stream, offset, data: &[u8]| Chunk { log, stream, offset, data: data.to_vec() };
        let pieces = vec![
            piece(0, Stream::Stdout, 0, b"ab"),
            piece(0, Stream::Stdout, 2, b"c"),
            piece(0, Stream::Stderr, 3, b"d"),
            piece(0, Stream::Stderr, 4, b"e"),
            piece(1, Stream::Stderr, 5, b"f"),
            piece(1, Stream::Stderr, 7, b"g"),
        ];
        let expected = [
            piece(0, Stream::Stdout, 0, b"abc"),
            piece(0, Stream::Stderr, 3, b"de"),
            piece(1, Stream::Stderr, 5, b"f"),
            piece(1, Stream::Stderr, 7, b"g"),
        ];
        assert_eq!(joined(pieces).collect::<Vec<_>>(), expected);
    }
}
