//! What does not land: every way in which a stage can end, what runs beside a failure, what is left of commands, signals.

use crate::gate::{Land, document, task};
use crate::sealed::Sealed;
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};

/// A task per line: name, command, output. `EV` is the directory for evidence.
fn tasks(lines: &[(&str, &str, &str)]) -> String {
    let quoted = |text: &str| serde_json::to_string(text).expect("the story can be told");
    lines
        .iter()
        .map(|(name, command, output)| {
            let output = if output.is_empty() { String::new() } else { format!(", {output}") };
            format!("task({}, stages = [stage(\"t\", {}{output})])\n", quoted(name), quoted(command))
        })
        .collect()
}

#[test]
fn only_what_is_clean_in_every_respect_passes() {
    // Scenario 12.
    let subunit = "output = \"text/x-subunit\"";
    let junit = "output = \"junit\", output_file = \"r.xml\"";
    let cases = [
        ("0", "exit 0", "", "passed", "passed"),
        ("1", "exit 1", "", "failed", "code 1"),
        ("2", "exit 2", "", "failed", "code 2"),
        ("126", "/etc/passwd", "", "failed", "126"),
        ("127", "no-such-program", "", "failed", "127"),
        ("128", "exit 128", "", "failed", "128"),
        ("255", "exit 255", "", "failed", "255"),
        ("kill", "kill -9 $$", "", "failed", "SIGKILL"),
        ("segv", "kill -SEGV $$", "", "failed", "SIGSEGV"),
        ("su-pass", "printf 'test: a\\nsuccess: a\\n'", subunit, "passed", ""),
        ("su-fail", "printf 'test: a\\nfailure: a [\\nx\\n]\\n'", subunit, "failed", ""),
        ("su-exit", "printf 'test: a\\nsuccess: a\\n'; exit 1", subunit, "failed", ""),
        ("su-died", "printf 'test: a\\nsuccess: a\\n'; kill -9 $$", subunit, "failed", ""),
        ("su-open", "printf 'test: a\\nsuccess: a\\ntest: b\\n'", subunit, "failed", ""),
        ("su-cut", "printf 'test: a\\nfailure: a [\\nx\\n'", subunit, "failed", ""),
        ("su-none", "true", subunit, "failed", ""),
        ("su-ux", "printf 'test: a\\nuxsuccess: a\\n'", subunit, "failed", ""),
        ("tap", "printf '1..1\\nok 1 - a\\n'", "output = \"tap\"", "passed", ""),
        ("tap-plan", "printf 'ok 1 - a\\n'", "output = \"tap\"", "failed", ""),
        ("tap-short", "printf '1..2\\nok 1 - a\\n'", "output = \"tap\"", "failed", ""),
        ("junit", "printf '<testsuite><testcase name=\"a\"/></testsuite>' > r.xml", junit, "passed", ""),
        ("junit-cut", "printf '<testsuite><testcase name=\"a\"/>' > r.xml", junit, "failed", ""),
        ("junit-none", "true", junit, "failed", ""),
    ];
    let lines: Vec<(&str, &str, &str)> =
        cases.iter().map(|(name, command, output, ..)| (*name, *command, *output)).collect();
    let land = Land::new(&tasks(&lines));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let said = land.land(&ann, &["--keep-going", "--jobs", "6"]);
    assert_eq!(said["outcome"], "failed");
    let all: Vec<_> = cases.iter().map(|(name, ..)| (*name, task(&said, name))).collect();
    let wrong: Vec<_> = cases
        .iter()
        .zip(&all)
        .filter(|((.., verdict, words), (_, told))| told.0 != *verdict || !told.1.contains(words))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

#[test]
fn the_first_failure_stops_everything() {
    // Scenario 13, and the first half of 14.
    let land = Land::new(
        "task(\"fast fail/x\", stages = [stage(\"wait\", \"until test -e EV/slow; do sleep 0.05; done\"), \
         stage(\"t\", \"printf 'bin\\\\000\\\\377ary\\\\n'; date +%s%N > EV/failed; exit 3\"), stage(\"never\", \"echo > EV/never\")])\n\
         task(\"slow\", stages = [stage(\"t\", \"echo partial; echo > EV/slow; exec sleep 600\")])\n\
         task(\"later\", after = [\"slow\"], stages = [stage(\"t\", \"echo > EV/never\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let said = land.land(&ann, &[]);
    let ended = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let failed = Duration::from_nanos(land.seen("failed")[0].parse().unwrap());
    assert!(ended - failed < Duration::from_secs(10), "the rest took {:?}", ended - failed);
    assert_eq!(said["exit"], 1);
    assert_eq!(task(&said, "fast fail/x").0, "failed");
    assert_eq!(task(&said, "slow"), ("cancelled", "cancelled: fast fail/x failed"));
    assert_eq!(task(&said, "later").0, "cancelled");
    assert!(land.seen("never").is_empty());
    let (names, manifest) = land.archive(&said);
    for name in ["manifest.json", "gate.txt", "system.txt"] {
        assert!(names.iter().any(|n| n == name), "{names:?}");
    }
    assert!(names.iter().any(|n| n.starts_with("fast_fail_x.t.")) && names.iter().any(|n| n.starts_with("slow.t.")));
    assert!(names.iter().all(|n| !n.starts_with('/') && !n.contains("..")), "{names:?}");
    assert_eq!(manifest["tasks"][1]["verdict"], "cancelled");
    land.holds();
}

/// What is tested may do anything, also away with the directory that it is tested in.
#[test]
fn a_task_that_takes_the_directory_of_the_gate_away_is_told_and_nothing_is_left() {
    let land = Land::new(&tasks(&[("wild", "mv \"$(cd ../../../../.. && pwd)\" EV/away", "")]));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target]).ends(3);
    said.says("was removed, perhaps by one of the tasks; nothing landed");
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

/// Removing takes a while: the gate may notice in the middle of it, in the middle of anything, and says what it saw.
#[test]
fn a_task_that_removes_the_directory_of_the_gate_lands_nothing_and_leaves_nothing() {
    let land = Land::new(&tasks(&[("wild", "rm -rf \"$(cd ../../../../.. && pwd)\"; true", "")]));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let target = land.target.address();
    let said = land.gate(&ann, &["--rebase", &target, "--pushto", &target]);
    match said.code {
        Some(2) => said.says("could not be tested: trouble in wild"),
        _ => said.ends(3).says("was removed, perhaps by one of the tasks; nothing landed"),
    };
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

#[test]
fn going_on_tells_of_every_failure_and_lands_nothing() {
    let land = Land::new(&tasks(&[
        ("one", "exit 1", ""),
        ("two", "until test -e EV/ok; do sleep 0.05; done; exit 2", ""),
        ("three", "echo > EV/ok", ""),
    ]));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let said = land.land(&ann, &["--fail-slowly"]);
    let verdicts = ["one", "two", "three"].map(|name| task(&said, name).0);
    assert_eq!(verdicts, ["failed", "failed", "passed"]);
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

#[test]
fn pass_and_fail_try_the_gate_itself() {
    let land = Land::usual();
    let ann = land.developer("ann");
    land.gate(&ann, &["pass"]).passes().says("passed");
    land.gate(&ann, &["fail"]).ends(1).says("failed in fail");
    land.gate(&ann, &["pass", "fail"]).ends(2).says("there is no task pass");
    land.holds();
}

#[test]
fn nothing_that_a_stage_left_behind_lives_on() {
    // Scenario 11: daemons elsewhere, deaf to SIGTERM, with the output open; after a stage that passed, failed, was ended.
    let daemons = "(cd /; setsid sleep 600 &) ; (trap '' TERM; setsid sleep 601 > /dev/null 2>&1 &) ; (setsid sh -c 'sleep 602' &)";
    let star = tasks(&[
        ("passes", &format!("{daemons}; echo >> EV/left"), ""),
        ("ended", &format!("{daemons}; echo >> EV/left; exec sleep 603"), ""),
        (
            "fails",
            &format!(
                "{daemons}; while test $(wc -l < EV/left 2>/dev/null || echo 0) -lt 2; do sleep 0.05; done; exit 1"
            ),
            "",
        ),
    ]);
    let land = Land::new(&star);
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = Instant::now();
    let said = land.land(&ann, &["--jobs", "3"]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(task(&said, "fails").0, "failed", "{said}");
    land.holds();
}

#[test]
fn a_command_with_the_last_word_can_say_no() {
    // Scenario 17.
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let said = land.land(&ann, &["--passcmd", "test -e mine.c; echo not on a Friday; exit 7"]);
    assert_eq!((&said["outcome"], &said["exit"]), (&"passcmd_failed".into(), &1.into()));
    assert!(said["because"].as_str().unwrap().ends_with("ended with code 7: not on a Friday"), "{said}");
    assert!(land.archive(&said).0.contains(&"passcmd.txt".to_owned()));
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

#[test]
fn a_command_with_the_last_word_is_ended_with_the_gate() {
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let begun = land.target.head("main");
    let word = format!("echo > {}; sleep 600", land.place.path("ev/word").display());
    let gate = land.start(&ann, &["--passcmd", &word]);
    testkit::wait_until("it has the word", || land.place.path("ev/word").exists());
    Sealed::signal(gate.pid(), Signal::TERM);
    assert_eq!(document(&gate.end().ends(130))["outcome"], "interrupted");
    assert_eq!(land.target.head("main"), begun);
    land.holds();
}

#[test]
fn too_long_and_too_silent_is_a_failure() {
    // Scenario 18.
    let land = Land::new(
        "task(\"total\", max_time = \"1s\", stages = [stage(\"t\", \"while :; do echo x; sleep 0.1; done\")])\n\
         task(\"stage\", stages = [stage(\"t\", \"while :; do echo x; sleep 0.1; done\", max_time = \"1s\")])\n\
         task(\"silent\", stages = [stage(\"t\", \"exec sleep 600\", timeout = \"1s\")])\n",
    );
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    let said = land.land(&ann, &["--fail-slowly", "--jobs", "3"]);
    let verdicts = ["total", "stage", "silent"].map(|name| task(&said, name).0);
    assert_eq!(verdicts, ["failed"; 3], "{said}");
    assert!(task(&said, "total").1.contains("took longer than"), "{said}");
    land.holds();
}

#[test]
fn a_server_that_says_no_is_not_asked_for_ever() {
    // Scenario 21.
    let land = Land::usual();
    let ann = land.developer("ann");
    ann.commit("main", "mine", "mine.c", "mine\n");
    land.hook("pre-receive", "echo frozen for the release; exit 1");
    let said = land.land(&ann, &["--retry"]);
    assert_eq!((&said["outcome"], &said["exit"], &said["attempts"]), (&"refused".into(), &4.into(), &1.into()));
    assert_eq!(land.seen("seen").len(), 1);
    fs::remove_file(land.target.path().join("hooks/pre-receive")).unwrap();
    land.holds();
}

#[test]
fn a_signal_ends_everything_in_order() {
    // Scenario 24.
    for signal in [Signal::TERM, Signal::INT] {
        let land = Land::new(&tasks(&[("x", "echo > EV/begun; exec sleep 600", "")]));
        let ann = land.developer("ann");
        ann.commit("main", "mine", "mine.c", "mine\n");
        let gate = land.start(&ann, &["--retry"]);
        testkit::wait_until("it runs", || land.place.path("ev/begun").exists());
        Sealed::signal(gate.pid(), signal);
        assert_eq!(document(&gate.end().ends(130))["outcome"], "interrupted");
        assert_eq!(ann.git(["for-each-ref", "refs/sluice"]), "");
        land.holds();
    }
}

#[test]
fn what_the_tasks_print_has_their_names_before_it() {
    let land =
        Land::new(&tasks(&[("a/b", "echo from the first; printf unended", ""), ("two", "echo from the second", "")]));
    let ann = land.developer("ann");
    let said = land.gate(&ann, &["--tail"]).passes();
    said.says("a/b: from the first\n").says("a/b: unended").says("two: from the second\n");
    let said = land.gate(&ann, &["--tail", "--json"]).passes();
    document(&said);
    assert!(said.err.contains("a/b: from the first\n"), "{}", said.err);
}
