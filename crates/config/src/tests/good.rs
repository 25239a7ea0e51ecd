//! Good configurations and what becomes of them.

use super::{Memory, config};
use crate::{Limits, describe, from_json, load_pipeline, load_pipeline_to_json, load_to_json, pipeline_from_json};
use model::scheduler::ChangeFilter;
use model::worker::WorkerAccess;
use model::{ChangeSourceSpec, CommandLine, Follow, GitMode, Match, SchedulerKind, Span, StepAction, StepFlags, Value};

/// The example of the design, without what belongs to later versions.
const EXAMPLE: &str = r#"project(title = "zlib", url = "https://zlib.net", public_url = "http://localhost:8010/")
web(listen = "127.0.0.1:8010")                     # pages, REST, events, native workers: one port

local_worker("here", max_builds = 2)               # runs on the master's own machine
worker("mac-mini", password = secret("mac-mini"))  # somebody else's machine, connects by itself

zlib = "https://github.com/madler/zlib"
changes.git_poller(zlib, branches = ["develop"], every = "30s")

builder(
    "linux",
    workers = ["here"],
    steps = [
        steps.git(zlib, mode = "copy"),
        steps.configure(),
        steps.compile(["make", "-j2"]),
        steps.test(["make", "test"]),
    ],
)
schedulers.single_branch("quick", branch = "develop", tree_stable_timer = "10s", builders = ["linux"])
"#;

fn example() -> Memory {
    Memory::master(EXAMPLE).secret("mac-mini", "hunter2\n")
}

#[test]
fn the_example_of_the_design() {
    let config = example().load().unwrap();
    assert_eq!(config.project.title, "zlib");
    assert_eq!(config.project.public_url, "http://localhost:8010/");
    assert_eq!(config.workers[0].max_builds, 2);
    assert_eq!(config.workers[0].lost_after, Span::seconds(600));
    let WorkerAccess::Remote { password } = &config.workers[1].access else { panic!("the mac is local") };
    assert_eq!(password.reveal(), "hunter2");
    let linux = &config.builders[0];
    assert_eq!(linux.builddir, "linux");
    assert_eq!(linux.defined_at.as_ref().unwrap().to_string(), "master.star:10:1");
    let names: Vec<_> = linux.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["git", "configure", "compile", "test"]);
    assert_eq!(linux.steps[3].defined_at.as_ref().unwrap().to_string(), "master.star:17:9");
    let StepAction::Git(git) = &linux.steps[0].action else { panic!("not a checkout") };
    assert_eq!((git.mode, git.repository.plain()), (GitMode::Copy, Some("https://github.com/madler/zlib")));
    let SchedulerKind::SingleBranch(Follow { filter, tree_stable_timer, .. }) = &config.schedulers[0].kind else {
        panic!("not a branch")
    };
    assert_eq!(*filter, ChangeFilter { branch: Match::is("develop"), ..ChangeFilter::default() });
    assert_eq!(*tree_stable_timer, Some(Span::seconds(10)));
    let ChangeSourceSpec::GitPoller(poller) = &config.sources[0] else { panic!("it looks at no git repository") };
    assert_eq!((poller.every, poller.branches.as_slice()), (Span::seconds(30), ["develop".to_owned()].as_slice()));
}

#[test]
fn what_is_configured_reads_well() {
    let text = describe(&example().load().unwrap());
    assert!(text.lines().all(|l| l.chars().count() <= 80));
    insta::assert_snapshot!(text, @r#"
    project     zlib
    listens on  127.0.0.1:8010
    people use  http://localhost:8010/
    store       SQLite in the base directory
    may act     whoever has the token

    2 workers
      here      2 builds  on this machine
      mac-mini  1 build   connects by itself

    1 builder
      linux  on here  git, configure, compile, test

    1 scheduler
      quick  single_branch  develop after 10 s of quiet: linux

    1 change source
      https://github.com/madler/zlib  develop  looks every 30 s

    note: no builder uses worker mac-mini
    "#);
}

#[test]
fn oversights_are_told_and_long_names_cut() {
    let long = "n".repeat(90);
    let text = describe(&config(&format!(
        r#"
web(users = {{"anna": "x"}})
local_worker("here")
local_worker("idle")
builder("{long}", workers = ["here"], steps = [steps.test()])
builder("b", workers = ["here"], steps = [steps.test(), steps.test()])
builder("c", workers = ["here"], steps = [steps.shell("true")])
schedulers.single_branch("any", builders = ["b"])
schedulers.single_branch("default", branch = None, builders = ["b"])
schedulers.force("f", builders = ["b"])
schedulers.periodic("p", every = "2h", branch = "main", builders = ["b"])
"#
    )));
    assert!(text.lines().all(|l| l.chars().count() <= 80));
    insta::assert_snapshot!(text, @r#"
    project     Sluice
    listens on  127.0.0.1:8010
    store       SQLite in the base directory
    may act     1 user and whoever has the token

    2 workers
      here  1 build  on this machine
      idle  1 build  on this machine

    3 builders
      nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…  on here  test
      b                                   on here  test, test_1
      c                                   on here  true

    4 schedulers
      any      single_branch  any branch at once: b
      default  single_branch  the default branch at once: b
      f        force          when asked: b
      p        periodic       main every 2 h: b

    note: no scheduler starts builders nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…
    note: no builder uses worker idle
    note: nothing brings changes but sendchange and hooks
    "#);
    insta::assert_snapshot!(describe(&config("")), @r#"
    project     Sluice
    listens on  127.0.0.1:8010
    store       SQLite in the base directory
    may act     whoever has the token

    note: there is no builder
    "#);
}

#[test]
fn every_step_has_its_flags() {
    let config = config(
        r#"
local_worker("here")
builder("b", workers = ["here"], steps = [
    steps.git("/srv/x"), steps.configure(), steps.compile(), steps.test(), steps.shell("true"),
    steps.shell(["./ci/run-all.sh", "x"], halt_on_failure = True, flunk_on_failure = False,
        flunk_on_warnings = True, warn_on_failure = True, warn_on_warnings = False, always_run = True),
    steps.test(), steps.test(["x"], name = "test_1"), steps.test(),
])
"#,
    );
    let steps = &config.builders[0].steps;
    let flags: Vec<_> = steps.iter().map(|s| s.flags).collect();
    let test = StepFlags { warn_on_failure: true, ..StepFlags::PLAIN };
    assert_eq!(flags[..5], [StepFlags::HALTING, StepFlags::HALTING, StepFlags::HALTING, test, StepFlags::PLAIN]);
    let turned = StepFlags {
        halt_on_failure: true,
        flunk_on_failure: false,
        flunk_on_warnings: true,
        warn_on_failure: true,
        warn_on_warnings: false,
        always_run: true,
    };
    assert_eq!(flags[5], turned);
    let names: Vec<_> = steps.iter().map(|s| s.name.as_str()).collect();
    let expected = ["git", "configure", "compile", "test", "true", "run-all.sh", "test_2", "test_1", "test_3"];
    assert_eq!(names, expected);
    let commands: Vec<_> = steps[1..5]
        .iter()
        .map(|s| match &s.action {
            StepAction::Shell(shell) => shell.command.clone(),
            _ => panic!("no command"),
        })
        .collect();
    let words = |w: &[&str]| CommandLine::words(w.iter().copied());
    let expected = [
        words(&["./configure"]),
        words(&["make", "all"]),
        words(&["make", "test"]),
        CommandLine::Script("true".into()),
    ];
    assert_eq!(commands, expected);
}

#[test]
fn every_argument_of_a_command_is_kept() {
    let config = config(
        r#"
local_worker("here", lost_after = "30s")
common = {"CC": "gcc"}
builder("b", workers = ["here"], tags = ["c"], description = "for all", env = {"A": "b"},
    properties = {"n": 1, "t": True, "l": ["x", None], "d": {"k": "v"}}, builddir = "x/y",
    steps = [
        steps.shell("make", workdir = "build/sub", env = common | {"X": "1"}, timeout = None, max_time = "1h",
            sigterm_time = 2, usepty = True, log_environ = False, description = ["making", "it"],
            description_done = "made"),
        steps.git("/srv/x", "main", workdir = "src", codebase = "c", submodules = True, shallow = 5,
            retry = ("10s", 3), always_use_latest = True, timeout = 90),
    ])
"#,
    );
    let b = &config.builders[0];
    assert_eq!((b.builddir.as_str(), b.tags.as_slice()), ("x/y", ["c".to_owned()].as_slice()));
    assert_eq!(b.properties["l"].value, Value::List(vec!["x".into(), Value::Null]));
    assert_eq!(b.properties["n"].source, "Builder");
    let StepAction::Shell(shell) = &b.steps[0].action else { panic!("not a command") };
    assert_eq!(shell.env.keys().collect::<Vec<_>>(), ["CC", "X"]);
    assert_eq!((shell.timeout, shell.max_time), (None, Some(Span::seconds(3600))));
    assert_eq!((shell.sigterm_time, shell.pty, shell.log_environ), (Span::seconds(2), true, false));
    assert_eq!(b.steps[0].description, Some("making it".into()));
    let StepAction::Git(git) = &b.steps[1].action else { panic!("not a checkout") };
    assert_eq!(git.branch, Some("main".into()));
    assert_eq!((git.shallow, git.retry), (Some(5), Some((Span::seconds(10), 3))));
    assert_eq!(git.timeout, Some(Span::seconds(90)));
}

#[test]
fn files_share_names_and_functions() {
    let memory = Memory::master(
        "load(\"lib/names.star\", \"NAMES\", add = \"add_builder\")\n[local_worker(n) for n in NAMES]\nfor n in NAMES:\n    add(n, n + \"!\")\n",
    )
    .file("lib/names.star", "load(\"deep.star\", \"n\")\nNAMES = [\"a\", n] * 1\ndef add_builder(name, what):\n    builder(f\"on-{name}\", workers = [name], steps = [steps.shell(\"echo %s\" % what)])\n")
    .file("deep.star", "n = \"b\"\nprint(\"deep\", n)\n");
    let config = memory.load().unwrap();
    let names: Vec<_> = config.builders.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["on-a", "on-b"]);
    assert_eq!(config.builders[0].defined_at.as_ref().unwrap().file, "lib/names.star");
    assert_eq!(*memory.printed.borrow(), ["deep b"]);
}

#[test]
fn steps_of_another_file_and_of_several_builders() {
    let memory = Memory::master(
        "load(\"steps.star\", \"BUILD\", \"ENV\", \"NAMES\")\nlocal_worker(\"here\")\nfor name in NAMES:\n    builder(name, workers = [\"here\"], steps = BUILD + [steps.test()], env = ENV, properties = {\"env\": ENV})\n",
    )
    .file(
        "steps.star",
        "BUILD = [steps.git(\"/srv/x\"), steps.compile()]\nENV = {\"A\": \"1\"}\nNAMES = (\"x\", \"y\")\n",
    );
    let config = memory.load().unwrap();
    assert_eq!(config.builders.len(), 2);
    for builder in &config.builders {
        let names: Vec<_> = builder.steps.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["git", "compile", "test"]);
        assert_eq!(builder.steps[0].defined_at.as_ref().unwrap().to_string(), "steps.star:1:10");
        assert_eq!(builder.env["A"], "1".into());
    }
}

#[test]
fn a_secret_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let text = r#"
a = secret("mac-mini")
print(a, [a], str(a))
worker("file", a)
worker("variable", secret("big.one"))
"#;
    let memory = Memory::master(text).secret("mac-mini", "one\r\n").variable("SLUICE_SECRET_BIG_ONE", "two");
    let config = memory.load().unwrap();
    let passwords: Vec<_> = config
        .workers
        .iter()
        .map(|w| match &w.access {
            WorkerAccess::Remote { password } => password.reveal().to_owned(),
            WorkerAccess::Local => String::new(),
        })
        .collect();
    assert_eq!(passwords, ["one", "two"]);
    assert_eq!(*memory.printed.borrow(), ["<secret> [<secret>] <secret>"]);
}

#[test]
fn a_configuration_goes_through_a_pipe_unchanged() {
    let text = r#"
local_worker("here")
builder("b", workers = ["here"], steps = [steps.test(timeout = 1.5), steps.git("/srv/x", retry = (0.5, 2))],
    properties = {"n": -9007199254740993, "t": True, "x": None, "l": [1, {"k": "v"}]})
schedulers.single_branch("any", builders = ["b"])
schedulers.single_branch("default", branch = None, builders = ["b"])
schedulers.single_branch("main", branch = "main", builders = ["b"])
"#;
    for memory in [example(), Memory::master(text)] {
        let json = load_to_json("master.star", &memory, &Limits::default());
        assert_eq!(from_json("master.star", &json).unwrap(), memory.load().unwrap());
    }
    let broken = Memory::master("builder(");
    let json = load_to_json("master.star", &broken, &Limits::default());
    assert_eq!(from_json("master.star", &json).unwrap_err(), broken.load().unwrap_err());
    insta::assert_snapshot!(from_json("master.star", &json[..20]).unwrap_err(), @r#"
    error: master.star could not be evaluated: it was ended before it was done
    help: it takes too much memory or too long; is there a loop without end, or something huge?
    "#);
}

/// `starlark` turns on `serde_json/arbitrary_precision`, under which a float in a tagged enum cannot be read back.
/// What is stored and sent has none; this keeps it so: every number of a configuration is whole.
#[test]
fn no_fraction_is_ever_written() {
    let json = load_to_json("master.star", &example(), &Limits::default());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    fn look(value: &serde_json::Value) {
        match value {
            serde_json::Value::Number(n) => assert!(n.is_i64() || n.is_u64(), "{n}"),
            serde_json::Value::Array(items) => items.iter().for_each(look),
            serde_json::Value::Object(map) => map.values().for_each(look),
            _ => {}
        }
    }
    look(&value);
}

#[test]
fn a_pipeline_needs_no_workers() {
    let memory = Memory::default().file(
        "sluice.star",
        "builder(\"debug\", steps = [steps.compile([\"make\"]), steps.test()], env = {\"CFLAGS\": \"-g\"})\nbuilder(\"release\", steps = [steps.compile()])\n",
    );
    let pipeline = load_pipeline("sluice.star", &memory, &Limits::default()).unwrap();
    let names: Vec<_> = pipeline.builders.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["debug", "release"]);
    assert_eq!(pipeline.builders[0].env["CFLAGS"], "-g".into());
    let json = load_pipeline_to_json("sluice.star", &memory, &Limits::default());
    assert_eq!(pipeline_from_json("sluice.star", &json).unwrap(), pipeline);
}

#[test]
fn who_waits_on_the_place_that_it_holds_is_told() {
    let of = |places: u32, wait: &str| {
        crate::describe(&config(&format!(
            "local_worker('here', max_builds = {places})\n\
             builder('a', workers = ['here'], steps = [steps.trigger(['t'], wait_for_finish = {wait})])\n\
             builder('b', workers = ['here'], steps = [steps.test()])\n\
             schedulers.triggerable('t', builders = ['b'])\n"
        )))
    };
    let note = "note: builder a waits for b on the only place of worker here";
    let told = [(1, "True"), (2, "True"), (1, "False")].map(|(places, wait)| of(places, wait).contains(note));
    assert_eq!(told, [true, false, false]);
}
