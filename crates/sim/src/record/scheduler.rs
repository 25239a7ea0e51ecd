//! Schedulers: each change in one set, each time once, and nothing forgotten.

use super::Record;
use super::clock::{LATE, TOLERANCE};
use crate::calendar::Times;
use crate::violation::{Checked, broken, must};
use model::{
    BuildSet, BuildSetId, Change, ChangeId, Follow, Match, Results, SchedulerKind, SchedulerSpec, SchedulerState, Span,
    Time,
};
use std::collections::{BTreeMap, BTreeSet};

/// The longest that a time of a table is away, whatever happens to the clock meanwhile.
const TWO_DAYS: Span = Span::seconds(2 * 86_400 + 3_600);

/// What is known of a scheduler.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) name: String,
    pub(crate) spec: Option<SchedulerSpec>,
    enabled: bool,
    /// Its table, if it has one.
    pub(super) table: Option<Times>,
    /// Since when its times are counted.
    pub(super) counted: Option<Time>,
    /// The same, or when a master last started, by a clock that nobody sets.
    began: Option<Time>,
    /// The times of its table that it has filed sets for.
    pub(super) nights: BTreeSet<Time>,
    /// The batch in which it last filed a set by its table.
    fired: u64,
    pub(super) lanes: BTreeMap<String, LaneSeen>,
    /// Changes that were in a set of it.
    built: BTreeSet<ChangeId>,
}

#[derive(Debug, Default)]
pub(super) struct LaneSeen {
    /// Important changes that no set has had.
    owed: BTreeSet<ChangeId>,
    /// When the first of them came.
    pub(super) since: Option<Time>,
    /// When a change was last heard while it owed something.
    pub(super) last: Time,
    /// The same by a clock that nobody sets; unknown after a start, because nobody knows how long the master was down.
    quiet_since: Option<Time>,
    /// The same, or when a master last started.
    quiet_at_last: Time,
}

impl Watch {
    pub(super) fn new(name: &str) -> Self {
        Watch {
            name: name.to_owned(),
            spec: None,
            enabled: true,
            table: None,
            counted: None,
            began: None,
            nights: BTreeSet::new(),
            fired: 0,
            lanes: BTreeMap::new(),
            built: BTreeSet::new(),
        }
    }

    fn begin_anew(&mut self) {
        (self.counted, self.began) = (None, None);
        self.nights.clear();
        self.lanes.clear();
    }

    pub(super) fn restarted(&mut self, even: Time) {
        self.began = self.began.map(|_| even);
        for lane in self.lanes.values_mut() {
            (lane.quiet_since, lane.quiet_at_last) = (None, even);
        }
    }

    pub(super) fn configure(&mut self, spec: Option<&SchedulerSpec>, (now, even): (Time, Time)) {
        if spec.is_none() {
            self.begin_anew();
        }
        self.spec = spec.cloned();
        self.table = match spec.map(|s| &s.kind) {
            Some(SchedulerKind::Nightly { cron, timezone, .. }) => Some(Times::read(cron, timezone.as_deref())),
            _ => None,
        };
        self.count(now, even);
    }

    /// Times of a table are counted from the moment at which it is first looked at.
    fn count(&mut self, now: Time, even: Time) {
        if self.table.is_some() && self.enabled {
            self.counted.get_or_insert(now);
            self.began.get_or_insert(even);
        }
    }

    pub(super) fn remember(&mut self, state: &SchedulerState) {
        if state.enabled != self.enabled {
            self.begin_anew();
        }
        self.enabled = state.enabled;
    }

    fn works(&self) -> Option<&SchedulerSpec> {
        self.spec.as_ref().filter(|_| self.enabled)
    }

    pub(super) fn hear(&mut self, change: &Change, even: Time) {
        let Some(follow) = self.works().and_then(|s| s.kind.follows()) else { return };
        if !passes(follow, change) {
            return;
        }
        let important = match follow.is_important.as_ref().map(|f| f.name.as_str()) {
            Some("touches_src") => change.facts.files.iter().any(|f| f.starts_with("src")),
            _ => true,
        };
        if !important && follow.only_important {
            return;
        }
        let lane = self.lanes.entry(change.facts.branch.clone().unwrap_or_default()).or_default();
        if important {
            lane.owed.insert(change.id);
            lane.since.get_or_insert(change.received_at);
        }
        if !lane.owed.is_empty() {
            lane.last = change.received_at;
            (lane.quiet_since, lane.quiet_at_last) = (Some(even), even);
        }
    }

    /// A set of its own: no change of it twice, none too early, and no time twice.
    pub(super) fn filed(&mut self, set: &BuildSet, (now, even): (Time, Time), batch: u64) -> Checked {
        let Some(spec) = self.spec.clone() else {
            return broken("scheduler-configured", format!("{} files set {} and is not configured", self.name, set.id));
        };
        must("scheduler-enabled", self.enabled, || format!("{} files set {} and is off", self.name, set.id))?;
        let changes: Vec<ChangeId> = set.stamps.iter().flat_map(|s| s.changes.iter().copied()).collect();
        for change in &changes {
            must("change-in-one-set", self.built.insert(*change), || {
                format!("{} files set {} with change {change} once more", self.name, set.id)
            })?;
        }
        match &spec.kind {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => {
                for lane in self.lanes.values_mut().filter(|l| l.owed.iter().any(|c| changes.contains(c))) {
                    let quiet = follow.tree_stable_timer.unwrap_or(Span::ZERO);
                    must("quiet-time", lane.last + quiet <= now, || {
                        format!("{} files set {} at {now:?}, {quiet} after {:?} is later", self.name, set.id, lane.last)
                    })?;
                    let early = lane.quiet_since.is_some_and(|since| even + TOLERANCE < since + quiet);
                    must("quiet-time-is-real", !early, || {
                        format!("{} files set {} before {quiet} have passed", self.name, set.id)
                    })?;
                }
            }
            SchedulerKind::Periodic { every, .. } => {
                must("time-once", self.counted.is_none_or(|last| last + *every <= now), || {
                    format!("{} files set {} at {now:?} after {:?}", self.name, set.id, self.counted)
                })?;
                (self.counted, self.began) = (Some(now), Some(even));
            }
            SchedulerKind::Nightly { .. } if self.fired != batch => {
                let Some(table) = &self.table else { return broken("time-once", "without a table") };
                let due = self.counted.and_then(|last| table.next(last));
                must("time-once", due.is_some_and(|due| due <= now), || {
                    format!("{} files set {} at {now:?}, {due:?} comes next", self.name, set.id)
                })?;
                let served = table.last(now).filter(|_| table.by_number);
                must("nightly-once", served.is_none_or(|at| self.nights.insert(at)), || {
                    format!("{} files set {} for {served:?} once more", self.name, set.id)
                })?;
                (self.counted, self.began) = (Some(now), Some(even));
                self.fired = batch;
            }
            _ => {}
        }
        for lane in self.lanes.values_mut() {
            lane.owed.retain(|c| !changes.contains(c));
            if lane.owed.is_empty() {
                lane.since = None;
            }
        }
        Ok(())
    }

    /// Nothing is overdue.
    pub(super) fn on_time(&mut self, now: Time, even: Time) -> Checked {
        self.count(now, even);
        let Some(spec) = self.works() else { return Ok(()) };
        let first = self.lanes.values().filter_map(|l| l.since).min();
        let due = match &spec.kind {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => {
                let owing = self.lanes.values().filter(|l| !l.owed.is_empty());
                owing.map(|l| l.last + follow.tree_stable_timer.unwrap_or(Span::ZERO)).min()
            }
            SchedulerKind::Periodic { every, .. } => Some(self.counted.map_or(now, |last| last + *every)),
            SchedulerKind::Nightly { if_changed: None, .. } => self.next_time(self.counted),
            SchedulerKind::Nightly { .. } => {
                self.next_time(self.counted.zip(first).map(|(last, first)| last.max(first)))
            }
            _ => None,
        };
        must("nothing-overdue", due.is_none_or(|due| due > now), || {
            format!("{} was due at {due:?}, and it is {now:?}", self.name)
        })?;
        let waits = match &spec.kind {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => {
                let owing = self.lanes.values().filter(|l| !l.owed.is_empty());
                owing.map(|l| l.quiet_at_last + follow.tree_stable_timer.unwrap_or(Span::ZERO)).min()
            }
            SchedulerKind::Periodic { every, .. } => self.began.map(|began| began + *every),
            // A clock that is set back by less than a day has a time once: the next is on the second day at the latest.
            SchedulerKind::Nightly { if_changed: None, .. } => self.began.map(|began| began + TWO_DAYS),
            _ => None,
        };
        must("nothing-waits-for-ever", waits.is_none_or(|until| even < until + LATE), || {
            format!("{} waits since {waits:?}, it is {even:?} by a clock that nobody sets", self.name)
        })
    }

    fn next_time(&self, after: Option<Time>) -> Option<Time> {
        let (table, after) = (self.table.as_ref()?, after?);
        table.next(after)
    }
}

fn passes(follow: &Follow, change: &Change) -> bool {
    let branch = &change.facts.branch;
    let branch_fits = match &follow.filter.branch {
        Match::OneOf(list) => list.contains(branch),
        Match::NoneOf(list) => !list.contains(branch),
        // The only glob that is generated: something with an n in it.
        Match::Glob(_) => branch.as_deref().unwrap_or_default().contains('n'),
        _ => true,
    };
    let docs = || change.facts.files.iter().any(|f| f.starts_with("doc"));
    branch_fits && !(follow.filter.function.as_ref().is_some_and(|f| f.name == "no_docs") && docs())
}

/// What a set builds.
fn source(set: &BuildSet) -> Vec<(Option<String>, Option<String>, Vec<ChangeId>)> {
    set.stamps.iter().map(|s| (s.branch.clone(), s.revision.clone(), s.changes.clone())).collect()
}

impl Record {
    /// What follows on the sets that passed in this batch was filed in it, each once.
    pub(super) fn followed(&self) -> Checked {
        for watch in self.schedulers.values() {
            let Some(SchedulerSpec { kind: SchedulerKind::Dependent { upstream }, .. }) = watch.works() else {
                continue;
            };
            let of = |ids: &[BuildSetId], by: &str, passed: bool| -> Vec<_> {
                let sets = ids.iter().filter_map(|id| self.sets.get(id)).filter(|s| s.set.scheduler == by);
                let own = sets.filter(|s| s.set.rebuilt.is_none());
                let good = |r| matches!(r, Some(Results::Success | Results::Warnings));
                let mut all: Vec<_> = own.filter(|s| !passed || good(s.results)).map(|s| source(&s.set)).collect();
                all.sort();
                all
            };
            let (wanted, filed) = (of(&self.ended_now, upstream, true), of(&self.filed_now, &watch.name, false));
            must("followed-once", wanted == filed, || format!("{} follows on {wanted:?} with {filed:?}", watch.name))?;
        }
        Ok(())
    }
}
