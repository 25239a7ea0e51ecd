//! The directory in which an attempt runs: made, filled, marked, and put aside for the next attempt.
//!
//! Every one has the file [`MARK`]. Nothing without it is ever written into, moved or removed.

use crate::files;
use crate::said;
use model::area::{TestStep, Var};
use model::shell::quoted;
use model::{CommandLine, Time};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file that says that a directory was made here, and for what.
pub const MARK: &str = ".sluice-test.json";
/// It, while it is being written.
const NEW_MARK: &str = ".sluice-test.new";
/// Where the directories of earlier attempts are, below that of the run.
pub use testruns::roster::EARLIER;
/// Where the state of an area lies, and of other things that are made here.
const STATE: &str = ".sluice";
/// What runs a test by hand.
pub const RERUN: &str = "rerun.sh";

/// What stands in [`MARK`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The area.
    pub area: String,
    /// Target and name of the run.
    pub run: String,
    /// The test.
    pub test: String,
    /// The item's path.
    pub path: String,
    /// The attempt.
    pub attempt: u32,
    /// When the attempt was launched. That of another time, of which nothing is on record any more, is another one.
    #[serde(default)]
    pub launched: Time,
    /// It is filled, and steps may run in it.
    pub ready: bool,
}

/// What is needed to make a directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The directory.
    pub dir: PathBuf,
    /// That of the run on the same disk.
    pub run_dir: PathBuf,
    /// Where a link to it belongs, when it is not itself in the link tree.
    pub link: Option<PathBuf>,
    /// What is copied into it.
    pub source: Option<PathBuf>,
    /// What it is marked with.
    pub mark: Mark,
    /// Kilobytes that the disk must have free before a new directory is made.
    pub min_free: Option<u64>,
    /// [`RERUN`].
    pub rerun: String,
}

/// Why there is no directory to run in.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is something that was not made here.
    #[error("{} is there already and was not made by sluice: it has no {MARK}", .0.display())]
    Foreign(PathBuf),
    /// It belongs to something else.
    #[error("{} belongs to {} of {}", .dir.display(), .mark.test, .mark.run)]
    Another {
        /// The directory.
        dir: PathBuf,
        /// What it is marked with.
        mark: Box<Mark>,
    },
    /// What would be copied is not there.
    #[error("the directory {} of the test is not there", .0.display())]
    NoSource(PathBuf),
    /// The disk is too full.
    #[error("the disk of {} has {free} KB free, and min_space asks for {wanted} KB", .path.display())]
    Full {
        /// The directory that would be made.
        path: PathBuf,
        /// Kilobytes that are free.
        free: u64,
        /// Kilobytes that are asked for.
        wanted: u64,
    },
    /// The system does not let us.
    #[error("{} cannot be used: {source}", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The mark of a directory; `None`: it has none.
///
/// # Errors
/// It cannot be read, or is no mark.
pub fn mark(dir: &Path) -> io::Result<Option<Mark>> {
    match files::read(&dir.join(MARK)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

impl Place {
    /// Makes the directory, unless it is there for this very attempt. That of an earlier attempt is put aside.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn make(&self) -> Result<(), PlaceError> {
        let wrong = |source| PlaceError::Io { path: self.dir.clone(), source };
        match mark(&self.dir).map_err(wrong)? {
            Some(there) if there.ready && self.is_same_attempt(&there) => {
                // A test that has begun may have changed it, and a runner may have ended before it was written.
                let is_whole = self.source.is_some() || self.dir.join(RERUN).exists();
                return if is_whole { Ok(()) } else { self.finish() };
            }
            Some(there) if self.is_same_attempt(&there) => {
                // It was being filled when its runner ended.
                fs::remove_dir_all(&self.dir).map_err(wrong)?;
            }
            Some(there) if self.is_same_item(&there) => self.put_aside(&there)?,
            Some(mark) => return Err(PlaceError::Another { dir: self.dir.clone(), mark: Box::new(mark) }),
            None => {
                let inside = match fs::read_dir(&self.dir) {
                    Ok(entries) => Some(entries),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => None,
                    Err(e) => return Err(wrong(e)),
                };
                // A mark that was being written when its runner ended says nothing.
                let foreign = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|e| e.file_name() != NEW_MARK);
                if inside.is_some_and(|mut entries| entries.any(foreign)) {
                    return Err(PlaceError::Foreign(self.dir.clone()));
                }
            }
        }
        self.has_room().map_err(wrong)??;
        make_dir(&self.dir).map_err(wrong)?;
        let ready = Mark { ready: true, ..self.mark.clone() };
        let Some(source) = &self.source else {
            // There is nothing to wait for; what is still to come is made once more where it is missing.
            self.write_mark(&ready).map_err(wrong)?;
            return self.finish();
        };
        self.write_mark(&self.mark).map_err(wrong)?;
        if !source.is_dir() {
            return Err(PlaceError::NoSource(source.clone()));
        }
        self.copy(source, &self.dir)?;
        self.finish()?;
        self.write_mark(&ready).map_err(wrong)
    }

    /// What there is beside the test's own files.
    fn finish(&self) -> Result<(), PlaceError> {
        self.write_rerun().map_err(|source| PlaceError::Io { path: self.dir.clone(), source })?;
        match &self.link {
            Some(link) => self.make_link(link).map_err(|source| PlaceError::Io { path: link.clone(), source }),
            None => Ok(()),
        }
    }

    /// Whether the disk has as much room as the area asks for.
    fn has_room(&self) -> io::Result<Result<(), PlaceError>> {
        let (Some(wanted), Some(nearest)) = (self.min_free, self.dir.ancestors().find(|p| p.is_dir())) else {
            return Ok(Ok(()));
        };
        let stat = rustix::fs::statvfs(nearest)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize) / 1024;
        let full = || PlaceError::Full { path: self.dir.clone(), free, wanted };
        Ok(if free < wanted { Err(full()) } else { Ok(()) })
    }

    fn is_same_item(&self, there: &Mark) -> bool {
        (&there.area, &there.run, &there.test, &there.path)
            == (&self.mark.area, &self.mark.run, &self.mark.test, &self.mark.path)
    }

    fn is_same_attempt(&self, there: &Mark) -> bool {
        // Whoever made a mark without a time knew of one attempt of a number only.
        let same_time = there.launched == self.mark.launched || there.launched == Time::default();
        self.is_same_item(there) && there.attempt == self.mark.attempt && same_time
    }

    fn write_mark(&self, mark: &Mark) -> io::Result<()> {
        let (new, file) = (self.dir.join(NEW_MARK), self.dir.join(MARK));
        let mut written = files::write(&new, fs::OpenOptions::new().write(true).truncate(true))?;
        written.write_all(&serde_json::to_vec(mark)?)?;
        fs::rename(new, file)
    }

    fn write_rerun(&self) -> io::Result<()> {
        let path = self.dir.join(RERUN);
        let mut file = files::write(&path, fs::OpenOptions::new().write(true).truncate(true).mode(0o755))?;
        file.write_all(self.rerun.as_bytes())
    }

    fn put_aside(&self, there: &Mark) -> Result<(), PlaceError> {
        // An attempt of this number is yet to come: the one that is there is of a record that there is no more.
        let to = match there.attempt < self.mark.attempt {
            true => self.earlier(there.attempt),
            false => self.forgotten(there),
        };
        let wrong = |source| PlaceError::Io { path: to.clone(), source };
        if let Some(above) = to.parent() {
            fs::create_dir_all(above).map_err(wrong)?;
        }
        if let Some(old) = mark(&to).map_err(wrong)? {
            fs::rename(&to, self.forgotten(&old)).map_err(wrong)?;
        }
        fs::rename(&self.dir, &to).map_err(wrong)
    }

    /// Where the directory of an attempt is of which nothing is on record any more.
    fn forgotten(&self, there: &Mark) -> PathBuf {
        let name = format!("forgotten-{}-{}", there.launched.0, there.attempt);
        self.earlier(there.attempt).with_file_name(name)
    }

    /// Where the directory of an earlier attempt is.
    pub fn earlier(&self, attempt: u32) -> PathBuf {
        let inner = self.dir.strip_prefix(&self.run_dir).unwrap_or(&self.dir);
        self.run_dir.join(EARLIER).join(inner).join(format!("attempt-{attempt}"))
    }

    fn make_link(&self, link: &Path) -> io::Result<()> {
        if let Some(above) = link.parent() {
            fs::create_dir_all(above)?;
        }
        match fs::read_link(link) {
            Ok(to) if to == self.dir => return Ok(()),
            // A link is ours to replace; what is none is not.
            Ok(_) => fs::remove_file(link)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        std::os::unix::fs::symlink(&self.dir, link)
    }

    /// Copies what is in a directory: links as links, permissions as they are, and nothing that is neither file, directory
    /// nor link; see [`Place::passes_over`] for what else stays behind.
    fn copy(&self, from: &Path, to: &Path) -> Result<(), PlaceError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| PlaceError::Io { path, source }
        };
        for entry in fs::read_dir(from).map_err(wrong(from))? {
            let entry = entry.map_err(wrong(from))?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(wrong(&source))?;
            if self.passes_over(&source) {
                continue;
            }
            if kind.is_symlink() {
                let link = fs::read_link(&source).map_err(wrong(&source))?;
                std::os::unix::fs::symlink(link, &target).map_err(wrong(&target))?;
            } else if kind.is_dir() {
                fs::create_dir(&target).map_err(wrong(&target))?;
                self.copy(&source, &target)?;
                let mode = fs::metadata(&source).map_err(wrong(&source))?.permissions().mode();
                // Whatever it is there, steps must be able to write here.
                fs::set_permissions(&target, fs::Permissions::from_mode(mode | 0o700)).map_err(wrong(&target))?;
            } else if kind.is_file() {
                fs::copy(&source, &target).map_err(wrong(&source))?;
            }
        }
        Ok(())
    }

    /// What lies in the directory of a test and is none of its files: the state of the area, what this one itself is in,
    /// directories of other attempts, and what such a one said of itself.
    pub(crate) fn passes_over(&self, path: &Path) -> bool {
        let own = path.file_name().is_some_and(|name| [MARK, NEW_MARK, said::FILE].iter().any(|own| name == *own));
        let state = Path::new(&self.mark.area).join(STATE);
        let of_run = self.link.iter().chain([&self.dir]).any(|dir| dir.starts_with(path));
        own || of_run || path == state || path.join(MARK).symlink_metadata().is_ok_and(|there| there.is_file())
    }
}

/// Makes a directory. Mostly the one above is there.
fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Ok(()) => Ok(()),
        Err(_) => fs::create_dir_all(dir),
    }
}

/// A script that does by hand what the steps do: the variables of each, then its command.
pub(crate) fn rerun(dir: &Path, steps: &[(&TestStep, Vec<Var>)]) -> String {
    let mut text = "#!/bin/sh\n# Does by hand what this test does.\n".to_owned();
    text.push_str(&format!("cd {} || exit\n", quoted(&dir.to_string_lossy())));
    let mut before: &[Var] = &[];
    for (step, vars) in steps {
        text.push_str(&format!("\n# step {}\n", step.name.escape_debug()));
        for var in vars.iter().filter(|v| is_plain(&v.name) && !before.contains(v)) {
            text.push_str(&format!("export {}={}\n", var.name, quoted(&var.value)));
        }
        before = vars;
        let line = match &step.command {
            CommandLine::Words(words) => words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" "),
            CommandLine::Script(script) => format!("sh -c {}", quoted(script)),
        };
        text.push_str(&line);
        text.push_str(" || exit\n");
    }
    text
}

/// Whether a shell can have a variable of this name.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: &Path) -> Place {
        Place {
            dir: dir.join("run/t/1"),
            run_dir: dir.join("run"),
            link: None,
            source: None,
            mark: Mark {
                area: "/a".to_owned(),
                run: "run".to_owned(),
                test: "t".to_owned(),
                path: "1".to_owned(),
                attempt: 1,
                launched: Time(7),
                ready: false,
            },
            rerun: "#!/bin/sh\n".to_owned(),
            min_free: None,
        }
    }

    /// Wherever the runner that made it ended, the next one makes it whole.
    #[test]
    fn a_directory_that_was_being_made_is_made_whole() {
        let area = tempfile::tempdir().unwrap();
        let place = place(area.path());
        let ready = Mark { ready: true, ..place.mark.clone() };
        let whole = |what: &str| {
            place.make().unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(mark(&place.dir).unwrap().as_ref(), Some(&ready), "{what}");
            assert_eq!(fs::read_to_string(place.dir.join(RERUN)).unwrap(), place.rerun, "{what}");
        };
        whole("new");
        fs::write(place.dir.join("own"), "x").unwrap();
        whole("there already");
        assert!(place.dir.join("own").exists(), "what a test wrote stays");
        fs::remove_file(place.dir.join(RERUN)).unwrap();
        whole("marked, and no more");
        fs::remove_dir_all(&place.dir).unwrap();
        fs::create_dir_all(&place.dir).unwrap();
        whole("empty");
        fs::remove_dir_all(&place.dir).unwrap();
        fs::create_dir_all(&place.dir).unwrap();
        fs::write(place.dir.join(NEW_MARK), "{\"area\":").unwrap();
        whole("its mark is being written");
    }

    #[test]
    fn a_directory_that_was_being_filled_is_filled_anew() {
        let area = tempfile::tempdir().unwrap();
        let source = area.path().join("source");
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("file"), "x").unwrap();
        let place = Place { source: Some(source), ..place(area.path()) };
        fs::create_dir_all(&place.dir).unwrap();
        place.write_mark(&place.mark).unwrap();
        fs::write(place.dir.join("half"), "x").unwrap();
        place.make().unwrap();
        assert!(place.dir.join("file").exists() && !place.dir.join("half").exists());
        // What a test made of its copy is not touched.
        fs::remove_file(place.dir.join(RERUN)).unwrap();
        place.make().unwrap();
        assert!(!place.dir.join(RERUN).exists());
        fs::remove_file(place.dir.join(MARK)).unwrap();
        assert!(matches!(place.make(), Err(PlaceError::Foreign(_))));
    }

    #[test]
    fn a_directory_of_which_nothing_is_on_record_is_another_one() {
        let area = tempfile::tempdir().unwrap();
        let old = place(area.path());
        old.make().unwrap();
        fs::write(old.dir.join("own"), "1").unwrap();
        let again = |launched, attempt| {
            let mark = Mark { launched: Time(launched), attempt, ..old.mark.clone() };
            Place { mark, ..old.clone() }
        };
        let second = again(8, 2);
        second.make().unwrap();
        fs::write(second.dir.join("own"), "2").unwrap();
        // The records of all this are lost, and it begins anew.
        let new = again(20, 1);
        new.make().unwrap();
        assert!(!new.dir.join("own").exists(), "it begins in an empty directory");
        let at = |name: &str| fs::read_to_string(new.earlier(1).with_file_name(name).join("own")).unwrap();
        assert_eq!((at("attempt-1").as_str(), at("forgotten-8-2").as_str()), ("1", "2"), "and nothing is lost");
        fs::write(new.dir.join("own"), "new").unwrap();
        again(30, 2).make().unwrap();
        assert_eq!((at("attempt-1").as_str(), at("forgotten-7-1").as_str()), ("new", "1"));
        // One that was made before marks had times is that of its number.
        new.write_mark(&Mark { launched: Time::default(), ready: true, ..again(30, 2).mark }).unwrap();
        fs::write(new.dir.join("own"), "goes on").unwrap();
        again(30, 2).make().unwrap();
        assert!(new.dir.join("own").exists());
    }

    #[test]
    fn a_test_that_is_the_whole_area_has_no_runs_in_its_copy() {
        let area = tempfile::tempdir().unwrap();
        for dir in [".sluice/tests/slots", "lt/r0/t/1", "sub"] {
            fs::create_dir_all(area.path().join(dir)).unwrap();
        }
        for file in ["file", "sub/file", ".sluice/tests/store.sqlite", said::FILE] {
            fs::write(area.path().join(file), file).unwrap();
        }
        let base = place(area.path());
        let mark = Mark { area: area.path().to_string_lossy().into_owned(), ..base.mark.clone() };
        let place = Place {
            dir: area.path().join("lt/run/t/1"),
            run_dir: area.path().join("lt/run"),
            source: Some(area.path().to_owned()),
            mark,
            ..base
        };
        place.make().unwrap();
        let mut there: Vec<_> = fs::read_dir(&place.dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(there, [MARK, "file", RERUN, "sub"]);
        // Another way to the same place is no way into the copy of the copy.
        std::os::unix::fs::symlink(area.path().join("lt"), area.path().join("way")).unwrap();
        let mark = Mark { test: "u".to_owned(), ..place.mark.clone() };
        let other = Place { dir: area.path().join("way/run/u"), mark, ..place };
        other.make().unwrap();
        assert!(other.dir.join("lt/run").is_dir() && !other.dir.join("lt/run/u").exists());
    }

    #[test]
    fn what_a_test_left_there_is_not_written_through() {
        let area = tempfile::tempdir().unwrap();
        let (source, other) = (area.path().join("source"), area.path().join("other"));
        fs::create_dir_all(&source).unwrap();
        fs::write(&other, "precious").unwrap();
        for name in [RERUN, MARK, NEW_MARK] {
            std::os::unix::fs::symlink(&other, source.join(name)).unwrap();
        }
        let place = Place { source: Some(source), ..place(area.path()) };
        place.make().unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
        assert_eq!(fs::read_to_string(place.dir.join(RERUN)).unwrap(), place.rerun);
    }
}
