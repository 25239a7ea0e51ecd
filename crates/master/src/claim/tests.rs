//! A master dies when an end is written down and the last bytes of its log are not.

use super::*;
use bytes::Bytes;
use model::{
    Build, BuildSet, BuildSetId, BuildSetStatus, BuildStatus, Builder, BuilderId, CommandLine, Lease, Request,
    RequestId, RequestStatus, Results, ShellSpec, SourceStamp, SourceStampId, Step, StepAction, StepSpec, StepStatus,
    Stream, Time, Transition, Worker, WorkerId,
};
use std::path::Path;
use store::Location;

const SAID: &[u8] = b"hello world";
const AT: Time = Time(1_790_000_000_000_000);

fn command(step: i64, epoch: i64) -> CommandId {
    CommandId { build: 1, epoch, step }
}

/// A builder, a worker and a request.
fn filed() -> Vec<Transition> {
    let builder = Builder {
        id: BuilderId(1),
        name: "b".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        configured: true,
        next_number: 1,
        usual: Default::default(),
        defined_at: None,
    };
    let worker = Worker {
        id: WorkerId(1),
        name: "w".to_owned(),
        configured: true,
        connected: false,
        changed_at: None,
        paused: None,
        info: Default::default(),
    };
    let stamp = SourceStamp {
        id: SourceStampId(1),
        repository: String::new(),
        branch: None,
        revision: None,
        project: String::new(),
        codebase: String::new(),
        patch: None,
        created_at: AT,
        changes: Vec::new(),
    };
    let set = BuildSet {
        id: BuildSetId(1),
        reason: String::new(),
        scheduler: String::new(),
        external_id: None,
        submitted_at: AT,
        stamps: vec![stamp],
        requests: vec![RequestId(1)],
        properties: Default::default(),
        rebuilt: None,
        parent: None,
        status: BuildSetStatus::Open,
    };
    let request = Request {
        id: RequestId(1),
        set: BuildSetId(1),
        builder: BuilderId(1),
        priority: 0,
        submitted_at: AT,
        waited_for: false,
        retries: 0,
        cancel: None,
        status: RequestStatus::Waiting,
    };
    vec![
        Transition::BuilderKnown(builder),
        Transition::WorkerKnown(worker),
        Transition::SetFiled { set, requests: vec![request] },
    ]
}

/// A build whose first step has ended, with a sealed log, and whose second one runs.
fn life() -> Vec<Transition> {
    let build = Build {
        id: BuildId(1),
        number: 1,
        builder: BuilderId(1),
        request: RequestId(1),
        worker: WorkerId(1),
        lease: Lease { epoch: 1, until: None },
        started_at: AT,
        state: String::new(),
        properties: Default::default(),
        status: BuildStatus::Running,
    };
    let spec = || StepSpec::new("s", StepAction::Shell(ShellSpec::new(CommandLine::words(["true"]))));
    let mut life = filed();
    life.push(Transition::BuildLeased { build, also: Vec::new(), plan: vec![spec(), spec()] });
    life.push(started(1));
    life.push(Transition::StepFinished {
        step: StepId(1),
        at: AT,
        results: Results::Success,
        state: String::new(),
        facts: Default::default(),
    });
    let crc32 = crc();
    life.push(Transition::LogSealed { log: LogId(1), lines: 1, bytes: SAID.len() as u64, crc32 });
    life.push(started(2));
    life
}

fn started(id: i64) -> Transition {
    let step = Step {
        id: StepId(id),
        build: BuildId(1),
        number: id - 1,
        name: "s".to_owned(),
        started_at: AT,
        state: String::new(),
        facts: Default::default(),
        status: StepStatus::Running,
    };
    let (name, slug) = ("stdio".to_owned(), "stdio".to_owned());
    let log = LogFacts { id: LogId(id), step: StepId(id), number: 0, name, slug, status: LogStatus::Open };
    Transition::StepStarted { step, epoch: 1, logs: vec![log] }
}

/// CRC-32 of what was said, computed the long way.
fn crc() -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !SAID.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

async fn write(dir: &Path, from: usize, to: usize) -> Logs {
    let logs = Logs::open(dir.join("logs")).unwrap();
    logs.begin(BuildId(1), LogId(1)).await.unwrap();
    let data = Bytes::from_static(&SAID[from..to]);
    logs.append(BuildId(1), LogId(1), from as u64, Stream::Stdout, data).await.unwrap();
    logs.flush().await.unwrap();
    logs
}

#[tokio::test]
async fn the_rest_of_a_log_is_wanted_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(dir.path().join("db"))).await.unwrap();
    store.commit(life()).await.unwrap();
    drop(write(dir.path(), 0, 5).await);
    let logs = Logs::open(dir.path().join("logs")).unwrap();
    let part = Part { log: LogId(1), number: 0, durable: 5, sealed: false, told: SAID.len() as u64 };
    assert_eq!(of(&store, &logs, command(1, 1)).await.unwrap(), Claim::Rest(vec![part]));
    drop(logs);
    let logs = write(dir.path(), 5, SAID.len()).await;
    logs.seal(BuildId(1), LogId(1)).await.unwrap();
    logs.flush().await.unwrap();
    drop(logs);
    let logs = Logs::open(dir.path().join("logs")).unwrap();
    assert_eq!(of(&store, &logs, command(1, 1)).await.unwrap(), Claim::Known);
}

#[tokio::test]
async fn what_is_nobodys_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(dir.path().join("db"))).await.unwrap();
    store.commit(life()).await.unwrap();
    let logs = Logs::open(dir.path().join("logs")).unwrap();
    for (step, epoch) in [(1, 2), (9, 1), (2, 1)] {
        assert_eq!(of(&store, &logs, command(step, epoch)).await.unwrap(), Claim::Nobodys, "{step} {epoch}");
    }
}

#[tokio::test]
async fn a_log_that_is_cut_short_is_told_of_with_the_worker_that_has_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Location::Sqlite(dir.path().join("db"))).await.unwrap();
    store.commit(life()).await.unwrap();
    drop(write(dir.path(), 0, 5).await);
    let logs = Logs::open(dir.path().join("logs")).unwrap();
    let build = store.build(BuildId(1)).await.unwrap().unwrap();
    let told = async |logs: &Logs| -> Vec<String> {
        let short = crate::left_open::short(&store, logs, &build).await.unwrap();
        short.iter().map(|(log, short)| format!("log {log}: {short}")).collect()
    };
    let here = "log 1: it has 11 bytes, and 5 of them are here; the worker \"w\"";
    assert_eq!(told(&logs).await, [format!("{here} brings the rest when it comes back")]);
    let Some(Transition::WorkerKnown(worker)) = filed().into_iter().nth(1) else { panic!("no worker") };
    store.commit(vec![Transition::WorkerKnown(Worker { configured: false, ..worker })]).await.unwrap();
    let gone = ", which has the rest, is no longer in the configuration, and brings it only when it is put back";
    assert_eq!(told(&logs).await, [format!("{here}{gone}")]);
    drop(logs);
    let logs = write(dir.path(), 5, SAID.len()).await;
    assert!(told(&logs).await.is_empty());
}
