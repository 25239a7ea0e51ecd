//! Steps that set properties, and one that looks at them.

use super::{COMMON, made, shell};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::names::quoted;
use crate::sites::Part;
use crate::texts::is_text;
use model::{PropertyReading, PropertyValue, Reading, StepAction, StepFlags};
use starlark::values::Value;
use std::collections::BTreeMap;

pub(in crate::functions) const SET_PROPERTY: Def = Def {
    path: "steps.set_property",
    summary: "Sets a property of the build: a text, perhaps interpolated, or any plain value.",
    example: "steps.set_property(\"tarball\", interpolate(\"zlib-{got_revision}.tar.gz\"))",
    groups: &[&[p("property", "name", ""), p("value", "text or plain value", "")], COMMON],
    by_position: 2,
    required: &["property", "value"],
    in_pipelines: true,
    run: set_property,
};

pub(in crate::functions) const SET_PROPERTIES: Def = Def {
    path: "steps.set_properties",
    summary: "Sets several properties of the build.",
    example: "steps.set_properties({\"release\": True, \"tarball\": interpolate(\"zlib-{got_revision}.tar.gz\")})",
    groups: &[&[p("properties", "dict of texts or plain values", "")], COMMON],
    by_position: 1,
    required: &["properties"],
    in_pipelines: true,
    run: |call| {
        let values = values(call, "properties")?;
        if values.is_empty() {
            return Err(call.wrong_value("properties", "properties of steps.set_properties is empty").boxed());
        }
        made(call, StepAction::SetProperties(values), "set_properties", StepFlags::PLAIN)
    },
};

pub(in crate::functions) const SET_PROPERTY_FROM_COMMAND: Def = Def {
    path: "steps.set_property_from_command",
    summary: "Runs a command and takes its standard output as the value of a property. Or `extract(exit_code, stdout, \
              stderr)` answers with a dict of properties.",
    example: "steps.set_property_from_command([\"git\", \"describe\"], property = \"version\")",
    groups: &[
        &[
            p("command", "list of texts, or a text for the shell", ""),
            p("property", "name", "None"),
            p("extract", "function, in the place of `property`", "None"),
            p("strip", "True or False: blanks around the value are cut", "True"),
        ],
        shell::RUN,
        COMMON,
    ],
    by_position: 2,
    required: &["command"],
    in_pipelines: true,
    run: from_command,
};

pub(in crate::functions) const ASSERT_THAT: Def = Def {
    path: "steps.assert_that",
    summary: "Fails unless a condition holds when the step begins.",
    example: "steps.assert_that(lambda build: build.properties.get(\"branch\") == \"main\", message = \"only main is released\")",
    groups: &[
        &[
            p("condition", "True, False, interpolate(…) or function, given the build", ""),
            p("message", "text", "from the condition"),
        ],
        COMMON,
    ],
    by_position: 2,
    required: &["condition"],
    in_pipelines: true,
    run: assert_that,
};

fn set_property(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = call.formed("property", address::property)?.unwrap_or_default();
    let value = call.value("value").unwrap_or_else(Value::new_none);
    let value = one(call, "value", &name, value)?;
    made(call, StepAction::SetProperties(BTreeMap::from([(name, value)])), "set_property", StepFlags::PLAIN)
}

/// Values of properties, by name.
pub(super) fn values(call: &Call<'_, '_>, name: &str) -> Result<BTreeMap<String, PropertyValue>, Wrong> {
    let mut all = BTreeMap::new();
    for (key, value) in call.entries(name, "a dict of properties")? {
        if let Err(wanted) = address::property(key) {
            let message =
                format!("{name} of {} has a property named {}; it must be {wanted}", call.def.path, quoted(key));
            return Err(call.wrong_value(name, message).boxed());
        }
        all.insert(call.keep(key)?, one(call, name, key, value)?);
    }
    Ok(all)
}

fn one<'v>(call: &Call<'v, '_>, name: &str, key: &str, value: Value<'v>) -> Result<PropertyValue, Wrong> {
    if is_text(value) {
        return call.to_text(name, value).map(PropertyValue::Text);
    }
    call.plain(name, key, value, 0).map(PropertyValue::Value)
}

fn from_command(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(value) = call.some("command") else {
        return Err(call.wants("command", "a list of texts", Value::new_none()).boxed());
    };
    let command = shell::command(call, "command", value)?;
    let strip = call.truth("strip", true)?;
    let property = match (call.formed("property", address::property)?, call.function("extract")?) {
        (Some(name), None) => PropertyReading::Whole { name, strip },
        (None, Some(function)) => PropertyReading::Function(function),
        (Some(_), Some(_)) => {
            let message = "steps.set_property_from_command has both property and extract";
            return Err(call.wrong(Part::Name("extract"), message).help("give one of them"));
        }
        (None, None) => {
            let message = "steps.set_property_from_command needs property or extract";
            return Err(call.wrong(Part::Whole, message).help("write property = \"…\""));
        }
    };
    let spec = shell::run(call, command, Reading { property: Some(property), ..Reading::default() })?;
    made(call, StepAction::Shell(spec), "set_property", StepFlags::PLAIN)
}

fn assert_that(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(condition) = call.condition("condition")? else {
        return Err(call.wrong_value("condition", "condition of steps.assert_that is None").boxed());
    };
    let otherwise = match &condition {
        model::Condition::Fixed(_) => "the condition does not hold".to_owned(),
        model::Condition::Text(text) => format!("{} does not hold", text.written()),
        model::Condition::Function(function) => format!("{} ({}) says no", function.name, function.place),
    };
    let message = call.rich("message")?.unwrap_or_else(|| otherwise.into());
    made(call, StepAction::Assert { condition, message }, "assert", StepFlags::HALTING)
}
