//! The sync thread: makes what was written durable, many files at a time, and tells it.

use crate::LogError;
use crate::build::{Build, Phase};
use crate::file::LogFile;
use crate::growth::Durable;
use crate::shared::Shared;
use killpoint::fail_point;
use model::{BuildId, LogId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Least time between the beginnings of two groups, so that a busy disk is not asked all the time,
const EVERY: Duration = Duration::from_millis(100);
/// unless this much waits, or somebody asks.
const MUCH: u64 = 4 << 20;
/// From this many files on, the whole file system is synced at once: one journal commit instead of many. With few
/// files that would be worse, as it also waits for what others (a compiler) wrote.
const MANY_FILES: usize = 32;
/// The writer waits while this many files wait here; each holds a descriptor.
const MOST_FILES: usize = 256;

/// What was written to one file since its last sync.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) build: Arc<Build>,
    pub(crate) file: LogFile,
    /// Where the file ends now.
    pub(crate) end: u64,
    /// How far each log came, and whether its seal is written.
    pub(crate) logs: BTreeMap<LogId, (u64, bool)>,
    /// Log bytes, uncompressed.
    pub(crate) bytes: u64,
    /// Folders whose entries are new.
    pub(crate) folders: Vec<PathBuf>,
}

/// What waits to be made durable.
#[derive(Debug, Default)]
pub(crate) struct SyncQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    files: HashMap<BuildId, Written>,
    folders: BTreeSet<PathBuf>,
    bytes: u64,
    asked: Vec<oneshot::Sender<()>>,
    closed: bool,
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        self.closed || !self.asked.is_empty() || self.bytes >= MUCH || self.files.len() >= MOST_FILES
    }

    fn is_idle(&self) -> bool {
        self.files.is_empty() && self.asked.is_empty() && !self.closed
    }
}

impl SyncQueue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a file into the next group; waits while too many are there.
    pub(crate) fn add(&self, written: Written) {
        let full = |waiting: &mut Waiting| waiting.files.len() >= MOST_FILES;
        let mut waiting = self.changed.wait_while(self.waiting(), full).unwrap_or_else(PoisonError::into_inner);
        let was_idle = waiting.is_idle();
        waiting.bytes += written.bytes;
        waiting.folders.extend(written.folders.iter().cloned());
        // A build that was begun anew after a failure is another one with the same id, and stands for itself.
        match waiting.files.get_mut(&written.build.id).filter(|old| Arc::ptr_eq(&old.build, &written.build)) {
            Some(old) => {
                old.end = written.end;
                for (log, (bytes, sealed)) in written.logs {
                    let (old_bytes, old_sealed) = old.logs.entry(log).or_default();
                    *old_bytes = bytes.max(*old_bytes);
                    *old_sealed |= sealed;
                }
            }
            None => {
                waiting.files.insert(written.build.id, written);
            }
        }
        // Who waits for the group to be full, or for its time, need not hear of each file.
        if was_idle || waiting.is_urgent() {
            self.changed.notify_all();
        }
    }

    /// Answers when all that was added before is durable.
    pub(crate) fn ask(&self, done: oneshot::Sender<()>) {
        self.waiting().asked.push(done);
        self.changed.notify_all();
    }

    /// Nothing more will be added.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next group; `None` at the end.
    fn next_group(&self, last: Instant) -> Option<Waiting> {
        let idle = |waiting: &mut Waiting| waiting.is_idle();
        let waiting = self.changed.wait_while(self.waiting(), idle).unwrap_or_else(PoisonError::into_inner);
        let rest = EVERY.saturating_sub(last.elapsed());
        let calm = |waiting: &mut Waiting| !waiting.is_urgent();
        let waited = self.changed.wait_timeout_while(waiting, rest, calm);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let closed = waiting.closed;
        let group = std::mem::replace(&mut *waiting, Waiting { closed, ..Waiting::default() });
        self.changed.notify_all();
        (!(closed && group.files.is_empty() && group.asked.is_empty())).then_some(group)
    }
}

/// The thread's work, until the queue is closed and empty.
pub(crate) fn run(shared: &Shared) {
    let mut last = Instant::now();
    while let Some(group) = shared.sync.next_group(last) {
        last = Instant::now();
        sync_group(shared, &group);
        for done in group.asked {
            // Who does not wait any more needs no answer.
            let _ = done.send(());
        }
    }
    shared.synced.close();
}

fn sync_group(shared: &Shared, group: &Waiting) {
    let mut news = Vec::new();
    let whole = if group.files.len() >= MANY_FILES { Some(sync_file_system(&shared.dir)) } else { None };
    let folders = group.folders.iter().try_for_each(|folder| match whole {
        Some(Ok(())) => Ok(()),
        _ => sync_folder(folder),
    });
    for written in group.files.values() {
        let file = || match &whole {
            Some(result) => result.clone(),
            None => written.file.file.sync_data().map_err(|e| LogError::io("sync", &written.file.path, e)),
        };
        match folders.clone().and_then(|()| file()) {
            Ok(()) => note(written, &mut news),
            Err(error) => shared.fail(&written.build, &error),
        }
    }
    if !news.is_empty() {
        fail_point!("log-synced");
        shared.synced.tell(&news);
        fail_point!("log-sync-told");
    }
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| LogError::io("sync", folder, e))
}

fn sync_file_system(dir: &Path) -> Result<(), LogError> {
    let synced = File::open(dir).and_then(|f| rustix::fs::syncfs(&f).map_err(Into::into));
    synced.map_err(|e| LogError::io("sync the file system of", dir, e))
}

fn note(written: &Written, news: &mut Vec<Durable>) {
    let mut state = written.build.state();
    if matches!(state.phase, Phase::Failed(_) | Phase::Removed) {
        return;
    }
    state.synced = state.synced.max(written.end);
    for (&log, &(bytes, sealed)) in &written.logs {
        if let Some(live) = state.logs.get_mut(&log) {
            live.durable = live.durable.max(bytes);
        }
        news.push(Durable { build: written.build.id, log, bytes, sealed });
    }
}
