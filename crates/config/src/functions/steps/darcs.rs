//! `steps.darcs`.

use super::COMMON;
use super::checkout::{BASED, SHARED, based};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::Def;
use model::Vcs;

pub(in crate::functions) const DARCS: Def = Def {
    path: "steps.darcs",
    summary: "Brings a Darcs tree into the work directory. A revision is the hash of a patch, with all that stand before it, or a context, as `darcs log --context` prints it. With `base_url` the branch is written behind it. Modes, `got_revision` and patches are those of `steps.git`.",
    example: "steps.darcs(base_url = \"https://darcs.example.org/\", branch = \"main\")",
    groups: &[BASED, SHARED, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: darcs,
};

fn darcs(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    based(call, Vcs::Darcs, "darcs")
}
