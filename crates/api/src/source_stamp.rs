//! The document of a source stamp.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use serde::{Deserialize, Serialize};

/// A source stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStamp {
    /// Its id; `null` within a change that no set has been filed for.
    pub ssid: Option<i64>,
    /// The revision; `null` is the latest.
    pub revision: Option<String>,
    /// The branch; `null` is the default branch.
    pub branch: Option<String>,
    /// Where the source lives.
    pub repository: String,
    /// The project.
    pub project: String,
    /// The codebase.
    pub codebase: String,
    /// A patch to apply after the checkout.
    pub patch: Option<Patch>,
    /// When it was made, in seconds.
    pub created_at: i64,
}

/// A patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Its id: that of its stamp.
    pub patchid: i64,
    /// How many leading path elements to strip.
    pub level: u32,
    /// Where to apply it.
    pub subdir: String,
    /// Who sent it.
    pub author: String,
    /// What for.
    pub comment: String,
    /// The diff; bytes that are no UTF-8 are replaced.
    pub body: String,
}

impl SourceStamp {
    /// The document of a stamp.
    pub fn of(stamp: &model::SourceStamp) -> Self {
        Self {
            ssid: Some(stamp.id.0),
            revision: stamp.revision.clone(),
            branch: stamp.branch.clone(),
            repository: stamp.repository.clone(),
            project: stamp.project.clone(),
            codebase: stamp.codebase.clone(),
            patch: stamp.patch.as_ref().map(|p| Patch {
                patchid: stamp.id.0,
                level: p.level,
                subdir: p.subdir.clone(),
                author: p.author.clone(),
                comment: p.comment.clone(),
                body: String::from_utf8_lossy(&p.body).into_owned(),
            }),
            created_at: stamp.created_at.as_seconds(),
        }
    }
}

impl Document for SourceStamp {
    const PLURAL: &'static str = "sourcestamps";
    const FIELDS: &'static [Field] = &[
        field("ssid", Kind::Int),
        field("revision", Kind::Text),
        field("branch", Kind::Text),
        field("repository", Kind::Text),
        field("project", Kind::Text),
        field("codebase", Kind::Text),
        field("patch", Kind::Nested),
        field("created_at", Kind::Int),
    ];
}
