//! What the whole build process keeps: merged requests, triggered sets, plans that change, facts of steps, reasons.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use crate::test_results::roll;
use model::builder::Usual;
use model::scheduler::SchedulerState;
use model::{
    BuildId, BuildSet, BuildSetId, Builder, BuilderId, ChangeId, ParentStep, Query, RequestId, RequestStatus, Results,
    SchedulerId, Span, StepFacts, StepId, StepSpec, TestCase, TestOutcome, TestTotals, Transition, Waits,
};
use store::Store;

/// Nothing of what schema 1 could keep has an id as high as this.
pub(crate) const LATER: i64 = 40;

fn third_builder() -> Builder {
    let usual = Usual { build_spread: Some(Span::seconds(2)), ..builder(3).usual };
    let usual = Usual { spread: [("make".to_owned(), Span::seconds(1))].into(), ..usual };
    Builder { usual, ..builder(3) }
}

fn triggered(id: i64, waits: Waits) -> BuildSet {
    let parent = Some(ParentStep { build: BuildId(40), step: StepId(41), waits });
    BuildSet { parent, ..set(id, vec![stamp(id, &[])], &[id]) }
}

fn file(set: BuildSet) -> Transition {
    let requests = set.requests.iter().map(|r| request(r.0, set.id.0, 3)).collect();
    Transition::SetFiled { set, requests }
}

fn cancelled(id: i64) -> Vec<Transition> {
    vec![
        Transition::CancelAsked { request: RequestId(id), reason: "Ada: not now".to_owned() },
        Transition::RequestFinished { request: RequestId(id), at: at(350), results: Results::Cancelled },
        Transition::SetFinished { set: BuildSetId(id), at: at(350), results: Results::Cancelled },
    ]
}

fn facts() -> StepFacts {
    let mut tests = TestTotals { passed: 3, ..TestTotals::default() };
    let duration = Some(Span::millis(12));
    let (name, message) = ("suite::case \"x\"".to_owned(), "expected\n1".to_owned());
    tests.count(TestCase { name, outcome: TestOutcome::Failed, duration, message });
    let urls = vec![("report".to_owned(), "https://example.org/\"hidden\":true,".to_owned())];
    StepFacts { hidden: true, urls, warnings: Some(7), tests: Some(tests) }
}

fn finished(id: i64, facts: StepFacts) -> Transition {
    let (results, state) = (Results::Warnings, "over".to_owned());
    Transition::StepFinished { step: StepId(id), at: at(300), results, state, facts }
}

fn longer() -> Vec<StepSpec> {
    let mut plan = plan();
    plan.push(StepSpec { name: "more".to_owned(), ..plan[0].clone() });
    plan
}

fn remembered() -> SchedulerState {
    SchedulerState {
        changed: true,
        last_fired: Some(at(7)),
        trouble: Some("it raised".to_owned()),
        ..SchedulerState::default()
    }
}

/// A build that was deleted, and whose tests are still known.
const GONE: i64 = 39;

pub(crate) async fn check_tests(store: &Store) {
    let known = store.tests_before(model::BuilderId(1), "main", "test", 9).await.unwrap();
    assert_eq!(known, Some((1, roll(GONE, 1, None).bytes.to_vec())));
}

/// A build of two merged requests in its second step, which waits for a set that is complete and for one that is open.
pub(crate) fn later() -> Vec<Vec<Transition>> {
    let merged = |id: i64| file(set(id, vec![stamp(id, &[id])], &[id]));
    let lease = Transition::BuildLeased { build: build(40, 1, 3, 41), also: vec![RequestId(40)], plan: plan() };
    let mut shown = StepFacts { hidden: false, ..facts() };
    if let Some(tests) = &mut shown.tests {
        tests.roll = Some(Box::new(roll(GONE, 1, None)));
    }
    let epoch = 1;
    vec![
        vec![Transition::BuilderKnown(third_builder()), Transition::SchedulerKnown(scheduler(2))],
        vec![Transition::SchedulerRemembers { scheduler: SchedulerId(2), state: remembered() }],
        vec![Transition::ChangeAdded(change(40)), Transition::ChangeAdded(change(41)), merged(40), merged(41), lease],
        vec![Transition::StepStarted { step: step(40, 40, 0), epoch, logs: vec![] }, finished(40, facts())],
        vec![Transition::BuildPlanned { build: BuildId(40), epoch, plan: longer() }],
        vec![
            Transition::StepStarted { step: step(41, 40, 1), epoch, logs: vec![] },
            file(triggered(42, Waits::ForResult)),
            file(triggered(43, Waits::ForEnd)),
            file(triggered(44, Waits::Not)),
        ],
        cancelled(42),
        cancelled(44),
        // Another build, whose step waited for a set and is over.
        vec![filed(45, 3), leased(45, 2, 3), Transition::StepStarted { step: step(45, 45, 0), epoch, logs: vec![] }],
        vec![file(BuildSet {
            parent: Some(ParentStep { build: BuildId(45), step: StepId(45), waits: Waits::ForResult }),
            ..triggered(46, Waits::Not)
        })],
        cancelled(46),
        vec![finished(45, shown)],
    ]
}

fn ids<T>(rows: Vec<T>, id: impl Fn(&T) -> i64) -> Vec<i64> {
    rows.iter().map(id).collect()
}

/// Everything that `later` wrote is there.
pub(crate) async fn check_later(store: &Store) {
    let snapshot = store.snapshot().await.unwrap();
    let open = snapshot.builds.iter().find(|b| b.build.id.0 == 40).unwrap();
    assert_eq!(open.plan, longer());
    assert_eq!(open.steps[0].facts, facts());
    let sets: Vec<_> = snapshot.sets.iter().filter(|s| s.id.0 >= LATER).collect();
    assert_eq!(ids(sets.clone(), |s| s.id.0), [40, 41, 43, 45, 42], "what is complete and waited for comes last");
    assert_eq!(sets[4].status.results(), Some(Results::Cancelled));
    assert_eq!(sets[4].parent, triggered(42, Waits::ForResult).parent);
    let claimed = |r: &&model::Request| {
        r.status == RequestStatus::Claimed { at: build(40, 1, 3, 41).started_at, build: BuildId(40) }
    };
    assert_eq!(ids(snapshot.requests.iter().filter(claimed).collect(), |r| r.id.0), [40, 41]);
    assert_eq!(snapshot.schedulers[1].state, remembered());
    assert_eq!(snapshot.builders[2].usual, third_builder().usual);

    assert_eq!(ids(store.changes_of_build(BuildId(40)).await.unwrap(), |c| c.id.0), [40, 41], "of all its requests");
    let both = store.changes_of_builds(&[BuildId(40), BuildId(45)]).await.unwrap();
    assert_eq!(ids(both, |(b, _)| b.0), [40, 40]);
    for change in [40, 41] {
        assert_eq!(ids(store.builds_of_change(ChangeId(change)).await.unwrap(), |b| b.id.0), [40]);
        assert_eq!(ids(store.builds_of_request(RequestId(change)).await.unwrap(), |b| b.id.0), [40]);
    }
    assert_eq!(ids(store.requests_of_build(BuildId(40)).await.unwrap(), |r| r.id.0), [40, 41]);
    assert_eq!(ids(store.stamps_of_build(BuildId(40)).await.unwrap(), |s| s.id.0), [41], "the newest is what is built");
    assert_eq!(ids(store.sets_of_build(BuildId(40)).await.unwrap(), |s| s.id.0), [42, 43, 44]);
    let query = Query::default().eq("parent_buildid", 40);
    assert_eq!(ids(store.sets(&query).await.unwrap().rows, |s| s.id.0), [42, 43, 44]);

    let request = store.request(RequestId(42)).await.unwrap().unwrap();
    assert_eq!(request.cancel.as_deref(), Some("Ada: not now"));
    assert_eq!(request.status.results(), Some(Results::Cancelled));
    let steps = store.steps(&Query::default().eq("hidden", true)).await.unwrap();
    assert_eq!(ids(steps.rows, |s| s.id.0), [40], "words that look like it hide nothing");
    let steps = store.steps(&Query::default().eq("hidden", false).eq("buildid", 45)).await.unwrap();
    assert_eq!(ids(steps.rows, |s| s.id.0), [45]);
}

async fn what_a_build_answers_asked_for_and_found_is_kept(engine: Engine) {
    let (db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    for batch in later() {
        commit(&store, batch).await;
    }
    check_later(&store).await;
    store.close().await;
    check_later(&db.open().await).await;
}

async fn merged_requests_that_go_back_are_the_next_builds(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, vec![Transition::ChangeAdded(change(1)), Transition::ChangeAdded(change(2))]).await;
    for id in [1, 2] {
        let set = set(id, vec![stamp(id, &[id])], &[id]);
        commit(&store, vec![Transition::SetFiled { set, requests: vec![request(id, id, 1)] }]).await;
    }
    let lease = |id| Transition::BuildLeased { build: build(id, id, 1, 2), also: vec![RequestId(1)], plan: plan() };
    let lost = ended(1, at(5), Results::Retry).remove(0);
    let back = |id| Transition::RequestReleased { request: RequestId(id), retries: 1 };
    commit(&store, vec![lease(1), lost, back(2), back(1), lease(2)]).await;
    let of = async |id| ids(store.changes_of_build(BuildId(id)).await.unwrap(), |c| c.id.0);
    assert_eq!((of(1).await, of(2).await), (vec![2], vec![1, 2]));
    assert_eq!(ids(store.builds_of_request(RequestId(2)).await.unwrap(), |b| b.id.0), [1, 2]);
    assert_eq!(store.snapshot().await.unwrap().requests.len(), 2);
    assert_eq!(store.builder(BuilderId(1)).await.unwrap().unwrap().next_number, 3);
}

engines! {
    what_a_build_answers_asked_for_and_found_is_kept
    merged_requests_that_go_back_are_the_next_builds
}
