//! Scenario 9: `kill -9` at any point. The next gate knows what became of it, and leaves nothing of it.

use crate::gate::{Land, Running, document};
use std::fs;
use testkit::wait_until;

/// The next gate in the same checkout: what it says of the one that was killed.
fn next(land: &Land, repo: &testkit::Repo) -> (String, serde_json::Value) {
    let said = land.start(repo, &[]).end();
    (said.err.clone(), document(&said))
}

fn killed_while(land: &Land, gate: Running, repo: &testkit::Repo, phase: &str) {
    gate.kill();
    land.gate(repo, &["--status"]).passes().says(&format!("was killed while {phase}"));
}

#[test]
fn killed_during_the_tests() {
    let land = Land::new(
        "task(\"x\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test -e EV/ok || exec sleep 600\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &[]);
    land.wait_seen("seen", 1);
    killed_while(&land, gate, &ann, "testing");
    fs::write(land.place.path("ev/ok"), "").unwrap();
    let (told, said) = next(&land, &ann);
    assert!(told.contains("was killed while testing: nothing landed"), "{told}");
    assert_eq!(said["outcome"], "landed");
    land.holds();
}

#[test]
fn killed_between_the_tests_and_the_push() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let waits = format!("echo > {}; sleep 600", land.place.path("ev/waits").display());
    let gate = land.start(&ann, &["--passcmd", &waits]);
    wait_until("it waits", || land.place.path("ev/waits").exists());
    let begun = land.target.head("main");
    killed_while(&land, gate, &ann, "testing");
    assert_eq!(land.target.head("main"), begun);
    let (told, said) = next(&land, &ann);
    assert!(told.contains("nothing landed"), "{told}");
    assert_eq!(said["outcome"], "landed");
    // The command with the last word belongs to whoever gave it.
    for process in land.processes() {
        let _ = std::process::Command::new("kill").args(["-9", &process]).status();
    }
    land.holds();
}

#[test]
fn killed_after_the_server_took_it() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    // The server keeps the answer to itself until it is let go.
    let pipe = land.fifo("answer");
    let log = land.place.path("transitions");
    land.hook("post-receive", &format!("cat >> {}; cat {} > /dev/null", log.display(), pipe.display()));
    let gate = land.start(&ann, &["--email", "ann@example.org", "--always-email", "--email-server", "127.0.0.1:1"]);
    wait_until("the server took it", || log.exists() && !fs::read_to_string(&log).unwrap().is_empty());
    killed_while(&land, gate, &ann, "pushing");
    land.release("answer");
    let (told, said) = next(&land, &ann);
    assert!(told.contains("was killed while pushing: "), "{told}");
    assert!(told.contains(" landed\n"), "{told}");
    assert_eq!(said["outcome"], "no_differences");
    assert_eq!(land.seen("seen").len(), 1);
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 1);
    let letters = fs::read_dir(ann.path().join(".git/sluice/gate/mail")).unwrap().count();
    assert_eq!(letters, 1, "one letter, and no more");
    land.holds();
}

#[test]
fn killed_before_the_server_took_it_and_the_work_area_is_gone() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let once = land.place.path("ev/once");
    land.hook("pre-receive", &format!("mkdir {} 2>/dev/null || exit 0\nexec sleep 600", once.display()));
    let gate = land.start(&ann, &[]);
    wait_until("the push is on its way", || once.exists());
    killed_while(&land, gate, &ann, "pushing");
    // The server's own side of it ends with its line; a RAM disk is empty after the next start.
    for process in land.processes() {
        let _ = std::process::Command::new("kill").args(["-9", &process]).status();
    }
    fs::remove_dir_all(land.place.path("testbase")).unwrap();
    let (told, said) = next(&land, &ann);
    assert!(told.contains("nothing landed, main is where it was"), "{told}");
    assert_eq!(said["outcome"], "landed");
    land.holds();
}

#[test]
fn a_server_that_falls_silent_after_the_push_is_asked_again_later() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let log = land.place.path("transitions");
    land.hook("post-receive", &format!("cat >> {}; mv HEAD away", log.display()));
    let said = document(&land.start(&ann, &[]).end().ends(3));
    assert_eq!(said["outcome"], "doubtful", "{said}");
    fs::rename(land.target.path().join("away"), land.target.path().join("HEAD")).unwrap();
    land.hook("post-receive", &format!("cat >> {}", log.display()));
    let (told, said) = next(&land, &ann);
    assert!(told.contains(" landed\n"), "{told}");
    assert_eq!(said["outcome"], "no_differences");
    land.holds();
}

/// Where the repository is on this machine, its side of the push dies with the gate's: what is said of it stays true.
#[test]
fn killed_while_a_hook_thinks_about_the_push() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let (reached, go) = (land.place.path("ev/reached"), land.place.path("ev/go"));
    let wait = format!("echo > {}\nwhile [ ! -e {} ]; do sleep 0.05; done", reached.display(), go.display());
    land.hook("pre-receive", &wait);
    let gate = land.start(&ann, &[]);
    wait_until("the push is at the hook", || reached.exists());
    killed_while(&land, gate, &ann, "pushing");
    let told = land.gate(&ann, &["pass"]).passes().err;
    assert!(told.contains("nothing landed, main is where it was"), "{told}");
    fs::write(&go, "").unwrap();
    land.is_clean();
    assert_eq!(land.target.head("main"), begun, "it landed after all");
}
