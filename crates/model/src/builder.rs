//! Builders: a named way to build, on some workers.

use crate::{BuilderId, Condition, FunctionRef, LockUse, Place, Properties, Span, StepSpec, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A builder as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderSpec {
    /// Its unique name.
    pub name: String,
    /// What it is for, in words; may be empty.
    pub description: String,
    /// Groups it belongs to (Buildbot's tags, once categories).
    pub tags: Vec<String>,
    /// Workers that may run its builds; at least one.
    pub workers: Vec<String>,
    /// What a build does, in order.
    pub steps: Vec<StepSpec>,
    /// Directory below each worker's base directory; unique among builders.
    pub builddir: String,
    /// Environment of every command of its builds.
    pub env: BTreeMap<String, Text>,
    /// Properties of every build of it.
    pub properties: Properties,
    /// Properties that the set's own stand above.
    #[serde(default)]
    pub default_properties: Properties,
    /// What a build of it must hold from its start to its end.
    #[serde(default)]
    pub locks: Vec<LockUse>,
    /// Which of its waiting requests one build may answer together.
    #[serde(default)]
    pub collapse: Collapse,
    /// A newer request for the same branch cancels older ones that nobody forced, waiting or running.
    #[serde(default)]
    pub cancel_superseded: bool,
    /// Which free worker takes a request: given the request and the names; answers with a name, or `None` for not now.
    #[serde(default)]
    pub next_worker: Option<FunctionRef>,
    /// Which waiting request goes first: given the requests; answers with an id.
    #[serde(default)]
    pub next_request: Option<FunctionRef>,
    /// Whether a request may start on a worker: given both.
    #[serde(default)]
    pub can_start: Option<FunctionRef>,
    /// A build is skipped when this says no; asked at its start. `None`: always done.
    #[serde(default)]
    pub do_build_if: Option<Condition>,
    /// Durations are learnt from its builds, and their ends foretold.
    #[serde(default = "yes")]
    pub use_progress: bool,
    /// Its steps come from a file of the repository that is built, after its own.
    #[serde(default)]
    pub pipeline: Option<PipelineSpec>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

fn yes() -> bool {
    true
}

impl BuilderSpec {
    /// A builder on some workers, with nothing else said. Its directory is its name.
    pub fn new(name: impl Into<String>, workers: Vec<String>) -> Self {
        let name = name.into();
        Self {
            builddir: name.clone(),
            name,
            description: String::new(),
            tags: Vec::new(),
            workers,
            steps: Vec::new(),
            env: BTreeMap::new(),
            properties: Properties::new(),
            default_properties: Properties::new(),
            locks: Vec::new(),
            collapse: Collapse::default(),
            cancel_superseded: false,
            next_worker: None,
            next_request: None,
            can_start: None,
            do_build_if: None,
            use_progress: true,
            pipeline: None,
            defined_at: None,
        }
    }
}

/// Which waiting requests of a builder one build may answer together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collapse {
    /// Those that are for the same source by the rule of the manual.
    #[default]
    SameSource,
    /// None: each request has a build of its own.
    Never,
    /// Those of which a function, given two requests, says yes.
    Function(FunctionRef),
}

/// Steps that are kept with the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineSpec {
    /// The file, in the tree that was checked out.
    pub file: String,
    /// Which of its builders; the one of the same name, or the only one, when `None`.
    pub builder: Option<String>,
    /// Secrets that its steps may name.
    pub secrets: Vec<String>,
}

/// A builder that is stored. It stays when it is no longer configured, for the sake of its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its id.
    pub id: BuilderId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Groups it belongs to.
    pub tags: Vec<String>,
    /// It is in the present configuration.
    pub configured: bool,
    /// The number that its next build gets; the first build has 1.
    pub next_number: i64,
    /// What its last good builds took.
    pub usual: Usual,
    /// Where it is defined, when it is.
    pub defined_at: Option<Place>,
}

/// What a builder's good builds usually take, learnt from each that passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// A whole build; `None` before the first.
    pub build: Option<Span>,
    /// Each step, by name.
    pub steps: BTreeMap<String, Span>,
    /// How far a whole build usually is from what it usually takes; `None` before the second.
    #[serde(default)]
    pub build_spread: Option<Span>,
    /// The same for each step, by name.
    #[serde(default)]
    pub spread: BTreeMap<String, Span>,
}

impl Usual {
    /// A running mean that forgets: the newest build weighs a quarter.
    pub fn learn(old: Option<Span>, new: Span) -> Span {
        old.map_or(new, |o| Span(o.0.saturating_mul(3).saturating_add(new.0) / 4))
    }

    /// The same for the distance from the mean. The first build cannot say how far others will be from it; before the
    /// second, a fifth is taken for it.
    pub fn learn_spread(old: Option<Span>, mean: Option<Span>, new: Span) -> Option<Span> {
        let mean = mean?;
        let off = Span(new.0.saturating_sub(mean.0).saturating_abs());
        Some(Usual::learn(Some(old.unwrap_or(Span(mean.0 / 5))), off))
    }
}
