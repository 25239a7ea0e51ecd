//! The master's base directory: what is where, and who holds it.
//!
//! ```text
//! master.star   the configuration          token      the bearer token of the CLI, mode 0600
//! secrets/      one file per secret        sluice.pid who holds the directory
//! sluice.db     the store                  sluice.log what a detached master says
//! logs/         log bytes                  sources/   mirrors of change sources
//! workers/      base directories of local workers
//! public_html/  what steps bring to the master   gates/  repositories of gates
//! attempts/     attempts of test runs, until whoever runs the tests has fetched what came of them
//! ```

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Paths below a base directory.
#[derive(Clone, Debug)]
pub struct BaseDir {
    root: PathBuf,
}

/// Why a base directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// Another process works in it.
    #[error("{} is in use by process {pid}; stop it first (sluice master stop {})", dir.display(), dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it.
        pid: String,
    },
    /// It is no base directory.
    #[error("{} is no master's base directory: there is no {}; make one with sluice master init {}", dir.display(), BaseDir::CONFIG, dir.display())]
    NotABase {
        /// The directory.
        dir: PathBuf,
    },
    /// The system said no.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BaseDir {
    /// The name of the configuration file.
    pub const CONFIG: &'static str = "master.star";

    /// A base directory at `root`, whether it is there or not.
    ///
    /// A relative path is made absolute at once: commands and mirrors run in directories of their own.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { root: std::path::absolute(&root).unwrap_or(root) }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The SQLite store.
    pub fn database(&self) -> PathBuf {
        self.root.join("sluice.db")
    }

    /// Log bytes.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Where gates make the commits that they test, a repository each.
    pub fn gates(&self) -> PathBuf {
        self.root.join("gates")
    }

    /// What attempts of test runs need, and what came of them.
    pub fn attempts(&self) -> PathBuf {
        self.root.join("attempts")
    }

    /// Where change sources keep what they need.
    pub fn sources(&self) -> PathBuf {
        self.root.join("sources")
    }

    /// The base directory of a local worker.
    pub fn worker(&self, name: &str) -> PathBuf {
        self.root.join("workers").join(name)
    }

    /// The base directory of the worker that does the master's own steps. No worker can be named so.
    pub fn own_worker(&self) -> PathBuf {
        self.root.join("workers").join(".master")
    }

    /// What steps bring to the master.
    pub fn public(&self) -> PathBuf {
        self.root.join("public_html")
    }

    /// What a detached master says.
    pub fn log(&self) -> PathBuf {
        self.root.join("sluice.log")
    }

    /// Who holds the directory.
    pub fn pid(&self) -> PathBuf {
        self.root.join("sluice.pid")
    }

    /// The bearer token.
    pub fn token_file(&self) -> PathBuf {
        self.root.join("token")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.root.join(Self::CONFIG)
    }

    /// What the running master has in force, without its secrets.
    pub fn in_force(&self) -> PathBuf {
        self.root.join("in-force.json")
    }

    /// Where the running master says on which address it is reached.
    pub fn address(&self) -> PathBuf {
        self.root.join("address")
    }

    /// Makes the directory with everything but the configuration, as far as it is not there.
    ///
    /// # Errors
    /// [`BaseError::Io`].
    pub fn create(&self) -> Result<(), BaseError> {
        let private = |path: PathBuf| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|source| BaseError::Io { act: "make", path, source })
        };
        private(self.root.clone())?;
        private(self.root.join("secrets"))?;
        private(self.root.join("workers"))?;
        fs::create_dir_all(self.logs()).map_err(|source| self.io("make", &self.logs(), source))?;
        fs::create_dir_all(self.sources()).map_err(|source| self.io("make", &self.sources(), source))?;
        self.token().map(drop)
    }

    /// The bearer token; made of 256 random bits when there is none.
    ///
    /// # Errors
    /// [`BaseError::Io`].
    pub fn token(&self) -> Result<String, BaseError> {
        let path = self.token_file();
        match fs::read_to_string(&path) {
            Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(self.io("read", &path, source)),
        }
        let token = random_hex().map_err(|source| self.io("draw random bits for", &path, source))?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut f| writeln!(f, "{token}"));
        written.map_err(|source| self.io("write", &path, source))?;
        Ok(token)
    }

    /// Takes the directory for this process until the hold is dropped.
    ///
    /// # Errors
    /// [`BaseError::InUse`] while another process holds it; the lock goes with that process, however it ends, so a pid
    /// file that is left over does no harm.
    pub fn hold(&self) -> Result<Hold, BaseError> {
        let path = self.pid();
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|source| self.io("open", &path, source))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(|source| self.io("read", &path, source))?;
            return Err(BaseError::InUse { dir: self.root.clone(), pid: pid.trim().to_owned() });
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|source| self.io("write", &path, source))?;
        Ok(Hold { file, path })
    }

    fn io(&self, act: &'static str, path: &Path, source: io::Error) -> BaseError {
        BaseError::Io { act, path: path.to_owned(), source }
    }
}

/// A base directory that is held by this process.
#[derive(Debug)]
pub struct Hold {
    file: File,
    path: PathBuf,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // The lock goes with the file; the empty file says that nobody is there.
        let _ = self.file.set_len(0);
        tracing::debug!("let go of {}", self.path.display());
    }
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_base_directory_is_held_once_and_its_token_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let base = BaseDir::at(dir.path().join("m"));
        base.create().unwrap();
        let token = base.token().unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(base.token().unwrap(), token, "the same one each time");
        let mode = fs::metadata(base.token_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let hold = base.hold().unwrap();
        let refused = base.hold().unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(hold);
        base.hold().unwrap();
    }

    #[test]
    fn a_left_over_pid_file_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let base = BaseDir::at(dir.path());
        fs::write(base.pid(), "1\n").unwrap();
        let _hold = base.hold().unwrap();
        assert_eq!(fs::read_to_string(base.pid()).unwrap().trim(), std::process::id().to_string());
    }
}
