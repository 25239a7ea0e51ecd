//! A look through a database: a sound one has nothing to tell, and each damage is found under its name.

use crate::commits::life;
use crate::db::{Db, Engine, commit, engines, fresh};
use crate::migrations::open;
use crate::testruns::runs;
use crate::whole::later;
use model::{BuildId, Finding, LogFacts, LogId, LogStatus, Severity};
use store::{Kept, Location, Look, StoreError};

/// A database with a whole history, in which nothing is open that was not so on purpose.
async fn filled(engine: Engine) -> Db {
    let (db, store) = fresh(engine).await;
    for batch in life() {
        commit(&store, batch).await;
    }
    commit(&store, open()).await;
    for batch in later().into_iter().chain(runs()) {
        commit(&store, batch).await;
    }
    store.close().await;
    // The nouns of the tests are given numbers at will.
    db.sql("UPDATE builders SET next_number = 1000").await;
    db
}

async fn findings(db: &Db) -> Vec<Finding> {
    Look::at(&db.location).await.unwrap().findings().await.unwrap()
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = found.iter().map(|f| f.kind.code).collect();
    codes.dedup();
    codes
}

async fn a_sound_database_has_nothing_to_tell(engine: Engine) {
    let db = filled(engine).await;
    assert_eq!(findings(&db).await, []);
    let mut look = Look::at(&db.location).await.unwrap();
    assert!(look.is_current());
    let builds = look.builds_after(BuildId(0)).await.unwrap();
    let ids: Vec<_> = builds.iter().map(|b| (b.build.0, b.complete_at.is_some(), b.logs.len())).collect();
    assert_eq!(ids, [(1, true, 3), (10, false, 2), (40, false, 0), (45, false, 0)]);
    assert_eq!(look.builds_after(BuildId(45)).await.unwrap(), []);
    let leases = look.leases().await.unwrap();
    let leases: Vec<_> = leases.iter().map(|l| (l.build.0, l.step.map(|s| s.0), l.worker.as_str())).collect();
    assert_eq!(leases, [(10, Some(12), "worker-1"), (40, Some(41), "worker-1"), (45, None, "worker-1")]);
}

/// What is done to a database, and what is found then.
const DAMAGES: [(&str, &[&str]); 29] = [
    ("UPDATE test_items SET run_id = 900 WHERE path = 'z' AND run_id = 1", &["points-nowhere"]),
    ("UPDATE test_items SET facts = '{}'", &["row-unreadable"]),
    ("UPDATE counts SET n = n + 1 WHERE noun = 'builds'", &["count-differs"]),
    ("DELETE FROM counts WHERE noun = 'steps'", &["count-differs"]),
    ("UPDATE builders SET next_number = 1 WHERE id = 1", &["number-behind"]),
    ("UPDATE builds SET lease_until = 5 WHERE id = 1", &["lease-left"]),
    ("UPDATE sets SET complete_at = NULL, results = NULL WHERE id = 1", &["set-unended"]),
    ("UPDATE sets SET complete_at = 5, results = 0 WHERE id = 11", &["set-too-early"]),
    ("UPDATE sets SET results = 0 WHERE id = 1", &["set-result"]),
    ("UPDATE sets SET results = NULL WHERE id = 1", &["half-written", "row-unreadable"]),
    ("UPDATE steps SET results = 9 WHERE id = 1", &["half-written", "row-unreadable"]),
    ("UPDATE requests SET claimed_at = NULL WHERE id = 10", &["half-written", "row-unreadable"]),
    ("UPDATE logs SET bytes = NULL WHERE id = 1", &["half-written", "row-unreadable"]),
    ("UPDATE sets SET parent_step = NULL WHERE id = 43", &["half-written"]),
    ("UPDATE builds SET epoch = 0 WHERE id = 1", &["half-written"]),
    ("UPDATE stamps SET set_id = 900 WHERE id = 1", &["points-nowhere"]),
    ("UPDATE builds SET worker_id = 900 WHERE id = 1", &["points-nowhere"]),
    ("UPDATE builds SET plan = 'x' WHERE id = 1", &["points-nowhere"]),
    ("UPDATE stamp_changes SET change_id = 900 WHERE stamp_id = 2", &["points-nowhere"]),
    ("UPDATE requests SET build_id = 1 WHERE id = 10", &["claim-broken", "build-unclaimed"]),
    ("UPDATE requests SET build_id = NULL, claimed_at = NULL WHERE id = 10", &["build-unclaimed"]),
    (
        "UPDATE builds SET request_id = 1, results = 0, complete_at = 7 WHERE id IN (1, 45)",
        &["claim-broken", "two-results"],
    ),
    ("UPDATE requests SET build_id = 1, claimed_at = 1, results = 2 WHERE id = 2", &["result-differs"]),
    ("UPDATE steps SET complete_at = NULL, results = NULL WHERE id = 1", &["step-after-end"]),
    ("UPDATE steps SET complete_at = NULL, results = NULL WHERE id = 11", &["two-steps"]),
    ("UPDATE builds SET properties = '{' WHERE id = 1", &["row-unreadable"]),
    ("UPDATE plans SET steps = steps || ' '", &["plan-altered"]),
    ("UPDATE steps SET number = 77 WHERE id = 2", &["step-unplanned"]),
    ("DROP INDEX steps_build", &["index-missing"]),
];

async fn each_damage_is_found_under_its_name(engine: Engine) {
    for (damage, expected) in DAMAGES {
        let db = filled(engine).await;
        db.sql(damage).await;
        let found = findings(&db).await;
        let mut codes = codes(&found);
        codes.sort_unstable();
        codes.dedup();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(codes, expected, "{damage}: {found:#?}");
    }
}

async fn a_change_that_a_scheduler_waits_with_must_be_there(engine: Engine) {
    let db = filled(engine).await;
    db.sql("UPDATE schedulers SET lanes = '{\"main\":{\"changes\":[2,900],\"fire_at\":7}}' WHERE id = 1").await;
    let found = findings(&db).await;
    assert_eq!(codes(&found), ["lane-broken"]);
    assert!(found[0].what.ends_with("waits with change 900, and there is no such change"), "{}", found[0].what);
}

async fn many_of_one_kind_are_summed_up(engine: Engine) {
    let db = filled(engine).await;
    let rows: Vec<_> = (0..50).map(|n| format!("(999, 'p{n}', '1', 's')")).collect();
    db.sql(&format!("INSERT INTO build_properties (build_id, name, value, source) VALUES {}", rows.join(","))).await;
    let found = findings(&db).await;
    assert_eq!(found.len(), 21);
    assert_eq!(found[20].what, "there are more than 20 of these");
}

async fn a_repair_loses_nothing(engine: Engine) {
    let db = filled(engine).await;
    db.sql(
        "UPDATE counts SET n = 77; DELETE FROM counts WHERE noun = 'steps'; UPDATE builders SET next_number = 1; \
         UPDATE builds SET lease_until = 5 WHERE id = 1; DROP INDEX steps_build; DROP INDEX builds_complete; \
         UPDATE logs SET lines = NULL, bytes = NULL, crc32 = NULL WHERE id = 2",
    )
    .await;
    let found = findings(&db).await;
    assert!(found.iter().all(|f| matches!(f.kind.mend, model::Mend::Repair(_))), "{found:#?}");
    let status = LogStatus::Sealed { lines: 1, bytes: 2, crc32: 3 };
    let seal = LogFacts { status, ..crate::nouns::log(2, 1, 1) };
    let acts = store::repair(&db.location, &found, std::slice::from_ref(&seal)).await.unwrap();
    assert_eq!(acts.len(), 6, "{acts:#?}");
    assert_eq!(findings(&db).await, []);
    assert_eq!(store::repair(&db.location, &[], &[]).await.unwrap(), Vec::<String>::new());
    let store = db.open().await;
    assert_eq!(store.log(LogId(2)).await.unwrap(), Some(seal));
    assert_eq!(store.builder(model::BuilderId(3)).await.unwrap().unwrap().next_number, 3, "behind the highest");
}

async fn a_look_has_one_moment_and_keeps_nobody_waiting(engine: Engine) {
    let db = filled(engine).await;
    let mut look = Look::at(&db.location).await.unwrap();
    let before = look.builds().await.unwrap();
    let store = db.open().await;
    commit(&store, vec![crate::nouns::filed(80, 2), crate::nouns::leased(80, 1001, 2)]).await;
    assert_eq!(look.builds().await.unwrap(), before);
    assert_eq!(look.findings().await.unwrap(), []);
    assert_eq!(Look::at(&db.location).await.unwrap().builds().await.unwrap().1, Some(BuildId(80)));
}

async fn a_newer_database_is_refused_and_left_alone(engine: Engine) {
    let db = filled(engine).await;
    db.sql("UPDATE schema_version SET version = 99").await;
    let before = bytes(&db);
    let newer = StoreError::Newer { found: 99, known: store::SCHEMA };
    assert_eq!(Look::at(&db.location).await.err(), Some(newer.clone()));
    assert_eq!(store::Store::open(&db.location).await.err(), Some(newer.clone()));
    assert_eq!(store::upgrade(&db.location).await.err(), Some(newer));
    assert_eq!(bytes(&db), before);
}

fn bytes(db: &Db) -> Option<Vec<u8>> {
    match &db.location {
        Location::Sqlite(path) => Some(std::fs::read(path).unwrap()),
        Location::Postgres(_) => None,
    }
}

async fn an_older_database_is_brought_up_to_date_with_a_copy(engine: Engine) {
    let samples = [
        include_str!("../../migrations/samples/0001.sqlite.sql"),
        include_str!("../../migrations/samples/0001.postgres.sql"),
    ];
    let db = Db::new(engine).await;
    db.sql(samples[usize::from(engine == Engine::Postgres)]).await;
    let found = findings(&db).await;
    assert_eq!(codes(&found), ["schema-older"]);
    assert_eq!(found[0].kind.severity, Severity::Note);
    let (version, kept) = store::upgrade(&db.location).await.unwrap().unwrap();
    assert_eq!((version.found, version.known), (1, store::SCHEMA));
    assert_eq!(store::upgrade(&db.location).await.unwrap(), None);
    let builders = "UPDATE builders SET next_number = 1000";
    db.sql(builders).await;
    assert_eq!(findings(&db).await, []);
    if let Kept::File(copy) = kept {
        assert!(copy.to_string_lossy().ends_with(".schema-1"), "{}", copy.display());
        let look = Look::at(&Location::Sqlite(copy)).await.unwrap();
        assert_eq!(look.version().found, 1, "the copy is of before");
    }
}

/// A migration that fails half-way leaves the version that there was, of all the versions in between.
async fn an_upgrade_is_all_or_nothing(engine: Engine) {
    let samples = [
        include_str!("../../migrations/samples/0001.sqlite.sql"),
        include_str!("../../migrations/samples/0001.postgres.sql"),
    ];
    let db = Db::new(engine).await;
    db.sql(samples[usize::from(engine == Engine::Postgres)]).await;
    // A name that the last statement of version 2 wants.
    db.sql("CREATE INDEX requests_build ON requests (id)").await;
    assert!(matches!(store::upgrade(&db.location).await, Err(StoreError::Unavailable(_))));
    assert_eq!(Look::at(&db.location).await.unwrap().version().found, 1);
    db.sql("DROP INDEX requests_build").await;
    assert!(store::upgrade(&db.location).await.unwrap().is_some());
}

engines! {
    a_sound_database_has_nothing_to_tell
    each_damage_is_found_under_its_name
    a_change_that_a_scheduler_waits_with_must_be_there
    many_of_one_kind_are_summed_up
    a_repair_loses_nothing
    a_look_has_one_moment_and_keeps_nobody_waiting
    a_newer_database_is_refused_and_left_alone
    an_older_database_is_brought_up_to_date_with_a_copy
    an_upgrade_is_all_or_nothing
}

fn path(db: &Db) -> &std::path::Path {
    match &db.location {
        Location::Sqlite(path) => path,
        Location::Postgres(_) => panic!("this is about the file"),
    }
}

/// Pages with other bytes in them, wherever they are, are told and end nothing.
#[tokio::test]
async fn a_file_with_broken_pages_is_told_of() {
    let db = filled(Engine::Sqlite).await;
    let sound = std::fs::read(path(&db)).unwrap();
    let mut told = 0;
    for page in (4096..sound.len()).step_by(4096) {
        let mut bytes = sound.clone();
        bytes[page..page + 200].fill(0xa5);
        std::fs::write(path(&db), &bytes).unwrap();
        let found = match Look::at(&db.location).await {
            Ok(mut look) => look.findings().await.unwrap(),
            Err(StoreError::Damaged(_)) => continue,
            Err(e) => panic!("page at {page}: {e}"),
        };
        assert!(codes(&found).contains(&"database-damaged"), "page at {page}: {found:#?}");
        told += 1;
    }
    assert!(told > 10, "{told}");
    std::fs::write(
        path(&db),
        "this is no database, though it is longer than the head of one is: a hundred bytes and more",
    )
    .unwrap();
    assert!(matches!(Look::at(&db.location).await.err(), Some(StoreError::Damaged(_))));
}

/// An index that says something else than its table is built anew.
#[tokio::test]
async fn an_index_that_lies_is_found_and_built_anew() {
    let db = filled(Engine::Sqlite).await;
    db.sql(
        "PRAGMA writable_schema = ON; \
         UPDATE sqlite_master SET sql = 'CREATE INDEX requests_set ON requests (set_id, id) WHERE id < 0' \
         WHERE name = 'requests_set'",
    )
    .await;
    db.sql("REINDEX requests_set; PRAGMA writable_schema = ON; \
         UPDATE sqlite_master SET sql = 'CREATE INDEX requests_set ON requests (set_id, id)' WHERE name = 'requests_set'")
    .await;
    let found = findings(&db).await;
    assert!(codes(&found).contains(&"index-damaged"), "{found:#?}");
    store::repair(&db.location, &found, &[]).await.unwrap();
    assert_eq!(findings(&db).await, []);
}

/// A copy under load is of one moment, whole, and private.
#[tokio::test]
async fn a_copy_is_whole_while_others_write() {
    let db = filled(Engine::Sqlite).await;
    let store = db.open().await;
    let to = path(&db).with_file_name("copy.sqlite");
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let mut written = 0;
            for n in 0..400 {
                let id = 1000 + n;
                let batch = vec![crate::nouns::filed(id, 2), crate::nouns::leased(id, 2000 + n, 2)];
                if store.commit(batch).await.is_ok() {
                    written += 1;
                }
            }
            written
        }
    });
    let from = path(&db).to_owned();
    let copied = to.clone();
    tokio::task::spawn_blocking(move || store::copy(&from, &copied)).await.unwrap().unwrap();
    assert_eq!(writer.await.unwrap(), 400, "the copy keeps nobody from writing");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&to).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let copy = Location::Sqlite(to.clone());
    assert_eq!(Look::at(&copy).await.unwrap().findings().await.unwrap(), []);
    assert!(store::copy(path(&db), &to).is_err(), "a file that is there is not written over");
}

/// Where nothing can be written it can be looked all the same.
#[tokio::test]
async fn a_file_that_may_only_be_read_is_looked_at() {
    let db = filled(Engine::Sqlite).await;
    let directory = path(&db).parent().unwrap().to_owned();
    let set = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&directory, mode).unwrap();
    };
    set(0o500);
    let found = findings(&db).await;
    set(0o700);
    assert_eq!(found, []);
}
