//! `tests.target`, `tests.runname`, `tests.directory`: for what the tests of an area are read.

use super::areas::fields;
use super::{Def, p};
use crate::call::{Call, Outcome, Wrong};

pub(super) const TARGET: Def = Def {
    path: "tests.target",
    summary: "The target for which the file is read: a value for each field of tests.area, with / between them. Values that \
              were left out have their defaults.",
    example: "tests.area(\"zlib\", fields = {\"OS\": \"linux\"})\nFLAGS = {\"linux\": [\"-O0\", \"-O2\"], \"bsd\": \
              [\"-O2\"]}\ntest(\"build\", items = {\"FLAG\": FLAGS.get(tests.target(), [])}, steps = [(\"make\", \
              \"make\")])",
    groups: &[&[p("fields", "the fields of a target, as in tests.area", "those of the tests.area before it")]],
    by_position: 1,
    required: &[],
    in_pipelines: false,
    run: target,
};

pub(super) const RUNNAME: Def = Def {
    path: "tests.runname",
    summary: "The name of the run for which the file is read; empty where there is none, as in `sluice tests config`.",
    example: "test(\"close\", skip_if_exists = [\"closed.\" + tests.runname()], steps = [(\"close\", \"touch \
              $MT_RUN_AREA_HOME/closed.$MT_RUNNAME\")])",
    groups: &[],
    by_position: 0,
    required: &[],
    in_pipelines: false,
    run: runname,
};

pub(super) const DIRECTORY: Def = Def {
    path: "tests.directory",
    summary: "The directory of the area, with links resolved.",
    example: "tests.area(\"zlib\", env = {\"DATA\": tests.directory() + \"/data\"})\ntest(\"build\", steps = [(\"make\", \
              \"make -f $DATA/Makefile\")])",
    groups: &[],
    by_position: 0,
    required: &[],
    in_pipelines: false,
    run: directory,
};

fn target(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let asked = call.registry.loader.asked().target;
    let mut values: Vec<String> = asked.split('/').filter(|_| !asked.is_empty()).map(str::to_owned).collect();
    let fields = match call.some("fields") {
        Some(_) => fields(call)?,
        None => call.registry.draft.borrow().area.fields.clone(),
    };
    // Whether it fits the fields is told by whoever makes a run of it.
    values.extend(fields.iter().skip(values.len()).map_while(|field| field.default.clone()));
    call.keep(&values.join("/")).map(Outcome::Text)
}

fn runname(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    call.keep(&call.registry.loader.asked().run).map(Outcome::Text)
}

fn directory(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    call.keep(&call.registry.loader.asked().directory).map(Outcome::Text)
}
