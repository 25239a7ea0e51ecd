//! Values that want to break something: each is kept as it is, or refused in words, on both engines.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::property::property;
use model::query::Operand;
use model::{BuildId, BuildSetId, ChangeId, Filter, FilterOp, Query, Transition, Value};
use store::CommitError;

const AWKWARD: [&str; 8] = [
    "'; DROP TABLE builds; --",
    "$1 {each:x} {id} %s",
    "\u{202e}right to left\u{200b}",
    "🦀 näïve 漢字",
    "line one\r\nline two\t\u{1b}[31m",
    "\"quoted\" \\back\\ \u{7f}",
    "",
    " ",
];

async fn awkward_texts_are_kept(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    for (i, text) in AWKWARD.iter().enumerate() {
        let id = i as i64 + 1;
        let mut change = change(id);
        let facts = &mut change.facts;
        (facts.author, facts.comments) = ((*text).to_owned(), (*text).to_owned());
        (facts.branch, facts.category) = (Some((*text).to_owned()), Some((*text).to_owned()));
        facts.files = vec![(*text).to_owned()];
        facts.properties = [property(text, *text, text)].into();
        commit(&store, vec![Transition::ChangeAdded(change.clone())]).await;
        assert_eq!(store.change(ChangeId(id)).await.unwrap(), Some(change.clone()));
        let by = |field: &str, op| Query {
            filters: vec![Filter { field: field.to_owned(), op, values: vec![Operand::Text((*text).to_owned())] }],
            ..Query::default()
        };
        assert_eq!(store.changes(&by("branch", FilterOp::Eq)).await.unwrap().rows, vec![change.clone()]);
        assert_eq!(store.changes(&by("files", FilterOp::Contains)).await.unwrap().rows, vec![change.clone()]);
        assert!(store.changes(&by("comments", FilterOp::Contains)).await.unwrap().rows.contains(&change));
    }
}

/// PostgreSQL's text has no NUL.
async fn a_nul_becomes_the_sign_for_broken_text(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let mut change = change(1);
    change.facts.comments = "a\0b".to_owned();
    change.facts.files = vec!["x\0y".to_owned()];
    change.facts.properties = [property("p", "q\0r", "s")].into();
    commit(&store, vec![Transition::ChangeAdded(change.clone())]).await;
    change.facts.comments = "a\u{fffd}b".to_owned();
    change.facts.files = vec!["x\u{fffd}y".to_owned()];
    assert_eq!(store.change(ChangeId(1)).await.unwrap(), Some(change));
    let found = Query {
        filters: vec![Filter {
            field: "files".to_owned(),
            op: FilterOp::Contains,
            values: vec![Operand::Text("x\0y".to_owned())],
        }],
        ..Query::default()
    };
    assert_eq!(store.changes(&found).await.unwrap().total, 1);
}

async fn long_texts_are_kept(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    // Random enough not to be compressed below what an index of PostgreSQL takes.
    let long: String = (0..20_000u64).map(|n| char::from(b'a' + (n * n % 9973 % 26) as u8)).collect();
    let mut change = change(1);
    let facts = &mut change.facts;
    (facts.branch, facts.revision) = (Some(long.clone()), Some(long.clone()));
    (facts.repository, facts.codebase) = (long.clone(), long.clone());
    facts.comments = long.repeat(100);
    facts.files = (0..5000).map(|n| format!("dir/{n}")).collect();
    commit(&store, vec![Transition::ChangeAdded(change.clone())]).await;
    assert_eq!(store.change(ChangeId(1)).await.unwrap(), Some(change.clone()));
    change.id = ChangeId(2);
    let twin = store.commit(vec![Transition::ChangeAdded(change)]).await;
    assert!(matches!(twin, Err(CommitError::Stale { index: 0, .. })), "{twin:?}");
    let mut set = set(1, vec![stamp(1, &[1])], &[]);
    set.stamps[0].branch = Some(long.clone());
    (set.reason, set.external_id) = (long.clone(), Some(long));
    commit(&store, vec![Transition::SetFiled { set: set.clone(), requests: vec![] }]).await;
    assert_eq!(store.set(BuildSetId(1)).await.unwrap(), Some(set));
}

/// A name that PostgreSQL cannot index costs its own batch only.
async fn what_an_engine_cannot_keep_is_refused_alone(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let mut long = builder(1);
    long.name = (0..20_000u64).map(|n| char::from(b'a' + (n * n % 9973 % 26) as u8)).collect();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (store, long) = (store.clone(), long.clone());
            tokio::spawn(async move {
                let memory = Transition::SourceRemembers { source: format!("s{n}"), memory: String::new() };
                let batch = if n == 7 { vec![memory, Transition::BuilderKnown(long)] } else { vec![memory] };
                store.commit(batch).await
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let outcome = task.await.unwrap();
        match (&outcome, engine, n) {
            (Err(CommitError::Rejected { index: 1, problem }), Engine::Postgres, 7) => {
                assert!(problem.contains("index row"), "{problem}");
            }
            (Ok(()), Engine::Sqlite, _) => {}
            (Ok(()), Engine::Postgres, n) => assert_ne!(n, 7),
            _ => panic!("{n}: {outcome:?}"),
        }
    }
}

/// What could be written and never read again would stop the next start.
async fn a_deep_property_is_refused(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, vec![filed(1, 1), leased(1, 1, 1)]).await;
    let deep = |depth| (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let set = |depth| {
        let (name, property) = property("deep", deep(depth), "s");
        vec![Transition::PropertySet { build: BuildId(1), name, property }]
    };
    let problem = "the property deep holds lists or maps in each other more than 64 deep".to_owned();
    assert_eq!(store.commit(set(65)).await, Err(CommitError::Rejected { index: 0, problem }));
    commit(&store, set(64)).await;
    assert_eq!(store.snapshot().await.unwrap().builds[0].build.properties["deep"].value, deep(64));
    let mut change = change(1);
    change.facts.properties = [property("deep", deep(200), "s")].into();
    assert!(store.commit(vec![Transition::ChangeAdded(change.clone())]).await.is_err());
    change.facts.properties = [property("deep", deep(64), "s")].into();
    commit(&store, vec![Transition::ChangeAdded(change.clone())]).await;
    assert_eq!(store.change(ChangeId(1)).await.unwrap(), Some(change));
}

async fn a_row_that_is_not_readable_is_told(engine: Engine) {
    let (db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    db.sql("UPDATE builders SET tags = 'no json' WHERE id = 2").await;
    let error = store.builders(&Query::default()).await.unwrap_err().to_string();
    let text = "the table builders holds a row that is not readable: its column 4 is not the JSON that belongs there";
    assert!(error.starts_with(text), "{error}");
}

engines! {
    awkward_texts_are_kept
    a_nul_becomes_the_sign_for_broken_text
    long_texts_are_kept
    what_an_engine_cannot_keep_is_refused_alone
    a_deep_property_is_refused
    a_row_that_is_not_readable_is_told
}
