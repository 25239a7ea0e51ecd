//! Schedulers: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{Page, Query, Scheduler, SchedulerId, SchedulerState};

pub(crate) const COLUMNS: &str = "id, name, configured, enabled, lanes, last_fired, changed, trouble";

const TABLE: Table = Table {
    name: "schedulers",
    columns: COLUMNS,
    counted: None,
    fields: &[
        field("schedulerid", Kind::Int("id")),
        field("name", Kind::Text("name")),
        field("enabled", Kind::Flag("enabled = 1", "enabled = 0")),
        field("configured", Kind::Flag("configured = 1", "configured = 0")),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Scheduler> {
    let mut cells = Cells::new("schedulers", row);
    Ok(Scheduler {
        id: SchedulerId(cells.int()?),
        name: cells.text()?,
        configured: cells.flag()?,
        state: SchedulerState {
            enabled: cells.flag()?,
            lanes: cells.json()?,
            last_fired: cells.maybe_time()?,
            changed: cells.flag()?,
            trouble: cells.maybe_text()?,
        },
    })
}

impl Ops {
    pub(crate) fn know_scheduler(&mut self, scheduler: Scheduler) {
        let id = scheduler.id.0;
        self.guarded(
            "INSERT INTO schedulers (id, name, configured, enabled, lanes, last_fired, changed, trouble) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
             configured = excluded.configured, enabled = excluded.enabled, lanes = excluded.lanes, \
             last_fired = excluded.last_fired, changed = excluded.changed, trouble = excluded.trouble",
            vec![
                id.into(),
                V::text(scheduler.name),
                scheduler.configured.into(),
                scheduler.state.enabled.into(),
                V::json(&scheduler.state.lanes),
                scheduler.state.last_fired.into(),
                scheduler.state.changed.into(),
                V::maybe_text(scheduler.state.trouble),
            ],
            ("scheduler", id, "has the name of another one"),
        );
    }

    pub(crate) fn remember_scheduler(&mut self, scheduler: SchedulerId, state: &SchedulerState) {
        self.guarded(
            "UPDATE schedulers SET enabled = $1, lanes = $2, last_fired = $3, changed = $4, trouble = $5 WHERE id = $6",
            vec![
                state.enabled.into(),
                V::json(&state.lanes),
                state.last_fired.into(),
                state.changed.into(),
                V::maybe_text(state.trouble.clone()),
                scheduler.0.into(),
            ],
            ("scheduler", scheduler.0, "is not known"),
        );
    }
}

impl Store {
    /// Schedulers, configured or not.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn schedulers(&self, query: &Query) -> Answer<Page<Scheduler>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One scheduler.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn scheduler(&self, id: SchedulerId) -> Answer<Option<Scheduler>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM schedulers WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// The scheduler of this name.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn scheduler_by_name(&self, name: &str) -> Answer<Option<Scheduler>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM schedulers WHERE name = $1"), vec![V::text(name)]);
        self.first(Asks::one(ask), read).await
    }
}
