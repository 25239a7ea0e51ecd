//! What steps do, beside running a command.
//!
//! `T` is [`Text`] as configured, and `String` once everything is put in.

use super::StepFlags;
use super::checkout::VcsSpec;
use super::shell::{CommandLine, ShellSpec};
use crate::{Condition, PipelineSpec, Span, Text, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepAction<T = Text> {
    /// Runs a command on the worker.
    Shell(ShellSpec<T>),
    /// Brings a git tree into the work directory.
    Git(GitSpec<T>),
    /// Brings a tree of another system into the work directory.
    Vcs(VcsSpec<T>),
    /// Runs several commands on the worker, one after the other.
    Sequence(SequenceSpec<T>),
    /// Runs a command on the master's own machine.
    MasterShell(ShellSpec<T>),
    /// Makes, copies, removes or looks for something in the work directory.
    File(FileSpec<T>),
    /// Brings bytes from the worker to the master or back.
    Transfer(TransferSpec<T>),
    /// Asks a web server, from the master.
    Http(HttpSpec<T>),
    /// Sets properties of the build.
    SetProperties(BTreeMap<String, PropertyValue<T>>),
    /// Fails unless a condition holds.
    Assert {
        /// What must hold.
        condition: Condition,
        /// What is said when it does not.
        message: T,
    },
    /// Files build sets by triggerable schedulers.
    Trigger(TriggerSpec<T>),
    /// Reads the steps that are kept with the code, once the tree is there; the build goes on with them.
    Pipeline(PipelineSpec),
}

/// The value that a property is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyValue<T = Text> {
    /// A text with everything put in.
    Text(T),
    /// A value as it is.
    Value(Value),
}

/// Several commands as one step. It ends at the first that fails, unless that one's flags say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceSpec<T = Text> {
    /// The commands.
    pub parts: Vec<SequencePart<T>>,
    /// What holds for all of them; its own command is not looked at.
    pub shell: ShellSpec<T>,
}

/// A command of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequencePart<T = Text> {
    /// What to run.
    pub command: CommandLine<T>,
    /// What its end does to the step.
    pub flags: StepFlags,
}

/// A git checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSpec<T = Text> {
    /// Where to fetch from.
    pub repository: T,
    /// The branch when the source stamp names none; `None` is the remote's `HEAD`.
    pub branch: Option<T>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes, below the builder's directory.
    pub workdir: T,
    /// The codebase whose stamp it takes.
    pub codebase: String,
    /// Submodules come along.
    pub submodules: bool,
    /// Only so many commits of history; `None` is all.
    pub shallow: Option<u32>,
    /// How long to wait before trying a failed fetch again, and how often.
    pub retry: Option<(Span, u32)>,
    /// The stamp's revision is not looked at: always the head of the branch.
    pub always_use_latest: bool,
    /// Ended after this long without output; `None` waits for ever.
    pub timeout: Option<Span>,
}

/// How a tree gets into the work directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GitMode {
    /// In place; files of earlier builds stay.
    Update,
    /// Kept up to date beside it, and each build gets a fresh copy.
    Copy,
    /// Deleted and checked out anew.
    Clobber,
    /// As clobber, without the system's own files.
    Export,
}

/// Something done to files on the worker. Paths are below the builder's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSpec<T = Text> {
    /// Makes a directory, and those above it.
    MakeDirectory {
        /// Which.
        path: T,
    },
    /// Copies a directory with all that is in it. What stood there is replaced.
    CopyDirectory {
        /// From where.
        from: T,
        /// To where.
        to: T,
    },
    /// Removes directories or files. What is not there is no error.
    Remove {
        /// Which.
        paths: Vec<T>,
    },
    /// Fails unless a file is there.
    Exists {
        /// Which.
        path: T,
    },
}

/// Bytes brought from the worker to the master or back. Paths on the worker are below the work directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferSpec<T = Text> {
    /// Files or whole directories go to the master.
    Upload {
        /// On the worker; with `*` and `?` where several files are meant.
        from: Vec<T>,
        /// On the master, below its public directory unless absolute.
        to: T,
        /// The work directory.
        workdir: T,
        /// No more bytes than so many in all.
        max_size: Option<u64>,
        /// Permission bits on the master.
        mode: Option<u32>,
        /// The address at which people find it.
        url: Option<T>,
    },
    /// A file of the master goes to the worker.
    Download {
        /// On the master.
        from: T,
        /// On the worker.
        to: T,
        /// The work directory.
        workdir: T,
        /// No more bytes than so many.
        max_size: Option<u64>,
        /// Permission bits on the worker.
        mode: Option<u32>,
    },
    /// A text becomes a file on the worker.
    DownloadText {
        /// The text.
        text: T,
        /// On the worker.
        to: T,
        /// The work directory.
        workdir: T,
        /// Permission bits on the worker.
        mode: Option<u32>,
    },
    /// An attempt of a test run: what it needs comes to the worker, is carried out there, and what came of it goes back.
    /// A build with such a step that is lost is not tried again: whoever runs the tests decides that.
    Attempt {
        /// The name under which the master keeps both.
        key: T,
        /// No more bytes of its directory than so many go back; what is left stays on the worker.
        max_size: u64,
        /// Ended after this long; `None`: as long as it does.
        max_time: Option<Span>,
    },
}

/// The property of a build that has the key of its attempt.
pub const ATTEMPT_PROPERTY: &str = "test_attempt";

/// Whether this can be the key of an attempt: 32 to 64 hexadecimal digits in lower case, so that it names a directory
/// and nobody finds it by trying.
pub fn is_attempt_key(key: &str) -> bool {
    (32..=64).contains(&key.len()) && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A question to a web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSpec<T = Text> {
    /// What is asked.
    pub method: HttpMethod,
    /// Whom.
    pub url: T,
    /// Headers.
    pub headers: BTreeMap<String, T>,
    /// The body.
    pub body: Option<T>,
    /// Given up after this long.
    pub timeout: Span,
}

/// What is asked of a web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Read.
    Get,
    /// Read the head only.
    Head,
    /// Hand in.
    Post,
    /// Put in place.
    Put,
    /// Change a part.
    Patch,
    /// Remove.
    Delete,
    /// What may be asked.
    Options,
}

/// Build sets that a step files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerSpec<T = Text> {
    /// Triggerable schedulers, by name.
    pub schedulers: Vec<String>,
    /// The step waits for the sets, and takes the worst of their results.
    pub wait: bool,
    /// Of these schedulers the results do not count.
    pub unimportant: Vec<String>,
    /// Properties that the sets get.
    pub properties: BTreeMap<String, PropertyValue<T>>,
    /// Properties that are handed on as they are.
    pub copy_properties: Vec<String>,
    /// The sets build what this build has got, not what it was asked for.
    pub update_source: bool,
}

impl StepAction<Text> {
    /// The same with every text turned into another.
    ///
    /// # Errors
    /// Whatever `turn` says first.
    pub fn try_map<U, E>(&self, turn: &mut dyn FnMut(&Text) -> Result<U, E>) -> Result<StepAction<U>, E> {
        Ok(match self {
            StepAction::Shell(shell) => StepAction::Shell(shell.try_map(turn)?),
            StepAction::MasterShell(shell) => StepAction::MasterShell(shell.try_map(turn)?),
            StepAction::Git(git) => StepAction::Git(git.try_map(turn)?),
            StepAction::Vcs(spec) => StepAction::Vcs(spec.try_map(turn)?),
            StepAction::Sequence(sequence) => {
                let part = |p: &SequencePart, turn: &mut dyn FnMut(&Text) -> Result<U, E>| {
                    Ok(SequencePart { command: p.command.try_map(turn)?, flags: p.flags })
                };
                let parts = sequence.parts.iter().map(|p| part(p, turn)).collect::<Result<_, E>>()?;
                StepAction::Sequence(SequenceSpec { parts, shell: sequence.shell.try_map(turn)? })
            }
            StepAction::File(file) => StepAction::File(file.try_map(turn)?),
            StepAction::Transfer(transfer) => StepAction::Transfer(transfer.try_map(turn)?),
            StepAction::Http(http) => StepAction::Http(HttpSpec {
                method: http.method,
                url: turn(&http.url)?,
                headers: by_name(&http.headers, turn)?,
                body: http.body.as_ref().map(&mut *turn).transpose()?,
                timeout: http.timeout,
            }),
            StepAction::SetProperties(values) => StepAction::SetProperties(property_values(values, turn)?),
            StepAction::Assert { condition, message } => {
                StepAction::Assert { condition: condition.clone(), message: turn(message)? }
            }
            StepAction::Pipeline(pipeline) => StepAction::Pipeline(pipeline.clone()),
            StepAction::Trigger(trigger) => StepAction::Trigger(TriggerSpec {
                schedulers: trigger.schedulers.clone(),
                wait: trigger.wait,
                unimportant: trigger.unimportant.clone(),
                properties: property_values(&trigger.properties, turn)?,
                copy_properties: trigger.copy_properties.clone(),
                update_source: trigger.update_source,
            }),
        })
    }
}

fn by_name<U, E>(
    texts: &BTreeMap<String, Text>,
    turn: &mut dyn FnMut(&Text) -> Result<U, E>,
) -> Result<BTreeMap<String, U>, E> {
    texts.iter().map(|(name, text)| Ok((name.clone(), turn(text)?))).collect()
}

fn property_values<U, E>(
    values: &BTreeMap<String, PropertyValue<Text>>,
    turn: &mut dyn FnMut(&Text) -> Result<U, E>,
) -> Result<BTreeMap<String, PropertyValue<U>>, E> {
    let value = |v: &PropertyValue<Text>, turn: &mut dyn FnMut(&Text) -> Result<U, E>| {
        Ok(match v {
            PropertyValue::Text(text) => PropertyValue::Text(turn(text)?),
            PropertyValue::Value(value) => PropertyValue::Value(value.clone()),
        })
    };
    values.iter().map(|(name, v)| Ok((name.clone(), value(v, turn)?))).collect()
}

impl<T> GitSpec<T> {
    fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<GitSpec<U>, E> {
        Ok(GitSpec {
            repository: turn(&self.repository)?,
            branch: self.branch.as_ref().map(&mut *turn).transpose()?,
            mode: self.mode,
            workdir: turn(&self.workdir)?,
            codebase: self.codebase.clone(),
            submodules: self.submodules,
            shallow: self.shallow,
            retry: self.retry,
            always_use_latest: self.always_use_latest,
            timeout: self.timeout,
        })
    }
}

impl<T> FileSpec<T> {
    fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<FileSpec<U>, E> {
        Ok(match self {
            FileSpec::MakeDirectory { path } => FileSpec::MakeDirectory { path: turn(path)? },
            FileSpec::CopyDirectory { from, to } => FileSpec::CopyDirectory { from: turn(from)?, to: turn(to)? },
            FileSpec::Remove { paths } => FileSpec::Remove { paths: paths.iter().map(turn).collect::<Result<_, E>>()? },
            FileSpec::Exists { path } => FileSpec::Exists { path: turn(path)? },
        })
    }
}

impl<T> TransferSpec<T> {
    /// It is an attempt of a test run.
    pub fn is_attempt(&self) -> bool {
        matches!(self, TransferSpec::Attempt { .. })
    }

    fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<TransferSpec<U>, E> {
        Ok(match self {
            TransferSpec::Upload { from, to, workdir, max_size, mode, url } => TransferSpec::Upload {
                from: from.iter().map(&mut *turn).collect::<Result<_, E>>()?,
                to: turn(to)?,
                workdir: turn(workdir)?,
                max_size: *max_size,
                mode: *mode,
                url: url.as_ref().map(&mut *turn).transpose()?,
            },
            TransferSpec::Download { from, to, workdir, max_size, mode } => TransferSpec::Download {
                from: turn(from)?,
                to: turn(to)?,
                workdir: turn(workdir)?,
                max_size: *max_size,
                mode: *mode,
            },
            TransferSpec::DownloadText { text, to, workdir, mode } => {
                TransferSpec::DownloadText { text: turn(text)?, to: turn(to)?, workdir: turn(workdir)?, mode: *mode }
            }
            TransferSpec::Attempt { key, max_size, max_time } => {
                TransferSpec::Attempt { key: turn(key)?, max_size: *max_size, max_time: *max_time }
            }
        })
    }
}
