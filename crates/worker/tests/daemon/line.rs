//! What happens to a worker whose line, master or own daemon fails it.

use crate::stub::{Running, Stub, command, eventually, processes, setup};
use model::worker::Secret;
use std::path::Path;
use wire::{CommandId, EndedBy, Exit, Expectation, MasterLedger};
use worker::{Master, Setup, Wish, WorkerError};

fn url(port: u16) -> Master {
    Master::Url(format!("http://127.0.0.1:{port}/"))
}

async fn over_a_socket(dir: &Path) -> (Stub, Setup) {
    let stub = Stub::new();
    let address = stub.listen(0).await;
    (stub, setup(dir, url(address.port())))
}

/// Writes lines from 1 until the file `go` is there, then ten more.
fn counting(go: &Path) -> String {
    let go = go.display();
    format!(
        "n=0; while [ ! -e {go} ]; do n=$((n+1)); echo $n; sleep 0.01; done; for i in 1 2 3 4 5 6 7 8 9 10; do n=$((n+1)); echo $n; done"
    )
}

fn assert_counts(text: &str) {
    for (expected, line) in (1..).zip(text.lines()) {
        assert_eq!(line, expected.to_string());
    }
    assert!(text.lines().count() >= 10 && text.ends_with('\n'));
}

#[tokio::test]
async fn a_cut_line_loses_nothing_and_the_command_lives() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    let (c, go) = (command(1), dir.path().join("go"));
    stub.start(c, &counting(&go));
    for welcomes in 1..=3 {
        stub.until("a connection", |s| s.welcomes == welcomes && s.live).await;
        let before = stub.state().logs.get(&c).map_or(0, Vec::len);
        stub.until("more output", |s| s.logs.get(&c).map_or(0, Vec::len) > before + 2).await;
        stub.cut();
    }
    stub.until("a connection", |s| s.welcomes == 4).await;
    std::fs::write(&go, "").unwrap();
    assert_eq!(stub.ended(c).await.exit, Exit::Exited { code: 0 });
    assert_counts(&stub.text(c));
    assert_eq!(stub.state().resumed, [c, c, c]);
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn what_ends_while_the_line_is_down_is_told_later() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    stub.act(|s| s.password = "p".into());
    let worker = Running::new(setup);
    let (c, done) = (command(1), dir.path().join("done"));
    stub.start(c, &format!("echo first; read x < {0}.fifo; echo second; touch {0}", done.display()));
    let fifo = dir.path().join("done.fifo");
    std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    stub.wrote(c, 1).await;
    stub.act(|s| {
        s.password = "closed".into();
        s.cut();
    });
    stub.until("a refusal", |s| s.refusals > 0).await;
    tokio::task::spawn_blocking(move || std::fs::write(fifo, "x\n")).await.unwrap().unwrap();
    eventually("the command is done", || done.exists()).await;
    stub.act(|s| s.password = "p".into());
    stub.ended(c).await;
    assert_eq!(stub.text(c), "first\nsecond\n");
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn the_next_daemon_takes_the_commands_over() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup.clone());
    let (c, ended, go) = (command(1), command(2), dir.path().join("go"));
    stub.start(c, &counting(&go));
    stub.wrote(c, 20).await;
    // As good as a kill: the daemon is gone between two of its moves.
    worker.task.abort();
    assert!(worker.task.await.is_err_and(|e| e.is_cancelled()));
    assert!(!processes(dir.path(), c).is_empty());
    stub.until("the line is down", |s| !s.live).await;
    let worker = Running::new(setup.clone());
    stub.until("the command goes on", |s| s.resumed == [c]).await;
    stub.start(ended, "echo short");
    stub.ended(ended).await;
    worker.stop(Wish::LeaveRunning).await;
    std::fs::write(&go, "").unwrap();
    eventually("the command ends alone", || processes(dir.path(), c).is_empty()).await;
    let worker = Running::new(setup);
    assert_eq!(stub.ended(c).await.exit, Exit::Exited { code: 0 });
    assert_counts(&stub.text(c));
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_master_that_forgot_everything_goes_on_from_its_store() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    let (c, go) = (command(1), dir.path().join("go"));
    stub.start(c, &counting(&go));
    stub.wrote(c, 20).await;
    stub.act(|s| {
        let durable = s.logs[&c].iter().map(|(_, data)| data.len() as u64).sum();
        s.ledger = MasterLedger::new();
        let logs = vec![(0, durable)];
        s.ledger.expect(Expectation { command: c, logs, assignment: None, interrupt: None }).unwrap();
        s.cut();
    });
    stub.until("the command goes on", |s| s.resumed == [c]).await;
    std::fs::write(&go, "").unwrap();
    stub.ended(c).await;
    assert_counts(&stub.text(c));
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_command_of_an_old_epoch_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    let old = CommandId { build: 5, epoch: 1, step: 1 };
    let new = CommandId { epoch: 2, ..old };
    stub.start(old, "echo ready; sleep 1000");
    stub.wrote(old, 1).await;
    stub.act(|s| {
        s.ledger = MasterLedger::new();
        s.cut();
    });
    stub.start(new, "echo new");
    stub.until("the old command is gone", |s| s.gone == [old]).await;
    stub.ended(new).await;
    assert_eq!(stub.text(new), "new\n");
    assert!(processes(dir.path(), old).is_empty());
    assert!(!stub.state().endings.contains_key(&old));
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(Setup { password: Secret::new("q"), ..setup });
    stub.until("two refusals", |s| s.refusals >= 2).await;
    stub.act(|s| s.password = "q".into());
    stub.until("a welcome", |s| s.welcomes == 1).await;
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_master_that_comes_later_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::new();
    let address = stub.listen(0).await;
    let elsewhere = Stub::new();
    // Nobody listens on the port when the worker begins.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_ne!(free, address.port());
    let worker = Running::new(setup(dir.path(), url(free)));
    tokio::time::timeout(std::time::Duration::from_millis(300), std::future::pending::<()>()).await.unwrap_err();
    elsewhere.listen(free).await;
    elsewhere.until("a welcome", |s| s.welcomes == 1).await;
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn garbage_from_the_master_ends_the_line_and_not_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    let (c, go) = (command(1), dir.path().join("go"));
    stub.start(c, &counting(&go));
    let garbage: [&[u8]; 3] = [b"\xff\xff", b"", &[0x91; 100_000]];
    for (welcomes, frame) in (1..).zip(garbage) {
        stub.until("a connection", |s| s.welcomes == welcomes && s.logs.contains_key(&c)).await;
        stub.send_raw(frame);
    }
    stub.until("a connection", |s| s.welcomes == 4).await;
    std::fs::write(&go, "").unwrap();
    stub.ended(c).await;
    assert_counts(&stub.text(c));
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_ends_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    stub.until("a connection", |s| s.welcomes == 1).await;
    stub.send_raw(&vec![0; wire::FRAME_LIMIT + 1]);
    stub.until("another connection", |s| s.welcomes == 2).await;
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn a_worker_that_was_replaced_does_not_push_back() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    stub.until("a connection", |s| s.welcomes == 1).await;
    stub.replace();
    stub.until("the line is down", |s| !s.live).await;
    let back = tokio::time::timeout(std::time::Duration::from_millis(500), async {
        stub.until("a connection", |s| s.welcomes == 2).await;
    });
    assert!(back.await.is_err());
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn commands_without_a_master_end_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(Setup { orphan_limit: Some(model::Span::millis(300)), ..setup });
    let c = command(1);
    stub.start(c, "echo ready; sleep 1000");
    stub.wrote(c, 1).await;
    stub.act(|s| {
        s.password = "closed".into();
        s.cut();
    });
    eventually("the command is ended", || processes(dir.path(), c).is_empty()).await;
    stub.act(|s| s.password = "p".into());
    assert_eq!(stub.ended(c).await.ended_by, EndedBy::Orphaned);
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn the_info_files_are_told_at_each_connection() {
    let dir = tempfile::tempdir().unwrap();
    let (stub, setup) = over_a_socket(dir.path()).await;
    let worker = Running::new(setup);
    stub.until("a connection", |s| s.welcomes == 1).await;
    std::fs::create_dir(dir.path().join("info")).unwrap();
    std::fs::write(dir.path().join("info/admin"), "Ada\n").unwrap();
    stub.cut();
    stub.until("another connection", |s| s.welcomes == 2).await;
    let admins: Vec<_> = stub.state().infos.iter().map(|i| i.admin.clone()).collect();
    assert_eq!(admins, ["", "Ada"]);
    worker.stop(Wish::EndCommands).await;
}

#[tokio::test]
async fn what_cannot_work_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (_wish, wished) = tokio::sync::watch::channel(Wish::GoOn);
    let bad = setup(dir.path(), Master::Url("localhost".into()));
    assert!(matches!(worker::run(bad, wished.clone()).await, Err(WorkerError::Address { .. })));
    std::fs::write(dir.path().join("file"), "").unwrap();
    let bad = setup(&dir.path().join("file"), url(1));
    assert!(matches!(worker::run(bad, wished).await, Err(WorkerError::File { .. })));
}
