//! What steps do that are no command of the user's: the program itself does it, as `EXE __do KIND SPEC`, under a supervisor
//! like any other command. What it prints is the step's log; what it reports is in [`Report`].

mod file;
mod place;
mod sequence;

pub use place::{below, within};

use model::{FileSpec, HttpSpec, Results, SequencePart, TransferSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is to be done. It lies in a file that nobody else may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Runs commands in the present directory, one after the other.
    Sequence {
        /// The commands.
        parts: Vec<SequencePart<String>>,
        /// What exit codes mean, where it is not 0 SUCCESS and all others FAILURE.
        decode_rc: BTreeMap<i32, Results>,
    },
    /// Does something with files below a directory.
    File {
        /// The directory; nothing leads out of it.
        dir: PathBuf,
        /// What.
        file: FileSpec<String>,
    },
    /// Brings bytes to the master or from there.
    Transfer {
        /// The work directory; nothing leads out of the builder's directory, which is `dir`.
        workdir: PathBuf,
        /// The builder's directory.
        dir: PathBuf,
        /// What goes where.
        transfer: TransferSpec<String>,
        /// What opens the master's door.
        token: String,
        /// Where the master is.
        master: MasterPlace,
    },
    /// Asks a web server.
    Http(HttpSpec<String>),
}

/// Where a master is found each time that it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasterPlace {
    /// At this address.
    Url(String),
    /// At the address that is the second word of this file, which is written anew when the master starts.
    File(PathBuf),
}

impl Task {
    /// The word for it in the command line.
    pub fn kind(&self) -> &'static str {
        match self {
            Task::Sequence { .. } => "sequence",
            Task::File { .. } => "file",
            Task::Transfer { .. } => "transfer",
            Task::Http(_) => "http",
        }
    }

    /// Reads the file that the worker wrote.
    ///
    /// # Errors
    /// There is none, or it holds something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(path)?).map_err(io::Error::from)
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        write_private(path, &serde_json::to_vec(self)?)
    }
}

/// Writes a file that nobody else may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

impl MasterPlace {
    /// The master's address now.
    ///
    /// # Errors
    /// The file is not there: no master runs.
    pub fn url(&self) -> io::Result<String> {
        match self {
            MasterPlace::Url(url) => Ok(url.clone()),
            MasterPlace::File(path) => {
                let text = fs::read_to_string(path)?;
                text.split_whitespace().nth(1).map(str::to_owned).ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
        }
    }
}

/// What came of it, beside the exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The result, where it is more than 0 SUCCESS and all others FAILURE.
    pub results: Option<Results>,
    /// One line for people.
    pub state: Option<String>,
    /// What the machine, or the way to another one, did to it; then nobody is to blame.
    pub trouble: Option<String>,
}

impl Report {
    /// It is done.
    pub fn done(state: impl Into<String>) -> Self {
        Report { results: Some(Results::Success), state: Some(state.into()), trouble: None }
    }

    /// What was asked for cannot be.
    pub fn failed(state: impl Into<String>) -> Self {
        Report { results: Some(Results::Failure), state: Some(state.into()), trouble: None }
    }

    /// The machine keeps it from being done.
    pub fn trouble(what: impl Into<String>) -> Self {
        let what = what.into();
        Report { results: Some(Results::Exception), state: Some(what.clone()), trouble: Some(what) }
    }

    /// Writes it where the supervisor finds it, and says why it is no success. Answers with the exit code.
    pub fn tell(&self, code: u8) -> u8 {
        let good = self.results.is_none_or(Results::is_good);
        if let Some(state) = self.state.as_ref().filter(|_| !good) {
            // Nobody reads any more: the report tells.
            let _ = writeln!(io::stderr(), "{state}");
        }
        let path = std::env::var_os("SLUICE_REPORT");
        let written = path.map(|path| write_private(Path::new(&path), &serde_json::to_vec(self).unwrap_or_default()));
        if let Some(Err(e)) = written {
            let _ = writeln!(io::stderr(), "the report cannot be written: {e}");
        }
        if good { 0 } else { code.max(1) }
    }
}

/// Runs commands one after the other. Answers with what came of them, and with the exit code of the last that failed.
pub fn sequence(parts: &[SequencePart<String>], decode_rc: &BTreeMap<i32, Results>) -> (Report, u8) {
    sequence::run(parts, decode_rc)
}

/// Does something with files below `dir`.
pub fn file(dir: &Path, file: &FileSpec<String>) -> Report {
    match file::run(dir, file) {
        Ok(state) => {
            let _ = writeln!(io::stdout(), "{state}");
            Report::done(state)
        }
        Err(file::FileError::Asked(why)) => Report::failed(why),
        Err(file::FileError::Machine(why)) => Report::trouble(why),
    }
}
