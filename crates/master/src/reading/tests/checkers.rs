//! Recorded output of real checkers, through the steps that the configuration makes of them, to result and words.
//! Pylint 4.1.4, Pyflakes 4.1.0, Sphinx 9.0.4, and HLint, Lintian and debuild of Debian 12.

use super::found;
use config::{Limits, Loader};
use engine::build::{CommandEnd, judge};
use model::{StepAction, StepSpec, Stream};
use std::path::Path;

/// A configuration with one step.
struct Only(&'static str);

impl Loader for Only {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(format!("local_worker(\"w\")\nbuilder(\"b\", workers = [\"w\"], steps = [{}])\n", self.0))
    }
    fn secret_file(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn print(&self, _: &str) {}
}

fn step(text: &'static str) -> StepSpec {
    let loaded = config::load("master.star", &Only(text), &Limits::default()).unwrap_or_else(|e| panic!("{text}: {e}"));
    loaded.builders[0].steps[0].clone()
}

/// The result, the line, and the properties that are not 0.
async fn judged(sample: &str, text: &'static str, code: i32) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkers").join(format!("{sample}.txt"));
    let output = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let spec = step(text);
    let StepAction::Shell(shell) = &spec.action else { panic!("{text} runs no command") };
    let findings = found(&[("stdio", Stream::Stdout, &output)], shell.reading.clone(), None, code).await;
    let judgement = judge(Some(&spec), &CommandEnd::Exited(code), &findings);
    let counted = |(name, value): &(String, model::Value)| match value {
        model::Value::Int(0) => None,
        model::Value::Int(count) => Some(format!("{name} {count}")),
        other => panic!("{name} is {other:?}"),
    };
    let properties: Vec<_> = findings.properties.iter().filter_map(counted).collect();
    format!("{sample}: {}, {}; [{}]", judgement.results, judgement.state, properties.join(", "))
}

/// The numbers are those that the tools themselves tell, where they do.
const EXPECTED: &str = "\
pylint: FAILURE, failed with exit code 22; 14 warnings (3 error, 6 warning, 5 convention); [pylint_error 3, pylint_warning 6, pylint_convention 5, pylint_total 14]
pylint-parseable: FAILURE, failed with exit code 22; 14 warnings (3 error, 6 warning, 5 convention); [pylint_error 3, pylint_warning 6, pylint_convention 5, pylint_total 14]
pylint-broken: FAILURE, failed with exit code 2; 1 warning (1 error); [pylint_error 1, pylint_total 1]
pylint: WARNINGS, 14 warnings (3 error, 6 warning, 5 convention); [pylint_error 3, pylint_warning 6, pylint_convention 5, pylint_total 14]
pylint: WARNINGS, 14 warnings (3 error, 6 warning, 5 convention); [pylint_error 3, pylint_warning 6, pylint_convention 5, pylint_total 14]
pyflakes: WARNINGS, 7 warnings (1 format, 2 import, 1 redefined, 3 unused); [pyflakes_format 1, pyflakes_import 2, pyflakes_redefined 1, pyflakes_unused 3, pyflakes_total 7]
pyflakes-undefined: FAILURE, 4 warnings (1 format, 2 undefined, 1 unused); [pyflakes_format 1, pyflakes_undefined 2, pyflakes_unused 1, pyflakes_total 4]
pyflakes-broken: FAILURE, 1 warning (1 error); [pyflakes_error 1, pyflakes_total 1]
pyflakes-gone: FAILURE, 1 warning (1 error); [pyflakes_error 1, pyflakes_total 1]
sphinx: WARNINGS, 4 warnings (1 error, 3 warning); [sphinx_error 1, sphinx_warning 3, sphinx_total 4]
sphinx: FAILURE, failed with exit code 1; 4 warnings (1 error, 3 warning); [sphinx_error 1, sphinx_warning 3, sphinx_total 4]
hlint: WARNINGS, 8 warnings (6 warning, 2 suggestion); [hlint_warning 6, hlint_suggestion 2, hlint_total 8]
hlint-broken: FAILURE, 1 warning (1 error); [hlint_error 1, hlint_total 1]
hlint-gone: FAILURE, 1 warning (1 error); [hlint_error 1, hlint_total 1]
lintian: FAILURE, failed with exit code 2; 7 warnings (3 error, 4 warning); [lintian_error 3, lintian_warning 4, lintian_total 7]
lintian-all: FAILURE, 12 warnings (3 error, 4 warning, 3 info, 2 pedantic); [lintian_error 3, lintian_warning 4, lintian_info 3, lintian_pedantic 2, lintian_total 12]
lintian-nothing: FAILURE, 1 warning (1 error); [lintian_error 1, lintian_total 1]
debuild: FAILURE, 8 warnings (3 error, 4 warning, 1 build); [debuild_error 3, debuild_warning 4, debuild_build 1, debuild_total 8]
du: SUCCESS, 1284 KiB; [tree_size_kib 1284]
du: FAILURE, failed with exit code 1; []
hlint-gone: EXCEPTION, its logs could not be read: the output begins with no number for the property tree_size_kib; []
hlint: WARNINGS, 8 warnings (3 odd); [odd 3]";

#[tokio::test]
async fn findings_of_real_checkers_are_counted_by_kind() {
    let table = [
        ("pylint", "steps.pylint()", 22),
        ("pylint-parseable", "steps.pylint()", 22),
        ("pylint-broken", "steps.pylint()", 2),
        ("pylint", "steps.pylint([\"pylint\", \"river\"], decode_rc = {22: WARNINGS}, max_warn_count = 14)", 22),
        ("pylint", "steps.pylint()", 20),
        ("pyflakes", "steps.pyflakes()", 1),
        ("pyflakes-undefined", "steps.pyflakes()", 1),
        ("pyflakes-broken", "steps.pyflakes()", 1),
        ("pyflakes-gone", "steps.pyflakes()", 1),
        ("sphinx", "steps.sphinx()", 0),
        ("sphinx", "steps.sphinx()", 1),
        ("hlint", "steps.hlint()", 1),
        ("hlint-broken", "steps.hlint()", 1),
        ("hlint-gone", "steps.hlint()", 1),
        ("lintian", "steps.lintian()", 2),
        ("lintian-all", "steps.lintian()", 0),
        ("lintian-nothing", "steps.lintian()", 0),
        ("debuild", "steps.debuild()", 0),
        ("du", "steps.tree_size()", 0),
        ("du", "steps.tree_size()", 1),
        ("hlint-gone", "steps.tree_size()", 0),
        ("hlint", "steps.shell(\"hlint\", warning_pattern = \"^src\", warning_kinds = {\"odd\": \"Redundant\"})", 0),
    ];
    let mut lines = Vec::new();
    for (sample, text, code) in table {
        lines.push(judged(sample, text, code).await);
    }
    assert_eq!(lines.join("\n"), EXPECTED);
}
