//! `steps.…`: what a build does.

use super::Def;
use crate::call::{Call, Outcome, Wrong};
use crate::names::{self, quoted};
use crate::registry::{MOST_STEPS, MadeStep, Mode};
use crate::sites::Part;
use crate::{address, given};
use model::{CommandLine, GitMode, GitSpec, ShellSpec, Span, StepAction, StepFlags, StepSpec, Text};

/// What every step has.
const COMMON: &[&str] = &[
    "name",
    "workdir",
    "timeout",
    "description",
    "description_done",
    "halt_on_failure",
    "flunk_on_failure",
    "flunk_on_warnings",
    "warn_on_failure",
    "warn_on_warnings",
    "always_run",
];

/// What every step that runs a command has besides.
const COMMAND: &[&str] = &["env", "max_time", "sigterm_time", "usepty", "log_environ"];

pub(super) const SHELL: Def = Def {
    path: "steps.shell",
    groups: &[&["command"], COMMON, COMMAND],
    by_position: 1,
    required: &["command"],
    in_pipelines: true,
    run: |call| shell(call, None, &[], StepFlags::PLAIN),
};

pub(super) const CONFIGURE: Def = Def {
    path: "steps.configure",
    groups: &[&["command"], COMMON, COMMAND],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("configure"), &["./configure"], StepFlags::HALTING),
};

pub(super) const COMPILE: Def = Def {
    path: "steps.compile",
    groups: &[&["command"], COMMON, COMMAND],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("compile"), &["make", "all"], StepFlags::HALTING),
};

/// A failing test fails the build, and the steps after it still run, as with Buildbot.
pub(super) const TEST: Def = Def {
    path: "steps.test",
    groups: &[&["command"], COMMON, COMMAND],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| shell(call, Some("test"), &["make", "test"], StepFlags { warn_on_failure: true, ..StepFlags::PLAIN }),
};

pub(super) const GIT: Def = Def {
    path: "steps.git",
    groups: &[
        &["repository", "branch", "mode", "codebase", "submodules", "shallow", "retry", "always_use_latest"],
        COMMON,
    ],
    by_position: 2,
    required: &["repository"],
    in_pipelines: true,
    run: git,
};

fn shell(call: &Call<'_, '_>, kind: Option<&str>, default: &[&str], flags: StepFlags) -> Result<Outcome, Wrong> {
    let command = match command(call)? {
        Some(command) => command,
        None => CommandLine::words(default.iter().copied()),
    };
    let name = kind.map_or_else(|| first_word(&command), str::to_owned);
    let defaults = ShellSpec::new(command);
    let weight = match &defaults.command {
        CommandLine::Words(words) => words.iter().map(|w| w.written().len() + 24).sum(),
        CommandLine::Script(script) => script.written().len(),
    };
    let env = call.env("env")?;
    let weight = weight + env.iter().map(|(k, v)| k.len() + v.written().len() + 48).sum::<usize>();
    let spec = ShellSpec {
        workdir: call.formed("workdir", address::inside)?.map_or(defaults.workdir, Text::from),
        env,
        timeout: call.patience("timeout", defaults.timeout)?,
        max_time: call.patience("max_time", defaults.max_time)?,
        sigterm_time: call.duration("sigterm_time", Span::ZERO)?.unwrap_or(defaults.sigterm_time),
        pty: call.truth("usepty", defaults.pty)?,
        log_environ: call.truth("log_environ", defaults.log_environ)?,
        ..ShellSpec::new(defaults.command)
    };
    made(call, StepAction::Shell(spec), name, flags, weight)
}

/// The command of a step, if one is given.
fn command(call: &Call<'_, '_>) -> Result<Option<CommandLine>, Wrong> {
    let Some(value) = call.some("command") else { return Ok(None) };
    if value.unpack_str().is_some() {
        let script = call.text("command")?.unwrap_or_default();
        if script.trim().is_empty() {
            return Err(call.wrong_value("command", format!("command of {} is empty", call.def.path)).boxed());
        }
        return Ok(Some(CommandLine::script(script)));
    }
    if let Some(number) = given::items(value).and_then(|items| items.into_iter().find_map(given::integer)) {
        let message = format!("command of {} has the number {number} in it; it must be a list of texts", call.def.path);
        return Err(call.wrong_value("command", message).help(format!("write \"{number}\"")));
    }
    let words = match given::items(value) {
        Some(_) => call.texts("command", "a list of texts")?.unwrap_or_default(),
        None => return Err(call.wants("command", "a list of texts, or a text for the shell", value).boxed()),
    };
    match words.first().map(String::as_str) {
        None => Err(call.wrong_value("command", format!("command of {} is empty", call.def.path)).boxed()),
        Some("") => Err(call.wrong_value("command", format!("the program of {} is empty", call.def.path)).boxed()),
        Some(program) if program.contains(char::is_whitespace) && words.len() == 1 => {
            let message = format!("there is hardly a program named {}", quoted(program));
            let words: Vec<_> = program.split_whitespace().map(quoted).collect();
            Err(call.wrong_value("command", message).help(format!(
                "write {} for the shell, or [{}]",
                quoted(program),
                words.join(", ")
            )))
        }
        Some(_) => Ok(Some(CommandLine::words(words))),
    }
}

/// A name for a step that has none: the program, without its directory.
fn first_word(command: &CommandLine) -> String {
    let first = match command {
        CommandLine::Words(words) => words.first().map(Text::written).unwrap_or_default(),
        CommandLine::Script(script) => script.written().split_whitespace().next().unwrap_or("").to_owned(),
    };
    let base = first.rsplit('/').next().unwrap_or("");
    let name: String = base.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')).collect();
    let name: String = name.trim_start_matches(['-', '.']).chars().take(50).collect();
    if name.is_empty() { "shell".to_owned() } else { name }
}

fn git(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    if call.registry.mode == Mode::Pipeline {
        return Err(call
            .wrong(Part::Whole, "steps.git does not belong into a pipeline")
            .help("the repository is checked out before the first step"));
    }
    let repository = call.formed("repository", address::repository)?;
    let Some(repository) = repository else {
        return Err(call.wrong(Part::Whole, "steps.git needs repository").boxed());
    };
    let spec = GitSpec {
        branch: call.formed("branch", address::branch)?.map(Text::from),
        mode: mode(call)?,
        workdir: call.formed("workdir", address::below)?.map_or_else(|| Text::from("build"), Text::from),
        codebase: call.text("codebase")?.unwrap_or_default(),
        submodules: call.truth("submodules", false)?,
        shallow: shallow(call)?,
        retry: retry(call)?,
        always_use_latest: call.truth("always_use_latest", false)?,
        timeout: call.patience("timeout", Some(Span::seconds(1200)))?,
        repository: repository.into(),
    };
    let weight = spec.repository.written().len() + spec.codebase.len();
    made(call, StepAction::Git(spec), "git".to_owned(), StepFlags::HALTING, weight)
}

fn mode(call: &Call<'_, '_>) -> Result<GitMode, Wrong> {
    const MODES: [(&str, GitMode); 4] = [
        ("update", GitMode::Update),
        ("copy", GitMode::Copy),
        ("clobber", GitMode::Clobber),
        ("export", GitMode::Export),
    ];
    let Some(text) = call.text("mode")? else { return Ok(GitMode::Update) };
    if let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == text) {
        return Ok(*mode);
    }
    let help = match text.as_str() {
        "incremental" => Some("update".to_owned()),
        "full" => Some("clobber".to_owned()),
        _ => names::nearest(&text, MODES.iter().map(|(name, _)| *name)).map(str::to_owned),
    };
    let message = format!("steps.git has no mode {}; it has update, copy, clobber and export", quoted(&text));
    Err(call.wrong_value("mode", message).maybe_help(help.map(|h| format!("did you mean {}?", quoted(&h)))))
}

/// `True` is one commit, a number so many.
fn shallow(call: &Call<'_, '_>) -> Result<Option<u32>, Wrong> {
    match call.some("shallow").map(|v| v.unpack_bool()) {
        None | Some(Some(false)) => Ok(None),
        Some(Some(true)) => Ok(Some(1)),
        Some(None) => Ok(u32::try_from(call.number("shallow", 1, 1_000_000, 1)?).ok()),
    }
}

fn retry(call: &Call<'_, '_>) -> Result<Option<(Span, u32)>, Wrong> {
    let Some(value) = call.some("retry") else { return Ok(None) };
    let wrong = || call.wants("retry", "a delay and a number of times, as (\"10s\", 3)", value).boxed();
    let items = given::items(value).ok_or_else(wrong)?;
    let [delay, times] = items.as_slice() else { return Err(wrong()) };
    let times = given::integer(*times).filter(|n| (0..=1000).contains(n)).ok_or_else(wrong)?;
    let delay = call.to_duration("retry", *delay, Span::ZERO)?;
    Ok(u32::try_from(times).ok().filter(|n| *n > 0).map(|times| (delay, times)))
}

/// Registers a step.
fn made(
    call: &Call<'_, '_>,
    action: StepAction,
    default_name: String,
    flags: StepFlags,
    weight: usize,
) -> Result<Outcome, Wrong> {
    let given_name = call.formed("name", address::name)?;
    let named = given_name.is_some();
    let spec = StepSpec {
        flags: StepFlags {
            halt_on_failure: call.truth("halt_on_failure", flags.halt_on_failure)?,
            flunk_on_failure: call.truth("flunk_on_failure", flags.flunk_on_failure)?,
            flunk_on_warnings: call.truth("flunk_on_warnings", flags.flunk_on_warnings)?,
            warn_on_failure: call.truth("warn_on_failure", flags.warn_on_failure)?,
            warn_on_warnings: call.truth("warn_on_warnings", flags.warn_on_warnings)?,
            always_run: call.truth("always_run", flags.always_run)?,
        },
        description: words(call, "description")?.map(Text::from),
        description_done: words(call, "description_done")?.map(Text::from),
        defined_at: call.place(),
        ..StepSpec::new(given_name.unwrap_or(default_name), action)
    };
    let text = |t: &Option<Text>| t.as_ref().map_or(0, |t| t.written().len());
    let weight = weight + text(&spec.description) + text(&spec.description_done) + std::mem::size_of::<MadeStep>();
    let steps = &mut call.registry.steps.borrow_mut();
    if steps.len() >= MOST_STEPS || !call.registry.take(weight) {
        return Err(call.too_much());
    }
    steps.push(MadeStep { spec, named, weight, site: call.site.clone() });
    Ok(Outcome::Step(u32::try_from(steps.len() - 1).unwrap_or(u32::MAX)))
}

/// A text, or a list of words as Buildbot has it.
fn words(call: &Call<'_, '_>, name: &str) -> Result<Option<String>, Wrong> {
    match call.some(name) {
        Some(value) if value.unpack_str().is_none() => {
            Ok(call.texts(name, "a text or a list of words")?.map(|w| w.join(" ")))
        }
        _ => call.text(name),
    }
}
