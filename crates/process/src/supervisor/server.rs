//! The supervisor's loop: one thread that waits for the worker, the command's output, its end and the next limit.

use super::command::{Command, Tree};
use super::peer::Peer;
use super::slot::{self, Lock, State};
use super::{GROWN_EVERY, LINGER, SHORT, say};
use crate::cgroup::Group;
use crate::control::{FromSupervisor, Hello, ToSupervisor, VERSION};
use crate::spool::{self, Stream};
use crate::sys::{self, Waited};
use crate::{Cgroup, EndedBy, Job, JobId};
use killpoint::fail_point;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;

/// A supervisor at work.
pub(super) struct Server {
    slot_dir: PathBuf,
    _lock: Lock,
    signals: OwnedFd,
    listener: UnixListener,
    peer: Option<Peer>,
    /// Since when no worker is there, or when the last command ended.
    alone_since: Instant,
    linger: Duration,
    group: GroupState,
    command: Option<Command>,
    childless: bool,
    grown_at: Option<Instant>,
    quit: bool,
    /// Processes of an earlier job could not be ended.
    spoilt: bool,
    buffer: Vec<u8>,
}

/// The slot's control group.
enum GroupState {
    /// Nobody has wanted it yet.
    NotTried,
    /// It cannot be made here.
    None,
    /// It is there.
    Made(Group),
}

/// What woke the loop.
#[derive(Default)]
struct Woken {
    signals: bool,
    connection: bool,
    peer: bool,
    outputs: [Option<Stream>; 2],
}

impl Server {
    /// Makes the slot ours and listens.
    pub(super) fn open(slot_dir: PathBuf, lock: Lock) -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let signals = sys::signal_file()?;
        let listener = slot::listen(&slot_dir)?;
        State { pid: std::process::id(), cgroup: None }.write(&slot_dir)?;
        Ok(Server {
            slot_dir,
            _lock: lock,
            signals,
            listener,
            peer: None,
            alone_since: Instant::now(),
            linger: LINGER,
            group: GroupState::NotTried,
            command: None,
            childless: true,
            grown_at: None,
            quit: false,
            spoilt: false,
            buffer: vec![0; BUFFER],
        })
    }

    /// Serves until there is nothing to serve any more.
    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.is_over() {
            let woken = self.wait()?;
            if woken.signals {
                self.take_signals();
            }
            if woken.connection {
                self.accept();
            }
            if woken.peer {
                self.listen_to_peer();
            }
            let now = Instant::now();
            if let Some(command) = &mut self.command {
                for stream in woken.outputs.into_iter().flatten() {
                    command.type_on();
                    command.read(stream, &mut self.buffer, now);
                }
            }
            self.attend(now);
        }
        if let GroupState::Made(group) = self.group {
            group.remove();
        }
        State::remove(&self.slot_dir);
        // Whoever connects from now on finds nobody, and starts another one.
        std::fs::remove_file(self.slot_dir.join("control"))
    }

    fn is_over(&self) -> bool {
        self.command.is_none()
            && (self.quit || (self.peer.is_none() && Instant::now() >= self.alone_since + self.linger))
    }

    fn away(&self) -> Option<Instant> {
        self.peer.is_none().then_some(self.alone_since)
    }

    fn wait(&self) -> io::Result<Woken> {
        let deadline = match &self.command {
            Some(command) => {
                let grown = self.grown_at.filter(|_| command.grown).map(|at| at + GROWN_EVERY);
                let fresh = command.is_fresh(Instant::now()).then(|| command.started() + SHORT);
                [command.deadline(self.away()), grown, fresh].into_iter().flatten().min()
            }
            None => self.away().map(|since| since + self.linger),
        };
        let timeout = deadline.map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        ];
        if let Some(peer) = &self.peer {
            let out = if peer.is_behind() { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::from_borrowed_fd(peer.as_fd(), PollFlags::IN | out));
        }
        let first_output = fds.len();
        let mut streams = [None, None];
        if let Some(command) = &self.command {
            for (place, (stream, fd, flags)) in command.outputs().take(2).enumerate() {
                streams[place] = Some(stream);
                fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Woken::default()),
            Err(e) => return Err(e.into()),
        }
        let ready = |place: usize| fds.get(place).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            signals: ready(0),
            connection: ready(1),
            peer: self.peer.is_some() && ready(2),
            outputs: [0, 1].map(|place| streams[place].filter(|_| ready(first_output + place))),
        })
    }

    fn take_signals(&mut self) {
        while let Some(signal) = sys::next_signal(self.signals.as_fd()) {
            if matches!(signal, libc::SIGTERM | libc::SIGINT) {
                self.quit = true;
                let reason = format!("the supervisor was told to end by signal {signal}");
                if let Some(command) = &mut self.command {
                    command.end(EndedBy::Interrupted { reason }, self.group.get(), Instant::now());
                }
            }
        }
        self.reap();
    }

    /// Reaps all that ended: children, and orphans that fell to us as the subreaper.
    fn reap(&mut self) {
        let now = Instant::now();
        loop {
            match sys::reap() {
                Waited::Ended(reaped) => {
                    if let Some(command) = &mut self.command {
                        command.reaped(&reaped, now);
                    }
                }
                waited => {
                    self.childless = matches!(waited, Waited::Childless);
                    return;
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let Ok(peer) = Peer::new(stream) else { continue };
            self.peer = Some(peer);
            let holding = self.command.as_ref().map(Command::holding);
            let hello = FromSupervisor::Hello(Hello { version: VERSION, pid: std::process::id(), holding });
            let waits = self.command.as_ref().and_then(Command::waits);
            let said: Vec<_> = [Some(hello), waits].into_iter().flatten().collect();
            self.say(&said);
        }
    }

    fn say(&mut self, messages: &[FromSupervisor]) {
        if let Some(peer) = &mut self.peer
            && peer.say(messages).is_err()
        {
            self.drop_peer();
        }
    }

    fn drop_peer(&mut self) {
        self.peer = None;
        self.alone_since = Instant::now();
    }

    fn listen_to_peer(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let heard = peer.flush().and_then(|()| peer.hear(&mut self.buffer));
        match heard {
            Ok(messages) => {
                for message in messages {
                    self.obey(message);
                }
            }
            Err(e) => {
                if e.kind() == io::ErrorKind::Other {
                    say(&format!("a worker's connection is closed: {e}"));
                }
                self.drop_peer();
            }
        }
    }

    fn obey(&mut self, message: ToSupervisor) {
        let now = Instant::now();
        match message {
            ToSupervisor::Run(job) => self.start(*job, now),
            ToSupervisor::Interrupt { job, reason } => {
                if let Some(command) = self.command.as_mut().filter(|command| command.job().id == job) {
                    command.end(EndedBy::Interrupted { reason }, self.group.get(), now);
                }
            }
            ToSupervisor::Trimmed { job } => {
                if let Some(command) = self.command.as_mut().filter(|command| command.job().id == job) {
                    command.look_again(now);
                }
            }
            ToSupervisor::Linger { time } => self.linger = time,
            ToSupervisor::Quit => self.quit = true,
        }
    }

    fn start(&mut self, job: Job, now: Instant) {
        fail_point!("job-heard");
        let id = job.id.clone();
        if let Err(error) = self.try_start(job, now) {
            match error {
                NotTaken::Runs { pid } => self.say(&[FromSupervisor::Started { job: id, pid }]),
                NotTaken::HasEnded => self.say(&[FromSupervisor::Ended { job: id }]),
                NotTaken::Refused(error) => self.say(&[FromSupervisor::Refused { job: id, error }]),
            }
        }
    }

    fn try_start(&mut self, job: Job, now: Instant) -> Result<(), NotTaken> {
        if let Some(command) = &self.command {
            return Err(if command.job().id == job.id {
                NotTaken::Runs { pid: command.pid() }
            } else {
                NotTaken::Refused(format!("the slot runs {}", command.job().id))
            });
        }
        if self.quit || self.spoilt {
            return Err(NotTaken::Refused("the supervisor is about to end".into()));
        }
        if self.group.get().is_some_and(Group::is_spent)
            && let GroupState::Made(group) = std::mem::replace(&mut self.group, GroupState::NotTried)
        {
            group.remove();
        }
        if job.cgroup == Cgroup::IfPossible && matches!(self.group, GroupState::NotTried) {
            self.make_group();
        }
        let group = self.group.get().filter(|_| job.cgroup == Cgroup::IfPossible);
        let id = job.id.clone();
        let started = Command::start(job, &self.slot_dir, group, now);
        self.command = Some(started.map_err(|error| self.not_taken(&id, &error))?);
        self.childless = false;
        self.grown_at = None;
        self.reap();
        Ok(())
    }

    fn not_taken(&self, id: &JobId, error: &io::Error) -> NotTaken {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return NotTaken::Refused(format!("its spool cannot be made: {error}"));
        }
        match spool::outcome(&id.dir(&self.slot_dir)) {
            Ok(Some(_)) => NotTaken::HasEnded,
            _ => NotTaken::Refused("it has a spool without an outcome: it ran under a supervisor that died".into()),
        }
    }

    fn make_group(&mut self) {
        self.group = match Group::make(std::process::id()) {
            Some(group) => {
                let state = State { pid: std::process::id(), cgroup: Some(group.dir().to_owned()) };
                if let Err(e) = state.write(&self.slot_dir) {
                    say(&format!("the note on the control group cannot be written: {e}"));
                }
                GroupState::Made(group)
            }
            None => GroupState::None,
        };
    }

    /// Moves the command on and tells the worker what is new.
    fn attend(&mut self, now: Instant) {
        let away = self.away();
        let Some(command) = &mut self.command else { return };
        let group = self.group.get().filter(|_| command.job().cgroup == Cgroup::IfPossible);
        command.tick(now, Tree { group, childless: self.childless }, away, &mut self.buffer);
        if command.is_fresh(now) {
            return;
        }
        let mut news = std::mem::take(&mut command.news);
        let id = command.job().id.clone();
        if command.is_told() {
            self.spoilt |= command.has_survivors();
            self.quit |= self.spoilt;
            news.push(FromSupervisor::Ended { job: id });
            self.command = None;
            self.alone_since = self.alone_since.max(now);
        } else if command.grown && self.grown_at.is_none_or(|at| now >= at + GROWN_EVERY) {
            command.grown = false;
            // The first records come with the news that the command runs.
            if !news.iter().any(|message| matches!(message, FromSupervisor::Started { .. })) {
                news.push(FromSupervisor::Grown { job: id });
            }
            self.grown_at = Some(now);
        }
        self.say(&news);
        fail_point!("news-told");
    }
}

impl GroupState {
    fn get(&self) -> Option<&Group> {
        match self {
            GroupState::Made(group) => Some(group),
            GroupState::NotTried | GroupState::None => None,
        }
    }
}

/// Why a job was not begun.
enum NotTaken {
    /// It runs already.
    Runs { pid: u32 },
    /// It has run, and its outcome is in its spool.
    HasEnded,
    /// It cannot be taken.
    Refused(String),
}
