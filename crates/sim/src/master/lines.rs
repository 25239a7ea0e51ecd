//! The master's ends of connections: sessions of `wire`, driven as `master/session.rs` drives them, and who is let in,
//! as `master/admission.rs` has it.

use super::hub::command_end;
use super::{Hello, Input, Master, Out};
use crate::logs::LogStore;
use crate::violation::Checked;
use engine::build::CommandEnd;
use model::{BuildId, Time, WorkerId};
use std::collections::VecDeque;
use wire::{Again, CommandId, MasterEvent, MasterLedger, MasterSession, Welcome};

/// Why a worker is not let in, and when it may come again.
type Refusal = (&'static str, Again);

/// A connection as the master has it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) session: MasterSession,
    pub(crate) stage: Stage,
    /// Frames that came before it was known whether the worker is let in.
    backlog: Vec<Vec<u8>>,
    /// Frames that came while a piece of output waited for room in the logs: nobody looks at the line then.
    held: VecDeque<Vec<u8>>,
    /// Newcomers that wait for a sign of life on this one.
    asking: Vec<u64>,
    /// The other end is gone.
    gone: bool,
    ticks_at: Option<Time>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing came yet.
    Greeting,
    /// The heart has yet to say whether it is let in.
    Asking,
    /// It was let in.
    In { worker: WorkerId, number: u64 },
}

/// The connection that a worker has, as the heart sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) number: u64,
    pub(crate) connection: u64,
    pub(crate) instance: u64,
    /// It is about to stop.
    pub(crate) leaving: bool,
}

impl Line {
    /// Whether the heart has yet to say whether it is let in.
    pub(crate) fn asks(&self) -> bool {
        self.stage == Stage::Asking
    }

    /// Whether it waits for room in the logs.
    pub(crate) fn waits_for_room(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether somebody looks at it.
    fn is_looked_at(&self) -> bool {
        !self.asks() && !self.waits_for_room()
    }
}

impl Master {
    /// Somebody has connected.
    pub(crate) fn connected(&mut self, connection: u64, even: Time) {
        let line = Line {
            session: MasterSession::new(even),
            stage: Stage::Greeting,
            backlog: Vec::new(),
            held: VecDeque::new(),
            asking: Vec::new(),
            gone: false,
            ticks_at: None,
        };
        self.lines.insert(connection, line);
        self.flush(even);
    }

    /// A frame has come.
    ///
    /// # Errors
    /// A rule about what comes is broken.
    pub(crate) fn frame(&mut self, connection: u64, frame: Vec<u8>, logs: &mut LogStore, even: Time) -> Checked {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        match line.stage {
            Stage::Greeting => match line.session.hello(&frame, even) {
                Ok(hello) => {
                    line.stage = Stage::Asking;
                    self.out.push(Out::Tell(Input::Hello(Hello { connection, hello, silent: None })));
                }
                Err(_) => self.hang_up(connection, even),
            },
            Stage::Asking => line.backlog.push(frame),
            Stage::In { worker, .. } => self.receive(connection, worker, frame, logs, even)?,
        }
        self.flush(even);
        Ok(())
    }

    fn receive(
        &mut self,
        connection: u64,
        worker: WorkerId,
        frame: Vec<u8>,
        logs: &mut LogStore,
        even: Time,
    ) -> Checked {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        if line.waits_for_room() || !logs.has_room() {
            logs.waited += 1;
            line.held.push_back(frame);
            return Ok(());
        }
        for newcomer in std::mem::take(&mut line.asking) {
            self.refuse(newcomer, "a worker of this name lives", Again::Soon, even);
        }
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        let mut events = Vec::new();
        let taken = line.session.receive(self.hub.ledger(worker), &frame, even, &mut events);
        let over = line.session.is_over();
        self.hear_events(worker, connection, events, logs)?;
        if let Err(e) = taken {
            self.protocol_errors.push((connection, e.to_string()));
            self.hang_up(connection, even);
        } else if over {
            self.hang_up(connection, even);
        }
        Ok(())
    }

    /// The logs may have room again: who waited for it is heard, and goes if the other end is gone.
    ///
    /// # Errors
    /// A rule about what comes is broken.
    pub(crate) fn there_is_room(&mut self, logs: &mut LogStore, even: Time) -> Checked {
        let waiting: Vec<u64> = self.lines.iter().filter(|(_, l)| l.waits_for_room()).map(|(c, _)| *c).collect();
        for connection in waiting {
            while logs.has_room()
                && let Some(line) = self.lines.get_mut(&connection)
                && let Stage::In { worker, .. } = line.stage
                && let Some(frame) = line.held.pop_front()
            {
                let rest = std::mem::take(&mut line.held);
                self.receive(connection, worker, frame, logs, even)?;
                if let Some(line) = self.lines.get_mut(&connection) {
                    line.held = rest;
                }
            }
            if self.lines.get(&connection).is_some_and(|line| line.gone && !line.waits_for_room()) {
                self.hang_up(connection, even);
            }
        }
        Ok(())
    }

    fn hear_events(
        &mut self,
        worker: WorkerId,
        connection: u64,
        events: Vec<MasterEvent>,
        logs: &mut LogStore,
    ) -> Checked {
        for event in events {
            match event {
                MasterEvent::Started { command } | MasterEvent::Resumed { command } => {
                    self.out.push(Out::Runs(command));
                }
                MasterEvent::Chunk { command, log, offset, data, .. } => {
                    self.append(logs, worker, command, (log, offset), &data)?;
                }
                MasterEvent::Ended { command, ending, logs } => {
                    let bytes = logs.iter().find(|l| l.log == 0).map_or(0, |l| l.bytes);
                    let end = command_end(&ending);
                    self.out.push(Out::Ended { command, end, bytes, connection, worker });
                }
                MasterEvent::Lost { command, reason } => {
                    let end = CommandEnd::Lost(format!("its worker lost it: {reason}"));
                    self.out.push(Out::Lost { command, end, worker });
                }
                MasterEvent::Stale { command, reason } => {
                    let CommandId { build, epoch, .. } = command;
                    let what = format!("came back with a command: {reason}");
                    self.out.push(Out::Tell(Input::Stale { build: BuildId(build), epoch, what }));
                }
                MasterEvent::Leaving => {
                    if let Some(Stage::In { worker, number }) = self.lines.get(&connection).map(|l| l.stage) {
                        self.out.push(Out::Tell(Input::Leaving { worker, number }));
                    }
                }
                MasterEvent::Gone { .. } | MasterEvent::Bye | MasterEvent::Login(_) | MasterEvent::Stuck(_) => {}
            }
        }
        Ok(())
    }

    /// The other end is gone.
    pub(crate) fn closed(&mut self, connection: u64, even: Time) {
        let Some(line) = self.lines.get_mut(&connection) else { return };
        line.gone = true;
        // While the heart thinks about a hello, or output waits for room, nobody looks at the line.
        if line.is_looked_at() {
            self.hang_up(connection, even);
            self.flush(even);
        }
    }

    /// Says the last words and closes; the heart hears that the worker is away.
    pub(crate) fn hang_up(&mut self, connection: u64, _even: Time) {
        let Some(mut line) = self.lines.remove(&connection) else { return };
        let mut none = MasterLedger::new();
        let ledger = match line.stage {
            Stage::In { worker, number } => {
                self.out.push(Out::Tell(Input::Gone { worker, number }));
                self.hub.ledger(worker)
            }
            Stage::Greeting | Stage::Asking => &mut none,
        };
        while let Some(bytes) = line.session.next_frame(ledger) {
            self.out.push(Out::Frame { connection, bytes });
        }
        self.out.push(Out::Close { connection });
        for newcomer in line.asking {
            // Nobody answers here any more: that is no sign of life.
            self.out.push(Out::Silent { newcomer });
        }
    }

    /// The clock is looked at.
    pub(crate) fn tick(&mut self, connection: u64, even: Time) {
        let Some(line) = self.lines.get_mut(&connection) else { return };
        line.ticks_at = None;
        if line.is_looked_at() && line.session.tick(even).is_err() {
            self.hang_up(connection, even);
        }
        self.flush(even);
    }

    /// A hello, as the heart decides on it. Answers with the worker that is let in.
    pub(super) fn seat(&mut self, hello: &Hello) -> Result<Option<WorkerId>, Refusal> {
        let known = self.world.worker_named(&hello.hello.name).filter(|w| w.spec.is_some()).map(|w| w.worker.id);
        let Some(worker) = known else {
            return Err(("there is no such worker in the master's configuration", Again::Slowly));
        };
        let older = self.seats.get(&worker).copied();
        let ask = older.filter(|seat| seat.instance != hello.hello.instance && hello.silent != Some(seat.number));
        if let Some(seat) = ask {
            let (newcomer, older) = (hello.connection, seat.number);
            match self.lines.get_mut(&seat.connection) {
                Some(line) => {
                    line.session.ask(self.even);
                    line.asking.push(newcomer);
                    self.out.push(Out::SignOfLife { newcomer });
                }
                None => self.out.push(Out::Silent { newcomer }),
            }
            self.waiting.insert(newcomer, (hello.clone(), older));
            return Ok(None);
        }
        // Connections are numbered as they come.
        let newer = older.filter(|seat| seat.instance == hello.hello.instance && seat.connection > hello.connection);
        match newer {
            Some(_) => Err(("the worker has come by a newer connection meanwhile", Again::Soon)),
            None => Ok(Some(worker)),
        }
    }

    /// The one who has the name has said nothing in time: the heart hears of the newcomer again.
    pub(crate) fn silent(&mut self, newcomer: u64) {
        for line in self.lines.values_mut() {
            line.asking.retain(|n| *n != newcomer);
        }
        if let Some((hello, older)) = self.waiting.remove(&newcomer) {
            self.out.push(Out::Tell(Input::Hello(Hello { silent: Some(older), ..hello })));
        }
    }

    /// Lets a worker in.
    pub(super) fn admit(&mut self, worker: WorkerId, hello: &Hello, logs: &mut LogStore) -> Checked {
        let (connection, even) = (hello.connection, self.even);
        let number = self.next_session;
        self.next_session += 1;
        let seat = Seat { number, connection, instance: hello.hello.instance, leaving: false };
        if let Some(older) = self.seats.insert(worker, seat) {
            if let Some(line) = self.lines.get_mut(&older.connection) {
                line.session.replaced("a newer connection took over");
            }
            self.hang_up(older.connection, even);
        }
        let Some(line) = self.lines.get_mut(&connection) else {
            self.out.push(Out::Tell(Input::Gone { worker, number }));
            return Ok(());
        };
        line.stage = Stage::In { worker, number };
        let mut events = Vec::new();
        let terms = Welcome::usual(i64::try_from(number).unwrap_or(i64::MAX));
        line.session.welcome(self.hub.ledger(worker), terms, even, &mut events);
        let (gone, backlog) = (line.gone, std::mem::take(&mut line.backlog));
        self.hear_events(worker, connection, events, logs)?;
        for frame in backlog {
            self.receive(connection, worker, frame, logs, even)?;
        }
        if gone && self.lines.get(&connection).is_some_and(Line::is_looked_at) {
            self.hang_up(connection, even);
        }
        Ok(())
    }

    /// Does not let somebody in.
    pub(super) fn refuse(&mut self, connection: u64, why: &str, again: Again, even: Time) {
        self.waiting.remove(&connection);
        if let Some(line) = self.lines.get_mut(&connection) {
            line.session.refuse(why, again);
            self.hang_up(connection, even);
        }
    }

    /// Sends what there is to send, and says when clocks have to be looked at.
    pub(crate) fn flush(&mut self, even: Time) {
        for (&connection, line) in &mut self.lines {
            if let Stage::In { worker, .. } = line.stage
                && !line.waits_for_room()
            {
                let ledger = self.hub.ledgers.entry(worker).or_default();
                while let Some(bytes) = line.session.next_frame(ledger) {
                    self.out.push(Out::Frame { connection, bytes });
                }
            }
            let due = line.session.deadline().max(even);
            if line.is_looked_at() && line.ticks_at.is_none_or(|at| due < at || at < even) {
                line.ticks_at = Some(due);
                self.out.push(Out::Tick { connection, after: due.since(even) });
            }
        }
    }
}
