//! Opening a file: from its index if it is finished, else by walking its records and judging how it ends.

use crate::LogError;
use crate::file::{LogFile, Unpackers};
use crate::format::{self, Entry, FOOTER, FrameHead, MAGIC, Record, SealRecord, VERSION};
use crate::frame::Tail;
use model::{BuildId, LogId};
use std::collections::BTreeMap;

/// How much of the end of a file is read at once: most indexes fit in.
const END_READ: usize = 16 * 1024;
/// How much is searched at once for a later record.
const SEARCH: usize = 1 << 20;

/// What a file says of one log.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// Its frames in order.
    pub(crate) frames: Vec<Entry>,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    /// CRC-32 of all its bytes, as a hasher that can go on.
    pub(crate) crc: crc32fast::Hasher,
    /// How it ends.
    pub(crate) tail: Tail,
    pub(crate) sealed: bool,
}

impl Default for Contents {
    fn default() -> Self {
        let crc = crc32fast::Hasher::new();
        Contents { frames: Vec::new(), bytes: 0, lines: 0, crc, tail: Tail::default(), sealed: false }
    }
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its index: the build is finished.
    Index,
    /// With a whole record.
    Whole,
    /// With bytes that were never durable: not served, cut off by the next writer.
    Torn,
    /// Bytes that were durable once are wrong.
    Damaged(&'static str),
}

/// What a file holds.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// The build it says it belongs to; `None` for a file without a whole head.
    pub(crate) build: Option<BuildId>,
    pub(crate) logs: BTreeMap<LogId, Contents>,
    pub(crate) ending: Ending,
    /// Where the good part ends.
    pub(crate) end: u64,
}

/// Finds out what the file holds.
pub(crate) fn scan(file: &LogFile, zstd: &Unpackers) -> Result<Scan, LogError> {
    let length = file.length()?;
    match from_index(file, length)? {
        Some(scan) => Ok(scan),
        None => Walk::default().whole(file, length, zstd),
    }
}

/// Finds out what the file holds without trusting its index.
pub(crate) fn walk(file: &LogFile, zstd: &Unpackers) -> Result<Scan, LogError> {
    Walk::default().whole(file, file.length()?, zstd)
}

/// A version later than ours may mean anything.
fn check_version(file: &LogFile, found: u16) -> Result<(), LogError> {
    if found > VERSION {
        return Err(LogError::Version { path: file.path.to_path_buf(), found, known: VERSION });
    }
    Ok(())
}

/// What the index at the file's end says; `None` if there is no good one.
fn from_index(file: &LogFile, length: u64) -> Result<Option<Scan>, LogError> {
    let at_end = usize::try_from(length).unwrap_or(usize::MAX).min(END_READ);
    let mut bytes = file.read(length - at_end as u64, at_end)?;
    let Some(footer) = bytes.last_chunk::<FOOTER>() else { return Ok(None) };
    let Some(whole) = format::index_length(footer).filter(|&whole| whole as u64 <= length) else { return Ok(None) };
    if whole > bytes.len() {
        bytes = file.read(length - whole as u64, whole)?;
    }
    let Ok((version, build, indexed)) = format::read_index(&bytes[bytes.len() - whole..]) else { return Ok(None) };
    check_version(file, version)?;
    let mut logs = BTreeMap::new();
    for log in indexed {
        let SealRecord { log: id, bytes, lines, crc } = log.seal;
        let crc = crc32fast::Hasher::new_with_initial_len(crc, bytes);
        logs.insert(id, Contents { frames: log.frames, bytes, lines, crc, tail: Tail::default(), sealed: true });
    }
    Ok(Some(Scan { build: Some(build), logs, ending: Ending::Index, end: length }))
}

/// What a walk over the records has seen.
#[derive(Default)]
struct Walk {
    build: Option<BuildId>,
    logs: BTreeMap<LogId, Contents>,
    /// Frames by position, to be looked into if they may not have been durable.
    frames: Vec<(LogId, Entry)>,
    /// The highest position that a record calls durable.
    synced: u64,
}

impl Walk {
    fn whole(mut self, file: &LogFile, length: u64, zstd: &Unpackers) -> Result<Scan, LogError> {
        let (mut end, mut wrong) = self.walk(file, length)?;
        if let Some(entry) = self.unproven(file, zstd)? {
            (end, wrong) = (entry.pos, Some("the last bytes never arrived"));
            let synced = self.synced;
            self = Walk::default();
            self.walk(file, end)?;
            self.synced = synced;
        }
        let ending = match wrong {
            None => Ending::Whole,
            Some(what) if self.synced > end || later_synced(file, end, length)? > end => Ending::Damaged(what),
            Some(_) => Ending::Torn,
        };
        Ok(Scan { build: self.build, logs: self.logs, ending, end })
    }

    /// The first frame that may not have been durable, and is not: records after it may be on disk all the same.
    fn unproven(&self, file: &LogFile, zstd: &Unpackers) -> Result<Option<Entry>, LogError> {
        for (log, entry) in self.frames.iter().filter(|(_, entry)| entry.pos >= self.synced) {
            match file.frame(*log, entry, zstd) {
                Ok(_) => {}
                Err(LogError::Damaged { .. }) => return Ok(Some(*entry)),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    /// Takes record by record up to `length`; where it had to stop, and why if that is before `length`.
    fn walk(&mut self, file: &LogFile, length: u64) -> Result<(u64, Option<&'static str>), LogError> {
        let mut pos = 0;
        while pos < length {
            let (record, size) = match file.record_at(pos, length)? {
                Ok(found) => found,
                Err(what) => return Ok((pos, Some(what))),
            };
            let mut next = pos + size as u64;
            let taken = match record {
                Record::Head { version, build } => {
                    check_version(file, version)?;
                    self.build = Some(build);
                    if pos == 0 { Ok(()) } else { Err("a second head stands within the file") }
                }
                _ if pos == 0 => Err("the file does not begin with a head"),
                Record::Frame(head) => {
                    next += u64::from(head.stored);
                    if next <= length { self.frame(pos, next, &head) } else { Err("the file ends within a frame") }
                }
                Record::Seal(seal) => self.seal(&seal),
                Record::Index => Ok(()),
            };
            if let Err(what) = taken {
                return Ok((pos, Some(what)));
            }
            pos = next;
        }
        Ok((pos, None))
    }

    fn frame(&mut self, pos: u64, next: u64, head: &FrameHead) -> Result<(), &'static str> {
        let &FrameHead { log: id, offset, line, synced, raw, begun, at_start, .. } = head;
        let log = self.logs.entry(id).or_default();
        if log.sealed || (log.bytes, log.lines) != (offset, line) {
            return Err("a frame does not go on where its log ended");
        }
        let length = u32::try_from(next - pos).map_err(|_| "a frame is longer than any that is written")?;
        let entry = Entry { pos, offset, line, length, raw, begun, at_start };
        log.bytes += u64::from(raw);
        log.lines += u64::from(begun);
        log.crc.combine(&crc32fast::Hasher::new_with_initial_len(head.crc, u64::from(raw)));
        log.tail = Tail { stream: head.runs.last().map(|run| run.stream), newline: head.ends_line };
        log.frames.push(entry);
        self.frames.push((id, entry));
        self.synced = self.synced.max(synced);
        Ok(())
    }

    fn seal(&mut self, seal: &SealRecord) -> Result<(), &'static str> {
        let log = self.logs.entry(seal.log).or_default();
        if (log.bytes, log.lines, log.crc.clone().finalize()) != (seal.bytes, seal.lines, seal.crc) {
            return Err("a seal does not fit its log");
        }
        log.sealed = true;
        Ok(())
    }
}

/// The highest position that any frame record after `from` calls durable; 0 if there is none.
fn later_synced(file: &LogFile, from: u64, length: u64) -> Result<u64, LogError> {
    let finder = memchr::memmem::Finder::new(&MAGIC);
    let (mut pos, mut highest) = (from + 1, 0);
    while pos < length {
        let window = file.read(pos, (length - pos).min(SEARCH as u64) as usize)?;
        for at in finder.find_iter(&window) {
            if let Ok((Record::Frame(head), _)) = file.record_at(pos + at as u64, length)? {
                highest = highest.max(head.synced);
            }
        }
        if window.len() < SEARCH {
            break;
        }
        pos += (SEARCH - MAGIC.len() + 1) as u64;
    }
    Ok(highest)
}
