//! The outbox: what targets are owed is written down with the end of the build, and sent from there.
//!
//! A row that is *due* comes with the transition that ends the build. A lane for each target then writes the messages,
//! which takes the place of that row in one commit, and sends them in their order. What was sent is marked after; a
//! master that dies in between sends the same message again, under the same id.

mod lane;
mod story;

use crate::Clock;
use crate::control::Door;
use engine::World;
use killpoint::fail_point;
use lane::Lane;
use model::{Config, MessageStatus, ReporterSpec, Span, Time, Transition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{CommitError, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::control::Control;

/// How long messages that have ended are kept, and with them the knowledge that somebody was told.
const KEPT: Span = Span::seconds(30 * 86_400);

/// How often it is looked for messages that are to be forgotten.
const TIDY: Duration = Duration::from_secs(3600);

/// How long to wait before the store is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How many messages of a target that is gone are ended at once.
const BATCH: u64 = 500;

/// What is owed when a build ends with this transition; asked before the world takes it.
pub(crate) fn owed(world: &World, transition: &Transition, now: Time) -> Vec<Transition> {
    let reporters = &world.config().reporters;
    let Transition::BuildFinished { build, results, .. } = transition else { return Vec::new() };
    let running = world.build(*build).filter(|_| !reporters.is_empty());
    let Some(running) = running else { return Vec::new() };
    let Some(builder) = world.builder(running.build.builder).map(|b| &b.builder) else { return Vec::new() };
    let wanting = reporters
        .iter()
        .filter(|reporter| report::may_want(&reporter.occasions, builder, &running.build.properties, *results));
    wanting.map(|r| Transition::ReportDue { target: r.name.clone(), build: *build, at: now }).collect()
}

/// Wakes the lanes when something is owed. It is durable by now.
pub(crate) fn ring(bell: &watch::Sender<()>, transitions: &[Transition]) {
    if transitions.iter().any(|t| matches!(t, Transition::ReportDue { .. })) {
        bell.send_replace(());
    }
}

/// What lanes work with.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) store: Store,
    pub(crate) logs: logs::Logs,
    pub(crate) clock: Clock,
    pub(crate) door: Arc<Door>,
    /// Rung when something is owed.
    pub(crate) bell: watch::Sender<()>,
}

struct Running {
    spec: ReporterSpec,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Outbox {
    /// Keeps a lane for each reporter of the configuration that is in force, until the shutdown.
    pub(crate) async fn keep(self, mut config: watch::Receiver<Arc<Config>>, shutdown: CancellationToken) {
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let mut tidy = tokio::time::interval(TIDY);
        loop {
            let wanted: Vec<ReporterSpec> = config.borrow_and_update().reporters.clone();
            let ending: Vec<String> =
                running.iter().filter(|(_, r)| !wanted.contains(&r.spec)).map(|(name, _)| name.clone()).collect();
            for name in ending {
                if let Some(lane) = running.remove(&name) {
                    end(lane).await;
                }
            }
            let names: BTreeSet<&str> = wanted.iter().map(|r| r.name.as_str()).collect();
            if let Err(e) = self.let_go(&names).await {
                tracing::warn!("messages for targets that are not configured any more stay where they are: {e}");
            }
            for spec in wanted {
                running.entry(spec.name.clone()).or_insert_with(|| self.start(spec));
            }
            tokio::select! {
                changed = config.changed() => if changed.is_err() { break },
                _ = tidy.tick() => {
                    let before = self.clock.now() - KEPT;
                    self.commit(vec![Transition::MessagesForgotten { before }], &shutdown).await;
                }
                () = shutdown.cancelled() => break,
            }
        }
        for lane in running.into_values() {
            end(lane).await;
        }
    }

    fn start(&self, spec: ReporterSpec) -> Running {
        let stop = CancellationToken::new();
        let lane = Lane::new(self.clone(), spec.clone(), stop.clone());
        Running { spec, stop, task: tokio::spawn(lane.run()) }
    }

    /// Gives up what is on its way to targets that are not configured any more.
    async fn let_go(&self, configured: &BTreeSet<&str>) -> Result<(), StoreError> {
        for sum in self.store.outbox_sums().await? {
            if sum.open == 0 || configured.contains(sum.target.as_str()) {
                continue;
            }
            for status in [MessageStatus::Due, MessageStatus::Waiting] {
                loop {
                    let lost = self.store.outbox_first(&sum.target, status, BATCH).await?;
                    let at = self.clock.now();
                    let why = || Some(format!("{} is not configured any more", sum.target));
                    let ends = lost.iter().map(|m| Transition::MessageEnded { message: m.id, at, given_up: why() });
                    let ends: Vec<_> = ends.collect();
                    if ends.is_empty() {
                        break;
                    }
                    let written = self.store.commit(ends).await;
                    written.map_err(|e| StoreError::Unavailable(e.to_string()))?;
                }
            }
        }
        Ok(())
    }

    /// Writes, however long the store is away. False: it was not written, and will not be.
    async fn commit(&self, batch: Vec<Transition>, stop: &CancellationToken) -> bool {
        loop {
            match self.store.commit(batch.clone()).await {
                Ok(()) => {
                    fail_point!("message-stored");
                    return true;
                }
                Err(CommitError::Unavailable(why)) if !stop.is_cancelled() => {
                    tracing::warn!("what became of messages cannot be recorded: {why}; trying again in 1 s");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(e) => {
                    tracing::warn!("what became of messages is not recorded: {e}");
                    return false;
                }
            }
        }
    }

    fn public_url(&self) -> String {
        self.door.public_url()
    }
}

async fn end(lane: Running) {
    lane.stop.cancel();
    if let Err(e) = lane.task.await {
        tracing::error!("the lane of the reporter {} ended badly: {e}", lane.spec.name);
    }
}
