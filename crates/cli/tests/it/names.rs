//! A worker's name belongs to the one that lives.

use crate::sealed::Sealed;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// One builder whose step waits for a file.
fn config(go: &Path) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
worker("far", password = "p")
builder("b", workers = ["far"], steps = [
    steps.shell("echo begun; while [ ! -e {} ]; do sleep 0.05; done; echo over", name = "s"),
])
schedulers.force("force", builders = ["b"])
"#,
        go.display()
    )
}

fn begin(place: &mut Sealed) -> String {
    let url = place.master(&config(&place.path("go")));
    place.worker(&url, "far", "p");
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    url
}

/// Another worker's directory with the same name in it, and its daemon.
fn second(place: &mut Sealed, url: &str) {
    let dir = place.path("second").display().to_string();
    place.run(&["worker", "init", &dir, "--master", url, "--name", "far", "--password", "p"]).passes();
    place.start(&["worker", "run", &dir], "second.log");
    place.stop_worker_at_the_end("second");
}

fn daemon_of(place: &Sealed, dir: &str) -> Pid {
    let pid = std::fs::read_to_string(place.path(dir).join("sluice.pid")).expect("a daemon");
    Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process")
}

fn finish(place: &Sealed, url: &str) {
    std::fs::write(place.path("go"), "").expect("written");
    testkit::wait_until("the build is over", || {
        place.run(&["status", "--json", "--master", url]).out.contains("build successful")
    });
    place.run(&["log", "b/1", "--master", url]).passes().says("begun\nover\n");
}

#[test]
fn a_living_worker_keeps_its_name_and_its_build() {
    let mut place = Sealed::new();
    let url = begin(&mut place);
    second(&mut place, &url);
    place.wait_for_text("second.log", "a worker named \"far\" is already connected from 127.0.0.1:");
    finish(&place, &url);
    let log = std::fs::read_to_string(place.path("far/sluice.log")).expect("a log");
    assert!(!log.contains("took over"), "nobody disturbed it: {log}");
    // When the first goes, the second has the name.
    place.run(&["worker", "stop", &place.path("far").display().to_string()]).passes();
    place.wait_for_text("second.log", "connected to");
}

#[test]
fn a_worker_that_gives_no_sign_of_life_is_replaced_and_told_so() {
    let mut place = Sealed::new();
    let url = begin(&mut place);
    // As a machine that was cut off: its connection stays open, and nothing comes.
    let first = daemon_of(&place, "far");
    kill_process(first, Signal::STOP).expect("it runs");
    second(&mut place, &url);
    place.wait_for_text("second.log", "connected to");
    kill_process(first, Signal::CONT).expect("it stands still");
    place.wait_for_text("far/sluice.log", "took over, since this one gave no sign of life for 5 s");
}

#[test]
fn a_daemon_that_was_killed_comes_back_to_its_build() {
    let mut place = Sealed::new();
    let url = begin(&mut place);
    kill_process(daemon_of(&place, "far"), Signal::KILL).expect("it runs");
    let dir = place.path("far").display().to_string();
    testkit::wait_until("it starts again", || place.run(&["worker", "start", &dir]).code == Some(0));
    finish(&place, &url);
}
