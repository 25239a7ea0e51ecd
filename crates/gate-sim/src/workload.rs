//! What comes to a gate, and how it would truly end.

use crate::dice::{Dice, fate};
use gate::Footprint;

/// How long a trial takes, in seconds, where all take the same.
pub const LENGTH: f64 = 1000.0;

/// When candidates come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// At random.
    Poisson,
    /// Three times as often for a while, then seldom.
    Bursts,
    /// All at the start.
    Backlog,
}

/// What a gate is tried with. Rates are per length of a trial.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The chance that a candidate is good.
    pub good: f64,
    /// The chance that a trial of good code is red.
    pub flaky: f64,
    /// Candidates per length of a trial.
    pub load: f64,
    /// How they come.
    pub arrivals: Arrivals,
    /// How many.
    pub candidates: usize,
    /// Areas of the code, each with tests of its own; 1: everything depends on everything.
    pub areas: usize,
    /// The chance that two good candidates of one area, near each other, are bad together.
    pub clash: f64,
    /// The chance that a candidate stands on the one before it.
    pub stacked: f64,
    /// Landings past the gate per length of a trial.
    pub foreign: f64,
    /// The deviation of the logarithm of trials' lengths; 0: all take the same.
    pub spread: f64,
    /// A red trial is known to be red after this share of its length.
    pub detect: f64,
    /// A retry takes this share.
    pub retry: f64,
    /// The chance that a machine breaks under a trial.
    pub broken: f64,
}

impl Workload {
    /// The plain one: everything depends on everything, all trials take the same, red is known at the end.
    pub fn plain(good: f64, flaky: f64, load: f64, candidates: usize) -> Self {
        Workload {
            good,
            flaky,
            load,
            arrivals: Arrivals::Poisson,
            candidates,
            areas: 1,
            clash: 0.0,
            stacked: 0.0,
            foreign: 0.0,
            spread: 0.0,
            detect: 1.0,
            retry: 0.1,
            broken: 0.0,
        }
    }

    /// The share of trials of one candidate that are green at once.
    pub fn quality(&self) -> f64 {
        self.good * (1.0 - self.flaky)
    }
}

/// One candidate to come.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When, in seconds.
    pub at: f64,
    /// By itself it is good.
    pub good: bool,
    /// What it touches.
    pub footprint: Footprint,
    /// The one below it in its stack.
    pub needs: Option<usize>,
}

/// All that is to come, the same for every policy.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What it was made of.
    pub workload: Workload,
    /// Its seed.
    pub seed: u64,
    /// Who comes, in order of time.
    pub arrivals: Vec<Arrival>,
    /// When somebody lands past the gate.
    pub foreign: Vec<f64>,
}

impl Trace {
    /// Throws one.
    pub fn of(workload: &Workload, seed: u64) -> Self {
        let (mut times, mut kinds) = (Dice::new(seed, 1), Dice::new(seed, 2));
        let rate = workload.load / LENGTH;
        let mut now = 0.0;
        let arrivals: Vec<Arrival> = (0..workload.candidates)
            .map(|i| {
                now += match workload.arrivals {
                    Arrivals::Poisson => times.wait(rate),
                    Arrivals::Backlog => 0.0,
                    Arrivals::Bursts => {
                        let busy = ((now / (10.0 * LENGTH)) as u64).is_multiple_of(4);
                        times.wait(if busy { 3.0 * rate } else { rate / 3.0 })
                    }
                };
                let area = kinds.zipf(workload.areas);
                let footprint = if workload.areas == 1 { Footprint::ALL } else { Footprint::of([area]) };
                let good = kinds.chance(workload.good);
                let needs = (kinds.chance(workload.stacked) && i > 0).then(|| i - 1);
                Arrival { at: now, good, footprint, needs }
            })
            .collect();
        let (mut outside, mut foreign, mut at) = (Dice::new(seed, 3), Vec::new(), 0.0);
        while workload.foreign > 0.0 && at < now {
            at += outside.wait(workload.foreign / LENGTH);
            foreign.push(at);
        }
        Trace { workload: workload.clone(), seed, arrivals, foreign }
    }

    /// Whether two that are good by themselves are bad together.
    pub fn clashes(&self, a: usize, b: usize) -> bool {
        const NEAR: usize = 40;
        let (low, high) = (a.min(b), a.max(b));
        self.workload.clash > 0.0
            && high - low <= NEAR
            && self.arrivals[a].footprint.meets(self.arrivals[b].footprint)
            && fate([self.seed, 4, low as u64, high as u64]) < self.workload.clash
    }

    /// How long a trial of these takes, in seconds.
    pub fn length(&self, members: &[usize]) -> f64 {
        let longest = members.iter().map(|m| {
            let mut dice = Dice::new(self.seed ^ *m as u64, 5);
            (self.workload.spread * dice.normal()).exp()
        });
        LENGTH * if self.workload.spread == 0.0 { 1.0 } else { longest.fold(0.2, f64::max) }
    }
}
