//! What a test is run over.

use super::Var;
use serde::{Deserialize, Serialize};

/// The items of a test: first every combination of `cross`, then each column of `table`. Both empty: the test is not
/// iterated, and has one record with an empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Items {
    /// Every combination of these, the first varying slowest. An axis without values: no item at all.
    pub cross: Vec<Axis>,
    /// Column by column: the first values of all are an item, the second ones are the next. A short axis gives `-`.
    pub table: Vec<Axis>,
    /// Items that were put together elsewhere, after those.
    pub given: Vec<Vec<Var>>,
    /// Combinations that are left out: an item that has all the values of one of these.
    pub without: Vec<Vec<Var>>,
}

/// A variable with the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The variable.
    pub name: String,
    /// Its values, in order.
    pub values: Vec<String>,
}

impl Axis {
    /// A variable and its values.
    pub fn new<V: Into<String>>(name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        Axis { name: name.into(), values: values.into_iter().map(Into::into).collect() }
    }
}

impl Items {
    /// Whether the test is run over something, be it an empty list.
    pub fn is_iterated(&self) -> bool {
        !(self.cross.is_empty() && self.table.is_empty() && self.given.is_empty())
    }
}
