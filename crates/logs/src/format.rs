//! The bytes of a log file, version 1.
//!
//! A file is a sequence of Zstandard frames (RFC 8878): *skippable* frames that carry Sluice's records, and ordinary
//! ones that carry log bytes. So a stock `zstd -dc FILE` prints all log bytes of the build in the order they came,
//! and ignores the records. All numbers are little-endian; `varint` is LEB128.
//!
//! ```text
//! record   u32  0x184D2A5C, a skippable magic number
//!          u32  bytes that follow
//!          u8   kind
//!          ...  body
//!          u32  CRC-32 of everything before it in this record
//!
//! kind 1, head: the first record of a file, and only there
//!          8 B  "SluiceLg"
//!          u16  version, 1
//!          i64  build
//!
//! kind 2, frame: followed at once by one ordinary zstd frame with the log bytes
//!          i64  log
//!          u64  offset of the first byte in the log
//!          u64  lines begun in the log before this frame
//!          u64  position in this file up to which everything was durable when this record was made
//!          u32  log bytes in the frame, 1 to 256 KiB
//!          u32  bytes of the zstd frame
//!          u32  lines begun in the frame
//!          u32  CRC-32 of the log bytes
//!          u8   flags: 1 the first byte begins a line, 2 the last byte is a newline
//!          u16  number of runs, at least 1
//!          runs varint each: length << 3 | stream code; lengths add up to the log bytes
//!
//! kind 3, seal: the log is whole
//!          i64  log
//!          u64  bytes
//!          u64  lines
//!          u32  CRC-32 of all bytes
//!
//! kind 4, index: the build is finished; the last record of a finished file
//!          u16  version
//!          i64  build
//!          varint number of logs; per log, by rising id:
//!            i64 log, varint bytes, varint lines, u32 CRC-32, varint number of frames; per frame:
//!              varint distance of its record from the end of the log's previous frame (from 0 for the first)
//!              varint bytes of record and zstd frame together
//!              varint log bytes
//!              varint lines begun << 1 | first byte begins a line
//!          u32  bytes of this whole record
//!          8 B  "SluiceIx"
//! ```
//!
//! Bytes between the known part of a body and its CRC are ignored, so a record may grow without a new version; for an
//! index they would stand before the last twelve bytes. A file grows only at its end. A record or frame that is not
//! whole and was never durable is a *torn tail*: it is not served, and the next writer cuts it off. The fourth field
//! of a frame record tells a torn tail from damage: what was durable once cannot be torn. A finished file that is
//! begun again has its old index in the middle, where it means nothing.

use model::{BuildId, LogId, Stream};

/// The version written, and the latest one read.
pub const VERSION: u16 = 1;
/// Most log bytes in one frame.
pub const FRAME_BYTES: usize = 256 * 1024;
/// Most runs of streams in one frame.
pub(crate) const MOST_RUNS: usize = 4096;
/// Bytes of a record around its body: magic number, length, kind, CRC.
pub(crate) const AROUND: usize = 13;
/// The last bytes of a finished file: length of the index record, its mark, its CRC.
pub(crate) const FOOTER: usize = 16;
/// Most bytes of a record that is not an index.
pub(crate) const MOST_RECORD: usize = 64 * 1024;
/// Most bytes of an index that are read: room for some 20 TB of log.
pub(crate) const MOST_INDEX: usize = 1 << 30;
/// How a record begins.
pub(crate) const MAGIC: [u8; 4] = 0x184D_2A5Cu32.to_le_bytes();

const HEAD_MARK: &[u8; 8] = b"SluiceLg";
const INDEX_MARK: &[u8; 8] = b"SluiceIx";
const HEAD: u8 = 1;
const FRAME: u8 = 2;
const SEAL: u8 = 3;
const INDEX: u8 = 4;
const BEGINS_LINE: u8 = 1;
const ENDS_LINE: u8 = 2;

/// A stretch of bytes of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it begins within the frame.
    pub(crate) start: u32,
    /// Where its bytes came from.
    pub(crate) stream: Stream,
}

/// The fields of a frame record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) log: LogId,
    pub(crate) offset: u64,
    pub(crate) line: u64,
    pub(crate) synced: u64,
    pub(crate) raw: u32,
    pub(crate) stored: u32,
    pub(crate) begun: u32,
    pub(crate) crc: u32,
    pub(crate) at_start: bool,
    pub(crate) ends_line: bool,
    pub(crate) runs: Vec<Run>,
}

/// The fields of a seal record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealRecord {
    pub(crate) log: LogId,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) crc: u32,
}

/// One frame of a log, as the index and the memory keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where its record begins in the file.
    pub(crate) pos: u64,
    /// Offset of its first byte in the log.
    pub(crate) offset: u64,
    /// Lines begun before it.
    pub(crate) line: u64,
    /// Bytes of record and zstd frame.
    pub(crate) length: u32,
    /// Log bytes.
    pub(crate) raw: u32,
    /// Lines begun in it.
    pub(crate) begun: u32,
    /// Its first byte begins a line.
    pub(crate) at_start: bool,
}

/// A log of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexedLog {
    pub(crate) seal: SealRecord,
    pub(crate) frames: Vec<Entry>,
}

/// A record, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Head { version: u16, build: BuildId },
    Frame(FrameHead),
    Seal(SealRecord),
    Index,
}

/// Appends a record to `out`.
fn record(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    body(out);
    let size = (out.len() + 4 - start - 8) as u32;
    out[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Appends the head of a file.
pub(crate) fn write_head(out: &mut Vec<u8>, build: BuildId) {
    record(out, HEAD, |out| {
        out.extend_from_slice(HEAD_MARK);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&build.0.to_le_bytes());
    });
}

/// Appends a frame record; the caller appends the zstd frame.
pub(crate) fn write_frame(out: &mut Vec<u8>, head: &FrameHead) {
    record(out, FRAME, |out| {
        out.extend_from_slice(&head.log.0.to_le_bytes());
        out.extend_from_slice(&head.offset.to_le_bytes());
        out.extend_from_slice(&head.line.to_le_bytes());
        out.extend_from_slice(&head.synced.to_le_bytes());
        for number in [head.raw, head.stored, head.begun, head.crc] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let begins = if head.at_start { BEGINS_LINE } else { 0 };
        let ends = if head.ends_line { ENDS_LINE } else { 0 };
        out.push(begins | ends);
        out.extend_from_slice(&(head.runs.len() as u16).to_le_bytes());
        for (i, run) in head.runs.iter().enumerate() {
            let end = head.runs.get(i + 1).map_or(head.raw, |next| next.start);
            varint(out, u64::from(end - run.start) << 3 | u64::from(run.stream.code()));
        }
    });
}

/// Appends a seal record.
pub(crate) fn write_seal(out: &mut Vec<u8>, seal: &SealRecord) {
    record(out, SEAL, |out| {
        out.extend_from_slice(&seal.log.0.to_le_bytes());
        out.extend_from_slice(&seal.bytes.to_le_bytes());
        out.extend_from_slice(&seal.lines.to_le_bytes());
        out.extend_from_slice(&seal.crc.to_le_bytes());
    });
}

/// Appends the index of a finished file.
pub(crate) fn write_index(out: &mut Vec<u8>, build: BuildId, logs: &[IndexedLog]) {
    let start = out.len();
    record(out, INDEX, |out| {
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&build.0.to_le_bytes());
        varint(out, logs.len() as u64);
        for IndexedLog { seal, frames } in logs {
            out.extend_from_slice(&seal.log.0.to_le_bytes());
            varint(out, seal.bytes);
            varint(out, seal.lines);
            out.extend_from_slice(&seal.crc.to_le_bytes());
            varint(out, frames.len() as u64);
            let mut end = 0;
            for frame in frames {
                varint(out, frame.pos - end);
                varint(out, u64::from(frame.length));
                varint(out, u64::from(frame.raw));
                varint(out, u64::from(frame.begun) << 1 | u64::from(frame.at_start));
                end = frame.pos + u64::from(frame.length);
            }
        }
        let whole = (out.len() + FOOTER - start) as u32;
        out.extend_from_slice(&whole.to_le_bytes());
        out.extend_from_slice(INDEX_MARK);
    });
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Length of the record that begins with these eight bytes, if it is one.
pub(crate) fn record_length(start: &[u8]) -> Option<usize> {
    let (magic, rest) = start.split_first_chunk::<4>()?;
    let (size, _) = rest.split_first_chunk::<4>()?;
    let whole = (u32::from_le_bytes(*size) as usize).checked_add(8)?;
    (*magic == MAGIC && whole >= AROUND).then_some(whole)
}

/// Reads the record that `bytes` is. `Err` says what is wrong with it.
pub(crate) fn read_record(bytes: &[u8]) -> Result<Record, &'static str> {
    let (kind, mut body) = checked(bytes)?;
    let short = "the record is too short for its kind";
    match kind {
        HEAD => {
            let mark = body.array::<8>().ok_or(short)?;
            if mark != *HEAD_MARK {
                return Err("the head does not bear the mark of a log file");
            }
            let version = u16::from_le_bytes(body.array().ok_or(short)?);
            let build = BuildId(body.i64().ok_or(short)?);
            Ok(Record::Head { version, build })
        }
        FRAME => body.frame().ok_or("the fields of the frame do not fit together").map(Record::Frame),
        SEAL => body.seal().ok_or(short).map(Record::Seal),
        INDEX => Ok(Record::Index),
        _ => Err("the kind of record is unknown"),
    }
}

/// Length of the index record whose last bytes these are, if they are.
pub(crate) fn index_length(footer: &[u8; FOOTER]) -> Option<usize> {
    let mut fields = Fields(footer);
    let whole = fields.u32()? as usize;
    (fields.array::<8>()? == *INDEX_MARK && (AROUND..=MOST_INDEX).contains(&whole)).then_some(whole)
}

/// Reads the index record that `bytes` is: version, build, logs.
pub(crate) fn read_index(bytes: &[u8]) -> Result<(u16, BuildId, Vec<IndexedLog>), &'static str> {
    let (kind, mut body) = checked(bytes)?;
    if kind != INDEX {
        return Err("the last record is not an index");
    }
    body.index().ok_or("the fields of the index do not fit together")
}

fn checked(bytes: &[u8]) -> Result<(u8, Fields<'_>), &'static str> {
    if record_length(bytes) != Some(bytes.len()) {
        return Err("no record begins here");
    }
    let (covered, crc) = bytes.split_last_chunk::<4>().ok_or("no record begins here")?;
    if crc32fast::hash(covered) != u32::from_le_bytes(*crc) {
        return Err("the checksum of the record is wrong");
    }
    Ok((covered[8], Fields(&covered[9..])))
}

/// Takes fields off the front of a body.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn frame(&mut self) -> Option<FrameHead> {
        let log = LogId(self.i64()?);
        let (offset, line, synced) = (self.u64()?, self.u64()?, self.u64()?);
        let (raw, stored, begun, crc) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        let [flags] = self.array()?;
        let count = usize::from(self.u16()?);
        if raw == 0 || raw as usize > FRAME_BYTES || count == 0 || count > MOST_RUNS || begun > raw {
            return None;
        }
        offset.checked_add(u64::from(raw))?;
        line.checked_add(u64::from(begun))?;
        let mut runs = Vec::with_capacity(count);
        let mut start = 0u64;
        for _ in 0..count {
            let run = self.varint()?;
            runs.push(Run { start: u32::try_from(start).ok()?, stream: Stream::from_code((run & 7) as u8)? });
            let length = run >> 3;
            if length == 0 {
                return None;
            }
            start = start.checked_add(length)?;
        }
        let (at_start, ends_line) = (flags & BEGINS_LINE != 0, flags & ENDS_LINE != 0);
        (start == u64::from(raw)).then_some(FrameHead {
            log,
            offset,
            line,
            synced,
            raw,
            stored,
            begun,
            crc,
            at_start,
            ends_line,
            runs,
        })
    }

    fn seal(&mut self) -> Option<SealRecord> {
        Some(SealRecord { log: LogId(self.i64()?), bytes: self.u64()?, lines: self.u64()?, crc: self.u32()? })
    }

    fn index(&mut self) -> Option<(u16, BuildId, Vec<IndexedLog>)> {
        let version = self.u16()?;
        let build = BuildId(self.i64()?);
        if version > VERSION {
            return Some((version, build, Vec::new()));
        }
        let logs = (0..self.varint()?).map(|_| self.indexed_log()).collect::<Option<Vec<_>>>()?;
        Some((version, build, logs))
    }

    fn indexed_log(&mut self) -> Option<IndexedLog> {
        let log = LogId(self.i64()?);
        let (bytes, lines, crc) = (self.varint()?, self.varint()?, self.u32()?);
        let count = self.varint()?;
        // A frame takes at least four bytes here, so a count that lies cannot reserve more than the record's size.
        let mut frames = Vec::with_capacity(usize::try_from(count).ok()?.min(self.0.len() / 4));
        let (mut end, mut offset, mut line) = (0u64, 0u64, 0u64);
        for _ in 0..count {
            let pos = end.checked_add(self.varint()?)?;
            let length = u32::try_from(self.varint()?).ok()?;
            let raw = u32::try_from(self.varint()?).ok()?;
            let lines = self.varint()?;
            let begun = u32::try_from(lines >> 1).ok()?;
            frames.push(Entry { pos, offset, line, length, raw, begun, at_start: lines & 1 == 1 });
            end = pos.checked_add(u64::from(length))?;
            offset = offset.checked_add(u64::from(raw))?;
            line = line.checked_add(u64::from(begun))?;
        }
        let whole = offset == bytes && line == lines;
        whole.then_some(IndexedLog { seal: SealRecord { log, bytes, lines, crc }, frames })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame() -> FrameHead {
        FrameHead {
            log: LogId(7),
            offset: 300,
            line: 4,
            synced: 99,
            raw: 10,
            stored: 23,
            begun: 2,
            crc: 0xdead_beef,
            at_start: true,
            ends_line: false,
            runs: vec![Run { start: 0, stream: Stream::Stdout }, Run { start: 3, stream: Stream::Header }],
        }
    }

    #[test]
    fn records_come_back() {
        let mut out = Vec::new();
        write_head(&mut out, BuildId(5));
        assert_eq!(read_record(&out), Ok(Record::Head { version: 1, build: BuildId(5) }));
        out.clear();
        write_frame(&mut out, &frame());
        assert_eq!(record_length(&out), Some(out.len()));
        assert_eq!(read_record(&out), Ok(Record::Frame(frame())));
        out.clear();
        let seal = SealRecord { log: LogId(-3), bytes: 1, lines: 2, crc: 3 };
        write_seal(&mut out, &seal);
        assert_eq!(read_record(&out), Ok(Record::Seal(seal)));
    }

    #[test]
    fn an_index_comes_back_and_is_found_from_the_end() {
        let entry = |pos, offset, line, at_start| Entry { pos, offset, line, length: 70, raw: 5, begun: 2, at_start };
        let seal = SealRecord { log: LogId(9), bytes: 10, lines: 4, crc: 1 };
        let logs = vec![IndexedLog { seal, frames: vec![entry(31, 0, 0, true), entry(400, 5, 2, false)] }];
        let mut out = vec![1, 2, 3];
        write_index(&mut out, BuildId(1), &logs);
        let footer = out.last_chunk::<FOOTER>().copied().unwrap();
        let whole = index_length(&footer).unwrap();
        assert_eq!(whole, out.len() - 3);
        assert_eq!(read_index(&out[3..]), Ok((1, BuildId(1), logs)));
    }

    #[test]
    fn the_first_version_keeps_its_bytes() {
        let mut out = Vec::new();
        write_head(&mut out, BuildId(5));
        let hex: String = out.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5c2a4d181700000001536c756963654c6701000500000000000000351b654f");
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_seen(bit in 0usize..8 * 80) {
            let mut out = Vec::new();
            write_frame(&mut out, &frame());
            let bit = bit % (out.len() * 8);
            out[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(read_record(&out).is_err());
        }

        #[test]
        fn any_body_is_read_without_panic(kind in 0u8..6, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            record(&mut out, kind, |out| out.extend_from_slice(&body));
            let _ = read_record(&out);
            let _ = read_index(&out);
        }
    }
}
