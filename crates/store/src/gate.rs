//! Gates: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{CandidateStatus, GateCandidate, GateDecision, GateTrial, GateTurn, Page, Query};

/// The column that holds all of a candidate or a trial.
pub(crate) const FACTS: &str = "facts";

/// The columns of a decision.
pub(crate) const DECISION: &str = "gate, number, at, kind, candidate, trial, reason";

const CANDIDATES: Table = Table {
    name: "gate_candidates",
    columns: FACTS,
    counted: None,
    fields: &[
        field("gate", Kind::Text("gate")),
        field("candidateid", Kind::Int("number")),
        field("commit", Kind::Text("commit_name")),
        field("subject", Kind::Text("subject")),
        field("owner", Kind::Text("owner")),
        field("priority", Kind::Int("priority")),
        field("submitted_at", Kind::Time("submitted_at")),
        field("state", Kind::Text("state")),
        field("ended_at", Kind::MaybeTime("ended_at")),
    ],
};

const TRIALS: Table = Table {
    name: "gate_trials",
    columns: FACTS,
    counted: None,
    fields: &[
        field("gate", Kind::Text("gate")),
        field("trialid", Kind::Int("number")),
        field("started_at", Kind::Time("started_at")),
        field("state", Kind::Text("state")),
        field("ended_at", Kind::MaybeTime("ended_at")),
    ],
};

const DECISIONS: Table = Table {
    name: "gate_decisions",
    columns: DECISION,
    counted: None,
    fields: &[
        field("gate", Kind::Text("gate")),
        field("number", Kind::Int("number")),
        field("at", Kind::Time("at")),
        field("kind", Kind::Text("kind")),
        field("candidate", Kind::MaybeInt("candidate")),
        field("trial", Kind::MaybeInt("trial")),
    ],
};

pub(crate) fn read_candidate(row: Row) -> Answer<GateCandidate> {
    Cells::new("gate_candidates", row).json()
}

pub(crate) fn read_trial(row: Row) -> Answer<GateTrial> {
    Cells::new("gate_trials", row).json()
}

pub(crate) fn read_decision(row: Row) -> Answer<GateDecision> {
    let mut cells = Cells::new("gate_decisions", row);
    Ok(GateDecision {
        gate: cells.text()?,
        number: cells.int()?,
        at: cells.time()?,
        kind: cells.text()?,
        candidate: cells.maybe_int()?,
        trial: cells.maybe_int()?,
        reason: cells.text()?,
    })
}

impl Ops {
    pub(crate) fn keep_gate(&mut self, turn: GateTurn) {
        let GateTurn { gate, turn, state, candidates, trials, decisions } = turn;
        let guard = ("turn", turn, "is not the next of its gate");
        if turn == 1 {
            self.guarded(
                "INSERT INTO gates (name, turn, state) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                vec![V::text(gate), turn.into(), V::text(state)],
                guard,
            );
        } else {
            self.guarded(
                "UPDATE gates SET turn = $1, state = $2 WHERE name = $3 AND turn + 1 = $1",
                vec![turn.into(), V::text(state), V::text(gate)],
                guard,
            );
        }
        candidates.into_iter().for_each(|candidate| self.keep_candidate(candidate));
        trials.into_iter().for_each(|trial| self.keep_trial(trial));
        decisions.into_iter().for_each(|decision| self.keep_decision(decision));
    }

    fn keep_candidate(&mut self, candidate: GateCandidate) {
        let ended = match &candidate.status {
            CandidateStatus::Waiting => None,
            CandidateStatus::Ended { at, .. } => Some(*at),
        };
        let facts = V::json(&candidate);
        self.push(
            "INSERT INTO gate_candidates (gate, number, commit_name, subject, owner, priority, submitted_at, state, \
             ended_at, facts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (gate, number) \
             DO UPDATE SET priority = excluded.priority, state = excluded.state, ended_at = excluded.ended_at, \
             facts = excluded.facts",
            vec![
                V::text(candidate.gate),
                candidate.id.into(),
                V::text(candidate.commit),
                V::text(candidate.subject),
                V::text(candidate.owner),
                candidate.priority.into(),
                candidate.submitted_at.into(),
                V::text(candidate.status.word()),
                ended.into(),
                facts,
            ],
        );
    }

    fn keep_trial(&mut self, trial: GateTrial) {
        let facts = V::json(&trial);
        self.push(
            "INSERT INTO gate_trials (gate, number, started_at, state, ended_at, facts) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (gate, number) \
             DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, facts = excluded.facts",
            vec![
                V::text(trial.gate),
                trial.id.into(),
                trial.started_at.into(),
                V::text(trial.status.word()),
                trial.ended_at.into(),
                facts,
            ],
        );
    }

    fn keep_decision(&mut self, decision: GateDecision) {
        let GateDecision { gate, number, at, kind, candidate, trial, reason } = decision;
        self.push(
            "INSERT INTO gate_decisions (gate, number, at, kind, candidate, trial, reason) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                V::text(gate),
                number.into(),
                at.into(),
                V::text(kind),
                candidate.into(),
                trial.into(),
                V::text(reason),
            ],
        );
    }
}

impl Store {
    /// The number of a gate's last turn, and what it knew then; `None`: it never had one.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn gate(&self, name: &str) -> Answer<Option<(i64, String)>> {
        let ask = Ask::new("SELECT turn, state FROM gates WHERE name = $1", vec![V::text(name)]);
        self.first(Asks::one(ask), |row| {
            let mut cells = Cells::new("gates", row);
            Ok((cells.int()?, cells.text()?))
        })
        .await
    }

    /// Candidates of gates.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn gate_candidates(&self, query: &Query) -> Answer<Page<GateCandidate>> {
        self.page(field::page(&CANDIDATES, query)?, read_candidate).await
    }

    /// Trials of gates.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn gate_trials(&self, query: &Query) -> Answer<Page<GateTrial>> {
        self.page(field::page(&TRIALS, query)?, read_trial).await
    }

    /// What gates heard and decided, and why.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn gate_decisions(&self, query: &Query) -> Answer<Page<GateDecision>> {
        self.page(field::page(&DECISIONS, query)?, read_decision).await
    }
}
