//! A build whose logs take bytes: what is in memory, what is on its way, what is on disk.

use crate::error::{AppendError, LogError};
use crate::file::LogFile;
use crate::format::{Entry, IndexedLog, SealRecord};
use crate::frame::{Frame, Tail};
use crate::growth::Growth;
use crate::logs::{Facts, Progress, Sealed};
use crate::scan::{Contents, Ending, Scan};
use bytes::Bytes;
use model::{BuildId, LogId, Stream};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, oneshot};

/// Least time between two tidings of the growth of one log.
const TOLD_EVERY: Duration = Duration::from_millis(50);
/// A frame is written when its first byte has waited this long,
const WRITE_AFTER: Duration = Duration::from_secs(1);
/// or this long, if it is small and its log has many frames already: a trickle must not make a huge index.
const WRITE_TRICKLE_AFTER: Duration = Duration::from_secs(10);
const TRICKLE_BYTES: usize = 16 * 1024;
const MANY_FRAMES: usize = 256;

/// Work for the writer thread.
#[derive(Debug)]
pub(crate) enum Job {
    /// A cut frame, a seal, or both in this order.
    Write(WriteJob),
    /// All logs of the build are sealed: write the index and close.
    Finish { build: Arc<Build>, _room: OwnedSemaphorePermit },
    /// Answer when everything queued before is durable.
    Flush { done: oneshot::Sender<()> },
}

/// A cut frame, a seal, or both in this order.
#[derive(Debug)]
pub(crate) struct WriteJob {
    pub(crate) build: Arc<Build>,
    pub(crate) log: LogId,
    pub(crate) frame: Option<Arc<Frame>>,
    pub(crate) seal: Option<Sealed>,
    pub(crate) _room: OwnedSemaphorePermit,
}

/// The way to the writer thread. Each job holds a share of `room`, so the queue is bounded.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    pub(crate) jobs: Sender<Job>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) growth: broadcast::Sender<Growth>,
}

/// No room in the writer's queue at the moment: wait for this many shares, then try again.
#[derive(Debug)]
pub(crate) struct NoRoom(pub(crate) u32);

/// A share of room that was waited for, if any.
pub(crate) type Room = Option<OwnedSemaphorePermit>;

/// Bytes that one share of room stands for.
const ROOM_UNIT: usize = 1024;
/// Shares of room: what may wait for the writer, in KiB, over all logs.
pub(crate) const ROOM: usize = 8 * 1024;

impl Outbox {
    /// A share of room for this many bytes.
    fn room(&self, bytes: usize, room: &mut Room) -> Result<OwnedSemaphorePermit, NoRoom> {
        let units = (bytes / ROOM_UNIT + 1) as u32;
        room.take().or_else(|| self.room.clone().try_acquire_many_owned(units).ok()).ok_or(NoRoom(units))
    }

    fn send(&self, job: Job) -> Result<(), LogError> {
        self.jobs.send(job).map_err(|_| LogError::Closed)
    }
}

/// A build whose logs take bytes.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) id: BuildId,
    pub(crate) path: Arc<Path>,
    state: Mutex<State>,
}

/// What is known of a build in memory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<LogId, LiveLog>,
    /// The file, once there is one.
    pub(crate) file: Option<LogFile>,
    /// Where the next record goes.
    pub(crate) end: u64,
    /// Up to where the file is durable.
    pub(crate) synced: u64,
    /// The file ends with an index that is still true.
    pub(crate) indexed: bool,
    pub(crate) phase: Phase,
    /// The clock thread looks after it.
    pub(crate) watched: bool,
}

/// What may still happen to a build.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// Its logs take bytes.
    Open,
    /// Its index is on its way.
    Finishing,
    /// Writing failed.
    Failed(LogError),
    /// It was removed.
    Removed,
}

/// A log that takes bytes, or did until it was sealed.
#[derive(Debug)]
pub(crate) struct LiveLog {
    /// Frames on disk.
    pub(crate) frames: Vec<Entry>,
    /// Frames on their way there.
    pub(crate) pending: VecDeque<Arc<Frame>>,
    /// The frame that grows.
    open: Frame,
    open_since: Instant,
    bytes: u64,
    lines: u64,
    tail: Tail,
    /// CRC-32 of everything before the open frame.
    crc: crc32fast::Hasher,
    pub(crate) durable: u64,
    sealed: Option<Sealed>,
    /// When its growth was last told.
    told: Option<Instant>,
    /// It has grown since.
    untold: bool,
}

impl LiveLog {
    fn new(contents: Contents) -> Self {
        let Contents { frames, bytes, lines, crc, tail, sealed } = contents;
        let sealed = sealed.then(|| Sealed { lines, bytes, crc32: crc.clone().finalize() });
        LiveLog {
            frames,
            pending: VecDeque::new(),
            open: Frame::after(bytes, lines),
            open_since: Instant::now(),
            bytes,
            lines,
            tail,
            crc,
            durable: bytes,
            sealed,
            told: None,
            untold: false,
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts { lines: self.lines, bytes: self.bytes, sealed: self.sealed.map(|seal| seal.crc32) }
    }

    /// The frame that grows, if it has bytes.
    pub(crate) fn open(&self) -> Option<&Frame> {
        (!self.open.bytes.is_empty()).then_some(&self.open)
    }

    /// What the index says of it, with frames that are being written at this moment.
    pub(crate) fn indexed(&self, log: LogId, fresh: impl Iterator<Item = Entry>) -> Option<IndexedLog> {
        let Sealed { lines, bytes, crc32: crc } = self.sealed?;
        let frames = self.frames.iter().copied().chain(fresh).collect();
        Some(IndexedLog { seal: SealRecord { log, bytes, lines, crc }, frames })
    }

    /// Cuts the open frame off; the next one begins where it ends.
    fn cut(&mut self) -> Option<Arc<Frame>> {
        if self.open.bytes.is_empty() {
            return None;
        }
        let frame = std::mem::replace(&mut self.open, Frame::after(self.bytes, self.lines));
        self.crc.combine(&frame.crc);
        let frame = Arc::new(frame);
        self.pending.push_back(frame.clone());
        Some(frame)
    }

    /// Whether its growth should be told now; if not, it is remembered.
    fn tell(&mut self, now: Instant) -> bool {
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
        self.untold = !due;
        if due {
            self.told = Some(now);
        }
        due
    }

    fn is_old(&self, now: Instant) -> bool {
        let trickles = self.open.bytes.len() < TRICKLE_BYTES && self.frames.len() >= MANY_FRAMES;
        let limit = if trickles { WRITE_TRICKLE_AFTER } else { WRITE_AFTER };
        now.saturating_duration_since(self.open_since) >= limit
    }
}

impl Build {
    /// A build without a file.
    pub(crate) fn new(id: BuildId, path: Arc<Path>) -> Self {
        let (logs, phase) = (BTreeMap::new(), Phase::Open);
        let state = State { logs, file: None, end: 0, synced: 0, indexed: false, phase, watched: false };
        Build { id, path, state: Mutex::new(state) }
    }

    /// The build that its file holds; all of it is durable.
    pub(crate) fn continued(id: BuildId, file: LogFile, found: Scan) -> Self {
        let logs = found.logs.into_iter().map(|(id, contents)| (id, LiveLog::new(contents))).collect();
        let (path, end, indexed) = (file.path.clone(), found.end, found.ending == Ending::Index);
        let (file, phase) = (Some(file), Phase::Open);
        let state = State { logs, file, end, synced: end, indexed, phase, watched: false };
        Build { id, path, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a log, new or known; its durable length.
    pub(crate) fn begin(&self, log: LogId) -> Result<u64, LogError> {
        let mut state = self.state();
        if let Phase::Finishing = state.phase {
            let known = state.logs.get(&log).map(|log| log.durable);
            return known.ok_or(LogError::Finished { build: self.id });
        }
        self.check(&state.phase)?;
        Ok(state.logs.entry(log).or_insert_with(|| LiveLog::new(Contents::default())).durable)
    }

    /// Whether it is still worth anything.
    fn check(&self, phase: &Phase) -> Result<(), LogError> {
        match phase {
            Phase::Open | Phase::Finishing => Ok(()),
            Phase::Failed(error) => Err(error.clone()),
            Phase::Removed => Err(LogError::Finished { build: self.id }),
        }
    }

    /// Takes bytes at `offset`. `Ok(Err)`: the writer is behind; all that is before its answer is taken.
    pub(crate) fn append(
        self: &Arc<Self>,
        (log, offset): (LogId, u64),
        (stream, data): (Stream, &Bytes),
        out: &Outbox,
        room: &mut Room,
    ) -> Result<Result<Progress, NoRoom>, AppendError> {
        let mut guard = self.state();
        self.check(&guard.phase)?;
        let state = &mut *guard;
        let live = state.logs.get_mut(&log).ok_or(AppendError::NotBegun)?;
        let now = Instant::now();
        let mut waits = None;
        loop {
            let skip = live.bytes.checked_sub(offset).ok_or(AppendError::Gap { expected: live.bytes })?;
            let rest = usize::try_from(skip).ok().and_then(|skip| data.get(skip..)).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if let Some(Sealed { bytes, .. }) = live.sealed {
                return Err(AppendError::Sealed { bytes });
            }
            if live.open.is_full() {
                match out.room(live.open.bytes.len(), room) {
                    Ok(share) => self.send_frame(live, log, share, out)?,
                    Err(no_room) => {
                        waits = Some(no_room);
                        break;
                    }
                }
            }
            if live.open.bytes.is_empty() {
                live.open_since = now;
            }
            let begun = live.open.begun;
            live.bytes += live.open.push(&mut live.tail, stream, rest) as u64;
            live.lines += u64::from(live.open.begun - begun);
        }
        let progress = Progress { bytes: live.bytes, lines: live.lines };
        if !data.is_empty() && live.tell(now) {
            self.send_growth(log, progress, out);
        }
        Ok(waits.map_or(Ok(progress), Err))
    }

    fn send_growth(&self, log: LogId, Progress { bytes, lines }: Progress, out: &Outbox) {
        // No receiver is nobody's loss.
        let _ = out.growth.send(Growth { build: self.id, log, lines, bytes });
    }

    /// Jobs are sent while the build is locked, so that their order in the queue is that of the log.
    fn send_frame(
        self: &Arc<Self>,
        live: &mut LiveLog,
        log: LogId,
        share: OwnedSemaphorePermit,
        out: &Outbox,
    ) -> Result<(), LogError> {
        let frame = live.cut();
        out.send(Job::Write(WriteJob { build: self.clone(), log, frame, seal: None, _room: share }))
    }

    /// Seals a log. `Ok(Err)`: the writer is behind.
    pub(crate) fn seal(
        self: &Arc<Self>,
        log: LogId,
        out: &Outbox,
        room: &mut Room,
    ) -> Result<Result<Sealed, NoRoom>, LogError> {
        let mut state = self.state();
        self.check(&state.phase)?;
        let live = state.logs.get_mut(&log).ok_or(LogError::Unknown { build: self.id, log })?;
        self.seal_live(log, live, out, room)
    }

    fn seal_live(
        self: &Arc<Self>,
        log: LogId,
        live: &mut LiveLog,
        out: &Outbox,
        room: &mut Room,
    ) -> Result<Result<Sealed, NoRoom>, LogError> {
        if let Some(sealed) = live.sealed {
            return Ok(Ok(sealed));
        }
        let share = match out.room(live.open.bytes.len(), room) {
            Ok(share) => share,
            Err(no_room) => return Ok(Err(no_room)),
        };
        let frame = live.cut();
        let sealed = Sealed { lines: live.lines, bytes: live.bytes, crc32: live.crc.clone().finalize() };
        live.sealed = Some(sealed);
        live.untold = false;
        self.send_growth(log, Progress { bytes: live.bytes, lines: live.lines }, out);
        out.send(Job::Write(WriteJob { build: self.clone(), log, frame, seal: Some(sealed), _room: share }))?;
        Ok(Ok(sealed))
    }

    /// Seals what is open and sends for the index. `Ok(Err)`: the writer is behind.
    pub(crate) fn finish(self: &Arc<Self>, out: &Outbox, room: &mut Room) -> Result<Result<(), NoRoom>, LogError> {
        let mut guard = self.state();
        self.check(&guard.phase)?;
        let state = &mut *guard;
        if let Phase::Finishing = state.phase {
            return Ok(Ok(()));
        }
        for (&log, live) in &mut state.logs {
            if let Err(no_room) = self.seal_live(log, live, out, room)? {
                return Ok(Err(no_room));
            }
        }
        let share = match out.room(0, room) {
            Ok(share) => share,
            Err(no_room) => return Ok(Err(no_room)),
        };
        state.phase = Phase::Finishing;
        out.send(Job::Finish { build: self.clone(), _room: share })?;
        Ok(Ok(()))
    }

    /// Cuts every open frame. `Ok(Err)`: the writer is behind.
    pub(crate) fn cut_all(self: &Arc<Self>, out: &Outbox, room: &mut Room) -> Result<Result<(), NoRoom>, LogError> {
        let mut state = self.state();
        self.check(&state.phase)?;
        for (&log, live) in state.logs.iter_mut().filter(|(_, live)| !live.open.bytes.is_empty()) {
            match out.room(live.open.bytes.len(), room) {
                Ok(share) => self.send_frame(live, log, share, out)?,
                Err(no_room) => return Ok(Err(no_room)),
            }
        }
        Ok(Ok(()))
    }

    /// The clock's visit: tells growth that was held back, sends frames that are old. Whether to come again.
    pub(crate) fn visit(self: &Arc<Self>, now: Instant, out: &Outbox) -> bool {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut again = false;
        for (&log, live) in &mut state.logs {
            if live.untold && live.tell(now) {
                self.send_growth(log, Progress { bytes: live.bytes, lines: live.lines }, out);
            }
            if !live.open.bytes.is_empty() && live.is_old(now) {
                // Without room the queue is full, and the next visit is soon enough; a closed queue needs no visit.
                if let Ok(share) = out.room(live.open.bytes.len(), &mut None)
                    && self.send_frame(live, log, share, out).is_err()
                {
                    return false;
                }
            }
            again |= live.untold || !live.open.bytes.is_empty();
        }
        state.watched = again && matches!(state.phase, Phase::Open);
        state.watched
    }

    /// Its state in memory is the truth.
    pub(crate) fn is_readable(&self) -> bool {
        matches!(self.state().phase, Phase::Open | Phase::Finishing)
    }

    /// Asks for visits of the clock, unless it was asked already. Whether it was not.
    pub(crate) fn watch(&self) -> bool {
        !std::mem::replace(&mut self.state().watched, true)
    }
}
