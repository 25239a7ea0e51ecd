//! The whole process tree ends, whatever it tries.

use crate::slot::{Ran, Slot, lives, until};
use process::control::ToSupervisor;
use process::spool::Stream;
use process::{Cgroup, EndedBy, Exit, Job, stray};
use std::time::Duration;

/// Runs a script once with a control group and once without.
fn both(slot: &mut Slot, text: &str, change: impl Fn(&mut Job)) -> [Ran; 2] {
    [Cgroup::IfPossible, Cgroup::Never].map(|cgroup| {
        let mut job = slot.script(text);
        job.cgroup = cgroup;
        change(&mut job);
        slot.run(&job)
    })
}

fn pids(ran: &Ran) -> Vec<u32> {
    let pids: Vec<u32> = ran.text(Stream::Stdout).lines().filter_map(|line| line.parse().ok()).collect();
    assert!(!pids.is_empty());
    pids
}

fn assert_left_behind(ran: &Ran, name: &str) {
    assert_eq!(ran.outcome.exit, Exit::Exited(0));
    assert_eq!(ran.outcome.ended_by, EndedBy::Itself);
    assert!(ran.outcome.left_behind.iter().any(|left| left.starts_with(name)), "{:?}", ran.outcome.left_behind);
    assert!(ran.text(Stream::Header).contains("left behind "), "{}", ran.text(Stream::Header));
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
    for pid in pids(ran) {
        assert!(!lives(pid), "{pid} is gone");
    }
}

pub(crate) fn a_session_of_its_own_is_no_way_out() {
    let mut slot = Slot::new();
    for ran in both(&mut slot, "setsid sleep 1000 & echo $!; exit 0", |_| {}) {
        assert_left_behind(&ran, "sleep 1000 (pid ");
        assert_eq!(ran.outcome.left_behind.len(), 1);
        let header = ran.text(Stream::Header);
        assert!(header.contains("left behind 1 process, ended: sleep 1000 (pid "), "{header}");
        assert!(ran.outcome.elapsed >= 200_000, "it had its grace");
    }
}

pub(crate) fn a_daemon_is_found_and_ended() {
    let mut slot = Slot::new();
    let text = "(setsid sh -c 'trap \"\" TERM HUP; (sleep 1001 & echo $!; wait) </dev/null 2>&1 &' &) ; sleep 0.2";
    for ran in both(&mut slot, text, |job| job.sigterm_time = Duration::from_millis(100)) {
        assert_left_behind(&ran, "sleep 1001 (pid ");
    }
}

pub(crate) fn a_grandchild_with_the_pipe_does_not_hold_the_step() {
    let mut slot = Slot::new();
    for ran in both(&mut slot, "sleep 1002 & echo $!; echo last words >&2", |_| {}) {
        assert_left_behind(&ran, "sleep 1002 (pid ");
        assert_eq!(ran.text(Stream::Stderr), "last words\n");
    }
}

pub(crate) fn a_grandchild_that_ends_in_its_grace_is_left_alone() {
    let mut slot = Slot::new();
    let mut job = slot.script("(sleep 0.2; echo late) & exit 3");
    job.leftover_grace = Duration::from_secs(20);
    let ran = slot.run(&job);
    assert_eq!(ran.outcome.exit, Exit::Exited(3));
    assert_eq!(ran.outcome.left_behind, Vec::<String>::new());
    assert_eq!(ran.text(Stream::Stdout), "late\n");
    assert!(ran.took < Duration::from_secs(10), "it ends when the tree is empty: {:?}", ran.took);
}

pub(crate) fn a_command_that_closes_its_output_is_waited_for() {
    let mut slot = Slot::new();
    for ran in both(&mut slot, "echo closing; exec >&- 2>&-; sleep 0.3; exit 5", |_| {}) {
        assert_eq!(ran.outcome.exit, Exit::Exited(5));
        assert_eq!(ran.text(Stream::Stdout), "closing\n");
        assert!(ran.outcome.elapsed >= 300_000);
    }
}

pub(crate) fn a_fork_storm_is_ended() {
    let mut slot = Slot::new();
    // About two hundred at any time, each with a session of its own and all deaf to TERM, and new ones all the time.
    let text = "trap '' TERM; i=0; while [ $i -lt 200 ]; do \
        setsid sh -c 'while :; do sleep 0.5; done' & i=$((i+1)); done; echo $$; wait";
    let change = |job: &mut Job| {
        job.max_time = Some(Duration::from_secs(2));
        job.sigterm_time = Duration::from_millis(50);
    };
    for ran in both(&mut slot, text, change) {
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 9, core: false });
        assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
        assert_eq!(ran.outcome.survivors, Vec::<String>::new());
    }
}

/// How long to wait for what is deaf to SIGTERM, and for what is not and may be on a busy machine.
const DEAF: Duration = Duration::from_millis(100);
const HEARS: Duration = Duration::from_secs(20);

/// Starts a script, waits until it has written the file `up` in its directory, and interrupts it.
fn interrupted(slot: &mut Slot, text: &str, cgroup: Cgroup, sigterm_time: Duration) -> Ran {
    let mut job = slot.script(text);
    job.cgroup = cgroup;
    job.sigterm_time = sigterm_time;
    job.dir = slot.work.join(job.id.as_str());
    slot.start(&job);
    until("it is up", || job.dir.join("up").exists());
    let reason = "enough of it".to_owned();
    slot.supervisor.send(&ToSupervisor::Interrupt { job: job.id.clone(), reason: reason.clone() }).unwrap();
    let ran = slot.finish(&job);
    assert_eq!(ran.outcome.ended_by, EndedBy::Interrupted { reason });
    assert_eq!(ran.outcome.survivors, Vec::<String>::new());
    assert_eq!(stray::list_marked(&slot.dir, &job.id), Vec::<String>::new(), "its tree is empty");
    assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
    ran
}

pub(crate) fn a_fork_storm_is_stopped_by_an_interrupt() {
    let mut slot = Slot::new();
    // Two hundred, each in a session of its own and deaf to TERM, that replace themselves all the time.
    let text = "trap '' TERM HUP; i=0; while [ $i -lt 200 ]; do \
        setsid sh -c 'while :; do sleep 0.2; done' & i=$((i+1)); done; : > up; wait";
    for cgroup in [Cgroup::IfPossible, Cgroup::Never] {
        let ran = interrupted(&mut slot, text, cgroup, DEAF);
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 9, core: false });
    }
}

pub(crate) fn a_command_that_closes_its_output_is_stopped_by_an_interrupt() {
    let mut slot = Slot::new();
    let text = "exec <&- >&- 2>&-; : > up; while :; do sleep 0.05; done";
    for cgroup in [Cgroup::IfPossible, Cgroup::Never] {
        let ran = interrupted(&mut slot, text, cgroup, HEARS);
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 15, core: false });
        // The same, deaf, and with somebody who left the session.
        let deaf = format!("trap '' TERM; setsid sh -c 'trap \"\" TERM; {text}' & {text}");
        let ran = interrupted(&mut slot, &deaf, cgroup, DEAF);
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 9, core: false });
    }
}

pub(crate) fn a_stopped_process_is_ended() {
    let mut slot = Slot::new();
    let text = "sleep 1003 & kill -STOP $!; echo $!; kill -STOP $$";
    for ran in both(&mut slot, text, |job| job.max_time = Some(Duration::from_millis(300))) {
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 15, core: false }, "TERM reaches it");
        assert!(pids(&ran).iter().all(|pid| !lives(*pid)));
    }
}

pub(crate) fn without_a_control_group_the_tree_is_ended_too() {
    let mut slot = Slot::new();
    let [with, without] = both(&mut slot, "grep ^0:: /proc/self/cgroup; echo $$", |_| {});
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find(|line| line.starts_with("0::")).unwrap_or_default().to_owned();
    let first = |ran: &Ran| ran.text(Stream::Stdout).lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(&without), own);
    if slot.dir.join("supervisor").exists()
        && std::fs::read_to_string(slot.dir.join("supervisor")).unwrap().contains("cgroup ")
    {
        let pid = slot.supervisor.hello().pid;
        assert!(first(&with).ends_with(&format!("/sluice-{pid}-slot")), "{}", first(&with));
    } else {
        assert_eq!(first(&with), own, "this system has no control group for us");
    }
}
