//! The files beside store, logs and spools: who may read them, and whom they name.

use super::kinds::{MODE_OPEN, PID_LEFT};
use super::{BaseDir, FsckError};
use model::Finding;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory that is looked through, and how files in it are named.
pub(super) struct Places<'a> {
    pub(super) root: &'a Path,
}

impl Places<'_> {
    /// A file by its name below the directory.
    pub(super) fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }
}

/// What there is in a directory, by name; nothing if it is not there.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, FsckError> {
    let listed = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(|all| all.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()),
    };
    let mut paths = listed.map_err(FsckError::io("list", dir))?;
    paths.sort();
    Ok(paths)
}

/// Somebody holds a lock on the file.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

/// What is secret of a master's is private, and its pid file tells the truth.
pub(super) fn of_master(
    places: &Places<'_>,
    base: &BaseDir,
    live: bool,
    found: &mut Vec<Finding>,
) -> Result<(), FsckError> {
    let secrets = base.root().join("secrets");
    private(places, &base.token_file(), found)?;
    private(places, &secrets, found)?;
    for secret in entries(&secrets)? {
        private(places, &secret, found)?;
    }
    pid(places, &base.pid(), live, found)
}

/// The same for a worker's.
pub(super) fn of_worker(places: &Places<'_>, live: bool, found: &mut Vec<Finding>) -> Result<(), FsckError> {
    private(places, &places.root.join("worker.conf"), found)?;
    pid(places, &places.root.join("sluice.pid"), live, found)
}

fn private(places: &Places<'_>, path: &Path, found: &mut Vec<Finding>) -> Result<(), FsckError> {
    let mode = match fs::metadata(path) {
        Ok(meta) => meta.permissions().mode(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(FsckError::io("look at", path)(e)),
    };
    if mode & 0o077 != 0 {
        let what = format!("it has mode {:04o}; {:04o} is right", mode & 0o7777, mode & 0o700);
        found.push(Finding::new(&MODE_OPEN, what).in_file(places.name(path), None));
    }
    Ok(())
}

fn pid(places: &Places<'_>, path: &Path, live: bool, found: &mut Vec<Finding>) -> Result<(), FsckError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => "something that is no text".to_owned(),
        Err(e) => return Err(FsckError::io("read", path)(e)),
    };
    let named = text.trim();
    if !live && !named.is_empty() && !is_held(path) {
        let lives = named.parse::<u32>().is_ok_and(|pid| Path::new(&format!("/proc/{pid}")).exists());
        let now = if lives { ", which is another process now" } else { "" };
        let named: String = named.chars().take(40).collect();
        found.push(Finding::new(&PID_LEFT, format!("it names {named}{now}")).in_file(places.name(path), None));
    }
    Ok(())
}
