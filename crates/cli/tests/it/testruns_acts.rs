//! What tests say of themselves while they run, and what people do to runs.

use crate::sealed::{Sealed, said};
use crate::testruns::Area;
use std::fs;
use std::process::{Child, Stdio};
use testkit::wait_until;

const SPEAKS: &str = r#"
test("own", items = {"N": ["pass", "warn", "data", "auto", "late"]}, dir = "own", steps = [("run", "sh ./$N")])
"#;

#[test]
fn a_test_says_what_it_is_by_its_own_commands_and_by_those_of_old_scripts() {
    let area = Area::native(SPEAKS);
    area.file("own/pass", "sluice tests step compile start; sluice tests step compile end --status 0 -m fine\nsluice tests set-log my.html\n");
    area.file("own/warn", "$MT_MEGATEST -test-status :state COMPLETED :status WARN -m 'look at it'\n");
    area.file("own/data", "echo 'size,lib,120,100,<=,kB' | sluice tests load-data\n");
    area.file(
        "own/auto",
        "megatest -runstep one 'echo in a step'\necho 'speed,x,1.0,1.1,0.2' | megatest -load-test-data\nmegatest -test-status :state COMPLETED :status AUTO\n",
    );
    area.file("own/late", "SLUICE_TEST_ATTEMPT=7 sluice tests set-status PASS; test $? = 3\n");
    area.run(&["run"]).ends(1);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    own/auto PASS
    own/data FAIL
    own/late PASS
    own/pass PASS
    own/warn WARN
    "#);
    let pass = area.json(&["show", "own/pass"]);
    assert_eq!(pass["log"], "my.html");
    assert_eq!((&pass["steps"][0]["name"], &pass["steps"][0]["comment"]), (&"compile".into(), &"fine".into()));
    area.run(&["show", "own/data"]).passes().says("✗ size/lib 120 kB wanted <= 100");
    area.run(&["log", "own/auto", "one"]).passes().says("in a step");
    area.run(&["why", "own/data"]).passes().says("120 kB, where at most 100 is wanted");
    // Outside of a test there is nobody to say it of.
    area.run(&["step", "x", "start"]).ends(2).says("MT_TEST_RUN_DIR");
}

#[test]
fn what_is_said_while_there_is_no_runner_counts() {
    let area = Area::native(
        "test(\"w\", steps = [(\"one\", \"echo x >> EV/began; until test -e EV/go; do sleep 0.02; done; \
         sluice tests set-status CHECK -m lonely; echo x >> EV/said\")])\n",
    );
    let mut runner = area.start(&["run"]);
    wait_until("it runs", || area.seen("began").len() == 1);
    runner.kill().unwrap();
    runner.wait().unwrap();
    area.allow("go");
    wait_until("it has spoken", || area.seen("said").len() == 1);
    area.run(&["run"]).passes();
    area.run(&["why", "w"]).passes().says("COMPLETED/CHECK: lonely");
    assert_eq!(area.seen("began").len(), 1);
}

const WAITS: &str = r#"
test("w", items = {"N": [1, 2, 3]}, steps = [("one", "echo $N >> EV/began; until test -e EV/go; do sleep 0.02; done")])
test("after", waiton = ["w"], steps = [("x", "true")])
"#;

#[test]
fn items_are_ended_while_they_run_and_when_nobody_runs_them() {
    let area = Area::native(WAITS);
    let runner = area.start(&["run", "-j", "3"]);
    wait_until("all run", || area.seen("began").len() == 3);
    area.run(&["kill", "w/2", "-m", "enough"]).passes().says("1 item of r1 ended");
    area.run(&["kill", "nothing"]).ends(1).says("0 items");
    area.run(&["lock"]).ends(3).says("being run by process");
    wait_until("it has ended", || area.items(&[])["w/2"].0 == "KILLED");
    area.run(&["why", "w/2"]).passes().says("ended by ann: enough");
    area.allow("go");
    said(runner.wait_with_output().unwrap()).ends(1);
    assert_eq!(area.items(&[])["after"].1, "PREQ_FAIL");
    fs::remove_file(area.place.path("ev/go")).unwrap();
    // A runner that is killed leaves them running; who kills them finds them.
    let mut other = area.start(&["run", "-n", "other", "-j", "3"]);
    wait_until("all run", || area.seen("began").len() == 6);
    other.kill().unwrap();
    other.wait().unwrap();
    area.run(&["kill", "-n", "other"]).passes().says("4 items of other ended");
    let left = crate::sealed::processes_with("until test -e");
    let here = area.place.path("").display().to_string();
    assert!(!left.iter().any(|line| line.contains(&here)), "{left:?}");
    assert!(area.items(&["-n", "other"]).values().all(|(phase, ..)| phase == "KILLED"));
}

#[test]
fn a_status_that_somebody_sets_stands_with_the_name() {
    let area = Area::native(
        "test(\"a\", steps = [(\"x\", \"exit 1\")])\ntest(\"b\", waiton = [\"a\"], steps = [(\"x\", \"true\")])\n",
    );
    area.run(&["run"]).ends(1);
    area.run(&["set-status", "SOLW", "a"]).ends(2).says("is no status");
    area.run(&["set-status", "PASS", "a", "-m", "known"]).passes().says("1 item of r1 set to PASS");
    area.run(&["why", "a"]).passes().says("COMPLETED/PASS: ann says so: known");
    // What it held back is run by asking again.
    area.run(&["run", "-n", "r1"]).passes().says("r1 is green");
    area.run(&["lock"]).passes();
    area.run(&["set-status", "FAIL", "a"]).ends(2).says("is locked");
    area.run(&["rerun", "all"]).ends(2).says("is locked");
    area.run(&["remove", "--yes"]).ends(2).says("is locked");
    area.run(&["lock", "--undo"]).passes();
    area.run(&["rerun", "all"]).ends(1);
}

const MATRIX: &str = r#"
test("t", items = {"N": ["same", "mended", "broken", "bad", "new"]}, without = LESS, steps = [("x", "test ! -e EV/$MT_RUNNAME-$N")])
test("flaky", retries = 1, steps = [("x", "test -e EV/once || { touch EV/once; echo 'first <time> & \"more\"'; exit 1; }")])
test("skipped", steps = [("x", "exit 6", {"exit": "verdict"})])
test("blocked", waiton = ["t"], steps = [("x", "true")])
"#;

#[test]
fn two_runs_are_held_against_each_other_and_reported() {
    let area = Area::native(&MATRIX.replace("LESS", "[{\"N\": \"new\"}]"));
    ["r1-mended", "r1-bad", "r2-broken", "r2-bad"].iter().for_each(|name| area.allow(name));
    area.run(&["run"]).ends(1).says("1 flaky");
    area.file("tests.star", &MATRIX.replace("LESS", "[]"));
    area.run(&["run", "t", "skipped"]).ends(1);
    let said = area.run(&["diff", "r1", "r2", "--all"]).ends(1);
    let lines: Vec<String> = said.out.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    NOT-IN-DEST blocked PREQ_FAIL -> -
    NOT-IN-DEST flaky PASS -> -
    CLEAN skipped SKIP -> SKIP
    BOTH-BAD t(bad) FAIL -> FAIL
    WORSE t(broken) PASS -> FAIL
    BETTER t(mended) FAIL -> PASS
    NOT-IN-SRC t(new) - -> PASS
    CLEAN t(same) PASS -> PASS
    r1 -> r2: 1 BETTER, 1 BOTH-BAD, 2 CLEAN, 2 NOT-IN-DEST, 1 NOT-IN-SRC, 1 WORSE
    "#);
    assert_eq!(area.json(&["diff", "r1"])["counts"]["BETTER"], 1);
    area.run(&["report", "-n", "r1"]).passes().says("junit.xml");
    let read = |name: &str| fs::read_to_string(area.dir().join("sluice-report").join(name)).unwrap();
    let junit = read("junit.xml");
    assert!(junit.contains("tests=\"7\" failures=\"2\" errors=\"0\" skipped=\"2\""), "{junit}");
    assert!(junit.contains("<failure type=\"FAIL\" message=\"FAIL: step 'x' ended with 1\">"), "{junit}");
    let page = read("pages/index.html");
    assert!(page.contains("✗ FAIL") && page.contains("✓ PASS flaky"), "{page}");
    let document: serde_json::Value = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(document["items"].as_array().unwrap().iter().filter(|i| i["test"] == "t").count(), 4);
    area.run(&["report", "--html", "own"]).ends(0);
    fs::create_dir_all(area.dir().join("mine")).unwrap();
    fs::write(area.dir().join("mine/file"), "x").unwrap();
    area.run(&["report", "--html", "mine"]).ends(2).says("something in it that is no report");
    area.run(&["log", "flaky", "x", "--attempt", "1", "-n", "r1"]).passes().says("first <time>");
}

/// Scenario 14: only what was made here, for this very item, inside of where runs are made.
#[test]
fn only_what_was_made_for_an_item_is_removed() {
    let area = Area::native(
        "test(\"t\", items = {\"N\": [\"plain\", \"a b;c\", \"link\", \"moved\", \"unmarked\", \"other\"]}, steps = [(\"x\", \"echo $N > out\")])\n",
    );
    area.run(&["run"]).passes();
    let run = area.dir().join(".sluice/tests/runs/r1");
    let dir = |name: &str| run.join("t").join(name);
    let outside = area.place.path("outside");
    fs::rename(dir("link"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, dir("link")).unwrap();
    fs::remove_file(dir("unmarked").join(".sluice-test.json")).unwrap();
    let mark = fs::read_to_string(dir("other").join(".sluice-test.json")).unwrap();
    fs::write(dir("other").join(".sluice-test.json"), mark.replace("\"path\":\"other\"", "\"path\":\"x\"")).unwrap();
    let told =
        area.run(&["remove"]).passes().says("would be removed").says("it is a link").says("has no .sluice-test.json");
    assert!(told.out.contains("marked as something else"), "{}", told.out);
    assert!(dir("plain").join("out").exists(), "it only tells");
    area.run(&["keep"]).passes();
    area.run(&["remove", "--yes"]).ends(2).says("is kept");
    area.run(&["keep", "--undo"]).passes();
    area.run(&["remove", "t/plain", "--yes", "--keep-records"]).passes();
    assert!(!dir("plain").exists());
    area.run(&["show", "t/plain"]).passes().says("PASS");
    area.run(&["remove", "--yes"]).ends(1).says("stays");
    assert!(
        outside.join("out").exists() && dir("unmarked").exists() && dir("other").exists() && !dir("a b;c").exists()
    );
    assert_eq!(area.items(&[]).len(), 3, "what stays keeps its records");
    fs::remove_file(dir("link")).unwrap();
    fs::remove_dir_all(dir("unmarked")).unwrap();
    fs::remove_dir_all(dir("other")).unwrap();
    area.run(&["remove", "--yes"]).passes();
    assert!(!run.exists(), "nothing is left of it");
    assert_eq!(area.run(&["list"]).passes().out, "");
    assert!(area.dir().join("tests.star").exists());
}

/// Starts a command whose standard output goes to a file of the place.
fn to_file(area: &Area, arguments: &[&str], file: &str) -> Child {
    let out = fs::File::create(area.place.path(file)).expect("a file for its output");
    area.command(arguments).stdout(out).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// The log of what runs is printed as it comes, step by step and attempt by attempt, until the item has ended.
#[test]
fn a_log_is_followed_while_it_grows() {
    let area = Area::native(
        r#"
test("before", steps = [("wait", "until test -e EV/begin; do sleep 0.02; done")])
test("t", waiton = ["before"], retries = 1, steps = [
    ("one", "echo first; until test -e EV/go; do sleep 0.02; done; echo second"),
    ("two", "echo third $SLUICE_TEST_ATTEMPT; test $SLUICE_TEST_ATTEMPT = 2"),
])
test("long", waiton = ["before"], steps = [("x", "echo begun; until test -e EV/end; do sleep 0.02; done")])
"#,
    );
    let runner = area.start(&["run", "-j", "4"]);
    wait_until("the run is there", || area.run(&["show", "before"]).out.contains("attempt 1"));
    let mut whole = to_file(&area, &["log", "-f", "t"], "whole");
    let mut step = to_file(&area, &["log", "-f", "t", "one", "--attempt", "1"], "step");
    let mut long = to_file(&area, &["log", "-f", "long"], "long");
    let text = |file: &str| fs::read_to_string(area.place.path(file)).unwrap();
    area.allow("begin");
    wait_until("it has begun", || text("whole") == "first\n" && text("long") == "begun\n");
    // Whoever has enough ends nothing else.
    Sealed::signal(long.id(), rustix::process::Signal::INT);
    assert_eq!(long.wait().unwrap().code(), Some(130));
    area.allow("go");
    wait_until("both attempts are there", || text("whole") == "first\nsecond\nthird 1\nfirst\nsecond\nthird 2\n");
    assert_eq!(whole.wait().unwrap().code(), Some(0), "it ended well");
    assert_eq!(step.wait().unwrap().code(), Some(0));
    assert_eq!(text("step"), "first\nsecond\n", "of this attempt alone");
    area.allow("end");
    said(runner.wait_with_output().unwrap()).passes();
    // What has ended is printed at once.
    assert_eq!(area.run(&["log", "-f", "long"]).passes().out, "begun\n");
}

/// Who follows what nobody runs any more is told so, and does not wait without end.
#[test]
fn nobody_follows_what_nobody_runs() {
    let area = Area::native(
        "test(\"t\", steps = [(\"x\", \"echo begun; until test -e EV/go; do sleep 0.02; done; exit 4\")])\n",
    );
    let mut runner = area.start(&["run"]);
    wait_until("it runs", || area.run(&["log", "t", "x"]).out == "begun\n");
    runner.kill().unwrap();
    runner.wait().unwrap();
    area.run(&["log", "-f", "t"]).ends(3).says("nobody runs it now");
    area.allow("go");
    area.run(&["run"]).ends(1);
    area.run(&["log", "-f", "t"]).ends(1).says("begun");
}
