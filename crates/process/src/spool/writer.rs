//! Writes a spool. Only the supervisor does.

use super::format::{self, Kind};
use super::{LONGEST_JOB, Stream};
use crate::{Job, Outcome};
use killpoint::fail_point;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A segment's size when the limit leaves room for eight of them.
const SEGMENT_SIZE: u64 = 8 << 20;
/// A segment is never smaller than this.
const SMALLEST_SEGMENT: u64 = 64 << 10;
/// A limit below this counts as this, so that the segment that is being written does not fill it alone.
const SMALLEST_LIMIT: u64 = 4 * SMALLEST_SEGMENT;

/// Appends to a spool.
///
/// A write that fails leaves the writer where it was: the same call again writes to the same place.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    file: File,
    number: u32,
    /// Where the next record goes.
    at: u64,
    segment_size: u64,
    limit: u64,
    /// Earlier segments that may not be trimmed yet, and their sizes.
    earlier: VecDeque<(u32, u64)>,
    earlier_bytes: u64,
    ends: BTreeMap<u16, u64>,
}

impl Writer {
    /// Makes the spool of a job in this directory, which must not exist.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], or it cannot be written.
    pub fn create(dir: &Path, job: &Job) -> io::Result<Self> {
        if let Some(parent) = dir.parent().filter(|parent| !parent.is_dir()) {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        super::take_spare(dir).or_else(|_| DirBuilder::new().mode(0o700).create(dir))?;
        Self::begin(dir, job).inspect_err(|_| {
            // Without a first segment it is no spool; a later try shall find nothing.
            let _ = fs::remove_dir_all(dir);
        })
    }

    fn begin(dir: &Path, job: &Job) -> io::Result<Self> {
        let mut bytes = vec![0; format::JOB_HEAD];
        job.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).map_err(io::Error::other)?;
        if bytes.len() > LONGEST_JOB {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the job is too long"));
        }
        let head = format::job_head(&bytes[format::JOB_HEAD..]);
        bytes[..format::JOB_HEAD].copy_from_slice(&head);
        new_file(&dir.join("job"))?.write_all(&bytes)?;
        let ends = BTreeMap::from([(job.log, job.first_offset)]);
        let (file, at) = new_segment(dir, 0, &ends)?;
        let limit = job.spool_limit.max(SMALLEST_LIMIT);
        Ok(Writer {
            dir: dir.to_owned(),
            file,
            number: 0,
            at,
            segment_size: (limit / 8).clamp(SMALLEST_SEGMENT, SEGMENT_SIZE),
            limit,
            earlier: VecDeque::new(),
            earlier_bytes: 0,
            ends,
        })
    }

    /// Appends output to a log.
    ///
    /// # Errors
    /// The system does not take it, as when the disk is full. Nothing was appended then.
    pub fn append(&mut self, log: u16, stream: Stream, data: &[u8]) -> io::Result<()> {
        for data in data.chunks(format::LONGEST_PAYLOAD) {
            let offset = self.ends.get(&log).copied().unwrap_or(0);
            self.record(log, Kind::Data(stream), offset, data)?;
            self.ends.insert(log, offset + data.len() as u64);
        }
        Ok(())
    }

    /// Appends the outcome. Nothing may follow.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        let bytes = rmp_serde::to_vec_named(outcome).map_err(io::Error::other)?;
        self.record(0, Kind::Outcome, 0, &bytes)
    }

    /// Where each log ends.
    pub fn ends(&self) -> &BTreeMap<u16, u64> {
        &self.ends
    }

    /// The spool holds as much as it may. Looks for trimmed segments when it seems so.
    pub fn full(&mut self) -> bool {
        if self.earlier_bytes + self.at < self.limit {
            return false;
        }
        while let Some((number, bytes)) = self.earlier.front().copied() {
            if format::segment_path(&self.dir, number).exists() {
                break;
            }
            self.earlier.pop_front();
            self.earlier_bytes -= bytes;
        }
        self.earlier_bytes + self.at >= self.limit
    }

    fn record(&mut self, log: u16, kind: Kind, offset: u64, payload: &[u8]) -> io::Result<()> {
        if self.at >= self.segment_size {
            let next = self.number.checked_add(1).ok_or_else(|| io::Error::other("the spool has too many segments"))?;
            let (file, at) = new_segment(&self.dir, next, &self.ends)?;
            fail_point!("segment-begun");
            self.earlier.push_back((self.number, self.at));
            self.earlier_bytes += self.at;
            self.file = file;
            self.number = next;
            self.at = at;
        }
        let head = format::record_head(log, kind, offset, payload);
        let length = head.len() + payload.len();
        let mut done = 0;
        while done < length {
            let at = self.at + done as u64;
            let written = match head.get(done..).filter(|rest| !rest.is_empty()) {
                Some(rest) => rustix::io::pwritev(&self.file, &[IoSlice::new(rest), IoSlice::new(payload)], at),
                None => rustix::io::pwrite(&self.file, &payload[done - head.len()..], at),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.at += length as u64;
        Ok(())
    }
}

fn new_segment(dir: &Path, number: u32, ends: &BTreeMap<u16, u64>) -> io::Result<(File, u64)> {
    let head = format::segment_head(number, ends);
    let mut file = new_file(&format::segment_path(dir, number))?;
    file.write_all(&head)?;
    Ok((file, head.len() as u64))
}

/// A file for us alone. One that a failed try left is begun anew.
fn new_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // An empty one, as the spare spool has, is not cut: ext4 takes each cut to nothing for the beginning of a
    // replacement, and then waits for the disk when the file is closed.
    if file.metadata()?.len() > 0 {
        file.set_len(0)?;
    }
    Ok(file)
}
