//! Frames of protocol 1 as they were first written: they must be read for ever, and written the same way.

use model::worker::Secret;
use model::{
    BranchPlace, CommandLine, FileSpec, FollowedLog, GitMode, HttpMethod, HttpSpec, Results, SequencePart, Span,
    StepFlags, Stream, TransferSpec, Value, Vcs, WorkerInfo,
};
use std::collections::BTreeMap;
use std::fmt::Debug;
use wire::{
    Again, CommandId, EndedBy, Ending, Exit, Held, HeldState, Hello, LogLength, ResumeLog, Stuck, ToMaster, ToWorker,
    Usage, Welcome, decode_to_master, decode_to_worker, encode_to_master, encode_to_worker,
};

const SAMPLES: &str = include_str!("protocol-1.txt");
const C: CommandId = CommandId { build: 7, epoch: 2, step: 31 };

fn to_master() -> Vec<ToMaster> {
    let ending = |exit, ended_by| Ending {
        exit,
        ended_by,
        elapsed: Span::millis(1500),
        left_behind: 2,
        properties: BTreeMap::from([
            ("got_revision".to_owned(), Value::from("abc")),
            ("n".to_owned(), Value::List(vec![Value::Int(-1), Value::Bool(true), Value::Null])),
        ]),
        usage: Usage { user: Span(3), system: Span(4), max_rss_kib: 5 },
        results: None,
        state: None,
        files: Vec::new(),
    };
    let with_files = Ending {
        results: Some(Results::Warnings),
        state: Some("2 of 3 commands failed".into()),
        files: vec![wire::Collected { path: "build/sluice.star".into(), data: b"builder()".to_vec() }],
        ..ending(Exit::Exited { code: 0 }, EndedBy::Itself)
    };
    let ended = |exit, by| ToMaster::Ended {
        command: C,
        ending: Box::new(ending(exit, by)),
        logs: vec![LogLength { log: 0, bytes: 5 }],
    };
    vec![
        ToMaster::Hello(Box::new(Hello {
            protocol: 1,
            oldest: None,
            name: "mac-mini".into(),
            password: Secret::new("p"),
            instance: 99,
            info: WorkerInfo {
                admin: "Ada".into(),
                host: "a mac".into(),
                version: "0.1.0".into(),
                system: "linux x86_64".into(),
                cpus: 8,
            },
            held: vec![
                Held { command: C, state: HeldState::Running },
                Held { command: CommandId { step: 32, ..C }, state: HeldState::Ended },
            ],
        })),
        ToMaster::Started { command: C },
        ToMaster::Chunk { command: C, log: 0, stream: Stream::Stdout, offset: 0, data: b"hello\n".to_vec() },
        ToMaster::Chunk { command: C, log: 1, stream: Stream::Stderr, offset: 1 << 40, data: vec![0, 0xff] },
        ToMaster::Chunk { command: C, log: 0, stream: Stream::Header, offset: 6, data: b"x".to_vec() },
        ended(Exit::Exited { code: 1 }, EndedBy::Itself),
        ended(Exit::Signalled { signal: 9 }, EndedBy::Interrupted { reason: "by ada".into() }),
        ended(Exit::NotStarted { why: "no such file".into() }, EndedBy::NoOutput { after: Span::seconds(1200) }),
        ended(Exit::SupervisorDied, EndedBy::TooLong { after: Span::seconds(3600) }),
        ended(Exit::SupervisorDied, EndedBy::WorkerStopped),
        ended(Exit::SupervisorDied, EndedBy::Orphaned),
        ended(Exit::SupervisorDied, EndedBy::WorkerTrouble { what: "disk full".into() }),
        ToMaster::Ended { command: C, ending: Box::new(with_files), logs: vec![] },
        ToMaster::Lost { command: C, reason: "damaged".into() },
        ToMaster::Gone { command: C },
        ToMaster::Pong { token: 4, stuck: vec![] },
        ToMaster::Pong { token: 0, stuck: vec![Stuck { command: C, why: "the disk is full".into() }] },
        ToMaster::Leaving,
        ToMaster::Bye,
    ]
}

fn to_worker() -> Vec<ToWorker> {
    vec![
        ToWorker::Welcome(Welcome::usual(12)),
        ToWorker::Welcome(Welcome { orphan_limit: Some(Span::seconds(600)), ..Welcome::usual(12) }),
        ToWorker::Refused { reason: "wrong password".into(), again: Again::Slowly },
        ToWorker::Refused { reason: "busy".into(), again: Again::Soon },
        ToWorker::Start { command: C, total: 3, offset: 0, data: vec![1, 2, 3] },
        ToWorker::Resume { command: C, logs: vec![ResumeLog { log: 0, from: 5, received: 4, durable: 3 }] },
        ToWorker::Drop { command: C, reason: "stale".into() },
        ToWorker::Ack { command: C, log: 0, received: 5, durable: 4 },
        ToWorker::Interrupt { command: C, reason: "by ada".into() },
        ToWorker::Forget { command: C },
        ToWorker::Ping { token: 4 },
        ToWorker::Replaced { by: "another daemon".into() },
        ToWorker::Goodbye,
    ]
}

fn assignments() -> Vec<wire::Assignment> {
    let env: BTreeMap<_, _> = [("CC".to_owned(), "gcc".to_owned())].into();
    let shell = |command| wire::ShellWork {
        command,
        workdir: "build".into(),
        env: env.clone(),
        timeout: Some(Span::seconds(1200)),
        max_time: None,
        sigterm_time: Span::seconds(5),
        pty: true,
        log_environ: false,
        want_stdout: true,
        want_stderr: true,
        initial_stdin: None,
        log_files: Vec::new(),
    };
    let git = wire::GitWork {
        repository: "https://example.org/zlib".into(),
        branch: Some("develop".into()),
        revision: Some("abc".into()),
        patch: Some(wire::PatchWork { level: 1, subdir: "src".into(), body: vec![0xff, b'-'] }),
        mode: GitMode::Copy,
        workdir: "build".into(),
        env: env.clone(),
        submodules: true,
        shallow: Some(1),
        retry: Some((Span::seconds(10), 3)),
        timeout: None,
    };
    let works = [
        wire::Work::Shell(shell(CommandLine::Words(vec!["make".into(), "-j2".into()]))),
        wire::Work::Shell(shell(CommandLine::Script("make && make test".into()))),
        wire::Work::Git(git),
    ];
    works
        .into_iter()
        .chain(later_works(&shell))
        .map(|work| wire::Assignment::new("linux", work))
        .chain([full(), tree()])
        .collect()
}

/// What was added to protocol 1 after its first samples.
fn later_works(shell: &dyn Fn(CommandLine<String>) -> wire::ShellWork) -> Vec<wire::Work> {
    let script = |text: &str| CommandLine::Script(text.to_owned());
    let watched = wire::ShellWork {
        want_stdout: false,
        want_stderr: false,
        initial_stdin: Some("y\n".into()),
        log_files: vec![FollowedLog { name: "config".into(), path: "config.log".into(), follow: true }],
        ..shell(script("./configure"))
    };
    let sequence = wire::SequenceWork {
        parts: vec![SequencePart { command: script("make"), flags: StepFlags::HALTING }],
        shell: shell(script("")),
        decode_rc: [(2, Results::Warnings)].into(),
    };
    let transfer = TransferSpec::Upload {
        from: vec!["dist/*.tar.gz".into()],
        to: "zlib/".into(),
        workdir: "build".into(),
        max_size: Some(1 << 40),
        mode: Some(0o644),
        url: None,
    };
    let http = HttpSpec {
        method: HttpMethod::Post,
        url: "https://example.org/".into(),
        headers: [("X-A".to_owned(), "b".to_owned())].into(),
        body: Some("{}".into()),
        timeout: Span::seconds(30),
    };
    vec![
        wire::Work::Shell(watched),
        wire::Work::Sequence(sequence),
        wire::Work::File(FileSpec::Remove { paths: vec!["build".into()] }),
        wire::Work::Transfer(wire::TransferWork { transfer, token: Secret::new("7.2.31.ab") }),
        wire::Work::Http(http),
    ]
}

fn full() -> wire::Assignment {
    let work = wire::Work::File(FileSpec::Exists { path: "build/configure".into() });
    let mask = vec![Secret::new("sesame")];
    wire::Assignment { mask, collect: vec!["build/sluice.star".into()], ..wire::Assignment::new("linux", work) }
}

fn tree() -> wire::Assignment {
    let work = wire::VcsWork {
        vcs: Vcs::Cvs,
        repository: ":pserver:anonymous@cvs.example.org:/cvsroot".into(),
        branch_place: BranchPlace::Address,
        branch: Some("stable".into()),
        revision: Some("2026-11-21 09:49:59 +0000".into()),
        module: Some("project".into()),
        options: vec!["-z3".into()],
        patch: None,
        mode: GitMode::Update,
        workdir: "build".into(),
        env: BTreeMap::new(),
        retry: Some((Span::seconds(10), 3)),
        timeout: Some(Span::seconds(1200)),
    };
    wire::Assignment::new("linux", wire::Work::Vcs(work))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
}

/// Checks `values` against the lines of the samples that begin with `kind`.
fn check<T: PartialEq + Debug>(kind: &str, values: &[T], encode: impl Fn(&T) -> Vec<u8>, decode: impl Fn(&[u8]) -> T) {
    let lines: Vec<_> = SAMPLES.lines().filter_map(|l| l.strip_prefix(kind)?.strip_prefix(' ')).collect();
    let written: Vec<_> = values.iter().map(|v| format!("{kind} {}", hex(&encode(v)))).collect();
    assert_eq!(lines.len(), values.len(), "the samples should have these lines:\n{}", written.join("\n"));
    for (line, value) in lines.iter().zip(values) {
        assert_eq!(&decode(&unhex(line)), value);
        assert_eq!(hex(&encode(value)), *line, "{value:?}");
    }
}

#[test]
fn a_worker_s_frames_of_protocol_1() {
    let encode = |m: &ToMaster| encode_to_master(std::slice::from_ref(m)).unwrap();
    check("to_master", &to_master(), encode, |b| decode_to_master(b).unwrap().remove(0));
}

#[test]
fn a_master_s_frames_of_protocol_1() {
    let encode = |m: &ToWorker| encode_to_worker(std::slice::from_ref(m)).unwrap();
    check("to_worker", &to_worker(), encode, |b| decode_to_worker(b).unwrap().remove(0));
}

#[test]
fn the_work_of_protocol_1() {
    let encode = |a: &wire::Assignment| rmp_serde::to_vec_named(a).unwrap();
    check("assignment", &assignments(), encode, |b| rmp_serde::from_slice(b).unwrap());
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let ping = b"\xdd\x00\x00\x00\x01\x81\xa4ping\x82\xa5token\x04\xa5later\x93\x01\x02\x03";
    assert_eq!(decode_to_worker(ping).unwrap(), [ToWorker::Ping { token: 4 }]);
}
