-- Schema 1: everything that the first release keeps.
-- Tokens in braces differ between SQLite and PostgreSQL: see src/dialect.rs.
-- Flags are 0 or 1, moments are microseconds since 1970, structured values are JSON text.

CREATE TABLE counts (
    noun TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO counts (noun, n)
VALUES ('builds', 0), ('requests', 0), ('sets', 0), ('stamps', 0), ('changes', 0), ('steps', 0);

CREATE TABLE builders (
    id {id},
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    configured BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    usual TEXT NOT NULL,
    defined_at TEXT
);
CREATE UNIQUE INDEX builders_name ON builders (name);

CREATE TABLE workers (
    id {id},
    name TEXT NOT NULL,
    configured BIGINT NOT NULL,
    connected BIGINT NOT NULL,
    changed_at BIGINT,
    paused TEXT,
    info TEXT NOT NULL
);
CREATE UNIQUE INDEX workers_name ON workers (name);

CREATE TABLE schedulers (
    id {id},
    name TEXT NOT NULL,
    configured BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    lanes TEXT NOT NULL,
    last_fired BIGINT
);
CREATE UNIQUE INDEX schedulers_name ON schedulers (name);

CREATE TABLE source_memory (
    source TEXT NOT NULL PRIMARY KEY,
    memory TEXT NOT NULL
);

-- identity: SHA-256 of repository, branch, revision and codebase; null without a revision.
CREATE TABLE changes (
    id {id},
    received_at BIGINT NOT NULL,
    identity TEXT,
    author TEXT NOT NULL,
    committer TEXT,
    comments TEXT NOT NULL,
    revision TEXT,
    branch TEXT,
    repository TEXT NOT NULL,
    project TEXT NOT NULL,
    codebase TEXT NOT NULL,
    category TEXT,
    revlink TEXT,
    files TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    properties TEXT NOT NULL
);
CREATE UNIQUE INDEX changes_identity ON changes (identity);
CREATE INDEX changes_made ON changes (made_at, id);

CREATE TABLE sets (
    id {id},
    reason TEXT NOT NULL,
    scheduler TEXT NOT NULL,
    external_id TEXT,
    submitted_at BIGINT NOT NULL,
    properties TEXT NOT NULL,
    rebuilt BIGINT,
    complete_at BIGINT,
    results BIGINT
);
CREATE INDEX sets_open ON sets (id) WHERE complete_at IS NULL;

-- A stamp belongs to one set; position is its place there.
CREATE TABLE stamps (
    id {id},
    set_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    repository TEXT NOT NULL,
    branch TEXT,
    revision TEXT,
    project TEXT NOT NULL,
    codebase TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    patch_level BIGINT,
    patch_subdir TEXT,
    patch_author TEXT,
    patch_comment TEXT,
    patch_body {bytes}
);
CREATE UNIQUE INDEX stamps_set ON stamps (set_id, position);

CREATE TABLE stamp_changes (
    stamp_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    change_id BIGINT NOT NULL,
    PRIMARY KEY (stamp_id, position)
){rowless};
CREATE INDEX stamp_changes_change ON stamp_changes (change_id, stamp_id);

-- Waiting: build_id and complete_at are null. Claimed: build_id is set. Complete: complete_at is set.
CREATE TABLE requests (
    id {id},
    set_id BIGINT NOT NULL,
    builder_id BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    submitted_at BIGINT NOT NULL,
    waited_for BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    build_id BIGINT,
    claimed_at BIGINT,
    complete_at BIGINT,
    results BIGINT
);
CREATE INDEX requests_set ON requests (set_id, id);
CREATE INDEX requests_builder ON requests (builder_id, id);
CREATE INDEX requests_open ON requests (id) WHERE complete_at IS NULL;

-- Steps of builds as they were planned, once for all builds that share them. hash: SHA-256 of the text.
CREATE TABLE plans (
    hash TEXT NOT NULL PRIMARY KEY,
    steps TEXT NOT NULL
){rowless};

CREATE TABLE builds (
    id {id},
    number BIGINT NOT NULL,
    builder_id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    worker_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until BIGINT,
    started_at BIGINT NOT NULL,
    complete_at BIGINT,
    results BIGINT,
    state TEXT NOT NULL,
    stopping TEXT,
    plan TEXT NOT NULL,
    properties TEXT NOT NULL
);
CREATE UNIQUE INDEX builds_number ON builds (builder_id, number);
CREATE INDEX builds_request ON builds (request_id);
CREATE INDEX builds_worker ON builds (worker_id, id);
CREATE INDEX builds_started ON builds (started_at, id);
-- Its nulls are the running builds.
CREATE INDEX builds_complete ON builds (complete_at {nulls_first}, id);
CREATE INDEX builds_good ON builds (builder_id, number) WHERE results <= 1;

-- Properties that a build got after its start; they go before those of the same name in builds.properties.
CREATE TABLE build_properties (
    build_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (build_id, name)
){rowless};

CREATE TABLE steps (
    id {id},
    build_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    complete_at BIGINT,
    results BIGINT
);
CREATE UNIQUE INDEX steps_build ON steps (build_id, number);

-- Open: lines, bytes and crc32 are null.
CREATE TABLE logs (
    id {id},
    step_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    lines BIGINT,
    bytes BIGINT,
    crc32 BIGINT
);
CREATE UNIQUE INDEX logs_step ON logs (step_id, number);

CREATE TABLE refusals (
    id {auto},
    build_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL
);
CREATE INDEX refusals_build ON refusals (build_id, id);
