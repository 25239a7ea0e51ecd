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
    let is_attempt = work.transfer.is_attempt();
    let (workdir, timeout, max_time) = match &work.transfer {
        TransferSpec::Upload { workdir, .. }
        | TransferSpec::Download { workdir, .. }
        | TransferSpec::DownloadText { workdir, .. } => (workdir.as_str(), Some(SILENCE), None),
        // A test may be silent as long as it likes.
        TransferSpec::Attempt { max_time, .. } => ("", None, *max_time),
    };
    let task = Task::Transfer {
        workdir: below(place.builddir, workdir)?,
        dir: place.builddir.to_owned(),
        token: work.token.reveal().to_owned(),
        master,
        transfer: work.transfer,
    };
    let mut job = place.task(id, &task)?;
    (job.timeout, job.max_time) = (timeout, max_time.map(Span::to_std));
    if is_attempt {
        job.sigterm_time = LAST_WORDS;
    }
    job.mask.push(work.token.reveal().as_bytes().to_vec().into());
    Ok(job)
}

/// How long an attempt that is ended may take to bring back what there is of it.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(60);

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
mod tests;
