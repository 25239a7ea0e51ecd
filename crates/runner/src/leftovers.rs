//! What a runner left behind that did not come to its end: spools of attempts, and records of what nobody goes on with.

use crate::base::Base;
use crate::book::Book;
use crate::facts;
use crate::hands;
use crate::runner::now;
use crate::wish::RunError;
use model::area::{Class, Host};
use model::testrun::{Phase, TestRunState};
use model::{Query, TestItem, TestRun};
use process::control::ToSupervisor;
use process::{JobId, Supervisor, spool, stray};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long something that nobody wants any more may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where something of an attempt is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// In a slot here.
    Slot(usize),
    /// In the hands of another host.
    Away(Host),
}

/// An attempt of which there is something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Where.
    pub(crate) at: Left,
    /// The name of the attempt.
    pub(crate) name: String,
}

/// Looks through all slots, and for what is elsewhere. What is not wanted is ended and cleared away.
pub(crate) fn find(base: &Base, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Leftover>, RunError> {
    let mut found = Vec::new();
    for slot in base.slots()? {
        let dir = base.slot(slot);
        let jobs = spool::jobs(&dir).map_err(|source| crate::base::BaseError { path: dir.clone(), source })?;
        let mut names = BTreeSet::new();
        for job in jobs {
            // The number of the step comes last.
            let name = job.as_str().rsplit_once('-').map_or("", |(name, _)| name);
            if is_wanted(name) {
                names.insert(name.to_owned());
            } else {
                clear(&dir, &job);
            }
        }
        found.extend(names.into_iter().map(|name| Leftover { at: Left::Slot(slot), name }));
    }
    let mut unwanted: BTreeMap<Host, Vec<PathBuf>> = BTreeMap::new();
    for name in base.aways()? {
        let dir = base.away(&name);
        match hands::host_of(&dir) {
            Some(host) if is_wanted(&name) => found.push(Leftover { at: Left::Away(host), name }),
            Some(host) => unwanted.entry(host).or_default().push(dir),
            // Nothing was begun.
            None => _ = fs::remove_dir_all(dir),
        }
    }
    for (host, dirs) in unwanted {
        hands::clear(&host, &dirs).map_err(|why| RunError::Left { host: hands::called(&host), why })?;
        dirs.iter().for_each(|dir| _ = fs::remove_dir_all(dir));
    }
    Ok(found)
}

/// Ends a job, if it runs, and takes its spool away.
pub(crate) fn clear(slot: &Path, job: &JobId) {
    let dir = job.dir(slot);
    if !matches!(spool::outcome(&dir), Ok(Some(_))) {
        match Supervisor::attach(slot) {
            Ok(Some(mut living)) => {
                let reason = "nobody goes on with it".to_owned();
                let _ = living.send(&ToSupervisor::Interrupt { job: job.clone(), reason });
                let end = Instant::now() + PATIENCE;
                while !matches!(spool::outcome(&dir), Ok(Some(_))) && Instant::now() < end {
                    // Any message may be the one of its end.
                    if living.receive(Duration::from_millis(50)).is_err() {
                        break;
                    }
                }
            }
            _ => _ = stray::clean_slot(slot),
        }
    }
    let _ = spool::remove(&dir);
}

/// Items of other runs, and those of this run that are not asked for, are gone on with by nobody: they are INCOMPLETE,
/// and a plain call runs them again.
pub(crate) fn give_up(book: &Book, run: &TestRun, others: &mut [TestItem]) -> Result<(), RunError> {
    let mine: Vec<TestItem> = others.iter_mut().filter_map(unfinished).collect();
    if !mine.is_empty() {
        book.save(run, mine)?;
    }
    for line in book.runs_where(&Query::default().eq("state", "running"))? {
        let Some(mut other) = book.run(line.id)?.filter(|other| other.id != run.id) else { continue };
        let items: Vec<TestItem> = book.items(line.id)?.iter_mut().filter_map(unfinished).collect();
        other.state = TestRunState::Interrupted;
        other.totals.running = 0;
        other.totals.waiting += u32::try_from(items.len()).unwrap_or(0);
        book.save(&other, items)?;
    }
    Ok(())
}

fn unfinished(item: &mut TestItem) -> Option<TestItem> {
    if !facts::is_out(item) {
        return None;
    }
    let at = now();
    "INCOMPLETE".clone_into(&mut item.status);
    (item.phase, item.class, item.ended_at) = (Phase::Incomplete, Class::Bad, Some(at));
    "its runner ended before it did".clone_into(&mut item.comment);
    if let Some(last) = item.attempts.last_mut() {
        last.ended = Some(at);
        last.status.clone_from(&item.status);
        last.comment.clone_from(&item.comment);
    }
    Some(item.clone())
}
