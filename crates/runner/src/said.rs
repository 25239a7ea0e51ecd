//! What a test says of itself while it runs. It stands in a file in its directory, line by line, so that nothing is lost
//! with a runner; the socket only makes it known at once.

use crate::files;
use megatest::shim;
use model::testrun::Measurement;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

/// The file.
pub const FILE: &str = ".sluice-said.jsonl";
/// Bytes of one line.
const LONGEST: usize = 4 << 20;
/// Bytes of the file that are read.
const MOST: u64 = 256 << 20;

/// One thing that a test says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A step of its own begins or ends.
    Step {
        /// Its name.
        name: String,
        /// `start` or `end`.
        state: String,
        /// An exit code or a word.
        status: String,
        /// What it says to it.
        comment: String,
        /// Its log, within the directory.
        log: Option<String>,
        /// When, in microseconds since 1970.
        at: i64,
    },
    /// Its own word.
    Status {
        /// A status word, or `AUTO`.
        status: String,
        /// What it says to it.
        comment: String,
    },
    /// What it measured.
    Data(Vec<Measurement>),
    /// What is to be shown first.
    Log(String),
}

impl Said {
    /// What a call of an old script says; `None`: it says nothing, or is to be done by whoever calls.
    pub fn of(call: &shim::Call, at: i64) -> Option<Self> {
        let words = |text: &Option<String>| text.clone().unwrap_or_default();
        Some(match call {
            shim::Call::Step { name, state, status, comment, log } => Said::Step {
                name: name.clone(),
                state: state.clone(),
                status: status.clone(),
                comment: words(comment),
                log: log.clone(),
                at,
            },
            shim::Call::TestStatus { status, comment, .. } => {
                Said::Status { status: status.clone(), comment: words(comment) }
            }
            shim::Call::SetValues(row) => Said::Data(vec![row.clone()]),
            shim::Call::SetLog(file) => Said::Log(file.clone()),
            // The page above the items is made by itself.
            shim::Call::SetTopLog(_) | shim::Call::SummarizeItems => return None,
            shim::Call::RunStep { .. } | shim::Call::LoadData => return None,
        })
    }
}

/// Adds a line.
///
/// # Errors
/// It cannot be written, or is too long.
pub fn append(dir: &Path, said: &Said) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    if line.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 4 MB at once"));
    }
    line.push(b'\n');
    files::write(&dir.join(FILE), OpenOptions::new().append(true))?.write_all(&line)
}

/// All that was said. A line that cannot be read, as one that was cut off, is nothing.
///
/// # Errors
/// The file cannot be read; none is nothing said.
pub fn read(dir: &Path) -> io::Result<Vec<Said>> {
    let file = match files::open(&dir.join(FILE)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut reader = BufReader::new(file.take(MOST));
    let mut all = Vec::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        all.extend(serde_json::from_slice::<Said>(&line).ok());
        line.clear();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_read_back_and_a_torn_line_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_empty());
        let row = Measurement {
            category: "size".into(),
            variable: "lib\n".into(),
            value: "1".into(),
            ..Measurement::default()
        };
        let said = [Said::Status { status: "WARN".into(), comment: "a \"b\"".into() }, Said::Data(vec![row])];
        said.iter().for_each(|s| append(dir.path(), s).unwrap());
        let file = OpenOptions::new().append(true).open(dir.path().join(FILE)).unwrap();
        (&file).write_all(b"{\"log\":").unwrap();
        assert_eq!(read(dir.path()).unwrap(), said);
    }
}
