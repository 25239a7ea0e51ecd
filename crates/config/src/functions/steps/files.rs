//! Steps that make, copy, remove and look for files on the worker. Their paths are below the builder's directory.

use super::{COMMON, made};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::texts::is_text;
use model::{FileSpec, StepAction, StepFlags, Text};

pub(in crate::functions) const MAKE_DIRECTORY: Def = Def {
    path: "steps.make_directory",
    summary: "Makes a directory on the worker, and those above it. Paths are below the builder's directory, in which the \
              tree is in `build`.",
    example: "steps.make_directory(\"build/out\")",
    groups: &[&[p("path", "directory", "")], COMMON],
    by_position: 1,
    required: &["path"],
    in_pipelines: true,
    run: |call| {
        let path = path(call, "path", address::below)?;
        made(call, StepAction::File(FileSpec::MakeDirectory { path }), "make_directory", StepFlags::HALTING)
    },
};

pub(in crate::functions) const COPY_DIRECTORY: Def = Def {
    path: "steps.copy_directory",
    summary: "Copies a directory on the worker with all that is in it. What stood in its place is gone.",
    example: "steps.copy_directory(\"build\", \"kept\")",
    groups: &[&[p("src", "directory", ""), p("dest", "directory", "")], COMMON],
    by_position: 2,
    required: &["src", "dest"],
    in_pipelines: true,
    run: |call| {
        let (from, to) = (path(call, "src", address::below)?, path(call, "dest", address::below)?);
        made(call, StepAction::File(FileSpec::CopyDirectory { from, to }), "copy_directory", StepFlags::HALTING)
    },
};

pub(in crate::functions) const REMOVE: Def = Def {
    path: "steps.remove",
    summary: "Removes files or directories on the worker. What is not there is no error.",
    example: "steps.remove([\"build/out\", \"kept\"])",
    groups: &[&[p("paths", "path, or a list of paths", "")], COMMON],
    by_position: 1,
    required: &["paths"],
    in_pipelines: true,
    run: remove,
};

pub(in crate::functions) const FILE_EXISTS: Def = Def {
    path: "steps.file_exists",
    summary: "Fails unless a file is there on the worker.",
    example: "steps.file_exists(\"build/config.h\")",
    groups: &[&[p("path", "file", "")], COMMON],
    by_position: 1,
    required: &["path"],
    in_pipelines: true,
    run: |call| {
        let path = path(call, "path", address::below)?;
        made(call, StepAction::File(FileSpec::Exists { path }), "file_exists", StepFlags::HALTING)
    },
};

fn path(call: &Call<'_, '_>, name: &str, form: fn(&str) -> Result<(), &'static str>) -> Result<Text, Wrong> {
    call.rich_formed(name, form)?;
    call.required_rich(name)
}

fn remove(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let paths = match call.some("paths") {
        Some(one) if is_text(one) => vec![path(call, "paths", address::below)?],
        _ => call.rich_texts("paths", "a path or a list of paths")?.unwrap_or_default(),
    };
    if paths.is_empty() {
        return Err(call.wrong_value("paths", "paths of steps.remove is empty").boxed());
    }
    for path in paths.iter().filter_map(Text::plain) {
        address::below(path).map_err(|wanted| {
            let what = crate::names::quoted(path);
            let message = format!("paths of steps.remove has {what} in it; each must be {wanted}");
            call.wrong_value("paths", message).boxed()
        })?;
    }
    made(call, StepAction::File(FileSpec::Remove { paths }), "remove", StepFlags::PLAIN)
}
