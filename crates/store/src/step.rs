//! Steps: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, COMPLETE, Kind, Table, field};
use crate::op::{Counted, Ops};
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{BuildId, LogFacts, Page, Query, Results, Step, StepFacts, StepId, StepStatus, Time};

pub(crate) const COLUMNS: &str = "steps.id, steps.build_id, steps.number, steps.name, steps.started_at, \
     steps.state, steps.complete_at, steps.results, steps.facts";

/// A step that pages leave out. Its facts are JSON as this program writes it, without blanks; in it a quotation mark
/// that is part of a text has a backslash before it.
const HIDDEN: &str = "COALESCE(facts, '') LIKE '{\"hidden\":true,%'";
const SHOWN: &str = "COALESCE(facts, '') NOT LIKE '{\"hidden\":true,%'";

const TABLE: Table = Table {
    name: "steps",
    columns: COLUMNS,
    counted: Some(Counted::Steps),
    fields: &[
        field("stepid", Kind::Int("id")),
        field("number", Kind::Int("number")),
        field("name", Kind::Text("name")),
        field("buildid", Kind::Int("build_id")),
        field("started_at", Kind::Time("started_at")),
        // A step waits for no locks of its own yet.
        field("locks_acquired_at", Kind::Time("started_at")),
        field("complete", COMPLETE),
        field("complete_at", Kind::MaybeTime("complete_at")),
        field("results", Kind::MaybeInt("results")),
        field("state_string", Kind::Text("state")),
        field("hidden", Kind::Flag(HIDDEN, SHOWN)),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Step> {
    read_cells(&mut Cells::new("steps", row))
}

pub(crate) fn read_cells(cells: &mut Cells) -> Answer<Step> {
    Ok(Step {
        id: StepId(cells.int()?),
        build: BuildId(cells.int()?),
        number: cells.int()?,
        name: cells.text()?,
        started_at: cells.time()?,
        state: cells.text()?,
        status: match cells.end()? {
            None => StepStatus::Running,
            Some((at, results)) => StepStatus::Complete { at, results },
        },
        facts: cells.maybe_json()?.unwrap_or_default(),
    })
}

impl Ops {
    pub(crate) fn start_step(&mut self, step: Step, epoch: i64, logs: Vec<LogFacts>) {
        let id = step.id.0;
        self.guarded(
            "INSERT INTO steps (id, build_id, number, name, started_at, state, complete_at, results) \
             SELECT CAST($1 AS BIGINT), id, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), \
             CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT) FROM builds \
             WHERE id = $8 AND epoch = $9 AND complete_at IS NULL ON CONFLICT DO NOTHING",
            vec![
                id.into(),
                step.number.into(),
                V::text(step.name),
                step.started_at.into(),
                V::text(step.state),
                step.status.complete_at().into(),
                step.status.results().into(),
                step.build.0.into(),
                epoch.into(),
            ],
            ("step", id, "exists already, or its build does not run under this lease"),
        );
        self.count(Counted::Steps);
        for log in logs {
            self.open_log(log);
        }
    }

    pub(crate) fn finish_step(
        &mut self,
        step: StepId,
        (at, results): (Time, Results),
        state: String,
        facts: &StepFacts,
    ) {
        let tests = facts.tests.as_ref().and_then(|tests| tests.roll.clone());
        let facts = if *facts == StepFacts::default() { V::Null } else { V::json(facts) };
        self.guarded(
            "UPDATE steps SET complete_at = $1, results = $2, state = $3, facts = $4 \
             WHERE id = $5 AND complete_at IS NULL",
            vec![at.into(), results.into(), V::text(state), facts, step.0.into()],
            ("step", step.0, "does not run"),
        );
        let own = matches!(results, Results::Success | Results::Warnings | Results::Failure);
        if let Some(roll) = tests.filter(|_| own) {
            self.remember_tests(&roll);
        }
    }
}

impl Store {
    /// Steps.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn steps(&self, query: &Query) -> Answer<Page<Step>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One step.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn step(&self, id: StepId) -> Answer<Option<Step>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM steps WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// The steps of a build that were begun, by number.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn steps_of_build(&self, build: BuildId) -> Answer<Vec<Step>> {
        let sql = format!("SELECT {COLUMNS} FROM steps WHERE build_id = $1 ORDER BY number");
        self.all(Asks::one(Ask::built(sql, vec![build.0.into()])), read).await
    }
}
