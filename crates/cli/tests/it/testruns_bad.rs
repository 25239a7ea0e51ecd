//! Test runs in trouble: what cannot be written, what disappears, logs that are too long, names that are odd, and waivers
//! of failures that have become others.

use crate::sealed::{Said, said};
use crate::testruns::Area;
use std::fs;
use std::path::Path;
use std::process::Command;
use testkit::wait_until;

/// The program in an area on a mount that cannot be written. Whoever is not root gets a directory without rights.
fn read_only(area: &Area, arguments: &[&str]) -> Said {
    if !rustix::process::geteuid().is_root() {
        let rights = |mode: &str| {
            let paths = [area.dir(), area.dir().join(".sluice/tests")];
            for path in paths.iter().filter(|p| p.exists()) {
                let done = Command::new("chmod").arg(mode).arg(path).status().expect("chmod is there");
                assert!(done.success());
            }
        };
        rights("a-w");
        let said = area.run(arguments);
        rights("u+w");
        return said;
    }
    let program = area.command(arguments);
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && cd \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(area.dir()).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    said(command.output().expect("unshare is there"))
}

#[test]
fn an_area_on_a_read_only_mount_is_not_run_but_looked_at() {
    let area = Area::native("test(\"t\", steps = [(\"x\", \"echo hello\")])\n");
    read_only(&area, &["run"]).ends(3).says("cannot be used").says("because: ");
    assert!(!area.dir().join(".sluice").exists());
    area.run(&["run"]).passes();
    read_only(&area, &["run", "--new"]).ends(3).says("lock cannot be used");
    // What is on record can be read all the same, and nothing else can be done with it.
    assert!(read_only(&area, &["list", "-n", "r1"]).passes().out.contains("PASS"));
    assert!(read_only(&area, &["log", "t"]).passes().out.contains("hello"));
    read_only(&area, &["set-status", "FAIL", "t"]).ends(3).says("cannot be used");
}

#[test]
fn a_test_whose_directory_is_removed_while_it_runs_does_not_pass() {
    let area = Area::native(
        r#"
test("own", steps = [("one", "rm -rf \"$MT_TEST_RUN_DIR\"; echo x >> EV/one"), ("two", "echo x >> EV/two")])
test("other", steps = [("x", "touch EV/began; until test -e EV/go; do sleep 0.02; done")])
test("source", dir = "src", waiton = ["other"], steps = [("x", "true")])
"#,
    );
    area.file("src/file", "x");
    let runner = area.start(&["run", "-j", "4"]);
    wait_until("it runs", || area.place.path("ev/began").exists());
    fs::remove_dir_all(area.dir().join(".sluice/tests/runs/r1/other")).unwrap();
    // What a test that comes later would be copied from.
    fs::remove_dir_all(area.dir().join("src")).unwrap();
    area.allow("go");
    said(runner.wait_with_output().unwrap()).ends(1);
    area.run(&["why", "own"]).passes().says("ABORT: its directory was removed while step 'one' ran");
    area.run(&["why", "other"]).passes().says("ABORT: its directory was removed while step 'x' ran");
    area.run(&["why", "source"]).passes().says("PREQ_FAIL");
    assert_eq!((area.seen("one").len(), area.seen("two").len()), (1, 0), "no further step runs nowhere");
    area.run(&["rerun", "failed"]).ends(1);
    assert_eq!(area.items(&[])["other"].1, "PASS");
    area.run(&["why", "source"]).passes().says("ABORT: the directory").says("is not there");
    area.run(&["log", "own"]).ends(2).says("cannot be read");
}

/// The most memory that a process had, in kilobytes.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// A rule that matches every line of 200 MB: the runner holds neither the log nor what was found.
#[test]
fn a_rule_that_matches_every_line_of_a_long_log_takes_little_memory() {
    let area = Area::native(
        "test(\"t\", steps = [(\"x\", \"yes 'ERROR is in this line, and a few words more' | head -c 200000000\", \
         {\"rules_text\": \"(expect:error in \\\"LogFileBody\\\" = 0 \\\"every line\\\" #/ERROR/)\"})])\n",
    );
    let mut runner = area.start(&["run"]);
    let mut most = 0;
    wait_until("it has ended", || {
        most = most.max(peak(runner.id()).unwrap_or(0));
        runner.try_wait().unwrap().is_some()
    });
    said(runner.wait_with_output().unwrap()).ends(1);
    let log = area.dir().join(".sluice/tests/runs/r1/t/x.log");
    assert_eq!(fs::metadata(log).unwrap().len(), 200_000_000);
    area.run(&["why", "t"]).passes().says("every line: 4545455 lines, wanted = 0");
    assert!(0 < most && most < 150_000, "{most} kB");
}

#[test]
fn what_could_never_run_is_told_before_anything_runs() {
    let table = [
        ("test(\"a\", waiton = [\"b\"])\ntest(\"b\", waiton = [\"a\"])", "a → b → a"),
        ("test(\"a\", waiton = [\"nobody\"])", "waits for \"nobody\", which is not defined"),
        ("test(\"a\", items = {\"N\": [\"x\\ny\"]})", "control character"),
        ("test(\"a\", items = {\"N\": [\"..\"]})", "another directory"),
        (
            "test(\"a\", items = {\"N\": [\"x/y\"], \"M\": [1]}, items_table = {\"P\": [\"x\"], \"Q\": [\"y/1\"]})",
            "x/y/1",
        ),
    ];
    for (star, told) in table {
        let said = Area::native(&star.replace(")\n", ", steps = [(\"x\", \"true\")])\n")).run(&["run"]).ends(2);
        assert!(said.err.contains(told), "{star}: {}", said.err);
    }
    let area = Area::native("test(\"a\", steps = [(\"x\", \"true\")])\n");
    for name in ["a/b", "", "..", "x\ny"] {
        area.run(&["run", "-n", name]).ends(2);
    }
    let old = Area::empty();
    old.file("megatest.config", "[fields]\nT TEXT\n");
    old.file("tests/a/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton nobody\n");
    old.file("tests/b/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton c\n");
    old.file("tests/c/testconfig", "[ezsteps]\nx true\n[requirements]\nwaiton b\n");
    old.file("tests/d/testconfig", "[ezsteps]\nx true\n[items]\nN [system printf ' \\n']\n");
    old.run(&["run", "--target", "x", "a"]).ends(2).says("waits for 'nobody'");
    old.run(&["run", "--target", "x", "b"]).ends(2).says("b → c → b");
    // An empty list is no error of the area, and has a verdict.
    old.run(&["run", "--target", "x", "d"]).ends(1).says("ZERO_ITEMS");
}

/// Blanks, quotes, slashes, dollars, dashes: an item is called what it is called, in directories, variables and logs.
#[test]
fn odd_names_are_names() {
    let names = [
        "a b",
        "it's",
        "say \"x\"",
        "x/y",
        "$(touch EV/hacked)",
        "; touch EV/hacked",
        "-n",
        "%",
        "~",
        "ä",
        "*",
        "{}",
        "a,b",
    ];
    let list: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
    let star = format!(
        "test(\"t\", items = {{\"N\": [{}]}}, steps = [(\"x y\", \"printf '%s\\\\n' \\\"$N\\\" >> EV/seen; pwd\")])\n",
        list.join(", ")
    );
    let area = Area::native(&star);
    area.run(&["run", "-n", "a run; $(x)"]).passes();
    let ev = area.place.path("ev").display().to_string();
    let mut wanted: Vec<String> = names.iter().map(|n| n.replace("EV", &ev)).collect();
    wanted.sort();
    assert_eq!(area.seen("seen"), wanted);
    assert!(!Path::new(&ev).join("hacked").exists());
    for name in &wanted {
        let item = format!("t({name})");
        let log = area.run(&["log", &item, "x y"]).passes().out;
        assert_eq!(
            log.trim_end(),
            area.dir().join(".sluice/tests/runs/a run; $(x)/t").join(name).display().to_string()
        );
    }
    // By hand it does the same.
    let by_hand = area.dir().join(".sluice/tests/runs/a run; $(x)/t/it's/rerun.sh");
    assert!(Command::new(by_hand).output().unwrap().status.success());
    assert_eq!(area.seen("seen").iter().filter(|n| *n == "it's").count(), 2);
    area.run(&["remove", "-n", "a run; $(x)", "--yes"]).passes();
    assert!(!area.dir().join(".sluice/tests/runs/a run; $(x)/t").exists() && !Path::new(&ev).join("hacked").exists());
}

/// A runner for another target waits too: limits count over all runs, and one runner knows them all.
#[test]
fn runners_of_two_targets_keep_to_one_limit() {
    let area = Area::native(
        "tests.area(\"two\", fields = [\"T\"], job_groups = {\"g\": 1})\n\
         test(\"t\", items = {\"N\": [1, 2, 3]}, job_group = \"g\", steps = [(\"x\", \"mkdir EV/alone && sleep 0.05 && rmdir EV/alone\")])\n",
    );
    let runners = ["one", "two"].map(|target| area.start(&["run", "--target", target, "-j", "8"]));
    for runner in runners {
        said(runner.wait_with_output().unwrap()).passes();
    }
    let runs = area.json(&["list"]);
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
    let blocked = area.start(&["run", "--target", "three"]);
    wait_until("it runs", || area.place.path("ev/alone").exists());
    area.run(&["run", "--target", "four", "--no-wait"]).ends(3).says("tests of this area are being run by process");
    said(blocked.wait_with_output().unwrap()).passes();
}

const WAIVED: &str = r#"
WHO = {"owner": "ada", "reason": "issue 12", "expires": "2999-01-01"}
test("same", dir = "src", steps = [("make", "cat EV/log; exit 1")])
test("ruled", dir = "src", steps = [("make", "cat EV/log; exit 1")])
test("tests", dir = "src", steps = [("make", "cat EV/log; exit 1")], waiver_checks = ["make.log"])
tests.waiver("same", step = "make", comment = "ended with 1", checks = ["make.log"], **WHO)
tests.waiver("ruled", checks = [("make.log", "differences.logpro")], **WHO)
tests.waiver("tests", **WHO)
"#;

/// A waiver proves itself against the last run in which it held: by the log, or by what rules make of the differences.
#[test]
fn a_waived_failure_has_to_be_the_same_one() {
    let area = Area::native(WAIVED);
    area.file(
        "src/differences.logpro",
        "(expect:ignore in \"LogFileBody\" >= 0 \"times\" #/took \\d+ s/)\n(expect:error in \"LogFileBody\" = 0 \"others\" #/^[<>] /)\n",
    );
    let log = |text: &str| fs::write(area.place.path("ev/log"), text).unwrap();
    log("broken\ntook 3 s\n");
    area.run(&["run"]).ends(1);
    assert_eq!(area.outcome(&[]), "ruled FAIL\nsame FAIL\ntests FAIL");
    area.run(&["why", "same"]).says("the waiver of ada does not hold: no earlier run of it was waived");
    // The first time somebody looks, and answers for it.
    area.run(&["set-status", "WAIVED", "same,ruled,tests", "-m", "issue 12"]).passes();
    area.run(&["run", "--new"]).passes();
    assert_eq!(area.outcome(&[]), "ruled WAIVED\nsame WAIVED\ntests WAIVED");
    area.run(&["why", "same"]).says("ada answers for it: issue 12");
    log("broken\ntook 5 s\n");
    area.run(&["run", "--new"]).ends(1);
    assert_eq!(area.outcome(&[]), "ruled WAIVED\nsame FAIL\ntests FAIL");
    area.run(&["why", "same"]).says("the waiver of ada does not hold: make.log is not what it was");
    log("broken in another way\ntook 5 s\n");
    area.run(&["run", "--new"]).ends(1);
    assert_eq!(area.outcome(&[]), "ruled FAIL\nsame FAIL\ntests FAIL");
    area.run(&["why", "ruled"]).says("differences.logpro says FAIL to the differences of make.log");
}

/// Each attempt names the machine, its load and room, and the commit of the area.
#[test]
fn a_record_names_the_machine_and_the_commit() {
    let area = Area::native("test(\"t\", steps = [(\"x\", \"true\")])\n");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=ann", "-c", "user.email=ann@example.org"]).args(arguments);
        let done = git.current_dir(area.dir()).env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git is there");
        assert!(done.status.success(), "{done:?}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    };
    area.run(&["run"]).passes();
    assert_eq!(area.json(&["show", "t"])["attempts"][0]["around"]["commit"], "", "it is in no git yet");
    git(&["init", "-q", "."]);
    git(&["add", "tests.star"]);
    git(&["commit", "-q", "-m", "tests"]);
    area.run(&["run", "--new"]).passes();
    let head = git(&["rev-parse", "HEAD"]);
    let around = area.json(&["show", "t"])["attempts"][0]["around"].clone();
    assert_eq!(around["commit"], head.as_str(), "{around}");
    assert!(around["free_kb"].as_u64().is_some_and(|kb| kb > 0), "{around}");
    assert_eq!(around["system"].as_str().map(|s| s.split(' ').count()), Some(3), "{around}");
    area.run(&["show", "t"]).says(&format!("commit {head}"));
    area.file("tests.star", "test(\"t\", steps = [(\"x\", \"true\")]) # changed\n");
    area.run(&["run", "--new"]).passes();
    let around = area.json(&["show", "t"])["attempts"][0]["around"].clone();
    assert_eq!(around["commit"], format!("{head}-dirty"), "{around}");
}

/// Run directories are made on the disks of the area, or of the test, where there is room, and are linked in one tree.
#[test]
fn disks_are_used_as_long_as_they_have_room() {
    let star = |least: &str| {
        format!(
            "tests.area(\"disks\", disks = {{\"one\": \"EV/one\"}}, link_tree = \"links\", min_space = {least})\n\
             test(\"a\", steps = [(\"x\", \"pwd -P\")])\n\
             test(\"b\", disks = {{\"two\": \"two\"}}, steps = [(\"x\", \"pwd -P\")])\n"
        )
    };
    let area = Area::native(&star("1"));
    area.run(&["run"]).passes();
    let one = area.place.path("ev").join("one/disks/r1/a");
    let two = area.dir().join("two/disks/r1/b");
    assert_eq!(area.run(&["log", "a"]).out.trim_end(), one.display().to_string());
    assert_eq!(area.run(&["log", "b"]).out.trim_end(), two.display().to_string());
    assert_eq!(fs::read_link(area.dir().join("links/r1/b")).unwrap(), two);
    area.file("tests.star", &star("1000000000000000"));
    area.run(&["run", "--new"]).ends(1);
    area.run(&["why", "a"]).says("ABORT: the disk of").says("and min_space asks for 1000000000000000 KB");
    assert!(!area.place.path("ev/one/disks/r2").exists());
    // A disk that the area has is one from which runs are removed.
    area.run(&["remove", "-n", "r1", "--yes"]).passes();
    assert!(!one.exists() && !two.exists() && area.dir().join("two/disks").exists());
}

/// Commands on changes of items get what they are told as words, whatever stands in it.
#[test]
fn triggers_run_on_changes_and_their_words_are_quoted() {
    let area = Area::empty();
    area.file("megatest.config", "[fields]\nT TEXT\n[setup]\nlinktree #{mtrah links}\n[triggers]\nCOMPLETED/FAIL printf '<%s>' \"all\"\n/PASS EV/note pass\nRUNNING/ EV/note runs\n");
    area.file(
        "tests/t/testconfig",
        "[ezsteps]\nx test \"$N\" != \"b;c\"\n[items]\nN a b;c $(x)\n[triggers]\n/FAIL EV/note own\n",
    );
    area.script("../ev/note", "echo \"$1 $#: $5/$6/$7/$8\" >> EV/noted\n");
    area.run(&["run", "--target", "x"]).ends(1);
    insta::assert_snapshot!(area.seen("noted").join("\n"), @r#"
    own 9: t/b;c/COMPLETED/FAIL
    pass 9: t/$(x)/COMPLETED/PASS
    pass 9: t/a/COMPLETED/PASS
    runs 9: t/$(x)/RUNNING/n/a
    runs 9: t/a/RUNNING/n/a
    runs 9: t/b;c/RUNNING/n/a
    "#);
    let log = fs::read_to_string(area.dir().join("links/x/r1/t/b;c/last-trigger-COMPLETED-FAIL.log")).unwrap();
    let dir = area.dir().join("links/x/r1/t/b;c").display().to_string();
    assert!(log.starts_with(&format!("<all><t(b;c)><{dir}><COMPLETED/FAIL><t><b;c><COMPLETED><FAIL><")), "{log}");
    // What is as it was changes nothing.
    area.run(&["run", "--target", "x", "-n", "r1"]).ends(1);
    assert_eq!(area.seen("noted").len(), 6);
    area.run(&["migrate", "-o", "tests.star"]).passes();
    area.run(&["run", "--target", "x", "--new"]).ends(1);
    assert_eq!(area.seen("noted").len(), 12, "natively they are the same");
}
