//! The runner: what the board decides is written down, and then carried out.

use crate::base::Base;
use crate::book::{Book, BookError};
use crate::facts::{self, Counted, Facts};
use crate::hands::Crew;
use crate::home::{Defined, Home};
use crate::leftovers::Left;
use crate::look;
use crate::orders::Orders;
use crate::prepare::Prepared;
use crate::said;
use crate::slot::{How, News, Slot};
use crate::socket::{Answer, Ear};
use crate::told::Told;
use crate::triggers::Triggers;
use model::area::Host;
use model::testrun::TestRunState;
use model::{Span, TestItem, TestRun, Time};
use process::JobId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testruns::verdict::{self, Verdict};
use testruns::{Action, Board, Ending, Event, ItemId, RunId, Status, plan};

/// The longest time without a look at the clock.
const LONGEST: Duration = Duration::from_secs(3600);

/// Whoever looks on.
pub trait Watcher {
    /// Something changed, or it is time. `ended`: items that are decided now and were not before.
    fn look(&mut self, view: &View<'_>, ended: &[ItemId]);

    /// How often it looks though nothing changed.
    fn every(&self) -> Option<Duration> {
        None
    }
}

/// What there is to see.
#[derive(Debug)]
pub struct View<'a> {
    /// All that is known of the items.
    pub board: &'a Board,
    /// The run on the board.
    pub id: RunId,
    /// The run.
    pub run: &'a TestRun,
    /// The moment.
    pub now: Time,
    /// The directories of items' last attempts and their logs.
    details: &'a BTreeMap<ItemId, Facts>,
}

impl View<'_> {
    /// Where the last attempt of an item is, with what is shown first of it.
    pub fn place(&self, id: ItemId) -> Option<(PathBuf, Option<&str>)> {
        let facts = self.details.get(&id)?;
        Some((PathBuf::from(facts.dirs.last()?), facts.log.as_deref()))
    }
}

/// A runner.
#[derive(Debug)]
pub struct Runner<'a> {
    home: &'a Home,
    book: &'a Book,
    defined: &'a Defined,
    pub(crate) board: Board,
    pub(crate) id: RunId,
    pub(crate) run: TestRun,
    /// What items on record came to that are not asked for now.
    others: Counted,
    pub(crate) facts: BTreeMap<ItemId, Facts>,
    orders: Orders<'a>,
    crew: Crew,
    jobs: usize,
    slots: BTreeMap<usize, Slot>,
    free: BTreeSet<usize>,
    /// The slot of what is out.
    pub(crate) at: BTreeMap<ItemId, usize>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// Items about which something new is to be written down.
    pub(crate) dirty: BTreeSet<ItemId>,
    /// Items of which it is known elsewhere, too: in a spool, or in what a test has said. It is written down for those who
    /// look on.
    pub(crate) told: Told,
    /// Spools that can go after the next commit.
    spent: Vec<(usize, Vec<JobId>)>,
    /// Answers that are given after the next commit.
    answers: Vec<(mpsc::SyncSender<Answer>, Answer)>,
    /// Items by test and path.
    pub(crate) by_name: HashMap<(String, String), ItemId>,
    /// Commands on changes of items, where there are any.
    triggers: Option<Triggers>,
    _ear: Option<Ear>,
}

/// The time now.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl<'a> Runner<'a> {
    /// Takes over what was prepared. Attempts that an earlier runner left behind are gone on with.
    ///
    /// # Errors
    /// The run cannot be written down.
    pub fn begin(
        (home, base, book, defined): (&'a Home, &'a Base, &'a Book, &'a Defined),
        prepared: Prepared,
    ) -> Result<Self, BookError> {
        let Prepared { board, id, run, others, facts, held, jobs, exe, host, master } = prepared;
        let mut crew = Crew::new(host, exe, base.clone(), board.statuses().clone());
        crew.on_workers_of(master);
        let orders = Orders::new(home, defined, &run, base.dir().join("bin"));
        let triggers = Triggers::start(home, defined, &run);
        let news = mpsc::channel();
        let mut runner = Runner {
            home,
            book,
            defined,
            board,
            id,
            run,
            others: Counted::of(&others),
            facts,
            orders,
            crew,
            jobs,
            slots: BTreeMap::new(),
            free: (0..jobs).collect(),
            at: BTreeMap::new(),
            news,
            dirty: BTreeSet::new(),
            told: Told::new(),
            spent: Vec::new(),
            answers: Vec::new(),
            by_name: HashMap::new(),
            triggers,
            _ear: None,
        };
        let name = |item| (runner.board.test(item).name.clone(), runner.board.item(item).path.clone());
        runner.by_name = runner.board.items(id).map(|item| (name(item), item)).collect();
        // Without a socket tests are heard when they end, and the run can be ended by Ctrl-C alone.
        runner._ear = Ear::open(base, runner.door()).ok();
        runner.dirty.extend(runner.board.items(id));
        runner.write()?;
        for (item, left) in held {
            let attempt = runner.board.record(item).attempts.last().map_or(1, |a| a.number);
            let (slot, host) = match left {
                Some(Left::Slot(slot)) => (slot, Some(Host::Local)),
                Some(Left::Away(host)) => (runner.any_slot(), Some(host)),
                None => (runner.any_slot(), None),
            };
            runner.send(item, attempt, slot, host.as_ref());
        }
        Ok(runner)
    }

    /// Where others tell of what happens, such as somebody who ends the run.
    pub fn door(&self) -> mpsc::Sender<News> {
        self.news.0.clone()
    }

    /// Runs until everything has ended. Answers with the run.
    ///
    /// # Errors
    /// Something cannot be written down. What runs goes on, and is found by the next runner.
    pub fn go(mut self, watcher: &mut dyn Watcher) -> Result<TestRun, BookError> {
        let mut open: BTreeSet<ItemId> = self.unfinished();
        loop {
            let (wake, touched) = self.turn()?;
            let is_new = |i: &ItemId| self.board.phase(*i).is_over() && open.remove(i);
            let ended: Vec<ItemId> = touched.into_iter().filter(is_new).collect();
            watcher.look(&self.view(), &ended);
            if open.is_empty() && self.at.is_empty() {
                break;
            }
            self.hear(wake, watcher, &open);
        }
        self.run.ended_at = Some(now());
        self.told.join_all(&mut self.dirty);
        self.write()?;
        self.close();
        Ok(self.run)
    }

    fn unfinished(&self) -> BTreeSet<ItemId> {
        self.board.items(self.id).filter(|i| !self.board.phase(*i).is_over()).collect()
    }

    fn view(&self) -> View<'_> {
        View { board: &self.board, id: self.id, run: &self.run, now: now(), details: &self.facts }
    }

    /// Decides, writes down, carries out.
    fn turn(&mut self) -> Result<(Option<Time>, BTreeSet<ItemId>), BookError> {
        let mut todo = Vec::new();
        let wake = loop {
            let at = now();
            let plan = plan(&self.board, at);
            if plan.actions.is_empty() {
                break plan.wake;
            }
            for action in plan.actions {
                self.note(&action);
                self.board.apply(&Event::Decided(action.clone()), at);
                // Questions are answered at once: what is decided because of them belongs to the same turn.
                match &action {
                    Action::Look { item, rules } => {
                        let skip = look::skip(self.home, self.book, &self.run, &self.board.record(*item), rules)?;
                        self.board.apply(&Event::Looked { item: *item, skip }, at);
                    }
                    Action::Prove { item, attempt, checks } => {
                        let dir = self.facts.get(item).and_then(|f| f.dirs.last()).map(PathBuf::from);
                        let record = self.board.record(*item);
                        let refuted = look::refuted(self.book, &self.run, &record, dir.as_deref(), checks)?;
                        self.board.apply(&Event::Proved { item: *item, attempt: *attempt, refuted }, at);
                    }
                    _ => todo.push(action),
                }
            }
        };
        self.told.join(&mut self.dirty);
        let touched = self.dirty.clone();
        if !touched.is_empty() {
            self.write()?;
        }
        for (slot, spools) in std::mem::take(&mut self.spent) {
            if let Some(slot) = self.slots.get(&slot) {
                slot.forget(spools);
            }
        }
        for (reply, answer) in std::mem::take(&mut self.answers) {
            // Whoever asked may have gone.
            let _ = reply.try_send(answer);
        }
        todo.into_iter().for_each(|action| self.carry_out(&action));
        Ok((wake, touched))
    }

    /// What belongs to an action before it is written down.
    fn note(&mut self, action: &Action) {
        self.dirty.insert(action.item());
        if let Action::Start { item, attempt, .. } = action {
            let facts = self.facts.entry(*item).or_default();
            facts.begin();
            self.orders.choose(&self.board, *item, *attempt, facts);
        }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Start { item, attempt, .. } => {
                let slot = self.any_slot();
                self.send(*item, *attempt, slot, None);
            }
            Action::Kill { item, attempt, why } => self.kill(*item, *attempt, &why.sentence()),
            Action::GiveUp { item, attempt, silent } => {
                self.kill(*item, *attempt, &format!("nothing was heard of it for {silent}"));
            }
            Action::Look { .. } | Action::Prove { .. } | Action::Retry { .. } | Action::End { .. } => {}
        }
    }

    fn kill(&self, item: ItemId, attempt: u32, reason: &str) {
        if let Some(slot) = self.at.get(&item).and_then(|slot| self.slots.get(slot)) {
            slot.kill(item, attempt, reason);
        }
    }

    /// A slot that nothing runs in. The board gives no more starts than there are places; one more than that is made
    /// where something that was given up still holds one.
    fn any_slot(&mut self) -> usize {
        let new = || (0..).find(|n| !self.slots.contains_key(n) && !self.at.values().any(|at| at == n));
        self.free.pop_first().or_else(new).unwrap_or(self.jobs)
    }

    fn send(&mut self, item: ItemId, attempt: u32, number: usize, host: Option<&Host>) {
        self.free.remove(&number);
        self.at.insert(item, number);
        let facts = self.facts.entry(item).or_default();
        let order = self.orders.order(&self.board, item, attempt, facts);
        let (hands, news) = (self.crew.hands(number, host), &self.news.0);
        let slot = self.slots.entry(number).or_insert_with(|| Slot::start(number, news.clone()));
        slot.order(order, hands);
    }

    /// Waits for news, and takes all that there are.
    fn hear(&mut self, wake: Option<Time>, watcher: &mut dyn Watcher, open: &BTreeSet<ItemId>) {
        let alarm = wake.map_or(LONGEST, |at| at.since(now()).max(Span(0)).to_std() + Duration::from_millis(1));
        let mut left = self.told.due().map_or(alarm, |due| due.min(alarm));
        let first = loop {
            let wait = watcher.every().map_or(left, |every| every.min(left));
            match self.news.1.recv_timeout(wait) {
                Ok(news) => break Some(news),
                Err(_) if wait < left && !open.is_empty() => {
                    left = left.saturating_sub(wait);
                    watcher.look(&self.view(), &[]);
                }
                Err(_) => break None,
            }
        };
        if let Some(news) = first {
            self.take(news);
        }
        while let Ok(news) = self.news.1.try_recv() {
            self.take(news);
        }
    }

    fn take(&mut self, news: News) {
        let at = now();
        match news {
            News::Began { item, attempt } => {
                self.board.apply(&Event::Began { item, attempt }, at);
                match &mut self.triggers {
                    // It may be over before it is written down.
                    Some(triggers) => {
                        let facts = self.facts.entry(item).or_default();
                        triggers.see(&[facts::item(&self.board, item, self.run.id, facts)]);
                        self.dirty.insert(item);
                    }
                    None => self.told.insert(item),
                }
            }
            News::Waits { item, attempt, why } => {
                self.board.apply(&Event::Waits { item, attempt, why }, at);
                self.dirty.insert(item);
            }
            News::Placed { item, attempt, host } => {
                self.facts.entry(item).or_default().placed(attempt, host);
                self.dirty.insert(item);
            }
            News::Step { item, attempt, step } => {
                self.facts.entry(item).or_default().step(attempt, &step);
                self.told.insert(item);
            }
            News::Ended { slot, item, attempt, how, spools } => {
                self.at.remove(&item);
                if slot < self.jobs {
                    self.free.insert(slot);
                }
                self.spent.push((slot, spools));
                let ending = self.ending(item, attempt, how);
                self.board.apply(&Event::Ended { item, attempt, ending }, at);
                self.dirty.insert(item);
            }
            News::Call { call, reply } => {
                let answer = self.answer(&call);
                self.answers.push((reply, answer));
            }
            News::Stop { by } => {
                self.board.apply(&Event::Cancel { run: self.id, by }, at);
            }
        }
    }

    fn ending(&mut self, item: ItemId, attempt: u32, how: How) -> Ending {
        match how {
            How::Lost(why) => Ending::Lost(why),
            How::Stopped(verdict) => Ending::Verdict(verdict),
            How::NoPlace(why) => Ending::Verdict(Verdict { status: Status::ABORT, step: None, comment: why }),
            How::Came => {
                let facts = self.facts.entry(item).or_default();
                // What cannot be read was not said.
                let said = facts.dirs.last().and_then(|dir| said::read(dir.as_ref()).ok()).unwrap_or_default();
                if !said.is_empty() {
                    facts.hear_all(attempt, &said);
                }
                let mut verdict = verdict::of_test(self.board.test(item), &facts.evidence(), self.board.statuses());
                let failing = verdict.step.as_ref().and_then(|name| facts.steps.iter().rfind(|s| s.name == *name));
                if let Some(step) = failing {
                    // It knows more than what it ended with: why it could not be started.
                    if step.comment.starts_with(&verdict.comment) {
                        verdict.comment.clone_from(&step.comment);
                    }
                    if facts.own_log.is_none() {
                        facts.log.clone_from(&step.log);
                    }
                }
                Ending::Verdict(verdict)
            }
        }
    }

    fn write(&mut self) -> Result<(), BookError> {
        facts::total(&mut self.run, &self.board, self.id, &self.others);
        if self.run.state == TestRunState::Running {
            self.run.ended_at = None;
        }
        let nothing = Facts::default();
        let item = |id: ItemId| facts::item(&self.board, id, self.run.id, self.facts.get(&id).unwrap_or(&nothing));
        let items: Vec<TestItem> = std::mem::take(&mut self.dirty).into_iter().map(item).collect();
        if let Some(triggers) = &mut self.triggers {
            triggers.see(&items);
        }
        let began = Instant::now();
        self.book.save(&self.run, items)?;
        self.told.written(began.elapsed());
        if let Some(triggers) = &mut self.triggers {
            triggers.fire();
        }
        Ok(())
    }

    fn close(&mut self) {
        for (slot, spools) in std::mem::take(&mut self.spent) {
            if let Some(slot) = self.slots.get(&slot) {
                slot.forget(spools);
            }
        }
        std::mem::take(&mut self.slots).into_values().for_each(Slot::close);
        if let Some(triggers) = self.triggers.take() {
            triggers.close();
        }
    }

    /// What the area defines.
    pub fn defined(&self) -> &Defined {
        self.defined
    }
}
