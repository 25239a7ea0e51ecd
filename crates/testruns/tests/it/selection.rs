//! What is selected, and what is wrong with it.

use crate::play::{after, area, over, test};
use model::area::{Area, Limits, Need, TestSpec, Waiver};
use std::collections::BTreeMap;
use testruns::{Roster, Selection, TestPatterns};

fn names(area: &Area, patterns: &str) -> Vec<String> {
    let roster = Roster::new(area, &Selection::of(patterns)).expect("the area can be run");
    (0..roster.nodes().len()).map(|n| roster.name(n)).collect()
}

fn problems(tests: Vec<TestSpec>) -> String {
    told(&area(tests), "%")
}

fn told(area: &Area, patterns: &str) -> String {
    let wrong = Roster::new(area, &Selection::of(patterns)).expect_err("something is wrong");
    wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn mintest() -> Area {
    let none: [&str; 0] = [];
    let mut tests =
        vec![after("a", &["b"]), after("b", &["c"]), after("c", &["d"]), after("d", &["e"]), test("e"), test("f")];
    tests.push(TestSpec { needs: vec![Need::normal("b")], ..over(test("g"), "NADA", none) });
    tests.extend(["h", "i"].map(|n| after(n, &["b"])));
    area(tests)
}

#[test]
fn what_is_needed_comes_along() {
    let table: [(&str, &[&str]); 6] = [
        ("e", &["e"]),
        ("d", &["d", "e"]),
        ("a", &["a", "b", "c", "d", "e"]),
        ("f,i", &["b", "c", "d", "e", "f", "i"]),
        ("g", &["b", "c", "d", "e", "g"]),
        ("~a/", &["b", "c", "d", "e", "f", "g", "h", "i"]),
    ];
    for (patterns, selected) in table {
        assert_eq!(names(&mintest(), patterns), selected, "{patterns}");
    }
}

#[test]
fn items_are_selected_one_by_one_and_whole_prerequisites_come_along() {
    let first = over(test("first"), "N", ["1", "2"]);
    let second = over(after("second", &["first"]), "N", ["a", "b"]);
    let area = area(vec![first, second]);
    assert_eq!(names(&area, "second/b"), ["first(1)", "first(2)", "second(b)"]);
    assert_eq!(names(&area, "first/2"), ["first(2)"]);
}

#[test]
fn tags_narrow_what_is_asked_for_and_not_what_is_needed() {
    let tagged = |mut test: TestSpec, tags: &[&str]| {
        test.tags = tags.iter().map(|t| (*t).to_owned()).collect();
        test
    };
    let tests = vec![test("a"), tagged(after("b", &["a"]), &["quick", "db"]), tagged(test("c"), &["slow"])];
    let selection = Selection { patterns: TestPatterns::everything(), tags: Some(TestPatterns::read("qui%,net")) };
    let roster = Roster::new(&area(tests), &selection).unwrap();
    assert_eq!((0..2).map(|n| roster.name(n)).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn circles_are_told_with_their_path() {
    let tests = vec![test("x"), after("a", &["x", "b"]), after("b", &["c"]), after("c", &["a"])];
    assert_eq!(problems(tests), "these wait for each other, so none of them can run: a → b → c → a");
    assert_eq!(problems(vec![after("a", &["a"])]), "these wait for each other, so none of them can run: a → a");
    let items = |name: &str, needs: &str| TestSpec {
        needs: vec![Need::itemwait(needs, Vec::new())],
        ..over(test(name), "N", ["1", "2"])
    };
    assert_eq!(
        problems(vec![items("a", "b"), items("b", "a")]),
        "these wait for each other, so none of them can run: a(1) → b(1) → a(1)"
    );
}

#[test]
fn waiting_for_nothing_is_an_error_where_it_matters() {
    let area = area(vec![after("link", &["compil"]), test("compile"), after("all", &["link"])]);
    assert_eq!(told(&area, "all"), "'link' waits for 'compil', and there is no such test");
    assert_eq!(names(&area, "compile"), ["compile"], "nobody asked for the other");
    assert_eq!(told(&area, "nothing%"), "no test is like 'nothing%'");
    assert_eq!(told(&area, "compile/x"), "no test is like 'compile/x'");
}

#[test]
fn what_could_never_run_is_refused_and_not_waited_for() {
    let mut gpu = test("gpu");
    gpu.resources = BTreeMap::from([("gpus".to_owned(), 4)]);
    let mut grouped = test("grouped");
    grouped.job_group = Some("none".to_owned());
    let mut fixed = test("fixed");
    fixed.fixtures = vec!["db".to_owned()];
    let mapped =
        TestSpec { needs: vec![Need::itemwait("gpu", vec![model::area::MapRule::new("(", "")])], ..test("mapped") };
    let mut twice = test("steps");
    twice.steps.push(twice.steps[0].clone());
    let limits = Limits {
        run: Some(0),
        groups: BTreeMap::from([("none".to_owned(), 0)]),
        resources: BTreeMap::from([("gpus".to_owned(), 2)]),
        ..Limits::default()
    };
    let waiver = |statuses: &[&str], owner: &str| Waiver {
        tests: "gpu".to_owned(),
        statuses: statuses.iter().map(|s| (*s).to_owned()).collect(),
        owner: owner.to_owned(),
        reason: "known".to_owned(),
        expires: model::Time(0),
        checks: Vec::new(),
    };
    let tests = vec![gpu, grouped, fixed, mapped, twice, test("x"), test("x"), test("a/b"), test("a\nb"), test("")];
    let area = Area { limits, waivers: vec![waiver(&["FAIL"], "ada"), waiver(&["FIAL"], "bob")], ..area(tests) };
    insta::assert_snapshot!(told(&area, "%"), @r#"
    there are two tests 'x'
    'a/b' cannot be the name of a test: it has a slash
    'a\nb' cannot be the name of a test: it has a control character
    '' cannot be the name of a test: it is empty
    a limit of 0 at a time lets nothing run
    the waiver of ada for 'gpu' has no check that shows that a failure is still the same one
    the waiver of bob for 'gpu' cannot be read
    the waiver of bob for 'gpu' has no check that shows that a failure is still the same one
    'gpu' takes 4 of 'gpus', and there are 2
    'grouped' is in the job group 'none', which allows none at a time
    'fixed' needs the fixture 'db', and there is no such fixture
    the item map of 'mapped' for 'gpu' cannot be used
    'steps' has a step 'run' that cannot be told from another
    "#);
}

#[test]
fn names_with_blanks_and_quotes_are_names() {
    let area = area(vec![over(test("it's a \"test\""), "V", ["a b", "c;d", "$(x)"]), test("a,b")]);
    assert_eq!(names(&area, "%").len(), 4);
    assert_eq!(names(&area, r"a\,b"), ["a,b"]);
    assert_eq!(names(&area, "it's a \"test\"/a b"), ["it's a \"test\"(a b)"]);
}

#[test]
fn a_long_chain_needs_no_stack() {
    let mut tests = vec![test("t0")];
    tests.extend((1..20_000).map(|n| after(&format!("t{n}"), &[&format!("t{}", n - 1)])));
    assert_eq!(names(&area(tests.clone()), "t19999").len(), 20_000);
    tests[0].needs.push(Need::normal("t19999"));
    assert!(Roster::new(&area(tests), &Selection::of("t5")).is_err());
}
