//! What was registered, checked against each other.

mod areas;
mod chains;
mod circle;
mod gates;
mod locks;
mod places;
mod reporters;
mod tasks;

use crate::error::ConfigError;
use crate::functions;
use crate::names::{quoted, suggestion};
use crate::registry::{Draft, Made, Registry};
use crate::sites::{self, Part};
use crate::{Pipeline, PipelineBuilder};
use model::area::Area;
use model::{BuilderSpec, Config, ParameterKind, SchedulerKind};
use starlark::codemap::FileSpan;
use std::collections::{HashMap, HashSet};

/// A master's configuration.
pub(crate) fn master(registry: &Registry<'_>) -> Result<Config, ConfigError> {
    let mut draft = registry.draft.take();
    let check = Check { registry };
    tasks::check(&check, &draft)?;
    let gates = gates::build(&check, &mut draft)?;
    check.names("worker", "worker", draft.workers.iter().map(|w| (w.spec.name.as_str(), &w.site)))?;
    check.builders(&draft.builders)?;
    check.workers_of_builders(&draft)?;
    check.builders_of_schedulers(&draft)?;
    let schedulers = draft.schedulers.iter().map(|s| (s.spec.name.as_str(), &s.site));
    check.names("scheduler", "schedulers.single_branch", schedulers)?;
    check.names("change source", "changes.git_poller", draft.sources.iter().map(|s| (s.spec.name(), &s.site)))?;
    check.names("lock", "locks.master", draft.locks.iter().map(|l| (l.spec.name.as_str(), &l.site)))?;
    locks::check(&check, &draft)?;
    chains::check(&check, &draft)?;
    check.workers_of_forms(&draft)?;
    reporters::check(&check, &draft)?;
    Ok(Config {
        project: draft.project.map(|m| m.spec).unwrap_or_default(),
        web: draft.web.map(|m| m.spec).unwrap_or_default(),
        database: draft.database.map(|m| m.spec),
        workers: specs(draft.workers),
        builders: specs(draft.builders),
        schedulers: specs(draft.schedulers),
        sources: specs(draft.sources),
        locks: specs(draft.locks),
        reporters: specs(draft.reporters),
        gates,
        secrets: registry.needed.take(),
    })
}

/// A pipeline.
pub(crate) fn pipeline(file: &str, registry: &Registry<'_>) -> Result<Pipeline, ConfigError> {
    let draft = registry.draft.take();
    let check = Check { registry };
    check.builders(&draft.builders)?;
    tasks::check(&check, &draft)?;
    if draft.builders.is_empty() && draft.tasks.is_empty() {
        return Err(ConfigError::whole_file(file, "defines no builder and no task")
            .with_help("builder(\"name\", steps = [steps.shell([\"make\"])])"));
    }
    let builders = draft.builders.into_iter().map(|made| {
        let BuilderSpec { name, description, tags, steps, env, defined_at, .. } = made.spec;
        PipelineBuilder { name, description, tags, steps, env, defined_at }
    });
    Ok(Pipeline { builders: builders.collect(), tasks: specs(draft.tasks), gate: specs(draft.masters).pop() })
}

/// The tests of an area.
pub(crate) fn area(file: &str, registry: &Registry<'_>) -> Result<Area, ConfigError> {
    let draft = registry.draft.take();
    let check = Check { registry };
    areas::check(&check, &draft)?;
    if draft.tests.is_empty() {
        return Err(ConfigError::whole_file(file, "defines no test")
            .with_help("test(\"name\", steps = [(\"run\", \"./run\")])"));
    }
    Ok(Area { tests: specs(draft.tests), fixtures: specs(draft.fixtures), ..draft.area })
}

fn specs<T>(made: Vec<Made<T>>) -> Vec<T> {
    made.into_iter().map(|m| m.spec).collect()
}

struct Check<'r, 'l> {
    registry: &'r Registry<'l>,
}

impl Check<'_, '_> {
    /// An error at an argument of a call. `function` tells which arguments may stand without their name.
    fn wrong(&self, site: &FileSpan, function: &str, argument: &str, message: String) -> ConfigError {
        let part = functions::find(function).map_or(Part::Whole, |def| def.value_part(argument));
        sites::error_at(&self.registry.sites.find(site, part), message)
    }

    /// No two of a kind have one name.
    fn names<'n>(
        &self,
        kind: &str,
        function: &str,
        things: impl Iterator<Item = (&'n str, &'n FileSpan)>,
    ) -> Result<(), ConfigError> {
        let mut seen: HashMap<&str, &FileSpan> = HashMap::new();
        for (name, site) in things {
            if let Some(first) = seen.insert(name, site) {
                let message = format!("there are two {kind}s named {}", quoted(name));
                return Err(self.wrong(site, function, "name", message).with_note(other_one(first, site)));
            }
        }
        Ok(())
    }

    fn builders(&self, builders: &[Made<BuilderSpec>]) -> Result<(), ConfigError> {
        self.names("builder", "builder", builders.iter().map(|b| (b.spec.name.as_str(), &b.site)))?;
        places::check(self, builders)
    }

    fn workers_of_builders(&self, draft: &Draft) -> Result<(), ConfigError> {
        let known: HashSet<&str> = draft.workers.iter().map(|w| w.spec.name.as_str()).collect();
        for made in &draft.builders {
            if let Some(unknown) = made.spec.workers.iter().find(|w| !known.contains(w.as_str())) {
                let all: Vec<_> = draft.workers.iter().map(|w| w.spec.name.as_str()).collect();
                let (builder, worker) = (quoted(&made.spec.name), quoted(unknown));
                let message = format!("builder {builder} names worker {worker}, which is not defined");
                let error = self.wrong(&made.site, "builder", "workers", message);
                return Err(ConfigError { help: suggestion(unknown, "worker", &all), ..error });
            }
        }
        Ok(())
    }

    fn workers_of_forms(&self, draft: &Draft) -> Result<(), ConfigError> {
        let all: Vec<_> = draft.workers.iter().map(|w| w.spec.name.as_str()).collect();
        for made in &draft.schedulers {
            let SchedulerKind::Force(form) = &made.spec.kind else { continue };
            for parameter in &form.parameters {
                let ParameterKind::Worker { default } = &parameter.kind else { continue };
                if !default.is_empty() && !all.contains(&default.as_str()) {
                    let (name, worker) = (quoted(&parameter.name), quoted(default));
                    let message = format!("the parameter {name} has worker {worker} as default, which is not defined");
                    let error = self.wrong(&made.site, "schedulers.force", "parameters", message);
                    return Err(ConfigError { help: suggestion(default, "worker", &all), ..error });
                }
            }
        }
        Ok(())
    }

    fn builders_of_schedulers(&self, draft: &Draft) -> Result<(), ConfigError> {
        let known: HashSet<&str> = draft.builders.iter().map(|b| b.spec.name.as_str()).collect();
        for made in &draft.schedulers {
            if let Some(unknown) = made.spec.builders.iter().find(|b| !known.contains(b.as_str())) {
                let all: Vec<_> = draft.builders.iter().map(|b| b.spec.name.as_str()).collect();
                let (scheduler, builder) = (quoted(&made.spec.name), quoted(unknown));
                let message = format!("scheduler {scheduler} names builder {builder}, which is not defined");
                let error = self.wrong(&made.site, &function_of(&made.spec.kind), "builders", message);
                return Err(ConfigError { help: suggestion(unknown, "builder", &all), ..error });
            }
        }
        Ok(())
    }
}

/// What a scheduler is made with, as it is written.
fn function_of(kind: &SchedulerKind) -> String {
    format!("schedulers.{}", kind.word())
}

fn other_one(first: &FileSpan, second: &FileSpan) -> String {
    match first == second {
        true => "one call makes both: is it in a loop?".to_owned(),
        false => format!("the other one is in {}", sites::place(first)),
    }
}
