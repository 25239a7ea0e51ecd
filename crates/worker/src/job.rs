//! An assignment becomes a job for a supervisor, and its outcome becomes an ending.

use crate::home::{Home, below};
use crate::setup::Setup;
use model::{CommandLine, Patch, Span, Value};
use process::{Environment, Job, JobId, LogEnviron, Outcome, Program, Report, Terminal};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use vcs::git::{CheckoutReport, CheckoutSpec};
use wire::{Assignment, CommandId, EndedBy, Ending, Exit, GitWork, ShellWork, Usage, Work};

/// What supervisors are told when the worker stops; endings are told apart by it.
pub(crate) const STOPPED: &str = "the worker is being stopped";

/// What supervisors are told when the master stays away.
pub(crate) const ORPHANED: &str = "the master stayed away for too long";

/// The name of a command's job.
pub(crate) fn job_id(command: CommandId) -> Result<JobId, String> {
    JobId::new(command.to_string()).map_err(|e| e.to_string())
}

/// The job that does the work. Errors, in words, with what keeps it from being done.
pub(crate) fn job(
    setup: &Setup,
    home: &Home,
    orphan_limit: Option<Span>,
    command: CommandId,
    assignment: Assignment,
) -> Result<Job, String> {
    if assignment.builddir.is_empty() || assignment.builddir.starts_with('.') {
        return Err(format!("`{}` cannot be a builder's directory", assignment.builddir.escape_debug()));
    }
    let builddir = below(home.dir(), &assignment.builddir)?;
    let id = job_id(command)?;
    let mut job = match assignment.work {
        Work::Shell(work) => shell(setup, id, builddir, work)?,
        Work::Git(work) => git(setup, home, id, builddir, work)?,
    };
    job.umask = setup.umask;
    job.orphan_limit = orphan_limit.map(Span::to_std);
    Ok(job)
}

fn environment(env: BTreeMap<String, String>) -> Environment {
    Environment::Changed(env.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect())
}

fn shell(setup: &Setup, id: JobId, builddir: PathBuf, work: ShellWork) -> Result<Job, String> {
    let program = match work.command {
        CommandLine::Words(words) if words.is_empty() => return Err("the command has no words".to_owned()),
        CommandLine::Words(words) => Program::words(words),
        CommandLine::Script(script) => Program::script(script),
    };
    let mut job = Job::new(id, program, below(&builddir, &work.workdir)?);
    job.env = environment(work.env);
    job.timeout = work.timeout.map(Span::to_std);
    job.max_time = work.max_time.map(Span::to_std);
    job.sigterm_time = work.sigterm_time.to_std();
    job.terminal = if work.pty || setup.usepty { Terminal::Pty } else { Terminal::Pipes };
    job.log_environ = if work.log_environ { LogEnviron::Yes } else { LogEnviron::No };
    Ok(job)
}

fn git(setup: &Setup, home: &Home, id: JobId, builddir: PathBuf, work: GitWork) -> Result<Job, String> {
    let spec = CheckoutSpec {
        repository: work.repository,
        branch: work.branch,
        revision: work.revision,
        always_use_latest: false,
        mode: work.mode,
        workdir: below(&builddir, &work.workdir)?,
        mirror_dir: home.mirrors(),
        submodules: work.submodules,
        shallow: work.shallow,
        retry: work.retry,
        patch: work.patch.map(|p| Patch {
            level: p.level,
            subdir: p.subdir,
            author: String::new(),
            comment: String::new(),
            body: p.body,
        }),
    };
    let file = home.work_file(id.as_str());
    let text = serde_json::to_vec(&spec).map_err(|e| e.to_string())?;
    fs::write(&file, text).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    let words = [setup.exe.as_os_str(), "__checkout".as_ref(), file.as_os_str()];
    let mut job = Job::new(id, Program::words(words.map(|w| w.to_owned())), builddir);
    job.env = environment(work.env);
    job.timeout = work.timeout.map(Span::to_std);
    job.report = Report::File;
    Ok(job)
}

/// What the master is told of an outcome.
pub(crate) fn ending(outcome: &Outcome) -> Ending {
    let micros = |n: u64| Span(i64::try_from(n).unwrap_or(i64::MAX));
    Ending {
        exit: match &outcome.exit {
            process::Exit::Exited(code) => Exit::Exited { code: *code },
            process::Exit::Signalled { signal, .. } => Exit::Signalled { signal: *signal },
            process::Exit::NotStarted { error } => Exit::NotStarted { why: error.clone() },
        },
        ended_by: match &outcome.ended_by {
            process::EndedBy::Itself => EndedBy::Itself,
            process::EndedBy::Interrupted { reason } if reason == STOPPED => EndedBy::WorkerStopped,
            process::EndedBy::Interrupted { reason } if reason == ORPHANED => EndedBy::Orphaned,
            process::EndedBy::Interrupted { reason } => EndedBy::Interrupted { reason: reason.clone() },
            process::EndedBy::NoOutput(after) => EndedBy::NoOutput { after: Span::from(*after) },
            process::EndedBy::TooLong(after) => EndedBy::TooLong { after: Span::from(*after) },
            process::EndedBy::Orphaned(_) => EndedBy::Orphaned,
        },
        elapsed: micros(outcome.elapsed),
        left_behind: u32::try_from(outcome.left_behind.len()).unwrap_or(u32::MAX),
        properties: outcome.report.as_deref().map(properties).unwrap_or_default(),
        usage: Usage {
            user: micros(outcome.user_cpu),
            system: micros(outcome.system_cpu),
            max_rss_kib: outcome.max_rss / 1024,
        },
    }
}

/// What a checkout reports, as properties of the build.
fn properties(report: &[u8]) -> BTreeMap<String, Value> {
    let report: CheckoutReport = serde_json::from_slice(report).unwrap_or_default();
    report.got_revision.map(|revision| ("got_revision".to_owned(), Value::Text(revision))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Master;
    use model::worker::Secret;
    use model::{GitMode, ShellSpec};
    use std::path::Path;

    const C: CommandId = CommandId { build: 7, epoch: 1, step: 2 };

    fn setup(dir: &Path) -> Setup {
        let master = Master::Url("http://localhost:8010/".into());
        Setup { umask: Some(0o027), ..Setup::new(dir.to_owned(), "w", Secret::new("p"), master, "/bin/sluice".into()) }
    }

    fn assignment(builddir: &str, workdir: &str) -> Assignment {
        let mut spec = ShellSpec::new(CommandLine::Words(vec!["make".into()]));
        spec.workdir = workdir.into();
        spec.max_time = Some(Span::seconds(9));
        let env = [("CC".to_owned(), "gcc".to_owned())].into();
        Assignment { builddir: builddir.into(), work: Work::Shell(ShellWork::of(&spec, &env)) }
    }

    #[test]
    fn a_shell_step_becomes_a_job() {
        let top = tempfile::tempdir().unwrap();
        let home = Home::take(top.path()).unwrap();
        let made = job(&setup(top.path()), &home, Some(Span::seconds(60)), C, assignment("linux", "build")).unwrap();
        assert_eq!(made.id.as_str(), "7.1.2");
        assert_eq!(made.dir, home.dir().join("linux/build"));
        assert_eq!(made.program, Program::words(["make"]));
        assert_eq!(made.env, environment([("CC".to_owned(), "gcc".to_owned())].into()));
        assert_eq!((made.max_time.unwrap().as_secs(), made.umask), (9, Some(0o027)));
        assert_eq!((made.terminal, made.log_environ), (Terminal::Pipes, LogEnviron::Yes));
        for (builddir, workdir) in
            [("", "x"), ("..", "x"), (".slots", "x"), ("/etc", "x"), ("a", "../../x"), ("a", "/x")]
        {
            job(&setup(top.path()), &home, None, C, assignment(builddir, workdir)).unwrap_err();
        }
    }

    #[test]
    fn a_git_step_becomes_a_checkout() {
        let top = tempfile::tempdir().unwrap();
        let home = Home::take(top.path()).unwrap();
        let work = GitWork {
            repository: "https://example.org/zlib".into(),
            branch: Some("develop".into()),
            revision: None,
            patch: None,
            mode: GitMode::Copy,
            workdir: "build".into(),
            env: BTreeMap::new(),
            submodules: false,
            shallow: None,
            retry: None,
            timeout: None,
        };
        let work = Assignment { builddir: "linux".into(), work: Work::Git(work) };
        let made = job(&setup(top.path()), &home, None, C, work).unwrap();
        let file = home.work_file("7.1.2");
        let words = ["/bin/sluice".as_ref(), "__checkout".as_ref(), file.as_os_str()];
        assert_eq!(made.program, Program::words(words.map(|w| w.to_owned())));
        assert_eq!((made.report, made.log_environ), (Report::File, LogEnviron::No));
        let spec: CheckoutSpec = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(spec.workdir, home.dir().join("linux/build"));
        assert_eq!(spec.mirror_dir, home.dir().join(".mirrors"));
    }

    #[test]
    fn reports_become_properties_whatever_they_hold() {
        assert_eq!(properties(br#"{"got_revision":"abc"}"#)["got_revision"], Value::from("abc"));
        for odd in [&b""[..], b"[", b"{}", b"\xff", br#"{"got_revision":5}"#] {
            assert!(properties(odd).is_empty());
        }
    }
}
