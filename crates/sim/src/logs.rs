//! The logs of the master as they survive: what is in memory, what is in files, and what a power cut leaves.
//!
//! The bytes themselves are not kept: each piece is held against what its command wrote when it comes.

use crate::dice::Dice;
use crate::prf;
use crate::violation::{Checked, Violation};
use engine::build::SealedLog;
use model::{BuildId, LogId};
use std::collections::BTreeMap;
use wire::CommandId;

/// How far a log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    sealed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Log {
    build: BuildId,
    /// What the running master sees.
    memory: Extent,
    /// What a master sees that starts after this one was killed.
    written: Extent,
    /// What is there after a power cut.
    synced: Extent,
    /// Writing it failed; it has to be begun again.
    failed: bool,
}

/// All logs.
#[derive(Debug)]
pub(crate) struct LogStore {
    logs: BTreeMap<LogId, Log>,
    dice: Dice,
    /// Nothing can be written.
    pub(crate) full: bool,
}

/// What has become durable of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub(crate) log: LogId,
    pub(crate) bytes: u64,
    pub(crate) sealed: bool,
}

/// Why a piece is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The log is sealed.
    Sealed,
    /// Something is missing before it.
    Gap,
    /// The file cannot be written.
    Failed,
}

/// How a master ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// What was written stays.
    Memory,
    /// What was synced stays.
    Power,
}

impl LogStore {
    /// No logs.
    pub(crate) fn new(seed: u64) -> Self {
        LogStore { logs: BTreeMap::new(), dice: Dice::new(seed, "logs"), full: false }
    }

    /// Opens a log for appending; how much of it is durable. One that could not be written is begun again from what is.
    pub(crate) fn begin(&mut self, build: BuildId, log: LogId) -> u64 {
        let fresh = Log {
            build,
            memory: Extent::default(),
            written: Extent::default(),
            synced: Extent::default(),
            failed: false,
        };
        let entry = self.logs.entry(log).or_insert(fresh);
        if std::mem::take(&mut entry.failed) {
            entry.memory = entry.written;
        }
        entry.synced.bytes
    }

    /// Takes a piece in.
    ///
    /// # Errors
    /// The bytes are not those of the command.
    pub(crate) fn append(
        &mut self,
        log: LogId,
        command: CommandId,
        offset: u64,
        data: &[u8],
    ) -> Result<Result<(), NotTaken>, Violation> {
        if let Some(at) = prf::wrong(command, offset, data) {
            let what = format!("log {log} of command {command} gets a wrong byte at {at}");
            return Err(Violation::new("log-bytes", what));
        }
        let Some(entry) = self.logs.get_mut(&log).filter(|l| !l.failed) else { return Ok(Err(NotTaken::Failed)) };
        let end = offset + data.len() as u64;
        Ok(if offset > entry.memory.bytes {
            Err(NotTaken::Gap)
        } else if end <= entry.memory.bytes {
            Ok(())
        } else if entry.memory.sealed {
            Err(NotTaken::Sealed)
        } else {
            entry.memory.bytes = end;
            Ok(())
        })
    }

    /// Closes a log; how it is now. `None`: it cannot be written.
    pub(crate) fn seal(&mut self, log: LogId) -> Option<SealedLog> {
        let entry = self.logs.get_mut(&log).filter(|l| !l.failed)?;
        entry.memory.sealed = true;
        Some(SealedLog { log, lines: 0, bytes: entry.memory.bytes, crc32: 0 })
    }

    /// A build is over: what is open is sealed as it is.
    pub(crate) fn finish(&mut self, build: BuildId) {
        for log in self.logs.values_mut().filter(|l| l.build == build && !l.failed) {
            log.memory.sealed = true;
        }
    }

    /// Whether something waits to be written or synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.logs.values().any(|l| !l.failed && (l.memory != l.synced))
    }

    /// What was written becomes durable, and of what is in memory something is written.
    pub(crate) fn work(&mut self, all: bool) -> Vec<Durable> {
        let mut told = Vec::new();
        for (id, log) in self.logs.iter_mut().filter(|(_, l)| !l.failed) {
            if log.synced != log.written {
                log.synced = log.written;
                told.push(Durable { log: *id, bytes: log.synced.bytes, sealed: log.synced.sealed });
            }
            let due = log.memory != log.written && (log.memory.sealed || all || self.dice.chance(30));
            if due && self.full {
                log.failed = true;
            } else if due {
                log.written = log.memory;
            }
        }
        told
    }

    /// The master is gone.
    pub(crate) fn die(&mut self, loss: Loss) {
        for log in self.logs.values_mut() {
            if loss == Loss::Power {
                log.written = log.synced;
            }
            log.memory = log.written;
            // What a new master reads from files, it syncs before it tells of it.
            log.synced = log.written;
            log.failed = false;
        }
    }

    /// How long a log is for the running master, and whether it is closed.
    pub(crate) fn facts(&self, log: LogId) -> (u64, bool) {
        self.logs.get(&log).filter(|l| !l.failed).map_or((0, false), |l| (l.memory.bytes, l.memory.sealed))
    }

    /// How long a log is on the disk, and whether it is closed there.
    pub(crate) fn on_disk(&self, log: LogId) -> (u64, bool) {
        self.logs.get(&log).map_or((0, false), |l| (l.written.bytes, l.written.sealed))
    }

    /// A log is as long as the store says, and not one byte of it is only in memory.
    ///
    /// # Errors
    /// It is shorter or longer.
    pub(crate) fn holds(&self, log: LogId, bytes: u64) -> Checked {
        let (there, sealed) = self.on_disk(log);
        crate::violation::must("log-is-whole", there == bytes, || {
            format!("log {log} has {bytes} bytes, and {there} are there (closed: {sealed})")
        })
    }

    /// A log is as long as the store says, or its rest may still come.
    ///
    /// # Errors
    /// It is longer, or shorter and closed.
    pub(crate) fn holds_or_waits(&self, log: LogId, bytes: u64) -> Checked {
        match self.on_disk(log) {
            (there, false) if there < bytes => Ok(()),
            _ => self.holds(log, bytes),
        }
    }
}
