//! The names of Buildbot 2 to 4, and what each is called here.

/// A call that has a like.
pub(super) struct Like {
    pub(super) old: &'static str,
    pub(super) new: &'static str,
    /// The old names of arguments that may be given by position.
    pub(super) positions: &'static [&'static str],
    /// Arguments whose new name is not the old one in snake case. An empty one: it is not needed here.
    pub(super) arguments: &'static [(&'static str, &'static str)],
}

const fn like(
    old: &'static str,
    new: &'static str,
    positions: &'static [&'static str],
    arguments: &'static [(&'static str, &'static str)],
) -> Like {
    Like { old, new, positions, arguments }
}

const COMMAND: &[(&str, &str)] = &[
    ("logfiles", "log_files"),
    ("usePTY", "usepty"),
    ("warningPattern", "warning_pattern"),
    ("decodeRC", "decode_rc"),
];
const SCHEDULER: &[(&str, &str)] = &[("builderNames", "builders"), ("periodicBuildTimer", "every")];
const PARAMETER: &[(&str, &str)] = &[("size", ""), ("maxsize", "max_length"), ("hide", ""), ("cols", ""), ("rows", "")];

/// The likes of calls of `steps`, `schedulers`, `worker`, `changes` and `util`.
const LIKES: &[Like] = &[
    like("worker.Worker", "worker", &["name", "password"], &[]),
    like("worker.LocalWorker", "local_worker", &["name"], &[]),
    like(
        "changes.GitPoller",
        "changes.git_poller",
        &["repourl"],
        &[("repourl", "repository"), ("pollInterval", "every"), ("pollinterval", "every"), ("workdir", "")],
    ),
    like("schedulers.SingleBranchScheduler", "schedulers.single_branch", &["name"], SCHEDULER),
    like("schedulers.AnyBranchScheduler", "schedulers.any_branch", &["name"], SCHEDULER),
    like("schedulers.Dependent", "schedulers.dependent", &["name", "upstream", "builderNames"], SCHEDULER),
    like("schedulers.Periodic", "schedulers.periodic", &["name", "builderNames", "periodicBuildTimer"], SCHEDULER),
    like("schedulers.Nightly", "schedulers.nightly", &["name", "builderNames"], SCHEDULER),
    like("schedulers.Try_Jobdir", "schedulers.try_jobdir", &["name", "builderNames", "jobdir"], SCHEDULER),
    like("schedulers.Triggerable", "schedulers.triggerable", &["name", "builderNames"], SCHEDULER),
    like(
        "schedulers.ForceScheduler",
        "schedulers.force",
        &["name", "builderNames"],
        &[("builderNames", "builders"), ("buttonName", "button"), ("properties", "parameters"), ("username", "")],
    ),
    like("util.StringParameter", "params.string", &["name"], PARAMETER),
    like("util.TextParameter", "params.text", &["name"], PARAMETER),
    like("util.IntParameter", "params.int", &["name"], PARAMETER),
    like("util.BooleanParameter", "params.boolean", &["name"], PARAMETER),
    like("util.ChoiceStringParameter", "params.choice", &["name"], &[("size", ""), ("strict", ""), ("hide", "")]),
    like("util.FixedParameter", "params.fixed", &["name"], &[("hide", "")]),
    like("util.WorkerChoiceParameter", "params.worker", &["name"], PARAMETER),
    like(
        "util.BuilderConfig",
        "builder",
        &["name", "workername", "workernames", "factory"],
        &[
            ("workername", "workers"),
            ("workernames", "workers"),
            ("factory", "steps"),
            ("collapseRequests", "collapse"),
        ],
    ),
    like("util.MasterLock", "locks.master", &["name", "maxCount"], &[]),
    like("util.WorkerLock", "locks.worker", &["name", "maxCount"], &[]),
    like("util.Secret", "secret", &["name"], &[]),
    like("util.Property", "prop", &["name"], &[("key", "name")]),
    like("steps.ShellCommand", "steps.shell", &[], COMMAND),
    like("steps.Configure", "steps.configure", &[], COMMAND),
    like("steps.Compile", "steps.compile", &[], COMMAND),
    like("steps.Test", "steps.test", &[], COMMAND),
    like("steps.WarningCountingShellCommand", "steps.compile", &[], COMMAND),
    like("steps.PerlModuleTest", "steps.perl_module_test", &[], COMMAND),
    like("steps.Git", "steps.git", &["repourl"], &[("repourl", "repository"), ("progress", ""), ("method", "")]),
    like("steps.SetProperty", "steps.set_property", &["property", "value"], &[("property", "name")]),
    like("steps.SetProperties", "steps.set_properties", &["properties"], &[]),
    like("steps.SetPropertyFromCommand", "steps.set_property_from_command", &[], &[("extract_fn", "extract")]),
    like("steps.FileUpload", "steps.upload", &["workersrc", "masterdest"], TRANSFER),
    like("steps.MultipleFileUpload", "steps.upload", &["workersrcs", "masterdest"], TRANSFER),
    like("steps.DirectoryUpload", "steps.upload_directory", &["workersrc", "masterdest"], TRANSFER),
    like("steps.FileDownload", "steps.download", &["mastersrc", "workerdest"], TRANSFER),
    like("steps.StringDownload", "steps.download_text", &["s", "workerdest"], TRANSFER),
    like("steps.MakeDirectory", "steps.make_directory", &["dir"], &[("dir", "path")]),
    like("steps.RemoveDirectory", "steps.remove", &["dir"], &[("dir", "path")]),
    like("steps.CopyDirectory", "steps.copy_directory", &["src", "dest"], &[]),
    like("steps.FileExists", "steps.file_exists", &["file"], &[("file", "path")]),
    like("steps.MasterShellCommand", "steps.master_shell", &["command"], &[]),
    like(
        "steps.Trigger",
        "steps.trigger",
        &["schedulerNames"],
        &[("schedulerNames", "schedulers"), ("set_properties", "properties"), ("updateSourceStamp", "update_source")],
    ),
];

const TRANSFER: &[(&str, &str)] = &[
    ("workersrc", "worker_src"),
    ("workersrcs", "worker_src"),
    ("masterdest", "master_dest"),
    ("mastersrc", "master_src"),
    ("workerdest", "worker_dest"),
    ("s", "text"),
    ("maxsize", "max_size"),
    ("blocksize", ""),
];

/// The like of a call.
pub(super) fn find(old: &str) -> Option<&'static Like> {
    LIKES.iter().find(|like| like.old == old)
}

/// The known call that was probably meant.
pub(super) fn nearest(old: &str) -> Option<&'static str> {
    crate::names::nearest(old, LIKES.iter().map(|like| like.old))
}

/// What an argument is called here; `None`: it has no like. An empty name: it is not needed.
pub(super) fn argument(like: &Like, old: &str) -> Option<String> {
    if let Some((_, new)) = like.arguments.iter().find(|(known, _)| *known == old) {
        return Some((*new).to_owned());
    }
    let new = snake(old);
    let def = crate::functions::ALL.iter().find(|def| def.path == like.new)?;
    def.params().any(|known| known == new).then_some(new)
}

/// `haltOnFailure` in snake case.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `%(prop:x:-y)s` as `{x:-y}`, whole; `None`: there is something that has no like.
pub(super) fn interpolated(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("%%") {
            out.push('%');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("%(") {
            let (mark, after) = after.split_once(")s")?;
            let (kind, name) = mark.split_once(':')?;
            if name.contains(['(', '{', '}', '#']) || name.contains(":?") {
                return None;
            }
            match kind {
                "prop" => out.push_str(&format!("{{{name}}}")),
                "src" | "secret" | "worker" => out.push_str(&format!("{{{kind}:{name}}}")),
                _ => return None,
            }
            rest = after;
        } else if c == '%' {
            return None;
        } else {
            if matches!(c, '{' | '}') {
                out.push(c);
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}
