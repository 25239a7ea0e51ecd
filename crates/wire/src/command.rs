//! The name of one command: which step, of which build, under whose lease.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One command of one lease. A later epoch of the same build makes every command of an earlier one stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId {
    /// The build's id ([`model::BuildId`]).
    pub build: i64,
    /// The lease's epoch ([`model::Lease`]).
    pub epoch: i64,
    /// The step's id ([`model::StepId`]).
    pub step: i64,
}

/// `BUILD.EPOCH.STEP`, as in names of jobs and in messages to people.
impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.build, self.epoch, self.step)
    }
}

/// Reads what `Display` writes. Errors with nothing to add: the text is no command's name.
impl FromStr for CommandId {
    type Err = NotACommand;

    fn from_str(text: &str) -> Result<Self, NotACommand> {
        let mut numbers = text.split('.').map(|part| part.parse::<i64>().map_err(|_| NotACommand));
        let mut next = || numbers.next().unwrap_or(Err(NotACommand));
        let id = Self { build: next()?, epoch: next()?, step: next()? };
        match numbers.next() {
            None => Ok(id),
            Some(_) => Err(NotACommand),
        }
    }
}

/// A text that is no command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no command; one is named BUILD.EPOCH.STEP, three numbers")]
pub struct NotACommand;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        let id = CommandId { build: 7, epoch: 2, step: 31 };
        assert_eq!(id.to_string(), "7.2.31");
        assert_eq!("7.2.31".parse(), Ok(id));
        for bad in ["", "7", "7.2", "7.2.", "7.2.x", "7.2.31.4", "7 2 31", "99999999999999999999.1.1"] {
            assert_eq!(bad.parse::<CommandId>(), Err(NotACommand), "{bad}");
        }
    }
}
