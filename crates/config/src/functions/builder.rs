//! `builder(…)`: a named way to build, on some workers.

use super::{Def, locks, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::{MOST_STEPS, Made, MadeStep, Mode};
use crate::sites::{self, Part};
use crate::value::Step;
use crate::{address, given};
use model::{BuilderSpec, Collapse, PipelineSpec, StepSpec};
use std::collections::{HashMap, HashSet};

pub(super) const BUILDER: Def = Def {
    path: "builder",
    summary: "A named way to build: on which workers, and the steps in order. Lists of steps within the list of steps \
              stand in their place. Functions are given what they decide about and answer when they are asked: \
              `next_worker(request, workers)` with a worker's name or None, `next_request(requests)` with an id, \
              `can_start(request, worker)`, `do_build_if(build)` and `collapse(request, other)` with True or False.",
    example: "builder(\n    \"full\",\n    workers = [\"here\"],\n    env = {\"CC\": \"clang\"},\n    \
              collapse = False,\n    steps = [steps.git(\"https://github.com/madler/zlib\"), \
              factories.gnu_autoconf(jobs = 4)],\n)",
    groups: &[&[
        p("name", "text", ""),
        p("workers", "list of names of workers", ""),
        p("steps", "list of steps", ""),
        p("description", "text", "\"\""),
        p("tags", "list of texts", "[]"),
        p("category", "text, one more tag", "None"),
        p("builddir", "directory below the worker's own", "from the name"),
        p("env", "dict of variables", "{}"),
        p("properties", "dict of properties", "{}"),
        p("default_properties", "dict of properties that those of the request stand above", "{}"),
        p("locks", "list of locks, held for the whole build", "[]"),
        p("next_worker", "function", "any that is free"),
        p("next_request", "function", "by priority and age"),
        p("can_start", "function", "always"),
        p("do_build_if", "True, False, interpolate(…) or function", "True"),
        p("collapse", "True, False or function: one build may answer several requests", "True"),
        p("cancel_superseded", "True or False: a newer request of a branch cancels older ones", "False"),
        p("use_progress", "True or False: durations are learnt and ends foretold", "True"),
        p("pipeline", "file of the repository that adds its steps, such as \"sluice.star\"", "None"),
        p("pipeline_builder", "which builder of that file", "the one of the same name, or the only one"),
        p("pipeline_secrets", "list of names of secrets that its steps may name", "[]"),
    ]],
    by_position: 1,
    required: &["name", "steps"],
    in_pipelines: true,
    run: builder,
};

/// What a builder of a pipeline may say; the rest is the master's.
const IN_PIPELINES: [&str; 6] = ["name", "steps", "description", "tags", "category", "env"];

fn builder(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = top::required_name(call)?;
    let workers = workers(call, &name)?;
    let steps = steps_of(call, "steps", "builder", &name)?;
    let builddir = call.formed("builddir", address::below)?.unwrap_or_else(|| address::directory(&name));
    let mut tags = call.texts("tags", "a list of texts")?.unwrap_or_default();
    tags.extend(call.text("category")?.filter(|c| !tags.contains(c)));
    let spec = BuilderSpec {
        description: call.text("description")?.unwrap_or_default(),
        tags,
        steps,
        builddir,
        env: call.env("env")?,
        properties: call.properties("properties", "Builder")?,
        default_properties: call.properties("default_properties", "Builder")?,
        locks: locks::uses(call, "locks")?,
        collapse: collapse(call)?,
        cancel_superseded: call.truth("cancel_superseded", false)?,
        next_worker: call.function("next_worker")?,
        next_request: call.function("next_request")?,
        can_start: call.function("can_start")?,
        do_build_if: call.condition("do_build_if")?,
        use_progress: call.truth("use_progress", true)?,
        pipeline: pipeline(call)?,
        defined_at: call.place(),
        ..BuilderSpec::new(name, workers)
    };
    let builders = &mut call.registry.draft.borrow_mut().builders;
    top::room_for_one(call, builders.len())?;
    builders.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn workers(call: &Call<'_, '_>, builder: &str) -> Result<Vec<String>, Wrong> {
    match call.registry.mode {
        Mode::Pipeline | Mode::Tests if call.value("workers").is_some() => Err(call
            .wrong(Part::Name("workers"), "a builder of a pipeline names no workers")
            .help("the master chooses where it runs")),
        Mode::Pipeline | Mode::Tests => {
            let foreign = call.def.params().find(|p| !IN_PIPELINES.contains(p) && call.value(p).is_some());
            foreign.map_or(Ok(Vec::new()), |name| {
                let message = format!("{name} of a builder does not belong into a pipeline");
                Err(call.wrong(Part::Name(name), message).help(format!("it has {}", IN_PIPELINES.join(", "))))
            })
        }
        Mode::Master if call.value("workers").is_none() => {
            let message = format!("builder {} has no workers", quoted(builder));
            Err(call.wrong(Part::Whole, message).help("name at least one: workers = [\"…\"]"))
        }
        Mode::Master => call.names("workers", "workers"),
    }
}

fn collapse(call: &Call<'_, '_>) -> Result<Collapse, Wrong> {
    let Some(value) = call.some("collapse") else { return Ok(Collapse::default()) };
    match value.unpack_bool() {
        Some(true) => Ok(Collapse::SameSource),
        Some(false) => Ok(Collapse::Never),
        None if given::is_function(value) => call.to_function("collapse", value).map(Collapse::Function),
        None => Err(call.wants("collapse", "True, False or a function", value).boxed()),
    }
}

fn pipeline(call: &Call<'_, '_>) -> Result<Option<PipelineSpec>, Wrong> {
    let builder = call.formed("pipeline_builder", address::name)?;
    let secrets = call.texts("pipeline_secrets", "a list of names of secrets")?.unwrap_or_default();
    let Some(file) = call.formed("pipeline", address::file)? else {
        let alone = ["pipeline_builder", "pipeline_secrets"].into_iter().find(|n| call.some(n).is_some());
        return alone.map_or(Ok(None), |name| {
            let message = format!("builder has {name} without pipeline");
            Err(call.wrong(Part::Name(name), message).help("write pipeline = \"sluice.star\""))
        });
    };
    for secret in &secrets {
        call.need_secret(secret).map_err(|why| {
            let complaint = call.wrong_value("pipeline_secrets", why);
            complaint.maybe_help(top::missing_secret(call.registry.loader, secret))
        })?;
    }
    Ok(Some(PipelineSpec { file, builder, secrets }))
}

/// The steps that an argument lists, each with a name of its own. `kind` and `owner` are what has them.
pub(super) fn steps_of(
    call: &Call<'_, '_>,
    argument: &'static str,
    kind: &str,
    owner: &str,
) -> Result<Vec<StepSpec>, Wrong> {
    let of = format!("{kind} {}", quoted(owner));
    let Some(value) = call.some(argument) else {
        return Err(call.wrong(Part::Whole, format!("{kind} needs {argument}")).boxed());
    };
    let Some(items) = given::flat_items(value) else {
        let help = Step::from_value(value).map(|_| format!("write {argument} = [ … ]"));
        return Err(call.wants(argument, &format!("a list of {argument}"), value).maybe_help(help));
    };
    if items.is_empty() {
        let example = if kind == "task" { "stage(\"make\", [\"make\"])" } else { "steps.shell([\"make\"])" };
        let message = format!("{of} has no {argument}");
        return Err(call
            .wrong_value(argument, message)
            .help(format!("give it at least one: {argument} = [{example}]")));
    }
    let made = call.registry.steps.borrow();
    let mut chosen: Vec<&MadeStep> = Vec::new();
    for item in items {
        let Some(step) = Step::from_value(item).and_then(|step| made.get(step.index as usize)) else {
            let message = format!("{argument} of {of} has {} in it", given::describe(item));
            let help = match item.get_type() {
                "function" => Some("is a call meant? write its parentheses".to_owned()),
                _ => None,
            };
            return Err(call.wrong_value(argument, message).maybe_help(help));
        };
        if !call.registry.take(step.weight) {
            return Err(call.too_much());
        }
        chosen.push(step);
    }
    if chosen.len() > MOST_STEPS {
        return Err(call.too_much());
    }
    name_steps(call, (kind, owner), &chosen)
}

/// Given names must differ; made-up ones get a number where they do not (`test`, `test_1`).
fn name_steps(call: &Call<'_, '_>, (kind, owner): (&str, &str), chosen: &[&MadeStep]) -> Result<Vec<StepSpec>, Wrong> {
    let mut taken: HashSet<String> = HashSet::new();
    for step in chosen.iter().filter(|s| s.named) {
        if !taken.insert(step.spec.name.clone()) {
            let first = chosen.iter().find(|s| s.named && s.spec.name == step.spec.name);
            let message = format!("{kind} {} has two steps named {}", quoted(owner), quoted(&step.spec.name));
            let mut error = sites::error_at(&step.site, message).with_help("give one of them another name");
            if let Some(first) = first.filter(|f| f.site != step.site) {
                error = error.with_note(format!("the other one is in {}", sites::place(&first.site)));
            }
            return Err(Box::new(error.with_note(format!("the {kind} is in {}", sites::place(&call.site)))));
        }
    }
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut specs = Vec::with_capacity(chosen.len());
    for step in chosen {
        let mut spec = step.spec.clone();
        if !step.named && !taken.insert(spec.name.clone()) {
            let number = next.entry(step.spec.name.as_str()).or_insert(1);
            spec.name = loop {
                let name = format!("{}_{number}", step.spec.name);
                *number += 1;
                if taken.insert(name.clone()) {
                    break name;
                }
            };
        }
        specs.push(spec);
    }
    Ok(specs)
}
