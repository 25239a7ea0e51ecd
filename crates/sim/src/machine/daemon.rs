//! The daemon of a worker: the sessions and the ledger of `wire`, driven as `worker/daemon.rs` drives them.

use super::{Doing, Machine, ORPHANED, STOPPED};
use model::worker::Secret;
use model::{Span, Stream, Time, WorkerInfo};
use std::collections::BTreeMap;
use wire::{
    Again, Assignment, CommandId, EndedBy, Ending, Login, ProtocolError, ReadWish, WorkerAction, WorkerLedger,
    WorkerSession,
};

/// A spool is trimmed when this many bytes more are safe. A real one waits for more.
const TRIM: u64 = 4 << 10;

/// How long commands may take to end when the worker stops, and the master to make their ends durable.
const END_LIMIT: Span = Span::seconds(60);
const REPORT_LIMIT: Span = Span::seconds(3);

/// A connection that lived for this long was good.
const GOOD: Span = Span::seconds(10);

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// What it knows of its commands.
    pub(crate) ledger: WorkerLedger,
    line: Option<Up>,
    login: Login,
    tasks: BTreeMap<CommandId, Task>,
    failures: u32,
    /// Since when the master has been away.
    alone_since: Option<Time>,
    orphan_limit: Option<Span>,
    ticks_at: Option<Time>,
    stop: Stop,
}

/// A line that is up.
#[derive(Debug)]
struct Up {
    connection: u64,
    session: WorkerSession,
    since: Time,
}

#[derive(Debug, Default)]
struct Task {
    /// It waits for a supervisor.
    waits: bool,
    /// Where its spool is read.
    position: u64,
    /// Nobody waits for it.
    dropped: bool,
    /// The spool is to be sought when it is opened.
    seek: Option<u64>,
}

/// How far the worker is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    Ending(Time),
    Reporting(Time),
}

/// How long to wait after a line went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    Usual,
    Slowly,
    Replaced,
}

impl Daemon {
    /// The connection, while there is one.
    pub(crate) fn connection(&self) -> Option<u64> {
        self.line.as_ref().map(|up| up.connection)
    }

    /// Whether it may connect.
    pub(crate) fn wants_a_line(&self) -> bool {
        self.line.is_none() && self.stop == Stop::No
    }
}

impl Machine {
    pub(super) fn daemon_starts(&mut self, now: Time) {
        if self.daemon.is_some() {
            return;
        }
        self.daemons += 1;
        let mut ledger = WorkerLedger::new();
        let mut tasks = BTreeMap::new();
        for (command, job) in &mut self.jobs {
            job.alone_since = None;
            // A command that was not there before cannot be there twice.
            if ledger.adopt(*command).is_ok() {
                tasks.insert(*command, Task::default());
            }
        }
        let instance = self.dice.between(1, i64::MAX - 1).unsigned_abs();
        let login = Login {
            name: self.name.clone(),
            password: Secret::new("x"),
            instance,
            info: WorkerInfo::default(),
            keepalive: None,
        };
        self.daemon = Some(Daemon {
            ledger,
            line: None,
            login,
            tasks,
            failures: 0,
            alone_since: Some(now),
            orphan_limit: self.orphan_limit,
            ticks_at: None,
            stop: Stop::No,
        });
        self.plan(Span::ZERO, Doing::Dial);
    }

    /// The daemon dies. Its supervisors go on.
    pub(crate) fn daemon_dies(&mut self, now: Time) {
        let Some(daemon) = self.daemon.take() else { return };
        self.closed.extend(daemon.connection());
        let limited: Vec<CommandId> = self.jobs.iter().filter(|(_, job)| job.runs()).map(|(id, _)| *id).collect();
        for command in limited {
            let Some(job) = self.jobs.get_mut(&command) else { continue };
            job.alone_since = Some(now);
            if let Some(limit) = job.orphan_limit {
                self.plan(limit, Doing::Orphans(command));
            }
        }
    }

    /// The worker is told to stop: its commands end, the master hears of it, and then the daemon goes.
    pub(crate) fn stop(&mut self, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.stop != Stop::No {
            return;
        }
        daemon.stop = Stop::Ending(now);
        if let Some(up) = daemon.line.as_mut().filter(|up| up.session.is_live()) {
            up.session.leaving();
        }
        self.interrupt_all(STOPPED, now);
        self.pump(now);
    }

    /// A connection was made, or could not be.
    pub(crate) fn dialed(&mut self, made: Option<u64>, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        let Some(connection) = made else { return self.down(Down::Usual, now) };
        match WorkerSession::new(&mut daemon.ledger, daemon.login.clone(), now) {
            Ok(session) => daemon.line = Some(Up { connection, session, since: now }),
            Err(_) => self.down(Down::Usual, now),
        }
        self.pump(now);
    }

    /// A frame arrives on a connection.
    ///
    /// # Errors
    /// The master is not understood; the connection is given up.
    pub(crate) fn frame(&mut self, connection: u64, frame: &[u8], now: Time) -> Result<(), ProtocolError> {
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let Some(up) = daemon.line.as_mut().filter(|up| up.connection == connection) else { return Ok(()) };
        let mut actions = Vec::new();
        let taken = up.session.receive(&mut daemon.ledger, frame, now, &mut actions);
        for action in actions {
            self.act(action, now);
        }
        if taken.is_err() {
            self.down(Down::Usual, now);
        }
        self.pump(now);
        taken
    }

    /// The connection is gone.
    pub(crate) fn line_is_gone(&mut self, connection: u64, now: Time) {
        if self.daemon.as_ref().and_then(Daemon::connection) == Some(connection) {
            self.down(Down::Usual, now);
        }
    }

    fn act(&mut self, action: WorkerAction, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        match action {
            WorkerAction::Welcomed(terms) => {
                daemon.alone_since = None;
                if terms.orphan_limit.is_some() {
                    daemon.orphan_limit = terms.orphan_limit;
                }
                if let Some(up) = daemon.line.as_mut().filter(|_| daemon.stop != Stop::No) {
                    up.session.leaving();
                }
            }
            WorkerAction::Start { command, assignment } => self.begin_soon(command, &assignment),
            WorkerAction::Seek { command, positions } => {
                if let Some(task) = daemon.tasks.get_mut(&command) {
                    task.seek = Some(positions.iter().find(|(log, _)| *log == 0).map_or(0, |(_, at)| *at));
                }
            }
            WorkerAction::Trim { command, log: _, offset } => {
                if let Some(job) = self.jobs.get_mut(&command).filter(|job| offset >= job.trimmed + TRIM) {
                    job.trimmed = offset;
                }
            }
            WorkerAction::Interrupt { command, reason } => self.interrupt(command, reason),
            WorkerAction::Drop { command, reason } => self.discard(command, reason),
            WorkerAction::Forget { command } => self.discard(command, "its end is known".to_owned()),
            WorkerAction::Refused { again, .. } => self.down(
                match again {
                    Again::Soon => Down::Usual,
                    Again::Slowly => Down::Slowly,
                },
                now,
            ),
            WorkerAction::Replaced { .. } => self.down(Down::Replaced, now),
            WorkerAction::Goodbye => self.down(Down::Usual, now),
        }
    }

    fn begin_soon(&mut self, command: CommandId, _work: &Assignment) {
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.stop != Stop::No {
            daemon.tasks.insert(command, Task::default());
            let ending = Ending { ended_by: EndedBy::WorkerStopped, ..Ending::not_started(STOPPED) };
            daemon.ledger.ended(command, ending);
            return;
        }
        daemon.tasks.insert(command, Task { waits: true, ..Task::default() });
        let after = if self.dice.chance(5) { self.dice.span(100, 20_000) } else { self.dice.span(0, 50) };
        self.plan(after, Doing::Begins(command));
    }

    /// A supervisor takes a command that waits.
    pub(super) fn slot_is_free(&mut self, command: CommandId, _now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        let limit = daemon.orphan_limit;
        let Some(task) = daemon.tasks.get_mut(&command).filter(|task| task.waits) else { return };
        task.waits = false;
        daemon.ledger.started(command);
        daemon.ledger.grew(command);
        self.begin(command);
        if let Some(job) = self.jobs.get_mut(&command) {
            job.orphan_limit = limit;
        }
    }

    fn interrupt(&mut self, command: CommandId, reason: String) {
        let Some(daemon) = &mut self.daemon else { return };
        match daemon.tasks.get_mut(&command) {
            Some(task) if task.waits => {
                task.waits = false;
                let ended_by = match reason.as_str() {
                    STOPPED => EndedBy::WorkerStopped,
                    ORPHANED => EndedBy::Orphaned,
                    _ => EndedBy::Interrupted { reason: reason.clone() },
                };
                daemon.ledger.ended(command, Ending { ended_by, ..Ending::not_started(reason) });
            }
            Some(_) => self.interrupt_job(command, reason),
            None => {}
        }
    }

    fn interrupt_all(&mut self, reason: &str, _now: Time) {
        let all: Vec<CommandId> = self.daemon.iter().flat_map(|d| d.tasks.keys()).copied().collect();
        for command in all {
            self.interrupt(command, reason.to_owned());
        }
    }

    /// Ends a command if it runs, and throws its spool away.
    fn discard(&mut self, command: CommandId, reason: String) {
        let Some(daemon) = &mut self.daemon else { return };
        let Some(task) = daemon.tasks.get_mut(&command) else { return daemon.ledger.gone(command) };
        task.dropped = true;
        if self.jobs.get(&command).is_some_and(super::Job::runs) {
            self.interrupt_job(command, reason);
        } else {
            self.remove(command);
        }
    }

    fn remove(&mut self, command: CommandId) {
        self.jobs.remove(&command);
        if let Some(daemon) = &mut self.daemon {
            daemon.tasks.remove(&command);
            daemon.ledger.gone(command);
        }
    }

    /// The spool of a command has grown.
    pub(super) fn news(&mut self, command: CommandId) {
        if let Some(daemon) = &mut self.daemon {
            daemon.ledger.grew(command);
        }
    }

    /// A command has ended.
    pub(super) fn over(&mut self, command: CommandId) {
        let dropped = self.daemon.as_ref().and_then(|d| d.tasks.get(&command)).is_some_and(|task| task.dropped);
        match dropped {
            true => self.remove(command),
            false => self.news(command),
        }
    }

    /// The clock is looked at.
    pub(super) fn tick(&mut self, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        daemon.ticks_at = None;
        if let Some(up) = &mut daemon.line
            && up.session.tick(now).is_err()
        {
            self.down(Down::Usual, now);
        }
        let Some(daemon) = &mut self.daemon else { return };
        if let (Some(since), Some(limit)) = (daemon.alone_since, daemon.orphan_limit)
            && now >= since + limit
        {
            daemon.alone_since = None;
            self.interrupt_all(ORPHANED, now);
        }
        self.stop_further(now);
    }

    fn stop_further(&mut self, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        let runs = |command: &CommandId| self.jobs.get(command).is_some_and(super::Job::runs);
        match daemon.stop {
            Stop::Ending(since) if now >= since + END_LIMIT || !daemon.tasks.keys().any(runs) => {
                daemon.stop = Stop::Reporting(now);
            }
            Stop::Reporting(since) => {
                let told = daemon.ledger.commands().next().is_none();
                let live = daemon.line.as_ref().is_some_and(|up| up.session.is_live());
                if told || !live || now >= since + REPORT_LIMIT {
                    if let Some(up) = &mut daemon.line {
                        up.session.bye();
                    }
                    self.send(now);
                    self.daemon_dies(now);
                }
            }
            Stop::Ending(_) | Stop::No => {}
        }
    }

    /// The line broke, or there was none.
    fn down(&mut self, down: Down, now: Time) {
        let Some(daemon) = &mut self.daemon else { return };
        if let Some(up) = daemon.line.take() {
            if now.since(up.since) >= GOOD {
                daemon.failures = 0;
            }
            self.closed.push(up.connection);
        }
        daemon.alone_since.get_or_insert(now);
        let wait = match down {
            Down::Usual => Span((250_000_i64 << daemon.failures.min(7)).min(30_000_000)),
            Down::Slowly => Span::seconds(60),
            Down::Replaced => Span::seconds(300),
        };
        daemon.failures += 1;
        let going = daemon.stop != Stop::No;
        let less = self.dice.between(0, wait.0 / 2);
        if !going {
            self.plan(Span(wait.0 - less), Doing::Dial);
        }
    }

    /// Sends what there is to send, and says when the clock has to be looked at.
    pub(crate) fn pump(&mut self, now: Time) {
        self.send(now);
        if matches!(&self.daemon, Some(daemon) if daemon.stop != Stop::No) {
            self.stop_further(now);
        }
        let Some(daemon) = &mut self.daemon else { return };
        let orphans = daemon.alone_since.zip(daemon.orphan_limit).map(|(since, limit)| since + limit);
        let stop = match daemon.stop {
            Stop::No => None,
            Stop::Ending(since) => Some(since + END_LIMIT),
            Stop::Reporting(since) => Some(since + REPORT_LIMIT),
        };
        let line = daemon.line.as_ref().map(|up| up.session.deadline());
        let Some(due) = [orphans, stop, line].into_iter().flatten().min().map(|at| at.max(now)) else { return };
        if daemon.ticks_at.is_none_or(|at| due < at || at < now) {
            daemon.ticks_at = Some(due);
            self.plan(due.since(now), Doing::Tick);
        }
    }

    fn send(&mut self, now: Time) {
        if self.send_all(now).is_err() {
            self.down(Down::Usual, now);
        }
    }

    fn send_all(&mut self, now: Time) -> Result<(), ProtocolError> {
        loop {
            let Some(daemon) = &mut self.daemon else { return Ok(()) };
            let Some(up) = &mut daemon.line else { return Ok(()) };
            if let Some(wish) = up.session.next_read(&daemon.ledger) {
                self.read(wish, now)?;
                continue;
            }
            match up.session.next_frame(&mut daemon.ledger, now)? {
                Some(frame) => self.frames.push((up.connection, frame)),
                None => return Ok(()),
            }
        }
    }

    /// Reads a piece of a spool and hands it to the session.
    fn read(&mut self, wish: ReadWish, now: Time) -> Result<(), ProtocolError> {
        let ReadWish { command, limit } = wish;
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let (Some(task), Some(up)) = (daemon.tasks.get_mut(&command), &mut daemon.line) else {
            daemon.ledger.drained(command);
            return Ok(());
        };
        let job = self.jobs.get(&command);
        let position = task.seek.take().unwrap_or(task.position);
        task.position = position;
        let unreadable = match job {
            // It has not begun, or it never will.
            None if task.waits || daemon.ledger.has_ended(command) => {
                daemon.ledger.drained(command);
                return Ok(());
            }
            None => Some("it is gone"),
            Some(job) if job.damaged => Some("a record has not the checksum that it tells"),
            Some(job) if position < job.trimmed => Some("what is asked for was thrown away"),
            Some(_) => None,
        };
        if let Some(why) = unreadable {
            daemon.ledger.lost(command, format!("its spool cannot be read: {why}"));
            self.interrupt_job(command, why.to_owned());
            return Ok(());
        }
        let Some(job) = job else { return Ok(()) };
        let left = job.written.saturating_sub(position).min(limit as u64);
        if left > 0 {
            let data = crate::prf::output(command, position, usize::try_from(left).unwrap_or(limit));
            task.position = position + left;
            return up.session.chunk(&mut daemon.ledger, (command, 0, Stream::Stdout), position, &data, now);
        }
        daemon.ledger.drained(command);
        match &job.ended {
            Some(ending) => daemon.ledger.ended(command, ending.clone()),
            None if job.torn => daemon.ledger.ended(command, Ending::supervisor_died()),
            None => {}
        }
        Ok(())
    }
}
