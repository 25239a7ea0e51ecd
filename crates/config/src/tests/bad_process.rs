//! What can be wrong with schedulers, locks, forms, steps and texts, and the exact text that people read.

use super::{bad, bad_pipeline};

/// Each of these after a worker and a builder; what is said of each, one after the other.
fn all(texts: &[&str]) -> String {
    let before = "local_worker(\"here\")\nbuilder(\"linux\", workers = [\"here\"], steps = [steps.test()])\n";
    texts.iter().map(|text| bad(&format!("{before}{text}\n"))).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn chains_of_schedulers() {
    insta::assert_snapshot!(all(&[
        "schedulers.dependent(\"a\", upstream = \"linus\", builders = [\"linux\"])\nschedulers.triggerable(\"linug\", builders = [\"linux\"])",
        "schedulers.dependent(\"a\", upstream = \"a\", builders = [\"linux\"])",
        "schedulers.dependent(\"a\", \"b\", builders = [\"linux\"])\nschedulers.dependent(\"b\", \"c\", builders = [\"linux\"])\nschedulers.dependent(\"c\", \"b\", builders = [\"linux\"])",
        "builder(\"t\", workers = [\"here\"], steps = [steps.trigger([\"nobody\"])])",
        "schedulers.periodic(\"p\", every = \"1h\", builders = [\"linux\"])\nbuilder(\"t\", workers = [\"here\"], steps = [steps.trigger([\"p\"])])",
        "schedulers.triggerable(\"p\", builders = [\"t\"])\nbuilder(\"t\", workers = [\"here\"], steps = [steps.trigger([\"p\"])])",
        "schedulers.triggerable(\"p\", builders = [\"u\"])\nschedulers.dependent(\"d\", \"p\", builders = [\"t\"])\nbuilder(\"u\", workers = [\"here\"], steps = [steps.test()])\nbuilder(\"t\", workers = [\"here\"], steps = [steps.trigger([\"p\"])])",
    ]), @r#"
    error: scheduler "a" depends on "linus", which is not defined
     --> master.star:3:38
      |
    3 | schedulers.dependent("a", upstream = "linus", builders = ["linux"])
      |                                      ^^^^^^^
    help: did you mean "linug"?

    error: schedulers depend on each other in a circle: a → a
     --> master.star:3:38
      |
    3 | schedulers.dependent("a", upstream = "a", builders = ["linux"])
      |                                      ^^^

    error: schedulers depend on each other in a circle: b → c → b
     --> master.star:3:27
      |
    3 | schedulers.dependent("a", "b", builders = ["linux"])
      |                           ^^^

    error: a step triggers scheduler "nobody", which is not defined
     --> master.star:3:43
      |
    3 | builder("t", workers = ["here"], steps = [steps.trigger(["nobody"])])
      |                                           ^^^^^^^^^^^^^^^^^^^^^^^^^
    help: no triggerable scheduler is defined

    error: a step triggers scheduler "p", which is schedulers.periodic
     --> master.star:4:43
      |
    4 | builder("t", workers = ["here"], steps = [steps.trigger(["p"])])
      |                                           ^^^^^^^^^^^^^^^^^^^^
    help: only schedulers.triggerable can be triggered: give it builders and call it in "p"'s place

    error: these start each other without end: builder "t" → scheduler "p" → builder "t"
     --> master.star:4:43
      |
    4 | builder("t", workers = ["here"], steps = [steps.trigger(["p"])])
      |                                           ^^^^^^^^^^^^^^^^^^^^
    help: a build may not ask for builds of its own builder

    error: these start each other without end: builder "t" → scheduler "p" → scheduler "d" → builder "t"
     --> master.star:6:43
      |
    6 | builder("t", workers = ["here"], steps = [steps.trigger(["p"])])
      |                                           ^^^^^^^^^^^^^^^^^^^^
    help: a build may not ask for builds of its own builder
    "#);
}

#[test]
fn times_that_never_come() {
    insta::assert_snapshot!(all(&[
        "schedulers.nightly(\"n\", cron = \"0 3 31 2 *\", builders = [\"linux\"])",
        "schedulers.nightly(\"n\", cron = \"0 33 * * *\", builders = [\"linux\"])",
        "schedulers.nightly(\"n\", cron = \"0 3 * *\", builders = [\"linux\"])",
        "schedulers.nightly(\"n\", cron = \"0 3 * * *\", timezone = \"Europe/Berln\", builders = [\"linux\"])",
        "schedulers.nightly(\"n\", cron = \"0 3 * * *\", files = glob(\"*.c\"), builders = [\"linux\"])",
    ]), @r#"
    error: cron of schedulers.nightly is "0 3 31 2 *", a time that never comes
     --> master.star:3:33
      |
    3 | schedulers.nightly("n", cron = "0 3 31 2 *", builders = ["linux"])
      |                                 ^^^^^^^^^^
    help: the third field is the day of the month, the fourth the month

    error: cron of schedulers.nightly has "33" as hour
     --> master.star:3:35
      |
    3 | schedulers.nightly("n", cron = "0 33 * * *", builders = ["linux"])
      |                                   ^^
    help: the hour is 0 to 23; ranges 1-5, lists 1,15 and steps */10 are made of them

    error: cron of schedulers.nightly has 4 fields
     --> master.star:3:33
      |
    3 | schedulers.nightly("n", cron = "0 3 * *", builders = ["linux"])
      |                                 ^^^^^^^
    help: five fields are wanted: minute hour day month weekday, for example "30 3 * * 1-5"

    error: there is no time zone "Europe/Berln"
     --> master.star:3:56
      |
    3 | … cron = "0 3 * * *", timezone = "Europe/Berln", builders = ["linux"])
      |                                  ^^^^^^^^^^^^^^
    help: did you mean "Europe/Berlin"?

    error: files of schedulers.nightly counts only with only_if_changed = True
     --> master.star:3:45
      |
    3 | …y("n", cron = "0 3 * * *", files = glob("*.c"), builders = ["linux"])
      |                             ^^^^^
    "#);
}

#[test]
fn filters_that_say_nothing() {
    insta::assert_snapshot!(all(&[
        "schedulers.single_branch(\"s\", files = regex(r\"^docs/(.*\\.md$\"), builders = [\"linux\"])",
        "schedulers.single_branch(\"s\", branch = \"feature/*\", builders = [\"linux\"])",
        "schedulers.any_branch(\"s\", branches = [\"main\", regex(\"x\")], builders = [\"linux\"])",
        "schedulers.any_branch(\"s\", branches = [], builders = [\"linux\"])",
        "schedulers.any_branch(\"s\", author = \"a\", not_author = \"b\", builders = [\"linux\"])",
        "schedulers.single_branch(\"s\", only_important = True, builders = [\"linux\"])",
        "schedulers.single_branch(\"s\", change_filter = \"main\", builders = [\"linux\"])",
        "schedulers.single_branch(\"s\", branch = lambda b: True, builders = [\"linux\"])",
        "schedulers.force(\"f\", codebases = {\"lib\": {\"repo\": \"x\"}}, builders = [\"linux\"])",
    ]), @r#"
    error: the regular expression "^docs/(.*\\.md$" is none: unclosed group
     --> master.star:3:53
      |
    3 | …e_branch("s", files = regex(r"^docs/(.*\.md$"), builders = ["linux"])
      |                                      ^

    error: branch of schedulers.single_branch must be the name of a branch, not the text "feature/*"
     --> master.star:3:40
      |
    3 | …dulers.single_branch("s", branch = "feature/*", builders = ["linux"])
      |                                     ^^^^^^^^^^^
    help: write glob("feature/*")

    error: branches of schedulers.any_branch has a pattern beside something that cannot stand beside it
     --> master.star:3:39
      |
    3 | …ny_branch("s", branches = ["main", regex("x")], builders = ["linux"])
      |                            ^^^^^^^^^^^^^^^^^^^^
    help: a list has texts and glob(…) only; regex(…) stands alone

    error: branches of schedulers.any_branch is empty: no change would fit
     --> master.star:3:39
      |
    3 | schedulers.any_branch("s", branches = [], builders = ["linux"])
      |                                       ^^
    help: leave branches out to let everything through

    error: schedulers.any_branch has both author and not_author
     --> master.star:3:42
      |
    3 | …any_branch("s", author = "a", not_author = "b", builders = ["linux"])
      |                                ^^^^^^^^^^
    help: give one of them; change_filter = lambda change: … can say anything of author

    error: only_important of schedulers.single_branch has no function that says what is important
     --> master.star:3:48
      |
    3 | …ulers.single_branch("s", only_important = True, builders = ["linux"])
      |                                            ^^^^
    help: give file_is_important = lambda change: …

    error: change_filter of schedulers.single_branch must be a function, not the text "main"
     --> master.star:3:47
      |
    3 | …lers.single_branch("s", change_filter = "main", builders = ["linux"])
      |                                          ^^^^^^

    error: branch of schedulers.single_branch must be a text, a list of texts, glob(…) or regex(…), not a function
     --> master.star:3:40
      |
    3 | …ers.single_branch("s", branch = lambda b: True, builders = ["linux"])
      |                                  ^^^^^^^^^^^^^^
    help: a function is given as change_filter = lambda change: …

    error: a codebase has no "repo"
     --> master.star:3:35
      |
    3 | ….force("f", codebases = {"lib": {"repo": "x"}}, builders = ["linux"])
      |                          ^^^^^^^^^^^^^^^^^^^^^^
    help: did you mean "repository"?
    "#);
}

#[test]
fn locks_that_cannot_be_had() {
    insta::assert_snapshot!(all(&[
        "builder(\"b\", workers = [\"here\"], locks = [\"db\"], steps = [steps.test()])",
        "db = locks.master(\"db\")\nbuilder(\"b\", workers = [\"here\"], locks = db, steps = [steps.test()])",
        "db = locks.master(\"db\")\nbuilder(\"b\", workers = [\"here\"], locks = [db.exclusive], steps = [steps.test()])",
        "db = locks.master(\"db\")\nbuilder(\"b\", workers = [\"here\"], locks = [db, db.exclusive()], steps = [steps.test()])",
        "db = locks.master(\"db\", max_count = 2)\nsteps.test(locks = [db.counting(3)])",
        "cpu = locks.worker(\"cpu\", max_count_for_worker = {\"her\": 2})",
        "local_worker(\"big\")\ncpu = locks.worker(\"cpu\", max_count_for_worker = {\"big\": 2})\nbuilder(\"b\", workers = [\"here\"], steps = [steps.test(locks = [cpu.counting(2)])])",
        "cpu = locks.worker(\"cpu\")\nsteps.master_shell(\"x\", locks = [cpu])",
        "db = locks.master(\"db\")\nbuilder(\"b\", workers = [\"here\"], locks = [db], steps = [steps.test(locks = [db.exclusive()])])",
        "locks.master(\"db\")\nlocks.worker(\"db\")",
        "db = locks.master(\"db\")\nsteps.test(locks = [db.shared()])",
        "db = locks.master(\"db\")\nsteps.test(locks = [db.counting(0)])",
    ]), @r#"
    error: locks of builder has the text "db" in it; it must be a list of locks
     --> master.star:3:42
      |
    3 | …lder("b", workers = ["here"], locks = ["db"], steps = [steps.test()])
      |                                        ^^^^^^
    help: make one: locks.master("db")

    error: locks of builder must be a list of locks, not a lock
     --> master.star:4:42
      |
    4 | builder("b", workers = ["here"], locks = db, steps = [steps.test()])
      |                                          ^^
    help: write locks = [ … ]

    error: locks of builder has a function in it; it must be a list of locks
     --> master.star:4:42
      |
    4 | …, workers = ["here"], locks = [db.exclusive], steps = [steps.test()])
      |                                ^^^^^^^^^^^^^^
    help: is a call meant? write its parentheses

    error: locks of builder has the lock "db" twice
     --> master.star:4:42
      |
    4 | …ers = ["here"], locks = [db, db.exclusive()], steps = [steps.test()])
      |                          ^^^^^^^^^^^^^^^^^^^^
    help: take several places of it with counting(…)

    error: 3 places of the lock "db" are never free: it has 2
     --> master.star:4:20
      |
    4 | steps.test(locks = [db.counting(3)])
      |                    ^^^^^^^^^^^^^^^^
    help: take fewer, or make the lock larger with max_count

    error: lock "cpu" names worker "her", which is not defined
     --> master.star:3:50
      |
    3 | cpu = locks.worker("cpu", max_count_for_worker = {"her": 2})
      |                                                  ^^^^^^^^^^
    help: did you mean "here"?

    error: 2 places of the lock "cpu" are never free on the workers of builder "b": they have 1
     --> master.star:5:43
      |
    5 | … workers = ["here"], steps = [steps.test(locks = [cpu.counting(2)])])
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: take fewer places, or make the lock larger

    error: steps.master_shell runs on the master, and the lock "cpu" counts on workers
     --> master.star:4:33
      |
    4 | steps.master_shell("x", locks = [cpu])
      |                                 ^^^^^
    help: make it locks.master("cpu")

    error: builder "b" holds the lock "db", and its step "test" waits for it
     --> master.star:4:42
      |
    4 | … ["here"], locks = [db], steps = [steps.test(locks = [db.exclusive()…
      |                     ^^^^
    help: give it to the builder or to the step
    note: the step is in master.star:4:57

    error: there are two locks named "db"
     --> master.star:4:14
      |
    4 | locks.worker("db")
      |              ^^^^
    note: the other one is in master.star:3:1

    error: a lock has no shared
     --> master.star:4:21
      |
    4 | steps.test(locks = [db.shared()])
      |                     ^^^^^^^^^^^
    help: a lock has counting(…) and exclusive()

    error: counting(…) of a lock takes a number of places from 1
     --> master.star:4:21
      |
    4 | steps.test(locks = [db.counting(0)])
      |                     ^^^^^^^^^^^^^^
    "#);
}

#[test]
fn forms_whose_defaults_do_not_fit() {
    insta::assert_snapshot!(all(&[
        "params.string(\"v\", default = \"x\", regex = \"[0-9]+\")",
        "params.string(\"v\", regex = \"[0-9+\")",
        "params.string(\"v\", default = \"long\", max_length = 2)",
        "params.int(\"n\", default = \"2\")",
        "params.int(\"n\", default = 9, max = 8)",
        "params.int(\"n\", min = 9, max = 8)",
        "params.boolean(\"b\", default = \"yes\")",
        "params.choice(\"c\", [\"quick\", \"full\"], default = \"quik\")",
        "params.choices(\"c\", [\"quick\", \"full\"], default = [\"other\"])",
        "schedulers.force(\"f\", parameters = [params.worker(\"w\", default = \"her\")], builders = [\"linux\"])",
        "schedulers.force(\"f\", parameters = [params.text(\"a\"), params.int(\"a\")], builders = [\"linux\"])",
        "schedulers.force(\"f\", parameters = [\"a\"], builders = [\"linux\"])",
    ]), @r#"
    error: default of params.string is "x", which is not like "[0-9]+"
     --> master.star:3:30
      |
    3 | params.string("v", default = "x", regex = "[0-9]+")
      |                              ^^^

    error: the regular expression "[0-9+" is none: unclosed character class
     --> master.star:3:29
      |
    3 | params.string("v", regex = "[0-9+")
      |                             ^

    error: default of params.string has 4 characters, and max_length is 2
     --> master.star:3:30
      |
    3 | params.string("v", default = "long", max_length = 2)
      |                              ^^^^^^

    error: default of params.int must be a whole number, not the text "2"
     --> master.star:3:27
      |
    3 | params.int("n", default = "2")
      |                           ^^^

    error: default of params.int must be a whole number up to 8, not the number 9
     --> master.star:3:27
      |
    3 | params.int("n", default = 9, max = 8)
      |                           ^

    error: min of params.int is 9, above max 8
     --> master.star:3:23
      |
    3 | params.int("n", min = 9, max = 8)
      |                       ^

    error: default of params.boolean must be True or False, not the text "yes"
     --> master.star:3:31
      |
    3 | params.boolean("b", default = "yes")
      |                               ^^^^^

    error: default of params.choice is "quik", which is none of its choices
     --> master.star:3:49
      |
    3 | params.choice("c", ["quick", "full"], default = "quik")
      |                                                 ^^^^^^
    help: did you mean "quick"?

    error: default of params.choices is "other", which is none of its choices
     --> master.star:3:50
      |
    3 | params.choices("c", ["quick", "full"], default = ["other"])
      |                                                  ^^^^^^^^^
    help: they are "quick", "full"

    error: the parameter "w" has worker "her" as default, which is not defined
     --> master.star:3:36
      |
    3 | …("f", parameters = [params.worker("w", default = "her")], builders =…
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: did you mean "here"?

    error: parameters of schedulers.force has "a" twice
     --> master.star:3:36
      |
    3 | …("f", parameters = [params.text("a"), params.int("a")], builders = […
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: parameters of schedulers.force has the text "a" in it
     --> master.star:3:36
      |
    3 | schedulers.force("f", parameters = ["a"], builders = ["linux"])
      |                                    ^^^^^
    help: it must be a list of parameters, such as params.string("version")
    "#);
}

#[test]
fn texts_that_cannot_be_finished() {
    insta::assert_snapshot!(all(&[
        "steps.shell([\"echo\", interpolate(\"rev {src::revison} of {worker:name}\")])",
        "steps.shell([\"echo\", interpolate(\"{revision\")])",
        "steps.shell(interpolate(\"awk '{ print $1 }'\"))",
        "steps.shell([\"echo\", interpolate(\"{prop:revision}\")])",
        "steps.shell([\"echo\", interpolate(\"{secret:token}\")])",
        "steps.shell([\"echo\", prop(\"a\", default = [])])",
        "steps.shell([\"echo\", \"rev \" + interpolate(\"{revision}\")])",
        "steps.test(do_step_if = \"yes\")",
        "steps.test(env = {\"N\": 1})",
    ]), @r#"
    error: src has no field "revison"
     --> master.star:3:45
      |
    3 | …s.shell(["echo", interpolate("rev {src::revison} of {worker:name}")])
      |                                          ^^^^^^^
    help: did you mean revision?

    error: "{" is never closed
     --> master.star:3:35
      |
    3 | steps.shell(["echo", interpolate("{revision")])
      |                                   ^
    help: a brace is written {{

    error: a name comes after "{"
     --> master.star:3:31
      |
    3 | steps.shell(interpolate("awk '{ print $1 }'"))
      |                               ^
    help: a brace is written {{

    error: after the name comes }, :-, :~, :+ or :?
     --> master.star:3:40
      |
    3 | steps.shell(["echo", interpolate("{prop:revision}")])
      |                                        ^
    help: a property needs no more than its name: {revision}

    error: secret "token" is not found
     --> master.star:3:43
      |
    3 | steps.shell(["echo", interpolate("{secret:token}")])
      |                                           ^^^^^
    help: put it into the file secrets/token or into the environment as SLUICE_SECRET_TOKEN

    error: default of prop must be a text, not an empty list
     --> master.star:3:42
      |
    3 | steps.shell(["echo", prop("a", default = [])])
      |                                          ^^

    error: + does not work with a text and an interpolation
     --> master.star:3:22
      |
    3 | steps.shell(["echo", "rev " + interpolate("{revision}")])
      |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: do_step_if of steps.test must be True, False, interpolate(…), prop(…) or a function, not the text "yes"
     --> master.star:3:25
      |
    3 | steps.test(do_step_if = "yes")
      |                         ^^^^^
    help: write interpolate("yes")

    error: N in env of steps.test must be a text, not the number 1
     --> master.star:3:18
      |
    3 | steps.test(env = {"N": 1})
      |                  ^^^^^^^^
    help: write "1"
    "#);
}

#[test]
fn steps_that_cannot_be() {
    insta::assert_snapshot!(all(&[
        "steps.upload(\"../../etc/passwd\", \"x\")",
        "steps.upload(\"/etc/passwd\", \"x\")",
        "steps.upload(\"x\", \"../x\")",
        "steps.download(\"/srv/x\", \"/etc/x\")",
        "steps.test(report = \"junt\")",
        "steps.shell(\"x\", report_file = \"r.xml\")",
        "steps.compile(warning_pattern = \"(a\")",
        "steps.compile(warning_pattern = \".*warning.*\", warning_extract = True)",
        "steps.shell(\"x\", max_warn_count = 3)",
        "steps.shell(\"x\", decode_rc = {1: \"WARNINGS\"})",
        "steps.shell(\"x\", log_files = {\"stdio\": \"x.log\"})",
        "steps.sequence([\"make\", \"all\"])",
        "steps.sequence([steps.remove(\"x\")])",
        "steps.set_property_from_command(\"x\")",
        "steps.http(\"https://example.org\", body = \"x\")",
        "steps.http(\"https://example.org\", method = \"POTS\")",
        "steps.trigger([\"a\"], unimportant = [\"b\"], wait_for_finish = True)",
        "steps.make_directory(\"..\")",
        "steps.test(mode = 3)",
    ]), @r#"
    error: worker_src of steps.upload must stay below the work directory, not "../../etc/passwd"
     --> master.star:3:14
      |
    3 | steps.upload("../../etc/passwd", "x")
      |              ^^^^^^^^^^^^^^^^^^
    help: it is a relative path without ".."; workdir says where it begins

    error: worker_src of steps.upload must stay below the work directory, not "/etc/passwd"
     --> master.star:3:14
      |
    3 | steps.upload("/etc/passwd", "x")
      |              ^^^^^^^^^^^^^
    help: it is a relative path without ".."; workdir says where it begins

    error: master_dest of steps.upload must be a path without "..", not "../x"
     --> master.star:3:19
      |
    3 | steps.upload("x", "../x")
      |                   ^^^^^^

    error: worker_dest of steps.download must stay below the work directory, not "/etc/x"
     --> master.star:3:26
      |
    3 | steps.download("/srv/x", "/etc/x")
      |                          ^^^^^^^^
    help: it is a relative path without ".."; workdir says where it begins

    error: report of steps.test cannot be "junt"
     --> master.star:3:21
      |
    3 | steps.test(report = "junt")
      |                     ^^^^^^
    help: did you mean "junit"?

    error: report_file of steps.shell counts only with report
     --> master.star:3:18
      |
    3 | steps.shell("x", report_file = "r.xml")
      |                  ^^^^^^^^^^^
    help: write report = "auto"

    error: the regular expression "(a" is none: unclosed group
     --> master.star:3:34
      |
    3 | steps.compile(warning_pattern = "(a")
      |                                  ^

    error: warning_pattern of steps.compile has 0 of the three groups file, line and words
     --> master.star:3:33
      |
    3 | steps.compile(warning_pattern = ".*warning.*", warning_extract = True)
      |                                 ^^^^^^^^^^^^^
    help: for example r"^(.*?):(\d+):.*warning: (.*)$"

    error: max_warn_count of steps.shell counts only with warning_pattern
     --> master.star:3:18
      |
    3 | steps.shell("x", max_warn_count = 3)
      |                  ^^^^^^^^^^^^^^
    help: write warning_pattern = ".*warning[: ].*"

    error: decode_rc of steps.shell has the text "WARNINGS" for the number 1; it must be a dict of results by exit code, such as {2: WARNINGS}
     --> master.star:3:30
      |
    3 | steps.shell("x", decode_rc = {1: "WARNINGS"})
      |                              ^^^^^^^^^^^^^^^
    help: results are SUCCESS, WARNINGS, FAILURE, SKIPPED, EXCEPTION, RETRY, CANCELLED

    error: log_files of steps.shell has a log named "stdio"
     --> master.star:3:30
      |
    3 | steps.shell("x", log_files = {"stdio": "x.log"})
      |                              ^^^^^^^^^^^^^^^^^^
    help: it is a name of 1 to 100 characters, without slashes, and not stdio

    error: commands of steps.sequence is one command, not a list of them
     --> master.star:3:16
      |
    3 | steps.sequence(["make", "all"])
      |                ^^^^^^^^^^^^^^^
    help: write [["make", "all"]]

    error: commands of steps.sequence has a step in it that runs no command on the worker
     --> master.star:3:16
      |
    3 | steps.sequence([steps.remove("x")])
      |                ^^^^^^^^^^^^^^^^^^^
    help: it takes lists, texts and steps.shell(…)

    error: steps.set_property_from_command needs property or extract
     --> master.star:3:1
      |
    3 | steps.set_property_from_command("x")
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: write property = "…"

    error: body of steps.http goes with no GET
     --> master.star:3:42
      |
    3 | steps.http("https://example.org", body = "x")
      |                                          ^^^
    help: write method = "POST"

    error: method of steps.http cannot be "POTS"
     --> master.star:3:44
      |
    3 | steps.http("https://example.org", method = "POTS")
      |                                            ^^^^^^
    help: did you mean "POST"?

    error: unimportant of steps.trigger has "b", which is none of its schedulers
     --> master.star:3:36
      |
    3 | steps.trigger(["a"], unimportant = ["b"], wait_for_finish = True)
      |                                    ^^^^^
    help: did you mean "a"?

    error: path of steps.make_directory must be a relative directory without "..", not the text ".."
     --> master.star:3:22
      |
    3 | steps.make_directory("..")
      |                      ^^^^

    error: steps.test has no argument mode
     --> master.star:3:12
      |
    3 | steps.test(mode = 3)
      |            ^^^^
    help: it has command, workdir, env, timeout, max_time, sigterm_time, usepty, log_environ, want_stdout, want_stderr, initial_stdin, log_files and 23 more
    "#);
}

#[test]
fn what_is_the_masters_does_not_belong_into_a_pipeline() {
    let texts = [
        "builder(\"b\", steps = [steps.shell(\"x\", reader = lambda code, output: None)])",
        "builder(\"b\", steps = [steps.master_shell(\"x\")])",
        "builder(\"b\", steps = [steps.trigger([\"x\"])])",
        "builder(\"b\", steps = [steps.download(\"/etc/passwd\", \"x\")])",
        "builder(\"b\", steps = [steps.upload(\"x\", \"/etc/cron.d/x\")])",
        "builder(\"b\", steps = [steps.test()], locks = [])",
        "builder(\"b\", steps = [steps.test()], next_worker = None, pipeline = \"x\")",
        "locks.master(\"x\")",
    ];
    let said: Vec<_> = texts.iter().map(|text| bad_pipeline(text)).collect();
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    error: reader of steps.shell is a function, which no pipeline can give
     --> sluice.star:1:49
      |
    1 | …("b", steps = [steps.shell("x", reader = lambda code, output: None)])
      |                                           ^^^^^^^^^^^^^^^^^^^^^^^^^
    help: a text is looked at: interpolate("{branch:~}")

    error: steps.master_shell does not belong into a pipeline
     --> sluice.star:1:23
      |
    1 | builder("b", steps = [steps.master_shell("x")])
      |                       ^^^^^^^^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's

    error: steps.trigger does not belong into a pipeline
     --> sluice.star:1:23
      |
    1 | builder("b", steps = [steps.trigger(["x"])])
      |                       ^^^^^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's

    error: steps.download does not belong into a pipeline
     --> sluice.star:1:23
      |
    1 | builder("b", steps = [steps.download("/etc/passwd", "x")])
      |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's

    error: master_dest of steps.upload must be a plain relative path in a pipeline
     --> sluice.star:1:41
      |
    1 | builder("b", steps = [steps.upload("x", "/etc/cron.d/x")])
      |                                         ^^^^^^^^^^^^^^^
    help: it is below the master's public directory

    error: locks of a builder does not belong into a pipeline
     --> sluice.star:1:38
      |
    1 | builder("b", steps = [steps.test()], locks = [])
      |                                      ^^^^^
    help: it has name, steps, description, tags, category, env

    error: next_worker of a builder does not belong into a pipeline
     --> sluice.star:1:38
      |
    1 | …lder("b", steps = [steps.test()], next_worker = None, pipeline = "x")
      |                                    ^^^^^^^^^^^
    help: it has name, steps, description, tags, category, env

    error: locks.master does not belong into a pipeline
     --> sluice.star:1:1
      |
    1 | locks.master("x")
      | ^^^^^^^^^^^^^^^^^
    help: a pipeline has builder(…) and steps; the rest is the master's
    "#);
}
