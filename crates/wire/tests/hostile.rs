//! What the other side may do wrong: each has a clear text, and nothing panics.

use model::worker::Secret;
use model::{CommandLine, ShellSpec, Span, Stream, Time, WorkerInfo};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wire::{
    Again, Assignment, CommandId, Ending, FRAME_LIMIT, Hello, LogLength, Login, MasterEvent, MasterLedger,
    MasterSession, ProtocolError, ResumeLog, ShellWork, ToMaster, ToWorker, Welcome, Work, WorkerAction, WorkerLedger,
    WorkerSession, decode_to_master, decode_to_worker, encode_to_master, encode_to_worker,
};

const C: CommandId = CommandId { build: 7, epoch: 2, step: 31 };

fn hello(protocol: u32) -> ToMaster {
    greeting(None, protocol)
}

/// Of a worker that speaks all versions from `oldest` on.
fn greeting(oldest: Option<u32>, protocol: u32) -> ToMaster {
    ToMaster::Hello(Box::new(Hello {
        protocol,
        oldest,
        name: "w".into(),
        password: Secret::new("p"),
        instance: 1,
        info: WorkerInfo::default(),
        held: vec![],
    }))
}

fn assignment(script: &str) -> Assignment {
    let spec = ShellSpec::new(CommandLine::Script(script.into()));
    Assignment::new("linux", Work::Shell(ShellWork::of(&spec, &BTreeMap::new())))
}

/// A master that has let a worker in and started `C`.
fn master() -> (MasterSession, MasterLedger) {
    let mut ledger = MasterLedger::new();
    let mut session = MasterSession::new(Time(0));
    session.hello(&encode_to_master(&[hello(1)]).expect("sound"), Time(0)).expect("sound");
    session.welcome(&mut ledger, Welcome::usual(1), Time(0), &mut vec![]);
    ledger.start(C, &assignment("make")).expect("sound");
    while session.next_frame(&mut ledger).is_some() {}
    (session, ledger)
}

/// A worker that was let in.
fn worker() -> (WorkerSession, WorkerLedger) {
    let mut ledger = WorkerLedger::new();
    let login = Login {
        name: "w".into(),
        password: Secret::new("p"),
        instance: 1,
        info: WorkerInfo::default(),
        keepalive: None,
    };
    let mut session = WorkerSession::new(&mut ledger, login, Time(0)).expect("sound");
    let welcome = encode_to_worker(&[ToWorker::Welcome(Welcome::usual(1))]).expect("sound");
    session.receive(&mut ledger, &welcome, Time(0), &mut vec![]).expect("sound");
    session.next_frame(&mut ledger, Time(0)).expect("sound");
    (session, ledger)
}

fn chunk(offset: u64, length: usize) -> ToMaster {
    ToMaster::Chunk { command: C, log: 0, stream: Stream::Stdout, offset, data: vec![b'x'; length] }
}

fn ended(bytes: u64) -> ToMaster {
    let logs = vec![LogLength { log: 0, bytes }];
    ToMaster::Ended { command: C, ending: Box::new(Ending::supervisor_died()), logs }
}

#[test]
fn a_master_says_what_is_wrong() {
    let started = ToMaster::Started { command: C };
    let other = CommandId { build: 9, epoch: 1, step: 1 };
    let cases = [
        (vec![hello(1)], "hello is not expected after the welcome"),
        (vec![ToMaster::Started { command: other }], "started names command 9.1.1, which is not known here"),
        (vec![ToMaster::Gone { command: C }], "gone names command 7.2.31, which is not known here"),
        (vec![started.clone(), started.clone()], "started of command 7.2.31 is not expected after it was started"),
        (vec![chunk(0, 5)], "chunk of command 7.2.31 is not expected before it was started"),
        (
            vec![started.clone(), chunk(0, 0)],
            "chunk of command 7.2.31 is not expected with no bytes or beyond the limit",
        ),
        (
            vec![started.clone(), chunk(0, 5), chunk(6, 5)],
            "log 0 of command 7.2.31 jumps: the next byte is 5, and the message begins at 6",
        ),
        (
            vec![started.clone(), chunk(u64::MAX, 5)],
            "log 0 of command 7.2.31 jumps: the next byte is 0, and the message begins at 18446744073709551615",
        ),
        (vec![started.clone(), chunk(0, 5), ended(6)], "command 7.2.31 ended with 6 bytes in log 0, and 5 came"),
        (vec![started.clone(), ended(0), chunk(0, 5)], "chunk of command 7.2.31 is not expected after its end"),
        (vec![ToMaster::Bye, started], "started is not expected after the last message"),
    ];
    for (messages, text) in cases {
        let (mut session, mut ledger) = master();
        let frame = encode_to_master(&messages).unwrap();
        let error = session.receive(&mut ledger, &frame, Time(0), &mut vec![]).unwrap_err();
        assert_eq!(error.to_string(), text);
        if messages[0] != ToMaster::Bye {
            let last = decode_to_worker(&session.next_frame(&mut ledger).unwrap()).unwrap();
            assert_eq!(last, [ToWorker::Refused { reason: text.into(), again: Again::Soon }]);
        }
        assert!(session.is_over());
    }
}

#[test]
fn a_master_takes_no_more_than_its_window() {
    let (mut session, mut ledger) = master();
    let mut events = vec![];
    let mut send = |session: &mut MasterSession, ledger: &mut MasterLedger, message| {
        session.receive(ledger, &encode_to_master(&[message]).unwrap(), Time(0), &mut events)
    };
    send(&mut session, &mut ledger, ToMaster::Started { command: C }).unwrap();
    for i in 0..16 {
        send(&mut session, &mut ledger, chunk(i << 18, 1 << 18)).unwrap();
    }
    let error = send(&mut session, &mut ledger, chunk(4 << 20, 1)).unwrap_err();
    let text = "command 7.2.31 sent 4194305 bytes beyond what was received; 4194304 are allowed";
    assert_eq!(error.to_string(), text);
    assert_eq!(events.len(), 17);
}

#[test]
fn bytes_that_come_twice_are_told_once() {
    let (mut session, mut ledger) = master();
    let frame = encode_to_master(&[ToMaster::Started { command: C }, chunk(0, 5), chunk(0, 5), chunk(3, 4)]).unwrap();
    let mut events = vec![];
    session.receive(&mut ledger, &frame, Time(0), &mut events).unwrap();
    let pieces: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            MasterEvent::Chunk { offset, data, .. } => Some((*offset, data.len())),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, [(0, 5), (5, 2)]);
}

#[test]
fn what_is_no_hello_is_turned_away() {
    let cases: [(Vec<u8>, &str); 6] = [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "the frame cannot be read: "),
        (vec![], "the frame cannot be read: "),
        (vec![0xdd, 0, 0, 0, 0], "an empty frame is not expected before the hello"),
        (encode_to_master(&[ToMaster::Bye]).unwrap(), "bye is not expected before the hello"),
        (
            encode_to_master(&[hello(2)]).unwrap(),
            "the other side speaks version 2 of the protocol and this one version 1: this is the older",
        ),
        (vec![0x90; FRAME_LIMIT + 1], "a frame of 1048577 bytes is too long; 1048576 bytes are the limit"),
    ];
    for (frame, text) in cases {
        let mut session = MasterSession::new(Time(0));
        let error = session.hello(&frame, Time(0)).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        let last = decode_to_worker(&session.next_frame(&mut MasterLedger::new()).unwrap()).unwrap();
        assert!(matches!(last[..], [ToWorker::Refused { .. }]));
    }
}

#[test]
fn lengths_that_are_not_there_and_nests_without_end_take_no_memory() {
    let (mut session, mut ledger) = master();
    let mut two_gigabytes = vec![0xdd, 0, 0, 0, 1, 0x81, 0xa5];
    two_gigabytes.extend_from_slice(b"chunk\x81\xa4data\xc6\x7f\xff\xff\xff\x00");
    let nest = vec![0x91; FRAME_LIMIT];
    let many = vec![0xdd, 0xff, 0xff, 0xff, 0xff];
    let mut byes = vec![0xdd, 0, 1, 0, 0];
    byes.extend_from_slice(&b"\xa3bye".repeat(65_536));
    for frame in [two_gigabytes, nest, many, byes] {
        assert!(matches!(decode_to_master(&frame), Err(ProtocolError::Garbage { .. })));
        assert!(session.receive(&mut ledger, &frame, Time(0), &mut vec![]).is_err());
    }
}

#[test]
fn a_worker_says_what_is_wrong() {
    let start = |total, offset, data: &[u8]| ToWorker::Start { command: C, total, offset, data: data.to_vec() };
    let ack = |received, durable| ToWorker::Ack { command: C, log: 0, received, durable };
    let resume = ResumeLog { log: 0, from: 0, received: 0, durable: 0 };
    let cases = [
        (vec![ToWorker::Welcome(Welcome::usual(1))], "welcome is not expected after the welcome"),
        (vec![ack(0, 0)], "ack names command 7.2.31, which is not known here"),
        (
            vec![ToWorker::Resume { command: C, logs: vec![resume] }],
            "resume names command 7.2.31, which is not known here",
        ),
        (vec![ToWorker::Forget { command: C }], "forget names command 7.2.31, which is not known here"),
        (
            vec![ToWorker::Interrupt { command: C, reason: String::new() }],
            "interrupt names command 7.2.31, which is not known here",
        ),
        (
            vec![start(u64::MAX, 0, b"x")],
            "start of command 7.2.31 is not expected with a work that is empty or beyond the limit",
        ),
        (
            vec![start(3, 0, b"x"), start(3, 2, b"x")],
            "start of command 7.2.31 is not expected with a piece that does not fit to those before it",
        ),
        (
            vec![start(3, 0, b"xxxx")],
            "start of command 7.2.31 is not expected with a piece that does not fit to those before it",
        ),
        (vec![ToWorker::Goodbye, ack(0, 0)], "ack is not expected after the last message"),
    ];
    for (messages, text) in cases {
        let (mut session, mut ledger) = worker();
        let frame = encode_to_worker(&messages).unwrap();
        let error = session.receive(&mut ledger, &frame, Time(0), &mut vec![]).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_worker_takes_no_acknowledgement_of_what_it_did_not_send() {
    let (mut m, mut ml) = master();
    let (mut w, mut wl) = worker();
    ml.start(CommandId { step: 32, ..C }, &assignment(&"x".repeat(1 << 20))).unwrap();
    let mut actions = vec![];
    while let Some(frame) = m.next_frame(&mut ml) {
        assert!(frame.len() <= FRAME_LIMIT);
        w.receive(&mut wl, &frame, Time(0), &mut actions).unwrap();
    }
    let Some(WorkerAction::Start { command, assignment: got }) = actions.pop() else { panic!("no start") };
    assert_eq!(*got, assignment(&"x".repeat(1 << 20)));
    w.chunk(&mut wl, (command, 0, Stream::Stdout), 0, b"hello", Time(0)).unwrap();
    for (received, durable) in [(6, 0), (3, 4), (u64::MAX, 0)] {
        let ack = encode_to_worker(&[ToWorker::Ack { command, log: 0, received, durable }]).unwrap();
        assert!(matches!(w.receive(&mut wl, &ack, Time(0), &mut vec![]), Err(ProtocolError::OutOfRange { .. })));
    }
}

#[test]
fn a_silent_peer_is_dead_after_twelve_seconds() {
    let (mut m, mut ml) = master();
    let (mut w, mut wl) = worker();
    let at = |s| Time(0) + Span::seconds(s);
    for s in [4, 8] {
        assert_eq!(m.deadline(), at(s));
        m.tick(at(s)).unwrap();
        let ping = m.next_frame(&mut ml).unwrap();
        assert!(matches!(decode_to_worker(&ping).unwrap()[..], [ToWorker::Ping { .. }]));
        if s == 4 {
            w.receive(&mut wl, &ping, at(s), &mut vec![]).unwrap();
            let pong = w.next_frame(&mut wl, at(s)).unwrap().unwrap();
            assert!(matches!(decode_to_master(&pong).unwrap()[..], [ToMaster::Pong { .. }]));
        }
    }
    assert_eq!(m.deadline(), at(12));
    assert_eq!(m.tick(at(12)), Err(ProtocolError::Silent(Span::seconds(12))));
    w.tick(at(15)).unwrap();
    assert_eq!(w.deadline(), at(16));
    assert_eq!(w.tick(at(16)).unwrap_err().to_string(), "nothing was heard for 12 s");
}

#[test]
fn a_worker_that_is_told_to_gives_signs_of_life_of_its_own() {
    let mut ledger = WorkerLedger::new();
    let login = Login {
        name: "w".into(),
        password: Secret::new("p"),
        instance: 1,
        info: WorkerInfo::default(),
        keepalive: Some(Span::seconds(1)),
    };
    let mut session = WorkerSession::new(&mut ledger, login, Time(0)).unwrap();
    session.next_frame(&mut ledger, Time(0)).unwrap();
    let welcome = encode_to_worker(&[ToWorker::Welcome(Welcome::usual(1))]).unwrap();
    session.receive(&mut ledger, &welcome, Time(0), &mut vec![]).unwrap();
    let at = session.deadline();
    assert_eq!(at, Time(0) + Span::seconds(1));
    session.tick(at).unwrap();
    session.tick(at).unwrap();
    assert_eq!(session.deadline(), at + Span::seconds(1));
    let frame = session.next_frame(&mut ledger, at).unwrap().unwrap();
    assert_eq!(decode_to_master(&frame).unwrap(), [ToMaster::Pong { token: 0, stuck: vec![] }]);
    assert_eq!(session.next_frame(&mut ledger, at).unwrap(), None);
}

#[test]
fn an_older_epoch_is_dropped_and_an_absent_command_lost() {
    let mut wl = WorkerLedger::new();
    wl.adopt(C).unwrap();
    let newer = CommandId { epoch: 3, ..C };
    let mut ml = MasterLedger::new();
    ml.expect(wire::Expectation { command: newer, logs: vec![], assignment: None, interrupt: None }).unwrap();
    let login = Login {
        name: "w".into(),
        password: Secret::new("p"),
        instance: 1,
        info: WorkerInfo::default(),
        keepalive: None,
    };
    let mut w = WorkerSession::new(&mut wl, login, Time(0)).unwrap();
    let mut m = MasterSession::new(Time(0));
    let said = m.hello(&w.next_frame(&mut wl, Time(0)).unwrap().unwrap(), Time(0)).unwrap();
    assert_eq!(said.held.len(), 1);
    let mut events = vec![];
    m.welcome(&mut ml, Welcome::usual(1), Time(0), &mut events);
    let stale = "build 7 was given up and is now at epoch 3; this is of 2".to_owned();
    let lost = "the worker came back without it".to_owned();
    assert_eq!(
        events,
        [MasterEvent::Stale { command: C, reason: stale }, MasterEvent::Lost { command: newer, reason: lost }]
    );
    let mut actions = vec![];
    w.receive(&mut wl, &m.next_frame(&mut ml).unwrap(), Time(0), &mut actions).unwrap();
    assert!(matches!(actions[..], [WorkerAction::Welcomed(_), WorkerAction::Drop { command: C, .. }]));
    wl.gone(C);
    events.clear();
    m.receive(&mut ml, &w.next_frame(&mut wl, Time(0)).unwrap().unwrap(), Time(0), &mut events).unwrap();
    assert_eq!(events, [MasterEvent::Gone { command: C }]);
}

#[test]
fn what_cannot_go_on_is_told_when_it_changes_and_bounded() {
    let (mut m, mut ml) = master();
    let (mut w, mut wl) = worker();
    let commands: Vec<CommandId> = (0..100).map(|step| CommandId { step, ..C }).collect();
    let long = "no space ".repeat(1000);
    let mut say = |w: &mut WorkerSession, stuck: &[CommandId]| {
        w.stuck(stuck.iter().map(|&c| (c, long.as_str()))).unwrap();
        let mut events = vec![];
        while let Some(frame) = w.next_frame(&mut wl, Time(0)).unwrap() {
            m.receive(&mut ml, &frame, Time(0), &mut events).unwrap();
        }
        let said = |e| match e {
            MasterEvent::Stuck(stuck) => Some((stuck.len(), stuck.first().map(|s| s.why.len() <= wire::TEXT_LIMIT))),
            _ => None,
        };
        events.into_iter().filter_map(said).collect::<Vec<_>>()
    };
    assert_eq!(say(&mut w, &[]), [], "nothing new");
    assert_eq!(say(&mut w, &commands[..1]), [(1, Some(true))]);
    assert_eq!(say(&mut w, &commands[..1]), [], "it is known");
    assert_eq!(say(&mut w, &commands), [(wire::STUCK_LIMIT, Some(true))]);
    assert_eq!(say(&mut w, &[]), [(0, None)]);
    let many = vec![wire::Stuck { command: C, why: "x".into() }; 5000];
    let hostile = encode_to_master(&[ToMaster::Pong { token: 1, stuck: many }]).unwrap();
    let mut events = vec![];
    m.receive(&mut ml, &hostile, Time(0), &mut events).unwrap();
    assert!(matches!(&events[..], [MasterEvent::Stuck(stuck)] if stuck.len() == wire::STUCK_LIMIT));
}

#[test]
fn a_wish_for_the_end_survives_the_line() {
    let (mut m, mut ml) = master();
    m.receive(&mut ml, &encode_to_master(&[ToMaster::Started { command: C }]).unwrap(), Time(0), &mut vec![]).unwrap();
    ml.interrupt(C, "stopped by ada");
    let mut again = MasterSession::new(Time(0));
    let ToMaster::Hello(mut h) = hello(1) else { panic!() };
    h.held.push(wire::Held { command: C, state: wire::HeldState::Running });
    again.hello(&encode_to_master(&[ToMaster::Hello(h)]).unwrap(), Time(0)).unwrap();
    again.welcome(&mut ml, Welcome::usual(2), Time(0), &mut vec![]);
    let frame = again.next_frame(&mut ml).unwrap();
    let said = decode_to_worker(&frame).unwrap();
    let interrupt = ToWorker::Interrupt { command: C, reason: "stopped by ada".into() };
    assert_eq!(said[1..], [ToWorker::Resume { command: C, logs: vec![] }, interrupt]);
    let old = m.receive(&mut ml, &encode_to_master(&[chunk(0, 1)]).unwrap(), Time(0), &mut vec![]);
    assert_eq!(old, Err(ProtocolError::Superseded));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_session_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut m, mut ml) = master();
        m.receive(&mut ml, &bytes, Time(0), &mut vec![]).ok();
        let (mut w, mut wl) = worker();
        w.receive(&mut wl, &bytes, Time(0), &mut vec![]).ok();
        MasterSession::new(Time(0)).hello(&bytes, Time(0)).ok();
    }

    #[test]
    fn nor_does_a_frame_with_a_byte_changed(at in 0..400usize, to in any::<u8>()) {
        let messages = [ToMaster::Started { command: C }, chunk(0, 5), ended(5), ToMaster::Pong { token: 1, stuck: vec![] }];
        let mut frame = encode_to_master(&messages).unwrap();
        let at = at % frame.len();
        frame[at] = to;
        let (mut m, mut ml) = master();
        m.receive(&mut ml, &frame, Time(0), &mut vec![]).ok();
    }
}

/// A newer worker with an older master, and the other way round: what both speak is spoken, and nothing in common is
/// told to both with the side that is behind.
#[test]
fn versions_are_agreed_on() {
    assert_eq!(wire::agreed((1, 3), (2, 5)), Some(3));
    assert_eq!(wire::agreed((2, 5), (1, 3)), Some(3));
    assert_eq!(wire::agreed((4, 5), (1, 3)), None);
    assert_eq!(wire::agreed((1, 1), (1, 1)), Some(1));
    for (oldest, newest, welcome) in [(Some(1), 9, true), (None, 1, true), (Some(2), 9, false), (None, 9, false)] {
        let mut session = MasterSession::new(Time(0));
        let frame = encode_to_master(&[greeting(oldest, newest)]).expect("sound");
        let greeted = session.hello(&frame, Time(0));
        assert_eq!(greeted.is_ok(), welcome, "{oldest:?} to {newest}");
        let mut ledger = MasterLedger::new();
        session.welcome(&mut ledger, Welcome::usual(1), Time(0), &mut vec![]);
        let said = decode_to_worker(&session.next_frame(&mut ledger).expect("a frame")).expect("sound");
        match &said[0] {
            ToWorker::Welcome(terms) => assert!(welcome && terms.protocol == 1, "{oldest:?} to {newest}"),
            ToWorker::Refused { reason, again } => {
                assert!(!welcome && *again == Again::Slowly && reason.contains("this is the older"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A master that answers in a version which the worker does not speak is left alone.
#[test]
fn a_welcome_in_another_version_is_none() {
    let mut ledger = WorkerLedger::new();
    let login = Login {
        name: "w".into(),
        password: Secret::new("p"),
        instance: 1,
        info: WorkerInfo::default(),
        keepalive: None,
    };
    let mut session = WorkerSession::new(&mut ledger, login, Time(0)).expect("sound");
    let welcome = ToWorker::Welcome(Welcome { protocol: 2, ..Welcome::usual(1) });
    let frame = encode_to_worker(&[welcome]).expect("sound");
    let error = session.receive(&mut ledger, &frame, Time(0), &mut vec![]).unwrap_err().to_string();
    assert!(error.starts_with("the other side speaks version 2 of the protocol and this one version 1"), "{error}");
}
