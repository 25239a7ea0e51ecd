//! A control group (version 2) for the command of a slot, made and used through plain files. No controllers are needed:
//! what counts is that a process cannot leave it by calling `setsid`, that `cgroup.kill` ends all at once, and that
//! `cgroup.events` tells when it is empty. See `Documentation/admin-guide/cgroup-v2.rst` of the kernel.

use crate::birth::Into;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A group that this process made.
#[derive(Debug)]
pub(crate) struct Group {
    dir: PathBuf,
    handle: OwnedFd,
    procs: File,
    events: File,
    kill: Option<File>,
    /// It was killed once. Some kernels end whatever is cloned into such a group later, so it serves no other job.
    spent: Cell<bool>,
}

impl Group {
    /// Makes the group `sluice-PID-slot` below the group that this process is in. `None` where that cannot be done: no
    /// cgroup v2, or no right to.
    pub(crate) fn make(pid: u32) -> Option<Self> {
        let mountinfo = fs::read("/proc/self/mountinfo").ok()?;
        let own = fs::read("/proc/self/cgroup").ok()?;
        let dir = own_dir(&mountinfo, &own)?.join(format!("sluice-{pid}-slot"));
        if fs::create_dir(&dir).is_err() {
            // Left by a process that had our id long ago.
            remove(&dir);
            fs::create_dir(&dir).ok()?;
        }
        let open = Self::open(dir.clone());
        if open.is_none() {
            remove(&dir);
        }
        open
    }

    fn open(dir: PathBuf) -> Option<Self> {
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let handle = rustix::fs::open(&dir, flags, rustix::fs::Mode::empty()).ok()?;
        let procs = OpenOptions::new().read(true).write(true).open(dir.join("cgroup.procs")).ok()?;
        let events = File::open(dir.join("cgroup.events")).ok()?;
        // Since Linux 5.14.
        let kill = OpenOptions::new().write(true).open(dir.join("cgroup.kill")).ok();
        Some(Group { dir, handle, procs, events, kill, spent: Cell::new(false) })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What a fork needs to begin in the group.
    pub(crate) fn entrance(&self) -> Into<'_> {
        Into { dir: self.handle.as_fd(), procs: self.procs.as_fd() }
    }

    /// A process that is no zombie is in it or below it.
    pub(crate) fn populated(&self) -> bool {
        let mut bytes = [0; 256];
        match self.events.read_at(&mut bytes, 0) {
            Ok(n) => String::from_utf8_lossy(&bytes[..n]).lines().any(|line| line == "populated 1"),
            Err(_) => false,
        }
    }

    /// The processes in it. Those in groups below it are found through their parents.
    pub(crate) fn pids(&self) -> BTreeSet<u32> {
        let text = fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Sends KILL to all in it and below it.
    pub(crate) fn kill(&self) {
        if let Some(kill) = &self.kill {
            // If it does not work the sweep over the process tree does.
            let _ = kill.write_at(b"1", 0);
            self.spent.set(true);
        }
    }

    /// It must be made anew for the next job.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Removes it, and those that the command may have made below it. They must be empty.
    pub(crate) fn remove(self) {
        remove(&self.dir);
    }
}

/// Ends everything in a group that another process made, and removes it. Answers with what it held.
pub(crate) fn kill_and_remove(dir: &Path) -> Vec<String> {
    let named = |name: &str| name.starts_with("sluice-") && name.ends_with("-slot");
    if !dir.file_name().and_then(|name| name.to_str()).is_some_and(named) {
        return Vec::new();
    }
    let Some(group) = Group::open(dir.to_owned()) else { return Vec::new() };
    let held = group.pids().into_iter().filter_map(crate::proc::describe).collect();
    crate::stray::until(|| {
        if !group.populated() {
            return true;
        }
        group.kill();
        crate::proc::kill_sweep(|| group.pids());
        false
    });
    group.remove();
    held
}

/// Removes the empty groups, below the one that this process is in, whose supervisors are dead. Answers how many.
pub(crate) fn sweep() -> usize {
    let own = fs::read("/proc/self/mountinfo").ok().zip(fs::read("/proc/self/cgroup").ok());
    let Some(dir) = own.and_then(|(mountinfo, own)| own_dir(&mountinfo, &own)) else { return 0 };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let left = entries.filter(|e| supervisor(&e.file_name()).is_some_and(|pid| crate::proc::stat(pid).is_none()));
    left.map(|entry| entry.path()).filter(|dir| remove(dir)).count()
}

/// The supervisor that a group was made by, told by the name that [`Group::make`] gives.
fn supervisor(name: &std::ffi::OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("sluice-")?.strip_suffix("-slot")?.parse().ok()
}

/// Whether it is gone. A group that still holds something stays; it costs little.
fn remove(dir: &Path) -> bool {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    fs::remove_dir(dir).is_ok()
}

/// Where the group that this process is in lies in the file system.
fn own_dir(mountinfo: &[u8], own: &[u8]) -> Option<PathBuf> {
    let path = own.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    let (root, point) = mountinfo.split(|b| *b == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        (*fields.get(dash + 1)? == b"cgroup2").then(|| Some((unescape(fields.get(3)?), unescape(fields.get(4)?))))?
    })?;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    Some(point.join(path.strip_prefix(&root).ok()?))
}

/// Undoes the octal escapes of `mountinfo`, as `\040` for a space.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|d| *first == b'\\' && d.iter().all(|b| (b'0'..=b'7').contains(b)));
        if let Some(digits) = digits {
            bytes.push(digits.iter().fold(0_u8, |n, b| n.wrapping_mul(8).wrapping_add(b - b'0')));
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_names_the_supervisor_that_made_it() {
        for (name, pid) in [
            ("sluice-4711-slot", Some(4711)),
            ("sluice-x-slot", None),
            ("sluice--slot", None),
            ("system.slice", None),
            ("sluice-1-slot.d", None),
        ] {
            assert_eq!(supervisor(name.as_ref()), pid, "{name}");
        }
    }

    #[test]
    fn what_a_dead_supervisor_left_is_swept_and_what_a_living_one_has_stays() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let (Some(left), Some(kept)) = (Group::make(dead), Group::make(std::process::id())) else { return };
        sweep();
        assert!(!left.dir().exists() && kept.dir().exists());
        kept.remove();
    }

    #[test]
    fn the_own_group_is_found_in_the_mount_table() {
        let hybrid = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw shared:9 - cgroup2 cgroup2 rw\n";
        let pure = b"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let within = b"30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
        for (mountinfo, own, expected) in [
            (&hybrid[..], &b"9:name=systemd:/\n0::/\n"[..], Some("/sys/fs/cgroup/uni fied")),
            (pure, b"0::/system.slice/sluice.service\n", Some("/sys/fs/cgroup/system.slice/sluice.service")),
            (within, b"0::/docker/abc/x\n", Some("/sys/fs/cgroup/x")),
            (within, b"0::/elsewhere\n", None),
            (pure, b"4:memory:/\n", None),
            (b"31 23 0:28 / /sys rw - sysfs sysfs rw\n", b"0::/\n", None),
            (b"", b"", None),
        ] {
            assert_eq!(own_dir(mountinfo, own), expected.map(PathBuf::from), "{}", String::from_utf8_lossy(own));
        }
    }
}
