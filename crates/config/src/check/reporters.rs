//! What reporters name is there.

use super::Check;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::Draft;
use model::ReporterKind;
use std::collections::BTreeSet;

pub(super) fn check(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    let made = draft.reporters.iter();
    check.names("reporter", "reporters.mail", made.clone().map(|r| (r.spec.name.as_str(), &r.site)))?;
    let builders: Vec<&str> = draft.builders.iter().map(|b| b.spec.name.as_str()).collect();
    let schedulers: Vec<&str> = draft.schedulers.iter().map(|s| s.spec.name.as_str()).collect();
    let tags: BTreeSet<&str> = draft.builders.iter().flat_map(|b| &b.spec.tags).map(String::as_str).collect();
    let tags: Vec<&str> = tags.into_iter().collect();
    for reporter in made {
        let occasions = &reporter.spec.occasions;
        let named = [
            ("builder", "builders", &occasions.builders, &builders),
            ("scheduler", "schedulers", &occasions.schedulers, &schedulers),
            ("tag", "tags", &occasions.tags, &tags),
        ];
        for (kind, argument, wanted, known) in named {
            let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) else { continue };
            let function = match reporter.spec.kind {
                ReporterKind::Mail(_) => "reporters.mail",
                ReporterKind::Http(_) => "reporters.http",
            };
            let what = if kind == "tag" { "which no builder has" } else { "which is not defined" };
            let (name, unknown_name) = (quoted(&reporter.spec.name), quoted(unknown));
            let message = format!("reporter {name} names {kind} {unknown_name}, {what}");
            let error = check.wrong(&reporter.site, function, argument, message);
            return Err(ConfigError { help: suggestion(unknown, kind, known), ..error });
        }
    }
    Ok(())
}
