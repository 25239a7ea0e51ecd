//! Values as people see them: what kind of thing was given, in words.

use crate::names::quoted;
use crate::value::{Lock, LockHold, Parameter, Pattern, Secret, Step, Words};
use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::list::ListRef;
use starlark::values::list_or_tuple::UnpackListOrTuple;
use starlark::values::tuple::TupleRef;
use starlark::values::{UnpackValue, Value};

/// What a value is, for a sentence: `the text "here"`, `the number 3`, `a list of 2`.
pub(crate) fn describe(value: Value<'_>) -> String {
    if let Some(text) = value.unpack_str() {
        return format!("the text {}", quoted(text));
    }
    if value.is_none() || value.unpack_bool().is_some() {
        return value.to_str();
    }
    if let Some(number) = integer(value) {
        return format!("the number {number}");
    }
    if let Some(items) = items(value) {
        return match items.len() {
            0 => "an empty list".to_owned(),
            _ => format!("a list that begins with {}", kind(items[0])),
        };
    }
    kind(value)
}

/// What a value is, without what it says.
fn kind(value: Value<'_>) -> String {
    if Secret::from_value(value).is_some() {
        return "a secret".to_owned();
    }
    let own = [
        (Step::from_value(value).is_some(), "a step"),
        (Words::from_value(value).is_some(), "an interpolation"),
        (Pattern::from_value(value).is_some(), "a pattern"),
        (Parameter::from_value(value).is_some(), "a parameter"),
        (Lock::from_value(value).is_some() || LockHold::from_value(value).is_some(), "a lock"),
    ];
    if let Some((_, word)) = own.iter().find(|(is, _)| *is) {
        return (*word).to_owned();
    }
    match value.get_type() {
        "string" => "a text".to_owned(),
        "int" => "a whole number".to_owned(),
        "float" => "a number with a fraction".to_owned(),
        "bool" => "a truth value".to_owned(),
        "NoneType" => "None".to_owned(),
        "list" => "a list".to_owned(),
        "tuple" => "a tuple".to_owned(),
        "dict" => "a dict".to_owned(),
        "function" | "native_function" => "a function".to_owned(),
        other => format!("a {other}"),
    }
}

/// A whole number. One that does not fit is none.
pub(crate) fn integer(value: Value<'_>) -> Option<i64> {
    i64::unpack_value(value).ok().flatten()
}

/// A number with a fraction.
pub(crate) fn fraction(value: Value<'_>) -> Option<f64> {
    match value.get_type() {
        "float" => UnpackFloat::unpack_value(value).ok().flatten().map(|f| f.0),
        _ => None,
    }
}

/// The elements of a list or a tuple.
pub(crate) fn items<'v>(value: Value<'v>) -> Option<Vec<Value<'v>>> {
    if ListRef::from_value(value).is_none() && TupleRef::from_value(value).is_none() {
        return None;
    }
    UnpackListOrTuple::<Value<'v>>::unpack_value(value).ok().flatten().map(|l| l.items)
}

/// The elements of a list or a tuple; those of lists within it stand in their place. `None`: it is no list, or it is one
/// that is deeper than any that people write, such as a list that contains itself.
pub(crate) fn flat_items<'v>(value: Value<'v>) -> Option<Vec<Value<'v>>> {
    fn add<'v>(value: Value<'v>, depth: usize, seen: &mut usize, all: &mut Vec<Value<'v>>) -> Option<()> {
        for item in items(value)? {
            *seen += 1;
            match items(item) {
                _ if *seen > MOST_ITEMS => return None,
                Some(_) if depth == 0 => return None,
                Some(_) => add(item, depth - 1, seen, all)?,
                None => all.push(item),
            }
        }
        Some(())
    }
    let mut all = Vec::new();
    add(value, 20, &mut 0, &mut all).map(|()| all)
}

/// How many elements lists within lists may have: each level may hold the one below it many times.
const MOST_ITEMS: usize = 1_000_000;

/// Whether it can be called.
pub(crate) fn is_function(value: Value<'_>) -> bool {
    matches!(value.get_type(), "function" | "native_function")
}

/// The entries of a dict whose keys are texts. `Some(Err)` is a key that is none.
pub(crate) fn entries<'v>(value: Value<'v>) -> Option<Result<Vec<(&'v str, Value<'v>)>, Value<'v>>> {
    let dict = DictRef::from_value(value)?;
    Some(dict.iter().map(|(k, v)| k.unpack_str().map(|k| (k, v)).ok_or(k)).collect())
}
