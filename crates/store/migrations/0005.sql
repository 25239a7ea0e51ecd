-- Schema 5: runs of tests.

-- The id of the next run: none is given twice, removed ones included.
CREATE TABLE test_next (run BIGINT NOT NULL);
INSERT INTO test_next (run) VALUES (1);

-- Runs. state: see model::testrun. totals: model::testrun::TestRunTotals. facts: model::TestRun.
CREATE TABLE test_runs (
    id {id},
    area TEXT {bytewise} NOT NULL,
    target TEXT {bytewise} NOT NULL,
    name TEXT {bytewise} NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    locked BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    totals TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX test_runs_name ON test_runs (area, target, name);
CREATE INDEX test_runs_target ON test_runs (area, target, started_at, id);
CREATE INDEX test_runs_started ON test_runs (started_at, id);

-- Items of runs, in the order in which they were known. class: 'good', 'neutral', 'bad'. duration: in microseconds.
-- facts: model::TestItem.
CREATE TABLE test_items (
    id {auto},
    run_id BIGINT NOT NULL,
    test TEXT {bytewise} NOT NULL,
    path TEXT {bytewise} NOT NULL,
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    class TEXT NOT NULL,
    flaky BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    duration BIGINT,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX test_items_name ON test_items (run_id, test, path);
CREATE INDEX test_items_run ON test_items (run_id, id);
CREATE INDEX test_items_history ON test_items (test, path, run_id);
