//! What pages ask for: builds over all builders at once, each in one question that does not grow with history.

use crate::ask::{Ask, Asks, Rows};
use crate::build::{COLUMNS, late_of, read_all};
use crate::value::{Cells, V};
use crate::{Answer, MAX_ROWS, Store};
use model::{Build, BuildId, BuilderId, LogFacts, Span, Step, Time};
use std::collections::HashMap;

/// A builder whose newest build that says anything about the code or the machine is bad.
///
/// Bad is FAILURE or EXCEPTION, good is SUCCESS or WARNINGS; the others say nothing and are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub builder: BuilderId,
    /// The first bad build since the last good one.
    pub since: Build,
    /// The newest good build, if there ever was one.
    pub last_good: Option<Build>,
}

/// Where a log belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The log itself.
    pub log: LogFacts,
    /// Its step.
    pub step: Step,
    /// Its build.
    pub build: BuildId,
}

/// What a late or stray answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The build that it spoke for.
    pub build: BuildId,
    /// The epoch that it named.
    pub epoch: i64,
    /// When it came.
    pub at: Time,
    /// What it said, in words.
    pub what: String,
}

/// A build that goes on for longer than this after the end of the time that is asked for is not found there.
const LONGEST: Span = Span::seconds(7 * 24 * 3600);

/// The newest good build and the first bad one after it, by builder. An index holds the good builds only.
pub(crate) const BROKEN: &str = "SELECT b.id, \
     (SELECT g.id FROM builds g WHERE g.builder_id = b.id AND g.results <= 1 ORDER BY g.number DESC LIMIT 1), \
     (SELECT s.id FROM builds s WHERE s.builder_id = b.id AND s.results IN (2, 4) AND s.number > COALESCE( \
     (SELECT g.number FROM builds g WHERE g.builder_id = b.id AND g.results <= 1 ORDER BY g.number DESC LIMIT 1), \
     0) ORDER BY s.number LIMIT 1) FROM builders b WHERE b.configured = 1 ORDER BY b.id";

/// The last finished build of each builder.
pub(crate) fn last_finished() -> Ask {
    let sql = format!(
        "SELECT {COLUMNS} FROM builders b JOIN builds ON builds.id = (SELECT x.id FROM builds x \
         WHERE x.builder_id = b.id AND x.complete_at IS NOT NULL ORDER BY x.number DESC LIMIT 1) ORDER BY b.id"
    );
    Ask::built(sql, Vec::new())
}

/// The newest builds of each builder: their numbers have no gaps, so they are a range.
pub(crate) fn latest_builds(per_builder: u32) -> Ask {
    let sql = format!(
        "SELECT {COLUMNS} FROM builders b JOIN builds ON builds.builder_id = b.id \
         AND builds.number >= b.next_number - $1 ORDER BY b.id, builds.number DESC"
    );
    Ask::built(sql, vec![i64::from(per_builder).into()])
}

/// Builds that ended in the range, that ended after it and began before its end, and that run and began before it.
/// The unary plus keeps the engines from walking all builds that began before.
pub(crate) fn builds_between(from: Time, to: Time, limit: u64) -> Ask {
    let sql = format!(
        "SELECT {COLUMNS} FROM builds WHERE id IN ( \
         SELECT id FROM (SELECT id FROM builds WHERE complete_at >= $1 AND complete_at < $2 \
         ORDER BY complete_at DESC LIMIT $3) a UNION ALL \
         SELECT id FROM (SELECT id FROM builds WHERE complete_at >= $2 AND complete_at < $4 AND +started_at < $2 \
         LIMIT $3) b UNION ALL \
         SELECT id FROM (SELECT id FROM builds WHERE complete_at IS NULL AND +started_at < $2 LIMIT $3) c \
         ) ORDER BY started_at DESC, id DESC LIMIT $3"
    );
    let limit = V::size(limit.min(MAX_ROWS));
    Ask::built(sql, vec![from.into(), to.into(), limit, (to + LONGEST).into()])
}

/// The builds that the answer to [`BROKEN`] names, where there is a bad one.
fn named_builds(rows: &Rows) -> Answer<Vec<Ask>> {
    let named = rows.iter().filter(|row| matches!(row.get(2), Some(V::I(_))));
    let ids = named.flat_map(|row| row[1..].iter()).filter_map(|cell| match cell {
        V::I(id) => Some(*id),
        _ => None,
    });
    let ids: Vec<_> = ids.collect();
    let sql = format!("SELECT {COLUMNS} FROM builds WHERE id IN (SELECT CAST(value AS BIGINT) FROM {{each:$1}})");
    let late = late_of(&ids.iter().map(|id| vec![V::I(*id)]).collect());
    Ok(vec![Ask::built(sql, vec![V::ids(ids)]), late])
}

impl Store {
    /// The last finished build of each builder, configured or not, in the order of builder ids.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn last_finished(&self) -> Answer<Vec<Build>> {
        self.builds_by(last_finished()).await
    }

    /// The newest builds of each builder, configured or not, in the order of builder ids, newest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn latest_builds(&self, per_builder: u32) -> Answer<Vec<Build>> {
        self.builds_by(latest_builds(per_builder)).await
    }

    /// Builds that ran at some moment from `from` until before `to`, the newest start first. Of more than `limit`,
    /// those that ended last. A build that went on for more than a week after `to` is left out, unless it still runs.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds_between(&self, from: Time, to: Time, limit: u64) -> Answer<Vec<Build>> {
        self.builds_by(builds_between(from, to, limit)).await
    }

    /// Configured builders that are broken, and since when, in the order of their ids.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn broken(&self) -> Answer<Vec<Broken>> {
        let asks = Asks::one(Ask::new(BROKEN, Vec::new())).then(|got| named_builds(&got[0]));
        let [broken, builds, late] = self.answers(asks).await?;
        let mut builds: HashMap<i64, Build> = read_all(builds, late)?.into_iter().map(|b| (b.id.0, b)).collect();
        let mut found = Vec::new();
        for row in broken {
            let mut cells = Cells::new("builds", row);
            let (builder, good, bad) = (BuilderId(cells.int()?), cells.maybe_int()?, cells.maybe_int()?);
            if let Some(since) = bad.and_then(|id| builds.remove(&id)) {
                found.push(Broken { builder, since, last_good: good.and_then(|id| builds.remove(&id)) });
            }
        }
        Ok(found)
    }
}
