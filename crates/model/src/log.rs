//! Logs: their facts. Their bytes live in the room `logs`.

use crate::{LogId, StepId};
use serde::{Deserialize, Serialize};

/// What the store knows of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFacts {
    /// Its id.
    pub id: LogId,
    /// The step it belongs to.
    pub step: StepId,
    /// Its place among the step's logs, from 0; 0 is the command's own output.
    pub number: u16,
    /// Its name, `stdio` for the command's own output.
    pub name: String,
    /// Its name in addresses; unique within the step.
    pub slug: String,
    /// Where it stands.
    pub status: LogStatus,
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogStatus {
    /// It grows; the room `logs` knows how far.
    Open,
    /// It is whole; never changes again.
    Sealed {
        /// Lines, counting a last one without a newline. A change of stream begins a new line.
        lines: u64,
        /// Bytes.
        bytes: u64,
        /// CRC-32 (IEEE 802.3) of all bytes.
        crc32: u32,
    },
}

/// Where a piece of output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output, or a terminal.
    Stdout,
    /// Standard error.
    Stderr,
    /// Said by Sluice itself: the command, how it ended.
    Header,
}

impl Stream {
    /// The letter that begins a line in the REST interface: `o`, `e`, `h`.
    pub fn letter(self) -> char {
        match self {
            Stream::Stdout => 'o',
            Stream::Stderr => 'e',
            Stream::Header => 'h',
        }
    }

    /// A small number for formats.
    pub fn code(self) -> u8 {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
            Stream::Header => 2,
        }
    }

    /// The stream with this number, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        [Stream::Stdout, Stream::Stderr, Stream::Header].get(usize::from(code)).copied()
    }
}
