//! Room on the disk of the test base. What fills it is ended in order, and not blamed: a piece of the disk is taken before
//! anything else is, and given back when the rest is full, so that what is known can still be written down.

use super::race::Stop;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// How much is kept back at most: enough for the records of the end.
const KEPT: u64 = 4 << 20;

/// With less than this nothing is begun: what a master of its own records, and a tree, need some.
const LEAST: u64 = 8 << 20;

/// With less than this the disk is full: a database cannot grow by its smallest piece.
const FULL: u64 = 128 << 10;

/// How often to look.
const EVERY: Duration = Duration::from_millis(200);

/// How long what runs has to end after that.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// What is kept back in a run's directory.
pub(super) struct Ballast(PathBuf);

impl Ballast {
    /// Takes it: an eighth of the room, within bounds. Where nothing can be taken, there is nothing to give back.
    pub(super) fn take(work: &Path) -> Self {
        let path = work.join("ballast");
        let bytes = free(work).unwrap_or(0).div_euclid(8).min(KEPT);
        let taken = File::create(&path)
            .and_then(|file| Ok(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?));
        if let Err(e) = taken {
            tracing::debug!("no room is kept back in {}: {e}", work.display());
        }
        Self(path)
    }

    /// Looks until the disk is full; gives back what was kept then, and ends everything.
    pub(super) async fn watch(self, stop: watch::Sender<Stop>) {
        let dir = self.0.parent().map(Path::to_owned).unwrap_or_default();
        loop {
            tokio::time::sleep(EVERY).await;
            if is_full(&dir) {
                let _ = fs::remove_file(&self.0);
                stop.send_replace(Stop::NoRoom);
                return;
            }
        }
    }
}

/// Whether there is too little room to begin.
pub(super) fn is_too_little(dir: &Path) -> bool {
    free(dir).is_some_and(|bytes| bytes < LEAST)
}

/// Whether there is no room where a run works.
pub(super) fn is_full(dir: &Path) -> bool {
    free(dir).is_some_and(|bytes| bytes < FULL)
}

/// Bytes that may be written; `None`: nobody says.
fn free(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Until everything should long have ended for want of room.
pub(super) async fn out_of_patience(mut stop: watch::Receiver<Stop>) {
    match stop.wait_for(|stop| *stop == Stop::NoRoom).await {
        Ok(_) => tokio::time::sleep(PATIENCE).await,
        // Nobody looks any more.
        Err(_) => std::future::pending().await,
    }
}
