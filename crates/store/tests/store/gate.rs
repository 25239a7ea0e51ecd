//! Gates: a turn is kept whole or not at all, each after the one before it.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{
    BuildSetId, CandidateEnd, CandidateStatus, GateCandidate, GateDecision, GateTrial, GateTrialStatus, GateTurn,
    Query, Transition,
};
use store::{CommitError, Store};

fn candidate(id: i64) -> GateCandidate {
    GateCandidate {
        gate: "trunk".to_owned(),
        id,
        commit: format!("{id:040}"),
        subject: "a title with \0 in it".to_owned(),
        owner: "ada".to_owned(),
        commits: 2,
        submitted_at: at(id),
        priority: 3,
        needs: vec![7],
        wanted: 1,
        approvals: vec!["bob".to_owned()],
        status: CandidateStatus::Waiting,
    }
}

fn trial(id: i64) -> GateTrial {
    GateTrial {
        gate: "trunk".to_owned(),
        id,
        on: "f".repeat(40),
        members: vec![1, 2],
        purpose: "first in the line".to_owned(),
        commit: None,
        tasks: vec!["all".to_owned()],
        sets: vec![BuildSetId(4)],
        attempts: 1,
        started_at: at(5),
        status: GateTrialStatus::Running,
        ended_at: None,
        reason: String::new(),
        tests: Vec::new(),
    }
}

fn decision(number: i64, candidate: Option<i64>) -> GateDecision {
    let (gate, kind, reason) = ("trunk".to_owned(), "submitted".to_owned(), "by ada".to_owned());
    GateDecision { gate, number, at: at(number), kind, candidate, trial: None, reason }
}

fn turn(turn: i64) -> GateTurn {
    let (candidates, trials, decisions) = (Vec::new(), Vec::new(), Vec::new());
    GateTurn { gate: "trunk".to_owned(), turn, state: format!("state {turn}"), candidates, trials, decisions }
}

fn kept(turn: GateTurn) -> Transition {
    Transition::GateKept(Box::new(turn))
}

fn rejected(id: i64) -> GateCandidate {
    let status = CandidateStatus::Ended {
        at: at(60),
        end: CandidateEnd::Rejected,
        reason: "a test failed".to_owned(),
        trial: Some(1),
        tests: vec!["adds".to_owned()],
        landed: None,
    };
    GateCandidate { status, priority: 9, ..candidate(id) }
}

/// What the samples hold: two turns of a gate, one candidate that waits and one that was rejected, a trial, decisions.
pub(crate) fn turns() -> Vec<Vec<Transition>> {
    let first = GateTurn {
        candidates: vec![candidate(1), candidate(2)],
        trials: vec![trial(1)],
        decisions: vec![decision(1, Some(1)), decision(2, Some(2))],
        ..turn(1)
    };
    let red = GateTrial { status: GateTrialStatus::Red, ended_at: Some(at(50)), ..trial(1) };
    let decisions = vec![decision(3, None)];
    let second = GateTurn { candidates: vec![rejected(1)], trials: vec![red], decisions, ..turn(2) };
    vec![vec![kept(first)], vec![kept(second)]]
}

/// Everything that `turns` wrote is there.
pub(crate) async fn check_turns(store: &Store) {
    assert_eq!(store.gate("trunk").await.unwrap(), Some((2, "state 2".to_owned())));
    assert_eq!(store.gate("other").await.unwrap(), None);
    let of = |field: &str, value: &str| Query::default().eq("gate", "trunk").eq(field, value);
    let waiting = store.gate_candidates(&of("state", "waiting")).await.unwrap().rows;
    assert_eq!(waiting, [candidate(2)]);
    let ended = store.gate_candidates(&of("state", "rejected")).await.unwrap().rows;
    assert_eq!(ended, [rejected(1)]);
    let trials = store.gate_trials(&Query::default().eq("trialid", 1)).await.unwrap();
    assert_eq!((trials.rows[0].status, trials.total), (GateTrialStatus::Red, 1));
    let decisions = store.gate_decisions(&Query::default().eq("candidate", 2)).await.unwrap().rows;
    assert_eq!(decisions, [decision(2, Some(2))]);
    assert_eq!(store.gate_decisions(&Query::default()).await.unwrap().total, 3);
}

async fn a_turn_changes_rows_and_adds_decisions(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    for batch in turns() {
        commit(&store, batch).await;
    }
    check_turns(&store).await;
    let newest = Query::default().newest_first("number").limit(1);
    assert_eq!(store.gate_decisions(&newest).await.unwrap().rows, [decision(3, None)]);
    let late = Query::default().newest_first("ended_at").limit(1);
    assert_eq!(store.gate_candidates(&late).await.unwrap().rows, [rejected(1)]);
}

async fn a_turn_that_is_not_the_next_is_refused_whole(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, vec![kept(turn(1))]).await;
    for number in [1, 3] {
        let wrong = GateTurn { candidates: vec![candidate(1)], decisions: vec![decision(1, None)], ..turn(number) };
        let outcome = store.commit(vec![kept(wrong)]).await;
        assert!(matches!(outcome, Err(CommitError::Stale { .. })), "{outcome:?}");
    }
    assert_eq!(store.gate("trunk").await.unwrap(), Some((1, "state 1".to_owned())));
    assert_eq!(store.gate_candidates(&Query::default()).await.unwrap().total, 0);
    commit(&store, vec![kept(turn(2))]).await;
    // A number of a decision is given once.
    let first = GateTurn { decisions: vec![decision(1, None)], ..turn(3) };
    commit(&store, vec![kept(first)]).await;
    let again = store.commit(vec![kept(GateTurn { decisions: vec![decision(1, None)], ..turn(4) })]).await;
    assert!(again.is_err());
    assert_eq!(store.gate("trunk").await.unwrap().unwrap().0, 3);
}

engines! {
    a_turn_changes_rows_and_adds_decisions
    a_turn_that_is_not_the_next_is_refused_whole
}
