//! Tests that put into their directories what is not theirs, and people who ask for what is not there.

use crate::sealed::said;
use crate::testruns::Area;
use std::fs;
use std::process::{Command, Stdio};
use testkit::wait_until;

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

/// What is wrong with a file is told, and not what follows from it.
#[test]
fn an_area_whose_fields_cannot_be_read_is_no_fault_of_the_target() {
    let area = Area::empty();
    area.file("megatest.config", &format!("[fields]\nT TEXT\n[setup]\nlong {}\n", "x".repeat(17 << 20)));
    area.file("tests/a/testconfig", "[ezsteps]\nx true\n");
    let said = area.run(&["run", "--target", "x"]).ends(2).says("megatest.config has more than 16777216 bytes");
    assert!(!said.err.contains("is no target"), "{}", said.err);
    area.file("megatest.config", "[fields]\nT TEXT\n");
    area.run(&["run", "--target", "x/y"]).ends(2).says("'x/y' is no target: it has 2 values, and the fields are T");
    let made = Command::new("mkfifo").arg(area.dir().join("runconfigs.config")).status().unwrap();
    assert!(made.success());
    area.run(&["run", "--target", "x"]).ends(2).says("runconfigs.config is no file");
}

/// More at once than the usual limit of open files lets: the limit is raised as far as it goes, and else it is told.
#[test]
fn open_files_are_no_verdict() {
    let area = Area::native(
        "test(\"t\", items = {\"N\": [str(n) for n in range(40)]}, steps = [(\"x\", \"echo $N >> EV/began; until test -e EV/go; do sleep 0.02; done\")])\n",
    );
    let limited = |limits: &str, arguments: &[&str]| {
        let program = area.command(arguments);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit {limits}; exec \"$@\""), "sh"]);
        command.arg(program.get_program()).args(program.get_args()).current_dir(area.dir());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    };
    area.allow("go");
    let hard = said(limited("-n 100", &["run", "-j", "40"]).output().unwrap());
    hard.ends(3).says("take 224 open files, and 100 are allowed").says("-j 9");
    fs::remove_file(area.place.path("ev/go")).unwrap();
    let runner = limited("-Sn 100", &["run", "-j", "40"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let runner = runner.unwrap();
    wait_until("all are out", || area.seen("began").len() == 40);
    area.allow("go");
    said(runner.wait_with_output().unwrap()).passes();
}

/// Nothing is green of which nothing is on record.
#[test]
fn a_store_that_is_removed_in_the_middle_is_told() {
    let area = Area::native("test(\"t\", steps = [(\"x\", \"rm $MT_RUN_AREA_HOME/.sluice/tests/store.sqlite\")])\n");
    area.run(&["run"]).ends(3).says("was removed while tests ran: nothing of this is on record");
}
