//! The documents of schedulers and force schedulers, and what `force` takes and gives.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::limit;
use crate::master::Master;
use crate::property;
use model::{BuilderId, Parameter, ParameterKind, Properties, RequestId, SchedulerKind, SchedulerSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Its id.
    pub schedulerid: i64,
    /// Its name.
    pub name: String,
    /// It files sets.
    pub enabled: bool,
    /// The master that runs it; `null` for one of the past.
    pub master: Option<Master>,
}

impl Scheduler {
    /// The document of a scheduler; `master` is this master.
    pub fn of(scheduler: &model::Scheduler, master: &Master) -> Self {
        Self {
            schedulerid: scheduler.id.0,
            name: scheduler.name.clone(),
            enabled: scheduler.state.enabled,
            master: scheduler.configured.then(|| master.clone()),
        }
    }
}

impl Document for Scheduler {
    const PLURAL: &'static str = "schedulers";
    const FIELDS: &'static [Field] = &[
        field("schedulerid", Kind::Int),
        field("name", Kind::Text),
        field("enabled", Kind::Bool),
        field("master", Kind::Nested),
    ];
}

/// A scheduler that files a set when somebody asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceScheduler {
    /// Its name.
    pub name: String,
    /// What its button says.
    pub button_name: String,
    /// What it is headed with.
    pub label: String,
    /// Builders it may ask.
    pub builder_names: Vec<String>,
    /// It files sets.
    pub enabled: bool,
    /// What may be filled in.
    pub all_fields: Vec<ForceField>,
}

/// A field of a force scheduler's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceField {
    /// Its name.
    pub name: String,
    /// The name of the parameter of `force`.
    #[serde(rename = "fullName")]
    pub full_name: String,
    /// What it says.
    pub label: String,
    /// `text`, `textarea`, `int`, `bool`, `list`, `fixed`, `worker` or `username`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it has at first.
    pub default: Value,
    /// It must not be empty.
    pub required: bool,
    /// More words about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tooltip: String,
    /// What there is to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// Several may be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiple: Option<bool>,
    /// Nothing but the choices may be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// What it must look like, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

impl ForceField {
    fn plain(name: &str, label: &str, kind: &str, default: impl Into<Value>) -> Self {
        Self {
            name: name.to_owned(),
            full_name: name.to_owned(),
            label: label.to_owned(),
            kind: kind.to_owned(),
            default: default.into(),
            required: false,
            tooltip: String::new(),
            choices: None,
            multiple: None,
            strict: None,
            regex: None,
        }
    }

    /// The document of a field of the scheduler's own.
    fn of(parameter: &Parameter) -> Self {
        let plain = |kind: &str, default: Value| Self {
            required: parameter.required,
            tooltip: parameter.tooltip.clone(),
            ..Self::plain(&parameter.name, &parameter.label, kind, default)
        };
        match &parameter.kind {
            ParameterKind::String { default, regex, .. } => {
                Self { regex: regex.clone(), ..plain("text", default.clone().into()) }
            }
            ParameterKind::Text { default } => plain("textarea", default.clone().into()),
            ParameterKind::Int { default, .. } => plain("int", (*default).into()),
            ParameterKind::Boolean { default } => plain("bool", (*default).into()),
            ParameterKind::Choice { choices, default, open } => Self {
                choices: Some(choices.clone()),
                multiple: Some(false),
                strict: Some(!open),
                ..plain("list", default.clone().into())
            },
            ParameterKind::Choices { choices, default } => Self {
                choices: Some(choices.clone()),
                multiple: Some(true),
                strict: Some(true),
                ..plain("list", default.clone().into())
            },
            ParameterKind::Fixed { default } => plain("fixed", serde_json::to_value(default).unwrap_or_default()),
            ParameterKind::Worker { default } => plain("worker", default.clone().into()),
        }
    }
}

impl ForceScheduler {
    /// The document of a force scheduler; `None` for another kind.
    pub fn of(spec: &SchedulerSpec, enabled: bool) -> Option<Self> {
        let SchedulerKind::Force(force) = &spec.kind else { return None };
        let usual = [
            ForceField::plain("username", "Your name:", "username", ""),
            ForceField::plain("reason", "Reason", "text", "force build"),
            ForceField::plain("priority", "Priority", "int", "0"),
            ForceField::plain("branch", "Branch:", "text", ""),
            ForceField::plain("revision", "Revision:", "text", ""),
            ForceField::plain("repository", "Repository:", "text", ""),
            ForceField::plain("project", "Project:", "text", ""),
        ];
        Some(Self {
            name: spec.name.clone(),
            button_name: force.button.clone(),
            label: if force.label.is_empty() { spec.name.clone() } else { force.label.clone() },
            builder_names: spec.builders.clone(),
            enabled,
            all_fields: usual.into_iter().chain(force.parameters.iter().map(ForceField::of)).collect(),
        })
    }
}

impl Document for ForceScheduler {
    const PLURAL: &'static str = "forceschedulers";
    const FIELDS: &'static [Field] = &[
        field("name", Kind::Text),
        field("button_name", Kind::Text),
        field("label", Kind::Text),
        field("builder_names", Kind::List),
        field("enabled", Kind::Bool),
        field("all_fields", Kind::Nested),
    ];
}

/// The parameters of `force`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForceParams {
    /// Builders by id.
    pub builder_ids: Vec<BuilderId>,
    /// Builders by name.
    pub builder_names: Vec<String>,
    /// Who asks, in their own words; who is logged in goes before it.
    pub owner: Option<String>,
    /// Why; `force build` when nothing is said.
    pub reason: String,
    /// The branch.
    pub branch: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// The repository.
    pub repository: String,
    /// The project.
    pub project: String,
    /// Higher goes first.
    pub priority: i64,
    /// What was filled into fields of the scheduler's own.
    pub fields: BTreeMap<String, model::Value>,
    /// Properties of the builds.
    pub properties: Properties,
}

/// Where the properties of a force come from, as Buildbot says it.
pub const FORCE_SOURCE: &str = "Force Build Form";

impl ForceParams {
    /// Reads the parameters.
    ///
    /// # Errors
    /// Every field that is not right, with what is wrong. Whether the scheduler has a field of its own of another name
    /// is for the master to say: a slip in `branch` would else build something that nobody asked for.
    pub fn parse(params: &Map<String, Value>) -> Result<Self, Vec<(String, String)>> {
        let mut out = Self { reason: "force build".to_owned(), ..Self::default() };
        let mut wrong = Vec::new();
        for (name, value) in params {
            if let Err(what) = out.take(name, value) {
                wrong.push((name.clone(), what));
            }
        }
        if wrong.is_empty() { Ok(out) } else { Err(wrong) }
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match name {
            "builderid" => self.builder_ids.push(BuilderId(whole(value)?)),
            "builderNames" => self.builder_names = names(value)?,
            "owner" | "username" => self.owner = said(value, limit::NAME)?.or(self.owner.take()),
            "reason" => self.reason = said(value, limit::REASON)?.unwrap_or_else(|| "force build".to_owned()),
            "branch" => self.branch = handed_on(value)?,
            "revision" => self.revision = handed_on(value)?,
            "repository" => self.repository = handed_on(value)?.unwrap_or_default(),
            "project" => self.project = said(value, limit::NAME)?.unwrap_or_default(),
            "priority" => self.priority = limit::priority(whole(value)?)?,
            "properties" => {
                let Value::Object(map) = value else { return Err("must be an object: name to value".to_owned()) };
                limit::properties(map.len())?;
                for (name, json) in map {
                    limit::property(name, json)?;
                    let value = property::value(json.clone()).map_err(|e| format!("{name}: {e}"))?;
                    self.properties.insert(name.clone(), model::Property { value, source: FORCE_SOURCE.to_owned() });
                }
            }
            _ => {
                limit::property(name, value)?;
                limit::properties(self.fields.len())?;
                self.fields.insert(name.to_owned(), property::value(value.clone())?);
            }
        }
        Ok(())
    }

    /// The parameters as the body of a call has them.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if let [id] = self.builder_ids.as_slice() {
            map.insert("builderid".to_owned(), id.0.into());
        }
        if !self.builder_names.is_empty() {
            map.insert("builderNames".to_owned(), self.builder_names.clone().into());
        }
        let texts = [
            ("owner", self.owner.as_deref()),
            ("reason", Some(self.reason.as_str())),
            ("branch", self.branch.as_deref()),
            ("revision", self.revision.as_deref()),
            ("repository", Some(self.repository.as_str())),
            ("project", Some(self.project.as_str())),
        ];
        for (name, text) in texts {
            if let Some(text) = text.filter(|t| !t.is_empty()) {
                map.insert(name.to_owned(), text.into());
            }
        }
        if self.priority != 0 {
            map.insert("priority".to_owned(), self.priority.into());
        }
        let json = |v: &model::Value| serde_json::to_value(v).unwrap_or_default();
        for (name, value) in &self.fields {
            map.insert(name.clone(), json(value));
        }
        if !self.properties.is_empty() {
            let values = self.properties.iter().map(|(n, p)| (n.clone(), json(&p.value))).collect();
            map.insert("properties".to_owned(), Value::Object(values));
        }
        Value::Object(map)
    }
}

fn whole(value: &Value) -> Result<i64, String> {
    let number = value.as_i64().or_else(|| value.as_str().and_then(|t| t.trim().parse().ok()));
    number.ok_or_else(|| "must be a whole number".to_owned())
}

/// Text of so many characters at most; empty is nothing.
fn said(value: &Value, most: usize) -> Result<Option<String>, String> {
    let text = value.as_str().ok_or_else(|| "must be text".to_owned())?;
    limit::text(text, most)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Text that programs are handed; empty is nothing.
fn handed_on(value: &Value) -> Result<Option<String>, String> {
    let text = said(value, limit::NAME)?;
    text.as_deref().map_or(Ok(()), limit::handed_on)?;
    Ok(text)
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || "must be a list of builder names".to_owned();
    match value {
        Value::Array(none) if none.is_empty() => {
            Err("names no builder; leave it out for all that the scheduler has".to_owned())
        }
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// The result of `force` and `rebuild`: `[bsid, {builderid: buildrequestid}]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced(pub i64, pub BTreeMap<i64, i64>);

impl Forced {
    /// What was filed.
    pub fn of(set: model::BuildSetId, requests: &[(BuilderId, RequestId)]) -> Self {
        Self(set.0, requests.iter().map(|(b, r)| (b.0, r.0)).collect())
    }
}
