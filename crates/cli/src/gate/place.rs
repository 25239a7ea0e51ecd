//! Where a gate works, and what of it outlives the run: a directory below the test base for each run, and the journal of
//! all runs beside the repository's own files.

use super::mail::Post;
use crate::exit::Trouble;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use vcs::git::Leash;

/// What marks a directory as made by a gate: nothing else is ever removed.
const MARK: &str = ".sluice-gate";

/// How many trees are removed at once.
const MOST_AT_ONCE: usize = 4;

/// The version of the journal's format.
const VERSION: u32 = 1;

/// A run as the journal has it. Written before each step that somebody else could notice, so that a run that was killed
/// is known for what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The version of the format.
    version: u32,
    /// The run's name, unique within the repository.
    pub(super) run: String,
    /// The process that runs it.
    pub(super) pid: i32,
    /// Where it works.
    pub(super) work: PathBuf,
    /// What it has come to.
    pub(super) phase: Phase,
    /// Which attempt it is at, from 1.
    pub(super) attempt: u32,
    /// Where it is to land, if it is.
    pub(super) target: Option<(String, String)>,
    /// The tip that it is tested on.
    pub(super) base: Option<String>,
    /// The commit that is tested.
    pub(super) tested: Option<String>,
    /// Its short hash, author and title.
    #[serde(default)]
    pub(super) title: Option<String>,
    /// Where its logs are packed.
    #[serde(default)]
    pub(super) packed: Option<PathBuf>,
    /// Who is told of the end.
    #[serde(default)]
    pub(super) mail: Option<Post>,
    /// That letter is written.
    #[serde(default)]
    pub(super) told: bool,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// The clone is made and put on top of the target.
    Preparing,
    /// Tasks run.
    Testing,
    /// All passed, and the push is on its way: whether it arrived is for the remote to say.
    Pushing,
    /// It is on the target branch.
    Landed,
}

impl Phase {
    /// The phase in a word or two.
    pub(super) fn words(self) -> &'static str {
        match self {
            Phase::Preparing => "preparing",
            Phase::Testing => "testing",
            Phase::Pushing => "pushing",
            Phase::Landed => "landed",
        }
    }
}

/// The journal of a repository: a file for each run.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    dir: PathBuf,
}

impl Journal {
    /// The one beside git's own files.
    pub(super) fn of(shared: &Path) -> anyhow::Result<Self> {
        let dir = shared.join("sluice/gate");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins a run: takes a name that no other has, and a lock that ends with this process.
    pub(super) fn begin(&self, testbase: &Path) -> anyhow::Result<Run> {
        let pid = std::process::id();
        for number in 0u32.. {
            let name = format!("b{pid}{}", if number == 0 { String::new() } else { format!("-{number}") });
            let lock = self.dir.join(format!("{name}.lock"));
            let file = File::options().create(true).truncate(false).write(true).open(&lock);
            let file = file.with_context(|| format!("cannot write {}", lock.display()))?;
            if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err()
                || self.path(&name).exists()
                || !is_at(&file, &lock)
            {
                continue;
            }
            let work = testbase.join(&name);
            let entry = Entry {
                version: VERSION,
                run: name,
                pid: i32::try_from(pid).unwrap_or(0),
                work,
                phase: Phase::Preparing,
                attempt: 1,
                target: None,
                base: None,
                tested: None,
                title: None,
                packed: None,
                mail: None,
                told: false,
            };
            let landmarks = vec![entry.work.join(MARK)];
            let run = Run { journal: self.clone(), entry, landmarks, _lock: file };
            // Nothing is made that the journal does not know of.
            run.write()?;
            if let Err(e) = make(run.work()) {
                self.forget(&run.entry.run);
                return Err(e);
            }
            return Ok(run);
        }
        anyhow::bail!("no name is free in {}", self.dir.display())
    }

    /// Every run that the journal has, with whether its process still lives. What cannot be read is passed over: it is
    /// of another version, or was never finished being written.
    pub(super) fn entries(&self) -> anyhow::Result<Vec<(Entry, Alive)>> {
        let listed = fs::read_dir(&self.dir).with_context(|| format!("cannot read {}", self.dir.display()))?;
        let mut entries = Vec::new();
        for path in listed.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "json")) {
            let Ok(bytes) = fs::read(&path) else { continue };
            let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) else { continue };
            if entry.version == VERSION && self.path(&entry.run) == path {
                let alive = self.alive(&entry.run);
                entries.push((entry, alive));
            }
        }
        entries.sort_by(|a, b| a.0.run.cmp(&b.0.run));
        Ok(entries)
    }

    /// Takes up a run whose process is gone. `None`: it lives, or another gate has taken it up.
    pub(super) fn take_up(&self, run: &str) -> Option<File> {
        let path = self.dir.join(format!("{run}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path).ok()?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).ok()?;
        (is_at(&file, &path) && self.path(run).exists()).then_some(file)
    }

    /// Notes of a run whose process is gone that its letter is written.
    pub(super) fn note_told(&self, entry: &Entry) -> anyhow::Result<()> {
        self.write(&Entry { told: true, ..entry.clone() })
    }

    fn write(&self, entry: &Entry) -> anyhow::Result<()> {
        let path = self.path(&entry.run);
        save(&path, &serde_json::to_vec_pretty(entry)?).with_context(|| format!("cannot write {}", path.display()))
    }

    fn alive(&self, run: &str) -> Alive {
        let Ok(file) = File::open(self.dir.join(format!("{run}.lock"))) else { return Alive::No };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
            Ok(()) => Alive::No,
            Err(_) => Alive::Yes,
        }
    }

    /// Forgets a run.
    pub(super) fn forget(&self, run: &str) {
        for path in [self.path(run), self.dir.join(format!("{run}.lock"))] {
            if let Err(e) = fs::remove_file(&path)
                && e.kind() != ErrorKind::NotFound
            {
                tracing::warn!("{} cannot be removed: {e}", path.display());
            }
        }
    }

    fn path(&self, run: &str) -> PathBuf {
        self.dir.join(format!("{run}.json"))
    }
}

/// Whether the process of a run still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alive {
    /// It does.
    Yes,
    /// It has gone without saying so.
    No,
}

/// A run of this process.
#[derive(Debug)]
pub(super) struct Run {
    journal: Journal,
    entry: Entry,
    /// What was made in its directory, and is there for as long as the run lasts.
    landmarks: Vec<PathBuf>,
    /// Others see by it that this process lives.
    _lock: File,
}

impl Run {
    /// What the journal says of it.
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Its directory.
    pub(super) fn work(&self) -> &Path {
        &self.entry.work
    }

    /// What git runs on for it: whoever takes the run up finds by it what still runs.
    pub(super) fn leash(&self) -> Leash {
        Leash::marked(&self.entry.work)
    }

    /// Changes what the journal says, on the disk before it returns.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut Entry)) -> anyhow::Result<()> {
        change(&mut self.entry);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        self.journal.write(&self.entry)
    }

    /// From now on the directory is whole only with this file in it.
    pub(super) fn expect(&mut self, landmark: PathBuf) {
        self.landmarks.push(landmark);
    }

    /// Whether its directory is whole, as far as can be told by what was made there.
    ///
    /// # Errors
    /// It is not: what is tested may do anything, also away with the directory that it is tested in.
    pub(super) fn check_whole(&self) -> Result<(), Trouble> {
        if self.landmarks.iter().all(|landmark| landmark.is_file()) {
            return Ok(());
        }
        let landed = match self.entry.phase {
            Phase::Preparing | Phase::Testing => "; nothing landed",
            Phase::Pushing | Phase::Landed => "",
        };
        let work = self.entry.work.display();
        Err(Trouble(format!("the gate's own directory {work} was removed, perhaps by one of the tasks{landed}")))
    }

    /// Ends it: the journal forgets it, and its directory goes unless it is to be kept.
    pub(super) fn end(self, keep: Keep) {
        if keep == Keep::Nothing {
            if !self.entry.work.join(MARK).is_file() {
                // What is there now was written by this process since: nobody else takes the name while it lives.
                let _ = fs::write(self.entry.work.join(MARK), "");
            }
            clear(&self.entry.work);
            // The test base goes with its last run; one that others use, or that was there before, is not empty or stays.
            let _ = self.entry.work.parent().map(fs::remove_dir);
        }
        self.journal.forget(&self.entry.run);
    }
}

/// Writes a file that is whole or not there, on the disk before it returns.
pub(super) fn save(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Whether an open file is still the one of this name: a lock on one that was removed says nothing.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().is_ok_and(|open| fs::metadata(path).is_ok_and(|named| same(open, named)))
}

/// What is left of a run's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing.
    Nothing,
    /// All of it: `--nocleanup`.
    Everything,
}

/// Makes a directory that may be removed again.
pub(super) fn make(work: &Path) -> anyhow::Result<()> {
    if let Some(parent) = work.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the test base {}", parent.display()))?;
    }
    if work.join(MARK).is_file() {
        clear(work);
    }
    fs::create_dir(work).with_context(|| format!("cannot make {}", work.display()))?;
    fs::write(work.join(MARK), "").with_context(|| format!("cannot write in {}", work.display()))
}

/// Removes a directory that a gate made. Trees may have been made read-only by what was tested.
pub(super) fn clear(work: &Path) {
    if !work.join(MARK).is_file() {
        return;
    }
    remove_trees(work);
    if fs::remove_dir_all(work).is_ok() {
        return;
    }
    unlock(work);
    if let Err(e) = fs::remove_dir_all(work)
        && e.kind() != ErrorKind::NotFound
    {
        tracing::warn!("{} cannot be removed: {e}", work.display());
    }
}

/// Removes a tree, also one that was made read-only; one that is not there is fine.
pub(super) fn remove(tree: &Path) -> anyhow::Result<()> {
    if fs::symlink_metadata(tree).is_ok_and(|found| !found.is_dir()) {
        return fs::remove_file(tree).with_context(|| format!("cannot remove {}", tree.display()));
    }
    if fs::remove_dir_all(tree).is_err() {
        unlock(tree);
    }
    match fs::remove_dir_all(tree) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", tree.display()))
        }
        _ => Ok(()),
    }
}

/// Removes what is large beside each other: a disk takes several at once faster than one after the other, and somebody
/// waits for the end.
fn remove_trees(work: &Path) {
    let below = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect()
    };
    // The trees of tasks are in BASE/workers/here/TASK, the clone is beside the bases.
    let bases = below(work);
    let workers = bases.iter().flat_map(|base| below(&base.join("workers")));
    let mut trees: Vec<PathBuf> = workers.flat_map(|worker| below(&worker)).collect();
    trees.extend(bases);
    std::thread::scope(|scope| {
        for first in 0..MOST_AT_ONCE.min(trees.len()) {
            let some = trees.iter().skip(first).step_by(MOST_AT_ONCE);
            // What stays is told of when all of it is removed.
            scope.spawn(move || some.for_each(|tree| drop(fs::remove_dir_all(tree))));
        }
    });
}

/// Lets the owner write into every directory of a tree.
fn unlock(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        // What cannot be changed shows when it is removed.
        let _ = fs::set_permissions(&dir, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        left.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_run_is_in_the_journal_from_its_beginning_to_its_end() {
        let top = tempfile::tempdir().unwrap();
        let journal = Journal::of(top.path()).unwrap();
        let mut run = journal.begin(&top.path().join("base")).unwrap();
        run.note(|e| (e.phase, e.tested) = (Phase::Pushing, Some("a".into()))).unwrap();
        let (entry, alive) = journal.entries().unwrap().remove(0);
        assert_eq!((&entry, alive), (run.entry(), Alive::Yes));
        let second = journal.begin(&top.path().join("base")).unwrap();
        assert_ne!(second.work(), run.work());
        let work = run.work().to_owned();
        second.end(Keep::Nothing);
        run.end(Keep::Nothing);
        assert!(!work.exists());
        assert_eq!(journal.entries().unwrap(), []);
    }

    #[test]
    fn a_run_whose_process_is_gone_is_known() {
        let top = tempfile::tempdir().unwrap();
        let journal = Journal::of(top.path()).unwrap();
        let run = journal.begin(&top.path().join("base")).unwrap();
        let entry = run.entry().clone();
        // The lock goes with the process, the journal stays.
        drop(run);
        assert_eq!(journal.entries().unwrap(), [(entry.clone(), Alive::No)]);
        fs::write(journal.dir().join("torn.json"), "{\"version\": 1, \"ru").unwrap();
        assert_eq!(journal.entries().unwrap().len(), 1);
        journal.forget(&entry.run);
        assert_eq!(journal.entries().unwrap(), []);
    }

    #[test]
    fn only_what_a_gate_made_is_removed() {
        let top = tempfile::tempdir().unwrap();
        let foreign = top.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        clear(&foreign);
        assert!(foreign.exists());
        let own = top.path().join("own");
        make(&own).unwrap();
        fs::create_dir_all(own.join("deep/er")).unwrap();
        fs::write(own.join("deep/er/file"), "x").unwrap();
        fs::set_permissions(own.join("deep/er"), fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(own.join("deep"), fs::Permissions::from_mode(0o000)).unwrap();
        clear(&own);
        assert!(!own.exists());
        fs::create_dir(&own).unwrap();
        assert!(make(&own).is_err(), "somebody else's directory is not taken");
    }
}
