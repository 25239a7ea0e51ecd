//! `steps.trial`: Twisted's test runner, also with the tests of changed files only.

use super::shell::{TESTING, run};
use super::{COMMON, made, reading};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, Param, p};
use crate::texts::is_text;
use model::{CommandLine, Form, Lookup, Piece, StepAction, Text};

/// What is said to `trial`.
const WORDS: &[Param] = &[
    p("tests", "name or list of names of modules", "[]"),
    p("test_changes", "True or False: only the tests that the changed .py files name; without any, `tests`", "False"),
    p("trialpython", "list of texts before `trial`", "[]"),
    p("trial", "program", "\"trial\""),
    p("trial_mode", "list of texts after `trial`", "[\"--reporter=bwverbose\"]"),
    p("randomly", "True or False: in any order", "False"),
    p("recurse", "True or False: in packages below too", "False"),
    p("jobs", "number of processes", "one"),
];

pub(in crate::functions) const TRIAL: Def = Def {
    path: "steps.trial",
    summary: "Tests with Twisted's `trial`, whose output is read as a report of tests. With `test_changes`, each \
              changed file that ends with `.py` is given as `--testmodule`, so that the tests run which its line \
              `-*- test-case-name: … -*-` names; when no such file was changed, or more than 1000, `tests` are run.",
    example: "steps.trial(tests = [\"toplevel.test\"], test_changes = True, env = {\"PYTHONPATH\": \".\"})",
    groups: &[WORDS, super::shell::RUN, reading::TESTS, reading::WARNINGS, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: trial,
};

fn trial(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let mut default = reading::test_reading("trial");
    if let Some(tests) = &mut default.tests {
        tests.part = test_changes(call)?;
    }
    let shell = run(call, command(call)?, default)?;
    made(call, StepAction::Shell(shell), "test", TESTING)
}

/// Whether only the tests of changed files are wanted.
pub(in crate::functions) fn test_changes(call: &Call<'_, '_>) -> Result<bool, Wrong> {
    call.truth("test_changes", false)
}

/// The command that the arguments ask for.
pub(in crate::functions) fn command(call: &Call<'_, '_>) -> Result<CommandLine, Wrong> {
    let list = |name, default: &[&str]| -> Result<Vec<Text>, Wrong> {
        let given = call.rich_texts(name, "a list of texts")?;
        Ok(given.unwrap_or_else(|| default.iter().map(|word| Text::from(*word)).collect()))
    };
    let tests = match call.some("tests") {
        Some(one) if is_text(one) => vec![call.to_text("tests", one)?],
        _ => list("tests", &[])?,
    };
    let mut words = list("trialpython", &[])?;
    words.push(call.rich("trial")?.unwrap_or_else(|| "trial".into()));
    words.extend(list("trial_mode", &["--reporter=bwverbose"])?);
    if call.truth("randomly", false)? {
        words.push("--random=0".into());
    }
    if call.truth("recurse", false)? {
        words.push("--recurse".into());
    }
    let jobs = call.number("jobs", 1, 10_000, 0)?;
    if jobs > 0 {
        words.push(format!("--jobs={jobs}").into());
    }
    match test_changes(call)? {
        false => words.extend(tests),
        true => {
            let python =
                |none, form| Piece::Lookup { of: Lookup::ChangedFiles { globs: vec!["*.py".into()], none }, form };
            let module = Piece::Literal("--testmodule=".to_owned());
            words.push(Text::Pieces(vec![module, python(false, Form::OrElse(Text::default()))]));
            words.extend(tests.into_iter().map(|test| Text::Pieces(vec![python(true, Form::IfSet(test))])));
        }
    }
    Ok(CommandLine::Words(words))
}
