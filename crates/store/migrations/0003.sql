-- Schema 3: what is remembered of a branch.

-- What the tests of a step were, each by name: what the next build of the branch is held against. A row is written with
-- the step's end, and stands when its build has finished with a result of its own; those before it are forgotten then.
-- It outlives its build. tests: as formats::Roll writes it.
CREATE TABLE test_rolls (
    builder_id BIGINT NOT NULL,
    branch TEXT NOT NULL,
    step TEXT NOT NULL,
    number BIGINT NOT NULL,
    build_id BIGINT NOT NULL,
    tests {bytes} NOT NULL
);
CREATE UNIQUE INDEX test_rolls_step ON test_rolls (builder_id, branch, step, number);
CREATE INDEX test_rolls_number ON test_rolls (builder_id, number);

-- What targets are to be told, have been told, and could not be told. state: 'due', 'waiting', 'sent', 'given up'.
-- about: what a person is told of once. person: empty where a target has none, and while the row is due.
-- payload: in the target's own form; null before it is written and after it has ended.
CREATE TABLE outbox (
    id {auto},
    target TEXT NOT NULL,
    about TEXT NOT NULL,
    person TEXT NOT NULL,
    build_id BIGINT NOT NULL,
    title TEXT NOT NULL,
    payload TEXT,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_try BIGINT,
    state TEXT NOT NULL,
    ended_at BIGINT,
    trouble TEXT
);
CREATE UNIQUE INDEX outbox_key ON outbox (target, about, person);
CREATE INDEX outbox_open ON outbox (target, state, id) WHERE ended_at IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX outbox_given_up ON outbox (target) WHERE state = 'given up';
