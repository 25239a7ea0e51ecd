//! What people do to a run that is not running: statuses, ends, flags.

use crate::base::Base;
use crate::book::Book;
use crate::facts;
use crate::hands::master;
use crate::leftovers;
use crate::orders::{job_name, run_name};
use crate::runner::now;
use crate::wish::RunError;
use model::area::Area;
use model::testrun::{Phase, TestRunState};
use model::{TestItem, TestRun};
use std::collections::BTreeSet;
use testruns::{Status, Statuses, TestPatterns};

/// Who does something, and why.
#[derive(Clone, Debug)]
pub struct Act {
    /// Test patterns.
    pub patterns: String,
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub why: String,
}

/// Says what items are that have ended. Answers with how many those are. Whoever calls holds the area.
///
/// # Errors
/// [`RunError::Status`], [`RunError::Locked`], or the store.
pub fn set_status(book: &Book, run: &mut TestRun, act: &Act, status: &str) -> Result<usize, RunError> {
    if run.locked {
        return Err(RunError::Locked(run.name.clone()));
    }
    let words = Statuses::of(&Area { statuses: run.statuses.clone(), ..Area::default() });
    let status = words.read(status)?;
    change(book, run, &act.patterns, |item| {
        if !item.phase.is_over() {
            return false;
        }
        status.word().clone_into(&mut item.status);
        item.class = words.class(&status);
        item.quarantined = None;
        let said = format!("{} says so", act.by);
        item.comment = if act.why.is_empty() { said } else { format!("{said}: {}", act.why) };
        true
    })
}

/// Ends items of a run that has no runner: what its runner left behind, and what has not begun. Answers with how many.
/// Whoever calls holds the area.
///
/// # Errors
/// [`RunError::Locked`], or the store.
pub fn kill(base: &Base, book: &Book, run: &mut TestRun, act: &Act) -> Result<usize, RunError> {
    if run.locked {
        return Err(RunError::Locked(run.name.clone()));
    }
    let patterns = TestPatterns::read(&act.patterns);
    let full = run_name(&run.target, &run.name);
    let items = book.items(run.id)?;
    let mine = items.iter().filter(|i| facts::is_out(i) && patterns.matches(&i.test, &i.path));
    let names: BTreeSet<String> =
        mine.filter_map(|i| Some(job_name(&full, &i.test, &i.path, i.attempts.last()?.number))).collect();
    // Nobody here can end what a master has.
    let away =
        items.iter().find(|i| facts::is_out(i) && patterns.matches(&i.test, &i.path) && master::is_host(&i.host));
    if let Some(item) = away {
        let item_name = testruns::item::full_name(&item.test, &item.path);
        return Err(RunError::Elsewhere { item: item_name, host: item.host.clone() });
    }
    leftovers::find(base, |job| !names.contains(job))?;
    change(book, run, &act.patterns, |item| {
        if item.phase.is_over() {
            return false;
        }
        let at = now();
        let why = testruns::event::Kill::Asked { by: act.by.clone(), why: act.why.clone() }.sentence();
        if let Some(last) = item.attempts.last_mut().filter(|a| a.ended.is_none()) {
            last.ended = Some(at);
            Status::KILLED.word().clone_into(&mut last.status);
            last.comment.clone_from(&why);
        }
        (item.phase, item.class, item.ended_at) = (Phase::Killed, model::area::Class::Bad, Some(at));
        Status::KILLED.word().clone_into(&mut item.status);
        item.comment = why;
        true
    })
}

/// Changes items of a run, and counts it anew.
fn change(
    book: &Book,
    run: &mut TestRun,
    patterns: &str,
    mut one: impl FnMut(&mut TestItem) -> bool,
) -> Result<usize, RunError> {
    let patterns = TestPatterns::read(patterns);
    let mut items = book.items(run.id)?;
    let mut changed = Vec::new();
    for item in items.iter_mut().filter(|i| patterns.matches(&i.test, &i.path)) {
        if one(item) {
            changed.push(item.clone());
        }
    }
    let count = changed.len();
    if count > 0 {
        facts::recount(run, &items);
        if run.totals.waiting + run.totals.running == 0 && run.ended_at.is_none() {
            run.ended_at = Some(now());
        }
        book.save(run, changed)?;
    }
    Ok(count)
}

/// Locks a run, or lets it go; keeps its directories, or not. Whoever calls holds the area.
///
/// # Errors
/// The store.
pub fn flag(book: &Book, run: &mut TestRun, locked: Option<bool>, kept: Option<bool>) -> Result<(), RunError> {
    run.locked = locked.unwrap_or(run.locked);
    run.kept = kept.unwrap_or(run.kept);
    Ok(book.save(run, Vec::new())?)
}

/// Whether nothing of a run is to come.
pub fn has_ended(run: &TestRun) -> bool {
    !matches!(run.state, TestRunState::Running | TestRunState::Interrupted)
}
