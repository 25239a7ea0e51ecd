//! Bad configurations and the exact text that people read.

use super::{Memory, bad, bad_pipeline};

#[test]
fn an_unknown_worker() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
worker("mac", password = "x")

builder(
    "linux",
    workers = ["maac"],
    steps = [steps.test()],
)
"##), @"");
}

#[test]
fn a_worker_nobody_defined() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [steps.test()])"##), @"");
}

#[test]
fn an_unknown_worker_far_from_all() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
names = ["windows"]
builder("linux", names, steps = [steps.test()])"##), @"");
}

#[test]
fn an_unknown_builder() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.single_branch("quick", branch = "main", builders = ["linux", "linus"])"##), @"");
}

#[test]
fn two_builders_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
builder(name = "linux", workers = ["here"], steps = [steps.test()])"##), @"");
}

#[test]
fn two_builders_in_a_loop() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
for i in range(2):
    builder("linux", workers = ["here"], steps = [steps.test()])"##), @"");
}

#[test]
fn two_workers_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
worker("here", "secret")"##), @"");
}

#[test]
fn two_schedulers_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.force("x", builders = ["linux"])
schedulers.periodic("x", "1h", builders = ["linux"])"##), @"");
}

#[test]
fn two_schedulers_named_alike() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [steps.test()])
schedulers.force("x", builders = ["linux"])
schedulers.periodic("x", every = "1h", builders = ["linux"])"##), @"");
}

#[test]
fn two_pollers_of_one_repository() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x")
changes.git_poller("/srv/x", branch = "main")"##), @"");
}

#[test]
fn two_steps_of_one_name() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("linux", workers = ["here"], steps = [
    steps.shell("a", name = "x"),
    steps.shell("b", name = "x"),
])"##), @"");
}

#[test]
fn one_directory_for_two() {
    insta::assert_snapshot!(bad(r##"local_worker("here")
builder("a b", workers = ["here"], steps = [steps.test()])
builder("a_b", workers = ["here"], steps = [steps.test()])"##), @"");
}

#[test]
fn an_unknown_function() {
    insta::assert_snapshot!(bad(r##"bulder("linux")"##), @"");
}

#[test]
fn a_function_of_another_system() {
    insta::assert_snapshot!(bad(r##"import os"##), @"");
}

#[test]
fn a_while_loop() {
    insta::assert_snapshot!(bad(r##"while True:
    pass"##), @"");
}

#[test]
fn an_unknown_step() {
    insta::assert_snapshot!(bad(r##"steps.gti("x")"##), @"");
}

#[test]
fn a_step_without_its_namespace() {
    insta::assert_snapshot!(bad(r##"git("x")"##), @"");
}

#[test]
fn a_later_scheduler() {
    insta::assert_snapshot!(bad(r##"schedulers.nightly("full", cron = "0 3 * * *")"##), @"");
}

#[test]
fn a_later_namespace() {
    insta::assert_snapshot!(bad(r##"reporters.mail(from_addr = "ci@example.org")"##), @"");
}

#[test]
fn a_later_function() {
    insta::assert_snapshot!(bad(r##"buildbot_port(listen = "127.0.0.1:9989")"##), @"");
}

#[test]
fn an_unknown_argument() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_build = 2)"##), @"");
}

#[test]
fn an_argument_in_camel_case() {
    insta::assert_snapshot!(bad(r##"schedulers.single_branch("q", treeStableTimer = 10, builders = ["x"])"##), @"");
}

#[test]
fn an_argument_of_no_likeness() {
    insta::assert_snapshot!(bad(r##"local_worker("here", colour = "red")"##), @"");
}

#[test]
fn a_missing_argument() {
    insta::assert_snapshot!(bad(r##"worker("mac")"##), @"");
}

#[test]
fn a_builder_without_workers() {
    insta::assert_snapshot!(bad(r##"builder("linux", steps = [steps.test()])"##), @"");
}

#[test]
fn an_empty_list_of_workers() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = [], steps = [steps.test()])"##), @"");
}

#[test]
fn a_text_for_a_list() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = "here", steps = [steps.test()])"##), @"");
}

#[test]
fn no_steps() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [])"##), @"");
}

#[test]
fn a_step_that_is_none() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = ["make"])"##), @"");
}

#[test]
fn a_step_that_is_not_called() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [steps.test])"##), @"");
}

#[test]
fn a_number_for_a_text() {
    insta::assert_snapshot!(bad(r##"project(title = 3)"##), @"");
}

#[test]
fn too_many_workers() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_builds = 0)"##), @"");
}

#[test]
fn a_truth_value_for_a_number() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_builds = True)"##), @"");
}

#[test]
fn a_bad_duration() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x", every = "ten")"##), @"");
}

#[test]
fn a_duration_of_nothing() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x", every = 0)"##), @"");
}

#[test]
fn a_bad_address() {
    insta::assert_snapshot!(bad(r##"web(listen = "8010")"##), @"");
}

#[test]
fn a_bad_url() {
    insta::assert_snapshot!(bad(r##"project(public_url = "localhost:8010")"##), @"");
}

#[test]
fn another_database() {
    insta::assert_snapshot!(bad(r##"database("mysql://root:hunter2@x/y")"##), @"");
}

#[test]
fn a_way_out() {
    insta::assert_snapshot!(bad(r##"steps.shell("make", workdir = "../../etc")"##), @"");
}

#[test]
fn an_absolute_directory() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["y"], steps = [steps.test()], builddir = "/")"##), @"");
}

#[test]
fn a_repository_that_is_an_option() {
    insta::assert_snapshot!(bad(r##"steps.git("--upload-pack=touch /tmp/x")"##), @"");
}

#[test]
fn an_unknown_mode() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", mode = "colne")"##), @"");
}

#[test]
fn a_mode_of_buildbot() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", mode = "incremental")"##), @"");
}

#[test]
fn a_bad_retry() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", retry = 3)"##), @"");
}

#[test]
fn a_command_in_one_word() {
    insta::assert_snapshot!(bad(r##"steps.shell(["make test"])"##), @"");
}

#[test]
fn a_number_in_a_command() {
    insta::assert_snapshot!(bad(r##"steps.shell(["make", "-j", 4])"##), @"");
}

#[test]
fn an_empty_command() {
    insta::assert_snapshot!(bad(r##"steps.test([])"##), @"");
}

#[test]
fn a_number_in_the_environment() {
    insta::assert_snapshot!(bad(r##"steps.shell("make", env = {"JOBS": 4})"##), @"");
}

#[test]
fn a_fraction_as_property() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["y"], steps = [steps.test()], properties = {"p": 1.5})"##), @"");
}

#[test]
fn a_property_in_itself() {
    insta::assert_snapshot!(bad(r##"p = []
p.append(p)
builder("x", workers = ["y"], steps = [steps.test()], properties = {"p": p})"##), @"");
}

#[test]
fn both_names_of_one_argument() {
    insta::assert_snapshot!(bad(r##"schedulers.periodic("x", every = "1h", interval = "1h", builders = ["y"])"##), @"");
}

#[test]
fn a_name_with_a_slash() {
    insta::assert_snapshot!(bad(r##"local_worker("a/b")"##), @"");
}

#[test]
fn a_missing_secret() {
    insta::assert_snapshot!(bad(r##"worker("mac", password = secret("mac-mini"))"##), @"");
}

#[test]
fn a_secret_with_a_path() {
    insta::assert_snapshot!(bad(r##"worker("mac", password = secret("../../etc/passwd"))"##), @"");
}

#[test]
fn a_secret_in_a_text() {
    insta::assert_snapshot!(bad(r##"project(title = secret("there"))"##), @"");
}

#[test]
fn called_twice() {
    insta::assert_snapshot!(bad(r##"project(title = "a")
project(title = "b")"##), @"");
}

#[test]
fn an_unclosed_bracket() {
    insta::assert_snapshot!(bad(r##"local_worker("here"

builder("x")
"##), @"");
}

#[test]
fn the_wrong_bracket() {
    insta::assert_snapshot!(bad(r##"builder(
    "linux",
    steps = [
        steps.test(),
)
"##), @"");
}

#[test]
fn a_bracket_too_many() {
    insta::assert_snapshot!(bad(r##"local_worker("here"))"##), @"");
}

#[test]
fn an_unclosed_text() {
    insta::assert_snapshot!(bad(r##"project(title = "zlib)
"##), @"");
}

#[test]
fn a_missing_comma() {
    insta::assert_snapshot!(bad(r##"builder(
    "linux"
    workers = ["here"],
)"##), @"");
}

#[test]
fn an_assignment_to_the_dictionary() {
    insta::assert_snapshot!(bad(r##"c['builders'] = []"##), @"");
}

#[test]
fn a_power() {
    insta::assert_snapshot!(bad(r##"x = 10 ** 10"##), @"");
}

#[test]
fn a_sum_of_a_text_and_a_number() {
    insta::assert_snapshot!(bad(r##"x = "a" + 1"##), @"");
}

#[test]
fn an_error_of_the_user() {
    insta::assert_snapshot!(bad(r##"def need(x):
    if not x:
        fail("need something, not", x)

need(0)"##), @"");
}

#[test]
fn a_bad_call_deep_inside() {
    insta::assert_snapshot!(bad(r##"def one(name):
    builder(name, workers = 3, steps = [steps.test()])

def two():
    one("x")

two()"##), @"");
}

#[test]
fn a_missing_key() {
    insta::assert_snapshot!(bad(r##"x = {"a": 1}["b"]"##), @"");
}

#[test]
fn a_name_used_too_early() {
    insta::assert_snapshot!(bad(r##"def f():
    return y
f()
y = 1"##), @"");
}

#[test]
fn a_long_line() {
    insta::assert_snapshot!(bad(r##"x = ["aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", unknown_thing, "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaa", ]"##), @"");
}

#[test]
fn a_printed_value() {
    insta::assert_snapshot!(bad(r##"print("x is", 3)
fail("stop")"##), @"");
}

#[test]
fn multiplied_in_place() {
    insta::assert_snapshot!(bad(r##"x = [0]
x *= 3"##), @"");
}

#[test]
fn a_list_with_none_in_it() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["here", None], steps = [steps.test()])"##), @"");
}

#[test]
fn too_many_by_position() {
    insta::assert_snapshot!(bad(r##"web("127.0.0.1:80", True)"##), @"");
}

#[test]
fn a_worker_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"local_worker("here")"##), @"");
}

#[test]
fn a_secret_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"x = secret("deploy")"##), @"");
}

#[test]
fn workers_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"builder("x", workers = ["here"], steps = [steps.test()])"##), @"");
}

#[test]
fn a_checkout_in_a_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"builder("x", steps = [steps.git("/srv/x")])"##), @"");
}

#[test]
fn an_empty_pipeline() {
    insta::assert_snapshot!(bad_pipeline(r##"# nothing"##), @"");
}

#[test]
fn files_that_load_each_other() {
    let memory = Memory::master("load(\"a.star\", \"a\")\n")
        .file("a.star", "load(\"b.star\", \"b\")\na = b\n")
        .file("b.star", "load(\"a.star\", \"a\")\nb = a\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @"");
}

#[test]
fn a_file_that_is_not_there() {
    insta::assert_snapshot!(bad("load(\"other.star\", \"x\")"), @"");
    insta::assert_snapshot!(Memory::default().load().unwrap_err().to_string(), @"");
}

#[test]
fn a_file_from_elsewhere() {
    insta::assert_snapshot!(bad("load(\"../other.star\", \"x\")"), @"");
    insta::assert_snapshot!(bad("load(\"@sluice//compat.star\", \"x\")"), @"");
}

#[test]
fn a_name_that_the_other_file_does_not_have() {
    let memory = Memory::master("load(\"a.star\", \"workers\")\n").file("a.star", "worker_names = []\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @"");
}

#[test]
fn an_error_in_another_file() {
    let memory = Memory::master("load(\"a.star\", \"add\")\nadd(\"x\")\n")
        .file("a.star", "def add(name):\n    local_worker(name, max_builds = \"2\")\n");
    insta::assert_snapshot!(memory.load().unwrap_err().to_string(), @"");
}
