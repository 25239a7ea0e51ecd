//! The document of a build.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::master::MASTER;
use crate::property::{self, Properties};
use model::Results;
use serde::{Deserialize, Serialize};

/// A build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Its id.
    pub buildid: i64,
    /// Its number within its builder.
    pub number: i64,
    /// Whose build it is.
    pub builderid: i64,
    /// The request that it answers.
    pub buildrequestid: i64,
    /// Where it runs or ran.
    pub workerid: i64,
    /// The master that drives it.
    pub masterid: i64,
    /// When it was started, in seconds.
    pub started_at: i64,
    /// It has ended.
    pub complete: bool,
    /// When it ended, in seconds.
    pub complete_at: Option<i64>,
    /// How long it waited for locks, in seconds.
    pub locks_duration_s: i64,
    /// How it ended; `null` while it runs.
    pub results: Option<Results>,
    /// One line for people.
    pub state_string: String,
    /// The properties that were asked for with `property=`; else empty.
    #[serde(default)]
    pub properties: Properties,
}

impl Build {
    /// The document of a build, without properties.
    pub fn of(build: &model::Build) -> Self {
        let complete_at = build.status.complete_at();
        Self {
            buildid: build.id.0,
            number: build.number,
            builderid: build.builder.0,
            buildrequestid: build.request.0,
            workerid: build.worker.0,
            masterid: MASTER,
            started_at: build.started_at.as_seconds(),
            complete: complete_at.is_some(),
            complete_at: complete_at.map(model::Time::as_seconds),
            locks_duration_s: 0,
            results: build.status.results(),
            state_string: build.state.clone(),
            properties: Properties::new(),
        }
    }

    /// The document of a build with the properties that `property=` named.
    pub fn with_properties(build: &model::Build, names: &[String]) -> Self {
        Self { properties: property::chosen(&build.properties, names), ..Self::of(build) }
    }
}

impl Document for Build {
    const PLURAL: &'static str = "builds";
    const FIELDS: &'static [Field] = &[
        field("buildid", Kind::Int),
        field("number", Kind::Int),
        field("builderid", Kind::Int),
        field("buildrequestid", Kind::Int),
        field("workerid", Kind::Int),
        field("masterid", Kind::Int),
        field("started_at", Kind::Int),
        field("complete", Kind::Bool),
        field("complete_at", Kind::Int),
        field("locks_duration_s", Kind::Int),
        field("results", Kind::Int),
        field("state_string", Kind::Text),
        field("properties", Kind::Nested),
    ];
}
