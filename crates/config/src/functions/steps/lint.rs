//! Steps of well-known checkers, which count what they find by kind, and two small chores around a tree.

use super::{COMMON, made, reading, shell};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, Param, p};
use model::{CommandLine, PropertyReading, Reading, Results, StepAction, StepFlags, WarningKind, WarningReading};

const COMMAND: &[Param] = &[p("command", "list of texts, or a text for the shell", "by the step")];

const GROUPS: &[&[Param]] = &[COMMAND, shell::RUN, reading::WARNINGS, reading::TESTS, COMMON];

/// A program that checks, and what its lines mean.
struct Checker {
    name: &'static str,
    command: &'static [&'static str],
    /// A line that counts.
    pattern: &'static str,
    /// Kinds by name; the first whose pattern the line has is its own.
    kinds: &'static [(&'static str, &'static str, Harm)],
    /// Exit codes that say only that something was found.
    found: &'static [i32],
    flags: StepFlags,
}

/// What a finding of a kind does to a step whose command passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    Warns,
    Fails,
}

use Harm::{Fails, Warns};

/// Its exit code has a bit for each kind: 1 fatal, 2 error, 4 warning, 8 refactor, 16 convention; 32 is its own misuse.
/// See <https://pylint.readthedocs.io/en/stable/user_guide/usage/run.html#exit-codes>. The lines are those of its
/// formats `text` and `parseable`.
const OF_PYLINT: Checker = Checker {
    name: "pylint",
    command: &["pylint", "--recursive=y", "."],
    pattern: r"^.+?:\d+:(?:\d+:)? \[?[FEWRCI]\d{4}[:(]",
    kinds: &[
        ("fatal", r":\d+:(?:\d+:)? \[?F\d{4}[:(]", Warns),
        ("error", r":\d+:(?:\d+:)? \[?E\d{4}[:(]", Warns),
        ("warning", r":\d+:(?:\d+:)? \[?W\d{4}[:(]", Warns),
        ("refactor", r":\d+:(?:\d+:)? \[?R\d{4}[:(]", Warns),
        ("convention", r":\d+:(?:\d+:)? \[?C\d{4}[:(]", Warns),
        ("info", r":\d+:(?:\d+:)? \[?I\d{4}[:(]", Warns),
    ],
    found: &[4, 8, 12, 16, 20, 24, 28],
    flags: StepFlags::PLAIN,
};

/// Its exit code is 1 for an unused import, for a file that is no Python, and for one that is not there.
const OF_PYFLAKES: Checker = Checker {
    name: "pyflakes",
    command: &["pyflakes", "."],
    pattern: r"^.+?:\d+:(?:\d+:?)? |^.+: (?:No such file or directory|Permission denied|problem decoding source)$|^Traceback \(most recent call last\)",
    kinds: &[
        ("format", r"'\.\.\.'(?:\.format| %)", Warns),
        ("import", r"import \*'|import(?:s|ed)? .*(?:shadowed|star|must occur)|star imports", Warns),
        ("undefined", r"undefined name|referenced before assignment", Fails),
        ("redefined", "redefinition of|repeated with different values", Warns),
        ("unused", "(?:imported|assigned to|annotated) but (?:un|never )used|is unused", Warns),
        (
            "error",
            "No such file|Permission denied|problem decoding|^Traceback|(?i:syntax)|never closed|unterminated|\
             unmatched|does not match|unexpected|expected|indent|EOF|EOL|cannot|null bytes|outside (?:function|loop)",
            Fails,
        ),
        ("other", "", Warns),
    ],
    found: &[1],
    flags: StepFlags::PLAIN,
};

const OF_SPHINX: Checker = Checker {
    name: "sphinx",
    command: &["sphinx-build", "-b", "html", "docs", "docs/_build/html"],
    pattern: "^(?:.+: )?(?:WARNING|ERROR|SEVERE|CRITICAL): ",
    kinds: &[("error", "(?:ERROR|SEVERE|CRITICAL): ", Warns), ("warning", "WARNING: ", Warns)],
    found: &[],
    flags: StepFlags::PLAIN,
};

/// Its exit code is 1 for a suggestion, and for a file that is not there.
const OF_HLINT: Checker = Checker {
    name: "hlint",
    command: &["hlint", "."],
    pattern: r"^.+?:[0-9(][0-9,():-]*: (?:Error|Warning|Suggestion|Ignore): |^Couldn't find |^hlint: ",
    kinds: &[
        ("error", ": Error: |^Couldn't find |^hlint: ", Fails),
        ("warning", ": Warning: ", Warns),
        ("suggestion", ": Suggestion: ", Warns),
        ("ignored", ": Ignore: ", Warns),
    ],
    found: &[1],
    flags: StepFlags::PLAIN,
};

/// Without a .changes file it checks nothing, says so, and its exit code is 0.
const OF_LINTIAN: Checker = Checker {
    name: "lintian",
    command: &["lintian"],
    pattern: "^[EWIPX]: |^Cannot find a changes file",
    kinds: &[
        ("error", "^E: |^Cannot find a changes file", Fails),
        ("warning", "^W: ", Warns),
        ("info", "^I: ", Warns),
        ("pedantic", "^P: ", Warns),
        ("experimental", "^X: ", Warns),
    ],
    found: &[],
    flags: StepFlags::PLAIN,
};

/// What the compilers say is of the kind `build`, the rest is lintian's, which it runs at the end.
const OF_DEBUILD: Checker = Checker {
    name: "debuild",
    command: &["debuild", "-us", "-uc"],
    pattern: "^[EWIPX]: |warning: ",
    kinds: &[("error", "^E: ", Fails), ("warning", "^W: ", Warns), ("info", "^[IPX]: ", Warns), ("build", "", Warns)],
    found: &[],
    flags: StepFlags::HALTING,
};

pub(in crate::functions) const PYLINT: Def = Def {
    path: "steps.pylint",
    summary: "Checks Python with Pylint: `pylint --recursive=y .` unless told otherwise. Its messages are counted into \
              the properties `pylint_fatal`, `pylint_error`, `pylint_warning`, `pylint_refactor`, `pylint_convention`, \
              `pylint_info` and `pylint_total`. Fatal messages and errors are a FAILURE, all others WARNINGS, as the \
              bits of its exit code say.",
    example: "steps.pylint([\"pylint\", \"mypackage\"], flunk_on_failure = False)",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_PYLINT),
};

pub(in crate::functions) const PYFLAKES: Def = Def {
    path: "steps.pyflakes",
    summary: "Checks Python with Pyflakes: `pyflakes .` unless told otherwise. Its messages are counted into the \
              properties `pyflakes_undefined`, `pyflakes_error` (a file that is no Python or cannot be read), \
              `pyflakes_unused`, `pyflakes_import`, `pyflakes_redefined`, `pyflakes_format`, `pyflakes_other` and \
              `pyflakes_total`. The first two are a FAILURE, all others WARNINGS.",
    example: "steps.pyflakes([\"pyflakes\", \"mypackage\"])",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_PYFLAKES),
};

pub(in crate::functions) const SPHINX: Def = Def {
    path: "steps.sphinx",
    summary: "Makes documents with Sphinx: `sphinx-build -b html docs docs/_build/html` unless told otherwise. What it \
              complains of is counted into the properties `sphinx_error`, `sphinx_warning` and `sphinx_total`, and any \
              makes the step WARNINGS; with its option `-W`, a FAILURE.",
    example: "steps.sphinx([\"sphinx-build\", \"-W\", \"--keep-going\", \"docs\", \"_html\"])",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_SPHINX),
};

pub(in crate::functions) const HLINT: Def = Def {
    path: "steps.hlint",
    summary: "Checks Haskell with HLint: `hlint .` unless told otherwise. Its hints are counted into the properties \
              `hlint_error`, `hlint_warning`, `hlint_suggestion`, `hlint_ignored` and `hlint_total`. Errors, and a file \
              that is not there, are a FAILURE, all others WARNINGS.",
    example: "steps.hlint([\"hlint\", \"src\", \"app\"])",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_HLINT),
};

pub(in crate::functions) const LINTIAN: Def = Def {
    path: "steps.lintian",
    summary: "Checks Debian packages with Lintian: those that the tree was last built to, unless told otherwise. Its \
              tags are counted into the properties `lintian_error`, `lintian_warning`, `lintian_info`, \
              `lintian_pedantic`, `lintian_experimental` and `lintian_total`. Errors, and nothing to check, are a \
              FAILURE, all others WARNINGS.",
    example: "steps.lintian([\"lintian\", \"--pedantic\"])",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_LINTIAN),
};

pub(in crate::functions) const DEBUILD: Def = Def {
    path: "steps.debuild",
    summary: "Builds Debian packages: `debuild -us -uc` unless told otherwise, so nothing is signed; they are put beside \
              the work directory. The tags of Lintian, which it runs, and the warnings of compilers are counted into the \
              properties `debuild_error`, `debuild_warning`, `debuild_info`, `debuild_build` and `debuild_total`. \
              Errors of Lintian are a FAILURE. A failure ends the build.",
    example: "steps.debuild([\"debuild\", \"-us\", \"-uc\", \"-b\"], timeout = \"1h\")",
    groups: GROUPS,
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: |call| check(call, &OF_DEBUILD),
};

pub(in crate::functions) const TREE_SIZE: Def = Def {
    path: "steps.tree_size",
    summary: "Measures what the work directory takes on the disk, with `du`: in KiB, into the property `tree_size_kib` \
              and into the step's line.",
    example: "steps.tree_size()",
    groups: &[shell::RUN, COMMON],
    by_position: 0,
    required: &[],
    in_pipelines: true,
    run: |call| {
        let number = PropertyReading::Number { name: "tree_size_kib".to_owned(), unit: "KiB".to_owned() };
        let reading = Reading { property: Some(number), ..Reading::default() };
        chore(call, "tree_size", &["du", "-s", "-k", "."], reading)
    },
};

pub(in crate::functions) const REMOVE_PYC: Def = Def {
    path: "steps.remove_pyc",
    summary: "Removes compiled Python, `*.pyc` and `*.pyo`, from the work directory and all below it, so that no module \
              is found whose source is gone.",
    example: "steps.remove_pyc()",
    groups: &[shell::RUN, COMMON],
    by_position: 0,
    required: &[],
    in_pipelines: true,
    run: |call| {
        let find = &["find", ".", "-type", "f", "-name", "*.py[co]", "-delete"];
        chore(call, "remove_pyc", find, Reading::default())
    },
};

fn check(call: &Call<'_, '_>, checker: &Checker) -> Result<Outcome, Wrong> {
    let command = match call.some("command") {
        Some(value) => shell::command(call, "command", value)?,
        None => CommandLine::words(checker.command.iter().copied()),
    };
    let kinds = checker.kinds.iter().map(|(kind, pattern, harm)| WarningKind {
        name: (*kind).to_owned(),
        property: format!("{}_{kind}", checker.name),
        pattern: (*pattern).to_owned(),
        fails: *harm == Fails,
    });
    let counted = WarningReading {
        pattern: checker.pattern.to_owned(),
        kinds: kinds.collect(),
        total: Some(format!("{}_total", checker.name)),
        ..WarningReading::default()
    };
    let mut spec = shell::run(call, command, Reading { warnings: Some(counted), ..Reading::default() })?;
    if call.some("decode_rc").is_none() {
        spec.decode_rc = checker.found.iter().map(|code| (*code, Results::Warnings)).collect();
    }
    made(call, StepAction::Shell(spec), checker.name, checker.flags)
}

fn chore(call: &Call<'_, '_>, name: &str, words: &[&str], reading: Reading) -> Result<Outcome, Wrong> {
    let spec = shell::run(call, CommandLine::words(words.iter().copied()), reading)?;
    made(call, StepAction::Shell(spec), name, StepFlags::PLAIN)
}
