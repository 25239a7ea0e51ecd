//! Functions of the configuration, in Rust: pure, some of them stubborn, some of them broken.

use model::{CallError, FunctionRef, Functions, Place, Value};
use std::collections::BTreeMap;

/// All functions that a generated configuration may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Natives;

/// A reference to one of them.
pub(crate) fn named(name: &str) -> FunctionRef {
    let place = Place { file: "master.star".to_owned(), line: 1, column: 1 };
    FunctionRef { name: name.to_owned(), place, digest: "sim".to_owned() }
}

impl Functions for Natives {
    fn call(&self, function: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError> {
        let first = arguments.first().and_then(map);
        let second = arguments.get(1);
        Ok(match function.name.as_str() {
            // Filters and importance: given a change.
            "no_docs" => Value::Bool(!files(first).iter().any(|f| f.starts_with("doc"))),
            "touches_src" => Value::Bool(files(first).iter().any(|f| f.starts_with("src"))),
            // Which request goes first: given the requests.
            "newest_first" => match arguments.first() {
                Some(Value::List(list)) => list.last().and_then(map).and_then(|r| r.get("id")).cloned().into_value(),
                _ => Value::Null,
            },
            // Which worker: given the request and names.
            "last_worker" => match second {
                Some(Value::List(names)) => names.last().cloned().into_value(),
                _ => Value::Null,
            },
            "w0_or_nobody" => match second {
                Some(Value::List(names)) if names.contains(&Value::from("w0")) => Value::from("w0"),
                _ => Value::Null,
            },
            // Whether a request may start: given the request and a worker's name.
            "not_the_fifth" => Value::Bool(number(first, "id") % 5 != 0),
            "odd_on_w0" => {
                let is_w0 = second.and_then(Value::as_text) == Some("w0");
                Value::Bool(!is_w0 || number(first, "id") % 2 == 1)
            }
            // Whether two requests go together.
            "same_reason" => {
                Value::Bool(first.and_then(|r| r.get("reason")) == second.and_then(map).and_then(|r| r.get("reason")))
            }
            // Whether a step or a build is done: given the build.
            "even_builds" => Value::Bool(number(first, "number") % 2 == 0),
            "broken" => return Err(CallError { message: "it divides by zero".to_owned() }),
            "nonsense" => Value::from("mars"),
            other => return Err(CallError { message: format!("there is no function {other}") }),
        })
    }
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for Option<Value> {
    fn into_value(self) -> Value {
        self.unwrap_or(Value::Null)
    }
}

fn map(value: &Value) -> Option<&BTreeMap<String, Value>> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn number(of: Option<&BTreeMap<String, Value>>, name: &str) -> i64 {
    match of.and_then(|m| m.get(name)) {
        Some(Value::Int(n)) => *n,
        _ => 0,
    }
}

fn files(change: Option<&BTreeMap<String, Value>>) -> Vec<&str> {
    match change.and_then(|c| c.get("files")) {
        Some(Value::List(files)) => files.iter().filter_map(Value::as_text).collect(),
        _ => Vec::new(),
    }
}
