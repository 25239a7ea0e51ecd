//! What goes wrong: the kinds of faults, and which of them a seed likes.

use crate::dice::Dice;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A connection is cut; both ends hear of it, and what is on its way is lost.
    Cut,
    /// Nothing passes between a machine and the master for a while.
    Partition,
    /// Nothing passes one way.
    OneWay,
    /// Frames are shortened, doubled, exchanged or said again, and then the connection is cut.
    Mutated,
    /// Another machine comes under the same name.
    Twin,
    /// A daemon is killed; its supervisors go on.
    DaemonKilled,
    /// A worker is told to stop, and started again later.
    WorkerStopped,
    /// A machine loses its power and comes back with its disk.
    PowerLost,
    /// A machine comes back with an empty disk.
    DiskLost,
    /// The spool of one command is gone or damaged.
    SpoolLost,
    /// The master is killed before a commit: the turn is lost.
    KilledBefore,
    /// The master is killed after a commit, before anybody is told.
    KilledAfter,
    /// The master is killed in the midst of what follows from a commit.
    KilledWithin,
    /// The master is killed between two turns.
    KilledBetween,
    /// The master's machine loses its power.
    MasterPowerLost,
    /// The configuration changes while the master is down.
    EditedWhileDown,
    /// The store cannot be written for a while.
    StoreAway,
    /// The store does not say whether a commit was done.
    StoreUnsure,
    /// The master's logs cannot be written for a while: there is no room.
    LogsFull,
    /// The time of day on the master's machine is set by an hour, or right again.
    ClockHour,
    /// By a year.
    ClockYear,
    /// By something up to three days.
    ClockAny,
    /// By any of these, while the master is down.
    ClockWhileDown,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 23] = [
        Fault::Cut,
        Fault::Partition,
        Fault::OneWay,
        Fault::Mutated,
        Fault::Twin,
        Fault::DaemonKilled,
        Fault::WorkerStopped,
        Fault::PowerLost,
        Fault::DiskLost,
        Fault::SpoolLost,
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::KilledWithin,
        Fault::KilledBetween,
        Fault::MasterPowerLost,
        Fault::EditedWhileDown,
        Fault::StoreAway,
        Fault::StoreUnsure,
        Fault::LogsFull,
        Fault::ClockHour,
        Fault::ClockYear,
        Fault::ClockAny,
        Fault::ClockWhileDown,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Fault::Cut => "connections cut",
            Fault::Partition => "partitions",
            Fault::OneWay => "partitions one way",
            Fault::Mutated => "connections with changed frames",
            Fault::Twin => "second workers of a name",
            Fault::DaemonKilled => "worker daemons killed",
            Fault::WorkerStopped => "workers stopped",
            Fault::PowerLost => "machines without power",
            Fault::DiskLost => "machines with an empty disk",
            Fault::SpoolLost => "spools lost or damaged",
            Fault::KilledBefore => "master killed before a commit",
            Fault::KilledAfter => "master killed after a commit",
            Fault::KilledWithin => "master killed amid what follows",
            Fault::KilledBetween => "master killed between turns",
            Fault::MasterPowerLost => "master without power",
            Fault::EditedWhileDown => "configuration edited while the master was down",
            Fault::StoreAway => "store away",
            Fault::StoreUnsure => "commit of unknown outcome",
            Fault::LogsFull => "no room for logs",
            Fault::ClockHour => "time of day set by an hour",
            Fault::ClockYear => "time of day set by a year",
            Fault::ClockAny => "time of day set by up to three days",
            Fault::ClockWhileDown => "time of day set while the master was down",
        }
    }
}

/// The faults that a seed likes: some it never has, some often. What is rare in all seeds together comes in heaps in
/// one of them.
#[derive(Clone, Debug)]
pub(crate) struct Taste {
    weights: Vec<(Fault, i64)>,
    /// Of a hundred acts, so many are faults.
    pub(crate) share: i64,
}

impl Taste {
    /// The taste of a seed.
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let likes = |fault: Fault, dice: &mut Dice| match dice.between(0, 9) {
            0..4 => (fault, 0),
            4..8 => (fault, 1),
            _ => (fault, 6),
        };
        let weights = Fault::ALL.into_iter().map(|fault| likes(fault, dice)).collect();
        Taste { weights, share: dice.between(0, 45) }
    }

    /// A fault.
    pub(crate) fn pick(&self, dice: &mut Dice) -> Option<Fault> {
        let all: i64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut at = dice.between(0, (all - 1).max(0));
        self.weights.iter().find_map(|(fault, weight)| {
            at -= weight;
            (at < 0).then_some(*fault)
        })
    }
}

/// How often what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// One more.
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How many of a kind.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds others.
    pub fn add(&mut self, other: &Faults) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}
