//! What the chapter on the gate says, on a few small gates.

use gate::Adaptive;
use gate_sim::formula;
use gate_sim::grid::{Grid, JUDGES, cells};

#[test]
fn the_simulator_finds_what_is_known() {
    for check in formula::all(400) {
        assert!(check.holds(), "{}: {} is not {}", check.what, check.found, check.expected);
    }
}

#[test]
fn throughput_is_that_of_the_oracle_and_nothing_untested_lands() {
    let mut all = cells(&[0.8, 0.95], &[0.0], &[4, 16], &[0.5, 5.0], &[1]);
    all.extend(cells(&[0.9], &[0.05], &[4], &[2.0], &[1]));
    let grid = Grid { cells: all, first: JUDGES, seeds: 1, candidates: 240, jobs: 2, ours: Adaptive::default() };
    for row in grid.run(|_| ()) {
        assert_eq!(row.wrong, 0, "{:?}", row.cell);
        for claim in row.claims().iter().filter(|c| c.name.starts_with("throughput")) {
            assert!(claim.holds, "{:?}: {} is {:.2}", row.cell, claim.name, claim.ratio);
        }
    }
}
