//! Log files that an earlier master did not close: it was killed after the end of a build was stored, and before the
//! index of its logs was on the disk. All their bytes are there; only the last record is missing, or torn. Or their last
//! bytes are not there: then the worker keeps them until it comes back, and the master says so.

use crate::hub::Hub;
use api::{Short, Standing};
use logs::Logs;
use model::{Build, LogId, LogStatus, Query};
use std::sync::Arc;
use store::{Store, StoreError};

/// How many of the latest builds are looked at: more than run at the same time.
const LATEST: u64 = 256;

/// Closes what was left open. Files whose logs are not all whole stay as they are: the rest may still come.
pub(crate) async fn close(store: Store, logs: Logs, hub: Arc<Hub>) {
    let latest = match store.builds_bare(&Query::default().newest_first("buildid").limit(LATEST)).await {
        Ok(page) => page.rows,
        Err(e) => {
            tracing::warn!("whether log files were left open cannot be told: {e}");
            return;
        }
    };
    for ended in latest.iter().filter(|build| build.status.complete_at().is_some()) {
        let build = ended.id;
        if hub.waits_for_rest(build) {
            continue;
        }
        match short(&store, &logs, ended).await {
            Ok(short) => {
                short
                    .iter()
                    .for_each(|(log, short)| tracing::warn!("log {log} of build {build} is cut short: {short}"));
            }
            Err(e) => tracing::warn!("whether the logs of build {build} are whole cannot be told: {e}"),
        }
        match logs.close_left_open(build).await {
            Ok(true) => tracing::info!("the logs of build {build} were left open and are closed"),
            Ok(false) => {}
            Err(e) => tracing::error!("the logs of build {build} cannot be closed: {e}"),
        }
    }
}

/// The logs of a build that lack bytes which its worker has.
pub(crate) async fn short(store: &Store, logs: &Logs, build: &Build) -> Result<Vec<(LogId, Short)>, StoreError> {
    let mut found = Vec::new();
    for log in store.logs_of_build(build.id).await? {
        let LogStatus::Sealed { bytes: told, .. } = log.status else { continue };
        let there = logs.facts(build.id, log.id).await;
        let here = there.map_or(0, |there| there.bytes);
        if here >= told || there.is_some_and(|there| there.sealed.is_some()) {
            continue;
        }
        let worker = store.worker(build.worker).await?;
        let standing = worker.as_ref().map_or(Standing::Removed, Standing::of);
        let worker = worker.map_or_else(String::new, |worker| worker.name);
        found.push((log.id, Short { told, here, worker, standing }));
    }
    Ok(found)
}
