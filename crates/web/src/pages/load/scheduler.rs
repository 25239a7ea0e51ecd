//! What the page of schedulers shows.

use super::Trouble;
use crate::Web;
use crate::pages::scheduler::{Row, Schedulers};
use model::{Query, Scheduler};
use std::collections::HashMap;

pub(in crate::pages) async fn schedulers(web: &Web) -> Result<Schedulers, Trouble> {
    let known = web.store.schedulers(&Query::default()).await?.rows;
    let by_name: HashMap<&str, &Scheduler> = known.iter().map(|s| (s.name.as_str(), s)).collect();
    let next: HashMap<_, _> = web.control.live().await?.upcoming.into_iter().collect();
    let row = |spec: &model::SchedulerSpec| {
        let stored = by_name.get(spec.name.as_str()).copied();
        Row {
            enabled: stored.is_none_or(|s| s.state.enabled),
            next: stored.and_then(|s| next.get(&s.id)).copied(),
            changes: stored.map_or(0, |s| s.state.lanes.values().map(|lane| lane.changes.len()).sum()),
            last: stored.and_then(|s| s.state.last_fired),
            trouble: stored.and_then(|s| s.state.trouble.clone()),
            spec: spec.clone(),
        }
    };
    Ok(Schedulers { rows: web.control.config().schedulers.iter().map(row).collect() })
}

/// The scheduler of this name, or that there is none.
pub(in crate::pages) async fn named(web: &Web, name: &str) -> Result<Scheduler, Trouble> {
    let missing = || Trouble::Missing(format!("scheduler {name}"));
    web.store.scheduler_by_name(name).await?.ok_or_else(missing)
}
