//! An assignment becomes a job for a supervisor, and its outcome becomes an ending.

use crate::act::{self, MasterPlace, Task, below};
use crate::home::Home;
use crate::setup::{Master, Reach, Setup};
use model::{CommandLine, Patch, Results, Span, TransferSpec, Value};
use process::spool::SpoolError;
use process::{
    CollectedFile, Environment, FollowedFile, Job, JobId, LogEnviron, Outcome, Program, Report, Terminal, Word,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vcs::git::CheckoutSpec;
use vcs::{Checkout, TreeSpec};
use wire::{
    Assignment, COLLECT_FILES, Collected, CommandId, EndedBy, Ending, Exit, GitWork, LOG_LIMIT, PatchWork,
    SequenceWork, ShellWork, TransferWork, Usage, VcsWork, Work,
};

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
    let place = Place { setup, home, builddir: &builddir };
    let mut job = match assignment.work {
        Work::Shell(work) => shell(&place, id, work)?,
        Work::Git(work) => git(&place, id, work)?,
        Work::Vcs(work) => tree(&place, id, work)?,
        Work::Sequence(work) => sequence(&place, id, work)?,
        Work::File(file) => place.task(id, &Task::File { dir: builddir.clone(), file })?,
        Work::Transfer(work) => transfer(&place, id, work)?,
        Work::Http(http) => {
            let timeout = http.timeout;
            let job = place.task(id, &Task::Http(http))?;
            // The program keeps the limit itself; this one is for a program that does not.
            Job { max_time: Some(timeout.to_std() + GRACE), ..job }
        }
    };
    if assignment.collect.len() > COLLECT_FILES {
        return Err(Refusal::Asked(format!(
            "{} files are to come back; {COLLECT_FILES} may",
            assignment.collect.len()
        )));
    }
    for path in assignment.collect {
        job.collect.push(CollectedFile { path: below(&builddir, &path)?, name: path });
    }
    job.mask.extend(assignment.mask.iter().map(|secret| secret.reveal().as_bytes().to_vec().into()));
    job.umask = setup.umask;
    job.orphan_limit = orphan_limit.map(Span::to_std);
    Ok(job)
}

/// How much longer than its own limit a program of ours may take.
const GRACE: std::time::Duration = std::time::Duration::from_secs(30);

/// Where a job is done.
struct Place<'a> {
    setup: &'a Setup,
    home: &'a Home,
    builddir: &'a Path,
}

impl Place<'_> {
    /// A work directory.
    fn workdir(&self, relative: &str) -> Result<PathBuf, String> {
        match self.setup.reach {
            Reach::Anywhere if Path::new(relative).is_absolute() => Ok(PathBuf::from(relative)),
            _ => below(self.builddir, relative),
        }
    }

    /// A job that this program does itself.
    fn task(&self, id: JobId, task: &Task) -> Result<Job, Refusal> {
        let file = self.home.work_file(id.as_str());
        task.write(&file).map_err(|e| unwritable(&file, &e))?;
        let words = [self.setup.exe.as_os_str(), "__do".as_ref(), task.kind().as_ref(), file.as_os_str()];
        let mut job = Job::new(id, Program::words(words.map(|w| w.to_owned())), self.builddir);
        job.report = Report::File;
        Ok(job)
    }
}

fn unwritable(file: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Machine(format!("{} cannot be written: {error}", file.display()))
}

fn environment(env: BTreeMap<String, String>) -> Environment {
    Environment::Changed(env.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect())
}

fn shell(place: &Place<'_>, id: JobId, work: ShellWork) -> Result<Job, String> {
    let program = match &work.command {
        CommandLine::Words(words) if words.is_empty() => return Err("the command has no words".to_owned()),
        CommandLine::Words(words) => Program::words(words.clone()),
        CommandLine::Script(script) => Program::script(script.clone()),
    };
    surround(place, Job::new(id, program, place.workdir(&work.workdir)?), work)
}

/// Everything about a command but what it runs.
fn surround(place: &Place<'_>, mut job: Job, work: ShellWork) -> Result<Job, String> {
    if work.log_files.len() >= LOG_LIMIT {
        return Err(format!("it has {} log files; {} may be followed", work.log_files.len(), LOG_LIMIT - 1));
    }
    for (log, file) in (1..).zip(work.log_files) {
        job.follow.push(FollowedFile { log, path: below(&job.dir, &file.path)?, from_end: file.follow });
    }
    job.env = environment(work.env);
    job.timeout = work.timeout.map(Span::to_std);
    job.max_time = work.max_time.map(Span::to_std);
    job.sigterm_time = work.sigterm_time.to_std();
    job.terminal = if work.pty || place.setup.usepty { Terminal::Pty } else { Terminal::Pipes };
    job.log_environ = if work.log_environ { LogEnviron::Yes } else { LogEnviron::No };
    job.stdin = work.initial_stdin.map(String::into_bytes);
    let unwanted =
        [(work.want_stdout, process::spool::Stream::Stdout), (work.want_stderr, process::spool::Stream::Stderr)];
    job.unwanted = unwanted.into_iter().filter(|(wanted, _)| !wanted).map(|(_, stream)| stream).collect();
    Ok(job)
}

fn sequence(place: &Place<'_>, id: JobId, work: SequenceWork) -> Result<Job, Refusal> {
    let task = Task::Sequence { parts: work.parts, decode_rc: work.decode_rc };
    let job = Job { dir: place.workdir(&work.shell.workdir)?, ..place.task(id, &task)? };
    Ok(surround(place, job, work.shell)?)
}

fn transfer(place: &Place<'_>, id: JobId, work: TransferWork) -> Result<Job, Refusal> {
    let setup = place.setup;
    let master = match (&setup.master_file, &setup.master) {
        (Some(file), _) => MasterPlace::File(file.clone()),
        (None, Master::Url(url)) => MasterPlace::Url(url.clone()),
        (None, Master::InProcess(_)) => return Err(Refusal::Machine("the master's address is not known".to_owned())),
    };
    let (TransferSpec::Upload { workdir, .. }
    | TransferSpec::Download { workdir, .. }
    | TransferSpec::DownloadText { workdir, .. }) = &work.transfer;
    let task = Task::Transfer {
        workdir: below(place.builddir, workdir)?,
        dir: place.builddir.to_owned(),
        token: work.token.reveal().to_owned(),
        master,
        transfer: work.transfer,
    };
    let mut job = place.task(id, &task)?;
    job.timeout = Some(SILENCE);
    job.mask.push(work.token.reveal().as_bytes().to_vec().into());
    Ok(job)
}

/// How long a transfer may say nothing. It says how far it is, and that it waits for the master.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(1200);

fn git(place: &Place<'_>, id: JobId, work: GitWork) -> Result<Job, Refusal> {
    let spec = CheckoutSpec {
        repository: work.repository,
        branch: work.branch,
        revision: work.revision,
        always_use_latest: false,
        mode: work.mode,
        workdir: below(place.builddir, &work.workdir)?,
        mirror_dir: place.home.mirrors(),
        submodules: work.submodules,
        shallow: work.shallow,
        retry: work.retry,
        patch: work.patch.map(patch),
    };
    checkout(place, id, &Checkout::Git(spec), work.env, work.timeout)
}

fn tree(place: &Place<'_>, id: JobId, work: VcsWork) -> Result<Job, Refusal> {
    let spec = TreeSpec {
        vcs: work.vcs,
        repository: work.repository,
        branch_place: work.branch_place,
        branch: work.branch,
        revision: work.revision,
        module: work.module,
        options: work.options,
        mode: work.mode,
        workdir: below(place.builddir, &work.workdir)?,
        retry: work.retry,
        patch: work.patch.map(patch),
    };
    checkout(place, id, &Checkout::Tree(spec), work.env, work.timeout)
}

fn patch(patch: PatchWork) -> Patch {
    let (level, subdir, body) = (patch.level, patch.subdir, patch.body);
    Patch { level, subdir, author: String::new(), comment: String::new(), body }
}

/// The job of a checkout, whatever the system.
fn checkout(
    place: &Place<'_>,
    id: JobId,
    spec: &Checkout,
    env: BTreeMap<String, String>,
    timeout: Option<Span>,
) -> Result<Job, Refusal> {
    let file = place.home.work_file(id.as_str());
    let text = serde_json::to_vec(spec).map_err(|e| e.to_string())?;
    act::write_private(&file, &text).map_err(|e| unwritable(&file, &e))?;
    let words = [place.setup.exe.as_os_str(), "__checkout".as_ref(), file.as_os_str()];
    let mut job = Job::new(id, Program::words(words.map(|w| w.to_owned())), place.builddir);
    job.env = environment(env);
    job.timeout = timeout.map(Span::to_std);
    job.report = Report::File;
    Ok(job)
}

/// What programs of ours report: those of [`crate::act`] and checkouts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reported {
    got_revision: Option<String>,
    /// Why a checkout failed.
    reason: Option<String>,
    results: Option<Results>,
    state: Option<String>,
    trouble: Option<String>,
}

impl Reported {
    fn of(bytes: Option<&[u8]>) -> Self {
        bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
    }
}

/// What the master is told of an outcome; `spool` is the directory that it was read from.
pub(crate) fn ending(outcome: &Outcome, spool: &Path) -> Ending {
    let micros = |n: u64| Span(i64::try_from(n).unwrap_or(i64::MAX));
    let reported = Reported::of(outcome.report.as_deref());
    let files = outcome.collected.iter().map(|c| Collected { path: c.name.clone(), data: c.data.clone() });
    let revision = reported.got_revision.clone().map(|revision| ("got_revision".to_owned(), Value::Text(revision)));
    Ending {
        exit: match &outcome.exit {
            process::Exit::Exited(code) => Exit::Exited { code: *code },
            process::Exit::Signalled { signal, .. } => Exit::Signalled { signal: *signal },
            process::Exit::NotStarted { error, .. } => Exit::NotStarted { why: error.clone() },
        },
        ended_by: match trouble(outcome, &reported, spool) {
            Some(what) => EndedBy::WorkerTrouble { what },
            None => ended_by(&outcome.ended_by),
        },
        elapsed: micros(outcome.elapsed),
        left_behind: u32::try_from(outcome.left_behind.len()).unwrap_or(u32::MAX),
        properties: revision.into_iter().collect(),
        usage: Usage {
            user: micros(outcome.user_cpu),
            system: micros(outcome.system_cpu),
            max_rss_kib: outcome.max_rss / 1024,
        },
        results: reported.results,
        state: reported.state,
        files: files.collect(),
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

/// A program of ours, by the words that it was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Checkout,
    Sequence,
    /// It does one thing with files or with another machine.
    Other,
}

/// What it is that a spool's command did; `None`: something of somebody else's. An error: it cannot be told any more.
fn own(spool: &Path) -> Result<Option<Own>, SpoolError> {
    let job = match process::spool::read_job(spool) {
        Err(SpoolError::Io { .. }) => return Ok(None),
        other => other?,
    };
    let Program::Words(words) = &job.program else { return Ok(None) };
    Ok(match (words.get(1).map(Word::as_bytes), words.get(2).map(Word::as_bytes)) {
        _ if job.report != Report::File => None,
        (Some(b"__checkout"), _) => Some(Own::Checkout),
        (Some(b"__do"), Some(b"sequence")) => Some(Own::Sequence),
        (Some(b"__do"), _) => Some(Own::Other),
        _ => None,
    })
}

/// What the machine, or the way to another one, did to a command that was not otherwise cut short; `None` if the code has
/// to answer for how it ended. Programs of our own say themselves what was not the code's fault.
fn trouble(outcome: &Outcome, reported: &Reported, spool: &Path) -> Option<String> {
    use process::{Blame, EndedBy, Exit};
    let by = match (&outcome.ended_by, &outcome.exit) {
        (EndedBy::Itself, Exit::Exited(0)) => return None,
        (EndedBy::Itself, Exit::NotStarted { error, blame: Blame::Machine }) => return Some(error.clone()),
        (by @ (EndedBy::Itself | EndedBy::NoOutput(_)), _) => by,
        _ => return None,
    };
    let own = match own(spool) {
        Ok(own) => own?,
        // Whose fault it is cannot be told, so it is nobody's.
        Err(e) => return Some(format!("what it was cannot be told: {e}")),
    };
    let (what, peer) = match own {
        Own::Checkout => ("checkout", "repository"),
        Own::Sequence | Own::Other => ("work", "other side"),
    };
    let ended = match (by, &outcome.exit) {
        (EndedBy::NoOutput(_), _) if own == Own::Sequence => return None,
        (EndedBy::NoOutput(after), _) => {
            return Some(format!("the {peer} does not answer: {} without output", Span::from(*after)));
        }
        (_, Exit::Exited(_)) if own != Own::Checkout && reported.results.is_some() => return reported.trouble.clone(),
        (_, Exit::Exited(vcs::FAILED)) if own == Own::Checkout => return None,
        (_, Exit::Signalled { signal, .. }) => {
            let name = process::signal_name(*signal).map_or_else(|| signal.to_string(), str::to_owned);
            format!("the {what} was ended by signal {name}")
        }
        (_, Exit::NotStarted { error, .. }) => format!("the {what} cannot be started: {error}"),
        (_, Exit::Exited(code)) => {
            let unsaid = || format!("the {what} cannot be done here (code {code}), its log says why");
            reported.reason.clone().unwrap_or_else(unsaid)
        }
    };
    Some(ended)
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
        let spec: CheckoutSpec = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(spec.workdir, home.dir().join("linux/build"));
        assert_eq!(spec.mirror_dir, home.dir().join(".mirrors"));
    }

    #[test]
    fn reports_are_read_whatever_they_hold() {
        let told = |text: &'static [u8]| Reported::of(Some(text)).got_revision;
        assert_eq!(told(br#"{"got_revision":"abc"}"#).as_deref(), Some("abc"));
        for odd in [&b""[..], b"[", b"{}", b"\xff", br#"{"got_revision":5}"#, br#"{"results":17}"#] {
            assert_eq!(told(odd), None);
        }
    }

    #[test]
    fn what_the_program_does_itself_is_told_in_a_private_file() {
        let top = tempfile::tempdir().unwrap();
        let home = Home::take(top.path()).unwrap();
        let mut setup = setup(top.path());
        let of = |setup: &Setup, work: Work| job(setup, &home, None, C, Assignment::new("linux", work));
        let file = model::FileSpec::Exists { path: "x".into() };
        let made = of(&setup, Work::File(file.clone())).unwrap();
        let spec = home.work_file("7.1.2");
        let words = ["/bin/sluice".as_ref(), "__do".as_ref(), "file".as_ref(), spec.as_os_str()];
        assert_eq!((made.program, made.report), (Program::words(words.map(|w| w.to_owned())), Report::File));
        assert_eq!(Task::read(&spec).unwrap(), Task::File { dir: home.dir().join("linux"), file });
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&spec).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let transfer = TransferSpec::DownloadText { text: "t".into(), to: "f".into(), workdir: "w".into(), mode: None };
        let work = wire::TransferWork { transfer, token: Secret::new("7.1.2.beef") };
        let made = of(&setup, Work::Transfer(work.clone())).unwrap();
        assert_eq!(made.mask, [b"7.1.2.beef".to_vec()]);
        setup.master_file = Some("/m/address".into());
        of(&setup, Work::Transfer(work)).unwrap();
        let Task::Transfer { master, workdir, .. } = Task::read(&spec).unwrap() else { panic!("a transfer") };
        assert_eq!((master, workdir), (MasterPlace::File("/m/address".into()), home.dir().join("linux/w")));
    }

    #[test]
    fn a_command_s_surroundings_are_taken_over() {
        let top = tempfile::tempdir().unwrap();
        let home = Home::take(top.path()).unwrap();
        let mut spec = ShellSpec::new(CommandLine::Script("true".into()));
        spec.want_stdout = false;
        spec.initial_stdin = Some("y\n".into());
        spec.log_files = vec![model::FollowedLog { name: "config".into(), path: "a/config.log".into(), follow: true }];
        let work = |spec: &ShellSpec<String>| Work::Shell(ShellWork::of(spec, &BTreeMap::new()));
        let mut assignment = Assignment::new("linux", work(&spec));
        assignment.mask = vec![Secret::new("sesame")];
        assignment.collect = vec!["build/sluice.star".into()];
        let made = job(&setup(top.path()), &home, None, C, assignment.clone()).unwrap();
        assert_eq!((made.unwanted, made.stdin), (vec![process::spool::Stream::Stdout], Some(b"y\n".to_vec())));
        let path = home.dir().join("linux/build/a/config.log");
        assert_eq!(made.follow, [FollowedFile { log: 1, path, from_end: true }]);
        assert_eq!(made.mask, [b"sesame".to_vec()]);
        let path = home.dir().join("linux/build/sluice.star");
        assert_eq!(made.collect, [CollectedFile { name: "build/sluice.star".into(), path }]);
        for bad in [vec!["../x".to_owned()], vec!["a".to_owned(); 3]] {
            assignment.collect = bad;
            job(&setup(top.path()), &home, None, C, assignment.clone()).unwrap_err();
        }
        spec.workdir = "/".into();
        spec.log_files.clear();
        let of = |setup: &Setup| job(setup, &home, None, C, Assignment::new("linux", work(&spec)));
        of(&setup(top.path())).unwrap_err();
        assert_eq!(of(&Setup { reach: Reach::Anywhere, ..setup(top.path()) }).unwrap().dir, Path::new("/"));
    }

    /// A spool of a job of these words.
    fn spool(top: &Path, name: &str, report: Report, words: &[&str]) -> PathBuf {
        let dir = top.join(name);
        let program = Program::words(words.iter().copied());
        let job = Job { report, ..Job::new(JobId::new(name).unwrap(), program, "/") };
        process::spool::Writer::create(&dir, &job).unwrap();
        dir
    }

    /// How the job in a spool ended, in words: the trouble, or by what it was ended.
    fn what(exit: process::Exit, by: process::EndedBy, report: Option<&[u8]>, dir: &Path) -> String {
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
            collected: Vec::new(),
        };
        match ending(&outcome, dir).ended_by {
            EndedBy::WorkerTrouble { what } => what,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn whose_fault_an_end_is() {
        use process::{Blame, EndedBy as By, Exit as Did};
        let top = tempfile::tempdir().unwrap();
        let spool = |name: &str, report: Report, words: &[&str]| spool(top.path(), name, report, words);
        let shell = spool("shell", Report::No, &["make", "__checkout"]);
        let checkout = spool("checkout", Report::File, &["sluice", "__checkout", "x"]);
        let file = spool("file", Report::File, &["sluice", "__do", "file", "x"]);
        let sequence = spool("sequence", Report::File, &["sluice", "__do", "sequence", "x"]);
        let full = br#"{"results":4,"trouble":"the disk is full"}"#;
        let failed = br#"{"results":2,"state":"there is no file x"}"#;
        let unsaid = "the work cannot be done here (code 101), its log says why";
        let not_started = |blame| Did::NotStarted { error: "no".into(), blame };
        let away = br#"{"reason":"the host is away"}"#;
        let span = std::time::Duration::from_secs(60);
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
            (Did::Exited(1), By::Itself, Some(&full[..]), &file, "the disk is full"),
            (Did::Exited(1), By::Itself, Some(&failed[..]), &file, "Itself"),
            (Did::Exited(101), By::Itself, None, &file, unsaid),
            (Did::Exited(3), By::Itself, Some(&failed[..]), &sequence, "Itself"),
            (Did::Exited(0), By::NoOutput(span), None, &sequence, "NoOutput { after: Span(60000000) }"),
            (Did::Exited(0), By::NoOutput(span), None, &file, "the other side does not answer: 1 min without output"),
        ] {
            assert_eq!(what(exit, by, report, dir), expected);
        }
    }

    #[test]
    fn a_job_that_is_not_as_it_was_written_tells_nothing_and_nobody_is_blamed() {
        use process::{EndedBy as By, Exit as Did};
        let top = tempfile::tempdir().unwrap();
        let checkout = spool(top.path(), "checkout", Report::File, &["sluice", "__checkout", "x"]);
        let whole = std::fs::read(checkout.join("job")).unwrap();
        for (at, expected) in [
            (0, "is damaged at byte 0: it does not begin as a job does"),
            (6, "job has version 3, which this program does not read"),
            (9, "is damaged at byte 0: the job has not the checksum that it tells"),
            (whole.len() - 1, "is damaged at byte 0: the job has not the checksum that it tells"),
        ] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(checkout.join("job"), flipped).unwrap();
            let said = what(Did::Exited(1), By::Itself, None, &checkout);
            assert!(said.starts_with("what it was cannot be told: ") && said.ends_with(expected), "{said}");
            assert_eq!(what(Did::Exited(0), By::Itself, None, &checkout), "Itself", "what passed has passed");
        }
    }
}
