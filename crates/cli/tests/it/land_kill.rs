//! The queue of a gate survives the end of its master at any moment.

use crate::land::Gate;
use serde_json::json;
use std::path::PathBuf;

#[test]
fn a_master_that_is_killed_while_a_trial_runs_goes_on_with_it() {
    let mut gate = Gate::new(0.0, ", slots = 2");
    gate.change(&gate.base, "one", "hold", "x\n");
    gate.change(&gate.base, "two", "b.txt", "x\n");
    let [one, two] = ["one", "two"].map(|name| gate.land(name));
    testkit::wait_until("a test runs", || gate.place.path("seen").exists());
    gate.kill();
    std::fs::write(gate.place.path("go"), "").unwrap();
    gate.start();
    for id in [one, two] {
        assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    }
    assert_eq!(gate.landed(), ["one", "two"]);
    let trials = gate.get("/trunk/trials?order=trialid");
    let sets = trials["trials"][0]["buildsets"].as_array().unwrap().len();
    assert_eq!(sets, 1, "its builds went on without the master: {trials}");
    gate.is_sound();
}

/// A hook of the repository that stops at a push to a reference of this beginning until there is a file.
struct Hook {
    reached: PathBuf,
    go: PathBuf,
}

impl Hook {
    fn new(gate: &Gate, name: &str, reference: &str) -> Self {
        let path = |file: &str| gate.place.path(&format!("{name}.{file}"));
        let hook = Self { reached: path("reached"), go: path("go") };
        let (file, Hook { reached, go }) = (gate.place.path(&format!("target.git/hooks/{name}")), &hook);
        let (reached, go) = (reached.display(), go.display());
        let text = format!(
            "#!/bin/sh\nwhile read old new ref; do\ncase $ref in {reference}*) touch {reached}\n\
             while [ ! -e {go} ]; do sleep 0.05; done;; esac\ndone\n"
        );
        std::fs::create_dir_all(file.parent().expect("a directory of hooks")).expect("it is made");
        std::fs::write(&file, text).expect("the hook is written");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it may be run");
        hook
    }

    fn is_reached(&self) {
        testkit::wait_until("a push is at the hook", || self.reached.exists());
    }

    fn let_go(&self) {
        std::fs::write(&self.go, "").expect("a file");
    }
}

#[test]
fn a_push_of_which_the_master_never_heard_is_found_and_counted_once() {
    let mut gate = Gate::new(0.0, "");
    let hook = Hook::new(&gate, "post-receive", "refs/heads/main");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    hook.is_reached();
    gate.kill();
    hook.let_go();
    gate.start();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    let told = gate.told();
    assert!(told.contains("it has arrived"), "{told}");
    assert_eq!(told.matches(" landed c").count(), 1, "{told}");
    assert_eq!(gate.landed(), ["one"]);
    gate.is_sound();
}

/// A server may think about a push for long: the gate answers whoever hands in meanwhile, and takes it up afterwards.
#[test]
fn while_a_push_is_held_others_are_answered() {
    let gate = Gate::new(0.0, "");
    let hook = Hook::new(&gate, "pre-receive", "refs/heads/main");
    for name in ["one", "two", "three"] {
        gate.change(&gate.base, name, &format!("{name}.txt"), "x\n");
    }
    let one = gate.land("one");
    hook.is_reached();
    let [two, three] = ["two", "three"].map(|name| gate.land(name));
    gate.post(&format!("/candidates/{three}"), "withdraw", json!({}));
    assert_eq!(gate.candidate(three)["state"], "withdrawn", "{}", gate.told());
    for id in [one, two] {
        assert_eq!(gate.candidate(id)["state"], "waiting", "{}", gate.told());
    }
    hook.let_go();
    for id in [one, two] {
        assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    }
    assert_eq!(gate.landed(), ["one", "two"]);
    gate.is_sound();
}

/// The push may die with its master or arrive later all the same; it counts once.
#[test]
fn a_push_that_is_still_under_way_when_the_master_dies_lands_once() {
    let mut gate = Gate::new(0.0, "");
    let hook = Hook::new(&gate, "pre-receive", "refs/heads/main");
    let commit = gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    hook.is_reached();
    gate.kill();
    assert_eq!(gate.repo.head("main"), gate.base);
    gate.start();
    hook.let_go();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    assert_eq!((gate.repo.head("main"), gate.landed()), (commit, vec!["one".to_owned()]), "{}", gate.told());
    gate.is_sound();
}

#[test]
fn a_trial_whose_commit_was_being_published_when_the_master_died_is_begun_again() {
    let mut gate = Gate::new(0.0, "");
    let hook = Hook::new(&gate, "pre-receive", "refs/sluice/trunk/");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    hook.is_reached();
    gate.kill();
    hook.let_go();
    gate.start();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.get("/trunk/trials")["meta"]["total"], 1, "it is the same trial: {}", gate.told());
    gate.is_sound();
}

/// The master dies as soon as something of the kind is seen from outside, wherever it is by then.
#[test]
fn a_master_that_dies_after_each_decision_lands_what_is_good_once() {
    let mut gate = Gate::new(0.3, ", slots = 3, retries = 0");
    for (name, file) in [("one", "a.txt"), ("two", "bad.txt"), ("three", "c.txt"), ("four", "d.txt")] {
        gate.change(&gate.base, name, file, "x\n");
    }
    let ids = ["one", "two", "three", "four"].map(|name| gate.land(name));
    for kind in ["started", "green", "pushing", "landed", "red", "rejected"] {
        testkit::wait_until("the next decision", || {
            gate.told().contains(&format!(" {kind} c"))
                || ids.iter().all(|id| gate.candidate(*id)["state"] != "waiting")
        });
        gate.kill();
        gate.start();
    }
    let states = ids.map(|id| gate.decided(id)["state"].as_str().map(str::to_owned).unwrap_or_default());
    assert_eq!(states, ["landed", "rejected", "landed", "landed"], "{}", gate.told());
    let mut landed = gate.landed();
    landed.sort_unstable();
    assert_eq!(landed, ["four", "one", "three"]);
    gate.is_sound();
}

#[test]
fn a_master_that_is_stopped_and_started_knows_its_line() {
    let mut gate = Gate::new(0.0, ", approvals = 1");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    let dir = gate.place.path("m").display().to_string();
    gate.place.run(&["master", "stop", &dir]).passes();
    gate.start();
    assert_eq!(gate.candidate(id)["state"], "waiting");
    gate.post(&format!("/candidates/{id}"), "approve", serde_json::json!({ "owner": "bob" }));
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    gate.is_sound();
}
