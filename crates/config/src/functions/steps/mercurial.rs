//! `steps.mercurial`.

use super::COMMON;
use super::checkout::{BASED, SHARED, based};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::Def;
use model::Vcs;

pub(in crate::functions) const MERCURIAL: Def = Def {
    path: "steps.mercurial",
    summary: "Brings a Mercurial tree into the work directory. Revisions are hashes; tags and short hashes are understood. With `repository` branches are those within it (`default` when none is named; a bookmark or a tag will do); with `base_url` each is a repository of its own, and its name is written behind that. Modes, `got_revision` and patches are those of `steps.git`.",
    example: "steps.mercurial(\"https://hg.example.org/project\", branch = \"stable\", retry = (\"10s\", 3))",
    groups: &[BASED, SHARED, COMMON],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: mercurial,
};

fn mercurial(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    based(call, Vcs::Mercurial, "hg")
}
