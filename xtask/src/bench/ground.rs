//! Where a run happens, and its end: a directory, and every process that was started in it.
//!
//! Each process carries a mark in its environment, which its children inherit. A sweeper, a process of its own, waits for
//! the end of this one, however it comes about, ends everything with the mark and removes the directory.

use super::wait;
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The variable that carries the mark.
const MARK: &str = "SLUICE_BENCH_RUN";

/// The hidden verb of the sweeper.
pub(crate) const SWEEP: &str = "__sweep";

/// The ground of a run.
pub(crate) struct Ground {
    dir: PathBuf,
    mark: String,
    sweeper: Child,
}

impl Ground {
    /// A fresh directory below `parent`.
    pub(crate) fn new(parent: &Path) -> anyhow::Result<Self> {
        let mark = format!("run-{}", std::process::id());
        let dir = parent.join(&mark);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut sweeper = Command::new(std::env::current_exe()?);
        sweeper.arg(SWEEP).arg(&mark).arg(&dir).stdin(Stdio::piped()).stdout(Stdio::null());
        // A group of its own: Ctrl-C in the terminal must not reach it.
        let sweeper = sweeper.process_group(0).spawn().context("cannot start the sweeper")?;
        Ok(Self { dir, mark, sweeper })
    }

    /// A place for one instance of a system: its directory and its own mark.
    pub(crate) fn plot(&self, name: &str) -> anyhow::Result<Plot> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Plot { dir, mark: format!("{}/{name}/", self.mark) })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// The sweeper: waits for the end of its standard input.
pub(crate) fn sweeper(mark: &str, dir: &Path) -> anyhow::Result<()> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    sweep(&format!("{mark}/"))?;
    if dir.file_name().is_some_and(|name| name == mark) && dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}

/// Ends every process that carries the mark.
fn sweep(mark: &str) -> anyhow::Result<()> {
    let mut last = Vec::new();
    for _ in 0..200 {
        last = marked(mark);
        if last.is_empty() {
            return Ok(());
        }
        signal("KILL", &last)?;
        std::thread::park_timeout(Duration::from_millis(20));
    }
    bail!("processes {last:?} do not end");
}

/// Processes that carry the mark; zombies do not.
fn marked(mark: &str) -> Vec<u32> {
    let entry = format!("{MARK}={mark}");
    let me = std::process::id();
    processes().filter(|pid| *pid != me && has_variable(*pid, entry.as_bytes())).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn has_variable(pid: u32, entry: &[u8]) -> bool {
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|b| *b == 0).any(|variable| variable.starts_with(entry))
}

fn signal(name: &str, pids: &[u32]) -> anyhow::Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", "kill -s \"$@\"", "sh", name]).args(pids.iter().map(u32::to_string));
    command.stderr(Stdio::null()).status().context("cannot start sh")?;
    Ok(())
}

/// One instance's place. Dropped, its processes end.
pub(crate) struct Plot {
    dir: PathBuf,
    mark: String,
}

impl Plot {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that belongs to this instance, with nothing to read.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env(MARK, &self.mark).stdin(Stdio::null());
        command
    }

    /// Starts a daemon; what it says goes to a file.
    pub(crate) fn start(&self, name: &str, command: &mut Command) -> anyhow::Result<Daemon> {
        let log = self.dir.join(format!("{name}.out"));
        let out = File::options().create(true).append(true).open(&log)?;
        command.env(MARK, &self.mark).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        Ok(Daemon { name: name.to_owned(), log, child })
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        let mut daemon = self.start(name, command)?;
        let status =
            wait::until(Duration::from_secs(120), name, Duration::from_millis(5), || Ok(daemon.child.try_wait()?))?;
        if !status.success() {
            bail!("{name} ended with {status}:\n{}", daemon.said());
        }
        Ok(())
    }

    /// Memory of the processes of this instance whose command line has `word` in it.
    pub(crate) fn memory_of(&self, word: &str) -> Vec<f64> {
        let with_word = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|b| *b == 0).any(|argument| argument == word.as_bytes())
        };
        marked(&self.mark).into_iter().filter(with_word).filter_map(|pid| memory(pid).ok()).collect()
    }
}

impl Drop for Plot {
    fn drop(&mut self) {
        if let Err(e) = sweep(&self.mark) {
            eprintln!("{e:#}");
        }
    }
}

/// A process that runs until it is told to end.
pub(crate) struct Daemon {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error when it has ended.
    pub(crate) fn alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the {} has ended ({status}):\n{}", self.name, self.said()),
        }
    }

    /// The end of what it said.
    fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4000)..]).into_owned();
        text.trim_end().to_owned()
    }

    /// Asks it to end and waits for that.
    pub(crate) fn stop(mut self) -> anyhow::Result<ExitStatus> {
        signal("TERM", &[self.child.id()])?;
        let what = format!("the end of the {}", self.name);
        let child = &mut self.child;
        wait::until(Duration::from_secs(60), &what, Duration::from_millis(5), || Ok(child.try_wait()?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process, in MB (10^6 bytes).
pub(crate) fn memory(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("the process is gone")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}
