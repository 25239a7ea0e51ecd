//! The functions of the configuration language, one file for each namespace and one line here for each function.

mod changes;
mod schedulers;
mod steps;
mod top;

use crate::call::{Call, Outcome, Wrong};
use crate::sites::Part;
use crate::value;
use starlark::environment::GlobalsBuilder;

/// Every function, in alphabetical order within its namespace.
pub(crate) const ALL: &[Def] = &[
    top::BUILDER,
    top::DATABASE,
    top::LOCAL_WORKER,
    top::PROJECT,
    top::SECRET,
    top::WEB,
    top::WORKER,
    changes::GIT_POLLER,
    schedulers::FORCE,
    schedulers::PERIODIC,
    schedulers::SINGLE_BRANCH,
    steps::COMPILE,
    steps::CONFIGURE,
    steps::GIT,
    steps::SHELL,
    steps::TEST,
];

/// A function of the configuration language.
pub(crate) struct Def {
    /// Its name as it is written: `steps.git`.
    pub(crate) path: &'static str,
    /// Its parameters, in groups so that functions can share them.
    pub(crate) groups: &'static [&'static [&'static str]],
    /// How many of the first parameters may be given without their name.
    pub(crate) by_position: usize,
    /// Parameters that must be given.
    pub(crate) required: &'static [&'static str],
    /// It may stand in a pipeline too.
    pub(crate) in_pipelines: bool,
    /// What it does.
    pub(crate) run: for<'v, 'c, 'r> fn(&'c Call<'v, 'r>) -> Result<Outcome, Wrong>,
}

impl Def {
    /// All parameters in order.
    pub(crate) fn params(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }

    /// The part of a call that gives a parameter its value.
    pub(crate) fn value_part<'p>(&self, name: &'p str) -> Part<'p> {
        let index = self.params().position(|p| p == name).filter(|i| *i < self.by_position);
        Part::Value(name, index.unwrap_or(usize::MAX))
    }
}

/// The function with this path.
pub(crate) fn find(path: &str) -> Option<&'static Def> {
    ALL.iter().find(|def| def.path == path)
}

/// The names of a namespace, or of the top level, where namespaces count as names.
pub(crate) fn names_in(namespace: Option<&str>) -> Vec<&'static str> {
    let mut names: Vec<_> = ALL
        .iter()
        .filter_map(|def| match (namespace, def.path.split_once('.')) {
            (None, Some((space, _))) => Some(space),
            (None, None) => Some(def.path),
            (Some(wanted), Some((space, name))) => (space == wanted).then_some(name),
            (Some(_), None) => None,
        })
        .collect();
    names.dedup();
    names
}

/// Makes all of them known.
pub(crate) fn define(builder: &mut GlobalsBuilder) {
    let define = |builder: &mut GlobalsBuilder, namespace: Option<&str>| {
        for (def, index) in ALL.iter().zip(0..) {
            match (namespace, def.path.split_once('.')) {
                (None, None) => builder.set(def.path, value::Function { index }),
                (Some(wanted), Some((space, name))) if space == wanted => {
                    builder.set(name, value::Function { index });
                }
                _ => {}
            }
        }
    };
    define(builder, None);
    for namespace in ["changes", "schedulers", "steps"] {
        builder.namespace(namespace, |b| define(b, Some(namespace)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_can_be_called() {
        let globals = crate::evaluate::globals();
        let names: Vec<String> = globals.names().map(|n| n.as_str().to_owned()).collect();
        for def in ALL {
            assert!(names.contains(&def.path.split('.').next().unwrap_or_default().to_owned()), "{}", def.path);
            assert!(def.by_position <= def.params().count(), "{}", def.path);
            assert!(def.required.iter().all(|r| def.params().any(|p| p == *r)), "{}", def.path);
            assert!(!crate::names::is_later(def.path), "{}", def.path);
        }
    }
}
