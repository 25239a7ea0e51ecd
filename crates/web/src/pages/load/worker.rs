//! What the pages of workers show.

use super::{Names, Trouble, newest, past, running_builds};
use crate::Web;
use crate::pages::worker::{Listed, Worker as View};
use model::{Build, Config, Worker};

pub(in crate::pages) async fn list(web: &Web) -> Result<Vec<Listed>, Trouble> {
    let (names, open) = tokio::try_join!(Names::load(web), running_builds(web))?;
    let config = web.control.config();
    let mut workers: Vec<&Worker> = names.workers.values().collect();
    workers.sort_by_key(|w| (!w.configured, w.connected && w.paused.is_none(), w.id));
    Ok(workers.into_iter().map(|w| listed(w, &config, &open, &names)).collect())
}

fn listed(w: &Worker, config: &Config, open: &[Build], names: &Names) -> Listed {
    let spec = config.workers.iter().find(|s| s.name == w.name);
    Listed {
        name: w.name.clone(),
        connected: w.connected,
        configured: w.configured,
        changed_at: w.changed_at,
        paused: w.paused.clone(),
        host: w.info.host.clone(),
        system: w.info.system.clone(),
        admin: w.info.admin.clone(),
        version: w.info.version.clone(),
        cpus: w.info.cpus,
        most: spec.map(|s| s.max_builds),
        runs: open.iter().filter(|b| b.worker == w.id).map(|b| (names.builder(b.builder), b.number)).collect(),
    }
}

/// The worker of a name, or that there is none.
pub(in crate::pages) async fn named(web: &Web, name: &str) -> Result<Worker, Trouble> {
    let missing = || Trouble::Missing(format!("worker {name}"));
    web.store.worker_by_name(name).await?.ok_or_else(missing)
}

pub(in crate::pages) async fn one(web: &Web, name: &str) -> Result<View, Trouble> {
    let worker = named(web, name).await?;
    let history = newest("buildid", 50).eq("workerid", worker.id.0);
    let (names, open, history) =
        tokio::try_join!(Names::load(web), running_builds(web), async { Ok(web.store.builds(&history).await?.rows) })?;
    let config = web.control.config();
    let uses = |b: &&model::BuilderSpec| b.workers.iter().any(|w| w == name);
    Ok(View {
        facts: listed(&worker, &config, &open, &names),
        builders: config.builders.iter().filter(uses).map(|b| b.name.clone()).collect(),
        history: history.iter().map(|b| (names.builder(b.builder), past(b, worker.name.clone()))).collect(),
    })
}
