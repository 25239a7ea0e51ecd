//! `steps.bazaar`.

use super::COMMON;
use super::checkout::{BASED, SHARED, based};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::Def;
use model::Vcs;

pub(in crate::functions) const BAZAAR: Def = Def {
    path: "steps.bazaar",
    summary: "Brings a Bazaar tree into the work directory, by the program `brz` of Breezy. Revisions are numbers of the branch, `revid:…` or `tag:…`. With `base_url` the branch is written behind it. Modes, `got_revision` and patches are those of `steps.git`.",
    example: "steps.bazaar(\"https://bzr.example.org/project/trunk\")",
    groups: &[BASED, SHARED, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: bazaar,
};

fn bazaar(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    based(call, Vcs::Bazaar, "bzr")
}
