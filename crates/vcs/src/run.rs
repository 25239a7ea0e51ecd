//! Running the systems' own programs: the only file that starts a process. One loop reads, writes and waits, without a
//! thread.

use crate::fault::{Fault, VcsError};
use crate::line::{Line, hide_passwords};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that one command may answer, in bytes.
const LONGEST_ANSWER: usize = 128 << 20;

/// What is kept of the end of standard error, in bytes.
const COMPLAINT: usize = 16 << 10;

/// How long pipes may stay open after a command itself has ended: an ssh that serves later connections keeps them.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// Progress that a program paints over itself is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Ends the commands that run on it, from another thread. Clones are the same leash.
#[derive(Clone, Debug, Default)]
pub struct Leash(Arc<Mutex<Held>>);

/// The variable by which what runs on a marked leash is found when whoever held the leash is gone.
pub const MARK: &str = "SLUICE_LEASH";

#[derive(Debug, Default)]
struct Held {
    cut: bool,
    group: Option<Pid>,
    mark: Option<PathBuf>,
}

impl Leash {
    /// One whose commands, and what they start, carry this value of [`MARK`].
    pub fn marked(mark: &Path) -> Self {
        Self(Arc::new(Mutex::new(Held { mark: Some(mark.to_owned()), ..Held::default() })))
    }

    /// Ends what runs on it, and lets nothing start on it any more.
    pub fn cut(&self) {
        let mut held = self.held();
        held.cut = true;
        if let Some(group) = held.group {
            // A group that is gone already is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// It has been cut.
    pub fn is_cut(&self) -> bool {
        self.held().cut
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether people see what is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Command lines, and what programs say, go to standard output and standard error.
    Aloud,
    /// Nothing is printed.
    Silent,
}

/// How a system's program is started and understood.
#[derive(Debug)]
pub(crate) struct Manner {
    /// The program.
    pub(crate) program: &'static str,
    /// The Debian package that has it, where that has another name.
    pub(crate) package: Option<&'static str>,
    /// Environment of whatever runs.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Last touches to a command.
    pub(crate) prepare: fn(&Runner, &Path, &mut Command),
    /// What a complaint means: the end of standard error, the repository, the line as typed, how the command ended.
    pub(crate) read: fn(&str, &str, &str, &str) -> VcsError,
}

/// Runs programs for one repository.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    /// How.
    pub(crate) manner: &'static Manner,
    /// The repository that complaints are about.
    pub(crate) repository: String,
    /// Whether people see it.
    pub(crate) voice: Voice,
    /// Commands run in a process group of their own and end with it; without one they share the caller's.
    pub(crate) leash: Option<Leash>,
    /// How long one command may take; `None` is for ever.
    pub(crate) limit: Option<Duration>,
}

/// How a command ended.
#[derive(Debug)]
struct Done {
    status: ExitStatus,
    answer: Vec<u8>,
    complaint: String,
}

impl Runner {
    /// Runs a command for what it does. Aloud, its output is passed on.
    pub(crate) fn act(&self, dir: &Path, line: &Line) -> Result<(), VcsError> {
        self.act_on(dir, line, &[])
    }

    /// As [`Git::act`], with standard input.
    pub(crate) fn act_on(&self, dir: &Path, line: &Line, input: &[u8]) -> Result<(), VcsError> {
        if self.voice == Voice::Aloud {
            self.say(&format!("$ {}", line.typed()));
        }
        let passed_on = if self.voice == Voice::Aloud { Stdio::inherit() } else { Stdio::piped() };
        let done = self.run(dir, line, input, passed_on, self.voice)?;
        self.judge(line, &done)
    }

    /// Runs a command for what it answers, never aloud.
    pub(crate) fn ask(&self, dir: &Path, line: &Line, input: &[u8]) -> Result<Vec<u8>, VcsError> {
        let done = self.run(dir, line, input, Stdio::piped(), Voice::Silent)?;
        self.judge(line, &done)?;
        Ok(done.answer)
    }

    /// As [`Git::ask`], for answers of one line.
    pub(crate) fn ask_line(&self, dir: &Path, line: &Line) -> Result<String, VcsError> {
        Ok(String::from_utf8_lossy(&self.ask(dir, line, &[])?).trim_end().to_owned())
    }

    /// Runs a question that is answered by the exit code: 0 is yes, whatever else is no, unless this machine kept it from
    /// answering.
    pub(crate) fn holds(&self, dir: &Path, line: &Line) -> Result<bool, VcsError> {
        let done = self.run(dir, line, &[], Stdio::piped(), Voice::Silent)?;
        match self.judge(line, &done) {
            Ok(()) => Ok(true),
            Err(e) if e.fault == Fault::Machine => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Runs a question that is answered by the exit code, 0 for yes and 1 for no, and answers at length with both.
    pub(crate) fn verdict(&self, dir: &Path, line: &Line) -> Result<(bool, Vec<u8>), VcsError> {
        let done = self.run(dir, line, &[], Stdio::piped(), Voice::Silent)?;
        if done.status.code() != Some(1) {
            self.judge(line, &done)?;
        }
        Ok((done.status.success(), done.answer))
    }

    /// A line for people, when they listen.
    pub(crate) fn say(&self, text: &str) {
        if self.voice == Voice::Aloud {
            let mut out = std::io::stdout().lock();
            // Nobody reads any more: the work goes on all the same.
            let _ = writeln!(out, "{text}").and_then(|()| out.flush());
        }
    }

    fn judge(&self, line: &Line, done: &Done) -> Result<(), VcsError> {
        if done.status.success() {
            return Ok(());
        }
        let ended = match (done.status.code(), done.status.signal()) {
            (Some(code), _) => format!("it ended with code {code}"),
            (None, signal) => format!("it was ended by signal {}", signal.unwrap_or(0)),
        };
        let mut error = (self.manner.read)(&done.complaint, &self.repository, &line.typed(), &ended);
        if error.fault == Fault::Other && done.status.signal().is_some() {
            // Somebody or the kernel killed it, as when memory runs short or a file grows too long.
            error.fault = Fault::Machine;
        }
        Err(error)
    }

    fn run(&self, dir: &Path, line: &Line, input: &[u8], out: Stdio, voice: Voice) -> Result<Done, VcsError> {
        let mut command = self.command(dir, line);
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(out).stderr(Stdio::piped());
        let (child, pidfd) = self.start(&mut command, dir)?;
        Watched::new(child, pidfd, input, voice).finish(self)
    }

    fn command(&self, dir: &Path, line: &Line) -> Command {
        let mut words = line.words.iter();
        let mut command = Command::new(words.next().map_or(self.manner.program.as_ref(), |w| w.as_os_str()));
        command.args(words).current_dir(dir).envs(self.manner.environment.iter().copied());
        (self.manner.prepare)(self, dir, &mut command);
        if let Some(leash) = &self.leash {
            command.process_group(0);
            command.envs(leash.held().mark.as_ref().map(|mark| (MARK, mark)));
        }
        command
    }

    /// Starts it, on the leash if there is one. The leash is held meanwhile, so that a cut finds the group or prevents it.
    fn start(&self, command: &mut Command, dir: &Path) -> Result<(Child, OwnedFd), VcsError> {
        let mut held = self.leash.as_ref().map(Leash::held);
        if held.as_ref().is_some_and(|h| h.cut) {
            return Err(stopped());
        }
        let mut child = command.spawn().map_err(|e| {
            let program = command.get_program().to_string_lossy().into_owned();
            match e.kind() {
                ErrorKind::NotFound if dir.is_dir() => {
                    let package = self.manner.package.filter(|_| program == self.manner.program);
                    let help = package.map_or(String::new(), |p| format!("; the package {p} brings it"));
                    VcsError::new(Fault::Machine, format!("{program} is not installed on this machine{help}"))
                }
                _ => VcsError::new(Fault::Machine, format!("{program} cannot be started in {}: {e}", dir.display())),
            }
        })?;
        let pid = Pid::from_child(&child);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => {
                if let Some(held) = held.as_mut() {
                    held.group = Some(pid);
                }
                Ok((child, pidfd))
            }
            Err(e) => {
                let _ = child.kill().and_then(|()| child.wait());
                Err(VcsError::new(Fault::Machine, format!("a child process cannot be watched: {e}")))
            }
        }
    }
}

fn stopped() -> VcsError {
    VcsError::new(Fault::Stopped, "it was stopped")
}

/// A running command and its pipes.
struct Watched<'a> {
    child: Child,
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Option<ChildStdout>,
    answer: Vec<u8>,
    stderr: Option<ChildStderr>,
    complaint: Complaint,
    /// When the command itself had ended.
    ended: Option<Instant>,
}

impl<'a> Watched<'a> {
    fn new(mut child: Child, pidfd: OwnedFd, input: &'a [u8], voice: Voice) -> Self {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Self {
            child,
            pidfd,
            stdin,
            input,
            stdout,
            answer: Vec::new(),
            stderr,
            complaint: Complaint::new(voice),
            ended: None,
        }
    }

    fn finish(mut self, by: &Runner) -> Result<Done, VcsError> {
        let begun = Instant::now();
        let outcome = self.attend(by.limit.map(|l| begun + l));
        if outcome.is_err() {
            match &by.leash {
                Some(_) => drop(kill_process_group(Pid::from_child(&self.child), Signal::KILL)),
                None => drop(self.child.kill()),
            }
        }
        // From here on the id may be another process's: a cut must not find it any more.
        let mut held = by.leash.as_ref().map(Leash::held);
        if let Some(held) = held.as_mut() {
            held.group = None;
        }
        let status = self.child.wait().map_err(|e| broken("waited for", &e))?;
        let cut = held.is_some_and(|h| h.cut);
        if cut {
            return Err(stopped());
        }
        outcome?;
        Ok(Done { status, answer: self.answer, complaint: self.complaint.end() })
    }

    /// Reads and writes until it has ended and its pipes are closed, or a little later.
    fn attend(&mut self, deadline: Option<Instant>) -> Result<(), VcsError> {
        let pipes = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|e| broken("read from", &e.into()))?;
        }
        loop {
            let open = self.stdout.is_some() || self.stderr.is_some();
            if self.ended.is_some_and(|e| !open || e.elapsed() >= AFTER_THE_END) {
                return Ok(());
            }
            let now = Instant::now();
            if self.ended.is_none() && deadline.is_some_and(|d| now >= d) {
                return Err(VcsError::new(Fault::Away, "the repository did not answer in time"));
            }
            let until = self.ended.map(|e| e + AFTER_THE_END).or(deadline);
            self.wait(until.map(|u| u.saturating_duration_since(now)))?;
            self.write();
            self.read()?;
        }
    }

    /// Sleeps until something can be read or written, or it has ended.
    fn wait(&mut self, most: Option<Duration>) -> Result<(), VcsError> {
        let mut fds = Vec::with_capacity(4);
        if let Some(fd) = &self.stdin {
            fds.push(PollFd::new(fd, PollFlags::OUT));
        }
        if let Some(fd) = &self.stdout {
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        if let Some(fd) = &self.stderr {
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        if self.ended.is_none() {
            fds.push(PollFd::new(&self.pidfd, PollFlags::IN));
        }
        let timeout = most.and_then(|d| Timespec::try_from(d).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(broken("watched", &e.into())),
        }
        let over = self.ended.is_none() && fds.last().is_some_and(|f| !f.revents().is_empty());
        if over {
            self.ended = Some(Instant::now());
        }
        Ok(())
    }

    fn write(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        match stdin.write(self.input) {
            Ok(n) => self.input = &self.input[n..],
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            // It reads no more; its exit code tells why.
            Err(_) => self.input = &[],
        }
        if self.input.is_empty() {
            self.stdin = None;
        }
    }

    fn read(&mut self) -> Result<(), VcsError> {
        let mut buffer = [0; 32 << 10];
        if let Some(pipe) = &mut self.stdout {
            match pipe.read(&mut buffer) {
                Ok(0) => self.stdout = None,
                Ok(n) if self.answer.len() + n > LONGEST_ANSWER => {
                    return Err(VcsError::new(Fault::Other, "it answers more than 128 MiB"));
                }
                Ok(n) => self.answer.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(broken("read from", &e)),
            }
        }
        if let Some(pipe) = &mut self.stderr {
            match pipe.read(&mut buffer) {
                Ok(0) => self.stderr = None,
                Ok(n) => self.complaint.take(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(broken("read from", &e)),
            }
        }
        Ok(())
    }
}

fn broken(what: &str, error: &std::io::Error) -> VcsError {
    VcsError::new(Fault::Machine, format!("a command cannot be {what}: {error}"))
}

/// Standard error: its end is kept, and aloud it is passed on line by line, progress thinned out.
struct Complaint {
    voice: Voice,
    kept: Vec<u8>,
    line: Vec<u8>,
    told: Option<Instant>,
}

impl Complaint {
    fn new(voice: Voice) -> Self {
        Self { voice, kept: Vec::new(), line: Vec::new(), told: None }
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            self.line.extend_from_slice(piece);
            match piece.last() {
                Some(b'\n') => self.keep(),
                Some(b'\r') => self.progress(),
                // A line without end is passed on in pieces.
                _ if self.line.len() > COMPLAINT => self.keep(),
                _ => {}
            }
        }
    }

    fn keep(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.tell(&line);
        self.kept.extend_from_slice(&line);
        if let Some(excess) = self.kept.len().checked_sub(COMPLAINT) {
            self.kept.drain(..excess);
        }
    }

    fn progress(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let told = self.told.get_or_insert_with(Instant::now);
        if told.elapsed() >= PROGRESS_EVERY {
            *told = Instant::now();
            line.pop();
            line.push(b'\n');
            self.tell(&line);
        }
    }

    fn tell(&self, line: &[u8]) {
        if self.voice == Voice::Aloud {
            let mut err = std::io::stderr().lock();
            // Nobody reads any more: the work goes on all the same.
            let _ = match std::str::from_utf8(line) {
                Ok(text) => err.write_all(hide_passwords(text).as_bytes()),
                Err(_) => err.write_all(line),
            };
        }
    }

    fn end(mut self) -> String {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            self.keep();
        }
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(leash: Option<Leash>, limit: Option<Duration>) -> Runner {
        Runner { manner: &crate::git::GIT, repository: "/nowhere".to_owned(), voice: Voice::Silent, leash, limit }
    }

    #[test]
    fn long_input_and_long_answers_do_not_block_each_other() {
        let input = vec![b'x'; 3 << 20];
        let answer = git(None, None).ask(Path::new("/"), &Line::new(["cat"]), &input).unwrap();
        assert_eq!(answer.len(), input.len());
        // It reads nothing and complains a lot.
        let noisy =
            Line::new(["sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo complaint $i >&2; i=$((i+1)); done; exit 3"]);
        let e = git(None, None).ask(Path::new("/"), &noisy, &input).unwrap_err();
        assert_eq!(e.reason, "sh -c failed: complaint 4999");
    }

    #[test]
    fn the_end_of_git_counts_and_not_the_end_of_a_pipe() {
        let lingering = Line::new(["sh", "-c", "sleep 100 & echo done"]);
        let leash = Leash::default();
        let answer = git(Some(leash), Some(Duration::from_secs(60))).ask(Path::new("/"), &lingering, &[]).unwrap();
        assert_eq!(answer, b"done\n");
    }

    #[test]
    fn a_limit_and_a_leash_end_what_hangs() {
        let hanging = Line::new(["sh", "-c", "sleep 1000; true"]);
        let e = git(Some(Leash::default()), Some(Duration::from_millis(50)))
            .ask(Path::new("/"), &hanging, &[])
            .unwrap_err();
        assert_eq!((e.fault, e.reason.as_str()), (Fault::Away, "the repository did not answer in time"));

        let leash = Leash::default();
        let other = leash.clone();
        let cutter = std::thread::spawn(move || {
            testkit::wait_until("the command runs", || other.held().group.is_some());
            other.cut();
        });
        let git = git(Some(leash), None);
        assert_eq!(git.ask(Path::new("/"), &hanging, &[]).unwrap_err().fault, Fault::Stopped);
        cutter.join().unwrap();
        assert_eq!(
            git.ask(Path::new("/"), &hanging, &[]).unwrap_err().fault,
            Fault::Stopped,
            "nothing starts on it again"
        );
    }

    #[test]
    fn what_runs_on_a_marked_leash_carries_the_mark() {
        let leash = Leash::marked(Path::new("/a/mark"));
        let line = Line::new(["sh", "-c", &format!("echo ${MARK}")]);
        assert_eq!(git(Some(leash), None).ask_line(Path::new("/"), &line).unwrap(), "/a/mark");
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let e = git(None, None).ask(Path::new("/"), &Line::new(["sluice-no-such-program"]), &[]).unwrap_err();
        assert_eq!(e.reason, "sluice-no-such-program is not installed on this machine");
        assert_eq!(e.fault, Fault::Machine);
        let killed = git(None, None).ask(Path::new("/"), &Line::new(["sh", "-c", "kill -9 $$"]), &[]).unwrap_err();
        assert_eq!((killed.fault, killed.reason.as_str()), (Fault::Machine, "sh -c failed: it was ended by signal 9"));
        let e = git(None, None).ask(Path::new("/nowhere/at/all"), &Line::new(["git", "status"]), &[]).unwrap_err();
        assert!(e.reason.starts_with("git cannot be started in /nowhere/at/all"), "{e}");
    }

    #[test]
    fn progress_is_not_kept() {
        let mut complaint = Complaint::new(Voice::Silent);
        complaint.take(b"Receiving:  1%\rReceiving:  2%\rReceiving: 100%, done.\nfatal: x");
        assert_eq!(complaint.end(), "Receiving: 100%, done.\nfatal: x\n");
    }
}
