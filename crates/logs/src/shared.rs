//! What the door and the threads share.

use crate::LogError;
use crate::build::{Build, Phase};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::file::Unpackers;
use crate::growth::{Growth, Mailboxes};
use crate::sync::SyncQueue;
use model::BuildId;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};

/// Tidings of growth kept for a slow receiver.
const GROWTH_KEPT: usize = 4096;
/// Tidings of failure kept for a slow receiver.
const FAILURES_KEPT: usize = 64;

/// What the door and the threads share.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    builds: Mutex<Builds>,
    pub(crate) cache: Cache,
    pub(crate) zstd: Unpackers,
    pub(crate) sync: SyncQueue,
    pub(crate) clock: Clock,
    pub(crate) synced: Mailboxes,
    pub(crate) growth: broadcast::Sender<Growth>,
    pub(crate) failures: broadcast::Sender<(BuildId, LogError)>,
    /// Why nothing can be written for now.
    pub(crate) stalled: watch::Sender<Option<String>>,
}

/// The builds whose logs take bytes.
pub(crate) struct Builds {
    pub(crate) live: HashMap<BuildId, Arc<Build>>,
    /// No build above this one has a file or is live.
    pub(crate) highest: Option<BuildId>,
}

impl Shared {
    pub(crate) fn new(dir: PathBuf, highest: Option<BuildId>) -> Self {
        Shared {
            dir,
            builds: Mutex::new(Builds { live: HashMap::new(), highest }),
            cache: Cache::default(),
            zstd: Unpackers::default(),
            sync: SyncQueue::default(),
            clock: Clock::default(),
            synced: Mailboxes::default(),
            growth: broadcast::Sender::new(GROWTH_KEPT),
            failures: broadcast::Sender::new(FAILURES_KEPT),
            stalled: watch::Sender::default(),
        }
    }

    pub(crate) fn builds(&self) -> MutexGuard<'_, Builds> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The build, if its logs take bytes or did until writing failed.
    pub(crate) fn live(&self, build: BuildId) -> Option<Arc<Build>> {
        self.builds().live.get(&build).cloned()
    }

    /// Forgets a build that is finished, unless another took its place.
    pub(crate) fn forget(&self, build: &Arc<Build>) {
        let mut builds = self.builds();
        if builds.live.get(&build.id).is_some_and(|live| Arc::ptr_eq(live, build)) {
            builds.live.remove(&build.id);
        }
    }

    /// Nothing more of this build is written until it is begun anew; what is in memory of it is let go.
    pub(crate) fn fail(&self, build: &Arc<Build>, error: &LogError) {
        {
            let mut state = build.state();
            if matches!(state.phase, Phase::Failed(_) | Phase::Removed) {
                return;
            }
            state.phase = Phase::Failed(error.clone());
            state.logs.clear();
        }
        tracing::error!(build = build.id.0, %error, "the logs of the build cannot be written");
        // No receiver is nobody's loss.
        let _ = self.failures.send((build.id, error.clone()));
    }
}
