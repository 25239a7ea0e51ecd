//! Changes: what somebody did to the source.

use crate::{ChangeId, Properties, Time};
use serde::{Deserialize, Serialize};

/// A change as a source saw it, before the store has given it an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewChange {
    /// Who wrote it, as the version control system has it (`Name <mail>` for git).
    pub author: String,
    /// Who committed it, where that is another.
    pub committer: Option<String>,
    /// The message, whole; invalid UTF-8 replaced.
    pub comments: String,
    /// The revision in the system's own form.
    pub revision: Option<String>,
    /// The branch; `None` is the default branch.
    pub branch: Option<String>,
    /// Where the source lives.
    pub repository: String,
    /// The project it belongs to; may be empty.
    pub project: String,
    /// The part of a multi-repository build that it belongs to; empty for the only one.
    pub codebase: String,
    /// A free word for filters.
    pub category: Option<String>,
    /// A page that shows the change.
    pub revlink: Option<String>,
    /// Files it touched, relative to the tree.
    pub files: Vec<String>,
    /// When it was made, by its author's clock.
    pub when: Time,
    /// Properties that builds of it get.
    pub properties: Properties,
}

/// A change that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id; ids rise in the order in which changes were accepted.
    pub id: ChangeId,
    /// When it was accepted, by the master's clock.
    pub received_at: Time,
    /// What was seen.
    pub facts: NewChange,
}

impl NewChange {
    /// The first line of the message.
    pub fn title(&self) -> &str {
        self.comments.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or("")
    }

    /// The author's name without the mail address.
    pub fn author_name(&self) -> &str {
        let name = self.author.split('<').next().unwrap_or("").trim();
        if name.is_empty() { self.author.trim() } else { name }
    }

    /// A revision short enough for a line: hashes are cut to twelve characters.
    pub fn short_revision(&self) -> Option<&str> {
        self.revision.as_deref().map(short_revision)
    }
}

/// A revision short enough for a line: hexadecimal hashes are cut to twelve characters, others are left whole.
pub fn short_revision(revision: &str) -> &str {
    let is_hash = revision.len() >= 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { &revision[..12] } else { revision }
}
