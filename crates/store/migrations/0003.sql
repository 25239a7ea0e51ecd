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
