//! Commands on a worker in this process: their output, their ends, and what goes wrong with them.

use crate::stub::{Running, Stub, command, eventually, processes, setup, shell};
use model::{CommandLine, GitMode, ShellSpec, Stream, Value};
use std::collections::BTreeMap;
use std::process::Command;
use wire::{EndedBy, Exit, GitWork, ShellWork, Work};
use worker::{Master, Wish};

struct Bench {
    dir: tempfile::TempDir,
    stub: Stub,
    worker: Running,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let stub = Stub::new();
        let worker = Running::new(setup(dir.path(), Master::InProcess(stub.door())));
        Self { dir, stub, worker }
    }

    async fn end(self) {
        self.worker.stop(Wish::EndCommands).await;
    }
}

#[tokio::test]
async fn a_command_runs_and_its_output_and_end_come_back() {
    let b = Bench::new();
    let c = command(1);
    b.stub.start(c, "echo hello; echo oops >&2; pwd; exit 3");
    let ending = b.stub.ended(c).await;
    assert_eq!((ending.exit, ending.ended_by), (Exit::Exited { code: 3 }, EndedBy::Itself));
    let pwd = b.dir.path().canonicalize().unwrap().join("linux/build");
    assert_eq!(b.stub.text(c), format!("hello\n{}\n", pwd.display()));
    assert_eq!(b.stub.output(c, Stream::Stderr), b"oops\n");
    assert_eq!(b.stub.state().started, [c]);
    let spools = || std::fs::read_dir(b.dir.path().join(".slots/0/jobs")).map_or(0, Iterator::count);
    eventually("the spool is gone", || spools() == 0).await;
    b.end().await;
}

#[tokio::test]
async fn much_output_arrives_exactly() {
    let b = Bench::new();
    let c = command(1);
    b.stub.start(c, "seq 1 1500000; printf 'a\\0b\\377'");
    b.stub.ended(c).await;
    let mut expected: Vec<u8> = (1..=1_500_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    expected.extend_from_slice(b"a\0b\xff");
    let output = b.stub.output(c, Stream::Stdout);
    assert_eq!(output.len(), expected.len());
    assert!(output == expected);
    b.end().await;
}

#[tokio::test]
async fn many_commands_share_the_slots() {
    let b = Bench::new();
    for step in 0..40 {
        b.stub.start(command(step), &format!("echo {step}"));
    }
    for step in 0..40 {
        assert_eq!(b.stub.ended(command(step)).await.exit, Exit::Exited { code: 0 });
        assert_eq!(b.stub.text(command(step)), format!("{step}\n"));
    }
    b.end().await;
}

#[tokio::test]
async fn an_interrupt_ends_a_command_and_its_reason_comes_back() {
    let b = Bench::new();
    let c = command(1);
    b.stub.start(c, "echo ready; sleep 1000");
    b.stub.wrote(c, 1).await;
    b.stub.act(|s| s.ledger.interrupt(c, "stopped by ada"));
    let ending = b.stub.ended(c).await;
    assert_eq!(ending.ended_by, EndedBy::Interrupted { reason: "stopped by ada".into() });
    assert_eq!(ending.exit, Exit::Signalled { signal: 15 });
    b.end().await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let b = Bench::new();
    let words = |program: &str| {
        let spec = ShellSpec::new(CommandLine::Words(vec![program.into()]));
        Work::Shell(ShellWork::of(&spec, &BTreeMap::new()))
    };
    let mut outside = ShellSpec::new(CommandLine::Script("true".into()));
    outside.workdir = "../../other".into();
    let outside = Work::Shell(ShellWork::of(&outside, &BTreeMap::new()));
    let works =
        [(words("/nonexistent/program"), "/nonexistent/program"), (words("/etc"), "/etc"), (outside, "leads out of")];
    for (step, (work, text)) in (1..).zip(works) {
        b.stub.start_work(command(step), work);
        let Exit::NotStarted { why } = b.stub.ended(command(step)).await.exit else { panic!("it started") };
        assert!(why.contains(text), "{why}");
    }
    b.end().await;
}

#[tokio::test]
async fn a_supervisor_that_is_killed_takes_its_command_along() {
    let b = Bench::new();
    let c = command(77);
    b.stub.start(c, "echo ready; sleep 1000");
    b.stub.wrote(c, 1).await;
    let parents: Vec<_> = processes(b.dir.path(), c).into_iter().filter_map(parent).collect();
    let holder =
        supervisors_of(b.dir.path()).into_iter().find(|pid| parents.contains(pid)).expect("one runs the command");
    Command::new("kill").args(["-9", &holder.to_string()]).status().unwrap();
    assert_eq!(b.stub.ended(c).await.exit, Exit::SupervisorDied);
    assert_eq!(b.stub.text(c), "ready\n");
    assert!(processes(b.dir.path(), c).is_empty());
    let next = command(78);
    b.stub.start(next, "echo again");
    b.stub.ended(next).await;
    assert_eq!(b.stub.text(next), "again\n");
    b.end().await;
}

/// The supervisors below a worker's directory.
fn supervisors_of(dir: &std::path::Path) -> Vec<u32> {
    let dir = dir.canonicalize().expect("it is there");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("__supervise") && line.contains(&*dir.to_string_lossy()) {
            found.push(pid);
        }
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

#[tokio::test]
async fn a_worker_that_stops_leaves_no_process() {
    let b = Bench::new();
    let c = command(99);
    b.stub.start(c, "setsid sleep 1000 & echo ready; sleep 1000");
    b.stub.wrote(c, 1).await;
    assert!(!processes(b.dir.path(), c).is_empty());
    b.worker.stop(Wish::EndCommands).await;
    assert_eq!(b.stub.ended(c).await.ended_by, EndedBy::WorkerStopped);
    assert_eq!(b.stub.state().byes, 1);
    assert!(processes(b.dir.path(), c).is_empty());
    eventually("the supervisors are gone", || supervisors_of(b.dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_checkout_tells_the_revision_it_got() {
    let b = Bench::new();
    let repository = tempfile::tempdir().unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]);
        let output = git.args(words).current_dir(repository.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    std::fs::write(repository.path().join("file"), "content\n").unwrap();
    git(&["add", "file"]);
    git(&["commit", "-q", "-m", "first"]);
    let head = git(&["rev-parse", "HEAD"]).trim().to_owned();
    let work = GitWork {
        repository: repository.path().display().to_string(),
        branch: Some("main".into()),
        revision: None,
        patch: None,
        mode: GitMode::Copy,
        workdir: "build".into(),
        env: BTreeMap::new(),
        submodules: false,
        shallow: None,
        retry: None,
        timeout: None,
    };
    b.stub.start_work(command(1), Work::Git(work));
    let ending = b.stub.ended(command(1)).await;
    assert_eq!(ending.exit, Exit::Exited { code: 0 }, "{:?}", b.stub.state().logs);
    assert_eq!(ending.properties.get("got_revision"), Some(&Value::Text(head)));
    b.stub.start_work(command(2), shell("cat file"));
    b.stub.ended(command(2)).await;
    assert_eq!(b.stub.text(command(2)), "content\n");
    b.end().await;
}
