//! What it brings to land now: time for those who land, against time of others whose trials end by it.

use crate::candidate::CandidateId;
use crate::footprint::Footprint;
use crate::trial::Trial;
use crate::view::View;
use std::collections::BTreeMap;

/// How near its landing each candidate is by the best of some trials: the chance of that trial times the share of it
/// that is done.
#[derive(Default)]
struct Near(BTreeMap<CandidateId, f64>);

impl Near {
    fn take(&mut self, view: &View, trial: &Trial, rest: &[CandidateId]) {
        let pass: f64 = rest.iter().map(|m| view.belief(*m).good).product();
        let near = pass * view.progress(trial);
        for member in rest {
            let best = self.0.entry(*member).or_default();
            *best = best.max(near);
        }
    }

    fn of(&self, id: CandidateId) -> f64 {
        self.0.get(&id).copied().unwrap_or_default()
    }
}

/// What all gain, in lengths of a trial, when these land now.
pub(super) fn gain(view: &View, landing: &[CandidateId]) -> f64 {
    let touched = footprint(view, landing);
    let (mut now, mut then) = (Near::default(), Near::default());
    for (trial, rest) in view.fitting().filter(|(t, _)| t.is_running()) {
        now.take(view, trial, rest);
        if rest.starts_with(landing) || !footprint(view, rest).meets(touched) {
            then.take(view, trial, rest);
        }
    }
    let others = now.0.iter().filter(|(m, _)| !landing.contains(m));
    let lost: f64 = others.map(|(m, near)| near - then.of(*m)).sum();
    landing.len() as f64 - lost
}

fn footprint(view: &View, of: &[CandidateId]) -> Footprint {
    of.iter().filter_map(|m| view.queue.waiting(*m)).fold(Footprint::NONE, |all, c| all | c.footprint)
}
