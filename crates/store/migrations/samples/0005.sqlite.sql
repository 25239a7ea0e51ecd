-- A database of schema 5 as it was written, for SQLite. Never changed again: see tests/store/migrations.rs.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_version (version BIGINT NOT NULL);
INSERT INTO schema_version VALUES(5);
CREATE TABLE counts (
    noun TEXT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO counts VALUES('builds',4);
INSERT INTO counts VALUES('requests',11);
INSERT INTO counts VALUES('sets',10);
INSERT INTO counts VALUES('stamps',11);
INSERT INTO counts VALUES('changes',4);
INSERT INTO counts VALUES('steps',7);
CREATE TABLE builders (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    configured BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    usual TEXT NOT NULL,
    defined_at TEXT
);
INSERT INTO builders VALUES(1,'builder-1','what it is for','["fast","tag-1"]',1,2,'{"build":9000000,"steps":{"make":7000000},"build_spread":null,"spread":{}}','{"file":"master.star","line":3,"column":1}');
INSERT INTO builders VALUES(2,'builder-2','what it is for','["fast","tag-2"]',1,2,'{"build":null,"steps":{},"build_spread":null,"spread":{}}','{"file":"master.star","line":3,"column":1}');
INSERT INTO builders VALUES(3,'builder-3','what it is for','["fast","tag-3"]',1,3,'{"build":9000000,"steps":{"make":7000000},"build_spread":2000000,"spread":{"make":1000000}}','{"file":"master.star","line":3,"column":1}');
CREATE TABLE workers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    configured BIGINT NOT NULL,
    connected BIGINT NOT NULL,
    changed_at BIGINT,
    paused TEXT,
    info TEXT NOT NULL
);
INSERT INTO workers VALUES(1,'worker-1',1,1,1790000005250000,NULL,'{"admin":"Ada <ada@example.org>","host":"a box","version":"0.1.0","system":"linux x86_64","cpus":2}');
INSERT INTO workers VALUES(2,'worker-2',1,0,1790000006250000,'hot','{"admin":"Ada <ada@example.org>","host":"a box","version":"0.1.0","system":"linux x86_64","cpus":2}');
CREATE TABLE schedulers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    configured BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    lanes TEXT NOT NULL,
    last_fired BIGINT
, changed BIGINT NOT NULL DEFAULT 0, trouble TEXT);
INSERT INTO schedulers VALUES(1,'scheduler-1',1,1,'{"main":{"changes":[2],"fire_at":1790000060250000}}',1790000002250000,0,NULL);
INSERT INTO schedulers VALUES(2,'scheduler-2',1,1,'{}',1790000007250000,1,'it raised');
CREATE TABLE source_memory (
    source TEXT NOT NULL PRIMARY KEY,
    memory TEXT NOT NULL
);
INSERT INTO source_memory VALUES('r','{"head": 1}');
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
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
INSERT INTO changes VALUES(1,1790000001250000,'e3ff39387a6aee83dfed0e1db9c2ae3d25eea550b912b97f752329b709cc5351','Ada <ada@example.org>','Bob',replace('Change number 1\n\nIn two parts.','\n',char(10)),'0000000000000000000000000000000000000001','main','https://example.org/r.git','p','','c','https://example.org/c','["src/a.c","doc/1.txt"]',1789999996250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO changes VALUES(2,1790000002250000,'d804c4c5c4d233a2ce0a21011b21792ec90ef2dbf05d42684ac255f3df556c74','Ada <ada@example.org>','Bob',replace('Change number 2\n\nIn two parts.','\n',char(10)),'0000000000000000000000000000000000000002','main','https://example.org/r.git','p','','c','https://example.org/c','["src/a.c","doc/2.txt"]',1789999997250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":2,"source":"Scheduler"}}');
INSERT INTO changes VALUES(40,1790000040250000,'4f18074d6115b5d35d846f02112d973fe97e4c9b2aa3ce78cd60344f6e3de6fa','Ada <ada@example.org>','Bob',replace('Change number 40\n\nIn two parts.','\n',char(10)),'0000000000000000000000000000000000000028','main','https://example.org/r.git','p','','c','https://example.org/c','["src/a.c","doc/40.txt"]',1790000035250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":40,"source":"Scheduler"}}');
INSERT INTO changes VALUES(41,1790000041250000,'867c128f5ea22b83f822508d2499b3ccac30ddd79b8d544c56c4b242e7e9aef4','Ada <ada@example.org>','Bob',replace('Change number 41\n\nIn two parts.','\n',char(10)),'0000000000000000000000000000000000000029','main','https://example.org/r.git','p','','c','https://example.org/c','["src/a.c","doc/41.txt"]',1790000036250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":41,"source":"Scheduler"}}');
CREATE TABLE sets (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    scheduler TEXT NOT NULL,
    external_id TEXT,
    submitted_at BIGINT NOT NULL,
    properties TEXT NOT NULL,
    rebuilt BIGINT,
    complete_at BIGINT,
    results BIGINT
, parent_build BIGINT, parent_step BIGINT, parent_waits TEXT);
INSERT INTO sets VALUES(1,'because of 1','quick','external-1',1790000001250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}',NULL,1790000300250000,6,NULL,NULL,NULL);
INSERT INTO sets VALUES(10,'because of 10','quick','external-10',1790000010250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":10,"source":"Scheduler"}}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO sets VALUES(11,'because of 11','quick','external-11',1790000011250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":11,"source":"Scheduler"}}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO sets VALUES(40,'because of 40','quick','external-40',1790000040250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":40,"source":"Scheduler"}}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO sets VALUES(41,'because of 41','quick','external-41',1790000041250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":41,"source":"Scheduler"}}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO sets VALUES(42,'because of 42','quick','external-42',1790000042250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":42,"source":"Scheduler"}}',NULL,1790000350250000,6,40,41,'for_result');
INSERT INTO sets VALUES(43,'because of 43','quick','external-43',1790000043250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":43,"source":"Scheduler"}}',NULL,NULL,NULL,40,41,'for_end');
INSERT INTO sets VALUES(44,'because of 44','quick','external-44',1790000044250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":44,"source":"Scheduler"}}',NULL,1790000350250000,6,40,41,'not');
INSERT INTO sets VALUES(45,'because of 45','quick','external-45',1790000045250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":45,"source":"Scheduler"}}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO sets VALUES(46,'because of 46','quick','external-46',1790000046250000,'{"branch":{"value":"main","source":"Build"},"count":{"value":46,"source":"Scheduler"}}',NULL,1790000350250000,6,45,45,'for_result');
CREATE TABLE stamps (
    id INTEGER PRIMARY KEY,
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
    patch_body BLOB
);
INSERT INTO stamps VALUES(1,1,0,'https://example.org/r.git','main',NULL,'p','codebase-1',1790000001250000,1,'sub','Ada','try it',X'2d2d2d20610a2b2b2b20620aff000a');
INSERT INTO stamps VALUES(2,1,1,'https://example.org/r.git','main',NULL,'p','codebase-2',1790000002250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(10,10,0,'https://example.org/r.git','main',NULL,'p','codebase-10',1790000010250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(11,11,0,'https://example.org/r.git','main',NULL,'p','codebase-11',1790000011250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(40,40,0,'https://example.org/r.git','main',NULL,'p','codebase-40',1790000040250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(41,41,0,'https://example.org/r.git','main',NULL,'p','codebase-41',1790000041250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(42,42,0,'https://example.org/r.git','main',NULL,'p','codebase-42',1790000042250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(43,43,0,'https://example.org/r.git','main',NULL,'p','codebase-43',1790000043250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(44,44,0,'https://example.org/r.git','main',NULL,'p','codebase-44',1790000044250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(45,45,0,'https://example.org/r.git','main',NULL,'p','codebase-45',1790000045250000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO stamps VALUES(46,46,0,'https://example.org/r.git','main',NULL,'p','codebase-46',1790000046250000,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE stamp_changes (
    stamp_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    change_id BIGINT NOT NULL,
    PRIMARY KEY (stamp_id, position)
) WITHOUT ROWID;
INSERT INTO stamp_changes VALUES(1,0,1);
INSERT INTO stamp_changes VALUES(1,1,2);
INSERT INTO stamp_changes VALUES(2,0,2);
INSERT INTO stamp_changes VALUES(40,0,40);
INSERT INTO stamp_changes VALUES(41,0,41);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
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
, cancel TEXT);
INSERT INTO requests VALUES(1,1,1,1,1790000001250000,0,1,NULL,NULL,1790000300250000,6,NULL);
INSERT INTO requests VALUES(2,1,2,2,1790000002250000,1,0,NULL,NULL,1790000300250000,0,NULL);
INSERT INTO requests VALUES(10,10,2,1,1790000010250000,1,0,10,1790000110250000,NULL,NULL,NULL);
INSERT INTO requests VALUES(11,11,2,2,1790000011250000,0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO requests VALUES(40,40,3,1,1790000040250000,1,0,40,1790000140250000,NULL,NULL,NULL);
INSERT INTO requests VALUES(41,41,3,2,1790000041250000,0,0,40,1790000140250000,NULL,NULL,NULL);
INSERT INTO requests VALUES(42,42,3,0,1790000042250000,1,0,NULL,NULL,1790000350250000,6,'Ada: not now');
INSERT INTO requests VALUES(43,43,3,1,1790000043250000,0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO requests VALUES(44,44,3,2,1790000044250000,1,0,NULL,NULL,1790000350250000,6,'Ada: not now');
INSERT INTO requests VALUES(45,45,3,0,1790000045250000,0,0,45,1790000145250000,NULL,NULL,NULL);
INSERT INTO requests VALUES(46,46,3,1,1790000046250000,1,0,NULL,NULL,1790000350250000,6,'Ada: not now');
CREATE TABLE plans (
    hash TEXT NOT NULL PRIMARY KEY,
    steps TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO plans VALUES('1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332','[{"name":"make","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"test","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Script":"make test"},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}}]');
INSERT INTO plans VALUES('dde1507b5b36b38cf8fd46da01ac122f656eabb3ce792c29d77535b2d1952df6','[{"name":"make","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"test","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Script":"make test"},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}},{"name":"more","flags":{"halt_on_failure":true,"flunk_on_failure":true,"flunk_on_warnings":false,"warn_on_failure":false,"warn_on_warnings":true,"always_run":false},"action":{"Shell":{"command":{"Words":["make","-j2"]},"workdir":"build","env":{},"timeout":1200000000,"max_time":null,"sigterm_time":5000000,"pty":false,"log_environ":true,"want_stdout":true,"want_stderr":true,"initial_stdin":null,"log_files":[],"decode_rc":{},"reading":{"warnings":null,"tests":null,"property":null,"function":null}}},"description":"working","description_done":null,"locks":[],"do_if":null,"hide_if":null,"defined_at":{"file":"master.star","line":8,"column":1}}]');
CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
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
INSERT INTO builds VALUES(1,1,1,1,1,2,NULL,1790000101250000,1790000300250000,5,'lost','Ada wants it','1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332','{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO builds VALUES(10,1,2,10,1,1,NULL,1790000110250000,NULL,NULL,'starting','enough','1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332','{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO builds VALUES(40,1,3,41,1,1,NULL,1790000140250000,NULL,NULL,'starting',NULL,'dde1507b5b36b38cf8fd46da01ac122f656eabb3ce792c29d77535b2d1952df6','{"branch":{"value":"main","source":"Build"},"count":{"value":1,"source":"Scheduler"}}');
INSERT INTO builds VALUES(45,2,3,45,1,1,NULL,1790000145250000,NULL,NULL,'starting',NULL,'1058fa474f2b9a51c261d0b7eb32d5a0239e6cfaa7ce3aa15c4413f5864b9332','{"branch":{"value":"main","source":"Build"},"count":{"value":2,"source":"Scheduler"}}');
CREATE TABLE build_properties (
    build_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (build_id, name)
) WITHOUT ROWID;
INSERT INTO build_properties VALUES(1,'count','77','step');
INSERT INTO build_properties VALUES(1,'got_revision','"abc"','git');
INSERT INTO build_properties VALUES(10,'late','5','step');
CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    build_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    complete_at BIGINT,
    results BIGINT
, facts TEXT);
INSERT INTO steps VALUES(1,1,0,'step-0',1790000201250000,'over',1790000300250000,1,NULL);
INSERT INTO steps VALUES(2,1,1,'step-1',1790000202250000,'over',1790000300250000,6,NULL);
INSERT INTO steps VALUES(11,10,0,'step-0',1790000211250000,'over',1790000400250000,1,NULL);
INSERT INTO steps VALUES(12,10,1,'step-1',1790000212250000,'running',NULL,NULL,NULL);
INSERT INTO steps VALUES(40,40,0,'step-0',1790000240250000,'over',1790000300250000,1,'{"hidden":true,"urls":[["report","https://example.org/\"hidden\":true,"]],"warnings":7,"tests":{"passed":3,"failed":1,"errors":0,"skipped":0,"expected_failures":0,"unexpected_successes":0,"bad":[{"name":"suite::case \"x\"","outcome":"failed","duration":12000,"message":"expected\n1"}]}}');
INSERT INTO steps VALUES(41,40,1,'step-1',1790000241250000,'running',NULL,NULL,NULL);
INSERT INTO steps VALUES(45,45,0,'step-0',1790000245250000,'over',1790000300250000,1,'{"hidden":false,"urls":[["report","https://example.org/\"hidden\":true,"]],"warnings":7,"tests":{"passed":3,"failed":1,"errors":0,"skipped":0,"expected_failures":0,"unexpected_successes":0,"bad":[{"name":"suite::case \"x\"","outcome":"failed","duration":12000,"message":"expected\n1"}]}}');
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    step_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    lines BIGINT,
    bytes BIGINT,
    crc32 BIGINT
);
INSERT INTO logs VALUES(1,1,0,'log-0','log_0',3,4294967300,4294967295);
INSERT INTO logs VALUES(2,1,1,'log-1','log_1',NULL,NULL,NULL);
INSERT INTO logs VALUES(3,2,0,'log-0','log_0',NULL,NULL,NULL);
INSERT INTO logs VALUES(11,11,0,'log-0','log_0',1,2,3);
INSERT INTO logs VALUES(12,12,0,'log-0','log_0',NULL,NULL,NULL);
CREATE TABLE refusals (
    id INTEGER PRIMARY KEY,
    build_id BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL
);
INSERT INTO refusals VALUES(1,1,0,1790000251250000,'too late');
CREATE TABLE test_rolls (
    builder_id BIGINT NOT NULL,
    branch TEXT NOT NULL,
    step TEXT NOT NULL,
    number BIGINT NOT NULL,
    build_id BIGINT NOT NULL,
    tests BLOB NOT NULL
);
INSERT INTO test_rolls VALUES(1,'main','test',1,39,X'0001726f6c6c206f662031');
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
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
INSERT INTO outbox VALUES(2,'mail','build 10','ada@example.org',10,'of build 10','dear�you',1790000010250000,0,NULL,'waiting',NULL,NULL);
INSERT INTO outbox VALUES(3,'mail','build 10','eve',10,'of build 10',NULL,1790000010250000,0,NULL,'given up',1790000900250000,'no address');
INSERT INTO outbox VALUES(4,'http','due 10','',10,'',NULL,1790000010250000,0,NULL,'due',NULL,NULL);
CREATE TABLE gates (
    name TEXT NOT NULL,
    turn BIGINT NOT NULL,
    state TEXT NOT NULL
);
INSERT INTO gates VALUES('trunk',2,'state 2');
CREATE TABLE gate_candidates (
    id INTEGER PRIMARY KEY,
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
INSERT INTO gate_candidates VALUES(1,'trunk',1,'0000000000000000000000000000000000000001','a title with � in it','ada',9,1790000001250000,'rejected',1790000060250000,'{"gate":"trunk","id":1,"commit":"0000000000000000000000000000000000000001","subject":"a title with \u0000 in it","owner":"ada","commits":2,"submitted_at":1790000001250000,"priority":9,"needs":[7],"wanted":1,"approvals":["bob"],"status":{"ended":{"at":1790000060250000,"end":"rejected","reason":"a test failed","trial":1,"tests":["adds"],"landed":null}}}');
INSERT INTO gate_candidates VALUES(2,'trunk',2,'0000000000000000000000000000000000000002','a title with � in it','ada',3,1790000002250000,'waiting',NULL,'{"gate":"trunk","id":2,"commit":"0000000000000000000000000000000000000002","subject":"a title with \u0000 in it","owner":"ada","commits":2,"submitted_at":1790000002250000,"priority":3,"needs":[7],"wanted":1,"approvals":["bob"],"status":"waiting"}');
CREATE TABLE gate_trials (
    id INTEGER PRIMARY KEY,
    gate TEXT NOT NULL,
    number BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    ended_at BIGINT,
    facts TEXT NOT NULL
);
INSERT INTO gate_trials VALUES(1,'trunk',1,1790000005250000,'red',1790000050250000,'{"gate":"trunk","id":1,"on":"ffffffffffffffffffffffffffffffffffffffff","members":[1,2],"purpose":"first in the line","commit":null,"tasks":["all"],"sets":[4],"attempts":1,"started_at":1790000005250000,"status":"red","ended_at":1790000050250000,"reason":"","tests":[]}');
CREATE TABLE gate_decisions (
    id INTEGER PRIMARY KEY,
    gate TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    candidate BIGINT,
    trial BIGINT,
    reason TEXT NOT NULL
);
INSERT INTO gate_decisions VALUES(1,'trunk',1,1790000001250000,'submitted',1,NULL,'by ada');
INSERT INTO gate_decisions VALUES(2,'trunk',2,1790000002250000,'submitted',2,NULL,'by ada');
INSERT INTO gate_decisions VALUES(3,'trunk',3,1790000003250000,'submitted',NULL,NULL,'by ada');
CREATE TABLE test_next (run BIGINT NOT NULL);
INSERT INTO test_next VALUES(4);
CREATE TABLE test_runs (
    id INTEGER PRIMARY KEY,
    area TEXT  NOT NULL,
    target TEXT  NOT NULL,
    name TEXT  NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    locked BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    totals TEXT NOT NULL,
    facts TEXT NOT NULL
);
INSERT INTO test_runs VALUES(1,'zlib','linux/gcc','monday','ada','red',1790000100250000,1790000150250000,1,1,'{"total":3,"waiting":0,"running":0,"by_status":[{"word":"FAIL","class":"bad","count":1}],"bad":1,"quarantined":0,"flaky":0}','{"id":1,"area":"zlib","target":"linux/gcc","fields":["OS","CC"],"name":"monday","owner":"ada","patterns":"%","started_at":1790000100250000,"ended_at":1790000150250000,"state":"red","locked":true,"kept":true,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":0,"running":0,"by_status":[{"word":"FAIL","class":"bad","count":1}],"bad":1,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');
INSERT INTO test_runs VALUES(2,'zlib','linux/gcc','tuesday','ada','running',1790000200250000,NULL,0,0,'{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0}','{"id":2,"area":"zlib","target":"linux/gcc","fields":["OS","CC"],"name":"tuesday","owner":"ada","patterns":"%","started_at":1790000200250000,"ended_at":null,"state":"running","locked":false,"kept":false,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');
INSERT INTO test_runs VALUES(3,'zlib','mac/clang','monday','ada','running',1790000300250000,NULL,0,0,'{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0}','{"id":3,"area":"zlib","target":"mac/clang","fields":["OS","CC"],"name":"monday","owner":"ada","patterns":"%","started_at":1790000300250000,"ended_at":null,"state":"running","locked":false,"kept":false,"tags":["nightly"],"comment":"with a \u0000 in it","directory":"/runs/zlib","totals":{"total":3,"waiting":2,"running":1,"by_status":[],"bad":0,"quarantined":0,"flaky":0},"tests":[{"name":"build","description":"","owner":"","tags":[],"items":2,"waits_for":["configure"]}],"statuses":[{"word":"SLOW","rank":35,"class":"good","satisfies":true}]}');
CREATE TABLE test_items (
    id INTEGER PRIMARY KEY,
    run_id BIGINT NOT NULL,
    test TEXT  NOT NULL,
    path TEXT  NOT NULL,
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
INSERT INTO test_items VALUES(1,1,'build','z','NOT_STARTED','n/a','neutral',0,0,NULL,NULL,NULL,'{"run":1,"test":"build","path":"z","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO test_items VALUES(2,1,'build','a','COMPLETED','FAIL','bad',1,1,1790000010250000,1790000014250000,3000000,'{"run":1,"test":"build","path":"a","phase":"COMPLETED","status":"FAIL","class":"bad","comment":"make ended with 2","flaky":true,"quarantined":"bob","host":"localhost","directory":"/runs/build/a","log":"make.log","attempts":[{"number":1,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"ABORT","comment":"make ended with 2","directory":"/runs/build/a/1","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}},{"number":2,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"FAIL","comment":"make ended with 2","directory":"/runs/build/a/2","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}}],"steps":[{"attempt":2,"name":"make","status":"FAIL","exit":2,"began":1790000011250000,"ended":1790000014250000,"log":"make.log","comment":""}],"data":[{"category":"size","variable":"lib","value":"120","expected":"100","tolerance":"","units":"","comment":"","status":"","kind":"","within":false}],"started_at":1790000010250000,"ended_at":1790000014250000,"duration":3000000}');
INSERT INTO test_items VALUES(3,1,'configure','','NOT_STARTED','n/a','neutral',0,0,NULL,NULL,NULL,'{"run":1,"test":"configure","path":"","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO test_items VALUES(4,2,'build','a','NOT_STARTED','n/a','neutral',0,0,NULL,NULL,NULL,'{"run":2,"test":"build","path":"a","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO test_items VALUES(5,2,'build','z','NOT_STARTED','n/a','neutral',0,0,NULL,NULL,NULL,'{"run":2,"test":"build","path":"z","phase":"NOT_STARTED","status":"n/a","class":"neutral","comment":"","flaky":false,"quarantined":null,"host":"","directory":"","log":null,"attempts":[],"steps":[],"data":[],"started_at":null,"ended_at":null,"duration":null}');
INSERT INTO test_items VALUES(6,3,'build','a','COMPLETED','FAIL','bad',1,1,1790000010250000,1790000014250000,3000000,'{"run":3,"test":"build","path":"a","phase":"COMPLETED","status":"FAIL","class":"bad","comment":"make ended with 2","flaky":true,"quarantined":"bob","host":"localhost","directory":"/runs/build/a","log":"make.log","attempts":[{"number":1,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"ABORT","comment":"make ended with 2","directory":"/runs/build/a/1","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}},{"number":2,"host":"localhost","launched":1790000010250000,"began":1790000011250000,"ended":1790000014250000,"status":"FAIL","comment":"make ended with 2","directory":"/runs/build/a/2","around":{"system":"Linux 6.1.0 x86_64","load_hundredths":null,"free_kb":7,"commit":""}}],"steps":[{"attempt":2,"name":"make","status":"FAIL","exit":2,"began":1790000011250000,"ended":1790000014250000,"log":"make.log","comment":""}],"data":[{"category":"size","variable":"lib","value":"120","expected":"100","tolerance":"","units":"","comment":"","status":"","kind":"","within":false}],"started_at":1790000010250000,"ended_at":1790000014250000,"duration":3000000}');
CREATE UNIQUE INDEX builders_name ON builders (name);
CREATE UNIQUE INDEX workers_name ON workers (name);
CREATE UNIQUE INDEX schedulers_name ON schedulers (name);
CREATE UNIQUE INDEX changes_identity ON changes (identity);
CREATE INDEX changes_made ON changes (made_at, id);
CREATE INDEX sets_open ON sets (id) WHERE complete_at IS NULL;
CREATE UNIQUE INDEX stamps_set ON stamps (set_id, position);
CREATE INDEX stamp_changes_change ON stamp_changes (change_id, stamp_id);
CREATE INDEX requests_set ON requests (set_id, id);
CREATE INDEX requests_builder ON requests (builder_id, id);
CREATE INDEX requests_open ON requests (id) WHERE complete_at IS NULL;
CREATE UNIQUE INDEX builds_number ON builds (builder_id, number);
CREATE INDEX builds_request ON builds (request_id);
CREATE INDEX builds_worker ON builds (worker_id, id);
CREATE INDEX builds_started ON builds (started_at, id);
CREATE INDEX builds_complete ON builds (complete_at , id);
CREATE INDEX builds_good ON builds (builder_id, number) WHERE results <= 1;
CREATE UNIQUE INDEX steps_build ON steps (build_id, number);
CREATE UNIQUE INDEX logs_step ON logs (step_id, number);
CREATE INDEX refusals_build ON refusals (build_id, id);
CREATE INDEX sets_parent ON sets (parent_build, parent_step) WHERE parent_build IS NOT NULL;
CREATE INDEX requests_build ON requests (build_id) WHERE build_id IS NOT NULL;
CREATE UNIQUE INDEX test_rolls_step ON test_rolls (builder_id, branch, step, number);
CREATE INDEX test_rolls_number ON test_rolls (builder_id, number);
CREATE UNIQUE INDEX outbox_key ON outbox (target, about, person);
CREATE INDEX outbox_open ON outbox (target, state, id) WHERE ended_at IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX outbox_given_up ON outbox (target) WHERE state = 'given up';
CREATE UNIQUE INDEX gates_name ON gates (name);
CREATE UNIQUE INDEX gate_candidates_number ON gate_candidates (gate, number);
CREATE INDEX gate_candidates_ended ON gate_candidates (gate, ended_at);
CREATE UNIQUE INDEX gate_trials_number ON gate_trials (gate, number);
CREATE UNIQUE INDEX gate_decisions_number ON gate_decisions (gate, number);
CREATE INDEX gate_decisions_candidate ON gate_decisions (gate, candidate);
CREATE UNIQUE INDEX test_runs_name ON test_runs (area, target, name);
CREATE INDEX test_runs_target ON test_runs (area, target, started_at, id);
CREATE INDEX test_runs_started ON test_runs (started_at, id);
CREATE UNIQUE INDEX test_items_name ON test_items (run_id, test, path);
CREATE INDEX test_items_run ON test_items (run_id, id);
CREATE INDEX test_items_history ON test_items (test, path, run_id);
COMMIT;
