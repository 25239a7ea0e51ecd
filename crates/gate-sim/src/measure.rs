//! What is measured of a run.

use crate::run::Ran;
use crate::workload::{LENGTH, Trace};
use serde::{Deserialize, Serialize};

/// A run in numbers. Times are in lengths of a trial.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Measures {
    /// Landings per length, once it runs and before it runs dry.
    pub throughput: f64,
    /// From submission to landing: the mean.
    pub mean: f64,
    /// The middle one.
    pub p50: f64,
    /// Nineteen of twenty take less.
    pub p95: f64,
    /// All but one in a hundred take less.
    pub p99: f64,
    /// Trials begun for each landing.
    pub trials: f64,
    /// Slots in use for each landing, in lengths.
    pub cost: f64,
    /// Good candidates evicted, of a hundred.
    pub false_ejects: f64,
    /// Bad trees landed; flakes cannot make one.
    pub false_accepts: f64,
}

impl Measures {
    /// Measures a run. The first part of it is for learning, and is not counted.
    pub fn of(trace: &Trace, ran: &Ran) -> Self {
        let n = trace.arrivals.len();
        let first = n / 4;
        let from = trace.arrivals.get(first).map_or(0.0, |a| a.at);
        let last = trace.arrivals.last().map_or(0.0, |a| a.at);
        // Where more comes than can land, the measure goes on until nine of ten have landed.
        let mut ends: Vec<f64> = ran.landed.iter().map(|l| l.2).collect();
        ends.sort_by(f64::total_cmp);
        let most = ends.get(ends.len() * 9 / 10).copied().unwrap_or(1.0);
        let to = last.max(most).max(from + 1.0);
        let within = ran.landed.iter().filter(|l| l.2 > from && l.2 <= to).count();
        let mut took: Vec<f64> =
            ran.landed.iter().filter(|l| l.0 >= first).map(|(_, came, landed)| (landed - came) / LENGTH).collect();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
        let landed = ran.landed.len().max(1) as f64;
        Measures {
            throughput: within as f64 / ((to - from) / LENGTH).max(1e-9),
            mean: took.iter().sum::<f64>() / took.len().max(1) as f64,
            p50: at(0.5).copied().unwrap_or_default(),
            p95: at(0.95).copied().unwrap_or_default(),
            p99: at(0.99).copied().unwrap_or_default(),
            trials: ran.trials as f64 / landed,
            cost: ran.busy / landed,
            false_ejects: 100.0 * ran.false_ejects as f64 / n as f64,
            false_accepts: ran.false_accepts as f64,
        }
    }

    /// The means of several.
    pub fn mean(of: &[Measures]) -> Self {
        let n = of.len().max(1) as f64;
        let mean = |field: fn(&Measures) -> f64| of.iter().map(field).sum::<f64>() / n;
        Measures {
            throughput: mean(|m| m.throughput),
            mean: mean(|m| m.mean),
            p50: mean(|m| m.p50),
            p95: mean(|m| m.p95),
            p99: mean(|m| m.p99),
            trials: mean(|m| m.trials),
            cost: mean(|m| m.cost),
            false_ejects: mean(|m| m.false_ejects),
            false_accepts: mean(|m| m.false_accepts),
        }
    }
}
