//! `steps.svn`.

use super::COMMON;
use super::checkout::{BASED, SHARED, based};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::Def;
use model::Vcs;

pub(in crate::functions) const SVN: Def = Def {
    path: "steps.svn",
    summary: "Brings a Subversion tree into the work directory. Revisions are numbers. With `repository` the address is one branch; with `base_url` the branch is written behind it, as it is, and `branch` is the one for sources that name none. Modes, `got_revision` and patches are those of `steps.git`.",
    example: "steps.svn(base_url = \"https://svn.example.org/project/\", branch = \"trunk\", mode = \"copy\")",
    groups: &[BASED, SHARED, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: svn,
};

fn svn(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    based(call, Vcs::Subversion, "svn")
}
