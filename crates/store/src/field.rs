//! Fields of the REST interface as columns, and queries over them as SQL.
//!
//! Only what stands in a noun's table can be asked for; every value travels as a parameter.

use crate::ask::Ask;
use crate::op::Counted;
use crate::value::V;
use crate::{MAX_ROWS, StoreError};
use model::query::Operand;
use model::{Filter, FilterOp, Query};

/// A noun's table and what may be asked of it.
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// The columns that its rows are read from, the id first.
    pub(crate) columns: &'static str,
    /// Its fields.
    pub(crate) fields: &'static [Field],
    /// Where its rows are counted; small tables are counted when asked.
    pub(crate) counted: Option<Counted>,
}

/// A field of the REST interface.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A field, for the tables beside the nouns.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// What a field is, with its SQL.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A number that is always there.
    Int(&'static str),
    /// A number, or null.
    MaybeInt(&'static str),
    /// A moment: whole seconds outside, microseconds inside.
    Time(&'static str),
    /// A moment, or null.
    MaybeTime(&'static str),
    /// Text that is always there.
    Text(&'static str),
    /// Text, or null.
    MaybeText(&'static str),
    /// A condition and its opposite.
    Flag(&'static str, &'static str),
    /// A JSON list of texts.
    List(&'static str),
}

/// A field that is always null.
pub(crate) const NEVER_INT: Kind = Kind::MaybeInt("CAST(NULL AS BIGINT)");
/// A text that is always null.
pub(crate) const NEVER_TEXT: Kind = Kind::MaybeText("CAST(NULL AS TEXT)");
/// The one master's id.
pub(crate) const MASTER: Kind = Kind::Int("CAST(1 AS BIGINT)");
/// A flag that is never set.
pub(crate) const NO: Kind = Kind::Flag("1 = 0", "1 = 1");
/// Whether and when something ended.
pub(crate) const COMPLETE: Kind = Kind::Flag("complete_at IS NOT NULL", "complete_at IS NULL");

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Kind::Int(sql)
            | Kind::MaybeInt(sql)
            | Kind::Time(sql)
            | Kind::MaybeTime(sql)
            | Kind::Text(sql)
            | Kind::MaybeText(sql)
            | Kind::Flag(sql, _)
            | Kind::List(sql) => sql,
        }
    }

    fn order(self, descending: bool) -> String {
        let direction = if descending { "DESC" } else { "ASC" };
        // SQLite takes null for the smallest value, which is also what reads best; PostgreSQL has to be told.
        let nulls = if descending { "NULLS LAST" } else { "NULLS FIRST" };
        match self {
            Kind::Int(sql) | Kind::Time(sql) => format!("{sql} {direction}"),
            Kind::MaybeInt(sql) | Kind::MaybeTime(sql) => format!("{sql} {direction} {nulls}"),
            Kind::Text(sql) => format!("{sql} {{bytewise}} {direction}"),
            Kind::MaybeText(sql) => format!("{sql} {{bytewise}} {direction} {nulls}"),
            Kind::Flag(yes, _) => format!("CASE WHEN {yes} THEN 1 ELSE 0 END {direction}"),
            Kind::List(sql) => format!("{sql} {{bytewise}} {direction}"),
        }
    }
}

/// The rows of a page, and their number.
pub(crate) fn page(table: &Table, query: &Query) -> Result<[Ask; 2], StoreError> {
    let Table { name, columns, .. } = table;
    let mut text = Text { table, params: Vec::new() };
    let conditions = query.filters.iter().map(|f| text.condition(f)).collect::<Result<Vec<_>, _>>()?;
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let total = match table.counted {
        Some(noun) if conditions.is_empty() => {
            Ask::new("SELECT n FROM counts WHERE noun = $1", vec![V::text(noun.name())])
        }
        _ => Ask::built(format!("SELECT COUNT(*) FROM {name}{condition}"), text.params.clone()),
    };
    let order = order(table, query)?;
    let limit = text.param(V::size(query.limit.unwrap_or(MAX_ROWS).min(MAX_ROWS)));
    let offset = text.param(V::size(query.offset));
    let sql = format!("SELECT {columns} FROM {name}{condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
    Ok([Ask::built(sql, text.params), total])
}

/// The keys of the order. Ties end at the id, in the direction of the last key, so that an index serves both.
fn order(table: &Table, query: &Query) -> Result<String, StoreError> {
    let mut keys = Vec::new();
    let mut last = false;
    for key in &query.order {
        let kind = find(table, &key.field)?.kind;
        keys.push(kind.order(key.descending));
        last = key.descending;
        if kind.sql() == "id" {
            return Ok(keys.join(", "));
        }
    }
    keys.push(Kind::Int("id").order(last));
    Ok(keys.join(", "))
}

fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Field, StoreError> {
    table.fields.iter().find(|f| f.name == name).ok_or_else(|| StoreError::UnknownField {
        field: name.to_owned(),
        known: table.fields.iter().map(|f| f.name).collect(),
    })
}

/// A text that is put together, with its parameters in order of first use.
struct Text<'a> {
    table: &'a Table,
    params: Vec<V>,
}

impl Text<'_> {
    fn param(&mut self, value: V) -> String {
        self.params.push(value);
        format!("${}", self.params.len())
    }

    fn condition(&mut self, filter: &Filter) -> Result<String, StoreError> {
        let kind = find(self.table, &filter.field)?.kind;
        let bad = |problem| StoreError::BadFilter { field: filter.field.clone(), problem };
        if filter.values.is_empty() {
            return Err(bad("is compared with nothing"));
        }
        let several = !matches!(filter.op, FilterOp::Eq | FilterOp::Ne | FilterOp::Contains);
        if several && filter.values.len() > 1 {
            return Err(bad("is compared with several values where one is needed"));
        }
        match kind {
            Kind::Int(sql) | Kind::MaybeInt(sql) => self.plain(sql, filter, |v| match v {
                Operand::Int(n) => Some(V::I(*n)),
                _ => None,
            }),
            Kind::Text(sql) | Kind::MaybeText(sql) if filter.op == FilterOp::Contains => {
                self.any(filter, |text, value| Some(text.part_of(sql, value)))
            }
            Kind::Text(sql) | Kind::MaybeText(sql) => self.plain(sql, filter, |v| match v {
                Operand::Text(t) => Some(V::text(t.as_str())),
                _ => None,
            }),
            Kind::Time(sql) | Kind::MaybeTime(sql) => self.time(sql, filter),
            Kind::Flag(yes, no) => flag(yes, no, filter),
            Kind::List(sql) if filter.op == FilterOp::Contains => self.any(filter, |text, value| {
                let param = text.param(V::text(value));
                Some(format!("EXISTS (SELECT 1 FROM {{each:{sql}}} WHERE value = {param})"))
            }),
            Kind::List(_) => Err(bad("is a list: it can only be asked what it contains")),
        }
    }

    /// A text has a part. Both engines have this one function in common that minds upper and lower case.
    fn part_of(&mut self, sql: &str, part: &str) -> String {
        if part.is_empty() {
            return format!("{sql} IS NOT NULL");
        }
        let param = self.param(V::text(part));
        format!("REPLACE({sql}, {param}, '') <> {sql}")
    }

    /// Any of several texts.
    fn any(&mut self, filter: &Filter, one: impl Fn(&mut Self, &str) -> Option<String>) -> Result<String, StoreError> {
        let mut parts = Vec::new();
        for value in &filter.values {
            let Operand::Text(value) = value else { return Err(wrong(filter, "contains text only")) };
            parts.extend(one(self, value));
        }
        Ok(format!("({})", parts.join(" OR ")))
    }

    /// Numbers and text. Null is equal to null and to nothing else.
    fn plain(
        &mut self,
        sql: &str,
        filter: &Filter,
        read: impl Fn(&Operand) -> Option<V>,
    ) -> Result<String, StoreError> {
        let sign = match filter.op {
            FilterOp::Eq | FilterOp::Ne => "=",
            FilterOp::Lt => "<",
            FilterOp::Le => "<=",
            FilterOp::Gt => ">",
            FilterOp::Ge => ">=",
            FilterOp::Contains => return Err(wrong(filter, "is a number: it contains nothing")),
        };
        let (nulls, values): (Vec<_>, Vec<_>) = filter.values.iter().partition(|v| **v == Operand::Null);
        let values = values.into_iter().map(|v| read(v).ok_or_else(|| wrong(filter, "has values of another type")));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if sign != "=" {
            let value = values.into_iter().next().ok_or_else(|| wrong(filter, "is not larger or smaller than null"))?;
            // Text is compared byte by byte; on numbers the word would be an error.
            let bytewise = if matches!(value, V::T(_)) { " {bytewise}" } else { "" };
            let param = self.param(value);
            return Ok(format!("{sql} {sign} {param}{bytewise}"));
        }
        let params: Vec<_> = values.into_iter().map(|v| self.param(v)).collect();
        let mut parts = Vec::new();
        if !nulls.is_empty() {
            parts.push(format!("{sql} IS NULL"));
        }
        match params.as_slice() {
            [] => {}
            [one] => parts.push(format!("{sql} = {one}")),
            many => parts.push(format!("{sql} IN ({})", many.join(", "))),
        }
        let equal = parts.join(" OR ");
        Ok(match filter.op {
            FilterOp::Ne if nulls.is_empty() => format!("({sql} IS NULL OR NOT ({equal}))"),
            FilterOp::Ne => format!("NOT ({equal})"),
            _ => format!("({equal})"),
        })
    }

    /// Moments: a whole second is a range of microseconds.
    fn time(&mut self, sql: &str, filter: &Filter) -> Result<String, StoreError> {
        let mut parts = Vec::new();
        for value in &filter.values {
            let second = match value {
                Operand::Int(second) => *second,
                Operand::Null if matches!(filter.op, FilterOp::Eq | FilterOp::Ne) => {
                    parts.push(format!("{sql} IS NULL"));
                    continue;
                }
                _ => return Err(wrong(filter, "is a moment in whole seconds")),
            };
            let (begin, end) = (second.saturating_mul(1_000_000), second.saturating_add(1).saturating_mul(1_000_000));
            parts.push(match filter.op {
                FilterOp::Eq | FilterOp::Ne => {
                    let (begin, end) = (self.param(V::I(begin)), self.param(V::I(end)));
                    format!("({sql} >= {begin} AND {sql} < {end})")
                }
                FilterOp::Lt => format!("{sql} < {}", self.param(V::I(begin))),
                FilterOp::Le => format!("{sql} < {}", self.param(V::I(end))),
                FilterOp::Gt => format!("{sql} >= {}", self.param(V::I(end))),
                FilterOp::Ge => format!("{sql} >= {}", self.param(V::I(begin))),
                FilterOp::Contains => return Err(wrong(filter, "is a moment: it contains nothing")),
            });
        }
        let any = parts.join(" OR ");
        let with_null = filter.values.contains(&Operand::Null);
        Ok(match filter.op {
            FilterOp::Ne if with_null => format!("({sql} IS NOT NULL AND NOT ({any}))"),
            FilterOp::Ne => format!("({sql} IS NULL OR NOT ({any}))"),
            _ => format!("({any})"),
        })
    }
}

fn wrong(filter: &Filter, problem: &'static str) -> StoreError {
    StoreError::BadFilter { field: filter.field.clone(), problem }
}

fn flag(yes: &str, no: &str, filter: &Filter) -> Result<String, StoreError> {
    let wanted = |value: &Operand| match (value, filter.op) {
        (Operand::Bool(b), FilterOp::Eq) => Ok(*b),
        (Operand::Bool(b), FilterOp::Ne) => Ok(!*b),
        (Operand::Bool(_), _) => Err(wrong(filter, "is true or false: it can only be equal or not")),
        _ => Err(wrong(filter, "is true or false")),
    };
    let wanted = filter.values.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
    let joined = match (wanted.contains(&true), wanted.contains(&false), filter.op) {
        (true, false, _) => yes,
        (false, true, _) => no,
        // Equal to either is always so; unlike both is never so.
        (_, _, FilterOp::Ne) => "1 = 0",
        _ => "1 = 1",
    };
    Ok(joined.to_owned())
}
