-- Schema 2: what the whole build process keeps.

-- JSON of what came of the step beside its result: warnings, tests, addresses, hidden. Null: nothing.
ALTER TABLE steps ADD COLUMN facts TEXT;

-- The step that filed the set, and what the set's result is to it: 'for_result', 'for_end', 'not'.
ALTER TABLE sets ADD COLUMN parent_build BIGINT;
ALTER TABLE sets ADD COLUMN parent_step BIGINT;
ALTER TABLE sets ADD COLUMN parent_waits TEXT;
CREATE INDEX sets_parent ON sets (parent_build, parent_step) WHERE parent_build IS NOT NULL;

-- An important change came since the scheduler last filed a set on its own.
ALTER TABLE schedulers ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

-- What a function of the scheduler's configuration did wrong when it was last asked. Null: nothing.
ALTER TABLE schedulers ADD COLUMN trouble TEXT;

-- Who wanted the request to end, and why.
ALTER TABLE requests ADD COLUMN cancel TEXT;

-- Requests that a build answers, or answered: its own, and those that came along.
CREATE INDEX requests_build ON requests (build_id) WHERE build_id IS NOT NULL;
