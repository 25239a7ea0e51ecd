//! The system calls that rustix does not offer: signals as a file, waiting with resource usage, forking. All unsafe code of
//! this room is here, in `birth` and in `pages`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

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
