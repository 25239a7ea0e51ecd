//! A command that runs: what it says goes to the spool, its limits are watched, and its tree is ended.

use super::followed::{AT_ONCE, LOOK, Look};
use super::intake::Intake;
use super::typing::Typing;
use super::{SHORT, tree};
use crate::cgroup::Group;
use crate::control::{FromSupervisor, Holding, HoldingState, Wait};
use crate::spawn::{self, NotStarted, Spawned};
use crate::spool::{Stream, Writer};
use crate::sys::Reaped;
use crate::{Collected, EndedBy, Exit, Job, Outcome, Report, Terminal, text};
use killpoint::fail_point;
use rustix::event::PollFlags;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A write that failed is tried again after this long, and a full spool is looked at.
const AGAIN: Duration = Duration::from_millis(250);
/// The pause between two goes of KILL grows from this
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// to this.
const LAST_PAUSE: Duration = Duration::from_millis(100);
/// One look at the followed files takes no longer than this, though somebody writes them without end.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The main process runs. Its end, a limit or an order moves it on.
    Running,
    /// The main process is gone, others have their grace.
    Leftover { until: Instant },
    /// All were sent TERM.
    Terminating { until: Instant },
    /// All are sent KILL, again and again.
    Killing { since: Instant, next: Instant, pause: Duration },
    /// None is left, or those that are left cannot be ended. The outcome is being written.
    Ended,
    /// The outcome is in the spool.
    Told,
}

/// What is to be written.
#[derive(Debug)]
enum Item {
    Data(u16, Stream, Vec<u8>),
    Outcome(Box<Outcome>),
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Command {
    job: Job,
    spool_dir: PathBuf,
    writer: Writer,
    pid: u32,
    outputs: Vec<(Stream, OwnedFd)>,
    intake: Intake,
    /// What is still to be typed at its terminal.
    typing: Option<Typing>,
    phase: Phase,
    exit: Option<Exit>,
    cause: EndedBy,
    outcome: Outcome,
    started: Instant,
    main_ended: Instant,
    last_output: Instant,
    /// What the spool would not take yet.
    todo: VecDeque<Item>,
    /// Why output is not read, and since when.
    wait: Option<(Wait, Instant)>,
    again: Instant,
    /// How long output was not read, in all; no limit counts it.
    held: Duration,
    /// The spool is gone for good.
    broken: bool,
    /// What the worker should hear.
    pub(super) news: Vec<FromSupervisor>,
    /// The spool has grown.
    pub(super) grown: bool,
}

impl Command {
    /// Makes the spool and starts the command. One that cannot be started has an outcome, too.
    pub(super) fn start(job: Job, slot_dir: &Path, group: Option<&Group>, now: Instant) -> io::Result<Self> {
        let spool_dir = job.id.dir(slot_dir);
        let writer = Writer::create(&spool_dir, &job)?;
        fail_point!("spool-made");
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let outcome = Outcome {
            exit: Exit::Exited(0),
            ended_by: EndedBy::Itself,
            left_behind: Vec::new(),
            survivors: Vec::new(),
            started_at: i64::try_from(wall.as_micros()).unwrap_or(i64::MAX),
            elapsed: 0,
            user_cpu: 0,
            system_cpu: 0,
            max_rss: 0,
            report: None,
            ends: writer.ends().clone(),
            collected: Vec::new(),
        };
        let mut command = Command {
            intake: Intake::new(&job, now),
            job,
            spool_dir,
            writer,
            pid: 0,
            outputs: Vec::new(),
            typing: None,
            phase: Phase::Running,
            exit: None,
            cause: EndedBy::Itself,
            outcome,
            started: now,
            main_ended: now,
            last_output: now,
            todo: VecDeque::new(),
            wait: None,
            again: now,
            held: Duration::ZERO,
            broken: false,
            news: Vec::new(),
            grown: false,
        };
        command.launch(slot_dir, group, now);
        Ok(command)
    }

    fn launch(&mut self, slot_dir: &Path, group: Option<&Group>, now: Instant) {
        let prepared = spawn::prepare(&self.job, slot_dir);
        if let Ok(prepared) = &prepared {
            let opening = text::opening(&self.job, prepared);
            self.head(opening, now);
        }
        match prepared.and_then(|prepared| spawn::spawn(&self.job, prepared, group)) {
            Ok(Spawned { pid, stdout, stderr }) => {
                fail_point!("command-spawned");
                self.pid = pid.unsigned_abs();
                self.outputs.push((Stream::Stdout, stdout));
                self.outputs.extend(stderr.map(|stderr| (Stream::Stderr, stderr)));
                if self.job.terminal == Terminal::Pty {
                    self.typing = Some(Typing::new(self.job.stdin.as_deref().unwrap_or_default()));
                    self.type_on();
                }
                self.news.push(FromSupervisor::Started { job: self.job.id.clone(), pid: self.pid });
            }
            Err(NotStarted { error, blame }) => {
                self.exit = Some(Exit::NotStarted { error: self.intake.text(error), blame });
                self.conclude(now);
            }
        }
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The outcome is in the spool, or the spool is gone for good.
    pub(super) fn is_told(&self) -> bool {
        self.phase == Phase::Told
    }

    /// When it was started.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// It was started just now, runs, and has nothing to say but that.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let nothing_else = matches!(self.news.as_slice(), [FromSupervisor::Started { .. }]);
        nothing_else && self.phase == Phase::Running && now < self.started + SHORT
    }

    /// Some of its processes could not be ended.
    pub(super) fn has_survivors(&self) -> bool {
        !self.outcome.survivors.is_empty()
    }

    pub(super) fn holding(&self) -> Holding {
        let state = match self.phase {
            Phase::Running => HoldingState::Running { pid: self.pid },
            _ => HoldingState::Ending,
        };
        Holding { job: self.job.id.clone(), state }
    }

    /// What to read from, none while the output is not to be read; and whether it is to be written to as well.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (Stream, BorrowedFd<'_>, PollFlags)> {
        let flags = if self.typing.is_some() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        self.outputs.iter().filter(|_| self.wait.is_none()).map(move |(stream, fd)| (*stream, fd.as_fd(), flags))
    }

    /// Types what the terminal takes.
    pub(super) fn type_on(&mut self) {
        if let (Some(typing), Some((_, terminal))) = (&mut self.typing, self.outputs.first())
            && !typing.go_on(terminal)
        {
            self.typing = None;
        }
    }

    /// Takes a stretch of output, one read at most. Answers whether there may be more.
    pub(super) fn read(&mut self, stream: Stream, buffer: &mut [u8], now: Instant) -> bool {
        if self.wait.is_some() {
            return false;
        }
        let Some(place) = self.outputs.iter().position(|(of, _)| *of == stream) else { return false };
        match rustix::io::read(&self.outputs[place].1, &mut *buffer) {
            Ok(n) if n > 0 => {
                self.last_output = now;
                if !self.job.unwanted.contains(&stream) {
                    fail_point!("output-read");
                    self.take(self.job.log, stream, &buffer[..n], now);
                    fail_point!("output-spooled");
                    self.hold_if_full(now);
                }
                true
            }
            Err(rustix::io::Errno::INTR) => true,
            Err(rustix::io::Errno::AGAIN) => false,
            // Closed; a terminal says EIO then.
            Ok(_) | Err(_) => {
                self.outputs.remove(place);
                false
            }
        }
    }

    fn take(&mut self, log: u16, stream: Stream, data: &[u8], now: Instant) {
        let data = self.intake.through(log, stream, data, now);
        self.keep(log, stream, &data, now);
    }

    fn keep(&mut self, log: u16, stream: Stream, data: &[u8], now: Instant) {
        if self.broken || data.is_empty() {
            return;
        }
        if !self.todo.is_empty() {
            self.todo.push_back(Item::Data(log, stream, data.to_vec()));
        } else if let Err(error) = self.writer.append(log, stream, data) {
            self.todo.push_back(Item::Data(log, stream, data.to_vec()));
            self.stuck(&error, now);
        } else {
            self.grown = true;
        }
    }

    /// Keeps what was held back for long enough; all of it at the end.
    fn release(&mut self, at_end: bool, now: Instant) {
        for (log, stream, data) in self.intake.release(at_end, now) {
            self.keep(log, stream, &data, now);
        }
    }

    /// Takes what is new in the files that are followed. At the end that is all there is.
    fn look(&mut self, at_end: bool, buffer: &mut [u8], now: Instant) {
        let patience = Instant::now() + LAST_LOOK;
        self.intake.look_at = now + LOOK;
        for place in 0..self.intake.followed.len() {
            let mut taken = 0;
            while self.wait.is_none() && Instant::now() < patience {
                let log = self.intake.followed[place].log();
                match self.intake.followed[place].look(buffer) {
                    Look::Bytes(n) => {
                        self.last_output = now;
                        self.take(log, Stream::Stdout, &buffer[..n], now);
                        self.hold_if_full(now);
                        taken += n;
                    }
                    Look::CutShort => self.keep(log, Stream::Header, b"the file was cut short\n", now),
                    Look::Nothing => break,
                }
                if taken >= AT_ONCE && !at_end {
                    self.intake.look_at = now;
                    break;
                }
            }
        }
    }

    /// Says something in the command's log.
    fn head(&mut self, text: String, now: Instant) {
        if self.job.unwanted.contains(&Stream::Header) {
            return;
        }
        let text = self.intake.text(text);
        self.write(Item::Data(self.job.log, Stream::Header, text.into_bytes()), now);
    }

    fn write(&mut self, item: Item, now: Instant) {
        if !self.broken {
            self.todo.push_back(item);
            self.flush(now);
        }
    }

    /// Writes what waits to be written.
    fn flush(&mut self, now: Instant) {
        while let Some(item) = self.todo.front_mut() {
            let written = match item {
                Item::Data(log, stream, data) => self.writer.append(*log, *stream, data),
                Item::Outcome(outcome) => {
                    outcome.ends = self.writer.ends().clone();
                    self.writer.finish(outcome)
                }
            };
            if let Err(error) = written {
                self.stuck(&error, now);
                return;
            }
            if let Some(Item::Outcome(outcome)) = self.todo.pop_front() {
                fail_point!("outcome-spooled");
                self.outcome = *outcome;
                self.phase = Phase::Told;
            }
            self.grown = true;
        }
    }

    /// The spool does not take what it should.
    fn stuck(&mut self, error: &io::Error, now: Instant) {
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) {
            // Somebody deleted it; there is no use in waiting.
            self.broken = true;
            self.todo.clear();
            if self.phase == Phase::Ended {
                self.phase = Phase::Told;
            }
            return;
        }
        self.hold(Wait::Disk { error: error.to_string() }, now);
    }

    fn hold_if_full(&mut self, now: Instant) {
        if self.writer.full() {
            self.hold(Wait::SpoolLimit, now);
        }
    }

    fn hold(&mut self, why: Wait, now: Instant) {
        self.again = now + AGAIN;
        if self.wait.as_ref().is_none_or(|(waits_for, _)| *waits_for != why) {
            let since = self.wait.take().map_or(now, |(_, since)| since);
            self.news.push(FromSupervisor::Waiting { job: self.job.id.clone(), why: why.clone() });
            self.wait = Some((why, since));
        }
    }

    /// What it waits for, for somebody who has just come.
    pub(super) fn waits(&self) -> Option<FromSupervisor> {
        let (why, _) = self.wait.as_ref()?;
        Some(FromSupervisor::Waiting { job: self.job.id.clone(), why: why.clone() })
    }

    /// Looks whether the spool takes more now.
    pub(super) fn look_again(&mut self, now: Instant) {
        if self.wait.is_none() {
            return;
        }
        self.again = now + AGAIN;
        self.flush(now);
        if !self.todo.is_empty() {
            return;
        }
        if self.writer.full() && self.phase != Phase::Told {
            self.hold(Wait::SpoolLimit, now);
            return;
        }
        if let Some((_, since)) = self.wait.take() {
            self.held += now.saturating_duration_since(since);
            self.last_output = now;
            self.news.push(FromSupervisor::Resumed { job: self.job.id.clone() });
        }
    }

    /// One of its processes ended.
    pub(super) fn reaped(&mut self, reaped: &Reaped, now: Instant) {
        self.outcome.user_cpu += reaped.user;
        self.outcome.system_cpu += reaped.system;
        self.outcome.max_rss = self.outcome.max_rss.max(reaped.max_rss);
        if reaped.pid.unsigned_abs() == self.pid && self.exit.is_none() {
            fail_point!("exit-seen");
            self.main_ended = now;
            self.exit = Some(match reaped.status {
                Ok(code) => Exit::Exited(code),
                Err((signal, core)) => Exit::Signalled { signal, core },
            });
        }
    }

    /// Begins to end it, unless that has begun.
    pub(super) fn end(&mut self, cause: EndedBy, group: Option<&Group>, now: Instant) {
        if !matches!(self.phase, Phase::Running | Phase::Leftover { .. }) {
            return;
        }
        if let Some(line) = text::cause(&cause) {
            self.head(line, now);
        }
        self.cause = cause;
        tree::terminate(self.pid, group);
        self.phase = Phase::Terminating { until: now + self.job.sigterm_time };
    }

    /// Moves on what time and the processes' ends move. `childless`: no process below us is left. `away`: since when no
    /// worker is there.
    pub(super) fn tick(&mut self, now: Instant, tree: Tree<'_>, away: Option<Instant>, buffer: &mut [u8]) {
        if self.wait.is_some() && now >= self.again {
            self.look_again(now);
        }
        if self.broken && self.phase == Phase::Running {
            self.end(EndedBy::Interrupted { reason: "its spool is gone".into() }, tree.group, now);
        }
        if matches!(self.phase, Phase::Ended | Phase::Told) {
            return;
        }
        self.release(false, now);
        if now >= self.intake.look_at && !self.intake.followed.is_empty() {
            self.look(false, buffer, now);
        }
        let group = tree.group;
        let empty = tree.childless && self.exit.is_some() && !group.is_some_and(Group::populated);
        if empty {
            self.drain_and_conclude(buffer, now);
            return;
        }
        match self.phase {
            Phase::Running if self.exit.is_some() => {
                self.phase = Phase::Leftover { until: now + self.job.leftover_grace };
            }
            Phase::Running => {
                if let Some(cause) = self.limit(now, away) {
                    self.end(cause, group, now);
                }
            }
            Phase::Leftover { until } if now >= until => self.end_leftover(group, now),
            Phase::Terminating { until } if now >= until => {
                self.phase = Phase::Killing { since: now, next: now, pause: FIRST_PAUSE };
            }
            _ => {}
        }
        if let Phase::Killing { since, next, pause } = self.phase
            && now >= next
        {
            if now.saturating_duration_since(since) >= Outcome::KILL_LIMIT {
                self.give_up(group, buffer, now);
                return;
            }
            tree::kill(group);
            self.phase = Phase::Killing { since, next: now + pause, pause: (pause * 2).min(LAST_PAUSE) };
        }
    }

    /// The living processes, as people may see them.
    fn names(&self, group: Option<&Group>) -> Vec<String> {
        tree::names(group).into_iter().map(|name| self.intake.text(name)).collect()
    }

    fn end_leftover(&mut self, group: Option<&Group>, now: Instant) {
        let names = self.names(group);
        if !names.is_empty() {
            let line = text::processes("left behind", &names, "ended");
            self.head(line, now);
        }
        self.outcome.left_behind = names;
        tree::terminate(self.pid, group);
        self.phase = Phase::Terminating { until: now + self.job.sigterm_time };
    }

    fn give_up(&mut self, group: Option<&Group>, buffer: &mut [u8], now: Instant) {
        let names = self.names(group);
        if !names.is_empty() {
            let line = text::processes("even KILL does not end", &names, "left alone");
            self.head(line, now);
        }
        self.outcome.survivors = names;
        self.exit.get_or_insert(Exit::Signalled { signal: libc::SIGKILL, core: false });
        self.drain_and_conclude(buffer, now);
    }

    /// The limit that is reached, if one is.
    fn limit(&self, now: Instant, away: Option<Instant>) -> Option<EndedBy> {
        if self.wait.is_none() {
            if let Some(limit) = self.job.timeout.filter(|limit| now >= self.last_output + *limit) {
                return Some(EndedBy::NoOutput(limit));
            }
            if let Some(limit) = self.job.max_time.filter(|limit| now >= self.started + *limit + self.held) {
                return Some(EndedBy::TooLong(limit));
            }
        }
        let limit = self.job.orphan_limit?;
        (now >= away?.max(self.started) + limit).then_some(EndedBy::Orphaned(limit))
    }

    /// When [`tick`](Self::tick) has something to do at the latest, if nothing else happens.
    pub(super) fn deadline(&self, away: Option<Instant>) -> Option<Instant> {
        let again = self.wait.as_ref().map(|_| self.again);
        let phase = match self.phase {
            Phase::Running => {
                let reading = self.wait.is_none();
                let silent = self.job.timeout.filter(|_| reading).map(|limit| self.last_output + limit);
                let long = self.job.max_time.filter(|_| reading).map(|limit| self.started + limit + self.held);
                let orphan = self.job.orphan_limit.and_then(|limit| Some(away?.max(self.started) + limit));
                [silent, long, orphan].into_iter().flatten().min()
            }
            Phase::Leftover { until } | Phase::Terminating { until } => Some(until),
            Phase::Killing { next, .. } => Some(next),
            Phase::Ended | Phase::Told => None,
        };
        let over = matches!(self.phase, Phase::Ended | Phase::Told) || self.wait.is_some();
        let intake = self.intake.deadline().filter(|_| !over);
        [again, phase, intake].into_iter().flatten().min()
    }

    /// Reads what is still in the pipes, and writes the outcome when that is all.
    fn drain_and_conclude(&mut self, buffer: &mut [u8], now: Instant) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.read(stream, buffer, now) {}
        }
        self.look(true, buffer, now);
        if self.wait.is_none() {
            self.conclude(now);
        }
    }

    fn conclude(&mut self, now: Instant) {
        self.outputs.clear();
        self.release(true, now);
        let exit = self.exit.clone().unwrap_or(Exit::Exited(0));
        let line = text::closing(&exit, self.main_ended.saturating_duration_since(self.started));
        let mut lines = line;
        let mut outcome = self.outcome.clone();
        if self.job.report == Report::File {
            match read_report(&spawn::report_path(&self.spool_dir)) {
                Ok(report) => outcome.report = report.map(|bytes| self.intake.bytes(bytes)),
                Err(error) => lines.push_str(&format!("its report is not taken: {error}\n")),
            }
        }
        outcome.exit = exit;
        outcome.ended_by = self.cause.clone();
        outcome.elapsed = now.saturating_duration_since(self.started).as_micros().try_into().unwrap_or(u64::MAX);
        self.phase = if self.broken { Phase::Told } else { Phase::Ended };
        outcome.collected = self
            .job
            .collect
            .iter()
            .filter_map(|file| {
                let data = read_first(&file.path, Job::LONGEST_COLLECTED + 1).ok()??;
                Some(Collected { name: file.name.clone(), data })
            })
            .collect();
        self.head(lines, now);
        self.write(Item::Outcome(Box::new(outcome)), now);
    }
}

/// What is known of the command's processes at a moment.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    /// The group that holds them.
    pub(super) group: Option<&'a Group>,
    /// No process below this one is left.
    pub(super) childless: bool,
}

/// What the command left for us, if anything. It may be no plain file, or too long: the command chose what is there.
fn read_report(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_first(path, Job::LONGEST_REPORT + 1)? {
        Some(bytes) if bytes.len() > Job::LONGEST_REPORT => Err(io::Error::other("it is longer than 64 KiB")),
        other => Ok(other),
    }
}

/// The first bytes of a plain file, if there is one.
fn read_first(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match open {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
