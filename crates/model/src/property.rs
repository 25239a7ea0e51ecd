//! Properties: inert values with a name and the place they came from.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A property's value: JSON without fractions.
///
/// There is no float on purpose: an untagged enum that holds one cannot be read back while any crate of the
/// program turns on `serde_json/arbitrary_precision` (serde-rs/json #505).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `None`, `null`: interpolates as empty text.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Several values in order.
    List(Vec<Value>),
    /// Values by name.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A value and who set it (`Build`, `Force Build Form`, a step's name …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// The value itself.
    pub value: Value,
    /// Who set it, in the words of the REST interface.
    pub source: String,
}

/// Properties by name.
pub type Properties = BTreeMap<String, Property>;

/// One property, ready to be collected into [`Properties`].
pub fn property(name: &str, value: impl Into<Value>, source: &str) -> (String, Property) {
    (name.to_owned(), Property { value: value.into(), source: source.to_owned() })
}
