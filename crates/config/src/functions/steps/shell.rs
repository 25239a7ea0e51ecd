//! `steps.shell` and its relations: commands on the worker.

use super::reading::{self, compile_reading, test_reading};
use super::{COMMON, made};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, Param, RESULTS, p};
use crate::given;
use crate::names::quoted;
use crate::registry::MadeStep;
use crate::texts::is_text;
use crate::value::Step;
use model::{
    CommandLine, FollowedLog, Reading, Results, SequencePart, SequenceSpec, ShellSpec, Span, StepAction, StepFlags,
    Text,
};
use starlark::values::Value;
use starlark::values::dict::DictRef;
use std::collections::BTreeMap;

const COMMAND: Param = p("command", "list of texts, or a text for the shell", "");

/// What every step that runs a command has besides.
pub(super) const RUN: &[Param] = &[
    super::WORKDIR,
    p("env", "dict of variables", "{}"),
    p("timeout", "duration without output, after which it is ended; None: for ever", "\"20m\""),
    p("max_time", "duration in all, after which it is ended", "None"),
    p("sigterm_time", "duration from TERM to KILL", "\"5s\""),
    p("usepty", "True or False: a terminal instead of pipes", "False"),
    p("log_environ", "True or False: the environment is told in the log", "True"),
    p("want_stdout", "True or False: standard output goes to the log", "True"),
    p("want_stderr", "True or False: standard error goes to the log", "True"),
    p("initial_stdin", "text for standard input", "nothing"),
    p("log_files", "dict of files by name of log; {\"path\": …, \"follow\": True} passes over what is there", "{}"),
    p("decode_rc", "dict of results by exit code", "{0: SUCCESS}, else FAILURE"),
    p("reader", "function, given the exit code and the output", "None"),
];

pub(in crate::functions) const SHELL: Def = Def {
    path: "steps.shell",
    summary: "Runs a command on the worker. A list is a program with its arguments; a text goes to `/bin/sh -c`. \
              `reader(exit_code, output)` makes it a step of one's own: it answers with a dict of any of `results` \
              (such as FAILURE), `summary` (a line), `properties` (a dict), `urls` (a dict) and `tests` (a dict with \
              `passed`, `failed`, `errors`, `skipped` and `bad`, a list of names), or with None.",
    example: "def count(exit_code, output):\n    lost = len([line for line in output.splitlines() if line.startswith(\"LOST\")])\n    \
              return {\"results\": WARNINGS if lost else SUCCESS, \"summary\": \"%d lost\" % lost}\n\n\
              steps.shell([\"./audit\", \"--all\"], name = \"audit\", timeout = \"1h\", reader = count)",
    groups: &[&[COMMAND], RUN, reading::WARNINGS, reading::TESTS, COMMON],
    by_position: 1,
    required: &["command"],
    in_pipelines: true,
    run: |call| shell(call, None, &[], StepFlags::PLAIN, Reading::default()),
};

pub(in crate::functions) const CONFIGURE: Def = Def {
    path: "steps.configure",
    summary: "Prepares the tree: `./configure` unless told otherwise. A failure ends the build.",
    example: "steps.configure([\"./configure\", \"--without-x\"], env = {\"CFLAGS\": \"-O2 -g\"})",
    groups: &[&[COMMAND], RUN, reading::WARNINGS, reading::TESTS, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("configure"), &["./configure"], StepFlags::HALTING, Reading::default()),
};

pub(in crate::functions) const COMPILE: Def = Def {
    path: "steps.compile",
    summary: "Compiles: `make all` unless told otherwise. Warnings in the output are counted, and any makes the step \
              WARNINGS. A failure ends the build.",
    example: "steps.compile([\"make\", \"-j4\"], suppress = [(r\"^third_party/\", None, None, None)], max_warn_count = 100)",
    groups: &[&[COMMAND], RUN, reading::WARNINGS, reading::TESTS, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("compile"), &["make", "all"], StepFlags::HALTING, compile_reading()),
};

/// A failing test fails the build, and the steps after it still run, as with Buildbot.
pub(in crate::functions) const TEST: Def = Def {
    path: "steps.test",
    summary: "Tests: `make test` unless told otherwise. The output, or the file named with `report_file`, is read as a \
              report of tests: totals and each failing test by name. A failure fails the build, and the steps after it \
              still run.",
    example: "steps.test([\"pytest\", \"--junitxml=report.xml\"], report = \"junit\", report_file = \"report.xml\")",
    groups: &[&[COMMAND], RUN, reading::TESTS, reading::WARNINGS, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("test"), &["make", "test"], TESTING, test_reading("auto")),
};

pub(in crate::functions) const PERL_MODULE_TEST: Def = Def {
    path: "steps.perl_module_test",
    summary: "Tests a Perl module: `prove --lib lib -r t` unless told otherwise, read as the output of `prove`.",
    example: "steps.perl_module_test([\"prove\", \"-b\", \"-r\", \"t\"])",
    groups: &[&[COMMAND], RUN, reading::TESTS, reading::WARNINGS, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("test"), &["prove", "--lib", "lib", "-r", "t"], TESTING, test_reading("prove")),
};

/// The flags of tests.
pub(in crate::functions) const TESTING: StepFlags = StepFlags { warn_on_failure: true, ..StepFlags::PLAIN };

pub(in crate::functions) const SEQUENCE: Def = Def {
    path: "steps.sequence",
    summary: "Runs several commands as one step, each when the one before it has passed. A command is a list, a text, or \
              a `steps.shell(…)` whose flags say what its failure does: one that neither halts nor flunks lets the next \
              one begin.",
    example: "steps.sequence([[\"make\", \"clean\"], steps.shell(\"./lint\", flunk_on_failure = False), \"make && make check\"])",
    groups: &[&[p("commands", "list of commands", "")], RUN, reading::WARNINGS, reading::TESTS, COMMON],
    by_position: 1,
    required: &["commands"],
    in_pipelines: true,
    run: sequence,
};

fn shell(
    call: &Call<'_, '_>,
    kind: Option<&str>,
    default: &[&str],
    flags: StepFlags,
    reading: Reading,
) -> Result<Outcome, Wrong> {
    let command = match call.some("command") {
        Some(value) => command(call, "command", value)?,
        None => CommandLine::words(default.iter().copied()),
    };
    let name = kind.map_or_else(|| first_word(&command), str::to_owned);
    let spec = run(call, command, reading)?;
    made(call, StepAction::Shell(spec), name, flags)
}

/// How a command is run, and what is read from its logs.
pub(super) fn run(call: &Call<'_, '_>, command: CommandLine, reading: Reading) -> Result<ShellSpec, Wrong> {
    let defaults = ShellSpec::new(command);
    let mut log_files = log_files(call)?;
    let mut reading = reading::read(call, reading, &mut log_files)?;
    let spec = ShellSpec { env: call.env("env")?, ..defaults };
    // Only the tests of some files are run, unless somebody says otherwise.
    if let Some(tests) = reading.tests.as_mut().filter(|_| call.some("report_is_part").is_none()) {
        tests.part |= model::changed_files::is_wanted(&StepAction::Shell(spec.clone()));
    }
    Ok(ShellSpec {
        workdir: super::workdir(call, address::inside)?,
        timeout: call.patience("timeout", spec.timeout)?,
        max_time: call.patience("max_time", spec.max_time)?,
        sigterm_time: call.duration("sigterm_time", Span::ZERO)?.unwrap_or(spec.sigterm_time),
        pty: call.truth("usepty", spec.pty)?,
        log_environ: call.truth("log_environ", spec.log_environ)?,
        want_stdout: call.truth("want_stdout", true)?,
        want_stderr: call.truth("want_stderr", true)?,
        initial_stdin: call.rich("initial_stdin")?,
        log_files,
        decode_rc: decode_rc(call)?,
        reading,
        ..spec
    })
}

/// A value as a command.
pub(in crate::functions) fn command<'v>(
    call: &Call<'v, '_>,
    name: &str,
    value: Value<'v>,
) -> Result<CommandLine, Wrong> {
    let empty = || call.wrong_value(name, format!("{name} of {} is empty", call.def.path)).boxed();
    if is_text(value) {
        let script = call.to_text(name, value)?;
        return match script.plain().is_some_and(|s| s.trim().is_empty()) {
            true => Err(empty()),
            false => Ok(CommandLine::Script(script)),
        };
    }
    let Some(items) = given::flat_items(value) else {
        return Err(call.wants(name, "a list of texts, or a text for the shell", value).boxed());
    };
    let mut words = Vec::with_capacity(items.len());
    for item in items {
        if let Some(number) = given::integer(item) {
            let message =
                format!("{name} of {} has the number {number} in it; it must be a list of texts", call.def.path);
            return Err(call.wrong_value(name, message).help(format!("write \"{number}\"")));
        }
        if !is_text(item) {
            let what = given::describe(item);
            let message = format!("{name} of {} has {what} in it; it must be a list of texts", call.def.path);
            return Err(call.wrong_value(name, message).boxed());
        }
        words.push(call.to_text(name, item)?);
    }
    match words.first().map(Text::plain) {
        None => Err(empty()),
        Some(Some("")) => Err(call.wrong_value(name, format!("the program of {} is empty", call.def.path)).boxed()),
        Some(Some(program)) if program.contains(char::is_whitespace) && words.len() == 1 => {
            let message = format!("there is hardly a program named {}", quoted(program));
            let words: Vec<_> = program.split_whitespace().map(quoted).collect();
            let help = format!("write {} for the shell, or [{}]", quoted(program), words.join(", "));
            Err(call.wrong_value(name, message).help(help))
        }
        Some(_) => Ok(CommandLine::Words(words)),
    }
}

/// A name for a step that has none: the program, without its directory.
pub(super) fn first_word(command: &CommandLine) -> String {
    let first = match command {
        CommandLine::Words(words) => words.first().map(Text::written).unwrap_or_default(),
        CommandLine::Script(script) => script.written().split_whitespace().next().unwrap_or("").to_owned(),
    };
    let base = first.rsplit('/').next().unwrap_or("");
    let name: String = base.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')).collect();
    let name: String = name.trim_start_matches(['-', '.']).chars().take(50).collect();
    if name.is_empty() { "shell".to_owned() } else { name }
}

fn log_files(call: &Call<'_, '_>) -> Result<Vec<FollowedLog>, Wrong> {
    let mut logs = Vec::new();
    for (name, value) in call.entries("log_files", "a dict of files by name of log")? {
        let wrong = |what: String| call.wrong_value("log_files", format!("log_files of {} {what}", call.def.path));
        if address::name(name).is_err() || name == "stdio" {
            let complaint = wrong(format!("has a log named {}", quoted(name)));
            return Err(complaint.help("it is a name of 1 to 100 characters, without slashes, and not stdio"));
        }
        let (mut path, mut follow) = (is_text(value).then_some(value), false);
        if let Some(Ok(entries)) = given::entries(value) {
            for (key, value) in entries {
                match (key, value.unpack_bool()) {
                    ("path", _) if is_text(value) => path = Some(value),
                    ("follow", Some(truth)) => follow = truth,
                    _ => return Err(wrong(format!("has {} for {}", quoted(key), quoted(name))).help(FORM)),
                }
            }
        }
        let Some(path) = path else {
            let what = given::describe(value);
            return Err(wrong(format!("has {what} for {}", quoted(name))).help(FORM));
        };
        let path = call.to_text("log_files", path)?;
        if let Some(Err(wanted)) = path.plain().map(address::file) {
            return Err(
                wrong(format!("has {} for {}; it must be {wanted}", quoted(&path.written()), quoted(name))).boxed()
            );
        }
        logs.push(FollowedLog { name: call.keep(name)?, path, follow });
    }
    Ok(logs)
}

const FORM: &str = "it takes the path of a file, or {\"path\": \"…\", \"follow\": True}";

fn decode_rc(call: &Call<'_, '_>) -> Result<BTreeMap<i32, Results>, Wrong> {
    const WANTED: &str = "a dict of results by exit code, such as {2: WARNINGS}";
    let mut results = BTreeMap::new();
    let Some(value) = call.some("decode_rc") else { return Ok(results) };
    let dict = DictRef::from_value(value).ok_or_else(|| call.wants("decode_rc", WANTED, value).boxed())?;
    for (code, result) in dict.iter() {
        let number = given::integer(code).and_then(|n| i32::try_from(n).ok());
        let found = given::integer(result).and_then(Results::from_code);
        let (Some(number), Some(found)) = (number, found) else {
            let (code, result) = (given::describe(code), given::describe(result));
            let message = format!("decode_rc of {} has {result} for {code}; it must be {WANTED}", call.def.path);
            return Err(call
                .wrong_value("decode_rc", message)
                .help(format!("results are {}", RESULTS.map(|r| r.0).join(", "))));
        };
        results.insert(number, found);
    }
    Ok(results)
}

fn sequence(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    const WANTED: &str = "a list of commands";
    let Some(value) = call.some("commands") else {
        return Err(call.wants("commands", WANTED, Value::new_none()).boxed());
    };
    let Some(items) = given::items(value) else { return Err(call.wants("commands", WANTED, value).boxed()) };
    if items.is_empty() {
        return Err(call.wrong_value("commands", "commands of steps.sequence is empty").boxed());
    }
    if items.iter().all(|item| item.unpack_str().is_some_and(|t| !t.contains(char::is_whitespace))) && items.len() > 1 {
        let words: Vec<_> = items.iter().filter_map(|item| item.unpack_str()).map(quoted).collect();
        let message = "commands of steps.sequence is one command, not a list of them";
        return Err(call.wrong_value("commands", message).help(format!("write [[{}]]", words.join(", "))));
    }
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        parts.push(part(call, item)?);
    }
    let first = parts.first().map(|part| part.command.clone()).unwrap_or_else(|| CommandLine::script(""));
    let shell = run(call, first, Reading::default())?;
    made(call, StepAction::Sequence(SequenceSpec { parts, shell }), "sequence", StepFlags::PLAIN)
}

fn part<'v>(call: &Call<'v, '_>, item: Value<'v>) -> Result<SequencePart, Wrong> {
    let Some(step) = Step::from_value(item) else {
        return Ok(SequencePart { command: command(call, "commands", item)?, flags: StepFlags::HALTING });
    };
    let steps = call.registry.steps.borrow();
    let made: Option<&MadeStep> = steps.get(step.index as usize);
    match made.map(|made| (&made.spec.action, made.spec.flags)) {
        Some((StepAction::Shell(shell), flags)) => Ok(SequencePart { command: shell.command.clone(), flags }),
        _ => {
            let message = "commands of steps.sequence has a step in it that runs no command on the worker";
            Err(call.wrong_value("commands", message).help("it takes lists, texts and steps.shell(…)"))
        }
    }
}
