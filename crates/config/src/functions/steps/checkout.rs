//! What the checkouts of all systems have in common: modes, repetition, where the branch is.

use super::{made, workdir};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Param, p};
use crate::given;
use crate::names::{self, quoted};
use crate::registry::Mode;
use crate::sites::Part;
use model::{BranchPlace, GitMode, Span, StepAction, StepFlags, Text, Vcs, VcsSpec};

/// What a checkout from a system has whose branches may be addresses of their own.
pub(super) const BASED: &[Param] = &[
    p("repository", "address or path", ""),
    p("base_url", "what the addresses of branches begin with, in the place of `repository`", ""),
    p("branch", "name, for when the source names none", "by the system"),
];

/// What every checkout has.
pub(super) const SHARED: &[Param] = &[
    p("mode", "\"update\", \"copy\", \"clobber\" or \"export\"", "\"update\""),
    p("codebase", "text", "\"\""),
    p("retry", "(duration, times)", "None"),
    p("always_use_latest", "True or False: the revision of the source is not looked at", "False"),
    p("timeout", "duration without output; None: for ever", "\"20m\""),
    super::WORKDIR,
];

/// Refuses a checkout in a pipeline.
pub(super) fn outside_pipelines(call: &Call<'_, '_>) -> Result<(), Wrong> {
    match call.registry.mode == Mode::Pipeline {
        false => Ok(()),
        true => Err(call
            .wrong(Part::Whole, format!("{} does not belong into a pipeline", call.def.path))
            .help("the repository is checked out before the first step")),
    }
}

/// A step by a system that has `repository` or `base_url`.
pub(super) fn based(call: &Call<'_, '_>, vcs: Vcs, name: &str) -> Result<Outcome, Wrong> {
    let repository = call.rich_formed("repository", address::repository)?;
    let base = call.rich_formed("base_url", address::repository)?;
    let (repository, place) = match (repository, base) {
        (Some(repository), None) => (repository, BranchPlace::Address),
        (None, Some(base)) => (base, BranchPlace::Behind),
        (Some(_), Some(_)) => {
            let message = format!("{} has both repository and base_url", call.def.path);
            return Err(call.wrong(Part::Name("base_url"), message).help("give one of them"));
        }
        (None, None) => {
            let message = format!("{} needs repository, or base_url", call.def.path);
            return Err(call.wrong(Part::Whole, message).boxed());
        }
    };
    let branch = call.rich_formed("branch", branch)?;
    step(call, vcs, name, Where { repository, place, branch, module: None, options: Vec::new(), delay: None })
}

/// What is special about a system's step.
pub(super) struct Where {
    pub(super) repository: Text,
    pub(super) place: BranchPlace,
    pub(super) branch: Option<Text>,
    pub(super) module: Option<Text>,
    pub(super) options: Vec<String>,
    pub(super) delay: Option<Span>,
}

/// Registers the step.
pub(super) fn step(call: &Call<'_, '_>, vcs: Vcs, name: &str, at: Where) -> Result<Outcome, Wrong> {
    outside_pipelines(call)?;
    let spec = VcsSpec {
        vcs,
        repository: at.repository,
        branch_place: at.place,
        branch: at.branch,
        module: at.module,
        mode: mode(call)?,
        workdir: workdir(call, address::below)?,
        codebase: call.text("codebase")?.unwrap_or_default(),
        options: at.options,
        checkout_delay: at.delay,
        retry: retry(call)?,
        always_use_latest: call.truth("always_use_latest", false)?,
        timeout: call.patience("timeout", Some(Span::seconds(1200)))?,
    };
    made(call, StepAction::Vcs(spec), name, StepFlags::HALTING)
}

/// A branch of any system: a name or a part of an address.
pub(super) fn branch(text: &str) -> Result<(), &'static str> {
    let strange = text.is_empty() || text.len() > 500 || text.starts_with('-') || text.chars().any(char::is_control);
    if strange || text.split('/').any(|part| part == "..") { Err("the name of a branch") } else { Ok(()) }
}

/// How the tree gets there.
pub(super) fn mode(call: &Call<'_, '_>) -> Result<GitMode, Wrong> {
    const MODES: [(&str, GitMode); 4] = [
        ("update", GitMode::Update),
        ("copy", GitMode::Copy),
        ("clobber", GitMode::Clobber),
        ("export", GitMode::Export),
    ];
    let Some(text) = call.text("mode")? else { return Ok(GitMode::Update) };
    if let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == text) {
        return Ok(*mode);
    }
    let help = match text.as_str() {
        "incremental" => Some("update".to_owned()),
        "full" => Some("clobber".to_owned()),
        _ => names::nearest(&text, MODES.iter().map(|(name, _)| *name)).map(str::to_owned),
    };
    let message = format!("{} has no mode {}; it has update, copy, clobber and export", call.def.path, quoted(&text));
    Err(call.wrong_value("mode", message).maybe_help(help.map(|h| format!("did you mean {}?", quoted(&h)))))
}

/// How long to wait before asking again, and how often.
pub(super) fn retry(call: &Call<'_, '_>) -> Result<Option<(Span, u32)>, Wrong> {
    let Some(value) = call.some("retry") else { return Ok(None) };
    let wrong = || call.wants("retry", "a delay and a number of times, as (\"10s\", 3)", value).boxed();
    let items = given::items(value).ok_or_else(wrong)?;
    let [delay, times] = items.as_slice() else { return Err(wrong()) };
    let times = given::integer(*times).filter(|n| (0..=1000).contains(n)).ok_or_else(wrong)?;
    let delay = call.to_duration("retry", *delay, Span::ZERO)?;
    Ok(u32::try_from(times).ok().filter(|n| *n > 0).map(|times| (delay, times)))
}
