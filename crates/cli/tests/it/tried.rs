//! What is not committed yet is built: over HTTP, through a directory, by hand and by git.

use crate::sealed::{Said, Sealed, said};
use crate::steps::document;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::wait_until;

/// A repository that is followed, a clone to work in, and a master with two builders and both kinds of try schedulers.
struct Story {
    place: Sealed,
    url: String,
}

fn config(origin: &Path, worker: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
{worker}
builder("b", workers = ["here"], steps = [
    steps.git("{origin}"),
    steps.shell("grep -x good state && wc -c < blob", name = "check"),
    steps.shell(["echo", interpolate("[{{colour:-none}}]")], name = "say"),
])
builder("slow", workers = ["here"], steps = [steps.git("{origin}"), steps.shell("sleep 30", name = "sleep")])
builder("closed", workers = ["here"], steps = [steps.shell("true", name = "s")])
schedulers.force("force", builders = ["b"])
schedulers.try_userpass("tries", builders = ["b", "slow"], users = {{"ann": "sesame"}})
schedulers.try_jobdir("jobs", builders = ["b"], jobdir = "jobs")
"#,
        origin = origin.display()
    )
}

impl Story {
    fn new() -> Self {
        Self::with("local_worker(\"here\", max_builds = 4)")
    }

    fn with(worker: &str) -> Self {
        let mut place = Sealed::new();
        let origin = testkit::Repo::bare(place.path("origin.git"));
        origin.on("main").file("state", "good\n").file("blob", "plain").file("other", "1\n2\n3\n").commit();
        let url = place.master(&config(origin.path(), worker));
        git(&place, ".", &["clone", "-q", &origin.address(), "w"]);
        Self { place, url }
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.place.path("w").join(file), content).expect("written");
    }

    /// `sluice try` in the clone, as ann.
    fn tries(&self, arguments: &[&str]) -> Said {
        let mut all = vec!["try", "--master", &self.url];
        all.extend(arguments);
        let mut command = self.place.command(&all);
        command.current_dir(self.place.path("w")).env("SLUICE_TRY_PASSWORD", "sesame");
        said(command.output().expect("it starts"))
    }

    fn as_ann(&self, arguments: &[&str]) -> Said {
        self.tries(&[&["--username", "ann"], arguments].concat())
    }

    fn sets(&self) -> Vec<serde_json::Value> {
        document(&self.place, &self.url, "/api/v2/buildsets?order=bsid")["buildsets"].as_array().expect("sets").clone()
    }
}

fn git(place: &Sealed, dir: &str, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .current_dir(place.path(dir))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status()
        .expect("git starts");
    assert!(status.success(), "git {arguments:?}");
}

#[test]
fn a_change_that_breaks_is_found_before_anybody_has_it() {
    let story = Story::new();
    story.write("state", "bad\n");
    story.as_ann(&["-b", "b", "--wait", "-c", "<b>mine"]).ends(1).says("failed in check").says("sluice log b/1");
    // The branch itself is as it was, in the same tree of the same worker.
    story.place.run(&["force", "b", "--wait", "--master", &story.url]).passes();
    // A commit that nobody has, a change on top of it, a new file, and bytes that are no text.
    story.write("state", "good\n");
    story.write("other", "1\n2\n3\n4\n");
    git(&story.place, "w", &["commit", "-q", "-a", "-m", "not pushed"]);
    let mut blob = vec![0u8, 255, 1];
    blob.resize(3000, 7);
    story.write("blob", &blob);
    story.write("new", "a file\n");
    git(&story.place, "w", &["add", "new"]);
    story.write("forgotten", "x");
    story.as_ann(&["-b", "b", "--wait", "--property", "colour={secret:key}$(id)"]).passes().says("forgotten");
    let run = |step| story.place.run(&["log", "b/3", step, "--master", &story.url]).passes();
    run("check").says("3000\n");
    // A property of a stranger is a text and nothing else: no secret, no command.
    run("say").says("[{secret:key}$(id)]");
    // Who asked for what can be seen.
    let set = &story.sets()[0];
    assert_eq!(set["reason"], "try by ann: <b>mine");
    let stamp = &set["sourcestamps"][0];
    assert_eq!((stamp["branch"].as_str(), stamp["patch"]["author"].as_str()), (Some("main"), Some("ann")));
    assert!(stamp["patch"]["body"].as_str().expect("a body").contains("-good\n+bad\n"));
    let page = story.place.get(&story.url, "/builders/b/1");
    assert!(page.contains("+bad") && page.contains("&lt;b&gt;mine") && !page.contains("<b>mine"), "{page}");
    let raw = format!("/api/v2/sluice/patches/{}", stamp["ssid"]);
    assert!(page.contains(&raw), "{page}");
    assert!(story.place.get(&story.url, &raw).contains("diff --git a/state b/state"));
}

#[test]
fn a_failure_ends_it_at_once_and_all_must_pass() {
    let story = Story::new();
    story.write("state", "bad\n");
    let begun = std::time::Instant::now();
    // The other builder would take half a minute.
    story.as_ann(&["-b", "slow", "-b", "b", "--wait"]).ends(1).says("failed in check");
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    story.write("state", "good\n");
    story.as_ann(&["-b", "b", "--wait", "--quiet"]).passes().says("b passed");
    let json = story.as_ann(&["-b", "b", "--json"]).passes().out;
    let forced: serde_json::Value = serde_json::from_str(&json).expect("a document");
    assert_eq!(forced[0], 3, "{json}");
}

#[test]
fn who_may_not_is_told_why() {
    let story = Story::new();
    story.write("state", "bad\n");
    story.tries(&["-b", "b", "--username", "eve"]).ends(2).says("no try scheduler knows this user");
    story.as_ann(&["-b", "b", "--passwd", "wrong"]).ends(2).says("no try scheduler knows this user");
    story.as_ann(&["-b", "closed"]).ends(2).says("no try scheduler has a builder 'closed'; tries may ask b, slow");
    story.as_ann(&["-b", "b", "--scheduler", "jobs"]).ends(2).says("no try scheduler 'jobs' for this user");
    story.as_ann(&["-b", "b", "--codebase", "x"]).passes();
    let out = story.place.command(&["try", "-b", "b", "--master", &story.url, "--basedir", "nowhere"]);
    let mut out = out;
    out.current_dir(story.place.path("w")).env("XDG_STATE_HOME", story.place.path("none"));
    said(out.output().expect("it starts")).ends(2).says("a name and a password of schedulers.try_userpass");
    story.tries(&["--get-builder-names"]).passes().says("b\nslow\n");
    // With the master's token anybody may say who it is for.
    story.tries(&["-b", "b", "--who", "zoe", "--wait"]).ends(1);
    assert_eq!(story.sets().last().expect("a set")["reason"], "try by zoe");
    story.as_ann(&["-N"]).passes().says("+bad").says("-p1").says("all");
    let mut elsewhere = story.place.command(&["try", "--master", &story.url]);
    elsewhere.current_dir("/");
    said(elsewhere.output().expect("it starts")).ends(2).says("is in no working tree");
}

#[test]
fn a_patch_that_does_not_fit_names_the_file() {
    let story = Story::new();
    let patch = "--- other\n+++ other\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    story.write("p", patch);
    story.as_ann(&["-b", "b", "--diff", "p", "--wait"]).ends(1).says("other: patch does not apply");
    story.place.run(&["force", "b", "--wait", "--master", &story.url]).passes();
    let good = "--- a/state\n+++ b/state\n@@ -1 +1 @@\n-good\n+bad\n";
    story.write("p", good);
    story.as_ann(&["-b", "b", "--diff", "p", "-p", "1", "--branch", "main", "--wait"]).ends(1).says("failed in check");
    story
        .as_ann(&["-b", "b", "--diff", "p", "-p", "1", "--baserev", "no-such", "--wait"])
        .ends(1)
        .says("has no revision no-");
}

fn netstrings(parts: &[&str]) -> Vec<u8> {
    parts.iter().map(|p| format!("{}:{p},", p.len())).collect::<String>().into_bytes()
}

fn tryserver(story: &Story, job: &[u8]) -> Said {
    let dir = story.place.path("m/jobs").display().to_string();
    let mut command = story.place.command(&["tryserver", "--jobdir", &dir]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("input").write_all(job).expect("taken");
    said(child.wait_with_output().expect("an end"))
}

#[test]
fn jobs_in_a_directory_are_taken_once() {
    let story = Story::new();
    let place = &story.place;
    let jobs = place.path("m/jobs");
    wait_until("the directory is made", || jobs.join("cur").is_dir());
    let patch = "--- a/state\n+++ b/state\n@@ -1 +1 @@\n-good\n+bad\n";
    // As the client of 0.7.5 and that of 4.3 write it.
    let old = netstrings(&["1", "17-4", "main", "", "1", patch, "b"]);
    let new = serde_json::json!({"jobid": "18-4", "branch": "main", "baserev": "None", "patch_level": 1,
        "repository": "", "project": "", "who": "bob", "comment": null, "builderNames": [],
        "properties": {"colour": "red"}, "patch_body": patch});
    tryserver(&story, &old).passes();
    wait_until("it is a set", || story.sets().len() == 1);
    tryserver(&story, &netstrings(&["5", &new.to_string()])).passes();
    wait_until("both are over", || story.sets().iter().filter(|s| s["results"] == 2).count() == 2);
    let sets = story.sets();
    assert_eq!((&sets[0]["external_idstring"], &sets[1]["external_idstring"]), (&"17-4".into(), &"18-4".into()));
    assert_eq!(sets[1]["reason"], "try by bob");
    assert!(sets[0]["reason"].as_str().expect("words").starts_with("try by uid "), "{}", sets[0]);
    // What is no job is told to whoever hands it in, and set aside when it comes another way.
    tryserver(&story, b"hello").ends(2).says("is no try job: at byte 0");
    std::fs::write(jobs.join("new/broken"), "hello").expect("written");
    std::fs::write(jobs.join("new/other"), netstrings(&["1", "19", "", "", "1", patch, "slow"])).expect("written");
    // One that is there again was never moved: it is what it was.
    std::fs::write(jobs.join("new/twice"), &old).expect("written");
    // A name is not taken from somebody else, and one that is too long for a suffix is in nobody's way.
    std::fs::write(jobs.join("new/eve"), netstrings(&["3", "17-4", "main", "", "1", patch, "", "", "eve", "b"]))
        .expect("written");
    std::fs::write(jobs.join("new").join("a".repeat(255)), "hello").expect("written");
    let long = format!("{}.refused", "a".repeat(247));
    for name in ["broken.refused", "other.refused", "twice", "eve.refused", &long] {
        wait_until("all are moved", || jobs.join("cur").join(name).is_file());
    }
    assert_eq!(story.sets().len(), 2);
    let log = std::fs::read_to_string(place.path("m/sluice.log")).expect("a log");
    assert!(log.contains("does not take broken, which is now cur/broken.refused: it is no try job"), "{log}");
    assert!(log.contains("has no builder \"slow\"; it has b"), "{log}");
    // The way by ssh, with somebody in its place.
    let ssh = place.path("ssh");
    std::fs::write(&ssh, format!("#!/bin/sh\nshift 3\nexec {} ${{1#sluice}}\n", env!("CARGO_BIN_EXE_sluice")))
        .expect("written");
    std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    story.write("state", "bad\n");
    let (ssh, dir) = (ssh.display().to_string(), jobs.display().to_string());
    let way = ["--connect", "ssh", "--ssh", &ssh, "--tryhost", "h", "--username", "x", "--trydir", &dir];
    story.tries(&[&way[..], &["--wait"]].concat()).ends(1).says("failed in check");
    story.tries(&["--connect", "ssh"]).ends(2).says("--tryhost");
}

#[test]
fn a_master_that_dies_loses_no_try_and_builds_none_twice() {
    let mut story = Story::with("worker(\"here\", password = \"p\")");
    story.write("state", "bad\n");
    let job = story.as_ann(&["-b", "b", "--dry-run", "--json"]).passes().out;
    let job: serde_json::Value = serde_json::from_str(&job).expect("a document");
    story.as_ann(&["-b", "b"]).passes().says("waits");
    let jobs = story.place.path("m/jobs");
    let file = netstrings(&["5", &job.to_string()]);
    std::fs::write(jobs.join("new/j"), &file).expect("written");
    wait_until("it is taken", || jobs.join("cur/j").is_file());
    let pid = std::fs::read_to_string(story.place.path("m/address")).expect("an address");
    let pid: u32 = pid.split_once(' ').expect("two words").0.parse().expect("a number");
    Sealed::kill_daemon(pid);
    // As if it had died after the commit and before the file was moved.
    std::fs::rename(jobs.join("cur/j"), jobs.join("new/j")).expect("moved");
    let dir = story.place.path("m").display().to_string();
    story.place.run(&["master", "start", &dir]).passes();
    let address = std::fs::read_to_string(story.place.path("m/address")).expect("an address");
    story.url = address.trim().split_once(' ').expect("two words").1.to_owned();
    wait_until("it is moved again", || jobs.join("cur/j").is_file());
    let url = story.url.clone();
    story.place.worker(&url, "here", "p");
    wait_until("both are over", || story.sets().iter().filter(|s| s["results"] == 2).count() == 2);
    let builds = document(&story.place, &story.url, "/api/v2/builders/b/builds");
    assert_eq!(builds["builds"].as_array().expect("builds").len(), 2, "{builds}");
}

#[test]
fn options_are_found_in_a_file() {
    let story = Story::new();
    let dir = story.place.path("w/.sluice");
    std::fs::create_dir(&dir).expect("made");
    let options = format!(
        "master = '{}'\ntry_username = 'ann'\ntry_password = 'sesame'\ntry_builders = ['b']\ntry_wait = True\n",
        story.url
    );
    std::fs::write(dir.join("options"), &options).expect("written");
    story.write("state", "bad\n");
    let run = |arguments: &[&str]| {
        let mut command = story.place.command(arguments);
        said(command.current_dir(story.place.path("w")).output().expect("it starts"))
    };
    run(&["try"]).ends(1).says("failed in check");
    run(&["status"]).ends(1).says("1 builder is broken");
    std::fs::write(dir.join("options"), format!("{options}username = 'zoe'\n")).expect("written");
    run(&["sendchange", "--revision", "r9", "a"]).passes();
    let change = document(&story.place, &story.url, "/api/v2/changes?revision=r9");
    assert_eq!(change["changes"][0]["author"], "zoe");
    // The command line goes before it.
    run(&["try", "--passwd", "wrong"]).ends(2).says("no try scheduler knows this user");
    std::fs::write(dir.join("options"), "import os\n").expect("written");
    run(&["try"]).ends(2).says("options, line 1: there is no '='");
}
