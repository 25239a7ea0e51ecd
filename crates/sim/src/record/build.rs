//! Steps and builds: order, flags, and the one result of each.

use super::clock::TOLERANCE;
use super::{BuildSeen, Holds, Record, State, StepSeen, badness};
use crate::violation::{Checked, broken, must};
use model::{BuildId, Results, Step, StepAction, StepFlags, StepId, Time, Waits};

impl BuildSeen {
    /// The result if the build ended here, and whether only steps that always run are begun from here on. As the
    /// manual's table of flags has it.
    pub(crate) fn sum(&self) -> (Results, bool) {
        let mut worst = Results::Success;
        let mut halted = self.stopping;
        for step in &self.steps {
            let Some(results) = step.results else { continue };
            let flags = self.plan.get(step.number).map_or(StepFlags::PLAIN, |s| s.flags);
            let counts = match results {
                Results::Skipped | Results::Success => Results::Success,
                Results::Warnings if flags.flunk_on_warnings => Results::Failure,
                Results::Warnings if flags.warn_on_warnings => Results::Warnings,
                Results::Failure if flags.flunk_on_failure => Results::Failure,
                Results::Failure if flags.warn_on_failure => Results::Warnings,
                Results::Warnings | Results::Failure => Results::Success,
                other => other,
            };
            halted |= results == Results::Failure && flags.halt_on_failure;
            halted |= badness(results) >= badness(Results::Exception);
            if badness(counts) > badness(worst) {
                worst = counts;
            }
        }
        if self.stopping {
            worst = Results::Cancelled;
        }
        (worst, halted)
    }

    /// The step that has to come next.
    pub(crate) fn comes_next(&self) -> Option<usize> {
        let (_, halted) = self.sum();
        let from = self.steps.last().map_or(0, |s| s.number + 1);
        (from..self.plan.len()).find(|n| !halted || self.plan[*n].flags.always_run)
    }
}

impl Record {
    pub(super) fn step_started(&mut self, step: &Step, epoch: i64, holds: Holds) -> Checked {
        let seen = self.running_at(step.build, epoch, "step-of-a-running-build")?;
        let id = step.id;
        must("one-step-at-a-time", seen.current().is_none(), || format!("step {id} begins beside another one"))?;
        must("step-with-its-worker", seen.until.is_none(), || format!("step {id} begins while its worker is away"))?;
        let number = usize::try_from(step.number).unwrap_or(usize::MAX);
        let right = seen.comes_next();
        must("steps-in-order", right == Some(number), || {
            format!("step {id} of build {} is number {number}; {right:?} comes next", step.build)
        })?;
        let name = seen.plan.get(number).map_or("", |s| s.name.as_str());
        must("step-as-planned", name == step.name, || format!("step {id} is called {}, not {name}", step.name))?;
        if holds == Holds::Locks {
            self.step_may_lock(step.build, number)?;
        }
        must("new-step", self.steps.insert(id, step.build).is_none(), || format!("step {id} was there before"))?;
        let Some(seen) = self.builds.get_mut(&step.build) else { return Ok(()) };
        self.counts.steps += 1;
        self.counts.locked += u64::from(!seen.locks.is_empty() || !seen.plan[number].locks.is_empty());
        seen.steps.push(StepSeen { id, number, results: None });
        Ok(())
    }

    pub(super) fn step_finished(&mut self, id: StepId, results: Results) -> Checked {
        let build = self.steps.get(&id).copied();
        let Some(seen) = build.and_then(|b| self.builds.get(&b)) else {
            return broken("end-of-a-known-step", format!("step {id} was never begun"));
        };
        must("one-result-per-step", seen.current().is_some_and(|s| s.id == id) && seen.results.is_none(), || {
            format!("step {id} does not run, and ends as {results}")
        })?;
        self.trigger_result(seen, id, results)?;
        if let Some(step) = build.and_then(|b| self.builds.get_mut(&b)).and_then(|b| b.steps.last_mut()) {
            step.results = Some(results);
        }
        Ok(())
    }

    /// A step that waits for sets ends when all of them have, as the worst of those that count.
    fn trigger_result(&self, seen: &BuildSeen, id: StepId, results: Results) -> Checked {
        let spec = seen.current().and_then(|s| seen.plan.get(s.number));
        if !spec.is_some_and(|s| matches!(s.action, StepAction::Trigger(_))) || seen.stopping || seen.until.is_some() {
            return Ok(());
        }
        let children = || self.sets.values().filter_map(|s| Some((s, s.set.parent?))).filter(|(_, p)| p.step == id);
        let mut worst = Results::Success;
        for (child, parent) in children().filter(|(_, p)| p.waits != Waits::Not) {
            let Some(ended) = child.results else {
                return broken("trigger-waits", format!("step {id} ends before its set {}", child.set.id));
            };
            if parent.waits == Waits::ForResult && badness(ended) > badness(worst) {
                worst = ended;
            }
        }
        let asked = children().next().is_some();
        must("trigger-result", !asked || results == worst, || format!("step {id} is {results}, its sets are {worst}"))
    }

    pub(super) fn build_finished(&mut self, id: BuildId, epoch: i64, results: Results, now: Time) -> Checked {
        let Some(seen) = self.builds.get(&id) else {
            return broken("end-of-a-known-build", format!("build {id} was never begun"));
        };
        must("one-result-per-build", seen.results.is_none(), || format!("build {id} ends as {results} once more"))?;
        must("step-ends-first", seen.current().is_none(), || format!("build {id} ends while a step of it runs"))?;
        let held = seen.build.lease.epoch;
        if epoch == held {
            must("end-with-its-worker", seen.until.is_none(), || format!("build {id} ends while its worker is away"))?;
            let (sum, _) = seen.sum();
            let next = seen.comes_next();
            let no_step = seen.steps.is_empty() && results != Results::Success;
            let skipped = no_step && self.builders.get(&seen.build.builder).is_some_and(|b| b.spec.is_some());
            must("build-result", results == sum || skipped && !seen.stopping, || {
                format!("build {id} is {results}, its steps make {sum}")
            })?;
            must("all-steps", next.is_none() || skipped, || format!("build {id} ends before its step {next:?}"))?;
        } else {
            must("epochs-rise", epoch == held + 1, || format!("build {id} goes from epoch {held} to {epoch}"))?;
            let lost = seen.until.is_some_and(|until| until <= now);
            let early = seen.lost_at.filter(|_| results != Results::Cancelled).filter(|at| self.even + TOLERANCE < *at);
            must("grace-is-real", early.is_none(), || {
                format!(
                    "build {id} is given up {} before its worker's grace time is over",
                    early.unwrap_or_default().since(self.even)
                )
            })?;
            let right = match results {
                Results::Cancelled => seen.stopping && seen.until.is_some(),
                Results::Retry | Results::Exception => lost,
                _ => false,
            };
            must("given-up-when-lost", right, || {
                format!("build {id} is given up as {results} (held until {:?}, stopping {})", seen.until, seen.stopping)
            })?;
        }
        self.running.remove(&id);
        self.counts.retries += u64::from(results == Results::Retry);
        if let Some(seen) = self.builds.get_mut(&id) {
            seen.results = Some(results);
            seen.build.lease.epoch = epoch;
        }
        Ok(())
    }

    /// What a request got from its build.
    pub(super) fn answered(&self, build: BuildId, state: State) -> Option<Results> {
        match state {
            State::Claimed(claimed) if claimed == build => self.builds.get(&build).and_then(|b| b.results),
            _ => None,
        }
    }
}
