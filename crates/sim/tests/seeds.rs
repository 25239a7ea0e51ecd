//! Two hundred seeds, each run twice: no rule is broken, and the same seed gives the same trace.

use sim::fault::Fault;
use sim::{Failure, Options, Passed, Sums, run, run_twice};
use std::collections::BTreeSet;

const SEEDS: u64 = 200;
const OPTIONS: Options = Options { acts: 20, sabotage: sim::Sabotage::None, aloud: sim::trace::Aloud::No };

fn passed(outcome: Result<Passed, Box<Failure>>) -> Passed {
    match outcome {
        Ok(passed) => passed,
        Err(failure) => panic!("{failure}\nagain: cargo xtask sim --seed {} --acts 20 --trace", failure.seed),
    }
}

/// Every other seed from the first one on.
fn every_other(first: u64) -> Sums {
    let mut sums = Sums::default();
    for seed in (first..=SEEDS).step_by(2) {
        sums += passed(run_twice(seed, OPTIONS)).sums;
    }
    sums
}

#[test]
fn odd_seeds_break_no_rule() {
    let sums = every_other(1);
    assert_eq!(sums.seeds, SEEDS / 2);
    busy(&sums);
}

#[test]
fn even_seeds_break_no_rule() {
    busy(&every_other(2));
}

/// Rules that nothing ever touches are kept by everybody: each kind of thing has to happen.
fn busy(sums: &Sums) {
    let (c, f) = (&sums.counts, &sums.faults);
    let each = [c.changes, c.sets, c.requests, c.builds, c.retries, c.merged, c.steps, c.locked, c.refused, c.whys];
    let others = [sums.reloads, sums.compared];
    assert!(each.iter().chain(&others).all(|n| *n > 10), "{sums}");
    assert!(Fault::ALL.into_iter().all(|fault| f.of(fault) > 2), "{sums}");
}

#[test]
fn other_seeds_give_other_traces() {
    let hashes: BTreeSet<u64> = (1..=5).map(|seed| passed(run(seed, OPTIONS)).hash).collect();
    assert_eq!(hashes.len(), 5);
}
