//! What is nobody's fault is no verdict at a gate: machines that die, commits that cannot be fetched.

use crate::land::Gate;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testkit::{wait_for, wait_until};

/// States of all trials, oldest first.
fn trials(gate: &Gate) -> Vec<String> {
    let answer = gate.get("/trunk/trials?order=trialid");
    let all = answer["trials"].as_array().expect("trials").iter();
    all.map(|trial| trial["state"].as_str().expect("a state").to_owned()).collect()
}

/// Every process that has the text in its arguments or its environment.
fn processes_of(text: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(text)
        })
    };
    pids.filter(has).collect()
}

#[test]
fn a_machine_that_dies_under_a_trial_is_no_verdict() {
    let far = |place: &std::path::Path| {
        let script = format!(
            "echo >> {at}/begun; echo TAP version 13; while [ ! -e {at}/go ]; do sleep 0.05; done; \
             git rev-parse HEAD >> {at}/seen; echo 'ok 1 - good'; echo 1..1",
            at = place.display()
        );
        format!(
            "worker(\"far\", \"p\", lost_after = \"1s\")\n\
             task(\"unit\", stages = [stage(\"test\", {}, output = \"tap\")])",
            json!(script)
        )
    };
    let mut gate = Gate::with_tasks(far, ", workers = [\"far\"], retries = 0");
    let url = gate.url.clone();
    let dir = gate.place.worker(&url, "far", "p");
    gate.change(&gate.base, "one", "one.txt", "x\n");
    let id = gate.land("one");
    wait_until("its test runs", || gate.place.path("begun").exists());
    let machine = dir.display().to_string();
    wait_until("the machine is dead", || {
        let all = processes_of(&machine);
        // Some end with others that were killed before them.
        for pid in all.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        all.is_empty()
    });
    let lost = wait_for("the build is given up", || {
        let answer = gate.place.get(&url, "/api/v2/builds?order=buildid");
        let first = serde_json::from_str::<serde_json::Value>(&answer).expect("builds")["builds"][0].clone();
        (first["complete"] == true).then_some(first)
    });
    // RETRY, in the numbers of the contract.
    assert_eq!(lost["results"], 5, "{lost}");
    assert_eq!(gate.candidate(id)["state"], "waiting", "{}", gate.told());
    fs::write(gate.place.path("go"), "").expect("a file");
    gate.place.run(&["worker", "start", &machine]).passes();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    assert!(!trials(&gate).contains(&"red".to_owned()), "{:?}", trials(&gate));
    gate.is_sound();
}

#[test]
fn a_commit_that_cannot_be_fetched_is_no_verdict() {
    let gate = Gate::new(0.0, ", retries = 0");
    let hook = gate.place.path("target.git/hooks/post-receive");
    let once = gate.place.path("once");
    let text = format!(
        "#!/bin/sh\nwhile read old new ref; do\ncase $ref in refs/sluice/trunk/*)\n\
         if mkdir {}; then git update-ref -d $ref; git prune --expire=now; fi;; esac\ndone\n",
        once.display()
    );
    fs::create_dir_all(hook.parent().expect("a directory")).expect("hooks");
    fs::write(&hook, text).expect("the hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it may be run");
    gate.change(&gate.base, "one", "one.txt", "x\n");
    // What is tested is in no branch, as it is put on top of this.
    let moved = gate.repo.commit("main", "change of somebody else", "other.txt", "x\n");
    wait_until("the gate knows that the branch has moved", || gate.gate()["tip"] == moved.as_str());
    let id = gate.land("one");
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    assert!(once.exists());
    assert_eq!(trials(&gate), ["broken", "green"], "{}", gate.told());
    gate.is_sound();
}
