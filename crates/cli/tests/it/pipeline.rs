//! Steps that are kept with the code: read from the very revision that is built, and granted what their builder was.

use crate::sealed::Sealed;
use crate::steps::steps;
use testkit::Repo;

fn config(repo: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
builder("b", workers = ["here"], steps = [steps.git("{repo}", branch = "main")], pipeline = "sluice.star", pipeline_secrets = ["key"])
schedulers.force("force", builders = ["b"])
"#
    )
}

#[test]
fn the_revision_that_is_built_says_what_is_done() {
    let mut place = Sealed::new();
    std::fs::create_dir_all(place.path("m/secrets")).expect("made");
    std::fs::write(place.path("m/secrets/key"), "open sesame\n").expect("written");
    std::fs::write(place.path("m/secrets/other"), "not yours\n").expect("written");
    let repo = Repo::with_work_tree(place.path("repo"));
    let commit = |text: &str, message: &str| {
        repo.on("main").message(message).file("sluice.star", text).commit();
    };
    commit(
        "builder(\"b\", steps = [steps.shell(\"echo one\", name = \"one\"), steps.shell(interpolate(\"echo {secret:key}\"), name = \"two\")])\n",
        "first",
    );
    let url = place.master(&config(&place.path("repo").display().to_string()));
    let force = |code| place.run(&["force", "b", "--wait", "--master", &url]).ends(code);
    let names =
        |build| steps(&place, &url, build).into_iter().map(|(name, r, _)| format!("{name} {r}")).collect::<Vec<_>>();
    force(0);
    assert_eq!(names(1), ["git 0", "pipeline 0", "one 0", "two 0"]);
    let log = place.run(&["log", "b/1", "two", "--master", &url]).passes().out;
    assert!(log.contains("***********\n") && !log.contains("sesame"), "{log}");

    commit("builder(\"b\", steps = [\n    steps.shel(\"x\"),\n])\n", "wrong");
    force(1);
    assert_eq!(names(2), ["git 0", "pipeline 2"]);
    let log = place.run(&["log", "b/2", "pipeline", "--master", &url]).passes().out;
    assert!(log.contains("sluice.star:2:") && log.contains("steps.shel(\"x\")") && log.contains('^'), "{log}");

    for (build, (text, expected)) in (3..).zip([
        (
            "builder(\"b\", steps = [steps.shell(interpolate(\"echo {secret:other}\"))])\n",
            "names the secret other, which its builder is not granted",
        ),
        ("builder(\"b\", steps = [steps.master_shell(\"id\")])\n", "master_shell"),
        ("def f():\n    for i in range(1000000000):\n        pass\nf()\n", "sluice.star"),
        ("x = \"a\" * 1000000\nfor i in range(100):\n    x = x.replace(\"a\", \"aa\")\n", "sluice.star"),
        ("load(\"secrets/key\", \"x\")\n", "sluice.star:1"),
    ]) {
        commit(text, "hostile");
        force(1);
        assert_eq!(names(build), ["git 0", "pipeline 2"], "{expected}");
        let log = place.run(&["log", &format!("b/{build}"), "pipeline", "--master", &url]);
        assert!(format!("{}{}", log.out, log.err).contains(expected), "{expected}: {}{}", log.out, log.err);
    }
}
