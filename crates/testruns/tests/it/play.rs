//! A runner in virtual time: it does what a board wants, and its tests end as they are told to.

use model::area::{Area, Axis, Items, Need, TestSpec, TestStep};
use model::{CommandLine, Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use testruns::roster::Selection;
use testruns::verdict::Verdict;
use testruns::{
    Action, Board, Ending, Event, Holder, ItemId, NewRun, Phase, Record, Rerun, Roster, RunId, Status, plan,
};

/// How one attempt goes.
#[derive(Clone, Debug)]
pub(crate) enum Goes {
    /// Ends with this status, after so many seconds.
    Ends(&'static str, i64),
    /// Its host is lost after so many seconds.
    Lost(i64),
    /// Never ends by itself.
    Hangs,
    /// Never begins.
    Queued,
}

/// What was done, with the moment in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Did {
    pub(crate) at: i64,
    pub(crate) what: String,
}

pub(crate) struct Play {
    pub(crate) area: Area,
    pub(crate) board: Board,
    pub(crate) now: Time,
    pub(crate) run: RunId,
    script: BTreeMap<String, Vec<Goes>>,
    /// What skip rules and checks of waivers give.
    pub(crate) skips: BTreeMap<String, String>,
    pub(crate) refutes: BTreeMap<String, String>,
    /// What comes when.
    coming: BTreeSet<(Time, u64, String)>,
    events: BTreeMap<u64, Event>,
    next: u64,
    pub(crate) did: Vec<Did>,
    /// The most that ran at once.
    pub(crate) most: usize,
    pub(crate) out: BTreeSet<ItemId>,
    pub(crate) looked: u64,
}

pub(crate) fn test(name: &str) -> TestSpec {
    let step = TestStep {
        name: "run".to_owned(),
        command: CommandLine::Script("true".to_owned()),
        exit: model::area::ExitCodes::Verdict,
        rules: None,
        max_time: None,
        env: Vec::new(),
    };
    TestSpec { name: name.to_owned(), steps: vec![step], ..TestSpec::default() }
}

pub(crate) fn after(name: &str, needs: &[&str]) -> TestSpec {
    TestSpec { needs: needs.iter().map(|n| Need::normal(*n)).collect(), ..test(name) }
}

pub(crate) fn over<V: Into<String>>(mut test: TestSpec, var: &str, values: impl IntoIterator<Item = V>) -> TestSpec {
    test.items = Items { cross: vec![Axis::new(var, values)], ..Items::default() };
    test
}

pub(crate) fn area(tests: Vec<TestSpec>) -> Area {
    Area { name: "area".to_owned(), tests, ..Area::default() }
}

pub(crate) fn time(seconds: i64) -> Time {
    Time::from_seconds(seconds)
}

impl Play {
    /// All of an area, on a host with so many places.
    pub(crate) fn new(area: Area, slots: u32) -> Self {
        Play::asked(area, slots, "%", Vec::new(), Rerun::Plain)
    }

    pub(crate) fn asked(area: Area, slots: u32, patterns: &str, records: Vec<Record>, rerun: Rerun) -> Self {
        let mut board = Board::new(&area);
        board.apply(&Event::Host { name: "here".to_owned(), slots: Some(slots) }, time(0));
        let roster = Roster::new(&area, &Selection::of(patterns)).expect("the area can be run");
        let records = records.into_iter().map(|r| (r, Holder::Gone)).collect();
        let run = board.add(&area, NewRun { roster, records, rerun, at_once: None }, time(0));
        Play {
            area,
            board,
            now: time(0),
            run,
            script: BTreeMap::new(),
            skips: BTreeMap::new(),
            refutes: BTreeMap::new(),
            coming: BTreeSet::new(),
            events: BTreeMap::new(),
            next: 0,
            did: Vec::new(),
            most: 0,
            out: BTreeSet::new(),
            looked: 0,
        }
    }

    /// How the attempts at an item go; the last one goes on. Without: each ends with PASS after a second.
    pub(crate) fn goes(mut self, name: &str, goes: impl IntoIterator<Item = Goes>) -> Self {
        self.script.insert(name.to_owned(), goes.into_iter().collect());
        self
    }

    pub(crate) fn ends(self, name: &str, status: &'static str) -> Self {
        self.goes(name, [Goes::Ends(status, 1)])
    }

    pub(crate) fn later(&mut self, seconds: i64, event: Event) {
        self.at(self.now + Span::seconds(seconds), event);
    }

    fn at(&mut self, at: Time, event: Event) {
        self.events.insert(self.next, event);
        self.coming.insert((at, self.next, String::new()));
        self.next += 1;
    }

    /// Does what is to be done now.
    pub(crate) fn settle(&mut self) {
        loop {
            let plan = plan(&self.board, self.now);
            self.looked += plan.looked;
            assert_eq!(plan.actions, testruns::plan(&self.board, self.now).actions, "asking twice");
            if plan.actions.is_empty() {
                return;
            }
            for action in plan.actions {
                self.board.apply(&Event::Decided(action.clone()), self.now);
                self.act(&action);
            }
        }
    }

    fn act(&mut self, action: &Action) {
        let say = |what: String, did: &mut Vec<Did>, now: Time| did.push(Did { at: now.as_seconds(), what });
        match action {
            Action::Start { item, attempt, .. } => {
                self.start(*item, *attempt);
                say(format!("start {}", self.board.name(*item)), &mut self.did, self.now);
            }
            Action::Kill { item, attempt, .. } => {
                let ending = Ending::Lost("killed".to_owned());
                self.out.remove(item);
                self.at(self.now, Event::Ended { item: *item, attempt: *attempt, ending });
                say(format!("kill {}", self.board.name(*item)), &mut self.did, self.now);
            }
            Action::GiveUp { item, .. } => {
                self.out.remove(item);
                say(format!("give up {}", self.board.name(*item)), &mut self.did, self.now);
            }
            Action::Look { item, .. } => {
                let skip = self.skips.get(&self.board.name(*item)).cloned();
                self.at(self.now, Event::Looked { item: *item, skip });
            }
            Action::Prove { item, attempt, .. } => {
                let refuted = self.refutes.get(&self.board.name(*item)).cloned();
                self.at(self.now, Event::Proved { item: *item, attempt: *attempt, refuted });
            }
            Action::Retry { item, .. } => say(format!("retry {}", self.board.name(*item)), &mut self.did, self.now),
            Action::End { .. } => {}
        }
    }

    fn start(&mut self, item: ItemId, attempt: u32) {
        assert!(self.out.insert(item), "{} runs twice", self.board.name(item));
        self.most = self.most.max(self.out.len());
        let script = self.script.get(&self.board.name(item));
        let nth = attempt as usize - 1;
        let goes = script.and_then(|s| s.get(nth).or(s.last())).cloned().unwrap_or(Goes::Ends("PASS", 1));
        if !matches!(goes, Goes::Queued) {
            self.at(self.now, Event::Began { item, attempt });
        }
        let (seconds, ending) = match goes {
            Goes::Ends(status, seconds) => {
                let status = self.board.statuses().read(status).expect("a known word");
                let comment = format!("step 'run' gave {status}");
                (seconds, Ending::Verdict(Verdict { status, step: Some("run".to_owned()), comment }))
            }
            Goes::Lost(seconds) => (seconds, Ending::Lost("the host is gone".to_owned())),
            Goes::Hangs | Goes::Queued => return,
        };
        self.at(self.now + Span::seconds(seconds), Event::Ended { item, attempt, ending });
    }

    /// One thing that comes, or time that passes. False when nothing is to come.
    pub(crate) fn step(&mut self) -> bool {
        self.settle();
        let wake = plan(&self.board, self.now).wake;
        let Some((at, number, _)) = self.coming.first().cloned().filter(|(at, ..)| wake.is_none_or(|w| *at <= w))
        else {
            let Some(wake) = wake else { return false };
            self.now = wake;
            self.settle();
            return true;
        };
        self.coming.pop_first();
        self.now = self.now.max(at);
        let event = self.events.remove(&number).expect("it comes once");
        if let Event::Ended { item, attempt, .. } = &event
            && self.board.record(*item).attempts.len() == *attempt as usize
        {
            self.out.remove(item);
        }
        self.board.apply(&event, self.now);
        self.settle();
        true
    }

    /// Until nothing more comes.
    pub(crate) fn play(mut self) -> Self {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 1_000_000, "it never ends");
        }
        self
    }

    pub(crate) fn until(&mut self, seconds: i64) {
        while self.now < time(seconds) && self.step() {}
    }

    pub(crate) fn item(&self, name: &str) -> ItemId {
        self.board.items(self.run).find(|i| self.board.name(*i) == name).unwrap_or_else(|| panic!("no {name}"))
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.board.items(self.run).map(|i| self.board.record(i)).collect()
    }

    pub(crate) fn status(&self, name: &str) -> String {
        let record = self.board.record(self.item(name));
        format!("{}/{}", record.phase, record.status)
    }

    /// Each item with what came of it, one a line.
    pub(crate) fn list(&self) -> String {
        let line = |r: Record| {
            let marks = [(r.flaky, " flaky"), (r.quarantined.is_some(), " quarantined")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            let why = if r.comment.is_empty() { String::new() } else { format!(": {}", r.comment) };
            format!("{} {}/{}{marks}{why}", r.full_name(), r.phase, r.status)
        };
        self.records().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Names of what was started, in order.
    pub(crate) fn started(&self) -> Vec<&str> {
        self.did.iter().filter_map(|d| d.what.strip_prefix("start ")).collect()
    }

    pub(crate) fn why(&self, name: &str) -> String {
        testruns::why(&self.board, self.item(name)).to_string()
    }

    pub(crate) fn all_over(&self) -> bool {
        self.records().iter().all(|r| r.phase.is_over())
    }
}

pub(crate) fn record(test: &str, path: &str, phase: Phase, status: Status) -> Record {
    Record { phase, status, ..Record::new(test, path) }
}
