//! Looking through a base directory, a master's or a worker's: store, logs, spools, leases and files against each other.
//!
//! Each room says what can be wrong with what it keeps; here is what can be wrong between them. A look changes nothing
//! and may be taken while a master runs: the store is looked at as of one moment, and what seems wrong with a log is
//! looked at once more a little later, because a log may be on its way. A repair does only what loses nothing.

mod kinds;
mod logs;
mod places;
mod repair;
mod spools;

pub use kinds::all as finding_kinds;

use crate::base::{BaseDir, BaseError};
use ::logs::LogError;
use kinds::*;
use model::{BuildId, Finding, Severity};
use places::Places;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Location, Look, OpenLease, SchemaVersion, StoreError};

/// What seems wrong while a master works is looked at again after this long.
const AGAIN: Duration = Duration::from_millis(1500);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is changed.
    Look,
    /// What can be mended without losing anything is.
    Repair,
}

/// Whose directory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// A master's.
    Master,
    /// A worker's.
    Worker,
}

/// What came of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// The directory.
    pub dir: PathBuf,
    /// Whose it is.
    pub of: Of,
    /// A master or a worker worked in it meanwhile.
    pub live: bool,
    /// The version of the store's schema, and the one that this program writes.
    pub schema: Option<(i64, i64)>,
    /// How much was looked at.
    pub looked: Looked,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What was mended.
    pub acts: Vec<String>,
}

impl Report {
    /// Nothing is there that somebody should look at.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|f| f.kind.severity == Severity::Note)
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Looked {
    /// Builds in the store.
    pub builds: u64,
    /// Log files.
    pub log_files: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Spools of workers.
    pub spools: u64,
}

/// Why a directory cannot be looked through.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// It is no base directory, it is in use, or a file of it cannot be used.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// Neither a master's nor a worker's.
    #[error("{} is no base directory: there is neither master.star nor worker.conf", .0.display())]
    NotABase(PathBuf),
    /// Somebody works in it.
    #[error("{} is in use; a repair needs it alone: stop the {who} first", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Master or worker.
        who: &'static str,
    },
    /// The store does not let itself be looked at.
    #[error("the store cannot be looked at")]
    Store(#[from] StoreError),
    /// The logs do not let themselves be looked at.
    #[error("the logs cannot be looked at")]
    Logs(#[from] LogError),
    /// The system said no.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FsckError {
    fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| FsckError::Io { act, path, source }
    }
}

/// Whose directory this is.
///
/// # Errors
/// [`FsckError::NotABase`].
pub fn whose(dir: &Path) -> Result<Of, FsckError> {
    if dir.join(BaseDir::CONFIG).exists() {
        Ok(Of::Master)
    } else if dir.join("worker.conf").exists() {
        Ok(Of::Worker)
    } else {
        Err(FsckError::NotABase(dir.to_owned()))
    }
}

/// Where the store of this base directory is, by its configuration. One that is broken and never speaks of a database is
/// taken for one that keeps the store in its directory.
///
/// # Errors
/// What is wrong with the configuration.
pub fn store_of(base: &BaseDir) -> Result<Location, Box<config::ConfigError>> {
    match crate::config_file::load(base.root()) {
        Ok(config) => Ok(crate::run::location(base, &config)),
        Err(e) => {
            let text = std::fs::read(base.config()).unwrap_or_default();
            let speaks = String::from_utf8_lossy(&text).contains("database");
            if !speaks && base.database().exists() { Ok(Location::Sqlite(base.database())) } else { Err(e) }
        }
    }
}

/// What is told on the way: builds done, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Looks through a master's base directory, its store and the directories of its local workers.
///
/// # Errors
/// What keeps it from being looked at. What is wrong with it is in the report.
pub async fn master(base: &BaseDir, at: &Location, mode: Mode, progress: Progress<'_>) -> Result<Report, FsckError> {
    let _hold = match mode {
        Mode::Look => None,
        Mode::Repair => Some(base.hold()?),
    };
    let live = mode == Mode::Look && places::is_held(&base.pid());
    let places = Places { root: base.root() };
    let mut seen = Seen::default();
    places::of_master(&places, base, live, &mut seen.findings)?;
    look(base, at, live, progress, &mut seen).await?;
    let mut acts = Vec::new();
    if mode == Mode::Repair {
        acts = repair::master(base, at, &seen.findings).await?;
        // What is told is what is left, by a second look.
        seen = Seen::default();
        places::of_master(&places, base, live, &mut seen.findings)?;
        look(base, at, live, &mut |_, _| {}, &mut seen).await?;
    }
    Ok(seen.report(base.root(), Of::Master, live, acts))
}

/// Looks through a worker's base directory. Which builds its commands belong to is known to its master only.
///
/// # Errors
/// As [`master`].
pub fn worker(dir: &Path, mode: Mode) -> Result<Report, FsckError> {
    let root = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let places = Places { root: &root };
    let live = places::is_held(&root.join(".slots/lock"));
    if mode == Mode::Repair && live {
        return Err(FsckError::InUse { dir: root, who: "worker" });
    }
    let whole = |seen: &mut Seen| {
        places::of_worker(&places, live, &mut seen.findings)?;
        spools::look(&places, &root, None, seen)
    };
    let mut seen = Seen::default();
    whole(&mut seen)?;
    let mut acts = Vec::new();
    if mode == Mode::Repair {
        acts = repair::files(&root, &seen.findings)?;
        seen = Seen::default();
        whole(&mut seen)?;
    }
    Ok(seen.report(&root, Of::Worker, live, acts))
}

/// What a look has seen so far.
#[derive(Default)]
struct Seen {
    findings: Vec<Finding>,
    looked: Looked,
    schema: Option<SchemaVersion>,
}

impl Seen {
    fn report(mut self, dir: &Path, of: Of, live: bool, acts: Vec<String>) -> Report {
        self.findings.sort_by_key(|f| std::cmp::Reverse(f.kind.severity));
        let schema = self.schema.map(|v| (v.found, v.known));
        Report { dir: dir.to_owned(), of, live, schema, looked: self.looked, findings: self.findings, acts }
    }
}

async fn look(
    base: &BaseDir,
    at: &Location,
    live: bool,
    progress: Progress<'_>,
    seen: &mut Seen,
) -> Result<(), FsckError> {
    let places = Places { root: base.root() };
    let mut rows = None;
    match open(at).await {
        Ok(None) => {}
        Ok(Some(mut store)) => {
            seen.schema = Some(store.version());
            seen.findings.extend(store.findings().await?);
            rows = Some(store).filter(Look::is_current);
        }
        Err(StoreError::Damaged(what)) => seen.findings.push(Finding::new(&STORE_UNREADABLE, what)),
        Err(e) => return Err(e.into()),
    }
    let mut open = None;
    if let Some(mut store) = rows {
        match logs::look(&places, &mut store, live, None, progress, seen).await {
            Ok(first) if live && !first.is_empty() => seen.findings.extend(still_so(base, at, first).await?),
            Ok(first) => seen.findings.extend(first),
            Err(e) => told(e)?,
        }
        match (store.leases().await, store.builds().await) {
            (Ok(leases), Ok((_, newest))) => open = Some((leases, newest)),
            (Err(e), _) | (_, Err(e)) => told(e.into())?,
        }
    }
    local_workers(base, open.as_ref(), seen)
}

/// What keeps rows from being read was told when the store was looked at.
fn told(e: FsckError) -> Result<(), FsckError> {
    match e {
        FsckError::Store(StoreError::Corrupt { .. } | StoreError::Damaged(_)) => Ok(()),
        other => Err(other),
    }
}

/// The store, if there is one.
async fn open(at: &Location) -> Result<Option<Look>, StoreError> {
    match at {
        // A base directory that no master has worked in.
        Location::Sqlite(path) if !path.exists() => Ok(None),
        _ => Look::at(at).await.map(Some),
    }
}

/// What is wrong with logs at a second look too: a log that was on its way has arrived by then.
async fn still_so(base: &BaseDir, at: &Location, first: Vec<Finding>) -> Result<Vec<Finding>, FsckError> {
    tokio::time::sleep(AGAIN).await;
    let Some(mut store) = open(at).await? else { return Ok(first) };
    let builds: Vec<BuildId> = first.iter().filter_map(|f| f.build.map(BuildId)).collect();
    let places = Places { root: base.root() };
    let mut seen = Seen::default();
    let second = logs::look(&places, &mut store, true, Some(&builds), &mut |_, _| {}, &mut seen).await?;
    let same = |a: &Finding, b: &Finding| a.kind == b.kind && a.build == b.build && a.file == b.file;
    Ok(first.into_iter().filter(|f| f.build.is_none() || second.iter().any(|s| same(f, s))).collect())
}

/// The directories of the workers that live in the master's process.
fn local_workers(
    base: &BaseDir,
    open: Option<&(Vec<OpenLease>, Option<BuildId>)>,
    seen: &mut Seen,
) -> Result<(), FsckError> {
    let workers = base.root().join("workers");
    let places = Places { root: base.root() };
    for dir in places::entries(&workers)? {
        if dir.is_dir() {
            let worker = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let known = open.map(|(leases, newest)| {
                let (newest, logs) = (*newest, base.logs());
                spools::Known { worker, leases, newest, logs }
            });
            spools::look(&places, &dir, known.as_ref(), seen)?;
        }
    }
    Ok(())
}
