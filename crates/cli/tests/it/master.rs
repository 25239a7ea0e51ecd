//! A master's life, and what one asks of it on the command line.

use crate::sealed::Sealed;
use std::process::Stdio;

/// One local worker, one builder that does what `script` says.
pub(crate) fn config(script: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
builder("b", workers = ["here"], steps = [steps.shell({script:?}, name = "s")])
schedulers.force("force", builders = ["b"])
"#
    )
}

#[test]
fn init_check_start_force_reload_stop() {
    let mut place = Sealed::new();
    let url = place.master(&config("echo hello; echo oops >&2"));
    let dir = place.path("m").display().to_string();
    place.run(&["master", "init", &dir]).ends(2).says("is there already");
    place.run(&["master", "check", &dir]).passes().says("b").says("A reload changes nothing");
    place.run(&["force", "b", "--reason", "x", "--wait", "--master", &url]).passes().says("✓ s").says("b passed");
    let log = place.run(&["log", "b/1", "s", "--master", &url]).passes();
    assert!(log.out.contains("hello\n") && log.out.contains("oops\n"), "{}", log.out);
    place.run(&["status", "--master", &url]).passes().says("Nothing is broken");

    std::fs::write(place.path("m/master.star"), "builder(").expect("written");
    place.run(&["master", "reload", &dir]).ends(2).says("master.star:1").says("the old configuration stays in force");
    place.run(&["force", "b", "--wait", "--master", &url]).passes();

    std::fs::write(place.path("m/master.star"), config("exit 3")).expect("written");
    place.run(&["master", "check", &dir]).passes().says("A reload would change");
    place.run(&["master", "reload", &dir]).passes().says("in force");
    let failed = place.run(&["force", "b", "--wait", "--master", &url]).ends(1);
    failed.says("✗ b failed in s").says("(build 3)");
    place.run(&["status", "--master", &url]).ends(1).says("1 builder is broken");
    place.run(&["rebuild", "b/1", "--master", &url, "--wait"]).ends(1).says("(build 4)");

    place.run(&["master", "start", &dir]).ends(3).says("it runs already");
    place.run(&["master", "run", &dir]).ends(3).says("is in use by process");
    place.run(&["master", "stop", &dir]).passes().says("has ended");
    place.run(&["force", "b", "--master", &url]).ends(3).says("no Sluice answers");
    place.run(&["master", "start", &dir]).passes();
}

#[test]
fn history_and_queue_outlive_a_restart() {
    let mut place = Sealed::new();
    let config = r#"
web(listen = "127.0.0.1:0")
worker("far", password = "p")
builder("b", workers = ["far"], steps = [steps.shell("true", name = "s")])
schedulers.force("force", builders = ["b"])
"#;
    let url = place.master(config);
    let dir = place.path("m").display().to_string();
    place.run(&["force", "b", "--master", &url]).passes().says("request 1 waits");
    place.run(&["why", "1", "--master", &url]).passes().says("its worker far is not connected");
    place.run(&["master", "restart", &dir]).passes();
    let address = std::fs::read_to_string(place.path("m/address")).expect("an address");
    let url = address.trim().split_once(' ').expect("two words").1.to_owned();
    place.run(&["why", "1", "--master", &url]).passes().says("its worker far is not connected");
    place.worker(&url, "far", "p");
    testkit::wait_until("the request is built", || {
        place.run(&["why", "1", "--master", &url]).out.contains("has ended: passed")
    });
}

#[test]
fn a_running_build_is_stopped_with_its_reason() {
    let mut place = Sealed::new();
    let url = place.master(&config("echo begun; sleep 1000"));
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    place.run(&["stop", "b/1", "--reason", "not needed", "--master", &url]).passes();
    testkit::wait_until("it is over", || {
        place.run(&["status", "--json", "--master", &url]).out.contains("stopped: by ann: not needed")
    });
    place.run(&["stop", "b/1", "--master", &url]).ends(2).says("does not run");
}

#[test]
fn a_change_that_is_sent_is_built_once() {
    let mut place = Sealed::new();
    let url = place.master(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
builder("b", workers = ["here"], steps = [steps.shell("true", name = "s")])
schedulers.single_branch("quick", branch = "main", builders = ["b"])
"#,
    );
    let send = ["sendchange", "--branch", "main", "--revision", "r1", "--comments", "a mend", "f.c", "--master", &url];
    place.run(&send).passes().says("change 1 is sent");
    place.run(&send).passes().says("known already");
    testkit::wait_until("it is built", || {
        place.run(&["status", "--json", "--master", &url]).out.contains("build successful")
    });
    let refused = ["sendchange", "--branch", "main", "--master", &url, "--basedir", "/nonexistent"];
    place.run(&refused).ends(2).says("token");
}

/// Several hooks may tell of one commit at the same moment, so that the master decides on them together.
#[test]
fn a_change_that_many_tell_at_once_is_one() {
    let mut place = Sealed::new();
    let url = place.master(&config("true"));
    let send = |revision: &str| {
        let arguments = ["sendchange", "--branch", "main", "--revision", revision, "f.c", "--master", &url];
        place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
    };
    let sent: Vec<_> = (0..16).map(|n| send(["r1", "r2"][n % 2])).collect();
    for child in sent {
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let known = place.get(&url, "/api/v2/changes");
    assert_eq!(known.matches("\"changeid\"").count(), 2, "{known}");
}

#[test]
fn a_change_comes_from_files_and_standard_input() {
    let mut place = Sealed::new();
    let url = place.master(&config("true"));
    std::fs::write(place.path("rev"), "d201f04\n").expect("written");
    std::fs::write(place.path("log"), b"mend the window check\n\nGr\xf6\xdfe\n").expect("written");
    let send = ["sendchange", "--branch", "main", "--master", &url, "--json"];
    place
        .run(&[&send[..], &["--revision-file", "rev", "--logfile", "log", "f.c"]].concat())
        .passes()
        .says("{\"changeid\":1}");

    let mut command = place.command(&[&send[..], &["--revision", "r2", "--logfile", "-"]].concat());
    let input = std::fs::File::open(place.path("log")).expect("the file");
    crate::sealed::said(command.stdin(input).output().expect("it runs")).passes().says("{\"changeid\":2}");

    let get = |path: &str| place.get(&url, path);
    let first: serde_json::Value = serde_json::from_str(&get("/api/v2/changes/1")).expect("a document");
    let change = &first["changes"][0];
    assert_eq!(change["revision"], "d201f04", "without the end of the line: {change}");
    assert_eq!(change["comments"], "mend the window check\n\nGr\u{fffd}\u{fffd}e\n");
    let second: serde_json::Value = serde_json::from_str(&get("/api/v2/changes/2")).expect("a document");
    assert_eq!(second["changes"][0]["comments"], change["comments"]);

    let both = [&send[..], &["--revision", "r", "--revision-file", "rev"]].concat();
    place.run(&both).ends(2).says("cannot be used with");
    place.run(&[&send[..5], &["--logfile", "absent"]].concat()).ends(2).says("cannot read absent");
}
