//! Where builders work: each has a directory of its own on a worker, apart from the others' and the worker's own files.

use super::Check;
use crate::error::ConfigError;
use crate::names::quoted;
use crate::registry::Made;
use model::BuilderSpec;
use std::collections::BTreeMap;

/// What a worker keeps in its base directory beside the builders'. Names that begin with a dot are its own as well.
const OF_WORKERS: [&str; 4] = ["info", "worker.conf", "sluice.log", "sluice.pid"];

const HELP: &str = "give it another with builddir = \"…\"";

pub(super) fn check(check: &Check<'_, '_>, builders: &[Made<BuilderSpec>]) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<Vec<&str>, &BuilderSpec> = BTreeMap::new();
    for made in builders {
        let builder = &made.spec;
        let wrong = |message| check.wrong(&made.site, "builder", "builddir", message).with_help(HELP);
        let parts: Vec<&str> = builder.builddir.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let first = parts.first().copied().unwrap_or_default();
        if first.starts_with('.') || OF_WORKERS.contains(&first) {
            let (name, dir) = (quoted(&builder.name), quoted(&builder.builddir));
            return Err(wrong(format!(
                "builder {name} has the directory {dir}, and {} is the worker's own",
                quoted(first)
            )));
        }
        if let Some(other) = seen.get(&parts) {
            let (a, b) = (quoted(&other.name), quoted(&builder.name));
            let message = format!("builders {a} and {b} have the same directory {}", quoted(&builder.builddir));
            return Err(wrong(message).with_help("give one of them another with builddir = \"…\""));
        }
        if let Some(other) = around_or_below(&seen, &parts) {
            let (name, dir) = (quoted(&builder.name), quoted(&builder.builddir));
            let (outer, inner) = match other.builddir.len() < builder.builddir.len() {
                true => (quoted(&other.name), name),
                false => (name, quoted(&other.name)),
            };
            let message = format!(
                "the directories of builders {outer} and {inner} lie one in the other: {} and {dir}",
                quoted(&other.builddir)
            );
            return Err(wrong(message));
        }
        seen.insert(parts, builder);
    }
    Ok(())
}

/// A builder whose directory has these parts below it, or lies above them.
fn around_or_below<'b>(seen: &BTreeMap<Vec<&str>, &'b BuilderSpec>, parts: &[&str]) -> Option<&'b BuilderSpec> {
    let above = (1..parts.len()).find_map(|n| seen.get(&parts[..n]));
    let below = || seen.range(parts.to_vec()..).next().filter(|(other, _)| other.starts_with(parts)).map(|(_, b)| b);
    above.or_else(below).copied()
}
