//! Builders: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, NEVER_INT, NEVER_TEXT, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::builder::Usual;
use model::{Builder, BuilderId, Page, Query};

pub(crate) const COLUMNS: &str = "id, name, description, tags, configured, next_number, usual, defined_at";

const TABLE: Table = Table {
    name: "builders",
    columns: COLUMNS,
    counted: None,
    fields: &[
        field("builderid", Kind::Int("id")),
        field("name", Kind::Text("name")),
        field("masterids", Kind::List("CASE WHEN configured = 1 THEN '[\"1\"]' ELSE '[]' END")),
        field("description", Kind::Text("description")),
        field("description_format", NEVER_TEXT),
        field("description_html", NEVER_TEXT),
        field("projectid", NEVER_INT),
        field("tags", Kind::List("tags")),
        field("configured", Kind::Flag("configured = 1", "configured = 0")),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Builder> {
    let mut cells = Cells::new("builders", row);
    Ok(Builder {
        id: BuilderId(cells.int()?),
        name: cells.text()?,
        description: cells.text()?,
        tags: cells.json()?,
        configured: cells.flag()?,
        next_number: cells.int()?,
        usual: cells.json()?,
        defined_at: cells.maybe_json()?,
    })
}

impl Ops {
    pub(crate) fn know_builder(&mut self, builder: Builder) {
        let id = builder.id.0;
        self.guarded(
            "INSERT INTO builders (id, name, description, tags, configured, next_number, usual, defined_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
             description = excluded.description, tags = excluded.tags, configured = excluded.configured, \
             usual = excluded.usual, defined_at = excluded.defined_at",
            vec![
                id.into(),
                V::text(builder.name),
                V::text(builder.description),
                V::texts(builder.tags),
                builder.configured.into(),
                builder.next_number.into(),
                V::json(&builder.usual),
                builder.defined_at.as_ref().map_or(V::Null, V::json),
            ],
            ("builder", id, "has the name of another one"),
        );
    }

    pub(crate) fn learn_usual(&mut self, builder: BuilderId, usual: &Usual) {
        self.guarded(
            "UPDATE builders SET usual = $1 WHERE id = $2",
            vec![V::json(usual), builder.0.into()],
            ("builder", builder.0, "is not known"),
        );
    }
}

impl Store {
    /// Builders, configured or not.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builders(&self, query: &Query) -> Answer<Page<Builder>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One builder.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builder(&self, id: BuilderId) -> Answer<Option<Builder>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM builders WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// The builder of this name.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builder_by_name(&self, name: &str) -> Answer<Option<Builder>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM builders WHERE name = $1"), vec![V::text(name)]);
        self.first(Asks::one(ask), read).await
    }
}
