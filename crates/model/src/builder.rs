//! Builders: a named way to build, on some workers.

use crate::{BuilderId, Place, Properties, Span, StepSpec};
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
    pub env: BTreeMap<String, String>,
    /// Properties of every build of it.
    pub properties: Properties,
    /// Where it is defined.
    pub defined_at: Option<Place>,
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
}

impl Usual {
    /// A running mean that forgets: the newest build weighs a quarter.
    pub fn learn(old: Option<Span>, new: Span) -> Span {
        old.map_or(new, |o| Span((o.0 * 3 + new.0) / 4))
    }
}
