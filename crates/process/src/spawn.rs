//! From a job to a running main process: its words, variables, directory and files, and what it means when one of them
//! is not as it should be.

use crate::birth::{self, Exec, ExecError, Stage};
use crate::cgroup::Group;
use crate::word::Word;
use crate::{Blame, Environment, Job, Program, Report, Terminal, stray};
use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use rustix::pipe::PipeFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Winsize};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where programs are looked for when the command has no `PATH`.
const PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";
/// Columns and rows of the terminal.
const SIZE: (u16, u16) = (80, 24);

/// What is known before anything is made: the words and variables as the kernel takes them.
pub(crate) struct Prepared {
    pub(crate) candidates: Vec<CString>,
    pub(crate) arguments: Vec<CString>,
    /// `NAME=value`, sorted.
    pub(crate) environment: Vec<CString>,
}

/// A main process that runs, and our ends of what it writes to.
pub(crate) struct Spawned {
    pub(crate) pid: i32,
    /// Standard output, or the terminal.
    pub(crate) stdout: OwnedFd,
    /// Standard error, unless there is a terminal.
    pub(crate) stderr: Option<OwnedFd>,
}

/// Why a command does not run.
#[derive(Debug)]
pub(crate) struct NotStarted {
    /// For people.
    pub(crate) error: String,
    pub(crate) blame: Blame,
}

impl NotStarted {
    fn by_command(error: impl Into<String>) -> Self {
        NotStarted { error: error.into(), blame: Blame::Command }
    }

    fn by_machine(error: impl Into<String>) -> Self {
        NotStarted { error: error.into(), blame: Blame::Machine }
    }
}

/// Whose fault an error of the system is, when it met a file that the command named.
fn blame(error: &io::Error) -> Blame {
    match error.raw_os_error() {
        Some(
            libc::ENOSPC
            | libc::EDQUOT
            | libc::EROFS
            | libc::EIO
            | libc::ESTALE
            | libc::EUCLEAN
            | libc::ENODEV
            | libc::ENXIO
            | libc::EMFILE
            | libc::ENFILE
            | libc::ENOMEM
            | libc::EAGAIN,
        ) => Blame::Machine,
        _ => Blame::Command,
    }
}

/// Where a command may leave its report.
pub(crate) fn report_path(spool: &Path) -> PathBuf {
    spool.join("report")
}

/// Makes words and variables ready.
pub(crate) fn prepare(job: &Job, slot_dir: &Path) -> Result<Prepared, NotStarted> {
    words_and_variables(job, slot_dir).map_err(NotStarted::by_command)
}

fn words_and_variables(job: &Job, slot_dir: &Path) -> Result<Prepared, String> {
    if job.stdin.as_ref().is_some_and(|bytes| bytes.len() > Job::LONGEST_STDIN) {
        return Err("its standard input is longer than 4 MiB".into());
    }
    let variables = variables(job, slot_dir);
    let words: Vec<Word> = match &job.program {
        Program::Words(words) => words.clone(),
        Program::Script(text) => ["/bin/sh", "-c", text.as_str()].into_iter().map(Word::from).collect(),
    };
    let program = words.first().ok_or("the command has no words")?.as_bytes().to_vec();
    if program.is_empty() {
        return Err("the name of the program is empty".into());
    }
    let c = |bytes: Vec<u8>, what: &str| CString::new(bytes).map_err(|_| format!("{what} has a zero byte"));
    let mut candidates = Vec::new();
    if program.contains(&b'/') {
        candidates.push(c(program, "the name of the program")?);
    } else {
        let path = variables.get(&Word::from("PATH")).map_or(PATH, |path| path.as_bytes());
        for dir in path.split(|b| *b == b':') {
            let dir = if dir.is_empty() { &b"."[..] } else { dir };
            candidates.push(c([dir, b"/", &program].concat(), "the name of the program")?);
        }
    }
    let arguments = words.iter().map(|word| c(word.as_bytes().to_vec(), "an argument")).collect::<Result<_, _>>()?;
    let mut environment = Vec::new();
    for (name, value) in &variables {
        if name.as_bytes().is_empty() || name.as_bytes().contains(&b'=') {
            return Err(format!("{name:?} cannot be the name of a variable"));
        }
        environment.push(c([name.as_bytes(), b"=", value.as_bytes()].concat(), "a variable")?);
    }
    Ok(Prepared { candidates, arguments, environment })
}

fn variables(job: &Job, slot_dir: &Path) -> BTreeMap<Word, Word> {
    let mut variables = match &job.env {
        Environment::Only(variables) => variables.clone(),
        Environment::Changed(changes) => {
            let mut own: BTreeMap<Word, Word> =
                std::env::vars_os().map(|(name, value)| (name.into(), value.into())).collect();
            own.insert("PWD".into(), job.dir.as_path().into());
            own.remove(&Word::from("OLDPWD"));
            for (name, value) in changes {
                match value {
                    Some(value) => own.insert(name.clone(), value.clone()),
                    None => own.remove(name),
                };
            }
            own
        }
    };
    // The supervisor knows its slot by a path without links.
    variables.insert(stray::VARIABLE.into(), stray::value(slot_dir, &job.id).as_path().into());
    if job.report == Report::File {
        variables.insert("SLUICE_REPORT".into(), report_path(&job.id.dir(slot_dir)).as_path().into());
    } else {
        variables.remove(&Word::from("SLUICE_REPORT"));
    }
    variables
}

/// Runs the main process.
pub(crate) fn spawn(job: &Job, prepared: Prepared, group: Option<&Group>) -> Result<Spawned, NotStarted> {
    make_dir(&job.dir)?;
    let made =
        |e: rustix::io::Errno| NotStarted::by_machine(format!("its output cannot be taken: {}", io::Error::from(e)));
    let (stdin, stdout, stderr, ours) = match job.terminal {
        Terminal::Pipes => {
            let stdin =
                stdin(job).map_err(|e| NotStarted::by_machine(format!("its standard input cannot be made: {e}")))?;
            let (stdout, out) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(made)?;
            let (stderr, err) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(made)?;
            (stdin, out, err, (stdout, Some(stderr)))
        }
        Terminal::Pty => {
            let (master, slave) = terminal().map_err(made)?;
            let again = || rustix::io::fcntl_dupfd_cloexec(&slave, 0).map_err(made);
            (again()?, again()?, slave, (master, None))
        }
    };
    for fd in [Some(&ours.0), ours.1.as_ref()].into_iter().flatten() {
        rustix::io::ioctl_fionbio(fd, true).map_err(made)?;
    }
    let dir = CString::new(job.dir.as_os_str().as_bytes())
        .map_err(|_| NotStarted::by_command("its directory has a zero byte"))?;
    let exec = Exec {
        candidates: prepared.candidates,
        arguments: prepared.arguments,
        environment: prepared.environment,
        dir,
        stdin,
        stdout,
        stderr,
        terminal: job.terminal == Terminal::Pty,
        umask: job.umask,
    };
    let pid = birth::spawn(&exec, group.map(Group::entrance)).map_err(|e| explain(job, &exec, &e))?;
    Ok(Spawned { pid, stdout: ours.0, stderr: ours.1 })
}

fn make_dir(dir: &Path) -> Result<(), NotStarted> {
    let shown = dir.display();
    if !dir.is_absolute() {
        return Err(NotStarted::by_command(format!("its directory {shown} is not absolute")));
    }
    match fs::metadata(dir) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(NotStarted::by_command(format!("its directory {shown} is no directory"))),
        // Put together anew it has no `.` at its end, which names nothing as long as nothing is there.
        Err(_) => fs::create_dir_all(dir.components().collect::<PathBuf>())
            .map_err(|e| NotStarted { error: format!("its directory {shown} cannot be made: {e}"), blame: blame(&e) }),
    }
}

fn stdin(job: &Job) -> io::Result<OwnedFd> {
    let Some(bytes) = &job.stdin else {
        return Ok(rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    };
    // A file in memory: it is whole at once, so nobody has to feed it while the command runs.
    let file = fs::File::from(rustix::fs::memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    io::Write::write_all(&mut &file, bytes)?;
    rustix::fs::seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}

/// Our side of a new terminal and the command's.
fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    let mut modes = rustix::termios::tcgetattr(slave.as_fd())?;
    modes.output_modes -= OutputModes::ONLCR;
    modes.local_modes -= LocalModes::ECHO;
    rustix::termios::tcsetattr(slave.as_fd(), OptionalActions::Now, &modes)?;
    let size = Winsize { ws_col: SIZE.0, ws_row: SIZE.1, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(slave.as_fd(), size)?;
    Ok((master, slave))
}

/// Says in words why a program could not be run.
fn explain(job: &Job, exec: &Exec, failed: &ExecError) -> NotStarted {
    let blame = match failed.stage {
        Stage::Fork | Stage::Setup => Blame::Machine,
        Stage::Dir | Stage::Exec => blame(&failed.error),
    };
    NotStarted { error: sentence(job, exec, failed), blame }
}

fn sentence(job: &Job, exec: &Exec, failed: &ExecError) -> String {
    let ExecError { stage, error } = failed;
    let program = match &job.program {
        Program::Words(words) => {
            words.first().map(|w| w.as_os_str().to_string_lossy().into_owned()).unwrap_or_default()
        }
        Program::Script(_) => "/bin/sh".to_owned(),
    };
    let searched = !program.contains('/');
    match (stage, error.raw_os_error()) {
        (Stage::Fork, _) => format!("no process can be made: {error}"),
        (Stage::Setup, _) => format!("the process cannot be set up: {error}"),
        (Stage::Dir, _) => format!("its directory {} cannot be entered: {error}", job.dir.display()),
        (Stage::Exec, Some(libc::ENOENT)) if searched => format!("no program `{program}` in PATH"),
        (Stage::Exec, Some(libc::ENOENT | libc::ENOTDIR)) => {
            // Seen from its own directory, as the kernel did.
            if job.dir.join(&program).exists() {
                format!("the interpreter that {program} asks for does not exist")
            } else {
                format!("no such file {program}")
            }
        }
        (Stage::Exec, Some(libc::EACCES)) => {
            let is_dir = |path: &CString| job.dir.join(std::ffi::OsStr::from_bytes(path.as_bytes())).is_dir();
            if exec.candidates.iter().any(is_dir) {
                format!("{program} is a directory")
            } else {
                format!("{program} is not executable")
            }
        }
        (Stage::Exec, Some(libc::ENOEXEC)) => {
            format!("{program} is neither a program of this machine nor a script that begins with #!")
        }
        (Stage::Exec, Some(libc::E2BIG)) => "its arguments and variables are too long together".to_owned(),
        (Stage::Exec, _) => format!("{program} cannot be run: {error}"),
    }
}
