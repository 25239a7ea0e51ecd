//! Runs of tests: kept under their names, items in place of what they were, histories over runs.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::area::{Class, StatusSpec};
use model::testrun::{
    Around, Measurement, Phase, StatusCount, TestAttempt, TestDatum, TestHead, TestRunState, TestRunTotals,
    TestStepRecord,
};
use model::{Query, Span, TestItem, TestRun, TestRunId, Transition};
use store::{CommitError, Store};

fn run(id: i64, target: &str, name: &str) -> TestRun {
    TestRun {
        id: TestRunId(id),
        area: "zlib".to_owned(),
        target: target.to_owned(),
        fields: vec!["OS".to_owned(), "CC".to_owned()],
        name: name.to_owned(),
        owner: "ada".to_owned(),
        patterns: "%".to_owned(),
        started_at: at(id * 100),
        ended_at: None,
        state: TestRunState::Running,
        locked: false,
        kept: id == 1,
        tags: vec!["nightly".to_owned()],
        comment: "with a \0 in it".to_owned(),
        directory: "/runs/zlib".to_owned(),
        totals: TestRunTotals { total: 3, waiting: 2, running: 1, ..TestRunTotals::default() },
        tests: vec![TestHead {
            name: "build".to_owned(),
            items: 2,
            waits_for: vec!["configure".to_owned()],
            ..TestHead::default()
        }],
        statuses: vec![StatusSpec { word: "SLOW".to_owned(), rank: 35, class: Class::Good, satisfies: true }],
    }
}

fn item(run: i64, test: &str, path: &str) -> TestItem {
    TestItem::new(TestRunId(run), test, path)
}

/// An item with everything filled in.
fn failed(run: i64, test: &str, path: &str) -> TestItem {
    let attempt = |number, status: &str| TestAttempt {
        number,
        host: "localhost".to_owned(),
        launched: at(10),
        began: Some(at(11)),
        ended: Some(at(14)),
        status: status.to_owned(),
        comment: "make ended with 2".to_owned(),
        directory: format!("/runs/{test}/{path}/{number}"),
        around: Some(Around { system: "Linux 6.1.0 x86_64".to_owned(), free_kb: Some(7), ..Around::default() }),
    };
    TestItem {
        phase: Phase::Completed,
        status: "FAIL".to_owned(),
        class: Class::Bad,
        comment: "make ended with 2".to_owned(),
        flaky: true,
        quarantined: Some("bob".to_owned()),
        host: "localhost".to_owned(),
        directory: format!("/runs/{test}/{path}"),
        log: Some("make.log".to_owned()),
        attempts: vec![attempt(1, "ABORT"), attempt(2, "FAIL")],
        steps: vec![TestStepRecord {
            attempt: 2,
            name: "make".to_owned(),
            status: "FAIL".to_owned(),
            exit: Some(2),
            began: at(11),
            ended: Some(at(14)),
            log: Some("make.log".to_owned()),
            comment: String::new(),
        }],
        data: vec![TestDatum {
            measured: Measurement {
                category: "size".to_owned(),
                variable: "lib".to_owned(),
                value: "120".to_owned(),
                expected: "100".to_owned(),
                ..Measurement::default()
            },
            within: Some(false),
        }],
        started_at: Some(at(10)),
        ended_at: Some(at(14)),
        duration: Some(Span::seconds(3)),
        ..item(run, test, path)
    }
}

fn saved(run: TestRun) -> Transition {
    Transition::TestRunSaved(Box::new(run))
}

fn red(id: i64, target: &str, name: &str) -> TestRun {
    let by_status = vec![StatusCount { word: "FAIL".to_owned(), class: Class::Bad, count: 1 }];
    TestRun {
        state: TestRunState::Red,
        ended_at: Some(at(id * 100 + 50)),
        locked: true,
        totals: TestRunTotals { total: 3, by_status, bad: 1, ..TestRunTotals::default() },
        ..run(id, target, name)
    }
}

/// What the samples hold: two runs of one target and one of another, items of them, one of which has failed.
pub(crate) fn runs() -> Vec<Vec<Transition>> {
    let items = vec![item(1, "build", "z"), item(1, "build", "a"), item(1, "configure", "")];
    vec![
        vec![saved(run(1, "linux/gcc", "monday")), Transition::TestItemsSaved(items)],
        vec![saved(red(1, "linux/gcc", "monday")), Transition::TestItemsSaved(vec![failed(1, "build", "a")])],
        vec![
            saved(run(2, "linux/gcc", "tuesday")),
            Transition::TestItemsSaved(vec![item(2, "build", "a"), item(2, "build", "z")]),
        ],
        vec![saved(run(3, "mac/clang", "monday")), Transition::TestItemsSaved(vec![failed(3, "build", "a")])],
    ]
}

/// Everything that `runs` wrote is there.
pub(crate) async fn check_runs(store: &Store) {
    assert_eq!(store.next_test_run().await.unwrap(), TestRunId(4));
    let first = red(1, "linux/gcc", "monday");
    assert_eq!(store.test_run(TestRunId(1)).await.unwrap(), Some(first.clone()));
    assert_eq!(store.test_run_named("zlib", "linux/gcc", "monday").await.unwrap(), Some(first.clone()));
    assert_eq!(store.test_run_named("zlib", "linux", "monday").await.unwrap(), None);
    assert_eq!(store.test_item(TestRunId(1), "build", "a").await.unwrap(), Some(failed(1, "build", "a")));
    let cells = store.test_cells(TestRunId(1), 10).await.unwrap();
    let expected = [item(1, "build", "z"), failed(1, "build", "a"), item(1, "configure", "")];
    assert_eq!(cells, expected.map(|item| item.cell()), "in the order in which they were known");
    let past = store.test_history("zlib", None, ("build", "a"), 10).await.unwrap();
    let of = |p: &store::TestPast| (p.target.clone(), p.name.clone(), p.cell.status.clone());
    let told = |t: &str, n: &str, s: &str| (t.to_owned(), n.to_owned(), s.to_owned());
    let past: Vec<_> = past.iter().map(of).collect();
    let tuesday = told("linux/gcc", "tuesday", "n/a");
    let monday = told("linux/gcc", "monday", "FAIL");
    assert_eq!(past, [told("mac/clang", "monday", "FAIL"), tuesday.clone(), monday.clone()]);
    let past = store.test_history("zlib", Some("linux/gcc"), ("build", "a"), 1).await.unwrap();
    assert_eq!(past.iter().map(of).collect::<Vec<_>>(), std::slice::from_ref(&tuesday));
    let all = store.test_history_of_all("zlib", "linux/gcc", "build", 5).await.unwrap();
    let all: Vec<_> = all.iter().map(|p| (p.name.as_str(), p.cell.path.as_str(), p.cell.status.as_str())).collect();
    let expected = [("tuesday", "a", "n/a"), ("tuesday", "z", "n/a"), ("monday", "z", "n/a"), ("monday", "a", "FAIL")];
    assert_eq!(all, expected);
    let latest = store.latest_test_runs(10, 1).await.unwrap();
    assert_eq!(latest, [run(3, "mac/clang", "monday").line(), run(2, "linux/gcc", "tuesday").line()]);
}

async fn runs_and_items_are_kept(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    assert_eq!(store.next_test_run().await.unwrap(), TestRunId(1));
    for batch in runs() {
        commit(&store, batch).await;
    }
    check_runs(&store).await;
    let latest = store.latest_test_runs(1, 10).await.unwrap();
    assert_eq!(latest.iter().map(|line| line.id.0).collect::<Vec<_>>(), [3], "the target that ran last");
    let latest = store.latest_test_runs(2, 2).await.unwrap();
    assert_eq!(latest.iter().map(|line| line.id.0).collect::<Vec<_>>(), [3, 2, 1]);
}

async fn they_are_asked_for_by_their_fields(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    for batch in runs() {
        commit(&store, batch).await;
    }
    let runs: [(Query, &[i64]); 7] = [
        (Query::default(), &[1, 2, 3]),
        (Query::default().eq("target", "linux/gcc").newest_first("started_at"), &[2, 1]),
        (Query::default().eq("name", "monday").eq("area", "zlib"), &[1, 3]),
        (Query::default().eq("state", "red"), &[1]),
        (Query::default().eq("locked", false), &[2, 3]),
        (Query::default().eq("kept", true), &[1]),
        (Query::default().eq("owner", "bob"), &[]),
    ];
    for (query, ids) in runs {
        let page = store.test_runs(&query).await.unwrap();
        assert_eq!(page.rows.iter().map(|run| run.id.0).collect::<Vec<_>>(), ids, "{query:?}");
        assert_eq!(page.total, ids.len() as u64);
        let lines = store.test_run_lines(&query).await.unwrap();
        assert_eq!(lines.rows, page.rows.iter().map(TestRun::line).collect::<Vec<_>>());
    }
    type Names<'a> = &'a [(i64, &'a str, &'a str)];
    let items: [(Query, Names<'_>); 5] = [
        (Query::default().eq("testrunid", 2), &[(2, "build", "a"), (2, "build", "z")]),
        (Query::default().eq("class", "bad"), &[(1, "build", "a"), (3, "build", "a")]),
        (Query::default().eq("phase", "NOT_STARTED").eq("test", "configure"), &[(1, "configure", "")]),
        (Query::default().eq("flaky", true).eq("quarantined", true).eq("testrunid", 3), &[(3, "build", "a")]),
        (Query::default().eq("testrunid", 1).by("path").limit(1), &[(1, "configure", "")]),
    ];
    for (query, expected) in items {
        let page = store.test_items(&query).await.unwrap();
        let found: Vec<_> = page.rows.iter().map(|i| (i.run.0, i.test.as_str(), i.path.as_str())).collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

async fn a_name_is_of_one_run_and_an_id_is_given_once(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    for batch in runs() {
        commit(&store, batch).await;
    }
    for wrong in [run(4, "linux/gcc", "monday"), run(1, "linux/gcc", "friday")] {
        let outcome = store.commit(vec![saved(wrong)]).await;
        assert!(matches!(outcome, Err(CommitError::Stale { .. })), "{outcome:?}");
    }
    check_runs(&store).await;
    commit(&store, vec![Transition::TestRunRemoved(TestRunId(3))]).await;
    assert_eq!(store.test_run(TestRunId(3)).await.unwrap(), None);
    assert_eq!(store.test_cells(TestRunId(3), 10).await.unwrap(), []);
    assert_eq!(store.next_test_run().await.unwrap(), TestRunId(4), "the id of a removed run is not given again");
    let into_nothing = [
        Transition::TestRunRemoved(TestRunId(3)),
        Transition::TestItemsSaved(vec![item(1, "new", ""), item(3, "build", "b")]),
        Transition::TestItemsRemoved { run: TestRunId(3), items: Vec::new() },
    ];
    for wrong in into_nothing {
        let outcome = store.commit(vec![wrong]).await;
        assert!(matches!(outcome, Err(CommitError::Stale { .. })), "{outcome:?}");
    }
    assert_eq!(store.test_item(TestRunId(1), "new", "").await.unwrap(), None, "all of a batch or nothing");
    let items = vec![("build".to_owned(), "a".to_owned()), ("not".to_owned(), "there".to_owned())];
    commit(&store, vec![Transition::TestItemsRemoved { run: TestRunId(1), items }]).await;
    let left = store.test_cells(TestRunId(1), 10).await.unwrap();
    assert_eq!(left.iter().map(|cell| cell.path.as_str()).collect::<Vec<_>>(), ["z", ""]);
}

async fn ten_thousand_items_at_once(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let items: Vec<TestItem> = (0..10_000).map(|n| item(1, "many", &format!("i{n}"))).collect();
    commit(&store, vec![saved(run(1, "linux/gcc", "r")), Transition::TestItemsSaved(items.clone())]).await;
    let cells = store.test_cells(TestRunId(1), 20_000).await.unwrap();
    assert_eq!((cells.len(), cells[0].path.as_str(), cells[9_999].path.as_str()), (10_000, "i0", "i9999"));
    let ended: Vec<TestItem> = items
        .into_iter()
        .map(|item| TestItem { phase: Phase::Completed, status: "PASS".to_owned(), class: Class::Good, ..item })
        .collect();
    commit(&store, vec![Transition::TestItemsSaved(ended)]).await;
    let good = Query::default().eq("testrunid", 1).eq("class", "good").limit(1);
    assert_eq!(store.test_items(&good).await.unwrap().total, 10_000);
    assert_eq!(store.test_cells(TestRunId(1), 7).await.unwrap().len(), 7);
}

engines! {
    runs_and_items_are_kept
    they_are_asked_for_by_their_fields
    a_name_is_of_one_run_and_an_id_is_given_once
    ten_thousand_items_at_once
}
