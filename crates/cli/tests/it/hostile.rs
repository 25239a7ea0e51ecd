//! Commands that misbehave: each has a clear outcome.

use crate::master::config;
use crate::sealed::Sealed;

/// Runs `script` as the one step of a build; how it ended, and its log.
fn outcome(script: &str) -> (i32, String, String) {
    let mut place = Sealed::new();
    let url = place.master(&config(script));
    let said = place.run(&["force", "b", "--wait", "--master", &url]);
    let log = place.run(&["log", "b/1", "--master", &url]);
    (said.code.expect("it exits"), said.out, log.out)
}

#[test]
fn each_misbehaviour_has_its_outcome() {
    let table = [
        ("no-such-program --at all", 1, "failed with exit code 127"),
        ("kill -SEGV $$", 1, "signal"),
        ("cat", 0, "passed"),
        ("printf 'a\\0b\\377c\\n'", 0, "passed"),
        ("printf 'no newline at the end'", 0, "passed"),
        ("exec >&- 2>&-; true", 0, "passed"),
    ];
    for (script, code, said) in table {
        let (ended, out, _) = outcome(script);
        assert_eq!(ended, code, "{script}: {out}");
        assert!(out.contains(said), "{script}: {out}");
    }
}

#[test]
fn nobody_is_blamed_for_what_the_machine_does() {
    // A shell that the supervisor runs has it for its parent.
    let (code, said, _) = outcome("echo begun; kill -9 $PPID; sleep 100");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the process that watched over it is gone"), "{said}");
    for (branch, there, code, expected) in
        [("main", false, 3, "there is no git repository at"), ("gone", true, 1, "has no branch gone")]
    {
        let mut place = Sealed::new();
        let repo = testkit::Repo::bare(place.path("repo.git"));
        repo.commit("main", "One", "a.c", "1\n");
        let address = if there { repo.address() } else { format!("{}.away", repo.address()) };
        let step = format!("steps.git({address:?}, branch = {branch:?}");
        let url = place.master(&config("x").replace("steps.shell(\"x\"", &step));
        place.run(&["force", "b", "--wait", "--master", &url]).ends(code).says(expected);
    }
}

#[test]
fn words_that_name_no_program_are_said_so() {
    let mut place = Sealed::new();
    let words = config("x").replace("steps.shell(\"x\"", "steps.shell([\"./absent\", \"1\"]");
    let url = place.master(&words);
    place.run(&["force", "b", "--wait", "--master", &url]).ends(1).says("could not be started");
}

#[test]
fn a_hundred_megabytes_without_a_newline_come_through_whole() {
    let mut place = Sealed::new();
    let url = place.master(&config("head -c 100000000 /dev/zero | tr '\\0' x"));
    place.run(&["force", "b", "--wait", "--master", &url]).passes();
    let log = place.run(&["log", "b/1", "--master", &url]).passes();
    assert_eq!(log.out.bytes().filter(|b| *b == b'x').count() / 1_000_000, 100);
}

#[test]
fn after_a_command_had_to_be_killed_its_slot_works_as_before() {
    let mut place = Sealed::new();
    let url = place.master(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
builder("deaf", workers = ["here"], steps = [
    steps.shell("trap '' TERM; while :; do sleep 1; done", name = "s", timeout = "1s", sigterm_time = "1s"),
])
builder("b", workers = ["here"], steps = [steps.shell("echo well", name = "s")])
schedulers.force("force", builders = ["deaf", "b"])
"#,
    );
    for _ in 0..2 {
        place.run(&["force", "deaf", "--wait", "--master", &url]).ends(1).says("without output");
        place.run(&["force", "b", "--wait", "--master", &url]).passes();
    }
}
