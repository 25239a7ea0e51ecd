//! Daemons: starting one detached, and ending one by its pid file.

use anyhow::{Context, bail};
use master::base::BaseDir;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to say that it is there.
const START: Duration = Duration::from_secs(60);

/// How long a daemon may take to end.
const END: Duration = Duration::from_secs(60);

/// How long a file may be held by somebody who has not said who it is.
const NAMELESS: Duration = Duration::from_secs(2);

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// A daemon's files.
pub(crate) struct Daemon {
    /// Where it says what it does.
    pub(crate) log: PathBuf,
    /// Who it is. The process holds a lock on it as long as it lives.
    pub(crate) pid: PathBuf,
}

impl Daemon {
    /// The master of this base directory.
    pub(crate) fn of_master(dir: &Path) -> Self {
        let base = BaseDir::at(dir);
        Self { log: base.log(), pid: base.pid() }
    }

    /// Starts this program again with `arguments`, detached, and waits until `ready` says so.
    pub(crate) fn start(&self, arguments: &[&std::ffi::OsStr], ready: impl Fn(u32) -> bool) -> anyhow::Result<u32> {
        if let Some(pid) = self.running()? {
            bail!("it runs already, as process {pid}");
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let mut log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let from = log.seek(SeekFrom::End(0))?;
        let exe = std::env::current_exe().context("cannot find this very program")?;
        let mut command = Command::new(exe);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // SAFETY: setsid is async-signal-safe, and nothing else happens between fork and exec.
        unsafe {
            command.pre_exec(|| rustix::process::setsid().map(drop).map_err(Into::into));
        }
        let mut child = command.spawn().context("cannot start this program again")?;
        self.wait_until_ready(&mut child, from, ready)
    }

    fn wait_until_ready(&self, child: &mut Child, from: u64, ready: impl Fn(u32) -> bool) -> anyhow::Result<u32> {
        let until = Instant::now() + START;
        loop {
            if ready(child.id()) {
                return Ok(child.id());
            }
            if let Some(status) = child.try_wait()? {
                let said = self.said_since(from);
                let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
                bail!("it did not start ({status}):\n{said}");
            }
            if Instant::now() > until {
                bail!("it is not ready after {} s; see {}", START.as_secs(), self.log.display());
            }
            std::thread::park_timeout(LOOK);
        }
    }

    fn said_since(&self, from: u64) -> String {
        let mut text = String::new();
        let read = File::open(&self.log).and_then(|mut f| {
            f.seek(SeekFrom::Start(from))?;
            f.take(64 * 1024).read_to_string(&mut text)
        });
        match read {
            Ok(_) => text.trim_end().to_owned(),
            Err(e) => format!("{} cannot be read: {e}", self.log.display()),
        }
    }

    /// The process that runs, if one does. The lock tells, not the number: a file that was left over names nobody.
    pub(crate) fn running(&self) -> anyhow::Result<Option<i32>> {
        let until = Instant::now() + NAMELESS;
        loop {
            match self.holder()? {
                None => return Ok(None),
                Some(name) if !name.is_empty() => {
                    let pid = name.parse().with_context(|| format!("{} names no process", self.pid.display()))?;
                    return Ok(Some(pid));
                }
                Some(_) if Instant::now() > until => bail!("{} is held, but names no process", self.pid.display()),
                // It has just taken the file, or is about to let it go.
                Some(_) => std::thread::park_timeout(LOOK),
            }
        }
    }

    /// What the file says while somebody holds it.
    fn holder(&self) -> anyhow::Result<Option<String>> {
        let mut file = match File::open(&self.pid) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", self.pid.display())),
        };
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok() {
            return Ok(None);
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Asks the process to end, and waits for that. False: none ran.
    pub(crate) fn stop(&self) -> anyhow::Result<bool> {
        let Some(pid) = self.running()? else { return Ok(false) };
        self.signal(pid, rustix::process::Signal::TERM)?;
        let until = Instant::now() + END;
        while self.running()?.is_some() {
            if Instant::now() > until {
                bail!(
                    "process {pid} was asked to end and has not after {} s; see {}",
                    END.as_secs(),
                    self.log.display()
                );
            }
            std::thread::park_timeout(LOOK);
        }
        Ok(true)
    }

    fn signal(&self, pid: i32, signal: rustix::process::Signal) -> anyhow::Result<()> {
        let Some(pid) = rustix::process::Pid::from_raw(pid) else { bail!("{} names no process", self.pid.display()) };
        rustix::process::kill_process(pid, signal).context("cannot signal the process")
    }
}

/// A directory as an argument.
pub(crate) fn argument(path: &Path) -> &std::ffi::OsStr {
    path.as_os_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    #[test]
    fn who_holds_a_file_without_a_name_is_just_coming_or_going() {
        let dir = testkit::temp_dir();
        let daemon = Daemon { log: dir.path().join("log"), pid: dir.path().join("pid") };
        assert_eq!(daemon.running().unwrap(), None);
        let file = File::create(&daemon.pid).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| daemon.running().unwrap());
            std::fs::write(&daemon.pid, "12\n").unwrap();
            assert_eq!(asked.join().unwrap(), Some(12));
        });
        std::fs::write(&daemon.pid, "").unwrap();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| daemon.running().unwrap());
            drop(file);
            assert_eq!(asked.join().unwrap(), None);
        });
    }
}
