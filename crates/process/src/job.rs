//! What is asked of a supervisor: one command with its surroundings and its limits.

use crate::spool::Stream;
use crate::word::{self, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of a job: build, epoch and step in one word. It names a directory, so it has only letters, digits,
/// `.`, `_` and `-`, at most [`JobId::LONGEST`] of them, and no dot in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// Bytes, at most.
    pub const LONGEST: usize = 100;

    /// Takes a name that keeps the rules above.
    pub fn new(name: impl Into<String>) -> Result<Self, BadJobId> {
        let name = name.into();
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if name.is_empty() || name.len() > Self::LONGEST || name.starts_with('.') || !plain {
            return Err(BadJobId(name.chars().take(Self::LONGEST).collect()));
        }
        Ok(JobId(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the job's spool lies: `SLOTDIR/jobs/ID`.
    pub fn dir(&self, slot_dir: &Path) -> PathBuf {
        slot_dir.join("jobs").join(&self.0)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for JobId {
    type Error = BadJobId;

    fn try_from(name: String) -> Result<Self, BadJobId> {
        JobId::new(name)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.0
    }
}

/// A name that cannot be a job's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job's name has 1 to 100 letters, digits, `.`, `_` and `-` and no dot in front, not `{}`", .0.escape_debug())]
pub struct BadJobId(String);

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// Program and arguments, without a shell. A program without a slash is looked up in `PATH`.
    Words(Vec<Word>),
    /// A text for `/bin/sh -c`.
    Script(String),
}

impl Program {
    /// Program and arguments.
    pub fn words<W: Into<Word>>(words: impl IntoIterator<Item = W>) -> Self {
        Program::Words(words.into_iter().map(Into::into).collect())
    }

    /// A text for the shell.
    pub fn script(text: impl Into<String>) -> Self {
        Program::Script(text.into())
    }
}

/// The variables a command finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Environment {
    /// These and no others.
    Only(BTreeMap<Word, Word>),
    /// The supervisor's own with these changes; `None` takes a variable away.
    Changed(BTreeMap<Word, Option<Word>>),
}

impl Default for Environment {
    fn default() -> Self {
        Environment::Changed(BTreeMap::new())
    }
}

/// What the command writes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// Two pipes; stdout and stderr are told apart.
    #[default]
    Pipes,
    /// A terminal for both, without a distinction, and for standard input. It does not turn newlines into CR LF and does
    /// not echo. [`Job::stdin`] is typed into it, byte for byte as long as the command leaves the terminal in line mode,
    /// and then the end of input, again and again, so that a command that reads cannot hang.
    Pty,
}

/// Whether the environment is told in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEnviron {
    /// It is not.
    #[default]
    No,
    /// It is, sorted by name.
    Yes,
}

/// Whether the command may hand back a few bytes apart from its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// No.
    #[default]
    No,
    /// The variable `SLUICE_REPORT` names a file that it may write; at most [`Job::LONGEST_REPORT`] bytes end in
    /// [`Outcome::report`](crate::Outcome::report).
    File,
}

/// Whether a control group holds the command's processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cgroup {
    /// One does, where the system lets us make it.
    #[default]
    IfPossible,
    /// None does; the tree is found by looking at parents and children.
    Never,
}

/// A file that becomes a log while the command writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedFile {
    /// The log's number; not that of the command's output.
    pub log: u16,
    /// The file. It may be absent at first, cut short, or replaced by another. One that was there before is told only
    /// once it has changed.
    #[serde(with = "word::path")]
    pub path: PathBuf,
    /// What stood in it before the command began is passed over.
    pub from_end: bool,
}

/// A file that is handed back with the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedFile {
    /// The name under which it is handed back.
    pub name: String,
    /// The file. One that is absent, or no plain file, is left out.
    #[serde(with = "word::path")]
    pub path: PathBuf,
}

/// One command, with all that is known of it when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name; unique in the slot.
    pub id: JobId,
    /// What to run.
    pub program: Program,
    /// Where; made if absent. Absolute.
    #[serde(with = "word::path")]
    pub dir: PathBuf,
    /// The variables it finds. `SLUICE_JOB` is added: the job's name, by which stray processes are found.
    pub env: Environment,
    /// Longest time without a byte of output. `None` waits for ever.
    pub timeout: Option<Duration>,
    /// Longest time in all. `None` waits for ever.
    pub max_time: Option<Duration>,
    /// From TERM to KILL.
    pub sigterm_time: Duration,
    /// How long processes that the main process left behind may go on.
    pub leftover_grace: Duration,
    /// How long it may go on with no worker attached. `None` is for ever.
    pub orphan_limit: Option<Duration>,
    /// Pipes or a terminal.
    pub terminal: Terminal,
    /// Whether the variables are told in the log.
    pub log_environ: LogEnviron,
    /// Lines told in the log before the command's output.
    pub headers: Vec<String>,
    /// Bytes that may wait in the spool; beyond, the command's output is not read until some are trimmed.
    pub spool_limit: u64,
    /// The file mode mask; `None` keeps the supervisor's.
    pub umask: Option<u32>,
    /// What it reads; `None` is nothing at all.
    #[serde(with = "serde_bytes")]
    pub stdin: Option<Vec<u8>>,
    /// Whether it may hand back a report.
    pub report: Report,
    /// Whether a control group is used.
    pub cgroup: Cgroup,
    /// The log that its output goes to; 0 is the step's own.
    pub log: u16,
    /// Where in that log its first byte stands; not 0 for the second command of a step.
    pub first_offset: u64,
    /// Streams that are read and not kept; [`Stream::Header`]: what the supervisor would say is not said.
    #[serde(default)]
    pub unwanted: Vec<Stream>,
    /// Files that become logs.
    #[serde(default)]
    pub follow: Vec<FollowedFile>,
    /// Secrets: wherever one stands in what is kept, each byte of it is `*`; also in base64, URL-encoded or in JSON. Those of
    /// less than three bytes count as none.
    #[serde(default)]
    pub mask: Vec<serde_bytes::ByteBuf>,
    /// Files that are handed back.
    #[serde(default)]
    pub collect: Vec<CollectedFile>,
}

impl Job {
    /// Bytes of [`Outcome::report`](crate::Outcome::report), at most.
    pub const LONGEST_REPORT: usize = 64 << 10;
    /// Bytes of a collected file, at most; of a longer one there is one byte more.
    pub const LONGEST_COLLECTED: usize = 128 << 10;
    /// Bytes of [`Job::stdin`], at most.
    pub const LONGEST_STDIN: usize = 4 << 20;
    /// [`Job::spool_limit`] unless told.
    pub const SPOOL_LIMIT: u64 = 1 << 30;

    /// A command with pipes, no limits of time, 5 s from TERM to KILL and 2 s for what it leaves behind.
    pub fn new(id: JobId, program: Program, dir: impl Into<PathBuf>) -> Self {
        Job {
            id,
            program,
            dir: dir.into(),
            env: Environment::default(),
            timeout: None,
            max_time: None,
            sigterm_time: Duration::from_secs(5),
            leftover_grace: Duration::from_secs(2),
            orphan_limit: None,
            terminal: Terminal::default(),
            log_environ: LogEnviron::default(),
            headers: Vec::new(),
            spool_limit: Self::SPOOL_LIMIT,
            umask: None,
            stdin: None,
            report: Report::default(),
            cgroup: Cgroup::default(),
            log: 0,
            first_offset: 0,
            unwanted: Vec::new(),
            follow: Vec::new(),
            mask: Vec::new(),
            collect: Vec::new(),
        }
    }
}
