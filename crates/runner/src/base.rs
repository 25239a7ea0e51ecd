//! The base directory of an area, `AREA/.sluice/tests`: the store, the slots, and who runs something in it.

use crate::home::Home;
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The base directory.
#[derive(Clone, Debug)]
pub struct Base {
    dir: PathBuf,
}

/// Held by the one runner of an area, as long as it lives.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// Whether somebody has an area.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Ours(Held),
    /// Somebody else's; what it said of itself.
    Others(String),
}

/// Why a base directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used", .path.display())]
pub struct BaseError {
    /// What.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl Base {
    /// That of an area. It is made when it is absent, so that git does not see it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(home: &Home) -> Result<Self, BaseError> {
        let base = Base { dir: home.base.clone() };
        let wrong = |source| BaseError { path: base.dir.clone(), source };
        fs::create_dir_all(&base.dir).map_err(wrong)?;
        let ignore = base.dir.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(|source| BaseError { path: ignore.clone(), source })?;
        }
        Ok(base)
    }

    /// A directory that serves as one where an attempt of another machine is carried out.
    pub(crate) fn at(dir: &Path) -> Self {
        Base { dir: dir.to_owned() }
    }

    /// That of an area, if something was run in it.
    pub fn existing(home: &Home) -> Option<Self> {
        let base = Base { dir: home.base.clone() };
        base.store().is_file().then_some(base)
    }

    /// It.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.dir.join("store.sqlite")
    }

    /// Makes `bin/sluice` in it, which is this program, and `bin/megatest`, by which old scripts speak to their runner.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn make_programs(&self, exe: &Path) -> Result<(), BaseError> {
        let bin = self.dir.join("bin");
        let wrong = |source| BaseError { path: bin.clone(), source };
        for (name, first) in [("sluice", ""), ("megatest", "__megatest ")] {
            let exe = model::shell::quoted(&exe.to_string_lossy());
            let text = format!("#!/bin/sh\nexec {exe} {first}\"$@\"\n");
            let path = bin.join(name);
            if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                continue;
            }
            fs::create_dir_all(&bin).map_err(wrong)?;
            // A test may be reading the old one.
            let new = bin.join(".new");
            fs::write(&new, text).map_err(wrong)?;
            fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).map_err(wrong)?;
            fs::rename(new, path).map_err(wrong)?;
        }
        Ok(())
    }

    /// Random digits that no other area has; made when there are none.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub(crate) fn salt(&self) -> Result<String, BaseError> {
        let path = self.dir.join("salt");
        let wrong = |source| BaseError { path: path.clone(), source };
        match fs::read_to_string(&path) {
            Ok(salt) if salt.len() >= 64 => return Ok(salt),
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(wrong(e)),
            _ => {}
        }
        let mut bytes = [0; 32];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(wrong)?;
        let salt: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let new = self.dir.join("salt.new");
        fs::write(&new, &salt).map_err(wrong)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
        fs::rename(new, &path).map_err(wrong)?;
        Ok(salt)
    }

    /// The directory of a slot.
    pub fn slot(&self, number: usize) -> PathBuf {
        self.dir.join("slots").join(number.to_string())
    }

    /// The directory of an attempt that is carried out elsewhere, by the name of its jobs.
    pub fn away(&self, job: &str) -> PathBuf {
        self.dir.join("away").join(job)
    }

    /// The attempts that are carried out elsewhere, by the names of their jobs.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn aways(&self) -> Result<Vec<String>, BaseError> {
        names(&self.dir.join("away"))
    }

    /// The numbers of the slots that there are.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn slots(&self) -> Result<Vec<usize>, BaseError> {
        let all = names(&self.dir.join("slots"))?;
        let mut all: Vec<usize> = all.iter().filter_map(|name| name.parse().ok()).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// Whether somebody runs something in it.
    ///
    /// # Errors
    /// The lock cannot be used.
    pub fn is_held(&self) -> Result<bool, BaseError> {
        let path = self.dir.join("lock");
        let wrong = |source| BaseError { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(wrong(e)),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(e) => Err(wrong(e.into())),
        }
    }

    /// Becomes the one runner, unless there is one.
    ///
    /// # Errors
    /// The lock cannot be used.
    pub fn take(&self, who: &str) -> Result<Taken, BaseError> {
        let path = self.dir.join("lock");
        let wrong = |source| BaseError { path: path.clone(), source };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(wrong)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut said = String::new();
                file.take(4096).read_to_string(&mut said).map_err(wrong)?;
                return Ok(Taken::Others(said.trim().to_owned()));
            }
            Err(e) => return Err(wrong(e.into())),
        }
        let write = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(who.as_bytes()));
        write.map_err(wrong)?;
        Ok(Taken::Ours(Held { _file: file }))
    }
}

/// What is in a directory; nothing where there is none.
fn names(dir: &Path) -> Result<Vec<String>, BaseError> {
    let wrong = |source| BaseError { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(wrong(e)),
    };
    let mut all = Vec::new();
    for entry in entries {
        all.extend(entry.map_err(wrong)?.file_name().into_string().ok());
    }
    all.sort_unstable();
    Ok(all)
}
