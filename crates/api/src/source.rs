//! The document of a change source.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::master::Master;
use serde::{Deserialize, Serialize};

/// A change source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSource {
    /// Its place in the configuration, from 1.
    pub changesourceid: i64,
    /// Its name.
    pub name: String,
    /// The master that runs it.
    pub master: Option<Master>,
}

impl Document for ChangeSource {
    const PLURAL: &'static str = "changesources";
    const FIELDS: &'static [Field] =
        &[field("changesourceid", Kind::Int), field("name", Kind::Text), field("master", Kind::Nested)];
}
