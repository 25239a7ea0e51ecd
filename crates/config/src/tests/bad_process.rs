//! What can be wrong with schedulers, locks, forms, steps and texts, and the exact text that people read.

use super::{Memory, bad_pipeline};

/// Each of these after a worker and a builder: where it goes wrong, what is pointed at, and what is said.
fn all(texts: &[&str]) -> String {
    let before = "local_worker(\"here\")\nbuilder(\"linux\", workers = [\"here\"], steps = [steps.test()])\n";
    texts.iter().map(|text| brief(&Memory::master(&format!("{before}{text}\n")))).collect()
}

fn brief(memory: &Memory) -> String {
    let Err(error) = memory.load() else { return "nothing is wrong\n".to_owned() };
    let (line, column) = error.place.as_ref().map_or((0, 0), |place| (place.line, place.column));
    let pointed: String =
        error.source_line.chars().skip(column.max(1) as usize - 1).take(error.length as usize).collect();
    let rest = error.help.iter().map(|help| format!("    help: {help}\n"));
    let rest = rest.chain(error.notes.iter().map(|note| format!("    note: {note}\n")));
    format!("{line}:{column} {pointed}\n    {}\n{}", error.message, rest.collect::<String>())
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
    3:38 "linus"
        scheduler "a" depends on "linus", which is not defined
        help: did you mean "linug"?
    3:38 "a"
        schedulers depend on each other in a circle: a → a
    3:27 "b"
        schedulers depend on each other in a circle: b → c → b
    3:43 steps.trigger(["nobody"])
        a step triggers scheduler "nobody", which is not defined
        help: no triggerable scheduler is defined
    4:43 steps.trigger(["p"])
        a step triggers scheduler "p", which is schedulers.periodic
        help: only schedulers.triggerable can be triggered: give it builders and call it in "p"'s place
    4:43 steps.trigger(["p"])
        these start each other without end: builder "t" → scheduler "p" → builder "t"
        help: a build may not ask for builds of its own builder
    6:43 steps.trigger(["p"])
        these start each other without end: builder "t" → scheduler "p" → scheduler "d" → builder "t"
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
    3:33 0 3 31 2 *
        cron of schedulers.nightly is "0 3 31 2 *", a time that never comes
        help: the third field is the day of the month, the fourth the month
    3:35 33
        cron of schedulers.nightly has "33" as hour
        help: the hour is 0 to 23; ranges 1-5, lists 1,15 and steps */10 are made of them
    3:33 0 3 * *
        cron of schedulers.nightly has 4 fields
        help: five fields are wanted: minute hour day month weekday, for example "30 3 * * 1-5"
    3:56 "Europe/Berln"
        there is no time zone "Europe/Berln"
        help: did you mean "Europe/Berlin"?
    3:45 files
        files of schedulers.nightly counts only with only_if_changed = True
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
    3:53 (
        the regular expression "^docs/(.*\\.md$" is none: unclosed group
    3:40 "feature/*"
        branch of schedulers.single_branch must be the name of a branch, not the text "feature/*"
        help: write glob("feature/*")
    3:39 ["main", regex("x")]
        branches of schedulers.any_branch has a pattern beside something that cannot stand beside it
        help: a list has texts and glob(…) only; regex(…) stands alone
    3:39 []
        branches of schedulers.any_branch is empty: no change would fit
        help: leave branches out to let everything through
    3:42 not_author
        schedulers.any_branch has both author and not_author
        help: give one of them; change_filter = lambda change: … can say anything of author
    3:48 True
        only_important of schedulers.single_branch has no function that says what is important
        help: give file_is_important = lambda change: …
    3:47 "main"
        change_filter of schedulers.single_branch must be a function, not the text "main"
    3:40 lambda b: True
        branch of schedulers.single_branch must be a text, a list of texts, glob(…) or regex(…), not a function
        help: a function is given as change_filter = lambda change: …
    3:35 {"lib": {"repo": "x"}}
        a codebase has no "repo"
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
    3:42 ["db"]
        locks of builder has the text "db" in it; it must be a list of locks
        help: make one: locks.master("db")
    4:42 db
        locks of builder must be a list of locks, not a lock
        help: write locks = [ … ]
    4:42 [db.exclusive]
        locks of builder has a function in it; it must be a list of locks
        help: is a call meant? write its parentheses
    4:42 [db, db.exclusive()]
        locks of builder has the lock "db" twice
        help: take several places of it with counting(…)
    4:20 [db.counting(3)]
        3 places of the lock "db" are never free: it has 2
        help: take fewer, or make the lock larger with max_count
    3:50 {"her": 2}
        lock "cpu" names worker "her", which is not defined
        help: did you mean "here"?
    5:43 steps.test(locks = [cpu.counting(2)])
        2 places of the lock "cpu" are never free on the workers of builder "b": they have 1
        help: take fewer places, or make the lock larger
    4:33 [cpu]
        steps.master_shell runs on the master, and the lock "cpu" counts on workers
        help: make it locks.master("cpu")
    4:42 [db]
        builder "b" holds the lock "db", and its step "test" waits for it
        help: give it to the builder or to the step
        note: the step is in master.star:4:57
    4:14 "db"
        there are two locks named "db"
        note: the other one is in master.star:3:1
    4:21 db.shared()
        a lock has no shared
        help: a lock has counting(…) and exclusive()
    4:21 db.counting(0)
        counting(…) of a lock takes a number of places from 1
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
    3:30 "x"
        default of params.string is "x", which is not like "[0-9]+"
    3:29 [
        the regular expression "[0-9+" is none: unclosed character class
    3:30 "long"
        default of params.string has 4 characters, and max_length is 2
    3:27 "2"
        default of params.int must be a whole number, not the text "2"
    3:27 9
        default of params.int must be a whole number up to 8, not the number 9
    3:23 9
        min of params.int is 9, above max 8
    3:31 "yes"
        default of params.boolean must be True or False, not the text "yes"
    3:49 "quik"
        default of params.choice is "quik", which is none of its choices
        help: did you mean "quick"?
    3:50 ["other"]
        default of params.choices is "other", which is none of its choices
        help: they are "quick", "full"
    3:36 [params.worker("w", default = "her")]
        the parameter "w" has worker "her" as default, which is not defined
        help: did you mean "here"?
    3:36 [params.text("a"), params.int("a")]
        parameters of schedulers.force has "a" twice
    3:36 ["a"]
        parameters of schedulers.force has the text "a" in it
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
    3:45 revison
        src has no field "revison"
        help: did you mean revision?
    3:35 {
        "{" is never closed
        help: a brace is written {{
    3:31 {
        a name comes after "{"
        help: a brace is written {{
    3:40 :
        after the name comes }, :-, :~, :+ or :?
        help: a property needs no more than its name: {revision}
    3:43 token
        secret "token" is not found
        help: put it into the file secrets/token or into the environment as SLUICE_SECRET_TOKEN
    3:42 []
        default of prop must be a text, not an empty list
    3:22 "rev " + interpolate("{revision}")
        + does not work with a text and an interpolation
    3:25 "yes"
        do_step_if of steps.test must be True, False, interpolate(…), prop(…) or a function, not the text "yes"
        help: write interpolate("yes")
    3:18 {"N": 1}
        N in env of steps.test must be a text, not the number 1
        help: write "1"
    "#);
}

#[test]
fn transfers_and_readings_that_cannot_be() {
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
    ]), @r#"
    3:14 "../../etc/passwd"
        worker_src of steps.upload must stay below the work directory, not "../../etc/passwd"
        help: it is a relative path without ".."; workdir says where it begins
    3:14 "/etc/passwd"
        worker_src of steps.upload must stay below the work directory, not "/etc/passwd"
        help: it is a relative path without ".."; workdir says where it begins
    3:19 "../x"
        master_dest of steps.upload must be a path without "..", not "../x"
    3:26 "/etc/x"
        worker_dest of steps.download must stay below the work directory, not "/etc/x"
        help: it is a relative path without ".."; workdir says where it begins
    3:21 "junt"
        report of steps.test cannot be "junt"
        help: did you mean "junit"?
    3:18 report_file
        report_file of steps.shell counts only with report
        help: write report = "auto"
    3:34 (
        the regular expression "(a" is none: unclosed group
    3:33 ".*warning.*"
        warning_pattern of steps.compile has 0 of the three groups file, line and words
        help: for example r"^(.*?):(\d+):.*warning: (.*)$"
    3:18 max_warn_count
        max_warn_count of steps.shell counts only with warning_pattern
        help: write warning_pattern = ".*warning[: ].*"
    "#);
}

#[test]
fn steps_that_cannot_be() {
    insta::assert_snapshot!(all(&[
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
    3:30 {1: "WARNINGS"}
        decode_rc of steps.shell has the text "WARNINGS" for the number 1; it must be a dict of results by exit code, such as {2: WARNINGS}
        help: results are SUCCESS, WARNINGS, FAILURE, SKIPPED, EXCEPTION, RETRY, CANCELLED
    3:30 {"stdio": "x.log"}
        log_files of steps.shell has a log named "stdio"
        help: it is a name of 1 to 100 characters, without slashes, and not stdio
    3:16 ["make", "all"]
        commands of steps.sequence is one command, not a list of them
        help: write [["make", "all"]]
    3:16 [steps.remove("x")]
        commands of steps.sequence has a step in it that runs no command on the worker
        help: it takes lists, texts and steps.shell(…)
    3:1 steps.set_property_from_command("x")
        steps.set_property_from_command needs property or extract
        help: write property = "…"
    3:42 "x"
        body of steps.http goes with no GET
        help: write method = "POST"
    3:44 "POTS"
        method of steps.http cannot be "POTS"
        help: did you mean "POST"?
    3:36 ["b"]
        unimportant of steps.trigger has "b", which is none of its schedulers
        help: did you mean "a"?
    3:22 ".."
        path of steps.make_directory must be a relative directory without "..", not the text ".."
    3:12 mode
        steps.test has no argument mode
        help: it has command, workdir, env, timeout, max_time, sigterm_time, usepty, log_environ, want_stdout, want_stderr, initial_stdin, log_files and 25 more
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
