//! One command: its spool, its limits, its whole process tree and its end.
//!
//! A worker has slots. Each slot has a directory and, while there is work, a [`supervisor`]: a small process of the same
//! program that runs one command after the other and owns what belongs to it. The worker tells it what to run
//! ([`Job`]) through [`Supervisor`], reads what the command says and how it ended ([`Outcome`]) from the [`spool`], and may
//! die meanwhile: the next worker attaches and goes on. Should the supervisor itself be killed, [`stray`] finds the rest.

mod birth;
mod cgroup;
mod client;
pub mod control;
mod job;
mod mask;
mod outcome;
pub mod pages;
mod proc;
mod quote;
mod spawn;
pub mod spool;
pub mod stray;
pub mod supervisor;
mod sys;
mod text;
mod word;

pub use client::{ClientError, Supervisor};
pub use job::{
    BadJobId, Cgroup, CollectedFile, Environment, FollowedFile, Job, JobId, LogEnviron, Program, Report, Terminal,
};
pub use outcome::{Blame, Collected, EndedBy, Exit, Outcome};
pub use text::signal_name;
pub use word::Word;
