//! What is around an attempt when it begins: the machine, its load, its free disk, the commit of the area.

use model::testrun::Around;
use std::path::Path;
use std::process::{Command, Stdio};

/// Looks around, for an attempt that will run in this directory.
pub(crate) fn look(dir: &Path, commit: &str) -> Around {
    let uname = rustix::system::uname();
    let words = [uname.sysname(), uname.release(), uname.machine()];
    Around {
        system: words.map(|word| word.to_string_lossy().into_owned()).join(" "),
        load_hundredths: hundredths(rustix::system::sysinfo().loads[0]),
        free_kb: free(dir).map(|bytes| bytes / 1024),
        commit: commit.to_owned(),
    }
}

/// Bytes that are free on the disk on which a path is, or will be.
pub(crate) fn free(path: &Path) -> Option<u64> {
    let nearest = path.ancestors().find(|p| p.is_dir())?;
    let stat = rustix::fs::statvfs(nearest).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A load as sysinfo(2) tells it, in parts of 65,536.
fn hundredths(load: u64) -> Option<u32> {
    u32::try_from(load.checked_mul(100)?.checked_add(1 << 15)? >> 16).ok()
}

/// The commit of the work tree that a directory is in, with `-dirty` when files that git knows are changed. Empty: it is
/// in none, or nobody can say.
pub(crate) fn commit(dir: &Path) -> String {
    let mut git = Command::new("git");
    git.args(["--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]);
    // Whoever calls may be a hook of another repository.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = git.current_dir(dir).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = output.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    said.filter(|commit| commit.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_told() {
        let around = look(Path::new("/no/such/directory/yet"), "0a1b-dirty");
        assert!(around.system.split(' ').count() >= 3, "{around:?}");
        assert!(around.free_kb.is_some(), "that of the nearest directory that there is");
        let around = Around { load_hundredths: hundredths(4_588), free_kb: Some(5 << 10), ..around };
        let sentence = around.sentence();
        assert!(sentence.ends_with(", load 0.07, 5 MB free, commit 0a1b-dirty"), "{sentence}");
        assert!(around.load_hundredths == Some(7));
        assert_eq!((hundredths(0), hundredths(0x1_8000), hundredths(u64::MAX)), (Some(0), Some(150), None));
    }

    #[test]
    fn a_directory_outside_of_git_has_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(commit(dir.path()), "");
    }
}
