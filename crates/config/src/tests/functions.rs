//! Functions that a configuration gives: how they are found again, what they are given, and what becomes of those that
//! loop, raise or answer something odd.

use super::Memory;
use crate::{Limits, Loaded, load_all};
use model::{FunctionRef, Value};
use std::collections::BTreeMap;

/// A configuration whose builder asks these functions, in order: `next_worker`, `can_start`, `next_request`.
fn loaded(text: &str) -> Loaded {
    let before = "local_worker(\"here\")\n";
    match load_all("master.star", &Memory::master(&format!("{before}{text}")), &Limits::default()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{error}"),
    }
}

/// One function as `can_start` of a builder: what it answers.
fn answer(function: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = format!("{function}\nbuilder(\"b\", workers = [\"here\"], steps = [steps.test()], can_start = f)\n");
    let loaded = loaded(&text);
    let reference = loaded.config.builders[0].can_start.clone().unwrap();
    loaded.functions.call(&reference, arguments).map_err(|e| e.message)
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
}

fn a_change() -> Value {
    let files = Value::List(vec!["src/a.c".into(), "README.md".into()]);
    let properties = map(&[("release", Value::Bool(true))]);
    map(&[("branch", "main".into()), ("files", files), ("properties", properties), ("revision", Value::Null)])
}

#[test]
fn values_go_in_and_come_out_plain() {
    let cases = [
        ("def f(c):\n    return c.branch", Value::from("main")),
        ("f = lambda c: [x for x in c.files if x.endswith('.md')]", Value::List(vec!["README.md".into()])),
        ("f = lambda c: c.properties['release']", Value::Bool(true)),
        ("f = lambda c: c.revision", Value::Null),
        (
            "f = lambda c: {'n': len(c.files), 't': (1, 'x')}",
            map(&[("n", Value::Int(2)), ("t", Value::List(vec![Value::Int(1), "x".into()]))]),
        ),
        ("f = lambda c: FAILURE", Value::Int(2)),
        ("f = lambda c: -9223372036854775808", Value::Int(i64::MIN)),
        ("f = lambda c: [i * 2 for i in range(3)]", Value::List(vec![Value::Int(0), Value::Int(2), Value::Int(4)])),
    ];
    for (function, expected) in cases {
        assert_eq!(answer(function, &[a_change()]), Ok(expected), "{function}");
    }
}

#[test]
fn what_goes_wrong_inside_is_a_sentence_with_its_place() {
    let cases = [
        ("f = lambda c: c.brnch", "lambda (master.star:3:"),
        ("def f(c):\n    fail('not today')", "f (master.star:2:5): not today (line 3)"),
        ("def f(c):\n    return [] + 1", "f (master.star:2:5): + does not work with a list and a number (line 3)"),
        (
            "def f(c):\n    for i in range(1000000):\n        for j in range(1000000):\n            pass",
            "f (master.star:2:5): it takes more than",
        ),
        ("def f(c):\n    l = [1]\n    for i in range(60):\n        l += l\n", "f (master.star:2:5):"),
        ("def f(c):\n    return f(c)", "f (master.star:2:5): functions call each other more than 100 deep"),
        ("f = lambda c: [0] * 1000000000", "this would make a list of 1000000000 elements"),
        ("f = lambda c: 1.5", "it answers with a number with a fraction, which is no plain value"),
        ("f = lambda c: lambda: 1", "it answers with a function, which is no plain value"),
        ("f = lambda c: c", "which is no plain value"),
        ("f = lambda a, b: 1", "lambda (master.star"),
        (
            "f = lambda c: builder('x', workers = ['here'], steps = [])",
            "builder cannot be called once the file is read",
        ),
        ("f = lambda c: list(range(200000))", "its answer has more than 100000 values"),
    ];
    for (function, expected) in cases {
        let error = answer(function, &[a_change()]).expect_err(function);
        assert!(error.contains(expected), "{function}: {error}");
        assert!(!error.contains('`') && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_call_ends_soon_whatever_it_does() {
    let loop_of_loops = "def f(c):\n    n = 0\n    for a in range(1000000):\n        for b in range(1000000):\n            n += b\n    return n";
    let error = answer(loop_of_loops, &[Value::Null]).unwrap_err();
    assert!(error.contains("turns of loops and calls"), "{error}");
}

#[test]
fn a_long_log_may_be_gone_through_line_by_line() {
    let log = "a line like any other, of some length, as compilers have them\n".repeat(50_000);
    let function = "def f(code, output):\n    return len([line for line in output.splitlines() if 'other' in line])";
    assert_eq!(answer(function, &[Value::Int(0), log.as_str().into()]), Ok(Value::Int(50_000)));
}

#[test]
fn functions_of_one_place_are_told_apart_by_what_is_around_them() {
    let loaded = loaded(
        r#"
def only(branch):
    return lambda request, worker: request.branch == branch

for branch in ["a", "b"]:
    builder(branch, workers = ["here"], steps = [steps.test()], can_start = only(branch))
same = lambda request, worker: True
for name in ["c", "d"]:
    builder(name, workers = ["here"], steps = [steps.test()], can_start = same)
"#,
    );
    let of = |n: usize| loaded.config.builders[n].can_start.clone().unwrap();
    let ask = |n: usize, branch: &str| {
        let request = map(&[("branch", branch.into())]);
        loaded.functions.call(&of(n), &[request, "here".into()]).unwrap()
    };
    assert_eq!((ask(0, "a"), ask(0, "b")), (Value::Bool(true), Value::Bool(false)));
    assert_eq!((ask(1, "a"), ask(1, "b")), (Value::Bool(false), Value::Bool(true)));
    assert_ne!(of(0), of(1));
    assert_eq!(of(2), of(3), "one function, given twice, is one");
}

/// The function of builder `b` in a text, and a configuration of another text: what that answers for it.
fn asked_later(before: &str, after: &str) -> Result<Value, String> {
    let builder = "builder(\"b\", workers = [\"here\"], steps = [steps.test()], can_start = f)\n";
    let first = loaded(&format!("{before}\n{builder}"));
    let reference = first.config.builders[0].can_start.clone().unwrap();
    let json = serde_json::to_string(&reference).unwrap();
    let read = serde_json::from_str::<FunctionRef>(&json).unwrap();
    let later = loaded(&format!("{after}\n{builder}"));
    later.functions.call(&read, &[Value::Null, Value::Null]).map_err(|e| e.message)
}

#[test]
fn a_function_is_found_again_by_its_text_and_then_by_its_name() {
    let (one, two) = ("def f(r, w):\n    return 1\n", "def f(r, w):\n    return 2\n");
    let cases = [
        (one.to_owned(), one.to_owned(), Value::Int(1)),
        (one.to_owned(), format!("# First.\n\n{one}\n# Last.\n"), Value::Int(1)),
        (one.to_owned(), two.to_owned(), Value::Int(2)),
        (one.to_owned(), format!("x = 1\n{two}"), Value::Int(2)),
        ("f = lambda r, w: 1".to_owned(), "\n\nf = lambda r, w: 1".to_owned(), Value::Int(1)),
    ];
    for (before, after, expected) in cases {
        assert_eq!(asked_later(&before, &after), Ok(expected), "{after}");
    }
}

#[test]
fn what_has_no_name_of_its_own_is_never_found_by_it() {
    let inner = "def make(n):\n    def f(r, w):\n        return n\n    return f\n";
    let cases = [
        ("f = lambda r, w: 1".to_owned(), "f = lambda r, w: 2".to_owned(), "lambda (master.star:3:70)"),
        (format!("{inner}f = make(1)"), format!("{inner}f = make(2)"), "f (master.star:3:9)"),
        ("def f(r, w):\n    return 1".to_owned(), "f = lambda r, w: 1".to_owned(), "f (master.star:2:5)"),
        ("def f(r, w):\n    return 1".to_owned(), format!("{inner}f = make(1)"), "f (master.star:2:5)"),
    ];
    for (before, after, who) in cases {
        let error = asked_later(&before, &after).unwrap_err();
        assert_eq!(error, format!("the function {who} is not in the configuration any more"));
    }
}

#[test]
fn a_function_of_another_file_may_use_what_is_there() {
    let memory = Memory::master(
        "load(\"rules.star\", \"important\")\nlocal_worker(\"here\")\n\
         builder(\"b\", workers = [\"here\"], steps = [steps.test()])\n\
         schedulers.single_branch(\"s\", file_is_important = important, builders = [\"b\"])\n",
    );
    let rules = "BORING = [\".md\", \".txt\"]\ndef important(change):\n    return any([not f.endswith(tuple(BORING)) for f in change.files])\n";
    let loaded = load_all("master.star", &memory.file("rules.star", rules), &Limits::default()).unwrap();
    let follow = loaded.config.schedulers[0].kind.follows().unwrap();
    let reference = follow.is_important.clone().unwrap();
    assert_eq!(reference.place.to_string(), "rules.star:2:5");
    let boring = map(&[("files", Value::List(vec!["README.md".into()]))]);
    assert_eq!(loaded.functions.call(&reference, &[a_change()]), Ok(Value::Bool(true)));
    assert_eq!(loaded.functions.call(&reference, &[boring]), Ok(Value::Bool(false)));
}

#[test]
fn a_step_of_ones_own_reads_its_log() {
    let loaded = loaded(
        r#"
def count(exit_code, output):
    lost = [line.split(" ")[1] for line in output.splitlines() if line.startswith("LOST ")]
    return {
        "results": FAILURE if exit_code else (WARNINGS if lost else SUCCESS),
        "summary": "%d lost" % len(lost),
        "properties": {"lost": lost},
        "urls": {"report": "https://example.org/"},
        "tests": {"passed": 3, "failed": len(lost), "bad": lost},
    }

def audit(name, **kwargs):
    return steps.shell(["./audit", name], name = "audit " + name, reader = count, **kwargs)

builder("b", workers = ["here"], steps = [audit("a"), audit("b", timeout = "1h")])
"#,
    );
    let of = |n: usize| match &loaded.config.builders[0].steps[n].action {
        model::StepAction::Shell(shell) => shell.reading.function.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(0), of(1));
    let answer = loaded.functions.call(&of(0), &[Value::Int(0), "fine\nLOST x\nLOST y\n".into()]).unwrap();
    let Value::Map(answer) = answer else { panic!("{answer:?}") };
    assert_eq!(answer["results"], Value::Int(1));
    assert_eq!(answer["summary"], "2 lost".into());
    assert_eq!(answer["properties"], map(&[("lost", Value::List(vec!["x".into(), "y".into()]))]));
}

#[test]
fn no_argument_is_too_odd() {
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = Value::List(vec![deep]);
    }
    let odd = Value::Map(BTreeMap::from([(String::new(), Value::Null), ("a b".to_owned(), "\0".into())]));
    for value in [deep, odd, Value::Text("é".repeat(1000))] {
        assert_eq!(answer("f = lambda x: 1", &[value]), Ok(Value::Int(1)));
    }
}
