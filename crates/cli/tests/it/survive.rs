//! Builds that outlive the master or the worker that ran them.

use crate::sealed::{Sealed, processes_with};
use std::path::Path;

fn config(workers: &str, name: &str, go: &Path) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
{workers}
builder("b", workers = ["{name}"], steps = [
    steps.shell("echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo over", name = "s"),
    steps.shell("echo and on", name = "more"),
])
schedulers.force("force", builders = ["b"])
"#,
        go = go.display()
    )
}

fn address(place: &Sealed) -> String {
    let address = std::fs::read_to_string(place.path("m/address")).expect("an address");
    address.trim().split_once(' ').expect("two words").1.to_owned()
}

#[test]
fn a_local_build_goes_on_while_the_master_is_stopped() {
    let mut place = Sealed::new();
    let go = place.path("go");
    let url = place.master(&config("local_worker(\"here\")", "here", &go));
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    let dir = place.path("m").display().to_string();
    place.run(&["master", "stop", &dir]).passes();
    let script = format!("-e {}", go.display());
    assert!(!processes_with(&script).is_empty(), "the command goes on without a master");
    std::fs::write(&go, "").expect("written");
    testkit::wait_until("the command ends alone", || processes_with(&script).is_empty());
    place.run(&["master", "start", &dir]).passes();
    let url = address(&place);
    testkit::wait_until("the build is over", || {
        place.run(&["why", "1", "--master", &url]).out.contains("has ended: passed")
    });
    place.run(&["log", "b/1", "s", "--master", &url]).passes().says("begun\nover\n");
    place.run(&["log", "b/1", "more", "--master", &url]).passes().says("and on");
}

#[test]
fn a_worker_that_is_being_stopped_is_given_nothing_new() {
    let mut place = Sealed::new();
    let go = place.path("go");
    let url = place.master(&config("worker(\"far\", password = \"p\", max_builds = 1)", "far", &go));
    let dir = place.worker(&url, "far", "p").display().to_string();
    for _ in 0..2 {
        place.run(&["force", "b", "--master", &url]).passes();
    }
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    let begun = std::time::Instant::now();
    place.run(&["worker", "stop", &dir]).passes();
    let took = begun.elapsed();
    assert!(took.as_secs() < 3, "nothing has to be waited for: {took:?}");
    testkit::wait_until("the first build has its end, and is to be tried again", || {
        place.run(&["why", "1", "--master", &url]).out.contains("its worker far is not connected")
    });
    place.run(&["why", "2", "--master", &url]).passes().says("its worker far is not connected");
    std::fs::write(&go, "").expect("written");
    place.run(&["worker", "start", &dir]).passes();
    for request in ["1", "2"] {
        testkit::wait_until("both are over", || {
            place.run(&["why", request, "--master", &url]).out.contains("has ended: passed")
        });
    }
}
