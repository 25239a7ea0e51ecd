//! `changes.…`: where changes come from.

use super::{Def, Param, p, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::Made;
use crate::sites::Part;
use model::{ChangeSourceSpec, GitPollerSpec, Span, Vcs, VcsPollerSpec};

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
    let spec = GitPollerSpec {
        name: name(call, &repository)?,
        repository,
        branches: branches(call)?,
        every: call.duration("every", Span::seconds(1))?.unwrap_or(Span::seconds(30)),
        project: call.text("project")?.unwrap_or_default(),
        category: call.text("category")?,
        codebase: call.text("codebase")?.unwrap_or_default(),
        build_existing: call.truth("build_existing", false)?,
        defined_at: call.place(),
    };
    keep(call, ChangeSourceSpec::GitPoller(spec))
}

/// The name of a source; its repository unless it is given one.
fn name(call: &Call<'_, '_>, repository: &str) -> Result<String, Wrong> {
    match call.text("name")? {
        Some(name) if name.trim().is_empty() => {
            Err(call.wrong_value("name", format!("name of {} is empty", call.def.path)).boxed())
        }
        Some(name) => Ok(name),
        None => Ok(model::source::shown(repository)),
    }
}

fn keep(call: &Call<'_, '_>, spec: ChangeSourceSpec) -> Result<Outcome, Wrong> {
    let sources = &mut call.registry.draft.borrow_mut().sources;
    top::room_for_one(call, sources.len())?;
    sources.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// What the pollers of all systems but git have besides their repository.
const POLLED: &[Param] = &[
    p("every", "duration", "\"1m\""),
    p("project", "text", "\"\""),
    p("category", "text", "None"),
    p("codebase", "text", "\"\""),
    p("build_existing", "True or False: the newest of the first look is a change too", "False"),
    p("name", "text", "the repository"),
];

const ONE_BRANCH: &[Param] =
    &[p("repository", "address or path", ""), p("branch", "what changes carry as branch", "None")];

pub(super) const SVN_POLLER: Def = Def {
    path: "changes.svn_poller",
    summary: "Looks at a Subversion repository now and then, and takes each new revision as a change. `branches` are the \
              directories below the address that are branches, `*` for one whole part of a path: a change carries the \
              directory as branch and its files without it, a revision that touches several is a change of each, and what \
              lies in none of them is passed over.",
    example: "changes.svn_poller(\"https://svn.example.org/project\", branches = [\"trunk\", \"branches/*\"], every = \"5m\")",
    groups: &[
        &[
            p("repository", "address", ""),
            p("branches", "list of directories", "[]: the address is one branch"),
            p("branch", "what changes carry as branch, without `branches`", "None"),
        ],
        POLLED,
    ],
    by_position: 1,
    required: &["repository"],
    in_pipelines: false,
    run: svn_poller,
};

pub(super) const HG_POLLER: Def = Def {
    path: "changes.hg_poller",
    summary: "Looks at a Mercurial repository now and then, and takes each new commit as a change. It keeps a clone without \
              a working tree.",
    example: "changes.hg_poller(\"https://hg.example.org/project\", branches = [\"default\", \"stable\"])",
    groups: &[&[p("repository", "address or path", ""), p("branches", "list of names; True: all", "all")], POLLED],
    by_position: 1,
    required: &["repository"],
    in_pipelines: false,
    run: hg_poller,
};

pub(super) const DARCS_POLLER: Def = Def {
    path: "changes.darcs_poller",
    summary: "Looks at a Darcs repository now and then, and takes each new patch as a change. It keeps a clone.",
    example: "changes.darcs_poller(\"https://darcs.example.org/main\", branch = \"main\")",
    groups: &[ONE_BRANCH, POLLED],
    by_position: 1,
    required: &["repository"],
    in_pipelines: false,
    run: darcs_poller,
};

pub(super) const BZR_POLLER: Def = Def {
    path: "changes.bzr_poller",
    summary: "Looks at a Bazaar branch now and then, and takes each new commit as a change.",
    example: "changes.bzr_poller(\"https://bzr.example.org/project/trunk\", branch = \"trunk\")",
    groups: &[ONE_BRANCH, POLLED],
    by_position: 1,
    required: &["repository"],
    in_pipelines: false,
    run: bzr_poller,
};

pub(super) const CVS_POLLER: Def = Def {
    path: "changes.cvs_poller",
    summary: "Looks at a CVS module now and then, and takes the files that were committed together as a change, of their \
              branch. Its first look sees nothing: it tells what comes from then on.",
    example: "changes.cvs_poller(\":pserver:anonymous@cvs.example.org:/cvsroot\", \"project\", every = \"5m\")",
    groups: &[
        &[
            p("repository", "address or path: the root", ""),
            p("module", "text", ""),
            p("branch", "what changes of the trunk carry as branch", "None"),
        ],
        POLLED,
    ],
    by_position: 2,
    required: &["repository", "module"],
    in_pipelines: false,
    run: cvs_poller,
};

fn svn_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let branches = call.texts("branches", "a list of directories")?.unwrap_or_default();
    if let Some(bad) = branches.iter().find(|b| address::inside(b.trim_matches('/')).is_err()) {
        let message = format!("branches of changes.svn_poller has {} in it", quoted(bad));
        return Err(call.wrong_value("branches", message).help("that is not a directory below the address"));
    }
    if !branches.is_empty() && call.some("branch").is_some() {
        let message = "changes.svn_poller has both branch and branches";
        return Err(call.wrong(Part::Name("branch"), message).help("with branches, each change carries its own"));
    }
    poller(call, Vcs::Subversion, branches, None)
}

fn hg_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let all = call.some("branches").is_none_or(|value| value.unpack_bool() == Some(true));
    let branches = if all { Vec::new() } else { call.names("branches", "branches")? };
    poller(call, Vcs::Mercurial, branches, None)
}

fn darcs_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    poller(call, Vcs::Darcs, Vec::new(), None)
}

fn bzr_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    poller(call, Vcs::Bazaar, Vec::new(), None)
}

fn cvs_poller(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let module = call.formed("module", address::inside)?;
    poller(call, Vcs::Cvs, Vec::new(), module)
}

fn poller(call: &Call<'_, '_>, vcs: Vcs, branches: Vec<String>, module: Option<String>) -> Result<Outcome, Wrong> {
    let Some(repository) = call.formed("repository", address::repository)? else {
        return Err(call.wrong(Part::Whole, format!("{} needs repository", call.def.path)).boxed());
    };
    let of_branch = call.def.params().any(|p| p == "branch");
    let spec = VcsPollerSpec {
        name: name(call, &repository)?,
        vcs,
        repository,
        module,
        branches,
        branch: if of_branch { call.text("branch")?.filter(|b| !b.is_empty()) } else { None },
        every: call.duration("every", Span::seconds(1))?.unwrap_or(Span::seconds(60)),
        project: call.text("project")?.unwrap_or_default(),
        category: call.text("category")?,
        codebase: call.text("codebase")?.unwrap_or_default(),
        build_existing: call.truth("build_existing", false)?,
        defined_at: call.place(),
    };
    keep(call, ChangeSourceSpec::VcsPoller(spec))
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
