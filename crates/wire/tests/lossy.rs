//! Every byte arrives once and in order, and every end arrives once, whatever the line, the worker and the master do.

use model::worker::Secret;
use model::{CommandLine, ShellSpec, Span, Stream, Time, WorkerInfo};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use wire::{
    Assignment, CommandId, Ending, Expectation, Login, MasterEvent, MasterLedger, MasterSession, ShellWork, Standing,
    Welcome, Work, WorkerAction, WorkerLedger, WorkerSession,
};

/// What happens next. Numbers choose among what is possible at that moment.
#[derive(Clone, Debug)]
enum Happening {
    /// A worker's frame arrives.
    Up,
    /// A master's frame arrives.
    Down,
    /// The line breaks; all frames on their way are gone. A new one is made at once.
    Cut,
    /// A command writes to a log.
    Write { command: usize, log: u16, length: usize },
    /// A command ends.
    End { command: usize },
    /// The master takes over all that came.
    TakeOver,
    /// What was taken over becomes durable.
    Sync,
    /// The master forgets what is not durable and begins anew from its store.
    MasterDies,
    /// The worker's daemon dies; its spool stays.
    WorkerDies,
    /// Time passes.
    Wait,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => Just(Happening::Up),
        8 => Just(Happening::Down),
        1 => Just(Happening::Cut),
        6 => (0..3usize, 0..2u16, 1..4000usize).prop_map(|(command, log, length)| Happening::Write { command, log, length }),
        1 => (0..3usize).prop_map(|command| Happening::End { command }),
        4 => Just(Happening::TakeOver),
        2 => Just(Happening::Sync),
        1 => Just(Happening::MasterDies),
        1 => Just(Happening::WorkerDies),
        1 => Just(Happening::Wait),
    ]
}

/// What a command has written and the worker still keeps.
#[derive(Default)]
struct Spool {
    records: Vec<(u16, Stream, u64, Vec<u8>)>,
    written: BTreeMap<u16, Vec<u8>>,
    trimmed: BTreeMap<u16, u64>,
    /// Where the reader stands: the record that comes next, and what to skip of each log.
    next: usize,
    skip: BTreeMap<u16, u64>,
    ended: bool,
}

impl Spool {
    fn write(&mut self, log: u16, length: usize) {
        let all = self.written.entry(log).or_default();
        let offset = all.len() as u64;
        let data: Vec<u8> = (0..length).map(|i| (offset as usize + i).wrapping_mul(31).to_le_bytes()[0]).collect();
        all.extend_from_slice(&data);
        let stream = if offset.is_multiple_of(2) { Stream::Stdout } else { Stream::Stderr };
        self.records.push((log, stream, offset, data));
    }

    fn seek(&mut self, positions: &[(u16, u64)]) {
        self.next = 0;
        self.skip = positions.iter().copied().collect();
        for (log, trimmed) in &self.trimmed {
            assert!(self.skip.get(log).is_some_and(|at| at >= trimmed), "log {log} is asked for before {trimmed}");
        }
    }

    fn read(&mut self, limit: usize) -> Vec<(u16, Stream, u64, Vec<u8>)> {
        let mut out = Vec::new();
        let mut left = limit;
        while left > 0 && self.next < self.records.len() {
            let (log, stream, offset, data) = &self.records[self.next];
            let from = (*self.skip.entry(*log).or_insert(0)).max(*offset);
            let end = offset + data.len() as u64;
            if from < end {
                let take = left.min((end - from) as usize);
                let start = (from - offset) as usize;
                out.push((*log, *stream, from, data[start..start + take].to_vec()));
                left -= take;
                self.skip.insert(*log, from + take as u64);
                if (from + take as u64) < end {
                    break;
                }
            }
            self.next += 1;
        }
        out
    }
}

/// What the master's store has.
#[derive(Default)]
struct Stored {
    logs: BTreeMap<u16, Vec<u8>>,
    durable: BTreeMap<u16, u64>,
    end_seen: bool,
    ends_durable: u32,
    forgotten: bool,
}

struct Bench {
    now: Time,
    ids: Vec<CommandId>,
    spools: BTreeMap<CommandId, Spool>,
    worker_ledger: WorkerLedger,
    worker: WorkerSession,
    master_ledger: MasterLedger,
    master: MasterSession,
    stored: BTreeMap<CommandId, Stored>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    sessions: i64,
    terms: Welcome,
}

fn assignment() -> Assignment {
    let spec = ShellSpec::new(CommandLine::Script("make".into()));
    Assignment::new("linux", Work::Shell(ShellWork::of(&spec, &BTreeMap::new())))
}

fn login() -> Login {
    Login { name: "w".into(), password: Secret::new("p"), instance: 1, info: WorkerInfo::default(), keepalive: None }
}

impl Bench {
    fn new(terms: Welcome) -> Self {
        let mut worker_ledger = WorkerLedger::new();
        let mut master_ledger = MasterLedger::new();
        let ids: Vec<_> = (1..=3).map(|step| CommandId { build: 1, epoch: 1, step }).collect();
        for &id in &ids {
            master_ledger.start(id, &assignment()).expect("sound");
        }
        let worker = WorkerSession::new(&mut worker_ledger, login(), Time(0)).expect("sound");
        Self {
            now: Time(0),
            stored: ids.iter().map(|&id| (id, Stored::default())).collect(),
            ids,
            spools: BTreeMap::new(),
            worker_ledger,
            worker,
            master_ledger,
            master: MasterSession::new(Time(0)),
            up: VecDeque::new(),
            down: VecDeque::new(),
            sessions: 0,
            terms,
        }
    }

    fn reconnect(&mut self) {
        self.up.clear();
        self.down.clear();
        self.worker = WorkerSession::new(&mut self.worker_ledger, login(), self.now).expect("sound");
        self.master = MasterSession::new(self.now);
    }

    fn pump(&mut self) {
        while let Some(wish) = self.worker.next_read(&self.worker_ledger) {
            let spool = self.spools.get_mut(&wish.command).expect("sound");
            let pieces = spool.read(wish.limit);
            if pieces.is_empty() {
                self.worker_ledger.drained(wish.command);
                if spool.ended {
                    self.worker_ledger.ended(wish.command, Ending::supervisor_died());
                }
            }
            for (log, stream, offset, data) in pieces {
                let piece = (wish.command, log, stream);
                self.worker.chunk(&mut self.worker_ledger, piece, offset, &data, self.now).expect("sound");
            }
        }
        while let Some(frame) = self.worker.next_frame(&mut self.worker_ledger, self.now).expect("sound") {
            self.up.push_back(frame);
        }
        while let Some(frame) = self.master.next_frame(&mut self.master_ledger) {
            self.down.push_back(frame);
        }
    }

    fn up(&mut self) {
        let Some(frame) = self.up.pop_front() else { return };
        let mut events = Vec::new();
        if self.master.is_live() {
            self.master.receive(&mut self.master_ledger, &frame, self.now, &mut events).expect("sound");
        } else {
            self.master.hello(&frame, self.now).expect("sound");
            self.sessions += 1;
            let terms = Welcome { session: self.sessions, ..self.terms };
            self.master.welcome(&mut self.master_ledger, terms, self.now, &mut events);
        }
        for event in events {
            self.master_event(event);
        }
    }

    fn master_event(&mut self, event: MasterEvent) {
        match event {
            MasterEvent::Chunk { command, log, offset, data, .. } => {
                let stored = self.stored.get_mut(&command).expect("sound");
                assert!(!stored.end_seen, "output after the end");
                let bytes = stored.logs.entry(log).or_default();
                assert_eq!(offset, bytes.len() as u64);
                bytes.extend_from_slice(&data);
            }
            MasterEvent::Ended { command, logs, .. } => {
                let stored = self.stored.get_mut(&command).expect("sound");
                assert!(!stored.end_seen, "a second end");
                stored.end_seen = true;
                for length in logs {
                    assert_eq!(stored.logs.get(&length.log).map_or(0, Vec::len) as u64, length.bytes);
                }
            }
            MasterEvent::Started { .. } | MasterEvent::Resumed { .. } => {}
            MasterEvent::Stale { command, .. } => assert!(self.stored[&command].forgotten),
            MasterEvent::Gone { command } => assert!(self.stored[&command].forgotten),
            other => panic!("{other:?}"),
        }
    }

    fn down(&mut self) {
        let Some(frame) = self.down.pop_front() else { return };
        let mut actions = Vec::new();
        self.worker.receive(&mut self.worker_ledger, &frame, self.now, &mut actions).expect("sound");
        for action in actions {
            match action {
                WorkerAction::Welcomed(_) => {}
                WorkerAction::Start { command, .. } => {
                    assert!(self.spools.insert(command, Spool::default()).is_none(), "begun twice");
                    self.worker_ledger.started(command);
                }
                WorkerAction::Seek { command, positions } => {
                    self.spools.get_mut(&command).expect("sound").seek(&positions)
                }
                WorkerAction::Trim { command, log, offset } => {
                    let spool = self.spools.get_mut(&command).expect("sound");
                    spool.records.retain(|(l, _, at, data)| *l != log || at + data.len() as u64 > offset);
                    spool.next = 0;
                    spool.trimmed.insert(log, offset);
                }
                WorkerAction::Drop { command, .. } => {
                    self.spools.remove(&command);
                    self.worker_ledger.gone(command);
                }
                WorkerAction::Forget { command } => {
                    assert!(self.stored[&command].forgotten);
                    self.spools.remove(&command);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Up => self.up(),
            Happening::Down => self.down(),
            Happening::Cut => self.reconnect(),
            Happening::Write { command, log, length } => {
                let id = self.ids[command];
                if let Some(spool) = self.spools.get_mut(&id).filter(|s| !s.ended) {
                    spool.write(log, length);
                    self.worker_ledger.grew(id);
                }
            }
            Happening::End { command } => {
                let id = self.ids[command];
                if let Some(spool) = self.spools.get_mut(&id) {
                    spool.ended = true;
                    self.worker_ledger.grew(id);
                }
            }
            Happening::TakeOver => self.acknowledge(Durable::AsBefore),
            Happening::Sync => self.acknowledge(Durable::All),
            Happening::MasterDies => self.master_dies(),
            Happening::WorkerDies => {
                self.worker_ledger = WorkerLedger::new();
                for &command in self.spools.keys() {
                    self.worker_ledger.adopt(command).expect("sound");
                }
                self.reconnect();
            }
            Happening::Wait => {
                self.now += Span::seconds(4);
                self.worker.tick(self.now).ok();
                if self.master.tick(self.now).is_err() {
                    self.reconnect();
                }
            }
        }
        self.pump();
    }

    fn acknowledge(&mut self, durable: Durable) {
        for (&command, stored) in &mut self.stored {
            for (&log, bytes) in &stored.logs {
                let have = bytes.len() as u64;
                let safe = stored.durable.entry(log).or_insert(0);
                if durable == Durable::All {
                    *safe = have;
                }
                self.master_ledger.acknowledge(command, log, have, *safe);
            }
            if durable == Durable::All && stored.end_seen && !stored.forgotten {
                assert_eq!(self.master_ledger.standing(command), Some(Standing::Ended));
                stored.ends_durable += 1;
                stored.forgotten = true;
                self.master_ledger.forget(command);
            }
        }
    }

    fn master_dies(&mut self) {
        self.master_ledger = MasterLedger::new();
        for (&command, stored) in self.stored.iter_mut().filter(|(_, s)| !s.forgotten) {
            stored.end_seen = false;
            for (log, bytes) in &mut stored.logs {
                bytes.truncate(stored.durable.get(log).copied().unwrap_or(0) as usize);
            }
            let logs: Vec<_> = stored.logs.iter().map(|(&log, bytes)| (log, bytes.len() as u64)).collect();
            let assignment = (!self.spools.contains_key(&command)).then(assignment);
            self.master_ledger.expect(Expectation { command, logs, assignment, interrupt: None }).expect("sound");
        }
        self.reconnect();
    }

    /// Lets everything end without further trouble and looks at what came of it.
    fn settle(mut self) {
        self.pump();
        for round in 0.. {
            assert!(round < 100_000, "it does not settle");
            for command in 0..self.ids.len() {
                self.happen(&Happening::End { command });
            }
            while !self.up.is_empty() || !self.down.is_empty() {
                self.happen(&Happening::Up);
                self.happen(&Happening::Down);
                self.happen(&Happening::TakeOver);
            }
            self.happen(&Happening::Sync);
            if self.stored.values().all(|s| s.forgotten) && self.spools.is_empty() && self.down.is_empty() {
                break;
            }
        }
        for stored in self.stored.values() {
            assert_eq!(stored.ends_durable, 1);
        }
        assert_eq!(self.worker_ledger.commands().count(), 0);
        assert_eq!(self.master_ledger.commands().count(), 0);
    }

    /// What the commands wrote in all; kept apart, since spools go away.
    fn run(mut self, happenings: &[Happening]) {
        let mut written: BTreeMap<CommandId, BTreeMap<u16, usize>> = BTreeMap::new();
        self.pump();
        for happening in happenings {
            self.happen(happening);
            for (&id, spool) in &self.spools {
                for (&log, bytes) in &spool.written {
                    written.entry(id).or_default().insert(log, bytes.len());
                }
            }
            for (id, stored) in &self.stored {
                for (log, bytes) in &stored.logs {
                    let sound = bytes.iter().enumerate().all(|(i, &b)| b == i.wrapping_mul(31).to_le_bytes()[0]);
                    assert!(sound, "log {log} of {id} has other bytes than were written");
                    assert!(bytes.len() <= written[id][log]);
                    if stored.forgotten {
                        assert_eq!(bytes.len(), written[id][log], "log {log} of {id} is short");
                    }
                }
            }
        }
        self.settle();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    All,
    AsBefore,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(happenings in prop::collection::vec(happening(), 0..250)) {
        Bench::new(Welcome::usual(0)).run(&happenings);
    }

    #[test]
    fn nor_with_a_narrow_window(happenings in prop::collection::vec(happening(), 0..250)) {
        Bench::new(Welcome { window: 1500, total_window: 2500, ..Welcome::usual(0) }).run(&happenings);
    }
}

#[test]
fn a_spool_that_outgrows_the_window_waits_for_the_master() {
    let mut bench = Bench::new(Welcome { window: 10_000, total_window: 25_000, ..Welcome::usual(0) });
    bench.pump();
    for _ in 0..3 {
        bench.happen(&Happening::Up);
        bench.happen(&Happening::Down);
    }
    for command in 0..3 {
        for _ in 0..100 {
            bench.happen(&Happening::Write { command, log: 0, length: 1000 });
        }
    }
    while !bench.up.is_empty() {
        bench.happen(&Happening::Up);
    }
    let came: Vec<_> = bench.stored.values().map(|s| s.logs[&0].len()).collect();
    assert_eq!(came.iter().sum::<usize>(), 25_000, "{came:?}");
    assert!(came.iter().all(|&n| n <= 10_000), "{came:?}");
    bench.settle();
}
