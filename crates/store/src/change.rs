//! Changes: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, Table, field};
use crate::op::{Counted, Ops};
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{BuildId, Change, ChangeId, NewChange, Page, Query};
use sha2::{Digest, Sha256};

pub(crate) const COLUMNS: &str = "changes.id, changes.received_at, changes.author, changes.committer, \
     changes.comments, changes.revision, changes.branch, changes.repository, changes.project, changes.codebase, \
     changes.category, changes.revlink, changes.files, changes.made_at, changes.properties";

const TABLE: Table = Table {
    name: "changes",
    columns: COLUMNS,
    counted: Some(Counted::Changes),
    fields: &[
        field("changeid", Kind::Int("id")),
        field("parent_changeids", Kind::List("'[]'")),
        field("author", Kind::Text("author")),
        field("committer", Kind::MaybeText("committer")),
        field("files", Kind::List("files")),
        field("comments", Kind::Text("comments")),
        field("revision", Kind::MaybeText("revision")),
        field("when_timestamp", Kind::Time("made_at")),
        field("branch", Kind::MaybeText("branch")),
        field("category", Kind::MaybeText("category")),
        field("revlink", Kind::MaybeText("revlink")),
        field("repository", Kind::Text("repository")),
        field("project", Kind::Text("project")),
        field("codebase", Kind::Text("codebase")),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Change> {
    read_cells(&mut Cells::new("changes", row))
}

fn read_cells(cells: &mut Cells) -> Answer<Change> {
    Ok(Change {
        id: ChangeId(cells.int()?),
        received_at: cells.time()?,
        facts: NewChange {
            author: cells.text()?,
            committer: cells.maybe_text()?,
            comments: cells.text()?,
            revision: cells.maybe_text()?,
            branch: cells.maybe_text()?,
            repository: cells.text()?,
            project: cells.text()?,
            codebase: cells.text()?,
            category: cells.maybe_text()?,
            revlink: cells.maybe_text()?,
            files: cells.json()?,
            when: cells.time()?,
            properties: cells.json()?,
        },
    })
}

/// What makes a change the same as another: a hash, because PostgreSQL cannot index texts of any length.
fn identity(facts: &NewChange) -> Option<String> {
    let revision = facts.revision.as_deref()?;
    let branch = facts.branch.as_deref().unwrap_or("");
    let mut hash = Sha256::new();
    for part in [&facts.repository, branch, revision, &facts.codebase] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Some(hex(&hash.finalize()))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

impl Ops {
    pub(crate) fn add_change(&mut self, change: Change) {
        let (id, facts) = (change.id.0, change.facts);
        let identity = identity(&facts);
        let properties = self.properties(&facts.properties);
        self.guarded(
            "INSERT INTO changes (id, received_at, identity, author, committer, comments, revision, branch, \
             repository, project, codebase, category, revlink, files, made_at, properties) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING",
            vec![
                id.into(),
                change.received_at.into(),
                V::maybe_text(identity),
                V::text(facts.author),
                V::maybe_text(facts.committer),
                V::text(facts.comments),
                V::maybe_text(facts.revision),
                V::maybe_text(facts.branch),
                V::text(facts.repository),
                V::text(facts.project),
                V::text(facts.codebase),
                V::maybe_text(facts.category),
                V::maybe_text(facts.revlink),
                V::texts(facts.files),
                facts.when.into(),
                properties,
            ],
            ("change", id, "exists already, or one of its repository, branch, revision and codebase does"),
        );
        self.count(Counted::Changes);
    }
}

/// Changes of builds: by way of their own requests, and of those that they were given besides. A build that is to be
/// tried again has lost the latter to the next one.
pub(crate) fn changes_of(builds: &[BuildId]) -> Ask {
    let of = |requests: &str| {
        format!(
            "SELECT builds.id AS build, {COLUMNS} FROM builds JOIN requests ON {requests} \
             JOIN stamps ON stamps.set_id = requests.set_id \
             JOIN stamp_changes ON stamp_changes.stamp_id = stamps.id \
             JOIN changes ON changes.id = stamp_changes.change_id \
             WHERE builds.id IN (SELECT CAST(value AS BIGINT) FROM {{each:$1}})"
        )
    };
    let (own, also) = (of("requests.id = builds.request_id"), of("requests.build_id = builds.id"));
    // The second column is the change's id.
    let sql = format!("{own} UNION ALL {also} ORDER BY 1, 2");
    Ask::built(sql, vec![V::ids(builds.iter().map(|b| b.0))])
}

impl Store {
    /// Changes.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn changes(&self, query: &Query) -> Answer<Page<Change>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One change.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn change(&self, id: ChangeId) -> Answer<Option<Change>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM changes WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// The changes of a build's stamps, and of those of the requests that it answers too, oldest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn changes_of_build(&self, build: BuildId) -> Answer<Vec<Change>> {
        Ok(self.changes_of_builds(&[build]).await?.into_iter().map(|(_, change)| change).collect())
    }

    /// The same for many builds at once: pairs in the order of build ids, then of change ids.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn changes_of_builds(&self, builds: &[BuildId]) -> Answer<Vec<(BuildId, Change)>> {
        let asks = Asks::one(changes_of(builds));
        let read = |row| {
            let mut cells = Cells::new("changes", row);
            Ok((BuildId(cells.int()?), read_cells(&mut cells)?))
        };
        let mut pairs = self.all(asks, read).await?;
        // Two stamps of one set may have a change in common.
        pairs.dedup_by_key(|(build, change)| (*build, change.id));
        Ok(pairs)
    }
}
