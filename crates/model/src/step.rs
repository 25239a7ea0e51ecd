//! Steps: what a build does, one thing after the other.

use crate::{BuildId, Place, Results, Span, StepId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A step as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Its name; unique within the build (a second `test` becomes `test_1`).
    pub name: String,
    /// What its result does to the build.
    pub flags: StepFlags,
    /// What it does.
    pub action: StepAction,
    /// Words while it runs; from the command when absent.
    pub description: Option<String>,
    /// Words after it has run; from the command when absent.
    pub description_done: Option<String>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// What a step's result does to its build. Names and meaning are Buildbot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFlags {
    /// A failure ends the build, but for steps that always run.
    pub halt_on_failure: bool,
    /// A failure fails the build.
    pub flunk_on_failure: bool,
    /// Warnings fail the build.
    pub flunk_on_warnings: bool,
    /// A failure gives the build warnings.
    pub warn_on_failure: bool,
    /// Warnings give the build warnings.
    pub warn_on_warnings: bool,
    /// It runs even after the build was halted or stopped.
    pub always_run: bool,
}

impl StepFlags {
    /// A failure fails the build, warnings show, and the build goes on.
    pub const PLAIN: StepFlags = StepFlags {
        halt_on_failure: false,
        flunk_on_failure: true,
        flunk_on_warnings: false,
        warn_on_failure: false,
        warn_on_warnings: true,
        always_run: false,
    };

    /// As plain, and a failure ends the build: for what everything later needs.
    pub const HALTING: StepFlags = StepFlags { halt_on_failure: true, ..StepFlags::PLAIN };
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepAction {
    /// Runs a command on the worker.
    Shell(ShellSpec),
    /// Brings a git tree into the work directory.
    Git(GitSpec),
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellSpec {
    /// What to run.
    pub command: CommandLine,
    /// Where, below the builder's directory.
    pub workdir: String,
    /// Environment beyond the worker's own and the builder's.
    pub env: BTreeMap<String, String>,
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
}

impl ShellSpec {
    /// A command with the defaults: in `build`, twenty minutes without output, pipes, five seconds from TERM to KILL.
    pub fn new(command: CommandLine) -> Self {
        Self {
            command,
            workdir: "build".to_owned(),
            env: BTreeMap::new(),
            timeout: Some(Span::seconds(1200)),
            max_time: None,
            sigterm_time: Span::seconds(5),
            pty: false,
            log_environ: true,
        }
    }
}

/// A command: words for `execve`, or a text for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandLine {
    /// Program and arguments, without a shell.
    Words(Vec<String>),
    /// Given to `/bin/sh -c`.
    Script(String),
}

impl CommandLine {
    /// As one would type it.
    pub fn text(&self) -> String {
        match self {
            CommandLine::Words(words) => words.join(" "),
            CommandLine::Script(script) => script.clone(),
        }
    }
}

/// A git checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSpec {
    /// Where to fetch from.
    pub repository: String,
    /// The branch when the source stamp names none; `None` is the remote's `HEAD`.
    pub branch: Option<String>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes, below the builder's directory.
    pub workdir: String,
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
    /// As clobber, without git's own files.
    Export,
}

/// A step of a build that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// The build it belongs to.
    pub build: BuildId,
    /// Its place in the build, from 0.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// When it was started.
    pub started_at: Time,
    /// One line for people: what it does, or how it ended.
    pub state: String,
    /// Where it stands.
    pub status: StepStatus,
}

/// Where a step stands. A step that has not begun has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepStatus {
    /// Its command runs. Its end, a stop or the loss of the worker moves it on.
    Running,
    /// It has its result; never moves again.
    Complete {
        /// When it ended.
        at: Time,
        /// How.
        results: Results,
    },
}

impl StepStatus {
    /// When it ended, if it has.
    pub fn complete_at(self) -> Option<Time> {
        match self {
            StepStatus::Running => None,
            StepStatus::Complete { at, .. } => Some(at),
        }
    }

    /// How it ended, if it has.
    pub fn results(self) -> Option<Results> {
        match self {
            StepStatus::Running => None,
            StepStatus::Complete { results, .. } => Some(results),
        }
    }
}
