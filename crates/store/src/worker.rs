//! Workers: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, NO, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{Page, Query, Time, Worker, WorkerId, WorkerInfo};

pub(crate) const COLUMNS: &str = "id, name, configured, connected, changed_at, paused, info";

const TABLE: Table = Table {
    name: "workers",
    columns: COLUMNS,
    counted: None,
    fields: &[
        field("workerid", Kind::Int("id")),
        field("name", Kind::Text("name")),
        field("paused", Kind::Flag("paused IS NOT NULL", "paused IS NULL")),
        field("pause_reason", Kind::MaybeText("paused")),
        field("graceful", NO),
        field("configured", Kind::Flag("configured = 1", "configured = 0")),
        field("connected", Kind::Flag("connected = 1", "connected = 0")),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Worker> {
    let mut cells = Cells::new("workers", row);
    Ok(Worker {
        id: WorkerId(cells.int()?),
        name: cells.text()?,
        configured: cells.flag()?,
        connected: cells.flag()?,
        changed_at: cells.maybe_time()?,
        paused: cells.maybe_text()?,
        info: cells.json()?,
    })
}

impl Ops {
    pub(crate) fn know_worker(&mut self, worker: Worker) {
        let id = worker.id.0;
        self.guarded(
            "INSERT INTO workers (id, name, configured, connected, changed_at, paused, info) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
             configured = excluded.configured, connected = excluded.connected, changed_at = excluded.changed_at, \
             paused = excluded.paused, info = excluded.info",
            vec![
                id.into(),
                V::text(worker.name),
                worker.configured.into(),
                worker.connected.into(),
                worker.changed_at.into(),
                V::maybe_text(worker.paused),
                V::json(&worker.info),
            ],
            ("worker", id, "has the name of another one"),
        );
    }

    pub(crate) fn connect_worker(&mut self, worker: WorkerId, at: Time, info: &WorkerInfo) {
        self.guarded(
            "UPDATE workers SET connected = 1, changed_at = $1, info = $2 WHERE id = $3",
            vec![at.into(), V::json(info), worker.0.into()],
            ("worker", worker.0, "is not known"),
        );
    }

    pub(crate) fn disconnect_worker(&mut self, worker: WorkerId, at: Time) {
        self.guarded(
            "UPDATE workers SET connected = 0, changed_at = $1 WHERE id = $2",
            vec![at.into(), worker.0.into()],
            ("worker", worker.0, "is not known"),
        );
    }

    pub(crate) fn pause_worker(&mut self, worker: WorkerId, reason: Option<String>) {
        self.guarded(
            "UPDATE workers SET paused = $1 WHERE id = $2",
            vec![V::maybe_text(reason), worker.0.into()],
            ("worker", worker.0, "is not known"),
        );
    }
}

impl Store {
    /// Workers, configured or not.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn workers(&self, query: &Query) -> Answer<Page<Worker>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One worker.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn worker(&self, id: WorkerId) -> Answer<Option<Worker>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM workers WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// The worker of this name.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn worker_by_name(&self, name: &str) -> Answer<Option<Worker>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM workers WHERE name = $1"), vec![V::text(name)]);
        self.first(Asks::one(ask), read).await
    }
}
