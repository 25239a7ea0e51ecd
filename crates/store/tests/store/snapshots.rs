//! The snapshot holds everything that is open, and nothing else.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::property::property;
use model::scheduler::SchedulerState;
use model::snapshot::OpenBuild;
use model::{
    Build, BuildId, LogId, NextIds, RequestId, RequestStatus, Results, SchedulerId, Snapshot, StepId, StepStatus,
    Transition,
};
use std::collections::BTreeMap;

async fn an_empty_store_has_an_empty_snapshot(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    assert_eq!(store.snapshot().await.unwrap(), Snapshot::default());
}

async fn what_is_open_is_there_and_what_is_closed_is_not(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, (1..=5).map(|id| Transition::ChangeAdded(change(id))).collect()).await;
    let state = SchedulerState {
        lanes: BTreeMap::from([("main".to_owned(), lane(&[2, 4])), ("other".to_owned(), lane(&[4]))]),
        ..SchedulerState::default()
    };
    commit(&store, vec![Transition::SchedulerRemembers { scheduler: SchedulerId(1), state: state.clone() }]).await;
    // Set 1 has ended; set 2 has one request that ended, one that runs and one that waits.
    commit(&store, vec![filed(1, 1), leased(1, 1, 1)]).await;
    commit(&store, ended(1, at(5), Results::Success)).await;
    let open = set(2, vec![stamp(2, &[1, 3]), stamp(3, &[])], &[2, 3, 4]);
    let requests = vec![request(2, 2, 1), request(3, 2, 1), request(4, 2, 2)];
    commit(&store, vec![Transition::SetFiled { set: open.clone(), requests: requests.clone() }]).await;
    commit(&store, vec![leased(3, 2, 1), ended(2, at(7), Results::Cancelled).remove(1)]).await;
    let (name, got) = property("got_revision", "abc", "git");
    commit(
        &store,
        vec![
            Transition::StepStarted { step: step(1, 3, 0), epoch: 1, logs: vec![log(1, 1, 0)] },
            Transition::StepFinished {
                step: StepId(1),
                at: at(8),
                results: Results::Success,
                state: "good".to_owned(),
                facts: Default::default(),
            },
            Transition::LogSealed { log: LogId(1), lines: 1, bytes: 2, crc32: 3 },
            Transition::StepStarted { step: step(2, 3, 1), epoch: 1, logs: vec![log(2, 2, 0), log(3, 2, 1)] },
            Transition::PropertySet { build: BuildId(3), name: name.clone(), property: got.clone() },
            Transition::StopAsked { build: BuildId(3), reason: "enough".to_owned() },
        ],
    )
    .await;

    let mut first = step(1, 3, 0);
    first.state = "good".to_owned();
    first.status = StepStatus::Complete { at: at(8), results: Results::Success };
    let mut running: Build = build(3, 2, 1, 3);
    running.properties.insert(name, got);
    let mut requests = requests;
    requests[0].status = RequestStatus::Complete { at: at(7), results: Results::Cancelled };
    requests[1].status = RequestStatus::Claimed { at: build(3, 2, 1, 3).started_at, build: BuildId(3) };
    let expected = Snapshot {
        next: NextIds {
            change: 6,
            stamp: 4,
            set: 3,
            request: 5,
            builder: 3,
            build: 4,
            step: 3,
            log: 4,
            worker: 3,
            scheduler: 2,
        },
        builders: vec![model::Builder { next_number: 3, ..builder(1) }, builder(2)],
        workers: vec![worker(1), worker(2)],
        schedulers: vec![model::Scheduler { state, ..scheduler(1) }],
        changes: vec![change(2), change(4)],
        sets: vec![open],
        requests,
        builds: vec![OpenBuild {
            build: running,
            plan: plan(),
            steps: vec![first, step(2, 3, 1)],
            logs: vec![log(2, 2, 0), log(3, 2, 1)],
            stopping: Some("enough".to_owned()),
        }],
    };
    assert_eq!(store.snapshot().await.unwrap(), expected);
}

async fn a_released_request_waits_again(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, configuration()).await;
    commit(&store, vec![filed(1, 1), leased(1, 1, 1)]).await;
    let lost = ended(1, at(5), Results::Retry).remove(0);
    commit(&store, vec![lost, Transition::RequestReleased { request: RequestId(1), retries: 1 }]).await;
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!((snapshot.requests[0].status, snapshot.requests[0].retries), (RequestStatus::Waiting, 1));
    assert_eq!(snapshot.builds, vec![]);
    let again = Transition::BuildLeased { build: build(2, 2, 1, 1), also: Vec::new(), plan: plan() };
    commit(&store, vec![again]).await;
    assert_eq!(store.snapshot().await.unwrap().builds[0].plan, plan());
}

engines! {
    an_empty_store_has_an_empty_snapshot
    what_is_open_is_there_and_what_is_closed_is_not
    a_released_request_waits_again
}
