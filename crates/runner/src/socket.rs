//! The local socket of a runner, `BASE/socket`: a line of JSON, and a line of JSON back.

use crate::base::Base;
use crate::said::Said;
use crate::slot::News;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Its name in the base directory.
const NAME: &str = "socket";
/// Bytes of a line.
const LONGEST: u64 = 8 << 20;
/// How long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);
/// Calls at once.
const MOST: usize = 256;

/// What a runner is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A test says something of itself.
    Said {
        /// The run, as `target/name`.
        run: String,
        /// The test.
        test: String,
        /// The item's path.
        path: String,
        /// Its attempt.
        attempt: u32,
        /// What.
        said: Said,
    },
    /// Somebody ends items, whether they run or not.
    Kill {
        /// The run, as `target/name`.
        run: String,
        /// Test patterns.
        patterns: String,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Somebody says what items are that have ended.
    SetStatus {
        /// The run, as `target/name`.
        run: String,
        /// Test patterns.
        patterns: String,
        /// The status.
        status: String,
        /// Who.
        by: String,
        /// Why.
        comment: String,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done, for so many items.
    Done(usize),
    /// It is not; why.
    No(String),
}

/// A socket that is listened on; it is gone with this.
#[derive(Debug)]
pub struct Ear {
    path: PathBuf,
}

impl Drop for Ear {
    fn drop(&mut self) {
        // One that is left is replaced by the next runner.
        let _ = fs::remove_file(&self.path);
    }
}

/// An address for a socket in a directory, however long its path is: 107 bytes are all that the system takes.
fn address(dir: &fs::File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()))
}

impl Ear {
    /// Listens; what is asked comes as [`News::Call`]. Whoever calls holds the area.
    ///
    /// # Errors
    /// There can be no socket.
    pub fn open(base: &Base, door: mpsc::Sender<News>) -> io::Result<Self> {
        let path = base.dir().join(NAME);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let dir = fs::File::open(base.dir())?;
        let listener = UnixListener::bind(address(&dir))?;
        let open = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if open.load(Ordering::Relaxed) >= MOST {
                    // Whoever calls tries again.
                    continue;
                }
                let (door, open) = (door.clone(), open.clone());
                open.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || {
                    // One that hangs up has no answer to be given.
                    let _ = serve(stream, &door);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Ear { path })
    }
}

fn serve(stream: UnixStream, door: &mpsc::Sender<News>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&stream).take(LONGEST)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Call>(&line) {
        Ok(call) => {
            let (reply, answer) = mpsc::sync_channel(1);
            let gone = || Answer::No("the runner is about to end".to_owned());
            match door.send(News::Call { call, reply }) {
                Ok(()) => answer.recv_timeout(PATIENCE).unwrap_or_else(|_| gone()),
                Err(_) => gone(),
            }
        }
        Err(e) => Answer::No(format!("that is no call: {e}")),
    };
    write_line(&stream, &answer)
}

fn write_line<T: Serialize>(mut stream: &UnixStream, value: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)
}

/// Asks the runner of the area with this base directory. `None`: there is none.
///
/// # Errors
/// It does not answer.
pub fn ask(base: &Path, call: &Call) -> io::Result<Option<Answer>> {
    let Ok(dir) = fs::File::open(base) else { return Ok(None) };
    let stream = match UnixStream::connect(address(&dir)) {
        Ok(stream) => stream,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(e) => return Err(e),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write_line(&stream, call)?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    match line.is_empty() {
        // The runner ended in between.
        true => Ok(None),
        false => Ok(Some(serde_json::from_str(&line)?)),
    }
}
