//! Starlark files in, one checked and immutable configuration out.
//!
//! The only room that knows Starlark: no type of it leaves. It opens no file, reads no environment and no clock;
//! what it needs comes through the [`Loader`] that the caller gives.
//!
//! The limits of this room stop what goes wrong by accident: endless loops and recursion, lists that grow without
//! end, `[0] * 10000000000`. A few library functions (`replace`, `join`, `sorted` of something huge) cannot be
//! interrupted from inside, so a file that somebody else wrote belongs in a child process with `RLIMIT_AS` and
//! `RLIMIT_CPU`: the child prints [`load_to_json`], the parent reads it with [`from_json`].

mod address;
mod call;
mod check;
mod duration;
mod error;
mod evaluate;
mod functions;
mod given;
mod guard;
mod json;
mod loader;
mod names;
mod registry;
mod scan;
mod sites;
mod translate;
mod value;

#[cfg(test)]
mod tests;

pub mod describe;
pub mod detect;
pub mod difference;

pub use describe::describe;
pub use difference::difference;
pub use error::ConfigError;
pub use loader::{Limits, Loader};

use model::{Config, Place, StepSpec, Text};
use registry::Mode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Evaluates and checks a master's configuration. `file` is the name of its first file, usually `master.star`.
///
/// Errors: whatever is wrong with it first, with the place and what would be right.
pub fn load(file: &str, loader: &dyn Loader, limits: &Limits) -> Result<Config, ConfigError> {
    check::master(&evaluate::run(file, loader, limits, Mode::Master)?)
}

/// Whether a builder, a worker, a scheduler or a step may have this name.
///
/// Errors: what a name looks like, as the end of "it must be ...".
pub fn check_name(text: &str) -> Result<(), &'static str> {
    address::name(text)
}

/// Evaluates and checks a repository's own pipeline, usually `sluice.star`.
///
/// It knows `builder` (which needs no workers there) and `steps`, and no secrets, since anybody who may propose a
/// change may write it. The checkout is not among its steps: whoever runs the pipeline puts it first.
pub fn load_pipeline(file: &str, loader: &dyn Loader, limits: &Limits) -> Result<Pipeline, ConfigError> {
    check::pipeline(file, &evaluate::run(file, loader, limits, Mode::Pipeline)?)
}

/// What [`load`] answers, as JSON for a pipe between two processes: the configuration with its secrets, or the error.
/// It belongs on no disk and in no log.
pub fn load_to_json(file: &str, loader: &dyn Loader, limits: &Limits) -> String {
    json::write(file, load(file, loader, limits))
}

/// Reads what [`load_to_json`] wrote. A text that is cut short or is none of its making is an error of `file`.
pub fn from_json(file: &str, text: &str) -> Result<Config, ConfigError> {
    json::read(file, text)
}

/// As [`load_to_json`], for [`load_pipeline`].
pub fn load_pipeline_to_json(file: &str, loader: &dyn Loader, limits: &Limits) -> String {
    json::write(file, load_pipeline(file, loader, limits))
}

/// Reads what [`load_pipeline_to_json`] wrote.
pub fn pipeline_from_json(file: &str, text: &str) -> Result<Pipeline, ConfigError> {
    json::read(file, text)
}

/// A pipeline kept with the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its builders, in the order in which they were defined; at least one.
    pub builders: Vec<PipelineBuilder>,
}

/// A builder of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineBuilder {
    /// Its unique name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Groups it belongs to.
    pub tags: Vec<String>,
    /// What it does after the checkout.
    pub steps: Vec<StepSpec>,
    /// Environment of its commands.
    pub env: BTreeMap<String, Text>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}
