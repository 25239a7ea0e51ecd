//! Every released schema, filled, is brought up to date with nothing lost.
//!
//! `migrations/samples/NNNN.ENGINE.sql` is a dump of a database of version NNNN as that version wrote it, holding what
//! `commits::life` and `open` write, from version 2 on what `whole::later` writes, from version 3 on what
//! `outbox::letters` does, from version 4 on what `gate::turns` does, and from version 5 on what
//! `testruns::runs` does. Later versions must read it. A new version adds two dumps and changes no old one;
//! `SLUICE_WRITE_SAMPLES=1 cargo test -p store samples` writes those of the newest version, with the programs `sqlite3`
//! and `pg_dump`.

use crate::commits::{check_life, life};
use crate::db::{Db, Engine, commit, engines, fresh};
use crate::gate::{check_turns, turns};
use crate::nouns::*;
use crate::outbox::{check_letters, letters};
use crate::testruns::{check_runs, runs};
use crate::whole::{LATER, check_later, check_tests, later};
use model::property::property;
use model::scheduler::SchedulerState;
use model::snapshot::OpenBuild;
use model::{BuilderId, Query, Request, RequestStatus, Results, SchedulerId, Time, Transition};
use std::collections::BTreeMap;
use std::process::Command;
use store::{Location, Store};

/// The dumps, oldest first, for SQLite and PostgreSQL.
const SAMPLES: [(&str, &str); 5] = [
    (
        include_str!("../../migrations/samples/0001.sqlite.sql"),
        include_str!("../../migrations/samples/0001.postgres.sql"),
    ),
    (
        include_str!("../../migrations/samples/0002.sqlite.sql"),
        include_str!("../../migrations/samples/0002.postgres.sql"),
    ),
    (
        include_str!("../../migrations/samples/0003.sqlite.sql"),
        include_str!("../../migrations/samples/0003.postgres.sql"),
    ),
    (
        include_str!("../../migrations/samples/0004.sqlite.sql"),
        include_str!("../../migrations/samples/0004.postgres.sql"),
    ),
    (
        include_str!("../../migrations/samples/0005.sqlite.sql"),
        include_str!("../../migrations/samples/0005.postgres.sql"),
    ),
];

/// What is open when the dump is made: a build in its second step, a request that waits, a change in a lane.
pub(crate) fn open() -> Vec<Transition> {
    let (name, value) = property("late", 5, "step");
    let lanes = BTreeMap::from([("main".to_owned(), lane(&[2]))]);
    let state = SchedulerState { enabled: true, lanes, last_fired: Some(at(2)), changed: false, trouble: None };
    let finished = Transition::StepFinished {
        step: model::StepId(11),
        at: at(400),
        results: Results::Warnings,
        state: "over".to_owned(),
        facts: Default::default(),
    };
    let build = model::BuildId(10);
    vec![
        filed(10, 2),
        filed(11, 2),
        leased(10, 1, 2),
        Transition::StepStarted { step: step(11, 10, 0), epoch: 1, logs: vec![log(11, 11, 0)] },
        Transition::LogSealed { log: model::LogId(11), lines: 1, bytes: 2, crc32: 3 },
        finished,
        Transition::StepStarted { step: step(12, 10, 1), epoch: 1, logs: vec![log(12, 12, 0)] },
        Transition::PropertySet { build, name, property: value },
        Transition::StopAsked { build, reason: "enough".to_owned() },
        Transition::SchedulerRemembers { scheduler: SchedulerId(1), state },
    ]
}

async fn check_open(store: &Store, version: usize) {
    let mut snapshot = store.snapshot().await.unwrap();
    if version > 1 {
        snapshot.builds.retain(|b| b.build.id.0 < LATER);
        snapshot.requests.retain(|r| r.id.0 < LATER);
        snapshot.sets.retain(|s| s.id.0 < LATER);
    }
    let mut running = build(10, 1, 2, 10);
    running.properties.extend([property("late", 5, "step")]);
    let mut first = step(11, 10, 0);
    first.state = "over".to_owned();
    first.status = model::StepStatus::Complete { at: at(400), results: Results::Warnings };
    let expected = OpenBuild {
        build: running.clone(),
        plan: plan(),
        steps: vec![first, step(12, 10, 1)],
        logs: vec![log(12, 12, 0)],
        stopping: Some("enough".to_owned()),
    };
    assert_eq!(snapshot.builds, vec![expected]);
    let claimed = RequestStatus::Claimed { at: running.started_at, build: running.id };
    let claimed = Request { status: claimed, ..request(10, 10, 2) };
    assert_eq!(snapshot.requests, vec![claimed, request(11, 11, 2)]);
    assert_eq!(snapshot.changes, vec![change(2)]);
    assert_eq!(snapshot.sets, vec![set(10, vec![stamp(10, &[])], &[10]), set(11, vec![stamp(11, &[])], &[11])]);
    assert_eq!(snapshot.schedulers[0].state.last_fired, Some(at(2)));
    if version > 1 {
        return;
    }
    assert_eq!((snapshot.next.build, snapshot.next.change, snapshot.next.log), (11, 3, 13));
    let all = Query::default();
    let totals = [
        store.builds(&all).await.unwrap().total,
        store.requests(&all).await.unwrap().total,
        store.sets(&all).await.unwrap().total,
        store.stamps(&all).await.unwrap().total,
        store.changes(&all).await.unwrap().total,
        store.steps(&all).await.unwrap().total,
    ];
    assert_eq!(totals, [2, 4, 3, 4, 2, 4]);
}

async fn every_released_schema_is_carried_over(engine: Engine) {
    for ((sqlite, postgres), version) in SAMPLES.into_iter().zip(1..) {
        let db = Db::new(engine).await;
        db.sql(if engine == Engine::Sqlite { sqlite } else { postgres }).await;
        let store = db.open().await;
        check_first_builder(&store).await;
        check_open(&store, version).await;
        if version > 1 {
            check_later(&store).await;
        }
        if version > 2 {
            check_tests(&store).await;
            check_letters(&store).await;
        }
        if version > 3 {
            check_turns(&store).await;
        }
        if version > 4 {
            check_runs(&store).await;
        }
        // It goes on from there, as any database does.
        commit(&store, vec![filed(20, 1), leased(11, 2, 2)]).await;
        commit(&store, ended(11, Time(at(500).0), Results::Success)).await;
        assert_eq!(store.builder(BuilderId(2)).await.unwrap().unwrap().next_number, 3);
    }
}

/// `check_life` reads every build and step that there is: here those of other builders are taken out of the way first.
async fn check_first_builder(store: &Store) {
    check_life(store, &Query::default().eq("builderid", 1), &Query::default().limit(1)).await;
}

/// What the samples hold is what this version writes: a dump that misses something would prove nothing.
async fn the_samples_are_what_is_checked(engine: Engine) {
    let (db, store) = fresh(engine).await;
    for batch in life() {
        commit(&store, batch).await;
    }
    commit(&store, open()).await;
    check_open(&store, 1).await;
    for batch in later().into_iter().chain(letters()).chain(turns()).chain(runs()) {
        commit(&store, batch).await;
    }
    check_first_builder(&store).await;
    check_open(&store, SAMPLES.len()).await;
    check_later(&store).await;
    check_tests(&store).await;
    check_letters(&store).await;
    check_turns(&store).await;
    check_runs(&store).await;
    store.close().await;
    if std::env::var_os("SLUICE_WRITE_SAMPLES").is_some() {
        write_sample(&db, engine);
    }
}

/// Writes the newest dump, as a client of the database has it, without what it says of itself.
fn write_sample(db: &Db, engine: Engine) {
    let (name, dump) = match &db.location {
        Location::Sqlite(path) => ("SQLite", Command::new("sqlite3").arg(path).arg(".dump").output()),
        Location::Postgres(address) => {
            let mut command = Command::new("pg_dump");
            ("PostgreSQL", command.args(["--inserts", "--no-owner", "--no-privileges", address]).output())
        }
    };
    let dump = String::from_utf8(dump.unwrap().stdout).unwrap();
    let version = SAMPLES.len();
    let mut text = format!(
        "-- A database of schema {version} as it was written, for {name}. Never changed again: see \
         tests/store/migrations.rs.\n"
    );
    let noise = |line: &&str| {
        let news = ["--", "\\", "SET transaction_timeout", "SET idle_session_timeout"];
        !news.iter().any(|n| line.starts_with(n))
    };
    text.extend(dump.lines().filter(noise).map(|line| format!("{line}\n")));
    let engine = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let file = format!("{}/migrations/samples/{version:04}.{engine}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(file, text).unwrap();
}

async fn a_broken_migration_leaves_the_database_alone(engine: Engine) {
    let db = Db::new(engine).await;
    // Somebody else's table stands where one of ours goes.
    db.sql("CREATE TABLE builds (theirs TEXT); INSERT INTO builds VALUES ('kept')").await;
    let error = Store::open(&db.location).await.err().unwrap().to_string();
    assert!(error.contains("the schema cannot be brought up to date"), "{error}");
    db.sql("DROP TABLE builds").await;
    let store = db.open().await;
    assert_eq!(store.snapshot().await.unwrap(), model::Snapshot::default());
}

/// Several programs open one that is not there yet, as somebody who looks at tests while the first run begins.
#[test]
fn whoever_opens_it_at_the_same_time_finds_it_whole() {
    const AT_ONCE: usize = 6;
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(dir.path().join("store.sqlite"));
        let start = std::sync::Barrier::new(AT_ONCE);
        let open = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            start.wait();
            runtime.block_on(async { Store::open(&location).await?.snapshot().await })
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(open)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap().unwrap(), model::Snapshot::default());
            }
        });
    }
}

#[test]
fn every_version_has_its_samples() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let files = std::fs::read_dir(directory).unwrap().flatten();
    let versions = files.filter(|f| f.path().extension().is_some_and(|e| e == "sql")).count();
    assert_eq!(versions, SAMPLES.len());
}

engines! {
    every_released_schema_is_carried_over
    the_samples_are_what_is_checked
    a_broken_migration_leaves_the_database_alone
}
