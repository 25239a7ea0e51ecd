//! Reading every row there is, as pages and the world would: what cannot be read is found before somebody needs it.

use super::{Eye, number};
use crate::ask::Rows;
use crate::build_set::Parts;
use crate::change::hex;
use crate::value::{Cells, Row, V};
use crate::{
    Answer, StoreError, build, build_set, builder, change, gate, log, request, scheduler, source_stamp, step, testrun,
    worker,
};
use model::{Finding, FindingKind, Mend, Severity, StepSpec};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// Rows that are read at once.
const AT_ONCE: i64 = 1000;
/// Rows of a table that are told of.
const TOLD: usize = 20;

static ROW_UNREADABLE: FindingKind = FindingKind {
    code: "row-unreadable",
    severity: Severity::Error,
    means: "a row holds what no Sluice writes; whatever shows it fails, and if it is open the master cannot start",
    mend: Mend::Person("restore a backup, or report it with the row"),
};
static PLAN_ALTERED: FindingKind = FindingKind {
    code: "plan-altered",
    severity: Severity::Error,
    means: "the steps that builds were planned with are not those that were written",
    mend: Mend::Person("restore a backup; running builds with that plan are better stopped"),
};
static STEP_UNPLANNED: FindingKind = FindingKind {
    code: "step-unplanned",
    severity: Severity::Error,
    means: "a build has a step that its plan does not have",
    mend: Mend::Person("restore a backup, or report it with the database"),
};
static LANE_BROKEN: FindingKind = FindingKind {
    code: "lane-broken",
    severity: Severity::Error,
    means: "a scheduler waits with a change that is not there: the set that it is about to file would lack it",
    mend: Mend::Person("restore a backup, or force a build of that branch"),
};

pub(super) static KINDS: [&FindingKind; 4] = [&ROW_UNREADABLE, &PLAN_ALTERED, &STEP_UNPLANNED, &LANE_BROKEN];

type Reader = fn(Row) -> Answer<()>;

/// Tables with an id, their columns and what reads a row.
const TABLES: [(&str, &str, Reader); 15] = [
    ("builders", builder::COLUMNS, |row| builder::read(row).map(drop)),
    ("workers", worker::COLUMNS, |row| worker::read(row).map(drop)),
    ("schedulers", scheduler::COLUMNS, |row| scheduler::read(row).map(drop)),
    ("changes", change::COLUMNS, |row| change::read(row).map(drop)),
    ("sets", build_set::COLUMNS, |row| build_set::read(row, &mut Parts::default()).map(drop)),
    ("stamps", source_stamp::COLUMNS, |row| source_stamp::read_all(vec![row], Rows::new()).map(drop)),
    ("requests", request::COLUMNS, |row| request::read(row).map(drop)),
    ("builds", build::COLUMNS, |row| build::read(row, &mut HashMap::new()).map(drop)),
    ("steps", step::COLUMNS, |row| step::read(row).map(drop)),
    ("logs", log::COLUMNS, |row| log::read(row).map(drop)),
    ("gate_candidates", gate::FACTS, |row| gate::read_candidate(row).map(drop)),
    ("gate_trials", gate::FACTS, |row| gate::read_trial(row).map(drop)),
    ("gate_decisions", gate::DECISION, |row| gate::read_decision(row).map(drop)),
    ("test_runs", testrun::FACTS, |row| testrun::read_run(row).map(drop)),
    ("test_items", testrun::FACTS, |row| testrun::read_item(row).map(drop)),
];

/// Reads every row, and follows what stands within structured values.
pub(super) async fn read_all(eye: &mut Eye, found: &mut Vec<Finding>) -> Answer<()> {
    for (table, columns, read) in TABLES {
        let mut wrong = Vec::new();
        let mut after = i64::MIN;
        loop {
            let sql = format!("SELECT id, {columns} FROM {table} WHERE id > $1 ORDER BY id LIMIT {AT_ONCE}");
            let rows = eye.rows(&sql, vec![after.into()]).await.or_else(past_damage)?;
            let Some(last) = rows.last() else { break };
            after = number(last.first()).unwrap_or(i64::MAX);
            for mut row in rows {
                let id = number(Some(&row.remove(0))).unwrap_or_default();
                if let Err(e) = read(row) {
                    let build = (table == "builds").then_some(id);
                    wrong.push(Finding::new(&ROW_UNREADABLE, format!("row {id}: {e}")).of_build(build));
                }
            }
            if wrong.len() > TOLD {
                wrong.truncate(TOLD);
                wrong.push(Finding::new(&ROW_UNREADABLE, format!("there are more in {table}")));
                break;
            }
        }
        found.append(&mut wrong);
    }
    plans(eye, found).await?;
    lanes(eye, found).await
}

/// What a damaged page holds back was told of before.
fn past_damage(e: StoreError) -> Answer<Rows> {
    match e {
        StoreError::Damaged(_) => Ok(Rows::new()),
        other => Err(other),
    }
}

/// Every plan is the one that its hash names, and builds have no step beyond it.
async fn plans(eye: &mut Eye, found: &mut Vec<Finding>) -> Answer<()> {
    let sql = "SELECT builds.plan, MAX(steps.number) FROM steps JOIN builds ON builds.id = steps.build_id \
               GROUP BY builds.plan";
    let mut highest: HashMap<String, i64> = HashMap::new();
    for row in eye.rows(sql, Vec::new()).await.or_else(past_damage)? {
        let mut cells = Cells::new("builds", row);
        highest.insert(cells.text()?, cells.int()?);
    }
    let mut after = String::new();
    loop {
        let sql = "SELECT hash, steps FROM plans WHERE hash > $1 ORDER BY hash LIMIT 50";
        let rows = eye.rows(sql, vec![V::T(after.clone())]).await.or_else(past_damage)?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let mut cells = Cells::new("plans", row);
            let (hash, text) = (cells.text()?, cells.text()?);
            let short = hash.get(..12).unwrap_or(&hash);
            if hex(&Sha256::digest(text.as_bytes())) != hash {
                found.push(Finding::new(&PLAN_ALTERED, format!("plan {short} has another text than its name says")));
            }
            match serde_json::from_str::<Vec<StepSpec>>(&text) {
                Err(e) => found.push(Finding::new(&ROW_UNREADABLE, format!("plan {short} cannot be read: {e}"))),
                Ok(plan) => {
                    let steps = plan.len() as i64;
                    if let Some(highest) = highest.get(&hash).filter(|highest| **highest >= steps) {
                        let what = format!("a build of plan {short}, which has {steps} steps, has a step {highest}");
                        found.push(Finding::new(&STEP_UNPLANNED, what));
                    }
                }
            }
            after = hash;
        }
    }
}

/// The changes that schedulers wait with are there.
async fn lanes(eye: &mut Eye, found: &mut Vec<Finding>) -> Answer<()> {
    let sql = format!("SELECT {} FROM schedulers ORDER BY id", scheduler::COLUMNS);
    let mut waiting = Vec::new();
    for row in eye.rows(&sql, Vec::new()).await.or_else(past_damage)? {
        if let Ok(scheduler) = scheduler::read(row) {
            let changes = scheduler.state.lanes.values().flat_map(|lane| &lane.changes).map(|c| c.0);
            waiting.push((scheduler.name, changes.collect::<BTreeSet<_>>()));
        }
    }
    let wanted = V::ids(waiting.iter().flat_map(|(_, changes)| changes.iter().copied()));
    let sql = "SELECT id FROM changes WHERE id IN (SELECT CAST(value AS BIGINT) FROM {each:$1})";
    let there: BTreeSet<i64> =
        eye.rows(sql, vec![wanted]).await.or_else(past_damage)?.iter().filter_map(|row| number(row.first())).collect();
    for (name, changes) in waiting {
        for change in changes.difference(&there) {
            let what = format!("scheduler {name} waits with change {change}, and there is no such change");
            found.push(Finding::new(&LANE_BROKEN, what));
        }
    }
    Ok(())
}
