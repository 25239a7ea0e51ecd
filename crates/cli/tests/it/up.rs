//! `sluice up`.

use crate::sealed::{Sealed, c_project, processes_with};
use rustix::process::Signal;

#[test]
fn the_head_is_built_and_its_result_is_the_exit_code() {
    let place = Sealed::new();
    let repo = c_project(&place.path("answer"));
    let first = place.run(&["up", "answer", "--once"]).passes();
    let first = first.says("configure").says("✓ git").says("✓ test").says("✓ answer passed after");
    assert!(!first.out.contains('\x1b'), "no terminal, no colours: {}", first.out);
    place.run(&["up", "answer", "--once"]).passes().says("(build 2)");

    repo.on("main").message("a slip").file("answer.c", "int main(void) { return x; }\n").commit();
    let broken = place.run(&["up", "answer", "--once"]).ends(1);
    let broken =
        broken.says("✗ answer failed in compile").says("answer.c:1:").says("error:").says("sluice log answer/3");
    assert!(broken.out.contains("/builders/answer/3"), "the address is told: {}", broken.out);

    repo.on("main")
        .message("another")
        .file("answer.c", "#include <stdio.h>\nint main(void) { puts(\"41\"); return 0; }\n")
        .commit();
    place.run(&["up", "answer", "--once"]).ends(1).says("failed in test");
}

#[test]
fn what_a_killed_up_began_is_not_built_twice() {
    let mut place = Sealed::new();
    let repo = testkit::Repo::with_work_tree(place.path("held"));
    let (began, go) = (place.path("began"), place.path("go"));
    let command = format!("touch {}; until [ -e {} ]; do sleep 0.1; done", began.display(), go.display());
    let star = format!("builder(\"held\", steps = [steps.shell(\"{command}\", name = \"hold\")])\n");
    repo.commit("main", "a pipeline", "sluice.star", &star);
    let pid = place.start(&["up", "held", "--once"], "out");
    testkit::wait_until("the command runs", || began.exists());
    Sealed::signal(pid, Signal::KILL);
    place.end_of(pid);
    let second = place.start(&["up", "held", "--once"], "again");
    // It has found the build, and shows what was done of it.
    place.wait_for_text("again", "✓ git");
    std::fs::write(go, "").expect("written");
    assert_eq!(place.end_of(second), Some(0));
    let said = place.wait_for_text("again", "(build 1)");
    assert!(said.contains("✓ held passed"), "{said}");
    place.run(&["up", "held", "--once"]).passes().says("(build 2)");
}

#[test]
fn a_new_commit_is_noticed_and_ctrl_c_ends_everything() {
    let mut place = Sealed::new();
    let repo = c_project(&place.path("answer"));
    let pid = place.start(&["up", "answer", "--listen", "127.0.0.1:0"], "out");
    place.wait_for_text("out", "waiting for commits on main");
    repo.on("main").message("a word more").file("README", "hello\n").commit();
    place.wait_for_text("out", "a word more");
    let said = place.wait_for_text("out", "(build 2)");
    assert!(said.contains("✓ answer passed"), "{said}");
    Sealed::signal(pid, Signal::INT);
    place.wait_for_text("out", "stopping");
    let mine = place.path("state").display().to_string();
    testkit::wait_until("no process is left", || processes_with(&mine).is_empty());
}

#[test]
fn what_cannot_be_built_is_said_with_what_would_be_right() {
    let place = Sealed::new();
    place.run(&["up", "nowhere"]).ends(2).says("there is no nowhere");
    std::fs::create_dir(place.path("plain")).expect("a directory");
    place.run(&["up", "plain", "--once"]).ends(2).says("is in no git repository");
    testkit::Repo::with_work_tree(place.path("empty"));
    place.run(&["up", "empty", "--once"]).ends(2).says("has no branch main with a commit");
    let odd = testkit::Repo::with_work_tree(place.path("odd"));
    odd.commit("main", "a poem", "poem.txt", "roses\n");
    place.run(&["up", "odd", "--once"]).ends(2).says("says how it is built").says("sluice.star");
}

#[test]
fn a_pipeline_in_the_repository_is_followed() {
    let place = Sealed::new();
    let repo = testkit::Repo::with_work_tree(place.path("piped"));
    let star = "builder(\"words\", steps = [steps.shell(\"echo from the pipeline\", name = \"say\")])\n";
    repo.commit("main", "a pipeline", "sluice.star", star);
    place.run(&["up", "piped", "--once"]).passes().says("sluice.star: words").says("✓ say");
    repo.commit("main", "a slip", "sluice.star", "bilder(\"words\")\n");
    place.run(&["up", "piped", "--once"]).ends(2).says("sluice.star:1:1").says("did you mean builder?");
}

#[test]
fn a_demo_throws_nobodys_files_away() {
    let place = Sealed::new();
    std::fs::create_dir(place.path("mine")).expect("a directory");
    std::fs::write(place.path("mine/thesis.tex"), "years of work").expect("written");
    let refused = place.run(&["up", "--demo", "--once", "--basedir", "mine"]).ends(2);
    insta::assert_snapshot!(refused.err.replace(&place.path("mine").display().to_string(), "mine"), @r"
    error: mine holds files, and nothing in it says that a demo made them
    help: if it is left over from a demo of an earlier version, delete it: rm -r mine
          otherwise give another place: sluice up --demo --basedir NEW_DIR
    ");
    assert!(place.path("mine/thesis.tex").is_file());
}

#[test]
fn an_address_that_cannot_be_listened_on_is_said_before_anything_is_made() {
    let place = Sealed::new();
    c_project(&place.path("answer"));
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = held.local_addr().expect("an address").to_string();
    let said = |listen: &str, code: i32| {
        let said = place.run(&["up", "answer", "--listen", listen]).ends(code);
        assert_eq!(said.out, "", "the plan is not told first");
        let port = taken.rsplit_once(':').expect("a port").1;
        said.err.replace(port, "PORT")
    };
    insta::assert_snapshot!(said(&taken, 3), @r"
    error: --listen 127.0.0.1:PORT: this address is in use
    help: choose another port: --listen 127.0.0.1:0 takes a free one in place of PORT
    ");
    insta::assert_snapshot!(said("8010", 2), @"error: --listen is given as HOST:PORT, such as 127.0.0.1:8010, not as '8010'");
    insta::assert_snapshot!(said("127.0.0.1:80100", 2), @"error: --listen is given as HOST:PORT, such as 127.0.0.1:8010, not as '127.0.0.1:80100'");
    insta::assert_snapshot!(said("192.0.2.1:8010", 2), @r"
    error: --listen 192.0.2.1:8010: this machine has no such address
    help: 127.0.0.1 is this machine, 0.0.0.0 all of it
    ");
    assert!(!place.path("state").exists(), "nothing is made");
}

#[test]
fn a_second_up_is_told_of_the_first_one() {
    let mut place = Sealed::new();
    c_project(&place.path("answer"));
    let pid = place.start(&["up", "answer", "--listen", "127.0.0.1:0"], "out");
    place.wait_for_text("out", "waiting for commits on main");
    let refused = place.run(&["up", "answer", "--listen", "127.0.0.1:0"]).ends(3);
    let said = place.wait_for_text("out", "the pages are at");
    let url = said.split_whitespace().find(|w| w.starts_with("http://")).expect("an address");
    let known = std::fs::read_dir(place.path("state/sluice/up")).expect("its place").flatten().next().expect("one");
    let err = refused.err.replace(&known.path().display().to_string(), "DIR").replace(&pid.to_string(), "PID");
    insta::assert_snapshot!(err.replace(url, "http://MASTER/"), @r"
    error: another sluice, process PID, works in DIR; its pages are at http://MASTER/
    help: end that one (Ctrl-C, or kill PID), or run a second one beside it:
          sluice up --basedir ANOTHER_DIR --listen 127.0.0.1:0
    ");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    place.run(&["up", "answer", "--listen", host, "--basedir", "other"]).ends(3).says("in use by the sluice of");
}

#[test]
fn a_branch_that_vanishes_is_said_and_so_is_its_return() {
    let mut place = Sealed::new();
    let repo = c_project(&place.path("answer"));
    place.start(&["up", "answer", "--listen", "127.0.0.1:0"], "out");
    place.wait_for_text("out", "waiting for commits on main");
    let head = repo.head("main");
    repo.point("spare", &head);
    repo.git(["symbolic-ref", "HEAD", "refs/heads/spare"]);
    repo.delete_branch("main");
    place.wait_for_text("out", "has no branch main with a commit");
    repo.point("main", &head);
    let said = place.wait_for_text("out", "main is back");
    assert_eq!(said.matches("has no branch main").count(), 1, "{said}");
    repo.on("main").message("a word more").file("README", "hello\n").commit();
    place.wait_for_text("out", "(build 2)");
}

#[test]
fn a_demo_does_not_clear_what_another_one_works_in() {
    let mut place = Sealed::new();
    let pid = place.start(&["up", "--demo", "--basedir", "d", "--listen", "127.0.0.1:0"], "out");
    place.wait_for_text("out", "the pages are at");
    place.run(&["up", "--demo", "--basedir", "d", "--once"]).ends(3).says(&format!("process {pid}, works in"));
    assert!(place.path("d/project").is_dir() && place.path("d/ci/token").is_file());
    place.wait_for_text("out", "(build 1)");
}
