//! A log file on disk: where it is, reading its records and frames, checking every byte.

use crate::LogError;
use crate::format::{self, Entry, FrameHead, MOST_RECORD, Record};
use crate::frame::Frame;
use model::{BuildId, LogId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zstd::bulk::Decompressor;

/// Builds per folder.
const PER_FOLDER: i64 = 1000;
/// What a record is expected to fit in, to save a second read.
const FIRST_READ: usize = 256;

/// Asks the file system to lay the folders below `dir` apart from each other and from `dir` (`FS_TOPDIR_FL`). ext4 without
/// a journal passes over all entries of a part of the disk that were freed within the last minutes, for each new file
/// there: beside a directory in which many files come and go, that takes longer than all else that a short build costs.
pub(crate) fn lay_folders_apart(dir: &Path) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    // Other file systems do not know the flag, and do not need it.
    if let Ok(folder) = File::open(dir)
        && let Ok(flags) = ioctl_getflags(&folder)
    {
        let _ = ioctl_setflags(&folder, flags | IFlags::TOPDIR);
    }
}

/// The file of a build.
pub(crate) fn path_of(dir: &Path, build: BuildId) -> PathBuf {
    dir.join(build.0.div_euclid(PER_FOLDER).to_string()).join(format!("{build}.slog"))
}

/// The highest build that may have a file below `dir`; `None` if there is none.
pub(crate) fn highest_build(dir: &Path) -> Result<Option<BuildId>, LogError> {
    let numbers = |dir: &Path, ending: &str| -> Result<Option<i64>, LogError> {
        let mut highest = None;
        for entry in std::fs::read_dir(dir).map_err(|e| LogError::io("list", dir, e))? {
            let name = entry.map_err(|e| LogError::io("list", dir, e))?.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(ending)).and_then(|n| n.parse::<i64>().ok());
            highest = highest.max(number);
        }
        Ok(highest)
    };
    let Some(folder) = numbers(dir, "")? else { return Ok(None) };
    let below = folder.saturating_mul(PER_FOLDER).saturating_sub(1);
    let within = numbers(&dir.join(folder.to_string()), ".slog")?;
    Ok(Some(BuildId(within.unwrap_or(below))))
}

/// A file that is read.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) file: Arc<File>,
    pub(crate) path: Arc<Path>,
}

impl LogFile {
    /// Its length in bytes.
    pub(crate) fn length(&self) -> Result<u64, LogError> {
        self.file.metadata().map(|m| m.len()).map_err(|e| LogError::io("look at", &self.path, e))
    }

    /// The record at `pos`, and its length. `Ok(Err)`: there is no whole record there.
    pub(crate) fn record_at(&self, pos: u64, end: u64) -> Result<Result<(Record, usize), &'static str>, LogError> {
        let cut = "the file ends within a record";
        let left = usize::try_from(end.saturating_sub(pos)).unwrap_or(usize::MAX);
        let mut bytes = self.read(pos, left.min(FIRST_READ))?;
        let Some(length) = format::record_length(&bytes) else {
            return Ok(Err(if bytes.len() < 8 { cut } else { "no record begins here" }));
        };
        if length > left {
            return Ok(Err(cut));
        }
        if length > MOST_RECORD {
            // Only an index may be as long as this; what it says was said before by the records it sums up.
            return Ok(self.index_at(pos, length)?.map(|_| (Record::Index, length)));
        }
        if length > bytes.len() {
            bytes = self.read(pos, length)?;
        }
        Ok(format::read_record(&bytes[..length]).map(|record| (record, length)))
    }

    fn index_at(&self, pos: u64, length: usize) -> Result<Result<(), &'static str>, LogError> {
        if length > format::MOST_INDEX {
            return Ok(Err("a record is longer than any that is written"));
        }
        let bytes = self.read(pos, length)?;
        Ok(format::read_index(&bytes).map(|_| ()))
    }

    /// Exactly these bytes of the file.
    pub(crate) fn read(&self, pos: u64, length: usize) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; length];
        match self.file.read_exact_at(&mut bytes, pos) {
            Ok(()) => Ok(bytes),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(self.damaged(pos, "the file ends too early")),
            Err(e) => Err(LogError::io("read", &self.path, e)),
        }
    }

    /// The frame of `log` that `entry` points at, with every byte checked.
    pub(crate) fn frame(&self, log: LogId, entry: &Entry, zstd: &Unpackers) -> Result<Frame, LogError> {
        let most = MOST_RECORD + zstd::zstd_safe::compress_bound(format::FRAME_BYTES);
        if entry.length as usize > most {
            return Err(self.damaged(entry.pos, "the index names a frame longer than any that is written"));
        }
        let bytes = self.read(entry.pos, entry.length as usize)?;
        let wrong = |what| self.damaged(entry.pos, what);
        let length = format::record_length(&bytes).filter(|&length| length <= bytes.len());
        let length = length.ok_or_else(|| wrong("no record begins here"))?;
        let Record::Frame(head) = format::read_record(&bytes[..length]).map_err(wrong)? else {
            return Err(wrong("the record is not that of a frame"));
        };
        let same = head.log == log
            && (head.offset, head.line, head.raw, head.begun) == (entry.offset, entry.line, entry.raw, entry.begun);
        if !same || head.stored as usize != bytes.len() - length {
            return Err(wrong("the frame is not the one that the index names"));
        }
        self.unpack(entry.pos, head, &bytes[length..], zstd)
    }

    fn unpack(&self, pos: u64, head: FrameHead, stored: &[u8], zstd: &Unpackers) -> Result<Frame, LogError> {
        let wrong = |what| self.damaged(pos, what);
        let mut bytes = Vec::with_capacity(head.raw as usize);
        let unpacked = zstd.with(|unpacker| unpacker.decompress_to_buffer(stored, &mut bytes));
        if unpacked.is_err() || bytes.len() != head.raw as usize {
            return Err(wrong("the frame cannot be unpacked"));
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes);
        if crc.clone().finalize() != head.crc {
            return Err(wrong("the checksum of the frame is wrong"));
        }
        let FrameHead { offset, line, begun, at_start, runs, .. } = head;
        Ok(Frame { offset, line, begun, at_start, bytes, runs, crc })
    }

    /// Bytes of this file are wrong.
    pub(crate) fn damaged(&self, offset: u64, what: &'static str) -> LogError {
        LogError::Damaged { path: self.path.to_path_buf(), offset, what }
    }
}

/// A few decompressors, shared by all readers.
#[derive(Default)]
pub(crate) struct Unpackers(Mutex<Vec<Decompressor<'static>>>);

impl Unpackers {
    const KEPT: usize = 4;

    fn with<T>(&self, work: impl FnOnce(&mut Decompressor<'static>) -> T) -> T {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = kept().pop();
        let mut one = one.unwrap_or_default();
        let result = work(&mut one);
        let mut kept = kept();
        if kept.len() < Self::KEPT {
            kept.push(one);
        }
        result
    }
}
