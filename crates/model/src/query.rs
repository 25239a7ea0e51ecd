//! Questions to the store about collections, in the form that the REST interface has them.

use serde::{Deserialize, Serialize};

/// Which rows of a collection, in which order. Field names are those of the REST interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// The first decides; ties go on to the next, and at last to the id.
    pub order: Vec<Order>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// So many rows are left out at the beginning.
    pub offset: u64,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The field.
    pub field: String,
    /// How it is compared.
    pub op: FilterOp,
    /// With what. Several values: any of them for `Eq` and `Contains`, none of them for `Ne`; others take one.
    pub values: Vec<Operand>,
}

/// A value in a condition, read in the type of its field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    /// A number, or a moment in whole seconds.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// Nothing: `null`.
    Null,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterOp {
    /// Equal to one of the values.
    Eq,
    /// Equal to none of the values.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// The text or list has it.
    Contains,
}

/// One key of the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The field.
    pub field: String,
    /// Largest first.
    pub descending: bool,
}

/// Some rows, and how many there are in all without limit and offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// All that match.
    pub total: u64,
}

impl Query {
    /// Rows whose `field` is `value`.
    #[must_use]
    pub fn eq(mut self, field: &str, value: impl Into<Operand>) -> Self {
        self.filters.push(Filter { field: field.to_owned(), op: FilterOp::Eq, values: vec![value.into()] });
        self
    }

    /// Then by `field`, largest first.
    #[must_use]
    pub fn newest_first(mut self, field: &str) -> Self {
        self.order.push(Order { field: field.to_owned(), descending: true });
        self
    }

    /// Then by `field`, smallest first.
    #[must_use]
    pub fn by(mut self, field: &str) -> Self {
        self.order.push(Order { field: field.to_owned(), descending: false });
        self
    }

    /// At most `n` rows.
    #[must_use]
    pub fn limit(mut self, n: u64) -> Self {
        self.limit = Some(n);
        self
    }
}

impl From<i64> for Operand {
    fn from(n: i64) -> Self {
        Operand::Int(n)
    }
}

impl From<bool> for Operand {
    fn from(b: bool) -> Self {
        Operand::Bool(b)
    }
}

impl From<&str> for Operand {
    fn from(t: &str) -> Self {
        Operand::Text(t.to_owned())
    }
}
