//! A query applied to documents that are at hand: for short lists that no store is asked for.

use crate::answer::{Answer, Document};
use model::query::Operand;
use model::{Filter, FilterOp, Query};
use serde_json::Value;
use std::cmp::Ordering;

/// The documents that a query asks for, in its order, and how many there are without paging.
pub fn select<T: Document>(rows: Vec<T>, query: &Query) -> Answer<T> {
    let plain = query.filters.is_empty() && query.order.is_empty();
    let mut rows: Vec<(Value, T)> = rows
        .into_iter()
        .map(|row| (if plain { Value::Null } else { serde_json::to_value(&row).unwrap_or_default() }, row))
        .filter(|(value, _)| query.filters.iter().all(|f| holds(f, value.get(&f.field).unwrap_or(&Value::Null))))
        .collect();
    if !query.order.is_empty() {
        rows.sort_by(|(a, _), (b, _)| order(query, a, b));
    }
    let total = u64::try_from(rows.len()).ok();
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let take = query.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    Answer { rows: rows.into_iter().skip(skip).take(take).map(|(_, row)| row).collect(), total }
}

fn order(query: &Query, a: &Value, b: &Value) -> Ordering {
    let null = Value::Null;
    let by = |field: &str| compare(a.get(field).unwrap_or(&null), b.get(field).unwrap_or(&null));
    let keys = query.order.iter().map(|o| if o.descending { by(&o.field).reverse() } else { by(&o.field) });
    keys.fold(Ordering::Equal, Ordering::then)
}

/// Nothing is before everything, as the data API has it.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => a.as_i64().cmp(&b.as_i64()),
    }
}

fn holds(filter: &Filter, value: &Value) -> bool {
    let any = |test: &dyn Fn(&Operand) -> bool| filter.values.iter().any(test);
    // A comparison with nothing does not hold, as in SQL.
    let side =
        |operand: &Operand, wanted: &[Ordering]| !value.is_null() && wanted.contains(&compare(value, &json(operand)));
    match filter.op {
        FilterOp::Eq => any(&|o| json(o) == *value),
        FilterOp::Ne => !any(&|o| json(o) == *value),
        FilterOp::Lt => any(&|o| side(o, &[Ordering::Less])),
        FilterOp::Le => any(&|o| side(o, &[Ordering::Less, Ordering::Equal])),
        FilterOp::Gt => any(&|o| side(o, &[Ordering::Greater])),
        FilterOp::Ge => any(&|o| side(o, &[Ordering::Greater, Ordering::Equal])),
        FilterOp::Contains => any(&|o| contains(value, o)),
    }
}

fn contains(value: &Value, operand: &Operand) -> bool {
    match (value, operand) {
        (Value::String(text), Operand::Text(part)) => text.contains(part.as_str()),
        // An operand for a list is text, whatever the list holds.
        (Value::Array(items), Operand::Text(item)) => {
            let number = item.parse::<i64>().ok();
            items.iter().any(|v| v.as_str().map_or(number.is_some() && v.as_i64() == number, |v| v == item))
        }
        _ => false,
    }
}

fn json(operand: &Operand) -> Value {
    match operand {
        Operand::Int(n) => Value::from(*n),
        Operand::Bool(b) => Value::from(*b),
        Operand::Text(t) => Value::from(t.as_str()),
        Operand::Null => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Master, query};

    #[test]
    fn short_lists_are_asked_as_long_ones() {
        let master =
            |id: i64, name: &str, active| Master { masterid: id, name: name.to_owned(), active, last_active: 9 };
        let all = [master(1, "one", true), master(2, "two", false), master(3, "three", true)];
        let cases: [(&str, &[i64], u64); 12] = [
            ("", &[1, 2, 3], 3),
            ("limit=2", &[1, 2], 3),
            ("offset=2&limit=5", &[3], 3),
            ("limit=0", &[], 3),
            ("active=on", &[1, 3], 2),
            ("active=true&limit=1", &[1], 2),
            ("name__contains=t&order=-name", &[2, 3], 2),
            ("order=active&order=-masterid", &[2, 3, 1], 3),
            ("masterid=1&masterid=3", &[1, 3], 2),
            ("masterid__ne=1&masterid__ne=3", &[2], 1),
            ("masterid__ge=2&masterid__lt=3", &[2], 1),
            ("masterid=null", &[], 0),
        ];
        for (text, ids, total) in cases {
            let answer = select(all.to_vec(), &query::collection::<Master>(text).unwrap().query);
            assert_eq!(answer.rows.iter().map(|m| m.masterid).collect::<Vec<_>>(), ids, "{text}");
            assert_eq!(answer.total, Some(total), "{text}");
        }
    }
}
