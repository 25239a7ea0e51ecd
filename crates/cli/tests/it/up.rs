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
    place.run(&["up", "--demo", "--once", "--basedir", "mine"]).ends(2).says("that no demo made");
    assert!(place.path("mine/thesis.tex").is_file());
}
