//! The live part of the store, of one moment. Its cost grows with what is open, never with history.

use crate::ask::{Ask, Asks, Rows};
use crate::build::read_late;
use crate::build_set::{Parts, stamps_by_set};
use crate::value::{Cells, V};
use crate::{Answer, Store, StoreError, build, build_set, builder, change, log, request, scheduler, source_stamp};
use crate::{step, worker};
use model::snapshot::OpenBuild;
use model::{LogFacts, NextIds, Request, Snapshot, Step, StepSpec};
use std::collections::{HashMap, HashSet};

/// How many questions the snapshot begins with.
const FIRST: usize = 14;

/// The questions, in the order in which `read` takes their answers.
pub(crate) fn first() -> Vec<Ask> {
    let nouns =
        ["changes", "stamps", "sets", "requests", "builders", "builds", "steps", "logs", "workers", "schedulers"];
    let next = nouns.map(|noun| format!("(SELECT COALESCE(MAX(id), 0) + 1 FROM {noun})")).join(", ");
    let all = |noun: &str, columns: &str| format!("SELECT {columns} FROM {noun} ORDER BY id");
    // A cross join is the same to PostgreSQL, and SQLite takes it in the order in which it is written: from what is open.
    let of_sets = |columns: &str, joins: &str, order: &str| {
        format!("SELECT {columns} FROM sets {joins} AND sets.complete_at IS NULL ORDER BY sets.id{order}")
    };
    let of_builds = |columns: &str, joins: &str, order: &str| {
        format!("SELECT {columns} FROM builds {joins} AND builds.complete_at IS NULL ORDER BY builds.id{order}")
    };
    let alone = "WHERE 1 = 1";
    let stamps = "CROSS JOIN stamps WHERE stamps.set_id = sets.id";
    let links = "CROSS JOIN stamps CROSS JOIN stamp_changes \
                 WHERE stamps.set_id = sets.id AND stamp_changes.stamp_id = stamps.id";
    let links_order = ", stamps.id, stamp_changes.position";
    let requests = "CROSS JOIN requests WHERE requests.set_id = sets.id";
    let late = "CROSS JOIN build_properties WHERE build_properties.build_id = builds.id";
    let late_columns =
        "build_properties.build_id, build_properties.name, build_properties.value, build_properties.source";
    let steps = "CROSS JOIN steps WHERE steps.build_id = builds.id";
    let logs = "CROSS JOIN steps CROSS JOIN logs \
                WHERE steps.build_id = builds.id AND steps.complete_at IS NULL AND logs.step_id = steps.id";
    let waited_for = "CROSS JOIN steps CROSS JOIN sets WHERE steps.build_id = builds.id \
                      AND steps.complete_at IS NULL AND sets.parent_build = builds.id AND sets.parent_step = steps.id \
                      AND sets.parent_waits <> 'not' AND sets.complete_at IS NOT NULL";
    let log_columns = format!("builds.id, {}", log::COLUMNS);
    let questions: [String; FIRST] = [
        format!("SELECT {next}"),
        all("builders", builder::COLUMNS),
        all("workers", worker::COLUMNS),
        all("schedulers", scheduler::COLUMNS),
        of_sets(build_set::COLUMNS, alone, ""),
        of_sets(source_stamp::COLUMNS, stamps, ", stamps.position"),
        of_sets("stamp_changes.stamp_id, stamp_changes.change_id", links, links_order),
        of_sets(request::COLUMNS, requests, ", requests.id"),
        of_builds(build::COLUMNS, alone, ""),
        of_builds(late_columns, late, ", build_properties.name"),
        of_builds("builds.id, builds.plan, builds.stopping", alone, ""),
        of_builds(step::COLUMNS, steps, ", steps.number"),
        of_builds(&log_columns, logs, ", logs.number"),
        of_builds(build_set::COLUMNS, waited_for, ", sets.id"),
    ];
    questions.map(|sql| Ask::built(sql, Vec::new())).to_vec()
}

/// The changes that wait in lanes, and the plans that running builds name.
fn then(got: &[Rows]) -> Answer<Vec<Ask>> {
    let mut changes = HashSet::new();
    for row in &got[3] {
        let scheduler = scheduler::read(row.clone())?;
        changes.extend(scheduler.state.lanes.values().flat_map(|lane| &lane.changes).map(|id| id.0));
    }
    let plans = got[10].iter().filter_map(|row| row.get(1)).filter_map(|cell| match cell {
        V::T(hash) => Some(hash),
        _ => None,
    });
    let changes_sql = format!(
        "SELECT {} FROM changes WHERE id IN (SELECT CAST(value AS BIGINT) FROM {{each:$1}}) ORDER BY id",
        change::COLUMNS
    );
    let plans: HashSet<_> = plans.collect();
    let plans_sql = "SELECT hash, steps FROM plans WHERE hash IN (SELECT value FROM {each:$1})";
    Ok(vec![Ask::built(changes_sql, vec![V::ids(changes)]), Ask::new(plans_sql, vec![V::json(&plans)])])
}

impl Store {
    /// Everything that is open, of one moment: what the world is rebuilt from.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn snapshot(&self) -> Answer<Snapshot> {
        let answers: [Rows; FIRST + 2] = self.answers(Asks::of(first()).then(then)).await?;
        read(answers)
    }
}

fn read(answers: [Rows; FIRST + 2]) -> Answer<Snapshot> {
    let [next, builders, workers, schedulers, sets, stamps, links, requests, rest @ ..] = answers;
    let [builds, late, facts, steps, logs, waited_for, changes, plans] = rest;
    let requests = requests.into_iter().map(request::read).collect::<Answer<Vec<_>>>()?;
    let mut parts = Parts { stamps: stamps_by_set(stamps, links)?, requests: HashMap::new() };
    for Request { id, set, .. } in &requests {
        parts.requests.entry(*set).or_default().push(*id);
    }
    let mut by_id = requests;
    by_id.sort_by_key(|r| r.id);
    Ok(Snapshot {
        next: next_ids(next)?,
        builders: builders.into_iter().map(builder::read).collect::<Answer<_>>()?,
        workers: workers.into_iter().map(worker::read).collect::<Answer<_>>()?,
        schedulers: schedulers.into_iter().map(scheduler::read).collect::<Answer<_>>()?,
        changes: changes.into_iter().map(change::read).collect::<Answer<_>>()?,
        sets: sets.into_iter().chain(waited_for).map(|row| build_set::read(row, &mut parts)).collect::<Answer<_>>()?,
        requests: by_id,
        builds: open_builds(builds, late, [facts, steps, logs, plans])?,
    })
}

fn next_ids(rows: Rows) -> Answer<NextIds> {
    let mut cells = Cells::new("counts", rows.into_iter().next().unwrap_or_default());
    Ok(NextIds {
        change: cells.int()?,
        stamp: cells.int()?,
        set: cells.int()?,
        request: cells.int()?,
        builder: cells.int()?,
        build: cells.int()?,
        step: cells.int()?,
        log: cells.int()?,
        worker: cells.int()?,
        scheduler: cells.int()?,
    })
}

fn open_builds(builds: Rows, late: Rows, [facts, steps, logs, plans]: [Rows; 4]) -> Answer<Vec<OpenBuild>> {
    let mut late = read_late(late)?;
    let mut known: HashMap<String, Vec<StepSpec>> = HashMap::new();
    for row in plans {
        let mut cells = Cells::new("plans", row);
        known.insert(cells.text()?, cells.json()?);
    }
    let mut steps_of: HashMap<i64, Vec<Step>> = HashMap::new();
    for row in steps {
        let step = step::read(row)?;
        steps_of.entry(step.build.0).or_default().push(step);
    }
    let mut logs_of: HashMap<i64, Vec<LogFacts>> = HashMap::new();
    for row in logs {
        let mut row = row.into_iter();
        let build = row.next();
        if let Some(V::I(build)) = build {
            logs_of.entry(build).or_default().push(log::read(row.collect())?);
        }
    }
    let mut open = Vec::with_capacity(builds.len());
    for (row, facts) in builds.into_iter().zip(facts) {
        let build = build::read(row, &mut late)?;
        let mut cells = Cells::new("builds", facts);
        let (id, hash, stopping) = (cells.int()?, cells.text()?, cells.maybe_text()?);
        let plan = known.get(&hash).cloned().ok_or_else(|| StoreError::Corrupt {
            table: "plans",
            problem: format!("build {id} names a plan that is not there"),
        })?;
        let (steps, logs) = (steps_of.remove(&id).unwrap_or_default(), logs_of.remove(&id).unwrap_or_default());
        open.push(OpenBuild { build, plan, steps, logs, stopping });
    }
    Ok(open)
}
