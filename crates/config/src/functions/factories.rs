//! `factories.…`: the steps of the usual kinds of projects, as lists that may stand among other steps.

use super::steps::{self, TESTING};
use super::{Def, Param, p};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::given;
use crate::value::Step;
use model::{CommandLine, FollowedLog, Reading, ShellSpec, StepAction, StepFlags, StepSpec, Text};
use std::collections::BTreeMap;

/// What every factory has.
const COMMON: &[Param] = &[
    p("source", "step or list of steps that bring the source", "[]"),
    p("env", "dict of variables", "{}"),
    p("workdir", "directory below the builder's", "\"build\""),
];

const JOBS: Param = p("jobs", "number of processes at once", "the tool's own choice");
const COMPILE: Param = p("compile", "command; None: left out", "by the factory");
const TEST: Param = p("test", "command; None: left out", "by the factory");

/// Declares a factory.
macro_rules! factory {
    ($name:ident, $path:literal, $summary:literal, $example:literal, [$($param:expr),*], $run:ident) => {
        pub(super) const $name: Def = Def {
            path: $path,
            summary: $summary,
            example: $example,
            groups: &[COMMON, &[$($param),*]],
            by_position: 1,
            required: &[],
            in_pipelines: true,
            run: |call| {
                let mut factory = Factory::begin(call)?;
                $run(&mut factory)?;
                Ok(Outcome::Steps(factory.steps))
            },
        };
    };
}

factory!(
    GNU_AUTOCONF,
    "factories.gnu_autoconf",
    "Projects with a `configure`: configure, `make all`, `make check`.",
    "builder(\"zlib\", workers = [\"here\"], steps = factories.gnu_autoconf(source = \
     steps.git(\"https://github.com/madler/zlib\", mode = \"copy\"), configure_flags = [\"--disable-nls\"]))",
    [
        p("configure", "command; None: left out", "\"./configure\""),
        p("configure_env", "dict of variables for `configure` alone", "{}"),
        p("configure_flags", "list of texts that come after the command", "[]"),
        COMPILE,
        TEST,
        JOBS
    ],
    gnu_autoconf
);
factory!(
    CPAN,
    "factories.cpan",
    "Perl modules with a `Makefile.PL`: it, `make`, `make test`.",
    "factories.cpan(source = steps.git(\"https://github.com/example/Module\"), perl = \"perl5.36\")",
    [p("perl", "program", "\"perl\""), TEST],
    cpan
);
factory!(
    DISTUTILS,
    "factories.distutils",
    "Python modules with a `setup.py`: `setup.py build`, and a test if one is named.",
    "factories.distutils(python = \"python3\", test = \"python3 -m unittest\")",
    [p("python", "program", "\"python3\""), TEST],
    distutils
);
factory!(
    PYPROJECT,
    "factories.pyproject",
    "Python projects with a `pyproject.toml`: an environment of their own in `.venv`, themselves installed into it, \
     `pytest`.",
    "factories.pyproject(extras = [\"test\"])",
    [
        p("python", "program", "\"python3\""),
        p("extras", "list of optional parts to install", "[]"),
        p("packages", "list of packages to install besides", "[\"pytest\"]"),
        TEST
    ],
    pyproject
);
factory!(
    TRIAL,
    "factories.trial",
    "Python projects that are tested with Twisted's `trial`: `setup.py build`, then `trial` if `tests` are named.",
    "factories.trial(tests = [\"toplevel.test\", \"other.test\"], trialpython = [\"python3\", \"-Wall\"], randomly = True)",
    [
        p("buildpython", "list of texts", "[\"python3\"]"),
        p("testpath", "directory for `PYTHONPATH`; None: left alone", "\".\""),
        p("trialpython", "list of texts before `trial`", "[]"),
        p("trial", "program", "\"trial\""),
        p("trial_mode", "list of texts after `trial`", "[\"--reporter=bwverbose\"]"),
        p("tests", "name or list of names of modules", "none are run"),
        p("randomly", "True or False: in any order", "False"),
        p("recurse", "True or False: in packages below too", "False"),
        p(
            "test_changes",
            "True or False: only the tests that the changed .py files name; without any, `tests`",
            "False"
        ),
        p("jobs", "number of processes", "one")
    ],
    trial
);
factory!(
    CARGO,
    "factories.cargo",
    "Rust projects: `cargo build --all-targets`, `cargo test`.",
    "factories.cargo(flags = [\"--workspace\", \"--locked\"], clippy = True)",
    [
        p("flags", "list of texts after each verb", "[]"),
        p("clippy", "True or False: `cargo clippy` with warnings as errors", "False"),
        TEST
    ],
    cargo
);
factory!(
    CMAKE,
    "factories.cmake",
    "Projects with a `CMakeLists.txt`: configure into a directory of its own, build, `ctest`.",
    "factories.cmake(flags = [\"-DBUILD_SHARED_LIBS=ON\"], build_type = \"Debug\", jobs = 4)",
    [
        p("flags", "list of texts for the first command", "[]"),
        p("build_type", "text", "\"Release\""),
        p("out", "directory below the work directory", "\"out\""),
        JOBS,
        TEST
    ],
    cmake
);
factory!(
    MESON,
    "factories.meson",
    "Projects with a `meson.build`: set up into a directory of its own, compile, test.",
    "factories.meson(flags = [\"-Dwerror=true\"])",
    [
        p("flags", "list of texts for the first command", "[]"),
        p("out", "directory below the work directory", "\"out\""),
        TEST
    ],
    meson
);
factory!(
    NODE,
    "factories.node",
    "Node projects: `npm ci`, `npm run build --if-present`, `npm test`.",
    "factories.node(manager = \"pnpm\", test = None)",
    [p("manager", "\"npm\", \"pnpm\" or \"yarn\"", "\"npm\""), COMPILE, TEST],
    node
);
factory!(
    GO,
    "factories.go",
    "Go modules: `go build`, `go vet`, `go test`.",
    "factories.go(packages = \"./cmd/...\")",
    [p("packages", "text", "\"./...\""), p("vet", "True or False", "True"), TEST],
    go
);

/// A step to be made.
struct Plan<'p> {
    name: &'p str,
    flags: StepFlags,
    reading: Reading,
    env: BTreeMap<String, Text>,
    /// The file that a report of tests is in.
    report: Option<&'p str>,
}

impl<'p> Plan<'p> {
    fn new(name: &'p str, flags: StepFlags, reading: Reading) -> Self {
        Self { name, flags, reading, env: BTreeMap::new(), report: None }
    }
}

/// Steps in the making.
struct Factory<'c, 'v, 'r> {
    call: &'c Call<'v, 'r>,
    steps: Vec<u32>,
    env: BTreeMap<String, Text>,
    workdir: Text,
}

impl<'c, 'v, 'r> Factory<'c, 'v, 'r> {
    fn begin(call: &'c Call<'v, 'r>) -> Result<Self, Wrong> {
        let mut steps = Vec::new();
        if let Some(value) = call.some("source") {
            let wrong = || call.wants("source", "a step, or a list of steps", value).boxed();
            let items = match Step::from_value(value) {
                Some(_) => vec![value],
                None => given::flat_items(value).ok_or_else(wrong)?,
            };
            for item in items {
                steps.push(Step::from_value(item).ok_or_else(wrong)?.index);
            }
        }
        let workdir = steps::workdir(call, address::inside)?;
        Ok(Self { call, steps, env: call.env("env")?, workdir })
    }

    fn step(&mut self, name: &str, command: CommandLine) -> Result<(), Wrong> {
        self.add(command, Plan::new(name, StepFlags::HALTING, Reading::default()))
    }

    fn compile(&mut self, name: &str, command: CommandLine) -> Result<(), Wrong> {
        self.add(command, Plan::new(name, StepFlags::HALTING, steps::compile_reading()))
    }

    /// The test: the caller's command, or this one, or none.
    fn test(&mut self, default: Option<CommandLine>, format: &str) -> Result<(), Wrong> {
        match self.given("test", default)? {
            Some(command) => self.add(command, Plan::new("test", TESTING, steps::test_reading(format))),
            None => Ok(()),
        }
    }

    fn add(&mut self, command: CommandLine, plan: Plan<'_>) -> Result<(), Wrong> {
        let Plan { name, flags, mut reading, env, report } = plan;
        let mut log_files = Vec::new();
        if let (Some(path), Some(tests)) = (report, &mut reading.tests) {
            tests.log = "report".to_owned();
            log_files.push(FollowedLog { name: "report".to_owned(), path: path.into(), follow: true });
        }
        let mut all = self.env.clone();
        all.extend(env);
        let shell =
            ShellSpec { workdir: self.workdir.clone(), env: all, reading, log_files, ..ShellSpec::new(command) };
        let defined_at = self.call.place();
        let spec = StepSpec { flags, defined_at, ..StepSpec::new(name, StepAction::Shell(shell)) };
        self.steps.push(steps::keep(self.call, spec, false)?);
        Ok(())
    }

    /// The command that the caller gives, or the default; `None`: it is left out.
    fn given(&self, name: &str, default: Option<CommandLine>) -> Result<Option<CommandLine>, Wrong> {
        match self.call.value(name) {
            None => Ok(default),
            Some(none) if none.is_none() => Ok(None),
            Some(value) => steps::command(self.call, name, value).map(Some),
        }
    }

    fn program(&self, name: &str, default: &str) -> Result<Text, Wrong> {
        Ok(self.call.rich(name)?.unwrap_or_else(|| default.into()))
    }

    fn list(&self, name: &str, default: &[&str]) -> Result<Vec<Text>, Wrong> {
        let given = self.call.rich_texts(name, "a list of texts")?;
        Ok(given.unwrap_or_else(|| default.iter().map(|w| Text::from(*w)).collect()))
    }

    /// The directory that a tool works in, and the number of its processes as a word.
    fn out(&self) -> Result<String, Wrong> {
        Ok(self.call.formed("out", address::below)?.unwrap_or_else(|| "out".to_owned()))
    }

    fn jobs(&self) -> Result<Option<String>, Wrong> {
        let jobs = self.call.number("jobs", 1, 10_000, 0)?;
        Ok((jobs > 0).then(|| format!("-j{jobs}")))
    }
}

/// Some words and then others.
fn words(first: &[&str], more: impl IntoIterator<Item = Text>) -> CommandLine {
    CommandLine::Words(first.iter().map(|w| Text::from(*w)).chain(more).collect())
}

fn gnu_autoconf(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let flags = f.list("configure_flags", &[])?;
    let env = f.call.env("configure_env")?;
    let jobs = f.jobs()?.map(Text::from);
    if let Some(command) = f.given("configure", Some(words(&["./configure"], [])))? {
        let command = with_flags(f.call, command, flags)?;
        f.add(command, Plan { env, ..Plan::new("configure", StepFlags::HALTING, Reading::default()) })?;
    }
    let all = jobs.clone().into_iter().chain([Text::from("all")]);
    if let Some(command) = f.given("compile", Some(words(&["make"], all)))? {
        f.compile("compile", command)?;
    }
    f.test(Some(words(&["make"], jobs.into_iter().chain([Text::from("check")]))), "auto")
}

/// A command with more words. A text gets them in quotes of the shell.
fn with_flags(call: &Call<'_, '_>, command: CommandLine, flags: Vec<Text>) -> Result<CommandLine, Wrong> {
    if flags.is_empty() {
        return Ok(command);
    }
    match command {
        CommandLine::Words(mut all) => {
            all.extend(flags);
            Ok(CommandLine::Words(all))
        }
        CommandLine::Script(script) => {
            let plain: Option<Vec<&str>> = flags.iter().map(Text::plain).collect();
            match (script.plain(), plain) {
                (Some(script), Some(flags)) => {
                    let quoted = flags.iter().map(|flag| format!(" '{}'", flag.replace('\'', "'\\''")));
                    Ok(CommandLine::Script(Text::Plain(quoted.fold(script.to_owned(), |all, flag| all + &flag))))
                }
                _ => {
                    let message = "configure_flags with something to be put in go with a list as configure only";
                    Err(call.wrong_value("configure_flags", message).help("write configure = [\"./configure\"]"))
                }
            }
        }
    }
}

fn cpan(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let perl = f.program("perl", "perl")?;
    f.step("configure", CommandLine::Words(vec![perl, "Makefile.PL".into()]))?;
    f.compile("compile", words(&["make"], []))?;
    f.test(Some(words(&["make", "test"], [])), "prove")
}

fn distutils(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let python = f.program("python", "python3")?;
    f.compile("compile", CommandLine::Words(vec![python, "./setup.py".into(), "build".into()]))?;
    f.test(None, "auto")
}

fn pyproject(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    const OWN: &str = ".venv/bin/python";
    let python = f.program("python", "python3")?;
    let extras = f.call.texts("extras", "a list of texts")?.unwrap_or_default();
    let itself = if extras.is_empty() { ".".to_owned() } else { format!(".[{}]", extras.join(",")) };
    let packages = f.list("packages", &["pytest"])?;
    f.step("venv", CommandLine::Words(vec![python, "-m".into(), "venv".into(), ".venv".into()]))?;
    let install = [Text::from(itself)].into_iter().chain(packages);
    f.step("install", words(&[OWN, "-m", "pip", "install"], install))?;
    f.test(Some(words(&[OWN, "-m", "pytest"], [])), "auto")
}

fn trial(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let mut build = f.list("buildpython", &["python3"])?;
    build.extend(["./setup.py".into(), "build".into()]);
    f.compile("compile", CommandLine::Words(build))?;
    let part = steps::test_changes(f.call)?;
    if f.call.some("tests").is_none() && !part {
        return Ok(());
    }
    let command = steps::trial_command(f.call)?;
    let path = match f.call.value("testpath") {
        Some(none) if none.is_none() => None,
        _ => Some(f.program("testpath", ".")?),
    };
    let env = path.map(|path| ("PYTHONPATH".to_owned(), path)).into_iter().collect();
    let mut reading = steps::test_reading("trial");
    if let Some(tests) = &mut reading.tests {
        tests.part = part;
    }
    f.add(command, Plan { env, ..Plan::new("test", TESTING, reading) })
}

fn cargo(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let flags = f.list("flags", &[])?;
    f.compile("compile", words(&["cargo", "build", "--all-targets"], flags.clone()))?;
    if f.call.truth("clippy", false)? {
        let strict = ["--", "-D", "warnings"].map(Text::from);
        f.compile("clippy", words(&["cargo", "clippy", "--all-targets"], flags.clone().into_iter().chain(strict)))?;
    }
    f.test(Some(words(&["cargo", "test"], flags)), "cargo_test")
}

fn cmake(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let out = f.out()?;
    let build_type = f.call.text("build_type")?.unwrap_or_else(|| "Release".to_owned());
    let mut flags = vec![Text::from(format!("-DCMAKE_BUILD_TYPE={build_type}"))];
    flags.extend(f.list("flags", &[])?);
    f.step("configure", words(&["cmake", "-S", ".", "-B", &out], flags))?;
    f.compile("compile", words(&["cmake", "--build", &out], f.jobs()?.map(Text::from)))?;
    f.test(Some(words(&["ctest", "--test-dir", &out, "--output-on-failure"], [])), "ctest")
}

fn meson(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let out = f.out()?;
    let flags = f.list("flags", &[])?;
    f.step("configure", words(&["meson", "setup", "--reconfigure", &out], flags))?;
    f.compile("compile", words(&["meson", "compile", "-C", &out], []))?;
    let default = words(&["meson", "test", "-C", &out, "--print-errorlogs"], []);
    if f.call.value("test").is_some() {
        return f.test(Some(default), "auto");
    }
    let report = format!("{out}/meson-logs/testlog.junit.xml");
    let plan = Plan::new("test", TESTING, steps::test_reading("junit"));
    f.add(default, Plan { report: Some(&report), ..plan })
}

fn node(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    const MANAGERS: [(&str, &str); 3] = [("npm", "npm"), ("pnpm", "pnpm"), ("yarn", "yarn")];
    let manager = f.call.choice("manager", &MANAGERS, "npm")?;
    let install: &[&str] = match manager {
        "npm" => &["npm", "ci"],
        other => &[other, "install", "--frozen-lockfile"],
    };
    f.step("install", words(install, []))?;
    let build = match manager {
        "yarn" => words(&["yarn", "run", "build"], []),
        other => words(&[other, "run", "--if-present", "build"], []),
    };
    if let Some(command) = f.given("compile", Some(build))? {
        f.compile("compile", command)?;
    }
    f.test(Some(words(&[manager, "test"], [])), "auto")
}

fn go(f: &mut Factory<'_, '_, '_>) -> Result<(), Wrong> {
    let packages = f.program("packages", "./...")?;
    f.compile("compile", words(&["go", "build"], [packages.clone()]))?;
    if f.call.truth("vet", true)? {
        f.step("vet", words(&["go", "vet"], [packages.clone()]))?;
    }
    f.test(Some(words(&["go", "test", "-json"], [packages])), "go_test_json")
}
