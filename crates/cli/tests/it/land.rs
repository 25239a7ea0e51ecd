//! A master with a gate, a bare repository that lets everything in, and people who hand changes in.

use crate::sealed::Sealed;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::Repo;

/// How a candidate may end.
const ENDS: [&str; 5] = ["landed", "rejected", "conflict", "dependency_failed", "withdrawn"];

/// The first commit of each repository has this file, which changes do not touch.
const BASE: &str = "base";

/// The place, the repository and the gate's master.
pub(crate) struct Gate {
    pub(crate) place: Sealed,
    pub(crate) repo: Repo,
    pub(crate) url: String,
    pub(crate) base: String,
    master: Option<u32>,
}

/// What the task does: a file `bad…` in the tree fails the test `nothing bad`, and so does `right` with the word `bad` in
/// it; `left` fails it at once where `right` is too, `flaky` fails it once, `hold` waits for `go` in the place. Each run
/// notes what it saw.
fn script(place: &Path, seconds: f64) -> String {
    let at = place.display();
    format!(
        "git rev-parse HEAD >> {at}/seen; echo TAP version 13; \
         if [ -e left ] && [ -e right ]; then echo 'not ok 1 - nothing bad'; echo 1..1; exit 0; fi; \
         while [ -e hold ] && [ ! -e {at}/go ]; do sleep 0.05; done; sleep {seconds}; \
         if ls bad* >/dev/null 2>&1 || grep -qs bad right; then echo 'not ok 1 - nothing bad'; \
         elif [ -e flaky ] && [ ! -e {at}/flaked ]; then touch {at}/flaked; echo 'not ok 1 - nothing bad'; \
         else echo 'ok 1 - nothing bad'; fi; echo 1..1"
    )
}

impl Gate {
    /// A master with the gate `trunk` on `main`, whose only task takes so long; `more` are further arguments of the gate.
    pub(crate) fn new(seconds: f64, more: &str) -> Self {
        let place = Sealed::new();
        let script = script(&place.path(""), seconds);
        let tasks = format!("task(\"unit\", stages = [stage(\"test\", {}, output = \"tap\")])", json!(script));
        Self::with(place, &tasks, more)
    }

    /// With tasks that are told where the place is.
    pub(crate) fn with_tasks(tasks: impl Fn(&Path) -> String, more: &str) -> Self {
        let place = Sealed::new();
        let tasks = tasks(&place.path(""));
        Self::with(place, &tasks, more)
    }

    /// The same with tasks of one's own.
    pub(crate) fn with(place: Sealed, tasks: &str, more: &str) -> Self {
        let repo = Repo::bare(place.path("target.git"));
        let base = repo.commit("main", "the beginning", BASE, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        // Every move of the branch is written down by the repository itself.
        repo.git(["config", "core.logAllRefUpdates", "always"]);
        let config = format!(
            "web(listen = \"127.0.0.1:0\", anonymous_control = True)\nlocal_worker(\"here\", max_builds = 8)\n{tasks}\n\
             gate(\"trunk\", repo = {}, branch = \"main\", poll = \"1s\"{more})\n",
            json!(repo.path().display().to_string()),
        );
        let dir = place.path("m").display().to_string();
        place.run(&["master", "init", &dir]).passes();
        std::fs::write(place.path("m/master.star"), config).expect("the configuration is written");
        let mut gate = Self { place, repo, url: String::new(), base, master: None };
        gate.start();
        gate
    }

    /// Starts the master in a process of its own, and waits until its gate knows the branch.
    pub(crate) fn start(&mut self) {
        let dir = self.place.path("m").display().to_string();
        let _ = std::fs::remove_file(self.place.path("m/address"));
        self.master = Some(self.place.start(&["master", "run", &dir], "master.out"));
        let address = testkit::wait_for("the master says where it is", || {
            fs::read_to_string(self.place.path("m/address")).ok().filter(|text| text.ends_with('\n'))
        });
        self.url = address.trim().split_once(' ').expect("process and address").1.to_owned();
        testkit::wait_until("the gate knows its branch", || self.gate()["tip"] != "");
    }

    /// Kills the master, and starts it again.
    pub(crate) fn kill(&mut self) {
        let pid = self.master.take().expect("it runs");
        Sealed::signal(pid, Signal::KILL);
        self.place.end_of(pid);
    }

    /// A change of one file on a branch of its own that stands on a commit. Gives the commit.
    pub(crate) fn change(&self, on: &str, name: &str, file: &str, content: &str) -> String {
        self.repo.point(name, on);
        self.repo.commit(name, &format!("change {name}"), file, content)
    }

    /// Hands a branch in. Gives the number of its candidate.
    pub(crate) fn land(&self, branch: &str) -> i64 {
        self.land_with(json!({ "reference": branch, "owner": "ada" }))
    }

    pub(crate) fn land_with(&self, params: Value) -> i64 {
        let answer = self.post("", "land", params);
        answer["result"]["candidateid"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// A call to the gate, or to what lies below it.
    pub(crate) fn post(&self, below: &str, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = std::net::TcpStream::connect(host).expect("the master is there");
        let ask = format!(
            "POST /api/v2/gates/trunk{below} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(ask.as_bytes()).expect("it is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let text = self.place.get(&self.url, &format!("/api/v2/gates{path}"));
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"))
    }

    pub(crate) fn gate(&self) -> Value {
        self.get("/trunk")["gates"][0].clone()
    }

    pub(crate) fn candidate(&self, id: i64) -> Value {
        self.get(&format!("/trunk/candidates/{id}"))["candidates"][0].clone()
    }

    /// Waits until a candidate is decided.
    #[track_caller]
    pub(crate) fn decided(&self, id: i64) -> Value {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            let candidate = self.candidate(id);
            if candidate["state"] != "waiting" {
                return candidate;
            }
            assert!(Instant::now() < end, "{candidate}\n{}\n{}", self.gate(), self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the gate decided, a line each.
    pub(crate) fn told(&self) -> String {
        let all = self.get("/trunk/decisions?order=number");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = |d: &Value| {
            let [kind, reason] = ["kind", "reason"].map(|name| text(&d[name]));
            format!("{} {kind} c{} t{}: {reason}", d["number"], d["candidate"], d["trial"])
        };
        all["decisions"].as_array().expect("decisions").iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Titles of what is on the branch, oldest first, without the beginning.
    pub(crate) fn landed(&self) -> Vec<String> {
        let range = format!("{}..main", self.base);
        let log = self.repo.git(["log", "--reverse", "--format=%s", &range]);
        log.lines().map(|line| line.trim_start_matches("change ").to_owned()).collect()
    }

    /// What must be so whatever happened: the branch only went forward, each tip of it was tested, nothing landed twice,
    /// each candidate ended once, and once the line is empty no commit of a trial is public and no process of a build is
    /// left.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let seen = fs::read_to_string(self.place.path("seen")).unwrap_or_default();
        let moves = self.repo.git(["reflog", "show", "--format=%H", "main"]);
        let mut tips: Vec<&str> = moves.lines().collect();
        tips.reverse();
        for pair in tips.windows(2) {
            self.repo.git(["merge-base", "--is-ancestor", pair[0], pair[1]]);
        }
        let trials = self.get("/trunk/trials?state=green&limit=500");
        let green: Vec<&str> =
            trials["trials"].as_array().expect("trials").iter().filter_map(|t| t["commit"].as_str()).collect();
        let candidates = self.get("/trunk/candidates?state=landed&limit=500");
        for landed in candidates["candidates"].as_array().expect("candidates") {
            let tip = landed["landed_commit"].as_str().expect("a commit");
            assert!(green.contains(&tip), "{tip} was not green\n{}", self.told());
            assert!(seen.is_empty() || seen.contains(tip), "{tip} was not seen by a task");
        }
        let mut titles = self.landed();
        let count = titles.len();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), count, "something landed twice: {titles:?}");
        let home = format!("HOME={}\0", self.place.path("").display().to_string().trim_end_matches('/'));
        testkit::wait_until("trials are not public any more, and nothing of them runs", || {
            !self.gate()["line"].as_array().expect("a line").is_empty()
                || self.repo.git(["for-each-ref", "refs/sluice"]).is_empty() && of_builds(&home).is_empty()
        });
        self.each_ended_once();
    }

    fn each_ended_once(&self) {
        let decisions = self.get("/trunk/decisions?order=number&limit=1000");
        let candidates = self.get("/trunk/candidates?limit=1000");
        for candidate in candidates["candidates"].as_array().expect("candidates") {
            let (id, state) = (candidate["candidateid"].as_i64().expect("a number"), &candidate["state"]);
            let told = decisions["decisions"].as_array().expect("decisions").iter().filter(|d| d["candidate"] == id);
            let ends: Vec<&str> = told.filter_map(|d| d["kind"].as_str()).filter(|kind| ENDS.contains(kind)).collect();
            // Taking back is told as an act and as an end.
            let times = match state.as_str() {
                Some("withdrawn") => 2,
                Some("waiting") => 0,
                _ => 1,
            };
            assert!(
                ends.len() == times && ends.iter().all(|end| state == end),
                "{id} is {state}: {ends:?}\n{}",
                self.told()
            );
        }
    }
}

/// Processes that a command of a build began, with this in their environment.
fn of_builds(home: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    let is_ours = |pid: &String| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        environment.contains(home) && environment.contains("SLUICE_JOB=")
    };
    names.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).filter(is_ours).collect()
}
