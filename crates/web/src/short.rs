//! Logs that are cut short: the store says that they are whole, and their last bytes are still with their worker.

use crate::Web;
use api::{Short, Standing};
use logs::Facts;
use model::{BuildId, LogFacts, LogStatus};

/// What is missing of a log of which this is there; `None` if it is all there, or grows, or cannot be read.
pub(crate) async fn short(web: &Web, build: BuildId, log: &LogFacts, there: Option<&Facts>) -> Option<Short> {
    let LogStatus::Sealed { bytes: told, .. } = log.status else { return None };
    let here = there.filter(|there| there.sealed.is_none()).map(|there| there.bytes).filter(|here| *here < told)?;
    let build = web.store.build(build).await.ok()??;
    let worker = web.store.worker(build.worker).await.ok()?;
    let standing = worker.as_ref().map_or(Standing::Removed, Standing::of);
    Some(Short { told, here, worker: worker.map_or_else(String::new, |worker| worker.name), standing })
}
