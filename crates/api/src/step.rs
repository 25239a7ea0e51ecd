//! The document of a step.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::{Results, TestTotals, Time};
use serde::{Deserialize, Serialize};

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    pub stepid: i64,
    /// Its place in the build, from 0.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// The build it belongs to.
    pub buildid: i64,
    /// When it was started, in seconds.
    pub started_at: Option<i64>,
    /// When it had its locks, in seconds.
    pub locks_acquired_at: Option<i64>,
    /// It has ended.
    pub complete: bool,
    /// When it ended, in seconds.
    pub complete_at: Option<i64>,
    /// How it ended; `null` while it runs.
    pub results: Option<Results>,
    /// One line for people.
    pub state_string: String,
    /// Links it offers.
    pub urls: Vec<Url>,
    /// It is not shown by default.
    pub hidden: bool,
    /// How many warnings were counted in its output; `null`: nobody counted. Of our own.
    pub warnings: Option<u64>,
    /// What its tests gave, with those at fault by name; `null`: it ran none. Of our own.
    pub tests: Option<TestTotals>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// What it says.
    pub name: String,
    /// Where it leads.
    pub url: String,
}

impl Step {
    /// The document of a step.
    pub fn of(step: &model::Step) -> Self {
        let complete_at = step.status.complete_at();
        Self {
            stepid: step.id.0,
            number: step.number,
            name: step.name.clone(),
            buildid: step.build.0,
            started_at: Some(step.started_at.as_seconds()),
            locks_acquired_at: Some(step.started_at.as_seconds()),
            complete: complete_at.is_some(),
            complete_at: complete_at.map(Time::as_seconds),
            results: step.status.results(),
            state_string: step.state.clone(),
            urls: step.facts.urls.iter().map(|(name, url)| Url { name: name.clone(), url: url.clone() }).collect(),
            hidden: step.facts.hidden,
            warnings: step.facts.warnings,
            tests: step.facts.tests.clone(),
        }
    }
}

impl Document for Step {
    const PLURAL: &'static str = "steps";
    const FIELDS: &'static [Field] = &[
        field("stepid", Kind::Int),
        field("number", Kind::Int),
        field("name", Kind::Text),
        field("buildid", Kind::Int),
        field("started_at", Kind::Int),
        field("locks_acquired_at", Kind::Int),
        field("complete", Kind::Bool),
        field("complete_at", Kind::Int),
        field("results", Kind::Int),
        field("state_string", Kind::Text),
        field("urls", Kind::Nested),
        field("hidden", Kind::Bool),
        field("warnings", Kind::Nested),
        field("tests", Kind::Nested),
    ];
}
