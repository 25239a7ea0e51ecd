//! Values and rows as both engines take and give them.

use crate::StoreError;
use bytes::BytesMut;
use model::{Results, Time};
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A parameter of a statement, or a cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum V {
    Null,
    I(i64),
    T(String),
    B(Vec<u8>),
}

impl V {
    /// Text as both engines take it: PostgreSQL's has no NUL, so a NUL becomes U+FFFD, as broken UTF-8 does.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        V::T(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text })
    }

    /// Text or nothing.
    pub(crate) fn maybe_text(text: Option<String>) -> Self {
        text.map_or(V::Null, V::text)
    }

    /// Structured data as JSON text. Our own nouns have text keys and no fractions, and always become JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        V::T(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    /// Texts as a JSON list, without the NULs that PostgreSQL cannot take out of it again.
    pub(crate) fn texts(mut list: Vec<String>) -> Self {
        for text in list.iter_mut().filter(|t| t.contains('\0')) {
            *text = text.replace('\0', "\u{fffd}");
        }
        V::json(&list)
    }

    /// Ids as a JSON list, for `{each:…}`.
    pub(crate) fn ids(ids: impl IntoIterator<Item = i64>) -> Self {
        V::json(&ids.into_iter().collect::<Vec<_>>())
    }

    /// A size; none that can be reached is beyond the end.
    pub(crate) fn size(n: u64) -> Self {
        V::I(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<i64> for V {
    fn from(n: i64) -> Self {
        V::I(n)
    }
}

impl From<Option<i64>> for V {
    fn from(n: Option<i64>) -> Self {
        n.map_or(V::Null, V::I)
    }
}

impl From<bool> for V {
    fn from(b: bool) -> Self {
        V::I(i64::from(b))
    }
}

impl From<Time> for V {
    fn from(t: Time) -> Self {
        V::I(t.0)
    }
}

impl From<Option<Time>> for V {
    fn from(t: Option<Time>) -> Self {
        t.map_or(V::Null, |t| V::I(t.0))
    }
}

impl From<Results> for V {
    fn from(r: Results) -> Self {
        V::I(r.code())
    }
}

impl From<Option<Results>> for V {
    fn from(r: Option<Results>) -> Self {
        r.map_or(V::Null, |r| V::I(r.code()))
    }
}

impl rusqlite::ToSql for V {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            V::Null => ValueRef::Null,
            V::I(n) => ValueRef::Integer(*n),
            V::T(t) => ValueRef::Text(t.as_bytes()),
            V::B(b) => ValueRef::Blob(b),
        }))
    }
}

impl From<ValueRef<'_>> for V {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => V::Null,
            ValueRef::Integer(n) => V::I(n),
            // No statement yields a fraction; one that did would be read as its text and refused there.
            ValueRef::Real(x) => V::T(x.to_string()),
            ValueRef::Text(t) => V::T(String::from_utf8_lossy(t).into_owned()),
            ValueRef::Blob(b) => V::B(b.to_vec()),
        }
    }
}

impl ToSql for V {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            V::Null => Ok(IsNull::Yes),
            V::I(n) => n.to_sql_checked(ty, out),
            // JSON travels as its text.
            V::T(t) if *ty == Type::JSON => t.to_sql(&Type::TEXT, out),
            V::T(t) => t.to_sql_checked(ty, out),
            V::B(b) => b.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for V {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(V::I),
            Type::INT4 => i32::from_sql(ty, raw).map(|n| V::I(n.into())),
            Type::TEXT | Type::VARCHAR | Type::NAME => String::from_sql(ty, raw).map(V::T),
            Type::BYTEA => Vec::from_sql(ty, raw).map(V::B),
            _ => Err(format!("a column has the type {ty}, which no statement asks for").into()),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(V::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row as it came.
pub(crate) type Row = Vec<V>;

/// A row that is read from left to right.
pub(crate) struct Cells {
    table: &'static str,
    column: usize,
    cells: std::vec::IntoIter<V>,
}

impl Cells {
    /// Begins to read a row of a table.
    pub(crate) fn new(table: &'static str, row: Row) -> Self {
        Self { table, column: 0, cells: row.into_iter() }
    }

    fn next(&mut self) -> V {
        self.column += 1;
        self.cells.next().unwrap_or(V::Null)
    }

    /// An error about the cell that was read last.
    pub(crate) fn corrupt(&self, problem: &str) -> StoreError {
        StoreError::Corrupt { table: self.table, problem: format!("its column {} {problem}", self.column) }
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next() {
            V::I(n) => Ok(Some(n)),
            V::Null => Ok(None),
            _ => Err(self.corrupt("is no number")),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        self.maybe_int()?.ok_or_else(|| self.corrupt("is empty"))
    }

    /// A number of the size that the noun has for it.
    pub(crate) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let n = self.int()?;
        T::try_from(n).map_err(|_| self.corrupt("is out of range"))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    pub(crate) fn time(&mut self) -> Result<Time, StoreError> {
        self.int().map(Time)
    }

    pub(crate) fn maybe_time(&mut self) -> Result<Option<Time>, StoreError> {
        Ok(self.maybe_int()?.map(Time))
    }

    /// When and how something ended: two columns, both empty while it has not.
    pub(crate) fn end(&mut self) -> Result<Option<(Time, Results)>, StoreError> {
        let (at, results) = (self.maybe_time()?, self.maybe_int()?);
        match (at, results.and_then(Results::from_code)) {
            (Some(at), Some(results)) => Ok(Some((at, results))),
            (None, None) => Ok(None),
            _ => Err(self.corrupt("is no result that fits the time before it")),
        }
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            V::T(t) => Ok(Some(t)),
            V::Null => Ok(None),
            _ => Err(self.corrupt("is no text")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or_else(|| self.corrupt("is empty"))
    }

    pub(crate) fn maybe_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next() {
            V::B(b) => Ok(Some(b)),
            V::Null => Ok(None),
            _ => Err(self.corrupt("holds no bytes")),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|e| self.corrupt(&format!("is not the JSON that belongs there: {e}")))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        match self.maybe_text()? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|e| self.corrupt(&format!("is not the JSON that belongs there: {e}"))),
        }
    }
}
