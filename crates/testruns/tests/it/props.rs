//! Whatever the graph and whatever happens: every run ends, nothing runs twice or before its time, and the outcome does
//! not depend on who came first.

use crate::play::{Goes, Play, over, test};
use model::area::{Area, Limits, Need, Retry, TestSpec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use testruns::{Phase, Status};

const WORDS: [&str; 6] = ["PASS", "FAIL", "WARN", "SKIP", "CHECK", "ABORT"];

/// A test: what it waits for (a test before it, and how), how many items, what they come to.
type One = (Vec<(usize, u8)>, usize, Vec<usize>);

#[derive(Clone, Debug)]
struct Shape {
    tests: Vec<One>,
    slots: u32,
    limit: Option<u32>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let one =
        (prop::collection::vec((0..100_usize, 0..3_u8), 0..3), 0..4_usize, prop::collection::vec(0..WORDS.len(), 4));
    (prop::collection::vec(one, 1..9), 1..5_u32, prop::option::of(1..4_u32)).prop_map(|(tests, slots, limit)| Shape {
        tests,
        slots,
        limit,
    })
}

fn area(shape: &Shape) -> Area {
    let tests = shape.tests.iter().enumerate().map(|(n, (needs, items, _))| {
        let mut needs: Vec<Need> = needs
            .iter()
            .filter(|_| n > 0)
            .map(|(on, how)| match how {
                0 => Need::normal(format!("t{}", on % n)),
                1 => Need::toplevel(format!("t{}", on % n)),
                _ => Need::itemwait(format!("t{}", on % n), Vec::new()),
            })
            .collect();
        needs.dedup();
        let base = TestSpec { needs, retry: Retry { failures: 0, losses: 1 }, ..test(&format!("t{n}")) };
        if *items == 0 { base } else { over(base, "N", (0..*items).map(|i| i.to_string())) }
    });
    Area { tests: tests.collect(), limits: Limits { run: shape.limit, ..Limits::default() }, ..Area::default() }
}

/// Plays it with durations made of a seed, so that the same things happen in another order.
fn played(shape: &Shape, seed: u64) -> Play {
    let mut play = Play::new(area(shape), shape.slots);
    let names: Vec<String> = play.board.items(play.run).map(|i| play.board.name(i)).collect();
    let mut random = seed;
    for name in names {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let seconds = 1 + i64::try_from(random >> 60).unwrap_or(0);
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        let (test, item) = digits.split_at(1);
        let word = shape.tests[test.parse::<usize>().unwrap_or(0)].2[item.parse::<usize>().unwrap_or(0)];
        let lost = (random >> 40).is_multiple_of(5);
        let goes = lost.then_some(Goes::Lost(seconds)).into_iter().chain([Goes::Ends(WORDS[word], seconds)]);
        play = play.goes(&name, goes);
    }
    play.play()
}

/// What must come of it, by the definition: test after test, since each waits only for those before it.
fn oracle(shape: &Shape) -> BTreeMap<String, Status> {
    let name = |test: usize, item: usize| {
        if shape.tests[test].1 == 0 { format!("t{test}") } else { format!("t{test}({item})") }
    };
    let count = |test: usize| shape.tests[test].1.max(1);
    let good = |s: &Status| ![Status::FAIL, Status::ABORT, Status::PREQ_FAIL, Status::PREQ_DISCARDED].contains(s);
    let mut all: BTreeMap<String, Status> = BTreeMap::new();
    for (n, (needs, items, words)) in shape.tests.iter().enumerate() {
        for item in 0..count(n) {
            let mut status = testruns::Statuses::default().read(WORDS[words[item]]).expect("a known word");
            let mut held = Vec::new();
            for (on, how) in needs.iter().filter(|_| n > 0).map(|(on, how)| (on % n, how)) {
                let per_item = *how == 2 && *items > 0 && shape.tests[on].1 > 0;
                let theirs: Vec<usize> = if per_item { vec![item] } else { (0..count(on)).collect() };
                for one in theirs.into_iter().filter(|_| *how != 1) {
                    match all.get(&name(on, one)) {
                        Some(s) if good(s) => {}
                        Some(s) => held.push(*s == Status::PREQ_FAIL || *s == Status::PREQ_DISCARDED),
                        None => held.push(false),
                    }
                }
            }
            // Per prerequisite the first bad item counts, so of several tests only the first of each is looked at.
            if !held.is_empty() {
                let direct =
                    needs.iter().map(|(on, how)| (on % n, how)).filter(|(_, how)| **how != 1).any(|(on, how)| {
                        let per_item = *how == 2 && *items > 0 && shape.tests[on].1 > 0;
                        let theirs: Vec<usize> = if per_item { vec![item] } else { (0..count(on)).collect() };
                        let first =
                            theirs.into_iter().map(|one| all.get(&name(on, one))).find(|s| !s.is_some_and(&good));
                        match first {
                            Some(Some(s)) => *s != Status::PREQ_FAIL && *s != Status::PREQ_DISCARDED,
                            Some(None) => true,
                            None => false,
                        }
                    });
                status = if direct { Status::PREQ_FAIL } else { Status::PREQ_DISCARDED };
            }
            all.insert(name(n, item), status);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_run_ends_as_the_rules_say_in_whatever_order(shape in shape(), seeds in any::<[u64; 2]>()) {
        let expected = oracle(&shape);
        for seed in seeds {
            let play = played(&shape, seed);
            let came: BTreeMap<String, Status> = play.records().iter().map(|r| (r.full_name(), r.status.clone())).collect();
            prop_assert_eq!(&came, &expected);
            prop_assert!(play.records().iter().all(|r| r.phase == Phase::Completed));
            prop_assert!(play.most <= shape.slots.min(shape.limit.unwrap_or(99)) as usize);
            prop_assert!(play.out.is_empty());
        }
    }
}
