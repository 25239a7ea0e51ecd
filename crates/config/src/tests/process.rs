//! Schedulers, locks, forms, steps and texts as they come out.

use super::{Memory, config};
use crate::{Limits, load_pipeline};
use model::{
    ChangeFilter, CommandLine, Condition, Form, GitMode, LockAccess, Lookup, Match, ParameterKind, Piece,
    PropertyReading, Results, SchedulerKind, Span, StepAction, StepFlags, StepSpec, Text, TransferSpec, Value,
};

/// Some steps of one builder.
fn steps(text: &str) -> Vec<StepSpec> {
    let before = "local_worker(\"here\")\nschedulers.triggerable(\"other\", builders = [\"o\"])\n\
                  builder(\"o\", workers = [\"here\"], steps = [steps.test()])\n";
    let text = format!("{before}builder(\"b\", workers = [\"here\"], steps = [\n{text}\n])\n");
    let memory = Memory::master(&text).secret("token", "t0p");
    let config = memory.load().map_err(|e| e.to_string()).unwrap();
    config.builders.into_iter().find(|b| b.name == "b").map(|b| b.steps).unwrap_or_default()
}

fn shell(text: &str) -> model::ShellSpec {
    match steps(text).remove(0).action {
        StepAction::Shell(shell) => shell,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_filter_is_kept() {
    let of = |arguments: &str| -> ChangeFilter {
        let text = format!(
            "local_worker(\"here\")\nbuilder(\"b\", workers = [\"here\"], steps = [steps.test()])\n\
             schedulers.any_branch(\"s\", {arguments}, builders = [\"b\"])\n"
        );
        config(&text).schedulers[0].kind.follows().map(|f| f.filter.clone()).unwrap_or_default()
    };
    let one = |text: &str| Some(text.to_owned());
    let cases = [
        ("branches = None", ChangeFilter::default()),
        ("branches = [\"a\", None]", ChangeFilter { branch: Match::OneOf(vec![one("a"), None]), ..Default::default() }),
        ("branch = None", ChangeFilter { branch: Match::OneOf(vec![None]), ..Default::default() }),
        (
            "branches = [\"main\", glob(\"f/*\", \"x?\")]",
            ChangeFilter { branch: Match::Glob(vec!["f/*".into(), "x?".into(), "main".into()]), ..Default::default() },
        ),
        ("not_branch = [\"a\"]", ChangeFilter { branch: Match::NoneOf(vec![one("a")]), ..Default::default() }),
        ("files = regex(\"c$\")", ChangeFilter { files: Match::Regex("c$".into()), ..Default::default() }),
        ("not_files = regex(\"c$\")", ChangeFilter { files: Match::NotRegex("c$".into()), ..Default::default() }),
        (
            "not_author = glob(\"bot*\")",
            ChangeFilter { author: Match::NotRegex("^(?s:bot.*)$".into()), ..Default::default() },
        ),
        (
            "repository = \"r\", project = \"p\", category = None, codebase = \"\"",
            ChangeFilter {
                repository: Match::is("r"),
                project: Match::is("p"),
                category: Match::OneOf(vec![None]),
                codebase: Match::is(""),
                ..Default::default()
            },
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(of(arguments), expected, "{arguments}");
    }
    assert!(of("change_filter = lambda change: True").function.is_some());
}

#[test]
fn every_scheduler_is_kept() {
    let config = config(
        r#"
local_worker("here")
builder("b", workers = ["here"], steps = [steps.test()])
schedulers.single_branch("quick", branch = "main", tree_stable_timer = "1m", priority = 5, builders = ["b"],
    is_important = lambda change: True, only_important = True, reason = "because", properties = {"a": 1},
    codebases = {"": {}, "lib": {"repository": "/lib", "branch": "x", "revision": None, "project": "p"}})
schedulers.dependent("after", upstream = "quick", builders = ["b"])
schedulers.periodic("hourly", every = "1h", branch = "main", only_if_changed = True, files = glob("*.c"), builders = ["b"])
schedulers.nightly("nightly", "0 3 * * 1-5", timezone = "Europe/Berlin", builders = ["b"])
schedulers.triggerable("triggered", builders = ["b"])
"#,
    );
    let [quick, after, hourly, nightly, triggered] = config.schedulers.as_slice() else { panic!("not five") };
    assert_eq!((quick.priority, quick.reason.as_deref()), (5, Some("because")));
    assert_eq!(quick.codebases["lib"].branch.as_deref(), Some("x"));
    let Some(follow) = quick.kind.follows() else { panic!("it follows nothing") };
    assert!(follow.only_important && follow.is_important.is_some());
    assert_eq!(follow.tree_stable_timer, Some(Span::seconds(60)));
    assert_eq!(after.kind, SchedulerKind::Dependent { upstream: "quick".into() });
    let SchedulerKind::Periodic { if_changed: Some(follow), .. } = &hourly.kind else { panic!("{:?}", hourly.kind) };
    assert_eq!(follow.filter.branch, Match::is("main"), "what is built is what is looked at");
    assert_eq!(follow.filter.files, Match::Glob(vec!["*.c".into()]));
    let SchedulerKind::Nightly { cron, timezone, if_changed: None, .. } = &nightly.kind else {
        panic!("{:?}", nightly.kind)
    };
    assert_eq!((cron.as_str(), timezone.as_deref()), ("0 3 * * 1-5", Some("Europe/Berlin")));
    assert_eq!(triggered.kind, SchedulerKind::Triggerable);
}

#[test]
fn every_parameter_of_a_form_is_kept() {
    let config = config(
        r#"
local_worker("here")
builder("b", workers = ["here"], steps = [steps.test()])
schedulers.force("f", button = "Go", label = "Release", builders = ["b"], parameters = [
    params.string("version", default = "1.0", regex = "[0-9.]+", max_length = 9, required = True, label = "Which"),
    params.text("notes", tooltip = "for people"),
    [params.int("jobs", min = 2, max = 64), params.boolean("clean", True)] if False else [],
    params.int("jobs", min = 2),
    params.boolean("clean", default = True),
    params.choice("mode", ["quick", "full"]),
    params.choice("other", ["a"], default = "b", open = True),
    params.choices("suites", ["unit", "db"], default = ["db"]),
    params.fixed("release", {"is": True}),
    params.worker("on", default = "here"),
])
"#,
    );
    let SchedulerKind::Force(form) = &config.schedulers[0].kind else { panic!("no form") };
    assert_eq!((form.button.as_str(), form.label.as_str(), form.parameters.len()), ("Go", "Release", 9));
    assert!(form.parameters[0].required && form.parameters[0].label == "Which");
    assert_eq!(form.parameters[1].label, "notes", "the name is said where nothing else is");
    assert_eq!(form.parameters[2].kind, ParameterKind::Int { default: 2, min: Some(2), max: None });
    assert_eq!(
        form.parameters[4].kind,
        ParameterKind::Choice { choices: vec!["quick".into(), "full".into()], default: "quick".into(), open: false }
    );
}

#[test]
fn lists_of_steps_within_lists_stand_in_their_place() {
    let names: Vec<_> = steps("steps.test(), [steps.shell(\"a\"), [steps.shell(\"b\")], []], factories.cpan()")
        .into_iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(names, ["test", "a", "b", "configure", "compile", "test_1"]);
}

#[test]
fn every_argument_of_a_step_is_kept() {
    let all = shell(
        r#"steps.shell(["x", interpolate("{a:-b}")], want_stdout = False, want_stderr = False, initial_stdin = prop("in"),
            log_files = {"test.log": "out/test.log", "new": {"path": interpolate("{x}.log"), "follow": True}},
            decode_rc = {0: SUCCESS, 2: WARNINGS}, max_time = "1h", sigterm_time = 3, usepty = True, env = {"A": prop("a")})"#,
    );
    assert!(!all.want_stdout && !all.want_stderr && all.pty);
    assert_eq!(all.initial_stdin.map(|t| t.written()).as_deref(), Some("{in}"));
    assert_eq!(
        all.log_files.iter().map(|l| (l.name.as_str(), l.path.written(), l.follow)).collect::<Vec<_>>(),
        [("test.log", "out/test.log".to_owned(), false), ("new", "{x}.log".to_owned(), true),]
    );
    assert_eq!(all.decode_rc.get(&2), Some(&Results::Warnings));
    assert_eq!(all.env["A"].written(), "{a}");
    let step = steps(
        "steps.test(do_step_if = prop(\"go\"), hide_step_if = lambda build, result: True, description = [\"being\", \"tested\"], \
         description_done = interpolate(\"tested {x}\"), always_run = True)",
    );
    assert!(
        matches!(step[0].do_if, Some(Condition::Text(_))) && matches!(step[0].hide_if, Some(Condition::Function(_)))
    );
    assert_eq!(step[0].description.as_ref().map(Text::written).as_deref(), Some("being tested"));
    assert!(step[0].flags.always_run);
}

#[test]
fn compilers_and_tests_are_read() {
    let compile = shell("steps.compile()").reading.warnings.unwrap();
    assert_eq!(compile.pattern, ".*warning[: ].*");
    assert_eq!(shell("steps.compile(warning_pattern = None)").reading.warnings, None);
    let own = shell(
        r#"steps.compile(warning_pattern = r"^(.*?):(\d+): (.*)$", warning_extract = True, max_warn_count = 3,
            suppress = [("^third/", None, None, None), (None, "unused", 3, 9)], suppression_file = "a/b",
            directory_enter_pattern = "(x)", directory_leave_pattern = "y")"#,
    );
    let own = own.reading.warnings.unwrap();
    assert_eq!((own.extract, own.max, own.suppress.len()), (true, Some(3), 2));
    assert_eq!(own.suppress[1].lines, Some((3, 9)));
    let reading = |text: &str| shell(text).reading.tests.map(|t| (t.format, t.log));
    assert_eq!(reading("steps.test()"), Some(("auto".into(), "stdio".into())));
    assert_eq!(reading("steps.test(report = None)"), None);
    assert_eq!(reading("steps.shell(\"x\")"), None);
    assert_eq!(reading("steps.perl_module_test()"), Some(("prove".into(), "stdio".into())));
    let in_file = shell("steps.test(report = \"junit\", report_file = \"r.xml\")");
    assert_eq!(in_file.reading.tests.map(|t| t.log), Some("report".to_owned()));
    assert_eq!(in_file.log_files[0].path, "r.xml".into());
}

#[test]
fn every_kind_of_step_is_made() {
    let all = steps(
        r#"
steps.git("/srv/x", branch = prop("b", default = "main"), mode = "clobber"),
steps.sequence(["make", ["make", "check"], steps.shell(["lint", "-a"], flunk_on_failure = False)], timeout = None),
steps.set_property("a", interpolate("{b}")),
steps.set_properties({"n": 3, "list": [1, "x"], "t": prop("x")}),
steps.set_property_from_command("date", property = "when", strip = False),
steps.set_property_from_command("date", extract = lambda code, out, err: {"a": out}),
steps.assert_that(interpolate("{a:~}")),
steps.trigger(["other"], wait_for_finish = True, unimportant = ["other"], properties = {"x": 1}, copy_properties = ["a"]),
steps.make_directory("build/out"), steps.copy_directory("build", "kept"), steps.remove("kept"), steps.file_exists("build/x"),
steps.upload(["a*", "b"], "out", max_size = 5, mode = 0o640, url = "https://x.org/"), steps.upload_directory("d", "/srv/d"),
steps.download("/srv/x", "x"), steps.download_text("text", "x"),
steps.master_shell("publish"), steps.http("https://x.org/", method = "PUT", body = secret("token"), headers = {"A": "b"})
"#,
    );
    let names: Vec<_> = all.iter().map(|s| s.name.as_str()).collect();
    insta::assert_snapshot!(names.join(" "), @r#"git sequence set_property set_properties set_property_1 set_property_2 assert trigger make_directory copy_directory remove file_exists upload upload_directory download download_1 publish http"#);
    let StepAction::Git(git) = &all[0].action else { panic!("no checkout") };
    assert_eq!((git.mode, git.branch.as_ref().map(Text::written).as_deref()), (GitMode::Clobber, Some("{b:-main}")));
    let StepAction::Sequence(sequence) = &all[1].action else { panic!("no sequence") };
    let parts: Vec<_> =
        sequence.parts.iter().map(|p| (p.command.text(), p.flags.halt_on_failure, p.flags.flunk_on_failure)).collect();
    assert_eq!(
        parts,
        [("make".to_owned(), true, true), ("make check".to_owned(), true, true), ("lint -a".to_owned(), false, false),]
    );
    assert!(matches!(&sequence.parts[0].command, CommandLine::Script(_)));
    let reading = |n: usize| match &all[n].action {
        StepAction::Shell(shell) => shell.reading.property.clone(),
        _ => None,
    };
    assert_eq!(reading(4), Some(PropertyReading::Whole { name: "when".into(), strip: false }));
    assert!(matches!(reading(5), Some(PropertyReading::Function(_))));
    let StepAction::Transfer(TransferSpec::Upload { from, mode, .. }) = &all[12].action else { panic!("no upload") };
    assert_eq!((from.len(), *mode), (2, Some(0o640)));
    let StepAction::Http(http) = &all[17].action else { panic!("no question") };
    let secret = Piece::Lookup { of: Lookup::Secret("token".into()), form: Form::Value };
    assert_eq!(http.body, Some(Text::Pieces(vec![secret])));
}

#[test]
fn secrets_of_texts_come_along_and_are_not_shown() {
    let memory = Memory::master(
        "local_worker(\"here\")\nbuilder(\"b\", workers = [\"here\"], env = {\"T\": interpolate(\"x{secret:token}\")}, \
         steps = [steps.test()])\n",
    );
    let config = memory.secret("token", "t0p\n").load().unwrap();
    assert_eq!(config.secrets["token"].reveal(), "t0p");
    assert_eq!(config.builders[0].env["T"].written(), "x{secret:token}");
    assert!(!format!("{config:?}").contains("t0p") && !crate::describe(&config).contains("t0p"));
}

#[test]
fn every_argument_of_a_builder_is_kept() {
    let memory = Memory::master(
        r#"
local_worker("here")
cpu = locks.worker("cpu", max_count = 3)
builder("b", workers = ["here"], steps = [steps.git("/srv/x")], tags = ["a"], category = "c",
    properties = {"p": 1}, default_properties = {"d": None}, locks = [cpu.counting(2)],
    next_worker = lambda request, workers: workers[0], next_request = lambda requests: requests[0].id,
    can_start = lambda request, worker: True, do_build_if = interpolate("{branch:~}"),
    collapse = lambda a, b: False, cancel_superseded = True, use_progress = False,
    pipeline = "ci/sluice.star", pipeline_builder = "x", pipeline_secrets = ["token"])
builder("c", workers = ["here"], steps = [steps.test()], collapse = False, do_build_if = False)
"#,
    );
    let config = memory.secret("token", "x").load().map_err(|e| e.to_string()).unwrap();
    let b = &config.builders[0];
    assert_eq!(b.tags, ["a", "c"]);
    assert_eq!(b.locks[0].access, LockAccess::Counting(2));
    assert_eq!(b.default_properties["d"].value, Value::Null);
    assert!(b.next_worker.is_some() && b.next_request.is_some() && b.can_start.is_some());
    assert!(matches!(b.collapse, model::Collapse::Function(_)) && b.cancel_superseded && !b.use_progress);
    let pipeline = b.pipeline.clone().unwrap();
    assert_eq!((pipeline.file.as_str(), pipeline.builder.as_deref()), ("ci/sluice.star", Some("x")));
    assert!(config.secrets.contains_key("token"));
    assert_eq!(config.builders[1].collapse, model::Collapse::Never);
    assert_eq!(config.builders[1].do_build_if, Some(Condition::Fixed(false)));
    insta::assert_snapshot!(crate::describe(&config), @r#"
    project     Sluice
    listens on  127.0.0.1:8010
    store       SQLite in the base directory
    may act     whoever has the token

    1 worker
      here  1 build  on this machine

    2 builders
      b  on here  git
      c  on here  test

    1 lock
      cpu  of each worker  3 places

    note: no scheduler starts builders b and c
    "#);
}

#[test]
fn a_reload_names_what_changes_of_the_process() {
    let old = config(
        "local_worker(\"here\")\ncpu = locks.worker(\"cpu\")\nbuilder(\"b\", workers = [\"here\"], locks = [cpu], steps = [steps.test()])\n\
         schedulers.nightly(\"n\", \"0 3 * * *\", builders = [\"b\"])\nschedulers.triggerable(\"t\", builders = [\"b\"])\n\
         schedulers.any_branch(\"a\", builders = [\"b\"])\n",
    );
    let new = config(
        "local_worker(\"here\")\ncpu = locks.worker(\"cpu\", max_count = 2)\nlocks.master(\"db\")\n\
         builder(\"b\", workers = [\"here\"], locks = [cpu.exclusive()], collapse = False, can_start = lambda r, w: True, steps = [steps.test()])\n\
         schedulers.nightly(\"n\", \"0 4 * * *\", only_if_changed = True, priority = 1, builders = [\"b\"])\nschedulers.dependent(\"t\", \"n\", builders = [\"b\"])\n\
         schedulers.any_branch(\"a\", files = \"x\", builders = [\"b\"])\n",
    );
    insta::assert_snapshot!(crate::difference(&old, &new).join("\n"), @r#"
    ~ builder b: locks, collapse, can_start
    ~ scheduler n: cron, only_if_changed, priority
    ~ scheduler t: kind
    ~ scheduler a: files
    ~ lock cpu: max_count
    + lock db
    "#);
}

#[test]
fn a_pipeline_names_secrets_and_gets_none() {
    let text = "builder(\"b\", steps = [steps.shell([\"x\", interpolate(\"{secret:token}\")]), factories.cargo()])";
    let memory = Memory::default().file("sluice.star", text).secret("token", "t0p");
    let pipeline = load_pipeline("sluice.star", &memory, &Limits::default()).map_err(|e| e.to_string()).unwrap();
    assert_eq!(pipeline.builders[0].steps.len(), 3);
    assert!(!serde_json::to_string(&pipeline).unwrap().contains("t0p"));
    let place = |line, column| Some(model::Place { file: "sluice.star".to_owned(), line, column });
    assert_eq!(pipeline.ungranted(&[]), Some(("token".to_owned(), place(1, 23))));
    assert_eq!(pipeline.ungranted(&["token".to_owned()]), None);
    let hidden = [
        "env = {\"A\": interpolate(\"{secret:x}\")}, steps = [steps.test()]",
        "steps = [steps.test(description = interpolate(\"{a:-{secret:x}}\"))]",
        "steps = [steps.test(do_step_if = interpolate(\"{secret:x}\"))]",
        "steps = [steps.assert_that(interpolate(\"{secret:x}\"))]",
        "steps = [steps.download_text(interpolate(\"{a:+{secret:x}}\"), \"f\")]",
    ];
    for text in hidden {
        let memory = Memory::default().file("sluice.star", &format!("builder(\"b\", {text})"));
        let pipeline = load_pipeline("sluice.star", &memory, &Limits::default()).unwrap();
        assert_eq!(pipeline.ungranted(&["token".to_owned()]).map(|(name, _)| name).as_deref(), Some("x"), "{text}");
    }
}

#[test]
fn tasks_and_their_stages() {
    let memory = Memory::default().file(
        "sluice.star",
        r##"
task("source4", dir = "source4", stages = [
    stage("configure", "./configure --prefix={prefix}"),
    stage("make", ["make", "-j2"], max_time = "1h"),
    stage("test", "make subunit-test", output = "text/x-subunit", timeout = None),
])
task("docs", stages = [stage("links", "./links", output = "junit", output_file = "r.xml")], after = ["source4"],
     paths = ["docs/**", "Makefile"], max_time = "10m")
"##,
    );
    let pipeline = load_pipeline("sluice.star", &memory, &Limits::default()).unwrap();
    let [source4, docs] = pipeline.tasks.as_slice() else { panic!("{:?}", pipeline.tasks) };
    assert_eq!((source4.name.as_str(), source4.dir.as_str(), source4.stages.len()), ("source4", "source4", 3));
    let shell = |stage: &StepSpec| match &stage.action {
        StepAction::Shell(shell) => shell.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shell(&source4.stages[0]).workdir.plain(), Some("build/source4"));
    assert_eq!(source4.stages[0].flags, StepFlags::HALTING);
    let test = shell(&source4.stages[2]);
    let reading = test.reading.tests.unwrap();
    assert_eq!((reading.format.as_str(), reading.whole, reading.ends_at_failure), ("subunit", true, true));
    assert_eq!((test.timeout, shell(&source4.stages[1]).max_time), (None, Some(Span::seconds(3600))));
    let links = shell(&docs.stages[0]);
    assert_eq!(links.reading.tests.unwrap().log, links.log_files[0].name);
    assert_eq!((docs.after.as_slice(), docs.max_time), (["source4".to_owned()].as_slice(), Some(Span::seconds(600))));
    assert_eq!(docs.paths, ["docs/**", "Makefile"]);
}
