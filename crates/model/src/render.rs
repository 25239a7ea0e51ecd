//! Finishing texts: properties, source, secrets and the worker's facts put in.

use crate::worker::Secret;
use crate::{Form, Lookup, Piece, Properties, SourceField, SourceStamp, StepAction, Text, Value, Worker, WorkerField};
use std::collections::BTreeMap;

/// What can be put in, as it is when a step begins.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The build's properties.
    pub properties: &'a Properties,
    /// What it builds, one stamp per codebase.
    pub stamps: &'a [SourceStamp],
    /// Where it runs.
    pub worker: Option<&'a Worker>,
    /// Secrets by name.
    pub secrets: &'a BTreeMap<String, Secret>,
}

/// A step's action with everything put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// What is to be done.
    pub action: StepAction<String>,
    /// The secrets that are in it: to be masked wherever they could be shown.
    pub secrets: Vec<Secret>,
}

/// Finishes every text of an action.
///
/// # Errors
/// A sentence: what is looked up is not there.
pub fn action(action: &StepAction, sight: &Sight<'_>) -> Result<Rendered, String> {
    let mut secrets = Vec::new();
    let mut turn = |t: &Text| {
        for lookup in t.lookups() {
            if let Lookup::Secret(name) = lookup {
                secrets.extend(sight.secrets.get(name).cloned());
            }
        }
        text(t, sight)
    };
    let action = action.try_map(&mut turn)?;
    Ok(Rendered { action, secrets })
}

/// Finishes one text.
///
/// # Errors
/// A sentence: what is looked up is not there.
pub fn text(text: &Text, sight: &Sight<'_>) -> Result<String, String> {
    match text {
        Text::Plain(plain) => Ok(plain.clone()),
        Text::Pieces(pieces) => pieces.iter().map(|p| piece(p, sight)).collect(),
    }
}

fn piece(piece: &Piece, sight: &Sight<'_>) -> Result<String, String> {
    match piece {
        Piece::Literal(literal) => Ok(literal.clone()),
        Piece::Lookup { of, form } => {
            let found = find(of, sight);
            match (form, found) {
                (Form::Value | Form::OrFail(_) | Form::OrElse(_), Some(value)) => Ok(shown(&value)),
                (Form::OrElseIfFalse(_), Some(value)) if is_true(&value) => Ok(shown(&value)),
                // Whatever the form says: there is nobody who knows.
                (_, None) if matches!(of, Lookup::ChangedFiles { .. }) => Err(missing(of, sight)),
                (Form::OrElse(other), None) | (Form::OrElseIfFalse(other), _) => text(other, sight),
                (Form::IfSet(other), Some(_)) => text(other, sight),
                (Form::IfSet(_), None) => Ok(String::new()),
                (Form::OrFail(message), None) => Err(message.clone()),
                (Form::Value, None) => Err(missing(of, sight)),
            }
        }
    }
}

fn find(of: &Lookup, sight: &Sight<'_>) -> Option<Value> {
    match of {
        Lookup::Property(name) => sight.properties.get(name).map(|p| p.value.clone()),
        Lookup::Source { codebase, field } => {
            let stamp = sight.stamps.iter().find(|s| s.codebase == *codebase)?;
            Some(match field {
                SourceField::Branch => stamp.branch.clone().into(),
                SourceField::Revision => stamp.revision.clone().into(),
                SourceField::Repository => Value::from(stamp.repository.as_str()),
                SourceField::Project => Value::from(stamp.project.as_str()),
                SourceField::Codebase => Value::from(stamp.codebase.as_str()),
            })
        }
        Lookup::Secret(name) => sight.secrets.get(name).map(|s| Value::from(s.reveal())),
        Lookup::Worker(field) => sight.worker.map(|w| match field {
            WorkerField::Name => Value::from(w.name.as_str()),
            WorkerField::Admin => Value::from(w.info.admin.trim_end()),
            WorkerField::Host => Value::from(w.info.host.trim_end()),
            WorkerField::System => Value::from(w.info.system.as_str()),
            WorkerField::Cpus => Value::from(i64::from(w.info.cpus)),
        }),
        Lookup::ChangedFiles { .. } => None,
    }
}

fn missing(of: &Lookup, sight: &Sight<'_>) -> String {
    match of {
        Lookup::Property(name) => {
            let known: Vec<&str> = sight.properties.keys().map(String::as_str).collect();
            format!("there is no property {name}; this build has {}", known.join(", "))
        }
        Lookup::Source { codebase, .. } if codebase.is_empty() => "this build has no source".to_owned(),
        Lookup::Source { codebase, .. } => format!("this build has no source of the codebase {codebase}"),
        Lookup::Secret(name) => format!("there is no secret {name}"),
        Lookup::Worker(_) => "this build has no worker".to_owned(),
        Lookup::ChangedFiles { .. } => {
            "changed files can stand in a command, in its environment and in its standard input only".to_owned()
        }
    }
}

/// A value as text: `None` is empty (the manual's rule), what has parts is JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(_) | Value::Map(_) => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// Whether a value counts as yes: not `None`, false, zero, or empty.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) => false,
        Value::Text(text) => !text.is_empty(),
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Bool(true) | Value::Int(_) => true,
    }
}
