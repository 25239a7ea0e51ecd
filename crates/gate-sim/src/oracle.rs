//! Those who know how everything ends, and still have to show it.

use crate::dice::Dice;
use crate::run::Ran;
use crate::workload::{LENGTH, Trace};

/// One trial for each candidate, good or bad, first come, first served, and no two in each other's way: nobody who owes
/// each landing a green trial and each rejection a red one can be faster.
pub fn per_change(trace: &Trace, slots: usize) -> Ran {
    let mut ran = Ran::default();
    let mut free = vec![0.0_f64; slots.max(1)];
    for (i, arrival) in trace.arrivals.iter().enumerate() {
        let Some((slot, at)) = free.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let mut end = arrival.at.max(at) + trace.length(&[i]);
        let mut dice = Dice::new(trace.seed ^ i as u64, 8);
        while arrival.good && dice.chance(trace.workload.flaky) {
            // It knows a flake when it sees one, and repeats what failed.
            end += trace.workload.retry * trace.length(&[i]);
            ran.retries += 1;
        }
        free[slot] = end;
        ran.trials += 1;
        let ends = if arrival.good { &mut ran.landed } else { &mut ran.refused };
        ends.push((i, arrival.at, end));
    }
    ran.busy = ran.trials as f64;
    ran.landed.sort_by(|a, b| a.2.total_cmp(&b.2));
    ran
}

/// One trial for all good candidates that wait, whenever one can begin: what batches could reach at best. Trials of one
/// another overlap as slots allow.
pub fn tip(trace: &Trace, slots: usize) -> Ran {
    let mut ran = Ran::default();
    let mut free = vec![0.0_f64; slots.max(1)];
    let good: Vec<usize> = (0..trace.arrivals.len()).filter(|i| trace.arrivals[*i].good).collect();
    let mut at = 0;
    let gap = LENGTH / slots.max(1) as f64;
    let mut last = f64::NEG_INFINITY;
    while at < good.len() {
        let Some((slot, idle)) = free.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        // Not more often than slots come free on the average, so that trials are spread out.
        let begin = trace.arrivals[good[at]].at.max(idle).max(last + gap);
        let batch: Vec<usize> = good[at..].iter().copied().take_while(|i| trace.arrivals[*i].at <= begin).collect();
        let end = begin + trace.length(&batch);
        free[slot] = end;
        last = begin;
        ran.trials += 1;
        ran.landed.extend(batch.iter().map(|i| (*i, trace.arrivals[*i].at, end)));
        at += batch.len();
    }
    ran.busy = ran.trials as f64;
    ran
}
