//! `steps.…`: what a build does. One file for each family; what all of them have is here.

mod bazaar;
mod checkout;
mod cvs;
mod darcs;
mod files;
mod git;
mod lint;
mod master;
mod mercurial;
mod properties;
mod reading;
mod shell;
mod svn;
mod transfer;
mod trial;
mod trigger;

pub(super) use bazaar::BAZAAR;
pub(super) use cvs::CVS;
pub(super) use darcs::DARCS;
pub(super) use files::{COPY_DIRECTORY, FILE_EXISTS, MAKE_DIRECTORY, REMOVE};
pub(super) use git::GIT;
pub(super) use lint::{DEBUILD, HLINT, LINTIAN, PYFLAKES, PYLINT, REMOVE_PYC, SPHINX, TREE_SIZE};
pub(super) use master::{HTTP, MASTER_SHELL};
pub(super) use mercurial::MERCURIAL;
pub(super) use properties::{ASSERT_THAT, SET_PROPERTIES, SET_PROPERTY, SET_PROPERTY_FROM_COMMAND};
pub(super) use reading::{FORMATS, compile_reading, test_reading};
pub(super) use shell::{COMPILE, CONFIGURE, PERL_MODULE_TEST, SEQUENCE, SHELL, TEST, TESTING, command};
pub(super) use svn::SVN;
pub(super) use transfer::{DOWNLOAD, DOWNLOAD_TEXT, TEST_ATTEMPT, UPLOAD, UPLOAD_DIRECTORY};
pub(super) use trial::TRIAL;
pub(super) use trial::{command as trial_command, test_changes};
pub(super) use trigger::TRIGGER;

use super::{Param, locks, p};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::registry::{MOST_STEPS, MadeStep};
use crate::sites::Part;
use model::{LockScope, StepAction, StepFlags, StepSpec, Text};

/// What every step has.
pub(super) const COMMON: &[Param] = &[
    p("name", "text", "from what it does"),
    p("description", "text or list of words, while it runs", "from what it does"),
    p("description_done", "text or list of words, once it has run", "from what it does"),
    p("halt_on_failure", "True or False: a failure ends the build", "by the step"),
    p("flunk_on_failure", "True or False: a failure fails the build", "True"),
    p("flunk_on_warnings", "True or False: warnings fail the build", "False"),
    p("warn_on_failure", "True or False: a failure gives the build warnings", "by the step"),
    p("warn_on_warnings", "True or False: warnings give the build warnings", "True"),
    p("always_run", "True or False: it runs after a halt too", "False"),
    p("do_step_if", "True, False, interpolate(…) or function, given the build", "True"),
    p("hide_step_if", "True, False, interpolate(…) or function, given the build and its result", "False"),
    p("locks", "list of locks, held while it runs", "[]"),
];

/// Where a step works.
pub(super) const WORKDIR: Param = p("workdir", "directory below the builder's", "\"build\"");

/// The directory that a step works in.
pub(super) fn workdir(call: &Call<'_, '_>, form: fn(&str) -> Result<(), &'static str>) -> Result<Text, Wrong> {
    Ok(call.rich_formed("workdir", form)?.unwrap_or_else(|| "build".into()))
}

/// Registers a step.
pub(super) fn made(
    call: &Call<'_, '_>,
    action: StepAction,
    default_name: impl Into<String>,
    flags: StepFlags,
) -> Result<Outcome, Wrong> {
    let given_name = call.formed("name", address::name)?;
    let named = given_name.is_some();
    let on_the_master = matches!(action, StepAction::MasterShell(_) | StepAction::Http(_));
    let spec = StepSpec {
        flags: StepFlags {
            halt_on_failure: call.truth("halt_on_failure", flags.halt_on_failure)?,
            flunk_on_failure: call.truth("flunk_on_failure", flags.flunk_on_failure)?,
            flunk_on_warnings: call.truth("flunk_on_warnings", flags.flunk_on_warnings)?,
            warn_on_failure: call.truth("warn_on_failure", flags.warn_on_failure)?,
            warn_on_warnings: call.truth("warn_on_warnings", flags.warn_on_warnings)?,
            always_run: call.truth("always_run", flags.always_run)?,
        },
        description: call.rich_words("description")?,
        description_done: call.rich_words("description_done")?,
        locks: locks::uses(call, "locks")?,
        do_if: call.condition("do_step_if")?,
        hide_if: call.condition("hide_step_if")?,
        defined_at: call.place(),
        ..StepSpec::new(given_name.unwrap_or_else(|| default_name.into()), action)
    };
    if on_the_master {
        not_of_a_worker(call, &spec)?;
    }
    keep(call, spec, named).map(Outcome::Step)
}

/// A worker's lock says nothing of what runs on the master.
fn not_of_a_worker(call: &Call<'_, '_>, spec: &StepSpec) -> Result<(), Wrong> {
    let draft = call.registry.draft.borrow();
    let of_a_worker =
        |name: &str| draft.locks.iter().any(|made| made.spec.name == name && made.spec.scope == LockScope::Worker);
    match spec.locks.iter().find(|held| of_a_worker(&held.lock)) {
        None => Ok(()),
        Some(held) => {
            let name = crate::names::quoted(&held.lock);
            let message = format!("{} runs on the master, and the lock {name} counts on workers", call.def.path);
            Err(call.wrong_value("locks", message).help(format!("make it locks.master({name})")))
        }
    }
}

/// Keeps a step that is whole, and answers with its number.
pub(super) fn keep(call: &Call<'_, '_>, spec: StepSpec, named: bool) -> Result<u32, Wrong> {
    let weight = weight(&spec);
    let steps = &mut call.registry.steps.borrow_mut();
    if steps.len() >= MOST_STEPS || !call.registry.take(weight) {
        return Err(call.too_much());
    }
    steps.push(MadeStep { spec, named, weight, site: call.site.clone() });
    Ok(u32::try_from(steps.len() - 1).unwrap_or(u32::MAX))
}

/// What a copy of a step costs, in bytes, or more.
fn weight(spec: &StepSpec) -> usize {
    let mut weight = std::mem::size_of::<MadeStep>() + spec.name.len() + spec.locks.len() * 64;
    let mut add = |text: &Text| -> Result<String, std::convert::Infallible> {
        weight += text.written().len() * 2 + 48;
        Ok(String::new())
    };
    let _ = spec.action.try_map(&mut add);
    for text in spec.description.iter().chain(&spec.description_done) {
        let _ = add(text);
    }
    weight
}

/// A part of the call that may not stand in a pipeline.
pub(super) fn not_in_pipelines(call: &Call<'_, '_>, name: &str, why: &str) -> Result<(), Wrong> {
    let in_pipeline = call.registry.mode == crate::registry::Mode::Pipeline;
    match in_pipeline && call.some(name).is_some() {
        false => Ok(()),
        true => {
            let message = format!("{name} of {} does not belong into a pipeline", call.def.path);
            Err(call.wrong(Part::Name(name), message).help(why))
        }
    }
}
