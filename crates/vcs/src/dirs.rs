//! Directories that trees lie in: named beside each other, made, removed for good.

use crate::fault::{Fault, VcsError};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The name of `dir` with something behind it.
pub(crate) fn beside(dir: &Path, behind: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_os_string();
    name.push(behind);
    dir.with_file_name(name)
}

/// The directory that holds `dir`, made if need be.
pub(crate) fn parent_of(dir: &Path) -> Result<PathBuf, VcsError> {
    let parent = dir.parent().ok_or_else(|| VcsError::new(Fault::Asked, "a tree cannot be the root directory"))?;
    fs::create_dir_all(parent).map_err(|e| VcsError::machine("cannot make the directory", parent, &e))?;
    Ok(parent.to_path_buf())
}

/// Removes whatever is at `path`, if anything: a link and not what it points at, and directories that nobody may write.
pub(crate) fn remove(path: &Path) -> Result<(), VcsError> {
    let outcome = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => Err(e),
        Ok(kind) if kind.is_dir() => match fs::remove_dir_all(path) {
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                open_up(path);
                fs::remove_dir_all(path)
            }
            other => other,
        },
        Ok(_) => fs::remove_file(path),
    };
    match outcome {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(VcsError::machine("cannot remove", path, &e)),
        _ => Ok(()),
    }
}

/// Lets the owner write all directories below: some build tools leave them read-only.
fn open_up(dir: &Path) {
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let _ = fs::set_permissions(&dir, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                dirs.push(entry.path());
            }
        }
    }
}

/// A directory, and no link to one.
pub(crate) fn is_real_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.is_dir())
}
