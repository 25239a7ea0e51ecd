//! Worker sessions: what connects a socket, the ledger of its worker, the logs and the heart.
//!
//! A [`Link`] is what a worker has for good: its ledger, and who speaks with it now. The heart writes wishes into the
//! ledger; the connection that is live carries them out, or the next one does.

use crate::Clock;
use crate::effect::{self, Effect};
use crate::hub::{Hub, Link};
use crate::input::{CommandEnded, Input};
use engine::World;
use engine::build::{CommandEnd, SealedLog};
use model::property::Property;
use model::worker::WorkerAccess;
use model::{BuildId, Time, WorkerId};
use std::future::Future;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wire::{Again, Ending, Hello, MasterEvent, MasterLedger, MasterSession, ProtocolError, Welcome};

/// Frames in both directions, over whatever connects two processes.
pub(crate) trait Transport: Send {
    /// The next frame; `None` when the other side is gone. May be dropped and asked again.
    fn receive(&mut self) -> impl Future<Output = Option<Vec<u8>>> + Send;
    /// Sends a frame; false when the other side is gone.
    fn send(&mut self, frame: Vec<u8>) -> impl Future<Output = bool> + Send;
}

/// How a worker came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Over the network: it must prove who it is.
    Network,
    /// Started by this very process under this name.
    Local(String),
}

/// A worker that wants to be let in.
pub(crate) struct Admission {
    pub(crate) hello: Box<Hello>,
    pub(crate) via: Via,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

/// What the heart says to it.
pub(crate) enum Verdict {
    /// It is this worker.
    Welcome {
        worker: WorkerId,
        link: Arc<Link>,
        session: u64,
        /// Cancelled when a newer connection of the same worker takes over.
        replaced: CancellationToken,
    },
    /// It is not let in.
    Refused(Refusal),
}

/// Why a worker is not let in.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) again: Again,
}

/// Who is connected, as the heart sees it.
pub(crate) struct Sessions {
    hub: Arc<Hub>,
    live: std::collections::BTreeMap<WorkerId, (u64, CancellationToken)>,
    next: AtomicU64,
}

impl Sessions {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, live: Default::default(), next: AtomicU64::new(1) }
    }

    /// Whether this is who it says, in this configuration.
    pub(crate) fn check(&self, world: &World, admission: &Admission) -> Result<WorkerId, Refusal> {
        let hello = &admission.hello;
        let refuse = |reason: String| Err(Refusal { reason, again: Again::Slowly });
        let Some((state, spec)) = world.worker_named(&hello.name).and_then(|w| w.spec.as_ref().map(|s| (w, s))) else {
            return refuse(format!("there is no worker \"{}\" in the master's configuration", hello.name));
        };
        match (&spec.access, &admission.via) {
            (WorkerAccess::Local, Via::Local(name)) if *name == hello.name => Ok(state.worker.id),
            (WorkerAccess::Local, _) => {
                refuse(format!("the worker \"{}\" is a local one: the master starts it itself", hello.name))
            }
            (WorkerAccess::Remote { password }, _) => {
                let (said, right) = (hello.password.reveal().as_bytes(), password.reveal().as_bytes());
                match bool::from(said.ct_eq(right)) {
                    true => Ok(state.worker.id),
                    false => refuse(format!("the password of worker \"{}\" is wrong", hello.name)),
                }
            }
        }
    }

    /// Lets a worker in. An older connection of the same worker is told that it was replaced.
    pub(crate) fn admit(&mut self, worker: WorkerId, reply: oneshot::Sender<Verdict>) {
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        let replaced = CancellationToken::new();
        if let Some((_, old)) = self.live.insert(worker, (session, replaced.clone())) {
            old.cancel();
        }
        let link = self.hub.link(worker);
        let _ = reply.send(Verdict::Welcome { worker, link, session, replaced });
    }

    /// A connection is gone. True: the worker is away now; false: a newer connection has taken over.
    pub(crate) fn remove(&mut self, worker: WorkerId, session: u64) -> bool {
        match self.live.get(&worker) {
            Some((live, _)) if *live == session => self.live.remove(&worker).is_some(),
            _ => false,
        }
    }

    /// Carries out what is to be said to a worker.
    pub(crate) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Start { worker, command, logs, assignment } => {
                let link = self.hub.link(worker);
                self.hub.route(&link, command, &logs);
                if let Err(e) = link.ledger().start(command, &assignment) {
                    let end = CommandEnd::Broken(format!("it cannot be sent to its worker: {e}"));
                    self.hub.ended(CommandEnded { command, end, properties: vec![], logs: vec![] });
                }
                link.wake.notify_one();
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
            Effect::FinishLogs { .. } | Effect::SealLost { .. } => {}
        }
    }

    /// Makes the ledgers agree with a world that was read from the store: what runs is expected, what does not is
    /// dropped. `durable` tells how many bytes of a running step's logs are on disk.
    pub(crate) async fn restore(&self, world: &World, logs: &logs::Logs) {
        for running in world.builds() {
            let Some(step) = running.current() else { continue };
            let build = running.build.id;
            let command = effect::command_id(build, running.build.lease.epoch, step.id);
            let link = self.hub.link(running.build.worker);
            if link.ledger().standing(command).is_some() {
                continue;
            }
            let ids: Vec<_> = running.logs.iter().map(|l| l.id).collect();
            self.hub.route(&link, command, &ids);
            let mut lengths = Vec::new();
            for log in &running.logs {
                match logs.begin(build, log.id).await {
                    Ok(durable) => lengths.push((log.number, durable)),
                    Err(e) => tracing::error!("log {} of build {build} cannot be opened again: {e}", log.id),
                }
            }
            let begun = lengths.iter().any(|(_, bytes)| *bytes > 0);
            let assignment = if begun { None } else { effect::assignment(world, build) };
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
}

/// Speaks with a worker until one side is gone.
pub(crate) async fn serve(door: &Doorway, via: Via, mut transport: impl Transport) {
    let mut session = MasterSession::new(door.clock.now());
    let Some(hello) = greet(door, &mut session, &mut transport).await else { return };
    let (name, held) = (hello.name.clone(), hello.held.len());
    let (reply, verdict) = oneshot::channel();
    let admission = Box::new(Admission { hello, via, reply });
    if door.inbox.send(Input::Hello { admission }).await.is_err() {
        return;
    }
    match verdict.await {
        Ok(Verdict::Welcome { worker, link, session: number, replaced }) => {
            tracing::info!("worker {name} is connected{}", if held > 0 { ", and comes back with work" } else { "" });
            let mut line = Line { door, session, link: &link, transport, worker, replaced, events: Vec::new() };
            let why = line.run(number).await;
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
    let wait = session.deadline().since(door.clock.now()).to_std();
    let frame = tokio::select! {
        frame = tokio::time::timeout(wait, transport.receive()) => frame.ok()??,
        () = door.shutdown.cancelled() => return None,
    };
    match session.hello(&frame, door.clock.now()) {
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
    replaced: CancellationToken,
    events: Vec<MasterEvent>,
}

enum Turn {
    Frame(Option<Vec<u8>>),
    Wake,
    Tick,
    Replaced,
    Shutdown,
}

impl<T: Transport> Line<'_, T> {
    /// Answers why it ended.
    async fn run(&mut self, number: u64) -> String {
        let terms = Welcome::usual(i64::try_from(number).unwrap_or(i64::MAX));
        let now = self.door.clock.now();
        self.session.welcome(&mut self.link.ledger(), terms, now, &mut self.events);
        loop {
            self.hear().await;
            if !self.flush().await {
                return "its connection is closed".to_owned();
            }
            if self.session.is_over() {
                return "it said good-bye".to_owned();
            }
            let now = self.door.clock.now();
            let wait = self.session.deadline().since(now).to_std();
            let turn = tokio::select! {
                frame = self.transport.receive() => Turn::Frame(frame),
                () = self.link.wake.notified() => Turn::Wake,
                () = tokio::time::sleep(wait) => Turn::Tick,
                () = self.replaced.cancelled() => Turn::Replaced,
                () = self.door.shutdown.cancelled() => Turn::Shutdown,
            };
            match self.take(turn, self.door.clock.now()) {
                Ok(()) => {}
                Err(why) => {
                    self.hear().await;
                    self.flush().await;
                    return why;
                }
            }
        }
    }

    fn take(&mut self, turn: Turn, now: Time) -> Result<(), String> {
        let said = |e: ProtocolError| e.to_string();
        match turn {
            Turn::Frame(Some(frame)) => {
                self.session.receive(&mut self.link.ledger(), &frame, now, &mut self.events).map_err(said)
            }
            Turn::Frame(None) => Err("its connection is closed".to_owned()),
            Turn::Wake => Ok(()),
            Turn::Tick => self.session.tick(now).map_err(said),
            Turn::Replaced => {
                self.session.replaced("a newer connection of the same name took over");
                Err("a newer connection of the same name took over".to_owned())
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
                Some(frame) => {
                    if !self.transport.send(frame).await {
                        return false;
                    }
                }
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
                    self.door.hub.append(&self.door.logs, self.link, command, (log, stream, offset), data).await;
                }
                MasterEvent::Ended { command, ending, .. } => self.ended(command, *ending),
                MasterEvent::Lost { command, reason } => {
                    let end = CommandEnd::Broken(format!("its worker lost it: {reason}"));
                    self.end(command, end, Vec::new());
                }
                MasterEvent::Stale { command, reason } => {
                    let (build, epoch) = (BuildId(command.build), command.epoch);
                    tracing::warn!("worker {} holds command {command}: {reason}", self.worker);
                    let stale = Input::Stale { build, epoch, what: format!("came back with a command: {reason}") };
                    let _ = self.door.inbox.send(stale).await;
                }
                MasterEvent::Gone { .. } | MasterEvent::Bye | MasterEvent::Login(_) => {}
            }
        }
    }

    fn ended(&self, command: wire::CommandId, ending: Ending) {
        let properties = ending.properties.iter().map(|(name, value)| {
            let source = "Source".to_owned();
            (name.clone(), Property { value: value.clone(), source })
        });
        let properties = properties.collect();
        self.end(command, command_end(&ending), properties);
    }

    /// Seals the command's logs and tells the heart. Apart, so that other commands' output is not kept waiting.
    fn end(&self, command: wire::CommandId, end: CommandEnd, properties: Vec<(String, Property)>) {
        let (hub, logs) = (self.door.hub.clone(), self.door.logs.clone());
        tokio::spawn(async move {
            let sealed = seal(&hub, &logs, command).await;
            hub.ended(CommandEnded { command, end, properties, logs: sealed });
        });
    }
}

async fn seal(hub: &Hub, logs: &logs::Logs, command: wire::CommandId) -> Vec<SealedLog> {
    let build = BuildId(command.build);
    let mut sealed = Vec::new();
    for log in hub.logs_of(command) {
        let whole = match hub.begin(logs, build, log).await {
            Ok(()) => logs.seal(build, log).await,
            Err(e) => Err(e),
        };
        match whole {
            Ok(s) => sealed.push(SealedLog { log, lines: s.lines, bytes: s.bytes, crc32: s.crc32 }),
            Err(e) => tracing::error!("log {log} of build {build} cannot be sealed: {e}"),
        }
    }
    sealed
}

/// What a worker tells of an end, in the engine's words.
fn command_end(ending: &Ending) -> CommandEnd {
    use wire::{EndedBy, Exit};
    match (&ending.ended_by, &ending.exit) {
        (EndedBy::Interrupted { reason }, _) => CommandEnd::Interrupted(reason.clone()),
        (EndedBy::NoOutput { after }, _) => CommandEnd::NoOutput(*after),
        (EndedBy::TooLong { after }, _) => CommandEnd::TooLong(*after),
        (EndedBy::WorkerStopped, _) => CommandEnd::Broken("its worker was stopped".to_owned()),
        (EndedBy::Orphaned, _) => CommandEnd::Broken("its worker was without a master for too long".to_owned()),
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

/// Locks a mutex; a panic elsewhere does not make what it protects unusable.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
