//! The steps of a test, as `test(…)` takes them.

use super::areas::{var, words};
use crate::call::{Call, Wrong};
use crate::names::quoted;
use crate::{address, given};
use model::area::{ExitCodes, LogRules, RulesSource, TestStep};
use model::{CommandLine, Span};
use starlark::values::Value;

pub(super) fn steps(call: &Call<'_, '_>) -> Result<Vec<TestStep>, Wrong> {
    const WANTED: &str = "a list of (name, command) or (name, command, dict)";
    let Some(value) = call.some("steps") else { return Ok(Vec::new()) };
    let all = given::items(value).ok_or_else(|| call.wants("steps", WANTED, value).boxed())?;
    let mut steps: Vec<TestStep> = Vec::new();
    for one in all {
        let parts = given::items(one).unwrap_or_default();
        let (Some(name), Some(command)) = (parts.first().and_then(|n| n.unpack_str()), parts.get(1)) else {
            return Err(call.wants("steps", WANTED, one).boxed());
        };
        let options = match parts.get(2).map(|v| given::entries(*v)) {
            None => Vec::new(),
            Some(Some(Ok(options))) if parts.len() == 3 => options,
            Some(_) => return Err(call.wants("steps", WANTED, one).boxed()),
        };
        if name.is_empty() || steps.iter().any(|s| s.name == name) {
            let message = format!("there is a step {} already, or it has no name", quoted(name));
            return Err(call.wrong_value("steps", message).boxed());
        }
        steps.push(step(call, call.keep(name)?, *command, &options)?);
    }
    Ok(steps)
}

fn step<'v>(
    call: &Call<'v, '_>,
    name: String,
    command: Value<'v>,
    options: &[(&'v str, Value<'v>)],
) -> Result<TestStep, Wrong> {
    let command = match command.unpack_str() {
        Some(script) => CommandLine::Script(call.keep(script)?),
        None => CommandLine::Words(words(call, "steps", command)?),
    };
    let plain = ExitCodes::default();
    let mut step = TestStep { name, command, exit: plain, rules: None, max_time: None, env: Vec::new() };
    for (option, value) in options {
        match *option {
            "exit" => step.exit = exit_codes(call, *value)?,
            "rules" => {
                let Some(file) = value.unpack_str().filter(|f| address::file(f).is_ok()) else {
                    return Err(call.wants("steps", "rules in a file below the test's directory", *value).boxed());
                };
                let file = call.keep(file)?;
                step.rules = Some(LogRules { name: file.clone(), source: RulesSource::File(file) });
            }
            "rules_text" => {
                let Some(text) = value.unpack_str().filter(|_| step.rules.is_none()) else {
                    return Err(call.wants("steps", "rules_text as a text, without rules beside it", *value).boxed());
                };
                let text = call.keep(text)?;
                step.rules = Some(LogRules { name: format!("{}.logpro", step.name), source: RulesSource::Text(text) });
            }
            "max_time" => step.max_time = Some(call.to_duration("steps", *value, Span::seconds(1))?),
            "env" => {
                let Some(Ok(entries)) = given::entries(*value) else {
                    return Err(call.wants("steps", "env as a dict of variables", *value).boxed());
                };
                step.env = entries.into_iter().map(|e| var(call, "steps", e)).collect::<Result<_, _>>()?;
            }
            other => {
                let message = format!("a step has no option {}", quoted(other));
                return Err(call
                    .wrong_value("steps", message)
                    .help("it has exit, rules, rules_text, max_time and env"));
            }
        }
    }
    Ok(step)
}

fn exit_codes<'v>(call: &Call<'v, '_>, value: Value<'v>) -> Result<ExitCodes, Wrong> {
    let wrong = || call.wants("steps", "exit as \"plain\", \"verdict\", \"ignored\" or a list of codes", value).boxed();
    match value.unpack_str() {
        Some("plain") => Ok(ExitCodes::Plain),
        Some("verdict") => Ok(ExitCodes::Verdict),
        Some("ignored") => Ok(ExitCodes::Ignored),
        Some(_) => Err(wrong()),
        None => {
            let codes = given::items(value).ok_or_else(wrong)?;
            let code = |c: &Value<'v>| given::integer(*c).and_then(|c| i32::try_from(c).ok()).ok_or_else(wrong);
            Ok(ExitCodes::Allowed(codes.iter().map(code).collect::<Result<_, _>>()?))
        }
    }
}
