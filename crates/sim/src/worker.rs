//! Scripted workers: they do what they are told, late, twice, or not at all.

use crate::dice::Dice;
use model::{BuildId, Span, StepId};
use std::collections::BTreeMap;

/// The name under which a step's command is known to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Command {
    /// Whose.
    pub(crate) build: BuildId,
    /// Under which lease.
    pub(crate) epoch: i64,
    /// Which.
    pub(crate) step: StepId,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(i32),
    /// By a signal.
    Signalled,
    /// It was told to.
    Interrupted(String),
    /// The machine could not do it, or has forgotten it.
    Broken(String),
}

/// What a worker tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToMaster {
    /// It wants to be let in, and has these commands.
    Hello(Vec<Command>),
    /// It has begun a command, and output of it has come.
    Started(Command),
    /// A command has ended.
    Ended(Command, End),
}

/// What a worker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToWorker {
    /// Begin a command. What is known already is not begun again.
    Start(Command),
    /// Go on with a command, and tell its end again.
    Resume(Command),
    /// End a command.
    Interrupt(Command, String),
    /// The end of a command is kept: forget it.
    Forget(Command),
    /// Nobody wants to hear of a command: end and forget it.
    Drop(Command),
    /// The worker is not let in.
    Refused,
}

/// A command that a worker has.
#[derive(Clone, Debug, Default)]
struct Held {
    end: Option<End>,
    interrupt: Option<String>,
}

/// A machine with a daemon.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its name.
    pub(crate) name: String,
    /// Its connection's number, while it has one.
    pub(crate) connection: Option<u64>,
    /// It does as it should: no more mischief.
    pub(crate) honest: bool,
    held: BTreeMap<Command, Held>,
    /// Commands that ended long ago, for those who answer for an old epoch.
    gone: Vec<Command>,
    dice: Dice,
}

/// What follows from a word to a worker.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    /// What it tells at once.
    pub(crate) says: Vec<ToMaster>,
    /// Commands that end by themselves after a time.
    pub(crate) ends: Vec<(Span, Command)>,
}

impl Worker {
    /// A machine that has nothing yet.
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        Worker {
            name: name.to_owned(),
            connection: None,
            honest: false,
            held: BTreeMap::new(),
            gone: Vec::new(),
            dice: Dice::new(seed, name),
        }
    }

    /// What it says first on a new connection.
    pub(crate) fn hello(&mut self, connection: u64) -> ToMaster {
        self.connection = Some(connection);
        ToMaster::Hello(self.held.keys().copied().collect())
    }

    /// The machine went down and came up again: nothing of what it had is there.
    pub(crate) fn reboot(&mut self) {
        self.held.clear();
    }

    /// One of its commands is gone without a trace.
    pub(crate) fn forget_one(&mut self) -> Option<Command> {
        let all: Vec<Command> = self.held.keys().copied().collect();
        let one = *self.dice.pick(&all)?;
        self.held.remove(&one);
        Some(one)
    }

    /// Hears a word.
    pub(crate) fn hear(&mut self, word: ToWorker) -> Reaction {
        let mut reaction = Reaction::default();
        match word {
            ToWorker::Start(command) if self.held.contains_key(&command) => {}
            ToWorker::Start(command) => {
                self.held.insert(command, Held::default());
                reaction.says.push(ToMaster::Started(command));
                reaction.ends.push((self.duration(), command));
            }
            ToWorker::Resume(command) => {
                if let Some(end) = self.held.get(&command).and_then(|h| h.end.clone()) {
                    reaction.says.push(ToMaster::Ended(command, end));
                }
            }
            ToWorker::Interrupt(command, reason) => {
                if let Some(held) = self.held.get_mut(&command).filter(|h| h.end.is_none()) {
                    held.interrupt.get_or_insert(reason);
                    // Some commands do not listen, and end when they would have ended anyway.
                    if self.honest || self.dice.chance(80) {
                        reaction.ends.push((self.dice.span(1, 5_000), command));
                    }
                }
            }
            ToWorker::Forget(command) | ToWorker::Drop(command) => {
                if self.held.remove(&command).is_some() {
                    self.gone.push(command);
                }
            }
            ToWorker::Refused => self.connection = None,
        }
        reaction
    }

    fn duration(&mut self) -> Span {
        match self.dice.between(0, 9) {
            0 => Span::ZERO,
            1..6 => self.dice.span(50, 20_000),
            6..9 => self.dice.span(1_000, 300_000),
            _ => self.dice.span(60_000, 3_600_000),
        }
    }

    /// A command comes to its end. What it tells is told again after the next hello, until it is forgotten.
    pub(crate) fn ends(&mut self, command: Command) -> Vec<ToMaster> {
        let chance = self.dice.between(0, 99);
        let Some(held) = self.held.get_mut(&command).filter(|h| h.end.is_none()) else { return Vec::new() };
        let end = match (&held.interrupt, chance) {
            (Some(reason), 0..85) => End::Interrupted(reason.clone()),
            (_, 0..60) => End::Exited(0),
            (_, 60..78) => End::Exited(1),
            (_, 78..86) => End::Exited(2),
            (_, 86..89) => End::Exited(3),
            (_, 89..92) => End::Exited(4),
            (_, 92..97) => End::Signalled,
            _ => End::Broken("the disk is full".to_owned()),
        };
        held.end = Some(end.clone());
        if self.connection.is_none() {
            return Vec::new();
        }
        let mut says = vec![ToMaster::Ended(command, end.clone())];
        if !self.honest {
            match self.dice.between(0, 19) {
                0 => says.push(ToMaster::Ended(command, end)),
                1 => says.insert(0, ToMaster::Ended(Command { epoch: command.epoch - 1, ..command }, End::Exited(0))),
                2 => says.extend(self.dice.pick(&self.gone).map(|old| ToMaster::Ended(*old, End::Exited(1)))),
                _ => {}
            }
        }
        says
    }
}
