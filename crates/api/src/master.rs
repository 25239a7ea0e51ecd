//! The document of a master.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::Time;
use serde::{Deserialize, Serialize};

/// The id of the only master.
pub const MASTER: i64 = 1;

/// A master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its id.
    pub masterid: i64,
    /// Its name.
    pub name: String,
    /// It runs.
    pub active: bool,
    /// When it was last seen to run, in seconds.
    pub last_active: i64,
}

impl Master {
    /// This master, which runs, as it answers.
    pub fn here(now: Time) -> Self {
        Self { masterid: MASTER, name: "sluice".to_owned(), active: true, last_active: now.as_seconds() }
    }
}

impl Document for Master {
    const PLURAL: &'static str = "masters";
    const FIELDS: &'static [Field] = &[
        field("masterid", Kind::Int),
        field("name", Kind::Text),
        field("active", Kind::Bool),
        field("last_active", Kind::Int),
    ];
}
