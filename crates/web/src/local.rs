//! The pages of runs of tests over a store alone: of an area on somebody's own machine, where no master is.

use crate::Web;
use crate::control::{Answer, Control, ControlError, Enabled, Force, Forced, Live};
use crate::rest::auth::{Anonymous, Auth};
use crate::tried::Try;
use model::testrun::TestRunLine;
use model::{
    BuildId, BuildSetId, ChangeId, Config, Event, NewChange, ProjectSpec, Query, RequestId, SchedulerId, Time, Why,
    WorkerId,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// So often it is looked whether somebody else has written to the store.
const LOOK: Duration = Duration::from_secs(2);
/// So many runs are looked at for that.
const RUNS: u64 = 50;

/// What the pages are made of.
pub struct Local {
    /// The store of the area; whoever runs its tests writes to it at the same time.
    pub store: store::Store,
    /// A directory of its own, for the logs that a master would have.
    pub directory: PathBuf,
    /// What stands at the head of each page.
    pub title: String,
    /// Where the pages are reached, with a slash at the end.
    pub address: String,
    /// The machine's clock.
    pub clock: fn() -> Time,
}

/// Why the pages cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The directory cannot be used.
    #[error("the directory for the pages cannot be used")]
    Directory(#[from] logs::LogError),
    /// The socket does not work any more.
    #[error("the pages cannot be shown any more")]
    Socket(#[from] std::io::Error),
}

/// Shows the pages until `stopped` is over.
///
/// # Errors
/// See [`LocalError`].
pub async fn serve(
    local: Local,
    listener: TcpListener,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<(), LocalError> {
    let web = web(local)?;
    let shutdown = web.shutdown.clone();
    let looking = tokio::spawn(look(web.clone()));
    let ended = async move {
        stopped.await;
        shutdown.cancel();
    };
    let served = axum::serve(listener, crate::router(web)).with_graceful_shutdown(ended).await;
    looking.abort();
    Ok(served?)
}

/// What the handlers use.
fn web(local: Local) -> Result<Web, LocalError> {
    let Local { store, directory, title, address, clock } = local;
    let config = Config { project: ProjectSpec { title, ..ProjectSpec::default() }, ..Config::default() };
    Ok(Web {
        store,
        logs: logs::Logs::open(directory)?,
        control: Arc::new(Alone { config: Arc::new(config), address, clock }),
        events: broadcast::channel(64).0,
        shutdown: CancellationToken::new(),
        auth: Arc::new(Auth::new(None, &[], Anonymous::Reads)),
        version: Arc::new(AtomicU64::new(1)),
        rest: Arc::default(),
    })
}

/// Tells open pages what another process has written.
async fn look(web: Web) {
    let query = Query::default().newest_first("started_at").limit(RUNS);
    let mut known: BTreeMap<i64, TestRunLine> = BTreeMap::new();
    let mut pause = tokio::time::interval(LOOK);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let Ok(page) = web.store.test_run_lines(&query).await else { continue };
        for line in page.rows {
            let id = line.id.0;
            if known.get(&id) != Some(&line) {
                known.insert(id, line);
                let key = ["testruns".to_owned(), id.to_string(), "saved".to_owned()].to_vec();
                // Nobody may be listening.
                let _ = web.events.send(Arc::new(Event { key, message: "{}".to_owned() }));
            }
        }
    }
}

/// A master that is none: it runs nothing, and every act is refused.
struct Alone {
    config: Arc<Config>,
    address: String,
    clock: fn() -> Time,
}

fn refused<'a, T: Send + 'a>() -> Answer<'a, T> {
    let why = "there is no master here: these are the runs of a test area".to_owned();
    Box::pin(std::future::ready(Err(ControlError::Refused(why))))
}

impl Control for Alone {
    fn is_master(&self) -> bool {
        false
    }
    fn force(&self, _: Force) -> Answer<'_, Forced> {
        refused()
    }
    fn try_patch(&self, _: Try) -> Answer<'_, Forced> {
        refused()
    }
    fn stop_build(&self, _: BuildId, _: String) -> Answer<'_, ()> {
        refused()
    }
    fn rebuild(&self, _: BuildId, _: String) -> Answer<'_, Forced> {
        refused()
    }
    fn cancel_request(&self, _: RequestId, _: String) -> Answer<'_, ()> {
        refused()
    }
    fn cancel_set(&self, _: BuildSetId, _: String) -> Answer<'_, ()> {
        refused()
    }
    fn pause_worker(&self, _: WorkerId, _: Option<String>) -> Answer<'_, ()> {
        refused()
    }
    fn enable_scheduler(&self, _: SchedulerId, _: Enabled) -> Answer<'_, ()> {
        refused()
    }
    fn add_change(&self, _: NewChange) -> Answer<'_, Option<ChangeId>> {
        refused()
    }
    fn reload(&self) -> Answer<'_, Vec<String>> {
        refused()
    }
    fn live(&self) -> Answer<'_, Live> {
        Box::pin(std::future::ready(Ok(Live::default())))
    }
    fn why(&self, _: RequestId) -> Answer<'_, Option<Why>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }
    fn now(&self) -> Time {
        (self.clock)()
    }
    fn public_url(&self) -> String {
        self.address.clone()
    }
}
