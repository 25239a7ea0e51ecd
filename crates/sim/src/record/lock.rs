//! Locks: who holds what, counted from builds and steps, and whether one more may.

use super::{BuildSeen, Record};
use crate::violation::{Checked, must};
use model::{BuildId, LockAccess, LockScope, LockSpec, LockUse, WorkerId};

impl Record {
    fn lock(&self, name: &str) -> Option<&LockSpec> {
        self.config.locks.iter().find(|l| l.name == name)
    }

    fn room(&self, lock: &LockSpec, worker: WorkerId) -> u32 {
        let name = self.workers.get(&worker).map_or("", |w| w.name.as_str());
        lock.room(name).max(1)
    }

    /// What a build holds of a lock: as a build, and its running step besides.
    pub(crate) fn held(&self, build: &BuildSeen, lock: &str) -> Vec<LockAccess> {
        let of = |uses: &[LockUse]| uses.iter().filter(|u| u.lock == lock).map(|u| u.access).collect::<Vec<_>>();
        let whole = of(&build.locks);
        let step = build.current().and_then(|s| build.plan.get(s.number)).map(|s| of(&s.locks)).unwrap_or_default();
        if whole.is_empty() { step } else { whole }
    }

    /// Who else holds a lock that a build on this worker would need.
    pub(crate) fn holders(
        &self,
        lock: &LockSpec,
        worker: WorkerId,
        besides: Option<BuildId>,
    ) -> Vec<(BuildId, LockAccess)> {
        let builds = self.running.iter().filter_map(|id| self.builds.get(id));
        let there = builds.filter(|b| lock.scope == LockScope::Master || b.build.worker == worker);
        let others = there.filter(|b| Some(b.build.id) != besides);
        others.flat_map(|b| self.held(b, &lock.name).into_iter().map(|a| (b.build.id, a))).collect()
    }

    /// Whether a wish can be had beside those who hold the lock already.
    pub(crate) fn has_room(&self, wish: &LockUse, worker: WorkerId, besides: Option<BuildId>) -> bool {
        let Some(lock) = self.lock(&wish.lock) else { return true };
        let room = self.room(lock, worker);
        let places = |access: LockAccess| match access {
            LockAccess::Counting(n) => Some(n.max(1).min(room)),
            LockAccess::Exclusive => None,
        };
        let holders = self.holders(lock, worker, besides);
        match places(wish.access) {
            None => holders.is_empty(),
            Some(wanted) => {
                let taken: Option<u32> = holders.iter().map(|(_, access)| places(*access)).sum();
                taken.is_some_and(|taken| taken + wanted <= room)
            }
        }
    }

    /// A build may begin only with all locks of its builder.
    pub(super) fn build_may_lock(&self, locks: &[LockUse], worker: WorkerId, build: BuildId) -> Checked {
        self.all_free(locks, worker, build, "build")
    }

    /// A step may begin only with all its locks; what its build holds it has.
    pub(super) fn step_may_lock(&self, build: BuildId, number: usize) -> Checked {
        let Some(seen) = self.builds.get(&build) else { return Ok(()) };
        let own = seen.plan.get(number).map_or(&[][..], |s| s.locks.as_slice());
        let needed: Vec<LockUse> =
            own.iter().filter(|u| seen.locks.iter().all(|l| l.lock != u.lock)).cloned().collect();
        self.all_free(&needed, seen.build.worker, build, "step of build")
    }

    fn all_free(&self, wishes: &[LockUse], worker: WorkerId, build: BuildId, who: &str) -> Checked {
        for wish in wishes {
            must("locks-within-capacity", self.has_room(wish, worker, Some(build)), || {
                let lock = self.lock(&wish.lock);
                let holders = lock.map(|l| self.holders(l, worker, Some(build))).unwrap_or_default();
                format!("{who} {build} takes {wish:?} of {lock:?}, held by {holders:?}")
            })?;
        }
        Ok(())
    }
}
