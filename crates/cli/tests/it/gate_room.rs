//! A full disk, and a gate in the background.

use crate::gate::{Land, USUAL, document};
use crate::sealed::{Said, said};
use std::fs;
use std::process::Command;
use testkit::{Repo, wait_for};

/// The gate with a test base of so many kilobytes. It is a file system of its own, in a namespace that ends with it: what
/// is printed before the document is what was left there.
fn on_a_small_disk(land: &Land, repo: &Repo, kilobytes: u32) -> (Vec<String>, Said) {
    let base = land.place.path("testbase");
    fs::create_dir_all(&base).expect("the story can be told");
    let target = land.target.address();
    let gate = land.command(repo, &["--rebase", &target, "--pushto", &target, "--json"]);
    let mut command = Command::new("unshare");
    let script = format!(
        "mount -t tmpfs -o size={kilobytes}k none {0} || exit 99; \"$@\" > ../said; c=$?; find {0} -mindepth 1; exit $c",
        base.display()
    );
    command.args(["-rm", "sh", "-c", &script, "sh"]).arg(gate.get_program()).args(gate.get_args());
    command.current_dir(repo.path());
    for (name, value) in gate.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut said = said(command.output().expect("unshare (of util-linux) is needed for a small disk"));
    assert!(
        said.code != Some(99) && !said.err.contains("unshare failed"),
        "this machine must let root or a user namespace mount a tmpfs: {}",
        said.err
    );
    let left = said.out.lines().map(str::to_owned).collect();
    said.out = fs::read_to_string(land.place.path("said")).expect("the story can be told");
    (left, said)
}

#[test]
fn a_full_disk_is_nobodys_fault_and_leaves_nothing() {
    // Scenario 22. The disk is full before anything is cloned, too small to begin, and because of a task.
    let land = Land::new(&format!(
        "{USUAL}task(\"fills\", stages = [stage(\"t\", \"dd if=/dev/zero of=big bs=64k; exec sleep 600\")])\n"
    ));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    for kilobytes in [24, 4_000, 16_000] {
        let (left, said) = on_a_small_disk(&land, &ann, kilobytes);
        assert_eq!(said.code, Some(3), "{kilobytes} kB: {}{}", said.out, said.err);
        let said = document(&said);
        let text = said.to_string().to_lowercase();
        assert!(text.contains("no space is left in"), "{kilobytes} kB: {said}");
        assert_eq!(left, Vec::<String>::new(), "{kilobytes} kB");
        assert_eq!(land.target.head("main"), begun);
        land.holds();
    }
    // The next one has room.
    ann.commit("main", "small", "sluice.star", &USUAL.replace("EV", &land.place.path("ev").display().to_string()));
    assert_eq!(land.land(&ann, &[])["outcome"], "landed");
    land.holds();
}

#[test]
fn a_gate_in_the_background_lands_when_its_terminal_is_gone() {
    let land = Land::new("task(\"x\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; cat EV/go\")])\n");
    land.fifo("go");
    let ann = land.developer("ann");
    let mine = ann.commit("main", "mine", "mine.c", "mine\n");
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target, "--json", "--daemon"]).passes();
    // It is back while the task still waits.
    land.wait_seen("seen", 1);
    assert_ne!(land.target.head("main"), mine);
    land.gate(&ann, &["--status"]).passes().says("testing");
    land.release("go");
    wait_for("it landed", || (land.target.head("main") == mine).then_some(()));
    let words = said.out.trim().split_once("its words go to ").expect("it says where its words go").1.to_owned();
    let words = wait_for("its last word", || {
        let text = fs::read_to_string(&words).ok()?;
        text.contains("\"outcome\"").then_some(text)
    });
    let document: serde_json::Value = serde_json::from_str(words.trim()).expect("one document");
    assert_eq!((&document["outcome"], &document["exit"]), (&"landed".into(), &0.into()));
    land.holds();
}
