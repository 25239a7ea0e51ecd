//! What is written is read back, by the same store and by the next one; what fails leaves nothing.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::property::property;
use model::{
    Build, BuildId, BuildSetId, BuildSetStatus, BuildStatus, BuilderId, ChangeId, Lease, LogId, LogStatus, Query,
    RequestId, RequestStatus, Results, SchedulerId, SchedulerState, SourceStampId, StepId, StepStatus, Transition,
    WorkerId,
};
use std::collections::BTreeMap;
use store::{CommitError, LogPlace, Refusal, Store};

/// A change, its set with two stamps, a build with two steps and its end: every transition once.
pub(crate) fn life() -> Vec<Vec<Transition>> {
    let mut first = stamp(1, &[1, 2]);
    first.patch = Some(patch());
    let set = set(1, vec![first, stamp(2, &[2])], &[1, 2]);
    let (name, value) = property("got_revision", "abc", "git");
    let (again, other) = property("count", 77, "step");
    let (build, end) = (BuildId(1), at(300));
    let state = |text: &str| text.to_owned();
    let done = |step, results| Transition::StepFinished {
        step: StepId(step),
        at: end,
        results,
        state: state("over"),
        facts: Default::default(),
    };
    vec![
        configuration(),
        vec![Transition::ChangeAdded(change(1)), Transition::ChangeAdded(change(2))],
        vec![Transition::SourceRemembers { source: "r".to_owned(), memory: "{\"head\": 1}".to_owned() }],
        vec![Transition::SetFiled { set, requests: vec![request(1, 1, 1), request(2, 1, 2)] }],
        vec![leased(1, 1, 1), Transition::BuildState { build, state: state("working") }],
        vec![Transition::StepStarted { step: step(1, 1, 0), epoch: 1, logs: vec![log(1, 1, 0), log(2, 1, 1)] }],
        vec![
            Transition::PropertySet { build, name, property: value },
            Transition::PropertySet { build, name: again, property: other },
            Transition::LogSealed { log: LogId(1), lines: 3, bytes: u64::from(u32::MAX) + 5, crc32: u32::MAX },
            done(1, Results::Warnings),
            Transition::StepStarted { step: step(2, 1, 1), epoch: 1, logs: vec![log(3, 2, 0)] },
            Transition::LeaseDated { build, epoch: 1, until: Some(at(250)) },
            Transition::Refused { build, epoch: 0, at: at(251), what: state("too late") },
            Transition::StopAsked { build, reason: state("Ada wants it") },
        ],
        vec![done(2, Results::Cancelled)],
        vec![
            Transition::BuildFinished { build, epoch: 2, at: end, results: Results::Retry, state: state("lost") },
            Transition::RequestReleased { request: RequestId(1), retries: 1 },
        ],
        vec![
            Transition::RequestFinished { request: RequestId(1), at: end, results: Results::Cancelled },
            Transition::RequestFinished { request: RequestId(2), at: end, results: Results::Success },
            Transition::SetFinished { set: BuildSetId(1), at: end, results: Results::Cancelled },
        ],
        vec![
            Transition::WorkerConnected { worker: WorkerId(1), at: at(5), info: info() },
            Transition::WorkerDisconnected { worker: WorkerId(2), at: at(6) },
            Transition::WorkerPaused { worker: WorkerId(2), reason: Some(state("hot")) },
            Transition::UsualLearnt { builder: BuilderId(2), usual: model::builder::Usual::default() },
        ],
    ]
}

/// `builds` and `sets` ask for nothing but what `life` wrote.
pub(crate) async fn check_life(store: &Store, builds: &Query, sets: &Query) {
    let end = at(300);
    let mut properties = properties(1);
    properties.extend([property("got_revision", "abc", "git"), property("count", 77, "step")]);
    let expected = Build {
        lease: Lease { epoch: 2, until: None },
        state: "lost".to_owned(),
        properties,
        status: BuildStatus::Complete { at: end, results: Results::Retry },
        ..build(1, 1, 1, 1)
    };
    assert_eq!(store.build(BuildId(1)).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.build_by_number(BuilderId(1), 1).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.builds_of_change(ChangeId(2)).await.unwrap(), vec![expected.clone()]);
    assert_eq!(store.builds(builds).await.unwrap().rows, vec![expected]);
    assert_eq!(store.plan_of_build(BuildId(1)).await.unwrap(), plan());

    let set = store.set(BuildSetId(1)).await.unwrap().unwrap();
    assert_eq!(set.requests, vec![RequestId(1), RequestId(2)]);
    assert_eq!(set.properties, crate::nouns::properties(1));
    assert_eq!(set.status, BuildSetStatus::Complete { at: end, results: Results::Cancelled });
    assert_eq!(set.stamps[0].patch, Some(patch()));
    assert_eq!(set.stamps[0].changes, vec![ChangeId(1), ChangeId(2)]);
    assert_eq!(set.stamps[1], stamp(2, &[2]));
    assert_eq!(store.sets(sets).await.unwrap().rows, vec![set.clone()]);
    assert_eq!(store.stamps(&Query::default().limit(2)).await.unwrap().rows, set.stamps);
    assert_eq!(store.stamp(SourceStampId(1)).await.unwrap(), Some(set.stamps[0].clone()));
    assert_eq!(store.stamps_of_build(BuildId(1)).await.unwrap(), set.stamps);
    assert_eq!(store.changes_of_build(BuildId(1)).await.unwrap(), vec![change(1), change(2)]);
    assert_eq!(store.change(ChangeId(2)).await.unwrap(), Some(change(2)));

    let request = store.request(RequestId(1)).await.unwrap().unwrap();
    assert_eq!(request.status, RequestStatus::Complete { at: end, results: Results::Cancelled });
    assert_eq!(request.retries, 1);
    check_steps(store).await;
}

async fn check_steps(store: &Store) {
    let ended = |id: i64, number, results| model::Step {
        state: "over".to_owned(),
        status: StepStatus::Complete { at: at(300), results },
        ..step(id, 1, number)
    };
    let steps = vec![ended(1, 0, Results::Warnings), ended(2, 1, Results::Cancelled)];
    assert_eq!(store.steps_of_build(BuildId(1)).await.unwrap(), steps);
    assert_eq!(store.step(StepId(2)).await.unwrap(), Some(steps[1].clone()));
    let mut logs = vec![log(1, 1, 0), log(2, 1, 1), log(3, 2, 0)];
    logs[0].status = LogStatus::Sealed { lines: 3, bytes: u64::from(u32::MAX) + 5, crc32: u32::MAX };
    assert_eq!(store.logs_of_build(BuildId(1)).await.unwrap(), logs);
    assert_eq!(store.logs_of_step(StepId(1)).await.unwrap(), logs[..2]);
    assert_eq!(store.log(LogId(3)).await.unwrap(), Some(logs[2].clone()));
    let place = LogPlace { log: logs[2].clone(), step: steps[1].clone(), build: BuildId(1) };
    assert_eq!(store.log_place(LogId(3)).await.unwrap(), Some(place));
    let refusal = Refusal { build: BuildId(1), epoch: 0, at: at(251), what: "too late".to_owned() };
    assert_eq!(store.refusals_of_build(BuildId(1)).await.unwrap(), vec![refusal]);

    let first = store.builder_by_name("builder-1").await.unwrap().unwrap();
    assert_eq!(first, model::Builder { next_number: 2, ..builder(1) });
    let second = store.builder(BuilderId(2)).await.unwrap().unwrap();
    assert_eq!(second.usual, model::builder::Usual::default());
    let one = store.worker(WorkerId(1)).await.unwrap().unwrap();
    assert_eq!((one.connected, one.changed_at, one.paused), (true, Some(at(5)), None));
    let two = store.worker_by_name("worker-2").await.unwrap().unwrap();
    assert_eq!((two.connected, two.changed_at, two.paused.as_deref()), (false, Some(at(6)), Some("hot")));
    assert_eq!(store.source_memory("r").await.unwrap().as_deref(), Some("{\"head\": 1}"));
    assert_eq!(store.source_memory("other").await.unwrap(), None);
}

async fn a_life_is_read_back(engine: Engine) {
    let (db, store) = fresh(engine).await;
    for batch in life() {
        commit(&store, batch).await;
    }
    check_life(&store, &Query::default(), &Query::default()).await;
    store.close().await;
    check_life(&db.open().await, &Query::default(), &Query::default()).await;
}

async fn a_life_fits_into_one_batch(engine: Engine) {
    let (db, store) = fresh(engine).await;
    commit(&store, life().concat()).await;
    check_life(&store, &Query::default(), &Query::default()).await;
    // Without a farewell: what was acknowledged is there.
    drop(store);
    check_life(&db.open().await, &Query::default(), &Query::default()).await;
}

async fn what_is_not_there_is_none(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    assert_eq!(store.build(BuildId(1)).await.unwrap(), None);
    assert_eq!(store.build_by_number(BuilderId(1), 1).await.unwrap(), None);
    assert_eq!(store.plan_of_build(BuildId(1)).await.unwrap(), vec![]);
    assert_eq!(store.set(BuildSetId(1)).await.unwrap(), None);
    assert_eq!(store.stamp(SourceStampId(1)).await.unwrap(), None);
    assert_eq!(store.log_place(LogId(1)).await.unwrap(), None);
    assert_eq!(store.scheduler_by_name("nobody").await.unwrap(), None);
    assert_eq!(store.changes_of_builds(&[]).await.unwrap(), vec![]);
    store.commit(Vec::new()).await.unwrap();
}

async fn a_known_builder_keeps_its_number(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, vec![filed(1, 1), leased(1, 7, 1), filed(2, 1), leased(2, 3, 1)]).await;
    let mut changed = builder(1);
    (changed.configured, changed.description, changed.next_number) = (false, "new".to_owned(), 1);
    commit(&store, vec![Transition::BuilderKnown(changed.clone())]).await;
    changed.next_number = 8;
    assert_eq!(store.builder(BuilderId(1)).await.unwrap(), Some(changed));
}

async fn a_scheduler_remembers(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    let state = SchedulerState {
        enabled: false,
        lanes: BTreeMap::from([(String::new(), lane(&[4, 5])), ("stable".to_owned(), lane(&[]))]),
        last_fired: Some(at(9)),
        changed: true,
        trouble: Some("important raised".to_owned()),
    };
    let remembers = Transition::SchedulerRemembers { scheduler: SchedulerId(1), state: state.clone() };
    commit(&store, vec![remembers]).await;
    assert_eq!(store.scheduler(SchedulerId(1)).await.unwrap().unwrap().state, state);
}

async fn an_empty_set_is_complete_at_once(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let mut empty = set(1, vec![], &[]);
    empty.status = BuildSetStatus::Complete { at: at(1), results: Results::Success };
    commit(&store, vec![Transition::SetFiled { set: empty.clone(), requests: vec![] }]).await;
    assert_eq!(store.set(BuildSetId(1)).await.unwrap(), Some(empty));
    assert_eq!(store.snapshot().await.unwrap().sets, vec![]);
}

/// Of many that claim one request at the same time one gets it, and the others leave no trace.
async fn one_of_many_wins(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, vec![filed(1, 1)]).await;
    let mut tasks = Vec::new();
    for n in 1..=60 {
        let store = store.clone();
        let memory = Transition::SourceRemembers { source: format!("s{n}"), memory: "m".to_owned() };
        let lease = Transition::BuildLeased { build: build(n, n, 1, 1), also: Vec::new(), plan: plan() };
        tasks.push(tokio::spawn(async move { (n, store.commit(vec![memory, lease]).await) }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        let (n, outcome) = task.await.unwrap();
        match outcome {
            Ok(()) => winners.push(n),
            Err(e) => {
                assert_eq!(e, CommitError::Stale { index: 1, what: "request 1 does not wait".to_owned() });
                assert_eq!(store.source_memory(&format!("s{n}")).await.unwrap(), None);
            }
        }
    }
    assert_eq!(winners.len(), 1);
    let winner = winners[0];
    assert!(store.source_memory(&format!("s{winner}")).await.unwrap().is_some());
    let builds = store.builds(&Query::default()).await.unwrap();
    assert_eq!((builds.total, builds.rows[0].id), (1, BuildId(winner)));
    assert_eq!(store.builder(BuilderId(1)).await.unwrap().unwrap().next_number, winner + 1);
}

/// Many writers and readers at once: every acknowledged row is there, and a reader sees whole batches only.
async fn readers_see_whole_batches(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 1..=25 {
                    let id = w * 100 + n;
                    commit(&store, vec![filed(id, 1), Transition::ChangeAdded(change(id))]).await;
                }
            })
        })
        .collect();
    while !writers.iter().all(|w| w.is_finished()) {
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!(snapshot.sets.len(), snapshot.requests.len());
        assert!(snapshot.sets.iter().all(|s| s.stamps.len() == 1 && s.requests.len() == 1));
        let sets = store.sets(&Query::default()).await.unwrap();
        assert_eq!(sets.total, sets.rows.len() as u64);
    }
    assert_eq!(store.changes(&Query::default()).await.unwrap().total, 200);
    assert_eq!(store.requests(&Query::default().eq("complete", false)).await.unwrap().total, 200);
}

engines! {
    a_life_is_read_back
    a_life_fits_into_one_batch
    what_is_not_there_is_none
    a_known_builder_keeps_its_number
    a_scheduler_remembers
    an_empty_set_is_complete_at_once
    one_of_many_wins
    readers_see_whole_batches
}
