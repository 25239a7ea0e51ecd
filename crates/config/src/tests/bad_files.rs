//! Files that are not in the language, that fail on their way, or that do not fit together; and pipelines.

use super::{Memory, bad, bad_pipeline};

#[test]
fn an_unclosed_bracket() {
    insta::assert_snapshot!(bad(r##"local_worker("here"

builder("x")
"##), @r##"
    error: "(" is never closed
     --> master.star:1:13
      |
    1 | local_worker("here"
      |             ^
    "##);
}

#[test]
fn the_wrong_bracket() {
    insta::assert_snapshot!(bad(r##"builder(
    "linux",
    steps = [
        steps.test(),
)
"##), @r##"
    error: "[" is never closed
     --> master.star:3:13
      |
    3 |     steps = [
      |             ^
    note: ")" in master.star:5:1 closes something else
    "##);
}

#[test]
fn a_bracket_too_many() {
    insta::assert_snapshot!(bad(r##"local_worker("here"))"##), @r##"
    error: ")" closes nothing
     --> master.star:1:21
      |
    1 | local_worker("here"))
      |                     ^
    "##);
}

#[test]
fn an_unclosed_text() {
    insta::assert_snapshot!(bad(r##"project(title = "zlib)
"##), @r##"
    error: this text is never closed with its quote
     --> master.star:1:17
      |
    1 | project(title = "zlib)
      |                 ^^^^^^
    "##);
}

#[test]
fn a_missing_comma() {
    insta::assert_snapshot!(bad(r##"builder(
    "linux"
    workers = ["here"],
)"##), @r##"
    error: the name workers does not fit here, ")" would
     --> master.star:3:5
      |
    3 |     workers = ["here"],
      |     ^^^^^^^
    help: is a comma missing before it?
    "##);
}

#[test]
fn an_assignment_to_the_dictionary() {
    insta::assert_snapshot!(bad(r##"c['builders'] = []"##), @r##"
    error: c is not defined
     --> master.star:1:1
      |
    1 | c['builders'] = []
      | ^
    help: call builder(…), worker(…) and the others; there is no dictionary to fill
    "##);
}

#[test]
fn a_power() {
    insta::assert_snapshot!(bad(r##"x = 10 ** 10"##), @r##"
    error: "**" does not fit here, the end of the line would
     --> master.star:1:8
      |
    1 | x = 10 ** 10
      |        ^^
    help: there is no ** for powers; write the number out
    "##);
}

#[test]
fn a_sum_of_a_text_and_a_number() {
    insta::assert_snapshot!(bad(r##"x = "a" + 1"##), @r##"
    error: + does not work with a text and a number
     --> master.star:1:5
      |
    1 | x = "a" + 1
      |     ^^^^^^^
    "##);
}

#[test]
fn an_error_of_the_user() {
    insta::assert_snapshot!(bad(r##"def need(x):
    if not x:
        fail("need something, not", x)

need(0)"##), @r##"
    error: need something, not 0
     --> master.star:3:9
      |
    3 |         fail("need something, not", x)
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    note: called in master.star:5:1
    "##);
}

#[test]
fn a_bad_call_deep_inside() {
    insta::assert_snapshot!(bad(r##"def one(name):
    builder(name, workers = 3, steps = [steps.test()])

def two():
    one("x")

two()"##), @r##"
    error: workers of builder must be a list of names of workers, not the number 3
     --> master.star:2:29
      |
    2 |     builder(name, workers = 3, steps = [steps.test()])
      |                             ^
    note: called in master.star:5:5
    note: called in master.star:7:1
    "##);
}

#[test]
fn a_missing_key() {
    insta::assert_snapshot!(bad(r##"x = {"a": 1}["b"]"##), @r##"
    error: there is no "b" in the dict
     --> master.star:1:5
      |
    1 | x = {"a": 1}["b"]
      |     ^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_name_used_too_early() {
    insta::assert_snapshot!(bad(r##"def f():
    return y
f()
y = 1"##), @r##"
    error: y is used before it has a value
     --> master.star:2:12
      |
    2 |     return y
      |            ^
    note: called in master.star:3:1
    "##);
}

#[test]
fn a_long_line() {
    insta::assert_snapshot!(bad(r##"x = ["aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", unknown_thing, "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", ]"##), @r##"
    error: unknown_thing is not defined
     --> master.star:1:286
      |
    1 | …aa", "aaaaaaaaaa", unknown_thing, "aaaaaaaaaa", "aaaaaaaaaa", "aaaaa…
      |                     ^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_printed_value() {
    insta::assert_snapshot!(bad(r##"print("x is", 3)
fail("stop")"##), @r##"
    error: stop
     --> master.star:2:1
      |
    2 | fail("stop")
      | ^^^^^^^^^^^^
    note: it printed "x is 3"
    "##);
}

#[test]
fn multiplied_in_place() {
    insta::assert_snapshot!(bad(r##"x = [0]
x *= 3"##), @r##"
    error: *= is not part of this language
     --> master.star:2:1
      |
    2 | x *= 3
      | ^^^^^^
    help: write x = x * …
    "##);
}

#[test]
fn a_list_with_none_in_it() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["here", None], steps = [steps.test()])"##), @r##"
    error: workers of builder has None in it; it must be a list of names of workers
     --> master.star:1:24
      |
    1 | builder("x", workers = ["here", None], steps = [steps.test()])
      |                        ^^^^^^^^^^^^^^
    "##);
}

#[test]
fn too_many_by_position() {
    insta::assert_snapshot!(bad(r##"web("127.0.0.1:80", True)"##), @r##"
    error: web takes only listen without its name
     --> master.star:1:21
      |
    1 | web("127.0.0.1:80", True)
      |                     ^^^^
    help: write anonymous_control = …
    "##);
}

#[test]
fn a_worker_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"local_worker("here")"##), @r##"
    error: local_worker does not belong into a pipeline
     --> sluice.star:1:1
      |
    1 | local_worker("here")
      | ^^^^^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's
    "##);
}

#[test]
fn a_secret_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"x = secret("deploy")"##), @r##"
    error: secret does not belong into a pipeline
     --> sluice.star:1:5
      |
    1 | x = secret("deploy")
      |     ^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's
    "##);
}

#[test]
fn workers_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"builder("x", workers = ["here"], steps = [steps.test()])"##), @r##"
    error: a builder of a pipeline names no workers
     --> sluice.star:1:14
      |
    1 | builder("x", workers = ["here"], steps = [steps.test()])
      |              ^^^^^^^
    help: the master chooses where it runs
    "##);
}

#[test]
fn a_checkout_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"builder("x", steps = [steps.git("/srv/x")])"##), @r##"
    error: steps.git does not belong into a pipeline
     --> sluice.star:1:23
      |
    1 | builder("x", steps = [steps.git("/srv/x")])
      |                       ^^^^^^^^^^^^^^^^^^^
    help: the repository is checked out before the first step
    "##);
}

#[test]
fn an_empty_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"# nothing"##), @r##"
    error: sluice.star defines no builder and no task
    help: builder("name", steps = [steps.shell(["make"])])
    "##);
}

#[test]
fn files_that_load_each_other() {
    let memory = Memory::master("load(\"a.star\", \"a\")\n")
        .file("a.star", "load(\"b.star\", \"b\")\na = b\n")
        .file("b.star", "load(\"a.star\", \"a\")\nb = a\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @r##"
    error: the files load each other in a circle: a.star → b.star → a.star
     --> b.star:1:6
      |
    1 | load("a.star", "a")
      |      ^^^^^^^^
    "##);
}

#[test]
fn a_file_that_is_not_there() {
    insta::assert_snapshot!(bad("load(\"other.star\", \"x\")"), @r##"
    error: other.star cannot be read: there is no such file
     --> master.star:1:6
      |
    1 | load("other.star", "x")
      |      ^^^^^^^^^^^^
    "##);
    insta::assert_snapshot!(Memory::default().load().unwrap_err().to_string(), @"error: master.star cannot be read: there is no such file");
}

#[test]
fn a_file_from_elsewhere() {
    insta::assert_snapshot!(bad("load(\"../other.star\", \"x\")"), @r##"
    error: "../other.star" cannot be loaded
     --> master.star:1:6
      |
    1 | load("../other.star", "x")
      |      ^^^^^^^^^^^^^^^
    help: load takes the name of a file beside the first one, for example "other.star"
    "##);
    insta::assert_snapshot!(bad("load(\"@sluice//other.star\", \"x\")"), @r##"
    error: "@sluice//other.star" is not available in this version
     --> master.star:1:6
      |
    1 | load("@sluice//other.star", "x")
      |      ^^^^^^^^^^^^^^^^^^^^^
    help: there is "@sluice//compat.star"
    "##);
}

#[test]
fn a_name_that_the_other_file_does_not_have() {
    let memory = Memory::master("load(\"a.star\", \"workers\")\n").file("a.star", "worker_names = []\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @r##"
    error: the file that is loaded does not define workers
     --> master.star:1:16
      |
    1 | load("a.star", "workers")
      |                ^^^^^^^^^
    help: only its own names can be taken
    "##);
}

#[test]
fn an_error_in_another_file() {
    let memory = Memory::master("load(\"a.star\", \"add\")\nadd(\"x\")\n")
        .file("a.star", "def add(name):\n    local_worker(name, max_builds = \"2\")\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @r##"
    error: max_builds of local_worker must be a whole number from 1 to 1000, not the text "2"
     --> a.star:2:37
      |
    2 |     local_worker(name, max_builds = "2")
      |                                     ^^^
    note: called in master.star:2:1
    "##);
}
