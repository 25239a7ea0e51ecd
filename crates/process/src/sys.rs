//! The system calls that rustix does not offer: signals as a file, waiting with resource usage, and a fork that begins
//! inside a control group. All unsafe code of this room is here.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Blocks SIGCHLD, SIGTERM, SIGINT and SIGHUP and gives a file that becomes readable when one of them comes.
pub(crate) fn signal_file() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before it is used; signalfd's answer is checked before it is owned.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The next signal that came, if one did.
pub(crate) fn next_signal(file: BorrowedFd<'_>) -> Option<i32> {
    let mut bytes = [0; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(file, &mut bytes) {
        // `ssi_signo` is the first field.
        Ok(n) if n == bytes.len() => {
            bytes.first_chunk::<4>().map(|first| i32::from_ne_bytes(*first)).filter(|signal| *signal != 0)
        }
        _ => None,
    }
}

/// A process that ended and was reaped.
pub(crate) struct Reaped {
    pub(crate) pid: i32,
    /// The code, or the signal and whether it left a core dump.
    pub(crate) status: Result<i32, (i32, bool)>,
    /// Microseconds.
    pub(crate) user: u64,
    /// Microseconds.
    pub(crate) system: u64,
    /// Bytes.
    pub(crate) max_rss: u64,
}

/// What waiting for any child says.
pub(crate) enum Waited {
    /// One ended.
    Ended(Reaped),
    /// There are children, and none has ended.
    Running,
    /// There are no children.
    Childless,
}

/// Reaps a child that ended, without waiting.
pub(crate) fn reap() -> Waited {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live memory of the right types; a zeroed rusage is a valid one.
    let (pid, usage) = unsafe {
        let pid = libc::wait4(-1, &raw mut status, libc::WNOHANG | libc::__WALL, usage.as_mut_ptr());
        (pid, usage.assume_init())
    };
    match pid {
        0 => Waited::Running,
        pid if pid > 0 => {
            let micros =
                |t: libc::timeval| (t.tv_sec as u64).saturating_mul(1_000_000).saturating_add(t.tv_usec as u64);
            let status = if libc::WIFSIGNALED(status) {
                Err((libc::WTERMSIG(status), libc::WCOREDUMP(status)))
            } else {
                Ok(libc::WEXITSTATUS(status))
            };
            Waited::Ended(Reaped {
                pid,
                status,
                user: micros(usage.ru_utime),
                system: micros(usage.ru_stime),
                max_rss: (usage.ru_maxrss as u64).saturating_mul(1024),
            })
        }
        _ => Waited::Childless,
    }
}

/// Forks. The answer is the child's id, and 0 in the child.
pub(crate) fn fork() -> io::Result<i32> {
    // SAFETY: the caller is documented to have one thread; both sides go on with the same memory.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// Waits for this child and gives its exit code; another end counts as 1.
pub(crate) fn wait_for(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the pointer is to a live integer.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return 1;
        }
    }
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1 }
}

/// All that a child needs between fork and exec, made before, since it must not allocate.
pub(crate) struct Exec {
    /// Paths to try, in this order.
    pub(crate) candidates: Vec<CString>,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    pub(crate) dir: CString,
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Standard output is a terminal that becomes the controlling one.
    pub(crate) terminal: bool,
    pub(crate) umask: Option<u32>,
}

/// Where a child failed before it ran its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Fork = 0,
    Setup = 1,
    Dir = 2,
    Exec = 3,
}

/// What keeps a child from running its program.
pub(crate) struct ExecError {
    pub(crate) stage: Stage,
    pub(crate) error: io::Error,
}

/// A control group to begin in.
pub(crate) struct Into<'a> {
    pub(crate) dir: BorrowedFd<'a>,
    /// Its `cgroup.procs`, for systems without `CLONE_INTO_CGROUP`.
    pub(crate) procs: BorrowedFd<'a>,
}

/// Forks and runs the program; returns when it runs, or cannot.
pub(crate) fn spawn(exec: &Exec, group: Option<Into<'_>>) -> Result<i32, ExecError> {
    let setup = |error| ExecError { stage: Stage::Fork, error };
    let (report_in, report_out) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|e| setup(e.into()))?;
    let arguments = pointers(&exec.arguments);
    let environment = pointers(&exec.environment);
    let parent = rustix::process::getpid();
    let (pid, placed) = fork_into(group.as_ref().map(|g| g.dir)).map_err(setup)?;
    if pid == 0 {
        let procs = group.filter(|_| !placed).map(|g| g.procs.as_raw_fd());
        // SAFETY: this is the child of a process with one thread; `child` makes system calls only.
        unsafe { child(exec, &arguments, &environment, report_out.as_raw_fd(), procs, parent.as_raw_pid()) }
    }
    drop(report_out);
    let mut report = [0; 5];
    let mut have = 0;
    while have < report.len() {
        match rustix::io::read(&report_in, &mut report[have..]) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    if have < report.len() {
        return Ok(pid);
    }
    wait_for(pid);
    let [stage, errno @ ..] = report;
    let stage = [Stage::Fork, Stage::Setup, Stage::Dir, Stage::Exec].into_iter().find(|s| *s as u8 == stage);
    Err(ExecError {
        stage: stage.unwrap_or(Stage::Setup),
        error: io::Error::from_raw_os_error(i32::from_ne_bytes(errno)),
    })
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Forks into a group where the kernel can do that; else forks. Answers also whether the child is in the group.
fn fork_into(group: Option<BorrowedFd<'_>>) -> io::Result<(i32, bool)> {
    /// `struct clone_args` of Linux 5.7 (`CLONE_ARGS_SIZE_VER2`).
    #[repr(C, align(8))]
    #[derive(Default)]
    struct CloneArgs {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    if let Some(group) = group {
        let args = CloneArgs {
            flags: CLONE_INTO_CGROUP,
            exit_signal: libc::SIGCHLD as u64,
            cgroup: group.as_raw_fd() as u64,
            ..CloneArgs::default()
        };
        // SAFETY: without CLONE_VM this is a fork; the arguments live until the call returns and have the size told.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
        match pid {
            -1 if matches!(io::Error::last_os_error().raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM)) => {
                return Err(io::Error::last_os_error());
            }
            -1 => {}
            pid => return Ok((pid as i32, true)),
        }
    }
    fork().map(|pid| (pid, false))
}

/// The child's way to its program.
///
/// # Safety
/// Only in a freshly forked child.
unsafe fn child(
    exec: &Exec,
    arguments: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    report: RawFd,
    procs: Option<RawFd>,
    parent: i32,
) -> ! {
    // SAFETY: all pointers come from live, NUL-terminated strings and arrays; only async-signal-safe calls are made.
    unsafe {
        let fail = |stage: Stage| -> ! {
            let errno = (*libc::__errno_location()).to_ne_bytes();
            let bytes = [stage as u8, errno[0], errno[1], errno[2], errno[3]];
            libc::write(report, bytes.as_ptr().cast(), bytes.len());
            libc::_exit(127)
        };
        if let Some(procs) = procs {
            // Without it the tree is still found through parents and children.
            libc::write(procs, c"0".as_ptr().cast(), 1);
        }
        libc::setsid();
        // Nobody would read its output any more.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(127);
        }
        for (from, to) in [(&exec.stdin, 0), (&exec.stdout, 1), (&exec.stderr, 2)] {
            if libc::dup2(from.as_raw_fd(), to) < 0 {
                fail(Stage::Setup);
            }
        }
        if exec.terminal && libc::ioctl(1, libc::TIOCSCTTY, 0) < 0 {
            fail(Stage::Setup);
        }
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        if let Some(mask) = exec.umask {
            libc::umask(mask as libc::mode_t);
        }
        if libc::chdir(exec.dir.as_ptr()) < 0 {
            fail(Stage::Dir);
        }
        let mut denied = false;
        for path in &exec.candidates {
            libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            match *libc::__errno_location() {
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => denied = true,
                _ => fail(Stage::Exec),
            }
        }
        *libc::__errno_location() = if denied { libc::EACCES } else { libc::ENOENT };
        fail(Stage::Exec)
    }
}
