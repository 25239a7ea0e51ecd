//! Runs of tests and their items: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::area::Class;
use model::testrun::{Phase, TestCell, TestRunLine, TestRunState};
use model::{Page, Query, Span, TestItem, TestRun, TestRunId, Time};
use std::collections::BTreeSet;

/// The column that holds all of a run or an item.
pub(crate) const FACTS: &str = "facts";

/// The columns of a run in a list.
const LINE: &str = "id, area, target, name, owner, state, started_at, ended_at, totals";

/// The columns of an item in a matrix.
const CELL: &str = "run_id, test, path, phase, status, class, flaky, quarantined, started_at, ended_at, duration";

/// The columns of an item in a history, `r` being its run.
const PAST: &str = "r.target, r.name, r.started_at, i.run_id, i.test, i.path, i.phase, i.status, i.class, i.flaky, \
     i.quarantined, i.started_at, i.ended_at, i.duration";

/// So many items of a history are read at most.
const MOST: u64 = 100_000;

const RUNS: Table = Table {
    name: "test_runs",
    columns: FACTS,
    counted: None,
    fields: &[
        field("testrunid", Kind::Int("id")),
        field("area", Kind::Text("area")),
        field("target", Kind::Text("target")),
        field("name", Kind::Text("name")),
        field("owner", Kind::Text("owner")),
        field("state", Kind::Text("state")),
        field("started_at", Kind::Time("started_at")),
        field("ended_at", Kind::MaybeTime("ended_at")),
        field("locked", Kind::Flag("locked = 1", "locked = 0")),
        field("kept", Kind::Flag("kept = 1", "kept = 0")),
    ],
};

const ITEMS: Table = Table {
    name: "test_items",
    columns: FACTS,
    counted: None,
    fields: &[
        field("testrunid", Kind::Int("run_id")),
        field("test", Kind::Text("test")),
        field("path", Kind::Text("path")),
        field("phase", Kind::Text("phase")),
        field("status", Kind::Text("status")),
        field("class", Kind::Text("class")),
        field("flaky", Kind::Flag("flaky = 1", "flaky = 0")),
        field("quarantined", Kind::Flag("quarantined = 1", "quarantined = 0")),
        field("started_at", Kind::MaybeTime("started_at")),
        field("ended_at", Kind::MaybeTime("ended_at")),
    ],
};

/// An item as it was in an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestPast {
    /// The run's target.
    pub target: String,
    /// The run's name.
    pub name: String,
    /// When the run was started.
    pub run_started_at: Time,
    /// The item.
    pub cell: TestCell,
}

pub(crate) fn read_run(row: Row) -> Answer<TestRun> {
    Cells::new("test_runs", row).json()
}

pub(crate) fn read_item(row: Row) -> Answer<TestItem> {
    Cells::new("test_items", row).json()
}

fn read_line(row: Row) -> Answer<TestRunLine> {
    let mut cells = Cells::new("test_runs", row);
    Ok(TestRunLine {
        id: TestRunId(cells.int()?),
        area: cells.text()?,
        target: cells.text()?,
        name: cells.text()?,
        owner: cells.text()?,
        state: {
            let word = cells.text()?;
            TestRunState::read(&word).ok_or_else(|| cells.corrupt("is no state of a run of tests"))?
        },
        started_at: cells.time()?,
        ended_at: cells.maybe_time()?,
        totals: cells.json()?,
    })
}

fn read_cell(row: Row) -> Answer<TestCell> {
    cell(&mut Cells::new("test_items", row))
}

fn cell(cells: &mut Cells) -> Answer<TestCell> {
    Ok(TestCell {
        run: TestRunId(cells.int()?),
        test: cells.text()?,
        path: cells.text()?,
        phase: {
            let word = cells.text()?;
            Phase::read(&word).ok_or_else(|| cells.corrupt("is no phase"))?
        },
        status: cells.text()?,
        class: {
            let word = cells.text()?;
            Class::read(&word).ok_or_else(|| cells.corrupt("is no class of a status"))?
        },
        flaky: cells.flag()?,
        quarantined: cells.flag()?,
        started_at: cells.maybe_time()?,
        ended_at: cells.maybe_time()?,
        duration: cells.maybe_int()?.map(Span),
    })
}

fn read_past(row: Row) -> Answer<TestPast> {
    let mut cells = Cells::new("test_items", row);
    Ok(TestPast { target: cells.text()?, name: cells.text()?, run_started_at: cells.time()?, cell: cell(&mut cells)? })
}

pub(crate) fn latest(targets: u64, runs: u64) -> Ask {
    let sql = format!(
        "SELECT {LINE} FROM (SELECT area AS of_area, target AS of_target, MAX(started_at) AS last FROM test_runs \
         GROUP BY area, target ORDER BY MAX(started_at) DESC LIMIT $1) AS targets JOIN test_runs ON test_runs.id IN ( \
         SELECT x.id FROM test_runs x WHERE x.area = of_area AND x.target = of_target \
         ORDER BY x.started_at DESC, x.id DESC LIMIT $2) ORDER BY last DESC, area, target, started_at DESC, id DESC"
    );
    Ask::built(sql, vec![V::size(targets), V::size(runs)])
}

pub(crate) fn cells_of(run: TestRunId, limit: u64) -> Ask {
    let sql = format!("SELECT {CELL} FROM test_items WHERE run_id = $1 ORDER BY id LIMIT $2");
    Ask::built(sql, vec![run.0.into(), V::size(limit)])
}

pub(crate) fn history(area: &str, target: Option<&str>, (test, path): (&str, &str), limit: u64) -> Ask {
    let mut params = vec![V::text(test), V::text(path), V::text(area)];
    let of_target = target.map_or("", |target| {
        params.push(V::text(target));
        " AND r.target = $4"
    });
    let limit = limit.min(MOST);
    let sql = format!(
        "SELECT {PAST} FROM test_items i JOIN test_runs r ON r.id = i.run_id WHERE i.test = $1 AND i.path = $2 \
         AND r.area = $3{of_target} ORDER BY r.started_at DESC, r.id DESC LIMIT {limit}"
    );
    Ask::built(sql, params)
}

pub(crate) fn history_of_all(area: &str, target: &str, test: &str, runs: u64) -> Ask {
    let sql = format!(
        "SELECT {PAST} FROM (SELECT x.id FROM test_runs x WHERE x.area = $1 AND x.target = $2 AND EXISTS ( \
         SELECT 1 FROM test_items y WHERE y.run_id = x.id AND y.test = $3) ORDER BY x.started_at DESC, x.id DESC \
         LIMIT $4) AS newest JOIN test_runs r ON r.id = newest.id JOIN test_items i ON i.run_id = r.id AND i.test = $3 \
         ORDER BY r.started_at DESC, r.id DESC, i.id LIMIT {MOST}"
    );
    Ask::built(sql, vec![V::text(area), V::text(target), V::text(test), V::size(runs)])
}

impl Ops {
    pub(crate) fn save_test_run(&mut self, run: TestRun) {
        let id = run.id.0;
        let facts = V::json(&run);
        self.guarded(
            "INSERT INTO test_runs (id, area, target, name, owner, state, started_at, ended_at, locked, kept, totals, \
             facts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO UPDATE SET \
             owner = excluded.owner, state = excluded.state, started_at = excluded.started_at, \
             ended_at = excluded.ended_at, locked = excluded.locked, kept = excluded.kept, totals = excluded.totals, \
             facts = excluded.facts WHERE test_runs.area = excluded.area AND test_runs.target = excluded.target \
             AND test_runs.name = excluded.name",
            vec![
                id.into(),
                V::text(run.area),
                V::text(run.target),
                V::text(run.name),
                V::text(run.owner),
                V::text(run.state.word()),
                run.started_at.into(),
                run.ended_at.into(),
                run.locked.into(),
                run.kept.into(),
                V::json(&run.totals),
                facts,
            ],
            ("run of tests", id, "is another one, or another one has its area, target and name"),
        );
        let next = id.saturating_add(1);
        self.push("UPDATE test_next SET run = $1 WHERE run < $1", vec![next.into()]);
    }

    pub(crate) fn save_test_items(&mut self, items: Vec<TestItem>) {
        for run in items.iter().map(|item| item.run).collect::<BTreeSet<_>>() {
            self.need_test_run(run);
        }
        for item in items {
            let facts = V::json(&item);
            self.push(
                "INSERT INTO test_items (run_id, test, path, phase, status, class, flaky, quarantined, started_at, \
                 ended_at, duration, facts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT (run_id, test, path) DO UPDATE SET phase = excluded.phase, status = excluded.status, \
                 class = excluded.class, flaky = excluded.flaky, quarantined = excluded.quarantined, \
                 started_at = excluded.started_at, ended_at = excluded.ended_at, duration = excluded.duration, \
                 facts = excluded.facts",
                vec![
                    item.run.0.into(),
                    V::text(item.test),
                    V::text(item.path),
                    V::text(item.phase.word()),
                    V::text(item.status),
                    V::text(item.class.word()),
                    item.flaky.into(),
                    item.quarantined.is_some().into(),
                    item.started_at.into(),
                    item.ended_at.into(),
                    item.duration.map(|span| span.0).into(),
                    facts,
                ],
            );
        }
    }

    pub(crate) fn remove_test_run(&mut self, run: TestRunId) {
        self.push("DELETE FROM test_items WHERE run_id = $1", vec![run.0.into()]);
        let guard = ("run of tests", run.0, "is not there");
        self.guarded("DELETE FROM test_runs WHERE id = $1", vec![run.0.into()], guard);
    }

    pub(crate) fn remove_test_items(&mut self, run: TestRunId, items: Vec<(String, String)>) {
        self.need_test_run(run);
        for (test, path) in items {
            self.push(
                "DELETE FROM test_items WHERE run_id = $1 AND test = $2 AND path = $3",
                vec![run.0.into(), V::text(test), V::text(path)],
            );
        }
    }

    fn need_test_run(&mut self, run: TestRunId) {
        let guard = ("run of tests", run.0, "is not there");
        self.guarded("UPDATE test_runs SET id = id WHERE id = $1", vec![run.0.into()], guard);
    }
}

impl Store {
    /// The id for the next run of tests. It is taken when a run with it is saved; of two that save at the same time one
    /// is refused.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn next_test_run(&self) -> Answer<TestRunId> {
        let ask = Ask::new("SELECT run FROM test_next", Vec::new());
        let next = self.first(Asks::one(ask), |row| Cells::new("test_next", row).int()).await?;
        Ok(TestRunId(next.unwrap_or(1)))
    }

    /// A run of tests.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_run(&self, id: TestRunId) -> Answer<Option<TestRun>> {
        let ask = Ask::new("SELECT facts FROM test_runs WHERE id = $1", vec![id.0.into()]);
        self.first(Asks::one(ask), read_run).await
    }

    /// The run of tests of that area, target and name.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_run_named(&self, area: &str, target: &str, name: &str) -> Answer<Option<TestRun>> {
        let sql = "SELECT facts FROM test_runs WHERE area = $1 AND target = $2 AND name = $3";
        self.first(Asks::one(Ask::new(sql, vec![V::text(area), V::text(target), V::text(name)])), read_run).await
    }

    /// Runs of tests.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_runs(&self, query: &Query) -> Answer<Page<TestRun>> {
        self.page(field::page(&RUNS, query)?, read_run).await
    }

    /// Runs of tests as lists show them: the fields of [`Store::test_runs`], without what lists do not need.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_run_lines(&self, query: &Query) -> Answer<Page<TestRunLine>> {
        self.page(field::page(&Table { columns: LINE, ..RUNS }, query)?, read_line).await
    }

    /// The newest runs of each target: `runs` of each, for at most `targets` of them, those that ran last first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn latest_test_runs(&self, targets: u64, runs: u64) -> Answer<Vec<TestRunLine>> {
        self.all(Asks::one(latest(targets, runs)), read_line).await
    }

    /// An item of a run.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_item(&self, run: TestRunId, test: &str, path: &str) -> Answer<Option<TestItem>> {
        let sql = "SELECT facts FROM test_items WHERE run_id = $1 AND test = $2 AND path = $3";
        self.first(Asks::one(Ask::new(sql, vec![run.0.into(), V::text(test), V::text(path)])), read_item).await
    }

    /// Items of runs of tests, with all that is known of them.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_items(&self, query: &Query) -> Answer<Page<TestItem>> {
        self.page(field::page(&ITEMS, query)?, read_item).await
    }

    /// All items of a run, or as many as `limit`, in the order in which they were known: what a matrix shows of them.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_cells(&self, run: TestRunId, limit: u64) -> Answer<Vec<TestCell>> {
        self.all(Asks::one(cells_of(run, limit)), read_cell).await
    }

    /// What became of an item in the newest runs of an area, of one target or of all, the newest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_history(
        &self,
        area: &str,
        target: Option<&str>,
        (test, path): (&str, &str),
        limit: u64,
    ) -> Answer<Vec<TestPast>> {
        self.all(Asks::one(history(area, target, (test, path), limit)), read_past).await
    }

    /// What became of all items of a test in the newest `runs` of a target that have it, the newest run first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn test_history_of_all(&self, area: &str, target: &str, test: &str, runs: u64) -> Answer<Vec<TestPast>> {
        self.all(Asks::one(history_of_all(area, target, test, runs)), read_past).await
    }
}
