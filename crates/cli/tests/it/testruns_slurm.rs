//! Tests as jobs of a real Slurm: the same verdicts, and nothing is lost or run twice.

use crate::sealed::{Said, said};
use crate::slurm::{PLACES, Slurm, wait_until_empty};
use crate::testruns::Area;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use testkit::wait_until;

/// An area beside a Slurm.
struct Story {
    area: Area,
    slurm: Slurm,
}

impl Story {
    fn new(star: &str) -> Self {
        Story { area: Area::native(star), slurm: Slurm::start() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.area.command(arguments);
        command.env("SLURM_CONF", self.slurm.conf());
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    /// A run as jobs of Slurm, which goes on.
    fn start(&self, arguments: &[&str]) -> Child {
        self.start_with("slurm:every=100ms", arguments)
    }

    fn start_with(&self, host: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.args(["--host", host]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    fn why(&self, item: &str) -> String {
        self.area.run(&["why", item]).passes().out
    }

    /// What a runner keeps of attempts in Slurm.
    fn aways(&self) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(self.area.dir().join(".sluice/tests/away")).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect()
    }
}

const MATRIX: &str = r#"
tests.area("m", host = "slurm:partition=p,every=100ms")
ITEMS = {"CC": ["gcc", "clang"], "OPT": ["0", "2"]}
test("a", items = ITEMS, resources = {"cpus": 1, "memory": 10}, max_time = "10m", steps = [
    ("run", "echo made with $CC -O$OPT > out; echo job $SLURM_JOB_ID")])
test("b", items = ITEMS, itemwait = ["a"], steps = [
    ("look", "grep $CC $MT_LINKTREE/$MT_TARGET/$MT_RUNNAME/a/$MT_ITEMPATH/out"),
    ("judge", "test $MT_ITEMPATH != clang/2 || test -e EV/mended || { echo it is broken; exit 3; }"),
])
test("data", steps = [("measure", "echo 'size,lib,120,100,<=,kB' | sluice tests load-data")])
test("own", steps = [("run", "sluice tests set-status WARN -m 'look at it'")])
test("sum", toplevel = ["b"], steps = [("count", "exit 2", {"exit": "verdict"})])
"#;

#[test]
fn a_matrix_has_the_same_verdicts_in_slurm_as_here() {
    let story = Story::new(MATRIX);
    story.run(&["run", "-n", "here", "--host", "local"]).ends(1);
    assert!(story.slurm.jobs().is_empty());
    story.run(&["run", "-n", "there"]).ends(1).says("there is red");
    let here = story.area.outcome(&["-n", "here"]);
    assert_eq!(story.area.outcome(&["-n", "there"]), here);
    insta::assert_snapshot!(here, @r#"
    a/clang/0 PASS
    a/clang/2 PASS
    a/gcc/0 PASS
    a/gcc/2 PASS
    b/clang/0 PASS
    b/clang/2 FAIL
    b/gcc/0 PASS
    b/gcc/2 PASS
    data FAIL
    own WARN
    sum WARN
    "#);
    assert_eq!(story.slurm.jobs().len(), 11, "a job for each that ran");
    let log = story.area.run(&["log", "a/gcc/0", "-n", "there"]).passes().out;
    assert!(log.trim().strip_prefix("job ").is_some_and(|n| n.parse::<u64>().is_ok()), "{log}");
    let (jobs, _) = story.slurm.ask("scontrol", &["show", "job", "-o"]);
    let one = jobs.lines().find(|l| l.contains("Comment=a(gcc/0) of there in ")).expect("jobs say whose they are");
    assert!(one.contains("JobName=sluice-") && one.contains("TimeLimit=00:12:00") && one.contains("MinMemoryNode=10M"));
    assert!(story.aways().is_empty(), "nothing is kept of what is durable");
    story.area.allow("mended");
    story.run(&["rerun", "failed", "b", "-n", "there"]).ends(1);
    assert_eq!(story.area.items(&["-n", "there"])["b/clang/2"], ("COMPLETED".to_owned(), "PASS".to_owned(), 2));
    // What Slurm does not have is told at once, and of what there is not.
    story.run(&["run", "own", "-n", "x", "--host", "slurm:partition=none"]).ends(1).says("nvalid partition");
    story.run(&["run", "own", "--host", "slrm"]).ends(2).says("'slrm' is no host");
}

const HELD: &str = r#"
tests.area("h", dead_after = "1s")
test("w", items = {"N": [1, 2, 3, 4, 5, 6]}, steps = [
    ("one", "echo $N >> EV/began; until test -e EV/go$N; do sleep 0.02; done; echo $N >> EV/went"),
    ("two", "echo $N >> EV/second"),
])
test("end", waiton = ["w"], steps = [("run", "echo end >> EV/ended")])
"#;

#[test]
fn a_job_that_waits_is_not_dead_and_why_tells_what_slurm_says() {
    let story = Story::new(HELD);
    story.slurm.tell("scontrol", &["update", "nodename=n1", "state=drain", "reason=story"]);
    let runner = story.start(&["run", "-j", "5"]);
    wait_until("five wait in Slurm", || story.slurm.count("PENDING") == 5);
    wait_until("its reason is known", || story.why("w/1").contains("UnavailableNodes:n1"));
    let why = story.why("w/1");
    assert!(why.contains("was handed to slurm, and has not begun: job ") && why.contains(" is PENDING ("), "{why}");
    assert!(story.why("w/6").contains("waits for room"), "so many at once are submitted as was asked for");
    assert_eq!(story.area.items(&[])["w/1"], ("LAUNCHED".to_owned(), "n/a".to_owned(), 1));
    story.slurm.tell("scontrol", &["update", "nodename=n1", "state=resume"]);
    wait_until("as many run as there is room for", || story.area.seen("began").len() == PLACES);
    wait_until("its reason is another", || (1..6).any(|n| story.why(&format!("w/{n}")).contains("(Resources)")));
    assert_eq!(story.slurm.jobs().len(), 5);
    (1..=6).for_each(|n| story.area.allow(&format!("go{n}")));
    said(runner.wait_with_output().unwrap()).passes();
    let items = story.area.items(&[]);
    assert!(items.values().all(|i| *i == ("COMPLETED".to_owned(), "PASS".to_owned(), 1)), "{items:?}");
}

#[test]
fn killing_empties_the_queue_with_a_runner_and_without_one() {
    let story = Story::new(HELD);
    let runner = story.start(&["run", "-n", "one"]);
    wait_until("the node is full", || story.slurm.count("RUNNING") == PLACES && story.slurm.count("PENDING") == 2);
    wait_until("all have begun", || story.area.seen("began").len() == PLACES);
    story.run(&["kill", "-m", "enough"]).passes().says("7 items of one ended");
    said(runner.wait_with_output().unwrap()).ends(1);
    wait_until_empty(&story.slurm);
    let items = story.area.items(&["-n", "one"]);
    assert!(items.values().all(|(phase, status, _)| phase == "KILLED" && status == "KILLED"), "{items:?}");
    assert_eq!(story.slurm.count("CANCELLED"), 6);
    // Those of nobody's, and those of another, stay.
    let other = ["--parsable", "--output=/dev/null", "--job-name=other", "--wrap=sleep 600"];
    let (other, _) = story.slurm.ask("sbatch", &other);
    let mut second = story.start(&["run", "-n", "two"]);
    wait_until("the node is full", || story.area.seen("began").len() == 2 * PLACES - 1);
    second.kill().unwrap();
    second.wait().unwrap();
    story.run(&["kill", "-n", "two"]).passes().says("7 items of two ended");
    let left: Vec<String> = story.slurm.jobs().into_iter().filter(|(_, s)| s == "RUNNING").map(|(n, _)| n).collect();
    assert_eq!(left, [other], "only ours are ended, and by their numbers");
    assert_eq!(story.slurm.count("PENDING"), 0);
    assert!(story.area.seen("went").is_empty(), "nothing of them went on");
    assert!(story.aways().is_empty());
    let path = story.area.place.path("ev").display().to_string();
    wait_until("nothing of them runs", || crate::sealed::processes_with(&path).is_empty());
}

#[test]
fn the_runner_is_killed_and_the_next_finds_its_jobs() {
    let story = Story::new(HELD);
    let mut first = story.start(&["run"]);
    wait_until("the node is full", || story.area.seen("began").len() == PLACES && story.slurm.jobs().len() == 6);
    wait_until("all their numbers are written down", || story.aways().iter().all(|d| d.join("job").exists()));
    first.kill().unwrap();
    first.wait().unwrap();
    // As if it had been killed between submitting and writing down: the name is known, the number is not.
    let aways = story.aways();
    assert_eq!(aways.len(), 6);
    aways.iter().take(4).for_each(|dir| fs::remove_file(dir.join("job")).unwrap());
    // One ends while there is no runner.
    let began = story.area.seen("began");
    story.area.allow(&format!("go{}", began[0]));
    wait_until("one went on alone", || story.area.seen("second").len() == 1);
    // The next one does not have to be told where they are, and waits for an answer.
    let squeue = story.area.place.path("bin/squeue");
    let asked = story.area.place.path("ev/asked").display().to_string();
    fs::create_dir_all(story.area.place.path("bin")).unwrap();
    fs::write(&squeue, format!("#!/bin/sh\necho x >> {asked}\necho 'squeue: error: of a new kind' >&2\nexit 1\n"))
        .unwrap();
    fs::set_permissions(&squeue, fs::Permissions::from_mode(0o755)).unwrap();
    let second = story.command(&["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it has asked for all of them", || story.area.seen("asked").len() > 8);
    assert!(story.area.items(&[])["end"].0 == "NOT_STARTED" && story.slurm.jobs().len() == 6);
    fs::remove_file(&squeue).unwrap();
    (1..=6).for_each(|n| story.area.allow(&format!("go{n}")));
    said(second.wait_with_output().unwrap()).passes().says("6 items still run");
    for file in ["began", "went", "second"] {
        assert_eq!(story.area.seen(file), ["1", "2", "3", "4", "5", "6"], "each ran once: {file}");
    }
    assert_eq!(story.slurm.jobs().len(), 6, "no job was submitted twice");
    let items = story.area.items(&[]);
    assert_eq!(items.len(), 7);
    assert!(items.values().all(|i| *i == ("COMPLETED".to_owned(), "PASS".to_owned(), 1)), "{items:?}");
}

const ONE: &str = r#"
test("w", items = {"N": ["gone", "lost"]}, steps = [
    ("one", "echo $N $SLURM_JOB_ID >> EV/began; until test -e EV/go$N; do sleep 0.02; done")])
"#;

#[test]
fn jobs_that_slurm_or_somebody_ends_are_what_they_are() {
    let story = Story::new(ONE);
    let runner = story.start(&["run"]);
    wait_until("both run", || story.area.seen("began").len() == 2);
    let gone = story.area.seen("began").iter().find_map(|l| l.strip_prefix("gone ").map(str::to_owned)).unwrap();
    story.slurm.tell("scancel", &[&gone]);
    wait_until("it has ended", || story.area.items(&[])["w/gone"].1 == "KILLED");
    assert!(story.why("w/gone").contains(&format!("somebody cancelled its job {gone} in Slurm")));
    // A node that fails loses what ran on it, which is tried again.
    story.slurm.tell("scontrol", &["update", "nodename=n1", "state=down", "reason=story"]);
    wait_until("it is tried again", || story.area.items(&[])["w/lost"].2 == 2);
    // It comes up as soon as it is heard of again, and by itself.
    story.slurm.ask("scontrol", &["update", "nodename=n1", "state=resume"]);
    story.area.allow("golost");
    said(runner.wait_with_output().unwrap()).ends(1);
    let shown = story.area.json(&["show", "w/lost"]);
    let attempts = shown["attempts"].as_array().unwrap();
    let text = |n: usize, key: &str| attempts[n][key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text(0, "status"), text(1, "status")), ("DEAD".to_owned(), "PASS".to_owned()));
    assert!(text(0, "comment").contains("is NODE_FAIL in Slurm"), "{}", text(0, "comment"));
    assert_eq!(story.area.items(&[])["w/gone"].2, 1, "that one stands");
}

#[test]
fn a_job_over_its_limit_in_slurm_is_ended_by_it_and_says_so() {
    let story = Story::new(ONE);
    // A minute is the shortest that there is.
    let runner = story.start_with("slurm:every=100ms,time=1", &["run", "w/gone"]);
    wait_until("it runs", || story.area.seen("began").len() == 1);
    let job = story.area.seen("began")[0].trim_start_matches("gone ").to_owned();
    story.slurm.tell("scontrol", &["update", &format!("jobid={job}"), "endtime=now"]);
    story.slurm.wait("it has ended", || story.area.items(&[])["w/gone"].0 == "COMPLETED");
    said(runner.wait_with_output().unwrap()).ends(1);
    assert_eq!(story.area.items(&[])["w/gone"], ("COMPLETED".to_owned(), "KILLED".to_owned(), 1));
    assert!(story.why("w/gone").contains("ran longer than Slurm lets it (TIMEOUT)"), "{}", story.why("w/gone"));
    wait_until_empty(&story.slurm);
}

#[test]
fn a_controller_that_does_not_answer_is_waited_for() {
    let mut story = Story::new(HELD);
    let runner = story.start(&["run"]);
    wait_until("the node is full", || story.area.seen("began").len() == PLACES);
    wait_until("all are submitted", || story.slurm.jobs().len() == 6);
    let queued = || {
        let items = story.area.items(&[]).into_iter();
        items.filter(|(_, i)| i.0 == "LAUNCHED").map(|i| i.0).collect::<Vec<String>>()
    };
    wait_until("the runner knows what runs", || queued().len() == 6 - PLACES);
    let waits = queued();
    story.slurm.stop_controller();
    let began = story.area.seen("began");
    story.area.allow(&format!("go{}", began[0]));
    wait_until("what its agent says counts", || story.area.items(&[])[&format!("w/{}", began[0])].0 == "COMPLETED");
    wait_until("it is told", || story.why(&waits[0]).contains("Slurm does not answer ("));
    story.slurm.start_controller();
    (1..=6).for_each(|n| story.area.allow(&format!("go{n}")));
    said(runner.wait_with_output().unwrap()).passes();
    let items = story.area.items(&[]);
    assert!(items.values().all(|i| *i == ("COMPLETED".to_owned(), "PASS".to_owned(), 1)), "{items:?}");
    assert_eq!(story.area.seen("second").len(), 6);
    // What cannot be ended is not said to have ended.
    (1..=6).for_each(|n| fs::remove_file(story.area.place.path(&format!("ev/go{n}"))).unwrap());
    let mut other = story.start(&["run", "-n", "other"]);
    wait_until("the node is full", || story.area.seen("began").len() == 6 + PLACES);
    wait_until("all are submitted", || story.slurm.jobs().len() == 13);
    other.kill().unwrap();
    other.wait().unwrap();
    story.slurm.stop_controller();
    story.run(&["kill", "-n", "other"]).ends(3).says("what an earlier runner left in slurm cannot be ended: squeue");
    assert!(story.area.items(&["-n", "other"]).values().all(|i| i.0 != "KILLED"));
    story.slurm.start_controller();
    story.run(&["kill", "-n", "other"]).passes().says("7 items of other ended");
    wait_until_empty(&story.slurm);
    assert!(story.area.seen("second").len() == 6 && story.aways().is_empty());
}
