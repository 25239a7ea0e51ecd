//! Names that are unknown, taken or of a later version, and the exact text that people read.

use super::{bad, bad_pipeline, config};

#[test]
fn an_unknown_worker() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
worker("mac", password = "x")

builder(
    "linux",
    workers = ["maac"],
    steps = [steps.test()],
)
"##), @r##"
    error: builder "linux" names worker "maac", which is not defined
     --> master.star:6:15
      |
    6 |     workers = ["maac"],
      |               ^^^^^^^^
    help: did you mean "mac"?
    "##);
}

#[test]
fn a_worker_nobody_defined() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [steps.test()])"##), @r##"
    error: builder "linux" names worker "here", which is not defined
     --> master.star:1:28
      |
    1 | builder("linux", workers = ["here"], steps = [steps.test()])
      |                            ^^^^^^^^
    help: no worker is defined
    "##);
}

#[test]
fn an_unknown_worker_far_from_all() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
names = ["windows"]
builder("linux", workers = names, steps = [steps.test()])"##), @r##"
    error: builder "linux" names worker "windows", which is not defined
     --> master.star:3:28
      |
    3 | builder("linux", workers = names, steps = [steps.test()])
      |                            ^^^^^
    help: defined worker: "here"
    "##);
}

#[test]
fn an_unknown_builder() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.single_branch("quick", branch = "main", builders = ["linux", "linus"])"##), @r##"
    error: scheduler "quick" names builder "linus", which is not defined
     --> master.star:3:63
      |
    3 | …ingle_branch("quick", branch = "main", builders = ["linux", "linus"])
      |                                                    ^^^^^^^^^^^^^^^^^^
    help: did you mean "linux"?
    "##);
}

#[test]
fn two_builders_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
builder(name = "linux", workers = ["here"], steps = [steps.test()])"##), @r##"
    error: there are two builders named "linux"
     --> master.star:3:16
      |
    3 | builder(name = "linux", workers = ["here"], steps = [steps.test()])
      |                ^^^^^^^
    note: the other one is in master.star:2:1
    "##);
}

#[test]
fn two_builders_in_a_loop() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
for i in range(2):
    builder("linux", workers = ["here"], steps = [steps.test()])"##), @r##"
    error: there are two builders named "linux"
     --> master.star:3:13
      |
    3 |     builder("linux", workers = ["here"], steps = [steps.test()])
      |             ^^^^^^^
    note: one call makes both: is it in a loop?
    "##);
}

#[test]
fn two_workers_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
worker("here", "secret")"##), @r##"
    error: there are two workers named "here"
     --> master.star:2:8
      |
    2 | worker("here", "secret")
      |        ^^^^^^
    note: the other one is in master.star:1:1
    "##);
}

#[test]
fn two_schedulers_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.force("x", builders = ["linux"])
schedulers.periodic("x", interval = "1h", builders = ["linux"])"##), @r##"
    error: there are two schedulers named "x"
     --> master.star:4:21
      |
    4 | schedulers.periodic("x", interval = "1h", builders = ["linux"])
      |                     ^^^
    note: the other one is in master.star:3:1
    "##);
}

#[test]
fn two_schedulers_named_alike() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.force("x", builders = ["linux"])
schedulers.periodic("x", every = "1h", builders = ["linux"])"##), @r##"
    error: there are two schedulers named "x"
     --> master.star:4:21
      |
    4 | schedulers.periodic("x", every = "1h", builders = ["linux"])
      |                     ^^^
    note: the other one is in master.star:3:1
    "##);
}

#[test]
fn a_source_is_not_named_by_a_password() {
    let config = super::config(
        "local_worker(\"here\")\nchanges.git_poller(\"https://ann:sesame@h/z\")\nchanges.svn_poller(\"svn://ann:sesame@h/z\")\n",
    );
    let names: Vec<&str> = config.sources.iter().map(model::ChangeSourceSpec::name).collect();
    assert_eq!(names, ["https://***@h/z", "svn://ann:***@h/z"]);
}

#[test]
fn two_pollers_of_one_repository() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x")
changes.git_poller("/srv/x", branch = "main")"##), @r##"
    error: there are two change sources named "/srv/x"
     --> master.star:2:1
      |
    2 | changes.git_poller("/srv/x", branch = "main")
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    note: the other one is in master.star:1:1
    "##);
}

#[test]
fn two_steps_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [
    steps.shell("a", name = "x"),
    steps.shell("b", name = "x"),
])"##), @r##"
    error: builder "linux" has two steps named "x"
     --> master.star:4:5
      |
    4 |     steps.shell("b", name = "x"),
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: give one of them another name
    note: the other one is in master.star:3:5
    note: the builder is in master.star:2:1
    "##);
}

#[test]
fn one_directory_for_two() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("a b", workers = ["here"], steps = [steps.test()])
builder("a_b", workers = ["here"], steps = [steps.test()])"##), @r##"
    error: builders "a b" and "a_b" have the same directory "a_b"
     --> master.star:3:1
      |
    3 | builder("a_b", workers = ["here"], steps = [steps.test()])
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: give one of them another with builddir = "…"
    "##);
}

#[test]
fn a_directory_in_a_directory() {
    for (one, two) in [("a", "a/b"), ("a/b", "a"), ("./a", "a//b/"), ("a/b/c", "a/b")] {
        let text = format!(
            "local_worker(\"w\")\nbuilder(\"one\", builddir = \"{one}\", workers = [\"w\"], steps = [steps.test()])\n\
             builder(\"two\", builddir = \"{two}\", workers = [\"w\"], steps = [steps.test()])"
        );
        assert!(bad(&text).contains("lie one in the other"), "{one} {two}: {}", bad(&text));
    }
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("all", workers = ["here"], builddir = "z", steps = [steps.test()])
builder("part", workers = ["here"], builddir = "z/part", steps = [steps.test()])"##), @r#"
    error: the directories of builders "all" and "part" lie one in the other: "z" and "z/part"
     --> master.star:3:48
      |
    3 | …rt", workers = ["here"], builddir = "z/part", steps = [steps.test()])
      |                                      ^^^^^^^^
    help: give it another with builddir = "…"
    "#);
}

#[test]
fn a_directory_of_the_worker() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("info", workers = ["here"], steps = [steps.test()])"##), @r#"
    error: builder "info" has the directory "info", and "info" is the worker's own
     --> master.star:2:1
      |
    2 | builder("info", workers = ["here"], steps = [steps.test()])
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: give it another with builddir = "…"
    "#);
    for name in ["worker.conf", ".slots", ".mirrors/x", "sluice.log", "./info"] {
        let text = format!(
            "local_worker(\"w\")\nbuilder(\"b\", builddir = \"{name}\", workers = [\"w\"], steps = [steps.test()])"
        );
        assert!(bad(&text).contains("is the worker's own"), "{name}: {}", bad(&text));
    }
}

#[test]
fn a_parameter_that_every_form_has() {
    insta::assert_snapshot!(bad(r##"schedulers.force("f", builders = [], parameters = [params.string("branch")])"##), @r#"
    error: a parameter cannot be named "branch": every form has that by itself
     --> master.star:1:66
      |
    1 | …ers.force("f", builders = [], parameters = [params.string("branch")])
      |                                                            ^^^^^^^^
    "#);
}

#[test]
fn builders_that_wait_for_each_others_locks() {
    let text = |second: &str| {
        format!(
            r##"local_worker("here")
x = locks.master("x")
y = locks.master("y")
builder("one", workers = ["here"], locks = [x.exclusive()], steps = [steps.test(locks = [y.exclusive()])])
builder("two", workers = ["here"], {second})"##
        )
    };
    insta::assert_snapshot!(bad(&text(r#"locks = [y.exclusive()], steps = [steps.test(locks = [x.exclusive()])]"#)), @r#"
    error: builders may wait for each other's locks for ever: "one" holds "x" and its steps wait for "y"; "two" holds "y" and its steps wait for "x"
     --> master.star:4:44
      |
    4 | … ["here"], locks = [x.exclusive()], steps = [steps.test(locks = [y.e…
      |                     ^^^^^^^^^^^^^^^
    help: give the locks of the steps to the builders, which take all that they need at once, or take them in one order
    "#);
    config(&text(r#"locks = [x.exclusive()], steps = [steps.test(locks = [y.exclusive()])]"#));
    config(&text(r#"locks = [x.exclusive(), y.exclusive()], steps = [steps.test()]"#));
}

#[test]
fn tasks_that_cannot_be() {
    insta::assert_snapshot!(bad_pipeline(r##"task("a", stages = [stage("x", "true")], after = ["b"])
task("b", stages = [stage("x", "true")], after = ["a"])"##), @r#"
    error: tasks wait for each other in a circle: a → b → a
     --> sluice.star:1:50
      |
    1 | task("a", stages = [stage("x", "true")], after = ["b"])
      |                                                  ^^^^^
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("lint", stages = [stage("x", "true")], after = ["complie"])
task("compile", stages = [stage("x", "true")])"##), @r#"
    error: task "lint" waits for "complie", which is not defined
     --> sluice.star:1:53
      |
    1 | task("lint", stages = [stage("x", "true")], after = ["complie"])
      |                                                     ^^^^^^^^^^^
    help: did you mean "compile"?
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("a/b", stages = [stage("x", "true")])
task("a b", stages = [stage("x", "true")])"##), @r#"
    error: the files of tasks "a/b" and "a b" would have the same names: a_b
     --> sluice.star:2:6
      |
    2 | task("a b", stages = [stage("x", "true")])
      |      ^^^^^
    help: give one of them another name
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("a", stages = [stage("x", "true", output = "text/x-subuint")])"##), @r#"
    error: output of stage cannot be "text/x-subuint"
     --> sluice.star:1:49
      |
    1 | task("a", stages = [stage("x", "true", output = "text/x-subuint")])
      |                                                 ^^^^^^^^^^^^^^^^
    help: did you mean "text/x-subunit"?
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("a", stages = [])"##), @r#"
    error: task "a" has no stages
     --> sluice.star:1:20
      |
    1 | task("a", stages = [])
      |                    ^^
    help: give it at least one: stages = [stage("make", ["make"])]
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("a", stages = [stage("x", "true")], paths = ["../b"])"##), @r#"
    error: paths of task "a" has "../b" in it
     --> sluice.star:1:50
      |
    1 | task("a", stages = [stage("x", "true")], paths = ["../b"])
      |                                                  ^^^^^^^^
    help: a path is relative to the tree's root: "docs/**"
    "#);
    insta::assert_snapshot!(bad_pipeline(r##"task("a", stages = [stage("x", "true", output_file = "r.xml")])"##), @r#"
    error: stage has output_file, and its output is no report
     --> sluice.star:1:54
      |
    1 | task("a", stages = [stage("x", "true", output_file = "r.xml")])
      |                                                      ^^^^^^^
    help: say which: output = "junit"
    "#);
}

#[test]
fn an_unknown_function() {
    insta::assert_snapshot!(bad(r##"bulder("linux")"##), @r##"
    error: bulder is not defined
     --> master.star:1:1
      |
    1 | bulder("linux")
      | ^^^^^^
    help: did you mean builder?
    "##);
}

#[test]
fn a_function_of_another_system() {
    insta::assert_snapshot!(bad(r##"import os"##), @r##"
    error: "import" is not part of this language
     --> master.star:1:1
      |
    1 | import os
      | ^^^^^^
    help: nothing can be imported; load("other.star", "name") takes names from a file beside this one
    "##);
}

#[test]
fn a_while_loop() {
    insta::assert_snapshot!(bad(r##"while True:
    pass"##), @r##"
    error: "while" is not part of this language
     --> master.star:1:1
      |
    1 | while True:
      | ^^^^^
    help: there are no while loops, so that every file comes to an end; use for with range(…)
    "##);
}

#[test]
fn an_unknown_step() {
    insta::assert_snapshot!(bad(r##"steps.gti("x")"##), @r##"
    error: steps.gti is not defined
     --> master.star:1:1
      |
    1 | steps.gti("x")
      | ^^^^^^^^^^^^^^
    help: did you mean steps.git?
    "##);
}

#[test]
fn a_step_without_its_namespace() {
    insta::assert_snapshot!(bad(r##"git("x")"##), @r##"
    error: git is not defined
     --> master.star:1:1
      |
    1 | git("x")
      | ^^^
    help: did you mean steps.git?
    "##);
}

#[test]
fn who_may_try_is_said_in_full() {
    let wrong = [
        r#"schedulers.try_userpass("try", builders = ["b"], users = {"a:b": "x"})"#,
        r#"schedulers.try_userpass("try", builders = ["b"], users = {})"#,
        r#"schedulers.try_jobdir("try", builders = ["b"], jobdir = "")"#,
        "[schedulers.try_jobdir(n, builders = [\"b\"], jobdir = \"j\") for n in (\"a\", \"c\")]",
    ];
    insta::assert_snapshot!(wrong.map(|text| bad(text).to_string()).join("\n"), @r#"
    error: users of schedulers.try_userpass has a user named "a:b"
     --> master.star:1:58
      |
    1 | schedulers.try_userpass("try", builders = ["b"], users = {"a:b": "x"})
      |                                                          ^^^^^^^^^^^^
    help: a user's name has no ":" in it
    error: users of schedulers.try_userpass has nobody in it
     --> master.star:1:58
      |
    1 | schedulers.try_userpass("try", builders = ["b"], users = {})
      |                                                          ^^
    help: it takes {"ann": secret("ann-try")}
    error: jobdir of schedulers.try_jobdir names no directory
     --> master.star:1:57
      |
    1 | schedulers.try_jobdir("try", builders = ["b"], jobdir = "")
      |                                                         ^^
    help: it is a path, such as "jobdir" or "/srv/try"
    error: the scheduler "a" has this jobdir already
     --> master.star:1:54
      |
    1 | …rs.try_jobdir(n, builders = ["b"], jobdir = "j") for n in ("a", "c")]
      |                                              ^^^
    help: each has a directory of its own
    "#);
}

#[test]
fn a_later_namespace() {
    insta::assert_snapshot!(bad(r##"reporters.irc(host = "irc.example.org")"##), @r##"
    error: reporters.irc is not available in this version
     --> master.star:1:1
      |
    1 | reporters.irc(host = "irc.example.org")
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_later_function() {
    insta::assert_snapshot!(bad(r##"buildbot_port(listen = "127.0.0.1:9989")"##), @r##"
    error: buildbot_port is not available in this version
     --> master.star:1:1
      |
    1 | buildbot_port(listen = "127.0.0.1:9989")
      | ^^^^^^^^^^^^^
    "##);
}

#[test]
fn an_unknown_argument() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_build = 2)"##), @r##"
    error: local_worker has no argument max_build
     --> master.star:1:22
      |
    1 | local_worker("here", max_build = 2)
      |                      ^^^^^^^^^
    help: did you mean max_builds?
    "##);
}

#[test]
fn an_argument_in_camel_case() {
    insta::assert_snapshot!(bad(r##"schedulers.single_branch("q", treeStableTimer = 10, builders = ["x"])"##), @r##"
    error: schedulers.single_branch has no argument treeStableTimer
     --> master.star:1:31
      |
    1 | schedulers.single_branch("q", treeStableTimer = 10, builders = ["x"])
      |                               ^^^^^^^^^^^^^^^
    help: did you mean tree_stable_timer?
    "##);
}

#[test]
fn an_argument_of_no_likeness() {
    insta::assert_snapshot!(bad(r##"local_worker("here", colour = "red")"##), @r##"
    error: local_worker has no argument colour
     --> master.star:1:22
      |
    1 | local_worker("here", colour = "red")
      |                      ^^^^^^
    help: it has name, max_builds, lost_after
    "##);
}
