//! The document of a build set.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::request::OPEN;
use crate::source_stamp::SourceStamp;
use model::{Results, Time};
use serde::{Deserialize, Serialize};

/// A build set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSet {
    /// Its id.
    pub bsid: i64,
    /// A name given by whoever asked.
    pub external_idstring: Option<String>,
    /// Why it was filed.
    pub reason: String,
    /// The build that it repeats.
    pub rebuilt_buildid: Option<i64>,
    /// When it was filed, in seconds.
    pub submitted_at: i64,
    /// All its requests have ended.
    pub complete: bool,
    /// When the last of them ended, in seconds.
    pub complete_at: Option<i64>,
    /// The worst of them; -1 ([`OPEN`]) while it is open.
    pub results: i64,
    /// What to build.
    pub sourcestamps: Vec<SourceStamp>,
    /// The build that asked for it.
    pub parent_buildid: Option<i64>,
    /// What it is to that build.
    pub parent_relationship: Option<String>,
}

impl BuildSet {
    /// The document of a set.
    pub fn of(set: &model::BuildSet) -> Self {
        Self {
            bsid: set.id.0,
            external_idstring: set.external_id.clone(),
            reason: set.reason.clone(),
            rebuilt_buildid: set.rebuilt.map(|b| b.0),
            submitted_at: set.submitted_at.as_seconds(),
            complete: set.status.results().is_some(),
            complete_at: set.status.complete_at().map(Time::as_seconds),
            results: set.status.results().map_or(OPEN, Results::code),
            sourcestamps: set.stamps.iter().map(SourceStamp::of).collect(),
            parent_buildid: set.parent.map(|p| p.build.0),
            parent_relationship: set.parent.map(|_| "Triggered from".to_owned()),
        }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Results> {
        Results::from_code(self.results)
    }
}

impl Document for BuildSet {
    const PLURAL: &'static str = "buildsets";
    const FIELDS: &'static [Field] = &[
        field("bsid", Kind::Int),
        field("external_idstring", Kind::Text),
        field("reason", Kind::Text),
        field("rebuilt_buildid", Kind::Int),
        field("submitted_at", Kind::Int),
        field("complete", Kind::Bool),
        field("complete_at", Kind::Int),
        field("results", Kind::Int),
        field("sourcestamps", Kind::Nested),
        field("parent_buildid", Kind::Int),
        field("parent_relationship", Kind::Text),
    ];
}
