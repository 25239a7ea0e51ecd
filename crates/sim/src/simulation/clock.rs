//! The heart follows the time of day: in a turn of its own, before it hears anything.

use super::Simulation;
use crate::fault::Fault;
use crate::logs::Loss;
use crate::master::{Master, Taken};
use crate::violation::Violation;

/// How the master stands with the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// Its clock is right.
    Yes,
    /// The store cannot take the turn now.
    Waits,
    /// The world was read anew.
    Anew,
    /// The master dies of it.
    Dies(Loss),
}

impl Simulation {
    /// Everything that is open moves along with the time of day, if that was set.
    pub(super) fn follow_clock(&mut self, master: &mut Master) -> Result<Followed, Violation> {
        let Some((by, mut turn)) = master.clock_turn(self.now, self.day()) else { return Ok(Followed::Yes) };
        self.trace.tell(format_args!("the master sees that the time of day was set by {} microseconds", by.0));
        if self.die == Some(Fault::KilledBefore) {
            return Ok(self.dies_of(Fault::KilledBefore));
        }
        let before = engine::jump::moments(&master.world);
        match self.commit(master, &turn)? {
            Taken::NotNow => return Ok(Followed::Waits),
            Taken::Unknown => {
                master.read_anew(&mut turn, &mut self.logs)?;
                master.clock_may_be_set(by, &before);
                return Ok(Followed::Anew);
            }
            Taken::Yes => {}
        }
        self.sums.clocks_followed += 1;
        match self.die {
            Some(fault @ (Fault::KilledAfter | Fault::KilledWithin | Fault::MasterPowerLost)) => {
                Ok(self.dies_of(fault))
            }
            _ => {
                master.clock_is_set(by, &turn);
                Ok(Followed::Yes)
            }
        }
    }

    fn dies_of(&mut self, fault: Fault) -> Followed {
        self.die = None;
        self.sums.faults.count(fault);
        Followed::Dies(if fault == Fault::MasterPowerLost { Loss::Power } else { Loss::Memory })
    }
}
