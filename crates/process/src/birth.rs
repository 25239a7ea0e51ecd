//! A new process that runs a program, begun inside a control group where the kernel can do that.
//!
//! It is not forked. A fork copies the tables of all memory, which for a program of our size takes longer than all else
//! that is done here. Instead the child borrows the memory of its parent, which stands still until the child has another
//! program or is gone (`CLONE_VM` and `CLONE_VFORK` of `clone(2)`; what `posix_spawn` does, too). So it can tell in
//! plain memory what kept it from its program, and must change nothing else there.

use std::cell::Cell;
use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// Bytes of the child's stack where it cannot go on below the parent's.
const STACK: usize = 64 << 10;

/// All that a child needs on its way to its program, made before, since it must not allocate.
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
pub(crate) enum Stage {
    Fork,
    Setup,
    Dir,
    Exec,
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

/// What the child reads, and the one thing that it writes.
struct Errand<'a> {
    exec: &'a Exec,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// Where to write that it joins a group, if it is not born there.
    procs: Option<RawFd>,
    parent: i32,
    ignored: &'a [c_int],
    failed: Cell<Option<(Stage, i32)>>,
}

/// Runs the program in a new process; returns when it runs, or cannot.
pub(crate) fn spawn(exec: &Exec, group: Option<Into<'_>>) -> Result<i32, ExecError> {
    let mut errand = Errand {
        exec,
        arguments: pointers(&exec.arguments),
        environment: pointers(&exec.environment),
        procs: None,
        parent: rustix::process::getpid().as_raw_pid(),
        ignored: ignored(),
        failed: Cell::new(None),
    };
    let setup = |error| ExecError { stage: Stage::Fork, error };
    let born = match &group {
        Some(group) => born_into(group.dir, &errand).map_err(setup)?,
        None => None,
    };
    let pid = match born {
        Some(pid) => pid,
        None => {
            errand.procs = group.map(|group| group.procs.as_raw_fd());
            born_here(&errand).map_err(setup)?
        }
    };
    let Some((stage, errno)) = errand.failed.get() else { return Ok(pid) };
    crate::sys::wait_for(pid);
    Err(ExecError { stage, error: io::Error::from_raw_os_error(errno) })
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The signals that this process ignores; a program would go on to do so. Those with a handler of ours it begins anew.
fn ignored() -> &'static [c_int] {
    static IGNORED: OnceLock<Vec<c_int>> = OnceLock::new();
    let is_ignored = |signal: &c_int| {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: the pointer is to live memory of the right type; a zeroed one is valid where the call fails.
        unsafe {
            libc::sigaction(*signal, std::ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    };
    IGNORED.get_or_init(|| (1..=64).filter(is_ignored).collect())
}

/// Makes the child, wherever this process is.
fn born_here(errand: &Errand<'_>) -> io::Result<i32> {
    let mut stack = vec![MaybeUninit::<u8>::uninit(); STACK];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    // Stacks grow down on all systems that Sluice runs on, from an address that sixteen divides.
    let top = top.wrapping_byte_sub(top.addr() % 16);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child has a stack of its own, and this thread, the only one, waits until the child no longer uses it or
    // the errand.
    match unsafe { libc::clone(child, top, flags, std::ptr::from_ref(errand).cast_mut().cast()) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// Makes the child in a group; `None` where the kernel cannot do that.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn born_into(group: BorrowedFd<'_>, errand: &Errand<'_>) -> io::Result<Option<i32>> {
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
    let args = CloneArgs {
        flags: CLONE_INTO_CGROUP | libc::CLONE_VM as u64 | libc::CLONE_VFORK as u64,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: group.as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    let errand = std::ptr::from_ref(errand).cast_mut().cast::<c_void>();
    let answer: isize;
    // SAFETY: the child begins behind the system call, on the same stack. It never leaves this block: it calls `child`,
    // which does not return, and whose frames lie below ours. The kernel keeps this thread, the only one, waiting until the
    // child has its program or is gone, and gives it its own registers back; what the call may change is declared.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call {child}",
            "ud2",
            "2:",
            child = sym child,
            inlateout("rax") libc::SYS_clone3 => answer,
            in("rdi") &raw const args,
            in("rsi") size_of::<CloneArgs>(),
            in("r12") errand,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x20",
            "bl {child}",
            "brk 1",
            "2:",
            child = sym child,
            inlateout("x0") &raw const args => answer,
            in("x1") size_of::<CloneArgs>(),
            in("x8") libc::SYS_clone3,
            in("x20") errand,
            out("x30") _,
        );
    }
    match i32::try_from(answer).unwrap_or(-libc::ENOSYS) {
        pid if pid > 0 => Ok(Some(pid)),
        error if [-libc::EAGAIN, -libc::ENOMEM].contains(&error) => Err(io::Error::from_raw_os_error(-error)),
        _ => Ok(None),
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn born_into(_: BorrowedFd<'_>, _: &Errand<'_>) -> io::Result<Option<i32>> {
    Ok(None)
}

/// The child's way to its program.
extern "C" fn child(errand: *mut c_void) -> c_int {
    // SAFETY: this is the errand that the parent lends, see above. All pointers in it are to live, NUL-terminated strings
    // and arrays, and only system calls are made. They leave nothing in our memory but `errno`.
    unsafe {
        let errand = &*errand.cast::<Errand<'_>>();
        let (exec, arguments) = (errand.exec, errand.arguments.as_ptr());
        let fail = |stage: Stage| -> ! {
            errand.failed.set(Some((stage, *libc::__errno_location())));
            libc::_exit(127)
        };
        if let Some(procs) = errand.procs {
            // Without it the tree is still found through parents and children.
            libc::write(procs, c"0".as_ptr().cast(), 1);
        }
        libc::setsid();
        // Nobody would read its output any more.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != errand.parent {
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
        for &signal in errand.ignored {
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
            libc::execve(path.as_ptr(), arguments, errand.environment.as_ptr());
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
