//! Processes as `/proc` tells them.

use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::fs;
use std::io;

/// Bytes of a command line that are told, at most.
const LONGEST_NAME: usize = 120;

/// All processes below this one, zombies included: its children, theirs, and so on.
pub(crate) fn descendants(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    if fs::metadata(format!("/proc/{root}/task/{root}/children")).is_ok() {
        let mut open = vec![root];
        while let Some(pid) = open.pop() {
            open.extend(children(pid).into_iter().filter(|child| found.insert(*child)));
        }
        return found;
    }
    // A kernel without CONFIG_PROC_CHILDREN: look at everybody's parent, until nobody is added.
    let parents: Vec<(u32, u32)> =
        all().unwrap_or_default().into_iter().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    loop {
        let before = found.len();
        for (pid, parent) in &parents {
            if *parent == root || found.contains(parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found
}

/// All process ids.
pub(crate) fn all() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// What `/proc/PID/stat` says.
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) zombie: bool,
    pub(crate) parent: u32,
    pub(crate) group: u32,
}

pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // The name stands in parentheses and may hold some itself.
    let (head, tail) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = tail.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Stat { name: name.to_owned(), zombie, parent, group })
}

/// A living process for people: `sleep 1000 (pid 4711)`. `None`: it is gone, or a zombie.
pub(crate) fn describe(pid: u32) -> Option<String> {
    let stat = stat(pid).filter(|stat| !stat.zombie)?;
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let mut line = String::from_utf8_lossy(words).replace('\0', " ");
    if line.trim().is_empty() {
        line = stat.name;
    }
    if line.len() > LONGEST_NAME {
        line.truncate(line.floor_char_boundary(LONGEST_NAME));
        line.push('…');
    }
    Some(format!("{} (pid {pid})", line.escape_debug()))
}

/// Sends a signal to a process; one that is gone is fine.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may be gone or belong to somebody else; whoever asks looks again whether it is still there.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to a process group; one that is gone is fine.
pub(crate) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // As above.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Ends a set of processes that may fork meanwhile: stops all that `list` finds until it finds no new ones, then kills
/// them. One sweep may miss some; the caller repeats it until nothing is left.
pub(crate) fn kill_sweep(list: impl Fn() -> BTreeSet<u32>) {
    /// Rounds of one sweep.
    const ROUNDS: usize = 20;
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS {
        let found = list();
        let fresh: Vec<u32> = found.difference(&stopped).copied().collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            signal(pid, Signal::STOP);
            stopped.insert(pid);
        }
    }
    for pid in stopped {
        signal(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let pid = std::process::id();
        let stat = stat(pid).expect("we live");
        assert!(!stat.zombie);
        assert!(describe(pid).expect("we live").ends_with(&format!("(pid {pid})")));
        assert!(describe(u32::MAX).is_none());
        assert!(all().expect("/proc is there").contains(&pid));
        assert!(descendants(stat.parent).contains(&pid));
    }
}
