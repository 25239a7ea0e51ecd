//! Looking through a whole spool, as `sluice fsck` does: every byte, nothing changed.

use super::reader::{End, Reader};
use super::{SpoolError, segments};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a spool holds; every byte of it was read, and is right but for a torn end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Bytes of output that are there.
    pub bytes: u64,
    /// Where each log begins: what is before it was trimmed. A log that is not named begins at 0.
    pub begins: BTreeMap<u16, u64>,
    /// How it ends.
    pub state: State,
}

/// How a spool ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// With the outcome.
    Ended,
    /// With a whole record: its command runs, or did when its supervisor died.
    Open,
    /// In the midst of a record, which is being written, or was when the machine died.
    Torn {
        /// In which file.
        file: PathBuf,
        /// Where the record begins.
        at: u64,
    },
}

/// Reads all of the spool in this directory, the file `job` too, and checks every checksum.
///
/// # Errors
/// The first wrong place, or a version that this program does not read.
pub fn check(dir: &Path) -> Result<Checked, SpoolError> {
    /// Bytes that are looked at in one go.
    const STEP: usize = 1 << 20;
    super::read_job(dir)?;
    let mut reader = Reader::open(dir)?;
    let begins = reader.begins().clone();
    let mut bytes = 0;
    loop {
        let chunks = reader.read(STEP)?;
        if chunks.is_empty() {
            break;
        }
        bytes += chunks.iter().map(|chunk| chunk.data.len() as u64).sum::<u64>();
    }
    let (file, end) = reader.end()?;
    let state = match end {
        End::Outcome { follows: None } => State::Ended,
        End::Outcome { follows: Some(at) } => {
            return Err(SpoolError::Damaged { file, at, what: "something stands behind the outcome" });
        }
        End::Whole => State::Open,
        End::Torn(at) => State::Torn { file, at },
    };
    // A reader goes from one segment to the next; one that lies further on was never reached.
    let numbers = segments(dir)?;
    if let Some(gap) = numbers.windows(2).find(|pair| pair[0].checked_add(1) != Some(pair[1])) {
        let file = super::format::segment_path(dir, gap[0].saturating_add(1));
        return Err(SpoolError::Damaged { file, at: 0, what: "the segment is missing between two others" });
    }
    Ok(Checked { bytes, begins, state })
}
