//! Machines with workers: a daemon that speaks with the master in the words of `wire`, and the supervisors that outlive
//! it, each with its command and its spool.

mod clock;
mod daemon;
mod job;

pub(crate) use daemon::Daemon;
pub(crate) use job::Job;

use crate::dice::Dice;
use model::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use wire::{CommandId, EndedBy, Ending, Exit};

/// What supervisors are told when their worker stops, and when the master stays away.
const STOPPED: &str = "the worker is being stopped";
const ORPHANED: &str = "the master stayed away for too long";

/// What happens on a machine after a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// The daemon starts.
    DaemonStarts,
    /// The daemon tries to connect.
    Dial,
    /// The daemon looks at its clock.
    Tick,
    /// A supervisor begins a command.
    Begins(CommandId),
    /// A command writes, or ends.
    Grows(CommandId),
    /// A command ends because it was told to.
    Dies(CommandId),
    /// The supervisor of a command looks whether there has been a daemon with a master.
    Orphans(CommandId),
}

/// What has to be the same still when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// The machine was not started anew.
    Boot(u64),
    /// The daemon is the same.
    Daemon(u64),
}

/// Something that will happen on a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) after: Span,
    pub(crate) era: Era,
    pub(crate) doing: Doing,
}

/// What becomes of the disk when a machine loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// It is empty afterwards: another machine took over the name.
    Empty,
    /// It is there, but for what was written last.
    Torn,
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The name of its worker.
    pub(crate) name: String,
    /// Its clock.
    pub(crate) clock: clock::Clock,
    /// It does as it should: no more mischief.
    pub(crate) honest: bool,
    /// Its commands, with their spools.
    pub(crate) jobs: BTreeMap<CommandId, Job>,
    /// The daemon, while it runs.
    pub(crate) daemon: Option<Daemon>,
    /// What will happen.
    pub(crate) plans: Vec<Plan>,
    /// Frames that are ready to be sent, each with its connection.
    pub(crate) frames: Vec<(u64, Vec<u8>)>,
    /// Connections that the daemon has given up.
    pub(crate) closed: Vec<u64>,
    /// Commands that began, each as often as it did.
    pub(crate) begun: BTreeMap<CommandId, u32>,
    /// Commands of whose spools something was lost.
    pub(crate) lost: BTreeSet<CommandId>,
    /// Nothing on its disk was ever lost.
    pub(crate) remembers: bool,
    orphan_limit: Option<Span>,
    boot: u64,
    daemons: u64,
    dice: Dice,
}

impl Machine {
    /// A machine without a daemon.
    pub(crate) fn new(name: &str, stream: &str, seed: u64) -> Self {
        let mut dice = Dice::new(seed, stream);
        let orphan_limit = match dice.between(0, 9) {
            0 => Some(Span::seconds(20)),
            1 => Some(Span::seconds(600)),
            _ => None,
        };
        Machine {
            name: name.to_owned(),
            clock: clock::Clock::by_chance(&mut Dice::new(seed, &format!("clock of {stream}"))),
            honest: false,
            jobs: BTreeMap::new(),
            daemon: None,
            plans: Vec::new(),
            frames: Vec::new(),
            closed: Vec::new(),
            begun: BTreeMap::new(),
            lost: BTreeSet::new(),
            remembers: true,
            orphan_limit,
            boot: 1,
            daemons: 0,
            dice,
        }
    }

    /// Whether this era still lasts.
    pub(crate) fn lasts(&self, era: Era) -> bool {
        match era {
            Era::Boot(boot) => self.boot == boot,
            Era::Daemon(daemon) => self.daemon.is_some() && self.daemons == daemon,
        }
    }

    /// As long as this daemon runs.
    pub(crate) fn era_of_daemon(&self) -> Era {
        Era::Daemon(self.daemons)
    }

    fn plan(&mut self, after: Span, doing: Doing) {
        let era = match doing {
            Doing::DaemonStarts | Doing::Grows(_) | Doing::Dies(_) | Doing::Orphans(_) => Era::Boot(self.boot),
            Doing::Dial | Doing::Tick | Doing::Begins(_) => Era::Daemon(self.daemons),
        };
        self.plans.push(Plan { after, era, doing });
    }

    /// The daemon starts in a while, unless one runs.
    pub(crate) fn start_daemon(&mut self, after: Span) {
        self.plan(after, Doing::DaemonStarts);
    }

    /// The machine loses its power. The other side of its connection hears nothing of it.
    pub(crate) fn lose_power(&mut self, disk: Disk) {
        self.boot += 1;
        self.daemon = None;
        self.remembers &= disk == Disk::Torn;
        match disk {
            Disk::Empty => self.lost.extend(std::mem::take(&mut self.jobs).into_keys()),
            Disk::Torn => {
                for (command, job) in &mut self.jobs {
                    let torn = self.dice.chance(40).then(|| self.dice.between(0, 4_000).unsigned_abs());
                    if torn.is_some() {
                        self.lost.insert(*command);
                    }
                    job.lose_power(torn);
                }
            }
        }
    }

    /// One of its commands is gone without a trace, or can be read no more.
    pub(crate) fn spoil_one(&mut self) -> Option<CommandId> {
        let all: Vec<CommandId> = self.jobs.keys().copied().collect();
        let one = *self.dice.pick(&all)?;
        self.remembers = false;
        self.lost.insert(one);
        if self.dice.chance(50) {
            self.jobs.remove(&one);
        } else if let Some(job) = self.jobs.get_mut(&one) {
            job.damaged = true;
        }
        Some(one)
    }

    /// A supervisor begins a command.
    fn begin(&mut self, command: CommandId) {
        let job = Job::by_chance(&mut self.dice, self.honest);
        let first = job.pause;
        self.jobs.insert(command, job);
        *self.begun.entry(command).or_insert(0) += 1;
        self.plan(first, Doing::Grows(command));
    }

    /// A command writes a piece, or comes to its end.
    fn grow(&mut self, command: CommandId) {
        let Some(job) = self.jobs.get_mut(&command).filter(|job| job.runs()) else { return };
        if let Some(pause) = job.grow() {
            self.plan(pause, Doing::Grows(command));
            self.news(command);
            return;
        }
        self.end(command);
    }

    /// A command ends; how is a matter of chance, but for those that were told to.
    fn end(&mut self, command: CommandId) {
        let chance = self.dice.between(0, 99);
        let Some(job) = self.jobs.get_mut(&command).filter(|job| job.runs()) else { return };
        let by_itself = |exit| Ending { exit, ..Ending::supervisor_died() };
        let ending = match (&job.interrupt, chance) {
            (Some(reason), 0..85) => {
                let ended_by = match reason.as_str() {
                    STOPPED => EndedBy::WorkerStopped,
                    ORPHANED => EndedBy::Orphaned,
                    _ => EndedBy::Interrupted { reason: reason.clone() },
                };
                Ending { ended_by, ..by_itself(Exit::Signalled { signal: 15 }) }
            }
            (_, 0..60) => by_itself(Exit::Exited { code: 0 }),
            (_, 60..78) => by_itself(Exit::Exited { code: 1 }),
            (_, 78..86) => by_itself(Exit::Exited { code: 2 }),
            (_, 86..89) => by_itself(Exit::Exited { code: 3 }),
            (_, 89..92) => by_itself(Exit::Exited { code: 4 }),
            (_, 92..96) => by_itself(Exit::Signalled { signal: 11 }),
            (_, 96..98) => Ending::supervisor_died(),
            _ => {
                let what = "the disk is full".to_owned();
                Ending { ended_by: EndedBy::WorkerTrouble { what }, ..by_itself(Exit::Signalled { signal: 9 }) }
            }
        };
        job.ended = Some(ending);
        self.over(command);
    }

    /// What is due happens.
    pub(crate) fn does(&mut self, doing: Doing, now: Time) {
        match doing {
            Doing::DaemonStarts => self.daemon_starts(now),
            Doing::Dial => {}
            Doing::Tick => self.tick(now),
            Doing::Begins(command) => self.slot_is_free(command, now),
            Doing::Grows(command) => self.grow(command),
            Doing::Dies(command) => self.end(command),
            Doing::Orphans(command) => self.orphan(command, now),
        }
        self.pump(now);
    }

    /// Everything that still runs ends soon.
    pub(crate) fn hurry(&mut self) {
        self.honest = true;
        let running: Vec<CommandId> = self.jobs.iter().filter(|(_, job)| job.runs()).map(|(id, _)| *id).collect();
        for command in running {
            let after = self.dice.span(1, 20_000);
            self.plan(after, Doing::Dies(command));
        }
    }

    /// Ends a command of which a daemon asks so, or its own supervisor.
    fn interrupt_job(&mut self, command: CommandId, reason: String) {
        let Some(job) = self.jobs.get_mut(&command).filter(|job| job.runs()) else { return };
        job.interrupt.get_or_insert(reason);
        // Some commands do not listen, and end when they would have ended anyway.
        if self.honest || self.dice.chance(80) {
            let after = self.dice.span(1, 5_000);
            self.plan(after, Doing::Dies(command));
        }
    }

    /// The supervisor has had no daemon for as long as its command may go on without.
    fn orphan(&mut self, command: CommandId, now: Time) {
        let alone =
            |job: &Job| job.alone_since.zip(job.orphan_limit).is_some_and(|(since, limit)| now >= since + limit);
        if self.daemon.is_none() && self.jobs.get(&command).is_some_and(alone) {
            self.interrupt_job(command, ORPHANED.to_owned());
        }
    }
}
