//! Query strings: which rows, which fields, in which order.
//!
//! `limit`, `offset`, `order=field` or `order=-field` (again for ties), `field=` (again for more), `property=` (again,
//! or `*`), and filters `field=value`, `field__op=value` with `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `contains`, `in`,
//! `notin`. A name that is none of these is an error: a filter that is not applied answers another question.

use crate::answer::Document;
use crate::field::{Field, Kind};
use model::query::Operand;
use model::{Filter, FilterOp, Order, Query};

/// What a query string asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Rows, order and paging.
    pub query: Query,
    /// The fields to show; empty is all.
    pub fields: Vec<String>,
    /// The properties to show; `*` is all.
    pub properties: Vec<String>,
}

/// Why a query string is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The whole is longer than [`MOST_BYTES`], or has more than [`MOST_PARTS`] parts.
    #[error("the query is too long: at most {MOST_BYTES} bytes and {MOST_PARTS} parts are read")]
    TooLong,
    /// `%` is not followed by two hexadecimal digits, or the bytes are no UTF-8.
    #[error("'{0}' is no percent-encoded UTF-8 text")]
    Encoding(String),
    /// Neither a parameter nor a field.
    #[error("unrecognized query parameter '{0}'")]
    Unknown(String),
    /// A parameter that makes sense for lists only.
    #[error("'{0}' asks for a part of a list, and this is a single document")]
    NotAList(String),
    /// A value that is not of the field's type.
    #[error("'{name}' must be {wanted}, not '{given}'")]
    Value {
        /// The parameter.
        name: String,
        /// What is right.
        wanted: &'static str,
        /// What was given.
        given: String,
    },
    /// An operator that takes one value was given several.
    #[error("'{0}' takes one value")]
    OneValue(String),
    /// The field cannot be compared so.
    #[error("'{field}' cannot be asked with '{op}'")]
    Op {
        /// The field.
        field: String,
        /// The operator.
        op: String,
    },
    /// `order=` or `field=` names no field.
    #[error("there is no field '{0}'")]
    NoField(String),
    /// A filter or an order on a field that `field=` leaves out.
    #[error("'{0}' is not among the fields that are asked for")]
    NotSelected(String),
}

/// The longest query string that is read.
pub const MOST_BYTES: usize = 16 * 1024;

/// The most parameters that are read.
pub const MOST_PARTS: usize = 256;

/// Reads the query string of a collection of `T`.
///
/// # Errors
/// See [`QueryError`].
pub fn collection<T: Document>(raw: &str) -> Result<Ask, QueryError> {
    let mut ask = Ask::default();
    for (name, value) in parts(raw)? {
        take(&mut ask, T::FIELDS, name, value)?;
    }
    if !ask.fields.is_empty() {
        let used = ask.query.filters.iter().map(|f| &f.field).chain(ask.query.order.iter().map(|o| &o.field));
        if let Some(missing) = used.into_iter().find(|f| !ask.fields.contains(f)) {
            return Err(QueryError::NotSelected(missing.clone()));
        }
    }
    Ok(ask)
}

/// Reads the query string of a single `T`: `field=` and `property=` only.
///
/// # Errors
/// See [`QueryError`].
pub fn single<T: Document>(raw: &str) -> Result<Ask, QueryError> {
    let ask = collection::<T>(raw)?;
    let asked = parts(raw)?.into_iter().map(|(name, _)| name);
    match asked.into_iter().find(|n| n != "field" && n != "property") {
        Some(name) => Err(QueryError::NotAList(name)),
        None => Ok(ask),
    }
}

/// The lines that `…/contents?offset=&limit=` asks for: the first one, and how many.
///
/// # Errors
/// See [`QueryError`].
pub fn lines(raw: &str) -> Result<(u64, Option<u64>), QueryError> {
    let mut range = (0, None);
    for (name, value) in parts(raw)? {
        match name.as_str() {
            "offset" => range.0 = count(&name, &value)?,
            "limit" => range.1 = Some(count(&name, &value)?),
            _ => return Err(QueryError::Unknown(name)),
        }
    }
    Ok(range)
}

/// Names and values, decoded.
///
/// # Errors
/// When it is too long or not encoded properly.
pub fn parts(raw: &str) -> Result<Vec<(String, String)>, QueryError> {
    if raw.len() > MOST_BYTES {
        return Err(QueryError::TooLong);
    }
    let mut out = Vec::new();
    for part in raw.split('&').filter(|p| !p.is_empty()) {
        if out.len() == MOST_PARTS {
            return Err(QueryError::TooLong);
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        out.push((decode(name)?, decode(value)?));
    }
    Ok(out)
}

/// Percent-decoding, with `+` for a space, as forms do.
///
/// # Errors
/// When `%` is not followed by two hexadecimal digits, or the bytes are no UTF-8.
pub fn decode(text: &str) -> Result<String, QueryError> {
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let bad = || QueryError::Encoding(text.to_owned());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16)).ok_or_else(bad);
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).map_err(|_| bad())
}

fn take(ask: &mut Ask, fields: &[Field], name: String, value: String) -> Result<(), QueryError> {
    match name.as_str() {
        "limit" => ask.query.limit = Some(count(&name, &value)?),
        "offset" => ask.query.offset = count(&name, &value)?,
        "order" => {
            let (bare, descending) = value.strip_prefix('-').map_or((value.as_str(), false), |f| (f, true));
            let found = find(fields, bare).ok_or_else(|| QueryError::NoField(bare.to_owned()))?;
            if matches!(found.kind, Kind::List | Kind::Nested) {
                return Err(QueryError::Op { field: bare.to_owned(), op: "order".to_owned() });
            }
            ask.query.order.push(Order { field: bare.to_owned(), descending });
        }
        "field" => {
            find(fields, &value).ok_or_else(|| QueryError::NoField(value.clone()))?;
            ask.fields.push(value);
        }
        "property" if find(fields, "properties").is_some() => ask.properties.push(value),
        _ => filter(&mut ask.query, fields, name, value)?,
    }
    Ok(())
}

fn filter(query: &mut Query, fields: &[Field], name: String, value: String) -> Result<(), QueryError> {
    let (field, word) = match find(fields, &name) {
        Some(field) => (field, "eq"),
        None => {
            let split = name.rsplit_once("__").and_then(|(f, op)| Some((find(fields, f)?, op)));
            split.ok_or_else(|| QueryError::Unknown(name.clone()))?
        }
    };
    let op = match word {
        "eq" | "in" => FilterOp::Eq,
        "ne" | "notin" => FilterOp::Ne,
        "lt" => FilterOp::Lt,
        "le" => FilterOp::Le,
        "gt" => FilterOp::Gt,
        "ge" => FilterOp::Ge,
        "contains" => FilterOp::Contains,
        _ => return Err(QueryError::Unknown(name)),
    };
    let fits = match field.kind {
        Kind::Int => op != FilterOp::Contains,
        Kind::Bool => matches!(op, FilterOp::Eq | FilterOp::Ne),
        Kind::Text => true,
        Kind::List => op == FilterOp::Contains,
        Kind::Nested => false,
    };
    if !fits {
        return Err(QueryError::Op { field: field.name.to_owned(), op: word.to_owned() });
    }
    let operand = operand(field, &name, value)?;
    match query.filters.iter_mut().find(|f| f.field == field.name && f.op == op) {
        Some(same) if matches!(op, FilterOp::Eq | FilterOp::Ne) => same.values.push(operand),
        Some(_) => return Err(QueryError::OneValue(name)),
        None => query.filters.push(Filter { field: field.name.to_owned(), op, values: vec![operand] }),
    }
    Ok(())
}

fn operand(field: &Field, name: &str, value: String) -> Result<Operand, QueryError> {
    let wrong = |wanted, given: &str| QueryError::Value { name: name.to_owned(), wanted, given: given.to_owned() };
    Ok(match field.kind {
        Kind::Int if value == "null" => Operand::Null,
        Kind::Int => Operand::Int(value.parse().map_err(|_| wrong("a whole number", &value))?),
        Kind::Bool => match value.as_str() {
            "true" | "on" | "1" => Operand::Bool(true),
            "false" | "off" | "0" => Operand::Bool(false),
            _ => return Err(wrong("true, on, 1, false, off or 0", &value)),
        },
        Kind::Text | Kind::List | Kind::Nested => Operand::Text(value),
    })
}

fn count(name: &str, value: &str) -> Result<u64, QueryError> {
    // The store counts in signed numbers.
    let number = value.parse::<i64>().ok().and_then(|n| u64::try_from(n).ok());
    number.ok_or_else(|| QueryError::Value {
        name: name.to_owned(),
        wanted: "a whole number, 0 or more",
        given: value.to_owned(),
    })
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|f| f.name == name)
}
