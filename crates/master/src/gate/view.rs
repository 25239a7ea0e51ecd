//! A gate as others see it.

use super::kept::{candidate_of, number_of};
use super::runner::{Open, Runner};
use super::words;
use gate::TrialId;
use gate::landing::LandingState;
use gate::why::{self, Waits};
use model::{GateLanding, GatePlace, GateView};

impl Runner {
    /// Shows others what the gate is by now.
    pub(super) fn show(&self, open: &Open) {
        let now = self.tools.door.clock.now();
        let kept = &open.kept;
        let number = |trial: TrialId| i64::try_from(trial.0).unwrap_or(i64::MAX);
        let line = why::line(&kept.queue, now).into_iter().filter_map(|place| {
            let candidate = kept.candidates.get(&place.candidate)?.facts.clone();
            let (trial, chance) = match &place.waits {
                Waits::Trial { trial, chance, .. } => (Some(number(*trial)), Some(chance.0)),
                _ => (None, None),
            };
            Some(GatePlace { candidate, waits: place.waits.to_string(), trial, chance, expected: place.expected })
        });
        let landing = kept.queue.landing().map(|landing| GateLanding {
            trial: number(landing.trial),
            commit: landing.commit.0.clone(),
            members: landing.members.iter().copied().map(number_of).collect(),
            state: match &landing.state {
                LandingState::Pushing | LandingState::Again => "is being pushed".to_owned(),
                LandingState::Doubtful(why) => format!("nobody knows whether it arrived: {why}"),
                LandingState::Asking => "the repository is asked whether it arrived".to_owned(),
            },
        });
        let length = kept.queue.experience().length();
        let trials = kept.trials.values().filter(|run| kept.queue.trial(trial_of(run.facts.id)).is_some());
        self.view.send_replace(GateView {
            spec: self.spec.clone(),
            tip: kept.queue.trunk().tip.0.clone(),
            halted: kept.queue.halted().map(words::halt),
            trouble: self.trouble.clone(),
            landing,
            line: line.collect(),
            trials: trials.map(|run| run.facts.clone()).collect(),
            length: (length.0 > 0).then_some(length),
            at: now,
        });
    }
}

fn trial_of(number: i64) -> TrialId {
    TrialId(candidate_of(number).0)
}
