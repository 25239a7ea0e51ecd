//! The worker's side of a supervisor: start one, or find one that outlived an earlier worker.

use crate::control::{self, ControlError, Decoder, FromSupervisor, Hello, ToSupervisor};
use crate::supervisor::connect;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a supervisor may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// How often it is tried to start one while another one is about to end.
const TRIES: u32 = 50;
/// The pause between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// A connection to a slot's supervisor. Dropping it leaves the supervisor and its command alone.
#[derive(Debug)]
pub struct Supervisor {
    stream: UnixStream,
    decoder: Decoder<FromSupervisor>,
    hello: Hello,
}

impl Supervisor {
    /// Starts `EXE __supervise SLOTDIR`, detached from this process, and connects to it. SLOTDIR is made if absent. What
    /// it says on standard error goes to `SLOTDIR/supervisor.log`. If the slot has a living supervisor, that one is taken.
    /// Blocks for some milliseconds.
    ///
    /// # Errors
    /// The program cannot be run, or does not listen, or speaks another version.
    pub fn start(exe: &Path, slot_dir: &Path) -> Result<Self, ClientError> {
        if let Some(living) = Self::attach(slot_dir)? {
            return Ok(living);
        }
        let dir = |source| ClientError::Dir { dir: slot_dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(slot_dir).map_err(dir)?;
        let log = slot_dir.join("supervisor.log");
        for _ in 0..TRIES {
            let said =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&log).map_err(dir)?;
            let also = said.try_clone().map_err(dir)?;
            let status = Command::new(exe)
                .arg("__supervise")
                .arg(slot_dir)
                .stdin(Stdio::null())
                .stdout(said)
                .stderr(also)
                .status()
                .map_err(|source| ClientError::Start { exe: exe.to_owned(), source })?;
            if !status.success() {
                break;
            }
            if let Some(living) = Self::attach(slot_dir)? {
                return Ok(living);
            }
            // One that was about to end still had the slot's lock.
            std::thread::sleep(TRY_AGAIN);
        }
        Err(ClientError::Died { log })
    }

    /// Connects to the slot's living supervisor; `None` if there is none. Then
    /// [`stray::clean_slot`](crate::stray::clean_slot) ends what a dead one may have left.
    ///
    /// # Errors
    /// Something listens that does not speak as a supervisor of this version should.
    pub fn attach(slot_dir: &Path) -> Result<Option<Self>, ClientError> {
        let stream = connect(slot_dir).map_err(|source| ClientError::Dir { dir: slot_dir.to_owned(), source })?;
        let Some(mut stream) = stream else { return Ok(None) };
        let mut decoder = Decoder::default();
        match receive(&mut stream, &mut decoder, HELLO_LIMIT) {
            Ok(Some(FromSupervisor::Hello(hello))) if hello.version == control::VERSION => {
                stream.set_read_timeout(None).map_err(ClientError::Lost)?;
                Ok(Some(Supervisor { stream, decoder, hello }))
            }
            Ok(Some(FromSupervisor::Hello(hello))) => Err(ClientError::Version(hello.version)),
            Ok(_) => Err(ClientError::Silent),
            // It was about to end, or was killed just now.
            Err(ClientError::Gone | ClientError::Lost(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What it said of itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Sends a message; blocks if the socket is full.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send(&mut self, message: &ToSupervisor) -> Result<(), ClientError> {
        self.stream.write_all(&control::encode(message)?).map_err(ClientError::Lost)
    }

    /// The next message, waiting so long for it at most. `None`: none came.
    ///
    /// # Errors
    /// The connection is lost, or [`ClientError::Gone`]: the supervisor closed it.
    pub fn receive(&mut self, wait: Duration) -> Result<Option<FromSupervisor>, ClientError> {
        receive(&mut self.stream, &mut self.decoder, wait)
    }

    /// The parts, to be driven by somebody else's loop: the socket (blocking), the decoder with what was read already,
    /// and the greeting.
    pub fn into_parts(self) -> (UnixStream, Decoder<FromSupervisor>, Hello) {
        (self.stream, self.decoder, self.hello)
    }
}

impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn receive(
    stream: &mut UnixStream,
    decoder: &mut Decoder<FromSupervisor>,
    wait: Duration,
) -> Result<Option<FromSupervisor>, ClientError> {
    let until = Instant::now() + wait;
    let mut buffer = [0; 4096];
    loop {
        if let Some(message) = decoder.next()? {
            return Ok(Some(message));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left)).map_err(ClientError::Lost)?;
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ClientError::Gone),
            Ok(n) => decoder.feed(&buffer[..n]),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(ClientError::Lost(e)),
        }
    }
}

/// Why a supervisor cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The slot's directory cannot be made or used.
    #[error("the slot's directory {} cannot be used", .dir.display())]
    Dir {
        /// Which.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("the supervisor {} cannot be started", .exe.display())]
    Start {
        /// Which program.
        exe: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("the supervisor ended before it listened, see {}", .log.display())]
    Died {
        /// Where it says why.
        log: PathBuf,
    },
    /// It speaks another version.
    #[error("the supervisor speaks version {0} of the control protocol, this program version {ours}", ours = control::VERSION)]
    Version(u32),
    /// It did not say hello in time.
    #[error("the supervisor does not say hello")]
    Silent,
    /// It closed the connection, or died.
    #[error("the supervisor is gone")]
    Gone,
    /// The connection is lost.
    #[error("the connection to the supervisor is lost")]
    Lost(#[source] io::Error),
    /// It says what is no message.
    #[error("the supervisor is not understood")]
    Message(#[from] ControlError),
}
