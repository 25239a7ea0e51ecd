//! What a trial is worth: in decisions, since that is what candidates wait for.

use super::Adaptive;
use crate::queue::Promise;
use crate::view::View;

/// The measures of one moment, from what the gate has learned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    /// The chance that a candidate is good.
    pub(super) good: f64,
    /// A screened candidate has still to be merged, so its screen is worth less than a decision.
    pub(super) screen: f64,
    /// The largest group that is worth a trial.
    pub(super) largest: usize,
    /// What was green together may not land together, so that only each by himself is worth a test.
    pub(super) alone: bool,
    /// How many slots there are.
    pub(super) slots: usize,
    /// In a trial's length so many merges begin, while slots are short.
    pub(super) merges: f64,
}

impl Worth {
    pub(super) fn of(adaptive: &Adaptive, view: &View) -> Self {
        let good = view.queue.experience().good();
        let slots = view.slots();
        let merges = slots as f64 / adaptive.merge_share;
        let merged = ((slots as f64 - merges) * good / merges).max(1.0);
        let each = view.queue.settings().promise == Promise::EachCommit;
        let largest = (adaptive.group_pass.ln() / good.ln()).floor();
        Worth {
            good,
            screen: 1.0 / (1.0 + good / merged),
            largest: if each { 1 } else { (largest as usize).clamp(1, adaptive.most) },
            alone: each,
            slots,
            merges,
        }
    }

    /// How many decisions a trial brings that is green with this chance, among `size` candidates: what is learned by
    /// it, in units of what is to be learned of one candidate.
    pub(super) fn decisions(&self, pass: f64, size: usize) -> f64 {
        (entropy(pass) / entropy(self.good).max(1e-6)).clamp(0.05, size as f64)
    }
}

/// How many candidates of an endless line the tree decides in a trial's length: the sum of the chances of the likeliest
/// ends, as many as there are slots. The end of the candidate at place `i` with `j` others left out has the chance
/// p^(i-j) (1-p)^j, and there are `i` over `j` of them.
pub(super) fn tree_rate(good: f64, slots: usize) -> f64 {
    let mut nodes: Vec<(f64, f64)> = Vec::new();
    for place in 0..slots.min(100) {
        let mut ways = 1.0;
        for out in 0..=place.min(4) {
            nodes.push((good.powi((place - out) as i32) * (1.0 - good).powi(out as i32), ways));
            ways *= (place - out) as f64 / (out + 1) as f64;
        }
    }
    nodes.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = slots as f64;
    let mut rate = 0.0;
    for (chance, ways) in nodes {
        let taken = ways.min(left);
        rate += chance * taken;
        left -= taken;
    }
    rate
}

fn entropy(p: f64) -> f64 {
    let part = |p: f64| if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.log2() };
    part(p) + part(1.0 - p)
}
