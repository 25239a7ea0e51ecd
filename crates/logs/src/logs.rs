//! The door to the bytes of logs.

use crate::build::{Build, Job, NoRoom, Outbox, Phase, ROOM};
use crate::file::{self, LogFile};
use crate::frame::Frame;
use crate::read::{Reader, View};
use crate::scan::{self, Ending};
use crate::shared::Shared;
use crate::{AppendError, Growth, LogError, SyncedReceiver, clock, sync, writer};
use bytes::Bytes;
use futures_util::Stream as AsyncStream;
use model::{BuildId, LogId, Stream};
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, oneshot, watch};

/// How far a log has come in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken so far.
    pub bytes: u64,
    /// Lines begun so far.
    pub lines: u64,
}

/// A log that never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Lines, counting a last one without a newline.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE 802.3) of all bytes.
    pub crc32: u32,
}

/// What is known of a log, live or finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Lines so far.
    pub lines: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// CRC-32 of all bytes, once the log is sealed.
    pub sealed: Option<u32>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 0.
    pub number: u64,
    /// Where it came from.
    pub stream: Stream,
    /// Its bytes without the newline, at most [`Logs::MOST_LINE_BYTES`].
    pub bytes: Vec<u8>,
    /// The line is longer than `bytes` shows.
    pub cut: bool,
}

/// The first place in a line where the searched bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Number of the line, from 0.
    pub line: u64,
    /// Offset in bytes from the line's beginning.
    pub column: u64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// At most one hit per line, in order.
    pub hits: Vec<Hit>,
    /// The search stopped at a limit; ask again from this line. `None`: it came to the end of the log.
    pub next: Option<u64>,
}

/// Goes through a log's bytes; see [`Logs::visit`].
pub trait Visit: Send + 'static {
    /// The next stretch, from one stream.
    fn piece(&mut self, stream: Stream, bytes: &[u8]);
}

/// All logs of all builds below one folder. Clones share the same threads and files.
///
/// When the last clone is dropped, what was taken is written and synced, which may take a moment.
#[derive(Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// Taken when closing, so that the writer sees the end of its queue.
    out: Option<Outbox>,
    /// Only one build at a time is looked for on disk to be continued.
    loading: tokio::sync::Mutex<()>,
    threads: Threads,
}

#[derive(Default)]
struct Threads {
    clock: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    sync: Option<JoinHandle<()>>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("dir", &self.inner.shared.dir).finish_non_exhaustive()
    }
}

impl Logs {
    /// A line is shown up to this many bytes; the raw log has all of it.
    pub const MOST_LINE_BYTES: usize = 16 * 1024;

    /// Opens the folder (it is made if need be) and starts the writer, sync and clock threads.
    pub fn open(dir: PathBuf) -> Result<Logs, LogError> {
        std::fs::create_dir_all(&dir).map_err(|e| LogError::io("make", &dir, e))?;
        file::lay_folders_apart(&dir);
        let highest = file::highest_build(&dir)?;
        let shared = Arc::new(Shared::new(dir, highest));
        let (jobs, queue) = std::sync::mpsc::channel();
        let out = Outbox { jobs, room: Arc::new(Semaphore::new(ROOM)), growth: shared.growth.clone() };
        let threads = Threads {
            clock: Some(thread("logs-clock", &shared, {
                let out = out.clone();
                move |shared| clock::run(shared, &out)
            })?),
            writer: Some(thread("logs-writer", &shared, move |shared| writer::run(shared, &queue))?),
            sync: Some(thread("logs-sync", &shared, sync::run)?),
        };
        let inner = Inner { shared, out: Some(out), loading: tokio::sync::Mutex::new(()), threads };
        Ok(Logs { inner: Arc::new(inner) })
    }

    /// Opens a log for appending and tells how many of its bytes are already durable: 0 if it is new, else where the
    /// sender goes on. Also right after a restart, and to try again after writing failed.
    pub async fn begin(&self, build: BuildId, log: LogId) -> Result<u64, LogError> {
        if let Some(live) = self.begin_here(build) {
            return live.begin(log);
        }
        let _alone = self.inner.loading.lock().await;
        if let Some(live) = self.begin_here(build) {
            return live.begin(log);
        }
        let shared = self.inner.shared.clone();
        if shared.live(build).is_some() {
            // Writing it failed. The writer must have let go of the file before it is looked at.
            self.flush().await?;
        }
        let live = blocking(move || load(&shared, build)).await?;
        live.begin(log)
    }

    /// The build, if it is live or certainly new.
    fn begin_here(&self, build: BuildId) -> Option<Arc<Build>> {
        let shared = &self.inner.shared;
        let mut builds = shared.builds();
        if let Some(live) = builds.live.get(&build) {
            return Some(live.clone()).filter(|live| live.is_readable());
        }
        if builds.highest.is_some_and(|highest| build <= highest) {
            return None;
        }
        builds.highest = Some(build);
        let live = Arc::new(Build::new(build, file::path_of(&shared.dir, build).into()));
        builds.live.insert(build, live.clone());
        Some(live)
    }

    /// Takes bytes that stand at `offset` of the log. What overlaps with bytes already taken is skipped, unseen.
    /// Resolves when the bytes are in memory and readable; waits while the writer is behind. Dropping the future
    /// leaves a prefix of the bytes taken.
    pub async fn append(
        &self,
        build: BuildId,
        log: LogId,
        offset: u64,
        stream: Stream,
        data: Bytes,
    ) -> Result<Progress, AppendError> {
        let live = self.inner.shared.live(build).ok_or(AppendError::NotBegun)?;
        let mut room = None;
        loop {
            let taken = live.append((log, offset), (stream, &data), self.inner.out()?, &mut room)?;
            self.inner.shared.clock.watch(&live);
            match taken {
                Ok(progress) => return Ok(progress),
                Err(full) => room = Some(self.inner.wait_for_room(full).await?),
            }
        }
    }

    /// Tells which bytes are durable, for the acknowledgements to worker spools. Logs that became durable before
    /// this call are not told.
    pub fn synced(&self) -> SyncedReceiver {
        self.inner.shared.synced.subscribe()
    }

    /// Tells builds whose logs could not be written or synced. [`Logs::begin`] tries again from what is on disk.
    pub fn failures(&self) -> broadcast::Receiver<(BuildId, LogError)> {
        self.inner.shared.failures.subscribe()
    }

    /// Why nothing can be written for now, as when the disk is full: it is tried again until it can be.
    pub fn stalled(&self) -> watch::Receiver<Option<String>> {
        self.inner.shared.stalled.subscribe()
    }

    /// Closes a log for good. Resolves when the bytes are on their way to disk; [`Logs::synced`] tells when they have
    /// arrived. Sealing twice gives the same answer.
    pub async fn seal(&self, build: BuildId, log: LogId) -> Result<Sealed, LogError> {
        let mut room = None;
        while let Some(live) = self.inner.shared.live(build) {
            match live.seal(log, self.inner.out()?, &mut room)? {
                Ok(sealed) => return Ok(sealed),
                Err(full) => room = Some(self.inner.wait_for_room(full).await?),
            }
        }
        match self.read(build, log, |reader| Ok(reader.facts())).await? {
            Some(Facts { lines, bytes, sealed: Some(crc32) }) => Ok(Sealed { lines, bytes, crc32 }),
            Some(_) | None => Err(LogError::Unknown { build, log }),
        }
    }

    /// The build is over: logs still open are sealed as they are, the index is written, the file closed. Resolves
    /// when that is on its way to disk. A build that is not open is left as it is.
    pub async fn finish(&self, build: BuildId) -> Result<(), LogError> {
        let mut room = None;
        while let Some(live) = self.inner.shared.live(build) {
            match live.finish(self.inner.out()?, &mut room) {
                Err(error) => {
                    self.inner.shared.forget(&live);
                    return Err(error);
                }
                Ok(Ok(())) => break,
                Ok(Err(full)) => room = Some(self.inner.wait_for_room(full).await?),
            }
        }
        Ok(())
    }

    /// Writes and syncs all that was taken until now, and waits for it. What cannot be written is told by
    /// [`Logs::failures`].
    pub async fn flush(&self) -> Result<(), LogError> {
        let builds: Vec<_> = self.inner.shared.builds().live.values().cloned().collect();
        for build in builds {
            let mut room = None;
            while let Ok(Err(full)) = build.cut_all(self.inner.out()?, &mut room) {
                room = Some(self.inner.wait_for_room(full).await?);
            }
        }
        let (done, wait) = oneshot::channel();
        self.inner.out()?.jobs.send(Job::Flush { done }).map_err(|_| LogError::Closed)?;
        wait.await.map_err(|_| LogError::Closed)
    }

    /// Writes the index of a build that is over and whose file has none, if all logs in it are sealed. Whether it was so.
    pub async fn close_left_open(&self, build: BuildId) -> Result<bool, LogError> {
        let _alone = self.inner.loading.lock().await;
        let shared = self.inner.shared.clone();
        if shared.live(build).is_some() {
            return Ok(false);
        }
        let whole = blocking(move || {
            if !is_left_open(&shared, build)? {
                return Ok(false);
            }
            load(&shared, build).map(|_| true)
        });
        match whole.await? {
            true => self.finish(build).await.map(|()| true),
            false => Ok(false),
        }
    }

    /// Forces to the disk what a build's file holds, whoever wrote it. A build without a file has nothing to lose.
    pub async fn make_durable(&self, build: BuildId) -> Result<(), LogError> {
        let path = file::path_of(&self.inner.shared.dir, build);
        blocking(move || {
            let file = match std::fs::File::open(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                file => file.map_err(|e| LogError::io("open", &path, e))?,
            };
            file.sync_all().map_err(|e| LogError::io("sync", &path, e))?;
            path.parent().map_or(Ok(()), sync::sync_folder)
        })
        .await
    }

    /// Tells how logs grow, for live pages. A receiver that lags loses old tidings; [`Logs::facts`] has the truth.
    pub fn growth(&self) -> broadcast::Receiver<Growth> {
        self.inner.shared.growth.subscribe()
    }

    /// Length and seal of a log; `None` if there is no such log or its file cannot be read.
    pub async fn facts(&self, build: BuildId, log: LogId) -> Option<Facts> {
        let shared = &*self.inner.shared;
        match shared.quick_view(build) {
            Some(view) => Reader { shared, view: &view, log }.facts(),
            None => self.read(build, log, |reader| Ok(reader.facts())).await.unwrap_or_default(),
        }
    }

    /// Up to `count` lines (at most 100,000) from line `first` on, all together at most `most_bytes` (but at least one
    /// line if there is one). Fewer lines than asked for: the end of the log, or a limit, was reached.
    pub async fn lines(
        &self,
        build: BuildId,
        log: LogId,
        first: u64,
        count: u64,
        most_bytes: usize,
    ) -> Result<Vec<Line>, LogError> {
        self.read(build, log, move |reader| reader.lines(first, count, most_bytes)).await
    }

    /// The last `count` lines, under the same limits as [`Logs::lines`].
    pub async fn tail(&self, build: BuildId, log: LogId, count: u64, most_bytes: usize) -> Result<Vec<Line>, LogError> {
        self.read(build, log, move |reader| reader.tail(count, most_bytes)).await
    }

    /// The bytes of a log, all that there are at the time of the first poll, in pieces of at most 256 KiB.
    pub fn raw(
        &self,
        build: BuildId,
        log: LogId,
    ) -> impl AsyncStream<Item = Result<Bytes, LogError>> + Send + Unpin + use<> {
        self.raw_from(build, log, 0)
    }

    /// Like [`Logs::raw`], from byte `offset` on.
    pub fn raw_from(
        &self,
        build: BuildId,
        log: LogId,
        offset: u64,
    ) -> impl AsyncStream<Item = Result<Bytes, LogError>> + Send + Unpin + use<> {
        let walk = Raw { logs: self.clone(), build, log, offset, end: None, view: None };
        Box::pin(futures_util::stream::try_unfold(walk, Raw::next))
    }

    /// Looks for lines that hold `needle`, from line `first` on, until `most_hits` are found or 64 MiB are looked at.
    /// Bytes are compared as they are; `needle` cannot reach over the end of a line.
    pub async fn find(
        &self,
        build: BuildId,
        log: LogId,
        needle: Vec<u8>,
        first: u64,
        most_hits: usize,
    ) -> Result<Found, LogError> {
        self.read(build, log, move |reader| reader.find(&needle, first, most_hits)).await
    }

    /// Removes all logs of a build, from memory and from disk.
    pub async fn remove(&self, build: BuildId) -> Result<(), LogError> {
        let shared = self.inner.shared.clone();
        let live = shared.builds().live.remove(&build);
        if let Some(live) = live {
            live.state().phase = Phase::Removed;
        }
        blocking(move || {
            shared.cache.forget(build);
            let path = file::path_of(&shared.dir, build);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(LogError::io("remove", &path, e)),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Goes through all bytes of a log, each stretch with the stream that it came from, and answers with the visitor. Works
    /// on a thread of its own, with one frame in memory at a time.
    pub async fn visit<V: Visit>(&self, build: BuildId, log: LogId, visitor: V) -> Result<V, LogError> {
        self.visit_from(build, log, 0, visitor).await.map(|(visitor, _)| visitor)
    }

    /// As [`Logs::visit`], from this byte on. Answers also with where the log ended, which is where to go on when it has
    /// grown.
    pub async fn visit_from<V: Visit>(
        &self,
        build: BuildId,
        log: LogId,
        from: u64,
        mut visitor: V,
    ) -> Result<(V, u64), LogError> {
        self.read(build, log, move |reader| {
            let end = reader.length()?;
            let mut at = from;
            while at < end {
                let (frame, start) = reader.at_byte(at)?.ok_or(LogError::Unknown { build, log })?;
                let stop = usize::try_from(end - frame.offset).unwrap_or(usize::MAX).min(frame.bytes.len());
                for (number, run) in frame.runs.iter().enumerate() {
                    let next = frame.runs.get(number + 1).map_or(stop, |next| next.start as usize);
                    let (from, to) = (start.max(run.start as usize), next.min(stop));
                    if from < to {
                        visitor.piece(run.stream, &frame.bytes[from..to]);
                    }
                }
                at = frame.offset + stop as u64;
            }
            reader.ends_well()?;
            Ok((visitor, end))
        })
        .await
    }

    /// Reads on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        build: BuildId,
        log: LogId,
        work: impl FnOnce(Reader<'_>) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let shared = self.inner.shared.clone();
        blocking(move || {
            let view = shared.view(build)?.ok_or(LogError::Unknown { build, log })?;
            work(Reader { shared: &shared, view: &view, log })
        })
        .await
    }
}

impl Inner {
    fn out(&self) -> Result<&Outbox, LogError> {
        self.out.as_ref().ok_or(LogError::Closed)
    }

    async fn wait_for_room(&self, NoRoom(units): NoRoom) -> Result<OwnedSemaphorePermit, LogError> {
        self.out()?.room.clone().acquire_many_owned(units).await.map_err(|_| LogError::Closed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let join = |thread: Option<JoinHandle<()>>| thread.map(JoinHandle::join);
        self.shared.clock.close();
        join(self.threads.clock.take());
        if let Some(out) = self.out.take() {
            let builds: Vec<_> = self.shared.builds().live.values().cloned().collect();
            for build in builds {
                // Nobody else asks for room any more, so all of it may be given to this last round.
                out.room.add_permits(ROOM);
                let _ = build.cut_all(&out, &mut None);
            }
        }
        join(self.threads.writer.take());
        join(self.threads.sync.take());
    }
}

/// The bytes of a log on their way to a reader.
struct Raw {
    logs: Logs,
    build: BuildId,
    log: LogId,
    offset: u64,
    end: Option<u64>,
    view: Option<View>,
}

impl Raw {
    async fn next(self) -> Result<Option<(Bytes, Raw)>, LogError> {
        blocking(move || self.read()).await
    }

    fn read(mut self) -> Result<Option<(Bytes, Raw)>, LogError> {
        let (shared, log) = (self.logs.inner.shared.clone(), self.log);
        let view = match self.view.take() {
            Some(view) => view,
            None => shared.view(self.build)?.ok_or(LogError::Unknown { build: self.build, log })?,
        };
        let reader = Reader { shared: &shared, view: &view, log };
        let end = match self.end {
            Some(end) => end,
            None => reader.length()?,
        };
        if self.offset >= end {
            return reader.ends_well().map(|()| None);
        }
        // Writing may have failed meanwhile; then the rest is not there, and the reader must not take it for the end.
        let gone = LogError::Unknown { build: self.build, log };
        let (frame, start) = reader.at_byte(self.offset)?.ok_or(gone)?;
        let stop = usize::try_from(end - frame.offset).unwrap_or(usize::MAX).min(frame.bytes.len());
        let bytes = Bytes::from_owner(FrameBytes(frame)).slice(start..stop);
        self.offset += bytes.len() as u64;
        (self.end, self.view) = (Some(end), Some(view));
        Ok(Some((bytes, self)))
    }
}

/// The bytes of a frame, shared.
struct FrameBytes(Arc<Frame>);

impl AsRef<[u8]> for FrameBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

fn thread(
    name: &str,
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    let (shared, dir) = (shared.clone(), shared.dir.clone());
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared));
    spawned.map_err(|e| LogError::io("start a thread for", &dir, e))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    // The task ends early only if it panics or the runtime shuts down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LogError::Closed))
}

/// Whether a file lacks nothing but its index.
fn is_left_open(shared: &Shared, build: BuildId) -> Result<bool, LogError> {
    let path = file::path_of(&shared.dir, build);
    let file = match std::fs::File::open(&path) {
        Ok(file) => LogFile { file: Arc::new(file), path: path.into() },
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(LogError::io("open", &path, e)),
    };
    let found = scan::scan(&file, &shared.zstd)?;
    let open = matches!(found.ending, Ending::Whole | Ending::Torn);
    Ok(open && found.build == Some(build) && !found.logs.is_empty() && found.logs.values().all(|log| log.sealed))
}

/// Makes a build live again from its file, if it has one: cuts off a torn tail, makes what is left durable.
fn load(shared: &Shared, build: BuildId) -> Result<Arc<Build>, LogError> {
    let path: Arc<Path> = file::path_of(&shared.dir, build).into();
    let live = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => continued(shared, build, LogFile { file: Arc::new(file), path })?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Build::new(build, path),
        Err(e) => return Err(LogError::io("open", &path, e)),
    };
    shared.cache.forget(build);
    let live = Arc::new(live);
    shared.builds().live.insert(build, live.clone());
    Ok(live)
}

fn continued(shared: &Shared, build: BuildId, file: LogFile) -> Result<Build, LogError> {
    let found = scan::scan(&file, &shared.zstd)?;
    if found.build.is_some_and(|id| id != build) {
        return Err(file.damaged(0, "the file belongs to another build"));
    }
    match found.ending {
        Ending::Damaged(what) => return Err(file.damaged(found.end, what)),
        Ending::Torn => {
            let length = file.length()?;
            tracing::warn!(build = build.0, from = found.end, bytes = length - found.end, "cuts off a torn log tail");
            file.file.set_len(found.end).map_err(|e| LogError::io("shorten", &file.path, e))?;
        }
        Ending::Index | Ending::Whole => {}
    }
    file.file.sync_data().map_err(|e| LogError::io("sync", &file.path, e))?;
    Ok(Build::continued(build, file, found))
}
