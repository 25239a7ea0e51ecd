//! Commands that run on a worker.
//!
//! `T` is [`Text`] as configured, and `String` once everything is put in.

use super::reading::Reading;
use crate::{Results, Span, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellSpec<T = Text> {
    /// What to run.
    pub command: CommandLine<T>,
    /// Where, below the builder's directory.
    pub workdir: T,
    /// Environment beyond the worker's own and the builder's.
    pub env: BTreeMap<String, T>,
    /// Ended after this long without output; `None` waits for ever.
    pub timeout: Option<Span>,
    /// Ended after this long in all; `None` waits for ever.
    pub max_time: Option<Span>,
    /// How long TERM may take before KILL.
    pub sigterm_time: Span,
    /// A terminal instead of pipes: standard output and standard error become one.
    pub pty: bool,
    /// The environment is told at the head of the log.
    pub log_environ: bool,
    /// Standard output goes to the log.
    #[serde(default = "yes")]
    pub want_stdout: bool,
    /// Standard error goes to the log.
    #[serde(default = "yes")]
    pub want_stderr: bool,
    /// Given to standard input, which is closed after it; `None`: standard input is empty.
    #[serde(default = "none")]
    pub initial_stdin: Option<T>,
    /// Files that the command writes and that become logs of the step.
    #[serde(default = "Vec::new")]
    pub log_files: Vec<FollowedLog<T>>,
    /// What exit codes mean, where it is not 0 SUCCESS and all others FAILURE.
    #[serde(default)]
    pub decode_rc: BTreeMap<i32, Results>,
    /// What is read from its logs once it has ended.
    #[serde(default)]
    pub reading: Reading,
}

fn yes() -> bool {
    true
}

fn none<T>() -> Option<T> {
    None
}

/// A file that becomes a log of the step that writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedLog<T = Text> {
    /// The log's name; unique within the step, and not `stdio`.
    pub name: String,
    /// The file, below the work directory.
    pub path: T,
    /// What stood in it before the command began is passed over.
    pub follow: bool,
}

impl<T> ShellSpec<T> {
    /// A command with the defaults: in `build`, twenty minutes without output, pipes, five seconds from TERM to KILL.
    pub fn new(command: CommandLine<T>) -> Self
    where
        T: From<String>,
    {
        Self {
            command,
            workdir: T::from("build".to_owned()),
            env: BTreeMap::new(),
            timeout: Some(Span::seconds(1200)),
            max_time: None,
            sigterm_time: Span::seconds(5),
            pty: false,
            log_environ: true,
            want_stdout: true,
            want_stderr: true,
            initial_stdin: None,
            log_files: Vec::new(),
            decode_rc: BTreeMap::new(),
            reading: Reading::default(),
        }
    }

    /// The same with every text turned into another.
    ///
    /// # Errors
    /// Whatever `turn` says first.
    pub fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<ShellSpec<U>, E> {
        let log_files = self.log_files.iter().map(|l| {
            let path = turn(&l.path)?;
            Ok(FollowedLog { name: l.name.clone(), path, follow: l.follow })
        });
        let log_files = log_files.collect::<Result<_, E>>()?;
        Ok(ShellSpec {
            command: self.command.try_map(turn)?,
            workdir: turn(&self.workdir)?,
            env: self.env.iter().map(|(k, v)| Ok((k.clone(), turn(v)?))).collect::<Result<_, E>>()?,
            timeout: self.timeout,
            max_time: self.max_time,
            sigterm_time: self.sigterm_time,
            pty: self.pty,
            log_environ: self.log_environ,
            want_stdout: self.want_stdout,
            want_stderr: self.want_stderr,
            initial_stdin: self.initial_stdin.as_ref().map(&mut *turn).transpose()?,
            log_files,
            decode_rc: self.decode_rc.clone(),
            reading: self.reading.clone(),
        })
    }
}

/// A command: words for `execve`, or a text for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandLine<T = Text> {
    /// Program and arguments, without a shell.
    Words(Vec<T>),
    /// Given to `/bin/sh -c`.
    Script(T),
}

impl<T> CommandLine<T> {
    /// Program and arguments.
    pub fn words<W: Into<T>>(words: impl IntoIterator<Item = W>) -> Self {
        CommandLine::Words(words.into_iter().map(Into::into).collect())
    }

    /// A text for the shell.
    pub fn script(text: impl Into<T>) -> Self {
        CommandLine::Script(text.into())
    }

    /// The same with every text turned into another.
    ///
    /// # Errors
    /// Whatever `turn` says first.
    pub fn try_map<U, E>(&self, turn: &mut dyn FnMut(&T) -> Result<U, E>) -> Result<CommandLine<U>, E> {
        Ok(match self {
            CommandLine::Words(words) => CommandLine::Words(words.iter().map(turn).collect::<Result<_, E>>()?),
            CommandLine::Script(script) => CommandLine::Script(turn(script)?),
        })
    }
}

impl CommandLine<Text> {
    /// As one would type it; what is put in stands in braces.
    pub fn text(&self) -> String {
        match self {
            CommandLine::Words(words) => words.iter().map(Text::written).collect::<Vec<_>>().join(" "),
            CommandLine::Script(script) => script.written(),
        }
    }
}

impl CommandLine<String> {
    /// As one would type it.
    pub fn text(&self) -> String {
        match self {
            CommandLine::Words(words) => words.join(" "),
            CommandLine::Script(script) => script.clone(),
        }
    }
}
