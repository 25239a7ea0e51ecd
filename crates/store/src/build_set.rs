//! Build sets: rows, statements, questions.

use crate::ask::{Ask, Asks, Rows, ids};
use crate::field::{self, COMPLETE, Kind, NEVER_TEXT, Table, field};
use crate::op::{Counted, Ops};
use crate::source_stamp;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{
    BuildId, BuildSet, BuildSetId, BuildSetStatus, Page, ParentStep, Query, Request, RequestId, Results, SourceStamp,
    StepId, Time, Waits,
};
use std::collections::HashMap;

pub(crate) const COLUMNS: &str = "sets.id, sets.reason, sets.scheduler, sets.external_id, sets.submitted_at, \
     sets.properties, sets.rebuilt, sets.parent_build, sets.parent_step, sets.parent_waits, sets.complete_at, \
     sets.results";

const TABLE: Table = Table {
    name: "sets",
    columns: COLUMNS,
    counted: Some(Counted::Sets),
    fields: &[
        field("bsid", Kind::Int("id")),
        field("external_idstring", Kind::MaybeText("external_id")),
        field("reason", Kind::Text("reason")),
        field("rebuilt_buildid", Kind::MaybeInt("rebuilt")),
        field("submitted_at", Kind::Time("submitted_at")),
        field("complete", COMPLETE),
        field("complete_at", Kind::MaybeTime("complete_at")),
        field("results", Kind::MaybeInt("results")),
        field("parent_buildid", Kind::MaybeInt("parent_build")),
        field("parent_relationship", NEVER_TEXT),
        field("scheduler", Kind::Text("scheduler")),
    ],
};

/// What belongs to sets, by set.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) stamps: HashMap<BuildSetId, Vec<SourceStamp>>,
    pub(crate) requests: HashMap<BuildSetId, Vec<RequestId>>,
}

pub(crate) fn read(row: Row, parts: &mut Parts) -> Answer<BuildSet> {
    let mut cells = Cells::new("sets", row);
    let id = BuildSetId(cells.int()?);
    Ok(BuildSet {
        id,
        reason: cells.text()?,
        scheduler: cells.text()?,
        external_id: cells.maybe_text()?,
        submitted_at: cells.time()?,
        properties: cells.json()?,
        rebuilt: cells.maybe_int()?.map(BuildId),
        parent: parent(&mut cells)?,
        status: match cells.end()? {
            None => BuildSetStatus::Open,
            Some((at, results)) => BuildSetStatus::Complete { at, results },
        },
        stamps: parts.stamps.remove(&id).unwrap_or_default(),
        requests: parts.requests.remove(&id).unwrap_or_default(),
    })
}

fn parent(cells: &mut Cells) -> Answer<Option<ParentStep>> {
    let (build, step, waits) = (cells.maybe_int()?, cells.maybe_int()?, cells.maybe_text()?);
    let waits = match waits.as_deref() {
        Some("for_result") => Waits::ForResult,
        Some("for_end") => Waits::ForEnd,
        _ => Waits::Not,
    };
    Ok(build.zip(step).map(|(build, step)| ParentStep { build: BuildId(build), step: StepId(step), waits }))
}

/// How it is written.
fn waits_word(waits: Waits) -> &'static str {
    match waits {
        Waits::ForResult => "for_result",
        Waits::ForEnd => "for_end",
        Waits::Not => "not",
    }
}

/// Sets that a build has filed.
pub(crate) fn of_parent(parent: BuildId) -> Ask {
    Ask::built(format!("SELECT {COLUMNS} FROM sets WHERE parent_build = $1 ORDER BY id"), vec![parent.0.into()])
}

/// Stamps, their changes and request ids of the sets that were asked for first.
fn parts_of(sets: &Rows) -> Vec<Ask> {
    let stamps = format!(
        "SELECT {} FROM stamps WHERE set_id IN (SELECT CAST(value AS BIGINT) FROM {{each:$1}}) \
         ORDER BY set_id, position",
        source_stamp::COLUMNS
    );
    vec![
        Ask::built(stamps, vec![ids(sets)]),
        Ask::new(
            "SELECT stamp_id, change_id FROM stamps JOIN stamp_changes ON stamp_id = stamps.id \
             WHERE set_id IN (SELECT CAST(value AS BIGINT) FROM {each:$1}) ORDER BY stamp_id, stamp_changes.position",
            vec![ids(sets)],
        ),
        Ask::new(
            "SELECT set_id, id FROM requests WHERE set_id IN (SELECT CAST(value AS BIGINT) FROM {each:$1}) \
             ORDER BY set_id, id",
            vec![ids(sets)],
        ),
    ]
}

/// Stamps by set.
pub(crate) fn stamps_by_set(stamps: Rows, changes: Rows) -> Answer<HashMap<BuildSetId, Vec<SourceStamp>>> {
    let mut by_set: HashMap<_, Vec<_>> = HashMap::new();
    for (set, stamp) in source_stamp::read_all(stamps, changes)? {
        by_set.entry(set).or_default().push(stamp);
    }
    Ok(by_set)
}

fn read_all(sets: Rows, stamps: Rows, changes: Rows, requests: Rows) -> Answer<Vec<BuildSet>> {
    let mut parts = Parts { stamps: stamps_by_set(stamps, changes)?, requests: HashMap::new() };
    for row in requests {
        let mut cells = Cells::new("requests", row);
        parts.requests.entry(BuildSetId(cells.int()?)).or_default().push(RequestId(cells.int()?));
    }
    sets.into_iter().map(|row| read(row, &mut parts)).collect()
}

impl Ops {
    pub(crate) fn file_set(&mut self, set: BuildSet, requests: Vec<Request>) {
        let id = set.id;
        let properties = self.properties(&set.properties);
        self.guarded(
            "INSERT INTO sets (id, reason, scheduler, external_id, submitted_at, properties, rebuilt, parent_build, \
             parent_step, parent_waits, complete_at, results) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
            vec![
                id.0.into(),
                V::text(set.reason),
                V::text(set.scheduler),
                V::maybe_text(set.external_id),
                set.submitted_at.into(),
                properties,
                set.rebuilt.map(|b| b.0).into(),
                set.parent.map(|p| p.build.0).into(),
                set.parent.map(|p| p.step.0).into(),
                V::maybe_text(set.parent.map(|p| waits_word(p.waits).to_owned())),
                set.status.complete_at().into(),
                set.status.results().into(),
            ],
            ("build set", id.0, "exists already"),
        );
        self.count(Counted::Sets);
        for (position, stamp) in set.stamps.into_iter().enumerate() {
            self.file_stamp(id, position, stamp);
        }
        for request in requests {
            self.file_request(request);
        }
    }

    pub(crate) fn finish_set(&mut self, set: BuildSetId, at: Time, results: Results) {
        self.guarded(
            "UPDATE sets SET complete_at = $1, results = $2 WHERE id = $3 AND complete_at IS NULL",
            vec![at.into(), results.into(), set.0.into()],
            ("build set", set.0, "is not open"),
        );
    }
}

impl Store {
    /// Build sets with their stamps and the ids of their requests.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn sets(&self, query: &Query) -> Answer<Page<BuildSet>> {
        let [rows, total] = field::page(&TABLE, query)?;
        let asks = Asks::of(vec![rows, total]).then(|got| Ok(parts_of(&got[0])));
        let [rows, total, stamps, changes, requests] = self.answers(asks).await?;
        Ok(Page { rows: read_all(rows, stamps, changes, requests)?, total: crate::total(total)? })
    }

    /// The sets that the steps of a build have filed, oldest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn sets_of_build(&self, parent: BuildId) -> Answer<Vec<BuildSet>> {
        let asks = Asks::one(of_parent(parent)).then(|got| Ok(parts_of(&got[0])));
        let [rows, stamps, changes, requests] = self.answers(asks).await?;
        read_all(rows, stamps, changes, requests)
    }

    /// One set.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn set(&self, id: BuildSetId) -> Answer<Option<BuildSet>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM sets WHERE id = $1"), vec![id.0.into()]);
        let [rows, stamps, changes, requests] = self.answers(Asks::one(ask).then(|got| Ok(parts_of(&got[0])))).await?;
        Ok(read_all(rows, stamps, changes, requests)?.pop())
    }
}
