//! Tasks: each has a name of its own, waits for tasks that there are, and no task waits for itself.

use super::Check;
use super::circle::circle_from;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::Draft;
use model::TaskSpec;
use std::collections::{HashMap, HashSet};

pub(super) fn check(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    check.names("task", "task", draft.tasks.iter().map(|t| (t.spec.name.as_str(), &t.site)))?;
    let mut tags: HashMap<String, &str> = HashMap::new();
    let tasks: HashMap<&str, &TaskSpec> = draft.tasks.iter().map(|t| (t.spec.name.as_str(), &t.spec)).collect();
    for made in &draft.tasks {
        if let Some(other) = tags.insert(made.spec.tag(), &made.spec.name) {
            let (a, b) = (quoted(other), quoted(&made.spec.name));
            let message = format!("the files of tasks {a} and {b} would have the same names: {}", made.spec.tag());
            return Err(check.wrong(&made.site, "task", "name", message).with_help("give one of them another name"));
        }
        if let Some(unknown) = made.spec.after.iter().find(|name| !tasks.contains_key(name.as_str())) {
            let mut all: Vec<&str> = tasks.keys().copied().filter(|name| *name != made.spec.name).collect();
            all.sort_unstable();
            let message =
                format!("task {} waits for {}, which is not defined", quoted(&made.spec.name), quoted(unknown));
            let error = check.wrong(&made.site, "task", "after", message);
            return Err(ConfigError { help: suggestion(unknown, "task", &all), ..error });
        }
    }
    let next: HashMap<&str, Vec<&str>> =
        tasks.values().map(|t| (t.name.as_str(), t.after.iter().map(String::as_str).collect())).collect();
    let mut done: HashSet<&str> = HashSet::new();
    for made in &draft.tasks {
        if let Some(circle) = circle_from(made.spec.name.as_str(), &next, &mut done) {
            let message = format!("tasks wait for each other in a circle: {}", circle.join(" → "));
            return Err(check.wrong(&made.site, "task", "after", message));
        }
    }
    Ok(())
}
