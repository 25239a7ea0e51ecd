//! Everything that a runner knows of the runs that it has: which items there are, where they are, what they wait for.

use crate::event::Kill;
use crate::item::{Item, full_name};
use crate::launch::{Because, Holder, Launch, Rerun, launch};
use crate::pattern::TestPatterns;
use crate::ready::Queues;
use crate::record::{Attempt, Phase, Record};
use crate::rollup::Rollup;
use crate::roster::{Edge, Node, On, Role, Roster};
use crate::status::{Status, Statuses};
use crate::sum::Weights;
use crate::verdict::Verdict;
use model::area::{Area, Limits, Quarantine, TestSpec, Until, Waiver};
use model::{Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A run on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub(crate) u32);

/// An item on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub(crate) u32);

impl ItemId {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn of(at: usize) -> Self {
        ItemId(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

/// What is asked for: a run with what is on record of it.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// What it consists of.
    pub roster: Roster,
    /// What is on record of it, and whether somebody still runs what is said to run.
    pub records: Vec<(Record, Holder)>,
    /// What is run again.
    pub rerun: Rerun,
    /// So many of its items at once at most; the area's limit where there is none.
    pub at_once: Option<u32>,
}

/// The board. It changes by [`Board::add`] and [`Board::apply`] and by nothing else. What is durable is the records;
/// after a crash a board is made anew from them.
#[derive(Clone, Debug)]
pub struct Board {
    pub(crate) statuses: Statuses,
    pub(crate) limits: Limits,
    pub(crate) hosts: BTreeMap<String, Host>,
    pub(crate) runs: Vec<Run>,
    pub(crate) tests: Vec<Test>,
    pub(crate) items: Vec<State>,
    pub(crate) queues: Queues,
    pub(crate) groups: BTreeMap<String, u32>,
    pub(crate) resources: BTreeMap<String, u64>,
    /// Items about which something has to be decided.
    pub(crate) due: BTreeSet<ItemId>,
    /// When which item has to be looked at.
    pub(crate) alarms: BTreeSet<(Time, ItemId)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    pub slots: u32,
    pub used: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub at_once: Option<u32>,
    pub used: u32,
    pub max_time: Option<Span>,
    pub dead_after: Option<Span>,
    pub waivers: Vec<(TestPatterns, Waiver)>,
    pub quarantine: Vec<(TestPatterns, Quarantine)>,
    pub items: Range<usize>,
    pub tests: Range<usize>,
    pub rollup: Rollup,
    pub weights: Weights,
    pub cancelled: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub spec: TestSpec,
    pub role: Role,
    pub items: Range<usize>,
    pub rollup: Rollup,
    /// Items that have not ended.
    pub open: u32,
    /// The first item, in their order, that ended without satisfying.
    pub first_bad: Option<ItemId>,
    /// Who waits for all of it.
    pub waited_by: Vec<ItemId>,
    /// An item of it has been started in this run.
    pub began: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub run: usize,
    pub test: usize,
    pub item: Item,
    pub empty: bool,
    pub edges: Vec<Edge>,
    /// Edges that are not decided.
    pub waits: u32,
    pub waited_by: Vec<ItemId>,
    pub stage: Stage,
    pub because: Option<Because>,
    pub phase: Phase,
    pub status: Status,
    pub comment: String,
    pub flaky: bool,
    pub quarantined: Option<String>,
    pub attempts: Vec<Attempt>,
    /// Attempts that failed, and that were lost, since it was asked for.
    pub failures: u32,
    pub losses: u32,
    pub late: Vec<Late>,
    pub heard: Option<Time>,
    pub alarm: Option<Time>,
    /// Somebody wants it ended.
    pub kill: Option<(String, String)>,
    pub queue: usize,
}

/// Where an item is, as decisions see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// For others.
    Waiting,
    /// For somebody to look at its skip rules.
    Looking,
    /// It may run when there is room.
    Ready,
    /// An attempt is out.
    Out { killing: Option<Kill> },
    /// The attempt ended, or the skip rules were looked at.
    Judged { outcome: Outcome, proof: Proof },
    /// It is decided.
    Over,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Skip(String),
    Verdict(Verdict),
    Lost(String),
    Killed(Kill),
}

/// How it stands with a waiver.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Proof {
    Unasked,
    Asked,
    Holds,
    Refuted(String),
}

/// What came too late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The attempt that it speaks of.
    pub attempt: u32,
    /// When it came.
    pub at: Time,
    /// What it says.
    pub says: String,
}

/// So many late words are kept with an item.
pub const MAX_LATE: usize = 8;

impl Board {
    /// A board with the words and the limits of an area, without hosts and runs.
    pub fn new(area: &Area) -> Self {
        Board {
            statuses: Statuses::of(area),
            limits: area.limits.clone(),
            hosts: BTreeMap::new(),
            runs: Vec::new(),
            tests: Vec::new(),
            items: Vec::new(),
            queues: Queues::default(),
            groups: BTreeMap::new(),
            resources: BTreeMap::new(),
            due: BTreeSet::new(),
            alarms: BTreeSet::new(),
        }
    }

    /// Takes a run in. What is on record and not to be run again stands, and lets those begin that wait for it.
    pub fn add(&mut self, area: &Area, new: NewRun, now: Time) -> RunId {
        let run = self.runs.len();
        let (items, tests) = (self.items.len(), self.tests.len());
        let launches = launches(&new, &self.statuses);
        let NewRun { roster, records, at_once, .. } = new;
        let read = |text: &str| TestPatterns::read(text);
        self.runs.push(Run {
            at_once: at_once.or(area.limits.run),
            used: 0,
            max_time: area.max_time,
            dead_after: area.dead_after,
            waivers: area.waivers.iter().map(|w| (read(&w.tests), w.clone())).collect(),
            quarantine: area.quarantine.iter().map(|q| (read(&q.tests), q.clone())).collect(),
            items: items..items + roster.nodes.len(),
            tests: tests..tests + roster.members.len(),
            rollup: Rollup::default(),
            weights: Weights::default(),
            cancelled: None,
        });
        for member in roster.members {
            let range = items + member.nodes.start..items + member.nodes.end;
            let open = u32::try_from(range.len()).unwrap_or(u32::MAX);
            let role = match member.role {
                Role::Cleanup(setup) => Role::Cleanup(setup.map(|m| tests + m)),
                role => role,
            };
            self.tests.push(Test {
                spec: member.spec,
                role,
                items: range,
                rollup: Rollup::default(),
                open,
                first_bad: None,
                waited_by: Vec::new(),
                began: false,
            });
        }
        let mut by_name: BTreeMap<(String, String), Record> =
            records.into_iter().map(|(r, _)| ((r.test.clone(), r.path.clone()), r)).collect();
        for (node, launch) in roster.nodes.into_iter().zip(&launches) {
            let key = (self.tests[tests + node.member].spec.name.clone(), node.item.path.clone());
            let record = by_name.remove(&key);
            self.add_item(run, node, record, *launch, now);
        }
        self.connect(items);
        self.begin(items, &launches, now);
        RunId(u32::try_from(run).unwrap_or(u32::MAX))
    }

    fn add_item(&mut self, run: usize, node: Node, record: Option<Record>, launch: Launch, now: Time) {
        let (items, tests) = (self.runs[run].items.start, self.runs[run].tests.start);
        let test = tests + node.member;
        let mut edges = node.edges;
        for edge in &mut edges {
            match &mut edge.on {
                On::Item(n) => *n += items,
                On::Test(n) => *n += tests,
                On::Missing(_) => {}
            }
        }
        let mut record = record.unwrap_or_else(|| Record::new(self.tests[test].spec.name.clone(), ""));
        if launch != Launch::RunsAlready
            && let Some(last) = record.attempts.last_mut().filter(|a| a.ended.is_none())
        {
            last.ended = Some(now);
            last.status = Status::INCOMPLETE;
            "its runner ended before it did".clone_into(&mut last.comment);
        }
        let queue = self.queues.of(run, &self.tests[test].spec);
        self.items.push(State {
            run,
            test,
            item: node.item,
            empty: node.empty,
            waits: 0,
            edges,
            waited_by: Vec::new(),
            stage: Stage::Waiting,
            because: if let Launch::Run(because) = launch { Some(because) } else { None },
            phase: Phase::NotStarted,
            status: Status::NOT_YET,
            comment: String::new(),
            flaky: false,
            quarantined: None,
            attempts: record.attempts,
            failures: 0,
            losses: 0,
            late: Vec::new(),
            heard: None,
            alarm: None,
            kill: None,
            queue,
        });
        if let Some(state) = self.items.last_mut().filter(|_| launch == Launch::RunsAlready) {
            // What it waits for in its queue, as far as is known.
            state.comment.clone_from(&record.comment);
        }
        let state = self.items.last_mut().filter(|_| launch == Launch::Keep);
        if let Some(state) = state {
            state.flaky = record.flaky;
            state.quarantined = record.quarantined;
            // Where it is, and what came of it, it becomes in `begin`.
            state.comment = record.comment;
            state.phase = record.phase;
            state.status = record.status;
        }
        let (phase, status) = (self.items[self.items.len() - 1].phase, self.items[self.items.len() - 1].status.clone());
        self.tests[test].rollup.add(phase, &status, &self.statuses);
        self.runs[run].rollup.add(phase, &status, &self.statuses);
        self.weigh(ItemId::of(self.items.len() - 1), Weights::add);
    }

    /// Notes who waits for whom.
    fn connect(&mut self, from: usize) {
        for at in from..self.items.len() {
            let mut waits = 0;
            for edge in 0..self.items[at].edges.len() {
                match self.items[at].edges[edge].on {
                    On::Item(n) => self.items[n].waited_by.push(ItemId::of(at)),
                    On::Test(n) => self.tests[n].waited_by.push(ItemId::of(at)),
                    On::Missing(_) => continue,
                }
                waits += 1;
            }
            self.items[at].waits = waits;
        }
    }

    /// Lets go of what waits for nothing, and of what waits only for what is on record.
    fn begin(&mut self, from: usize, launches: &[Launch], now: Time) {
        // What stands is settled before anybody hears of it, or one who waits in vain would be let go.
        for (at, launch) in (from..).zip(launches) {
            match launch {
                Launch::Keep => self.items[at].stage = Stage::Over,
                Launch::RunsAlready => self.resume(ItemId::of(at), now),
                Launch::Run(_) if self.items[at].waits == 0 => self.unblocked(ItemId::of(at)),
                Launch::Run(_) => {}
            }
        }
        for (at, _) in (from..).zip(launches).filter(|(_, launch)| **launch == Launch::Keep) {
            self.over(ItemId::of(at));
        }
    }

    /// An attempt that a crash of the runner left alone, and that still runs.
    fn resume(&mut self, id: ItemId, now: Time) {
        self.items[id.at()].stage = Stage::Out { killing: None };
        self.tests[self.items[id.at()].test].began = true;
        let last = self.items[id.at()].attempts.last();
        let (host, began) = last.map_or((String::new(), None), |a| (a.host.clone(), a.began));
        self.occupy(id, &host);
        self.become_phase(id, if began.is_some() { Phase::Running } else { Phase::Launched });
        self.items[id.at()].heard = began.map(|_| now);
        self.set_alarm(id);
    }

    /// The words of the area.
    pub fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// The items of a run, test by test.
    pub fn items(&self, run: RunId) -> impl Iterator<Item = ItemId> + use<> {
        self.runs.get(run.0 as usize).map_or(0..0, |r| r.items.clone()).map(ItemId::of)
    }

    /// An item by its name.
    pub fn find(&self, run: RunId, test: &str, path: &str) -> Option<ItemId> {
        self.items(run).find(|id| {
            let state = &self.items[id.at()];
            state.item.path == path && self.tests[state.test].spec.name == test
        })
    }

    /// The test of an item.
    pub fn test(&self, id: ItemId) -> &TestSpec {
        &self.tests[self.items[id.at()].test].spec
    }

    /// An item, with its variables.
    pub fn item(&self, id: ItemId) -> &Item {
        &self.items[id.at()].item
    }

    /// The run of an item.
    pub fn run_of(&self, id: ItemId) -> RunId {
        RunId(u32::try_from(self.items[id.at()].run).unwrap_or(u32::MAX))
    }

    /// Why an item was asked for; `None` when what is on record stands, or when it ran already.
    pub fn because(&self, id: ItemId) -> Option<Because> {
        self.items[id.at()].because
    }

    /// `test(item)`.
    pub fn name(&self, id: ItemId) -> String {
        full_name(&self.test(id).name, &self.items[id.at()].item.path)
    }

    /// Where an item is.
    pub fn phase(&self, id: ItemId) -> Phase {
        self.items[id.at()].phase
    }

    /// What came of an item.
    pub fn status(&self, id: ItemId) -> &Status {
        &self.items[id.at()].status
    }

    /// What is known of an item, to be written down.
    pub fn record(&self, id: ItemId) -> Record {
        let state = &self.items[id.at()];
        Record {
            test: self.tests[state.test].spec.name.clone(),
            path: state.item.path.clone(),
            phase: state.phase,
            status: state.status.clone(),
            comment: state.comment.clone(),
            flaky: state.flaky,
            quarantined: state.quarantined.clone(),
            attempts: state.attempts.clone(),
        }
    }

    /// What an item waits for, each once: a test, and the path of its item; none: all of several items.
    pub fn waits_for(&self, id: ItemId) -> Vec<(&str, Option<&str>)> {
        let mut all = Vec::new();
        for edge in &self.items[id.at()].edges {
            let (test, path) = match edge.on {
                On::Item(n) => (self.items[n].test, Some(self.items[n].item.path.as_str())),
                On::Test(n) => {
                    let items = &self.tests[n].items;
                    (n, (items.len() == 1).then(|| self.items[items.start].item.path.as_str()))
                }
                On::Missing(_) => continue,
            };
            let one = (self.tests[test].spec.name.as_str(), path);
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// What came too late of an item.
    pub fn late(&self, id: ItemId) -> &[Late] {
        &self.items[id.at()].late
    }

    pub(crate) fn satisfies(&self, id: ItemId) -> bool {
        let state = &self.items[id.at()];
        state.stage == Stage::Over && self.statuses.meaning(&state.status).satisfies
    }

    /// The edges of an item that can never be met, each with the item that is to blame, if there is one.
    pub(crate) fn broken(&self, id: ItemId) -> impl Iterator<Item = (&Edge, Option<ItemId>)> {
        self.items[id.at()].edges.iter().filter_map(|edge| match &edge.on {
            _ if edge.until == Until::Ended => None,
            On::Missing(_) => Some((edge, None)),
            On::Item(n) if self.items[*n].stage == Stage::Over => {
                (!self.satisfies(ItemId::of(*n))).then_some((edge, Some(ItemId::of(*n))))
            }
            On::Item(_) => None,
            On::Test(n) => self.tests[*n].first_bad.map(|bad| (edge, Some(bad))),
        })
    }
}

/// What becomes of each item of a new run. When something that needs a fixture is run, the fixture is made anew and
/// taken away again, whatever is on record of that.
fn launches(new: &NewRun, statuses: &Statuses) -> Vec<Launch> {
    let records: BTreeMap<(&str, &str), &(Record, Holder)> =
        new.records.iter().map(|r| ((r.0.test.as_str(), r.0.path.as_str()), r)).collect();
    let of = |node: &Node| {
        let name = new.roster.members[node.member].spec.name.as_str();
        match records.get(&(name, node.item.path.as_str())) {
            Some((record, holder)) => launch(Some(record), *holder, &new.rerun, statuses),
            None => launch(None, Holder::Gone, &new.rerun, statuses),
        }
    };
    let mut all: Vec<Launch> = new.roster.nodes.iter().map(of).collect();
    let runs = |all: &[Launch], member: usize| {
        new.roster.members[member].nodes.clone().any(|n| matches!(all[n], Launch::Run(_)))
    };
    let mut force = |wanted: &dyn Fn(&[Launch], usize) -> bool| {
        let members = (0..new.roster.members.len()).filter(|m| wanted(&all, *m)).collect::<Vec<_>>();
        for node in members.into_iter().flat_map(|m| new.roster.members[m].nodes.clone()) {
            if all[node] == Launch::Keep {
                all[node] = Launch::Run(Because::Fixture);
            }
        }
    };
    let member = |m: usize| &new.roster.members[m];
    let used = |all: &[Launch], m: usize| member(m).users.iter().any(|user| runs(all, *user));
    force(&|all, m| member(m).role == Role::Setup && used(all, m));
    force(&|all, m| match member(m).role {
        Role::Cleanup(setup) => used(all, m) || setup.is_some_and(|s| runs(all, s)),
        _ => false,
    });
    all
}
