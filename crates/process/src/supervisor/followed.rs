//! A file that becomes a log while somebody writes it. It may be absent, cut short, or replaced by another.

use crate::FollowedFile;
use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::time::Duration;

/// How often files are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Bytes of one file that are taken in one look.
pub(super) const AT_ONCE: usize = 1 << 20;

/// One file.
#[derive(Debug)]
pub(super) struct Followed {
    file: FollowedFile,
    /// What stood there before the command began.
    old: Option<Seen>,
    open: Option<Open>,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    id: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

#[derive(Debug)]
struct Open {
    file: File,
    id: (u64, u64),
    at: u64,
}

/// What a look gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// The file is read from its beginning again.
    CutShort,
    /// There is no more now.
    Nothing,
}

impl Seen {
    fn of(facts: &Metadata) -> Self {
        Seen { id: (facts.dev(), facts.ino()), size: facts.size(), changed: (facts.mtime(), facts.mtime_nsec()) }
    }
}

impl Followed {
    /// Begins before the command does.
    pub(super) fn new(file: FollowedFile) -> Self {
        let old = fs::metadata(&file.path).ok().filter(Metadata::is_file).map(|facts| Seen::of(&facts));
        Followed { file, old, open: None }
    }

    /// The number of its log.
    pub(super) fn log(&self) -> u16 {
        self.file.log
    }

    /// Takes what is new, as much as the buffer holds.
    pub(super) fn look(&mut self, buffer: &mut [u8]) -> Look {
        if self.open.is_none() {
            self.open = self.find();
        }
        let Some(open) = &mut self.open else { return Look::Nothing };
        if open.file.metadata().is_ok_and(|facts| facts.len() < open.at) {
            open.at = 0;
            return Look::CutShort;
        }
        if let Ok(n) = open.file.read_at(buffer, open.at)
            && n > 0
        {
            open.at += n as u64;
            return Look::Bytes(n);
        }
        let id = open.id;
        if fs::metadata(&self.file.path).is_ok_and(|facts| Seen::of(&facts).id != id) {
            // Another file took its place. All of the first one was read.
            self.open = None;
            self.old = None;
            self.open = self.find();
            if self.open.is_some() {
                return self.look(buffer);
            }
        }
        Look::Nothing
    }

    /// Opens the file, once the command has touched it.
    fn find(&self) -> Option<Open> {
        let changed = |facts: &Metadata| facts.is_file() && self.old != Some(Seen::of(facts));
        fs::metadata(&self.file.path).ok().filter(changed)?;
        // Whoever put a pipe there meanwhile does not hold us up.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.file.path).ok()?;
        let seen = Seen::of(&file.metadata().ok().filter(changed)?);
        let grown = self.old.filter(|old| self.file.from_end && old.id == seen.id && old.size <= seen.size);
        Some(Open { file, id: seen.id, at: grown.map_or(0, |old| old.size) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::Path;

    fn all(followed: &mut Followed) -> String {
        let mut text = String::new();
        let mut buffer = [0; 7];
        loop {
            match followed.look(&mut buffer) {
                Look::Bytes(n) => text.push_str(std::str::from_utf8(&buffer[..n]).unwrap()),
                Look::CutShort => text.push_str("[cut]"),
                Look::Nothing => return text,
            }
        }
    }

    fn append(path: &Path, text: &str) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn followed(path: &Path, from_end: bool) -> Followed {
        Followed::new(FollowedFile { log: 1, path: path.to_owned(), from_end })
    }

    #[test]
    fn a_file_is_followed_through_all_that_happens_to_it() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("log");
        let mut file = followed(&path, false);
        assert_eq!(all(&mut file), "");
        append(&path, "one\ntwo\n");
        assert_eq!(all(&mut file), "one\ntwo\n");
        append(&path, "three\n");
        assert_eq!(all(&mut file), "three\n");
        fs::write(&path, "four\n").unwrap();
        assert_eq!(all(&mut file), "[cut]four\n");
        append(&path, "last of the old\n");
        fs::rename(&path, top.path().join("log.1")).unwrap();
        append(&top.path().join("log.1"), "and a bit\n");
        fs::write(&path, "new\n").unwrap();
        assert_eq!(all(&mut file), "last of the old\nand a bit\nnew\n");
        fs::remove_file(&path).unwrap();
        assert_eq!(all(&mut file), "");
        fs::write(&path, "again\n").unwrap();
        assert_eq!(all(&mut file), "again\n");
    }

    #[test]
    fn what_stood_there_before_is_told_only_when_it_was_touched() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("log");
        append(&path, "old\n");
        let (mut from_start, mut from_end) = (followed(&path, false), followed(&path, true));
        assert_eq!((all(&mut from_start), all(&mut from_end)), (String::new(), String::new()));
        append(&path, "new\n");
        assert_eq!((all(&mut from_start).as_str(), all(&mut from_end).as_str()), ("old\nnew\n", "new\n"));
        let mut rewritten = followed(&path, true);
        fs::write(&path, "x\n").unwrap();
        assert_eq!(all(&mut rewritten), "x\n");
    }

    #[test]
    fn what_is_no_plain_file_is_let_be() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("log");
        let mut file = followed(&path, false);
        fs::create_dir(&path).unwrap();
        assert_eq!(file.look(&mut [0; 8]), Look::Nothing);
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(file.look(&mut [0; 8]), Look::Nothing);
    }
}
