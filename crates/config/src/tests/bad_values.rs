//! Arguments that cannot be, and the exact text that people read.

use super::bad;

#[test]
fn a_missing_argument() {
    insta::assert_snapshot!(bad(r##"worker("mac")"##), @r##"
    error: worker needs password
     --> master.star:1:1
      |
    1 | worker("mac")
      | ^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_builder_without_workers() {
    insta::assert_snapshot!(bad(r##"builder("linux", steps = [steps.test()])"##), @r##"
    error: builder "linux" has no workers
     --> master.star:1:1
      |
    1 | builder("linux", steps = [steps.test()])
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: name at least one: workers = ["…"]
    "##);
}

#[test]
fn an_empty_list_of_workers() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = [], steps = [steps.test()])"##), @r##"
    error: workers of builder is empty
     --> master.star:1:28
      |
    1 | builder("linux", workers = [], steps = [steps.test()])
      |                            ^^
    help: name at least one of the workers
    "##);
}

#[test]
fn a_text_for_a_list() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = "here", steps = [steps.test()])"##), @r##"
    error: workers of builder must be a list of names of workers, not the text "here"
     --> master.star:1:28
      |
    1 | builder("linux", workers = "here", steps = [steps.test()])
      |                            ^^^^^^
    help: write ["here"]
    "##);
}

#[test]
fn no_steps() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [])"##), @r##"
    error: builder "linux" has no steps
     --> master.star:1:46
      |
    1 | builder("linux", workers = ["here"], steps = [])
      |                                              ^^
    help: give it at least one: steps = [steps.shell(["make"])]
    "##);
}

#[test]
fn a_step_that_is_none() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = ["make"])"##), @r##"
    error: steps of builder "linux" has the text "make" in it
     --> master.star:1:46
      |
    1 | builder("linux", workers = ["here"], steps = ["make"])
      |                                              ^^^^^^^^
    "##);
}

#[test]
fn a_step_that_is_not_called() {
    insta::assert_snapshot!(bad(r##"builder("linux", workers = ["here"], steps = [steps.test])"##), @r##"
    error: steps of builder "linux" has a function in it
     --> master.star:1:46
      |
    1 | builder("linux", workers = ["here"], steps = [steps.test])
      |                                              ^^^^^^^^^^^^
    help: is a call meant? write its parentheses
    "##);
}

#[test]
fn a_number_for_a_text() {
    insta::assert_snapshot!(bad(r##"project(title = 3)"##), @r##"
    error: title of project must be a text, not the number 3
     --> master.star:1:17
      |
    1 | project(title = 3)
      |                 ^
    "##);
}

#[test]
fn too_many_workers() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_builds = 0)"##), @r##"
    error: max_builds of local_worker must be a whole number from 1 to 1000, not the number 0
     --> master.star:1:35
      |
    1 | local_worker("here", max_builds = 0)
      |                                   ^
    "##);
}

#[test]
fn a_truth_value_for_a_number() {
    insta::assert_snapshot!(bad(r##"local_worker("here", max_builds = True)"##), @r##"
    error: max_builds of local_worker must be a whole number from 1 to 1000, not True
     --> master.star:1:35
      |
    1 | local_worker("here", max_builds = True)
      |                                   ^^^^
    "##);
}

#[test]
fn a_bad_duration() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x", every = "ten")"##), @r##"
    error: every of changes.git_poller must be a duration ("10s", "2m", "1h30m", or a number of seconds), not the text "ten"
     --> master.star:1:38
      |
    1 | changes.git_poller("/srv/x", every = "ten")
      |                                      ^^^^^
    "##);
}

#[test]
fn a_duration_of_nothing() {
    insta::assert_snapshot!(bad(r##"changes.git_poller("/srv/x", every = 0)"##), @r##"
    error: every of changes.git_poller must be at least 1 s, not the number 0
     --> master.star:1:38
      |
    1 | changes.git_poller("/srv/x", every = 0)
      |                                      ^
    "##);
}

#[test]
fn a_bad_address() {
    insta::assert_snapshot!(bad(r##"web(listen = "8010")"##), @r##"
    error: listen of web must be HOST:PORT, for example "127.0.0.1:8010", not the text "8010"
     --> master.star:1:14
      |
    1 | web(listen = "8010")
      |              ^^^^^^
    "##);
}

#[test]
fn a_bad_url() {
    insta::assert_snapshot!(bad(r##"project(public_url = "localhost:8010")"##), @r##"
    error: public_url of project must be an address that begins with http:// or https://, not the text "localhost:8010"
     --> master.star:1:22
      |
    1 | project(public_url = "localhost:8010")
      |                      ^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn another_database() {
    insta::assert_snapshot!(bad(r##"database("mysql://root:hunter2@x/y")"##), @r##"
    error: url of database must be an address that begins with postgres://; without database(…) it is SQLite in the base directory
     --> master.star:1:10
      |
    1 | database("mysql://root:hunter2@x/y")
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_way_out() {
    insta::assert_snapshot!(bad(r##"steps.shell("make", workdir = "../../etc")"##), @r##"
    error: workdir of steps.shell must be a relative directory without "..", not the text "../../etc"
     --> master.star:1:31
      |
    1 | steps.shell("make", workdir = "../../etc")
      |                               ^^^^^^^^^^^
    "##);
}

#[test]
fn an_absolute_directory() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["y"], steps = [steps.test()], builddir = "/")"##), @r##"
    error: builddir of builder must be a relative directory without "..", not the text "/"
     --> master.star:1:66
      |
    1 | builder("x", workers = ["y"], steps = [steps.test()], builddir = "/")
      |                                                                  ^^^
    "##);
}

#[test]
fn a_repository_that_is_an_option() {
    insta::assert_snapshot!(bad(r##"steps.git("--upload-pack=touch /tmp/x")"##), @r##"
    error: repository of steps.git must be the address or the path of a repository, not the text "--upload-pack=touch /tmp/x"
     --> master.star:1:11
      |
    1 | steps.git("--upload-pack=touch /tmp/x")
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn an_unknown_mode() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", mode = "colne")"##), @r##"
    error: steps.git has no mode "colne"; it has update, copy, clobber and export
     --> master.star:1:28
      |
    1 | steps.git("/srv/x", mode = "colne")
      |                            ^^^^^^^
    "##);
}

#[test]
fn a_mode_of_buildbot() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", mode = "incremental")"##), @r##"
    error: steps.git has no mode "incremental"; it has update, copy, clobber and export
     --> master.star:1:28
      |
    1 | steps.git("/srv/x", mode = "incremental")
      |                            ^^^^^^^^^^^^^
    help: did you mean "update"?
    "##);
}

#[test]
fn a_bad_retry() {
    insta::assert_snapshot!(bad(r##"steps.git("/srv/x", retry = 3)"##), @r##"
    error: retry of steps.git must be a delay and a number of times, as ("10s", 3), not the number 3
     --> master.star:1:29
      |
    1 | steps.git("/srv/x", retry = 3)
      |                             ^
    "##);
}

#[test]
fn a_command_in_one_word() {
    insta::assert_snapshot!(bad(r##"steps.shell(["make test"])"##), @r##"
    error: there is hardly a program named "make test"
     --> master.star:1:13
      |
    1 | steps.shell(["make test"])
      |             ^^^^^^^^^^^^^
    help: write "make test" for the shell, or ["make", "test"]
    "##);
}

#[test]
fn a_number_in_a_command() {
    insta::assert_snapshot!(bad(r##"steps.shell(["make", "-j", 4])"##), @r##"
    error: command of steps.shell has the number 4 in it; it must be a list of texts
     --> master.star:1:13
      |
    1 | steps.shell(["make", "-j", 4])
      |             ^^^^^^^^^^^^^^^^^
    help: write "4"
    "##);
}

#[test]
fn an_empty_command() {
    insta::assert_snapshot!(bad(r##"steps.test([])"##), @r##"
    error: command of steps.test is empty
     --> master.star:1:12
      |
    1 | steps.test([])
      |            ^^
    "##);
}

#[test]
fn a_number_in_the_environment() {
    insta::assert_snapshot!(bad(r##"steps.shell("make", env = {"JOBS": 4})"##), @r##"
    error: JOBS in env of steps.shell must be a text, not the number 4
     --> master.star:1:27
      |
    1 | steps.shell("make", env = {"JOBS": 4})
      |                           ^^^^^^^^^^^
    help: write "4"
    "##);
}

#[test]
fn a_fraction_as_property() {
    insta::assert_snapshot!(bad(r##"builder("x", workers = ["y"], steps = [steps.test()], properties = {"p": 1.5})"##), @r##"
    error: property "p" cannot be a number with a fraction
     --> master.star:1:68
      |
    1 | …x", workers = ["y"], steps = [steps.test()], properties = {"p": 1.5})
      |                                                            ^^^^^^^^^^
    help: a property is a text, a whole number, True, False, None, or a list or dict of such
    "##);
}

#[test]
fn a_property_in_itself() {
    insta::assert_snapshot!(bad(r##"p = []
p.append(p)
builder("x", workers = ["y"], steps = [steps.test()], properties = {"p": p})"##), @r##"
    error: property "p" cannot be something so deep
     --> master.star:3:68
      |
    3 | …("x", workers = ["y"], steps = [steps.test()], properties = {"p": p})
      |                                                              ^^^^^^^^
    help: a property is a text, a whole number, True, False, None, or a list or dict of such
    "##);
}

#[test]
fn both_names_of_one_argument() {
    insta::assert_snapshot!(bad(r##"schedulers.periodic("x", every = "1h", interval = "1h", builders = ["y"])"##), @r##"
    error: schedulers.periodic has both every and interval
     --> master.star:1:40
      |
    1 | …dulers.periodic("x", every = "1h", interval = "1h", builders = ["y"])
      |                                     ^^^^^^^^
    help: they mean the same; give one of them
    "##);
}

#[test]
fn a_name_with_a_slash() {
    insta::assert_snapshot!(bad(r##"local_worker("a/b")"##), @r##"
    error: name of local_worker must be a name without "/", "\", "?", "#" and control characters, not the text "a/b"
     --> master.star:1:14
      |
    1 | local_worker("a/b")
      |              ^^^^^
    "##);
}

#[test]
fn a_missing_secret() {
    insta::assert_snapshot!(bad(r##"worker("mac", password = secret("mac-mini"))"##), @r##"
    error: secret "mac-mini" is not found
     --> master.star:1:26
      |
    1 | worker("mac", password = secret("mac-mini"))
      |                          ^^^^^^^^^^^^^^^^^^
    help: put it into the file secrets/mac-mini or into the environment as SLUICE_SECRET_MAC_MINI
    "##);
}

#[test]
fn a_secret_with_a_path() {
    insta::assert_snapshot!(bad(r##"worker("mac", password = secret("../../etc/passwd"))"##), @r##"
    error: name of secret must be a text of letters, digits, "_", "-" and ".", not the text "../../etc/passwd"
     --> master.star:1:33
      |
    1 | worker("mac", password = secret("../../etc/passwd"))
      |                                 ^^^^^^^^^^^^^^^^^^
    "##);
}

#[test]
fn a_step_for_a_text() {
    insta::assert_snapshot!(bad(r##"project(title = steps.test())"##), @r##"
    error: title of project must be a text, not a step
     --> master.star:1:17
      |
    1 | project(title = steps.test())
      |                 ^^^^^^^^^^^^
    "##);
}

#[test]
fn called_twice() {
    insta::assert_snapshot!(bad(r##"project(title = "a")
project(title = "b")"##), @r##"
    error: project is called twice
     --> master.star:2:1
      |
    2 | project(title = "b")
      | ^^^^^^^^^^^^^^^^^^^^
    help: it is called first in master.star:1:1
    "##);
}
