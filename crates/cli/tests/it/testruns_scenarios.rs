//! Behaviours that a runner of tests has to show, each as its users would see it. `docs/tests.md` says which is which.

use crate::sealed::{processes_with, said};
use crate::testruns::Area;
use serde_json::Value;
use std::time::{Duration, Instant};
use testkit::wait_until;

/// When attempts of items began and ended, in microseconds.
fn intervals(area: &Area, run: &str) -> Vec<(String, i64, i64)> {
    let shown = area.json(&["show", "-n", run]);
    let one = |item: &Value| {
        let attempt = &item["attempts"].as_array().expect("attempts")[0];
        let at = |name: &str| attempt[name].as_i64().expect("a time");
        (item["test"].as_str().expect("a name").to_owned(), at("launched"), at("ended"))
    };
    shown["items"].as_array().expect("items").iter().map(one).collect()
}

/// The most that were out at once.
fn overlap(all: &[(String, i64, i64)]) -> usize {
    let at = |t: i64| all.iter().filter(|(_, from, to)| *from <= t && t < *to).count();
    all.iter().map(|(_, from, _)| at(*from)).max().unwrap_or(0)
}

/// 2: items are what they are called, and an empty list has a verdict.
#[test]
fn items_have_their_variables_and_an_empty_list_is_told() {
    let area = Area::native(
        r#"
test("m", items = {"A": [1, 2], "B": ["x", "y"]}, items_table = {"P": ["p", "q", "r"], "S": ["s", "t"]}, steps = [
    ("x", "echo $MT_ITEMPATH ${A-no} ${B-no} ${P-no} ${S-no} >> EV/seen"),
])
test("none", items = {"E": []}, steps = [("x", "true")])
test("after", waiton = ["none"], steps = [("x", "true")])
"#,
    );
    area.run(&["run"]).ends(1);
    insta::assert_snapshot!(area.seen("seen").join("\n"), @r#"
    1/x 1 x no no
    1/y 1 y no no
    2/x 2 x no no
    2/y 2 y no no
    p/s no no p s
    q/t no no q t
    r/- no no r -
    "#);
    area.run(&["why", "none"]).passes().says("ZERO_ITEMS: its list of items is empty");
    area.run(&["why", "after"]).passes().says("PREQ_FAIL: none is ZERO_ITEMS");
}

const CHAIN: &str = r#"
test("e", steps = [("x", "true")])
test("d", waiton = ["e"], steps = [("x", "true")])
test("c", waiton = ["d"], steps = [("x", "true")])
test("b", waiton = ["c"], steps = [("x", "true")])
test("a", waiton = ["b"], steps = [("x", "true")])
test("f", steps = [("x", "true")])
test("e1", steps = [("x", "true")])
test("d1fail", waiton = ["e1"], steps = [("one", "true"), ("two", "exit 123")])
test("c1", waiton = ["d1fail"], steps = [("x", "true")])
test("b1", waiton = ["c1"], steps = [("x", "true")])
test("a1", waiton = ["b1"], steps = [("x", "true")])
"#;

/// 3: what is asked for brings along what it waits for, in order, and asking again starts nothing.
#[test]
fn one_test_brings_its_chain() {
    let area = Area::native(CHAIN);
    area.run(&["run", "a"]).passes();
    let mut all = intervals(&area, "r1");
    all.sort_by_key(|(_, from, _)| *from);
    let order: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(order, ["e", "d", "c", "b", "a"]);
    assert!(all.windows(2).all(|pair| pair[0].2 <= pair[1].1), "each begins when the one before has ended: {all:?}");
    area.run(&["run", "a", "-n", "r1"]).passes();
    assert!(area.items(&[]).values().all(|(_, _, attempts)| *attempts == 1));
}

/// 4: a failure ends what waits for it, and the run ends by itself.
#[test]
fn a_failure_in_a_chain_ends_it() {
    let area = Area::native(CHAIN);
    area.run(&["run", "a1", "-j", "1"]).ends(1);
    area.run(&["why", "c1"]).passes().says("PREQ_FAIL: d1fail is FAIL");
    area.run(&["why", "b1"]).passes().says("PREQ_DISCARDED: c1 was not run: d1fail is FAIL");
    area.run(&["why", "a1"]).passes().says("PREQ_DISCARDED");
    area.run(&["why", "d1fail"]).passes().says("step 'two' ended with 123");
    let here = area.dir().display().to_string();
    wait_until("no process is left", || processes_with(&here).is_empty());
}

/// 6: an item waits for its own item only, by the name that its map makes.
#[test]
fn items_wait_for_their_own() {
    let area = Area::native(
        r#"
test("first", items = {"N": [1, 2, 3]}, steps = [("x", "test $N != 2 || exit 1; test $N != 3 || until test -e EV/go; do sleep 0.02; done")])
test("second", items = {"N": [1, 2, 3]}, itemwait = ["first"], steps = [("x", "echo $N >> EV/second")])
test("A", items = {"K": ["aa", "bb"], "N": [1, 2]}, steps = [("x", "true")])
test("C", items = {"N": [1, 2], "K": ["aa", "bb"]}, itemwait = ["A"], item_map = {"A": [("([0-9]+)/(.*)", "\\2/\\1")]}, steps = [("x", "true")])
test("D", items = {"N": [1, 2], "R": ["res"]}, itemwait = ["C"], item_map = {"C": [("res", "aa")]}, steps = [("x", "true")])
"#,
    );
    let runner = area.start(&["run", "second", "-j", "4"]);
    wait_until("second/1 has run while first/3 runs", || area.seen("second") == ["1"]);
    area.allow("go");
    said(runner.wait_with_output().unwrap()).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    first/1 PASS
    first/2 FAIL
    first/3 PASS
    second/1 PASS
    second/2 PREQ_FAIL
    second/3 PASS
    "#);
    area.run(&["run", "D/1/res"]).passes();
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    A/aa/1 PASS
    C/1/aa PASS
    D/1/res PASS
    "#);
}

/// 7: a limit is a limit, whoever calls.
#[test]
fn two_runners_keep_to_one_limit() {
    let area = Area::native(
        r#"
tests.area("throttled", at_once = 5, job_groups = {"g": 2})
test("t", items = {"N": range(60)}, steps = [("x", "sleep 0.01; echo $N >> EV/ran")])
test("g", items = {"N": range(12)}, job_group = "g", steps = [("x", "sleep 0.01; echo g$N >> EV/ran")])
"#
        .replace("range(60)", &format!("{:?}", (0..60).collect::<Vec<_>>()))
        .replace("range(12)", &format!("{:?}", (0..12).collect::<Vec<_>>()))
        .as_str(),
    );
    let runners = ["one", "two"].map(|name| area.start(&["run", "-n", name, "-j", "20"]));
    for runner in runners {
        said(runner.wait_with_output().unwrap()).passes();
    }
    let all = [intervals(&area, "one"), intervals(&area, "two")].concat();
    assert_eq!((all.len(), area.seen("ran").len()), (144, 144));
    assert!(overlap(&all) <= 5, "{}", overlap(&all));
    let group: Vec<_> = all.iter().filter(|(test, ..)| test == "g").cloned().collect();
    assert!(overlap(&group) <= 2, "{}", overlap(&group));
}

/// 10: all of a test is ended, also what does not listen and what ran away.
#[test]
fn a_limit_of_time_ends_the_whole_tree() {
    let script = "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 0.1; done\" worker3 EV & \
                  echo x >> EV/began; while :; do sleep 0.1; done";
    let star = format!("test(\"w\", max_time = \"2s\", steps = [(\"one\", {script:?})])\n");
    let area = Area::native(&star);
    let began = Instant::now();
    area.run(&["run"]).ends(1).says("it ran longer than 2.0 s");
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(area.items(&[])["w"], ("KILLED".to_owned(), "KILLED".to_owned(), 1));
    let ev = area.place.path("ev").display().to_string();
    assert!(!processes_with("worker3").iter().any(|line| line.contains(&ev)));
}

/// 13: where a verdict comes from.
#[test]
fn verdicts_come_from_codes_rules_data_and_words() {
    let area = Area::native(
        r#"
V = {"exit": "verdict"}
[test("code%d" % n, steps = [("x", "exit %d" % n, V)]) for n in [0, 1, 2, 3, 4, 5, 6, 9]]
test("steps", steps = [("one", "echo first; echo second"), ("two", "exit 2"), ("three", "echo x >> EV/three")])
test("crash", dir = "rules", steps = [("x", "echo fine; exit 9", {"rules": "x.logpro"})])
test("clean", dir = "rules", steps = [("x", "echo fine", {"rules": "x.logpro"})])
test("error", dir = "rules", steps = [("x", "echo ERROR here", {"rules": "x.logpro"})])
test("known", dir = "rules", steps = [("x", "echo ERROR 17", {"rules": "x.logpro"})])
test("broken", dir = "rules", steps = [("x", "echo fine", {"rules": "broken.logpro"})])
test("missing", dir = "rules", steps = [("x", "echo fine", {"rules": "absent.logpro"})])
test("signal", steps = [("x", "kill -9 $$")])
test("absent", steps = [("x", ["/no/such/program"])])
test("noscript", dir = "nowhere", steps = [("x", "true")])
test("data", expect = {"size/lib": (100, "<=")}, steps = [("x", "echo size,lib,101 | sluice tests load-data")])
test("nodata", expect = {"size/lib": (100, "<=")}, steps = [("x", "true")])
test("word", steps = [("x", "sluice tests set-status FAIL -m mine")])
"#,
    );
    area.file(
        "rules/x.logpro",
        "(expect:ignore in \"LogFileBody\" >= 0 \"known\" #/ERROR 17/)\n(expect:error in \"LogFileBody\" = 0 \"errors\" #/ERROR/)\n",
    );
    area.file("rules/broken.logpro", "(expect:error in \"LogFileBody\" = 0 \"errors\" #/[/)\n");
    area.run(&["run"]).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    absent ABORT
    broken ABORT
    clean PASS
    code0 PASS
    code1 FAIL
    code2 WARN
    code3 CHECK
    code4 WAIVED
    code5 ABORT
    code6 SKIP
    code9 FAIL
    crash FAIL
    data FAIL
    error FAIL
    known PASS
    missing ABORT
    nodata FAIL
    noscript ABORT
    signal FAIL
    steps FAIL
    word FAIL
    "#);
    assert_eq!(area.run(&["log", "steps", "one"]).passes().out, "first\nsecond\n");
    assert!(area.seen("three").is_empty());
    area.run(&["why", "noscript"]).passes().says("is not there");
}

/// 12: 50 tests that report while somebody lists again and again.
#[test]
fn nobody_is_in_the_way_of_those_who_report() {
    let area = Area::native(
        "test(\"r\", items = {\"N\": LIST}, steps = [(\"x\", \"for i in 1 2; do \
         sluice tests step s$i start && sluice tests step s$i end --status 0 || exit 1; done\")])\n"
            .replace("LIST", &format!("{:?}", (0..50).collect::<Vec<_>>()))
            .as_str(),
    );
    let mut runner = area.start(&["run", "-j", "50"]);
    wait_until("it is there", || area.run(&["list"]).code == Some(0));
    while runner.try_wait().unwrap().is_none() {
        area.run(&["list", "--state", "COMPLETED"]).passes();
    }
    said(runner.wait_with_output().unwrap()).passes();
    let shown = area.json(&["show"]);
    for item in shown["items"].as_array().unwrap() {
        let told = item["steps"].as_array().unwrap().iter().filter(|s| s["name"] != "x" && s["status"] == "0").count();
        assert_eq!(told, 2, "{item}");
    }
}
