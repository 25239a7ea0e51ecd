//! `schedulers.force` and `params.…`: forms by which somebody asks for builds.

use super::schedulers::{self, COMMON};
use super::{Def, Param, p, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::given;
use crate::names::{nearest, quoted};
use crate::sites::Part;
use crate::value::Parameter as Handle;
use model::{ForceSpec, Parameter, ParameterKind, SchedulerKind, Value};

pub(super) const FORCE: Def = Def {
    path: "schedulers.force",
    summary: "A form by which people ask for builds. It asks for branch, revision and reason, and for the parameters, \
              whose values become properties of the builds.",
    example: "schedulers.force(\n    \"force\",\n    builders = [\"linux\"],\n    parameters = [\n        \
              params.choice(\"mode\", [\"quick\", \"full\"], label = \"How thorough\"),\n        \
              params.boolean(\"clean\", label = \"From scratch\"),\n    ],\n)",
    groups: &[
        &[
            p("name", "text", ""),
            p("button", "text", "\"Force build\""),
            p("label", "text over the form", "the name"),
            p("parameters", "list of params.…(…)", "[]"),
        ],
        COMMON,
    ],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: force,
};

/// What every form asks for by itself, and what a call of it means something else by.
const USUAL: [&str; 11] = [
    "owner",
    "username",
    "reason",
    "priority",
    "branch",
    "revision",
    "repository",
    "project",
    "properties",
    "builderid",
    "builderNames",
];

/// What every parameter has.
const FIELD: &[Param] = &[
    p("label", "text before the field", "the name"),
    p("tooltip", "text", "\"\""),
    p("required", "True or False: something must be given", "False"),
];

/// Declares one kind of parameter.
macro_rules! parameter {
    ($name:ident, $path:literal, $summary:literal, $example:literal, $by_position:literal, $required:expr,
     [$($param:expr),*], $read:ident) => {
        pub(super) const $name: Def = Def {
            path: $path,
            summary: $summary,
            example: $example,
            groups: &[&[p("name", "name of the property", ""), $($param),*], FIELD],
            by_position: $by_position,
            required: $required,
            in_pipelines: false,
            run: |call| {
                let kind = $read(call)?;
                made(call, kind)
            },
        };
    };
}

parameter!(
    STRING,
    "params.string",
    "A line of text. With `regex`, all of it must be like that.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.string(\"version\", default = \"1.0\", regex = r\"[0-9.]+\")])",
    1,
    &["name"],
    [
        p("default", "text", "\"\""),
        p("regex", "regular expression", "anything"),
        p("max_length", "number of characters", "the general limit")
    ],
    string
);
parameter!(
    TEXT,
    "params.text",
    "Several lines of text.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.text(\"notes\")])",
    1,
    &["name"],
    [p("default", "text", "\"\"")],
    text
);
parameter!(
    INT,
    "params.int",
    "A whole number.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.int(\"jobs\", default = 2, min = 1, max = 64)])",
    1,
    &["name"],
    [p("default", "number", "0, or the nearest that fits"), p("min", "number", "None"), p("max", "number", "None")],
    int
);
parameter!(
    BOOLEAN,
    "params.boolean",
    "Yes or no.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.boolean(\"clean\", default = True)])",
    1,
    &["name"],
    [p("default", "True or False", "False")],
    boolean
);
parameter!(
    CHOICE,
    "params.choice",
    "One of several texts; with `open` something else too.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.choice(\"mode\", [\"quick\", \"full\"])])",
    2,
    &["name", "choices"],
    [p("choices", "list of texts", ""), p("default", "one of them", "the first"), p("open", "True or False", "False")],
    choice
);
parameter!(
    CHOICES,
    "params.choices",
    "Any of several texts; the property is a list.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.choices(\"suites\", [\"unit\", \"db\"], default = [\"unit\"])])",
    2,
    &["name", "choices"],
    [p("choices", "list of texts", ""), p("default", "list of some of them", "[]")],
    choices
);
parameter!(
    FIXED,
    "params.fixed",
    "Not asked: always this.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.fixed(\"release\", True)])",
    2,
    &["name", "default"],
    [p("default", "text, number, True, False, None, or a list or dict of such", "")],
    fixed
);
parameter!(
    WORKER,
    "params.worker",
    "One of the builder's workers, or any.",
    "schedulers.force(\"f\", builders = [\"linux\"], parameters = [params.worker(\"worker\", default = \"here\")])",
    1,
    &["name"],
    [p("default", "name of a worker", "any")],
    worker
);

fn force(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let button = call.text("button")?.unwrap_or_else(|| "Force build".to_owned());
    if button.trim().is_empty() {
        return Err(call.wrong_value("button", "button of schedulers.force is empty").boxed());
    }
    let label = call.text("label")?.unwrap_or_default();
    let mut parameters: Vec<Parameter> = Vec::new();
    if let Some(value) = call.some("parameters") {
        const WANTED: &str = "a list of parameters, such as params.string(\"version\")";
        let items = given::flat_items(value).ok_or_else(|| call.wants("parameters", WANTED, value).boxed())?;
        let made = call.registry.parameters.borrow();
        for item in items {
            let Some(found) = Handle::from_value(item).and_then(|handle| made.get(handle.index as usize)) else {
                let message = format!("parameters of schedulers.force has {} in it", given::describe(item));
                return Err(call.wrong_value("parameters", message).help(format!("it must be {WANTED}")));
            };
            if parameters.iter().any(|p| p.name == found.name) {
                let message = format!("parameters of schedulers.force has {} twice", quoted(&found.name));
                return Err(call.wrong_value("parameters", message).boxed());
            }
            parameters.push(found.clone());
        }
    }
    schedulers::made(call, SchedulerKind::Force(ForceSpec { label, parameters, ..ForceSpec::new(button) }))
}

fn made(call: &Call<'_, '_>, kind: ParameterKind) -> Result<Outcome, Wrong> {
    let Some(name) = call.formed("name", address::property)? else {
        return Err(call.wrong(Part::Whole, format!("{} needs name", call.def.path)).boxed());
    };
    if USUAL.contains(&name.as_str()) {
        let message = format!("a parameter cannot be named {}: every form has that by itself", quoted(&name));
        return Err(call.wrong_value("name", message).boxed());
    }
    let parameter = Parameter {
        label: call.text("label")?.unwrap_or_else(|| name.clone()),
        tooltip: call.text("tooltip")?.unwrap_or_default(),
        required: call.truth("required", false)?,
        name,
        kind,
    };
    let parameters = &mut call.registry.parameters.borrow_mut();
    top::room_for_one(call, parameters.len())?;
    parameters.push(parameter);
    Ok(Outcome::Parameter(u32::try_from(parameters.len() - 1).unwrap_or(u32::MAX)))
}

fn string(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    let default = call.text("default")?.unwrap_or_default();
    let regex = call.regex("regex")?;
    let max_length = match call.number("max_length", 1, 1_000_000, 0)? {
        0 => None,
        n => u32::try_from(n).ok(),
    };
    let length = default.chars().count();
    if let Some(most) = max_length.filter(|most| length > *most as usize) {
        let message = format!("default of params.string has {length} characters, and max_length is {most}");
        return Err(call.wrong_value("default", message).boxed());
    }
    // An empty default is no answer yet.
    let fits = |pattern: &String| regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|r| r.is_match(&default));
    if let Some(pattern) = regex.as_ref().filter(|pattern| !default.is_empty() && !fits(pattern)) {
        let message =
            format!("default of params.string is {}, which is not like {}", quoted(&default), quoted(pattern));
        return Err(call.wrong_value("default", message).boxed());
    }
    Ok(ParameterKind::String { default, regex, max_length })
}

fn text(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    Ok(ParameterKind::Text { default: call.text("default")?.unwrap_or_default() })
}

fn int(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    let bound = |name: &str| match call.some(name) {
        None => Ok(None),
        Some(_) => call.number(name, i64::MIN, i64::MAX, 0).map(Some),
    };
    let (min, max) = (bound("min")?, bound("max")?);
    if let (Some(least), Some(most)) = (min, max)
        && least > most
    {
        return Err(call.wrong_value("min", format!("min of params.int is {least}, above max {most}")).boxed());
    }
    let (least, most) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
    let default = call.number("default", least, most, 0i64.clamp(least, most))?;
    Ok(ParameterKind::Int { default, min, max })
}

fn boolean(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    Ok(ParameterKind::Boolean { default: call.truth("default", false)? })
}

fn choice(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    let choices = call.names("choices", "choices")?;
    let open = call.truth("open", false)?;
    let default = call.text("default")?.unwrap_or_else(|| choices.first().cloned().unwrap_or_default());
    if !open {
        is_a_choice(call, &choices, &default)?;
    }
    Ok(ParameterKind::Choice { choices, default, open })
}

fn choices(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    let choices = call.names("choices", "choices")?;
    let default = call.texts("default", "a list of texts")?.unwrap_or_default();
    for one in &default {
        is_a_choice(call, &choices, one)?;
    }
    Ok(ParameterKind::Choices { choices, default })
}

fn is_a_choice(call: &Call<'_, '_>, choices: &[String], default: &str) -> Result<(), Wrong> {
    if choices.iter().any(|c| c == default) {
        return Ok(());
    }
    let message = format!("default of {} is {}, which is none of its choices", call.def.path, quoted(default));
    let help = match nearest(default, choices.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => format!("they are {}", choices.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ")),
    };
    Err(call.wrong_value("default", message).help(help))
}

fn fixed(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    let default = match call.value("default") {
        None => Value::Null,
        Some(value) => call.plain("default", "default", value, 0)?,
    };
    Ok(ParameterKind::Fixed { default })
}

fn worker(call: &Call<'_, '_>) -> Result<ParameterKind, Wrong> {
    Ok(ParameterKind::Worker { default: call.text("default")?.unwrap_or_default() })
}
