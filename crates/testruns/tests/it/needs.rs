//! Prerequisites and their modes.

use crate::play::{Goes, Play, after, area, over, test};
use model::area::{MapRule, Need, Scope, TestSpec, Until};
use testruns::{RunVerdict, why};

fn chain() -> Play {
    let tests = vec![after("a", &["b"]), after("b", &["c"]), after("c", &["d"]), after("d", &["e"]), test("e")];
    Play::new(area(tests), 4)
}

#[test]
fn a_chain_runs_in_its_order() {
    let play = chain().play();
    assert_eq!(play.started(), ["e", "d", "c", "b", "a"]);
    assert_eq!(play.now.as_seconds(), 5);
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Green);
}

#[test]
fn a_failure_in_a_chain_ends_it_at_once() {
    let play = chain().ends("d", "FAIL").play();
    insta::assert_snapshot!(play.list(), @r#"
    a COMPLETED/PREQ_DISCARDED: b was not run: c was not run: d is FAIL
    b COMPLETED/PREQ_DISCARDED: c was not run: d is FAIL
    c COMPLETED/PREQ_FAIL: d is FAIL
    d COMPLETED/FAIL: step 'run' gave FAIL
    e COMPLETED/PASS: step 'run' gave PASS
    "#);
    assert_eq!(play.now.as_seconds(), 2, "the moment in which it failed");
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Red);
    assert!(play.looked < 60, "{} looks: nothing spins", play.looked);
}

#[test]
fn what_satisfies_and_what_does_not() {
    let table = [
        ("PASS", true),
        ("WARN", true),
        ("CHECK", true),
        ("WAIVED", true),
        ("SKIP", true),
        ("FAIL", false),
        ("ABORT", false),
        ("KILLED", false),
        ("DEAD", false),
    ];
    for (status, runs) in table {
        let summary = TestSpec { needs: vec![Need::toplevel("first")], ..test("summary") };
        let play =
            Play::new(area(vec![test("first"), after("second", &["first"]), summary]), 4).ends("first", status).play();
        let second = if runs { "COMPLETED/PASS" } else { "COMPLETED/PREQ_FAIL" };
        assert_eq!(play.status("second"), second, "normal after {status}");
        assert_eq!(play.status("summary"), "COMPLETED/PASS", "toplevel after {status}");
    }
}

#[test]
fn an_item_waits_for_its_own() {
    let second =
        TestSpec { needs: vec![Need::itemwait("first", Vec::new())], ..over(test("second"), "N", ["1", "2", "3"]) };
    let play = Play::new(area(vec![over(test("first"), "N", ["1", "2", "3"]), second]), 9)
        .ends("first(2)", "FAIL")
        .goes("first(3)", [Goes::Ends("PASS", 100)])
        .play();
    insta::assert_snapshot!(play.list(), @r#"
    first(1) COMPLETED/PASS: step 'run' gave PASS
    first(2) COMPLETED/FAIL: step 'run' gave FAIL
    first(3) COMPLETED/PASS: step 'run' gave PASS
    second(1) COMPLETED/PASS: step 'run' gave PASS
    second(2) COMPLETED/PREQ_FAIL: first(2) is FAIL
    second(3) COMPLETED/PASS: step 'run' gave PASS
    "#);
    let at = |what: &str| play.did.iter().find(|d| d.what == what).map(|d| d.at);
    assert_eq!(at("start second(1)"), Some(1), "long before first(3) ended");
    assert_eq!(at("start second(3)"), Some(100));
}

#[test]
fn a_map_leads_to_the_item_of_another_name() {
    let mapped = |name: &str, needs: &str, rules: &[(&str, &str)], values: &[&str]| {
        let map = rules.iter().map(|(p, r)| MapRule::new(*p, *r)).collect();
        TestSpec { needs: vec![Need::itemwait(needs, map)], ..over(test(name), "V", values.iter().copied()) }
    };
    let tests = vec![
        over(test("A"), "V", ["aa/1", "bb/1", "aa/2"]),
        test("B"),
        mapped("C", "A", &[(r"(\d+)/aa", r"aa/\1")], &["1/aa", "2/aa"]),
        mapped("D", "C", &[(r"(\d+)/res", r"\1/aa")], &["1/res", "2/res"]),
    ];
    let play = Play::asked(area(tests), 9, "D/1/res", Vec::new(), testruns::Rerun::Plain).play();
    assert_eq!(play.started(), ["A(aa/1)", "C(1/aa)", "D(1/res)"]);
}

#[test]
fn an_item_that_does_not_exist_holds_back_only_who_waits_for_it() {
    let second = TestSpec { needs: vec![Need::itemwait("first", Vec::new())], ..over(test("second"), "N", ["1", "9"]) };
    let play = Play::new(area(vec![over(test("first"), "N", ["1"]), second]), 9).play();
    insta::assert_snapshot!(play.list(), @r#"
    first(1) COMPLETED/PASS: step 'run' gave PASS
    second(1) COMPLETED/PASS: step 'run' gave PASS
    second(9) COMPLETED/PREQ_FAIL: there is no first(9)
    "#);
}

#[test]
fn of_what_is_not_iterated_an_item_waits_for_all() {
    let second = TestSpec { needs: vec![Need::itemwait("first", Vec::new())], ..over(test("second"), "N", ["1", "2"]) };
    let third = TestSpec { needs: vec![Need::itemwait("second", Vec::new())], ..test("third") };
    let play = Play::new(area(vec![test("first"), second, third]), 9).play();
    assert_eq!(play.started(), ["first", "second(1)", "second(2)", "third"]);
}

#[test]
fn ten_tests_of_eleven_items_go_item_by_item() {
    let values: Vec<String> = (1..=11).map(|i| format!("item.{i}")).collect();
    let mut tests = vec![over(test("seq0"), "I", values.clone())];
    for n in 1..10 {
        let needs = vec![Need::itemwait(format!("seq{}", n - 1), Vec::new())];
        tests.push(TestSpec { needs, ..over(test(&format!("seq{n}")), "I", values.clone()) });
    }
    let one = Play::asked(area(tests.clone()), 4, "seq9/item.1", Vec::new(), testruns::Rerun::Plain).play();
    assert_eq!(one.started().len(), 10, "one item of each");
    let all = Play::asked(area(tests), 4, "seq9", Vec::new(), testruns::Rerun::Plain).play();
    assert_eq!(all.started().len(), 110);
    assert!(all.all_over());
}

#[test]
fn what_was_run_over_nothing_is_told_and_holds_others_back() {
    let none: [&str; 0] = [];
    let tests = vec![over(test("g"), "NADA", none), after("h", &["g"]), after("i", &["h"])];
    let play = Play::new(area(tests), 4).play();
    insta::assert_snapshot!(play.list(), @r#"
    g COMPLETED/ZERO_ITEMS: its list of items is empty
    h COMPLETED/PREQ_FAIL: g is ZERO_ITEMS
    i COMPLETED/PREQ_DISCARDED: h was not run: g is ZERO_ITEMS
    "#);
}

#[test]
fn exclusive_items_do_not_meet_in_any_run() {
    let mut one = over(test("x"), "N", ["1", "2"]);
    one.exclusive = true;
    let mut play = Play::new(area(vec![one]), 9);
    let roster = testruns::Roster::new(&play.area, &testruns::Selection::of("%")).unwrap();
    let new = testruns::NewRun { roster, records: Vec::new(), rerun: testruns::Rerun::Plain, at_once: None };
    let area = play.area.clone();
    let other = play.board.add(&area, new, play.now);
    play.settle();
    assert_eq!(play.started(), ["x(1)", "x(2)"], "different items may; the same item of another run may not");
    let waiting = play.board.find(other, "x", "1").unwrap();
    assert_eq!(why(&play.board, waiting).to_string(), "waits for x(1), beside which it must not run");
    let play = play.play();
    let at: Vec<i64> = play.did.iter().map(|d| d.at).collect();
    assert_eq!(at, [0, 0, 1, 1]);
}

#[test]
fn a_need_may_be_an_end_of_the_same_item() {
    let scope = Scope::Item { map: Vec::new() };
    let second = TestSpec {
        needs: vec![Need { test: "first".to_owned(), until: Until::Ended, scope }],
        ..over(test("second"), "N", ["1", "2"])
    };
    let play = Play::new(area(vec![over(test("first"), "N", ["1", "2"]), second]), 9).ends("first(1)", "FAIL").play();
    assert_eq!(play.status("second(1)"), "COMPLETED/PASS");
}

#[test]
fn why_says_what_an_item_waits_for() {
    let tests = vec![over(test("first"), "N", ["1", "2", "3"]), test("other"), after("last", &["first", "other"])];
    let mut play = Play::new(area(tests), 2).ends("first(1)", "FAIL").goes("first(2)", [Goes::Ends("PASS", 9)]);
    play.settle();
    assert_eq!(
        play.why("last"),
        "waits for first (LAUNCHED, 3 items to come), other (NOT_STARTED)".replace("LAUNCHED", "RUNNING")
    );
    assert_eq!(play.why("other"), "waits for room: all 2 places on hosts are taken");
    play.until(1);
    play.step();
    insta::assert_snapshot!([play.why("first(1)"), play.why("first(2)"), play.why("last")].join("\n"), @r#"
    COMPLETED/FAIL: step 'run' gave FAIL
    runs on here
    will not run, since first(1) is FAIL; waits for first (RUNNING, 2 items to come), other (NOT_STARTED)
    "#);
}
