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
mod callback;
mod check;
mod cron;
mod duration;
mod error;
mod evaluate;
mod functions;
mod given;
mod guard;
mod import;
mod interpolation;
mod json;
mod library;
mod loader;
mod names;
mod pattern;
mod plain;
mod reference;
mod registry;
mod scan;
mod sites;
mod texts;
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
pub use import::{Imported, Note, import};
pub use loader::{Asked, Limits, Loader};
pub use reference::reference;

use model::{Condition, Config, Functions, Lookup, Place, StepAction, StepSpec, Text};
use registry::Mode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Evaluates and checks a master's configuration. `file` is the name of its first file, usually `master.star`.
///
/// Errors: whatever is wrong with it first, with the place and what would be right.
pub fn load(file: &str, loader: &dyn Loader, limits: &Limits) -> Result<Config, ConfigError> {
    Ok(load_all(file, loader, limits)?.config)
}

/// As [`load`], with the functions that the configuration gave.
///
/// Errors: as [`load`].
pub fn load_all(file: &str, loader: &dyn Loader, limits: &Limits) -> Result<Loaded, ConfigError> {
    let outcome = evaluate::run(file, loader, limits, Mode::Master)?;
    let config = check::master(&outcome.registry)?;
    let functions = Arc::new(callback::Kept { functions: outcome.functions, named: outcome.named, limits: *limits });
    Ok(Loaded { config, functions })
}

/// A configuration, and its functions as they can be called.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was configured.
    pub config: Config,
    /// What its functions answer: from any thread, each call on its own, within limits of time and memory.
    ///
    /// What a function is given: a map becomes a value with fields (`change.branch`), but what is called `properties`
    /// stays a dict. What it answers becomes plain values again.
    pub functions: Arc<dyn Functions>,
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
    check::pipeline(file, &evaluate::run(file, loader, limits, Mode::Pipeline)?.registry)
}

/// Evaluates and checks the tests of an area, usually `tests.star`. It knows `test` and `tests.…`, and no secrets.
///
/// Errors: as [`load`]. What waits for what, and which items there are, is checked by whoever makes a run of it.
pub fn load_tests(file: &str, loader: &dyn Loader, limits: &Limits) -> Result<model::area::Area, ConfigError> {
    check::area(file, &evaluate::run(file, loader, limits, Mode::Tests)?.registry)
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
    /// Its builders, in the order in which they were defined.
    pub builders: Vec<PipelineBuilder>,
    /// What must pass before a change lands, in the order in which it was defined. One of the two has something in it.
    #[serde(default)]
    pub tasks: Vec<model::TaskSpec>,
    /// Where its changes land, if it says so.
    #[serde(default)]
    pub gate: Option<model::MasterSpec>,
}

impl Pipeline {
    /// The first secret that its texts name and that is none of `granted`, with the place of what names it. Whoever
    /// runs a pipeline asks this first.
    pub fn ungranted(&self, granted: &[String]) -> Option<(String, Option<Place>)> {
        let beyond = |text: &Text| {
            let names = text.lookups().into_iter().filter_map(|lookup| match lookup {
                Lookup::Secret(name) => Some(name),
                _ => None,
            });
            names.into_iter().find(|name| !granted.contains(name)).cloned()
        };
        self.builders.iter().find_map(|builder| {
            let own = builder.env.values().find_map(beyond).map(|name| (name, builder.defined_at.clone()));
            own.or_else(|| {
                builder.steps.iter().find_map(|step| {
                    let mut look = |text: &Text| beyond(text).map_or(Ok(String::new()), Err);
                    let mut words = step.description.iter().chain(&step.description_done);
                    let conditions = [&step.do_if, &step.hide_if].into_iter().flatten().find_map(|c| match c {
                        Condition::Text(text) => beyond(text),
                        Condition::Fixed(_) | Condition::Function(_) => None,
                    });
                    let found = step.action.try_map(&mut look).err().or_else(|| words.find_map(beyond)).or(conditions);
                    let asked = match &step.action {
                        StepAction::Assert { condition: Condition::Text(text), .. } => beyond(text),
                        _ => None,
                    };
                    found.or(asked).map(|name| (name, step.defined_at.clone()))
                })
            })
        })
    }
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
