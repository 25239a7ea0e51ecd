//! The spool of a job: what its command said, in files, until somebody else has it for certain.
//!
//! `SLOTDIR/jobs/ID/` holds the file `job` (see [`read_job`]) and segments `00000000.seg`, `00000001.seg` and so on.
//! Version 1 of a segment, all numbers little-endian:
//!
//! ```text
//! "SLSEG" 0x1a  version u16   number u32   logs u32   crc u32
//!     then for each log:      log u32      offset u64      where the log stands when the segment begins
//! records until the end:
//!     length u32  crc u32  log u16  stream u8  kind u8  offset u64  payload
//! ```
//!
//! The CRC-32 (IEEE 802.3) of a segment's head goes over what is before it and the entries of the logs; that of a record
//! over all that follows it, payload included. `length` is the payload's. Kind 0 is output
//! of a log, standing at `offset` in it; kind 1 is the outcome in MessagePack with named fields, the last record of the last
//! segment. A record is appended with one `writev`; one that is not whole yet is waited for.
//!
//! Version 2 of the file `job`: `"SLJOB" 0x1a`, version u16, a CRC-32 of that and of what follows (u32), and the job in
//! MessagePack with named fields. Version 1 had no checksum, and is read.

use crate::{Job, JobId, Outcome};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

mod check;
mod format;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use check::{Checked, State, check};
pub use reader::{Reader, Trim};
pub use writer::Writer;

/// Where a piece of output came from. The numbers are those of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stream {
    /// Standard output, or a terminal.
    Stdout = 0,
    /// Standard error.
    Stderr = 1,
    /// Said by Sluice itself: the command, how it ended.
    Header = 2,
}

impl Stream {
    /// The number in the format.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The stream with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        [Stream::Stdout, Stream::Stderr, Stream::Header].get(usize::from(code)).copied()
    }
}

/// A piece of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which log.
    pub log: u16,
    /// Which stream.
    pub stream: Stream,
    /// Where its first byte stands in the log.
    pub offset: u64,
    /// The bytes; never empty.
    pub data: Vec<u8>,
}

/// Why a spool cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system does not let us.
    #[error("the spool file {} cannot be used", .file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what a supervisor writes.
    #[error("the spool file {} is damaged at byte {at}: {what}", .file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Written by a version that this one does not know.
    #[error("the spool file {} has version {version}, which this program does not read", .file.display())]
    Version {
        /// Which file.
        file: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The bytes asked for are trimmed already.
    #[error("log {log} of the spool {} begins at byte {begins}, byte {asked} is gone", .dir.display())]
    Trimmed {
        /// Which spool.
        dir: PathBuf,
        /// Which log.
        log: u16,
        /// What was asked for.
        asked: u64,
        /// What is there.
        begins: u64,
    },
}

/// The version of the segments that this build writes and reads.
pub const VERSION: u16 = 1;

/// The version of the file `job` that this build writes; it reads the first one too.
pub const JOB_VERSION: u16 = 2;

/// Bytes of the file `job`, at most.
const LONGEST_JOB: usize = 16 << 20;

/// The jobs of a slot that have a spool, sorted by name. None if the slot does not exist.
///
/// # Errors
/// The directory cannot be read.
pub fn jobs(slot_dir: &Path) -> io::Result<Vec<JobId>> {
    let entries = match std::fs::read_dir(slot_dir.join("jobs")) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut jobs = Vec::new();
    for entry in entries {
        jobs.extend(entry?.file_name().into_string().ok().and_then(|name| JobId::new(name).ok()));
    }
    jobs.sort();
    Ok(jobs)
}

/// The job whose spool lies in this directory (`JobId::dir`).
///
/// # Errors
/// The file `job` is absent or damaged.
pub fn read_job(dir: &Path) -> Result<Job, SpoolError> {
    let file = dir.join("job");
    let mut bytes = Vec::new();
    std::fs::File::open(&file)
        .and_then(|open| open.take(LONGEST_JOB as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| SpoolError::Io { file: file.clone(), source })?;
    let damaged = |what| SpoolError::Damaged { file: file.clone(), at: 0, what };
    match format::parse_job(&bytes) {
        format::JobFile::Whole(body) => rmp_serde::from_slice(body).map_err(|_| damaged("the job cannot be read")),
        format::JobFile::Version(version) => Err(SpoolError::Version { file, version }),
        format::JobFile::Damaged(what) => Err(damaged(what)),
    }
}

/// The outcome of the job whose spool lies in this directory, if it has come. Reads the last segment only.
///
/// # Errors
/// The spool is absent or damaged.
pub fn outcome(dir: &Path) -> Result<Option<Outcome>, SpoolError> {
    /// Bytes that are looked at in one go.
    const STEP: usize = 1 << 20;
    let mut reader = Reader::open_last(dir)?;
    while !reader.read(STEP)?.is_empty() {}
    Ok(reader.outcome().cloned())
}

/// The numbers of the segments in this directory, sorted.
fn segments(dir: &Path) -> Result<Vec<u32>, SpoolError> {
    let failed = |source| SpoolError::Io { file: dir.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        numbers.extend(name.to_str().and_then(format::segment_number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes a job's spool. Call it when its outcome is safe elsewhere.
///
/// # Errors
/// It cannot be deleted. An absent one is fine.
pub fn remove(dir: &Path) -> io::Result<()> {
    if park(dir).is_ok() {
        return Ok(());
    }
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Emptied spools that a slot keeps for its next jobs. Acknowledgements come several at once, so that as many spools go
/// before the next jobs come: those of a tenth of a second, with hundreds of commands in each second.
const SPARES: usize = 64;

/// Where they are kept: `spare-0`, `spare-1` and so on, without gaps. File systems look long for a place when files come
/// and go all the time (ext4 does not use an inode again for a while); these stay.
struct Spares {
    slot_dir: PathBuf,
}

impl Spares {
    /// Those of the slot that a job's directory is of.
    fn beside(dir: &Path) -> io::Result<Self> {
        let slot_dir = dir.parent().and_then(Path::parent).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { slot_dir: slot_dir.to_owned() })
    }

    fn place(&self, n: usize) -> PathBuf {
        self.slot_dir.join(format!("spare-{n}"))
    }

    /// How many there are. Mostly there are few: it is looked nearby first.
    fn count(&self) -> usize {
        let is_there = |n: usize| self.place(n).symlink_metadata().is_ok();
        let (mut low, mut high) = (0, 1);
        while high <= SPARES && is_there(high - 1) {
            (low, high) = (high, high * 2);
        }
        high = high.min(SPARES + 1) - 1;
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_there(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// Empties a spool of one segment and keeps it as a spare one. Whatever else it is, it is left as it was.
fn park(dir: &Path) -> io::Result<()> {
    let files = [dir.join("job"), format::segment_path(dir, 0)];
    let mut found = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let known = files.iter().any(|file| file.file_name() == Some(&entry.file_name()));
        if !(known && entry.file_type()?.is_file()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        found += 1;
    }
    if found != files.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Emptied before it is taken away: at no moment may an old outcome stand under a new name.
    for file in &files {
        std::fs::OpenOptions::new().write(true).truncate(true).open(file)?;
    }
    let spares = Spares::beside(dir)?;
    match spares.count() {
        SPARES => Err(io::ErrorKind::AlreadyExists.into()),
        // None takes the place of another: those hold files.
        count => std::fs::rename(dir, spares.place(count)),
    }
}

/// Takes a spare spool for a job whose directory must not exist.
fn take_spare(dir: &Path) -> io::Result<()> {
    if !matches!(dir.symlink_metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let spares = Spares::beside(dir)?;
    let last = spares.count().checked_sub(1).ok_or(io::ErrorKind::NotFound)?;
    std::fs::rename(spares.place(last), dir)
}
