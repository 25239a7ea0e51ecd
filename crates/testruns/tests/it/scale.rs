//! Ten thousand items: what is counted is work, so that the answer is the same on every machine.

use crate::play::{Play, after, area, over, test};
use model::area::{Area, Limits, Need, TestSpec};
use std::collections::BTreeMap;
use testruns::RunVerdict;

/// Looks for each item, all asking included.
fn looks(area: Area, slots: u32) -> (u64, Play) {
    let play = Play::new(area, slots).play();
    assert!(play.all_over());
    (play.looked / play.records().len() as u64, play)
}

fn numbers(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|i| i.to_string())
}

#[test]
fn ten_thousand_items_of_one_test() {
    let (looks, play) = looks(area(vec![over(test("t"), "N", numbers(10_000)), after("sum", &["t"])]), 8);
    assert_eq!(play.board.sum(play.run).verdict, RunVerdict::Green);
    assert!(looks <= 12, "{looks} looks an item");
}

#[test]
fn ten_thousand_items_that_wait_for_ten_thousand_one_by_one() {
    let second = TestSpec { needs: vec![Need::itemwait("t", Vec::new())], ..over(test("u"), "N", numbers(5_000)) };
    let (looks, _) = looks(area(vec![over(test("t"), "N", numbers(5_000)), second]), 8);
    assert!(looks <= 12, "{looks} looks an item");
}

#[test]
fn ten_thousand_tests_that_all_wait_for_one_that_fails() {
    let mut tests = vec![test("base")];
    tests.extend((0..10_000).map(|n| after(&format!("t{n}"), &["base"])));
    let play = Play::new(area(tests), 8).ends("base", "FAIL").play();
    assert!(play.looked < 40_000, "{} looks", play.looked);
    assert_eq!(play.board.sum(play.run).weights.bad, 10_001);
}

#[test]
fn a_chain_of_ten_thousand() {
    let mut tests = vec![test("t0")];
    tests.extend((1..10_000).map(|n| after(&format!("t{n}"), &[&format!("t{}", n - 1)])));
    let (looks, _) = looks(area(tests.clone()), 8);
    assert!(looks <= 12, "{looks} looks an item");
    let play = Play::new(area(tests), 8).ends("t0", "FAIL").play();
    let longest = play.records().iter().map(|r| r.comment.len()).max();
    assert!(longest < Some(400), "a chain of reasons is no longer than people read: {longest:?}");
    assert!(play.records().last().unwrap().comment.ends_with("t0 is FAIL"));
}

/// Items that stand behind a full job group or behind each other are not looked at again and again.
#[test]
fn what_waits_for_room_costs_nothing() {
    let mut one = over(test("one"), "N", numbers(5_000));
    one.job_group = Some("single".to_owned());
    let mut gpu = over(test("gpu"), "N", numbers(2_000));
    gpu.resources = BTreeMap::from([("gpus".to_owned(), 1)]);
    let mut lonely = over(test("lonely"), "N", numbers(500));
    lonely.exclusive = true;
    let limits = Limits {
        groups: BTreeMap::from([("single".to_owned(), 1)]),
        resources: BTreeMap::from([("gpus".to_owned(), 1)]),
        ..Limits::default()
    };
    let area = Area { limits, ..area(vec![one, gpu, lonely, over(test("t"), "N", numbers(2_500))]) };
    let (looks, _) = looks(area, 8);
    assert!(looks <= 20, "{looks} looks an item");
}
