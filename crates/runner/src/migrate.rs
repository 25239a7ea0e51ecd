//! An area of Megatest as a `tests.star`: its files are read for each target, and what was written is read back and held
//! against them.

use crate::home::{AreaError, Files, Home, NATIVE};
use crate::outside::Disk;
use config::{Asked, Limits, Loader};
use megatest::migrate::{self, ANY_RUN, Migrated, Reading, Targets};
use megatest::{Outside, Problem};
use model::area::Area;
use testruns::Target;

/// Why nothing is written.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Its files are wrong, or a target does not fit.
    #[error(transparent)]
    Area(#[from] AreaError),
    /// Nobody knows for which targets.
    #[error("{0} looks at its target, and runconfigs.config names none")]
    NoTarget(String),
    /// What was written cannot be read.
    #[error("what was written for the area cannot be read back: {0}")]
    Unreadable(#[from] config::ConfigError),
}

/// A run's name by which what was written is tried out.
const SOME_RUN: &str = "some-run";

/// Writes an area for these targets; without any, for those that `runconfigs.config` names.
///
/// # Errors
/// See [`MigrateError`].
pub fn migrate(home: &Home, asked: &[String]) -> Result<Migrated, MigrateError> {
    let (first, _) = home.loaded(None, Some(ANY_RUN));
    let disk = Disk::new(&home.dir);
    let text = |file: &str| disk.read(file).ok().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let fields = Area { fields: fields_of(&first), ..Area::default() };
    let mut targets: Vec<String> = asked.to_vec();
    if asked.is_empty() {
        // A section may also hold values that others ask for.
        let fits = |name: &&String| Target::read(&fields, name).is_ok_and(|t| t.to_string() == **name);
        targets.extend(first.run_configs.targets.iter().filter(fits).cloned());
    }
    for target in &mut targets {
        *target = Target::read(&fields, target).map_err(|p| AreaError::Asked(vec![p]))?.to_string();
    }
    let looks = migrate::looks_at_target(&first, &text);
    if targets.is_empty() {
        if looks {
            return Err(MigrateError::NoTarget(home.name()));
        }
        // Any will do.
        let value = |f: &model::area::Field| f.default.clone().unwrap_or_else(|| "any".to_owned());
        targets.push(fields.fields.iter().map(value).collect::<Vec<_>>().join("/"));
    }
    let mut readings = Vec::new();
    for target in &targets {
        let (loaded, nouns) = home.loaded(Some(target), Some(ANY_RUN));
        let wrong: Vec<Problem> = migrate::errors(&loaded).cloned().collect();
        if !wrong.is_empty() {
            return Err(AreaError::Megatest(wrong).into());
        }
        readings.push(Reading { target: target.clone(), loaded, nouns });
    }
    let directory = home.dir.to_string_lossy();
    let only = if looks || targets.len() > 1 { Targets::Those } else { Targets::Any };
    let mut migrated = migrate::migrate(&readings, &directory, only);
    for target in &targets {
        prove(home, target, &mut migrated)?;
    }
    Ok(migrated)
}

fn fields_of(loaded: &megatest::load::Loaded) -> Vec<model::area::Field> {
    let field = |f: &megatest::area::Field| model::area::Field { name: f.name.clone(), default: f.default.clone() };
    loaded.area.fields.iter().map(field).collect()
}

/// Reads back what was written, for a run of another name. What is not the same is left out, and said to be.
fn prove(home: &Home, target: &str, migrated: &mut Migrated) -> Result<(), MigrateError> {
    let directory = home.dir.to_string_lossy().into_owned();
    let asked = Asked { target: target.to_owned(), run: SOME_RUN.to_owned(), directory };
    let written = Written { star: &migrated.star, files: Files { dir: &home.dir, asked } };
    if migrated.without.is_empty() || migrated.star.contains("\ntest(") {
        let got = config::load_tests(NATIVE, &written, &Limits::default())?;
        let (_, nouns) = home.loaded(Some(target), Some(SOME_RUN));
        let without = migrated.without.clone();
        migrate::differences(&nouns.area, &got, &without).into_iter().for_each(|left| migrated.leave(left));
    }
    Ok(())
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;

/// What was written, among the files of the area.
struct Written<'a> {
    star: &'a str,
    files: Files<'a>,
}

impl Loader for Written<'_> {
    fn read(&self, name: &str) -> Result<String, String> {
        if name == NATIVE { Ok(self.star.to_owned()) } else { self.files.read(name) }
    }

    fn secret_file(&self, name: &str) -> Result<Option<String>, String> {
        self.files.secret_file(name)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.files.env(name)
    }

    fn asked(&self) -> Asked {
        self.files.asked()
    }
}
