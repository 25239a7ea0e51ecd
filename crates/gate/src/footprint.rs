//! What a change can touch: a set of the gate's tasks.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{BitAnd, BitOr, BitOrAssign};

/// The tasks whose inputs a change touches, by their number in the gate's list. Two changes whose footprints do not
/// meet cannot break each other, so neither is tested again when the other lands. That is sound only if the map from
/// paths to tasks is complete; what nobody knows is [`Footprint::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Footprint(u128);

impl Footprint {
    /// Touches everything: the safe answer.
    pub const ALL: Footprint = Footprint(u128::MAX);
    /// Touches nothing that any task reads.
    pub const NONE: Footprint = Footprint(0);

    /// The footprint of these tasks. A number of [`Footprint::MOST`] or more cannot be told apart, and means all.
    pub fn of(tasks: impl IntoIterator<Item = usize>) -> Self {
        let bit = |task| if task < Self::MOST { Footprint(1_u128 << task) } else { Self::ALL };
        tasks.into_iter().fold(Self::NONE, |all, task| all | bit(task))
    }

    /// So many tasks are told apart.
    pub const MOST: usize = 128;

    /// Whether some task reads what both touch.
    pub fn meets(self, other: Footprint) -> bool {
        self.0 & other.0 != 0
    }

    /// What it touches and the other does not.
    pub fn without(self, other: Footprint) -> Footprint {
        Footprint(self.0 & !other.0)
    }

    /// Whether the task with this number is touched.
    pub fn touches(self, task: usize) -> bool {
        if task < Self::MOST { self.0 >> task & 1 == 1 } else { self == Self::ALL }
    }
}

impl BitOr for Footprint {
    type Output = Footprint;
    fn bitor(self, other: Footprint) -> Footprint {
        Footprint(self.0 | other.0)
    }
}

/// The tasks that both touch.
impl BitAnd for Footprint {
    type Output = Footprint;
    fn bitand(self, other: Footprint) -> Footprint {
        Footprint(self.0 & other.0)
    }
}

impl BitOrAssign for Footprint {
    fn bitor_assign(&mut self, other: Footprint) {
        self.0 |= other.0;
    }
}

/// Hexadecimal, since not every format has numbers of 128 bits.
impl Serialize for Footprint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Footprint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map(Footprint).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footprints_meet_where_a_task_reads_both() {
        let (lib, app) = (Footprint::of([0, 3]), Footprint::of([1, 2]));
        assert!(!lib.meets(app) && lib.meets(Footprint::of([3])) && !lib.meets(Footprint::NONE));
        assert!(lib.meets(Footprint::ALL) && Footprint::of([500]) == Footprint::ALL);
        assert!(lib.touches(3) && !lib.touches(1) && !lib.touches(500) && Footprint::ALL.touches(500));
    }

    #[test]
    fn a_footprint_survives_being_written() {
        for footprint in [Footprint::ALL, Footprint::NONE, Footprint::of([0, 127])] {
            let text = serde_json::to_string(&footprint).unwrap();
            assert_eq!(serde_json::from_str::<Footprint>(&text).unwrap(), footprint);
        }
    }
}
