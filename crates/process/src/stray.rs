//! Processes that are left when their supervisor is dead: found by its control group, or by the variable `SLUICE_JOB`.

use crate::supervisor::{Lock, State};
use crate::{JobId, cgroup, proc, spool};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long stray processes are hunted.
const HUNT: Duration = Duration::from_secs(10);
/// How long whoever was asked to end may take.
const GRACE: Duration = Duration::from_secs(2);
/// How long a supervisor may take to die.
const DYING: Duration = Duration::from_secs(1);
/// Bytes of an environment that are looked at.
const LONGEST_ENVIRON: u64 = 4 << 20;

/// Ends, with KILL, every process of this user that carries the mark of this job of this slot (`SLUICE_JOB` is the path of
/// its spool), until none is left or ten seconds are over. Answers with the names of those it ended, as
/// `sleep 1000 (pid 4711)`.
///
/// # Errors
/// `/proc` cannot be read.
pub fn kill_marked(slot_dir: &Path, job: &JobId) -> io::Result<Vec<String>> {
    kill_carriers(&mark(slot_dir, job))
}

/// Ends every process of this user that carries a variable with this value: asks it to, so that it can put its things in
/// order, and kills what is there still after a while. Answers with the names of those it ended.
///
/// # Errors
/// `/proc` cannot be read.
pub fn end_carriers(variable: &str, value: &Path) -> io::Result<Vec<String>> {
    let mark = [variable.as_bytes(), b"=", value.as_os_str().as_bytes()].concat();
    proc::all()?;
    let asked = marked(&mark);
    let mut named: Vec<String> = asked.iter().filter_map(|pid| proc::describe(*pid)).collect();
    asked.iter().for_each(|pid| proc::signal(*pid, Signal::TERM));
    within(GRACE, || marked(&mark).is_empty());
    named.extend(kill_carriers(&mark)?);
    Ok(named)
}

fn kill_carriers(mark: &[u8]) -> io::Result<Vec<String>> {
    let mut named = BTreeMap::new();
    proc::all()?;
    until(|| {
        let found = marked(mark);
        for pid in &found {
            if let Some(name) = proc::describe(*pid) {
                named.entry(*pid).or_insert(name);
            }
        }
        if !found.is_empty() {
            proc::kill_sweep(|| marked(mark));
        }
        found.is_empty()
    });
    Ok(named.into_values().collect())
}

/// The living processes that carry the mark of this job of this slot, as `sleep 1000 (pid 4711)`.
pub fn list_marked(slot_dir: &Path, job: &JobId) -> Vec<String> {
    marked(&mark(slot_dir, job)).into_iter().filter_map(proc::describe).collect()
}

/// Cleans up behind a supervisor that died: ends its control group, if it had one, and all marked processes of jobs in the
/// slot that have no outcome. Call it when [`attach`](crate::Supervisor::attach) found none. Does nothing while one
/// lives. Answers with the names of those it ended.
///
/// # Errors
/// The slot or `/proc` cannot be read.
pub fn clean_slot(slot_dir: &Path) -> io::Result<Vec<String>> {
    if !slot_dir.is_dir() {
        return Ok(Vec::new());
    }
    // A supervisor that is killed closes its socket before its lock, and a child that it was just starting has a copy of
    // the lock until it becomes the command: what seems to live may be dead in a moment.
    let end = Instant::now() + DYING;
    let _lock = loop {
        match Lock::take(slot_dir)? {
            Some(lock) => break lock,
            None if Instant::now() >= end => return Ok(Vec::new()),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let mut ended = Vec::new();
    if let Some(group) = State::read(slot_dir).and_then(|state| state.cgroup) {
        let names = cgroup::kill_and_remove(&group);
        ended.extend(names);
        State::remove(slot_dir);
    }
    for job in spool::jobs(slot_dir)? {
        if !matches!(spool::outcome(&job.dir(slot_dir)), Ok(Some(_))) {
            ended.extend(kill_marked(slot_dir, &job)?);
        }
    }
    Ok(ended)
}

/// What a slot's directory tells of its supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLook {
    /// A supervisor serves the slot now.
    pub alive: bool,
    /// The one that wrote the note which lies there; a supervisor that goes by itself takes it away.
    pub noted: Option<u32>,
    /// The control group that it made, if it is still there.
    pub group: Option<PathBuf>,
}

/// Looks at a slot without touching it.
///
/// # Errors
/// The slot cannot be read.
pub fn look(slot_dir: &Path) -> io::Result<SlotLook> {
    let alive = match fs::File::open(slot_dir.join("lock")) {
        Ok(lock) => rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockShared).is_err(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(e),
    };
    let state = State::read(slot_dir);
    let group = state.as_ref().and_then(|state| state.cgroup.clone()).filter(|group| group.is_dir());
    Ok(SlotLook { alive, noted: state.map(|state| state.pid), group })
}

/// Removes the empty control groups that dead supervisors left below the group that this process is in, whatever slot they
/// served. Answers how many these were.
pub fn sweep_groups() -> usize {
    cgroup::sweep()
}

/// The variable that marks the processes of a job.
pub(crate) const VARIABLE: &str = "SLUICE_JOB";

/// The variable that marks the processes of a job, with its value. The path makes it differ from that of another worker
/// with builds of the same number, as when Sluice builds Sluice.
fn mark(slot_dir: &Path, job: &JobId) -> Vec<u8> {
    let slot_dir = fs::canonicalize(slot_dir).unwrap_or_else(|_| slot_dir.to_owned());
    [VARIABLE.as_bytes(), b"=", value(&slot_dir, job).as_os_str().as_bytes()].concat()
}

/// The value of [`VARIABLE`]; the slot's path has no links in it and is absolute.
pub(crate) fn value(slot_dir: &Path, job: &JobId) -> PathBuf {
    job.dir(slot_dir)
}

fn marked(mark: &[u8]) -> BTreeSet<u32> {
    let own = std::process::id();
    let carries = |pid: &u32| {
        let mut bytes = Vec::new();
        let read = fs::File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| file.take(LONGEST_ENVIRON).read_to_end(&mut bytes));
        read.is_ok() && bytes.split(|b| *b == 0).any(|variable| variable == mark)
    };
    let all = proc::all().unwrap_or_default();
    all.into_iter().filter(|pid| *pid != own && carries(pid) && proc::stat(*pid).is_some_and(|s| !s.zombie)).collect()
}

/// Asks until the answer is yes, with growing pauses, ten seconds at most.
pub(crate) fn until(done: impl FnMut() -> bool) {
    within(HUNT, done);
}

fn within(limit: Duration, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    while !done() && Instant::now() < end {
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn who_carries_a_variable_is_ended_and_nobody_else() {
        let top = tempfile::tempdir().unwrap();
        let sleeper = |value: &Path, script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).env("SLUICE_TEST_MARK", value).stdin(Stdio::null()).spawn().unwrap()
        };
        let other = top.path().join("other");
        let mut willing = sleeper(top.path(), "exec sleep 1000");
        let mut stubborn = sleeper(top.path(), "trap '' TERM; while :; do sleep 0.01; done");
        let mut spared = sleeper(&other, "exec sleep 1000");
        let carries = |value: &Path| {
            let mark = [b"SLUICE_TEST_MARK=", value.as_os_str().as_bytes()].concat();
            move || !marked(&mark).is_empty()
        };
        until(|| carries(top.path())() && carries(&other)());
        assert!(carries(top.path())() && carries(&other)(), "they run");
        let ended = end_carriers("SLUICE_TEST_MARK", top.path()).unwrap();
        assert!(ended.iter().any(|name| name.starts_with("sleep 1000 (pid ")), "{ended:?}");
        assert!(!carries(top.path())() && carries(&other)());
        assert!(!willing.wait().unwrap().success() && !stubborn.wait().unwrap().success());
        spared.kill().unwrap();
        spared.wait().unwrap();
    }
}
