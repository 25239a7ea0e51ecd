//! The worker's directory: who owns it now, and where things lie in it.

use crate::WorkerError;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A base directory that this daemon alone works in.
#[derive(Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    /// Locked while this lives.
    _lock: File,
}

impl Home {
    /// Makes the directory if it is absent, and takes it.
    pub(crate) fn take(dir: &Path) -> Result<Self, WorkerError> {
        fs::create_dir_all(dir.join(".slots")).map_err(WorkerError::file(dir, "made"))?;
        let dir = fs::canonicalize(dir).map_err(WorkerError::file(dir, "used"))?;
        lay_slots_apart(&dir.join(".slots"));
        let path = dir.join(".slots/lock");
        let lock = File::create(&path).map_err(WorkerError::file(&path, "written"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(WorkerError::InUse(dir)),
            Err(fs::TryLockError::Error(source)) => {
                return Err(WorkerError::File { path, what: "locked", source });
            }
        }
        let work = dir.join(".work");
        fs::create_dir_all(&work).map_err(WorkerError::file(&work, "made"))?;
        Ok(Self { dir, _lock: lock })
    }

    /// The directory itself.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a slot lives.
    pub(crate) fn slot(&self, number: u32) -> PathBuf {
        self.dir.join(".slots").join(number.to_string())
    }

    /// The slots that have a directory.
    pub(crate) fn slots(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.dir.join(".slots"))? {
            numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Where git's mirrors lie.
    pub(crate) fn mirrors(&self) -> PathBuf {
        self.dir.join(".mirrors")
    }

    /// Where the description of a command's work lies while it runs.
    pub(crate) fn work_file(&self, name: &str) -> PathBuf {
        self.dir.join(".work").join(name)
    }
}

/// Asks the file system to lay the slots apart from each other and from the builders' directories, where files come and
/// go: what is written for each command is fast then on ext4, too. See `logs` for the reason.
fn lay_slots_apart(dir: &Path) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    // Other file systems do not know the flag, and do not need it.
    if let Ok(slots) = File::open(dir)
        && let Ok(flags) = ioctl_getflags(&slots)
    {
        let _ = ioctl_setflags(&slots, flags | IFlags::TOPDIR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_daemon_works_in_a_directory() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("w");
        let home = Home::take(&dir).unwrap();
        assert!(matches!(Home::take(&dir), Err(WorkerError::InUse(_))));
        assert!(home.slots().unwrap().is_empty());
        drop(home);
        Home::take(&dir).unwrap();
    }
}
