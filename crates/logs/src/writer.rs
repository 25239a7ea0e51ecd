//! The writer thread: turns cut frames into bytes on disk, several builds and frames per round.

use crate::LogError;
use crate::build::{Build, Job, Phase, WriteJob};
use crate::file::LogFile;
use crate::format::{self, Entry, FrameHead, SealRecord};
use crate::frame::Frame;
use crate::shared::Shared;
use crate::sync::Written;
use killpoint::fail_point;
use model::{BuildId, LogId};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use zstd::bulk::Compressor;

/// Fast and good enough: about 600 MB/s, one fifth of the size for compiler output.
const LEVEL: i32 = 1;
/// A round takes jobs until their bytes come to this much.
const ROUND_BYTES: usize = 1 << 20;
/// What a job counts for, besides its bytes.
const JOB_BYTES: usize = 4096;
/// A round with fewer bytes than this waits for what comes within the pause: a short build's output, its seals and its
/// index are one write then, and so many builds that end together wake this thread once.
const SMALL_BYTES: usize = 64 << 10;
/// That pause. Nobody waits for it: what is on its way is read from memory, and syncs are farther apart than this.
const PAUSE: Duration = Duration::from_millis(10);

/// What could not be written for lack of room is tried again after this.
const AGAIN: Duration = Duration::from_millis(250);

/// What is over when somebody makes room: on the disk, within a quota, among the open files.
fn is_passing(error: &io::Error) -> bool {
    let files = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(rustix::io::Errno::raw_os_error);
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || error.raw_os_error().is_some_and(|code| files.contains(&code))
}

/// The thread's work, until every sender is gone.
pub(crate) fn run(shared: &Shared, jobs: &Receiver<Job>) {
    let mut writer = Writer { shared, packer: Packer::default(), parts: BTreeMap::new() };
    // The level is valid and no dictionary is loaded, so this cannot fail but for lack of memory; then level 3 works.
    let _ = writer.packer.zstd.set_compression_level(LEVEL);
    while let Ok(first) = jobs.recv() {
        let mut round = Round::default();
        writer.gather(first, jobs, &mut round);
        if round.may_wait() {
            std::thread::sleep(PAUSE);
            if let Ok(next) = jobs.try_recv() {
                writer.gather(next, jobs, &mut round);
            }
        }
        writer.write_out();
    }
    shared.sync.close();
}

/// What a round has come to.
#[derive(Default)]
struct Round {
    bytes: usize,
    /// Somebody waits until all is durable.
    asked: bool,
}

impl Round {
    fn may_wait(&self) -> bool {
        self.bytes < SMALL_BYTES && !self.asked
    }
}

struct Writer<'a> {
    shared: &'a Shared,
    packer: Packer,
    parts: BTreeMap<BuildId, Part>,
}

/// A compressor and where it puts what it makes.
#[derive(Default)]
struct Packer {
    zstd: Compressor<'static>,
    stored: Vec<u8>,
}

/// What a round writes to one file.
struct Part {
    build: Arc<Build>,
    /// Where in the file it goes.
    start: u64,
    synced: u64,
    bytes: Vec<u8>,
    frames: Vec<(LogId, Entry)>,
    logs: BTreeMap<LogId, (u64, bool)>,
    raw: u64,
    finished: bool,
    /// Given back when the part is written.
    room: Vec<OwnedSemaphorePermit>,
    failed: Option<LogError>,
}

impl Part {
    fn new(build: Arc<Build>) -> Self {
        let (start, synced) = {
            let state = build.state();
            (state.end, state.synced)
        };
        let mut bytes = Vec::new();
        if start == 0 {
            format::write_head(&mut bytes, build.id);
        }
        let (frames, logs, room) = (Vec::new(), BTreeMap::new(), Vec::new());
        Part { build, start, synced, bytes, frames, logs, raw: 0, finished: false, room, failed: None }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Writer<'_> {
    /// Takes a job, and those that wait behind it while the round has room.
    fn gather(&mut self, first: Job, jobs: &Receiver<Job>, round: &mut Round) {
        let mut job = Some(first);
        while let Some(next) = job {
            round.asked |= matches!(next, Job::Flush { .. });
            round.bytes += self.take(next);
            job = if round.bytes < ROUND_BYTES { jobs.try_recv().ok() } else { None };
        }
    }

    /// Turns a job into bytes to be written; what it counts for in the round.
    fn take(&mut self, job: Job) -> usize {
        match job {
            Job::Write(WriteJob { build, log, frame, seal, _room }) => {
                self.make_way(&build);
                let part = self.parts.entry(build.id).or_insert_with(|| Part::new(build));
                part.room.push(_room);
                let size = frame.as_ref().map_or(0, |frame| frame.bytes.len());
                if let Some(frame) = frame
                    && let Err(error) = encode(part, log, &frame, &mut self.packer)
                {
                    part.failed = Some(LogError::io("compress for", &part.build.path, error));
                }
                if let Some(seal) = seal {
                    let record = SealRecord { log, bytes: seal.bytes, lines: seal.lines, crc: seal.crc32 };
                    format::write_seal(&mut part.bytes, &record);
                    part.logs.insert(log, (seal.bytes, true));
                }
                size + JOB_BYTES
            }
            Job::Finish { build, _room } => {
                self.make_way(&build);
                let part = self.parts.entry(build.id).or_insert_with(|| Part::new(build));
                part.room.push(_room);
                finish(part);
                JOB_BYTES
            }
            Job::Flush { done } => {
                self.write_out();
                self.shared.sync.ask(done);
                JOB_BYTES
            }
        }
    }

    /// A build that was begun anew after a failure has the id of the failed one, but shares nothing with it.
    fn make_way(&mut self, build: &Arc<Build>) {
        if self.parts.get(&build.id).is_some_and(|part| !Arc::ptr_eq(&part.build, build)) {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        while let Some((_, part)) = self.parts.pop_first() {
            let build = part.build.clone();
            if let Err(error) = self.write_part(part) {
                self.shared.fail(&build, &error);
            }
        }
    }

    fn write_part(&mut self, part: Part) -> Result<(), LogError> {
        let Part { build, start, bytes, frames, logs, raw, finished, room, failed, .. } = part;
        if let Some(error) = failed {
            return Err(error);
        }
        let (phase, file) = {
            let state = build.state();
            (state.phase.clone(), state.file.clone())
        };
        if matches!(phase, Phase::Failed(_) | Phase::Removed) {
            return Ok(());
        }
        let mut folders = Vec::new();
        let file = match file {
            Some(file) => file,
            None => self.create(&build, &mut folders)?,
        };
        fail_point!("log-torn", file.file.write_all_at(&bytes[..bytes.len() / 2], start));
        let write = || {
            file.file.write_all_at(&bytes, start).inspect_err(|_| {
                // The next writer finds a torn tail if this does not help.
                let _ = file.file.set_len(start);
            })
        };
        self.patiently(&build.path, write).map_err(|e| LogError::io("write", &build.path, e))?;
        let end = start + bytes.len() as u64;
        fail_point!("log-appended");
        {
            let mut state = build.state();
            if let Phase::Removed = state.phase {
                // Whoever removed it may have looked before the file was there.
                let _ = std::fs::remove_file(&build.path);
                return Ok(());
            }
            state.end = end;
            state.indexed = finished;
            state.file = Some(file.clone());
            for (log, entry) in frames {
                if let Some(live) = state.logs.get_mut(&log) {
                    live.pending.pop_front();
                    live.frames.push(entry);
                }
            }
        }
        if finished {
            fail_point!("log-indexed");
            self.shared.forget(&build);
        }
        drop(room);
        self.shared.sync.add(Written { build, file, end, logs, bytes: raw, folders });
        Ok(())
    }

    /// Does what needs room on the disk. While there is none it waits: what comes meanwhile waits in memory up to its
    /// limit, then in the spools of the workers.
    fn patiently<T>(&self, path: &Path, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut told = false;
        loop {
            match act() {
                Err(e) if is_passing(&e) && !self.shared.clock.is_closed() => {
                    if !told {
                        tracing::error!("no log can be written, so all logs wait: {}: {e}", path.display());
                        self.shared.stalled.send_replace(Some(format!("{}: {e}", path.display())));
                    }
                    told = true;
                    std::thread::sleep(AGAIN);
                }
                done => {
                    if told {
                        self.shared.stalled.send_replace(None);
                    }
                    if told && done.is_ok() {
                        tracing::info!("logs are written again");
                    }
                    return done;
                }
            }
        }
    }

    /// Makes the file, and its folder if need be; both are new entries to be made durable.
    fn create(&self, build: &Build, folders: &mut Vec<PathBuf>) -> Result<LogFile, LogError> {
        let failed = |act, path: &Path| {
            let path = path.to_path_buf();
            move |e: io::Error| LogError::io(act, &path, e)
        };
        let folder = build.path.parent().unwrap_or(&self.shared.dir);
        let file = match self.patiently(&build.path, || create_new(&build.path)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.patiently(folder, || std::fs::create_dir_all(folder)).map_err(failed("make", folder))?;
                folders.push(self.shared.dir.clone());
                self.patiently(&build.path, || create_new(&build.path))
            }
            other => other,
        };
        folders.push(folder.to_path_buf());
        let file = file.map_err(failed("make", &build.path))?;
        fail_point!("log-made");
        Ok(LogFile { file: Arc::new(file), path: build.path.clone() })
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

fn encode(part: &mut Part, log: LogId, frame: &Frame, Packer { zstd, stored }: &mut Packer) -> io::Result<()> {
    stored.clear();
    stored.reserve(zstd::zstd_safe::compress_bound(frame.bytes.len()));
    zstd.compress_to_buffer(&frame.bytes, stored)?;
    let pos = part.end();
    let &Frame { offset, line, begun, at_start, .. } = frame;
    let raw = frame.bytes.len() as u32;
    let head = FrameHead {
        log,
        offset,
        line,
        synced: part.synced,
        raw,
        stored: stored.len() as u32,
        begun,
        crc: frame.crc.clone().finalize(),
        at_start,
        ends_line: frame.ends_line(),
        runs: frame.runs.clone(),
    };
    format::write_frame(&mut part.bytes, &head);
    part.bytes.extend_from_slice(stored);
    let length = (part.end() - pos) as u32;
    part.frames.push((log, Entry { pos, offset, line, length, raw, begun, at_start }));
    part.raw += u64::from(raw);
    let (bytes, _) = part.logs.entry(log).or_default();
    *bytes = frame.end();
    Ok(())
}

/// Appends the index: what is on disk, and what this part brings.
fn finish(part: &mut Part) {
    part.finished = true;
    let logs: Vec<_> = {
        let state = part.build.state();
        if state.indexed && part.bytes.is_empty() {
            return;
        }
        let fresh = |of: LogId| part.frames.iter().filter(move |(log, _)| *log == of).map(|(_, entry)| *entry);
        state.logs.iter().filter_map(|(&log, live)| live.indexed(log, fresh(log))).collect()
    };
    format::write_index(&mut part.bytes, part.build.id, &logs);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_waited_for_and_other_trouble_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Shared::new(dir.path().to_owned(), None);
        let writer = Writer { shared: &shared, packer: Packer::default(), parts: BTreeMap::new() };
        let mut answers = vec![Ok(7), Err(io::Error::from_raw_os_error(24)), Err(io::ErrorKind::StorageFull.into())];
        let stalled = shared.stalled.subscribe();
        let mut said = Vec::new();
        let mut act = || {
            said.push(stalled.borrow().clone());
            answers.pop().unwrap()
        };
        assert_eq!(writer.patiently(dir.path(), &mut act).unwrap(), 7);
        assert!(said[0].is_none() && stalled.borrow().is_none(), "it is told while it lasts");
        let told = said[1].as_deref().unwrap();
        assert!(told.starts_with(&dir.path().display().to_string()) && told.contains("no storage space"), "{told}");
        assert_eq!(said[1], said[2]);
        let mut tries = 0;
        let refused = writer.patiently(dir.path(), || -> io::Result<()> {
            tries += 1;
            Err(io::ErrorKind::PermissionDenied.into())
        });
        assert_eq!((refused.unwrap_err().kind(), tries), (io::ErrorKind::PermissionDenied, 1));
    }

    #[test]
    fn nobody_waits_for_room_when_all_ends() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Shared::new(dir.path().to_owned(), None);
        shared.clock.close();
        let writer = Writer { shared: &shared, packer: Packer::default(), parts: BTreeMap::new() };
        let full = writer.patiently(dir.path(), || -> io::Result<()> { Err(io::ErrorKind::StorageFull.into()) });
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
