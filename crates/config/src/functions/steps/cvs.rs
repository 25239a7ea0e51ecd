//! `steps.cvs`.

use super::COMMON;
use super::checkout::{SHARED, Where, branch, step};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::sites::Part;
use model::{BranchPlace, Span, Vcs};

pub(in crate::functions) const CVS: Def = Def {
    path: "steps.cvs",
    summary: "Brings a CVS module into the work directory. CVS has no revisions of a tree, so a build of changes takes the tree of a moment: the middle of the scheduler's quiet time, or `checkout_delay` after the last change. A revision is a moment, `2026-11-21 09:49:59 +0000` or seconds since 1970; branches are tags. A password stands in the root. Modes, `got_revision` and patches are those of `steps.git`.",
    example: "steps.cvs(\":pserver:anonymous@cvs.example.org:/cvsroot\", \"project\", checkout_delay = \"1m\")",
    groups: &[
        &[
            p("root", "address or path of the repository", ""),
            p("module", "text", ""),
            p("branch", "tag, for when the source names none", "the trunk"),
            p("checkout_delay", "duration after the last change", "half the scheduler's tree_stable_timer"),
            p("global_options", "list of options before the verb", "[]"),
        ],
        SHARED,
        COMMON,
    ],
    by_position: 2,
    required: &["root", "module"],
    in_pipelines: true,
    run: cvs,
};

fn cvs(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let (Some(repository), Some(module)) =
        (call.rich_formed("root", address::repository)?, call.rich_formed("module", address::inside)?)
    else {
        return Err(call.wrong(Part::Whole, "steps.cvs needs root and module").boxed());
    };
    let options = call.texts("global_options", "a list of options")?.unwrap_or_default();
    let at = Where {
        repository,
        place: BranchPlace::Address,
        branch: call.rich_formed("branch", branch)?,
        module: Some(module),
        options,
        delay: call.duration("checkout_delay", Span::ZERO)?,
    };
    step(call, Vcs::Cvs, "cvs", at)
}
