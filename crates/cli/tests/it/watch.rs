//! Commands that watch: what they say while things change, and that a master may be started again below them.

use crate::master::config;
use crate::sealed::Sealed;
use rustix::process::Signal;

/// A master whose port stays the same when it is started again, with this one step.
fn master_that_stays(place: &mut Sealed, script: &str) -> String {
    let url = place.master(&config(script));
    let listen = url.trim_start_matches("http://").trim_end_matches('/');
    let fixed = config(script).replace("127.0.0.1:0", listen);
    std::fs::write(place.path("m/master.star"), fixed).expect("written");
    url
}

/// A step that goes on until the file `go` is there.
fn until_go(place: &Sealed) -> String {
    format!("echo begun; until [ -e {} ]; do sleep 0.05; done; echo over", place.path("go").display())
}

#[test]
fn watchers_outlive_a_restart_of_the_master() {
    let mut place = Sealed::new();
    let script = until_go(&place);
    let url = master_that_stays(&mut place, &script);
    let dir = place.path("m").display().to_string();
    let force = place.start(&["force", "b", "--wait", "--master", &url], "force");
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    let log = place.start(&["log", "-f", "b/1", "--master", &url], "log");
    let status = place.start(&["status", "--follow", "--master", &url], "status");
    place.wait_for_text("log", "begun\n");
    place.wait_for_text("status", "No build yet, 1 running, 0 waiting.");

    place.run(&["master", "stop", &dir]).passes();
    for watcher in ["force", "log", "status"] {
        let said = place.wait_for_text(watcher, "waiting up to 5 min");
        assert_eq!(said.matches("waiting up to").count(), 1, "{said}");
    }
    place.run(&["master", "start", &dir]).passes();
    for watcher in ["force", "log", "status"] {
        place.wait_for_text(watcher, "the master is back");
    }
    std::fs::write(place.path("go"), "").expect("written");
    assert_eq!((place.end_of(force), place.end_of(log)), (Some(0), Some(0)));
    place.wait_for_text("force", "✓ b passed after");
    let said = place.wait_for_text("log", "over\n");
    assert_eq!((said.matches("\nbegun\n").count(), said.matches("\nover\n").count()), (1, 1), "{said}");
    place.wait_for_text("status", "✓ b build 1: build successful");
    Sealed::signal(status, Signal::INT);
    assert_eq!(place.end_of(status), Some(130));
}

#[test]
fn status_follows_what_ends_in_words_and_as_documents() {
    let mut place = Sealed::new();
    let url = place.master(&config("exit 3"));
    let words = place.start(&["status", "--follow", "--master", &url], "words");
    let documents = place.start(&["status", "--follow", "--json", "--master", &url], "documents");
    place.wait_for_text("words", "No build yet, 0 running, 0 waiting.");
    // The second one says nothing until something ends: that it listens is seen by what it says of the next build.
    testkit::wait_until("both have heard of a build", || {
        place.run(&["force", "b", "--wait", "--master", &url]).ends(1);
        ["words", "documents"]
            .iter()
            .all(|file| std::fs::read_to_string(place.path(file)).is_ok_and(|s| s.contains("failed")))
    });
    let said = place.wait_for_text("words", "  ✗ b build 1: failed");
    assert_eq!(said.matches("b build 1:").count(), 1, "each is told once: {said}");
    for line in place.wait_for_text("documents", "\n").lines() {
        let build: serde_json::Value = serde_json::from_str(line).expect("a document a line");
        assert_eq!((&build["results"], &build["complete"]), (&2.into(), &true.into()), "{line}");
    }
    for pid in [words, documents] {
        Sealed::signal(pid, Signal::INT);
        assert_eq!(place.end_of(pid), Some(130));
    }
    place.run(&["status", "--follow", "--master", "http://127.0.0.1:9"]).ends(3).says("no Sluice answers");
}

#[test]
fn a_removed_builder_that_still_runs_has_its_name() {
    let mut place = Sealed::new();
    let script = until_go(&place);
    let url = place.master(&config(&script));
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it runs", || place.run(&["log", "b/1", "--master", &url]).out.contains("begun\n"));
    let dir = place.path("m").display().to_string();
    std::fs::write(place.path("m/master.star"), config("true").replace("\"b\"", "\"c\"")).expect("written");
    place.run(&["master", "reload", &dir]).passes();
    let said = place.run(&["status", "--master", &url]).passes().says("No build yet, 1 running");
    assert!(said.out.contains("  ◐ b     "), "{}", said.out);
    std::fs::write(place.path("go"), "").expect("written");
}

#[test]
fn a_reason_to_wait_is_said_once_where_lines_cannot_be_rewritten() {
    let mut place = Sealed::new();
    let script = until_go(&place);
    let url = place.master(&config(&script));
    place.run(&["force", "b", "--master", &url]).passes();
    let second = place.start(&["force", "b", "--wait", "--master", &url], "second");
    place.wait_for_text("second", "○ request 2 waits: its worker here is busy");
    // Each new request makes the reason of the second one to be looked at again.
    for _ in 0..3 {
        place.run(&["force", "b", "--priority", "1", "--master", &url]).passes();
    }
    std::fs::write(place.path("go"), "").expect("written");
    assert_eq!(place.end_of(second), Some(0));
    let said = place.wait_for_text("second", "✓ b passed");
    assert_eq!(said.matches("is busy").count(), 1, "{said}");
}

#[test]
fn a_master_reads_its_configuration_again_when_its_terminal_says_hangup() {
    let mut place = Sealed::new();
    let dir = place.path("m").display().to_string();
    place.run(&["master", "init", &dir]).passes();
    std::fs::write(place.path("m/master.star"), config("echo before")).expect("written");
    let pid = place.start(&["master", "run", &dir], "said");
    place.wait_for_text("said", "the pages are at");
    let address = std::fs::read_to_string(place.path("m/address")).expect("an address");
    let url = address.trim().split_once(' ').expect("two words").1.to_owned();

    std::fs::write(place.path("m/master.star"), "builder(").expect("written");
    Sealed::signal(pid, Signal::HUP);
    place.wait_for_text("said", "the old configuration stays in force");
    place.run(&["force", "b", "--wait", "--master", &url]).passes();

    std::fs::write(place.path("m/master.star"), config("exit 3")).expect("written");
    Sealed::signal(pid, Signal::HUP);
    place.wait_for_text("said", "reload: ");
    place.run(&["force", "b", "--wait", "--master", &url]).ends(1);
    Sealed::signal(pid, Signal::TERM);
    assert_eq!(place.end_of(pid), Some(0));
}
