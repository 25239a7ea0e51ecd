//! The logs of the master as they survive: what is in memory, what is in files, and what a power cut leaves.
//!
//! The bytes themselves are not kept: each piece is held against what its command wrote when it comes.

use crate::dice::Dice;
use crate::prf;
use crate::sabotage::Sabotage;
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
    /// What is missing in the file will never be written.
    given_up: bool,
}

/// All logs.
#[derive(Debug)]
pub(crate) struct LogStore {
    logs: BTreeMap<LogId, Log>,
    dice: Dice,
    /// There is no room on the disk: what comes waits in memory.
    pub(crate) full: bool,
    /// Frames that waited for room.
    pub(crate) waited: u64,
    sabotage: Sabotage,
}

/// While the disk is full, so many bytes wait in memory; more is not heard.
const WAITING: u64 = 48 << 10;

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
    pub(crate) fn new(seed: u64, sabotage: Sabotage) -> Self {
        LogStore { logs: BTreeMap::new(), dice: Dice::new(seed, "logs"), full: false, waited: 0, sabotage }
    }

    /// Whether more can be taken into memory.
    pub(crate) fn has_room(&self) -> bool {
        !self.full || self.logs.values().map(|l| l.memory.bytes - l.written.bytes).sum::<u64>() < WAITING
    }

    /// Opens a log for appending; how much of it is durable.
    pub(crate) fn begin(&mut self, build: BuildId, log: LogId) -> u64 {
        let fresh = Log {
            build,
            memory: Extent::default(),
            written: Extent::default(),
            synced: Extent::default(),
            given_up: false,
        };
        self.logs.entry(log).or_insert(fresh).synced.bytes
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
        let Some(entry) = self.logs.get_mut(&log) else { return Ok(Err(NotTaken::Gap)) };
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

    /// Closes a log; how it is now. `None`: nobody has begun it.
    pub(crate) fn seal(&mut self, log: LogId) -> Option<SealedLog> {
        let entry = self.logs.get_mut(&log)?;
        entry.memory.sealed = true;
        Some(SealedLog { log, lines: 0, bytes: entry.memory.bytes, crc32: 0 })
    }

    /// Closes logs that nobody will write any more; whether all of them are on the disk.
    pub(crate) fn close(&mut self, build: BuildId, logs: &[LogId]) -> bool {
        for log in logs {
            self.begin(build, *log);
            self.seal(*log);
        }
        let mut closed = logs.iter().filter_map(|log| self.logs.get(log));
        closed.all(|log| log.given_up || log.memory == log.synced)
    }

    /// A build is over: what is open is sealed as it is.
    pub(crate) fn finish(&mut self, build: BuildId) {
        for log in self.logs.values_mut().filter(|l| l.build == build) {
            log.memory.sealed = true;
        }
    }

    /// Whether something waits to be written or synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.logs.values().any(|l| !l.given_up && l.memory != l.synced)
    }

    /// Whether something can be done before there is room again.
    pub(crate) fn is_written(&self) -> bool {
        self.logs.values().any(|l| !l.given_up && l.written != l.synced)
    }

    /// What was written becomes durable, and of what is in memory something is written.
    pub(crate) fn work(&mut self, all: bool) -> Vec<Durable> {
        let mut told = Vec::new();
        for (id, log) in self.logs.iter_mut().filter(|(_, l)| !l.given_up) {
            if log.synced != log.written {
                log.synced = log.written;
                told.push(Durable { log: *id, bytes: log.synced.bytes, sealed: log.synced.sealed });
            }
            let due = log.memory != log.written && (log.memory.sealed || all || self.dice.chance(30));
            if due && self.full {
                if self.sabotage == Sabotage::FullIsFine {
                    log.given_up = true;
                    told.push(Durable { log: *id, bytes: log.memory.bytes, sealed: log.memory.sealed });
                }
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
        }
    }

    /// How long a log is for the running master, and whether it is closed.
    pub(crate) fn facts(&self, log: LogId) -> (u64, bool) {
        self.logs.get(&log).map_or((0, false), |l| (l.memory.bytes, l.memory.sealed))
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
