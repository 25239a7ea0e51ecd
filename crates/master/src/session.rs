//! Worker sessions: what connects a socket, the ledger of its worker, the logs and the heart.
//!
//! A [`Link`] is what a worker has for good: its ledger, and who speaks with it now. The heart writes wishes into the
//! ledger; the connection that is live carries them out, or the next one does.

use crate::Clock;
use crate::admission::{Admission, Asked, Refusal, Seat, Sessions, Verdict, Via};
use crate::early;
use crate::effect::{self, Effect};
use crate::ended::Taker;
use crate::hub::{Hub, Link};
use crate::input::{CommandEnded, Input};
use crate::obstacles::Obstacles;
use crate::order::Order;
use engine::World;
use engine::build::CommandEnd;
use killpoint::fail_point;
use model::{BuildId, Time, WorkerId};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use wire::{Ending, Hello, LogLength, MasterEvent, MasterLedger, MasterSession, ProtocolError, Welcome};

/// How long one frame may take to leave. A worker that takes nothing for so long is gone.
const SEND_LIMIT: Duration = Duration::from_secs(60);

/// How long the last words of a connection may take to leave.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// Frames in both directions, over whatever connects two processes.
pub(crate) trait Transport: Send {
    /// The next frame; `None` when the other side is gone. May be dropped and asked again.
    fn receive(&mut self) -> impl Future<Output = Option<Vec<u8>>> + Send;
    /// Sends a frame; false when the other side is gone.
    fn send(&mut self, frame: Vec<u8>) -> impl Future<Output = bool> + Send;
}

/// Which files were changed in what a build builds, for builds whose running step wants to know.
pub(crate) type ChangedFiles = BTreeMap<BuildId, Vec<String>>;

impl Sessions {
    /// Carries out what is to be said to a worker.
    pub(crate) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Start { worker, command, order, mut assignment } => {
                let link = self.hub.link(worker);
                self.hub.route(&link, command, *order);
                self.hub.sign(command, &mut assignment);
                if let Err(e) = link.ledger().start(command, &assignment) {
                    let end = CommandEnd::Broken(format!("it cannot be sent to its worker: {e}"));
                    self.hub.ended(CommandEnded::of(command, end));
                }
                fail_point!("start-in-ledger");
                link.wake.notify_one();
            }
            Effect::Fail { command, why } => {
                self.hub.ended(CommandEnded::of(command, CommandEnd::Broken(why)));
            }
            Effect::Interrupt { worker, command, reason } => {
                let link = self.hub.link(worker);
                link.ledger().interrupt(command, reason);
                link.wake.notify_one();
            }
            Effect::Forget { worker, command } => self.hub.end_is_durable(worker, command),
            Effect::Drop { worker, command, reason } => {
                let link = self.hub.link(worker);
                MasterLedger::drop(&mut link.ledger(), command, reason);
                self.hub.unroute(command);
                link.wake.notify_one();
            }
            Effect::Gather { .. } | Effect::FinishLogs { .. } | Effect::SealLost { .. } => {}
        }
    }

    /// Makes the ledgers agree with a world that was read from the store: what runs is expected, what does not is
    /// dropped. `durable` tells how many bytes of a running step's logs are on disk. `files`: for the steps that want them.
    pub(crate) async fn restore(&self, world: &World, logs: &logs::Logs, files: &ChangedFiles) {
        for running in world.builds() {
            let Some(step) = running.current().filter(|step| effect::is_command(running, step)) else { continue };
            let build = running.build.id;
            let command = effect::command_id(build, running.build.lease.epoch, step.id);
            let link = self.hub.link(effect::place(running));
            if link.ledger().standing(command).is_some() {
                // What was to be said after a batch that the store refused was not said.
                if let Some(reason) = &running.stopping {
                    link.ledger().interrupt(command, reason.clone());
                    link.wake.notify_one();
                }
                continue;
            }
            self.hub.route(&link, command, Order::of(world, running, step));
            let mut lengths = Vec::new();
            for log in &running.logs {
                match logs.begin(build, log.id).await {
                    Ok(durable) => lengths.push((log.number, durable)),
                    Err(e) => tracing::error!("log {} of build {build} cannot be opened again: {e}", log.id),
                }
                if logs.facts(build, log.id).await.is_some_and(|facts| facts.sealed.is_some()) {
                    self.hub.is_whole(command, log.id);
                }
            }
            let begun = lengths.iter().any(|(_, bytes)| *bytes > 0);
            let mut assignment = match files.get(&build) {
                _ if begun => None,
                None if effect::wants_files(running, step) => None,
                files => effect::assignment(world, running, step, files.map_or(&[], Vec::as_slice)).ok(),
            };
            if let Some(assignment) = &mut assignment {
                self.hub.sign(command, assignment);
            }
            let interrupt = running.stopping.clone();
            let expectation = wire::Expectation { command, logs: lengths, assignment, interrupt };
            if let Err(e) = link.ledger().expect(expectation) {
                tracing::error!("command {command} cannot be taken up again: {e}");
            }
        }
        self.hub.drop_unwanted(world);
    }
}

/// What a connection works with.
pub(crate) struct Doorway {
    pub(crate) hub: Arc<Hub>,
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) logs: logs::Logs,
    pub(crate) clock: Clock,
    pub(crate) shutdown: CancellationToken,
    /// The program that evaluates pipelines.
    pub(crate) exe: PathBuf,
    /// What tests were before is asked of it.
    pub(crate) store: store::Store,
    /// Workers tell of theirs.
    pub(crate) obstacles: Arc<Obstacles>,
}

/// Speaks with a worker until one side is gone.
pub(crate) async fn serve(door: &Doorway, via: Via, mut transport: impl Transport) {
    let mut session = MasterSession::new(door.clock.even());
    let Some(hello) = greet(door, &mut session, &mut transport).await else { return };
    let came = door.clock.even();
    fail_point!("hello-heard");
    let (name, held) = (hello.name.clone(), hello.held.len());
    let (reply, verdict) = oneshot::channel();
    let admission = Box::new(Admission { hello, via, reply, came, silent: None });
    if door.inbox.send(Input::Hello { admission }).await.is_err() {
        return;
    }
    match verdict.await {
        Ok(Verdict::Welcome { worker, link, seat }) => {
            tracing::info!("worker {name} is connected{}", if held > 0 { ", and comes back with work" } else { "" });
            let number = seat.number;
            let events = Vec::new();
            let mut line =
                Line { door, session, link: &link, transport, worker, seat, name: &name, asking: Vec::new(), events };
            let why = line.run().await;
            drop(line);
            door.obstacles.worker(number, &name, &[]);
            tracing::info!("worker {name} is gone: {why}");
            let _ = door.inbox.send(Input::Gone { worker, session: number }).await;
        }
        Ok(Verdict::Refused(Refusal { reason, again })) => {
            tracing::warn!("worker {name} is not let in: {reason}");
            session.refuse(reason, again);
            flush(&mut session, &mut MasterLedger::new(), &mut transport).await;
        }
        Err(_) => {}
    }
}

/// The first frame. Whoever says something else, or nothing in time, hears why and is let go.
async fn greet(door: &Doorway, session: &mut MasterSession, transport: &mut impl Transport) -> Option<Box<Hello>> {
    let wait = session.deadline().since(door.clock.even()).to_std();
    let frame = tokio::select! {
        frame = tokio::time::timeout(wait, transport.receive()) => frame.ok()??,
        () = door.shutdown.cancelled() => return None,
    };
    match session.hello(&frame, door.clock.even()) {
        Ok(hello) => Some(hello),
        Err(e) => {
            tracing::warn!("a connection that is no worker's was closed: {e}");
            flush(session, &mut MasterLedger::new(), transport).await;
            None
        }
    }
}

async fn flush(session: &mut MasterSession, ledger: &mut MasterLedger, transport: &mut impl Transport) {
    while let Some(frame) = session.next_frame(ledger) {
        if !transport.send(frame).await {
            return;
        }
    }
}

/// A connection whose worker was let in.
struct Line<'a, T> {
    door: &'a Doorway,
    session: MasterSession,
    link: &'a Arc<Link>,
    transport: T,
    worker: WorkerId,
    name: &'a str,
    seat: Seat,
    /// Those who want to know whether the worker still speaks here. Dropped unanswered with the line.
    asking: Vec<Asked>,
    events: Vec<MasterEvent>,
}

enum Turn {
    Frame(Option<Vec<u8>>),
    Wake,
    Tick,
    Asked(Asked),
    Replaced(String),
    Shutdown,
}

impl<T: Transport> Line<'_, T> {
    /// Answers why it ended.
    async fn run(&mut self) -> String {
        let terms = Welcome::usual(i64::try_from(self.seat.number).unwrap_or(i64::MAX));
        let now = self.door.clock.even();
        self.session.welcome(&mut self.link.ledger(), terms, now, &mut self.events);
        fail_point!("worker-welcomed");
        loop {
            self.hear().await;
            let mut replaced = self.seat.replaced.clone();
            let turn = tokio::select! {
                flushed = self.flush() => match flushed {
                    true if self.session.is_over() => return "it said good-bye".to_owned(),
                    true => self.next().await,
                    false => return "its connection is closed".to_owned(),
                },
                by = by_whom(&mut replaced) => Turn::Replaced(by),
            };
            match self.take(turn, self.door.clock.even()) {
                Ok(()) => {}
                Err(why) => {
                    self.hear().await;
                    let _ = tokio::time::timeout(FAREWELL_LIMIT, self.flush()).await;
                    return why;
                }
            }
        }
    }

    /// Waits for what happens next.
    async fn next(&mut self) -> Turn {
        let wait = self.session.deadline().since(self.door.clock.even()).to_std();
        tokio::select! {
            frame = self.transport.receive() => Turn::Frame(frame),
            () = self.link.wake.notified() => Turn::Wake,
            () = tokio::time::sleep(wait) => Turn::Tick,
            Some(asked) = self.seat.asks.recv() => Turn::Asked(asked),
            by = by_whom(&mut self.seat.replaced) => Turn::Replaced(by),
            () = self.door.shutdown.cancelled() => Turn::Shutdown,
        }
    }

    fn take(&mut self, turn: Turn, now: Time) -> Result<(), String> {
        let said = |e: ProtocolError| e.to_string();
        match turn {
            Turn::Frame(Some(frame)) => {
                for asked in self.asking.drain(..) {
                    let _ = asked.send(());
                }
                self.session.receive(&mut self.link.ledger(), &frame, now, &mut self.events).map_err(said)
            }
            Turn::Frame(None) => Err("its connection is closed".to_owned()),
            Turn::Wake => Ok(()),
            Turn::Tick => self.session.tick(now).map_err(said),
            Turn::Asked(asked) => {
                self.session.ask(now);
                self.asking.push(asked);
                Ok(())
            }
            Turn::Replaced(by) => {
                self.session.replaced(by.clone());
                Err(by)
            }
            Turn::Shutdown => {
                self.session.goodbye();
                Err("the master stops".to_owned())
            }
        }
    }

    async fn flush(&mut self) -> bool {
        loop {
            let frame = self.session.next_frame(&mut self.link.ledger());
            match frame {
                None => return true,
                Some(frame) => match tokio::time::timeout(SEND_LIMIT, self.transport.send(frame)).await {
                    Ok(true) => {
                        fail_point!("frame-sent-to-worker");
                    }
                    Ok(false) | Err(_) => return false,
                },
            }
        }
    }

    async fn hear(&mut self) {
        for event in std::mem::take(&mut self.events) {
            match event {
                MasterEvent::Started { command } | MasterEvent::Resumed { command } => {
                    tracing::trace!("command {command} runs");
                }
                MasterEvent::Chunk { command, log, stream, offset, data } => {
                    fail_point!("chunk-heard");
                    self.door.hub.append(&self.door.logs, self.link, command, (log, stream, offset), data).await;
                }
                MasterEvent::Ended { command, ending, logs } => self.ended(command, *ending, &logs),
                MasterEvent::Lost { command, reason } => {
                    let end = CommandEnd::Lost(format!("its worker lost it: {reason}"));
                    tokio::spawn(self.taker().lost(command, end));
                }
                MasterEvent::Stale { command, .. } if self.door.hub.is_known(command) => {
                    tracing::trace!("worker {} may forget command {command}", self.worker);
                }
                MasterEvent::Stale { command, reason } => {
                    let (build, epoch) = (BuildId(command.build), command.epoch);
                    tracing::warn!("worker {} holds command {command}: {reason}", self.worker);
                    let stale = Input::Stale { build, epoch, what: format!("came back with a command: {reason}") };
                    let _ = self.door.inbox.send(stale).await;
                }
                MasterEvent::Leaving => {
                    let leaving = Input::Leaving { worker: self.worker, session: self.seat.number };
                    let _ = self.door.inbox.send(leaving).await;
                }
                MasterEvent::Stuck(stuck) => self.door.obstacles.worker(self.seat.number, self.name, &stuck),
                MasterEvent::Gone { .. } | MasterEvent::Bye | MasterEvent::Login(_) => {}
            }
        }
    }

    /// Takes an end in, apart, so that other commands' output is not kept waiting.
    fn ended(&self, command: wire::CommandId, ending: Ending, logs: &[LogLength]) {
        let bytes = logs.iter().find(|log| log.log == 0).map_or(0, |log| log.bytes);
        apart(self.taker().ended(command, ending, bytes));
    }

    fn taker(&self) -> Taker {
        let Doorway { hub, logs, exe, store, .. } = self.door;
        Taker { hub: hub.clone(), logs: logs.clone(), exe: exe.clone(), store: store.clone() }
    }
}

/// Waits until a newer connection has taken over; what is known of it.
async fn by_whom(replaced: &mut watch::Receiver<Option<String>>) -> String {
    let by = replaced.wait_for(Option::is_some).await.ok().and_then(|by| by.clone());
    match by {
        Some(by) => by,
        // The heart is gone: nobody will take over any more.
        None => std::future::pending().await,
    }
}

/// What a worker tells of an end, in the engine's words.
pub(crate) fn command_end(ending: &Ending) -> CommandEnd {
    use wire::{EndedBy, Exit};
    match (&ending.ended_by, &ending.exit) {
        (EndedBy::Interrupted { reason }, _) => match early::test_of(reason) {
            Some(test) => CommandEnd::FirstFailure(test.to_owned()),
            None => CommandEnd::Interrupted(reason.clone()),
        },
        (EndedBy::NoOutput { after }, _) => CommandEnd::NoOutput(*after),
        (EndedBy::TooLong { after }, _) => CommandEnd::TooLong(*after),
        (EndedBy::WorkerStopped, _) => CommandEnd::Lost("its worker was stopped".to_owned()),
        (EndedBy::Orphaned, _) => CommandEnd::Lost("its worker was without a master for too long".to_owned()),
        (EndedBy::WorkerTrouble { what }, _) => CommandEnd::Broken(what.clone()),
        (EndedBy::Itself, Exit::NotStarted { why }) => CommandEnd::NotStarted(why.clone()),
        (EndedBy::Itself, Exit::Exited { code }) => CommandEnd::Exited(*code),
        (EndedBy::Itself, Exit::Signalled { signal }) => {
            CommandEnd::Signalled(process::signal_name(*signal).map_or_else(|| signal.to_string(), str::to_owned))
        }
        (EndedBy::Itself, Exit::SupervisorDied) => {
            CommandEnd::Broken("the process that watched over it is gone".to_owned())
        }
    }
}

/// Does at once what need not wait; what has to goes on as a task of its own.
pub(crate) fn apart(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(work);
    }
}

/// Locks a mutex; a panic elsewhere does not make what it protects unusable.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
