//! Before a run: what is asked for is held against what is defined and what is on record, and what an earlier runner left
//! behind is found.

use crate::base::Base;
use crate::book::Book;
use crate::facts::{self, Facts};
use crate::hands;
use crate::hands::master::{self, Way};
use crate::home::{AreaError, Defined};
use crate::leftovers::{self, Left, Leftover};
use crate::orders::{job_name, run_name};
use crate::runner::now;
use crate::wish::{RunError, Wish};
use model::area::Host;
use model::testrun::{TestHead, TestRunState, TestRunTotals};
use model::{TestItem, TestRun, Time};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use testruns::item::full_name;
use testruns::target::wrong_run_name;
use testruns::{Board, Event, Holder, ItemId, NewRun, Record, Roster, RunId, Selection, TestPatterns};

/// Everything that a runner begins with.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) board: Board,
    pub(crate) id: RunId,
    pub(crate) run: TestRun,
    pub(crate) others: Vec<TestItem>,
    pub(crate) facts: BTreeMap<ItemId, Facts>,
    /// What is out already, and where; what has a slot comes first.
    pub(crate) held: Vec<(ItemId, Option<Left>)>,
    pub(crate) jobs: usize,
    pub(crate) exe: PathBuf,
    pub(crate) host: Host,
    /// A master whose workers carry out, and what makes the keys of attempts unlike those of other areas.
    pub(crate) master: Option<(Arc<dyn Way>, String)>,
}

impl Prepared {
    /// The run.
    pub fn run(&self) -> &TestRun {
        &self.run
    }

    /// How many items are asked for.
    pub fn items(&self) -> usize {
        self.board.items(self.id).count()
    }

    /// How many items go on that an earlier runner began.
    pub fn adopted(&self) -> usize {
        self.held.len()
    }
}

/// The name for a run where none is given: the next number.
///
/// # Errors
/// The store cannot be read.
pub fn next_name(book: &Book, area: &str, target: &str) -> Result<String, RunError> {
    let runs = book.runs()?;
    let mine = runs.iter().filter(|r| r.area == area && r.target == target);
    let last = mine.filter_map(|r| r.name.strip_prefix('r')?.parse::<u64>().ok()).max();
    Ok(format!("r{}", last.unwrap_or(0).saturating_add(1)))
}

/// Puts everything together. Whoever asks holds the area.
///
/// # Errors
/// See [`RunError`].
pub fn prepare(base: &Base, book: &Book, defined: &Defined, wish: &Wish, name: &str) -> Result<Prepared, RunError> {
    if let Some(why) = wrong_run_name(name) {
        return Err(RunError::Name { name: name.to_owned(), why });
    }
    let mut area = defined.area.clone();
    // What runs here is watched by its supervisor: silence says nothing.
    area.dead_after = None;
    let tags = wish.tags.as_deref().map(TestPatterns::read);
    let selection = Selection { patterns: TestPatterns::read(&wish.patterns), tags };
    let roster = Roster::new(&area, &selection).map_err(AreaError::Asked)?;
    defined.check(|test| roster.members().iter().any(|m| m.spec.name == test))?;
    nested(&roster)?;
    let target = defined.target.to_string();
    let known = book.run_named(&area.name, &target, name)?;
    if known.as_ref().is_some_and(|r| r.locked) {
        return Err(RunError::Locked(name.to_owned()));
    }
    let mut items = known.as_ref().map_or_else(|| Ok(Vec::new()), |run| book.items(run.id))?;
    let run = noun(book, defined, wish, &roster, name, known)?;
    let mut board = Board::new(&area);
    let rerun = wish.again.read(board.statuses())?;
    let asked: std::collections::BTreeSet<(&str, &str)> =
        roster.nodes().iter().map(|n| (roster.members()[n.member].spec.name.as_str(), n.item.path.as_str())).collect();
    let mut others = Vec::new();
    items.retain(|item| {
        let stays = asked.contains(&(item.test.as_str(), item.path.as_str()));
        if !stays {
            others.push(item.clone());
        }
        stays
    });
    let full = run_name(&run.target, &run.name);
    let ours: BTreeMap<String, (String, String)> = items
        .iter()
        .filter(|item| facts::is_out(item))
        .filter_map(|item| {
            let attempt = item.attempts.last()?.number;
            Some((job_name(&full, &item.test, &item.path, attempt), (item.test.clone(), item.path.clone())))
        })
        .collect();
    elsewhere(wish, &items)?;
    let left = leftovers::find(base, |job| ours.contains_key(job))?;
    leftovers::give_up(book, &run, &mut others)?;
    let host = match &wish.master {
        Some(way) => master::host(None, way.url()),
        None => hands::called(&wish.host),
    };
    let at = now();
    board.apply(&Event::Host { name: host.clone(), slots: Some(wish.jobs) }, at);
    let known: BTreeMap<(String, String), TestItem> =
        items.into_iter().map(|item| ((item.test.clone(), item.path.clone()), item)).collect();
    let record = |item: &TestItem| {
        let mut record = facts::record(item, board.statuses());
        // It takes a place where it was sent, and not where it came to.
        if let Some(last) = record.attempts.last_mut().filter(|a| facts::is_out(item) && master::is_host(&a.host)) {
            last.host.clone_from(&host);
        }
        (record, Holder::Alive)
    };
    let records: Vec<(Record, Holder)> = known.values().map(record).collect();
    let id = board.add(&area, NewRun { roster, records, rerun, at_once: None }, at);
    let mut all = BTreeMap::new();
    let mut held = Vec::new();
    for item in board.items(id) {
        let key = (board.test(item).name.clone(), board.item(item).path.clone());
        let Some(there) = known.get(&key) else { continue };
        all.insert(item, Facts::of(there));
        if facts::is_out(there) {
            held.push((item, place_of(&left, &full, there)));
        }
    }
    held.sort_by_key(|(item, left)| (!matches!(left, Some(Left::Slot(_))), *item));
    let (jobs, exe, host) = (wish.jobs.max(1) as usize, wish.exe.clone(), wish.host.clone());
    let master = wish.master.clone().map(|way| Ok::<_, RunError>((way, base.salt()?))).transpose()?;
    Ok(Prepared { board, id, run, others, facts: all, held, jobs, exe, host, master })
}

/// What a master has is gone on with by that master alone: elsewhere it would run a second time.
fn elsewhere(wish: &Wish, items: &[TestItem]) -> Result<(), RunError> {
    let other = items.iter().find(|i| facts::is_out(i) && master::is_host(&i.host));
    match other.filter(|_| wish.master.is_none()) {
        Some(item) => Err(RunError::Elsewhere { item: full_name(&item.test, &item.path), host: item.host.clone() }),
        None => Ok(()),
    }
}

/// A run as it stands on record, for those who only look. As many places there are as are taken.
///
/// # Errors
/// See [`RunError`].
pub fn as_recorded(book: &Book, defined: &Defined, run: &TestRun) -> Result<(Board, RunId), RunError> {
    let selection = Selection::of(&run.patterns);
    let roster = Roster::new(&defined.area, &selection).map_err(AreaError::Asked)?;
    let mut board = Board::new(&defined.area);
    let items = book.items(run.id)?;
    let out: Vec<&TestItem> = items.iter().filter(|i| facts::is_out(i)).collect();
    let slots = Some(u32::try_from(out.len().max(1)).unwrap_or(1));
    let host = out.first().map(|i| i.host.clone()).unwrap_or_default();
    let at = now();
    board.apply(&Event::Host { name: host, slots }, at);
    let records = items.iter().map(|item| (facts::record(item, board.statuses()), Holder::Alive)).collect();
    let rerun = testruns::Rerun::Plain;
    let id = board.add(&defined.area, NewRun { roster, records, rerun, at_once: None }, at);
    Ok((board, id))
}

fn place_of(left: &[Leftover], run: &str, item: &TestItem) -> Option<Left> {
    let name = job_name(run, &item.test, &item.path, item.attempts.last()?.number);
    left.iter().find(|l| l.name == name).map(|l| l.at.clone())
}

/// The run as it is written down when it begins.
fn noun(
    book: &Book,
    defined: &Defined,
    wish: &Wish,
    roster: &Roster,
    name: &str,
    known: Option<TestRun>,
) -> Result<TestRun, RunError> {
    let (area, target) = (&defined.area, defined.target.to_string());
    let begins: Time = now();
    let mut run = match known {
        Some(run) => run,
        None => TestRun {
            id: book.next_run()?,
            area: area.name.clone(),
            directory: defined.link_tree.join(run_name(&target, name)).to_string_lossy().into_owned(),
            target,
            fields: Vec::new(),
            name: name.to_owned(),
            owner: wish.owner.clone(),
            patterns: String::new(),
            started_at: begins,
            ended_at: None,
            state: TestRunState::Running,
            locked: false,
            kept: false,
            tags: Vec::new(),
            comment: String::new(),
            totals: TestRunTotals::default(),
            tests: Vec::new(),
            statuses: Vec::new(),
        },
    };
    run.fields = area.fields.iter().map(|f| f.name.clone()).collect();
    run.statuses.clone_from(&area.statuses);
    run.patterns.clone_from(&wish.patterns);
    if let Some(comment) = &wish.comment {
        run.comment.clone_from(comment);
    }
    for member in roster.members() {
        let spec = &member.spec;
        let head = TestHead {
            name: spec.name.clone(),
            description: spec.description.clone(),
            owner: spec.owner.clone(),
            tags: spec.tags.clone(),
            items: u32::try_from(member.nodes.len()).unwrap_or(u32::MAX),
            waits_for: spec.needs.iter().map(|n| n.test.clone()).collect(),
        };
        match run.tests.iter_mut().find(|t| t.name == head.name) {
            Some(there) => *there = TestHead { items: head.items.max(there.items), ..head },
            None => run.tests.push(head),
        }
    }
    let order: BTreeMap<&str, usize> = area.tests.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    run.tests.sort_by_key(|t| order.get(t.name.as_str()).copied().unwrap_or(usize::MAX));
    Ok(run)
}

/// Directories of items within each other: one could not be put aside without the other.
fn nested(roster: &Roster) -> Result<(), RunError> {
    for member in roster.members() {
        let mut paths: Vec<&str> = roster.nodes()[member.nodes.clone()].iter().map(|n| n.item.path.as_str()).collect();
        // With the separator first among all signs, what is below a path comes right behind it.
        paths.sort_by(|a, b| a.split('/').cmp(b.split('/')));
        for pair in paths.windows(2) {
            if let [outer, inner] = pair
                && inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
            {
                let name = |path: &str| full_name(&member.spec.name, path);
                return Err(RunError::Nested { outer: name(outer), inner: name(inner) });
            }
        }
    }
    Ok(())
}
