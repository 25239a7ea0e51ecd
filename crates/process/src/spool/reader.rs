//! Reads a spool while its supervisor writes it.

use super::format::{self, Head, Kind, RECORD_HEAD};
use super::{Chunk, SpoolError, segments};
use crate::Outcome;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that are read from a file at first: all that a short command says. Later reads grow with what is there,
const FIRST_READ: usize = 8 << 10;
/// to this.
const READ: usize = 256 << 10;

/// Reads the records of a spool in the order in which they were written.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    segment: Segment,
    /// Where each log stands: what is before it was given out, or is not wanted.
    positions: BTreeMap<u16, u64>,
    /// Where each log stands in the file, to notice a jump.
    expected: BTreeMap<u16, u64>,
    /// What is safe elsewhere.
    acknowledged: BTreeMap<u16, u64>,
    outcome: Option<Outcome>,
}

/// The segment that is being read.
#[derive(Debug)]
struct Segment {
    number: u32,
    path: PathBuf,
    file: File,
    /// Bytes of the file from `begins` on.
    bytes: Vec<u8>,
    /// What of `bytes` is used.
    used: usize,
    begins: u64,
    /// Bytes to read at once.
    stride: usize,
    /// The head, if it is read.
    head: Option<BTreeMap<u16, u64>>,
}

/// What is next in a segment.
enum Next {
    Record(format::RecordHead),
    /// Nothing whole; whether there is a beginning.
    End {
        torn: bool,
    },
}

impl Segment {
    fn open(dir: &Path, number: u32) -> Result<Option<Self>, SpoolError> {
        let path = format::segment_path(dir, number);
        match File::open(&path) {
            Ok(file) => Ok(Some(Segment {
                number,
                path,
                file,
                bytes: Vec::new(),
                used: 0,
                begins: 0,
                stride: FIRST_READ,
                head: None,
            })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SpoolError::Io { file: path, source }),
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    fn at(&self) -> u64 {
        self.begins + self.used as u64
    }

    fn damaged(&self, what: &'static str) -> SpoolError {
        SpoolError::Damaged { file: self.path.clone(), at: self.at(), what }
    }

    /// Tries to have this many unused bytes.
    fn fill(&mut self, want: usize) -> Result<bool, SpoolError> {
        while self.rest().len() < want {
            if self.used > 0 {
                self.bytes.drain(..self.used);
                self.begins += self.used as u64;
                self.used = 0;
            }
            let have = self.bytes.len();
            self.bytes.resize(have + want.saturating_sub(have).max(self.stride), 0);
            let read = self.file.read_at(&mut self.bytes[have..], self.begins + have as u64);
            let came = read.as_ref().map_or(0, |n| *n);
            self.stride = if came == self.bytes.len() - have { (self.stride * 4).min(READ) } else { FIRST_READ };
            self.bytes.truncate(have + came);
            match read {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(SpoolError::Io { file: self.path.clone(), source }),
            }
        }
        Ok(true)
    }

    /// Reads the head, if it is whole; answers whether it is.
    fn read_head(&mut self) -> Result<bool, SpoolError> {
        let mut want = format::SEGMENT_HEAD;
        while self.head.is_none() {
            if !self.fill(want)? {
                return Ok(false);
            }
            match format::parse_segment_head(self.rest(), self.number) {
                Head::Short(length) => want = length,
                Head::Whole(ends, length) => {
                    self.used += length;
                    self.head = Some(ends);
                }
                Head::Version(version) => return Err(SpoolError::Version { file: self.path.clone(), version }),
                Head::Damaged(what) => return Err(self.damaged(what)),
            }
        }
        Ok(true)
    }

    /// The record that is next, checked. It stays next until it is taken.
    fn next(&mut self) -> Result<Next, SpoolError> {
        if !self.read_head()? || !self.fill(RECORD_HEAD)? {
            return Ok(Next::End { torn: self.head.is_none() || !self.rest().is_empty() });
        }
        let Some(head) = self.rest().first_chunk::<RECORD_HEAD>() else { return Ok(Next::End { torn: true }) };
        let record = format::parse_record_head(head).map_err(|what| self.damaged(what))?;
        if !self.fill(RECORD_HEAD + record.length)? {
            return Ok(Next::End { torn: true });
        }
        let rest = self.rest();
        if format::checksum(&rest[8..RECORD_HEAD], &rest[RECORD_HEAD..RECORD_HEAD + record.length]) != record.crc {
            return Err(self.damaged("a record has not the checksum that it tells"));
        }
        Ok(Next::Record(record))
    }

    fn payload(&self, record: &format::RecordHead) -> &[u8] {
        &self.rest()[RECORD_HEAD..RECORD_HEAD + record.length]
    }

    fn take(&mut self, record: &format::RecordHead) {
        self.used += RECORD_HEAD + record.length;
    }
}

impl Reader {
    /// Opens the spool in this directory (`JobId::dir`) at its beginning, that is where trimming left off.
    ///
    /// # Errors
    /// There is no spool, or its first segment is damaged.
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        match Segment::open(dir, 0)? {
            // Most spools are short and never trimmed: that needs no look at all that is there.
            Some(first) => Self::at(dir, first),
            None => Self::at(dir, open_segment(dir, segments(dir)?.first().copied().unwrap_or(0))?),
        }
    }

    /// Opens it at the beginning of the last segment.
    pub(super) fn open_last(dir: &Path) -> Result<Self, SpoolError> {
        Self::at(dir, open_segment(dir, segments(dir)?.last().copied().unwrap_or(0))?)
    }

    fn at(dir: &Path, segment: Segment) -> Result<Self, SpoolError> {
        let mut reader = Reader {
            dir: dir.to_owned(),
            segment,
            positions: BTreeMap::new(),
            expected: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            outcome: None,
        };
        reader.enter()?;
        Ok(reader)
    }

    /// Goes to these offsets of these logs; logs that are not named are read from their beginning. The next
    /// [`read`](Self::read) begins there.
    ///
    /// # Errors
    /// [`SpoolError::Trimmed`] if some of those bytes are gone, or the spool cannot be read.
    pub fn seek(&mut self, positions: &[(u16, u64)]) -> Result<(), SpoolError> {
        let fresh = Reader::open(&self.dir)?;
        let begins = fresh.expected.clone();
        for (log, asked) in positions {
            let begins = begins.get(log).copied().unwrap_or(0);
            if *asked < begins {
                return Err(SpoolError::Trimmed { dir: self.dir.clone(), log: *log, asked: *asked, begins });
            }
        }
        let mut wanted = begins;
        wanted.extend(positions.iter().copied());
        let mut best = fresh.segment;
        let first = best.number;
        for number in segments(&self.dir)?.into_iter().filter(|number| *number > first) {
            let mut later = open_segment(&self.dir, number)?;
            let whole = later.read_head()?;
            let begins_early = later.head.iter().flatten().all(|(log, begin)| {
                // A log that began after the first segment is wanted from its own beginning.
                *begin <= wanted.get(log).copied().unwrap_or(0)
            });
            if !whole || !begins_early {
                break;
            }
            best = later;
        }
        self.segment = best;
        self.expected.clear();
        self.positions = wanted;
        self.outcome = None;
        self.enter()?;
        Ok(())
    }

    /// The next pieces, with at most `max` bytes together. None: there is no more now. Then either
    /// [`outcome`](Self::outcome) has come, or more will be written.
    ///
    /// # Errors
    /// The spool is damaged or cannot be read.
    pub fn read(&mut self, max: usize) -> Result<Vec<Chunk>, SpoolError> {
        let mut chunks = Vec::new();
        let mut left = max;
        while self.outcome.is_none() && left > 0 {
            let record = match self.segment.next()? {
                Next::Record(record) => record,
                Next::End { torn } => {
                    if self.advance(torn)? {
                        continue;
                    }
                    break;
                }
            };
            let stream = match record.kind {
                Kind::Data(stream) => stream,
                Kind::Outcome => {
                    let outcome = rmp_serde::from_slice(self.segment.payload(&record))
                        .map_err(|_| self.segment.damaged("the outcome cannot be read"))?;
                    self.outcome = Some(outcome);
                    break;
                }
            };
            if self.expected.get(&record.log).is_some_and(|expected| *expected != record.offset) {
                return Err(self.segment.damaged("the offset of a log jumps"));
            }
            let end = record.offset + record.length as u64;
            let from = self.positions.get(&record.log).copied().unwrap_or(0).clamp(record.offset, end);
            let skip = (from - record.offset) as usize;
            let take = left.min(record.length - skip);
            if take > 0 {
                let data = self.segment.payload(&record)[skip..skip + take].to_vec();
                chunks.push(Chunk { log: record.log, stream, offset: from, data });
                left -= take;
                self.positions.insert(record.log, from + take as u64);
            }
            if skip + take == record.length {
                self.segment.take(&record);
                self.expected.insert(record.log, end);
            }
        }
        Ok(chunks)
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
        let safe = self.acknowledged.entry(log).or_insert(0);
        *safe = offset.max(*safe);
        let mut gone = 0;
        let Some(mut first) = segments(&self.dir)?.first().copied() else { return Ok(Trim::Nothing) };
        while let Some(mut next) = Segment::open(&self.dir, first + 1)? {
            // The next one's head tells where the logs stand at the end of this one.
            let all_safe = |(log, end): (&u16, &u64)| self.acknowledged.get(log).is_some_and(|safe| safe >= end);
            if !next.read_head()? || !next.head.iter().flatten().all(all_safe) {
                break;
            }
            let path = format::segment_path(&self.dir, first);
            std::fs::remove_file(&path).map_err(|source| SpoolError::Io { file: path, source })?;
            first += 1;
            gone += 1;
        }
        Ok(if gone == 0 { Trim::Nothing } else { Trim::Segments(gone) })
    }

    /// Takes over where the logs stand at the beginning of the segment. A head that is not whole is looked at later.
    fn enter(&mut self) -> Result<(), SpoolError> {
        if self.segment.read_head()? {
            for (log, begin) in self.segment.head.iter().flatten() {
                if self.expected.insert(*log, *begin).is_some_and(|expected| expected != *begin) {
                    return Err(self.segment.damaged("the segment does not begin where the one before it ends"));
                }
            }
        }
        Ok(())
    }

    /// At the end of what is written: goes to the next segment, if there is one. Answers whether to look again.
    fn advance(&mut self, torn: bool) -> Result<bool, SpoolError> {
        let Some(next) = Segment::open(&self.dir, self.segment.number + 1)? else { return Ok(false) };
        // The next one was begun when this one was whole; but it may have grown since it was looked at.
        if matches!(self.segment.next()?, Next::Record(_)) {
            return Ok(true);
        }
        if torn {
            return Err(self.segment.damaged("the segment ends in the midst of a record"));
        }
        self.segment = next;
        self.enter()?;
        Ok(true)
    }
}

/// How what is written so far ends.
pub(super) enum End {
    /// With the outcome; whether something follows it in its segment, and where.
    Outcome { follows: Option<u64> },
    /// With a whole record.
    Whole,
    /// In the midst of what begins here.
    Torn(u64),
}

impl Reader {
    /// Where the logs begin, before anything was read.
    pub(super) fn begins(&self) -> &BTreeMap<u16, u64> {
        &self.expected
    }

    /// How it ends, when all was read, and in which file.
    pub(super) fn end(&mut self) -> Result<(PathBuf, End), SpoolError> {
        let at = self.segment.at();
        let end = match self.segment.next()? {
            Next::Record(record) => {
                let behind = RECORD_HEAD + record.length;
                let more = self.segment.fill(behind + 1)?;
                End::Outcome { follows: more.then_some(at + behind as u64) }
            }
            Next::End { torn: false } => End::Whole,
            // A head that is not whole is as good as no segment.
            Next::End { torn: true } if self.segment.head.is_none() => End::Torn(0),
            Next::End { torn: true } => End::Torn(at),
        };
        Ok((self.segment.path.clone(), end))
    }
}

fn open_segment(dir: &Path, number: u32) -> Result<Segment, SpoolError> {
    Segment::open(dir, number)?.ok_or_else(|| SpoolError::Io {
        file: format::segment_path(dir, number),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// What trimming did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// No segment could go yet.
    Nothing,
    /// This many segments were deleted.
    Segments(u32),
}
