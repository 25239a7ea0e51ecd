-- Schema 4: gates.

-- What each gate knows, after its last turn. state: in the gate's own text. turn: rises by one with each.
CREATE TABLE gates (
    name TEXT NOT NULL,
    turn BIGINT NOT NULL,
    state TEXT NOT NULL
);
CREATE UNIQUE INDEX gates_name ON gates (name);

-- What was handed in. number: within the gate. state: 'waiting' or how it ended. facts: model::GateCandidate.
CREATE TABLE gate_candidates (
    id {auto},
    gate TEXT NOT NULL,
    number BIGINT NOT NULL,
    commit_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    owner TEXT NOT NULL,
    priority BIGINT NOT NULL,
    submitted_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    ended_at BIGINT,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX gate_candidates_number ON gate_candidates (gate, number);
CREATE INDEX gate_candidates_ended ON gate_candidates (gate, ended_at);

-- Tests of trees. facts: model::GateTrial.
CREATE TABLE gate_trials (
    id {auto},
    gate TEXT NOT NULL,
    number BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    ended_at BIGINT,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX gate_trials_number ON gate_trials (gate, number);

-- What was heard and decided, and why. Rows are only ever added.
CREATE TABLE gate_decisions (
    id {auto},
    gate TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    candidate BIGINT,
    trial BIGINT,
    reason TEXT NOT NULL
);
CREATE UNIQUE INDEX gate_decisions_number ON gate_decisions (gate, number);
CREATE INDEX gate_decisions_candidate ON gate_decisions (gate, candidate);
