//! What a heart makes good when its world was just read: because the master has just started, or because the store has
//! refused a batch, and with it what the batch knew of workers, of the configuration and of logs.

use super::{Heart, Turn};
use engine::build::SealedLog;
use logs::Logs;
use model::{BuildId, LogId, LogStatus, Time, Transition, WorkerId};
use std::collections::BTreeMap;
use store::Store;

impl Heart {
    /// The world has every worker as it stands, and the store knows all that is configured.
    pub(super) fn agree(&mut self, now: Time, turn: &mut Turn) {
        let todo = engine::config::adopt(&self.world, self.world.config());
        self.take_all(todo, now, turn);
        let config = self.world.config().clone();
        self.world.configure(config);
        let workers: Vec<WorkerId> = self.world.workers().map(|w| w.worker.id).collect();
        for worker in workers {
            let todo = engine::worker::stands(&self.world, worker, self.sessions.presence(worker), now);
            self.take_all(todo, now, turn);
        }
    }

    /// Logs that somebody was about to close are closed as they are.
    pub(super) async fn close_forgotten(&self) {
        let forgotten = match self.store.forgotten_logs().await {
            Ok(forgotten) => forgotten,
            Err(e) => return tracing::warn!("logs that are still open cannot be looked for: {e}"),
        };
        let mut by_build: BTreeMap<BuildId, Vec<LogId>> = BTreeMap::new();
        for (build, log) in forgotten {
            by_build.entry(build).or_default().push(log);
        }
        for (build, logs) in by_build {
            tracing::info!("{} logs of build {build} were left open, and are closed", logs.len());
            self.seal_lost(build, logs, self.world.build(build).is_none());
        }
    }

    /// Logs are whole as they are. Somebody else may have closed them meanwhile.
    pub(super) async fn sealed(&mut self, logs: &[SealedLog], now: Time, turn: &mut Turn) {
        for log in logs {
            let said = |t: &Transition| matches!(t, Transition::LogSealed { log: other, .. } if *other == log.log);
            let open = match self.store.log(log.log).await {
                Ok(facts) => facts.is_some_and(|facts| facts.status == LogStatus::Open),
                Err(e) => {
                    tracing::warn!("log {} is not called whole, since the store does not answer: {e}", log.log);
                    false
                }
            };
            if open && !turn.transitions.iter().any(said) {
                self.take_all([engine::build::sealed(log)], now, turn);
            }
        }
    }

    /// The build of an earlier master is over. Its logs are closed unless something is missing in them that its worker
    /// may still bring.
    pub(super) fn finish_earlier(&self, build: BuildId) {
        let (store, logs) = (self.store.clone(), self.logs.clone());
        tokio::spawn(async move {
            if lacks(&store, &logs, build).await {
                return tracing::warn!("the logs of build {build} lack what its worker may still have");
            }
            if let Err(e) = logs.finish(build).await {
                tracing::error!("the logs of build {build} cannot be closed: {e}");
            }
        });
    }
}

/// Whether logs of a build are shorter than the store knows them to be, or that cannot be told.
pub(super) async fn lacks(store: &Store, logs: &Logs, build: BuildId) -> bool {
    let Ok(all) = store.logs_of_build(build).await else { return true };
    for log in all {
        let LogStatus::Sealed { bytes, .. } = log.status else { continue };
        let there = logs.facts(build, log.id).await;
        if !there.is_some_and(|there| there.sealed.is_some() || there.bytes >= bytes) {
            return true;
        }
    }
    false
}
