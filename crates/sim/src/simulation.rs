//! One seed from its beginning to the end of everything that it began.

mod break_things;
mod clock;
mod drain;
mod turn;
mod wires;

use crate::config;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::logs::{LogStore, Loss};
use crate::machine::{Doing, Era, Machine};
use crate::master::{Input, Master, open};
use crate::net::{Net, Way};
use crate::people::{Act, People};
use crate::record::Record;
use crate::sabotage::Sabotage;
use crate::sums::Sums;
use crate::trace::{Aloud, Trace};
use crate::violation::{Checked, Violation, must};
use engine::build::CommandEnd;
use model::{BuildId, Config, LogId, NewChange, Span, Time, WorkerId};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::CommandId;

/// Names that workers come under: whether they are let in is up to the configuration.
const NAMES: usize = 6;

/// Machines: one for each name, and two that come under names that others have.
const MACHINES: usize = 8;

/// After so many events a seed is stuck.
const MOST_EVENTS: u64 = 600_000;

/// A look at the world without any reason, so that a lost wake-up does no harm.
const SWEEP: Span = Span::seconds(600);

/// Who waits for the logs looks again after this.
const LOGS_AGAIN: Span = Span::millis(500);

/// Names of stores in memory are never used twice in a process.
static STORES: AtomicU64 = AtomicU64::new(0);

/// How a seed is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many things people do before everything calms down.
    pub acts: usize,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
    /// Events are printed.
    pub aloud: Aloud,
}

impl Default for Options {
    fn default() -> Self {
        Options { acts: 60, sabotage: Sabotage::None, aloud: Aloud::No }
    }
}

/// A seed that broke no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// What there was.
    pub sums: Sums,
    /// Two runs of the same seed have the same.
    pub hash: u64,
}

/// A seed that broke a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The rule, and what was seen instead.
    pub violation: Violation,
    /// When, since the beginning.
    pub after: Span,
    /// How many acts there had been.
    pub acts: usize,
    /// The last events.
    pub last: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, violation, after, acts, last } = self;
        writeln!(f, "seed {seed} breaks a rule after {after} and {acts} acts")?;
        writeln!(f, "{violation}")?;
        writeln!(f, "the last events:")?;
        last.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Something that will happen.
#[derive(Debug)]
enum Event {
    /// Somebody does something, or something breaks.
    Act,
    /// The heart's turn.
    Turn,
    /// The heart's next timer.
    Wake,
    /// The master is started.
    Starts,
    /// The store may take the turn that it did not take.
    Again { reign: u64 },
    /// Something on a machine.
    Machine { machine: usize, era: Era, doing: Doing },
    /// Nobody answered a machine that wanted to connect.
    DialFails { machine: usize, era: Era },
    /// A machine that came under another's name goes.
    TwinGoes { machine: usize },
    /// A machine has its power again.
    Power { machine: usize },
    /// A frame arrives.
    Frame { connection: u64, way: Way, bytes: Vec<u8> },
    /// The news arrives that the other end was closed.
    Closed { connection: u64, way: Way },
    /// A connection is cut.
    CutNow { machine: usize },
    /// By now both ends must know that nothing passes.
    Noticed { connection: u64 },
    /// The clock of a connection of the master.
    MasterTick { reign: u64, connection: u64 },
    /// The logs of a command that has ended are closed and read.
    Taken { reign: u64, worker: WorkerId, command: CommandId, end: CommandEnd },
    /// The logs of a build that is over are closed.
    SealLost { reign: u64, build: BuildId, logs: Vec<LogId>, over: bool },
    /// One who was asked for a sign of life gave none.
    Silent { reign: u64, newcomer: u64 },
    /// The threads of the logs do what waits for them.
    LogsWork,
    /// A source tells what nobody has answered.
    SourceTells,
}

pub(crate) struct Simulation {
    options: Options,
    now: Time,
    /// When the seed began.
    begins: Time,
    /// How far the time of day on the master's machine is ahead of what it should be.
    set_ahead: Span,
    agenda: BTreeMap<(Time, u64), Event>,
    events: u64,
    name: String,
    /// Keeps the store in memory while no master is there.
    _keep: store::Store,
    master: Option<Master>,
    /// How many masters there were.
    reign: u64,
    inbox: Vec<Input>,
    turn_is_due: bool,
    wake: Option<Time>,
    /// What the configuration file says.
    file: Arc<Config>,
    /// Changes that the master has not answered.
    untold: Vec<NewChange>,
    machines: Vec<Machine>,
    /// Machines that are there.
    there: BTreeSet<usize>,
    net: Net,
    /// The last frames of changed connections.
    old_frames: Vec<Vec<u8>>,
    logs: LogStore,
    logs_work: bool,
    people: People,
    looks: Dice,
    chance: Dice,
    die: Option<Fault>,
    /// Until when the store cannot be written.
    store_away: Time,
    /// Until when there is no room for logs.
    logs_full: Time,
    /// The next commit has no known outcome; whether it is done.
    unsure: Option<bool>,
    acts: usize,
    calm: bool,
    /// When something was last written down.
    progress: Time,
    record: Record,
    trace: Trace,
    sums: Sums,
}

/// Runs a seed.
///
/// # Errors
/// The first rule that it breaks.
pub fn run(seed: u64, options: Options) -> Result<Passed, Box<Failure>> {
    let failed = |violation, sim: Option<&Simulation>| {
        Box::new(Failure {
            seed,
            violation,
            after: sim.map_or(Span::ZERO, |s| s.now.since(s.begins)),
            acts: sim.map_or(0, |s| s.acts),
            last: sim.map(|s| s.trace.last()).unwrap_or_default(),
        })
    };
    let mut sim = Simulation::new(seed, options).map_err(|v| failed(v, None))?;
    match sim.live() {
        Ok(()) => {
            let mut sums = sim.sums;
            sums.seeds = 1;
            sums.counts = sim.record.counts;
            sums.waited = sim.logs.waited;
            sums.simulated = sim.now.since(sim.begins);
            Ok(Passed { sums, hash: sim.trace.hash() })
        }
        Err(violation) => Err(failed(violation, Some(&sim))),
    }
}

impl Simulation {
    fn new(seed: u64, options: Options) -> Result<Self, Violation> {
        let begins = crate::calendar::beginning(&mut Dice::new(seed, "beginning"));
        let name = format!("sim-{}-{}", std::process::id(), STORES.fetch_add(1, Ordering::Relaxed));
        let keep = open(&name)?;
        let file = Arc::new(config::generate(&mut Dice::new(seed, "config")));
        let names = (0..MACHINES).map(|n| (n % NAMES, format!("machine {n}")));
        let machines = names.map(|(n, stream)| Machine::new(&format!("w{n}"), &stream, seed)).collect();
        let mut sim = Simulation {
            options,
            now: begins,
            begins,
            set_ahead: Span::ZERO,
            agenda: BTreeMap::new(),
            events: 0,
            name,
            _keep: keep,
            master: None,
            reign: 0,
            inbox: Vec::new(),
            turn_is_due: false,
            wake: None,
            file,
            untold: Vec::new(),
            machines,
            there: (0..NAMES).collect(),
            net: Net::new(seed, MACHINES),
            old_frames: Vec::new(),
            logs: LogStore::new(seed, options.sabotage),
            logs_work: false,
            people: People::new(seed),
            looks: Dice::new(seed, "looks"),
            chance: Dice::new(seed, "chance"),
            die: None,
            store_away: Time(0),
            logs_full: Time(0),
            unsure: None,
            acts: 0,
            calm: false,
            progress: begins,
            record: Record::default(),
            trace: Trace::new(begins, options.aloud),
            sums: Sums::default(),
        };
        sim.at(Span::ZERO, Event::Starts);
        sim.at(Span::seconds(1), Event::Act);
        for machine in 0..NAMES {
            sim.at(Span::millis(100), Event::Power { machine });
        }
        Ok(sim)
    }

    /// The time of day on the master's machine.
    fn day(&self) -> Time {
        self.now + self.set_ahead
    }

    /// What the master's clock says.
    fn wall(&self) -> Time {
        self.master.as_ref().map_or(self.day(), |master| master.clock(self.now))
    }

    fn at(&mut self, after: Span, event: Event) {
        self.at_time(self.now + after, event);
    }

    fn at_time(&mut self, at: Time, event: Event) {
        self.events += 1;
        self.agenda.insert((at, self.events), event);
    }

    fn live(&mut self) -> Checked {
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            must("ends", self.events < MOST_EVENTS, || self.stuck("too much happens"))?;
            self.now = at;
            self.trace.at(at);
            self.happens(event)?;
            if self.calm && self.is_over()? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn happens(&mut self, event: Event) -> Checked {
        match event {
            Event::Act if self.acts >= self.options.acts => return self.calm_down(),
            Event::Act => {
                self.acts += 1;
                self.act()?;
                let pause = self.people.pause();
                self.at(pause, Event::Act);
            }
            Event::Turn => {
                self.turn_is_due = false;
                return self.turn();
            }
            Event::Wake if self.wake == Some(self.now) => {
                self.wake = None;
                return self.turn();
            }
            Event::Wake => {}
            Event::Starts => return self.start(),
            Event::Again { reign } if reign == self.reign => return self.try_again(),
            Event::Machine { machine, era, doing } if self.machines[machine].lasts(era) => {
                return self.machine_does(machine, doing);
            }
            Event::DialFails { machine, era } if self.machines[machine].lasts(era) => {
                let its = self.machines[machine].clock.shows(self.now);
                self.machines[machine].dialed(None, its);
                return self.machine_did(machine);
            }
            Event::TwinGoes { machine } => self.twin_goes(machine),
            Event::Power { machine } => {
                self.machines[machine].start_daemon(Span::ZERO);
                return self.machine_did(machine);
            }
            Event::Frame { connection, way, bytes } => return self.frame_arrives(connection, way, bytes),
            Event::Closed { connection, way } => return self.close_arrives(connection, way),
            Event::CutNow { machine } => self.cut(machine)?,
            Event::Noticed { connection } => return self.is_noticed(connection),
            Event::MasterTick { reign, connection } if reign == self.reign => {
                return self.with_master(|master, _, even| {
                    master.tick(connection, even);
                    Ok(())
                });
            }
            Event::Taken { reign, .. } | Event::SealLost { reign, .. }
                if reign == self.reign && !self.logs.has_room() =>
            {
                // Who closes a log waits for room, too.
                self.at(LOGS_AGAIN, event);
            }
            Event::Taken { reign, worker, command, end } if reign == self.reign => {
                return self.with_master(|master, logs, _| {
                    master.command_ended(logs, worker, command, end);
                    Ok(())
                });
            }
            Event::SealLost { reign, build, logs: lost, over } if reign == self.reign => {
                if self.master.is_some() && !self.logs.close(build, &lost) {
                    self.logs_are_due();
                    self.at(LOGS_AGAIN, Event::SealLost { reign, build, logs: lost, over });
                    return Ok(());
                }
                return self.with_master(|master, logs, _| {
                    master.seal_lost(build, lost, over, logs);
                    Ok(())
                });
            }
            Event::Silent { reign, newcomer } if reign == self.reign => {
                return self.with_master(|master, _, _| {
                    master.silent(newcomer);
                    Ok(())
                });
            }
            Event::LogsWork => return self.logs_work(),
            Event::SourceTells => self.source_tells(),
            // Of a master, a daemon or a machine that is no more.
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self) -> Checked {
        let wall = self.wall();
        let Some(act) = self.people.act(&self.record, &self.file, wall) else { return Ok(()) };
        self.trace.tell(format_args!("somebody: {act:?}"));
        match act {
            Act::Tell(Input::Changes(changes)) => {
                self.untold.extend(changes);
                self.source_tells();
            }
            Act::Tell(input) => self.tell(input),
            Act::Break(fault) => self.breaks(fault)?,
        }
        Ok(())
    }

    /// A source tells everything that nobody has answered, all over again.
    fn source_tells(&mut self) {
        if !self.untold.is_empty() {
            self.tell(Input::Changes(self.untold.clone()));
            self.at(Span::seconds(60), Event::SourceTells);
        }
    }

    /// The master hears this with its next turn, if it is there.
    fn tell(&mut self, input: Input) {
        if self.master.is_none() {
            return;
        }
        self.inbox.push(input);
        if !self.turn_is_due {
            self.turn_is_due = true;
            let soon = self.looks.span(0, 30);
            self.at(soon, Event::Turn);
        }
    }

    fn start(&mut self) -> Checked {
        if self.store_away > self.now {
            // It says that it cannot open its store, and whoever watches over it tries again.
            self.at_time(self.store_away + Span::seconds(1), Event::Starts);
            return Ok(());
        }
        let store = open(&self.name)?;
        let (times, sabotage) = ((self.now, self.day()), self.options.sabotage);
        let master = Master::start(store, &self.file, &mut self.record, &mut self.logs, times, sabotage)?;
        self.reign += 1;
        self.trace.tell(format_args!("the master starts"));
        self.master = Some(master);
        self.master_did()?;
        self.turn()?;
        self.source_tells();
        Ok(())
    }

    /// The master ends; `loss` says what of its files goes with it.
    fn die(&mut self, loss: Loss) {
        let away = self.people.downtime();
        self.trace.tell(format_args!("the master dies, for {away}"));
        self.logs.die(loss);
        if let Some(master) = self.master.take() {
            for connection in master.lines.keys().copied().collect::<Vec<_>>() {
                self.net.deafen(connection, Way::ToMaster);
                if loss == Loss::Memory {
                    let at = self.net.arrival(connection, Way::ToWorker, 0, self.now);
                    self.at_time(at, Event::Closed { connection, way: Way::ToWorker });
                }
            }
            master.die();
        }
        self.reign += 1;
        self.inbox.clear();
        (self.turn_is_due, self.wake, self.unsure) = (false, None, None);
        self.at(away, Event::Starts);
    }
}
