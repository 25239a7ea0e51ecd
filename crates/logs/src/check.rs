//! Looking through a whole log file, as `sluice fsck` does: every byte, nothing changed.

use crate::LogError;
use crate::file::{self, LogFile, Unpackers};
use crate::format::{self, Entry, Record};
use crate::logs::Facts;
use crate::scan::{self, Ending};
use model::{BuildId, LogId};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file holds; every byte of it was read and is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The build; `None` if not even the head was written.
    pub build: Option<BuildId>,
    /// Its logs by rising id.
    pub logs: Vec<(LogId, Facts)>,
    /// CRC-32 of all bytes of each, in the same order; also of those that are not sealed.
    pub crcs: Vec<u32>,
    /// Bytes of the file.
    pub length: u64,
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
    let (mut logs, mut crcs) = (Vec::new(), Vec::new());
    for (log, contents) in &found.logs {
        let mut crc = crc32fast::Hasher::new();
        for entry in &contents.frames {
            crc.combine(&file.frame(*log, entry, &zstd)?.crc);
            frame_header(&file, entry)?;
        }
        let said = contents.crc.clone().finalize();
        if crc.finalize() != said {
            return Err(file.damaged(found.end, "the checksum of a log is not that of its frames"));
        }
        let sealed = contents.sealed.then_some(said);
        logs.push((*log, Facts { lines: contents.lines, bytes: contents.bytes, sealed }));
        crcs.push(said);
    }
    Ok(Checked { build: found.build, logs, crcs, length: file.length()?, state })
}

/// The byte of a zstd frame that says what its header holds, as this room has it written: the content's size is known
/// and there is no window (RFC 8878, 3.1.1.1.1). A decompressor takes other values without a word where they make no
/// difference.
fn frame_header(file: &LogFile, entry: &Entry) -> Result<(), LogError> {
    const MAGIC: usize = 4;
    let record = format::record_length(&file.read(entry.pos, 8)?);
    let header = record.map(|length| file.read(entry.pos + length as u64, MAGIC + 1)).transpose()?;
    match header.and_then(|bytes| bytes.last().copied()) {
        Some(says) if says & 0x38 == 0x20 => Ok(()),
        _ => Err(file.damaged(entry.pos, "the header of the zstd frame is not as it was written")),
    }
}

/// What lies below a directory of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The files of builds, by build.
    pub builds: BTreeMap<BuildId, PathBuf>,
    /// What no Sluice puts there.
    pub strange: Vec<PathBuf>,
}

/// Looks at what there is below a directory of logs. None if there is no such directory.
///
/// # Errors
/// A directory cannot be read.
pub fn files(dir: &Path) -> Result<Files, LogError> {
    let mut found = Files::default();
    for folder in entries(dir)? {
        if !folder.is_dir() {
            found.strange.push(folder);
            continue;
        }
        for path in entries(&folder)? {
            let name = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".slog"));
            let build = name.and_then(|n| n.parse().ok()).map(BuildId);
            match build.filter(|build| file::path_of(dir, *build) == path) {
                Some(build) => drop(found.builds.insert(build, path)),
                None => found.strange.push(path),
            }
        }
    }
    Ok(found)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, LogError> {
    let listed = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => {
            listed.and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        }
    };
    let mut paths = listed.map_err(|e| LogError::io("list", dir, e))?;
    paths.sort();
    Ok(paths)
}

/// Copies a build's file as far as it is whole and of logs that `known` knows, while it may be growing. With `ended` the
/// index comes along. The answer is what the copy holds, with every byte of it checked.
///
/// # Errors
/// The file is damaged, or one of the two cannot be used; the copy may be there in part.
pub fn copy(from: &Path, to: &Path, known: impl Fn(LogId) -> bool, ended: bool) -> Result<Checked, LogError> {
    let open = File::open(from).map_err(|e| LogError::io("open", from, e))?;
    let file = LogFile { file: Arc::new(open), path: from.into() };
    let length = file.length()?;
    let mut end = 0;
    while end < length {
        let Ok((record, size)) = file.record_at(end, length)? else { break };
        let mut next = end + size as u64;
        match record {
            Record::Head { .. } => {}
            Record::Frame(head) if known(head.log) => next += u64::from(head.stored),
            Record::Seal(seal) if known(seal.log) => {}
            Record::Index if ended => {}
            Record::Frame(_) | Record::Seal(_) | Record::Index => break,
        }
        if next > length {
            break;
        }
        end = next;
    }
    let cut = |end| -> io::Result<()> {
        let mut target = OpenOptions::new().write(true).create(true).truncate(true).open(to)?;
        io::copy(&mut File::open(from)?.take(end), &mut target)?;
        target.sync_all()
    };
    cut(end).map_err(|e| LogError::io("copy", to, e))?;
    let checked = check(to)?;
    let State::Torn(at) = checked.state else { return Ok(checked) };
    // A frame whose bytes had not arrived yet.
    cut(at).map_err(|e| LogError::io("copy", to, e))?;
    check(to)
}
