//! Documents of our own: what runs and what waits at this moment, and why a request waits.

use model::{Time, Why};
use serde::{Deserialize, Serialize};

/// `GET /api/v2/sluice/live`. Moments are whole seconds, spans are seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// The master's clock.
    pub now: i64,
    /// Where people reach the pages.
    pub public_url: String,
    /// Running builds, the longest-running first.
    pub running: Vec<LiveBuild>,
    /// Waiting requests, in the order in which they go; not all when there are many.
    pub waiting: Vec<LiveRequest>,
    /// All that wait.
    pub waiting_total: usize,
    /// Change sources.
    pub sources: Vec<LiveSource>,
    /// The messages of each target that has any open or given up.
    #[serde(default)]
    pub outbox: Vec<crate::OutboxSum>,
    /// What keeps work from going on, what hinders most first.
    #[serde(default)]
    pub obstacles: Vec<LiveObstacle>,
}

/// Something without which work does not go on: a disk without room, a database that takes nothing. It passes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveObstacle {
    /// `store`: nothing can be recorded; `logs`: no log can be written; `worker`: commands of one worker wait.
    pub what: String,
    /// The worker, if it is one's.
    pub worker: Option<String>,
    /// The builds that wait, if it is a worker's; else all do.
    pub builds: Vec<i64>,
    /// Since when.
    pub since: i64,
    /// What the system says.
    pub reason: String,
    /// What does not go on and why, without a full stop.
    pub sentence: String,
    /// What to do.
    pub advice: String,
}

/// A running build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveBuild {
    /// Which.
    pub buildid: i64,
    /// Whose.
    pub builderid: i64,
    /// Where.
    pub workerid: i64,
    /// Since when.
    pub started_at: i64,
    /// The step that runs.
    pub step: Option<LiveStep>,
    /// When it is expected to end at the earliest.
    pub ends_earliest: Option<i64>,
    /// When it is expected to end at the latest.
    pub ends_latest: Option<i64>,
    /// Names of the steps that it has not begun.
    pub to_come: Vec<String>,
    /// Its worker is away since.
    pub worker_away_since: Option<i64>,
    /// When its worker is given up.
    pub worker_given_up_at: Option<i64>,
}

/// The step that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveStep {
    /// Which.
    pub stepid: i64,
    /// Its name.
    pub name: String,
    /// Since when.
    pub started_at: i64,
    /// What it usually takes, in seconds.
    pub usual_s: Option<f64>,
}

/// A waiting request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveRequest {
    /// Which.
    pub buildrequestid: i64,
    /// Whose.
    pub builderid: i64,
    /// Since when.
    pub submitted_at: i64,
    /// The one true reason, as a sentence without a full stop.
    pub why: String,
}

/// A change source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveSource {
    /// Its name.
    pub name: String,
    /// How it is doing, in words.
    pub state: String,
    /// It could not look; it tries again by itself.
    pub failing: bool,
    /// When it last looked.
    pub looked_at: Option<i64>,
    /// When it looks next.
    pub next_at: Option<i64>,
}

/// `GET /api/v2/sluice/why/{buildrequestid}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyAnswer {
    /// Which request.
    pub buildrequestid: i64,
    /// It waits.
    pub waits: bool,
    /// The reason as a sentence without a full stop; also said of a request that does not wait.
    pub sentence: String,
    /// Workers that it waits for.
    pub workers: Vec<String>,
    /// Builds that hold them.
    pub builds: Vec<i64>,
    /// When the first of them is expected to be free, in seconds.
    pub free_at: Option<i64>,
    /// Requests that go before it.
    pub ahead: usize,
}

impl WhyAnswer {
    /// Why a request waits, seen at `now`.
    pub fn waiting(request: model::RequestId, why: &Why, now: Time) -> Self {
        let mut out = Self::not_waiting(request, &why.sentence(now));
        out.waits = true;
        out.facts(why);
        out
    }

    fn facts(&mut self, why: &Why) {
        let out = self;
        match why {
            Why::Next | Why::BuilderGone | Why::Declined { .. } => {}
            Why::FunctionFailed { then, .. } => out.facts(then),
            Why::Locks { waits } => {
                let holders = waits.iter().flat_map(|w| &w.holders);
                out.builds = holders
                    .filter_map(|holder| match holder {
                        model::LockOwner::Build { build, .. } => Some(build.0),
                        model::LockOwner::Request { .. } => None,
                    })
                    .collect();
                out.ahead = waits.iter().map(|w| w.ahead.len()).max().unwrap_or_default();
            }
            Why::WorkersAway { workers } | Why::WorkersPaused { workers } => out.workers.clone_from(workers),
            Why::WorkersBusy { workers, builds, free_at, ahead } => {
                out.workers.clone_from(workers);
                out.builds = builds.iter().map(|b| b.0).collect();
                out.free_at = free_at.map(Time::as_seconds);
                out.ahead = *ahead;
            }
        }
    }

    /// A request that does not wait, with what it does instead.
    pub fn not_waiting(request: model::RequestId, sentence: &str) -> Self {
        Self {
            buildrequestid: request.0,
            waits: false,
            sentence: sentence.to_owned(),
            workers: Vec::new(),
            builds: Vec::new(),
            free_at: None,
            ahead: 0,
        }
    }
}
