//! What the queue and the page of a request show.

use super::{Names, Trouble, among, running, running_builds, waiting};
use crate::Web;
use crate::pages::clock::Clock;
use crate::pages::mark::Mark;
use crate::pages::queue::{Queue, Request as View};
use model::{BuildSet, Request, RequestId, RequestStatus};

pub(in crate::pages) async fn queue(web: &Web, clock: &Clock) -> Result<Queue, Trouble> {
    let (names, open) = tokio::try_join!(Names::load(web), running_builds(web))?;
    let live = web.control.live().await?;
    Ok(Queue {
        waiting: waiting(&live, &names, clock.now, None),
        total: live.waiting_total,
        running: running(&live.running.iter().collect::<Vec<_>>(), &open, &names),
        schedulers: web.control.config().schedulers.len(),
        locks: live.locks,
    })
}

fn mark(status: RequestStatus) -> Mark {
    match status {
        RequestStatus::Waiting => Mark::Waiting,
        RequestStatus::Claimed { .. } => Mark::Running,
        RequestStatus::Complete { results, .. } => Mark::from(results),
    }
}

pub(in crate::pages) async fn request(web: &Web, clock: &Clock, id: i64) -> Result<View, Trouble> {
    let missing = || Trouble::Missing(format!("request {id}"));
    let request = web.store.request(RequestId(id)).await?.ok_or_else(missing)?;
    let (names, set, builds) =
        tokio::try_join!(Names::load(web), async { Ok(web.store.set(request.set).await?) }, async {
            Ok(web.store.builds_of_request(request.id).await?)
        })?;
    let why = match request.status {
        RequestStatus::Waiting => web.control.why(request.id).await?.map(|w| w.sentence(clock.now)),
        _ => None,
    };
    let siblings = siblings(web, set.as_ref(), &request, &names).await?;
    Ok(View {
        id,
        builder: names.builder(request.builder),
        mark: mark(request.status),
        since: request.submitted_at,
        ended: request.status.complete_at(),
        why,
        cancel: request.cancel.clone(),
        reason: set.as_ref().map_or_else(String::new, |s| s.reason.clone()),
        scheduler: set.as_ref().map_or_else(String::new, |s| s.scheduler.clone()),
        priority: request.priority,
        retries: request.retries,
        builds: builds.iter().rev().map(|b| (b.number, Mark::of(b.status.results()), b.started_at)).collect(),
        siblings,
        sources: set.iter().flat_map(|s| &s.stamps).map(source).collect(),
    })
}

async fn siblings(
    web: &Web,
    set: Option<&BuildSet>,
    own: &Request,
    names: &Names,
) -> Result<Vec<(i64, String, Mark)>, Trouble> {
    let ids: Vec<i64> = set.iter().flat_map(|s| &s.requests).filter(|r| **r != own.id).take(100).map(|r| r.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = web.store.requests(&among("buildrequestid", ids)).await?.rows;
    Ok(rows.iter().map(|r| (r.id.0, names.builder(r.builder), mark(r.status))).collect())
}

fn source(stamp: &model::SourceStamp) -> String {
    let branch = stamp.branch.as_deref().unwrap_or("default branch");
    let revision = stamp.revision.as_deref().map_or("newest", model::change::short_revision);
    match stamp.codebase.as_str() {
        "" => format!("{branch}, {revision}"),
        codebase => format!("{codebase}: {branch}, {revision}"),
    }
}
