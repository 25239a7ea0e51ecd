//! Looking through a whole log file, as `sluice fsck` does: every byte, nothing changed.

use crate::LogError;
use crate::file::{LogFile, Unpackers};
use crate::logs::Facts;
use crate::scan::{self, Ending};
use model::{BuildId, LogId};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What a file holds; every byte of it was read and is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The build; `None` if not even the head was written.
    pub build: Option<BuildId>,
    /// Its logs by rising id.
    pub logs: Vec<(LogId, Facts)>,
    /// How the file ends.
    pub state: State,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// With its index: the build is finished.
    Finished,
    /// With a whole record: the build is live, or was when its master died.
    Open,
    /// With bytes that were never durable, from this position on. The next writer cuts them off.
    Torn(u64),
}

/// Reads a whole log file and checks every checksum.
///
/// # Errors
/// [`LogError::Damaged`] names the first wrong place.
pub fn check(path: &Path) -> Result<Checked, LogError> {
    let file = File::open(path).map_err(|e| LogError::io("open", path, e))?;
    let file = LogFile { file: Arc::new(file), path: path.into() };
    let zstd = Unpackers::default();
    let found = scan::scan(&file, &zstd)?;
    let state = match found.ending {
        Ending::Index => State::Finished,
        Ending::Whole => State::Open,
        Ending::Torn => State::Torn(found.end),
        Ending::Damaged(what) => return Err(file.damaged(found.end, what)),
    };
    if state == State::Finished {
        let walked = scan::walk(&file, &zstd)?;
        if walked.ending != Ending::Whole || walked.build != found.build {
            return Err(file.damaged(walked.end, "a record is wrong that the index does not need"));
        }
        let facts =
            |scan: &scan::Scan| scan.logs.iter().map(|(log, c)| (*log, c.frames.clone(), c.sealed)).collect::<Vec<_>>();
        if facts(&walked) != facts(&found) {
            return Err(file.damaged(walked.end, "the index does not say what the records say"));
        }
    }
    let mut logs = Vec::new();
    for (log, contents) in &found.logs {
        let mut crc = crc32fast::Hasher::new();
        for entry in &contents.frames {
            crc.combine(&file.frame(*log, entry, &zstd)?.crc);
        }
        let said = contents.crc.clone().finalize();
        if crc.finalize() != said {
            return Err(file.damaged(found.end, "the checksum of a log is not that of its frames"));
        }
        let sealed = contents.sealed.then_some(said);
        logs.push((*log, Facts { lines: contents.lines, bytes: contents.bytes, sealed }));
    }
    Ok(Checked { build: found.build, logs, state })
}
