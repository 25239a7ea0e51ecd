//! Every collection, filters, order, paging, projection, logs, and what is refused.

use crate::town::Town;
use axum::body::Body;
use axum::http::{Request as Ask, StatusCode};
use serde_json::{Value, json};

/// The values of one field of all rows.
fn column(answer: &Value, plural: &str, field: &str) -> Value {
    answer[plural]
        .as_array()
        .unwrap_or_else(|| panic!("no {plural} in {answer}"))
        .iter()
        .map(|r| r[field].clone())
        .collect()
}

#[tokio::test]
async fn every_list_has_its_rows() {
    let town = Town::new().await;
    let cases = [
        ("builders", "builders", "builderid", json!([1, 2])),
        ("masters/1/builders", "builders", "builderid", json!([1, 2])),
        ("workers/mac-mini/builders", "builders", "name", json!(["linux", "mac os"])),
        ("workers/1/builders", "builders", "name", json!(["linux"])),
        ("builds", "builds", "buildid", json!([1, 2])),
        ("builders/linux/builds", "builds", "buildid", json!([1, 2])),
        ("builders/mac%20os/builds", "builds", "buildid", json!([])),
        ("builders/1/builds", "builds", "number", json!([1, 2])),
        ("workers/here/builds", "builds", "buildid", json!([1, 2])),
        ("workers/2/builds", "builds", "buildid", json!([])),
        ("buildrequests/2/builds", "builds", "buildid", json!([2])),
        ("changes/2/builds", "builds", "buildid", json!([2])),
        ("builds/1/triggered_builds", "builds", "buildid", json!([])),
        ("builds/1/steps", "steps", "name", json!(["git", "make"])),
        ("builders/linux/builds/1/steps", "steps", "stepid", json!([1, 2])),
        ("builds/1/steps/make/logs", "logs", "logid", json!([2])),
        ("steps/1/logs", "logs", "num_lines", json!([4])),
        ("builds/2/steps/0/logs", "logs", "num_lines", json!([2])),
        ("builds/1/changes", "changes", "changeid", json!([1])),
        ("buildrequests", "buildrequests", "results", json!([2, -1, -1])),
        ("builders/mac%20os/buildrequests", "buildrequests", "buildrequestid", json!([3])),
        ("buildsets", "buildsets", "results", json!([2, -1, -1])),
        ("buildsets/3/sourcestamps", "sourcestamps", "revision", json!(["rev3"])),
        ("buildsets/3/properties_list", "properties", "name", json!(["owner"])),
        ("builds/1/property_list", "properties", "name", json!(["branch", "jobs"])),
        ("sourcestamps", "sourcestamps", "ssid", json!([1, 2, 3])),
        ("sourcestamps/2/changes", "changes", "changeid", json!([2])),
        ("sourcestamps/3/changes", "changes", "changeid", json!([])),
        ("changes", "changes", "changeid", json!([1, 2])),
        ("workers", "workers", "name", json!(["here", "mac-mini"])),
        ("builders/mac%20os/workers", "workers", "name", json!(["mac-mini"])),
        ("schedulers", "schedulers", "name", json!(["force", "nightly"])),
        ("forceschedulers", "forceschedulers", "name", json!(["force"])),
        ("builders/linux/forceschedulers", "forceschedulers", "button_name", json!(["Force"])),
        ("masters", "masters", "masterid", json!([1])),
        ("changesources", "changesources", "name", json!(["zlib"])),
    ];
    for (path, plural, field, wanted) in cases {
        let answer = town.json(&format!("/api/v2/{path}")).await;
        assert_eq!(column(&answer, plural, field), wanted, "{path}");
        assert_eq!(answer["meta"]["total"], json!(wanted.as_array().unwrap().len()), "{path}");
    }
}

#[tokio::test]
async fn every_thing_is_found_alone() {
    let town = Town::new().await;
    let cases = [
        ("builders/2", "builders", json!({ "builderid": 2, "name": "mac os" })),
        ("builders/mac%20os", "builders", json!({ "builderid": 2 })),
        (
            "builds/1",
            "builds",
            json!({ "results": 2, "complete": true, "state_string": "failed make", "properties": {} }),
        ),
        ("builders/linux/builds/2", "builds", json!({ "buildid": 2, "results": null, "complete_at": null })),
        ("builds/1/steps/1", "steps", json!({ "stepid": 2, "name": "make", "results": 2 })),
        ("builds/1/steps/git", "steps", json!({ "stepid": 1, "number": 0 })),
        ("steps/3", "steps", json!({ "complete": false, "results": null, "buildid": 2 })),
        ("logs/1", "logs", json!({ "complete": true, "num_lines": 4, "type": "s", "slug": "stdio" })),
        ("builders/linux/builds/1/steps/make/logs/stdio", "logs", json!({ "logid": 2 })),
        ("logs/3", "logs", json!({ "complete": false, "num_lines": 2 })),
        ("buildrequests/3", "buildrequests", json!({ "claimed": false, "results": -1, "builderid": 2 })),
        ("buildsets/1", "buildsets", json!({ "bsid": 1, "complete": true, "results": 2 })),
        ("sourcestamps/2", "sourcestamps", json!({ "ssid": 2, "branch": "develop" })),
        ("changes/2", "changes", json!({ "author": "Bob <bob@example.org>", "files": ["inflate.c", "README"] })),
        ("workers/here", "workers", json!({ "workerid": 1, "connected_to": [{ "masterid": 1 }] })),
        (
            "workers/2",
            "workers",
            json!({ "connected_to": [], "configured_on": [{ "masterid": 1, "builderid": 1 }, { "masterid": 1, "builderid": 2 }] }),
        ),
        ("schedulers/2", "schedulers", json!({ "name": "nightly", "enabled": true })),
        ("forceschedulers/force", "forceschedulers", json!({ "builder_names": ["linux", "mac os"] })),
        ("masters/1", "masters", json!({ "active": true })),
        ("changesources/1", "changesources", json!({ "name": "zlib" })),
        ("builds/1/properties", "properties", json!({ "jobs": [4, "linux"], "branch": ["develop", "Build"] })),
        ("buildsets/2/properties", "properties", json!({ "owner": ["ann", "Force Build Form"] })),
    ];
    for (path, plural, wanted) in cases {
        let answer = town.json(&format!("/api/v2/{path}")).await;
        assert_eq!(answer["meta"], json!({}), "{path}");
        let rows = answer[plural].as_array().unwrap_or_else(|| panic!("{path}: {answer}"));
        assert_eq!(rows.len(), 1, "{path}");
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&rows[0][field], value, "{path}: {field}");
        }
    }
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_cut() {
    let town = Town::new().await;
    let cases = [
        ("builds?order=-buildid", json!([2, 1]), 2),
        ("builds?limit=1", json!([1]), 2),
        ("builds?limit=1&offset=1", json!([2]), 2),
        ("builds?limit=0", json!([]), 2),
        ("builds?complete=true", json!([1]), 1),
        ("builds?complete=off", json!([2]), 1),
        ("builds?results=2&results=0", json!([1]), 1),
        ("builds?results__ne=2", json!([2]), 1),
        ("builds?results=null", json!([2]), 1),
        ("builds?number__ge=2", json!([2]), 1),
        ("builds?started_at__lt=1700000020", json!([1]), 1),
        ("builds?state_string__contains=failed", json!([1]), 1),
        ("builds?builderid=1&number=2&field=buildid&field=builderid&field=number", json!([2]), 1),
        ("builds?state_string=%27%20OR%201%3D1%20--", json!([]), 0),
        ("builders/linux/builds?builderid=2", json!([]), 0),
        ("changes/1/builds?results=0", json!([]), 0),
    ];
    for (path, ids, total) in cases {
        let answer = town.json(&format!("/api/v2/{path}")).await;
        assert_eq!(column(&answer, "builds", "buildid"), ids, "{path}");
        assert_eq!(answer["meta"]["total"], json!(total), "{path}");
    }
    let tagged = town.json("/api/v2/builders?tags__contains=quick&field=name&field=tags").await;
    assert_eq!(tagged["builders"], json!([{ "name": "linux", "tags": ["quick"] }]));
    let chosen = town.json("/api/v2/builds?property=jobs&limit=1&field=buildid&field=properties").await;
    assert_eq!(chosen["builds"], json!([{ "buildid": 1, "properties": { "jobs": [4, "linux"] } }]));
    let owned = town.json("/api/v2/buildrequests?property=owner&limit=2").await;
    let owner = json!({ "owner": ["ann", "Force Build Form"] });
    assert_eq!(column(&owned, "buildrequests", "properties"), json!([owner, owner]));
    let waiting = town.json("/api/v2/buildrequests?claimed=false").await;
    assert_eq!(column(&waiting, "buildrequests", "buildrequestid"), json!([3]));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let town = Town::new().await;
    let cases = [
        ("builds?limt=3", 400, "unrecognized query parameter 'limt'"),
        ("builds?limit=x", 400, "'limit' must be a whole number, 0 or more, not 'x'"),
        ("builds/1?limit=1", 400, "'limit' asks for a part of a list, and this is a single document"),
        ("builds/1?%ff=1", 400, "'%ff' is no percent-encoded UTF-8 text"),
        ("builds/77", 404, "there is no build 77"),
        ("builds/1/steps/nothing", 404, "there is no step 'nothing' in build 1"),
        ("builds/1/steps/make/logs/other", 404, "there is no log 'other' of step 2"),
        ("builders/nobody", 404, "there is no builder 'nobody'"),
        ("builders/linux/builds/9", 404, "there is no build 9 of builder 'linux'"),
        ("changes/9/builds", 404, "there is no change 9"),
        ("workers/nobody/builds", 404, "there is no worker 'nobody'"),
        ("buildrequests/9/why", 404, "there is no build request 9"),
        ("masters/2", 404, "there is no master 2"),
        ("forceschedulers/nightly", 404, "there is no force scheduler 'nightly'"),
        ("nothing", 404, "there is no path /api/v2/nothing; /api/v2/application.spec lists all"),
        ("builds/", 404, "there is no path /api/v2/builds/; /api/v2/application.spec lists all"),
        ("builds/%ff", 404, "there is no path /api/v2/builds/%ff; /api/v2/application.spec lists all"),
        ("logs/1/contents?limit=-1", 400, "'limit' must be a whole number, 0 or more, not '-1'"),
        ("logs/1/raw?limit=3", 400, "unrecognized query parameter 'limit'"),
        ("logs/1/raw?offset=x", 400, "offset: 'x' is no number of bytes"),
    ];
    for (path, status, text) in cases {
        let said = town.get(&format!("/api/v2/{path}")).await;
        assert_eq!(said.status.as_u16(), status, "{path}: {}", said.text());
        assert_eq!(said.json(), json!({ "error": text }), "{path}");
    }
}

#[tokio::test]
async fn lines_of_logs() {
    let town = Town::new().await;
    let cases = [
        ("logs/1/contents", 0, "hgit fetch\noone\notwo\nehint\n"),
        ("logs/1/contents?offset=1&limit=2", 1, "oone\notwo\n"),
        ("steps/1/logs/stdio/contents?offset=3&limit=100", 3, "ehint\n"),
        ("builders/linux/builds/1/steps/git/logs/stdio/contents?limit=1", 0, "hgit fetch\n"),
        ("logs/1/contents?limit=0", 0, ""),
        ("logs/1/contents?offset=4", 4, ""),
        ("logs/1/contents?offset=9000000000000", 9_000_000_000_000_u64, ""),
        ("logs/3/contents", 0, "occ deflate.c\nounfinished\n"),
    ];
    for (path, first, content) in cases {
        let answer = town.json(&format!("/api/v2/{path}")).await;
        let logid = if path.starts_with("logs/3") { 3 } else { 1 };
        let chunk = json!({ "logid": logid, "firstline": first, "content": content });
        assert_eq!(answer, json!({ "logchunks": [chunk], "meta": {} }), "{path}");
    }
}

#[tokio::test]
async fn long_logs_come_in_parts() {
    use model::{BuildId, LogId, Stream};
    let town = Town::new().await;
    let logs = &town.web.logs;
    let mut offset = logs.facts(BuildId(2), LogId(3)).await.unwrap().bytes;
    let line = format!("{}\n", "x".repeat(9_999));
    for _ in 0..60 {
        let piece = bytes::Bytes::from(line.repeat(10));
        offset = logs.append(BuildId(2), LogId(3), offset, Stream::Stdout, piece).await.unwrap().bytes;
    }
    let mut seen = 0;
    let mut parts = 0;
    let mut path = "/api/v2/logs/3/contents".to_owned();
    loop {
        let answer = town.json(&path).await;
        let chunk = &answer["logchunks"][0];
        let content = chunk["content"].as_str().unwrap();
        assert!(content.len() < 5 * 1024 * 1024);
        seen += content.lines().count();
        parts += 1;
        match chunk["next_offset"].as_u64() {
            Some(next) => path = format!("/api/v2/logs/3/contents?offset={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 601);
    assert!(parts > 1);
}

#[tokio::test]
async fn raw_logs_are_bytes_and_never_a_page() {
    let town = Town::new().await;
    let kept = town.get("/api/v2/builds/1/steps/make/logs/stdio/raw").await;
    assert_eq!(kept.text(), "deflate.c:3: error: <b>boom</b>\n");
    assert_eq!(kept.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(kept.header("x-content-type-options"), "nosniff");
    assert_eq!(kept.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(kept.header("content-length"), "32");
    assert_eq!(kept.header("content-disposition"), "attachment; filename=\"build_1_step_make_log_stdio.txt\"");
    let shown = town.get("/api/v2/logs/2/raw_inline").await;
    assert_eq!((shown.body.clone(), shown.header("content-disposition")), (kept.body, ""));
    let growing = town.get("/api/v2/logs/3/raw").await;
    assert_eq!((growing.text().as_str(), growing.header("content-length")), ("cc deflate.c\nunfinished", ""));
    assert_eq!(town.get("/api/v2/logs/9/raw").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_log_whose_bytes_are_gone_says_so() {
    let town = Town::new().await;
    town.web.logs.remove(model::BuildId(1)).await.unwrap();
    for path in ["logs/1/contents", "logs/1/raw"] {
        let said = town.get(&format!("/api/v2/{path}")).await;
        assert_eq!(said.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(said.json()["error"], "the text of log 1 is not there any more");
    }
}

#[tokio::test]
async fn people_get_it_indented_and_programs_compact() {
    let town = Town::new().await;
    let compact = town.get("/api/v2/masters?field=masterid").await;
    assert_eq!(compact.text(), r#"{"masters":[{"masterid":1}],"meta":{"total":1}}"#);
    assert_eq!(compact.header("content-type"), "application/json; charset=utf-8");
    let shown = town.ask(Ask::get("/api/v2/masters?field=masterid").body(Body::empty()).unwrap()).await;
    assert_eq!(shown.json(), compact.json());
    assert!(shown.text().contains("\n  \"masters\": ["), "{}", shown.text());
    assert_eq!(shown.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    assert!(shown.header("content-security-policy").contains("script-src 'self'"));
    let packed = Ask::get("/api/v2/application.spec").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    assert_eq!(town.ask(packed).await.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn an_answer_stands_until_something_is_committed() {
    let town = Town::new().await;
    let before = town.json("/api/v2/builds").await;
    let state = model::Transition::BuildState { build: model::BuildId(2), state: "almost done".to_owned() };
    town.web.store.commit(vec![state]).await.unwrap();
    assert_eq!(town.json("/api/v2/builds").await, before);
    town.changed();
    assert_eq!(town.json("/api/v2/builds").await["builds"][1]["state_string"], "almost done");
}

#[tokio::test]
async fn the_present_is_told_too() {
    let town = Town::new().await;
    let live = town.json("/api/v2/sluice/live").await;
    assert_eq!(
        live["running"][0]["step"],
        json!({ "stepid": 3, "name": "make", "started_at": 1_700_000_000, "usual_s": 1.5 })
    );
    assert_eq!(live["waiting"][0]["why"], "its worker mac-mini is not connected");
    for path in ["sluice/why/3", "buildrequests/3/why"] {
        let why = town.json(&format!("/api/v2/{path}")).await;
        assert_eq!((&why["waits"], &why["sentence"]), (&json!(true), &json!("its worker mac-mini is not connected")));
    }
    let not = town.json("/api/v2/sluice/why/2").await;
    assert_eq!((&not["waits"], &not["sentence"]), (&json!(false), &json!("it does not wait: build 2 runs")));
    let ended = town.json("/api/v2/sluice/why/1").await;
    assert_eq!(ended["sentence"], "it does not wait: it ended as FAILURE");
    assert_eq!(town.get("/healthz").await.text(), "ok\n");
}

#[tokio::test]
async fn badges_and_tray_monitors() {
    let town = Town::new().await;
    let badge = town.get("/badges/linux.svg").await;
    assert_eq!(badge.header("content-type"), "image/svg+xml");
    assert!(badge.text().contains("<title>linux: failed</title>"), "{}", badge.text());
    assert!(town.get("/badges/mac%20os.svg").await.text().contains("mac os: no build"));
    assert_eq!(town.get("/badges/%3Cscript%3E.svg").await.status, StatusCode::NOT_FOUND);
    let cc = town.get("/cc.xml").await;
    insta::assert_snapshot!(cc.text(), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Projects><Project name="linux" activity="Building" lastBuildStatus="Failure" lastBuildLabel="1" lastBuildTime="2023-11-14T22:13:50Z" webUrl="http://sluice.test/builders/linux"></Project><Project name="mac os" activity="Sleeping" lastBuildStatus="Unknown" webUrl="http://sluice.test/builders/mac%20os"></Project></Projects>
    "#);
}

#[tokio::test]
async fn a_log_that_is_cut_short_says_how_much_is_missing_and_who_has_it() {
    use model::{LogId, Transition};
    let town = Town::new().await;
    assert_eq!(town.json("/api/v2/logs/1").await["logs"][0].get("short"), None, "a whole one has no such field");
    // Log 3 has 23 bytes here; its worker told of 40.
    let sealed = Transition::LogSealed { log: LogId(3), lines: 3, bytes: 40, crc32: 1 };
    town.web.store.commit(vec![sealed]).await.unwrap();
    town.changed();
    let here = "it has 40 bytes, and 23 of them are here; the worker \"here\"";
    let told = async || town.json("/api/v2/logs/3").await["logs"][0]["short"].as_str().map(str::to_owned);
    assert_eq!(told().await, Some(format!("{here} brings the rest now, if it has it")));
    let listed = town.json("/api/v2/steps/3/logs").await;
    assert!(listed["logs"][0]["short"].as_str().unwrap().starts_with(here), "{listed}");
    let mut worker = town.web.store.worker(model::WorkerId(1)).await.unwrap().unwrap();
    for (configured, end) in [
        (true, " brings the rest when it comes back"),
        (false, ", which has the rest, is no longer in the configuration, and brings it only when it is put back"),
    ] {
        (worker.configured, worker.connected) = (configured, false);
        town.web.store.commit(vec![Transition::WorkerKnown(worker.clone())]).await.unwrap();
        town.changed();
        assert_eq!(told().await, Some(format!("{here}{end}")));
    }
    // The bytes can be read to their end, and what is missing stands before them.
    let raw = town.get("/api/v2/logs/3/raw").await;
    assert_eq!((raw.text().as_str(), raw.header("content-length")), ("cc deflate.c\nunfinished", ""));
    assert_eq!(raw.header("sluice-short").split(';').next(), here.split(';').next());
    assert_eq!(town.get("/api/v2/logs/1/raw").await.header("sluice-short"), "");
    assert_eq!(town.json("/api/v2/logs/3/contents").await["logchunks"][0]["content"], "occ deflate.c\nounfinished\n");
}
