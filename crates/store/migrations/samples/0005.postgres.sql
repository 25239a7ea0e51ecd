-- A database of schema 5 as it was written, for PostgreSQL. Never changed again: see tests/store/migrations.rs.



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;


CREATE TABLE public.build_properties (
    build_id bigint NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    source text NOT NULL
);



CREATE TABLE public.builders (
    id bigint NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    tags text NOT NULL,
    configured bigint NOT NULL,
    next_number bigint NOT NULL,
    usual text NOT NULL,
    defined_at text
);



CREATE TABLE public.builds (
    id bigint NOT NULL,
    number bigint NOT NULL,
    builder_id bigint NOT NULL,
    request_id bigint NOT NULL,
    worker_id bigint NOT NULL,
    epoch bigint NOT NULL,
    lease_until bigint,
    started_at bigint NOT NULL,
    complete_at bigint,
    results bigint,
    state text NOT NULL,
    stopping text,
    plan text NOT NULL,
    properties text NOT NULL
);



CREATE TABLE public.changes (
    id bigint NOT NULL,
    received_at bigint NOT NULL,
    identity text,
    author text NOT NULL,
    committer text,
    comments text NOT NULL,
    revision text,
    branch text,
    repository text NOT NULL,
    project text NOT NULL,
    codebase text NOT NULL,
    category text,
    revlink text,
    files text NOT NULL,
    made_at bigint NOT NULL,
    properties text NOT NULL
);



CREATE TABLE public.counts (
    noun text NOT NULL,
    n bigint NOT NULL
);



CREATE TABLE public.gate_candidates (
    id bigint NOT NULL,
    gate text NOT NULL,
    number bigint NOT NULL,
    commit_name text NOT NULL,
    subject text NOT NULL,
    owner text NOT NULL,
    priority bigint NOT NULL,
    submitted_at bigint NOT NULL,
    state text NOT NULL,
    ended_at bigint,
    facts text NOT NULL
);



ALTER TABLE public.gate_candidates ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gate_candidates_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.gate_decisions (
    id bigint NOT NULL,
    gate text NOT NULL,
    number bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    candidate bigint,
    trial bigint,
    reason text NOT NULL
);



ALTER TABLE public.gate_decisions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gate_decisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.gate_trials (
    id bigint NOT NULL,
    gate text NOT NULL,
    number bigint NOT NULL,
    started_at bigint NOT NULL,
    state text NOT NULL,
    ended_at bigint,
    facts text NOT NULL
);



ALTER TABLE public.gate_trials ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gate_trials_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.gates (
    name text NOT NULL,
    turn bigint NOT NULL,
    state text NOT NULL
);



CREATE TABLE public.logs (
    id bigint NOT NULL,
    step_id bigint NOT NULL,
    number bigint NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    lines bigint,
    bytes bigint,
    crc32 bigint
);



CREATE TABLE public.outbox (
    id bigint NOT NULL,
    target text NOT NULL,
    about text NOT NULL,
    person text NOT NULL,
    build_id bigint NOT NULL,
    title text NOT NULL,
    payload text,
    created_at bigint NOT NULL,
    attempts bigint NOT NULL,
    next_try bigint,
    state text NOT NULL,
    ended_at bigint,
    trouble text
);



ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.plans (
    hash text NOT NULL,
    steps text NOT NULL
);



CREATE TABLE public.refusals (
    id bigint NOT NULL,
    build_id bigint NOT NULL,
    epoch bigint NOT NULL,
    at bigint NOT NULL,
    what text NOT NULL
);



ALTER TABLE public.refusals ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.refusals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.requests (
    id bigint NOT NULL,
    set_id bigint NOT NULL,
    builder_id bigint NOT NULL,
    priority bigint NOT NULL,
    submitted_at bigint NOT NULL,
    waited_for bigint NOT NULL,
    retries bigint NOT NULL,
    build_id bigint,
    claimed_at bigint,
    complete_at bigint,
    results bigint,
    cancel text
);



CREATE TABLE public.schedulers (
    id bigint NOT NULL,
    name text NOT NULL,
    configured bigint NOT NULL,
    enabled bigint NOT NULL,
    lanes text NOT NULL,
    last_fired bigint,
    changed bigint DEFAULT 0 NOT NULL,
    trouble text
);



CREATE TABLE public.schema_version (
    version bigint NOT NULL
);



CREATE TABLE public.sets (
    id bigint NOT NULL,
    reason text NOT NULL,
    scheduler text NOT NULL,
    external_id text,
    submitted_at bigint NOT NULL,
    properties text NOT NULL,
    rebuilt bigint,
    complete_at bigint,
    results bigint,
    parent_build bigint,
    parent_step bigint,
    parent_waits text
);



CREATE TABLE public.source_memory (
    source text NOT NULL,
    memory text NOT NULL
);



CREATE TABLE public.stamp_changes (
    stamp_id bigint NOT NULL,
    "position" bigint NOT NULL,
    change_id bigint NOT NULL
);



CREATE TABLE public.stamps (
    id bigint NOT NULL,
    set_id bigint NOT NULL,
    "position" bigint NOT NULL,
    repository text NOT NULL,
    branch text,
    revision text,
    project text NOT NULL,
    codebase text NOT NULL,
    created_at bigint NOT NULL,
    patch_level bigint,
    patch_subdir text,
    patch_author text,
    patch_comment text,
    patch_body bytea
);



CREATE TABLE public.steps (
    id bigint NOT NULL,
    build_id bigint NOT NULL,
    number bigint NOT NULL,
    name text NOT NULL,
    started_at bigint NOT NULL,
    state text NOT NULL,
    complete_at bigint,
    results bigint,
    facts text
);



CREATE TABLE public.test_items (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    test text NOT NULL COLLATE pg_catalog."C",
    path text NOT NULL COLLATE pg_catalog."C",
    phase text NOT NULL,
    status text NOT NULL,
    class text NOT NULL,
    flaky bigint NOT NULL,
    quarantined bigint NOT NULL,
    started_at bigint,
    ended_at bigint,
    duration bigint,
    facts text NOT NULL
);



ALTER TABLE public.test_items ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.test_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);



CREATE TABLE public.test_next (
    run bigint NOT NULL
);



CREATE TABLE public.test_rolls (
    builder_id bigint NOT NULL,
    branch text NOT NULL,
    step text NOT NULL,
    number bigint NOT NULL,
    build_id bigint NOT NULL,
    tests bytea NOT NULL
);



CREATE TABLE public.test_runs (
    id bigint NOT NULL,
    area text NOT NULL COLLATE pg_catalog."C",
    target text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL,
    state text NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    locked bigint NOT NULL,
    kept bigint NOT NULL,
    totals text NOT NULL,
    facts text NOT NULL
);



CREATE TABLE public.workers (
    id bigint NOT NULL,
    name text NOT NULL,
    configured bigint NOT NULL,
    connected bigint NOT NULL,
    changed_at bigint,
    paused text,
    info text NOT NULL
);



INSERT INTO public.build_properties VALUES (1, 'got_revision', '"abc"', 'git');
INSERT INTO public.build_properties VALUES (1, 'count', '77', 'step');
INSERT INTO public.build_properties VALUES (10, 'late', '5', 'step');



INSERT INTO public.builders VALUES (1, 'builder-1', 'what it is for', '["fast","tag-1"]', 1, 2, '{"build":9000000,"steps":{"make":7000000},"build_spread":null,"spread":{}}', '{"file":"master.star","line":3,"column":1}');
INSERT INTO public.builders VALUES (2, 'builder-2', 'what it is for', '["fast","tag-2"]', 1, 2, '{"build":null,"steps":{},"build_spread":null,"spread":{}}', '{"file":"master.star","line":3,"column":1}');
INSERT INTO public.builders VALUES (3, 'builder-3', 'what it is for', '["fast","tag-3"]', 1, 3, '{"build":9000000,"steps":{"make":7000000},"build_spread":2000000,"spread":{"make":1000000}}', '{"file":"master.star","line":3,"column":1}');



INSERT INTO public.builds VALUES (1, 1, 1, 1, 1, 2, NULL, 1790000101250000, 1790000300250000, 5, 'lost', 'Ada wants it', '1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332', '{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO public.builds VALUES (10, 1, 2, 10, 1, 1, NULL, 1790000110250000, NULL, NULL, 'starting', 'enough', '1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332', '{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO public.builds VALUES (40, 1, 3, 41, 1, 1, NULL, 1790000140250000, NULL, NULL, 'starting', NULL, 'dde1507b5b36b38cf8fd46da01ac122f656eabb3ce792c29d77535b2d1952df6', '{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO public.builds VALUES (45, 2, 3, 45, 1, 1, NULL, 1790000145250000, NULL, NULL, 'starting', NULL, '1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332', '{"branch":{"value":"main","source":"Build"},"count":{"value":2,"source":"Scheduler"}}');



INSERT INTO public.changes VALUES (1, 1790000001250000, 'e3ff39387a6aee83dfed0e1db9c2ae3d25eea550b912b97f752329b709cc5351', 'Ada <ada@example.org>', 'Bob', 'Change number 1

In two parts.', '0000000000000000000000000000000000000001', 'main', 'https://example.org/r.git', 'p', '', 'c', 'https://example.org/c', '["src/a.c","doc/1.txt"]', 1789999996250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO public.changes VALUES (2, 1790000002250000, 'd804c4c5c4d233a2ce0a21011b21792ec90ef2dbf05d42684ac255f3df556c74', 'Ada <ada@example.org>', 'Bob', 'Change number 2

In two parts.', '0000000000000000000000000000000000000002', 'main', 'https://example.org/r.git', 'p', '', 'c', 'https://example.org/c', '["src/a.c","doc/2.txt"]', 1789999997250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":2,"source":"Scheduler"}}');
INSERT INTO public.changes VALUES (40, 1790000040250000, '4f18074d6115b5d35d846f02112d973fe97e4c9b2aa3ce78cd60344f6e3de6fa', 'Ada <ada@example.org>', 'Bob', 'Change number 40

In two parts.', '0000000000000000000000000000000000000028', 'main', 'https://example.org/r.git', 'p', '', 'c', 'https://example.org/c', '["src/a.c","doc/40.txt"]', 1790000035250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":40,"source":"Scheduler"}}');
INSERT INTO public.changes VALUES (41, 1790000041250000, '867c128f5ea22b83f822508d2499b3ccac30ddd79b8d544c56c4b242e7e9aef4', 'Ada <ada@example.org>', 'Bob', 'Change number 41

In two parts.', '0000000000000000000000000000000000000029', 'main', 'https://example.org/r.git', 'p', '', 'c', 'https://example.org/c', '["src/a.c","doc/41.txt"]', 1790000036250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":41,"source":"Scheduler"}}');



INSERT INTO public.counts VALUES ('changes', 4);
INSERT INTO public.counts VALUES ('builds', 4);
INSERT INTO public.counts VALUES ('steps', 7);
INSERT INTO public.counts VALUES ('requests', 11);
INSERT INTO public.counts VALUES ('sets', 10);
INSERT INTO public.counts VALUES ('stamps', 11);



INSERT INTO public.gate_candidates OVERRIDING SYSTEM VALUE VALUES (2, 'trunk', 2, '0000000000000000000000000000000000000002', 'a title with � in it', 'ada', 3, 1790000002250000, 'waiting', NULL, '{"gate":"trunk","id":2,"commit":"0000000000000000000000000000000000000002","subject":"a title with \u0000 in it","owner":"ada","commits":2,"submitted_at":1790000002250000,"priority":3,"needs":[7],"wanted":1,"approvals":["bob"],"status":"waiting"}');
INSERT INTO public.gate_candidates OVERRIDING SYSTEM VALUE VALUES (1, 'trunk', 1, '0000000000000000000000000000000000000001', 'a title with � in it', 'ada', 9, 1790000001250000, 'rejected', 1790000060250000, '{"gate":"trunk","id":1,"commit":"0000000000000000000000000000000000000001","subject":"a title with \u0000 in it","owner":"ada","commits":2,"submitted_at":1790000001250000,"priority":9,"needs":[7],"wanted":1,"approvals":["bob"],"status":{"ended":{"at":1790000060250000,"end":"rejected","reason":"a test failed","trial":1,"tests":["adds"],"landed":null}}}');



INSERT INTO public.gate_decisions OVERRIDING SYSTEM VALUE VALUES (1, 'trunk', 1, 1790000001250000, 'submitted', 1, NULL, 'by ada');
INSERT INTO public.gate_decisions OVERRIDING SYSTEM VALUE VALUES (2, 'trunk', 2, 1790000002250000, 'submitted', 2, NULL, 'by ada');
INSERT INTO public.gate_decisions OVERRIDING SYSTEM VALUE VALUES (3, 'trunk', 3, 1790000003250000, 'submitted', NULL, NULL, 'by ada');



INSERT INTO public.gate_trials OVERRIDING SYSTEM VALUE VALUES (1, 'trunk', 1, 1790000005250000, 'red', 1790000050250000, '{"gate":"trunk","id":1,"on":"ffffffffffffffffffffffffffffffffffffffff","members":[1,2],"purpose":"first in the line","commit":null,"tasks":["all"],"sets":[4],"attempts":1,"started_at":1790000005250000,"status":"red","ended_at":1790000050250000,"reason":"","tests":[]}');



INSERT INTO public.gates VALUES ('trunk', 2, 'state 2');



INSERT INTO public.logs VALUES (2, 1, 1, 'log-1', 'log_1', NULL, NULL, NULL);
INSERT INTO public.logs VALUES (1, 1, 0, 'log-0', 'log_0', 3, 4294967300, 4294967295);
INSERT INTO public.logs VALUES (3, 2, 0, 'log-0', 'log_0', NULL, NULL, NULL);
INSERT INTO public.logs VALUES (11, 11, 0, 'log-0', 'log_0', 1, 2, 3);
INSERT INTO public.logs VALUES (12, 12, 0, 'log-0', 'log_0', NULL, NULL, NULL);



INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (2, 'mail', 'build 10', 'ada@example.org', 10, 'of build 10', 'dear�you', 1790000010250000, 0, NULL, 'waiting', NULL, NULL);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (3, 'mail', 'build 10', 'eve', 10, 'of build 10', NULL, 1790000010250000, 0, NULL, 'given up', 1790000900250000, 'no address');
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (4, 'http', 'due 10', '', 10, '', NULL, 1790000010250000, 0, NULL, 'due', NULL, NULL);



INSERT INTO public.plans VALUES ('1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332', '[{"name":"make","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"test","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Script":"make test"},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}}]');
INSERT INTO public.plans VALUES ('dde1507b5b36b38cf8fd46da01ac122f656eabb3ce792c29d77535b2d1952df6', '[{"name":"make","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"test","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Script":"make test"},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"more","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}}]');



INSERT INTO public.refusals OVERRIDING SYSTEM VALUE VALUES (1, 1, 0, 1790000251250000, 'too late');



INSERT INTO public.requests VALUES (1, 1, 1, 1, 1790000001250000, 0, 1, NULL, NULL, 1790000300250000, 6, NULL);
INSERT INTO public.requests VALUES (2, 1, 2, 2, 1790000002250000, 1, 0, NULL, NULL, 1790000300250000, 0, NULL);
INSERT INTO public.requests VALUES (11, 11, 2, 2, 1790000011250000, 0, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (10, 10, 2, 1, 1790000010250000, 1, 0, 10, 1790000110250000, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (41, 41, 3, 2, 1790000041250000, 0, 0, 40, 1790000140250000, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (40, 40, 3, 1, 1790000040250000, 1, 0, 40, 1790000140250000, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (43, 43, 3, 1, 1790000043250000, 0, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (42, 42, 3, 0, 1790000042250000, 1, 0, NULL, NULL, 1790000350250000, 6, 'Ada: not now');
INSERT INTO public.requests VALUES (44, 44, 3, 2, 1790000044250000, 1, 0, NULL, NULL, 1790000350250000, 6, 'Ada: not now');
INSERT INTO public.requests VALUES (45, 45, 3, 0, 1790000045250000, 0, 0, 45, 1790000145250000, NULL, NULL, NULL);
INSERT INTO public.requests VALUES (46, 46, 3, 1, 1790000046250000, 1, 0, NULL, NULL, 1790000350250000, 6, 'Ada: not now');



INSERT INTO public.schedulers VALUES (1, 'scheduler-1', 1, 1, '{"main":{"changes":[2],"fire_at":1790000060250000}}', 1790000002250000, 0, NULL);
INSERT INTO public.schedulers VALUES (2, 'scheduler-2', 1, 1, '{}', 1790000007250000, 1, 'it raised');



INSERT INTO public.schema_version VALUES (5);



INSERT INTO public.sets VALUES (1, 'because of 1', 'quick', 'external-1', 1790000001250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}', NULL, 1790000300250000, 6, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (10, 'because of 10', 'quick', 'external-10', 1790000010250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":10,"source":"Scheduler"}}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (11, 'because of 11', 'quick', 'external-11', 1790000011250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":11,"source":"Scheduler"}}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (40, 'because of 40', 'quick', 'external-40', 1790000040250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":40,"source":"Scheduler"}}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (41, 'because of 41', 'quick', 'external-41', 1790000041250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":41,"source":"Scheduler"}}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (43, 'because of 43', 'quick', 'external-43', 1790000043250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":43,"source":"Scheduler"}}', NULL, NULL, NULL, 40, 41, 'for_end');
INSERT INTO public.sets VALUES (42, 'because of 42', 'quick', 'external-42', 1790000042250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":42,"source":"Scheduler"}}', NULL, 1790000350250000, 6, 40, 41, 'for_result');
INSERT INTO public.sets VALUES (44, 'because of 44', 'quick', 'external-44', 1790000044250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":44,"source":"Scheduler"}}', NULL, 1790000350250000, 6, 40, 41, 'not');
INSERT INTO public.sets VALUES (45, 'because of 45', 'quick', 'external-45', 1790000045250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":45,"source":"Scheduler"}}', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.sets VALUES (46, 'because of 46', 'quick', 'external-46', 1790000046250000, '{"branch":{"value":"main","source":"Build"},"count":{"value":46,"source":"Scheduler"}}', NULL, 1790000350250000, 6, 45, 45, 'for_result');



INSERT INTO public.source_memory VALUES ('r', '{"head": 1}');



INSERT INTO public.stamp_changes VALUES (1, 0, 1);
INSERT INTO public.stamp_changes VALUES (1, 1, 2);
INSERT INTO public.stamp_changes VALUES (2, 0, 2);
INSERT INTO public.stamp_changes VALUES (40, 0, 40);
INSERT INTO public.stamp_changes VALUES (41, 0, 41);



INSERT INTO public.stamps VALUES (1, 1, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-1', 1790000001250000, 1, 'sub', 'Ada', 'try it', '\x2d2d2d20610a2b2b2b20620aff000a');
INSERT INTO public.stamps VALUES (2, 1, 1, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-2', 1790000002250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (10, 10, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-10', 1790000010250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (11, 11, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-11', 1790000011250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (40, 40, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-40', 1790000040250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (41, 41, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-41', 1790000041250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (42, 42, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-42', 1790000042250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (43, 43, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-43', 1790000043250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (44, 44, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-44', 1790000044250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (45, 45, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-45', 1790000045250000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.stamps VALUES (46, 46, 0, 'https://example.org/r.git', 'main', NULL, 'p', 'codebase-46', 1790000046250000, NULL, NULL, NULL, NULL, NULL);



INSERT INTO public.steps VALUES (1, 1, 0, 'step-0', 1790000201250000, 'over', 1790000300250000, 1, NULL);
INSERT INTO public.steps VALUES (2, 1, 1, 'step-1', 1790000202250000, 'over', 1790000300250000, 6, NULL);
INSERT INTO public.steps VALUES (11, 10, 0, 'step-0', 1790000211250000, 'over', 1790000400250000, 1, NULL);
INSERT INTO public.steps VALUES (12, 10, 1, 'step-1', 1790000212250000, 'running', NULL, NULL, NULL);
INSERT INTO public.steps VALUES (40, 40, 0, 'step-0', 1790000240250000, 'over', 1790000300250000, 1, '{"hidden":true,"urls":[["report","https://example.org/\"hidden\":true,"]],"warnings":7,"tests":{"passed":3,"failed":1,"errors":0,"skipped":0,"expected_failures":0,"unexpected_successes":0,"bad":[{"name":"suite::case \"x\"","outcome":"failed","duration":12000,"message":"expected\n1"}]}}');
INSERT INTO public.steps VALUES (41, 40, 1, 'step-1', 1790000241250000, 'running', NULL, NULL, NULL);
INSERT INTO public.steps VALUES (45, 45, 0, 'step-0', 1790000245250000, 'over', 1790000300250000, 1, '{"hidden":false,"urls":[["report","https://example.org/\"hidden\":true,"]],"warnings":7,"tests":{"passed":3,"failed":1,"errors":0,"skipped":0,"expected_failures":0,"unexpected_successes":0,"bad":[{"name":"suite::case \"x\"","outcome":"failed","duration":12000,"message":"expected\n1"}]}}');



INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (1, 1, 'build', 'z', 'NOT_STARTED', 'n/a', 'neutral', 0, 0, NULL, NULL, NULL, '{"run":1,"test":"build","path":"z","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (3, 1, 'configure', '', 'NOT_STARTED', 'n/a', 'neutral', 0, 0, NULL, NULL, NULL, '{"run":1,"test":"configure","path":"","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (2, 1, 'build', 'a', 'COMPLETED', 'FAIL', 'bad', 1, 1, 1790000010250000, 1790000014250000, 3000000, '{"run":1,"test":"build","path":"a","phase":"COMPLETED","status":"FAIL","class":"bad","comment":"make ended with 2","flaky":true,"quarantined":"bob","host":"localhost","directory":"/runs/build/a","log":"make.log","attempts":[{"number":1,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"ABORT","comment":"make ended with 2","directory":"/runs/build/a/1","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}},{"number":2,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"FAIL","comment":"make ended with 2","directory":"/runs/build/a/2","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}}],"steps":[{"attempt":2,"name":"make","status":"FAIL","exit":2,"began":1790000011250000,"ended":1790000014250000,"log":"make.log","comment":""}],"data":[{"category":"size","variable":"lib","value":"120","expected":"100","tolerance":"","units":"","comment":"","status":"","kind":"","within":false}],"started_at":1790000010250000,"ended_at":1790000014250000,"duration":3000000}');
INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (5, 2, 'build', 'a', 'NOT_STARTED', 'n/a', 'neutral', 0, 0, NULL, NULL, NULL, '{"run":2,"test":"build","path":"a","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (6, 2, 'build', 'z', 'NOT_STARTED', 'n/a', 'neutral', 0, 0, NULL, NULL, NULL, '{"run":2,"test":"build","path":"z","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO public.test_items OVERRIDING SYSTEM VALUE VALUES (7, 3, 'build', 'a', 'COMPLETED', 'FAIL', 'bad', 1, 1, 1790000010250000, 1790000014250000, 3000000, '{"run":3,"test":"build","path":"a","phase":"COMPLETED","status":"FAIL","class":"bad","comment":"make ended with 2","flaky":true,"quarantined":"bob","host":"localhost","directory":"/runs/build/a","log":"make.log","attempts":[{"number":1,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"ABORT","comment":"make ended with 2","directory":"/runs/build/a/1","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}},{"number":2,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"FAIL","comment":"make ended with 2","directory":"/runs/build/a/2","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}}],"steps":[{"attempt":2,"name":"make","status":"FAIL","exit":2,"began":1790000011250000,"ended":1790000014250000,"log":"make.log","comment":""}],"data":[{"category":"size","variable":"lib","value":"120","expected":"100","tolerance":"","units":"","comment":"","status":"","kind":"","within":false}],"started_at":1790000010250000,"ended_at":1790000014250000,"duration":3000000}');



INSERT INTO public.test_next VALUES (4);



INSERT INTO public.test_rolls VALUES (1, 'main', 'test', 1, 39, '\x0001726f6c6c206f662031');



INSERT INTO public.test_runs VALUES (1, 'zlib', 'linux/gcc', 'monday', 'ada', 'red', 1790000100250000, 1790000150250000, 1, 1, '{"total":3,"waiting":0,"running":0,"by_status":[{"word":"FAIL","class":"bad","count":1}],"bad":1,"quarantined":0,"flaky":0}', '{"id":1,"area":"zlib","target":"linux/gcc","fields":["OS","CC"],"name":"monday","owner":"ada","patterns":"%","started_at":1790000100250000,"ended_at":1790000150250000,"state":"red","locked":true,"kept":true,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":0,"running":0,"by_status":[{"word":"FAIL","class":"bad","count":1}],"bad":1,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');
INSERT INTO public.test_runs VALUES (2, 'zlib', 'linux/gcc', 'tuesday', 'ada', 'running', 1790000200250000, NULL, 0, 0, '{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0}', '{"id":2,"area":"zlib","target":"linux/gcc","fields":["OS","CC"],"name":"tuesday","owner":"ada","patterns":"%","started_at":1790000200250000,"ended_at":null,"state":"running","locked":false,"kept":false,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');
INSERT INTO public.test_runs VALUES (3, 'zlib', 'mac/clang', 'monday', 'ada', 'running', 1790000300250000, NULL, 0, 0, '{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0}', '{"id":3,"area":"zlib","target":"mac/clang","fields":["OS","CC"],"name":"monday","owner":"ada","patterns":"%","started_at":1790000300250000,"ended_at":null,"state":"running","locked":false,"kept":false,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');



INSERT INTO public.workers VALUES (1, 'worker-1', 1, 1, 1790000005250000, NULL, '{"admin":"Ada <ada@example.org>","host":"a box","version":"0.1.0","system":"linux x86_64","cpus":2}');
INSERT INTO public.workers VALUES (2, 'worker-2', 1, 0, 1790000006250000, 'hot', '{"admin":"Ada <ada@example.org>","host":"a box","version":"0.1.0","system":"linux x86_64","cpus":2}');



SELECT pg_catalog.setval('public.gate_candidates_id_seq', 3, true);



SELECT pg_catalog.setval('public.gate_decisions_id_seq', 3, true);



SELECT pg_catalog.setval('public.gate_trials_id_seq', 2, true);



SELECT pg_catalog.setval('public.outbox_id_seq', 4, true);



SELECT pg_catalog.setval('public.refusals_id_seq', 1, true);



SELECT pg_catalog.setval('public.test_items_id_seq', 7, true);



ALTER TABLE ONLY public.build_properties
    ADD CONSTRAINT build_properties_pkey PRIMARY KEY (build_id, name);



ALTER TABLE ONLY public.builders
    ADD CONSTRAINT builders_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.builds
    ADD CONSTRAINT builds_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.counts
    ADD CONSTRAINT counts_pkey PRIMARY KEY (noun);



ALTER TABLE ONLY public.gate_candidates
    ADD CONSTRAINT gate_candidates_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.gate_decisions
    ADD CONSTRAINT gate_decisions_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.gate_trials
    ADD CONSTRAINT gate_trials_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (hash);



ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT refusals_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.schedulers
    ADD CONSTRAINT schedulers_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.sets
    ADD CONSTRAINT sets_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.source_memory
    ADD CONSTRAINT source_memory_pkey PRIMARY KEY (source);



ALTER TABLE ONLY public.stamp_changes
    ADD CONSTRAINT stamp_changes_pkey PRIMARY KEY (stamp_id, "position");



ALTER TABLE ONLY public.stamps
    ADD CONSTRAINT stamps_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.test_items
    ADD CONSTRAINT test_items_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.test_runs
    ADD CONSTRAINT test_runs_pkey PRIMARY KEY (id);



ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);



CREATE UNIQUE INDEX builders_name ON public.builders USING btree (name);



CREATE INDEX builds_complete ON public.builds USING btree (complete_at NULLS FIRST, id);



CREATE INDEX builds_good ON public.builds USING btree (builder_id, number) WHERE (results <= 1);



CREATE UNIQUE INDEX builds_number ON public.builds USING btree (builder_id, number);



CREATE INDEX builds_request ON public.builds USING btree (request_id);



CREATE INDEX builds_started ON public.builds USING btree (started_at, id);



CREATE INDEX builds_worker ON public.builds USING btree (worker_id, id);



CREATE UNIQUE INDEX changes_identity ON public.changes USING btree (identity);



CREATE INDEX changes_made ON public.changes USING btree (made_at, id);



CREATE INDEX gate_candidates_ended ON public.gate_candidates USING btree (gate, ended_at);



CREATE UNIQUE INDEX gate_candidates_number ON public.gate_candidates USING btree (gate, number);



CREATE INDEX gate_decisions_candidate ON public.gate_decisions USING btree (gate, candidate);



CREATE UNIQUE INDEX gate_decisions_number ON public.gate_decisions USING btree (gate, number);



CREATE UNIQUE INDEX gate_trials_number ON public.gate_trials USING btree (gate, number);



CREATE UNIQUE INDEX gates_name ON public.gates USING btree (name);



CREATE UNIQUE INDEX logs_step ON public.logs USING btree (step_id, number);



CREATE INDEX outbox_ended ON public.outbox USING btree (ended_at) WHERE (ended_at IS NOT NULL);



CREATE INDEX outbox_given_up ON public.outbox USING btree (target) WHERE (state = 'given up'::text);



CREATE UNIQUE INDEX outbox_key ON public.outbox USING btree (target, about, person);



CREATE INDEX outbox_open ON public.outbox USING btree (target, state, id) WHERE (ended_at IS NULL);



CREATE INDEX refusals_build ON public.refusals USING btree (build_id, id);



CREATE INDEX requests_build ON public.requests USING btree (build_id) WHERE (build_id IS NOT NULL);



CREATE INDEX requests_builder ON public.requests USING btree (builder_id, id);



CREATE INDEX requests_open ON public.requests USING btree (id) WHERE (complete_at IS NULL);



CREATE INDEX requests_set ON public.requests USING btree (set_id, id);



CREATE UNIQUE INDEX schedulers_name ON public.schedulers USING btree (name);



CREATE INDEX sets_open ON public.sets USING btree (id) WHERE (complete_at IS NULL);



CREATE INDEX sets_parent ON public.sets USING btree (parent_build, parent_step) WHERE (parent_build IS NOT NULL);



CREATE INDEX stamp_changes_change ON public.stamp_changes USING btree (change_id, stamp_id);



CREATE UNIQUE INDEX stamps_set ON public.stamps USING btree (set_id, "position");



CREATE UNIQUE INDEX steps_build ON public.steps USING btree (build_id, number);



CREATE INDEX test_items_history ON public.test_items USING btree (test, path, run_id);



CREATE UNIQUE INDEX test_items_name ON public.test_items USING btree (run_id, test, path);



CREATE INDEX test_items_run ON public.test_items USING btree (run_id, id);



CREATE INDEX test_rolls_number ON public.test_rolls USING btree (builder_id, number);



CREATE UNIQUE INDEX test_rolls_step ON public.test_rolls USING btree (builder_id, branch, step, number);



CREATE UNIQUE INDEX test_runs_name ON public.test_runs USING btree (area, target, name);



CREATE INDEX test_runs_started ON public.test_runs USING btree (started_at, id);



CREATE INDEX test_runs_target ON public.test_runs USING btree (area, target, started_at, id);



CREATE UNIQUE INDEX workers_name ON public.workers USING btree (name);




