//! Rolls of tests: which one the next build is held against.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{BuildId, BuilderId, Results, StepFacts, StepId, TestRoll, TestTotals, Transition};
use store::Store;

/// A roll that names the build which wrote it.
pub(crate) fn roll(build: i64, number: i64, before: Option<i64>) -> TestRoll {
    TestRoll {
        builder: BuilderId(1),
        build: BuildId(build),
        number,
        step: "test".to_owned(),
        before,
        branch: "main".to_owned(),
        bytes: format!("\0\u{1}roll of {number}").into_bytes().into(),
    }
}

/// A build of builder 1 whose first step ran tests; it goes on.
fn tested(id: i64, results: Results, roll: TestRoll) -> Vec<Transition> {
    let started = Transition::StepStarted { step: step(id, id, 0), epoch: 1, logs: vec![] };
    let tests = TestTotals { passed: 1, roll: Some(Box::new(roll)), ..TestTotals::default() };
    let facts = StepFacts { tests: Some(tests), ..StepFacts::default() };
    let (step, state) = (StepId(id), "over".to_owned());
    let finished = Transition::StepFinished { step, at: at(300), results, state, facts };
    vec![filed(id, 1), leased(id, id, 1), started, finished]
}

/// The number of the build that one of this number is held against.
async fn before(store: &Store, number: i64) -> Option<i64> {
    let found = store.tests_before(BuilderId(1), "main", "test", number).await.unwrap();
    found.map(|(number, bytes)| {
        assert_eq!(bytes, roll(0, number, None).bytes.to_vec());
        number
    })
}

async fn tests_are_held_against_the_last_build_that_finished_by_itself(engine: Engine) {
    let (db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, tested(1, Results::Failure, roll(1, 1, None))).await;
    assert_eq!(before(&store, 2).await, None, "it still runs");
    commit(&store, ended(1, at(400), Results::Failure)).await;
    assert_eq!((before(&store, 1).await, before(&store, 2).await), (None, Some(1)));
    let rows = [("other", "test", 1), ("main", "other", 1), ("main", "test", 2)];
    for (branch, step, builder) in rows {
        assert_eq!(store.tests_before(BuilderId(builder), branch, step, 9).await.unwrap(), None);
    }
    let stored = store.step(StepId(1)).await.unwrap().unwrap();
    assert_eq!(stored.facts.tests.unwrap().roll, None, "it is no part of what is shown");

    for (id, results) in [(2, Results::Exception), (3, Results::Cancelled), (4, Results::Retry)] {
        commit(&store, tested(id, Results::Success, roll(id, id, Some(1)))).await;
        commit(&store, ended(id, at(400), results)).await;
        assert_eq!(before(&store, 9).await, Some(1), "{results:?}");
    }
    // A step that was broken off says nothing, whatever becomes of its build.
    commit(&store, tested(5, Results::Cancelled, roll(5, 5, Some(1)))).await;
    commit(&store, ended(5, at(400), Results::Failure)).await;
    assert_eq!(before(&store, 9).await, Some(1));

    // Two at the same time: each is held against what was over when it came so far.
    commit(&store, tested(6, Results::Success, roll(6, 6, Some(1)))).await;
    commit(&store, tested(7, Results::Success, roll(7, 7, Some(1)))).await;
    commit(&store, ended(7, at(400), Results::Success)).await;
    assert_eq!((before(&store, 7).await, before(&store, 9).await), (Some(1), Some(7)));
    commit(&store, ended(6, at(400), Results::Warnings)).await;
    assert_eq!((before(&store, 7).await, before(&store, 9).await), (Some(6), Some(7)));

    // A build that is gone is still known.
    db.sql("DELETE FROM builds WHERE id = 7").await;
    assert_eq!(before(&store, 9).await, Some(7));
    // What is older than what was told last is needed no more.
    commit(&store, tested(8, Results::Success, roll(8, 8, Some(7)))).await;
    assert_eq!((before(&store, 7).await, before(&store, 8).await), (None, Some(7)));
}

async fn a_branch_that_is_not_built_any_more_is_forgotten(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, tested(1, Results::Success, roll(1, 1, None))).await;
    commit(&store, ended(1, at(400), Results::Success)).await;
    let other = |number| TestRoll { branch: "other".to_owned(), ..roll(number, number, None) };
    for (id, known) in [(1001, Some(1)), (1002, None)] {
        commit(&store, tested(id, Results::Success, other(id))).await;
        assert_eq!(before(&store, 2000).await, known, "after build {id}");
    }
}

engines! {
    tests_are_held_against_the_last_build_that_finished_by_itself
    a_branch_that_is_not_built_any_more_is_forgotten
}
