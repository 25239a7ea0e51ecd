//! What a worker is asked to do, with everything resolved: it needs to know no configuration.

use model::worker::Secret;
use model::{
    BranchPlace, CommandLine, FileSpec, FollowedLog, GitMode, GitSpec, HttpSpec, Results, SequencePart, SequenceSpec,
    ShellSpec, SourceStamp, Span, TransferSpec, Vcs, VcsSpec,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A piece of work and where it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The builder's directory, below the worker's base directory.
    pub builddir: String,
    /// What to do there.
    pub work: Work,
    /// Texts that must not be seen in any output: raw, in base64 or URL-encoded, each is replaced before it is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<Secret>,
    /// Files, below the builder's directory, that come back with the ending; at most [`crate::COLLECT_LIMIT`] bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collect: Vec<String>,
}

impl Assignment {
    /// A piece of work that knows no secrets and gives no files back.
    pub fn new(builddir: impl Into<String>, work: Work) -> Self {
        Self { builddir: builddir.into(), work, mask: Vec::new(), collect: Vec::new() }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Run a command.
    Shell(ShellWork),
    /// Bring a git tree into the work directory.
    Git(GitWork),
    /// Run several commands, one after the other.
    Sequence(SequenceWork),
    /// Make, copy, remove or look for something below the builder's directory.
    File(FileSpec<String>),
    /// Bring bytes to the master or from there.
    Transfer(TransferWork),
    /// Ask a web server.
    Http(HttpSpec<String>),
    /// Bring a tree of another system than git into the work directory.
    Vcs(VcsWork),
}

/// A command to run; see [`ShellSpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellWork {
    /// What to run.
    pub command: CommandLine<String>,
    /// Where, below the builder's directory.
    pub workdir: String,
    /// Environment beyond the worker's own.
    pub env: BTreeMap<String, String>,
    /// Ended after this long without output.
    pub timeout: Option<Span>,
    /// Ended after this long in all.
    pub max_time: Option<Span>,
    /// How long TERM may take before KILL.
    pub sigterm_time: Span,
    /// A terminal instead of pipes, whatever the worker's own choice is.
    pub pty: bool,
    /// The environment is told at the head of the log.
    pub log_environ: bool,
    /// Standard output is kept.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub want_stdout: bool,
    /// Standard error is kept.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub want_stderr: bool,
    /// Given to standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_stdin: Option<String>,
    /// Files, below the work directory, that become the logs 1, 2 and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_files: Vec<FollowedLog<String>>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_yes(wanted: &bool) -> bool {
    *wanted
}

/// Several commands as one; see [`SequenceSpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceWork {
    /// The commands.
    pub parts: Vec<SequencePart<String>>,
    /// What holds for all of them; its own command is not looked at.
    pub shell: ShellWork,
    /// What exit codes mean, where it is not 0 SUCCESS and all others FAILURE.
    pub decode_rc: BTreeMap<i32, Results>,
}

/// Bytes brought to the master or from there; see [`TransferSpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferWork {
    /// What goes where.
    pub transfer: TransferSpec<String>,
    /// What opens the master's door `/transfer/TOKEN` for it while the step runs.
    pub token: Secret,
}

/// A git checkout; see [`GitSpec`]. What the source stamp says is already in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitWork {
    /// Where to fetch from.
    pub repository: String,
    /// The branch; `None` is the remote's `HEAD`.
    pub branch: Option<String>,
    /// The revision; `None` is the newest of the branch.
    pub revision: Option<String>,
    /// Applied after the checkout.
    pub patch: Option<PatchWork>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes, below the builder's directory.
    pub workdir: String,
    /// Environment beyond the worker's own.
    pub env: BTreeMap<String, String>,
    /// Submodules come along.
    pub submodules: bool,
    /// Only so many commits of history.
    pub shallow: Option<u32>,
    /// How long to wait before trying a failed fetch again, and how often.
    pub retry: Option<(Span, u32)>,
    /// Ended after this long without output.
    pub timeout: Option<Span>,
}

/// A checkout from a system other than git; see [`VcsSpec`]. What the source stamp says is already in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsWork {
    /// By which system.
    pub vcs: Vcs,
    /// The repository, or what the addresses of its branches begin with.
    pub repository: String,
    /// Where the branch is.
    pub branch_place: BranchPlace,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision; `None` is the newest of the branch.
    pub revision: Option<String>,
    /// The part of the repository; CVS only.
    pub module: Option<String>,
    /// Options before the verb.
    pub options: Vec<String>,
    /// Applied after the checkout.
    pub patch: Option<PatchWork>,
    /// How the tree gets there.
    pub mode: GitMode,
    /// Where it goes, below the builder's directory.
    pub workdir: String,
    /// Environment beyond the worker's own.
    pub env: BTreeMap<String, String>,
    /// How long to wait before asking a repository again that does not answer, and how often.
    pub retry: Option<(Span, u32)>,
    /// Ended after this long without output.
    pub timeout: Option<Span>,
}

/// A patch, applied with `patch -pLEVEL` in `subdir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchWork {
    /// How many leading path elements to strip.
    pub level: u32,
    /// Where to apply it, below the tree.
    pub subdir: String,
    /// The diff itself.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

impl ShellWork {
    /// The work of a step. `env` is the builder's environment; the step's own stands above it.
    pub fn of(spec: &ShellSpec<String>, env: &BTreeMap<String, String>) -> Self {
        Self {
            command: spec.command.clone(),
            workdir: spec.workdir.clone(),
            env: env.iter().chain(&spec.env).map(|(k, v)| (k.clone(), v.clone())).collect(),
            timeout: spec.timeout,
            max_time: spec.max_time,
            sigterm_time: spec.sigterm_time,
            pty: spec.pty,
            log_environ: spec.log_environ,
            want_stdout: spec.want_stdout,
            want_stderr: spec.want_stderr,
            initial_stdin: spec.initial_stdin.clone(),
            log_files: spec.log_files.clone(),
        }
    }
}

impl SequenceWork {
    /// The work of a step. `env` is the builder's environment; the step's own stands above it.
    pub fn of(spec: &SequenceSpec<String>, env: &BTreeMap<String, String>) -> Self {
        Self {
            parts: spec.parts.clone(),
            shell: ShellWork::of(&spec.shell, env),
            decode_rc: spec.shell.decode_rc.clone(),
        }
    }
}

impl GitWork {
    /// The work of a step for a source. Without a stamp of its codebase it takes the newest of the step's branch. An empty
    /// branch or revision counts as none.
    pub fn of(spec: &GitSpec<String>, stamp: Option<&SourceStamp>, env: &BTreeMap<String, String>) -> Self {
        let named = |text: Option<&String>| text.filter(|t| !t.is_empty()).cloned();
        let patch = stamp.and_then(|s| s.patch.as_ref());
        Self {
            repository: spec.repository.clone(),
            branch: named(stamp.and_then(|s| s.branch.as_ref())).or_else(|| named(spec.branch.as_ref())),
            revision: named(stamp.filter(|_| !spec.always_use_latest).and_then(|s| s.revision.as_ref())),
            patch: patch.map(|p| PatchWork { level: p.level, subdir: p.subdir.clone(), body: p.body.clone() }),
            mode: spec.mode,
            workdir: spec.workdir.clone(),
            env: env.clone(),
            submodules: spec.submodules,
            shallow: spec.shallow,
            retry: spec.retry,
            timeout: spec.timeout,
        }
    }
}

impl VcsWork {
    /// The work of a step for a source, as [`GitWork::of`] has it. A branch that is the step's own is not told where
    /// an address stands for one branch only: it is that one.
    pub fn of(spec: &VcsSpec<String>, stamp: Option<&SourceStamp>, env: &BTreeMap<String, String>) -> Self {
        let named = |text: Option<&String>| text.filter(|t| !t.is_empty()).cloned();
        let own = named(spec.branch.as_ref());
        let branch = named(stamp.and_then(|s| s.branch.as_ref())).or_else(|| own.clone());
        let the_only_one = spec.branch_place == BranchPlace::Address && !spec.vcs.names_branches() && branch == own;
        let patch = stamp.and_then(|s| s.patch.as_ref());
        Self {
            vcs: spec.vcs,
            repository: spec.repository.clone(),
            branch_place: spec.branch_place,
            branch: branch.filter(|_| !the_only_one),
            revision: named(stamp.filter(|_| !spec.always_use_latest).and_then(|s| s.revision.as_ref())),
            module: spec.module.clone(),
            options: spec.options.clone(),
            patch: patch.map(|p| PatchWork { level: p.level, subdir: p.subdir.clone(), body: p.body.clone() }),
            mode: spec.mode,
            workdir: spec.workdir.clone(),
            env: env.clone(),
            retry: spec.retry,
            timeout: spec.timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Patch, SourceStampId, Time};

    fn git() -> GitSpec<String> {
        GitSpec {
            repository: "https://example.org/zlib".into(),
            branch: Some("develop".into()),
            mode: GitMode::Copy,
            workdir: "build".into(),
            codebase: String::new(),
            submodules: false,
            shallow: None,
            retry: None,
            always_use_latest: false,
            timeout: None,
        }
    }

    fn stamp() -> SourceStamp {
        SourceStamp {
            id: SourceStampId(1),
            repository: String::new(),
            branch: Some("topic".into()),
            revision: Some("abc".into()),
            project: String::new(),
            codebase: String::new(),
            patch: Some(Patch {
                level: 1,
                subdir: "src".into(),
                author: String::new(),
                comment: String::new(),
                body: vec![0xff],
            }),
            created_at: Time(0),
            changes: vec![],
        }
    }

    #[test]
    fn a_step_s_environment_stands_above_the_builder_s() {
        let mut spec = ShellSpec::<String>::new(CommandLine::Script("make".into()));
        spec.env = [("A".to_owned(), "step".to_owned())].into();
        let builder = [("A".to_owned(), "builder".to_owned()), ("B".to_owned(), "builder".to_owned())].into();
        let work = ShellWork::of(&spec, &builder);
        assert_eq!(work.env["A"], "step");
        assert_eq!(work.env["B"], "builder");
    }

    #[test]
    fn the_stamp_says_what_to_check_out() {
        let none = BTreeMap::new();
        let work = GitWork::of(&git(), Some(&stamp()), &none);
        assert_eq!((work.branch.as_deref(), work.revision.as_deref()), (Some("topic"), Some("abc")));
        assert_eq!(work.patch.map(|p| p.body), Some(vec![0xff]));
        let bare = GitWork::of(&git(), None, &none);
        assert_eq!((bare.branch.as_deref(), bare.revision), (Some("develop"), None));
        let latest = GitWork::of(&GitSpec { always_use_latest: true, ..git() }, Some(&stamp()), &none);
        assert_eq!((latest.branch.as_deref(), latest.revision), (Some("topic"), None));
    }

    #[test]
    fn a_branch_of_the_only_address_is_that_address() {
        let none = BTreeMap::new();
        for (vcs, place, own, expected) in [
            (Vcs::Subversion, BranchPlace::Address, None, Some("topic")),
            (Vcs::Subversion, BranchPlace::Address, Some("topic"), None),
            (Vcs::Subversion, BranchPlace::Behind, Some("topic"), Some("topic")),
            (Vcs::Mercurial, BranchPlace::Address, Some("topic"), Some("topic")),
        ] {
            let spec = VcsSpec {
                vcs,
                repository: "https://example.org/zlib".to_owned(),
                branch_place: place,
                branch: own.map(str::to_owned),
                module: None,
                mode: GitMode::Update,
                workdir: "build".to_owned(),
                codebase: String::new(),
                options: Vec::new(),
                checkout_delay: None,
                retry: None,
                always_use_latest: false,
                timeout: None,
            };
            let work = VcsWork::of(&spec, Some(&stamp()), &none);
            assert_eq!(
                (work.branch.as_deref(), work.revision.as_deref()),
                (expected, Some("abc")),
                "{vcs:?} {place:?}"
            );
        }
    }
}
