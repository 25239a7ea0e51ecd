//! Source stamps: rows, statements, questions.

use crate::ask::{Ask, Asks, Rows, ids};
use crate::field::{self, Kind, Table, field};
use crate::op::{Counted, Ops};
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{BuildId, BuildSetId, ChangeId, Page, Patch, Query, SourceStamp, SourceStampId};
use std::collections::HashMap;

pub(crate) const COLUMNS: &str = "stamps.id, stamps.set_id, stamps.repository, stamps.branch, stamps.revision, \
     stamps.project, stamps.codebase, stamps.created_at, stamps.patch_level, stamps.patch_subdir, \
     stamps.patch_author, stamps.patch_comment, stamps.patch_body";

const TABLE: Table = Table {
    name: "stamps",
    columns: COLUMNS,
    counted: Some(Counted::Stamps),
    fields: &[
        field("ssid", Kind::Int("id")),
        field("revision", Kind::MaybeText("revision")),
        field("branch", Kind::MaybeText("branch")),
        field("repository", Kind::Text("repository")),
        field("project", Kind::Text("project")),
        field("codebase", Kind::Text("codebase")),
        field("created_at", Kind::Time("created_at")),
    ],
};

/// The changes of stamps that were asked for first.
pub(crate) fn changes_of(stamps: &Rows) -> Ask {
    Ask::new(
        "SELECT stamp_id, change_id FROM stamp_changes \
         WHERE stamp_id IN (SELECT CAST(value AS BIGINT) FROM {each:$1}) ORDER BY stamp_id, position",
        vec![ids(stamps)],
    )
}

/// Stamps with their changes, each with the set that it belongs to.
pub(crate) fn read_all(stamps: Rows, changes: Rows) -> Answer<Vec<(BuildSetId, SourceStamp)>> {
    let mut by_stamp: HashMap<i64, Vec<ChangeId>> = HashMap::new();
    for row in changes {
        let mut cells = Cells::new("stamp_changes", row);
        by_stamp.entry(cells.int()?).or_default().push(ChangeId(cells.int()?));
    }
    stamps.into_iter().map(|row| read(row, &mut by_stamp)).collect()
}

fn read(row: Row, changes: &mut HashMap<i64, Vec<ChangeId>>) -> Answer<(BuildSetId, SourceStamp)> {
    let mut cells = Cells::new("stamps", row);
    let id = cells.int()?;
    let set = BuildSetId(cells.int()?);
    let stamp = SourceStamp {
        id: SourceStampId(id),
        repository: cells.text()?,
        branch: cells.maybe_text()?,
        revision: cells.maybe_text()?,
        project: cells.text()?,
        codebase: cells.text()?,
        created_at: cells.time()?,
        patch: patch(&mut cells)?,
        changes: changes.remove(&id).unwrap_or_default(),
    };
    Ok((set, stamp))
}

fn patch(cells: &mut Cells) -> Answer<Option<Patch>> {
    let Some(level) = cells.maybe_int()? else { return Ok(None) };
    Ok(Some(Patch {
        level: u32::try_from(level).map_err(|_| cells.corrupt("is out of range"))?,
        subdir: cells.text()?,
        author: cells.text()?,
        comment: cells.text()?,
        body: cells.maybe_bytes()?.unwrap_or_default(),
    }))
}

impl Ops {
    pub(crate) fn file_stamp(&mut self, set: BuildSetId, position: usize, stamp: SourceStamp) {
        let id = stamp.id.0;
        let mut params = vec![
            id.into(),
            set.0.into(),
            V::size(position as u64),
            V::text(stamp.repository),
            V::maybe_text(stamp.branch),
            V::maybe_text(stamp.revision),
            V::text(stamp.project),
            V::text(stamp.codebase),
            stamp.created_at.into(),
        ];
        match stamp.patch {
            None => params.extend([const { V::Null }; 5]),
            Some(patch) => params.extend([
                i64::from(patch.level).into(),
                V::text(patch.subdir),
                V::text(patch.author),
                V::text(patch.comment),
                V::B(patch.body),
            ]),
        }
        self.guarded(
            "INSERT INTO stamps (id, set_id, position, repository, branch, revision, project, codebase, created_at, \
             patch_level, patch_subdir, patch_author, patch_comment, patch_body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
            params,
            ("source stamp", id, "exists already"),
        );
        self.count(Counted::Stamps);
        for (position, change) in stamp.changes.into_iter().enumerate() {
            self.push(
                "INSERT INTO stamp_changes (stamp_id, position, change_id) VALUES ($1, $2, $3)",
                vec![id.into(), V::size(position as u64), change.0.into()],
            );
        }
    }
}

impl Store {
    /// Source stamps.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn stamps(&self, query: &Query) -> Answer<Page<SourceStamp>> {
        let [rows, total] = field::page(&TABLE, query)?;
        let asks = Asks::of(vec![rows, total]).then(|got| Ok(vec![changes_of(&got[0])]));
        let [rows, total, changes] = self.answers(asks).await?;
        let rows = read_all(rows, changes)?.into_iter().map(|(_, stamp)| stamp).collect();
        Ok(Page { rows, total: crate::total(total)? })
    }

    /// One stamp.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn stamp(&self, id: SourceStampId) -> Answer<Option<SourceStamp>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM stamps WHERE id = $1"), vec![id.0.into()]);
        let [rows, changes] = self.answers(Asks::one(ask).then(|got| Ok(vec![changes_of(&got[0])]))).await?;
        Ok(read_all(rows, changes)?.pop().map(|(_, stamp)| stamp))
    }

    /// The stamps of a build, one per codebase.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn stamps_of_build(&self, build: BuildId) -> Answer<Vec<SourceStamp>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM builds JOIN requests ON requests.id = builds.request_id \
             JOIN stamps ON stamps.set_id = requests.set_id WHERE builds.id = $1 ORDER BY stamps.position"
        );
        let asks = Asks::one(Ask::built(sql, vec![build.0.into()])).then(|got| Ok(vec![changes_of(&got[0])]));
        let [rows, changes] = self.answers(asks).await?;
        Ok(read_all(rows, changes)?.into_iter().map(|(_, stamp)| stamp).collect())
    }
}
