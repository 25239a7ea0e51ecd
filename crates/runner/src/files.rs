//! Files in the directory of a test. A test may have put there whatever it likes: links that lead elsewhere, and pipes,
//! which whoever opens them waits for without end.

use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// Opened so that nobody waits for somebody at the other end of a pipe.
const AT_ONCE: i32 = OFlags::NONBLOCK.bits().cast_signed();
/// Opened so that a link is not gone after.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Opens a plain file to read it.
///
/// # Errors
/// It cannot be opened, or is no plain file.
pub fn open(path: &Path) -> io::Result<File> {
    checked(OpenOptions::new().read(true).custom_flags(AT_ONCE).open(path)?)
}

/// Reads a plain file.
///
/// # Errors
/// As of [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut open(path)?, &mut bytes)?;
    Ok(bytes)
}

/// Where a file in a directory is: links do not lead out of that.
///
/// # Errors
/// It is not there, or is elsewhere.
pub fn within(dir: &Path, file: &str) -> io::Result<PathBuf> {
    let elsewhere = || io::Error::new(io::ErrorKind::InvalidInput, "it is not in the directory of the test");
    if !is_within(file) {
        return Err(elsewhere());
    }
    let (root, path) = (dir.canonicalize()?, dir.join(file).canonicalize()?);
    if path.starts_with(&root) { Ok(path) } else { Err(elsewhere()) }
}

/// Whether a name is that of something in the directory in which it is used, as far as the name goes.
pub fn is_within(file: &str) -> bool {
    !file.is_empty()
        && Path::new(file).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Opens a file of ours to write to it; with its `mode`, when it is made. What is there and is no plain file is taken
/// away first: nothing is written into what a link leads to.
///
/// # Errors
/// It cannot be written, or a directory is there.
pub(crate) fn write(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    let there = fs::symlink_metadata(path);
    if there.is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        fs::remove_file(path)?;
    }
    checked(how.create(true).custom_flags(AT_ONCE | NO_LINK).open(path)?)
}

fn checked(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn pipe(path: &Path) {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        pipe(&path);
        assert_eq!(open(&path).unwrap_err().to_string(), "it is no plain file");
        write(&path, OpenOptions::new().write(true)).unwrap();
        assert_eq!(read(&path).unwrap(), b"", "a file stands in its place");
        assert!(open(dir.path()).is_err());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (other, link) = (dir.path().join("other"), dir.path().join("link"));
        fs::write(&other, "precious").unwrap();
        symlink(&other, &link).unwrap();
        io::Write::write_all(&mut write(&link, OpenOptions::new().write(true).truncate(true)).unwrap(), b"x").unwrap();
        assert_eq!((read(&link).unwrap(), read(&other).unwrap()), (b"x".to_vec(), b"precious".to_vec()));
        assert!(write(dir.path(), OpenOptions::new().write(true)).is_err() && dir.path().is_dir());
    }

    #[test]
    fn what_is_elsewhere_is_not_within() {
        let dir = tempfile::tempdir().unwrap();
        let test = dir.path().join("test");
        fs::create_dir_all(test.join("sub")).unwrap();
        for file in ["out", "test/sub/in"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        symlink("../out", test.join("leads out")).unwrap();
        symlink("sub/in", test.join("stays")).unwrap();
        for good in ["sub/in", "./sub/in", "stays"] {
            assert_eq!(read(&within(&test, good).unwrap()).unwrap(), b"test/sub/in", "{good}");
        }
        let absolute = dir.path().join("test/sub/in");
        for bad in ["../out", "sub/../../out", "leads out", "", absolute.to_str().unwrap()] {
            let why = within(&test, bad).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::InvalidInput, "{bad}: {why}");
        }
        assert_eq!(within(&test, "nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
