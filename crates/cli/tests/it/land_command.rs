//! `sluice land` against a master with a gate: handing in, waiting, saying, and a push to `refs/for`.

use crate::land::Gate;
use crate::sealed::{Said, said};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use testkit::{Repo, wait_until};

/// A clone of the gate's repository for a developer.
fn developer(gate: &Gate, name: &str) -> Repo {
    let path = gate.place.path(name);
    gate.repo.git(["clone", "-q", &gate.repo.address(), path.to_str().expect("a path in UTF-8")]);
    let repo = Repo::with_work_tree(path);
    repo.git(["config", "user.name", name]);
    repo.git(["config", "user.email", &format!("{name}@example.org")]);
    repo
}

/// `sluice land` in a checkout, ready to be started.
fn command(gate: &Gate, repo: &Repo, arguments: &[&str]) -> Command {
    let mut command = gate.place.command(&["land"]);
    command.args(arguments).current_dir(repo.path()).env("SLUICE_MASTER", &gate.url);
    command
}

fn land(gate: &Gate, repo: &Repo, arguments: &[&str]) -> Said {
    said(command(gate, repo, arguments).output().expect("the program starts"))
}

#[test]
fn a_change_is_handed_in_and_followed_until_it_has_landed() {
    let gate = Gate::new(0.0, "");
    let ann = developer(&gate, "ann");
    let commit = ann.commit("main", "mine", "mine.c", "mine\n");
    fs::write(ann.path().join("mine.c"), "not committed\n").expect("a file");
    let said = land(&gate, &ann, &["--wait"]).passes();
    let said = said.says("what is not committed does not land").says("trial 1 tests 1 on ").says("trial 1 green");
    assert!(said.out.contains(&format!("✓ 1  landed on main as {} after ", &commit[..7])), "{}", said.out);
    assert_eq!(gate.repo.head("main"), commit);
    land(&gate, &ann, &[]).ends(4).says("it has landed already, as candidate 1");
    let status = land(&gate, &ann, &["--status"]).passes();
    assert!(
        status.out.starts_with(&format!("trunk: main at {}, nothing waits, 0 of ", &commit[..7])),
        "{}",
        status.out
    );
    status.says("1 landed by trial 1");
    gate.holds(&[]);
}

#[test]
fn what_does_not_pass_and_what_does_not_fit_end_with_codes_of_their_own() {
    let gate = Gate::new(0.0, ", retries = 0");
    let ann = developer(&gate, "ann");
    ann.point("bad", "main");
    ann.commit("bad", "a bad one", "bad.c", "x\n");
    let said = land(&gate, &ann, &["bad", "--wait"]).ends(1);
    said.says("✗ 1  is rejected after ").says("unit/test failed: nothing bad");
    ann.point("late", "main");
    ann.commit("late", "a late one", "base", "late\n");
    let begun = gate.repo.head("main");
    let first = gate.repo.commit("main", "change first", "base", "first\n");
    wait_until("the gate has seen it", || gate.gate()["tip"] == json!(first));
    let document = land(&gate, &ann, &["late", "--wait", "--json"]).ends(4);
    let document: Value = serde_json::from_str(&document.out).expect("one document");
    assert_eq!((&document["state"], &document["tests"]), (&json!("conflict"), &json!(["base"])), "{document}");
    assert_eq!(gate.repo.git(["rev-parse", "main~1"]), begun);
    assert_eq!(ann.head("late"), document["commit"].as_str().expect("a commit"), "the branch is as it was");
    gate.holds(&[1]);
}

#[test]
fn approving_taking_back_and_preferring_are_for_those_who_may() {
    let gate = Gate::new(0.0, ", approvals = 1, approvers = [\"bob\"], submitters = [\"ann\"]");
    let ann = developer(&gate, "ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    land(&gate, &ann, &["--owner", "eve"]).ends(4).says("eve may hand nothing in at the gate 'trunk'");
    assert_eq!(gate.repo.git(["for-each-ref", "refs/sluice"]), "", "what is not taken leaves nothing");
    land(&gate, &ann, &["--owner", "ann"]).passes().says("it needs an approval: sluice land --approve 1");
    // Twice is once.
    land(&gate, &ann, &["--owner", "ann"]).passes().says("○ 1 ");
    land(&gate, &ann, &["--approve", "1", "--owner", "eve"]).ends(4).says("eve may approve nothing");
    land(&gate, &ann, &["--approve", "7", "--owner", "bob"]).ends(2).says("there is no candidate 7");
    let preferred = land(&gate, &ann, &["--prioritise", "1", "--priority", "5", "--owner", "ann"]).passes();
    preferred.says("gives it priority 5");
    let status = land(&gate, &ann, &["--status"]).passes();
    status
        .says("main at ")
        .says("1 waits")
        .says("waits for an approval")
        .says("1 prioritised: ann gives it priority 5");
    ann.point("other", "main~1");
    ann.commit("other", "another", "other.c", "x\n");
    land(&gate, &ann, &["other", "--owner", "ann"]).passes();
    land(&gate, &ann, &["--withdraw", "2", "--owner", "ann"]).passes().says("ann takes it back");
    land(&gate, &ann, &["--resume"]).ends(4).says("the gate is not halted");
    land(&gate, &ann, &["--approve", "1", "--owner", "bob"]).passes().says("bob approves it");
    assert_eq!(gate.decided(1)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.decided(2)["state"], "withdrawn", "{}", gate.told());
    gate.holds(&[]);
}

#[test]
fn a_wrong_token_a_wrong_gate_and_a_wrong_commit_are_told_and_change_nothing() {
    let gate = Gate::new(0.0, "");
    let ann = developer(&gate, "ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let wrong = command(&gate, &ann, &[]).env("SLUICE_TOKEN", "wrong").output().expect("the program starts");
    said(wrong).ends(2).says("token");
    land(&gate, &ann, &["--gate", "other"]).ends(2).says("there is no gate other").says("trunk (main)");
    land(&gate, &ann, &["--branch", "other"]).ends(2).says("there is no gate of branch other");
    land(&gate, &ann, &["nothing"]).ends(2).says("there is no commit nothing in ");
    land(&gate, &ann, &["--to", "/nowhere"]).ends(2).says("/nowhere");
    land(&gate, &ann, &["--needs", "77"]).ends(4).says("there is no candidate 77");
    let outside = command(&gate, &ann, &[]).current_dir("/").output().expect("the program starts");
    said(outside).ends(2);
    let away = command(&gate, &ann, &["--master", "http://127.0.0.1:1"]).output().expect("the program starts");
    said(away).ends(3);
    assert_eq!(gate.get("/trunk/candidates")["meta"]["total"], 0);
    assert_eq!(gate.repo.git(["for-each-ref", "refs/sluice/in"]), "");
}

#[test]
fn a_push_to_refs_for_hands_in() {
    let gate = Gate::new(0.0, ", approvals = 1");
    let ann = developer(&gate, "ann");
    let hook = gate.repo.path().join("hooks/post-receive");
    fs::create_dir_all(hook.parent().expect("a directory")).expect("hooks");
    fs::write(&hook, gate.place.run(&["land", "--hook"]).passes().out).expect("the hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("the hook");
    gate.repo.git(["config", "sluice.master", &gate.url]);
    gate.repo.git(["config", "sluice.program", env!("CARGO_BIN_EXE_sluice")]);
    gate.repo.git(["config", "receive.advertisePushOptions", "true"]);
    let commit = ann.commit("main", "mine", "mine.c", "mine\n");
    let push = |arguments: &[&str]| {
        let mut push = Command::new("git");
        push.args(["push"]).args(arguments).current_dir(ann.path()).env("HOME", gate.place.path(""));
        push.env("XDG_STATE_HOME", gate.place.path("state")).env("SLUICE_PUSHER", "ann").env_remove("SLUICE_TOKEN");
        said(push.output().expect("git starts"))
    };
    let pushed = push(&["-o", "priority=7", "-o", "colour=red", "origin", "HEAD:refs/for/main"]).passes();
    pushed.says("waits to land on main").says("colour=red means nothing here");
    let candidate = gate.candidate(1);
    assert_eq!(
        (&candidate["commit"], &candidate["owner"], &candidate["priority"]),
        (&json!(commit), &json!("ann"), &json!(7))
    );
    // The name is free again, and the gate has what it needs.
    assert_eq!(gate.repo.git(["for-each-ref", "refs/for", "refs/sluice/in"]), "");
    push(&["origin", "HEAD:refs/for/nowhere"])
        .passes()
        .says("there is no gate of branch nowhere")
        .says("not handed in");
    assert_eq!(gate.repo.git(["for-each-ref", "refs/for", "refs/sluice/in"]), "");
    gate.post("/candidates/1", "approve", json!({ "owner": "bob" }));
    assert_eq!(gate.decided(1)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.repo.head("main"), commit);
    // Branches are pushed to as ever.
    ann.commit("side", "beside", "side.c", "x\n");
    push(&["origin", "side"]).passes();
    assert_eq!(gate.get("/trunk/candidates")["meta"]["total"], 1);
    gate.holds(&[]);
}
