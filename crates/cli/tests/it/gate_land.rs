//! What lands is what was tested: targets that move, gates beside each other, changes that do not fit.

use crate::gate::{Land, document, task};
use std::fs;

#[test]
fn the_result_of_the_rebase_is_tested_and_landed() {
    // Scenario 1: it passes only where both the target's file and the change are.
    let mut land = Land::new(
        "task(\"a\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test -e new.h && test -e mine.c\")])\n\
         task(\"b\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test -e new.h && test -e mine.c\")])\n",
    );
    let ann = land.developer("ann");
    land.push_elsewhere("new.h", "new\n");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let said = land.land(&ann, &[]);
    assert_eq!((&said["outcome"], &said["attempts"]), (&"landed".into(), &1.into()), "{said}");
    let head = land.target.head("main");
    assert_eq!(land.seen("seen"), [head.clone(), head.clone()]);
    assert_eq!(said["commit"], head.as_str());
    land.holds();
}

#[test]
fn a_target_that_moves_during_the_test_begins_it_again() {
    // Scenario 2. Only the first run waits; what is killed with it must not wait for its end.
    let mut land = Land::new(
        "task(\"slow\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test -e b.c || exec sleep 600\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &["--retry"]);
    land.wait_seen("seen", 1);
    let other = land.push_elsewhere("b.c", "b\n");
    let said = document(&gate.end().passes());
    assert_eq!((&said["outcome"], &said["attempts"]), (&"landed".into(), &2.into()), "{said}");
    let log = land.target.git(["log", "--format=%s", "main"]);
    assert_eq!(log, "mine\nelsewhere: b.c\nbegin");
    assert_eq!(land.target.git(["rev-parse", "main~1"]), other);
    land.holds();
}

#[test]
fn one_attempt_is_one_attempt() {
    let mut land =
        Land::new("task(\"slow\", stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; exec sleep 600\")])\n");
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &["--retry", "--max-attempts", "1"]);
    land.wait_seen("seen", 1);
    let other = land.push_elsewhere("b.c", "b\n");
    let said = document(&gate.end().ends(4));
    assert_eq!(said["outcome"], "moved");
    assert!(said["because"].as_str().unwrap().starts_with("main moved to "), "{said}");
    assert_eq!(land.target.head("main"), other);
    land.holds();
}

#[test]
fn a_target_that_moves_in_the_last_instant_loses_nothing() {
    // Scenario 3: between the last test and the push; then while the push itself is on its way.
    let mut land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let pipe = land.fifo("last");
    let gate = land.start(&ann, &["--retry", "--passcmd", &format!("test -e b.c || cat {}", pipe.display())]);
    land.wait_seen("seen", 1);
    land.push_elsewhere("b.c", "b\n");
    land.release("last");
    let said = document(&gate.end().passes());
    assert_eq!((&said["outcome"], &said["attempts"]), (&"landed".into(), &2.into()), "{said}");
    land.holds();

    ann.git(["fetch", "-q"]);
    ann.git(["reset", "-q", "--hard", "origin/main"]);
    ann.commit("main", "mine again", "mine.c", "more\n");
    let pipe = land.fifo("within");
    let once = land.place.path("ev/once");
    land.hook(
        "pre-receive",
        &format!("mkdir {} 2>/dev/null || exit 0\ncat {} > /dev/null", once.display(), pipe.display()),
    );
    let gate = land.start(&ann, &["--retry"]);
    testkit::wait_until("the push is on its way", || once.exists());
    land.push_elsewhere("c.c", "c\n");
    land.release("within");
    let said = document(&gate.end().passes());
    assert_eq!((&said["outcome"], &said["attempts"]), (&"landed".into(), &2.into()), "{said}");
    assert_eq!(land.target.git(["log", "-2", "--format=%s", "main"]), "mine again\nelsewhere: c.c");
    land.holds();
}

#[test]
fn the_same_from_elsewhere_is_no_difference() {
    // Scenario 3, variant, and the end of scenario 14: no task, no letter, no push, nothing left.
    let mut land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let pipe = land.fifo("last");
    let gate = land.start(&ann, &["--retry", "--passcmd", &format!("cat {}", pipe.display())]);
    land.wait_seen("seen", 1);
    let other = land.push_elsewhere("mine.c", "mine\n");
    land.release("last");
    let said = document(&gate.end().passes());
    assert_eq!(said["outcome"], "no_differences", "{said}");
    assert_eq!(land.target.head("main"), other);
    let said = land.land(&ann, &["--email", "ann@example.org", "--always-email", "--email-server", "127.0.0.1:1"]);
    assert_eq!(said["outcome"], "no_differences");
    assert_eq!(land.seen("seen").len(), 1);
    assert!(!ann.path().join(".git/sluice/gate/mail").exists());
    land.holds();
}

#[test]
fn of_two_gates_at_once_both_land_one_after_the_other() {
    // Scenario 4.
    let land = Land::usual();
    let (ann, bob) = (land.developer("ann"), land.developer("bob"));
    ann.commit("main", "of ann", "ann.c", "a\n");
    bob.commit("main", "of bob", "bob.c", "b\n");
    // Each waits once, so that both are tested before either lands.
    let waits = |name: &str| {
        let pipe = land.fifo(name);
        format!("test -e {0}.over || {{ cat {0}; : > {0}.over; }}", pipe.display())
    };
    let gates = [(&ann, "ann.go"), (&bob, "bob.go")];
    let running = gates.map(|(repo, pipe)| land.start(repo, &["--retry", "--passcmd", &waits(pipe)]));
    land.wait_seen("seen", 2);
    land.release("ann.go");
    land.release("bob.go");
    let ends = running.map(|gate| document(&gate.end().passes()));
    let mut attempts: Vec<i64> = ends.iter().map(|said| said["attempts"].as_i64().unwrap()).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(land.seen("seen").len(), 3);
    assert_eq!(land.target.git(["rev-list", "--count", "main"]), "3");
    assert_eq!(land.target.git(["rev-list", "--min-parents=2", "main"]), "");
    land.holds();
}

#[test]
fn two_gates_in_one_checkout_do_not_mix() {
    let land = Land::new(
        "task(\"x\", stages = [stage(\"t\", \"echo 1 >> EV/begun; git rev-parse HEAD >> EV/seen; cat EV/go; false\")])\n",
    );
    land.fifo("go");
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let first = land.start(&ann, &[]);
    let second = land.start(&ann, &[]);
    land.wait_seen("begun", 2);
    land.gate(&ann, &["--status"]).passes().says("testing");
    land.release("go");
    // One writer lets one or both readers go; the other is let go by the next.
    let feeder = std::thread::scope(|scope| {
        let feed = scope.spawn(|| {
            let path = land.place.path("ev/go");
            testkit::wait_until("both have read", || {
                let _ = fs::OpenOptions::new().read(true).write(true).open(&path);
                land.processes().is_empty()
            });
        });
        let ends = [document(&first.end().ends(1)), document(&second.end().ends(1))];
        feed.join().unwrap();
        ends
    });
    assert_ne!(feeder[0]["logs"], feeder[1]["logs"]);
    for said in &feeder {
        land.archive(said);
    }
    land.holds();
}

#[test]
fn a_change_that_does_not_fit_is_told_before_anything_is_run() {
    // Scenario 5.
    let mut land = Land::usual();
    let ann = land.developer("ann");
    land.push_elsewhere("shared.txt", "theirs\n");
    ann.commit("main", "mine", "shared.txt", "mine\n");
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target]).ends(4);
    let said = said.says("mine does not fit on main").says("both changed shared.txt");
    said.says("elsewhere: shared.txt");
    assert!(land.seen("seen").is_empty());
    assert_eq!(ann.git(["status", "--porcelain"]), "");
    land.holds();
}

#[test]
fn what_lacks_commits_of_the_target_is_not_tested() {
    let mut land = Land::usual();
    let ann = land.developer("ann");
    land.push_elsewhere("b.c", "b\n");
    ann.commit("main", "mine", "mine.c", "mine\n");
    land.gate(&ann, &["--pushto", &land.target.address()]).ends(4).says("--rebase URL");
    assert!(land.seen("seen").is_empty());
    land.holds();
}

#[test]
fn what_is_read_and_what_is_pushed_to_may_be_two_repositories() {
    let mut land = Land::usual();
    let mirror = land.place.path("mirror.git").display().to_string();
    land.target.git(["clone", "-q", "--mirror", &land.target.address(), &mirror]);
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let target = land.target.address();
    let said = document(&land.gate(&ann, &["--rebase", &mirror, "--pushto", &target, "--json"]).passes());
    assert_eq!(said["outcome"], "landed");
    // The mirror lags behind: what is only in the target would be lost.
    land.push_elsewhere("b.c", "b\n");
    ann.commit("main", "more", "more.c", "more\n");
    let said = document(&land.gate(&ann, &["--rebase", &mirror, "--pushto", &target, "--json"]).ends(4));
    assert_eq!(said["outcome"], "behind");
    land.holds();
}

#[test]
fn a_gate_of_the_configuration_names_the_masters() {
    let land = Land::usual();
    let ann = land.developer("ann");
    land.gate(&ann, &["--rebase-master"]).ends(2).says("SLUICE_GATE_MASTER").says("gate(\"main\"");
    let star = fs::read_to_string(ann.path().join("sluice.star")).unwrap();
    let star = format!("gate(\"main\", master = \"{}\")\n{star}", land.target.address());
    ann.commit("main", "where it lands", "sluice.star", &star);
    let said = document(&land.gate(&ann, &["--rebase-master", "--push-master", "--json"]).passes());
    assert_eq!((&said["outcome"], &said["target"]["branch"]), (&"landed".into(), &"main".into()));
    land.holds();
}

#[test]
fn only_what_a_move_touches_is_run_again() {
    let mut land = Land::new(
        "task(\"docs\", paths = [\"docs/**\"], stages = [stage(\"t\", \"git rev-parse HEAD >> EV/docs\")])\n\
         task(\"all\", after = [\"docs\"], stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; test -e b.c || exec sleep 600\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &["--retry", "--keeplogs"]);
    land.wait_seen("seen", 1);
    land.push_elsewhere("b.c", "b\n");
    let said = document(&gate.end().passes());
    assert_eq!(said["attempts"], 2);
    assert_eq!((land.seen("docs").len(), land.seen("seen").len()), (1, 2));
    assert!(task(&said, "docs").1.contains("passed before"), "{said}");
    // The logs of the verdict that stands are there, too.
    let (names, _) = land.archive(&said);
    assert!(
        names.iter().any(|n| n.starts_with("docs.t.")) && names.iter().any(|n| n.starts_with("all.t.")),
        "{names:?}"
    );
    land.holds();
}

/// What a task does may stand in another file than the one that every footprint has.
#[test]
fn a_task_that_does_something_else_is_run_again() {
    let mut land = Land::new(
        "load(\"ci.star\", \"command\")\n\
         task(\"docs\", paths = [\"docs/**\"], stages = [stage(\"t\", \"git rev-parse HEAD >> EV/docs; \" + command)])\n\
         task(\"all\", after = [\"docs\"], stages = [stage(\"t\", \"git rev-parse HEAD >> EV/seen; \
         test $(wc -l < EV/seen) -gt 1 || exec sleep 600\")])\n",
    );
    land.target.commit("main", "what docs does", "ci.star", "command = \"true\"\n");
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let gate = land.start(&ann, &["--retry"]);
    land.wait_seen("seen", 1);
    land.push_elsewhere("ci.star", "command = \"test -e sluice.star\"\n");
    let said = document(&gate.end().passes());
    assert_eq!((said["outcome"].as_str(), said["attempts"].as_i64()), (Some("landed"), Some(2)), "{said}");
    assert_eq!((land.seen("docs").len(), land.seen("seen").len()), (2, 2), "{said}");
    land.holds();
}
