//! The directory in which an attempt runs: made, filled, marked, and put aside for the next attempt.
//!
//! Every one has the file [`MARK`]. Nothing without it is ever written into, moved or removed.

use model::CommandLine;
use model::area::{TestStep, Var};
use model::shell::quoted;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file that says that a directory was made here, and for what.
pub const MARK: &str = ".sluice-test.json";
/// Where the directories of earlier attempts are, below that of the run.
pub const EARLIER: &str = ".attempts";
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
    match fs::read(dir.join(MARK)) {
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
            Some(there) if there == (Mark { ready: true, ..self.mark.clone() }) => return Ok(()),
            Some(there) if there == self.mark => {
                // It was being filled when its runner ended.
                fs::remove_dir_all(&self.dir).map_err(wrong)?;
            }
            Some(there) if self.is_same_item(&there) => self.put_aside(&there)?,
            Some(mark) => return Err(PlaceError::Another { dir: self.dir.clone(), mark: Box::new(mark) }),
            None => {
                let mut inside = match fs::read_dir(&self.dir) {
                    Ok(entries) => Some(entries),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => None,
                    Err(e) => return Err(wrong(e)),
                };
                if inside.as_mut().is_some_and(|entries| entries.next().is_some()) {
                    return Err(PlaceError::Foreign(self.dir.clone()));
                }
            }
        }
        self.has_room().map_err(wrong)??;
        fs::create_dir_all(&self.dir).map_err(wrong)?;
        self.write_mark(&self.mark).map_err(wrong)?;
        if let Some(source) = &self.source {
            if !source.is_dir() {
                return Err(PlaceError::NoSource(source.clone()));
            }
            copy(source, &self.dir)?;
        }
        self.write_rerun().map_err(wrong)?;
        if let Some(link) = &self.link {
            self.make_link(link).map_err(|source| PlaceError::Io { path: link.clone(), source })?;
        }
        self.write_mark(&Mark { ready: true, ..self.mark.clone() }).map_err(wrong)
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

    fn write_mark(&self, mark: &Mark) -> io::Result<()> {
        let (new, file) = (self.dir.join(".sluice-test.new"), self.dir.join(MARK));
        fs::write(&new, serde_json::to_vec(mark)?)?;
        fs::rename(new, file)
    }

    fn write_rerun(&self) -> io::Result<()> {
        let path = self.dir.join(RERUN);
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(path)?;
        file.write_all(self.rerun.as_bytes())
    }

    fn put_aside(&self, there: &Mark) -> Result<(), PlaceError> {
        let to = self.earlier(there.attempt);
        let wrong = |source| PlaceError::Io { path: to.clone(), source };
        if let Some(above) = to.parent() {
            fs::create_dir_all(above).map_err(wrong)?;
        }
        fs::rename(&self.dir, &to).map_err(wrong)
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
}

/// Copies what is in a directory: links as links, permissions as they are, and nothing that is neither file, directory
/// nor link.
fn copy(from: &Path, to: &Path) -> Result<(), PlaceError> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| PlaceError::Io { path, source }
    };
    for entry in fs::read_dir(from).map_err(wrong(from))? {
        let entry = entry.map_err(wrong(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(wrong(&source))?;
        if kind.is_symlink() {
            let link = fs::read_link(&source).map_err(wrong(&source))?;
            std::os::unix::fs::symlink(link, &target).map_err(wrong(&target))?;
        } else if kind.is_dir() {
            fs::create_dir(&target).map_err(wrong(&target))?;
            copy(&source, &target)?;
            let mode = fs::metadata(&source).map_err(wrong(&source))?.permissions().mode();
            // Whatever it is there, steps must be able to write here.
            fs::set_permissions(&target, fs::Permissions::from_mode(mode | 0o700)).map_err(wrong(&target))?;
        } else if kind.is_file() {
            fs::copy(&source, &target).map_err(wrong(&source))?;
        }
    }
    Ok(())
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
