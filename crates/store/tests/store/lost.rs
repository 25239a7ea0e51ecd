//! Lost connections, second masters and databases of the future.

use crate::cluster;
use crate::db::{Db, Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{BuildId, ChangeId, LogId, Query, Results, StepFacts, StepId, Transition};
use std::path::{Path, PathBuf};
use store::{CommitError, Location, Store, StoreError};
use tokio::sync::mpsc;
use tokio_postgres::Client;

async fn a_newer_schema_is_refused(engine: Engine) {
    let (db, store) = fresh(engine).await;
    store.close().await;
    db.sql("UPDATE schema_version SET version = 99").await;
    let error = Store::open(&db.location).await.err().unwrap();
    assert_eq!(error, StoreError::Newer { found: 99, known: store::SCHEMA });
    let text = format!(
        "the database has schema version 99, this Sluice knows versions up to {}: run the newer Sluice that wrote it",
        store::SCHEMA
    );
    assert_eq!(error.to_string(), text);
}

async fn a_closed_store_says_so(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let other = store.clone();
    store.close().await;
    let refused = other.commit(vec![Transition::ChangeAdded(change(1))]).await;
    assert_eq!(refused, Err(CommitError::Unavailable("its writer has ended".to_owned())));
}

/// The logs of a step that has ended are found as long as nobody has called them whole; those of one that runs are not.
async fn logs_that_nobody_closes_are_found(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    assert_eq!(store.forgotten_logs().await.unwrap(), []);
    let begun = |id| Transition::StepStarted {
        step: step(id, 1, id),
        epoch: 1,
        logs: vec![log(id * 10, id, 0), log(id * 10 + 1, id, 1)],
    };
    let mut batch = configuration();
    batch.extend([filed(1, 1), leased(1, 1, 1), begun(1)]);
    commit(&store, batch).await;
    assert_eq!(store.forgotten_logs().await.unwrap(), [], "the step runs");
    let over = Transition::StepFinished {
        step: StepId(1),
        at: at(9),
        results: Results::Retry,
        state: "lost".to_owned(),
        facts: StepFacts::default(),
    };
    let whole = Transition::LogSealed { log: LogId(10), lines: 0, bytes: 0, crc32: 0 };
    commit(&store, vec![whole, over, begun(2)]).await;
    assert_eq!(store.forgotten_logs().await.unwrap(), [(BuildId(1), LogId(11))]);
}

engines! {
    a_newer_schema_is_refused
    logs_that_nobody_closes_are_found
    a_closed_store_says_so
}

fn address(db: &Db) -> &str {
    match &db.location {
        Location::Postgres(address) => address,
        Location::Sqlite(_) => panic!("not PostgreSQL"),
    }
}

/// Ends every other connection to the database, as an administrator or a restart does.
async fn cut(client: &Client) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn a_second_master_is_refused() {
    let (db, store) = fresh(Engine::Postgres).await;
    assert_eq!(Store::open(&db.location).await.err(), Some(StoreError::InUse));
    store.close().await;
    db.open().await;
}

#[tokio::test]
async fn a_cut_connection_is_made_again() {
    let (db, store) = fresh(Engine::Postgres).await;
    let client = cluster::connect(address(&db)).await;
    for id in 1..=5 {
        cut(&client).await;
        commit(&store, vec![Transition::ChangeAdded(change(id))]).await;
        assert!(store.change(ChangeId(id)).await.unwrap().is_some());
        cut(&client).await;
        assert_eq!(store.changes(&Query::default()).await.unwrap().total, id as u64);
    }
}

/// Connections are cut again and again while batches are written: what is acknowledged is there, what is refused is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_during_commits_lose_nothing() {
    let (db, store) = fresh(Engine::Postgres).await;
    let client = cluster::connect(address(&db)).await;
    let (outcome, mut outcomes) = mpsc::unbounded_channel();
    let cutter = tokio::spawn(async move {
        let mut count = 0;
        while outcomes.recv().await.is_some() {
            count += 1;
            if count % 7 == 0 {
                cut(&client).await;
            }
        }
    });
    let mut acknowledged = 0;
    for id in 1..=300 {
        match store.commit(vec![Transition::ChangeAdded(change(id))]).await {
            Ok(()) => acknowledged += 1,
            Err(CommitError::Unavailable(_)) => {
                assert_eq!(store.change(ChangeId(id)).await.unwrap_or(None), None, "change {id} was refused");
            }
            Err(e) => panic!("change {id}: {e}"),
        }
        outcome.send(()).unwrap();
    }
    drop(outcome);
    cutter.await.unwrap();
    assert_eq!(store.changes(&Query::default().limit(1)).await.unwrap().total, acknowledged);
    assert!(acknowledged > 0);
}

/// A master whose lock went to another while its connection was cut does not write any more.
#[tokio::test]
async fn a_master_that_lost_its_lock_does_not_write() {
    let (db, store) = fresh(Engine::Postgres).await;
    let other = cluster::connect(address(&db)).await;
    let waiting = other.query_one("SELECT pg_advisory_lock(x'536c75696365'::bigint)", &[]);
    let cutter = cluster::connect(address(&db)).await;
    let cutting = async {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waits = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        // The other one must stand in the queue before the lock becomes free.
        while cutter.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
        cutter.batch_execute(sql).await.unwrap();
    };
    let (taken, ()) = tokio::join!(waiting, cutting);
    taken.unwrap();
    let refused = store.commit(vec![Transition::ChangeAdded(change(1))]).await.unwrap_err();
    let text = "the database is not available: another master is working on this database: stop it first, or give \
                this one a database of its own";
    assert_eq!(refused.to_string(), text);
    drop(other);
    // When the other one goes, this one may write again.
    commit(&store, vec![Transition::ChangeAdded(change(1))]).await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told() {
    let (db, _store) = fresh(Engine::Postgres).await;
    let missing = Location::Postgres(format!("{} dbname=nowhere", address(&db)));
    let error = Store::open(&missing).await.err().unwrap().to_string();
    assert!(error.ends_with("database \"nowhere\" does not exist"), "{error}");
}

/// The files as they stand after an acknowledgement are what a crash leaves: nothing acknowledged may miss in them.
#[tokio::test]
async fn what_a_crash_leaves_has_everything_acknowledged() {
    let (db, store) = fresh(Engine::Sqlite).await;
    let Location::Sqlite(path) = &db.location else { panic!("not SQLite") };
    let directory = tempfile::tempdir().unwrap();
    let beside = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    for id in 1..=20 {
        commit(&store, vec![Transition::ChangeAdded(change(id)), filed(id, 1)]).await;
        let copy = directory.path().join(format!("copy-{id}"));
        std::fs::copy(path, &copy).unwrap();
        std::fs::copy(beside(path, "-wal"), beside(&copy, "-wal")).unwrap();
        let after = Store::open(&Location::Sqlite(copy)).await.unwrap();
        let snapshot = after.snapshot().await.unwrap();
        assert_eq!((snapshot.next.change, snapshot.requests.len()), (id + 1, id as usize));
        assert_eq!(after.changes(&Query::default()).await.unwrap().total, id as u64);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let absent = Location::Sqlite(directory.path().join("absent").join("state.sqlite"));
    let error = Store::open(&absent).await.err().unwrap().to_string();
    assert!(error.contains("absent/state.sqlite: unable to open database file"), "{error}");
    let garbage = directory.path().join("garbage");
    std::fs::write(&garbage, [7; 5000]).unwrap();
    let error = Store::open(&Location::Sqlite(garbage)).await.err().unwrap().to_string();
    assert!(error.contains("file is not a database"), "{error}");
}
