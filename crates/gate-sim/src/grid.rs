//! All policies over a grid of gates, in as many threads as are wanted.

use crate::measure::Measures;
use crate::run::{Ran, run};
use crate::workload::{Trace, Workload};
use crate::{bound, oracle};
use gate::{Adaptive, Policy, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One gate of the grid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The chance that a candidate is good.
    pub good: f64,
    /// The chance that a trial of good code is red.
    pub flaky: f64,
    /// Slots.
    pub slots: usize,
    /// Candidates per length of a trial.
    pub load: f64,
    /// Areas of the code; 1: everything depends on everything.
    pub areas: usize,
}

impl Cell {
    /// The share of trials of one candidate that are green at once.
    pub fn quality(&self) -> f64 {
        self.good * (1.0 - self.flaky)
    }
}

/// What came of a cell: the means over its seeds, by policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub cell: Cell,
    /// Policies and oracles by name.
    pub by: BTreeMap<String, Measures>,
    /// What must never be and was: untested or bad landings without flakes, candidates left over.
    pub wrong: usize,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The first seed.
    pub first: u64,
    /// So many seeds each.
    pub seeds: u64,
    /// So many candidates each.
    pub candidates: usize,
    /// Threads.
    pub jobs: usize,
    /// Of our policy.
    pub ours: Adaptive,
}

/// Seeds from here on judge: no number of a policy was ever chosen by what came of them. Those below were for choosing.
pub const JUDGES: u64 = 1000;

/// The names of those that are compared, oracles first.
pub const NAMES: [&str; 8] = ["per-change", "tip", "unqueued", "serial", "batch", "train", "tree", "ours"];

/// The product of lists of values.
pub fn cells(good: &[f64], flaky: &[f64], slots: &[usize], load: &[f64], areas: &[usize]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &areas in areas {
        for &good in good {
            for &flaky in flaky {
                for &slots in slots {
                    cells.extend(load.iter().map(|&load| Cell { good, flaky, slots, load, areas }));
                }
            }
        }
    }
    cells
}

impl Grid {
    /// Runs all cells; tells how many are done.
    pub fn run(&self, told: impl Fn(usize) + Sync) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Row)>> = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(cell) = self.cells.get(i) else { return };
                        let row = self.cell(*cell);
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push((i, row));
                        told(done.len());
                    }
                });
            }
        });
        let mut rows = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|(i, _)| *i);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn cell(&self, cell: Cell) -> Row {
        let mut all: BTreeMap<&'static str, Vec<Measures>> = BTreeMap::new();
        let mut wrong = 0;
        for seed in self.first..self.first + self.seeds {
            let workload =
                Workload { areas: cell.areas, ..Workload::plain(cell.good, cell.flaky, cell.load, self.candidates) };
            let trace = Trace::of(&workload, seed);
            for name in NAMES {
                let ran = self.one(name, cell.slots, &trace);
                wrong += ran.untested + ran.false_accepts + ran.stuck;
                all.entry(name).or_default().push(Measures::of(&trace, &ran));
            }
        }
        let by = all.into_iter().map(|(name, of)| (name.to_owned(), Measures::mean(&of))).collect();
        Row { cell, by, wrong }
    }

    fn one(&self, name: &'static str, slots: usize, trace: &Trace) -> Ran {
        let policy = match name {
            "per-change" => return oracle::per_change(trace, slots),
            "tip" => return oracle::tip(trace, slots),
            "unqueued" => Policy::Unqueued,
            "serial" => Policy::Serial,
            "batch" => Policy::Batch { most: 8 },
            "train" => Policy::Train { window: slots },
            "tree" => Policy::Tree,
            _ => Policy::Adaptive(self.ours.clone()),
        };
        run(trace, Settings::new(policy, slots))
    }
}

/// Whether a claim holds in a cell, and by how much.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Which.
    pub name: &'static str,
    /// Ours over what it is held against.
    pub ratio: f64,
    /// It holds.
    pub holds: bool,
    /// Where it does not: what forbids it, or what is missing.
    pub why: Option<String>,
}

/// The names of the claims.
pub const CLAIMS: [&str; 4] = [
    "throughput at least 0.9 of the per-change oracle's",
    "P95 sojourn at most 1.5 of the per-change oracle's",
    "throughput at most 3 % below the better of serial and train",
    "P95 sojourn at most 3 % above the better of serial and train",
];

impl Row {
    /// A policy's measures.
    pub fn of(&self, name: &str) -> Measures {
        self.by.get(name).copied().unwrap_or_default()
    }

    /// The claims that are made for this cell. Those against the oracle are made for q ≥ 0.8 and four slots or more.
    pub fn claims(&self) -> Vec<Claim> {
        let (ours, oracle) = (self.of("ours"), self.of("per-change"));
        let (serial, train) = (self.of("serial"), self.of("train"));
        let mut claims = Vec::new();
        if self.cell.quality() >= 0.8 - 1e-9 && self.cell.slots >= 4 {
            let throughput = ours.throughput / oracle.throughput.max(1e-9);
            claims.push(claim(0, throughput, throughput >= 0.9, || self.why_slow()));
            let sojourn = ours.p95 / oracle.p95.max(1e-9);
            claims.push(claim(1, sojourn, sojourn <= 1.5, || self.why_late()));
        }
        let throughput = ours.throughput / serial.throughput.max(train.throughput).max(1e-9);
        claims.push(claim(2, throughput, throughput >= 0.97, || self.why_slow()));
        let sojourn = ours.p95 / serial.p95.min(train.p95).max(1e-9);
        claims.push(claim(3, sojourn, sojourn <= 1.03, || self.why_later()));
        claims
    }

    /// The entropy bound is above what is claimed: the bits of all trials would do. Below a share of 1/√2 not even two
    /// together are worth a trial, and near it an estimate that is a little off costs much.
    fn why_slow(&self) -> String {
        let cell = &self.cell;
        let most = (cell.slots as f64 / bound::entropy(cell.good)).min(cell.load) * cell.good;
        format!(
            "the entropy bound allows {most:.1} a length; missing: cheaper searches and merges near the share of .71"
        )
    }

    fn why_late(&self) -> String {
        let cell = &self.cell;
        let within = 1.5 * self.of("per-change").p95;
        let share = bound::timely(cell.good, cell.load, cell.slots, within);
        if cell.areas == 1 && within < 2.0 && share < 0.95 {
            return format!("forbidden: {} guesses at once, at most {:.0} % in time", cell.slots, 100.0 * share);
        }
        "missing: trials that leave by a timetable, so that guesses are shared".to_owned()
    }

    fn why_later(&self) -> String {
        if self.cell.load >= self.cell.slots as f64 {
            return "serial has no steady line at such a load; missing: groups only once the share is known".to_owned();
        }
        "missing: surer estimates of share and load".to_owned()
    }
}

fn claim(which: usize, ratio: f64, holds: bool, why: impl Fn() -> String) -> Claim {
    Claim { name: CLAIMS[which], ratio, holds, why: (!holds).then(why) }
}
