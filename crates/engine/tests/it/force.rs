//! Forcing: forms with typed fields, and what is wrong with what was filled in.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build_set::NewStamp;
use engine::force::{Refusal, Wish, chosen_worker, grant};
use model::property::property;
use model::{
    BuildSet, CodebaseSpec, Config, ForceSpec, Parameter, ParameterKind, SchedulerKind, SchedulerSpec, SourceStamp,
    StepFlags, Transition, Value,
};
use std::collections::BTreeMap;

fn parameter(name: &str, kind: ParameterKind) -> Parameter {
    Parameter { name: name.to_owned(), label: String::new(), tooltip: String::new(), required: false, kind }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

fn line(regex: Option<&str>, max_length: Option<u32>) -> ParameterKind {
    ParameterKind::String { default: String::new(), regex: regex.map(str::to_owned), max_length }
}

fn form(parameters: Vec<Parameter>) -> SchedulerSpec {
    scheduler("form", SchedulerKind::Force(ForceSpec { parameters, ..ForceSpec::new("Go") }), &["b", "c"])
}

fn town(specs: Vec<SchedulerSpec>) -> Town {
    let plain = || vec![step("s", StepFlags::PLAIN)];
    Town::new(Config {
        workers: vec![worker("w", 1), worker("v", 1)],
        builders: vec![builder("b", &["w", "v"], plain()), builder("c", &["v"], plain())],
        schedulers: specs,
        ..Config::default()
    })
}

fn filled(town: &Town, fields: &[(&str, Value)]) -> Result<BuildSet, Refusal> {
    let fields: BTreeMap<_, _> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    granted(town, Wish { fields, owner: "ann".to_owned(), ..Wish::default() })
}

fn granted(town: &Town, wish: Wish) -> Result<BuildSet, Refusal> {
    match grant(&town.world, wish, town.now)? {
        Transition::SetFiled { set, .. } => Ok(set),
        other => panic!("a grant files a set, not {other:?}"),
    }
}

fn list(values: &[&str]) -> Value {
    Value::List(values.iter().map(|v| Value::from(*v)).collect())
}

/// A field with one value given, and what becomes of it: the value, or the complaint.
fn becomes(kind: ParameterKind, given: Value) -> Result<Value, String> {
    let town = town(vec![form(vec![parameter("x", kind)])]);
    match filled(&town, &[("x", given)]) {
        Ok(set) => Ok(set.properties["x"].value.clone()),
        Err(wrong) => {
            assert_eq!(wrong.len(), 1);
            assert_eq!(wrong[0].0, "x");
            Err(wrong[0].1.clone())
        }
    }
}

#[test]
fn what_is_given_is_checked_and_becomes_a_property() {
    let choice = |open| ParameterKind::Choice { choices: texts(&["red", "blue"]), default: "red".to_owned(), open };
    let int = || ParameterKind::Int { default: 5, min: Some(1), max: Some(9) };
    let boolean = || ParameterKind::Boolean { default: false };
    let choices = || ParameterKind::Choices { choices: texts(&["a", "b", "c"]), default: texts(&["b"]) };
    let fixed = || ParameterKind::Fixed { default: Value::Int(7) };
    let worker = || ParameterKind::Worker { default: String::new() };
    let table: Vec<(ParameterKind, Value, Result<Value, &str>)> = vec![
        (line(None, None), Value::from("x y"), Ok(Value::from("x y"))),
        (line(None, None), Value::Int(1), Err("is to be text")),
        (line(None, None), Value::from("x\ny"), Err("is to be one line")),
        (line(None, None), Value::from("x".repeat(4097)), Err("has more than 4096 characters")),
        (line(None, Some(3)), Value::from("äöü"), Ok(Value::from("äöü"))),
        (line(None, Some(3)), Value::from("abcd"), Err("has more than 3 characters")),
        (line(Some("v[0-9]+|x"), None), Value::from("v12"), Ok(Value::from("v12"))),
        (line(Some("v[0-9]+|x"), None), Value::from("v12x"), Err("is to look like v[0-9]+|x")),
        (line(Some("v[0-9]+"), None), Value::from(""), Ok(Value::from(""))),
        (
            line(Some("("), None),
            Value::from("v"),
            Err("cannot be checked: the pattern ( of the configuration cannot be read"),
        ),
        (ParameterKind::Text { default: String::new() }, Value::from("x\ny"), Ok(Value::from("x\ny"))),
        (ParameterKind::Text { default: String::new() }, list(&["x"]), Err("is to be text")),
        (ParameterKind::Text { default: "d".into() }, Value::Null, Ok(Value::from("d"))),
        (int(), Value::Int(9), Ok(Value::Int(9))),
        (int(), Value::from(" 3 "), Ok(Value::Int(3))),
        (int(), Value::from(""), Ok(Value::Int(5))),
        (int(), Value::Int(0), Err("is to be 1 or more")),
        (int(), Value::Int(10), Err("is to be 9 or less")),
        (int(), Value::from("1e3"), Err("is to be a whole number")),
        (int(), Value::from("99999999999999999999"), Err("is to be a whole number")),
        (int(), Value::Bool(true), Err("is to be a whole number")),
        (boolean(), Value::Bool(true), Ok(Value::Bool(true))),
        (boolean(), Value::from("Yes"), Ok(Value::Bool(true))),
        (boolean(), Value::from("off"), Ok(Value::Bool(false))),
        (boolean(), Value::from("perhaps"), Err("is to be yes or no")),
        (boolean(), list(&[]), Err("is to be yes or no")),
        (choice(false), Value::from("blue"), Ok(Value::from("blue"))),
        (choice(false), Value::from("green"), Err("'green' is none of red, blue")),
        (choice(true), Value::from("green"), Ok(Value::from("green"))),
        (choices(), list(&["c", "a", "c"]), Ok(list(&["a", "c"]))),
        (choices(), Value::from("a"), Ok(list(&["a"]))),
        (choices(), Value::from(""), Ok(list(&[]))),
        (choices(), list(&["a", "z"]), Err("'z' is none of a, b, c")),
        (choices(), Value::List(vec![Value::Int(1)]), Err("is to be a list of texts")),
        (fixed(), Value::Int(7), Ok(Value::Int(7))),
        (fixed(), Value::Int(8), Err("is always 7")),
        (worker(), Value::from("v"), Ok(Value::from("v"))),
        (worker(), Value::from(""), Ok(Value::from(""))),
        (worker(), Value::from("w"), Err("'w' is none of v")),
    ];
    for (kind, given, expected) in table {
        assert_eq!(becomes(kind.clone(), given.clone()), expected.map_err(str::to_owned), "{kind:?} {given:?}");
    }
}

#[test]
fn what_is_not_given_takes_its_default() {
    let town = town(vec![form(vec![
        parameter("line", ParameterKind::String { default: "x".into(), regex: None, max_length: None }),
        parameter("number", ParameterKind::Int { default: -1, min: None, max: None }),
        parameter("flag", ParameterKind::Boolean { default: true }),
        parameter("colour", ParameterKind::Choice { choices: texts(&["red"]), default: "red".into(), open: false }),
        parameter("parts", ParameterKind::Choices { choices: texts(&["a", "b"]), default: texts(&["b"]) }),
        parameter("always", ParameterKind::Fixed { default: Value::Bool(false) }),
    ])]);
    let set = filled(&town, &[]).expect("granted");
    let shown: Vec<String> =
        set.properties.iter().map(|(n, p)| format!("{n} = {:?} ({})", p.value, p.source)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    always = Bool(false) (Force Build Form)
    colour = Text("red") (Force Build Form)
    flag = Bool(true) (Force Build Form)
    line = Text("x") (Force Build Form)
    number = Int(-1) (Force Build Form)
    owner = Text("ann") (Force Build Form)
    parts = List([Text("b")]) (Force Build Form)
    reason = Text("") (Force Build Form)
    scheduler = Text("form") (Scheduler)
    "#);
    insta::assert_snapshot!(set.reason, @"forced by ann");
}

#[test]
fn every_field_that_is_wrong_is_told_at_once() {
    let required = |name: &str, kind: ParameterKind| Parameter { required: true, ..parameter(name, kind) };
    let town = town(vec![form(vec![
        required("line", line(None, None)),
        required("parts", ParameterKind::Choices { choices: texts(&["a"]), default: vec![] }),
        required("number", ParameterKind::Int { default: 0, min: None, max: None }),
        required("filled", ParameterKind::Text { default: "by itself".into() }),
        parameter("flag", ParameterKind::Boolean { default: true }),
    ])]);
    let fields = [
        ("line", Value::from("  ")),
        ("number", Value::from("")),
        ("flag", Value::from("?")),
        ("lien", Value::from("x")),
    ];
    let wrong = filled(&town, &fields).expect_err("refused");
    let lines: Vec<String> = wrong.into_iter().map(|(field, what)| format!("{field}: {what}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    line: is required
    parts: is required
    number: is required
    flag: is to be yes or no
    lien: this scheduler has no such field
    ");
}

#[test]
fn properties_beside_the_form_do_not_get_round_its_fields() {
    let town = town(vec![form(vec![parameter("x", ParameterKind::Int { default: 1, min: None, max: Some(3) })])]);
    let with = |value: Value| Wish {
        properties: [property("x", value, "me"), property("y", "free", "me")].into(),
        ..Wish::default()
    };
    let set = granted(&town, with(Value::from("2"))).expect("granted");
    assert_eq!((&set.properties["x"].value, &set.properties["y"].value), (&Value::Int(2), &Value::from("free")));
    assert_eq!(granted(&town, with(Value::Int(4))), Err(vec![("x".into(), "is to be 3 or less".into())]));
}

#[test]
fn a_chosen_worker_is_found_again() {
    let town = town(vec![form(vec![parameter("where", ParameterKind::Worker { default: String::new() })])]);
    let set = filled(&town, &[("where", Value::from("v"))]).expect("granted");
    assert_eq!(chosen_worker(&town.world, &set), Some("v"));
    let set = filled(&town, &[]).expect("granted");
    assert_eq!(chosen_worker(&town.world, &set), None);
    let b =
        Wish { builders: vec![town.builder("b")], fields: [("where".into(), "w".into())].into(), ..Wish::default() };
    assert!(granted(&town, b).is_ok(), "the builder that is asked has that worker");
}

#[test]
fn which_scheduler_grants_a_wish() {
    let first = scheduler("first", forced(), &["b"]);
    let second = SchedulerSpec { priority: 4, ..scheduler("second", forced(), &["b", "c"]) };
    let mut town = town(vec![first, second]);
    let wish = |scheduler: Option<&str>, builders: &[&str], town: &Town| Wish {
        scheduler: scheduler.map(str::to_owned),
        builders: builders.iter().map(|b| town.builder(b)).collect(),
        ..Wish::default()
    };
    let by = |scheduler: Option<&str>, builders: &[&str], town: &Town| match granted(
        town,
        wish(scheduler, builders, town),
    ) {
        Ok(set) => format!("{} asks {}", set.scheduler, set.requests.len()),
        Err(wrong) => wrong.into_iter().map(|(field, what)| format!("{field}: {what}")).collect(),
    };
    let mut lines = vec![by(None, &["b"], &town), by(None, &["c", "b"], &town), by(Some("second"), &[], &town)];
    lines.push(by(Some("first"), &["c"], &town));
    lines.push(by(Some("third"), &["b"], &town));
    for name in ["first", "second"] {
        let id = town.world.scheduler_named(name).expect("known").id;
        let off = engine::scheduler::enable(&town.world, id, engine::scheduler::Switch::Off).expect("known");
        town.take(vec![off]);
        lines.push(by(None, &["b"], &town));
    }
    lines.push(by(Some("second"), &["b"], &town));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    first asks 1
    second asks 2
    second asks 2
    builderNames: the force scheduler "first" does not have them all
    scheduler: there is no force scheduler "third"
    second asks 1
    scheduler: the force scheduler "first" is turned off
    scheduler: the force scheduler "second" is turned off
    "#);
}

#[test]
fn priority_is_the_schedulers_own_unless_somebody_says_another() {
    let town = town(vec![SchedulerSpec { priority: 4, ..scheduler("force", forced(), &["b"]) }]);
    for (said, priority) in [(0, 4), (9, 9), (-3, -3)] {
        let filed = grant(&town.world, Wish { priority: said, ..Wish::default() }, town.now).expect("granted");
        assert!(matches!(filed, Transition::SetFiled { requests, .. } if requests[0].priority == priority));
    }
}

#[test]
fn a_wish_is_for_one_codebase_and_the_others_are_as_configured() {
    let of = |name: &str| {
        let repository = format!("https://example.org/{name}");
        (
            name.to_owned(),
            CodebaseSpec {
                repository,
                branch: Some("main".into()),
                revision: Some("r0".into()),
                project: String::new(),
            },
        )
    };
    let one = SchedulerSpec { codebases: [of("app")].into(), ..scheduler("one", forced(), &["b"]) };
    let two = SchedulerSpec { codebases: [of("app"), of("lib")].into(), ..scheduler("two", forced(), &["b"]) };
    let town = town(vec![one, two]);
    let ask = |scheduler: &str, codebase: &str, branch: Option<&str>| {
        let stamp =
            NewStamp { codebase: codebase.to_owned(), branch: branch.map(str::to_owned), ..NewStamp::default() };
        match granted(&town, Wish { scheduler: Some(scheduler.to_owned()), stamp, ..Wish::default() }) {
            Ok(set) => {
                let shown = |s: &SourceStamp| {
                    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                    format!("{} {} {}", s.repository, or(&s.branch), or(&s.revision))
                };
                set.stamps.iter().map(shown).collect::<Vec<_>>().join(" + ")
            }
            Err(wrong) => format!("{}: {}", wrong[0].0, wrong[0].1),
        }
    };
    let lines: Vec<String> = vec![
        ask("one", "", Some("topic")),
        ask("one", "", None),
        ask("two", "", None),
        ask("two", "lib", Some("topic")),
        ask("two", "", Some("topic")),
        ask("two", "docs", None),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    https://example.org/app topic -
    https://example.org/app main r0
    https://example.org/app main r0 + https://example.org/lib main r0
    https://example.org/app main r0 + https://example.org/lib topic -
    codebase: say which one is meant: app, lib
    codebase: 'docs' is none of app, lib
    ");
}
