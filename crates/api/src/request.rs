//! The document of a build request.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::master::MASTER;
use crate::property::{self, Properties};
use model::{RequestStatus, Results, Time};
use serde::{Deserialize, Serialize};

/// The number that stands for a result while there is none, for requests and sets.
pub const OPEN: i64 = -1;

/// A build request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// Its id.
    pub buildrequestid: i64,
    /// The set it belongs to.
    pub buildsetid: i64,
    /// The builder that is asked.
    pub builderid: i64,
    /// Higher goes first.
    pub priority: i64,
    /// Somebody has taken it; stays true when it is complete.
    pub claimed: bool,
    /// When a build of it was started, in seconds, while that build runs.
    pub claimed_at: Option<i64>,
    /// The master that took it.
    pub claimed_by_masterid: Option<i64>,
    /// It has ended.
    pub complete: bool,
    /// When it ended, in seconds.
    pub complete_at: Option<i64>,
    /// How it ended; -1 ([`OPEN`]) while it is open.
    pub results: i64,
    /// When it was filed, in seconds.
    pub submitted_at: i64,
    /// Another build waits for it.
    pub waited_for: bool,
    /// Who wanted it to end, and why; `null`: nobody did. Of our own.
    #[serde(default)]
    pub cancel: Option<String>,
    /// The properties that were asked for with `property=`; else empty.
    #[serde(default)]
    pub properties: Properties,
}

impl BuildRequest {
    /// The document of a request, without properties.
    pub fn of(request: &model::Request) -> Self {
        let claimed = request.status != RequestStatus::Waiting;
        Self {
            buildrequestid: request.id.0,
            buildsetid: request.set.0,
            builderid: request.builder.0,
            priority: request.priority,
            claimed,
            claimed_at: request.status.claimed_at().map(Time::as_seconds),
            claimed_by_masterid: claimed.then_some(MASTER),
            complete: request.status.results().is_some(),
            complete_at: request.status.complete_at().map(Time::as_seconds),
            results: request.status.results().map_or(OPEN, Results::code),
            submitted_at: request.submitted_at.as_seconds(),
            cancel: request.cancel.clone(),
            waited_for: request.waited_for,
            properties: Properties::new(),
        }
    }

    /// The document of a request with those properties of its set that `property=` named.
    pub fn with_properties(request: &model::Request, set: &model::BuildSet, names: &[String]) -> Self {
        Self { properties: property::chosen(&set.properties, names), ..Self::of(request) }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Results> {
        Results::from_code(self.results)
    }
}

impl Document for BuildRequest {
    const PLURAL: &'static str = "buildrequests";
    const FIELDS: &'static [Field] = &[
        field("buildrequestid", Kind::Int),
        field("buildsetid", Kind::Int),
        field("builderid", Kind::Int),
        field("priority", Kind::Int),
        field("claimed", Kind::Bool),
        field("claimed_at", Kind::Int),
        field("claimed_by_masterid", Kind::Int),
        field("complete", Kind::Bool),
        field("complete_at", Kind::Int),
        field("results", Kind::Int),
        field("submitted_at", Kind::Int),
        field("waited_for", Kind::Bool),
        field("cancel", Kind::Nested),
        field("properties", Kind::Nested),
    ];
}
