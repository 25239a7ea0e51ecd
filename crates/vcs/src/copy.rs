//! A copy of a tree that shares nothing with it: times, modes and links as they were. Where the file system can share
//! blocks until one of the copies is written to, it does.

use crate::fault::VcsError;
use std::fs::{self, File, FileTimes};
use std::io::ErrorKind;
use std::path::Path;

/// Copies the tree at `from` to `to`, which must not exist. Says how many files there are in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<u64, VcsError> {
    let mut files = 0;
    let mut dirs = vec![(from.to_path_buf(), to.to_path_buf())];
    // Directories get their times and modes last: writing into them changes the one and may need the other.
    let mut made = Vec::new();
    while let Some((from, to)) = dirs.pop() {
        fs::create_dir(&to).map_err(|e| VcsError::machine("cannot make the directory", &to, &e))?;
        let entries = fs::read_dir(&from).map_err(|e| VcsError::machine("cannot read", &from, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| VcsError::machine("cannot read", &from, &e))?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(|e| VcsError::machine("cannot read", &source, &e))?;
            if kind.is_dir() {
                dirs.push((source, target));
            } else if kind.is_symlink() || kind.is_file() {
                let done = if kind.is_file() { copy_file(&source, &target) } else { copy_link(&source, &target) };
                done.map_err(|e| VcsError::machine("cannot copy to", &target, &e))?;
                files += 1;
            }
            // A pipe or a socket is no part of a source tree.
        }
        made.push((from, to));
    }
    for (from, to) in made.into_iter().rev() {
        let like = |()| -> std::io::Result<()> {
            let facts = fs::metadata(&from)?;
            File::open(&to)?.set_times(times(&facts)?)?;
            fs::set_permissions(&to, facts.permissions())
        };
        like(()).map_err(|e| VcsError::machine("cannot finish the directory", &to, &e))?;
    }
    Ok(files)
}

fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    // The standard library's copy shares blocks where the file system can, and takes the mode along.
    fs::copy(from, to)?;
    let times = times(&fs::metadata(from)?)?;
    match File::options().read(true).open(to).and_then(|f| f.set_times(times)) {
        // A file that its owner may not read keeps the time of its copy.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn copy_link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(from)?, to)
}

fn times(facts: &fs::Metadata) -> std::io::Result<FileTimes> {
    Ok(FileTimes::new().set_accessed(facts.accessed()?).set_modified(facts.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_copy_is_like_the_original_and_apart_from_it() {
        let dir = testkit::temp_dir();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/run\n.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(from.join("a/run\n.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(from.join("locked"), "x").unwrap();
        fs::set_permissions(from.join("locked"), fs::Permissions::from_mode(0o444)).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("a/link")).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::open(from.join("locked")).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
        File::open(from.join("a/b")).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
        fs::set_permissions(from.join("a/b"), fs::Permissions::from_mode(0o555)).unwrap();

        let to = dir.path().join("to");
        assert_eq!(copy_tree(&from, &to).unwrap(), 3);
        let facts = |p: &str| fs::symlink_metadata(to.join(p)).unwrap();
        assert_eq!(facts("a/run\n.sh").permissions().mode() & 0o777, 0o755);
        assert_eq!(facts("locked").permissions().mode() & 0o777, 0o444);
        assert_eq!(facts("locked").modified().unwrap(), old);
        assert_eq!(facts("a/b").modified().unwrap(), old);
        assert_eq!(facts("a/b").permissions().mode() & 0o777, 0o555);
        assert_eq!(fs::read_link(to.join("a/link")).unwrap(), Path::new("nowhere"));
        assert_ne!(facts("locked").ino(), fs::metadata(from.join("locked")).unwrap().ino());
        assert!(copy_tree(&from, &to).unwrap_err().reason.starts_with("cannot make the directory"));
    }
}
