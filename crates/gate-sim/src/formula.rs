//! What the simulator must find where the answer is known: a check of the simulator, not of the policies.

use crate::measure::Measures;
use crate::run::run;
use crate::workload::{Arrivals, LENGTH, Trace, Workload};
use gate::{Policy, Settings};
use serde::{Deserialize, Serialize};

/// A known answer and what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// By the formula.
    pub expected: f64,
    /// By the simulator.
    pub found: f64,
    /// How far off it may be.
    pub tolerance: f64,
}

impl Check {
    /// Whether it is near enough.
    pub fn holds(&self) -> bool {
        (self.found / self.expected - 1.0).abs() <= self.tolerance
    }
}

/// All checks, each with so many candidates.
pub fn all(candidates: usize) -> Vec<Check> {
    let mut all = Vec::new();
    all.extend([0.5, 0.8].map(|load| serial(load, 8 * candidates)));
    all.extend([(0.9, 2), (0.9, 4), (0.95, 8), (0.8, 4)].map(|(good, most)| batch(good, most, 4 * candidates)));
    all.extend([(0.95, 8), (0.9, 8), (0.8, 16), (0.7, 4)].map(|(good, window)| train(good, window, 2 * candidates)));
    all.extend([0.25, 0.75, 1.5].map(|rate| unqueued(rate, candidates)));
    all
}

fn settings(policy: Policy, slots: usize) -> Settings {
    Settings { retries: 0, ..Settings::new(policy, slots) }
}

/// The share of good candidates that was thrown: what a formula is to be asked with.
fn share(trace: &Trace) -> f64 {
    trace.arrivals.iter().filter(|a| a.good).count() as f64 / trace.arrivals.len() as f64
}

/// A queue with one server and fixed times of service: the mean sojourn is 1 + ρ / 2(1 - ρ).
fn serial(load: f64, candidates: usize) -> Check {
    let trace = Trace::of(&Workload::plain(1.0, 0.0, load, candidates), 11);
    let ran = run(&trace, settings(Policy::Serial, 1));
    Check {
        what: format!("serial at load {load}: mean sojourn, M/D/1"),
        expected: 1.0 + load / (2.0 * (1.0 - load)),
        found: Measures::of(&trace, &ran).mean,
        tolerance: 0.08,
    }
}

/// Halving that tests nothing of which the outcome follows: trials for each candidate, by the exact recursion.
fn batch(good: f64, most: usize, candidates: usize) -> Check {
    let mut workload = Workload::plain(good, 0.0, 1.0, candidates);
    workload.arrivals = Arrivals::Backlog;
    let trace = Trace::of(&workload, 12);
    let ran = run(&trace, settings(Policy::Batch { most }, 1));
    Check {
        what: format!("batches of {most}, {good} good: trials for each candidate"),
        expected: whole(share(&trace), most) / most as f64,
        found: ran.trials as f64 / candidates as f64,
        tolerance: 0.04,
    }
}

/// Expected trials for `n` of whom nothing is known.
fn whole(good: f64, n: usize) -> f64 {
    1.0 + (1.0 - good.powi(n as i32)) * searched(good, n)
}

/// Expected further trials for `n` of whom one at least is bad.
fn searched(good: f64, n: usize) -> f64 {
    if n == 1 {
        return 0.0;
    }
    let (first, second) = (n.div_ceil(2), n / 2);
    let (pass, all) = (good.powi(first as i32), good.powi(n as i32));
    let green = (pass - all) / (1.0 - all);
    1.0 + green * searched(good, second) + (1.0 - green) * (searched(good, first) + whole(good, second))
}

/// A train of `w` decides (1 - q^w) / (1 - q) in a round.
fn train(good: f64, window: usize, candidates: usize) -> Check {
    let mut workload = Workload::plain(good, 0.0, 1.0, candidates);
    workload.arrivals = Arrivals::Backlog;
    let trace = Trace::of(&workload, 13);
    let ran = run(&trace, settings(Policy::Train { window }, window));
    let ends = ran.landed.iter().chain(&ran.refused).map(|e| e.2).fold(0.0, f64::max);
    Check {
        what: format!("a train of {window}, {good} good: decisions in a trial's length"),
        expected: (1.0 - share(&trace).powi(window as i32)) / (1.0 - share(&trace)),
        found: candidates as f64 / (ends / LENGTH),
        tolerance: 0.08,
    }
}

/// Somebody lands past us at a rate μ: it takes (e^(μT) - 1) / μ until a trial is not interrupted.
fn unqueued(rate: f64, candidates: usize) -> Check {
    let mut workload = Workload::plain(1.0, 0.0, 0.01, candidates);
    workload.foreign = rate;
    let trace = Trace::of(&workload, 14);
    let ran = run(&trace, settings(Policy::Unqueued, 4));
    Check {
        what: format!("no queue, {rate} foreign landings in a trial's length: mean time to land"),
        expected: (rate.exp() - 1.0) / rate,
        found: Measures::of(&trace, &ran).mean,
        tolerance: 0.08,
    }
}
