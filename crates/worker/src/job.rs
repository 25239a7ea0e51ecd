//! An assignment becomes a job for a supervisor, and its outcome becomes an ending.

use crate::home::{Home, below};
use crate::setup::Setup;
use model::{CommandLine, Patch, Span, Value};
use process::{Environment, Job, JobId, LogEnviron, Outcome, Program, Report, Terminal};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
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

/// Why an assignment becomes no job, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What is asked for cannot be.
    Asked(String),
    /// The worker's machine keeps it from being done.
    Machine(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Refusal::Asked(why)
    }
}

/// The job that does the work.
pub(crate) fn job(
    setup: &Setup,
    home: &Home,
    orphan_limit: Option<Span>,
    command: CommandId,
    assignment: Assignment,
) -> Result<Job, Refusal> {
    if assignment.builddir.is_empty() || assignment.builddir.starts_with('.') {
        let why = format!("`{}` cannot be a builder's directory", assignment.builddir.escape_debug());
        return Err(Refusal::Asked(why));
    }
    let builddir = below(home.dir(), &assignment.builddir)?;
    let id = job_id(command)?;
    let mut job = match assignment.work {
        Work::Shell(work) => shell(setup, id, builddir, work)?,
        Work::Git(work) => git(setup, home, id, builddir, work)?,
        _ => return Err(Refusal::Asked("this worker cannot do that".to_owned())),
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

fn git(setup: &Setup, home: &Home, id: JobId, builddir: PathBuf, work: GitWork) -> Result<Job, Refusal> {
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
    fs::write(&file, text).map_err(|e| Refusal::Machine(format!("{} cannot be written: {e}", file.display())))?;
    let words = [setup.exe.as_os_str(), "__checkout".as_ref(), file.as_os_str()];
    let mut job = Job::new(id, Program::words(words.map(|w| w.to_owned())), builddir);
    job.env = environment(work.env);
    job.timeout = work.timeout.map(Span::to_std);
    job.report = Report::File;
    Ok(job)
}

/// What the master is told of an outcome; `spool` is the directory that it was read from.
pub(crate) fn ending(outcome: &Outcome, spool: &Path) -> Ending {
    let micros = |n: u64| Span(i64::try_from(n).unwrap_or(i64::MAX));
    Ending {
        exit: match &outcome.exit {
            process::Exit::Exited(code) => Exit::Exited { code: *code },
            process::Exit::Signalled { signal, .. } => Exit::Signalled { signal: *signal },
            process::Exit::NotStarted { error, .. } => Exit::NotStarted { why: error.clone() },
        },
        ended_by: match trouble(outcome, spool) {
            Some(what) => EndedBy::WorkerTrouble { what },
            None => ended_by(&outcome.ended_by),
        },
        elapsed: micros(outcome.elapsed),
        left_behind: u32::try_from(outcome.left_behind.len()).unwrap_or(u32::MAX),
        properties: properties(outcome.report.as_deref()),
        usage: Usage {
            user: micros(outcome.user_cpu),
            system: micros(outcome.system_cpu),
            max_rss_kib: outcome.max_rss / 1024,
        },
        results: None,
        state: None,
        files: Vec::new(),
    }
}

fn ended_by(cause: &process::EndedBy) -> EndedBy {
    match cause {
        process::EndedBy::Itself => EndedBy::Itself,
        process::EndedBy::Interrupted { reason } if reason == STOPPED => EndedBy::WorkerStopped,
        process::EndedBy::Interrupted { reason } if reason == ORPHANED => EndedBy::Orphaned,
        process::EndedBy::Interrupted { reason } => EndedBy::Interrupted { reason: reason.clone() },
        process::EndedBy::NoOutput(after) => EndedBy::NoOutput { after: Span::from(*after) },
        process::EndedBy::TooLong(after) => EndedBy::TooLong { after: Span::from(*after) },
        process::EndedBy::Orphaned(_) => EndedBy::Orphaned,
    }
}

/// What the machine, or the way to the repository, did to a command that was not otherwise cut short; `None` if the code
/// has to answer for how it ended. A checkout is a program of our own: of its ends, one exit code alone blames the code.
fn trouble(outcome: &Outcome, spool: &Path) -> Option<String> {
    use process::{Blame, EndedBy, Exit};
    let by = match (&outcome.ended_by, &outcome.exit) {
        (EndedBy::Itself, Exit::Exited(0)) => return None,
        (EndedBy::Itself, Exit::NotStarted { error, blame: Blame::Machine }) => return Some(error.clone()),
        (by @ (EndedBy::Itself | EndedBy::NoOutput(_)), _) => by,
        _ => return None,
    };
    let is_checkout = process::spool::read_job(spool).is_ok_and(|job| job.report == Report::File);
    if !is_checkout {
        return None;
    }
    let report: CheckoutReport = report(outcome.report.as_deref());
    Some(match (by, &outcome.exit) {
        (EndedBy::NoOutput(after), _) => {
            format!("the repository does not answer: {} without output", Span::from(*after))
        }
        (_, Exit::Exited(vcs::git::FAILED)) => return None,
        (_, Exit::Signalled { signal, .. }) => {
            let name = process::signal_name(*signal).map_or_else(|| signal.to_string(), str::to_owned);
            format!("the checkout was ended by signal {name}")
        }
        (_, Exit::NotStarted { error, .. }) => format!("the checkout cannot be started: {error}"),
        (_, Exit::Exited(code)) => {
            report.reason.unwrap_or_else(|| format!("the checkout cannot be done here (code {code}), its log says why"))
        }
    })
}

fn report(bytes: Option<&[u8]>) -> CheckoutReport {
    bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// What a checkout reports, as properties of the build.
fn properties(bytes: Option<&[u8]>) -> BTreeMap<String, Value> {
    let revision = report(bytes).got_revision;
    revision.map(|revision| ("got_revision".to_owned(), Value::Text(revision))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Master;
    use model::worker::Secret;
    use model::{GitMode, ShellSpec};

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
        Assignment::new(builddir, Work::Shell(ShellWork::of(&spec, &env)))
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
        let work = Assignment::new("linux", Work::Git(work));
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
        assert_eq!(properties(Some(br#"{"got_revision":"abc"}"#))["got_revision"], Value::from("abc"));
        for odd in [&b""[..], b"[", b"{}", b"\xff", br#"{"got_revision":5}"#] {
            assert!(properties(Some(odd)).is_empty());
        }
    }

    #[test]
    fn whose_fault_an_end_is() {
        use process::{Blame, EndedBy as By, Exit as Did};
        let top = tempfile::tempdir().unwrap();
        let spool = |name: &str, report: Report| {
            let dir = top.path().join(name);
            let job = Job { report, ..Job::new(JobId::new(name).unwrap(), Program::script("true"), "/") };
            process::spool::Writer::create(&dir, &job).unwrap();
            dir
        };
        let (shell, checkout) = (spool("shell", Report::No), spool("checkout", Report::File));
        let not_started = |blame| Did::NotStarted { error: "no".into(), blame };
        let away = br#"{"reason":"the host is away"}"#;
        let span = std::time::Duration::from_secs(60);
        let what = |exit: Did, by: By, report: Option<&[u8]>, dir: &Path| {
            let outcome = Outcome {
                exit,
                ended_by: by,
                left_behind: Vec::new(),
                survivors: Vec::new(),
                started_at: 0,
                elapsed: 0,
                user_cpu: 0,
                system_cpu: 0,
                max_rss: 0,
                report: report.map(<[u8]>::to_vec),
                ends: BTreeMap::new(),
            };
            match ending(&outcome, dir).ended_by {
                EndedBy::WorkerTrouble { what } => what,
                other => format!("{other:?}"),
            }
        };
        let stopped = By::Interrupted { reason: "r".into() };
        let lost = "the checkout cannot be done here (code 101), its log says why";
        for (exit, by, report, dir, expected) in [
            (Did::Exited(3), By::Itself, None, &shell, "Itself"),
            (not_started(Blame::Command), By::Itself, None, &shell, "Itself"),
            (not_started(Blame::Machine), By::Itself, None, &shell, "no"),
            (Did::Exited(1), By::NoOutput(span), None, &shell, "NoOutput { after: Span(60000000) }"),
            (Did::Exited(0), By::Itself, None, &checkout, "Itself"),
            (Did::Exited(1), By::Itself, Some(&away[..]), &checkout, "Itself"),
            (Did::Exited(3), By::Itself, Some(&away[..]), &checkout, "the host is away"),
            (Did::Exited(101), By::Itself, None, &checkout, lost),
            (
                Did::Signalled { signal: 9, core: false },
                By::Itself,
                None,
                &checkout,
                "the checkout was ended by signal SIGKILL",
            ),
            (not_started(Blame::Command), By::Itself, None, &checkout, "the checkout cannot be started: no"),
            (
                Did::Signalled { signal: 15, core: false },
                By::NoOutput(span),
                None,
                &checkout,
                "the repository does not answer: 1 min without output",
            ),
            (Did::Exited(3), stopped, Some(&away[..]), &checkout, r#"Interrupted { reason: "r" }"#),
        ] {
            assert_eq!(what(exit, by, report, dir), expected);
        }
    }
}
