//! Properties as documents: `{name: [value, source]}`, or a list of rows.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use model::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Properties by name, each with its value and where it came from.
pub type Properties = BTreeMap<String, (Value, String)>;

/// All properties as a document.
pub fn all(properties: &model::Properties) -> Properties {
    properties.iter().map(|(n, p)| (n.clone(), (p.value.clone(), p.source.clone()))).collect()
}

/// The properties that `property=` named; `*` names all.
pub fn chosen(properties: &model::Properties, names: &[String]) -> Properties {
    if names.is_empty() {
        return Properties::new();
    }
    if names.iter().any(|n| n == "*") {
        return all(properties);
    }
    let found = names.iter().filter_map(|n| properties.get_key_value(n));
    found.map(|(n, p)| (n.clone(), (p.value.clone(), p.source.clone()))).collect()
}

/// All properties as rows, by name.
pub fn rows(properties: &model::Properties) -> Vec<PropertyRow> {
    let row = |(name, p): (&String, &model::Property)| PropertyRow {
        name: name.clone(),
        value: serde_json::to_string(&p.value).unwrap_or_default(),
        source: p.source.clone(),
    };
    properties.iter().map(row).collect()
}

/// One property in `…/property_list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyRow {
    /// Its name.
    pub name: String,
    /// Its value as JSON text.
    pub value: String,
    /// Who set it.
    pub source: String,
}

impl Document for PropertyRow {
    const PLURAL: &'static str = "properties";
    const FIELDS: &'static [Field] =
        &[field("name", Kind::Text), field("value", Kind::Text), field("source", Kind::Text)];
}

/// `…/properties`: one map of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PropertyMap(pub Properties);

impl Document for PropertyMap {
    const PLURAL: &'static str = "properties";
    const FIELDS: &'static [Field] = &[];
}

/// A JSON value as a property's value.
///
/// # Errors
/// In words, for a number that is no whole number of 64 bits: properties have no fractions.
pub fn value(json: serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(n) => {
            Value::Int(n.as_i64().ok_or_else(|| format!("{n} is no whole number of 64 bits; give it as text"))?)
        }
        Json::String(t) => Value::Text(t),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect::<Result<_, _>>()?),
        Json::Object(map) => {
            Value::Map(map.into_iter().map(|(k, v)| Ok((k, value(v)?))).collect::<Result<_, String>>()?)
        }
    })
}
