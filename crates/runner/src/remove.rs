//! Runs are taken away: first what it would be, then it.
//!
//! Only a directory that has the mark of the very item, is no link, and lies inside of a place where runs of this area are
//! made, is ever removed. Directories go before records, so whoever is interrupted goes on by asking again.

use crate::base::Base;
use crate::book::{Book, BookError};
use crate::home::Defined;
use crate::orders::run_name;
use crate::place;
use model::{TestItem, TestRun};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use testruns::TestPatterns;

/// What becomes of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// They go too.
    Removed,
    /// They stay readable.
    Kept,
}

/// A directory of an item, and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Target {
    /// The item.
    pub item: String,
    /// The directory.
    pub dir: PathBuf,
    /// How much is in it.
    pub bytes: u64,
    /// Why it stays, if it does.
    pub refused: Option<String>,
    /// It is gone already.
    pub gone: bool,
}

/// What would be removed of a run.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Plan {
    /// The directories.
    pub targets: Vec<Target>,
    #[serde(skip)]
    items: Vec<TestItem>,
    /// All of the run.
    whole: bool,
    #[serde(skip)]
    roots: Vec<PathBuf>,
    #[serde(skip)]
    link_tree: PathBuf,
}

/// Finds what would be removed. Nothing is changed.
///
/// # Errors
/// The store cannot be read.
pub fn plan(
    area: &Path,
    base: &Base,
    book: &Book,
    (defined, run): (&Defined, &TestRun),
    patterns: &str,
) -> Result<Plan, BookError> {
    let patterns = TestPatterns::read(patterns);
    let all = book.items(run.id)?;
    let count = all.len();
    let items: Vec<TestItem> = all.into_iter().filter(|i| patterns.matches(&i.test, &i.path)).collect();
    let own = defined.area.tests.iter().flat_map(|t| &t.disks).map(|disk| area.join(&disk.path));
    let disks = defined.disks.iter().map(|(_, path)| path.clone()).chain(own);
    let disks = disks.map(|path| path.join(&defined.area.name));
    let roots = disks.chain([defined.link_tree.clone(), base.dir().join("runs")]);
    let roots: Vec<PathBuf> = roots.filter_map(|root| root.canonicalize().ok()).collect();
    let mut targets = Vec::new();
    for item in &items {
        let mut dirs: Vec<&str> = item.attempts.iter().map(|a| a.directory.as_str()).collect();
        dirs.dedup();
        for dir in dirs.into_iter().filter(|d| !d.is_empty()) {
            let dir = PathBuf::from(dir);
            let name = testruns::item::full_name(&item.test, &item.path);
            let gone = matches!(dir.symlink_metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound);
            let refused = if gone { None } else { refusal(area, &roots, run, item, &dir) };
            let bytes = if gone || refused.is_some() { 0 } else { size(&dir) };
            targets.push(Target { item: name, dir, bytes, refused, gone });
        }
    }
    Ok(Plan { targets, whole: items.len() == count, items, roots, link_tree: defined.link_tree.clone() })
}

/// Why a directory is not removed.
fn refusal(area: &Path, roots: &[PathBuf], run: &TestRun, item: &TestItem, dir: &Path) -> Option<String> {
    let kind = match dir.symlink_metadata() {
        Ok(there) => there.file_type(),
        Err(e) => return Some(format!("it cannot be looked at: {e}")),
    };
    if kind.is_symlink() {
        return Some("it is a link".to_owned());
    }
    if !kind.is_dir() {
        return Some("it is no directory".to_owned());
    }
    let real = match dir.canonicalize() {
        Ok(real) => real,
        Err(e) => return Some(format!("it cannot be looked at: {e}")),
    };
    if !roots.iter().any(|root| real.starts_with(root) && real != *root) {
        return Some("it is outside of where runs of this area are made".to_owned());
    }
    let mark = match place::mark(dir) {
        Ok(Some(mark)) => mark,
        Ok(None) => return Some(format!("it has no {}", place::MARK)),
        Err(e) => return Some(format!("its mark cannot be read: {e}")),
    };
    let same = mark.area == area.to_string_lossy()
        && (mark.run, mark.test, mark.path) == (run_name(&run.target, &run.name), item.test.clone(), item.path.clone());
    (!same).then(|| "it is marked as something else".to_owned())
}

fn size(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(there) = entry.path().symlink_metadata() else { continue };
        bytes += if there.is_dir() { size(&entry.path()) } else { there.len() };
    }
    bytes
}

/// Removes what a plan says. Answers with what could not be removed. Whoever calls holds the area.
///
/// # Errors
/// The store cannot be written.
pub fn carry_out(
    area: &Path,
    book: &Book,
    run: &mut TestRun,
    plan: &Plan,
    records: Records,
) -> Result<Vec<(PathBuf, String)>, BookError> {
    let mut left = Vec::new();
    for target in plan.targets.iter().filter(|t| t.gone) {
        above(&plan.roots, &target.dir);
    }
    for target in plan.targets.iter().filter(|t| !t.gone) {
        let item = plan.items.iter().find(|i| testruns::item::full_name(&i.test, &i.path) == target.item);
        // Since it was looked at, somebody may have put something else there.
        let refused =
            item.map_or(Some("it has no record".to_owned()), |i| refusal(area, &plan.roots, run, i, &target.dir));
        let done = match refused {
            Some(why) => Err(why),
            None => fs::remove_dir_all(&target.dir).map_err(|e| e.to_string()),
        };
        match done {
            Ok(()) => above(&plan.roots, &target.dir),
            Err(why) => left.push((target.dir.clone(), why)),
        }
    }
    for item in &plan.items {
        unlink(&plan.link_tree, run, item);
    }
    let stays = |i: &&TestItem| left.iter().any(|(dir, _)| i.attempts.iter().any(|a| Path::new(&a.directory) == dir));
    if records == Records::Removed {
        let (_, gone): (Vec<&TestItem>, Vec<&TestItem>) = plan.items.iter().partition(stays);
        if plan.whole && left.is_empty() {
            book.forget(run.id)?;
        } else {
            book.forget_items(run.id, gone.iter().map(|i| (i.test.clone(), i.path.clone())).collect())?;
            let rest = book.items(run.id)?;
            crate::facts::recount(run, &rest);
            book.save(run, Vec::new())?;
        }
    }
    Ok(left)
}

/// Takes away directories above that are empty now, up to the place where runs are made.
fn above(roots: &[PathBuf], dir: &Path) {
    for parent in dir.ancestors().skip(1) {
        let inside = parent.canonicalize().is_ok_and(|real| roots.iter().any(|r| real.starts_with(r) && real != *r));
        // One that is not empty is not removed by this.
        if !inside || fs::remove_dir(parent).is_err() {
            return;
        }
    }
}

/// Takes away the link in the link tree, if it leads nowhere now.
fn unlink(link_tree: &Path, run: &TestRun, item: &TestItem) {
    let mut link = link_tree.join(run_name(&run.target, &run.name));
    link.push(&item.test);
    link.extend(item.path.split('/').filter(|part| !part.is_empty()));
    let dangles = link.symlink_metadata().is_ok_and(|there| there.is_symlink()) && !link.exists();
    if dangles && fs::remove_file(&link).is_ok() {
        let roots: Vec<PathBuf> = link_tree.canonicalize().into_iter().collect();
        above(&roots, &link);
    }
}
