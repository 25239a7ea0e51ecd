//! Answers: a list of documents under the name of their kind, and `meta`.
//!
//! `{"builds": [ … ], "meta": {"total": 12}}`. It is always a list; for a single document `meta` is empty.

use crate::field::Field;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A kind of document.
pub trait Document: Serialize + DeserializeOwned {
    /// The key that answers have it under.
    const PLURAL: &'static str;
    /// What may be named in a query string.
    const FIELDS: &'static [Field];
}

/// Documents of one kind, and how many there are without paging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The documents.
    pub rows: Vec<T>,
    /// All that match; `None` for a single document.
    pub total: Option<u64>,
}

/// How the text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No spaces: for programs, which say `Accept: application/json`.
    Compact,
    /// Indented by two: for people.
    Indented,
}

#[derive(Default, Serialize, Deserialize)]
struct Meta {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    total: Option<u64>,
}

/// The text of an answer with all fields (`fields` empty) or only those named.
///
/// # Errors
/// When a document cannot be written as JSON; none of ours has a cause for that.
pub fn write<T: Document>(answer: &Answer<T>, fields: &[String], layout: Layout) -> serde_json::Result<Vec<u8>> {
    if fields.is_empty() {
        return text(answer, layout);
    }
    let mut rows = Vec::with_capacity(answer.rows.len());
    for row in &answer.rows {
        let mut value = serde_json::to_value(row)?;
        if let Some(map) = value.as_object_mut() {
            map.retain(|name, _| fields.iter().any(|f| f == name));
        }
        rows.push(value);
    }
    let meta = serde_json::to_value(Meta { total: answer.total })?;
    text(&BTreeMap::from([(T::PLURAL, serde_json::Value::Array(rows)), ("meta", meta)]), layout)
}

/// Any value as JSON text in a layout.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn text<T: Serialize>(value: &T, layout: Layout) -> serde_json::Result<Vec<u8>> {
    match layout {
        Layout::Compact => serde_json::to_vec(value),
        Layout::Indented => {
            let mut text = serde_json::to_vec_pretty(value)?;
            text.push(b'\n');
            Ok(text)
        }
    }
}

impl<T: Document> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(2))?;
        map.serialize_entry(T::PLURAL, &self.rows)?;
        map.serialize_entry("meta", &Meta { total: self.total })?;
        map.end()
    }
}

impl<'de, T: Document> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Answers<T>(PhantomData<T>);
        impl<'de, T: Document> Visitor<'de> for Answers<T> {
            type Value = Answer<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a map with the key {}", T::PLURAL)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Answer<T>, A::Error> {
                let mut rows = None;
                let mut total = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "meta" => total = map.next_value::<Meta>()?.total,
                        k if k == T::PLURAL => rows = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                rows.map(|rows| Answer { rows, total }).ok_or_else(|| A::Error::missing_field(T::PLURAL))
            }
        }
        d.deserialize_map(Answers(PhantomData))
    }
}
