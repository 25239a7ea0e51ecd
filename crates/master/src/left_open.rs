//! Log files that an earlier master did not close: it was killed after the end of a build was stored, and before the
//! index of its logs was on the disk. All their bytes are there; only the last record is missing, or torn.

use crate::hub::Hub;
use logs::Logs;
use model::Query;
use std::sync::Arc;
use store::Store;

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
    for build in latest.iter().filter(|build| build.status.complete_at().is_some()).map(|build| build.id) {
        if hub.waits_for_rest(build) {
            continue;
        }
        match logs.close_left_open(build).await {
            Ok(true) => tracing::info!("the logs of build {build} were left open and are closed"),
            Ok(false) => {}
            Err(e) => tracing::error!("the logs of build {build} cannot be closed: {e}"),
        }
    }
}
