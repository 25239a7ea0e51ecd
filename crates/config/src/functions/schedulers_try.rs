//! `schedulers.try_jobdir` and `schedulers.try_userpass`: patches from outside.

use super::schedulers::{self, COMMON};
use super::{Def, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::Made;
use model::{SchedulerKind, SchedulerSpec, TrySpec};

pub(super) const JOBDIR: Def = Def {
    path: "schedulers.try_jobdir",
    summary: "Builds what is not committed yet: a patch on a base revision, from a file that `sluice tryserver` lays into \
              a directory. Whoever may write there may try. Each try is built alone.",
    example: "schedulers.try_jobdir(\"patches\", jobdir = \"jobdir\", builders = [\"linux\"])",
    groups: &[&[p("name", "text", ""), p("jobdir", "directory; relative to the master's base directory", "")], COMMON],
    by_position: 1,
    required: &["name", "builders", "jobdir"],
    in_pipelines: false,
    run: jobdir,
};

pub(super) const USERPASS: Def = Def {
    path: "schedulers.try_userpass",
    summary: "Builds what is not committed yet: a patch on a base revision, from somebody who has one of these names with \
              its password. Each try is built alone.",
    example: "schedulers.try_userpass(\"tries\", users = {\"ann\": secret(\"mac-mini\")}, builders = [\"linux\"])",
    groups: &[&[p("name", "text", ""), p("users", "dict of passwords by name", "")], COMMON],
    by_position: 1,
    required: &["name", "builders", "users"],
    in_pipelines: false,
    run: userpass,
};

fn jobdir(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let jobdir = call.text("jobdir")?.unwrap_or_default();
    if jobdir.is_empty() || jobdir.contains('\0') {
        let message = "jobdir of schedulers.try_jobdir names no directory";
        return Err(call.wrong_value("jobdir", message).help("it is a path, such as \"jobdir\" or \"/srv/try\""));
    }
    let kind = SchedulerKind::Try(TrySpec::Jobdir { jobdir });
    let taken = |made: &Made<SchedulerSpec>| made.spec.kind == kind;
    if let Some(other) = call.registry.draft.borrow().schedulers.iter().find(|made| taken(made)) {
        let message = format!("the scheduler {} has this jobdir already", quoted(&other.spec.name));
        return Err(call.wrong_value("jobdir", message).help("each has a directory of its own"));
    }
    schedulers::made(call, kind)
}

fn userpass(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let users = top::users(call)?;
    if users.is_empty() {
        let message = "users of schedulers.try_userpass has nobody in it";
        return Err(call.wrong_value("users", message).help("it takes {\"ann\": secret(\"ann-try\")}"));
    }
    schedulers::made(call, SchedulerKind::Try(TrySpec::Userpass { users }))
}
