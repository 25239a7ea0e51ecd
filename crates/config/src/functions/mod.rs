//! The functions of the configuration language, one file for each namespace and one line here for each function.

mod areas;
mod asked;
mod builder;
mod changes;
mod excuses;
mod factories;
mod filter;
mod force;
mod gate;
mod locks;
mod reporters;
mod schedulers;
mod schedulers_try;
mod steps;
mod task;
mod test_steps;
mod top;
mod words;

use crate::call::{Call, Outcome, Wrong};
use crate::sites::Part;
use crate::value;
use starlark::environment::GlobalsBuilder;

pub(crate) use top::read_secret;

/// Every function, in alphabetical order within its namespace.
pub(crate) const ALL: &[Def] = &[
    builder::BUILDER,
    top::DATABASE,
    gate::GATE,
    words::GLOB,
    words::INTERPOLATE,
    top::LOCAL_WORKER,
    top::PROJECT,
    words::PROP,
    words::REGEX,
    top::SECRET,
    task::STAGE,
    task::TASK,
    areas::TEST,
    top::WEB,
    top::WORKER,
    changes::BZR_POLLER,
    changes::CVS_POLLER,
    changes::DARCS_POLLER,
    changes::GIT_POLLER,
    changes::HG_POLLER,
    changes::SVN_POLLER,
    factories::CARGO,
    factories::CMAKE,
    factories::CPAN,
    factories::DISTUTILS,
    factories::GNU_AUTOCONF,
    factories::GO,
    factories::MESON,
    factories::NODE,
    factories::PYPROJECT,
    factories::TRIAL,
    locks::MASTER,
    locks::WORKER,
    force::BOOLEAN,
    force::CHOICE,
    force::CHOICES,
    force::FIXED,
    force::INT,
    force::STRING,
    force::TEXT,
    force::WORKER,
    reporters::HTTP,
    reporters::MAIL,
    schedulers::ANY_BRANCH,
    schedulers::DEPENDENT,
    force::FORCE,
    schedulers::NIGHTLY,
    schedulers::PERIODIC,
    schedulers::SINGLE_BRANCH,
    schedulers::TRIGGERABLE,
    schedulers_try::JOBDIR,
    schedulers_try::USERPASS,
    steps::ASSERT_THAT,
    steps::BAZAAR,
    steps::COMPILE,
    steps::CONFIGURE,
    steps::COPY_DIRECTORY,
    steps::CVS,
    steps::DARCS,
    steps::DEBUILD,
    steps::DOWNLOAD,
    steps::DOWNLOAD_TEXT,
    steps::FILE_EXISTS,
    steps::GIT,
    steps::HLINT,
    steps::HTTP,
    steps::LINTIAN,
    steps::MAKE_DIRECTORY,
    steps::MASTER_SHELL,
    steps::MERCURIAL,
    steps::PERL_MODULE_TEST,
    steps::PYFLAKES,
    steps::PYLINT,
    steps::REMOVE,
    steps::REMOVE_PYC,
    steps::SEQUENCE,
    steps::SET_PROPERTIES,
    steps::SET_PROPERTY,
    steps::SET_PROPERTY_FROM_COMMAND,
    steps::SHELL,
    steps::SPHINX,
    steps::SVN,
    steps::TEST,
    steps::TEST_ATTEMPT,
    steps::TREE_SIZE,
    steps::TRIAL,
    steps::TRIGGER,
    steps::UPLOAD,
    steps::UPLOAD_DIRECTORY,
    areas::AREA,
    asked::DIRECTORY,
    areas::FIXTURE,
    excuses::QUARANTINE,
    asked::RUNNAME,
    areas::STATUS,
    asked::TARGET,
    excuses::WAIVER,
];

/// Results by the names that a configuration has for them.
pub(crate) const RESULTS: [(&str, model::Results); 7] = [
    ("SUCCESS", model::Results::Success),
    ("WARNINGS", model::Results::Warnings),
    ("FAILURE", model::Results::Failure),
    ("SKIPPED", model::Results::Skipped),
    ("EXCEPTION", model::Results::Exception),
    ("RETRY", model::Results::Retry),
    ("CANCELLED", model::Results::Cancelled),
];

/// A parameter of a function: its name, what it takes, and what it is when it is not given.
#[derive(Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static str,
    pub(crate) default: &'static str,
}

/// A parameter.
pub(crate) const fn p(name: &'static str, takes: &'static str, default: &'static str) -> Param {
    Param { name, takes, default }
}

/// A function of the configuration language.
pub(crate) struct Def {
    /// Its name as it is written: `steps.git`.
    pub(crate) path: &'static str,
    /// What it does, for the manual: a sentence or a few.
    pub(crate) summary: &'static str,
    /// A call of it that works, given the worker `here`, the builder `linux` and the triggerable scheduler `packages`.
    pub(crate) example: &'static str,
    /// Its parameters, in groups so that functions can share them.
    pub(crate) groups: &'static [&'static [Param]],
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
    /// The names of all parameters in order.
    pub(crate) fn params(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.parameters().map(|p| p.name)
    }

    /// All parameters in order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static Param> + use<> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// It stands in a `tests.star`, and nowhere else.
    pub(crate) fn is_of_tests(&self) -> bool {
        self.path == "test" || self.path.starts_with("tests.")
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

/// Where functions live that are not at the top level.
pub(crate) const NAMESPACES: [&str; 8] =
    ["changes", "factories", "locks", "params", "reporters", "schedulers", "steps", "tests"];

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
    if namespace.is_none() {
        names.extend(RESULTS.map(|(name, _)| name));
    }
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
    for (name, result) in RESULTS {
        builder.set(name, result.code());
    }
    for namespace in NAMESPACES {
        builder.namespace(namespace, |b| define(b, Some(namespace)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_loaded() {
        for def in ALL {
            let before = "local_worker(\"here\")\n\
                          builder(\"linux\", workers = [\"here\"], steps = [steps.shell(\"make\")])\n\
                          schedulers.triggerable(\"packages\", builders = [\"linux\"])\n";
            let loaded = if def.is_of_tests() {
                let memory = crate::tests::Memory::default().file("tests.star", def.example);
                crate::load_tests("tests.star", &memory, &crate::Limits::default()).map(drop)
            } else {
                let text = format!("{before}{}\n", def.example);
                crate::tests::Memory::master(&text).secret("mac-mini", "x").load().map(drop)
            };
            assert!(loaded.is_ok(), "{}: {}", def.path, loaded.map_or_else(|e| e.to_string(), |()| String::new()));
            assert!(def.example.contains(def.path), "{}", def.path);
            assert!(def.summary.ends_with('.'), "{}", def.path);
        }
    }

    #[test]
    fn the_reference_has_every_function_and_argument() {
        let page = crate::reference();
        for def in ALL {
            assert!(page.contains(&format!("### `{}`", def.path)), "{}", def.path);
            for param in def.parameters() {
                let (call, name) = (format!("| `{}` |", param.name), format!("| `{} =` |", param.name));
                assert!(page.contains(&call) || page.contains(&name), "{}", param.name);
                assert!(!param.takes.is_empty(), "{}", param.name);
            }
        }
    }

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
