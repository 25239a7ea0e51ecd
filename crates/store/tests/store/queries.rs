//! Every field, operator and order against a slow oracle, on rows with nulls, ties and awkward texts.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::query::Operand;
use model::{
    Build, BuildId, BuildSetId, Change, Filter, FilterOp, NewChange, Order, Page, Query, Request, RequestId, Results,
    Time, Transition,
};
use std::cmp::Ordering;
use store::{Store, StoreError};

/// A value of a row as a query sees it.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Int(i64),
    /// Asked for in whole seconds, sorted by what it is.
    Time(Time),
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

impl Cell {
    fn time(t: Option<Time>) -> Cell {
        t.map_or(Cell::Null, Cell::Time)
    }

    fn text(t: Option<&str>) -> Cell {
        t.map_or(Cell::Null, |t| Cell::Text(t.to_owned()))
    }

    fn results(r: Option<Results>, open: Cell) -> Cell {
        r.map_or(open, |r| Cell::Int(r.code()))
    }

    fn is(&self, value: &Operand) -> bool {
        match (self, value) {
            (Cell::Null, Operand::Null) => true,
            (Cell::Int(a), Operand::Int(b)) => a == b,
            (Cell::Time(a), Operand::Int(b)) => a.as_seconds() == *b,
            (Cell::Flag(a), Operand::Bool(b)) => a == b,
            (Cell::Text(a), Operand::Text(b)) => a == b,
            _ => false,
        }
    }

    fn holds(&self, filter: &Filter) -> bool {
        let sorted = |wanted: fn(Ordering) -> bool| match (self, &filter.values[0]) {
            (Cell::Int(a), Operand::Int(b)) => wanted(a.cmp(b)),
            (Cell::Time(a), Operand::Int(b)) => wanted(a.as_seconds().cmp(b)),
            (Cell::Text(a), Operand::Text(b)) => wanted(a.as_bytes().cmp(b.as_bytes())),
            _ => false,
        };
        let contains = |value: &Operand| match (self, value) {
            (Cell::Text(a), Operand::Text(b)) => a.contains(b.as_str()),
            (Cell::List(a), Operand::Text(b)) => a.contains(b),
            _ => false,
        };
        match filter.op {
            FilterOp::Eq => filter.values.iter().any(|v| self.is(v)),
            FilterOp::Ne => !filter.values.iter().any(|v| self.is(v)),
            FilterOp::Lt => sorted(Ordering::is_lt),
            FilterOp::Le => sorted(Ordering::is_le),
            FilterOp::Gt => sorted(Ordering::is_gt),
            FilterOp::Ge => sorted(Ordering::is_ge),
            FilterOp::Contains => filter.values.iter().any(contains),
        }
    }

    /// Null is the smallest, text goes byte by byte.
    fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Null, Cell::Null) => Ordering::Equal,
            (Cell::Null, _) => Ordering::Less,
            (_, Cell::Null) => Ordering::Greater,
            (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
            (Cell::Time(a), Cell::Time(b)) => a.cmp(b),
            (Cell::Flag(a), Cell::Flag(b)) => a.cmp(b),
            (Cell::Text(a), Cell::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => Ordering::Equal,
        }
    }
}

/// A row as its fields, the id first.
type Fields = Vec<(&'static str, Cell)>;

fn of_build(b: &Build) -> Fields {
    vec![
        ("buildid", Cell::Int(b.id.0)),
        ("number", Cell::Int(b.number)),
        ("builderid", Cell::Int(b.builder.0)),
        ("buildrequestid", Cell::Int(b.request.0)),
        ("workerid", Cell::Int(b.worker.0)),
        ("masterid", Cell::Int(1)),
        ("started_at", Cell::time(Some(b.started_at))),
        ("complete", Cell::Flag(b.status.results().is_some())),
        ("complete_at", Cell::time(b.status.complete_at())),
        ("locks_duration_s", Cell::Int(0)),
        ("results", Cell::results(b.status.results(), Cell::Null)),
        ("state_string", Cell::Text(b.state.clone())),
    ]
}

fn of_request(r: &Request) -> Fields {
    vec![
        ("buildrequestid", Cell::Int(r.id.0)),
        ("buildsetid", Cell::Int(r.set.0)),
        ("builderid", Cell::Int(r.builder.0)),
        ("priority", Cell::Int(r.priority)),
        ("complete", Cell::Flag(r.status.results().is_some())),
        ("complete_at", Cell::time(r.status.complete_at())),
        ("results", Cell::results(r.status.results(), Cell::Int(-1))),
        ("submitted_at", Cell::time(Some(r.submitted_at))),
        ("waited_for", Cell::Flag(r.waited_for)),
    ]
}

fn of_change(c: &Change) -> Fields {
    let f = &c.facts;
    vec![
        ("changeid", Cell::Int(c.id.0)),
        ("author", Cell::Text(f.author.clone())),
        ("committer", Cell::text(f.committer.as_deref())),
        ("files", Cell::List(f.files.clone())),
        ("comments", Cell::Text(f.comments.clone())),
        ("revision", Cell::text(f.revision.as_deref())),
        ("when_timestamp", Cell::time(Some(f.when))),
        ("branch", Cell::text(f.branch.as_deref())),
        ("category", Cell::text(f.category.as_deref())),
        ("repository", Cell::Text(f.repository.clone())),
        ("project", Cell::Text(f.project.clone())),
        ("codebase", Cell::Text(f.codebase.clone())),
        ("parent_changeids", Cell::List(vec![])),
    ]
}

/// What a slow reader would answer: the ids, and how many there are without paging.
fn slow(rows: &[Fields], query: &Query) -> (Vec<i64>, u64) {
    let cell = |row: &Fields, name: &str| row.iter().find(|f| f.0 == name).unwrap().1.clone();
    let mut found: Vec<_> = rows.iter().filter(|r| query.filters.iter().all(|f| cell(r, &f.field).holds(f))).collect();
    let total = found.len() as u64;
    let last = query.order.last().is_some_and(|o| o.descending);
    found.sort_by(|a, b| {
        let keys = query.order.iter().map(|o| (o.field.as_str(), o.descending)).chain([(a[0].0, last)]);
        keys.map(|(name, descending)| {
            let order = cell(a, name).order(&cell(b, name));
            if descending { order.reverse() } else { order }
        })
        .find(|o| *o != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
    });
    let limit = query.limit.unwrap_or(u64::MAX) as usize;
    let ids = found.into_iter().skip(query.offset as usize).take(limit).map(|row| match row[0].1 {
        Cell::Int(id) => id,
        _ => 0,
    });
    (ids.collect(), total)
}

/// Every value that a field has anywhere, and some that it has not, with every operator; every pair of orders.
fn questions(rows: &[Fields]) -> Vec<Query> {
    let mut all = vec![Query::default(), Query { offset: 3, limit: Some(4), ..Query::default() }];
    let names: Vec<_> = rows[0].iter().map(|f| f.0).collect();
    for (i, name) in names.iter().enumerate() {
        let mut values: Vec<Operand> = Vec::new();
        for row in rows {
            match &row[i].1 {
                Cell::Null => values.push(Operand::Null),
                Cell::Int(n) => values.extend([Operand::Int(*n), Operand::Int(n + 1)]),
                Cell::Time(t) => values.extend([Operand::Int(t.as_seconds()), Operand::Int(t.as_seconds() + 1)]),
                Cell::Flag(b) => values.push(Operand::Bool(*b)),
                Cell::Text(t) => values.extend([Operand::Text(t.clone()), Operand::Text("b".to_owned())]),
                Cell::List(l) => values.extend(l.iter().map(|t| Operand::Text(t.clone()))),
            }
        }
        values.dedup();
        values.truncate(9);
        for value in &values {
            all.extend(ops(&rows[0][i].1, value).iter().map(|op| one(name, *op, vec![value.clone()])));
        }
        if !matches!(rows[0][i].1, Cell::List(_)) {
            all.extend([FilterOp::Eq, FilterOp::Ne].map(|op| one(name, op, values.clone())));
            for (other, descending) in names.iter().zip([true, false].into_iter().cycle()) {
                if !matches!(rows[0].iter().find(|f| f.0 == *other).unwrap().1, Cell::List(_)) {
                    let key = |field: &str, descending| Order { field: field.to_owned(), descending };
                    let order = vec![key(name, descending), key(other, !descending)];
                    all.push(Query { order, offset: 2, limit: Some(11), ..Query::default() });
                }
            }
        }
    }
    all
}

fn one(field: &str, op: FilterOp, values: Vec<Operand>) -> Query {
    Query { filters: vec![Filter { field: field.to_owned(), op, values }], ..Query::default() }
}

fn ops(cell: &Cell, value: &Operand) -> &'static [FilterOp] {
    use FilterOp::{Contains, Eq, Ge, Gt, Le, Lt, Ne};
    match (cell, value) {
        (Cell::List(_), _) => &[Contains],
        (_, Operand::Null | Operand::Bool(_)) => &[Eq, Ne],
        (_, Operand::Int(_)) => &[Eq, Ne, Lt, Le, Gt, Ge],
        (_, Operand::Text(_)) => &[Eq, Ne, Lt, Le, Gt, Ge, Contains],
    }
}

fn compare<T>(rows: &[Fields], query: &Query, answer: Page<T>, id: impl Fn(&T) -> i64) {
    let (ids, total) = slow(rows, query);
    assert_eq!(answer.rows.iter().map(id).collect::<Vec<_>>(), ids, "{query:?}");
    assert_eq!(answer.total, total, "{query:?}");
}

/// Builds and requests in all states, with ties in time and words that sort differently in languages and in bytes.
async fn fill(store: &Store) {
    commit(store, configuration()).await;
    let words = ["Zebra", "apple", "Äpfel", "apple pie", "b", "100%", "under_score", ""];
    for id in 1..=24 {
        let mut build = build(id, id, 1 + id % 2, id);
        build.started_at = Time(at(id / 4).0 + id);
        build.state = words[id as usize % words.len()].to_owned();
        let mut batch = vec![filed(id, 1 + id % 2)];
        if id % 6 != 5 {
            batch.push(Transition::BuildLeased { build, also: Vec::new(), plan: plan() });
        }
        if id % 3 != 2 {
            let results = Results::ALL[id as usize % 7];
            let (build, end) = (BuildId(id), Time(at(id / 5).0 - id));
            batch.push(Transition::BuildFinished {
                build,
                epoch: 1,
                at: end,
                results,
                state: words[id as usize % words.len()].to_owned(),
            });
            batch.push(Transition::RequestFinished { request: RequestId(id), at: end, results });
        }
        if id == 8 {
            batch.push(Transition::SetFinished { set: BuildSetId(8), at: at(9), results: Results::Success });
        }
        commit(store, batch).await;
    }
    for id in 1..=16 {
        let word = words[id as usize % words.len()];
        let facts = NewChange {
            author: format!("{word} <a@b>"),
            committer: (id % 3 == 0).then(|| word.to_owned()),
            comments: word.to_owned(),
            revision: (id % 4 != 0).then(|| format!("r{id}")),
            branch: (id % 2 == 0).then(|| word.to_lowercase()),
            files: vec![format!("src/{word}"), "a,b".to_owned(), "\"quoted\"".to_owned(), word.to_owned()],
            when: Time(at(id / 3).0 + id),
            ..change(id).facts
        };
        commit(store, vec![Transition::ChangeAdded(Change { facts, ..change(id) })]).await;
    }
}

async fn queries_agree_with_the_oracle(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    fill(&store).await;
    let all = Query::default();
    let rows: Vec<_> = store.builds(&all).await.unwrap().rows.iter().map(of_build).collect();
    assert_eq!(rows.len(), 20);
    for query in questions(&rows) {
        compare(&rows, &query, store.builds(&query).await.unwrap(), |b| b.id.0);
    }
    let rows: Vec<_> = store.requests(&all).await.unwrap().rows.iter().map(of_request).collect();
    for query in questions(&rows) {
        compare(&rows, &query, store.requests(&query).await.unwrap(), |r| r.id.0);
    }
    let rows: Vec<_> = store.changes(&all).await.unwrap().rows.iter().map(of_change).collect();
    for query in questions(&rows) {
        compare(&rows, &query, store.changes(&query).await.unwrap(), |c| c.id.0);
    }
}

/// Conditions hold together.
async fn all_conditions_must_hold(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    fill(&store).await;
    let rows: Vec<_> = store.builds(&Query::default()).await.unwrap().rows.iter().map(of_build).collect();
    let query = Query::default().eq("builderid", 2).eq("complete", true).newest_first("complete_at").limit(3);
    compare(&rows, &query, store.builds(&query).await.unwrap(), |b| b.id.0);
    let bare = store.builds_bare(&query).await.unwrap();
    assert!(bare.rows.iter().all(|b| b.properties.is_empty()));
    compare(&rows, &query, bare, |b| b.id.0);
}

/// Every noun answers to each of its fields, as filter and as order.
async fn every_noun_knows_its_fields(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    fill(&store).await;
    commit(&store, vec![Transition::StepStarted { step: step(1, 2, 0), epoch: 1, logs: vec![] }]).await;
    let unknown = Query::default().eq("nonsense", 1);
    macro_rules! check {
        ($($noun:ident)+) => {$(
            let Err(StoreError::UnknownField { field, known }) = store.$noun(&unknown).await else {
                panic!("{} took a field that there is not", stringify!($noun));
            };
            assert_eq!(field, "nonsense");
            let whole = store.$noun(&Query::default()).await.unwrap();
            assert_eq!(whole.total, whole.rows.len() as u64);
            for field in known {
                let mut answered = 0;
                for value in [Operand::Int(1), Operand::Bool(true), Operand::Text("b".to_owned())] {
                    for op in [FilterOp::Eq, FilterOp::Ne, FilterOp::Lt, FilterOp::Contains] {
                        answered += u32::from(store.$noun(&one(field, op, vec![value.clone()])).await.is_ok());
                    }
                }
                assert!(answered > 0, "nothing can be asked about {field} of {}", stringify!($noun));
                let mut ordered = store.$noun(&Query::default().by(field)).await.unwrap();
                assert_eq!(ordered.total, whole.total);
                ordered.rows.sort_by_key(|row| row.id);
                assert!(ordered.rows == whole.rows, "the order by {field} of {} changes rows", stringify!($noun));
                store.$noun(&Query::default().newest_first(field)).await.unwrap();
            }
        )+};
    }
    check! { builders builds requests sets stamps changes steps workers schedulers }
    assert_eq!(store.builders(&one("tags", FilterOp::Contains, vec!["tag-2".into()])).await.unwrap().total, 1);
    assert_eq!(store.builders(&one("masterids", FilterOp::Contains, vec!["1".into()])).await.unwrap().total, 2);
}

async fn a_wrong_question_is_told(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let cases = [
        (one("number", FilterOp::Eq, vec!["x".into()]), "the field number has values of another type"),
        (
            one("number", FilterOp::Lt, vec![1.into(), 2.into()]),
            "the field number is compared with several values where one is needed",
        ),
        (one("number", FilterOp::Lt, vec![Operand::Null]), "the field number is not larger or smaller than null"),
        (one("number", FilterOp::Contains, vec![1.into()]), "the field number is a number: it contains nothing"),
        (one("number", FilterOp::Eq, vec![]), "the field number is compared with nothing"),
        (one("started_at", FilterOp::Eq, vec!["x".into()]), "the field started_at is a moment in whole seconds"),
        (
            one("started_at", FilterOp::Contains, vec![1.into()]),
            "the field started_at is a moment: it contains nothing",
        ),
        (one("complete", FilterOp::Eq, vec!["x".into()]), "the field complete is true or false"),
        (
            one("complete", FilterOp::Lt, vec![true.into()]),
            "the field complete is true or false: it can only be equal or not",
        ),
        (one("state_string", FilterOp::Contains, vec![1.into()]), "the field state_string contains text only"),
        (
            Query::default().by("colour"),
            "there is no field colour; known fields are buildid, number, builderid, buildrequestid, workerid, masterid, \
             started_at, complete, complete_at, locks_duration_s, results, state_string",
        ),
    ];
    for (query, text) in cases {
        assert_eq!(store.builds(&query).await.unwrap_err().to_string(), text);
    }
}

async fn numbers_at_the_edge_are_harmless(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    fill(&store).await;
    let query = Query { limit: Some(u64::MAX), offset: u64::MAX, ..Query::default() };
    assert_eq!(store.builds(&query).await.unwrap().rows, vec![]);
    for seconds in [i64::MIN, i64::MAX] {
        for op in [FilterOp::Eq, FilterOp::Ne, FilterOp::Lt, FilterOp::Le, FilterOp::Gt, FilterOp::Ge] {
            store.builds(&one("started_at", op, vec![seconds.into()])).await.unwrap();
        }
    }
    let many = (0..500).map(Operand::Int).collect();
    assert_eq!(store.builds(&one("buildid", FilterOp::Eq, many)).await.unwrap().total, 20);
}

engines! {
    queries_agree_with_the_oracle
    all_conditions_must_hold
    every_noun_knows_its_fields
    a_wrong_question_is_told
    numbers_at_the_edge_are_harmless
}
