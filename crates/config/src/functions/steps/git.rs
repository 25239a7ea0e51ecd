//! `steps.git`.

use super::checkout::{mode, outside_pipelines, retry};
use super::{COMMON, made, workdir};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::sites::Part;
use model::{GitSpec, Span, StepAction, StepFlags};

pub(in crate::functions) const GIT: Def = Def {
    path: "steps.git",
    summary: "Brings a git tree into the work directory: the revision of the build's source, or the head of its branch. \
              It sets the property `got_revision`. `update` works in place, `copy` keeps a checkout beside it and gives \
              each build a fresh copy, `clobber` checks out anew, `export` does so without git's own files.",
    example: "steps.git(\"https://github.com/madler/zlib\", branch = \"develop\", mode = \"copy\", retry = (\"10s\", 3))",
    groups: &[
        &[
            p("repository", "address or path", ""),
            p("branch", "name, for when the source names none", "the remote's HEAD"),
            p("mode", "\"update\", \"copy\", \"clobber\" or \"export\"", "\"update\""),
            p("codebase", "text", "\"\""),
            p("submodules", "True or False", "False"),
            p("shallow", "True, or a number of commits", "False"),
            p("retry", "(duration, times)", "None"),
            p("always_use_latest", "True or False: the revision of the source is not looked at", "False"),
            p("timeout", "duration without output; None: for ever", "\"20m\""),
            super::WORKDIR,
        ],
        COMMON,
    ],
    by_position: 2,
    required: &["repository"],
    in_pipelines: true,
    run: git,
};

fn git(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    outside_pipelines(call)?;
    let Some(repository) = call.rich_formed("repository", address::repository)? else {
        return Err(call.wrong(Part::Whole, "steps.git needs repository").boxed());
    };
    let spec = GitSpec {
        branch: call.rich_formed("branch", address::branch)?,
        mode: mode(call)?,
        workdir: workdir(call, address::below)?,
        codebase: call.text("codebase")?.unwrap_or_default(),
        submodules: call.truth("submodules", false)?,
        shallow: shallow(call)?,
        retry: retry(call)?,
        always_use_latest: call.truth("always_use_latest", false)?,
        timeout: call.patience("timeout", Some(Span::seconds(1200)))?,
        repository,
    };
    made(call, StepAction::Git(spec), "git", StepFlags::HALTING)
}

/// `True` is one commit, a number so many.
fn shallow(call: &Call<'_, '_>) -> Result<Option<u32>, Wrong> {
    match call.some("shallow").map(|v| v.unpack_bool()) {
        None | Some(Some(false)) => Ok(None),
        Some(Some(true)) => Ok(Some(1)),
        Some(None) => Ok(u32::try_from(call.number("shallow", 1, 1_000_000, 1)?).ok()),
    }
}
