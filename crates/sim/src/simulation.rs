//! One seed from its beginning to the end of everything that it began.

mod drain;
mod workers;

use crate::config;
use crate::dice::Dice;
use crate::line::Lines;
use crate::master::{Effect, Input, Master, Turn, open};
use crate::people::{Act, People, When};
use crate::record::{Entry, Record, why_is_true};
use crate::sabotage::Sabotage;
use crate::sums::Sums;
use crate::trace::{Aloud, Trace};
use crate::violation::{Checked, Violation, must};
use crate::worker::{Command, ToMaster, ToWorker, Worker};
use model::{Config, NewChange, Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-03-02, a Monday.
const BEGINNING: Time = Time(1_772_409_600_000_000);

/// Machines that may come: whether they are let in is up to the configuration.
const MACHINES: usize = 6;

/// After so many events a seed is stuck.
const MOST_EVENTS: u64 = 200_000;

/// A look at the world without any reason, so that a lost wake-up does no harm.
const SWEEP: Span = Span::seconds(600);

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
    Act,
    Turn,
    Wake,
    Starts,
    Says { machine: usize, connection: u64, word: ToMaster },
    Hears { machine: usize, connection: u64, word: ToWorker },
    Ends { machine: usize, command: Command },
    Comes { machine: usize },
    Noticed { machine: usize, connection: u64 },
    SourceTells,
    Lost,
}

pub(crate) struct Simulation {
    options: Options,
    now: Time,
    agenda: BTreeMap<(Time, u64), Event>,
    events: u64,
    name: String,
    /// Keeps the store in memory while no master is there.
    _keep: store::Store,
    master: Option<Master>,
    inbox: Vec<Input>,
    turn_is_due: bool,
    wake: Option<Time>,
    /// What the configuration file says.
    file: Arc<Config>,
    /// Changes that the master has not answered.
    untold: Vec<NewChange>,
    /// Commands of which output is on the disk.
    begun: BTreeSet<Command>,
    machines: Vec<Worker>,
    lines: Lines,
    people: People,
    looks: Dice,
    /// Ends of commands that workers came back without.
    lost: Vec<Input>,
    die: Option<When>,
    acts: usize,
    calm: bool,
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
            after: sim.map_or(Span::ZERO, |s| s.now.since(BEGINNING)),
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
            sums.simulated = sim.now.since(BEGINNING);
            Ok(Passed { sums, hash: sim.trace.hash() })
        }
        Err(violation) => Err(failed(violation, Some(&sim))),
    }
}

impl Simulation {
    fn new(seed: u64, options: Options) -> Result<Self, Violation> {
        let name = format!("sim-{}-{}", std::process::id(), STORES.fetch_add(1, Ordering::Relaxed));
        let keep = open(&name)?;
        let file = Arc::new(config::generate(&mut Dice::new(seed, "config")));
        let machines = (0..MACHINES).map(|n| Worker::new(&format!("w{n}"), seed)).collect();
        let mut sim = Simulation {
            options,
            now: BEGINNING,
            agenda: BTreeMap::new(),
            events: 0,
            name,
            _keep: keep,
            master: None,
            inbox: Vec::new(),
            turn_is_due: false,
            wake: None,
            file,
            untold: Vec::new(),
            begun: BTreeSet::new(),
            machines,
            lines: Lines::new(seed),
            people: People::new(seed, MACHINES),
            looks: Dice::new(seed, "looks"),
            lost: Vec::new(),
            die: None,
            acts: 0,
            calm: false,
            record: Record::default(),
            trace: Trace::new(BEGINNING, options.aloud),
            sums: Sums::default(),
        };
        sim.at(Span::ZERO, Event::Starts);
        sim.at(Span::seconds(1), Event::Act);
        for machine in 0..MACHINES {
            sim.at(Span::millis(100), Event::Comes { machine });
        }
        Ok(sim)
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
            Event::Act if self.acts >= self.options.acts => self.calm_down(),
            Event::Act => {
                self.acts += 1;
                self.act();
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
            Event::SourceTells => self.source_tells(),
            Event::Says { machine, connection, word } => self.says(machine, connection, word),
            Event::Hears { machine, connection, word } => self.hears(machine, connection, word),
            Event::Ends { machine, command } => self.ends(machine, command),
            Event::Comes { machine } => self.comes(machine),
            Event::Lost => std::mem::take(&mut self.lost).into_iter().for_each(|input| self.tell(input)),
            Event::Noticed { machine, connection } => {
                let worker = self.machines[machine].name.clone();
                self.tell(Input::Gone { worker, connection });
            }
        }
        Ok(())
    }

    fn act(&mut self) {
        let Some(act) = self.people.act(&self.record, &self.file, self.now) else { return };
        self.trace.tell(format_args!("somebody: {act:?}"));
        match act {
            Act::Tell(Input::Changes(changes)) => {
                self.untold.extend(changes);
                self.source_tells();
            }
            Act::Tell(input) => self.tell(input),
            Act::Cut(machine, away) => self.cut(machine, away),
            Act::Reboot(machine, away) => {
                self.machines[machine].reboot();
                self.sums.faults.rebooted += 1;
                self.cut(machine, away);
            }
            Act::Forget(machine) => {
                if self.machines[machine].forget_one().is_some() {
                    self.sums.faults.forgot += 1;
                    self.cut(machine, Span::seconds(2));
                }
            }
            Act::Die(when) => self.die = Some(when),
        }
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
        let store = open(&self.name)?;
        let record = &mut self.record;
        let master = Master::start(store, &self.file, record, self.now, self.options.sabotage)?;
        self.trace.tell(format_args!("the master starts"));
        self.master = Some(master);
        self.turn()?;
        self.source_tells();
        Ok(())
    }

    fn die(&mut self) {
        let (away, edited) = self.people.downtime(&self.file);
        if let Some(edited) = edited.filter(|_| !self.calm) {
            self.file = Arc::new(edited);
            self.sums.faults.edited_while_down += 1;
        }
        self.trace.tell(format_args!("the master dies, for {away}"));
        if let Some(master) = self.master.take() {
            master.die();
        }
        self.inbox.clear();
        self.lost.clear();
        (self.turn_is_due, self.wake) = (false, None);
        for machine in 0..self.machines.len() {
            self.machines[machine].connection = None;
        }
        self.at(away, Event::Starts);
        for machine in 0..self.machines.len() {
            let again = self.lines.again();
            self.at(away + again, Event::Comes { machine });
        }
    }

    /// Hears what came, decides, records, and acts.
    fn turn(&mut self) -> Checked {
        let Some(mut master) = self.master.take() else { return Ok(()) };
        let woken = self.inbox.is_empty() && engine::next_wake(&master.world).is_some_and(|at| at <= self.now);
        let mut turn = Turn::default();
        for input in std::mem::take(&mut self.inbox) {
            self.trace.tell(format_args!("the master hears {input:?}"));
            if let Input::Started(command) = input {
                self.begun.insert(command);
            }
            master.hear(input, &self.record, self.now, &mut turn)?;
        }
        master.settle(self.now, &mut turn)?;
        self.sums.most_rounds = self.sums.most_rounds.max(turn.rounds as u64);
        must("woken-for-something", !woken || !turn.entries.is_empty(), || {
            "a timer is due and changes nothing".to_owned()
        })?;
        let dies = self.die.take();
        if dies == Some(When::BeforeCommit) {
            self.sums.faults.died_before += 1;
            self.master = Some(master);
            self.die();
            return Ok(());
        }
        for entry in &turn.entries {
            match entry {
                Entry::Took(transition) => self.trace.tell(format_args!("{transition:?}")),
                Entry::Configured(_) => {
                    self.sums.reloads += 1;
                    self.trace.tell(format_args!("a configuration comes into force"));
                }
            }
        }
        if !turn.entries.is_empty() {
            master.commit(&turn)?;
            self.sums.turns += 1;
            self.sums.transitions += turn.entries.len() as u64;
            self.record.take(&turn.entries, self.now)?;
        }
        self.record.settled(self.now)?;
        if dies.is_some() || !turn.entries.is_empty() {
            self.look(&master, dies.is_some())?;
        }
        if dies == Some(When::AfterCommit) {
            self.sums.faults.died_after += 1;
            for effect in &turn.effects {
                if let Effect::InForce(config) = effect {
                    self.file = Arc::clone(config);
                }
            }
            self.master = Some(master);
            self.die();
            return Ok(());
        }
        self.effects(&mut master, turn);
        let next = engine::next_wake(&master.world).unwrap_or(Time(i64::MAX)).min(self.now + SWEEP).max(self.now);
        self.master = Some(master);
        if self.wake.is_none_or(|at| next < at) && !(self.calm && next == self.now + SWEEP) {
            self.wake = Some(next);
            self.at_time(next, Event::Wake);
        }
        Ok(())
    }

    /// Looks into reasons, and compares the world with the store, every now and then.
    fn look(&mut self, master: &Master, surely: bool) -> Checked {
        if surely || self.looks.chance(5) {
            self.sums.compared += 1;
            master.compare(&self.record)?;
        }
        if surely || self.looks.chance(20) {
            for id in self.record.open_requests() {
                let why = engine::why::of_request(&master.world, id, self.now);
                self.record.counts.whys += u64::from(why.is_some());
                why_is_true(&self.record, id, why.as_ref())?;
            }
        }
        Ok(())
    }
}
