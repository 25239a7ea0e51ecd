//! The fields of a form: what somebody gave against what is asked for.

use crate::scheduler::Compiled;
use model::{Parameter, ParameterKind, Value};

/// At most so many characters in a line, unless the field says less.
const LINE: usize = 4096;
/// At most so many characters in several lines.
const TEXT: usize = 65_536;

/// The value of a field: what was given, or what the field takes when nothing is. `workers` are the workers that all
/// builders of the wish can run on.
///
/// Forms know texts only: a number may be given as its digits, yes and no as words, one of several by itself.
///
/// # Errors
/// What is wrong with it and what would be right, without a full stop.
pub(super) fn value(
    parameter: &Parameter,
    given: Option<Value>,
    workers: &[&str],
    compiled: &Compiled,
) -> Result<Value, String> {
    let given = given.filter(|value| *value != Value::Null);
    let value = match &parameter.kind {
        ParameterKind::String { default, regex, max_length } => {
            let most = max_length.map_or(LINE, |n| LINE.min(n as usize));
            let line = text(given, default, most)?;
            match line.contains(['\n', '\r']) {
                true => Err("is to be one line".to_owned()),
                false => like(line, regex.as_deref(), compiled),
            }
        }
        ParameterKind::Text { default } => text(given, default, TEXT).map(Value::Text),
        ParameterKind::Int { default, min, max } => {
            let empty = given.as_ref().and_then(Value::as_text).is_some_and(|t| t.trim().is_empty());
            if empty && parameter.required {
                return Err("is required".to_owned());
            }
            within(given.filter(|_| !empty).map_or(Ok(*default), whole)?, *min, *max).map(Value::Int)
        }
        ParameterKind::Boolean { default } => given.map_or(Ok(*default), yes_or_no).map(Value::Bool),
        ParameterKind::Choice { choices, default, open } => {
            let one = text(given, default, LINE)?;
            let known = *open || one.is_empty() || choices.contains(&one);
            if known { Ok(Value::Text(one)) } else { Err(none_of(&one, choices)) }
        }
        ParameterKind::Choices { choices, default } => several(given, choices, default),
        ParameterKind::Fixed { default } => match given {
            Some(other) if other != *default => Err(format!("is always {}", model::render::shown(default))),
            _ => Ok(default.clone()),
        },
        ParameterKind::Worker { default } => {
            let name = text(given, default, LINE)?;
            let known = name.is_empty() || workers.contains(&name.as_str());
            if known { Ok(Value::Text(name)) } else { Err(none_of(&name, workers)) }
        }
    }?;
    let missing = match &value {
        Value::Text(text) => text.trim().is_empty(),
        Value::List(list) => list.is_empty(),
        _ => false,
    };
    if missing && parameter.required { Err("is required".to_owned()) } else { Ok(value) }
}

fn text(given: Option<Value>, default: &str, most: usize) -> Result<String, String> {
    let text = match given {
        None => default.to_owned(),
        Some(Value::Text(text)) => text,
        Some(_) => return Err("is to be text".to_owned()),
    };
    match text.chars().count() > most {
        true => Err(format!("has more than {most} characters")),
        false => Ok(text),
    }
}

/// An empty text is like any pattern: whether something must be given is another question.
fn like(text: String, regex: Option<&str>, compiled: &Compiled) -> Result<Value, String> {
    match regex {
        Some(regex) if !text.is_empty() => match compiled.is_whole(regex, &text) {
            Some(true) => Ok(Value::Text(text)),
            Some(false) => Err(format!("is to look like {regex}")),
            None => Err(format!("cannot be checked: the pattern {regex} of the configuration cannot be read")),
        },
        _ => Ok(Value::Text(text)),
    }
}

fn whole(given: Value) -> Result<i64, String> {
    match &given {
        Value::Int(n) => Some(*n),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .ok_or_else(|| "is to be a whole number".to_owned())
}

fn within(n: i64, min: Option<i64>, max: Option<i64>) -> Result<i64, String> {
    match (min, max) {
        (Some(min), _) if n < min => Err(format!("is to be {min} or more")),
        (_, Some(max)) if n > max => Err(format!("is to be {max} or less")),
        _ => Ok(n),
    }
}

fn yes_or_no(given: Value) -> Result<bool, String> {
    let word = match &given {
        Value::Bool(yes) => return Ok(*yes),
        Value::Text(text) => text.trim().to_ascii_lowercase(),
        Value::Int(n) => n.to_string(),
        _ => String::from("?"),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err("is to be yes or no".to_owned()),
    }
}

fn several(given: Option<Value>, choices: &[String], default: &[String]) -> Result<Value, String> {
    let wrong = || "is to be a list of texts".to_owned();
    let list = match given {
        None => default.to_vec(),
        Some(Value::Text(text)) if text.is_empty() => Vec::new(),
        Some(Value::Text(one)) => vec![one],
        Some(Value::List(list)) => {
            list.iter().map(|v| v.as_text().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(wrong()),
    };
    if let Some(other) = list.iter().find(|one| !choices.contains(one)) {
        return Err(none_of(other, choices));
    }
    // In the order of the form, each once, whatever order they were given in.
    Ok(Value::List(choices.iter().filter(|c| list.contains(c)).map(|c| Value::Text(c.clone())).collect()))
}

fn none_of<T: AsRef<str>>(given: &str, choices: &[T]) -> String {
    let given: String = given.chars().take(60).collect();
    let choices: Vec<&str> = choices.iter().map(AsRef::as_ref).collect();
    match choices.is_empty() {
        true => format!("'{given}' is none of the choices: there are none"),
        false => format!("'{given}' is none of {}", choices.join(", ")),
    }
}
