//! The daemon: one loop that hears the master, the supervisors and the clock.

use crate::WorkerError;
use crate::backoff::chance;
use crate::command::Commands;
use crate::home::Home;
use crate::info;
use crate::job::{ORPHANED, STOPPED};
use crate::line::{Line, LineEvent, Pause};
use crate::link::{self, Link};
use crate::setup::{Master, Setup, Standing, Wish};
use crate::slot::SlotNews;
use killpoint::fail_point;
use model::{Span, Time};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use wire::{Again, Login, ProtocolError, WorkerAction, WorkerSession};

/// News of slots that wait, at most.
const NEWS: usize = 256;

/// How long commands may take to end when the worker stops.
const END_LIMIT: Span = Span::seconds(60);

/// How long the master may take to make their ends durable.
const REPORT_LIMIT: Span = Span::seconds(3);

/// How long the supervisors may take to go.
const QUIT_LIMIT: Span = Span::seconds(10);

/// Runs a worker until `wish` says otherwise. A master that is away, or that does not let it in, is tried again and again.
///
/// # Errors
/// The base directory cannot be used, another daemon uses it, or the master's address is none.
pub async fn run(setup: Setup, wish: watch::Receiver<Wish>) -> Result<(), WorkerError> {
    if let Master::Url(url) = &setup.master {
        link::address(url)?;
    }
    let home = Home::take(&setup.basedir)?;
    let (sender, news) = mpsc::channel(NEWS);
    let mut commands = Commands::new(setup.clone(), home, sender);
    commands.adopt()?;
    let clock = Clock(Instant::now());
    let line = Line::new(setup.master.clone(), setup.patience, clock.now());
    let daemon = Daemon {
        login: Login {
            name: setup.name,
            password: setup.password,
            instance: chance(),
            info: model::WorkerInfo::default(),
            keepalive: setup.keepalive,
        },
        alone_since: Some(clock.now()),
        clock,
        commands,
        line,
        news,
        standing: setup.standing.unwrap_or_default(),
        stop: Stop::No,
    };
    daemon.run(wish).await;
    Ok(())
}

/// Time since the daemon's start, by a clock that nobody sets.
#[derive(Debug)]
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Time {
        Time(Span::from(self.0.elapsed()).0)
    }

    /// The moment in the runtime's own terms.
    fn instant(&self, at: Time) -> tokio::time::Instant {
        (self.0 + Duration::from_micros(at.0.max(0).unsigned_abs())).into()
    }
}

struct Daemon {
    clock: Clock,
    login: Login,
    commands: Commands,
    line: Line,
    news: mpsc::Receiver<SlotNews>,
    standing: watch::Sender<Standing>,
    /// Since when the master has been away.
    alone_since: Option<Time>,
    stop: Stop,
}

/// How far the worker is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Commands are ending.
    Ending {
        since: Time,
    },
    /// All have ended; the master may still have to hear it.
    Reporting {
        since: Time,
    },
    /// The supervisors are going.
    Quitting {
        since: Time,
    },
    Done,
}

impl Daemon {
    async fn run(mut self, mut wish: watch::Receiver<Wish>) {
        loop {
            self.due();
            self.pump();
            if self.stop == Stop::Done {
                break;
            }
            let deadline = self.clock.instant(self.deadline());
            tokio::select! {
                Some(news) = self.news.recv() => {
                    self.commands.news(news);
                    while let Ok(more) = self.news.try_recv() {
                        self.commands.news(more);
                    }
                }
                event = self.line.event() => self.line_event(event),
                () = tokio::time::sleep_until(deadline) => {}
                wished = wished(&mut wish), if self.stop == Stop::No => match wished {
                    Wish::GoOn => {}
                    Wish::EndCommands => {
                        tracing::info!("stopping; {} commands are ended", self.commands.running());
                        self.commands.take_no_more();
                        self.commands.interrupt_all(STOPPED);
                        if let Some(up) = self.line.get().filter(|up| up.session.is_live()) {
                            up.session.leaving();
                        }
                        self.stop = Stop::Ending { since: self.clock.now() };
                    }
                    Wish::LeaveRunning => {
                        tracing::info!("stopping; {} commands go on without this daemon", self.commands.running());
                        break;
                    }
                },
            }
        }
        let (link, _) = self.line.down(Pause::Usual, self.clock.now());
        if let Some(link) = link {
            link.close().await;
        }
    }

    fn deadline(&self) -> Time {
        let orphans = self.alone_since.zip(self.commands.orphan_limit).map(|(since, limit)| since + limit);
        let stop = match self.stop {
            Stop::No | Stop::Done => None,
            Stop::Ending { since } => Some(since + END_LIMIT),
            Stop::Reporting { since } => Some(since + REPORT_LIMIT),
            Stop::Quitting { since } => Some(since + QUIT_LIMIT),
        };
        let all = [self.line.deadline(), self.commands.deadline(), orphans, stop];
        all.into_iter().flatten().min().unwrap_or(self.clock.now() + Span::seconds(60))
    }

    /// Does what the clock asks for.
    fn due(&mut self) {
        let now = self.clock.now();
        self.commands.due(now);
        match self.stop {
            Stop::No => self.line.due(now),
            _ => self.stop_further(now),
        }
        if let Some(up) = self.line.get()
            && let Err(e) = up.session.tick(now)
        {
            self.lost(&e.to_string(), Pause::Usual);
        }
        if let (Some(since), Some(limit)) = (self.alone_since, self.commands.orphan_limit)
            && now.since(since) >= limit
        {
            self.alone_since = None;
            if self.commands.running() > 0 {
                tracing::warn!("no master for {limit}: {} commands are ended", self.commands.running());
                self.commands.interrupt_all(ORPHANED);
            }
        }
    }

    fn stop_further(&mut self, now: Time) {
        match self.stop {
            Stop::Ending { since } => {
                let over = now.since(since) >= END_LIMIT;
                if over {
                    tracing::error!("{} commands do not end; stopping without them", self.commands.running());
                }
                if over || self.commands.running() == 0 {
                    self.stop = Stop::Reporting { since: now };
                    self.stop_further(now);
                }
            }
            Stop::Reporting { since } => {
                let told = self.commands.ledger.commands().next().is_none();
                let late = now.since(since) >= REPORT_LIMIT;
                let live = self.line.get().is_some_and(|up| up.session.is_live());
                if told || late || !live {
                    if let Some(up) = self.line.get() {
                        up.session.bye();
                    }
                    self.commands.quit();
                    self.stop = Stop::Quitting { since: now };
                    self.stop_further(now);
                }
            }
            Stop::Quitting { since } => {
                let late = now.since(since) >= QUIT_LIMIT;
                if self.commands.supervisors() == 0 || late {
                    self.stop = Stop::Done;
                }
            }
            Stop::No | Stop::Done => {}
        }
    }

    /// Sends what there is to send, as far as there is room.
    fn pump(&mut self) {
        if let Err(e) = self.send_all() {
            self.lost(&e.to_string(), Pause::Usual);
        }
    }

    fn send_all(&mut self) -> Result<(), ProtocolError> {
        let now = self.clock.now();
        let Some(up) = self.line.get() else { return Ok(()) };
        up.session.stuck(self.commands.stuck())?;
        loop {
            let Some(room) = up.link.room() else {
                // A closed line has its last frames still to be heard; its end is told after them.
                up.blocked = !up.link.is_closed();
                return Ok(());
            };
            while let Some(wish) = up.session.next_read(&self.commands.ledger) {
                self.commands.read(&mut up.session, wish, now)?;
            }
            match up.session.next_frame(&mut self.commands.ledger, now)? {
                Some(frame) => {
                    room.send(frame);
                    fail_point!("frame-sent-to-master");
                }
                None => {
                    up.blocked = false;
                    return Ok(());
                }
            }
        }
    }

    fn line_event(&mut self, event: LineEvent) {
        match event {
            LineEvent::Dialed(Ok(link)) => self.dialed(link),
            LineEvent::Dialed(Err(e)) | LineEvent::Frame(Err(e)) => self.lost(&e.to_string(), Pause::Usual),
            LineEvent::Room => {}
            LineEvent::Frame(Ok(frame)) => {
                let now = self.clock.now();
                let Some(up) = self.line.get() else { return };
                let mut actions = Vec::new();
                let taken = up.session.receive(&mut self.commands.ledger, &frame, now, &mut actions);
                for action in actions {
                    self.act(action);
                }
                if let Err(e) = taken {
                    self.lost(&format!("the master is not understood: {e}"), Pause::Usual);
                }
            }
        }
    }

    fn dialed(&mut self, link: Link) {
        let now = self.clock.now();
        self.login.info = info::look(self.commands.home().dir());
        match WorkerSession::new(&mut self.commands.ledger, self.login.clone(), now) {
            Ok(session) => {
                self.line.up(link, session, now);
                fail_point!("line-up");
            }
            Err(e) => self.lost(&e.to_string(), Pause::Usual),
        }
    }

    fn act(&mut self, action: WorkerAction) {
        match action {
            WorkerAction::Welcomed(terms) => {
                tracing::info!("connected to {} as {}, session {}", self.line.name(), self.login.name, terms.session);
                self.standing.send_replace(Standing::Connected);
                if self.stop != Stop::No
                    && let Some(up) = self.line.get()
                {
                    up.session.leaving();
                }
                self.alone_since = None;
                if terms.orphan_limit.is_some() {
                    self.commands.orphan_limit = terms.orphan_limit;
                }
            }
            WorkerAction::Start { command, assignment } => self.commands.begin(command, *assignment),
            WorkerAction::Seek { command, positions } => self.commands.seek(command, positions),
            WorkerAction::Trim { command, log, offset } => self.commands.trim(command, log, offset),
            WorkerAction::Interrupt { command, reason } => self.commands.interrupt(command, reason),
            WorkerAction::Drop { command, reason } => self.commands.discard(command, &reason),
            WorkerAction::Forget { command } => self.commands.discard(command, "its end is known"),
            WorkerAction::Refused { reason, again } => {
                let pause = match again {
                    Again::Soon => Pause::Usual,
                    Again::Slowly => Pause::Slowly,
                };
                let why = format!("the master refuses {}: {reason}", self.login.name);
                self.down(&why, pause, Standing::Refused(reason));
            }
            WorkerAction::Replaced { by } => {
                let text = format!("another worker called {} took over: {by}", self.login.name);
                self.lost(&text, Pause::Replaced);
            }
            WorkerAction::Goodbye => self.lost("the master stops", Pause::Restart),
        }
    }

    /// The line broke, or there was none.
    fn lost(&mut self, why: &str, pause: Pause) {
        self.down(why, pause, Standing::Away(why.to_owned()));
    }

    /// The line is down.
    fn down(&mut self, why: &str, pause: Pause, standing: Standing) {
        let now = self.clock.now();
        let (link, wait) = self.line.down(pause, now);
        if let Some(link) = link {
            tokio::spawn(link.close());
        }
        self.alone_since.get_or_insert(now);
        self.standing.send_replace(standing);
        if self.stop == Stop::No {
            tracing::warn!("{}: {why}; next attempt in {wait}", self.line.name());
        }
    }
}

/// Waits for a wish. When nobody is left to wish anything, the worker goes on.
async fn wished(wish: &mut watch::Receiver<Wish>) -> Wish {
    let wanted = wish.wait_for(|w| *w != Wish::GoOn).await.map(|w| *w);
    match wanted {
        Ok(wish) => wish,
        Err(_) => std::future::pending().await,
    }
}
