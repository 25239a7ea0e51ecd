//! Tests that put into their directories what is not theirs, and people who ask for what is not there.

use crate::testruns::Area;
use std::fs;

/// Links that lead out, and pipes that nobody writes to: nothing elsewhere is written or shown, and nobody waits.
#[test]
fn what_a_test_puts_into_its_directory_leads_nowhere_else() {
    let area = Area::native(
        r#"
UP = "../" * 40
test("later", steps = [("x", "ln -s EV/precious y.log"), ("y", "echo mine")])
test("own", steps = [("x", "ln -sf EV/precious x.log; echo mine")])
test("pipe", steps = [("x", "mkfifo .sluice-said.jsonl; rm -f x.log; mkfifo x.log y.log; echo mine"), ("y", "echo mine")])
test("rules", steps = [("x", "ln -s EV/precious x.dat", {"rules_text": '(expect:error in "LogFileBody" = 0 "no" #/no/)'})])
test("mark", retries = 1, steps = [("x", "ln -s EV/precious .sluice-test.new; rm rerun.sh; ln -s EV/precious rerun.sh; exit 1")])
test("shown", dir = "src", steps = [("x", """
sluice tests set-log EV/precious && exit 3
sluice tests set-log """ + UP + """EV/precious && exit 4
sluice tests step a end --log ../x && exit 5
sluice tests set-log "$PWD/sub/mine" || exit 6
sluice tests set-log link || exit 7
""")])
"#,
    );
    let precious = area.place.path("ev/precious");
    fs::write(&precious, "secret").unwrap();
    fs::create_dir(area.dir().join("src")).unwrap();
    std::os::unix::fs::symlink(&precious, area.dir().join("src/link")).unwrap();
    let said = area.run(&["run", "-v"]).ends(1);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "secret");
    insta::assert_snapshot!(area.outcome(&[]), @r#"
    later PASS
    mark FAIL
    own PASS
    pipe PASS
    rules PASS
    shown PASS
    "#);
    area.run(&["log", "shown"]).ends(2).says("cannot be read").says("it is not in the directory of the test");
    // Whether it was a link before the runner opened its log or afterwards.
    let own = area.run(&["log", "own", "x"]);
    assert!(
        own.out == "mine\n" || own.err.contains("it is not in the directory of the test"),
        "{}{}",
        own.out,
        own.err
    );
    assert_eq!(area.run(&["log", "later", "y"]).passes().out, "mine\n");
    assert_eq!(area.run(&["log", "pipe", "y"]).passes().out, "mine\n");
    area.run(&["log", "-f", "shown", "x"]).passes().says("is no file in the directory of the test");
    let report = area.dir().join("report");
    area.run(&["report", report.to_str().unwrap()]).passes();
    let junit = fs::read_to_string(report.join("junit.xml")).unwrap();
    assert!(!junit.contains("secret") && !said.out.contains("secret"), "{junit}{}", said.out);
}

/// A test may have the whole area as its directory: what is made here is none of its files.
#[test]
fn a_test_may_have_the_whole_area_as_its_directory() {
    let area = Area::native(
        "tests.area(\"whole\", disks = {\"d\": \"scratch\"}, link_tree = \"lt\")\n\
         test(\"t\", dir = \".\", steps = [(\"x\", \"find . -name sub -o -name tests.star -o -name .sluice -o -name x.log | sort\")])\n",
    );
    area.file("sub/file", "x");
    fs::create_dir(area.dir().join("scratch")).unwrap();
    area.run(&["run"]).passes();
    area.run(&["run"]).passes();
    assert_eq!(area.run(&["log", "-n", "r2", "t"]).passes().out, "./sub\n./tests.star\n./x.log\n");
}

/// Records are gone and directories are not, as when the area was checked out anew and the disk is another one: what an
/// earlier attempt of that name made and said is none of the new one's.
#[test]
fn a_directory_without_a_record_is_no_attempt() {
    let area = Area::native(
        r#"
tests.area("again", disks = {"d": "EV/disk"})
test("t", retries = 1, steps = [("x", "test -e made && sluice tests set-status PASS || sluice tests set-status FAIL; touch made")])
"#
        .replace("EV", "../ev")
        .as_str(),
    );
    fs::create_dir(area.place.path("ev/disk")).unwrap();
    area.run(&["run"]).ends(1);
    fs::remove_dir_all(area.dir().join(".sluice")).unwrap();
    area.run(&["run"]).ends(1);
    assert_eq!(area.items(&[])["t"], ("COMPLETED".to_owned(), "FAIL".to_owned(), 2));
    let aside = fs::read_dir(area.place.path("ev/disk/again/r1/.attempts/t")).unwrap().count();
    assert_eq!(aside, 3, "the first attempt, and the two that are forgotten");
}

#[test]
fn what_is_not_there_is_told_and_told_once() {
    let area = Area::native("test(\"t\", tags = [\"x\"], steps = [(\"make\", [\"/nonexistent/make\"])])\n");
    area.run(&["run"]).ends(1).says("step 'make' could not be started: no such file /nonexistent/make");
    area.run(&["list", "-n", "nobody"]).ends(2).says("there is no run 'nobody'");
    area.run(&["run", "--tags", "none"]).ends(2).says("no test is like '%' and has a tag like 'none'");
    area.run(&["set-status", "3", "t"]).passes().says("set to FAIL");
    area.run(&["set-status", "WARN", "t", "-m", "one\ntwo\u{1b}[31m"]).passes();
    let why = area.run(&["why", "t"]).passes().out;
    assert!(why.ends_with("says so: one two [31m\n"), "{why:?}");
    area.run(&["keep", "--help"]).passes().says("Example: sluice tests keep");
    area.run(&["lock", "--help"]).passes().says("Example: sluice tests lock");
    let wrong = Area::native("test(\"t\", steps = 5)\n").run(&["run"]).ends(2).err;
    assert_eq!(wrong.matches("steps of test must be").count(), 1, "{wrong}");
    let earlier = Area::native("test(\".attempts\", steps = [(\"x\", \"true\")])\n");
    earlier.run(&["run"]).ends(2).says("'.attempts' cannot be the name of a test: directories of earlier attempts");
}
