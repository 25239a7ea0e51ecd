//! What lies in a slot's directory beside the spools: the lock that the living supervisor holds, a note on what it made,
//! and its socket.

use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Bytes of a path that a Unix socket's address surely takes.
const SHORT_PATH: usize = 90;

/// The right to serve a slot; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it; `None` if another process has it.
    pub(crate) fn take(slot_dir: &Path) -> io::Result<Option<Self>> {
        let path = slot_dir.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// The note `SLOTDIR/supervisor`: lines of a name and a value, the first one `version 1`. For whoever cleans up behind a
/// supervisor that was killed, and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) pid: u32,
    pub(crate) cgroup: Option<PathBuf>,
}

impl State {
    pub(crate) fn read(slot_dir: &Path) -> Option<Self> {
        let bytes = fs::read(slot_dir.join("supervisor")).ok()?;
        let field = |name: &[u8]| {
            bytes
                .split(|b| *b == b'\n')
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(b" ").map(<[u8]>::to_vec))
        };
        if field(b"version")? != b"1" {
            return None;
        }
        let pid = String::from_utf8(field(b"pid")?).ok()?.parse().ok()?;
        let cgroup = field(b"cgroup").map(|path| PathBuf::from(std::ffi::OsString::from_vec(path)));
        Some(State { pid, cgroup })
    }

    pub(crate) fn write(&self, slot_dir: &Path) -> io::Result<()> {
        let mut bytes = format!("version 1\npid {}\n", self.pid).into_bytes();
        if let Some(group) = &self.cgroup {
            bytes.extend_from_slice(b"cgroup ");
            bytes.extend_from_slice(group.as_os_str().as_bytes());
            bytes.push(b'\n');
        }
        let new = slot_dir.join("supervisor.new");
        fs::write(&new, bytes)?;
        fs::rename(new, slot_dir.join("supervisor"))
    }

    pub(crate) fn remove(slot_dir: &Path) {
        // Without it there is only less to clean up.
        let _ = fs::remove_file(slot_dir.join("supervisor"));
    }
}

/// Listens on the slot's socket. The caller holds the lock, so what is there already is dead.
pub(crate) fn listen(slot_dir: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(slot_dir.join("control")) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = with_address(slot_dir, |path| UnixListener::bind(path))?;
    fs::set_permissions(slot_dir.join("control"), std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to the slot's socket; `None` if nobody listens.
pub(crate) fn connect(slot_dir: &Path) -> io::Result<Option<UnixStream>> {
    match with_address(slot_dir, |path| UnixStream::connect(path)) {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Gives the socket's path, or a short way to it: an address has room for 108 bytes only.
fn with_address<T>(slot_dir: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = slot_dir.join("control");
    if path.as_os_str().len() <= SHORT_PATH {
        return act(&path);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(slot_dir, flags, Mode::empty())?;
    act(Path::new(&format!("/proc/self/fd/{}/control", dir.as_raw_fd())))
}
