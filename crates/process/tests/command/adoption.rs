//! Workers and supervisors come and go; commands and what they said do not get lost.

use crate::slot::{PATIENCE, Slot, exe, lives, until};
use process::control::{FromSupervisor, Holding, HoldingState, ToSupervisor};
use process::spool::{self, Stream};
use process::{ClientError, EndedBy, Exit, JobId, Program, Supervisor, stray};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub(crate) fn a_command_goes_on_while_no_worker_is_there() {
    let mut slot = Slot::new();
    let job = slot.script("echo begun; while ! test -e go; do sleep 0.01; done; echo done");
    slot.start(&job);
    let FromSupervisor::Started { pid, .. } = slot.hear() else { panic!("it starts") };
    // The next worker finds it; the one before it hears that it was replaced.
    let next = Supervisor::attach(&slot.dir).unwrap().expect("it lives");
    let holding = Holding { job: job.id.clone(), state: HoldingState::Running { pid } };
    assert_eq!(next.hello().holding, Some(holding));
    assert!(matches!(
        slot.supervisor.receive(PATIENCE),
        Ok(Some(FromSupervisor::Grown { .. })) | Err(ClientError::Gone)
    ));
    drop(next);
    std::fs::write(slot.work.join("go"), "").unwrap();
    until("it ends without a worker", || spool::outcome(&job.id.dir(&slot.dir)).unwrap().is_some());
    slot.supervisor = Supervisor::attach(&slot.dir).unwrap().expect("it lingers");
    assert_eq!(slot.supervisor.hello().holding, None);
    assert_eq!(spool::jobs(&slot.dir).unwrap(), std::slice::from_ref(&job.id));
    assert_eq!(spool::read_job(&job.id.dir(&slot.dir)).unwrap(), job);
    // It is asked for again, as by a worker that does not know: the answer is that it has ended.
    let ran = slot.run(&job);
    assert_eq!(ran.text(Stream::Stdout), "begun\ndone\n");
    assert_eq!(ran.outcome.exit, Exit::Exited(0));
}

pub(crate) fn a_job_is_not_run_twice() {
    let mut slot = Slot::new();
    let job = slot.script("echo run >> ran; while ! test -e go; do sleep 0.01; done");
    slot.start(&job);
    let FromSupervisor::Started { pid, .. } = slot.hear() else { panic!("it starts") };
    slot.start(&job);
    assert_eq!(slot.hear(), FromSupervisor::Started { job: job.id.clone(), pid });
    std::fs::write(slot.work.join("go"), "").unwrap();
    slot.finish(&job);
    slot.start(&job);
    assert_eq!(slot.hear(), FromSupervisor::Ended { job: job.id.clone() });
    assert_eq!(std::fs::read_to_string(slot.work.join("ran")).unwrap(), "run\n");
    // After its spool is gone it is a new one.
    spool::remove(&job.id.dir(&slot.dir)).unwrap();
    assert_eq!(slot.run(&job).outcome.exit, Exit::Exited(0));
    assert_eq!(std::fs::read_to_string(slot.work.join("ran")).unwrap(), "run\nrun\n");
}

pub(crate) fn a_second_job_is_refused_while_one_runs() {
    let mut slot = Slot::new();
    let first = slot.script("while ! test -e go; do sleep 0.01; done");
    let second = slot.script("true");
    slot.start(&first);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    slot.start(&second);
    let error = "the slot runs 1-1-0".to_owned();
    assert_eq!(slot.hear(), FromSupervisor::Refused { job: second.id.clone(), error });
    std::fs::write(slot.work.join("go"), "").unwrap();
    slot.finish(&first);
    assert_eq!(slot.run(&second).outcome.exit, Exit::Exited(0));
}

pub(crate) fn one_supervisor_serves_one_command_after_the_other() {
    let mut slot = Slot::new();
    let pid = slot.supervisor.hello().pid;
    for n in 0..50 {
        let job = slot.job(Program::words(["echo".to_owned(), n.to_string()]));
        assert_eq!(slot.run(&job).text(Stream::Stdout), format!("{n}\n"));
    }
    let again = Supervisor::start(&exe(), &slot.dir).unwrap();
    assert_eq!(again.hello().pid, pid, "a living one is taken");
    slot.supervisor = again;
}

pub(crate) fn an_idle_supervisor_ends_by_itself() {
    let mut slot = Slot::new();
    let pid = slot.supervisor.hello().pid;
    slot.supervisor.send(&ToSupervisor::Linger { time: Duration::from_millis(50) }).unwrap();
    assert_eq!(slot.sh("true").outcome.exit, Exit::Exited(0), "it stays while a worker is there");
    let group = std::fs::read_to_string(slot.dir.join("supervisor")).unwrap();
    let group = group.lines().find_map(|line| line.strip_prefix("cgroup ")).map(std::path::PathBuf::from);
    let fresh = Slot::new();
    slot.supervisor = Supervisor::attach(&fresh.dir).unwrap().expect("it lives");
    until("it ends", || !lives(pid));
    assert!(Supervisor::attach(&slot.dir).unwrap().is_none());
    assert!(!slot.dir.join("control").exists() && !slot.dir.join("supervisor").exists());
    assert!(group.is_none_or(|group| !group.exists()), "its control group is gone");
    slot.supervisor = Supervisor::start(&exe(), &slot.dir).unwrap();
    assert_eq!(slot.sh("exit 4").outcome.exit, Exit::Exited(4));
}

pub(crate) fn an_orphan_is_ended_at_its_limit() {
    let mut slot = Slot::new();
    let mut job = slot.script("sleep 1000");
    job.orphan_limit = Some(Duration::from_millis(300));
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    assert_eq!(slot.supervisor.receive(Duration::from_millis(500)).unwrap(), None, "a worker is there");
    let other = Slot::new();
    let away = Instant::now();
    slot.supervisor = Supervisor::attach(&other.dir).unwrap().expect("it lives");
    until("it ends", || spool::outcome(&job.id.dir(&slot.dir)).unwrap().is_some());
    assert!(away.elapsed() >= Duration::from_millis(300));
    let outcome = spool::outcome(&job.id.dir(&slot.dir)).unwrap().unwrap();
    assert_eq!(outcome.ended_by, EndedBy::Orphaned(Duration::from_millis(300)));
    slot.supervisor = Supervisor::attach(&slot.dir).unwrap().expect("it lingers");
}

pub(crate) fn a_dead_supervisor_leaves_nothing_that_cannot_be_found() {
    for cgroup in [process::Cgroup::IfPossible, process::Cgroup::Never] {
        let mut slot = Slot::new();
        let mut job = slot.script("setsid sleep 1004 & sleep 1005 & echo $!; wait");
        job.cgroup = cgroup;
        slot.start(&job);
        let FromSupervisor::Started { pid, .. } = slot.hear() else { panic!("it starts") };
        until("all three run", || stray::list_marked(&slot.dir, &job.id).len() == 3);
        assert_eq!(stray::clean_slot(&slot.dir).unwrap(), Vec::<String>::new(), "not while it lives");
        let supervisor = slot.supervisor.hello().pid;
        kill(supervisor);
        until("it is dead", || !lives(supervisor));
        assert!(Supervisor::attach(&slot.dir).unwrap().is_none());
        until("the main process goes with it", || !lives(pid));
        // A child that the supervisor was just starting has a copy of its lock for a moment.
        let lock = std::fs::OpenOptions::new().write(true).open(slot.dir.join("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
        let child = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(lock);
        });
        let ended = stray::clean_slot(&slot.dir).unwrap();
        child.join().unwrap();
        assert_eq!(ended.len(), 2, "{ended:?}");
        assert_eq!(stray::list_marked(&slot.dir, &job.id), Vec::<String>::new());
        // A new one says that the job is lost, and takes others.
        slot.supervisor = Supervisor::start(&exe(), &slot.dir).unwrap();
        slot.start(&job);
        assert!(matches!(slot.hear(), FromSupervisor::Refused { .. }));
        assert_eq!(slot.sh("true").outcome.exit, Exit::Exited(0));
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

pub(crate) fn a_slot_with_a_long_path_works() {
    let mut slot = Slot::below(&format!("{}/{}", "a".repeat(90), "b".repeat(90)));
    assert_eq!(slot.sh("echo hello").text(Stream::Stdout), "hello\n");
}

pub(crate) fn garbage_on_the_socket_closes_it_only() {
    let mut slot = Slot::new();
    let job = slot.script("while ! test -e go; do sleep 0.01; done; echo done");
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    for garbage in [&b"\xff\xff\xff\xffGET / HTTP/1.1"[..], b"\0\0\0\x04abcd", b"\0\0\0\0", b"\0\0\0\x01"] {
        let mut stream = UnixStream::connect(slot.dir.join("control")).unwrap();
        stream.write_all(garbage).unwrap();
    }
    assert!(JobId::new("../../etc").is_err());
    slot.supervisor = Supervisor::attach(&slot.dir).unwrap().expect("it lives");
    std::fs::write(slot.work.join("go"), "").unwrap();
    assert_eq!(slot.finish(&job).text(Stream::Stdout), "done\n");
}

pub(crate) fn the_supervisor_is_small() {
    let mut slot = Slot::new();
    assert_eq!(slot.sh("head -c 20000000 /dev/zero").outcome.exit, Exit::Exited(0));
    let status = std::fs::read_to_string(format!("/proc/{}/status", slot.supervisor.hello().pid)).unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    // What it holds of its own; the program's pages are shared with the worker.
    assert!(line("RssAnon:") < 3000, "{status}");
    assert_eq!(line("Threads:"), 1);
}
