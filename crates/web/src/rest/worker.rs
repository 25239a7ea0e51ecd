//! Which workers may run builds of which builders: the configuration has names, documents have ids.

use super::reply::Failure;
use crate::Web;
use model::{Builder, BuilderId, Query, Worker};
use std::collections::{BTreeMap, BTreeSet};

/// The builders of each worker, as the configuration has them.
pub(super) struct Staff {
    builders: Vec<Builder>,
    by_worker: BTreeMap<String, Vec<BuilderId>>,
}

impl Staff {
    pub(super) async fn of(web: &Web) -> Result<Self, Failure> {
        let builders = web.store.builders(&Query::default()).await?.rows;
        let ids: BTreeMap<&str, BuilderId> = builders.iter().map(|b| (b.name.as_str(), b.id)).collect();
        let mut by_worker: BTreeMap<String, Vec<BuilderId>> = BTreeMap::new();
        let config = web.control.config();
        for spec in &config.builders {
            let Some(id) = ids.get(spec.name.as_str()) else { continue };
            for worker in &spec.workers {
                by_worker.entry(worker.clone()).or_default().push(*id);
            }
        }
        Ok(Self { builders, by_worker })
    }

    /// The document of a worker.
    pub(super) fn document(&self, worker: &Worker) -> api::Worker {
        api::Worker::of(worker, self.by_worker.get(&worker.name).map_or(&[], Vec::as_slice))
    }

    /// The builders that a worker may run builds of.
    pub(super) fn builders(&self, worker: &Worker) -> Vec<api::Builder> {
        let ids: BTreeSet<BuilderId> = self.by_worker.get(&worker.name).into_iter().flatten().copied().collect();
        self.builders.iter().filter(|b| ids.contains(&b.id)).map(api::Builder::of).collect()
    }

    /// Whether a worker may run builds of a builder.
    pub(super) fn has(&self, worker: &Worker, builder: BuilderId) -> bool {
        self.by_worker.get(&worker.name).is_some_and(|ids| ids.contains(&builder))
    }
}
