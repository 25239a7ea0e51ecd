//! `changes.…`: where changes come from.

use super::{Def, p, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::Made;
use crate::sites::Part;
use model::{ChangeSourceSpec, GitPollerSpec, Span};

pub(super) const GIT_POLLER: Def = Def {
    path: "changes.git_poller",
    summary: "Looks at a git repository now and then, and takes each new commit as a change.",
    example: "changes.git_poller(\"https://github.com/madler/zlib\", branches = [\"develop\"], every = \"30s\")",
    groups: &[&[
        p("repository", "address or path", ""),
        p("branches", "list of names; True: all", "all"),
        p("branch", "name, in the place of `branches`", ""),
        p("every", "duration", "\"30s\""),
        p("project", "text", "\"\""),
        p("category", "text", "None"),
        p("codebase", "text", "\"\""),
        p("build_existing", "True or False: the heads of the first look are changes too", "False"),
        p("name", "text", "the repository"),
    ]],
    by_position: 1,
    required: &["repository"],
    in_pipelines: false,
    run: git_poller,
};

fn git_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(repository) = call.formed("repository", address::repository)? else {
        return Err(call.wrong(Part::Whole, "changes.git_poller needs repository").boxed());
    };
    let name = match call.text("name")? {
        Some(name) if name.trim().is_empty() => {
            return Err(call.wrong_value("name", "name of changes.git_poller is empty").boxed());
        }
        Some(name) => name,
        None => repository.clone(),
    };
    let spec = GitPollerSpec {
        name,
        repository,
        branches: branches(call)?,
        every: call.duration("every", Span::seconds(1))?.unwrap_or(Span::seconds(30)),
        project: call.text("project")?.unwrap_or_default(),
        category: call.text("category")?,
        codebase: call.text("codebase")?.unwrap_or_default(),
        build_existing: call.truth("build_existing", false)?,
        defined_at: call.place(),
    };
    let sources = &mut call.registry.draft.borrow_mut().sources;
    top::room_for_one(call, sources.len())?;
    sources.push(Made { spec: ChangeSourceSpec::GitPoller(spec), site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// The branches to follow; none is all of them.
fn branches(call: &Call<'_, '_>) -> Result<Vec<String>, Wrong> {
    let branch = call.formed("branch", address::branch)?;
    let value = call.some("branches");
    match (branch, value) {
        (Some(_), Some(_)) => {
            let message = "changes.git_poller has both branch and branches";
            Err(call.wrong(Part::Name("branch"), message).help("give one of them"))
        }
        (Some(branch), None) => Ok(vec![branch]),
        (None, None) => Ok(Vec::new()),
        (None, Some(value)) if value.unpack_bool() == Some(true) => Ok(Vec::new()),
        (None, Some(_)) => {
            let names = call.names("branches", "branches")?;
            if let Some(bad) = names.iter().find(|n| address::branch(n).is_err()) {
                let message = format!("branches of changes.git_poller has {} in it", quoted(bad));
                return Err(call.wrong_value("branches", message).help("that is not the name of a branch"));
            }
            Ok(names)
        }
    }
}
