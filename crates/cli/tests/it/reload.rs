//! What a reload takes away ends in good order.

use crate::sealed::Sealed;

/// A worker and builder that stay, and others that come and go.
fn config(more: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
local_worker("stays")
builder("a", workers = ["stays"], steps = [steps.shell("true", name = "s")])
{more}
"#
    )
}

#[test]
fn running_builds_of_a_removed_worker_end_first_and_waiting_requests_are_cancelled() {
    let mut place = Sealed::new();
    let go = place.path("go");
    let going = format!(
        r#"local_worker("goes", max_builds = 1)
builder("b", workers = ["goes"], steps = [
    steps.shell("echo begun; while [ ! -e {} ]; do sleep 0.05; done", name = "wait"),
    steps.shell("echo and on", name = "more"),
])
schedulers.force("force", builders = ["a", "b"])"#,
        go.display()
    );
    let url = place.master(&config(&going));
    let dir = place.path("m").display().to_string();
    for _ in 0..3 {
        place.run(&["force", "b", "--master", &url]).passes();
    }
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));

    std::fs::write(place.path("m/master.star"), config("schedulers.force(\"force\", builders = [\"a\"])"))
        .expect("written");
    let check = place.run(&["master", "check", &dir]).passes();
    check.says("- worker goes: what it runs goes on to the end").says("- builder b: what waits for it is cancelled");
    let said = place.run(&["master", "reload", &dir]).passes();
    let said = said.says("cancels 2 waiting requests of b: its builder b is no longer configured");
    let said = said.says("lets 1 running build of b go on to the end, and starts no more");
    said.says("lets 1 running build on worker goes go on to the end, and gives it no more");
    testkit::wait_until("the waiting ones are cancelled", || {
        place.run(&["why", "2", "--master", &url]).out.contains("cancelled")
    });
    place.run(&["force", "a", "--wait", "--master", &url]).passes();

    std::fs::write(&go, "").expect("written");
    testkit::wait_until("the last build is over", || {
        place.run(&["why", "1", "--master", &url]).out.contains("has ended: passed")
    });
    place.run(&["log", "b/1", "more", "--master", &url]).passes().says("and on");
}

/// The language's own library functions cannot be stopped from inside: a process with limits finds that out.
#[test]
fn a_configuration_that_eats_the_memory_does_not_eat_the_master() {
    let mut place = Sealed::new();
    let good = crate::master::config("true");
    let url = place.master(&good);
    let base = place.path("m").display().to_string();
    let eater = r#"x = ",".join(["a" * 1000000] * 1000000)"#;
    std::fs::write(place.path("m/master.star"), format!("{good}\n{eater}\n")).expect("written");
    place.run(&["master", "reload", &base]).ends(2).says("takes more memory or more time");
    place.run(&["force", "b", "--wait", "--master", &url]).passes();
}
