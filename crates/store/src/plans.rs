//! Query plans: what is asked all the time must not walk through history.

use crate::ask::Ask;
use crate::dialect::Dialect;
use crate::op::Ops;
use crate::value::V;
use crate::{build, build_set, change, migrate, pages, snapshot, testrun};
use model::{
    BuildId, BuildSetId, ChangeId, LogId, Query, RequestId, Results, Span, StepId, TestRunId, Time, Transition,
};
use rusqlite::Connection;

fn empty() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(migrate::PREPARE).unwrap();
    for script in migrate::scripts(Dialect::Sqlite, 0, migrate::NEWEST).unwrap() {
        connection.execute_batch(&script).unwrap();
    }
    connection
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {}", Dialect::Sqlite.render(sql));
    let mut statement = connection.prepare(&sql).unwrap();
    // Values change no plan: unbound parameters are null.
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines
}

/// Tables that grow with history.
const HISTORY: [&str; 13] = [
    "changes",
    "sets",
    "stamps",
    "stamp_changes",
    "requests",
    "builds",
    "build_properties",
    "steps",
    "logs",
    "plans",
    "refusals",
    "test_runs",
    "test_items",
];

/// The lines that walk through a whole table of history, or through an index of it that is not only of what is open.
fn walks(lines: &[String]) -> Vec<&String> {
    let open = ["sets_open", "requests_open"];
    let is_walk = |line: &&String| {
        let table = line.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        table.is_some_and(|t| HISTORY.contains(&t)) && !open.iter().any(|index| line.contains(index))
    };
    lines.iter().filter(is_walk).collect()
}

fn assert_no_walk(connection: &Connection, ask: &Ask) {
    let lines = plan(connection, &ask.sql);
    assert!(!lines.is_empty() && walks(&lines).is_empty(), "{}\n{lines:#?}", ask.sql);
}

#[test]
fn the_snapshot_reads_what_is_open() {
    let connection = empty();
    for ask in snapshot::first() {
        assert_no_walk(&connection, &ask);
    }
}

#[test]
fn pages_read_what_they_show() {
    let connection = empty();
    let asks = [
        pages::last_finished(),
        pages::latest_builds(5),
        pages::builds_between(Time(0), Time(1), 10),
        Ask::new(pages::BROKEN, Vec::new()),
        build::late_of(&vec![vec![V::I(1)]]),
        build::of_change(ChangeId(1)),
        build::of_request(RequestId(1)),
        build::triggered_by(BuildId(1)),
        build::requests_of(BuildId(1)),
        build_set::of_parent(BuildId(1)),
        change::changes_of(&[BuildId(1)]),
        testrun::cells_of(TestRunId(1), 10),
        testrun::history("a", None, ("t", "p"), 10),
        testrun::history("a", Some("t"), ("t", "p"), 10),
        testrun::history_of_all("a", "t", "t", 10),
    ];
    for ask in asks {
        assert_no_walk(&connection, &ask);
    }
}

/// The usual orders are those of an index: no sorting, and the limit ends the walk.
#[test]
fn usual_orders_are_not_sorted() {
    let connection = empty();
    let newest = |field: &str| Query::default().newest_first(field).limit(100);
    let queries = [
        Query::default(),
        newest("buildid"),
        newest("started_at"),
        newest("complete_at"),
        newest("number").eq("builderid", 1),
        newest("buildid").eq("workerid", 1),
        newest("buildid").eq("complete", true),
    ];
    for query in queries {
        let [rows, _] = build::page(&query).unwrap();
        let lines = plan(&connection, &rows.sql);
        assert!(lines.iter().all(|l| !l.contains("TEMP B-TREE")), "{}\n{lines:#?}", rows.sql);
    }
    let open = Query::default().eq("complete", false);
    for ask in build::page(&open).unwrap() {
        let lines = plan(&connection, &ask.sql);
        assert!(lines.iter().any(|l| l.contains("builds_complete (complete_at=?)")), "{}\n{lines:#?}", ask.sql);
    }
    let [_, total] = build::page(&Query::default()).unwrap();
    assert_eq!(total.sql, "SELECT n FROM counts WHERE noun = $1");
}

#[test]
fn writing_looks_rows_up() {
    let connection = empty();
    let (at, results, state) = (Time(1), Results::Success, String::new());
    let (build, step) = (BuildId(1), StepId(1));
    let batch = vec![
        Transition::LeaseDated { build, epoch: 1, until: None },
        Transition::ClockSet { by: Span(1) },
        Transition::StopAsked { build, reason: state.clone() },
        Transition::StepFinished { step, at, results, state: state.clone(), facts: Default::default() },
        Transition::LogSealed { log: LogId(1), lines: 0, bytes: 0, crc32: 0 },
        Transition::BuildState { build, state: state.clone() },
        Transition::BuildFinished { build, epoch: 1, at, results, state },
        Transition::RequestReleased { request: RequestId(1), retries: 0 },
        Transition::CancelAsked { request: RequestId(1), reason: String::new() },
        Transition::BuildPlanned { build, epoch: 1, plan: Vec::new() },
        Transition::RequestFinished { request: RequestId(1), at, results },
        Transition::SetFinished { set: BuildSetId(1), at, results },
    ];
    for op in Ops::of(batch).unwrap().into_iter().filter(|op| op.sql.starts_with("UPDATE")) {
        assert_no_walk(&connection, &Ask::new(op.sql, Vec::new()));
    }
}
