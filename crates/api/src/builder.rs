//! The document of a builder.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::master::MASTER;
use serde::{Deserialize, Serialize};

/// A builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Its id.
    pub builderid: i64,
    /// Its name.
    pub name: String,
    /// Masters that have it configured; empty for a builder of the past.
    pub masterids: Vec<i64>,
    /// What it is for.
    pub description: Option<String>,
    /// The markup of the description; plain text has none.
    pub description_format: Option<String>,
    /// The description rendered from its markup.
    pub description_html: Option<String>,
    /// The project it belongs to.
    pub projectid: Option<i64>,
    /// Groups it belongs to.
    pub tags: Vec<String>,
}

impl Builder {
    /// The document of a builder.
    pub fn of(builder: &model::Builder) -> Self {
        Self {
            builderid: builder.id.0,
            name: builder.name.clone(),
            masterids: if builder.configured { vec![MASTER] } else { Vec::new() },
            description: (!builder.description.is_empty()).then(|| builder.description.clone()),
            description_format: None,
            description_html: None,
            projectid: None,
            tags: builder.tags.clone(),
        }
    }
}

impl Document for Builder {
    const PLURAL: &'static str = "builders";
    const FIELDS: &'static [Field] = &[
        field("builderid", Kind::Int),
        field("name", Kind::Text),
        field("masterids", Kind::List),
        field("description", Kind::Text),
        field("description_format", Kind::Text),
        field("description_html", Kind::Text),
        field("projectid", Kind::Int),
        field("tags", Kind::List),
    ];
}
