//! The functions without a namespace: `project`, `web`, `database`, `worker`, `local_worker`, `builder`, `secret`.

use super::Def;
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::{MOST_STEPS, MOST_THINGS, Made, MadeStep};
use crate::sites::{self, Part};
use crate::value::Step;
use crate::{address, given};
use model::worker::{Secret, WorkerAccess};
use model::{BuilderSpec, ProjectSpec, Span, StepSpec, WebSpec, WorkerSpec};
use std::collections::{HashMap, HashSet};

pub(super) const PROJECT: Def = Def {
    path: "project",
    groups: &[&["title", "url", "public_url"]],
    by_position: 3,
    required: &[],
    in_pipelines: false,
    run: project,
};

pub(super) const WEB: Def = Def {
    path: "web",
    groups: &[&["listen", "anonymous_control", "users"]],
    by_position: 1,
    required: &[],
    in_pipelines: false,
    run: web,
};

pub(super) const DATABASE: Def = Def {
    path: "database",
    groups: &[&["url"]],
    by_position: 1,
    required: &["url"],
    in_pipelines: false,
    run: database,
};

pub(super) const WORKER: Def = Def {
    path: "worker",
    groups: &[&["name", "password", "max_builds", "lost_after"]],
    by_position: 2,
    required: &["name", "password"],
    in_pipelines: false,
    run: worker,
};

pub(super) const LOCAL_WORKER: Def = Def {
    path: "local_worker",
    groups: &[&["name", "max_builds", "lost_after"]],
    by_position: 1,
    required: &["name"],
    in_pipelines: false,
    run: local_worker,
};

pub(super) const SECRET: Def =
    Def { path: "secret", groups: &[&["name"]], by_position: 1, required: &["name"], in_pipelines: false, run: secret };

pub(super) const BUILDER: Def = Def {
    path: "builder",
    groups: &[&["name", "workers", "steps", "description", "tags", "builddir", "env", "properties"]],
    by_position: 1,
    required: &["name", "steps"],
    in_pipelines: true,
    run: builder,
};

fn project(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let default = ProjectSpec::default();
    let mut public_url = call.formed("public_url", address::web)?.unwrap_or(default.public_url);
    if !public_url.is_empty() && !public_url.ends_with('/') {
        public_url.push('/');
    }
    let spec = ProjectSpec {
        title: call.text("title")?.unwrap_or(default.title),
        url: call.formed("url", address::web)?.unwrap_or(default.url),
        public_url,
    };
    once(call, &mut call.registry.draft.borrow_mut().project, spec)
}

fn web(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let default = WebSpec::default();
    let mut users = Vec::new();
    for (name, value) in call.entries("users", "a dict of passwords by name")? {
        let clean = !name.is_empty() && !name.contains([':', '\0']) && !name.chars().any(char::is_control);
        if !clean {
            let message = format!("users of web has a user named {}", quoted(name));
            return Err(call.wrong_value("users", message).help("a user's name has no \":\" in it"));
        }
        users.push((call.keep(name)?, call.to_secret("users", value)?));
    }
    let spec = WebSpec {
        listen: call.formed("listen", address::listen)?.unwrap_or(default.listen),
        anonymous_control: call.truth("anonymous_control", default.anonymous_control)?,
        users,
    };
    once(call, &mut call.registry.draft.borrow_mut().web, spec)
}

fn database(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let url = call.secret("url")?.unwrap_or_else(|| Secret::new(""));
    if let Err(wanted) = address::database(url.reveal()) {
        // The address may hold a password: it is not repeated.
        return Err(call.wrong_value("url", format!("url of database must be {wanted}")).boxed());
    }
    once(call, &mut call.registry.draft.borrow_mut().database, url)
}

/// Registers what there may be one of.
fn once<T>(call: &Call<'_, '_>, slot: &mut Option<Made<T>>, spec: T) -> Result<Outcome, Wrong> {
    if let Some(first) = slot {
        let message = format!("{} is called twice", call.def.path);
        return Err(call
            .wrong(Part::Whole, message)
            .help(format!("it is called first in {}", sites::place(&first.site))));
    }
    *slot = Some(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn worker(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let missing = || call.wrong(Part::Whole, "worker needs password").boxed();
    let password = call.secret("password")?.ok_or_else(missing)?;
    any_worker(call, WorkerAccess::Remote { password })
}

fn local_worker(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    any_worker(call, WorkerAccess::Local)
}

fn any_worker(call: &Call<'_, '_>, access: WorkerAccess) -> Result<Outcome, Wrong> {
    let spec = WorkerSpec {
        name: required_name(call)?,
        max_builds: u32::try_from(call.number("max_builds", 1, 1000, 1)?).unwrap_or(1),
        access,
        lost_after: call.duration("lost_after", Span::seconds(1))?.unwrap_or(Span::seconds(600)),
        defined_at: call.place(),
    };
    let workers = &mut call.registry.draft.borrow_mut().workers;
    room_for_one(call, workers.len())?;
    workers.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// The `name` of a thing that must have one.
pub(super) fn required_name(call: &Call<'_, '_>) -> Result<String, Wrong> {
    let missing = || call.wrong(Part::Whole, format!("{} needs name", call.def.path)).boxed();
    call.formed("name", address::name)?.ok_or_else(missing)
}

/// A bound on how many things of a kind there may be.
pub(super) fn room_for_one(call: &Call<'_, '_>, there: usize) -> Result<(), Wrong> {
    match there < MOST_THINGS {
        true => Ok(()),
        false => {
            Err(call.wrong(Part::Whole, format!("{} is called more than {MOST_THINGS} times", call.def.path)).boxed())
        }
    }
}

fn secret(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = call.formed("name", address::secret_name)?.unwrap_or_default();
    if name.is_empty() {
        return Err(call.wrong(Part::Whole, "secret needs name").boxed());
    }
    let variable = address::secret_variable(&name);
    let loader = call.registry.loader;
    let from_file = loader.secret_file(&name).map_err(|why| {
        call.wrong(Part::Whole, format!("secret {} cannot be read from secrets/{name}: {why}", quoted(&name))).boxed()
    })?;
    let text = match from_file {
        Some(text) => text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned(),
        None => loader.env(&variable).ok_or_else(|| {
            let message = format!("secret {} is not found", quoted(&name));
            call.wrong(Part::Whole, message)
                .help(format!("put it into the file secrets/{name} or into the environment as {variable}"))
        })?,
    };
    if text.is_empty() {
        return Err(call.wrong(Part::Whole, format!("secret {} is empty", quoted(&name))).boxed());
    }
    let secrets = &mut call.registry.secrets.borrow_mut();
    room_for_one(call, secrets.len())?;
    if !call.registry.take(text.len()) {
        return Err(call.too_much());
    }
    secrets.push(Secret::new(text));
    Ok(Outcome::Secret(u32::try_from(secrets.len() - 1).unwrap_or(u32::MAX)))
}

fn builder(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = required_name(call)?;
    let workers = match call.registry.mode {
        crate::registry::Mode::Pipeline if call.value("workers").is_some() => {
            return Err(call
                .wrong(Part::Name("workers"), "a builder of a pipeline names no workers")
                .help("the master chooses where it runs"));
        }
        crate::registry::Mode::Pipeline => Vec::new(),
        crate::registry::Mode::Master if call.value("workers").is_none() => {
            let message = format!("builder {} has no workers", quoted(&name));
            return Err(call.wrong(Part::Whole, message).help("name at least one: workers = [\"…\"]"));
        }
        crate::registry::Mode::Master => call.names("workers", "workers")?,
    };
    let steps = steps(call, &name)?;
    let builddir = call.formed("builddir", address::below)?.unwrap_or_else(|| address::directory(&name));
    let spec = BuilderSpec {
        description: call.text("description")?.unwrap_or_default(),
        tags: call.texts("tags", "a list of texts")?.unwrap_or_default(),
        steps,
        builddir,
        env: call.env("env")?,
        properties: call.properties("properties", "Builder")?,
        defined_at: call.place(),
        ..BuilderSpec::new(name, workers)
    };
    let builders = &mut call.registry.draft.borrow_mut().builders;
    room_for_one(call, builders.len())?;
    builders.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// The steps of a builder, each with a name of its own.
fn steps(call: &Call<'_, '_>, builder: &str) -> Result<Vec<StepSpec>, Wrong> {
    let Some(value) = call.some("steps") else {
        return Err(call.wrong(Part::Whole, "builder needs steps").boxed());
    };
    let Some(items) = given::items(value) else {
        let help = Step::from_value(value).map(|_| "write steps = [ … ]".to_owned());
        return Err(call.wants("steps", "a list of steps", value).maybe_help(help));
    };
    if items.is_empty() {
        let message = format!("builder {} has no steps", quoted(builder));
        return Err(call.wrong_value("steps", message).help("give it at least one: steps = [steps.shell([\"make\"])]"));
    }
    let made = call.registry.steps.borrow();
    let mut chosen: Vec<&MadeStep> = Vec::new();
    for item in items {
        let Some(step) = Step::from_value(item).and_then(|step| made.get(step.index as usize)) else {
            let message = format!("steps of builder {} has {} in it", quoted(builder), given::describe(item));
            let help = match item.get_type() {
                "list" | "tuple" => Some("join lists with +".to_owned()),
                "function" => Some("is a call meant? write its parentheses".to_owned()),
                _ => None,
            };
            return Err(call.wrong_value("steps", message).maybe_help(help));
        };
        if !call.registry.take(step.weight) {
            return Err(call.too_much());
        }
        chosen.push(step);
    }
    if chosen.len() > MOST_STEPS {
        return Err(call.too_much());
    }
    name_steps(call, builder, &chosen)
}

/// Given names must differ; made-up ones get a number where they do not (`test`, `test_1`).
fn name_steps(call: &Call<'_, '_>, builder: &str, chosen: &[&MadeStep]) -> Result<Vec<StepSpec>, Wrong> {
    let mut taken: HashSet<String> = HashSet::new();
    for step in chosen.iter().filter(|s| s.named) {
        if !taken.insert(step.spec.name.clone()) {
            let first = chosen.iter().find(|s| s.named && s.spec.name == step.spec.name);
            let message = format!("builder {} has two steps named {}", quoted(builder), quoted(&step.spec.name));
            let mut error = sites::error_at(&step.site, message).with_help("give one of them another name");
            if let Some(first) = first.filter(|f| f.site != step.site) {
                error = error.with_note(format!("the other one is in {}", sites::place(&first.site)));
            }
            return Err(Box::new(error.with_note(format!("the builder is in {}", sites::place(&call.site)))));
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
