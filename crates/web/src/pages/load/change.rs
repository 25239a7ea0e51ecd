//! What the pages of changes show.

use super::{Names, Trouble, below, change_view, feeds, newest};
use crate::Web;
use crate::pages::change::{Built, Changes, One};
use crate::pages::mark::Mark;
use model::{Build, ChangeId};
use std::collections::HashMap;

/// Changes on one page.
const MOST: u64 = 60;

pub(in crate::pages) async fn list(web: &Web, before: Option<i64>) -> Result<Changes, Trouble> {
    let query = below(newest("changeid", MOST), "changeid", before);
    let (names, page) = tokio::try_join!(Names::load(web), async { Ok(web.store.changes(&query).await?) })?;
    let total = match before {
        Some(_) => web.store.changes(&newest("changeid", 1)).await?.total,
        None => page.total,
    };
    let live = web.control.live().await?;
    let mut builds = builds_of(web, &names, page.rows.first().map(|c| c.id), page.rows.last().map(|c| c.id)).await?;
    let rows: Vec<_> = page.rows.iter().map(|c| (change_view(c), builds.remove(&c.id).unwrap_or_default())).collect();
    let older = page.rows.last().map(|c| c.id.0).filter(|_| page.total > page.rows.len() as u64);
    Ok(Changes { rows, total, older, feeds: feeds(&live) })
}

/// The builds of a range of changes: those among the newest builds whose stamps have them.
async fn builds_of(
    web: &Web,
    names: &Names,
    newest_id: Option<ChangeId>,
    oldest_id: Option<ChangeId>,
) -> Result<HashMap<ChangeId, Vec<Built>>, Trouble> {
    let mut out: HashMap<ChangeId, Vec<Built>> = HashMap::new();
    let (Some(most), Some(least)) = (newest_id, oldest_id) else { return Ok(out) };
    let builds = web.store.builds_bare(&newest("buildid", 600)).await?.rows;
    let ids: Vec<_> = builds.iter().map(|b| b.id).collect();
    if ids.is_empty() {
        return Ok(out);
    }
    let by_id: HashMap<_, &Build> = builds.iter().map(|b| (b.id, b)).collect();
    for (build, change) in web.store.changes_of_builds(&ids).await? {
        if let Some(b) = by_id.get(&build).filter(|_| change.id >= least && change.id <= most) {
            out.entry(change.id).or_default().push(built(b, names));
        }
    }
    Ok(out)
}

fn built(b: &Build, names: &Names) -> Built {
    Built {
        builder: names.builder(b.builder),
        number: b.number,
        mark: Mark::of(b.status.results()),
        from: b.started_at,
    }
}

pub(in crate::pages) async fn one(web: &Web, id: i64) -> Result<One, Trouble> {
    let missing = || Trouble::Missing(format!("change {id}"));
    let change = web.store.change(ChangeId(id)).await?.ok_or_else(missing)?;
    let (names, builds) =
        tokio::try_join!(Names::load(web), async { Ok(web.store.builds_of_change(change.id).await?) })?;
    let mut builds: Vec<Built> = builds.iter().map(|b| built(b, &names)).collect();
    builds.sort_by_key(|b| (std::cmp::Reverse(b.mark.is_bad()), std::cmp::Reverse(b.from)));
    builds.truncate(500);
    Ok(One {
        committer: change.facts.committer.clone().filter(|c| *c != change.facts.author),
        message: change.facts.comments.clone(),
        revision: change.facts.revision.clone().unwrap_or_default(),
        branch: change.facts.branch.clone().unwrap_or_default(),
        repository: change.facts.repository.clone(),
        files: change.facts.files.clone(),
        made_at: change.facts.when,
        change: change_view(&change),
        builds,
    })
}
