//! Runs of tests as their users see them: an area in Starlark, one of Megatest, and a runner that is killed.

use crate::sealed::{Said, Sealed, processes_with, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use testkit::wait_until;

/// An area, and a directory `ev` beside it for what tests note.
pub(crate) struct Area {
    pub(crate) place: Sealed,
}

impl Area {
    /// With this `tests.star`; `EV` in it is the directory for evidence.
    pub(crate) fn native(star: &str) -> Self {
        let area = Self::empty();
        area.file("tests.star", star);
        area
    }

    pub(crate) fn empty() -> Self {
        let place = Sealed::new();
        fs::create_dir_all(place.path("ev")).expect("the story can be told");
        Area { place }
    }

    pub(crate) fn file(&self, name: &str, content: &str) {
        let path = self.dir().join(name);
        fs::create_dir_all(path.parent().expect("it is below the area")).expect("the story can be told");
        let content = content.replace("EV", &self.place.path("ev").display().to_string());
        fs::write(path, content).expect("the story can be told");
    }

    pub(crate) fn script(&self, name: &str, content: &str) {
        self.file(name, &format!("#!/bin/sh\n{content}"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.dir().join(name), mode).expect("the story can be told");
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.place.path("area")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&["tests"]);
        command.args(arguments).current_dir(self.dir());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    /// The document that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}{}", said.out, said.err))
    }

    /// Items of the newest run by name: state, status, and how many attempts there were.
    pub(crate) fn items(&self, arguments: &[&str]) -> BTreeMap<String, (String, String, usize)> {
        let shown = self.json(&[&["show"], arguments].concat());
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let one = |i: &Value| {
            let name = format!("{}/{}", text(&i["test"]), text(&i["path"]));
            let attempts = i["attempts"].as_array().map_or(0, Vec::len);
            (name.trim_end_matches('/').to_owned(), (text(&i["phase"]), text(&i["status"]), attempts))
        };
        shown["items"].as_array().expect("items").iter().map(one).collect()
    }

    /// `name status` of each item, sorted.
    pub(crate) fn outcome(&self, arguments: &[&str]) -> String {
        let items = self.items(arguments);
        items.iter().map(|(name, (_, status, _))| format!("{name} {status}")).collect::<Vec<_>>().join("\n")
    }

    /// Starts a run and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// What tests noted, sorted.
    pub(crate) fn seen(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.place.path("ev").join(file)).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    pub(crate) fn allow(&self, name: &str) {
        fs::write(self.place.path("ev").join(name), "").expect("the story can be told");
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // What a runner that was killed left behind.
        for line in processes_with(&self.place.path("").display().to_string()) {
            let pid = line.split(' ').next().unwrap_or_default();
            let _ = Command::new("kill").args(["-9", pid]).status();
        }
    }
}

const CHAIN: &str = r#"
ITEMS = {"CC": ["gcc", "clang"], "OPT": ["0", "2"]}
test("a", items = ITEMS, steps = [("run", "echo $MT_TEST_NAME/$MT_ITEMPATH >> EV/seen; echo made with $CC -O$OPT > out")])
test("b", items = ITEMS, itemwait = ["a"], steps = [
    ("look", "grep $CC $MT_LINKTREE/$MT_TARGET/$MT_RUNNAME/a/$MT_ITEMPATH/out; echo b/$MT_ITEMPATH >> EV/seen"),
    ("judge", "test $MT_ITEMPATH != clang/2 || test -e EV/mended || { echo it is broken; exit 3; }"),
])
test("c", items = ITEMS, itemwait = ["b"], steps = [("run", ["true"])])
test("all", waiton = ["c"], steps = [("run", "exit 0")])
test("sum", toplevel = ["c"], steps = [("count", "exit 2", {"exit": "verdict"})])
"#;

#[test]
fn a_chain_with_items_one_of_which_fails_and_rerun_failed() {
    let area = Area::native(CHAIN);
    let said = area.run(&["run"]).ends(1).says("r1 is red").says("step 'judge' ended with 3");
    assert!(said.out.contains("sluice tests rerun failed -n r1"), "{}", said.out);
    assert!(!said.out.contains("a(gcc/0)"), "what passes is not told where nobody looks on: {}", said.out);
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    a/clang/0 PASS
    a/clang/2 PASS
    a/gcc/0 PASS
    a/gcc/2 PASS
    all PREQ_DISCARDED
    b/clang/0 PASS
    b/clang/2 FAIL
    b/gcc/0 PASS
    b/gcc/2 PASS
    c/clang/0 PASS
    c/clang/2 PREQ_FAIL
    c/gcc/0 PASS
    c/gcc/2 PASS
    sum WARN
    "#);
    assert_eq!(area.run(&["log", "b/clang/2"]).passes().out, "it is broken\n", "what it says, and nothing else");
    area.run(&["log", "b/clang/2", "look"]).passes().says("made with clang -O2");
    area.run(&["why", "c(clang/2)"]).passes().says("COMPLETED/PREQ_FAIL: b(clang/2) is FAIL");
    area.run(&["why", "all"]).passes().says("PREQ_DISCARDED: c(clang/2) was not run");
    area.run(&["list"]).passes().says("r1").says("red");
    area.run(&["list", "--status", "FAIL"]).passes().says("b(clang/2)");
    area.run(&["show", "b/clang/2"]).passes().says("attempt 1 on").says("rerun.sh");
    assert_eq!(area.seen("seen").len(), 8);
    // By hand it fails in the same way.
    let shown = area.json(&["show", "b/clang/2"]);
    let by_hand = format!("{}/rerun.sh", shown["directory"].as_str().unwrap());
    let by_hand = Command::new(by_hand).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(
        (by_hand.status.code(), String::from_utf8_lossy(&by_hand.stdout).contains("it is broken")),
        (Some(3), true)
    );
    // A plain call leaves verdicts alone.
    let before = area.seen("seen");
    area.run(&["run", "-n", "r1"]).ends(1);
    assert_eq!(area.seen("seen"), before);
    area.allow("mended");
    area.run(&["rerun", "failed"]).passes().says("r1 is green");
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    a/clang/0 PASS
    a/clang/2 PASS
    a/gcc/0 PASS
    a/gcc/2 PASS
    all PASS
    b/clang/0 PASS
    b/clang/2 PASS
    b/gcc/0 PASS
    b/gcc/2 PASS
    c/clang/0 PASS
    c/clang/2 PASS
    c/gcc/0 PASS
    c/gcc/2 PASS
    sum WARN
    "#);
    let items = area.items(&[]);
    assert_eq!((items["b/clang/2"].2, items["c/clang/2"].2, items["b/gcc/0"].2), (2, 1, 1));
    area.run(&["log", "b/clang/2", "judge", "--attempt", "1"]).passes().says("it is broken");
    area.run(&["run"]).passes().says("r2 is green");
}

#[test]
fn wrong_areas_and_wrong_questions_end_with_two() {
    let area = Area::native("test(\"a\", waiton = [\"b\"])\ntest(\"b\", waiton = [\"a\"])\n");
    area.run(&["list"]).ends(2).says("nothing was run");
    area.run(&["run"]).ends(2).says("wait for each other");
    area.run(&["run", "nothing"]).ends(2).says("no test is like 'nothing'");
    area.file("tests.star", "test(\"a\", steps = [(\"x\", \"true\")])\n");
    area.run(&["run", "-n", "../x"]).ends(2).says("cannot be the name of a run");
    area.run(&["run", "--target", "x"]).ends(2).says("is no target");
    area.run(&["run"]).passes();
    area.run(&["rerun", "SOLW"]).ends(2).says("is no status of this area");
    area.run(&["show", "b"]).ends(2).says("there is no test 'b'");
    area.run(&["log", "a", "--attempt", "7"]).ends(2).says("has no attempt 7");
    area.file("tests.star", "test(");
    area.run(&["run"]).ends(2).says("tests.star");
    let nowhere = Sealed::new();
    nowhere.run(&["tests", "run"]).ends(2).says("has a tests.star");
}

#[test]
fn an_area_of_megatest_is_run_as_it_is() {
    let area = Area::empty();
    area.file(
        "megatest.config",
        "[fields]\nOS TEXT\nREL TEXT\n[setup]\nlinktree EV/lt\nmax_concurrent_jobs 4\n[disks]\nd EV/disk\n",
    );
    area.file("runconfigs.config", "[default]\nCOLOUR red\n[l/1]\nCOLOUR blue\n");
    area.file(
        "tests/one/testconfig",
        "[ezsteps]\nfirst echo colour $COLOUR of $OS; echo $MT_TEST_RUN_DIR\nsecond ./script\n",
    );
    area.script("tests/one/script", "echo a warning here\n");
    area.file("tests/one/second.logpro", "(expect:warning in \"LogFileBody\" = 0 \"No warnings\" #/warning/)\n");
    area.file("tests/two/testconfig", "[setup]\nrunscript main.sh\n[requirements]\nwaiton one\n[items]\nN 1 2 3\n");
    area.file("tests/two/main.sh", "#!/bin/sh\necho n is $N\ntest $N != 2 || exit 1\ntest $N != 3 || exit 6\n");
    area.file("tests/bad/testconfig", "[setup]\nrunscript\n[requirements]\nwaiton nobody\n");
    area.run(&["run", "--target", "l/1", "-n", "w1", "two"]).ends(1).says("l/1 w1 is red");
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    one WARN
    two/1 PASS
    two/2 FAIL
    two/3 SKIP
    "#);
    area.run(&["log", "one", "first"]).passes().says("colour blue of l").says("/disk/");
    area.run(&["log", "two/2"]).passes().says("n is 2");
    assert!(area.place.path("ev/lt/l/1/w1/two/2").is_symlink(), "tests find each other in the link tree");
    area.run(&["config", "--target", "l/1"]).says("COLOUR").says("runconfigs.config:");
    area.run(&["run", "--target", "l/1", "bad"]).ends(2).says("nobody");
}

const HELD: &str = r#"
test("w", items = {"N": [1, 2, 3, 4, 5, 6]}, steps = [
    ("one", "echo $N >> EV/began; until test -e EV/go$N; do sleep 0.02; done; echo $N >> EV/went"),
    ("two", "echo $N >> EV/second"),
])
test("end", waiton = ["w"], steps = [("run", "echo end >> EV/ended")])
"#;

/// Show 6: every item has exactly one final record, and nothing ran twice to one.
#[test]
fn the_runner_is_killed_in_the_middle_and_started_again() {
    let area = Area::native(HELD);
    let mut first = area.start(&["run", "-j", "3"]);
    wait_until("three run", || area.seen("began").len() == 3);
    let running = area.items(&[]).values().filter(|(phase, ..)| phase != "NOT_STARTED").count();
    assert_eq!(running, 3);
    area.run(&["why", "w/6"]).passes().says("waits for room");
    area.run(&["why", "end"]).passes().says("waits for w");
    first.kill().unwrap();
    first.wait().unwrap();
    // One ends while there is no runner, one before the next is there and one after.
    let began = area.seen("began");
    area.allow(&format!("go{}", began[0]));
    wait_until("one went on alone", || area.seen("went").len() == 1);
    area.run(&["why", "w/6"]).passes().says("nobody runs it now");
    let second = area.start(&["run", "-j", "3"]);
    wait_until("the others are started", || area.seen("began").len() >= 4);
    (1..=6).for_each(|n| area.allow(&format!("go{n}")));
    let said = said(second.wait_with_output().unwrap()).passes();
    assert!(said.out.contains("3 items still run"), "{}", said.out);
    let all = ["1", "2", "3", "4", "5", "6"];
    for file in ["began", "went", "second"] {
        assert_eq!(area.seen(file), all, "each ran once: {file}");
    }
    assert_eq!(area.seen("ended"), ["end"]);
    let items = area.items(&[]);
    assert_eq!(items.len(), 7);
    assert!(items.values().all(|i| *i == ("COMPLETED".to_owned(), "PASS".to_owned(), 1)), "{items:?}");
    assert_eq!(area.json(&["list"]).as_array().unwrap().len(), 1, "it is the same run");
}

#[test]
fn a_supervisor_that_is_killed_loses_its_attempt_and_it_is_tried_again() {
    let area = Area::native(
        "test(\"w\", steps = [(\"one\", \"echo x >> EV/began; until test -e EV/go; do sleep 0.02; done\")])\n",
    );
    let runner = area.start(&["run", "-j", "1"]);
    wait_until("it runs", || area.seen("began").len() == 1);
    let slot = area.dir().join(".sluice/tests/slots/0").display().to_string();
    let supervisor = processes_with(&format!("__supervise {slot}"));
    let pid = supervisor[0].split(' ').next().unwrap();
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    wait_until("it is tried again", || area.seen("began").len() == 2);
    area.allow("go");
    said(runner.wait_with_output().unwrap()).passes();
    let shown = area.json(&["show", "w"]);
    let attempts: Vec<&str> =
        shown["attempts"].as_array().unwrap().iter().map(|a| a["status"].as_str().unwrap()).collect();
    assert_eq!(attempts, ["DEAD", "PASS"]);
}

#[test]
fn somebody_ends_a_run() {
    let area = Area::native(HELD);
    let runner = area.start(&["run", "-j", "2"]);
    wait_until("two run", || area.seen("began").len() == 2);
    Sealed::signal(runner.id(), rustix::process::Signal::INT);
    said(runner.wait_with_output().unwrap()).ends(130).says("r1 is cancelled");
    let items = area.items(&[]);
    assert!(items.values().all(|(phase, ..)| phase == "KILLED"), "{items:?}");
    (1..=6).for_each(|n| area.allow(&format!("go{n}")));
    area.run(&["rerun", "failed", "-n", "r1"]).passes().says("r1 is green");
}

#[test]
fn two_runners_in_one_area_take_turns() {
    let area = Area::native(HELD);
    let one = area.start(&["run", "-n", "one"]);
    wait_until("it runs", || !area.seen("began").is_empty());
    area.run(&["run", "-n", "two", "--no-wait"]).ends(3).says("being run by process");
    let two = area.start(&["run", "-n", "two"]);
    (1..=6).for_each(|n| area.allow(&format!("go{n}")));
    said(one.wait_with_output().unwrap()).passes();
    said(two.wait_with_output().unwrap()).passes();
    assert_eq!(area.seen("second").len(), 12);
}

#[test]
fn only_what_was_made_here_is_written_into() {
    let area = Area::native("test(\"a\", steps = [(\"x\", \"echo x >> EV/ran\")])\n");
    let foreign = area.dir().join(".sluice/tests/runs/r1/a");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("mine"), "x").unwrap();
    area.run(&["run"]).ends(1).says("was not made by sluice");
    assert_eq!(area.outcome(&[]), "a ABORT");
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
    assert!(area.seen("ran").is_empty());
}
