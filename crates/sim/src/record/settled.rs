//! What must hold whenever nothing more is to be decided.

use super::clock::LATE;
use super::{Record, State};
use crate::violation::{Checked, must};
use model::{Config, Span, Time};
use std::sync::Arc;

impl Record {
    /// Everything is decided that could be: no result is owed, no timer is overdue, no build idles.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn settled(&mut self, now: Time, even: Time) -> Checked {
        for id in &self.open_sets {
            let open = self.sets[id].set.requests.iter().filter_map(|r| self.requests.get(r));
            let open = open.filter(|r| !matches!(r.state, State::Done(_))).count();
            must("sets-end", open > 0, || format!("set {id} has no open request and no result"))?;
        }
        for id in &self.claimed {
            if let Some(State::Claimed(build)) = self.requests.get(id).map(|r| r.state) {
                let runs = self.running.contains(&build);
                must("requests-end", runs, || format!("request {id} is claimed by build {build}, which is over"))?;
            }
        }
        for seen in self.running.iter().filter_map(|id| self.builds.get(id)) {
            let id = seen.build.id;
            if let Some(until) = seen.until {
                must("lost-is-given-up", until > now, || format!("build {id} was lost at {until:?}, it is {now:?}"))?;
                must("grace-ends", seen.lost_at.is_none_or(|at| even < at + LATE), || {
                    format!("build {id} was lost at {:?}, it is {even:?} by a clock that nobody sets", seen.lost_at)
                })?;
                must("stopped-is-given-up", !seen.stopping || seen.current().is_none(), || {
                    format!("build {id} is stopped and its worker away, and yet it goes on")
                })?;
            } else if seen.current().is_none() {
                let next = seen.comes_next().and_then(|n| seen.plan.get(n));
                let waits = next.is_some_and(|s| {
                    let free = |l: &&model::LockUse| seen.locks.iter().all(|held| held.lock != l.lock);
                    s.locks.iter().filter(free).any(|l| self.config.locks.iter().any(|spec| spec.name == l.lock))
                });
                must("no-idle-build", waits, || format!("build {id} runs no step and waits for no lock"))?;
            }
            let worker = self.workers.get(&seen.build.worker);
            let connected = worker.is_some_and(|w| w.connected);
            let leaving = worker.is_some_and(|w| w.leaving);
            must("lease-is-dated", connected == seen.until.is_none() || leaving, || {
                format!("build {id} is held until {:?}, its worker is connected: {connected}", seen.until)
            })?;
        }
        for watch in self.schedulers.values_mut() {
            watch.on_time(now, even)?;
        }
        Ok(())
    }

    /// The master came up again: running builds hold what their builders say now.
    ///
    /// `moved`: the start finds that the time of day was set back, and what follows from that comes with it.
    pub fn restarted(&mut self, config: &Arc<Config>, (now, even): (Time, Time), moved: bool) {
        for watch in self.schedulers.values_mut() {
            watch.restarted(even);
            if !moved {
                watch.clock_set(Span::ZERO, now);
            }
        }
        self.workers.values_mut().for_each(|worker| worker.leaving = false);
        for build in self.builds.values_mut().filter(|b| b.results.is_none()) {
            let name = self.builders.get(&build.build.builder).map_or("", |b| b.name.as_str());
            let spec = config.builders.iter().find(|b| b.name == name);
            build.locks = spec.map(|s| s.locks.clone()).unwrap_or_default();
        }
    }
}

impl Record {
    /// Running builds hold what their builders say now.
    pub(crate) fn locks_are_as_configured(&self) -> bool {
        let running = self.running.iter().filter_map(|id| self.builds.get(id));
        let mut all = running.map(|b| (b, self.builders.get(&b.build.builder).and_then(|s| s.spec.as_ref())));
        all.all(|(b, spec)| spec.map_or(&[][..], |s| s.locks.as_slice()) == b.locks.as_slice())
    }
}
