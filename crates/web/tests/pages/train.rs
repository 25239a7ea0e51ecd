//! A gate with a train of three, of whom one waits for an approval, and what came before; hostile words throughout.

use model::*;

pub(crate) fn spec() -> GateSpec {
    GateSpec {
        name: "trunk".to_owned(),
        repository: "https://example.org/z.git".to_owned(),
        push: "https://example.org/z.git".to_owned(),
        branch: "main".to_owned(),
        tasks: vec![GateTask {
            name: "unit".to_owned(),
            builder: "linux".to_owned(),
            after: Vec::new(),
            paths: Vec::new(),
            does: String::new(),
        }],
        slots: 4,
        approvals: 1,
        submitters: Vec::new(),
        approvers: Vec::new(),
        retries: 2,
        retries_a_day: 100,
        promise: GatePromise::Tip,
        policy: GatePolicy::Adaptive,
        poll: Span::seconds(10),
        defined_at: None,
    }
}

fn candidate(now: Time, id: i64, subject: &str, status: CandidateStatus) -> GateCandidate {
    GateCandidate {
        gate: "trunk".to_owned(),
        id,
        commit: format!("{id:x}").repeat(40),
        subject: subject.to_owned(),
        owner: "eve<img src=x>\u{202e}".to_owned(),
        commits: 1,
        submitted_at: now - Span::seconds(60 * id),
        priority: 0,
        needs: if id == 6 { vec![5] } else { Vec::new() },
        wanted: 1,
        approvals: if id == 6 { Vec::new() } else { vec!["ann".to_owned()] },
        status,
    }
}

fn trial(now: Time, id: i64, members: &[i64], status: GateTrialStatus, reason: &str) -> GateTrial {
    GateTrial {
        gate: "trunk".to_owned(),
        id,
        on: "d201f04".repeat(5),
        members: members.to_vec(),
        purpose: "as if those before it had landed".to_owned(),
        commit: Some("e".repeat(40)),
        tasks: vec!["unit".to_owned()],
        sets: vec![BuildSetId(1)],
        attempts: 1,
        started_at: now - Span::seconds(90),
        status,
        ended_at: (status != GateTrialStatus::Running).then_some(now),
        reason: reason.to_owned(),
        tests: if reason.is_empty() { Vec::new() } else { vec!["inflate<script>alert(1)</script>".to_owned()] },
    }
}

/// The gate now.
pub(crate) fn view(now: Time) -> GateView {
    let place = |id, waits: &str, trial: Option<i64>, expected| GatePlace {
        candidate: candidate(now, id, "A title with <b>marks</b> & \u{202e}signs", CandidateStatus::Waiting),
        waits: waits.to_owned(),
        trial,
        chance: trial.map(|_| 871),
        expected,
    };
    GateView {
        spec: spec(),
        tip: "d201f04".repeat(5),
        halted: None,
        trouble: None,
        landing: None,
        line: vec![
            place(4, "is tested alone in trial 7, green with 93 %", Some(7), Some(now + Span::seconds(240))),
            place(5, "is tested with 4 in trial 8, green with 87 %", Some(8), Some(now + Span::seconds(300))),
            place(6, "waits for an approval", None, None),
        ],
        trials: vec![
            trial(now, 7, &[4], GateTrialStatus::Running, ""),
            trial(now, 8, &[4, 5], GateTrialStatus::Running, ""),
            trial(now, 3, &[2], GateTrialStatus::Red, "unit failed"),
        ],
        length: Some(Span::seconds(250)),
        at: now,
    }
}

/// What the store has of it.
pub(crate) fn past(now: Time) -> Transition {
    let ended = |end, trial, landed: Option<&str>| CandidateStatus::Ended {
        at: now - Span::seconds(100),
        end,
        reason: "unit failed, and passes without it".to_owned(),
        trial,
        tests: Vec::new(),
        landed: landed.map(str::to_owned),
    };
    let decision = |number, kind: &str, candidate: Option<i64>, trial, reason: &str| GateDecision {
        gate: "trunk".to_owned(),
        number,
        at: now - Span::seconds(200 - number),
        kind: kind.to_owned(),
        candidate,
        trial,
        reason: reason.to_owned(),
    };
    Transition::GateKept(Box::new(GateTurn {
        gate: "trunk".to_owned(),
        turn: 1,
        state: "{}".to_owned(),
        candidates: vec![
            candidate(now, 1, "the first", ended(CandidateEnd::Landed, Some(1), Some("abcdef0123"))),
            candidate(now, 2, "the second", ended(CandidateEnd::Rejected, Some(3), None)),
        ],
        trials: vec![
            trial(now, 3, &[2], GateTrialStatus::Red, "unit failed"),
            trial(now, 4, &[2, 4], GateTrialStatus::Cancelled, "2 will not land, so neither will this tree"),
        ],
        decisions: vec![
            decision(1, "submitted", Some(1), None, "handed in by eve"),
            decision(2, "landed", Some(1), Some(1), "landed by trial 1"),
            decision(3, "rejected", Some(2), Some(3), "unit failed; without it trial 1 is green<img src=x>"),
            decision(4, "cancelled", None, Some(4), "2 will not land, so neither will this tree"),
        ],
    }))
}
