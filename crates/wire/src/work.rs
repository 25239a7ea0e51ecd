//! What a worker is asked to do, with everything resolved: it needs to know no configuration.

use model::{CommandLine, GitMode, GitSpec, ShellSpec, SourceStamp, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A piece of work and where it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The builder's directory, below the worker's base directory.
    pub builddir: String,
    /// What to do there.
    pub work: Work,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Run a command.
    Shell(ShellWork),
    /// Bring a git tree into the work directory.
    Git(GitWork),
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
}
