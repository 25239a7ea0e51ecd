//! The document of a change, and what `POST /changes` takes.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::limit;
use crate::property::{self, Properties};
use crate::source_stamp::SourceStamp;
use model::{NewChange, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub changeid: i64,
    /// The changes it follows; not kept.
    pub parent_changeids: Vec<i64>,
    /// Who wrote it.
    pub author: String,
    /// Who committed it, where that is another.
    pub committer: Option<String>,
    /// Files it touched.
    pub files: Vec<String>,
    /// The message, whole.
    pub comments: String,
    /// The revision.
    pub revision: Option<String>,
    /// When it was made, in seconds.
    pub when_timestamp: i64,
    /// The branch; `null` is the default branch.
    pub branch: Option<String>,
    /// A free word for filters.
    pub category: Option<String>,
    /// A page that shows it.
    pub revlink: Option<String>,
    /// Properties that builds of it get.
    pub properties: Properties,
    /// Where the source lives.
    pub repository: String,
    /// The project.
    pub project: String,
    /// The codebase.
    pub codebase: String,
    /// The source as it is with this change.
    pub sourcestamp: SourceStamp,
}

impl Change {
    /// The document of a change.
    pub fn of(change: &model::Change) -> Self {
        let facts = &change.facts;
        Self {
            changeid: change.id.0,
            parent_changeids: Vec::new(),
            author: facts.author.clone(),
            committer: facts.committer.clone(),
            files: facts.files.clone(),
            comments: facts.comments.clone(),
            revision: facts.revision.clone(),
            when_timestamp: facts.when.as_seconds(),
            branch: facts.branch.clone(),
            category: facts.category.clone(),
            revlink: facts.revlink.clone(),
            properties: property::all(&facts.properties),
            repository: facts.repository.clone(),
            project: facts.project.clone(),
            codebase: facts.codebase.clone(),
            sourcestamp: SourceStamp {
                ssid: None,
                revision: facts.revision.clone(),
                branch: facts.branch.clone(),
                repository: facts.repository.clone(),
                project: facts.project.clone(),
                codebase: facts.codebase.clone(),
                patch: None,
                created_at: change.received_at.as_seconds(),
            },
        }
    }
}

impl Document for Change {
    const PLURAL: &'static str = "changes";
    const FIELDS: &'static [Field] = &[
        field("changeid", Kind::Int),
        field("parent_changeids", Kind::List),
        field("author", Kind::Text),
        field("committer", Kind::Text),
        field("files", Kind::List),
        field("comments", Kind::Text),
        field("revision", Kind::Text),
        field("when_timestamp", Kind::Int),
        field("branch", Kind::Text),
        field("category", Kind::Text),
        field("revlink", Kind::Text),
        field("properties", Kind::Nested),
        field("repository", Kind::Text),
        field("project", Kind::Text),
        field("codebase", Kind::Text),
        field("sourcestamp", Kind::Nested),
    ];
}

/// The parameters of `add` at `/changes`: a change that a hook or a person tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddChange {
    /// Who wrote it; must not be empty.
    pub author: String,
    /// Who committed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committer: Option<String>,
    /// The message.
    pub comments: String,
    /// The revision; without one the change cannot be told from a second of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The branch; absent: the default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Where the source lives.
    pub repository: String,
    /// The project.
    pub project: String,
    /// The codebase.
    pub codebase: String,
    /// A free word for filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A page that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revlink: Option<String>,
    /// Files it touched.
    pub files: Vec<String>,
    /// When it was made, in seconds; absent: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_timestamp: Option<i64>,
    /// Properties, by name.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// Who tells of it; the master writes it over with who is logged in.
    #[serde(skip_serializing)]
    pub owner: serde_json::Value,
}

impl AddChange {
    /// The change that is meant, with `now` where it names no time.
    ///
    /// # Errors
    /// Each field that is not right, with what is wrong.
    pub fn into_change(self, now: Time) -> Result<NewChange, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        if self.author.trim().is_empty() {
            wrong.push(("author".to_owned(), "say who wrote the change".to_owned()));
        }
        let when = match self.when_timestamp {
            None => Ok(now),
            Some(seconds) => limit::when(seconds, now),
        };
        let texts = [
            ("author", self.author.as_str()),
            ("committer", self.committer.as_deref().unwrap_or_default()),
            ("revision", self.revision.as_deref().unwrap_or_default()),
            ("project", &self.project),
            ("codebase", &self.codebase),
            ("category", self.category.as_deref().unwrap_or_default()),
        ];
        let mut limits: Vec<_> = texts.map(|(name, text)| (name, limit::text(text, limit::NAME))).into();
        // A revision may be a text of many lines, such as a context of Darcs.
        limits.push(("branch", limit::handed_on(self.branch.as_deref().unwrap_or_default())));
        limits.push(("repository", limit::handed_on(&self.repository)));
        limits.push(("properties", limit::properties(self.properties.len())));
        limits.push(("when_timestamp", when.clone().map(drop)));
        wrong.extend(limits.into_iter().filter_map(|(name, kept)| Some((name.to_owned(), kept.err()?))));
        let mut properties = model::Properties::new();
        for (name, json) in self.properties {
            match limit::property(&name, &json).and_then(|()| property::value(json)) {
                Ok(value) => {
                    properties.insert(name, model::Property { value, source: "Change".to_owned() });
                }
                Err(what) => wrong.push((format!("properties.{name}"), what)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(NewChange {
            author: self.author,
            committer: self.committer,
            comments: self.comments,
            revision: self.revision.filter(|r| !r.is_empty()),
            branch: self.branch.filter(|b| !b.is_empty()),
            repository: self.repository,
            project: self.project,
            codebase: self.codebase,
            category: self.category,
            revlink: self.revlink.filter(|l| !l.is_empty()),
            files: self.files,
            when: when.unwrap_or(now),
            properties,
        })
    }
}
