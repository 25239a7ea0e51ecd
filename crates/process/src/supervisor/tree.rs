//! The processes of a command: which there are, and how they are told to end.

use crate::cgroup::Group;
use crate::{Outcome, proc};
use rustix::process::Signal;
use std::collections::BTreeSet;

/// All processes of the command: those in its group, and all below this process, which has no other children.
pub(super) fn processes(group: Option<&Group>) -> BTreeSet<u32> {
    let mut found = proc::descendants(std::process::id());
    found.extend(group.map(Group::pids).into_iter().flatten());
    found
}

/// The living ones by name, as many as an outcome holds.
pub(super) fn names(group: Option<&Group>) -> Vec<String> {
    processes(group).into_iter().filter_map(proc::describe).take(Outcome::MOST_NAMED).collect()
}

/// Asks all to end. The main process' group gets the signal as one; those that left it, each. Stopped ones go on, so
/// that they can follow.
pub(super) fn terminate(main: u32, group: Option<&Group>) {
    let groups: Vec<(u32, u32)> =
        processes(group).into_iter().filter_map(|pid| Some((pid, proc::stat(pid)?.group))).collect();
    for signal in [Signal::TERM, Signal::CONT] {
        if groups.iter().any(|(_, of)| *of == main) {
            proc::signal_group(main, signal);
        }
        for (pid, _) in groups.iter().filter(|(_, of)| *of != main) {
            proc::signal(*pid, signal);
        }
    }
}

/// Ends all, as far as one go can.
pub(super) fn kill(group: Option<&Group>) {
    if let Some(group) = group {
        group.kill();
    }
    proc::kill_sweep(|| processes(group));
}
