//! What there was, over all seeds.

use crate::fault::{Fault, Faults};
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
    /// Workers that were put back into the configuration at the end, with what they still had.
    pub put_back: u64,
    /// The most rounds that a turn took to settle.
    pub most_rounds: u64,
    /// How often the master followed a time of day that was set.
    pub clocks_followed: u64,
    /// Frames of workers that waited until there was room for logs.
    pub waited: u64,
    /// Frames that were sent.
    pub frames: u64,
    /// Commands that a daemon took over from an earlier one.
    pub adopted: u64,
    /// Time that passed in the simulation.
    pub simulated: Span,
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
            (&mut c.logs, o.logs),
            (&mut c.bytes, o.bytes),
            (&mut self.frames, other.frames),
            (&mut self.adopted, other.adopted),
            (&mut self.seeds, other.seeds),
            (&mut self.turns, other.turns),
            (&mut self.transitions, other.transitions),
            (&mut self.reloads, other.reloads),
            (&mut self.compared, other.compared),
            (&mut self.knots, other.knots),
            (&mut self.put_back, other.put_back),
            (&mut self.clocks_followed, other.clocks_followed),
            (&mut self.waited, other.waited),
        ] {
            *mine += theirs;
        }
        self.faults.add(&other.faults);
        self.most_rounds = self.most_rounds.max(other.most_rounds);
        self.simulated = self.simulated + other.simulated;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (c, x) = (&self.counts, &self.faults);
        let hours = self.simulated.as_secs_f64() / 3600.0;
        writeln!(f, "{} seeds, {hours:.0} hours of simulated time, {} frames", self.seeds, self.frames)?;
        writeln!(
            f,
            "{} builds, {} of them lost and tried again; {} steps, {} under locks; {} logs with {} bytes",
            c.builds, c.retries, c.steps, c.locked, c.logs, c.bytes
        )?;
        writeln!(f, "{} changes; {} sets; {} requests, {} of them merged", c.changes, c.sets, c.requests, c.merged)?;
        writeln!(f, "{} commands went on after a restart of their daemon", self.adopted)?;
        writeln!(f, "{} times the master followed a time of day that was set", self.clocks_followed)?;
        writeln!(f, "{} frames waited for room in the logs", self.waited)?;
        writeln!(f, "{} faults:", x.total())?;
        for fault in Fault::ALL {
            writeln!(f, "{:>9} {}", x.of(fault), fault.words())?;
        }
        writeln!(
            f,
            "{} answers refused; {} new configurations; {} knots of builds untied; {} workers put back with what they still had",
            c.refused, self.reloads, self.knots, self.put_back
        )?;
        write!(
            f,
            "{} turns wrote {} transitions, none settled in more than {} rounds; {} worlds compared, {} reasons looked into",
            self.turns, self.transitions, self.most_rounds, self.compared, c.whys
        )
    }
}
