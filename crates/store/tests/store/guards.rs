//! Every guard: a table of stale transitions, and random batches against a slow oracle.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{
    BuildId, BuildSetId, BuilderId, LogId, Query, RequestId, RequestStatus, Results, SchedulerId, SchedulerState,
    StepId, Transition, WorkerId,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use store::CommitError;

/// A builder's build 1 that runs its step 1, build 2 that has ended, request 3 that waits.
fn town() -> Vec<Transition> {
    let mut town = configuration();
    town.push(Transition::ChangeAdded(change(1)));
    town.extend([filed(1, 1), filed(2, 1), filed(3, 1), leased(1, 1, 1), leased(2, 2, 1)]);
    town.push(Transition::StepStarted { step: step(1, 1, 0), epoch: 1, logs: vec![log(1, 1, 0)] });
    town.push(Transition::StepStarted { step: step(2, 2, 0), epoch: 1, logs: vec![log(2, 2, 0)] });
    town.push(finish_step(2));
    town.push(Transition::LogSealed { log: LogId(2), lines: 0, bytes: 0, crc32: 0 });
    town.extend(ended(2, at(9), Results::Success));
    town
}

fn finish_step(id: i64) -> Transition {
    Transition::StepFinished {
        step: StepId(id),
        at: at(9),
        results: Results::Success,
        state: String::new(),
        facts: Default::default(),
    }
}

fn finish_build(id: i64) -> Transition {
    ended(id, at(9), Results::Success).remove(0)
}

fn lease(id: i64, number: i64, request: i64) -> Transition {
    Transition::BuildLeased { build: build(id, number, 1, request), also: Vec::new(), plan: plan() }
}

/// A lease that answers other requests too.
fn along(id: i64, also: &[i64]) -> Transition {
    let also = also.iter().map(|id| RequestId(*id)).collect();
    Transition::BuildLeased { build: build(id, id, 1, id), also, plan: plan() }
}

/// A transition that must be refused, and the words.
fn stale() -> Vec<(Transition, &'static str)> {
    let mut twin = change(2);
    twin.facts = change(1).facts;
    let mut builder_twin = builder(9);
    builder_twin.name = "builder-1".to_owned();
    let start =
        |id, build, number, epoch| Transition::StepStarted { step: step(id, build, number), epoch, logs: vec![] };
    let date = |build, epoch| Transition::LeaseDated { build: BuildId(build), epoch, until: None };
    let stop = |build| Transition::StopAsked { build: BuildId(build), reason: String::new() };
    let (_, property) = model::property::property("p", 1, "s");
    vec![
        (Transition::BuilderKnown(builder_twin), "builder 9 has the name of another one"),
        (
            Transition::ChangeAdded(twin),
            "change 2 exists already, or one of its repository, branch, revision and codebase does",
        ),
        (
            Transition::ChangeAdded(change(1)),
            "change 1 exists already, or one of its repository, branch, revision and codebase does",
        ),
        (
            Transition::SchedulerRemembers { scheduler: SchedulerId(9), state: SchedulerState::default() },
            "scheduler 9 is not known",
        ),
        (filed(3, 1), "build set 3 exists already"),
        (lease(3, 3, 1), "request 1 does not wait"),
        (lease(3, 3, 2), "request 2 does not wait"),
        (lease(3, 3, 9), "request 9 does not wait"),
        (lease(1, 3, 3), "build 1 exists already, or its builder has one of its number"),
        (lease(3, 2, 3), "build 3 exists already, or its builder has one of its number"),
        (
            Transition::BuildLeased { build: build(3, 1, 9, 3), also: Vec::new(), plan: plan() },
            "builder 9 is not known",
        ),
        (date(1, 2), "build 1 does not run under this lease"),
        (date(2, 1), "build 2 does not run under this lease"),
        (stop(2), "build 2 does not run"),
        (stop(9), "build 9 does not run"),
        (start(3, 1, 1, 2), "step 3 exists already, or its build does not run under this lease"),
        (start(3, 2, 1, 1), "step 3 exists already, or its build does not run under this lease"),
        (start(1, 1, 1, 1), "step 1 exists already, or its build does not run under this lease"),
        (start(3, 1, 0, 1), "step 3 exists already, or its build does not run under this lease"),
        (finish_step(2), "step 2 does not run"),
        (finish_step(9), "step 9 does not run"),
        (Transition::LogSealed { log: LogId(2), lines: 0, bytes: 0, crc32: 0 }, "log 2 is not open"),
        (Transition::PropertySet { build: BuildId(9), name: String::new(), property }, "build 9 is not known"),
        (Transition::BuildState { build: BuildId(9), state: String::new() }, "build 9 is not known"),
        (finish_build(2), "build 2 does not run"),
        (Transition::RequestReleased { request: RequestId(3), retries: 1 }, "request 3 is not claimed"),
        (Transition::RequestReleased { request: RequestId(2), retries: 1 }, "request 2 is not claimed"),
        (ended(2, at(9), Results::Success).remove(1), "request 2 is not open"),
        (Transition::CancelAsked { request: RequestId(2), reason: String::new() }, "request 2 is not open"),
        (Transition::CancelAsked { request: RequestId(9), reason: String::new() }, "request 9 is not open"),
        (along(3, &[1]), "request 1 does not wait"),
        (along(3, &[3]), "request 3 does not wait"),
        (
            Transition::BuildPlanned { build: BuildId(1), epoch: 2, plan: plan() },
            "build 1 does not run under this lease",
        ),
        (
            Transition::BuildPlanned { build: BuildId(2), epoch: 1, plan: plan() },
            "build 2 does not run under this lease",
        ),
        (ended(2, at(9), Results::Success).remove(2), "build set 2 is not open"),
        (Transition::WorkerConnected { worker: WorkerId(9), at: at(1), info: info() }, "worker 9 is not known"),
        (Transition::WorkerDisconnected { worker: WorkerId(9), at: at(1) }, "worker 9 is not known"),
        (Transition::WorkerPaused { worker: WorkerId(9), reason: None }, "worker 9 is not known"),
        (
            Transition::UsualLearnt { builder: BuilderId(9), usual: model::builder::Usual::default() },
            "builder 9 is not known",
        ),
    ]
}

async fn a_stale_transition_fails_its_whole_batch(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, town()).await;
    let before = (store.snapshot().await.unwrap(), store.sets(&Query::default()).await.unwrap());
    for (transition, what) in stale() {
        let mark = Transition::SourceRemembers { source: "mark".to_owned(), memory: "left".to_owned() };
        let batch = vec![mark.clone(), filed(50, 1), transition.clone(), mark];
        let expected = CommitError::Stale { index: 2, what: what.to_owned() };
        assert_eq!(store.commit(batch).await, Err(expected), "{transition:?}");
        assert!(store.commit(vec![transition]).await.unwrap_err().to_string().starts_with(what));
    }
    assert_eq!(store.source_memory("mark").await.unwrap(), None);
    let after = (store.snapshot().await.unwrap(), store.sets(&Query::default()).await.unwrap());
    assert_eq!(after, before);
}

/// What the guards know, kept by hand.
#[derive(Clone, Default)]
struct Oracle {
    /// By request: `None` waits, `Some(None)` has ended, `Some(Some(build))` is claimed.
    requests: BTreeMap<i64, Option<Option<i64>>>,
    numbers: BTreeSet<i64>,
    /// By build: its epoch, and whether it runs.
    builds: BTreeMap<i64, (i64, bool)>,
    /// By step: its build, its number, and whether it runs.
    steps: BTreeMap<i64, (i64, i64, bool)>,
    sets: BTreeMap<i64, bool>,
}

impl Oracle {
    /// Takes a transition if its guard holds.
    fn take(&mut self, transition: &Transition) -> bool {
        match transition {
            Transition::SetFiled { set, .. } => {
                let new = self.sets.insert(set.id.0, true).is_none();
                self.requests.insert(set.id.0, None);
                new
            }
            Transition::BuildLeased { build, .. } => {
                let free = self.requests.get(&build.request.0) == Some(&None);
                self.requests.insert(build.request.0, Some(Some(build.id.0)));
                let new = self.builds.insert(build.id.0, (build.lease.epoch, true)).is_none();
                free && new && self.numbers.insert(build.number)
            }
            Transition::LeaseDated { build, epoch, .. } => self.builds.get(&build.0) == Some(&(*epoch, true)),
            Transition::StopAsked { build, .. } => self.builds.get(&build.0).is_some_and(|b| b.1),
            Transition::StepStarted { step, epoch, .. } => {
                let runs = self.builds.get(&step.build.0) == Some(&(*epoch, true));
                let free = !self.steps.values().any(|s| (s.0, s.1) == (step.build.0, step.number));
                runs && free && self.steps.insert(step.id.0, (step.build.0, step.number, true)).is_none()
            }
            Transition::StepFinished { step, .. } => {
                self.steps.get_mut(&step.0).is_some_and(|s| std::mem::take(&mut s.2))
            }
            Transition::BuildFinished { build, epoch, .. } => {
                self.builds.get_mut(&build.0).is_some_and(|b| std::mem::replace(b, (*epoch, false)).1)
            }
            Transition::RequestReleased { request, .. } => match self.requests.get_mut(&request.0) {
                Some(state @ Some(Some(_))) => {
                    *state = None;
                    true
                }
                _ => false,
            },
            Transition::RequestFinished { request, .. } => match self.requests.get_mut(&request.0) {
                Some(state) if *state != Some(None) => {
                    *state = Some(None);
                    true
                }
                _ => false,
            },
            Transition::SetFinished { set, .. } => self.sets.get_mut(&set.0).is_some_and(std::mem::take),
            _ => true,
        }
    }
}

/// Few ids, so that most things meet.
fn any_transition() -> impl Strategy<Value = Transition> {
    let id = || 1..5i64;
    prop_oneof![
        2 => id().prop_map(|n| filed(n, 1)),
        3 => (id(), id(), id()).prop_map(|(b, n, r)| lease(b, n, r)),
        1 => (id(), 1..3i64).prop_map(|(b, epoch)| Transition::LeaseDated {
            build: BuildId(b), epoch, until: Some(at(b))
        }),
        1 => id().prop_map(|b| Transition::StopAsked { build: BuildId(b), reason: "stop".to_owned() }),
        3 => (id(), id(), 0..2i64, 1..3i64).prop_map(|(s, b, number, epoch)| Transition::StepStarted {
            step: step(s, b, number), epoch, logs: vec![log(s, s, 0)]
        }),
        2 => id().prop_map(finish_step),
        1 => id().prop_map(finish_build),
        1 => id().prop_map(|r| Transition::RequestReleased { request: RequestId(r), retries: 1 }),
        1 => id().prop_map(|r| ended(r, at(9), Results::Failure).remove(1)),
        1 => id().prop_map(|s| ended(s, at(9), Results::Failure).remove(2)),
    ]
}

async fn random_batches_agree_with_the_oracle(engine: Engine) {
    let rounds = if engine == Engine::Sqlite { 40 } else { 12 };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let batches = prop::collection::vec(prop::collection::vec(any_transition(), 1..4), 60);
    for _ in 0..rounds {
        let (_db, store) = fresh(engine).await;
        commit(&store, configuration()).await;
        let mut oracle = Oracle::default();
        for batch in batches.new_tree(&mut runner).unwrap().current() {
            let mut next = oracle.clone();
            let refused = batch.iter().position(|t| !next.take(t));
            match (store.commit(batch.clone()).await, refused) {
                (Ok(()), None) => oracle = next,
                (Err(CommitError::Stale { index, .. }), Some(at)) => assert_eq!(index, at, "{batch:?}"),
                (outcome, refused) => panic!("{batch:?}: {outcome:?}, the oracle refuses {refused:?}"),
            }
        }
        agrees(&store, &oracle).await;
    }
}

async fn agrees(store: &store::Store, oracle: &Oracle) {
    let requests = store.requests(&Query::default()).await.unwrap().rows;
    let requests: BTreeMap<_, _> = requests.into_iter().map(|r| (r.id.0, r.status)).collect();
    assert_eq!(requests.keys().collect::<Vec<_>>(), oracle.requests.keys().collect::<Vec<_>>());
    for (id, state) in &oracle.requests {
        match (requests[id], state) {
            (RequestStatus::Waiting, None) | (RequestStatus::Complete { .. }, Some(None)) => {}
            (RequestStatus::Claimed { build, .. }, Some(Some(claimed))) => assert_eq!(build.0, *claimed),
            (status, state) => panic!("request {id} is {status:?}, and not {state:?}"),
        }
    }
    let builds = store.builds(&Query::default()).await.unwrap();
    let builds: BTreeMap<_, _> =
        builds.rows.into_iter().map(|b| (b.id.0, (b.lease.epoch, b.status.results().is_none()))).collect();
    assert_eq!(builds, oracle.builds);
    let steps = store.steps(&Query::default()).await.unwrap();
    assert_eq!(steps.total, oracle.steps.len() as u64);
    let steps: BTreeMap<_, _> =
        steps.rows.into_iter().map(|s| (s.id.0, (s.build.0, s.number, s.status.results().is_none()))).collect();
    assert_eq!(steps, oracle.steps);
    let snapshot = store.snapshot().await.unwrap();
    let open: Vec<_> = oracle.sets.iter().filter(|(_, open)| **open).map(|(id, _)| BuildSetId(*id)).collect();
    assert_eq!(snapshot.sets.iter().map(|s| s.id).collect::<Vec<_>>(), open);
    let running: Vec<_> = oracle.builds.iter().filter(|(_, b)| b.1).map(|(id, _)| *id).collect();
    assert_eq!(snapshot.builds.iter().map(|b| b.build.id.0).collect::<Vec<_>>(), running);
}

engines! {
    a_stale_transition_fails_its_whole_batch
    random_batches_agree_with_the_oracle
}
