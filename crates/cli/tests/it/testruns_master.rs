//! Items of test runs on workers of a master.

use crate::sealed::{Said, said};
use crate::testruns::Area;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::wait_until;

/// An area, a master with a try scheduler, and workers that are started by name.
struct Story {
    area: Area,
    url: String,
}

impl Story {
    /// `step` is what `steps.test_attempt` is called with, `builds` how many builds a worker has at once.
    fn new(star: &str, step: &str, builds: u32) -> Self {
        let mut area = Area::native(star);
        // It keeps its address when it is started again.
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port();
        let config = format!(
            r#"
web(listen = "127.0.0.1:{port}")
worker("w1", password = "p", max_builds = {builds}, lost_after = "3s")
worker("w2", password = "p", max_builds = {builds}, lost_after = "3s")
builder("plain", workers = ["w1"], steps = [steps.shell("true", name = "s")])
builder("alone", workers = ["w1"], steps = [steps.test_attempt()])
builder("tests", workers = ["w1", "w2"], steps = [steps.test_attempt({step})])
schedulers.try_userpass("tests", builders = ["plain", "tests"], users = {{"ann": "sesame"}})
"#
        );
        let url = area.place.master(&config);
        Story { area, url }
    }

    fn worker(&mut self, name: &str) -> PathBuf {
        self.area.place.worker(&self.url, name, "p")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.area.command(arguments);
        command.args(["--master", &self.url]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.command(arguments);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().expect("the program starts")
    }

    fn document(&self, path: &str) -> Value {
        serde_json::from_str(&self.area.place.get(&self.url, path)).expect("a document")
    }

    /// What became of the builds, in order: their results as codes, -1 for one that has none.
    fn builds(&self) -> Vec<i64> {
        let all = self.document("/api/v2/builds?order=buildid");
        all["builds"].as_array().expect("builds").iter().map(|b| b["results"].as_i64().unwrap_or(-1)).collect()
    }

    /// What the master keeps of attempts.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.area.place.path("m/attempts")).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect()
    }

    fn hosts(&self, run: &str) -> BTreeSet<String> {
        let shown = self.area.json(&["show", "-n", run]);
        let hosts = shown["items"].as_array().expect("items").iter();
        hosts.map(|i| i["host"].as_str().expect("a host").replace(&self.url, "URL/")).collect()
    }
}

const MATRIX: &str = r#"
ITEMS = {"CC": ["gcc", "clang"], "OPT": ["0", "2"]}
test("make", dir = "make", items = ITEMS, steps = [
    ("compile", "sh ./make.sh $CC $OPT && test \"$PWD\" = \"$MT_TEST_RUN_DIR\""),
    ("judge", "cat out", {"rules": "out.logpro"}),
])
test("check", items = ITEMS, itemwait = ["make"], steps = [
    ("check", "test $MT_ITEMPATH != gcc/2 || exit 3; echo size,lib,12$OPT,120,\\<=,kB | sluice tests load-data"),
    ("own", "megatest -step inner :state start :status 0; sluice tests set-log my.html; echo $MT_ITEMPATH > my.html"),
])
test("sum", toplevel = ["check"], steps = [("count", "exit 2", {"exit": "verdict"})])
"#;

/// What is to be the same wherever it runs.
fn told(area: &Area, run: &str) -> Vec<String> {
    let shown = area.json(&["show", "-n", run]);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for item in shown["items"].as_array().expect("items") {
        let name = format!("{}/{}", text(&item["test"]), text(&item["path"]));
        all.push(format!("{name} {} {} {}", text(&item["status"]), text(&item["log"]), text(&item["comment"])));
        let one = area.json(&["show", "-n", run, name.trim_end_matches('/')]);
        for step in one["steps"].as_array().expect("steps") {
            all.push(format!("{name} {} {} {}", text(&step["name"]), text(&step["status"]), text(&step["comment"])));
        }
        // The steps of its own are heard of while it runs here, and at its end from elsewhere.
        all.extend(
            one["data"].as_array().into_iter().flatten().map(|d| format!("{name} {} {}", d["variable"], d["value"])),
        );
    }
    all.sort();
    all
}

#[test]
fn a_matrix_on_two_workers_has_the_verdicts_that_it_has_here() {
    let mut story = Story::new(MATRIX, "", 2);
    story.area.file(
        "make/make.sh",
        "cat part/words $MT_RUN_AREA_HOME/make/part/words\ntest $1 != clang -o $2 != 2 || echo ERROR > out\n\
         echo made with $1 -O$2 >> out\n",
    );
    story.area.file("make/part/words", "some words\n");
    story.area.file("make/out.logpro", "(expect:error in \"LogFileBody\" = 0 \"none\" #/ERROR/)\n");
    story.area.run(&["run", "-n", "here"]).ends(1);
    story.worker("w1");
    story.worker("w2");
    story.run(&["run", "-n", "there", "-j", "4"]).ends(1).says("there is red");
    let (here, there) = (told(&story.area, "here"), told(&story.area, "there"));
    assert_eq!(here, there);
    assert!(here.iter().any(|l| l.starts_with("make/clang/2 FAIL")) && here.len() > 20, "{here:#?}");
    let hosts: BTreeSet<String> = [1, 2].map(|n| format!("w{n} of URL/")).into();
    let url = story.url.trim_end_matches('/').to_owned();
    let seen: BTreeSet<String> = story.hosts("there").into_iter().map(|h| h.replace(&url, "URL/")).collect();
    assert!(seen.iter().any(|h| hosts.contains(h)), "{seen:?}");
    assert!(seen.iter().all(|h| h.is_empty() || hosts.contains(h)), "what was not run was nowhere: {seen:?}");
    // Logs and directories are here, with what was made on the worker.
    let one = story.area.json(&["show", "-n", "there", "make/gcc/0"]);
    let dir = PathBuf::from(one["directory"].as_str().expect("a directory"));
    assert_eq!(fs::read_to_string(dir.join("out")).expect("it came"), "made with gcc -O0\n");
    assert_eq!(fs::read_to_string(dir.join("compile.log")).expect("it came"), "some words\nsome words\n");
    assert!(dir.starts_with(story.area.dir()) && dir.join("rerun.sh").is_file());
    story.area.run(&["log", "-n", "there", "make/gcc/0"]).passes().says("made with gcc -O0");
    assert_eq!(story.kept(), Vec::<PathBuf>::new(), "the master has nothing any more");
    let parcels = fs::read_dir(story.area.dir().join(".sluice/tests/parcels")).expect("listed").count();
    assert_eq!(parcels, 0);
    let left = |worker: &str| {
        let dirs = fs::read_dir(story.area.place.path(worker)).into_iter().flatten().flatten();
        dirs.filter_map(|d| Some(fs::read_dir(d.path().join("attempts")).ok()?.count())).sum::<usize>()
    };
    assert_eq!((left("w1"), left("w2")), (0, 0), "nor have the workers");
}

const HELD: &str = r#"
test("w", items = {"N": [1, 2, 3, 4]}, steps = [
    ("one", "echo $N >> EV/began; until test -e EV/go$N; do sleep 0.02; done; echo $N >> EV/went"),
    ("two", "echo $N >> EV/second"),
])
"#;

#[test]
fn what_waits_says_why_and_a_runner_that_is_killed_goes_on_with_the_same_builds() {
    let mut story = Story::new(HELD, "", 1);
    let mut first = story.start(&["run", "-j", "3"]);
    let why = |n: u32, words: &str| story.area.run(&["why", &format!("w/{n}")]).out.contains(words);
    wait_until("it says what it waits for", || why(1, "and has not begun: none of its workers is connected"));
    assert_eq!(story.area.items(&[])["w/1"].0, "LAUNCHED", "it is handed over, and not dead");
    let (one, two) = (story.area.place.path("w1"), story.area.place.path("w2"));
    story.worker("w1");
    story.worker("w2");
    assert!(one.is_dir() && two.is_dir());
    wait_until("two run, each on a worker", || story.area.seen("began").len() == 2);
    wait_until("the third waits for one of them", || {
        story.area.items(&[]).values().filter(|i| i.0 == "LAUNCHED").count() == 1
            && story.area.items(&[]).values().filter(|i| i.0 == "RUNNING").count() == 2
    });
    let hosts = story.hosts("r1").into_iter().filter(|h| h.starts_with("w1 of") || h.starts_with("w2 of")).count();
    assert_eq!(hosts, 2, "{:?}", story.hosts("r1"));
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    // Here it would run a second time.
    story.area.run(&["run", "--no-wait"]).ends(2).says("is still with");
    story.area.run(&["kill"]).ends(2).says("is still with");
    let began = story.area.seen("began");
    story.area.allow(&format!("go{}", began[0]));
    wait_until("one ends while there is no runner", || story.area.seen("second").len() == 1);
    let second = story.start(&["run", "-j", "3"]);
    (1..=4).for_each(|n| story.area.allow(&format!("go{n}")));
    said(second.wait_with_output().expect("it ends")).passes().says("r1 is green");
    for file in ["began", "went", "second"] {
        assert_eq!(story.area.seen(file), ["1", "2", "3", "4"], "each ran once: {file}");
    }
    assert_eq!(story.builds(), [0, 0, 0, 0]);
    let items = story.area.items(&[]);
    assert!(items.values().all(|i| *i == ("COMPLETED".to_owned(), "PASS".to_owned(), 1)), "{items:?}");
}

#[test]
fn items_are_ended_while_they_run_and_while_they_wait() {
    let mut story = Story::new(HELD, "", 1);
    story.worker("w1");
    let runner = story.start(&["run", "-j", "2"]);
    wait_until("one runs", || story.area.seen("began").len() == 1);
    let began = story.area.seen("began").remove(0);
    story.area.run(&["kill", &format!("w/{began}"), "-m", "enough"]).passes().says("1 item");
    wait_until("it is ended", || story.area.items(&[])[&format!("w/{began}")].0 == "KILLED");
    story.area.run(&["why", &format!("w/{began}")]).passes().says("ended by ann: enough");
    // Its place is free, and the next one has it.
    wait_until("another runs", || story.area.seen("began").len() == 2);
    story.area.run(&["kill", "-m", "all of it"]).passes();
    said(runner.wait_with_output().expect("it ends")).ends(1);
    let items = story.area.items(&[]);
    assert!(items.values().all(|(phase, ..)| phase == "KILLED"), "{items:?}");
    assert!(story.area.seen("went").is_empty() && story.area.seen("began").len() == 2);
    assert!(story.builds().iter().all(|results| *results == 6), "all are cancelled: {:?}", story.builds());
    let waits = story.document("/api/v2/buildrequests?complete=false");
    assert_eq!(waits["buildrequests"].as_array().map(Vec::len), Some(0), "nothing is left in the queue");
}

/// Ends every process that has to do with a directory, as when its machine loses power.
fn power_off(dir: &Path) {
    let text = dir.display().to_string();
    let is_there = |file: PathBuf| fs::read(file).is_ok_and(|b| String::from_utf8_lossy(&b).contains(&text));
    wait_until("the machine is off", || {
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let alive: Vec<String> = entries
            .filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
            .filter(|e| is_there(e.path().join("cmdline")) || is_there(e.path().join("environ")))
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        for pid in &alive {
            let _ = Command::new("kill").args(["-9", pid]).status();
        }
        alive.is_empty()
    });
}

#[test]
fn a_worker_whose_machine_dies_loses_its_attempt_which_is_tried_again_once() {
    let star = "test(\"w\", steps = [(\"one\", \"echo x >> EV/began; until test -e EV/go; do sleep 0.02; done\")])\n";
    let mut story = Story::new(star, "", 1);
    let dir = story.worker("w1");
    let runner = story.start(&["run"]);
    wait_until("it runs", || story.area.seen("began").len() == 1);
    power_off(&dir);
    wait_until("the master gives it up, and does not try it again", || story.builds().first() == Some(&4));
    story.worker("w2");
    wait_until("it is tried again", || story.area.seen("began").len() == 2);
    story.area.allow("go");
    said(runner.wait_with_output().expect("it ends")).passes();
    let shown = story.area.json(&["show", "w"]);
    let attempts = shown["attempts"].as_array().expect("attempts");
    let seen: Vec<_> = attempts.iter().map(|a| a["status"].as_str().expect("a status")).collect();
    assert_eq!(seen, ["DEAD", "PASS"]);
    assert!(attempts[0]["comment"].as_str().expect("why").contains("worker w1 was lost"), "{shown}");
    assert_eq!(story.builds(), [4, 0], "each attempt is one build");
}

#[test]
fn a_master_and_a_worker_that_are_killed_in_the_middle_change_nothing() {
    let mut story = Story::new(HELD, "", 4);
    let dir = story.worker("w1");
    let runner = story.start(&["run", "-j", "4", "-n", "r"]);
    wait_until("all run", || story.area.seen("began").len() == 4);
    let base = story.area.place.path("m");
    let pid = |file: PathBuf| -> u32 {
        let text = fs::read_to_string(file).expect("a pid");
        text.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a number")
    };
    crate::sealed::Sealed::kill_daemon(pid(base.join("sluice.pid")));
    crate::sealed::Sealed::kill_daemon(pid(dir.join("sluice.pid")));
    story.area.allow("go1");
    wait_until("one ends while nobody is there", || story.area.seen("second").len() == 1);
    story.area.place.run(&["master", "start", &base.display().to_string()]).passes();
    story.area.place.run(&["worker", "start", &dir.display().to_string()]).passes();
    (1..=4).for_each(|n| story.area.allow(&format!("go{n}")));
    said(runner.wait_with_output().expect("it ends")).passes().says("r is green");
    assert_eq!(story.area.seen("went"), ["1", "2", "3", "4"]);
    assert_eq!(story.builds(), [0, 0, 0, 0]);
}

#[test]
fn what_cannot_be_is_told_before_anything_runs() {
    let mut story = Story::new("test(\"w\", steps = [(\"one\", \"echo x >> EV/began\")])\n", "", 1);
    story
        .run(&["run", "--builder", "plain"])
        .ends(2)
        .says("no builder 'plain' that carries out tests; there is alone, tests");
    story.run(&["run", "--builder", "alone"]).ends(2).says("nobody may ask the builder 'alone'");
    let wrong = ["run", "--username", "ann", "--passwd", "barley"];
    story.run(&wrong).ends(2).says("no try scheduler knows this user with this password");
    story.run(&["run", "--username", "ann"]).ends(2).says("SLUICE_TRY_PASSWORD");
    let mut stranger = story.command(&["run"]);
    stranger.env("XDG_STATE_HOME", story.area.place.path("none"));
    said(stranger.output().expect("it starts")).ends(2).says("a name and a password of schedulers.try_userpass");
    story.area.run(&["run", "--master", "http://127.0.0.1:9"]).ends(3).says("no Sluice answers at");
    story.area.run(&["run", "--builder", "x"]).ends(2).says("--master");
    assert_eq!(story.area.json(&["list"]), Value::Array(Vec::new()), "no run is on record");
    // A user of the try scheduler needs no token, also to end what waits.
    let mut ann = story.command(&["run", "--username", "ann"]);
    ann.env("SLUICE_TRY_PASSWORD", "sesame").env("XDG_STATE_HOME", story.area.place.path("none"));
    ann.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let runner = ann.spawn().expect("it starts");
    wait_until("it waits for a worker", || story.area.run(&["why", "w"]).out.contains("is connected"));
    story.area.run(&["kill"]).passes();
    said(runner.wait_with_output().expect("it ends")).ends(1);
    assert_eq!(story.area.items(&[])["w"].0, "KILLED");
    // A directory that is too large does not go there, and says so.
    story.area.file("tests.star", "test(\"w\", dir = \"big\", steps = [(\"one\", \"true\")])\n");
    story.area.file("big/file", "");
    let big = fs::File::create(story.area.dir().join("big/file")).expect("made");
    big.set_len(300 << 20).expect("it is long");
    story.run(&["run", "--new"]).ends(1).says("no more may go to a worker");
    story.worker("w1");
    // Without a configuration for it.
    let config = "web(listen = \"127.0.0.1:0\")\n";
    fs::write(story.area.place.path("m/master.star"), config).expect("written");
    story.area.place.run(&["master", "reload", &story.area.place.path("m").display().to_string()]).passes();
    story.run(&["run", "--new"]).ends(2).says("has no builder that carries out tests").says("steps.test_attempt()");
}

#[test]
fn what_is_too_much_stays_on_the_worker_and_is_told() {
    let star = "test(\"w\", steps = [(\"one\", \"echo words; head -c 300000 /dev/zero > big; head -c 9000 /dev/zero > a; \
                ln -s a link; mkdir d; echo x > d/f; sluice tests set-status WARN -m mine\")])\n";
    let mut story = Story::new(star, "max_size = 64 << 10", 1);
    story.worker("w1");
    story.run(&["run"]).passes();
    story.area.run(&["why", "w"]).passes().says("COMPLETED/WARN: mine");
    story.area.run(&["log", "w"]).passes().says("words");
    let dir = PathBuf::from(story.area.json(&["show", "w"])["directory"].as_str().expect("a directory"));
    assert!(!dir.join("big").exists() && dir.join("d/f").is_file());
    assert_eq!(fs::metadata(dir.join("a")).expect("it came").len(), 9000);
    assert_eq!(fs::read_link(dir.join("link")).expect("it came"), PathBuf::from("a"));
    let left = fs::read_to_string(dir.join("left-on-worker.txt")).expect("it is told");
    assert!(left.starts_with("1 file with 300000 bytes stayed on ") && left.contains("300000 big\n"), "{left}");
    let there = left.lines().next().and_then(|l| l.split(" in ").nth(1)).expect("where").trim_end_matches(':');
    assert_eq!(fs::metadata(Path::new(there).join("big")).expect("it is there").len(), 300_000);
    let log = story.area.place.run(&["log", "tests/1", "--master", &story.url]).passes();
    log.says("1 file with 300000 bytes stay here, since no more than 65536 may go back");
}
