//! A copy of a base directory while its master works, and putting one back.
//!
//! ```text
//! backup.json  what this is: versions, and every file with its length, mode and SHA-256
//! sluice.db    the store, of one moment (SQLite only)
//! logs/        the logs that the store knew at that moment, each as far as it was whole a little later
//! ...          configuration, token, secrets, public_html: all that is not made anew by itself
//! ```
//!
//! The store comes first and the logs after it, so that no log lacks what the store tells of it. All of it is made beside
//! its place and gets its name when it is whole and on the disk.

use crate::base::BaseDir;
use ::logs::LogError;
use model::{BuildId, LogStatus};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use store::{BuildLogs, Location, Look, StoreError};

/// The version of a backup's layout.
pub const VERSION: u32 = 1;

/// What tells what a backup is.
const MANIFEST: &str = "backup.json";

/// What is made anew by itself, or copied apart.
const LEFT_OUT: [&str; 9] =
    ["logs", "sources", "workers", "lost+found", "address", "sluice.pid", "sluice.log", "in-force.json", MANIFEST];

/// How long what the store tells of a log may be on its way to the file.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub backup: u32,
    /// The Sluice that made it.
    pub program: String,
    /// When the store's moment was, in seconds since 1970.
    pub made_at: u64,
    /// The version of the store's schema; `None`: the store is on a PostgreSQL server, and not in here.
    pub schema: Option<i64>,
    /// The version of the log files.
    pub logs: u16,
    /// Builds in the store.
    pub builds: u64,
    /// Every file, by its path.
    pub files: BTreeMap<String, Copied>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its length.
    pub bytes: u64,
    /// Its mode.
    pub mode: u32,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Backup {
    /// What it is.
    pub manifest: Manifest,
    /// What could not be copied, in sentences.
    pub lacks: Vec<String>,
}

/// Why there is no backup, or it is not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something at the place already.
    #[error("{} is not empty; give a directory that is new", .0.display())]
    Occupied(PathBuf),
    /// The place is within the directory.
    #[error("{} lies within {}; a backup belongs elsewhere, best on another disk", to.display(), dir.display())]
    Within {
        /// Where it was to go.
        to: PathBuf,
        /// What was to be copied.
        dir: PathBuf,
    },
    /// No backup.
    #[error("{} is no backup: {why}", dir.display())]
    NotABackup {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Made by a later Sluice.
    #[error("{} is a backup of version {found}, and this Sluice reads version {VERSION}; use the Sluice that made it", dir.display())]
    Version {
        /// The directory.
        dir: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A file is not what was written.
    #[error("{} is not as it was copied: {why}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The store.
    #[error("the store cannot be copied")]
    Store(#[from] StoreError),
    /// The logs.
    #[error("the logs cannot be copied")]
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

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { act, path, source }
}

/// Copies a base directory into a new one. A master may work in it.
///
/// # Errors
/// See [`BackupError`]; nothing is at the place then.
pub async fn backup(
    base: &BaseDir,
    at: &Location,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Backup, BackupError> {
    let to = absolute(to);
    if to.starts_with(base.root()) {
        return Err(BackupError::Within { to, dir: base.root().to_owned() });
    }
    let place = Place::beside(&to)?;
    let mut files = BTreeMap::new();
    let made_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let here = place.dir.join("sluice.db");
    let copy = match at {
        Location::Sqlite(from) => {
            let (from, here) = (from.clone(), here.clone());
            let copied = tokio::task::spawn_blocking(move || store::copy(&from, &here)).await;
            copied.map_err(|e| failed("copy", base.root())(io::Error::other(e)))??;
            Location::Sqlite(place.dir.join("sluice.db"))
        }
        // The server keeps the moment; it is for pg_dump to copy.
        Location::Postgres(_) => at.clone(),
    };
    let mut look = Look::at(&copy).await?;
    let mut lacks = Vec::new();
    let mut builds = 0;
    if look.is_current() {
        builds = logs(base, &place.dir, &mut look, &mut files, &mut lacks, progress).await?;
    } else {
        tree(base.root(), &base.logs(), &place.dir, &mut files)?;
    }
    let schema = matches!(at, Location::Sqlite(_)).then(|| look.version().found);
    drop(look);
    if schema.is_some() {
        // Looking at it may have left companions, which hold nothing.
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(place.dir.join(format!("sluice.db{ending}")));
        }
        files.insert("sluice.db".to_owned(), seal(&here, 0o600)?);
    }
    for entry in list(base.root())? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = LEFT_OUT.contains(&name.as_str()) || name.starts_with("sluice.db") || name.starts_with("sluice.log");
        if !own {
            tree(base.root(), &entry, &place.dir, &mut files)?;
        }
    }
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let logs = ::logs::format::VERSION;
    let manifest = Manifest { backup: VERSION, program, made_at, schema, logs, builds, files };
    place.settle(&manifest)?;
    Ok(Backup { manifest, lacks })
}

/// Puts a backup into a new base directory, with every file checked. A store on a server is put back by itself.
///
/// # Errors
/// See [`BackupError`]; nothing is at the place then.
pub fn restore(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Manifest, BackupError> {
    let (from, to) = (absolute(from), absolute(to));
    let manifest = read(&from)?;
    let place = Place::beside(&to)?;
    let count = manifest.files.len() as u64;
    for ((name, told), done) in manifest.files.iter().zip(1..) {
        let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain {
            return Err(BackupError::NotABackup { dir: from, why: format!("it names a file {name}") });
        }
        let (source, target) = (from.join(name), place.dir.join(name));
        make_parent(&target)?;
        fs::copy(&source, &target).map_err(failed("copy", &source))?;
        let copied = seal(&target, told.mode)?;
        if copied != *told {
            let why = format!(
                "it has {} bytes and the SHA-256 {}, and {} and {} are told",
                copied.bytes, copied.sha256, told.bytes, told.sha256
            );
            return Err(BackupError::Altered { path: source, why });
        }
        progress(done, count);
    }
    if manifest.schema == Some(store::SCHEMA) {
        let moment = i64::try_from(manifest.made_at).unwrap_or_default().saturating_mul(1_000_000);
        store::give_up_running(&place.dir.join("sluice.db"), model::Time(moment))?;
    }
    place.arrive()?;
    Ok(manifest)
}

/// What a directory with a backup says of itself.
///
/// # Errors
/// [`BackupError::NotABackup`], [`BackupError::Version`].
pub fn read(dir: &Path) -> Result<Manifest, BackupError> {
    /// Bytes of a manifest, at most: some ten million files.
    const LONGEST: u64 = 2 << 30;
    let not = |why: String| BackupError::NotABackup { dir: dir.to_owned(), why };
    let mut text = Vec::new();
    let opened = File::open(dir.join(MANIFEST)).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    opened.map_err(|e| not(format!("{MANIFEST} cannot be read: {e}")))?;
    #[derive(Deserialize)]
    struct Head {
        backup: u32,
    }
    let head: Head = serde_json::from_slice(&text).map_err(|e| not(format!("{MANIFEST} is not readable: {e}")))?;
    if head.backup != VERSION {
        return Err(BackupError::Version { dir: dir.to_owned(), found: head.backup });
    }
    serde_json::from_slice(&text).map_err(|e| not(format!("{MANIFEST} is not readable: {e}")))
}

/// The logs that the store knows. How many builds there are.
async fn logs(
    base: &BaseDir,
    to: &Path,
    look: &mut Look,
    files: &mut BTreeMap<String, Copied>,
    lacks: &mut Vec<String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, BackupError> {
    let (count, _) = look.builds().await?;
    let there = ::logs::files(&base.logs())?;
    let (mut after, mut done) = (BuildId(i64::MIN), 0);
    loop {
        let builds = look.builds_after(after).await?;
        let Some(last) = builds.last() else { return Ok(count) };
        after = last.build;
        for build in builds {
            // A file that came after the list was made is of a build of which nothing was on the disk yet.
            if let Some(path) = there.builds.get(&build.build) {
                let name = path.strip_prefix(base.root()).unwrap_or(path);
                let target = to.join(name);
                make_parent(&target)?;
                log(&build, path, &target, lacks).await?;
                files.insert(name.display().to_string(), seal(&target, 0o644)?);
            }
            done += 1;
            progress(done, count);
        }
    }
}

/// One build's file, with everything that the store tells of it.
async fn log(build: &BuildLogs, from: &Path, to: &Path, lacks: &mut Vec<String>) -> Result<(), BackupError> {
    let known: BTreeSet<_> = build.logs.iter().map(|row| row.facts.id).collect();
    let until = Instant::now() + ON_ITS_WAY;
    loop {
        let (source, target, known) = (from.to_owned(), to.to_owned(), known.clone());
        let ended = build.complete_at.is_some();
        let copied =
            tokio::task::spawn_blocking(move || ::logs::copy(&source, &target, |log| known.contains(&log), ended))
                .await;
        let short = match copied.map_err(|e| failed("copy", from)(io::Error::other(e)))? {
            Ok(copied) => build.logs.iter().find(|row| match row.facts.status {
                LogStatus::Sealed { bytes, .. } => {
                    let has = copied.logs.iter().find(|(log, _)| *log == row.facts.id).map_or(0, |(_, f)| f.bytes);
                    has < bytes
                }
                LogStatus::Open => false,
            }),
            // What is damaged is copied as it is; a part of it is good.
            Err(e @ (LogError::Damaged { .. } | LogError::Version { .. })) => {
                fs::copy(from, to).map_err(failed("copy", from))?;
                lacks.push(format!("{e}; it is copied as it is"));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        match short {
            None => return Ok(()),
            Some(row) if Instant::now() > until => {
                lacks.push(format!("log {} of build {} is shorter than the store tells", row.facts.id, build.build));
                return Ok(());
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Copies a file, or all that is below a directory.
fn tree(root: &Path, from: &Path, to: &Path, files: &mut BTreeMap<String, Copied>) -> Result<(), BackupError> {
    let meta = match fs::symlink_metadata(from) {
        // It went while we looked.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        meta => meta.map_err(failed("look at", from))?,
    };
    if meta.is_dir() {
        for entry in list(from)? {
            tree(root, &entry, to, files)?;
        }
        return Ok(());
    }
    // What a link points at is copied; sockets and the like are not.
    if !fs::metadata(from).is_ok_and(|meta| meta.is_file()) {
        return Ok(());
    }
    let name = from.strip_prefix(root).unwrap_or(from);
    let target = to.join(name);
    make_parent(&target)?;
    fs::copy(from, &target).map_err(failed("copy", from))?;
    files.insert(name.display().to_string(), seal(&target, meta.permissions().mode() & 0o777)?);
    Ok(())
}

/// Gives a copy its mode, makes it durable and tells what it is.
fn seal(path: &Path, mode: u32) -> Result<Copied, BackupError> {
    let sealed = || -> io::Result<Copied> {
        let mut file = File::open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            bytes += n as u64;
        }
        file.sync_all()?;
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Copied { bytes, mode, sha256 })
    };
    sealed().map_err(failed("copy", path))
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = fs::read_dir(dir).and_then(|all| all.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>());
    let mut paths = entries.map_err(failed("list", dir))?;
    paths.sort();
    Ok(paths)
}

fn make_parent(path: &Path) -> Result<(), BackupError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    // Secrets stay private on the way, too.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    made.map_err(failed("make", parent))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A directory that is being made beside its place. It goes when it does not get there.
struct Place {
    dir: PathBuf,
    to: PathBuf,
    settled: bool,
}

impl Place {
    fn beside(to: &Path) -> Result<Self, BackupError> {
        if fs::symlink_metadata(to).is_ok() && !fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none()) {
            return Err(BackupError::Occupied(to.to_owned()));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let dir = PathBuf::from(name);
        make_parent(&dir)?;
        DirBuilder::new().mode(0o700).create(&dir).map_err(failed("make", &dir))?;
        Ok(Self { dir, to: to.to_owned(), settled: false })
    }

    fn settle(self, manifest: &Manifest) -> Result<(), BackupError> {
        let path = self.dir.join(MANIFEST);
        let text = serde_json::to_vec_pretty(manifest).map_err(|e| failed("write", &path)(e.into()))?;
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.map_err(failed("write", &path))?;
        self.arrive()
    }

    fn arrive(mut self) -> Result<(), BackupError> {
        sync_below(&self.dir)?;
        // Over an empty directory, or where there is none.
        fs::rename(&self.dir, &self.to).map_err(failed("give its name to", &self.to))?;
        self.settled = true;
        let parent = self.to.parent().unwrap_or(Path::new("/"));
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed("sync", parent))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.settled {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn sync_below(dir: &Path) -> Result<(), BackupError> {
    for entry in list(dir)? {
        if fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir()) {
            sync_below(&entry)?;
        }
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}
