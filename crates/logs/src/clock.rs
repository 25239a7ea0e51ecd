//! The clock thread: looks after builds with bytes that wait in memory or growth that is not told yet.

use crate::build::{Build, Outbox};
use crate::shared::Shared;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two visits.
const EVERY: Duration = Duration::from_millis(50);

/// The builds to visit.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Watched {
    builds: Vec<Arc<Build>>,
    closed: bool,
}

impl Clock {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Visits this build until nothing of it waits.
    pub(crate) fn watch(&self, build: &Arc<Build>) {
        if build.watch() {
            let mut watched = self.watched();
            watched.builds.push(build.clone());
            if watched.builds.len() == 1 {
                self.changed.notify_one();
            }
        }
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.watched().closed = true;
        self.changed.notify_one();
    }

    /// Whether the end has come.
    pub(crate) fn is_closed(&self) -> bool {
        self.watched().closed
    }

    /// Waits for the next round; the builds to visit, or `None` at the end.
    fn next_round(&self) -> Option<Vec<Arc<Build>>> {
        let idle = |watched: &mut Watched| watched.builds.is_empty() && !watched.closed;
        let watched = self.changed.wait_while(self.watched(), idle).unwrap_or_else(PoisonError::into_inner);
        let running = |watched: &mut Watched| !watched.closed;
        let waited = self.changed.wait_timeout_while(watched, EVERY, running);
        let (mut watched, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!watched.closed).then(|| std::mem::take(&mut watched.builds))
    }
}

/// The thread's work, until the clock is closed.
pub(crate) fn run(shared: &Shared, out: &Outbox) {
    while let Some(builds) = shared.clock.next_round() {
        let now = Instant::now();
        for build in builds {
            if build.visit(now, out) {
                shared.clock.watched().builds.push(build);
            }
        }
    }
}
