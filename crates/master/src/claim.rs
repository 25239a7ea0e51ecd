//! What a worker brings back although its end is known.
//!
//! An end is written down while the last bytes of its logs are still on their way to the disk; the worker keeps them
//! until they have arrived. A master that dies in between finds a step that has ended and a log that is cut short. The
//! rest of it is in the worker's spool, so a command that is brought back is dropped only when its logs are whole.

use logs::{Facts, Logs};
use model::{BuildId, LogFacts, LogId, LogStatus, StepId};
use store::{Store, StoreError};
use wire::CommandId;

/// What is made of a command that a worker brings back and that no running step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody wants it: its build was given up, or never was.
    Nobodys,
    /// Its end was taken and its logs are whole: the worker may forget it.
    Known,
    /// Its end was taken, and these logs of it are not whole.
    Rest(Vec<Part>),
}

/// How much of a log is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) log: LogId,
    pub(crate) number: u16,
    /// Bytes on the disk.
    pub(crate) durable: u64,
    /// It is sealed there.
    pub(crate) sealed: bool,
    /// How long the end said that it is. A command whose end was only guessed may have written more.
    pub(crate) told: u64,
}

/// Finds out what is to be made of a command.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn of(store: &Store, logs: &Logs, command: CommandId) -> Result<Claim, StoreError> {
    let (build, step) = (BuildId(command.build), StepId(command.step));
    let Some(stored) = store.step(step).await?.filter(|step| step.build == build) else { return Ok(Claim::Nobodys) };
    let (Some(holder), Some(ended)) = (store.build(build).await?, stored.status.complete_at()) else {
        return Ok(Claim::Nobodys);
    };
    // A build that was given up went to the next epoch, and the step that ran then was ended with it.
    let given_up = holder.lease.epoch == command.epoch + 1 && holder.status.complete_at().is_some_and(|at| ended < at);
    if holder.lease.epoch != command.epoch && !given_up {
        return Ok(Claim::Nobodys);
    }
    let facts = store.logs_of_step(step).await?;
    let mut whole = true;
    for log in &facts {
        whole &= is_whole(log, logs.facts(build, log.id).await);
    }
    if whole {
        // It may have been written by a master that was killed, and not have reached the disk.
        if let Err(e) = logs.make_durable(build).await {
            tracing::error!("{e}");
            return Err(StoreError::Unavailable(e.to_string()));
        }
        return Ok(Claim::Known);
    }
    let mut parts = Vec::new();
    for LogFacts { id: log, number, status, .. } in facts {
        let told = match status {
            LogStatus::Sealed { bytes, .. } => bytes,
            LogStatus::Open => u64::MAX,
        };
        match logs.begin(build, log).await {
            Ok(durable) => {
                let sealed = logs.facts(build, log).await.is_some_and(|facts| facts.sealed.is_some());
                parts.push(Part { log, number, durable, sealed, told });
            }
            Err(e) => {
                tracing::error!("the rest of log {log} of build {build} cannot be taken: {e}");
                return Ok(Claim::Known);
            }
        }
    }
    match parts.iter().all(|part| part.sealed) {
        true => {
            tracing::error!("the logs of step {step} of build {build} are not those that its end told of");
            Ok(Claim::Known)
        }
        false => Ok(Claim::Rest(parts)),
    }
}

/// Whether what is on the disk is what the store was told.
fn is_whole(told: &LogFacts, there: Option<Facts>) -> bool {
    match (told.status, there) {
        (LogStatus::Sealed { bytes, crc32, .. }, Some(there)) => there.bytes == bytes && there.sealed == Some(crc32),
        // Nothing was ever written.
        (LogStatus::Sealed { bytes: 0, .. }, None) => true,
        (LogStatus::Sealed { .. }, None) => false,
        // The end told of no seal: whoever ended the step closes its logs.
        (LogStatus::Open, _) => true,
    }
}

#[cfg(test)]
mod tests;
