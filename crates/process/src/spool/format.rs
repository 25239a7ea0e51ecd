//! The bytes of segments and of the file `job`; the module above tells the layout.

use super::{JOB_VERSION, Stream, VERSION};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Begins a segment.
const SEGMENT: &[u8; 6] = b"SLSEG\x1a";
/// Begins the file `job`.
const JOB: &[u8; 6] = b"SLJOB\x1a";
/// Logs in a segment's table, at most.
const MOST_LOGS: u32 = 4096;
/// Bytes of a record before its payload.
pub(super) const RECORD_HEAD: usize = 20;
/// Bytes of a payload, at most; what is longer is damage.
pub(super) const LONGEST_PAYLOAD: usize = 1 << 20;
/// Bytes of a segment's head without the table.
pub(super) const SEGMENT_HEAD: usize = 20;
/// Bytes of an entry of the table.
pub(super) const TABLE_ENTRY: usize = 12;

/// Where a segment lies.
pub(super) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

/// The number in a segment's file name.
pub(super) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The head of a segment with its table.
pub(super) fn segment_head(number: u32, ends: &BTreeMap<u16, u64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEAD + ends.len() * TABLE_ENTRY);
    bytes.extend_from_slice(SEGMENT);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&(ends.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for (log, offset) in ends {
        bytes.extend_from_slice(&u32::from(*log).to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
    }
    let crc = checksum(&bytes[..16], &bytes[SEGMENT_HEAD..]);
    bytes[16..SEGMENT_HEAD].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a head says, or what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Not all of it is there yet; it has so many bytes at least.
    Short(usize),
    /// Where the logs stand when the segment begins, and the length of the head.
    Whole(BTreeMap<u16, u64>, usize),
    /// Another version.
    Version(u16),
    /// No head of a segment, or of another.
    Damaged(&'static str),
}

/// Reads a segment's head.
pub(super) fn parse_segment_head(bytes: &[u8], number: u32) -> Head {
    if bytes.len() < SEGMENT_HEAD {
        return Head::Short(SEGMENT_HEAD);
    }
    if &bytes[..6] != SEGMENT {
        return Head::Damaged("it does not begin as a segment does");
    }
    let version = u16::from_le_bytes([bytes[6], bytes[7]]);
    if version != VERSION {
        return Head::Version(version);
    }
    if u32_at(bytes, 8) != number {
        return Head::Damaged("its number is not that of its name");
    }
    let logs = u32_at(bytes, 12);
    if logs > MOST_LOGS {
        return Head::Damaged("its table of logs is too long");
    }
    let length = SEGMENT_HEAD + logs as usize * TABLE_ENTRY;
    let Some(table) = bytes.get(SEGMENT_HEAD..length) else { return Head::Short(length) };
    if checksum(&bytes[..16], table) != u32_at(bytes, 16) {
        return Head::Damaged("its head has not the checksum that it tells");
    }
    let mut ends = BTreeMap::new();
    for entry in table.chunks_exact(TABLE_ENTRY) {
        let Ok(log) = u16::try_from(u32_at(entry, 0)) else {
            return Head::Damaged("its table names a log that cannot be");
        };
        ends.insert(log, u64_at(entry, 4));
    }
    Head::Whole(ends, length)
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Output.
    Data(Stream),
    /// The outcome.
    Outcome,
}

/// A record's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) length: usize,
    pub(super) crc: u32,
    pub(super) log: u16,
    pub(super) kind: Kind,
    pub(super) offset: u64,
}

/// The head of a record with this payload.
pub(super) fn record_head(log: u16, kind: Kind, offset: u64, payload: &[u8]) -> [u8; RECORD_HEAD] {
    let mut bytes = [0; RECORD_HEAD];
    bytes[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&log.to_le_bytes());
    let (stream, kind) = match kind {
        Kind::Data(stream) => (stream.code(), 0),
        Kind::Outcome => (0, 1),
    };
    bytes[10] = stream;
    bytes[11] = kind;
    bytes[12..20].copy_from_slice(&offset.to_le_bytes());
    let crc = checksum(&bytes[8..], payload);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a record's head; the error says what is wrong.
pub(super) fn parse_record_head(bytes: &[u8; RECORD_HEAD]) -> Result<RecordHead, &'static str> {
    let length = u32_at(bytes, 0) as usize;
    if length > LONGEST_PAYLOAD {
        return Err("a record is longer than records are");
    }
    let kind = match (bytes[11], Stream::from_code(bytes[10])) {
        (0, Some(stream)) => Kind::Data(stream),
        (1, _) => Kind::Outcome,
        _ => return Err("a record is of no known kind"),
    };
    Ok(RecordHead {
        length,
        crc: u32_at(bytes, 4),
        log: u16::from_le_bytes([bytes[8], bytes[9]]),
        kind,
        offset: u64_at(bytes, 12),
    })
}

/// The CRC-32 of a head without its checksum, and what follows it.
pub(super) fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(payload);
    crc.finalize()
}

/// Bytes of a file `job` before the job in MessagePack.
pub(super) const JOB_HEAD: usize = 12;

/// The head of the file `job` of which this is the rest.
pub(super) fn job_head(body: &[u8]) -> [u8; JOB_HEAD] {
    let mut bytes = [0; JOB_HEAD];
    bytes[..6].copy_from_slice(JOB);
    bytes[6..8].copy_from_slice(&JOB_VERSION.to_le_bytes());
    let crc = checksum(&bytes[..8], body);
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a file `job` holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobFile<'a> {
    /// The job in MessagePack.
    Whole(&'a [u8]),
    /// Another version.
    Version(u16),
    /// It is none, or not as it was written.
    Damaged(&'static str),
}

/// Looks into a file `job`. The first version had no checksum.
pub(super) fn parse_job(bytes: &[u8]) -> JobFile<'_> {
    let Some((head, body)) = bytes.split_first_chunk::<8>().filter(|(head, _)| &head[..6] == JOB) else {
        return JobFile::Damaged("it does not begin as a job does");
    };
    match u16::from_le_bytes([head[6], head[7]]) {
        1 => JobFile::Whole(body),
        JOB_VERSION => match body.split_first_chunk::<4>() {
            Some((crc, body)) if checksum(head, body) == u32::from_le_bytes(*crc) => JobFile::Whole(body),
            Some(_) => JobFile::Damaged("the job has not the checksum that it tells"),
            None => JobFile::Damaged("it ends in its head"),
        },
        version => JobFile::Version(version),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
