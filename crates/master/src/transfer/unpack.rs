//! A tar stream of a worker, which may hold anything, becomes files at one place and nowhere else.
//!
//! They are written under another name beside it, and get theirs when all of them are there.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, EntryType};

/// Entries of one stream.
const MOST: u64 = 1_000_000;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One file, which gets the name of the target.
    File,
    /// Files, which go into the target beside what is there.
    Files,
    /// What is in a directory, which takes the place of the target.
    Directory,
}

impl Shape {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "file" => Some(Shape::File),
            "files" => Some(Shape::Files),
            "directory" => Some(Shape::Directory),
            _ => None,
        }
    }
}

/// Why files were not taken.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// The stream is not what it may be.
    Refused(String),
    /// The stream ended before its end.
    Cut,
    /// This machine cannot write them.
    Machine(String),
}

/// What to do with a stream.
#[derive(Clone, Debug)]
pub(super) struct Unpack {
    pub(super) target: PathBuf,
    pub(super) shape: Shape,
    /// The target is a directory for a single file, too.
    pub(super) into_directory: bool,
    /// Bytes in all.
    pub(super) most: Option<u64>,
    /// Permission bits of files.
    pub(super) mode: Option<u32>,
}

/// Removes what was not finished.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = remove(&self.0);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn machine(path: &Path) -> impl FnOnce(io::Error) -> UnpackError {
    let path = path.to_owned();
    move |e| UnpackError::Machine(format!("{} cannot be written: {e}", path.display()))
}

impl Unpack {
    /// Takes all of it; says how many files and bytes there were.
    pub(super) fn run(&self, stream: impl Read) -> Result<(u64, u64), UnpackError> {
        let name = self.target.file_name().ok_or_else(|| UnpackError::Refused("the target has no name".into()))?;
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(machine(parent))?;
        let beside = |tail: &str| parent.join(format!(".{}.{tail}", name.to_string_lossy()));
        let part = Part(beside("part"));
        remove(&part.0).map_err(machine(&part.0))?;
        fs::create_dir(&part.0).map_err(machine(&part.0))?;
        let mut taken = Taken { dir: &part.0, job: self, files: 0, bytes: 0, first: None };
        taken.all(stream)?;
        let (files, bytes, first) = (taken.files, taken.bytes, taken.first);
        match self.shape {
            Shape::File => {
                let first =
                    first.filter(|_| files == 1).ok_or_else(|| UnpackError::Refused("no single file came".into()))?;
                let target = match self.into_directory || self.target.is_dir() {
                    true => self.target.join(&first),
                    false => self.target.clone(),
                };
                place(&part.0.join(&first), &target)?;
            }
            Shape::Files => {
                for entry in fs::read_dir(&part.0).map_err(machine(&part.0))? {
                    let entry = entry.map_err(machine(&part.0))?;
                    place(&entry.path(), &self.target.join(entry.file_name()))?;
                }
            }
            Shape::Directory => {
                fs::set_permissions(&part.0, Permissions::from_mode(0o755)).map_err(machine(&part.0))?;
                let old = Part(beside("old"));
                remove(&old.0).map_err(machine(&old.0))?;
                if self.target.symlink_metadata().is_ok() {
                    fs::rename(&self.target, &old.0).map_err(machine(&self.target))?;
                }
                fs::rename(&part.0, &self.target).map_err(machine(&self.target))?;
            }
        }
        Ok((files, bytes))
    }
}

/// Gives something its own name, in the place of what has it.
fn place(from: &Path, to: &Path) -> Result<(), UnpackError> {
    let parent = to.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(machine(parent))?;
    let is_dir = |path: &Path| path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    if is_dir(from) || is_dir(to) {
        remove(to).map_err(machine(to))?;
    }
    fs::rename(from, to).map_err(machine(to))
}

/// A stream on its way into a directory of its own.
struct Taken<'a> {
    dir: &'a Path,
    job: &'a Unpack,
    files: u64,
    bytes: u64,
    first: Option<PathBuf>,
}

impl Taken<'_> {
    fn all(&mut self, stream: impl Read) -> Result<(), UnpackError> {
        let mut archive = Archive::new(stream);
        let cut = |_: io::Error| UnpackError::Cut;
        let mut count = 0;
        for entry in archive.entries().map_err(cut)? {
            let mut entry = entry.map_err(cut)?;
            count += 1;
            if count > MOST {
                return Err(UnpackError::Refused(format!("more than {MOST} files were sent")));
            }
            let name = entry.path().map_err(cut)?.into_owned();
            let path = self.inside(&name)?;
            match entry.header().entry_type() {
                EntryType::Directory => fs::create_dir_all(&path).map_err(machine(&path))?,
                EntryType::Regular => {
                    self.first.get_or_insert(name);
                    self.file(&path, &mut entry)?;
                }
                EntryType::Symlink => {
                    let target = entry.link_name().map_err(cut)?.unwrap_or_default().into_owned();
                    self.link(&name, &path, &target)?;
                }
                // What else a tar stream may hold is nothing that a step brings.
                _ => {}
            }
        }
        // The end of the archive is not yet the end of the stream.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(cut)?;
        Ok(())
    }

    /// The path of an entry, whose directories are our own.
    fn inside(&self, name: &Path) -> Result<PathBuf, UnpackError> {
        let refused = || UnpackError::Refused(format!("the name {} leads out of its directory", name.display()));
        let mut path = self.dir.to_owned();
        let mut parts = name.components().filter(|c| *c != Component::CurDir).peekable();
        if parts.peek().is_none() {
            return Err(refused());
        }
        while let Some(part) = parts.next() {
            let Component::Normal(part) = part else { return Err(refused()) };
            path.push(part);
            if parts.peek().is_some() {
                match path.symlink_metadata() {
                    Ok(facts) if facts.is_dir() => {}
                    Ok(_) => return Err(refused()),
                    Err(_) => fs::create_dir(&path).map_err(machine(&path))?,
                }
            }
        }
        Ok(path)
    }

    fn file(&mut self, path: &Path, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let size = entry.header().size().map_err(|_| UnpackError::Cut)?;
        self.bytes = self.bytes.saturating_add(size);
        if let Some(most) = self.job.most.filter(|most| self.bytes > *most) {
            return Err(UnpackError::Refused(format!(
                "more than {most} bytes were sent, which is as much as may come"
            )));
        }
        let mode = self.job.mode.unwrap_or(entry.header().mode().unwrap_or(0o644) & 0o755 | 0o600) & 0o777;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(machine(path))?;
        let copied = copy(entry, &mut file, path)?;
        if copied != size {
            return Err(UnpackError::Cut);
        }
        file.set_permissions(Permissions::from_mode(mode)).map_err(machine(path))?;
        self.files += 1;
        Ok(())
    }

    /// A link that stays inside is kept; another one is left out.
    fn link(&mut self, name: &Path, path: &Path, target: &Path) -> Result<(), UnpackError> {
        let mut depth = name.components().count() as i64 - 1;
        for part in target.components() {
            depth += match part {
                Component::Normal(_) => 1,
                Component::CurDir => 0,
                Component::ParentDir => -1,
                Component::RootDir | Component::Prefix(_) => return Ok(()),
            };
            if depth < 0 {
                return Ok(());
            }
        }
        std::os::unix::fs::symlink(target, path).map_err(machine(path))
    }
}

/// Copies, and tells errors of the stream from those of the file.
fn copy(from: &mut impl Read, to: &mut File, path: &Path) -> Result<u64, UnpackError> {
    let mut buffer = vec![0; 64 << 10];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(n) => {
                to.write_all(&buffer[..n]).map_err(machine(path))?;
                copied += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(UnpackError::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tar::{Builder, Header};

    enum What<'a> {
        File(&'a str),
        Link(&'a str),
    }

    /// A stream with these entries, whatever their names are.
    fn stream(entries: &[(&str, What<'_>)]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (name, what) in entries {
            let mut header = Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_mode(0o6775);
            let data = match what {
                What::File(text) => text.as_bytes(),
                What::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
                    b""
                }
            };
            header.set_size(data.len() as u64);
            header.set_cksum();
            tar.append(&header, data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn job(dir: &Path, to: &str, shape: Shape) -> Unpack {
        Unpack { target: dir.join(to), shape, into_directory: to.ends_with('/'), most: Some(1000), mode: None }
    }

    fn listing(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_and_directories_come_to_their_place() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path();
        let one = stream(&[("a.txt", What::File("one"))]);
        assert_eq!(job(dir, "named", Shape::File).run(&one[..]).unwrap(), (1, 3));
        assert_eq!(fs::read_to_string(dir.join("named")).unwrap(), "one");
        assert_eq!(fs::metadata(dir.join("named")).unwrap().permissions().mode() & 0o7777, 0o755, "no special bits");
        job(dir, "named/", Shape::File).run(&one[..]).unwrap_err();
        job(dir, "into/", Shape::File).run(&one[..]).unwrap();
        let two = stream(&[("b.txt", What::File("two")), ("c/d", What::File("x"))]);
        assert_eq!(job(dir, "into", Shape::Files).run(&two[..]).unwrap(), (2, 4));
        assert_eq!(listing(&dir.join("into")), ["a.txt", "b.txt", "c"]);
        job(dir, "into", Shape::Directory).run(&one[..]).unwrap();
        assert_eq!(listing(&dir.join("into")), ["a.txt"], "it takes the place of what was there");
        let private = Unpack { mode: Some(0o640), ..job(dir, "private", Shape::File) };
        private.run(&one[..]).unwrap();
        assert_eq!(fs::metadata(dir.join("private")).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(listing(dir), ["into", "named", "private"], "nothing unfinished is left");
    }

    #[test]
    fn nothing_is_written_elsewhere() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("public");
        fs::create_dir(&dir).unwrap();
        for hostile in [
            stream(&[("../evil", What::File("x"))]),
            stream(&[("/tmp/evil", What::File("x"))]),
            stream(&[("a/../../evil", What::File("x"))]),
            stream(&[("l", What::Link("sub")), ("l/evil", What::File("x"))]),
            stream(&[(".", What::File("x"))]),
            stream(&[("big", What::File(&"x".repeat(1001)))]),
            stream(&[("twice", What::File("x")), ("twice", What::File("y"))]),
        ] {
            assert!(job(&dir, "to", Shape::Directory).run(&hostile[..]).is_err());
            assert_eq!(listing(&dir), [""; 0]);
            assert_eq!(listing(top.path()), ["public"]);
        }
        let links = [("up", "../x"), ("abs", "/etc/passwd"), ("d/in", "../f"), ("f", ""), ("d/out", "../../x")];
        let entries = links.map(|(name, to)| (name, if to.is_empty() { What::File("x") } else { What::Link(to) }));
        job(&dir, "to", Shape::Directory).run(&stream(&entries)[..]).unwrap();
        assert_eq!(
            (listing(&dir.join("to")), listing(&dir.join("to/d"))),
            (vec!["d".into(), "f".into()], vec!["in".into()])
        );
    }

    #[test]
    fn half_a_stream_is_no_stream() {
        let top = tempfile::tempdir().unwrap();
        let whole = stream(&[("a", What::File("one")), ("b", What::File("two"))]);
        struct Broken<'a>(&'a [u8]);
        impl Read for Broken<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0.is_empty() { Err(io::ErrorKind::ConnectionReset.into()) } else { self.0.read(buffer) }
            }
        }
        for end in [0, 100, 600, 1200, whole.len()] {
            let cut = job(top.path(), "to", Shape::Files).run(Broken(&whole[..end]));
            assert!(matches!(cut, Err(UnpackError::Cut)), "{end}");
            assert_eq!(listing(top.path()), [""; 0]);
        }
        job(top.path(), "to", Shape::Files)
            .run(&b"this is no tar stream at all, but it is long enough to be looked at"[..])
            .unwrap_err();
    }
}
