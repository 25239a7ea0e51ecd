//! What there was, over all seeds.

use crate::record::Counts;
use model::Span;
use std::fmt;
use std::ops::AddAssign;

/// Sums of one seed or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Seeds.
    pub seeds: u64,
    /// What the record counted.
    pub counts: Counts,
    /// Faults by kind.
    pub faults: Faults,
    /// Turns of the master that wrote something.
    pub turns: u64,
    /// Transitions that were written.
    pub transitions: u64,
    /// New configurations.
    pub reloads: u64,
    /// How often a loaded world was compared with the living one.
    pub compared: u64,
    /// Builds that waited for one another for good, until somebody stopped one.
    pub knots: u64,
    /// The most rounds that a turn took to settle.
    pub most_rounds: u64,
    /// Time that passed in the simulation.
    pub simulated: Span,
}

/// How often what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The master died before a commit: the turn was lost.
    pub died_before: u64,
    /// The master died after a commit, before anybody was told.
    pub died_after: u64,
    /// A connection was cut.
    pub cut: u64,
    /// A machine was started anew and had forgotten everything.
    pub rebooted: u64,
    /// A worker came back without one of its commands.
    pub forgot: u64,
    /// The configuration changed while the master was down.
    pub edited_while_down: u64,
}

impl Faults {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.died_before + self.died_after + self.cut + self.rebooted + self.forgot + self.edited_while_down
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        let (c, o) = (&mut self.counts, other.counts);
        for (mine, theirs) in [
            (&mut c.changes, o.changes),
            (&mut c.sets, o.sets),
            (&mut c.requests, o.requests),
            (&mut c.builds, o.builds),
            (&mut c.retries, o.retries),
            (&mut c.merged, o.merged),
            (&mut c.steps, o.steps),
            (&mut c.locked, o.locked),
            (&mut c.refused, o.refused),
            (&mut c.whys, o.whys),
            (&mut self.seeds, other.seeds),
            (&mut self.turns, other.turns),
            (&mut self.transitions, other.transitions),
            (&mut self.reloads, other.reloads),
            (&mut self.compared, other.compared),
            (&mut self.knots, other.knots),
            (&mut self.faults.died_before, other.faults.died_before),
            (&mut self.faults.died_after, other.faults.died_after),
            (&mut self.faults.cut, other.faults.cut),
            (&mut self.faults.rebooted, other.faults.rebooted),
            (&mut self.faults.forgot, other.faults.forgot),
            (&mut self.faults.edited_while_down, other.faults.edited_while_down),
        ] {
            *mine += theirs;
        }
        self.most_rounds = self.most_rounds.max(other.most_rounds);
        self.simulated = self.simulated + other.simulated;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (c, x) = (&self.counts, &self.faults);
        let hours = self.simulated.as_secs_f64() / 3600.0;
        writeln!(f, "{} seeds, {hours:.0} hours of simulated time", self.seeds)?;
        writeln!(
            f,
            "{} builds, {} of them lost and tried again; {} steps, {} under locks",
            c.builds, c.retries, c.steps, c.locked
        )?;
        writeln!(f, "{} changes; {} sets; {} requests, {} of them merged", c.changes, c.sets, c.requests, c.merged)?;
        writeln!(
            f,
            "{} faults: master died before a commit {}, after one {}; connections cut {}, machines started anew {}, \
             commands forgotten {}, configurations edited while the master was down {}",
            x.total(),
            x.died_before,
            x.died_after,
            x.cut,
            x.rebooted,
            x.forgot,
            x.edited_while_down
        )?;
        writeln!(
            f,
            "{} answers refused; {} new configurations; {} knots of builds untied",
            c.refused, self.reloads, self.knots
        )?;
        write!(
            f,
            "{} turns wrote {} transitions, none settled in more than {} rounds; {} worlds compared, {} reasons looked into",
            self.turns, self.transitions, self.most_rounds, self.compared, c.whys
        )
    }
}
