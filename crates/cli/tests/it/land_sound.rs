//! What keeps a gate of a master from landing what was not tested so, and from asking for ever for what is refused.

use crate::land::Gate;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testkit::wait_until;

const NINE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// A task for each of two directories.
fn by_directory(at: &std::path::Path) -> String {
    let at = at.display();
    let task = |name: &str| {
        let script = format!("git rev-parse HEAD >> {at}/seen; echo {name} >> {at}/ran; ! grep -rs bad {name}");
        format!("task(\"{name}\", paths = [\"{name}/**\"], stages = [stage(\"test\", {})])", json!(script))
    };
    format!("{}\n{}", task("docs"), task("lib"))
}

/// What a change touches says which tasks it is tested by: it may not come to touch what others test.
#[test]
fn a_change_does_not_follow_a_file_to_where_others_test_it() {
    let gate = Gate::with_tasks(by_directory, ", retries = 0");
    let docs = gate.repo.commit("main", "docs", "docs/a", NINE);
    gate.change(&docs, "one", "docs/a", "bad\n2\n3\n4\n5\n6\n7\n8\n9\n");
    let moved = gate.repo.on("main").message("moved").rename("docs/a", "lib/a").commit();
    wait_until("the gate knows of it", || gate.gate()["tip"] == json!(moved));
    let one = gate.land("one");
    let ended = gate.decided(one);
    assert_eq!((&ended["state"], &ended["tests"]), (&json!("conflict"), &json!(["docs/a"])), "{}", gate.told());
    assert_eq!(gate.repo.head("main"), moved);
    gate.is_sound();
}

/// A hook of the repository that does not let the branch move, with these words.
fn refuse(gate: &Gate, words: &str) -> std::path::PathBuf {
    let hook = gate.place.path("target.git/hooks/pre-receive");
    let text = format!(
        "#!/bin/sh\nwhile read -r old new ref; do case $ref in refs/heads/main) echo '{words}' >&2; exit 1;; esac; done\n"
    );
    fs::create_dir_all(hook.parent().expect("hooks")).expect("it is made");
    fs::write(&hook, text).expect("the hook is written");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it may be run");
    hook
}

#[test]
fn a_refusal_is_one_whatever_the_hook_says_of_it() {
    let gate = Gate::new(0.0, "");
    let hook = refuse(&gate, "the branch is blocked (code freeze)");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let one = gate.land("one");
    wait_until("the gate halts", || gate.gate()["halted"].is_string());
    let told = gate.told();
    assert!(told.contains("the branch is blocked (code freeze)"), "{told}");
    assert_eq!(told.matches(" pushing ").count(), 1, "{told}");
    fs::remove_file(hook).expect("it is removed");
    gate.post("", "resume", json!({}));
    assert_eq!(gate.decided(one)["state"], "landed", "{}", gate.told());
    gate.is_sound();
}

#[test]
fn a_push_that_is_not_taken_just_now_is_tried_again_after_a_while() {
    let gate = Gate::new(0.0, "");
    let lock = gate.place.path("target.git/refs/heads/main.lock");
    fs::write(&lock, "").expect("somebody writes there");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let one = gate.land("one");
    wait_until("the gate is in trouble", || gate.gate()["trouble"].is_string());
    fs::remove_file(lock).expect("they are done");
    assert_eq!(gate.decided(one)["state"], "landed", "{}", gate.told());
    let told = gate.told();
    assert!(told.matches(" pushing ").count() <= 3, "{told}");
    gate.is_sound();
}

/// The task's name is what it was, but it tests more by now.
#[test]
fn what_another_test_found_green_does_not_land() {
    let waits = |at: &std::path::Path| {
        let at = at.display();
        let script = format!("git rev-parse HEAD >> {at}/seen; while [ ! -e {at}/go ]; do sleep 0.05; done");
        format!("task(\"unit\", stages = [stage(\"test\", {})])", json!(script))
    };
    let gate = Gate::with_tasks(waits, ", retries = 0");
    gate.change(&gate.base, "one", "bad.txt", "x\n");
    let one = gate.land("one");
    wait_until("a test runs", || gate.place.path("seen").exists());
    let path = gate.place.path("m/master.star");
    let config = fs::read_to_string(&path).expect("the configuration");
    let stricter = config.replace("stages = [", "stages = [stage(\"more\", \"! test -e bad.txt\"), ");
    assert_ne!(stricter, config);
    fs::write(&path, stricter).expect("it is written");
    gate.place.run(&["master", "reload", &gate.place.path("m").display().to_string()]).passes();
    fs::write(gate.place.path("go"), "").expect("they are let go");
    let ended = gate.decided(one);
    assert_eq!(ended["state"], "rejected", "{}", gate.told());
    assert_eq!(gate.repo.head("main"), gate.base);
    gate.is_sound();
}

/// A hook of the repository puts a commit of its own on top of what it takes.
#[test]
fn what_a_hook_puts_on_top_is_not_what_landed() {
    let gate = Gate::new(0.0, "");
    let hook = gate.place.path("target.git/hooks/post-receive");
    let text = "#!/bin/sh\nwhile read -r old new ref; do case $ref in refs/heads/main) git -c user.name=h -c user.email=h \
                update-ref $ref $(git -c user.name=h -c user.email=h commit-tree $new^{tree} -p $new -m hook);; esac; done\n";
    fs::create_dir_all(hook.parent().expect("hooks")).expect("it is made");
    fs::write(&hook, text).expect("the hook is written");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it may be run");
    let commit = gate.change(&gate.base, "one", "a.txt", "x\n");
    let one = gate.land("one");
    let ended = gate.decided(one);
    assert_eq!((&ended["state"], &ended["landed_commit"]), (&json!("landed"), &json!(commit)), "{}", gate.told());
    assert_eq!(gate.landed(), ["one", "hook"]);
    gate.is_sound();
}

/// Somebody pushes past the gate, and hands in at once what stands on that: the gate need not have looked since.
#[test]
fn what_stands_on_what_came_just_now_fits() {
    let gate = Gate::new(0.0, "");
    let new = gate.repo.commit("main", "past the gate", "new.txt", NINE);
    let commit = gate.change(&new, "one", "new.txt", "more\n");
    let one = gate.land("one");
    let ended = gate.decided(one);
    assert_eq!((&ended["state"], &ended["landed_commit"]), (&json!("landed"), &json!(commit)), "{}", gate.told());
    gate.is_sound();
}

/// What approvals are wanted, and whose count, is what the configuration in force says.
#[test]
fn who_waits_needs_the_approvals_that_are_wanted_now() {
    let gate = Gate::new(0.0, ", approvals = 1");
    for name in ["one", "two", "three"] {
        gate.change(&gate.base, name, if name == "two" { "hold" } else { name }, "x\n");
    }
    let say = |before: &str, after: &str| {
        let path = gate.place.path("m/master.star");
        let config = fs::read_to_string(&path).expect("the configuration");
        assert!(config.contains(before), "{config}");
        fs::write(&path, config.replace(before, after)).expect("it is written");
        gate.place.run(&["master", "reload", &gate.place.path("m").display().to_string()]).passes();
    };
    let one = gate.land("one");
    assert_eq!(gate.candidate(one)["state"], "waiting");
    say("approvals = 1", "approvals = 0");
    assert_eq!(gate.decided(one)["state"], "landed", "{}", gate.told());
    let two = gate.land("two");
    wait_until("it is tested", || gate.told().matches(" started ").count() == 2);
    say("approvals = 0", "approvals = 1");
    wait_until("it needs an approval", || gate.candidate(two)["wanted"] == 1);
    fs::write(gate.place.path("go"), "").expect("it is let go");
    gate.post(&format!("/candidates/{two}"), "approve", json!({ "owner": "bob" }));
    assert_eq!(gate.decided(two)["state"], "landed", "{}", gate.told());
    let told = gate.told();
    let at = |what: &str| told.rfind(what).unwrap_or_else(|| panic!("{what}: {told}"));
    assert!(at(" approved ") < at(" pushing "), "{told}");
    say("approvals = 1", "approvals = 2");
    let three = gate.land("three");
    gate.post(&format!("/candidates/{three}"), "approve", json!({ "owner": "bob" }));
    say("approvals = 2", "approvals = 1, approvers = [\"eve\"]");
    wait_until("one is wanted", || gate.candidate(three)["wanted"] == 1);
    assert_eq!((&gate.candidate(three)["approvals"], &gate.candidate(three)["state"]), (&json!([]), &json!("waiting")));
    gate.post(&format!("/candidates/{three}"), "approve", json!({ "owner": "eve" }));
    assert_eq!(gate.decided(three)["state"], "landed", "{}", gate.told());
    gate.is_sound();
}

/// Who waits wanted to land on the branch that the gate kept when they handed in.
#[test]
fn a_line_does_not_go_along_to_another_branch() {
    let gate = Gate::new(0.0, ", approvals = 1");
    gate.repo.point("release", &gate.base);
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let one = gate.land("one");
    let path = gate.place.path("m/master.star");
    let config = fs::read_to_string(&path).expect("the configuration");
    let other = config.replace("branch = \"main\"", "branch = \"release\"").replace("approvals = 1", "approvals = 0");
    assert_ne!(other, config);
    fs::write(&path, other).expect("it is written");
    gate.place.run(&["master", "reload", &gate.place.path("m").display().to_string()]).passes();
    let ended = gate.decided(one);
    assert_eq!(ended["state"], "withdrawn", "{}", gate.told());
    assert_eq!(ended["reason"], "taken back by the gate, which keeps release now");
    let again = gate.land("one");
    assert_eq!(gate.decided(again)["state"], "landed", "{}", gate.told());
    assert_eq!((gate.repo.head("main"), gate.repo.head("release")), (gate.base.clone(), gate.repo.head("one")));
    gate.is_sound();
}
